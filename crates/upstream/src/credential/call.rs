//! One request to a service that makes credentials: bounded in time and size, and a failure told so that an operator
//! knows what to do. What a service says of a refusal is shown, what might be a secret in it is not.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use reqwest::RequestBuilder;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::{Error, body, egress};

/// For services on the network.
pub(super) const EXCHANGE_LIMIT: Duration = Duration::from_secs(10);
/// For the metadata service of this machine: it answers at once, or is not there.
pub(super) const METADATA_LIMIT: Duration = Duration::from_secs(2);

pub(super) const ON_NETWORK: &str = "see that a firewall or proxy lets requests to it through";
pub(super) const ON_MACHINE: &str = "it is there only for machines and workloads of that cloud; elsewhere give a key or a token file";

const MAX_ANSWER_BYTES: usize = 256 * 1024;
const MAX_SAID_CHARS: usize = 300;
/// No sentence has longer words; tokens and signatures do.
const MAX_WORD_CHARS: usize = 64;

/// Whom is asked, and what is to be done where it refuses.
pub(super) struct Call {
    /// Its name in a sentence.
    pub(super) service: &'static str,
    /// Until the whole answer is there.
    pub(super) limit: Duration,
    /// What to see to after a refusal; the end of a sentence.
    pub(super) advice: &'static str,
    /// What to see to where it is out of reach: [`ON_NETWORK`] or [`ON_MACHINE`].
    pub(super) reach: &'static str,
}

impl Call {
    /// What it answers, read as JSON.
    ///
    /// # Errors
    /// [`Error::Credential`] for every failure: a service that makes credentials is not the registry, and its outage
    /// is not the registry's.
    pub(super) async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, Error> {
        let (host, bytes) = self.text(request).await?;
        serde_json::from_slice(&bytes).map_err(|_| self.no_answer(&host))
    }

    /// What it answers, and its host for messages.
    ///
    /// # Errors
    /// As [`Self::json`].
    pub(super) async fn text(&self, request: RequestBuilder) -> Result<(String, Bytes), Error> {
        let (client, request) = request.build_split();
        let request = request.map_err(|_| Error::Credential {
            reason: format!(
                "{} could not be asked: its address or a header is not of the right form",
                self.service
            ),
        })?;
        let host = host_of(request.url());
        let answer = async {
            let response = client
                .execute(request)
                .await
                .map_err(|error| egress::of_transport(&error))?;
            let status = response.status();
            let bytes = body::read_whole(response, MAX_ANSWER_BYTES).await?;
            Ok((status, bytes))
        };
        let answer = tokio::time::timeout(self.limit, answer).await;
        let (status, bytes) = answer
            .unwrap_or(Err(Error::Timeout))
            .map_err(|error| self.out_of_reach(&host, &error))?;
        if status.is_success() {
            return Ok((host, bytes));
        }
        Err(self.refusal(&host, status, &bytes))
    }

    /// An answer that is none.
    pub(super) fn no_answer(&self, host: &str) -> Error {
        Error::Credential {
            reason: format!(
                "{} at {host} answered without a credential; is the address right, and no login page or proxy \
                 in between?",
                self.service
            ),
        }
    }

    /// The same, where the answer may be a refusal that calls itself a success.
    pub(super) fn no_answer_of(&self, host: &str, bytes: &[u8]) -> Error {
        match said(bytes) {
            Some(_) => self.refusal(host, StatusCode::OK, bytes),
            None => self.no_answer(host),
        }
    }

    fn out_of_reach(&self, host: &str, error: &Error) -> Error {
        if matches!(error, Error::BadAnswer { .. }) {
            return self.no_answer(host);
        }
        Error::Credential {
            reason: format!("{} at {host} {error}; {}", self.service, self.reach),
        }
    }

    fn refusal(&self, host: &str, status: StatusCode, bytes: &[u8]) -> Error {
        let Self {
            service, advice, ..
        } = self;
        let said = said(bytes).map_or_else(String::new, |said| format!(", {said}"));
        let what_to_do = if status.is_server_error() {
            "this may pass; see whether the provider has an outage"
        } else if status == StatusCode::TOO_MANY_REQUESTS {
            "it limits the rate of requests; this passes"
        } else if status.is_redirection() {
            "redirects are not followed; see that its address is right"
        } else {
            advice
        };
        let status = status.as_u16();
        Error::Credential {
            reason: format!("{service} at {host} refused (status {status}{said}); {what_to_do}"),
        }
    }
}

/// An address that was typed in or comes from a file.
///
/// # Errors
/// [`Error::Configuration`] where it is no http or https URL.
pub(super) fn address(text: &str, what: &str) -> Result<Url, Error> {
    let url = text.trim().parse::<Url>().ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| Error::Configuration {
            reason: format!("{what} is no http or https URL"),
        })
}

