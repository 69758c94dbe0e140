//! What a failed test of a connection says: the step that failed, why, and what to do about it.

use std::fmt;

use crate::{Endpoint, Error, Kind, Step};

/// A failed test of an endpoint's connection. Its text is one sentence for whoever set the endpoint up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// Where it failed.
    pub step: PingStep,
    /// Of what.
    pub error: Error,
    /// What to do, as a clause without a full stop.
    pub advice: String,
}

/// The steps of a test, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PingStep {
    /// Reading what the endpoint is told, and the rules about where credentials may go.
    Configuration,
    /// The look-up of a name.
    Dns,
    /// The connection.
    Tcp,
    /// TLS.
    Tls,
    /// The proxy.
    Proxy,
    /// The first question, which nobody's credential comes with.
    Challenge,
    /// The token service.
    Token,
    /// Whether the credential is had, and accepted.
    Credentials,
    /// The answer to somebody who is known.
    Answer,
}

impl PingStep {
    /// Its name in sentences.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Dns => "name look-up",
            Self::Tcp => "connection",
            Self::Tls => "TLS",
            Self::Proxy => "proxy",
            Self::Challenge => "challenge",
            Self::Token => "token",
            Self::Credentials => "credentials",
            Self::Answer => "answer",
        }
    }
}

/// What `error` says about `endpoint`, when it ended a test that had come to `reached` (one of the steps from
/// [`PingStep::Challenge`] on): what failed before an answer came is told by the error itself.
pub fn diagnose(error: &Error, reached: PingStep, endpoint: &Endpoint) -> Diagnosis {
    let (step, advice) = match error {
        Error::Configuration { .. } => (
            PingStep::Configuration,
            "change the endpoint as it says".to_owned(),
        ),
        Error::Unreachable { step, reason } => of_step(*step, reason, reached, endpoint),
        Error::Refused { status } => of_refusal(*status, reached, endpoint),
        Error::Credential { .. } => (
            PingStep::Credentials,
            "check the credential, and that the service that makes it can be reached".to_owned(),
        ),
        Error::Timeout | Error::Stalled => (
            reached,
            "check that nothing on the way holds the traffic back, and try again".to_owned(),
        ),
        Error::RateLimited { .. } | Error::Resting { .. } | Error::Busy { .. } => (
            reached,
            "wait and try again; pulls are served from the cache meanwhile".to_owned(),
        ),
        Error::NotFound => (reached, of_url(endpoint)),
        Error::BadAnswer { .. } => (
            reached,
            format!(
                "{}, and not a portal's or a sign-in page's",
                of_url(endpoint)
            ),
        ),
        Error::Failed { status } if *status >= 500 => (
            reached,
            "the registry has a problem of its own; try again later".to_owned(),
        ),
        Error::Failed { .. } => (reached, of_url(endpoint)),
        Error::Cut { .. } => (
            reached,
            "check what stands between us and the registry, and try again".to_owned(),
        ),
    };
    Diagnosis {
        step,
        error: error.clone(),
        advice,
    }
}

fn of_step(step: Step, reason: &str, reached: PingStep, endpoint: &Endpoint) -> (PingStep, String) {
    match step {
        Step::Dns => (
            PingStep::Dns,
            "check the host's spelling and this machine's name servers, or name a proxy that knows it".to_owned(),
        ),
        Step::Tcp => (
            PingStep::Tcp,
            "check host and port, and that a firewall lets us through (`roadstead egress` lists the hosts), or name a \
             proxy"
                .to_owned(),
        ),
        Step::Tls => (PingStep::Tls, of_tls(reason, endpoint)),
        Step::Proxy => (PingStep::Proxy, of_proxy(reason)),
        Step::Http => (
            reached,
            "check that the port is the registry's, and what stands between us and it".to_owned(),
        ),
        Step::Drill => (
            reached,
            "wait for the drill to end, or end it".to_owned(),
        ),
    }
}

fn of_tls(reason: &str, endpoint: &Endpoint) -> String {
    let advice = if reason.contains("unknown authority") {
        "give the endpoint the CA certificate that signed the registry's (or a firewall's that opens TLS)"
    } else if reason.contains("not valid for this name") {
        "use the name that the certificate is for"
    } else if reason.contains("clock") {
        "set this machine's clock, or renew the registry's certificate"
    } else if reason.contains("expired") {
        "the registry's certificate must be renewed"
    } else if reason.contains("client certificate") {
        "give the endpoint a client certificate and key that the registry accepts"
    } else if reason.contains("does not speak TLS") && endpoint.url.starts_with("https:") {
        "write the endpoint's URL with http://"
    } else {
        "check the registry's certificate and TLS versions"
    };
    advice.to_owned()
}

fn of_proxy(reason: &str) -> String {
    let advice = if reason.contains("407") || reason.contains("user name and password") {
        "put the right user name and password into the proxy's URL"
    } else if reason.contains("refused to connect") || reason.contains("the proxy refused:") {
        "have the proxy allow the host (`roadstead egress` lists all), or exempt it by `no_proxy`"
    } else {
        "check the proxy's host and port, or set the endpoint's proxy to `direct`"
    };
    advice.to_owned()
}

