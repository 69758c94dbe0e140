//! `GetAuthorizationToken`.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::call::{self, at, post_signed, unreadable};
use super::{Keys, Made, no_credential};
use crate::{Credential, Error};

/// Whose registry a token is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Registry {
    /// An account's.
    Of(String),
    /// That of the keys' own account, at the endpoint's URL.
    Own,
    /// That of the keys' own account, at a URL that comes with the token.
    Learned,
    /// The public gallery.
    Public,
}

/// Both services' answer: one has a list of data, the other the data.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    authorization_data: OneOrMany,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    Many(Vec<Data>),
    One(Data),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    authorization_token: String,
    /// Seconds since 1970.
    expires_at: f64,
    proxy_endpoint: Option<String>,
}

#[derive(Deserialize)]
struct Failure {
    #[serde(rename = "__type")]
    kind: String,
}

pub(super) async fn token(
    client: &Client,
    url: &Url,
    region: &str,
    registry: &Registry,
    keys: &Keys,
) -> Result<Made, Error> {
    let (service, target, needed) = match registry {
        Registry::Public => (
            "ecr-public",
            "SpencerFrontendService.GetAuthorizationToken",
            "its policy must allow ecr-public:GetAuthorizationToken and sts:GetServiceBearerToken",
        ),
        _ => (
            "ecr",
            "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken",
            "its policy must allow ecr:GetAuthorizationToken",
        ),
    };
    let headers = [
        ("content-type", "application/x-amz-json-1.1".to_owned()),
        ("x-amz-target", target.to_owned()),
    ];
    let body = match registry {
        Registry::Of(account) => json!({ "registryIds": [account] }),
        _ => json!({}),
    };
    let body = body.to_string();
    let answer = post_signed(client, url, (service, region), keys, &headers, body).await?;
    if !answer.status.is_success() {
        let failure: Option<Failure> = serde_json::from_slice(&answer.body).ok();
        // Some of Amazon's services put a name space before the name: `com.amazon…#ExpiredTokenException`.
        let code = failure.as_ref().map(|failure| {
            let kind = failure.kind.as_str();
            kind.rsplit_once('#').map_or(kind, |(_, name)| name)
        });
        return Err(call::refused(url, answer.status, code, needed));
    }
    read(&answer.body, registry, Utc::now()).map_err(|wrong| match wrong {
        Wrong::Unreadable => unreadable(&at(url)),
        Wrong::Over => no_credential(format!(
            "{} gave a token that has ended already: check this machine's clock",
            at(url)
        )),
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Wrong {
    Unreadable,
    Over,
}

fn read(body: &[u8], registry: &Registry, now: DateTime<Utc>) -> Result<Made, Wrong> {
    let document: Document = serde_json::from_slice(body).map_err(|_| Wrong::Unreadable)?;
    let data = match document.authorization_data {
        OneOrMany::Many(all) => all.into_iter().next().ok_or(Wrong::Unreadable)?,
        OneOrMany::One(data) => data,
    };
    let pair = STANDARD
        .decode(&data.authorization_token)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or(Wrong::Unreadable)?;
    let (username, secret) = pair.split_once(':').ok_or(Wrong::Unreadable)?;
    let left_secs = data.expires_at - now.timestamp_millis() as f64 / 1000.0;
    let life = Duration::try_from_secs_f64(left_secs).map_err(|_| Wrong::Over)?;
    let registry = match registry {
        Registry::Learned => {
            let url = data.proxy_endpoint.and_then(|url| url.parse().ok());
            Some(url.ok_or(Wrong::Unreadable)?)
        }
        _ => None,
    };
    Ok(Made {
        credential: Credential {
            username: username.to_owned(),
            secret: secret.to_owned(),
        },
        life: Some(life),
        registry,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_services_answers_are_read() {
        let now = DateTime::from_timestamp(1000, 0).unwrap();
        let data = r#"{"authorizationToken":"QVdTOnB3","expiresAt":1060.5,"proxyEndpoint":"https://r.example"}"#;
        let private = format!(r#"{{"authorizationData":[{data}]}}"#);
        let public = format!(r#"{{"authorizationData":{data}}}"#);
        for (body, registry) in [
            (&private, Registry::Learned),
            (&private, Registry::Own),
            (&public, Registry::Public),
        ] {
            let made = read(body.as_bytes(), &registry, now).unwrap();
            assert_eq!(
                (
                    made.credential.username.as_str(),
                    made.credential.secret.as_str()
                ),
                ("AWS", "pw")
            );
            assert_eq!(made.life, Some(Duration::from_millis(60_500)));
            assert_eq!(made.registry.is_some(), registry == Registry::Learned);
        }
    }

    #[test]
    fn an_answer_without_a_living_token_is_none() {
        let now = DateTime::from_timestamp(2000, 0).unwrap();
        let body = |token: &str| {
            format!(
                r#"{{"authorizationData":[{{"authorizationToken":"{token}","expiresAt":1060}}]}}"#
            )
        };
        let read = |body: String| read(body.as_bytes(), &Registry::Own, now).map(drop);
        assert_eq!(read(body("QVdTOnB3")), Err(Wrong::Over));
        for text in [body("%"), body("QVdT"), "{}".into(), String::new()] {
            assert_eq!(read(text.clone()), Err(Wrong::Unreadable), "{text}");
        }
        assert_eq!(
            read(r#"{"authorizationData":[]}"#.into()),
            Err(Wrong::Unreadable)
        );
    }
}
