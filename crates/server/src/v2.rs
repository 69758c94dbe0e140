//! `/v2/`: the OCI distribution API. A path becomes a [`Route`], a route one function of one file below.

mod blobs;
mod manifests;
mod referrers;
mod tags;
mod uploads;

use std::net::IpAddr;

use auth::{Access, Action, Caller, Denied, SERVICE};
use axum::body::Body;
use axum::extract::{Path, Request, State as Extract};
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use oci::{Challenge, ErrorCode, RepositoryName, Route, RouteError, Scope};
use registry::{Counted, Outcome, PullKind, PullMethod};

use crate::State;
use crate::caller::{self, CallerError};
use crate::error::Error;
use crate::requests::Operation;

type Result<T = Response> = std::result::Result<T, Error>;

const API_VERSION: HeaderName = HeaderName::from_static("docker-distribution-api-version");
const CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const CACHE: HeaderName = HeaderName::from_static("x-roadstead-cache");

/// `/v2` without its slash.
pub(crate) async fn base() -> Response {
    (StatusCode::PERMANENT_REDIRECT, [(LOCATION, "/v2/")]).into_response()
}

/// `/v2/`.
pub(crate) async fn dispatch_base(Extract(state): Extract<State>, request: Request) -> Response {
    answer(&state, "", request).await
}

/// `/v2/<rest>`.
pub(crate) async fn dispatch(
    Extract(state): Extract<State>,
    Path(rest): Path<String>,
    request: Request,
) -> Response {
    answer(&state, &rest, request).await
}

async fn answer(state: &State, rest: &str, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let parsed = Route::parse(&parts.method, rest);
    let operation = operation(&parsed);
    let answered = match parsed {
        Ok(route) => serve(state, &route, parts, body).await,
        Err(error) => Err(unroutable(&parts.method, error)),
    };
    let mut response = answered.unwrap_or_else(IntoResponse::into_response);
    response.extensions_mut().insert(operation);
    let headers = response.headers_mut();
    headers.insert(API_VERSION, HeaderValue::from_static("registry/2.0"));
    // What is served here was written by others, and its type is what they say: in a browser it is a page of nobody.
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    response
}

/// What Harbor's metrics call it.
fn operation(parsed: &std::result::Result<Route, RouteError>) -> Operation {
    match parsed {
        Ok(Route::Manifest(..)) => Operation::MANIFEST,
        Ok(Route::Blob(..)) => Operation::BLOB,
        Ok(Route::Uploads(_) | Route::Upload(..)) => Operation::BLOB_UPLOAD,
        Ok(Route::Tags(_)) => Operation::TAGS,
        Ok(Route::Catalog) => Operation::CATALOG,
        Ok(Route::Base | Route::Referrers(..)) | Err(_) => Operation::OTHERS,
    }
}

async fn serve(state: &State, route: &Route, parts: Parts, body: Body) -> Result {
    let caller = caller::of_registry(state, &parts)
        .await
        .map_err(|error| match error {
            CallerError::Wrong => Error::unauthorized(
                &challenge(state, &parts.headers, &scopes(&parts.method, route)),
                "the credentials are wrong, or the token has ended",
            ),
            CallerError::Failed(error) => Error::of_auth_failure(error),
        })?;
    let asked = Asked {
        state,
        parts: &parts,
        caller: &caller,
    };
    match (route, &parts.method) {
        (Route::Base, _) => asked.base(),
        (Route::Manifest(name, reference), &Method::PUT) => {
            manifests::put(&asked, name, reference, body).await
        }
        (Route::Manifest(name, reference), &Method::DELETE) => {
            manifests::delete(&asked, name, reference).await
        }
        (Route::Manifest(name, reference), _) => manifests::get(&asked, name, reference).await,
        (Route::Blob(name, digest), &Method::DELETE) => blobs::delete(&asked, name, digest).await,
        (Route::Blob(name, digest), &Method::HEAD) => blobs::head(&asked, name, digest).await,
        (Route::Blob(name, digest), _) => blobs::get(&asked, name, digest).await,
        (Route::Uploads(name), _) => uploads::post(&asked, name, body).await,
        (Route::Upload(name, id), &Method::PATCH) => uploads::patch(&asked, name, id, body).await,
        (Route::Upload(name, id), &Method::PUT) => uploads::put(&asked, name, id, body).await,
        (Route::Upload(name, id), &Method::DELETE) => uploads::delete(&asked, name, id).await,
        (Route::Upload(name, id), _) => uploads::get(&asked, name, id).await,
        (Route::Tags(name), _) => tags::list(&asked, name).await,
        (Route::Referrers(name, digest), _) => referrers::list(&asked, name, digest).await,
        (Route::Catalog, _) => tags::catalog(&asked).await,
    }
}