fn of_refusal(status: u16, reached: PingStep, endpoint: &Endpoint) -> (PingStep, String) {
    let has_credential = endpoint
        .credential
        .as_ref()
        .is_some_and(|credential| !credential.username.is_empty());
    if !has_credential {
        return (
            reached,
            "the registry tells nobody without an account anything; give the endpoint a user name and password"
                .to_owned(),
        );
    }
    let advice = match (endpoint.kind, status) {
        (_, 403) => "check what the account may do, and that it is not barred from this network",
        (Kind::DockerHub, _) => {
            "check the user name, and use a personal access token as the password"
        }
        (Kind::GithubGhcr, _) => {
            "use a personal access token (classic) with `read:packages` as the password"
        }
        (Kind::GoogleGcr, _) => {
            "check that the key is whole, not expired, and of an account that may read the repository"
        }
        (Kind::AwsEcr, _) => "check the access key and its rights (`ecr:GetAuthorizationToken`)",
        _ => "check the user name and password",
    };
    (PingStep::Credentials, advice.to_owned())
}

fn of_url(endpoint: &Endpoint) -> String {
    let what = match endpoint.kind {
        Kind::JfrogArtifactory => {
            "the URL is that of Artifactory's host, with the repository's key as its path at most"
        }
        _ => "the URL is the registry's own, without `/v2`",
    };
    format!("check that {what}")
}

impl fmt::Display for Diagnosis {
    /// `TLS: the certificate is signed by an unknown authority; give the endpoint …`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match &self.error {
            Error::Unreachable { reason, .. }
            | Error::Credential { reason }
            | Error::Configuration { reason }
            | Error::BadAnswer { reason } => reason.clone(),
            error => format!("the registry {error}"),
        };
        write!(f, "{}: {reason}; {}", self.step.as_str(), self.advice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Credential, Options};

    fn endpoint(kind: Kind, has_credential: bool) -> Endpoint {
        Endpoint {
            id: 1,
            name: "one".into(),
            kind,
            url: "https://r.example".into(),
            credential: has_credential.then(|| Credential {
                username: "u".into(),
                secret: "p".into(),
            }),
            is_insecure: false,
            ca_certificate: None,
            options: Options::default(),
        }
    }

    #[test]
    fn each_failure_names_its_step_and_what_to_do() {
        let unreachable = |step, reason: &str| Error::Unreachable {
            step,
            reason: reason.to_owned(),
        };
        let table = [
            (unreachable(Step::Dns, "x"), PingStep::Dns, "name servers"),
            (
                unreachable(Step::Tcp, "connection refused"),
                PingStep::Tcp,
                "firewall",
            ),
            (
                unreachable(
                    Step::Tls,
                    "the certificate is signed by an unknown authority",
                ),
                PingStep::Tls,
                "CA certificate",
            ),
            (
                unreachable(Step::Tls, "the certificate is expired"),
                PingStep::Tls,
                "renewed",
            ),
            (
                unreachable(Step::Tls, "it does not speak TLS; is it http?"),
                PingStep::Tls,
                "http://",
            ),
            (
                unreachable(Step::Proxy, "(407)"),
                PingStep::Proxy,
                "user name and password",
            ),
            (
                unreachable(Step::Proxy, "the proxy refused: 403"),
                PingStep::Proxy,
                "allow the host",
            ),
            (unreachable(Step::Http, "x"), PingStep::Token, "port"),
            (Error::Timeout, PingStep::Token, "try again"),
            (
                Error::Refused { status: 401 },
                PingStep::Credentials,
                "user name and password",
            ),
            (
                Error::Refused { status: 403 },
                PingStep::Credentials,
                "may do",
            ),
            (Error::NotFound, PingStep::Token, "without `/v2`"),
            (Error::Failed { status: 502 }, PingStep::Token, "later"),
            (
                Error::bad_answer("a web page"),
                PingStep::Token,
                "sign-in page",
            ),
            (
                Error::Credential { reason: "x".into() },
                PingStep::Credentials,
                "service",
            ),
            (
                Error::Configuration { reason: "x".into() },
                PingStep::Configuration,
                "change",
            ),
        ];
        for (error, step, advice) in table {
            let endpoint = endpoint(Kind::DockerRegistry, true);
            let found = diagnose(&error, PingStep::Token, &endpoint);
            assert_eq!(found.step, step, "{error}");
            assert!(found.advice.contains(advice), "{error}: {}", found.advice);
        }
    }

    #[test]
    fn a_refusal_of_nobody_asks_for_an_account() {
        let refused = Error::Refused { status: 401 };
        let found = diagnose(&refused, PingStep::Token, &endpoint(Kind::Harbor, false));
        assert_eq!(found.step, PingStep::Token);
        assert!(found.advice.contains("give the endpoint a user name"));
    }

    #[test]
    fn a_diagnosis_is_one_sentence() {
        let error = Error::Unreachable {
            step: Step::Tls,
            reason: "the certificate is expired".into(),
        };
        let found = diagnose(&error, PingStep::Challenge, &endpoint(Kind::Harbor, false));
        assert_eq!(
            found.to_string(),
            "TLS: the certificate is expired; the registry's certificate must be renewed"
        );
    }
}
