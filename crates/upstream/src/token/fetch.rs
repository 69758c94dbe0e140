//! One token from its service: distribution's token specification, the `GET` form, and for identity tokens the
//! OAuth 2 form.

use std::time::Duration;

use chrono::Utc;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde::Deserialize;
use url::Url;

use super::{basic_header, secret_header};
use crate::egress::{self, Ways};
use crate::{Credential, Error, body, budget, request};

/// A token service that takes longer has failed: its answer is a few hundred bytes.
const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 256 * 1024;
/// What the specification says where `expires_in` is absent.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 3600);

/// The user name by which docker's credential programs say that the secret is an identity token.
const IDENTITY_TOKEN: &str = "<token>";

/// Where a token comes from.
#[derive(Clone, Debug)]
pub(super) struct TokenService {
    pub(super) realm: String,
    pub(super) service: Option<String>,
    /// The scope in the registry's own words, where they are not ours.
    pub(super) scope: Option<String>,
}

/// A token and how long it lives.
pub(super) struct Token {
    pub(super) header: HeaderValue,
    pub(super) life: Duration,
}

pub(super) async fn fetch(
    ways: &Ways,
    credential: Option<&Credential>,
    scope: &str,
    service: &TokenService,
) -> Result<Token, Error> {
    tokio::time::timeout(FETCH_TIMEOUT, exchange(ways, credential, scope, service))
        .await
        .unwrap_or(Err(Error::Timeout))
}

async fn exchange(
    ways: &Ways,
    credential: Option<&Credential>,
    scope: &str,
    service: &TokenService,
) -> Result<Token, Error> {
    let identity = credential.filter(|credential| credential.username == IDENTITY_TOKEN);
    let url = token_url(ways.upstream(), scope, service, identity.is_none())?;
    egress::check_realm(ways, &url, credential.is_some())?;
    let client = ways.credentialed()?;
    // Not redirected: a realm that sends credentials on has no say in where they may go.
    let outcome = match (identity, credential) {
        (Some(identity), _) => {
            let form = [
                ("grant_type", "refresh_token"),
                ("service", service.service.as_deref().unwrap_or_default()),
                ("scope", service.scope.as_deref().unwrap_or(scope)),
                ("client_id", "roadstead"),
                ("refresh_token", identity.secret.as_str()),
            ];
            let sent = client.post(url.clone()).form(&form).send().await;
            sent.map_err(|error| egress::of_transport(&error))
        }
        (None, credential) => {
            let mut headers = HeaderMap::new();
            if let Some(credential) = credential {
                headers.insert(header::AUTHORIZATION, basic_header(credential)?);
            }
            request::send_once(&client, http::Method::GET, &url, &headers).await
        }
    };
    let response = ways.by_proxy(&url, outcome)?;
    let status = response.status();
    if status != StatusCode::OK {
        let retry_after = budget::retry_after(response.headers(), Utc::now());
        return Err(match Error::of_status(status, retry_after) {
            // 404 is said of manifests and blobs only.
            Error::NotFound => Error::Failed {
                status: status.as_u16(),
            },
            error => error,
        });
    }
    read(&body::read_whole(response, MAX_ANSWER_BYTES).await?)
}

/// The realm, its own query kept, with whom and what the token is for, unless a form says it.
fn token_url(
    upstream: &Url,
    scope: &str,
    service: &TokenService,
    has_question: bool,
) -> Result<Url, Error> {
    let mut url = upstream
        .join(&service.realm)
        .map_err(|_| Error::bad_answer("its token realm is no URL"))?;
    url.set_fragment(None);
    if !has_question {
        return Ok(url);
    }
    let mut query = url.query_pairs_mut();
    if let Some(service) = &service.service {
        query.append_pair("service", service);
    }
    let scope = service.scope.as_deref().unwrap_or(scope);
    for scope in scope.split_whitespace() {
        query.append_pair("scope", scope);
    }
    drop(query);
    if url.query() == Some("") {
        url.set_query(None);
    }
    Ok(url)
}

#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
    expires_in: Option<serde_json::Number>,
}

fn read(bytes: &[u8]) -> Result<Token, Error> {
    let answer: Answer = serde_json::from_slice(bytes)
        .map_err(|_| Error::bad_answer("its token service answers no token"))?;
    let given = |token: Option<String>| token.filter(|token| !token.is_empty());
    let token = given(answer.token).or_else(|| given(answer.access_token));
    let token =
        token.ok_or_else(|| Error::bad_answer("its token service answers without a token"))?;
    // Some services write 300.0 or 0; zero would make every token stale at birth.
    let life_secs = answer
        .expires_in
        .and_then(|number| number.as_f64())
        .filter(|secs| *secs >= 1.0);
    let life = life_secs.map_or(DEFAULT_LIFE, |secs| {
        Duration::from_secs_f64(secs.min(LONGEST_LIFE.as_secs_f64()))
    });
    Ok(Token {
        header: secret_header(&format!("Bearer {token}"))?,
        life,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_keeps_its_query_and_gets_each_scope() {
        let upstream = "https://r.example/prefix".parse().unwrap();
        let service = |realm: &str, scope: Option<&str>| TokenService {
            realm: realm.into(),
            service: Some("r e".into()),
            scope: scope.map(str::to_owned),
        };
        let url = token_url(
            &upstream,
            "repository:a/b:pull",
            &service("https://auth.example/t?x=1", None),
            true,
        )
        .unwrap();
        assert_eq!(
            url.as_str(),
            "https://auth.example/t?x=1&service=r+e&scope=repository%3Aa%2Fb%3Apull"
        );
        let url = token_url(&upstream, "ours", &service("/token", Some("s1 s2")), true).unwrap();
        assert_eq!(
            url.as_str(),
            "https://r.example/token?service=r+e&scope=s1&scope=s2"
        );
        let bare = TokenService {
            realm: "/token".into(),
            service: None,
            scope: None,
        };
        assert_eq!(
            token_url(&upstream, "", &bare, true).unwrap().as_str(),
            "https://r.example/token"
        );
    }

    #[test]
    fn a_token_has_two_names_and_lives_a_minute_unless_told() {
        let read =
            |text: &str| read(text.as_bytes()).map(|token| (token.header, token.life.as_secs()));
        let header = |text: &'static str| HeaderValue::from_static(text);
        assert_eq!(
            read(r#"{"token":"a","expires_in":300}"#),
            Ok((header("Bearer a"), 300))
        );
        assert_eq!(
            read(r#"{"token":"","access_token":"b"}"#),
            Ok((header("Bearer b"), 60))
        );
        assert_eq!(
            read(r#"{"access_token":"b","expires_in":300.5}"#),
            Ok((header("Bearer b"), 300))
        );
        assert_eq!(
            read(r#"{"token":"a","expires_in":0}"#),
            Ok((header("Bearer a"), 60))
        );
        for text in [
            "",
            "<html>",
            "{}",
            r#"{"token":""}"#,
            "{\"token\":\"a\\nb\"}",
        ] {
            assert!(matches!(read(text), Err(Error::BadAnswer { .. })), "{text}");
        }
    }
}
