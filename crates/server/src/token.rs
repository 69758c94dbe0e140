//! `GET /service/token`: the token service that docker and the others are sent to by a challenge.

use auth::SERVICE;
use axum::Json;
use axum::extract::{RawQuery, Request, State as Extract};
use axum::response::{IntoResponse, Response};
use chrono::{SecondsFormat, Utc};
use http::StatusCode;
use http::request::Parts;
use oci::{Challenge, ErrorCode, Scope};

use crate::State;
use crate::caller::{self, CallerError};
use crate::error::Error;

/// Issues a token with all the rights that the caller has in the repositories asked for. Unlike in Harbor, wrong
/// credentials are 401 with scopes too: an anonymous token in their place only hides the mistake.
pub(crate) async fn issue(
    Extract(state): Extract<State>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let (parts, _) = request.into_parts();
    respond(&state, query.as_deref().unwrap_or_default(), &parts)
        .await
        .unwrap_or_else(IntoResponse::into_response)
}

async fn respond(state: &State, query: &str, parts: &Parts) -> Result<Response, Error> {
    let parameters: Vec<(String, String)> = url::form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    let all = |key: &'static str| {
        parameters
            .iter()
            .filter(move |(name, _)| name == key)
            .map(|(_, value)| value.as_str())
    };
    if let Some(service) = all("service").next().filter(|service| *service != SERVICE) {
        return Err(Error::oci(
            StatusCode::BAD_REQUEST,
            ErrorCode::Unsupported,
            format!("Unable to handle service: {service}"),
        ));
    }
    // What is no scope asks for nothing, and gets it.
    let scopes: Vec<Scope> = all("scope")
        .flat_map(|scopes| scopes.split(' '))
        .filter_map(|scope| scope.parse().ok())
        .collect();
    let challenge = Challenge::Basic {
        realm: "harbor".to_owned(),
    };
    let caller = caller::of_management(state, &parts.headers, &parts.extensions)
        .await
        .map_err(|error| match error {
            CallerError::Wrong => {
                Error::unauthorized(&challenge, "the user name or password is wrong")
            }
            CallerError::Failed(error) => Error::of_auth_failure(error),
        })?;
    if caller.identity.is_anonymous() && scopes.is_empty() {
        return Err(Error::unauthorized(&challenge, "authentication required"));
    }
    let granted = state
        .auth()
        .grant(&caller.identity, &scopes)
        .await
        .map_err(Error::of_auth_failure)?;
    let token = state
        .auth()
        .issue_token(&caller.identity, &granted, Utc::now())
        .await
        .map_err(Error::of_auth_failure)?;
    Ok(Json(serde_json::json!({
        "token": token.token,
        "access_token": token.token,
        "expires_in": token.expires_in_secs,
        "issued_at": token.issued_at.to_rfc3339_opts(SecondsFormat::Secs, true),
    }))
    .into_response())
}