/// One request: what its handlers have at hand.
struct Asked<'r> {
    state: &'r State,
    parts: &'r Parts,
    caller: &'r Caller,
}

impl Asked<'_> {
    /// end-1. Clients learn from it how to sign in, so it challenges, whatever is public.
    fn base(&self) -> Result {
        if self.caller.identity.is_anonymous() {
            return Err(Error::unauthorized(
                &challenge(self.state, &self.parts.headers, &[]),
                "authentication required",
            ));
        }
        Ok(([(CONTENT_TYPE, "application/json")], "{}").into_response())
    }

    /// Proof that the caller may do `action` in the project of `name`.
    async fn authorize(&self, action: Action, name: &RepositoryName) -> Result<Access> {
        let denied = match self
            .state
            .auth()
            .authorize(self.caller, action, name.project())
            .await
        {
            Ok(access) => return Ok(access),
            Err(denied) => denied,
        };
        let (_, verbs) = words(action);
        match denied {
            Denied::Unauthenticated => {
                let challenge = challenge(self.state, &self.parts.headers, &[scope(name, action)]);
                let message = format!("unauthorized to access repository: {name}, action: {verbs}");
                Err(match self.caller.has_token() {
                    true => Error::token_refused(&challenge, "insufficient_scope", &message),
                    false => Error::unauthorized(&challenge, &message),
                })
            }
            Denied::Forbidden => Err(Error::oci(
                StatusCode::FORBIDDEN,
                ErrorCode::Denied,
                format!(
                    "unauthorized to access repository: {name}, action: {verbs}: the account has no such permission, or there is no project {}",
                    name.project()
                ),
            )),
            Denied::ProjectNotFound => Err(Error::oci(
                StatusCode::NOT_FOUND,
                ErrorCode::NameUnknown,
                format!("project {} not found: create it first", name.project()),
            )),
            Denied::Unavailable(error) => Err(Error::internal(&error)),
        }
    }

    fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.parts.headers.get(name)?.to_str().ok()
    }

    /// A parameter of the query, decoded.
    fn parameter(&self, name: &str) -> Option<String> {
        self.parameters(name).next()
    }

    fn parameters(&self, name: &str) -> impl Iterator<Item = String> {
        let query = self.parts.uri.query().unwrap_or_default();
        url::form_urlencoded::parse(query.as_bytes())
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    fn is_head(&self) -> bool {
        self.parts.method == Method::HEAD
    }

    /// Where the client is, for the audit log.
    fn address(&self) -> Option<IpAddr> {
        Some(crate::client::address(&self.parts.extensions))
    }

    /// Counts a pull by how it ended.
    fn count(
        &self,
        access: &Access,
        kind: PullKind,
        outcome: std::result::Result<&Outcome, &registry::Error>,
    ) -> Counted {
        let method = match self.is_head() {
            true => PullMethod::Head,
            false => PullMethod::Get,
        };
        let registry = self.state.registry();
        registry.count_pull(access, kind, method, outcome)
    }

    /// Whether the client has `etag` already.
    fn has(&self, digest: &str) -> bool {
        self.header(http::header::IF_NONE_MATCH)
            .is_some_and(|header| {
                header
                    .split(',')
                    .map(|tag| tag.trim().trim_start_matches("W/").trim_matches('"'))
                    .any(|tag| tag == digest || tag == "*")
            })
    }
}

/// What clients and people call an action: for the scope, and for messages.
fn words(action: Action) -> (&'static [&'static str], &'static str) {
    match action {
        Action::Push => (&["pull", "push"], "push"),
        Action::Delete => (&["delete"], "delete"),
        _ => (&["pull"], "pull"),
    }
}

