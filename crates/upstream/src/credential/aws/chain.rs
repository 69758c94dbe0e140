//! Where keys come from: the endpoint's own, or the first of the default chain that is configured. What is configured
//! and fails is an error, not a reason to go on: whoever gave a pod a role wants no other to be used.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html>

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use super::{Keys, service_url};
use crate::environment::Environment;
use crate::{AwsOptions, Credential, Error, Secret};

/// Where keys come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The endpoint, or `AWS_ACCESS_KEY_ID` and its kin.
    Given(Keys),
    /// A token in a file, traded at STS: IAM roles for service accounts.
    WebIdentity(WebIdentity),
    /// The agent of ECS, or that of EKS Pod Identity.
    Container(Container),
    /// The instance metadata service, version 2, at this address.
    Instance(Url),
    /// Nothing is configured.
    Nowhere,
}

/// See [`Origin::WebIdentity`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WebIdentity {
    pub(super) token_file: String,
    pub(super) role_arn: String,
    pub(super) session_name: String,
}

/// See [`Origin::Container`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Container {
    pub(super) url: Url,
    pub(super) authorization: Authorization,
}

/// What the agent wants to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Authorization {
    None,
    /// A text that does not change.
    Text(Secret),
    /// A file that is read each time: its content rotates.
    File(String),
}

const ECS_AGENT: &str = "http://169.254.170.2";
const INSTANCE_METADATA: &str = "http://169.254.169.254";
const INSTANCE_METADATA_V6: &str = "http://[fd00:ec2::254]";

/// # Errors
/// [`Error::Configuration`] where an address cannot be used.
pub(super) fn origin(
    credential: Option<&Credential>,
    options: &AwsOptions,
    environment: &Environment,
) -> Result<Origin, Error> {
    if let Some(credential) = credential {
        let session = options.session_token.as_ref().map(Secret::expose);
        return Ok(Origin::Given(Keys {
            access_key: credential.username.trim().to_owned(),
            secret_key: credential.secret.trim().to_owned(),
            session_token: session.filter(|token| !token.is_empty()).map(str::to_owned),
        }));
    }
    if let Some(keys) = keys_in(environment) {
        return Ok(Origin::Given(keys));
    }
    if let Some(identity) = web_identity(environment) {
        return Ok(Origin::WebIdentity(identity));
    }
    if let Some(container) = container(environment)? {
        return Ok(Origin::Container(container));
    }
    instance(options, environment)
}

/// The name a role's sessions have in Amazon's logs.
pub(super) fn session_name(environment: &Environment) -> String {
    let given = environment.var("AWS_ROLE_SESSION_NAME");
    given.unwrap_or("roadstead").to_owned()
}

fn keys_in(environment: &Environment) -> Option<Keys> {
    Some(Keys {
        access_key: environment.var("AWS_ACCESS_KEY_ID")?.to_owned(),
        secret_key: environment.var("AWS_SECRET_ACCESS_KEY")?.to_owned(),
        session_token: environment.var("AWS_SESSION_TOKEN").map(str::to_owned),
    })
}

fn web_identity(environment: &Environment) -> Option<WebIdentity> {
    Some(WebIdentity {
        token_file: environment.var("AWS_WEB_IDENTITY_TOKEN_FILE")?.to_owned(),
        role_arn: environment.var("AWS_ROLE_ARN")?.to_owned(),
        session_name: session_name(environment),
    })
}

