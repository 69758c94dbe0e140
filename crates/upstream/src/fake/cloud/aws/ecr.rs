//! `GetAuthorizationToken` of ECR and of ECR Public.
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html>,
//! <https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html>, and for errors
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/CommonErrors.html>.

use std::time::{SystemTime, UNIX_EPOCH};

use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use super::signature::{self, Wrong};
use super::state::State;
use super::{Call, REGION, Request};

const PRIVATE: &str = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
const PUBLIC: &str = "SpencerFrontendService.GetAuthorizationToken";

pub(super) fn answer(
    state: &mut State,
    request: &Request,
    target: &str,
    now: SystemTime,
) -> Response {
    let service = match target {
        PRIVATE => ("ecr", REGION),
        PUBLIC => ("ecr-public", "us-east-1"),
        _ => return refuse("UnknownOperationException", ""),
    };
    state.count(Call::GetAuthorizationToken);
    if state.is_down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    if request.header("content-type") != Some("application/x-amz-json-1.1") {
        return refuse("SerializationException", "");
    }
    if let Err(wrong) = signature::check(state, request, service, now) {
        return refuse_signature(wrong, request);
    }
    let Ok(body) = serde_json::from_slice::<Value>(&request.body) else {
        return refuse("SerializationException", "");
    };
    let account = body["registryIds"][0].as_str().unwrap_or_default();
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit());
    if !account.is_empty() && !is_account(account) {
        return refuse(
            "InvalidParameterException",
            "Invalid parameter at 'registryIds'",
        );
    }
    let (token, ends_at) = state.make_token(now);
    let expires_at = ends_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut data = json!({
        "authorizationToken": STANDARD.encode(format!("AWS:{token}")),
        "expiresAt": expires_at.as_millis() as f64 / 1000.0,
    });
    if target == PUBLIC {
        return document(StatusCode::OK, &json!({ "authorizationData": data }));
    }
    data["proxyEndpoint"] = state.registry_url(account).into();
    document(StatusCode::OK, &json!({ "authorizationData": [data] }))
}

fn refuse_signature(wrong: Wrong, request: &Request) -> Response {
    match wrong {
        Wrong::Missing => refuse(
            "MissingAuthenticationTokenException",
            "Missing Authentication Token",
        ),
        Wrong::Incomplete => refuse("IncompleteSignatureException", ""),
        Wrong::UnknownKey => refuse(
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        // As the real one does, it repeats what was signed: secrets of the session included.
        Wrong::Signature => refuse(
            "InvalidSignatureException",
            &format!(
                "The request signature we calculated does not match the signature you provided. \
                 x-amz-security-token:{}",
                request.header("x-amz-security-token").unwrap_or_default()
            ),
        ),
        Wrong::Expired => refuse(
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
    }
}

fn refuse(code: &str, message: &str) -> Response {
    document(
        StatusCode::BAD_REQUEST,
        &json!({ "__type": code, "message": message }),
    )
}

fn document(status: StatusCode, document: &Value) -> Response {
    let headers = [("content-type", "application/x-amz-json-1.1")];
    (status, headers, document.to_string()).into_response()
}
