//! Who asks: the `Authorization` header, else the session.

use auth::Caller;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use http::header::AUTHORIZATION;
use http::request::Parts;
use http::{Extensions, HeaderMap};

use crate::{State, client, session};

/// Why a request's credentials were not taken.
#[derive(Debug)]
pub(crate) enum CallerError {
    /// Wrong, expired, or not readable: 401.
    Wrong,
    /// They could not be checked just now.
    Failed(auth::Error),
}

/// The caller of a registry request: nobody, an account by Basic, or whoever a token says.
pub(crate) async fn of_registry(state: &State, parts: &Parts) -> Result<Caller, CallerError> {
    match credentials(&parts.headers)? {
        Credentials::None => Ok(Caller::anonymous()),
        Credentials::Basic { username, password } => {
            login(state, &username, &password, &parts.extensions).await
        }
        Credentials::Bearer(token) => state
            .auth()
            .caller_from_token(&token, Utc::now())
            .map_err(|_| CallerError::Wrong),
    }
}

/// The caller of a management request or of the token service, where registry tokens do not count and sessions do.
pub(crate) async fn of_management(
    state: &State,
    headers: &HeaderMap,
    extensions: &Extensions,
) -> Result<Caller, CallerError> {
    match credentials(headers)? {
        Credentials::None => of_session(state, headers).await,
        Credentials::Basic { username, password } => {
            login(state, &username, &password, extensions).await
        }
        Credentials::Bearer(_) => Err(CallerError::Wrong),
    }
}

/// Whoever holds a session; nobody, where it has ended.
async fn of_session(state: &State, headers: &HeaderMap) -> Result<Caller, CallerError> {
    let Some(session) = session::of(headers) else {
        return Ok(Caller::anonymous());
    };
    let caller = state.auth().caller_from_session(session, Utc::now()).await;
    Ok(caller
        .map_err(CallerError::Failed)?
        .unwrap_or_else(Caller::anonymous))
}

async fn login(
    state: &State,
    username: &str,
    password: &str,
    extensions: &Extensions,
) -> Result<Caller, CallerError> {
    let from = client::address(extensions);
    let identity = state.auth().login(username, password, from, Utc::now());
    identity.await.map(Caller::of).map_err(|error| match error {
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
