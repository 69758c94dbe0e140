//! `AssumeRole` and `AssumeRoleWithWebIdentity`.
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html>,
//! <https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html>, and for errors
//! <https://docs.aws.amazon.com/STS/latest/APIReference/CommonErrors.html>.

use std::collections::HashMap;
use std::time::SystemTime;

use axum::response::{IntoResponse, Response};
use http::StatusCode;
use url::form_urlencoded;

use super::signature::{self, Wrong};
use super::state::State;
use super::{Call, REGION, Request};

type Form = HashMap<String, String>;

pub(super) fn answer(state: &mut State, request: &Request, now: SystemTime) -> Response {
    let form: Form = form_urlencoded::parse(&request.body).into_owned().collect();
    let call = match form.get("Action").map(String::as_str) {
        Some("AssumeRole") => Call::AssumeRole,
        Some("AssumeRoleWithWebIdentity") => Call::AssumeRoleWithWebIdentity,
        _ => return refuse(400, "InvalidAction"),
    };
    state.count(call);
    if state.is_down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let has = |name: &str| form.get(name).is_some_and(|value| !value.is_empty());
    if form.get("Version").map(String::as_str) != Some("2011-06-15")
        || !has("RoleArn")
        || !form
            .get("RoleSessionName")
            .is_some_and(|name| is_session_name(name))
    {
        return refuse(400, "ValidationError");
    }
    let verdict = match call {
        Call::AssumeRole => assume_role(state, request, &form, now),
        _ => assume_role_with_web_identity(state, &form),
    };
    match verdict {
        Ok(()) => keys(state, &form["Action"], now),
        Err((status, code)) => refuse(status, code),
    }
}

/// 2 to 64 characters of `[\w+=,.@-]`.
fn is_session_name(name: &str) -> bool {
    (2..=64).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b))
}

fn assume_role(
    state: &State,
    request: &Request,
    form: &Form,
    now: SystemTime,
) -> Result<(), (u16, &'static str)> {
    signature::check(state, request, ("sts", REGION), now).map_err(|wrong| match wrong {
        Wrong::Missing => (403, "MissingAuthenticationToken"),
        Wrong::Incomplete => (400, "IncompleteSignature"),
        Wrong::UnknownKey => (403, "InvalidClientTokenId"),
        Wrong::Signature => (403, "SignatureDoesNotMatch"),
        Wrong::Expired => (403, "ExpiredToken"),
    })?;
    let may = state.roles.iter().any(|role| {
        role.arn == form["RoleArn"]
            && role.web_identity.is_none()
            && (role.external_id.is_none() || role.external_id.as_ref() == form.get("ExternalId"))
    });
    may.then_some(()).ok_or((403, "AccessDenied"))
}

fn assume_role_with_web_identity(state: &State, form: &Form) -> Result<(), (u16, &'static str)> {
    let token = form.get("WebIdentityToken");
    let of_token: Vec<_> = state
        .roles
        .iter()
        .filter(|role| role.web_identity.is_some() && role.web_identity.as_ref() == token)
        .collect();
    if of_token.is_empty() {
        return Err((400, "InvalidIdentityToken"));
    }
    let may = of_token.iter().any(|role| role.arn == form["RoleArn"]);
    may.then_some(()).ok_or((403, "AccessDenied"))
}

fn keys(state: &mut State, action: &str, now: SystemTime) -> Response {
    let keys = state.role_keys(now);
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <{action}Result>\n    \
         <AssumedRoleUser><AssumedRoleId>AROA:fake</AssumedRoleId></AssumedRoleUser>\n    \
         <Credentials>\n      <AccessKeyId>{}</AccessKeyId>\n      <SecretAccessKey>{}</SecretAccessKey>\n      \
         <SessionToken>{}</SessionToken>\n      <Expiration>{}</Expiration>\n    </Credentials>\n  \
         </{action}Result>\n</{action}Response>\n",
        keys.access_key, keys.secret, keys.token, keys.expiration
    );
    document(StatusCode::OK, body)
}

fn refuse(status: u16, code: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    \
         <Type>Sender</Type>\n    <Code>{code}</Code>\n    <Message>No.</Message>\n  </Error>\n  \
         <RequestId>fake</RequestId>\n</ErrorResponse>\n"
    );
    document(status, body)
}

fn document(status: StatusCode, body: String) -> Response {
    (status, [("content-type", "text/xml")], body).into_response()
}
