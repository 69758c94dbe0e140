//! One request to a service of Amazon's, and what its failures mean. Messages of theirs are not passed on: that about
//! a wrong signature repeats the signed headers, the session's token among them.

use std::time::Duration;

use bytes::Bytes;
use chrono::Utc;
use http::StatusCode;
use reqwest::{Client, RequestBuilder};
use url::Url;

use super::sign::{Unsigned, signed_headers};
use super::{Keys, no_credential};
use crate::{Error, body, egress};

/// From the first byte out to the last one in. These are small answers of near services.
pub(super) const CLOUD_LIMIT: Duration = Duration::from_secs(10);
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What came back.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Bytes,
}

/// Signs and posts `body` to `url`. `service` is the name in the signature.
pub(super) async fn post_signed(
    client: &Client,
    url: &Url,
    (service, region): (&str, &str),
    keys: &Keys,
    headers: &[(&'static str, String)],
    body: String,
) -> Result<Answer, Error> {
    let unsigned = Unsigned {
        service,
        region,
        host: &authority(url),
        headers,
        body: &body,
    };
    let mut request = client.post(root(url));
    for (name, value) in signed_headers(&unsigned, keys, Utc::now()) {
        request = request.header(name, value);
    }
    send(request.body(body), &at(url), CLOUD_LIMIT).await
}

/// Sends `request` to what `who` calls.
///
/// # Errors
/// [`Error::Credential`] where no answer comes within `limit`.
pub(super) async fn send(
    request: RequestBuilder,
    who: &str,
    limit: Duration,
) -> Result<Answer, Error> {
    let exchange = async {
        let response = request
            .send()
            .await
            .map_err(|error| egress::of_transport(&error))?;
        let status = response.status();
        let body = body::read_whole(response, MAX_ANSWER_BYTES).await?;
        Ok(Answer { status, body })
    };
    match tokio::time::timeout(limit, exchange).await {
        Ok(outcome) => outcome.map_err(|error: Error| no_credential(format!("{who} {error}"))),
        Err(_) => Err(no_credential(format!(
            "{who} did not answer within {} ms",
            limit.as_millis()
        ))),
    }
}

/// What an error of ECR's or STS's means. `needed` says what an operator must allow.
pub(super) fn refused(url: &Url, status: StatusCode, code: Option<&str>, needed: &str) -> Error {
    let code: String = code
        .unwrap_or_default()
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .take(64)
        .collect();
    let what_to_do = match code.as_str() {
        "UnrecognizedClientException" | "InvalidClientTokenId" => {
            "the access key is not known there: check it, and the region"
        }
        "InvalidSignatureException" | "SignatureDoesNotMatch" => {
            "the secret does not belong to the access key, or this machine's clock is wrong"
        }
        "ExpiredTokenException" | "ExpiredToken" => {
            "the session has expired: give a new session token, or a role that makes them"
        }
        "RequestExpired" => "this machine's clock is wrong",
        "InvalidIdentityToken" => {
            "the web identity's token is not taken: check the role's identity provider"
        }
        "AccessDeniedException" | "AccessDenied" => needed,
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" => {
            "it limits the rate of requests; this passes"
        }
        _ if status.is_server_error() => "this may pass; see whether the provider has an outage",
        "" => "is the address right, and no login page or proxy in between?",
        _ => "see its documentation for this code",
    };
    let code = match code.is_empty() {
        true => code,
        false => format!(" ({code})"),
    };
    no_credential(format!(
        "{} answered {}{code}: {what_to_do}",
        at(url),
        status.as_u16()
    ))
}

/// An answer that cannot be read.
pub(super) fn unreadable(who: &str) -> Error {
    no_credential(format!("{who} gave an answer that is not its own"))
}

/// The host, and the port where it is not the scheme's own: as it is sent, and signed.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// How messages name a service.
pub(super) fn at(url: &Url) -> String {
    authority(url)
}

fn root(url: &Url) -> Url {
    let mut url = url.clone();
    url.set_path("/");
    url.set_query(None);
    url
}
