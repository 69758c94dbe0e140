//! `/api/v2.0`: Harbor's management API, as far as it is here. A file per tag of Harbor's swagger; what is
//! answered otherwise than by Harbor is a row in `docs/compatibility.md`.

mod artifacts;
mod health;
mod members;
mod metadatas;
mod ping;
mod projects;
mod registries;
mod replication;
mod repositories;
pub(crate) mod roadstead;
mod search;
mod systeminfo;
mod tags;
mod users;

mod extract;
mod json;
mod page;

use axum::extract::{DefaultBodyLimit, Request, State as Extract};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Json, Router};
use http::{StatusCode, Uri};
use tower::ServiceExt as _;

use crate::State;
use crate::error::{Error, harbor};

/// Where this API is: handlers see paths without it.
const PREFIX: &str = "/api/v2.0";
/// Bodies are small documents; the largest holds a bundle of certificates.
const MAX_BODY_BYTES: usize = 1024 * 1024;

type Result<T = Response> = std::result::Result<T, Error>;

/// Everything under `/api/v2.0`.
pub(crate) fn router() -> Router<State> {
    routes()
        .fallback(clean_path)
        .method_not_allowed_fallback(method_not_allowed)
}

/// `GET /api/version`: which API this is, asked first by other Harbors.
pub(crate) async fn version() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "version": "v2.0" }))
}

fn routes() -> Router<State> {
    let management = Router::new()
        .route("/ping", get(ping::get))
        .route("/health", get(health::get))
        .route("/systeminfo", get(systeminfo::get))
        .route("/systeminfo/volumes", get(systeminfo::volumes))
        .route("/search", get(search::get))
        .route("/users", get(users::list).post(users::create))
        .route("/users/current", get(users::current))
        .route("/users/search", get(users::search))
        .route(
            "/users/{id}",
            get(users::get).put(users::update).delete(users::delete),
        )
        .route("/users/{id}/password", put(users::change_password))
        .route("/users/{id}/sysadmin", put(users::set_sysadmin))
        .route(
            "/registries",
            get(registries::list).post(registries::create),
        )
        .route("/registries/ping", post(registries::ping))
        .route(
            "/registries/{id}",
            get(registries::get)
                .put(registries::update)
                .delete(registries::delete),
        )
        .route("/registries/{id}/info", get(registries::info))
        .route("/replication/adapters", get(replication::adapters))
        .route("/replication/adapterinfos", get(replication::adapter_infos));
    let projects = Router::new()
        .route(
            "/projects",
            get(projects::list)
                .head(projects::exists)
                .post(projects::create),
        )
        .route(
            "/projects/{project}",
            get(projects::get)
                .put(projects::update)
                .delete(projects::delete),
        )
        .route("/projects/{project}/_deletable", get(projects::deletable))
        .route("/projects/{project}/summary", get(projects::summary))
        .route(
            "/projects/{project}/members",
            get(members::list).post(members::create),
        )
        .route(
            MEMBER,
            get(members::get)
                .put(members::update)
                .delete(members::delete),
        )
        .route(
            "/projects/{project}/metadatas",
            get(metadatas::list).post(metadatas::create),
        )
        .route(
            METADATA,
            get(metadatas::get)
                .put(metadatas::update)
                .delete(metadatas::delete),
        )
        .route(
            "/projects/{project}/repositories",
            get(repositories::list_in_project),
        );
    let repositories = Router::new()
        .route("/repositories", get(repositories::list))
        .route(
            REPOSITORY,
            get(repositories::get)
                .put(repositories::update)
                .delete(repositories::delete),
        )
        .route(ARTIFACTS, get(artifacts::list))
        .route(ARTIFACT, get(artifacts::get).delete(artifacts::delete))
        .route(TAGS, get(tags::list).post(tags::create))
        .route(TAG, delete(tags::delete));
    management
        .merge(projects)
        .merge(repositories)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

const MEMBER: &str = "/projects/{project}/members/{member}";
const METADATA: &str = "/projects/{project}/metadatas/{key}";
const REPOSITORY: &str = "/projects/{project}/repositories/{repository}";
const ARTIFACTS: &str = "/projects/{project}/repositories/{repository}/artifacts";
const ARTIFACT: &str = "/projects/{project}/repositories/{repository}/artifacts/{reference}";
const TAGS: &str = "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags";
const TAG: &str = "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags/{tag}";

/// Harbor's clients call some paths with a slash too many, at the end or between: those mean the path without.
async fn clean_path(Extract(state): Extract<State>, mut request: Request) -> Response {
    let words: Vec<&str> = request
        .uri()
        .path()
        .split('/')
        .filter(|word| !word.is_empty())
        .collect();
    let clean = format!("/{}", words.join("/"));
    if clean == request.uri().path() {
        return not_found(request.uri().clone()).await.into_response();
    }
    let with_query = request
        .uri()
        .query()
        .map_or_else(|| clean.clone(), |query| format!("{clean}?{query}"));
    if let Ok(uri) = with_query.parse::<Uri>() {
        *request.uri_mut() = uri;
    }
    let again = routes()
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    let Ok(response) = again.with_state(state).oneshot(request).await;
    response
}

async fn not_found(uri: Uri) -> Error {
    let message = format!("path {PREFIX}{} was not found", uri.path());
    Error::new(StatusCode::NOT_FOUND, harbor::NOT_FOUND, message)
}

async fn method_not_allowed(request: Request) -> Error {
    let message = format!(
        "method {} is not allowed on {PREFIX}{}",
        request.method(),
        request.uri().path()
    );
    Error::new(
        StatusCode::METHOD_NOT_ALLOWED,
        harbor::METHOD_NOT_ALLOWED,
        message,
    )
}

/// 201 with the path of what was made: the request's own, and `name`.
fn created(uri: &Uri, name: impl std::fmt::Display) -> Response {
    let location = format!("{PREFIX}{}/{name}", uri.path().trim_end_matches('/'));
    (StatusCode::CREATED, [(http::header::LOCATION, location)]).into_response()
}