/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>
fn container(environment: &Environment) -> Result<Option<Container>, Error> {
    let url = if let Some(path) = environment.var("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
        service_url(&format!("{ECS_AGENT}/{}", path.trim_start_matches('/')))?
    } else if let Some(text) = environment.var("AWS_CONTAINER_CREDENTIALS_FULL_URI") {
        let url = service_url(text)?;
        check_agent(&url)?;
        url
    } else {
        return Ok(None);
    };
    let file = environment.var("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    let text = environment.var("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    let authorization = match (file, text) {
        (Some(file), _) => Authorization::File(file.to_owned()),
        (None, Some(text)) => Authorization::Text(text.into()),
        (None, None) => Authorization::None,
    };
    Ok(Some(Container { url, authorization }))
}

/// Keys come in the clear from this machine alone: its loopback, and the addresses of the two agents.
fn check_agent(url: &Url) -> Result<(), Error> {
    let is_agent = match url.host() {
        Some(Host::Ipv4(address)) => {
            let agents = [
                Ipv4Addr::new(169, 254, 170, 2),
                Ipv4Addr::new(169, 254, 170, 23),
            ];
            address.is_loopback() || agents.contains(&address)
        }
        Some(Host::Ipv6(address)) => {
            address.is_loopback() || address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)
        }
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if url.scheme() == "https" || is_agent {
        return Ok(());
    }
    Err(Error::Configuration {
        reason: "AWS_CONTAINER_CREDENTIALS_FULL_URI names a host that is neither this machine's nor reached by https"
            .to_owned(),
    })
}

fn instance(options: &AwsOptions, environment: &Environment) -> Result<Origin, Error> {
    let is_off = environment
        .var("AWS_EC2_METADATA_DISABLED")
        .is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if is_off {
        return Ok(Origin::Nowhere);
    }
    let is_v6 = environment
        .var("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
        .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
    let usual = if is_v6 {
        INSTANCE_METADATA_V6
    } else {
        INSTANCE_METADATA
    };
    let given = options.metadata_endpoint.as_deref().map(str::trim);
    let text = given
        .filter(|text| !text.is_empty())
        .or_else(|| environment.var("AWS_EC2_METADATA_SERVICE_ENDPOINT"))
        .unwrap_or(usual);
    service_url(text).map(Origin::Instance)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin_of(pairs: &[(&str, &str)]) -> Result<Origin, Error> {
        let environment = pairs.iter().copied().collect();
        origin(None, &AwsOptions::default(), &environment)
    }

    fn word(origin: Result<Origin, Error>) -> String {
        match origin {
            Ok(Origin::Given(keys)) => format!("keys {}", keys.access_key),
            Ok(Origin::WebIdentity(identity)) => format!("web {}", identity.token_file),
            Ok(Origin::Container(container)) => match container.authorization {
                Authorization::None => format!("container {}", container.url),
                Authorization::Text(_) => format!("container {} text", container.url),
                Authorization::File(file) => format!("container {} {file}", container.url),
            },
            Ok(Origin::Instance(url)) => format!("instance {url}"),
            Ok(Origin::Nowhere) => "nowhere".to_owned(),
            Err(_) => "error".to_owned(),
        }
    }

    #[test]
    fn the_first_source_that_is_configured_is_the_one() {
        let keys = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")];
        let web = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/t"), ("AWS_ROLE_ARN", "r")];
        let relative = [("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/v2/x")];
        let full = [
            (
                "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                "http://169.254.170.23/v1",
            ),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/p"),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", "t"),
        ];
        let off = [("AWS_EC2_METADATA_DISABLED", "TRUE")];
        let table = [
            ([&keys[..], &web, &full].concat(), "keys k"),
            ([&keys[..1], &web, &full].concat(), "web /t"),
            (
                [&web[..1], &full].concat(),
                "container http://169.254.170.23/v1 /p",
            ),
            (
                [&full[..1], &full[2..]].concat(),
                "container http://169.254.170.23/v1 text",
            ),
            (
                [&relative[..], &full[..1]].concat(),
                "container http://169.254.170.2/v2/x",
            ),
            (vec![], "instance http://169.254.169.254/"),
            (off.to_vec(), "nowhere"),
            (
                vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")],
                "instance http://[fd00:ec2::254]/",
            ),
            (
                vec![("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://127.0.0.1:1")],
                "instance http://127.0.0.1:1/",
            ),
        ];
        for (pairs, expected) in table {
            assert_eq!(word(origin_of(&pairs)), expected);
        }
    }

    #[test]
    fn keys_come_in_the_clear_from_this_machine_alone() {
        let ask = |url| word(origin_of(&[("AWS_CONTAINER_CREDENTIALS_FULL_URI", url)]));
        for url in [
            "http://169.254.169.254/x",
            "http://agent.example/x",
            "ftp://127.0.0.1/",
            "x",
        ] {
            assert_eq!(ask(url), "error", "{url}");
        }
        for url in [
            "http://127.0.0.1:1/x",
            "http://[fd00:ec2::23]/x",
            "https://agent.example/x",
        ] {
            assert_eq!(ask(url), format!("container {url}"));
        }
    }

    #[test]
    fn the_endpoints_own_keys_come_first() {
        let credential = Credential {
            username: " own ".into(),
            secret: "s".into(),
        };
        let environment: Environment = [("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")]
            .into_iter()
            .collect();
        let found = origin(Some(&credential), &AwsOptions::default(), &environment);
        assert_eq!(word(found), "keys own");
    }
}
