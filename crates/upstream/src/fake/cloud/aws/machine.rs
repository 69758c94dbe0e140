//! The instance metadata service, version 2 alone, and the agent that gives containers their role's keys.
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html>,
//! <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/iam-roles-for-amazon-ec2.html> and
//! <https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html>.

use std::time::{Duration, SystemTime};

use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use serde_json::json;

use super::state::State;
use super::{ACCOUNT, Call, Request};

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// Six hours: what the service allows at most.
const LONGEST_TOKEN_SECS: u64 = 21_600;

/// `None`: this is about something else.
pub(super) fn answer(state: &mut State, request: &Request, now: SystemTime) -> Option<Response> {
    let path = request.uri.path();
    let call = match path {
        "/latest/api/token" => Call::MetadataToken,
        ROLES => Call::MetadataRole,
        "/v1/credentials" => Call::ContainerKeys,
        _ if path.starts_with(ROLES) => Call::MetadataKeys,
        _ => return None,
    };
    state.count(call);
    if state.is_down {
        return Some(StatusCode::SERVICE_UNAVAILABLE.into_response());
    }
    let answer = match call {
        Call::MetadataToken => token(state, request, now),
        Call::ContainerKeys => container_keys(state, request, now),
        _ => metadata(state, request, now),
    };
    Some(answer.unwrap_or_else(IntoResponse::into_response))
}

fn token(state: &mut State, request: &Request, now: SystemTime) -> Result<Response, StatusCode> {
    if request.method != Method::PUT {
        return Err(StatusCode::METHOD_NOT_ALLOWED);
    }
    // What comes through a proxy was not asked by this machine.
    if request.headers.contains_key("x-forwarded-for") {
        return Err(StatusCode::FORBIDDEN);
    }
    let life_secs = request
        .header("x-aws-ec2-metadata-token-ttl-seconds")
        .and_then(|secs| secs.parse().ok())
        .filter(|secs| (1..=LONGEST_TOKEN_SECS).contains(secs))
        .ok_or(StatusCode::BAD_REQUEST)?;
    let token = format!("AQAEA{}==", state.next_number());
    let ends_at = now + Duration::from_secs(life_secs);
    state.metadata_tokens.insert(token.clone(), ends_at);
    Ok(token.into_response())
}

fn metadata(state: &mut State, request: &Request, now: SystemTime) -> Result<Response, StatusCode> {
    let token = request.header("x-aws-ec2-metadata-token");
    let ends_at = token.and_then(|token| state.metadata_tokens.get(token));
    if request.method != Method::GET || ends_at.is_none_or(|ends_at| now >= *ends_at) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let role = state.instance_role.clone().ok_or(StatusCode::NOT_FOUND)?;
    match request.uri.path().strip_prefix(ROLES) {
        Some("") => Ok(role.into_response()),
        Some(name) if name == role => {
            let keys = state.role_keys(now);
            let document = json!({
                "Code": "Success",
                "LastUpdated": "2024-01-01T00:00:00Z",
                "Type": "AWS-HMAC",
                "AccessKeyId": keys.access_key,
                "SecretAccessKey": keys.secret,
                "Token": keys.token,
                "Expiration": keys.expiration,
            });
            Ok(document.to_string().into_response())
        }
        _ => Err(StatusCode::NOT_FOUND),
    }
}

fn container_keys(
    state: &mut State,
    request: &Request,
    now: SystemTime,
) -> Result<Response, StatusCode> {
    let wanted = state.container_token.as_deref();
    if request.method != Method::GET || wanted.is_none() {
        return Err(StatusCode::NOT_FOUND);
    }
    if request.header("authorization") != wanted {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let keys = state.role_keys(now);
    let document = json!({
        "AccessKeyId": keys.access_key,
        "SecretAccessKey": keys.secret,
        "Token": keys.token,
        "AccountId": ACCOUNT,
        "Expiration": keys.expiration,
    });
    Ok(document.to_string().into_response())
}
