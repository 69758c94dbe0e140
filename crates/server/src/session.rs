//! Signing in with a browser: `/c/login`, `/c/log_out`, the cookies, and the protection of those who hold one against
//! pages of other sites. As in Harbor, whose portal and Terraform provider do it so: the token is in every answer's
//! `X-Harbor-CSRF-Token`, and whoever is refused tries once more with it.

use auth::{Auth, settings};
use axum::extract::{Extension, Request, State as Extract};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::{Form, Json};
use chrono::Utc;
use http::header::{COOKIE, SET_COOKIE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use metadata::{Filter, Page, Test};
use serde::Deserialize;

use crate::client::ClientAddress;
use crate::error::{Error, harbor};
use crate::{State, audit, caller};

/// The session.
const SESSION: &str = "sid";
/// What the token of the header is made of.
const CSRF: &str = "_gorilla_csrf";
const CSRF_TOKEN: HeaderName = HeaderName::from_static("x-harbor-csrf-token");

#[derive(Deserialize)]
pub(crate) struct Login {
    #[serde(default)]
    principal: String,
    #[serde(default)]
    password: String,
}

/// `POST /c/login`
pub(crate) async fn login(
    Extract(state): Extract<State>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    Form(login): Form<Login>,
) -> Result<Response, Error> {
    let (auth, now) = (state.auth(), Utc::now());
    let identity = match auth
        .login(&login.principal, &login.password, from, now)
        .await
    {
        Ok(identity) => identity,
        Err(auth::Error::WrongCredentials) => {
            audit::login(&state, &login.principal, from, false).await;
            return Ok(StatusCode::UNAUTHORIZED.into_response());
        }
        Err(error) => return Err(Error::of_auth_failure(error)),
    };
    let session = match auth.open_session(&identity, now).await {
        Ok(session) => session,
        Err(auth::Error::WrongCredentials) => return Ok(StatusCode::UNAUTHORIZED.into_response()),
        Err(error) => return Err(Error::of_auth_failure(error)),
    };
    audit::login(&state, identity.name(), from, true).await;
    Ok((
        StatusCode::OK,
        [(SET_COOKIE, cookie(&state, SESSION, &session, ""))],
    )
        .into_response())
}

/// `GET /c/log_out`
pub(crate) async fn log_out(
    Extract(state): Extract<State>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    headers: HeaderMap,
) -> Result<Response, Error> {
    if let Some(session) = of(&headers) {
        let caller = state.auth().caller_from_session(session, Utc::now()).await;
        if let Ok(Some(caller)) = caller {
            audit::logout(&state, caller.identity.name(), from).await;
        }
        state
            .auth()
            .close_session(session)
            .await
            .map_err(Error::of_auth_failure)?;
    }
    Ok((
        StatusCode::OK,
        [(SET_COOKIE, cookie(&state, SESSION, "", "; Max-Age=0"))],
    )
        .into_response())
}

#[derive(Deserialize)]
pub(crate) struct Existing {
    #[serde(default)]
    target: String,
    #[serde(default)]
    value: String,
}

/// `POST /c/userExists`: whether a name or an address is taken, for administrators, and where strangers may make themselves
/// users for them too, as often as they may try passwords.
pub(crate) async fn user_exists(
    Extract(state): Extract<State>,
    Extension(ClientAddress(from)): Extension<ClientAddress>,
    parts: Parts,
    Form(asked): Form<Existing>,
) -> Result<Response, Error> {
    let auth = state.auth();
    let caller = caller::of_management(&state, &parts.headers, &parts.extensions)
        .await
        .map_err(Error::of_caller_management)?;
    if !caller.identity.is_sysadmin() {
        let is_wanted = auth.setting(settings::SELF_REGISTRATION).await;
        if is_wanted.map_err(Error::of_auth_failure)? != "true" {
            let message = "self registration deactivated, only sysadmin can check user existence";
            let status = StatusCode::PRECONDITION_FAILED;
            return Err(Error::new(status, harbor::PRECONDITION, message));
        }
        auth.admit_stranger(from, Utc::now())
            .map_err(Error::of_auth_failure)?;
    }
    if !["username", "email"].contains(&asked.target.as_str()) {
        let message = "target is username or email";
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            harbor::BAD_REQUEST,
            message,
        ));
    }
    let mut page = Page::all();
    page.filter.push(Filter {
        key: asked.target,
        test: Test::Is(asked.value),
    });
    let found = state.db().list_users(&page).await;
    let found = found.map_err(Error::of_metadata)?;
    Ok(Json(found.total > 0).into_response())
}

/// The session that a request's cookies name.
pub(crate) fn of(headers: &HeaderMap) -> Option<&str> {
    find(headers, SESSION)
}

/// Refuses changes that a page of another site may have asked a browser for, and tells every answer's reader the token.
/// Requests to the APIs that bring no session bring their credentials in a header, which no other site can make a
/// browser do: they need no token.
pub(crate) async fn protect(
    Extract(state): Extract<State>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    let is_api = ["/v2/", "/api/", "/service/"]
        .iter()
        .any(|prefix| path.starts_with(prefix));
    let headers = request.headers();
    if is_api && (!headers.contains_key(COOKIE) || of(headers).is_none()) {
        return next.run(request).await;
    }
    let known = find(headers, CSRF).map(str::to_owned);
    let is_safe = matches!(
        *request.method(),
        Method::GET | Method::HEAD | Method::OPTIONS
    );
    let token = headers
        .get(CSRF_TOKEN)
        .and_then(|token| token.to_str().ok());
    let is_right = known
        .as_deref()
        .zip(token)
        .is_some_and(|(cookie, token)| state.auth().is_csrf_token(cookie, token));
    let mut response = if is_safe || is_right {
        next.run(request).await
    } else {
        let message = "CSRF token not found or invalid: send the X-Harbor-CSRF-Token of this answer with its cookie";
        Error::new(StatusCode::FORBIDDEN, harbor::FORBIDDEN, message).into_response()
    };
    let cookie_text = known.clone().unwrap_or_else(Auth::csrf_cookie);
    let headers = response.headers_mut();
    if let Ok(token) = HeaderValue::from_str(&state.auth().csrf_token(&cookie_text)) {
        headers.insert(CSRF_TOKEN, token);
    }
    if known.is_none()
        && let Ok(set) = HeaderValue::from_str(&cookie(&state, CSRF, &cookie_text, ""))
    {
        headers.append(SET_COOKIE, set);
    }
    response
}

/// A cookie that no script reads and no other site's page brings along; over TLS only, where that is how we are reached.
fn cookie(state: &State, name: &str, value: &str, more: &str) -> String {
    let secure = match state.config().external_url.scheme() {
        "https" => "; Secure",
        _ => "",
    };
    format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict{secure}{more}")
}

fn find<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(key, value)| *key == name && !value.is_empty())
        .map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, "a=1; sid=abc=; b=2".parse().unwrap());
        headers.append(COOKIE, "_gorilla_csrf=x".parse().unwrap());
        assert_eq!(of(&headers), Some("abc="));
        assert_eq!(find(&headers, CSRF), Some("x"));
        assert_eq!(find(&headers, "id"), None);
        headers.clear();
        headers.append(COOKIE, "sid=".parse().unwrap());
        assert_eq!(of(&headers), None);
    }
}
