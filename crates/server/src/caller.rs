//! Who asks: the `Authorization` header, read.

use auth::{Caller, Identity};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use http::HeaderMap;
use http::header::AUTHORIZATION;

use crate::State;

/// Why a request's credentials were not taken.
#[derive(Debug)]
pub(crate) enum CallerError {
    /// Wrong, expired, or not readable: 401.
    Wrong,
    /// They could not be checked just now.
    Failed(auth::Error),
}

/// The caller of a registry request: nobody, a user by Basic, or whoever a token says.
pub(crate) async fn of_registry(state: &State, headers: &HeaderMap) -> Result<Caller, CallerError> {
    match credentials(headers)? {
        Credentials::None => Ok(Caller::anonymous()),
        Credentials::Basic { username, password } => {
            login(state, &username, &password).await.map(Caller::of)
        }
        Credentials::Bearer(token) => state
            .auth()
            .caller_from_token(&token, Utc::now())
            .map_err(|_| CallerError::Wrong),
    }
}

/// The caller of a management request or of the token service, where registry tokens do not count.
pub(crate) async fn of_management(
    state: &State,
    headers: &HeaderMap,
) -> Result<Caller, CallerError> {
    match credentials(headers)? {
        Credentials::None => Ok(Caller::anonymous()),
        Credentials::Basic { username, password } => {
            login(state, &username, &password).await.map(Caller::of)
        }
        Credentials::Bearer(_) => Err(CallerError::Wrong),
    }
}

async fn login(state: &State, username: &str, password: &str) -> Result<Identity, CallerError> {
    state
        .auth()
        .login(username, password, Utc::now())
        .await
        .map_err(|error| match error {
            auth::Error::WrongCredentials => CallerError::Wrong,
            error => CallerError::Failed(error),
        })
}

enum Credentials {
    None,
    Basic { username: String, password: String },
    Bearer(String),
}

fn credentials(headers: &HeaderMap) -> Result<Credentials, CallerError> {
    let Some(header) = headers.get(AUTHORIZATION) else {
        return Ok(Credentials::None);
    };
    let header = header.to_str().map_err(|_| CallerError::Wrong)?;
    let (scheme, rest) = header.split_once(' ').ok_or(CallerError::Wrong)?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Ok(Credentials::Bearer(rest.to_owned()));
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(CallerError::Wrong);
    }
    let decoded = STANDARD.decode(rest).map_err(|_| CallerError::Wrong)?;
    let decoded = String::from_utf8(decoded).map_err(|_| CallerError::Wrong)?;
    let (username, password) = decoded.split_once(':').ok_or(CallerError::Wrong)?;
    Ok(Credentials::Basic {
        username: username.to_owned(),
        password: password.to_owned(),
    })
}