/// The same service at another path.
pub(super) fn at(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    url.set_query(None);
    url.set_fragment(None);
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

/// `POST` of a form.
pub(super) fn post_form(
    client: &reqwest::Client,
    url: Url,
    pairs: &[(&str, &str)],
) -> RequestBuilder {
    let form = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    client
        .post(url)
        .header(
            http::header::CONTENT_TYPE,
            "application/x-www-form-urlencoded",
        )
        .header(http::header::ACCEPT, "application/json")
        .body(form)
}

/// Seconds, as a number or (Azure's metadata service) as text of one.
pub(super) fn life(value: Option<&Value>) -> Option<Duration> {
    let secs = match value? {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    // A day is more than any of these services gives; it keeps the sum with a clock within bounds.
    (secs >= 1.0).then(|| Duration::from_secs_f64(secs.min(86_400.0)))
}

/// A text that is there.
pub(super) fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// `host` or `host:port`, as a registry calls itself.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// What a refusal says of itself: OAuth's `error` and `error_description` (RFC 6749, section 5.2), Google's `error`
/// object, a registry's `errors`, Alibaba's `Code` and `Message`.
fn said(bytes: &[u8]) -> Option<String> {
    let json: Value = serde_json::from_slice(bytes).ok()?;
    let text = |value: &Value, names: &[&str]| {
        names
            .iter()
            .find_map(|name| value.get(*name)?.as_str())
            .map(str::to_owned)
    };
    let inner = match (&json["error"], &json["errors"][0]) {
        (error @ Value::Object(_), _) => error,
        (_, error @ Value::Object(_)) => error,
        _ => &json,
    };
    let code = text(inner, &["error", "status", "code", "Code"]);
    let message = text(inner, &["error_description", "message", "Message"]);
    let parts: Vec<String> = [code, message].into_iter().flatten().collect();
    let shown = fit_to_show(&parts.join(": "));
    (!shown.is_empty()).then_some(shown)
}

/// The first line, without what is too long to be a word.
fn fit_to_show(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let words: Vec<&str> = line
        .split_whitespace()
        .map(|word| match word.chars().count() {
            0..=MAX_WORD_CHARS => word,
            _ => "…",
        })
        .collect();
    let shown: String = words.join(" ");
    shown
        .chars()
        .filter(|character| !character.is_control())
        .take(MAX_SAID_CHARS)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_refusal_says_is_shown_in_one_line_and_without_tokens() {
        let token = "x".repeat(65);
        let long = format!(
            r#"{{"error":"invalid_grant","error_description":"the token {token} is bad"}}"#
        );
        let table = [
            (
                r#"{"error":"invalid_client","error_description":"AADSTS70021: No match.\r\nTrace ID: 1"}"#,
                Some("invalid_client: AADSTS70021: No match."),
            ),
            (
                r#"{"error":{"code":403,"message":"Permission denied","status":"PERMISSION_DENIED"}}"#,
                Some("PERMISSION_DENIED: Permission denied"),
            ),
            (
                r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
                Some("UNAUTHORIZED: authentication required"),
            ),
            (
                r#"{"Code":"SignatureDoesNotMatch","Message":"Specified signature is not matched"}"#,
                Some("SignatureDoesNotMatch: Specified signature is not matched"),
            ),
            (long.as_str(), Some("invalid_grant: the token … is bad")),
            ("<html>", None),
            ("[]", None),
            ("{}", None),
        ];
        for (answer, expected) in table {
            assert_eq!(said(answer.as_bytes()).as_deref(), expected, "{answer}");
        }
    }

    #[test]
    fn seconds_come_as_numbers_and_as_text() {
        for (value, expected) in [
            (serde_json::json!(3599), Some(3599)),
            (serde_json::json!("3599"), Some(3599)),
            (serde_json::json!(300.5), Some(300)),
            (serde_json::json!(1e300), Some(86_400)),
            (serde_json::json!(0), None),
            (serde_json::json!(-1), None),
            (serde_json::json!("soon"), None),
            (serde_json::json!("NaN"), None),
        ] {
            let life = life(Some(&value)).map(|life| life.as_secs());
            assert_eq!(life, expected, "{value}");
        }
    }

    #[test]
    fn a_path_is_added_to_an_address_and_cannot_leave_it() {
        let base = address("https://login.example/sub/?x=1", "it").unwrap();
        assert_eq!(
            at(&base, &["../a/b", "oauth2"]).as_str(),
            "https://login.example/sub/..%2Fa%2Fb/oauth2"
        );
        for text in ["", "login.example", "ftp://login.example", "file:///etc"] {
            assert!(address(text, "it").is_err(), "{text}");
        }
    }

    #[tokio::test]
    async fn a_silent_service_is_left_in_time() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let call = Call {
            service: "the silent service",
            limit: Duration::from_millis(50),
            advice: "",
            reach: ON_NETWORK,
        };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let error = call.text(client.get(url)).await.unwrap_err();
        assert!(matches!(&error, Error::Credential { reason }
            if reason.contains("the silent service at 127.0.0.1") && reason.contains("did not answer in time")));
    }

    #[tokio::test]
    async fn an_endless_answer_is_left_at_its_bound() {
        let router = axum::Router::new().fallback(async || "x".repeat(MAX_ANSWER_BYTES + 1));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await });
        let call = Call {
            service: "the service",
            limit: EXCHANGE_LIMIT,
            advice: "",
            reach: ON_NETWORK,
        };
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = call.text(client.get(url)).await;
        assert!(matches!(answer, Err(Error::Credential { .. })));
        server.abort();
    }
}
