//! Keys from the machine itself: the agents of containers, and the instance metadata service.
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html> and
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>

use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use url::Url;

use super::call::{self, Answer, unreadable};
use super::chain::{Authorization, Container};
use super::{Keys, no_credential};
use crate::Error;

/// These services are on the machine or its link. Where there is none, packets to them vanish, and nobody should
/// wait long for that.
const LIMIT: Duration = Duration::from_secs(1);
const MAX_FILE_BYTES: u64 = 64 * 1024;
/// For the token of the metadata service: it is used at once.
const TOKEN_LIFE_SECS: &str = "300";

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    access_key_id: String,
    secret_access_key: String,
    token: String,
}

pub(super) async fn container_keys(client: &Client, from: &Container) -> Result<Keys, Error> {
    const WHO: &str = "the container's credential agent";
    let mut request = client.get(from.url.clone());
    let authorization = match &from.authorization {
        Authorization::None => None,
        Authorization::Text(text) => Some(text.expose().to_owned()),
        Authorization::File(path) => Some(read_secret_file(path).await?),
    };
    if let Some(authorization) = authorization {
        let mut header = http::HeaderValue::from_str(&authorization)
            .map_err(|_| no_credential(format!("the token for {WHO} is no header value")))?;
        header.set_sensitive(true);
        request = request.header("authorization", header);
    }
    let answer = call::send(request, WHO, LIMIT).await?;
    if !answer.status.is_success() {
        return Err(no_credential(format!(
            "{WHO} answered {}: check the role of the pod or task",
            answer.status.as_u16()
        )));
    }
    keys_of(&answer, WHO)
}

pub(super) async fn instance_keys(client: &Client, at: &Url) -> Result<Keys, Error> {
    const WHO: &str = "the instance metadata service";
    let url = |path: &str| {
        let mut url = at.clone();
        url.set_path(&format!("{}{path}", at.path().trim_end_matches('/')));
        url
    };
    let request = client
        .put(url("/latest/api/token"))
        .header("x-aws-ec2-metadata-token-ttl-seconds", TOKEN_LIFE_SECS)
        .header("content-length", "0");
    let token = call::send(request, WHO, LIMIT).await.map_err(|error| {
        let Error::Credential { reason } = error else {
            return error;
        };
        no_credential(format!(
            "the endpoint has no access key, the environment names no other source, and {reason}; give an access \
             key, or a role to this machine (in a container, the metadata service needs a hop limit of 2)"
        ))
    })?;
    let token = text_of(&token, "a token", WHO)?;
    let ask = async |path: &str| {
        let request = client.get(url(path));
        call::send(
            request.header("x-aws-ec2-metadata-token", &token),
            WHO,
            LIMIT,
        )
        .await
    };
    const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
    let roles = ask(ROLES).await?;
    if roles.status == http::StatusCode::NOT_FOUND {
        return Err(no_credential(
            "the endpoint has no access key, and this instance has no role: attach one, or give an access key",
        ));
    }
    let roles = text_of(&roles, "the role's name", WHO)?;
    let role = roles.lines().next().unwrap_or_default();
    let keys = ask(&format!("{ROLES}{role}")).await?;
    text_of(&keys, "keys", WHO)?;
    keys_of(&keys, WHO)
}

fn text_of(answer: &Answer, what: &str, who: &str) -> Result<String, Error> {
    let text = String::from_utf8_lossy(&answer.body).trim().to_owned();
    match answer.status.is_success() && !text.is_empty() {
        true => Ok(text),
        false => Err(no_credential(format!(
            "{who} gave no answer to the question for {what} (status {})",
            answer.status.as_u16()
        ))),
    }
}

fn keys_of(answer: &Answer, who: &str) -> Result<Keys, Error> {
    let document: Document = serde_json::from_slice(&answer.body).map_err(|_| unreadable(who))?;
    Ok(Keys {
        access_key: document.access_key_id,
        secret_key: document.secret_access_key,
        session_token: Some(document.token),
    })
}

/// A token in a file, white space around it off. Read each time it is needed: Kubernetes renews its content.
///
/// # Errors
/// [`Error::Credential`] where it cannot be read, or is empty.
pub(super) async fn read_secret_file(path: &str) -> Result<String, Error> {
    let read = async {
        let file = tokio::fs::File::open(path).await?;
        let mut text = String::new();
        file.take(MAX_FILE_BYTES).read_to_string(&mut text).await?;
        std::io::Result::Ok(text)
    };
    let text = read
        .await
        .map_err(|error| no_credential(format!("{path} cannot be read: {error}")))?;
    match text.trim() {
        "" => Err(no_credential(format!("{path} is empty"))),
        text => Ok(text.to_owned()),
    }
}