fn scope(name: &RepositoryName, action: Action) -> Scope {
    let actions = words(action)
        .0
        .iter()
        .map(|action| (*action).to_owned())
        .collect();
    Scope {
        kind: "repository".to_owned(),
        name: name.to_string(),
        actions,
    }
}

/// The scopes that a request would need, for the challenge that its wrong credentials get.
fn scopes(method: &Method, route: &Route) -> Vec<Scope> {
    let action = match *method {
        Method::GET | Method::HEAD => Action::Pull,
        Method::DELETE => Action::Delete,
        _ => Action::Push,
    };
    match route {
        Route::Base | Route::Catalog => Vec::new(),
        Route::Blob(name, _)
        | Route::Manifest(name, _)
        | Route::Uploads(name)
        | Route::Upload(name, _)
        | Route::Tags(name)
        | Route::Referrers(name, _) => {
            vec![scope(name, action)]
        }
    }
}

/// Our token service, at the host the client used: it may know us by several names. The scheme is the external
/// URL's, because TLS may end before us.
fn challenge(state: &State, headers: &HeaderMap, scopes: &[Scope]) -> Challenge {
    let url = &state.config().external_url;
    let host = headers
        .get(http::header::HOST)
        .and_then(|host| host.to_str().ok())
        .filter(|host| is_plain_host(host));
    let host = host.map_or_else(
        || url[url::Position::BeforeHost..url::Position::AfterPort].to_owned(),
        str::to_owned,
    );
    Challenge::bearer(
        format!("{}://{host}/service/token", url.scheme()),
        SERVICE,
        scopes,
    )
}

/// Nothing that could break out of the quoted realm.
fn is_plain_host(host: &str) -> bool {
    !host.is_empty()
        && host.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']' | b'_')
        })
}

fn unroutable(method: &Method, error: RouteError) -> Error {
    let is_read = matches!(*method, Method::GET | Method::HEAD);
    match error {
        RouteError::NotFound => Error::oci(
            StatusCode::NOT_FOUND,
            ErrorCode::Unsupported,
            "no such endpoint under /v2/",
        ),
        RouteError::Method(allowed) => Error::method_not_allowed(allowed),
        RouteError::Name(name) => Error::oci(
            StatusCode::BAD_REQUEST,
            ErrorCode::NameInvalid,
            format!("invalid repository name: {name}: {}", oci::NameError),
        ),
        RouteError::Digest(_, digest) => Error::oci(
            StatusCode::BAD_REQUEST,
            ErrorCode::DigestInvalid,
            format!("invalid digest {digest}: {}", oci::DigestError),
        ),
        // What cannot be the name of anything is not there, to a reader; Harbor answers 404 too.
        RouteError::Reference(_, reference) if is_read => Error::oci(
            StatusCode::NOT_FOUND,
            ErrorCode::ManifestUnknown,
            format!("invalid reference format: {reference}"),
        ),
        RouteError::Reference(_, reference) if reference.contains(':') => Error::oci(
            StatusCode::BAD_REQUEST,
            ErrorCode::DigestInvalid,
            format!("invalid digest {reference}: {}", oci::DigestError),
        ),
        RouteError::Reference(_, reference) => Error::oci(
            StatusCode::BAD_REQUEST,
            ErrorCode::ManifestInvalid,
            format!("invalid tag {reference}: {}", oci::NameError),
        ),
    }
}

/// Says how the cache answered.
fn tell_outcome(headers: &mut HeaderMap, outcome: &Outcome) {
    let text = match outcome {
        Outcome::Hit => "hit".to_owned(),
        Outcome::Background => "hit; reason=\"being checked in the background\"".to_owned(),
        Outcome::Revalidated => "revalidated".to_owned(),
        Outcome::Filled => "filled".to_owned(),
        Outcome::Joined => "joined".to_owned(),
        Outcome::Stale { reason } => {
            format!("stale; reason=\"{}\"", reason.replace(['"', '\\'], "'"))
        }
    };
    let text: String = text
        .chars()
        .filter(|char| char.is_ascii_graphic() || *char == ' ')
        .collect();
    headers.extend(
        HeaderValue::from_str(&text)
            .ok()
            .map(|value| (CACHE, value)),
    );
}

/// A header whose value is made of digests, names and numbers, and so always is one.
fn header(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}

fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}
