//! `/api/v2.0`: Harbor's management API, as far as it is here. A file per tag of Harbor's swagger; what is
//! answered otherwise than by Harbor is a row in `docs/compatibility.md`.
//!
//! To add an endpoint:
//! 1. write its handler in the file of its tag, under `#[utoipa::path(…)]`: the path, Harbor's `operation_id`, and the
//!    types of the bodies, which derive `ToSchema` under Harbor's names (`#[schema(as = …)]`);
//! 2. list it in [`operations`], together with the others of its path;
//! 3. `make reference` writes it into `docs/reference/openapi.json`, which a test compares;
//! 4. if it changes something, give it a row in [`crate::audit`], which a test demands;
//! 5. say in `tests/it/access/table.rs` what it demands of its caller: everybody is let loose on it there.
//!
//! What all operations share is added by [`crate::openapi`]: parameters of the path, errors, sign-in, a list's headers.

mod absent;
mod accessories;
mod additions;
mod artifacts;
mod auditlog;
mod configurations;
mod health;
mod icons;
mod immutable;
mod labels;
mod members;
mod metadatas;
mod permissions;
mod ping;
mod projects;
mod purge;
mod quotas;
mod registries;
mod replication;
mod repositories;
mod retentions;
pub(crate) mod roadstead;
mod robots;
mod runs;
mod schedules;
mod search;
mod selectors;
mod statistics;
mod systeminfo;
mod tags;
mod users;

mod extract;
mod gc;
mod json;
mod page;

use axum::extract::{DefaultBodyLimit, Request, State as Extract};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use http::{StatusCode, Uri};
use tower::ServiceExt as _;
use utoipa::openapi::OpenApi;
#[cfg(test)]
use utoipa::openapi::{RefOr, Schema};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};
use utoipa_axum::routes;

use crate::error::{Error, harbor};
use crate::{State, audit, requests};

/// Where this API is: handlers see paths without it.
const PREFIX: &str = "/api/v2.0";
/// Bodies are small documents; the largest holds a bundle of certificates.
const MAX_BODY_BYTES: usize = 1024 * 1024;

type Result<T = Response> = std::result::Result<T, Error>;

/// All that is under `/api/v2.0`: an entry for each path. It stands in the handlers' annotations, and nowhere else.
fn operations() -> Vec<UtoipaMethodRouter<State>> {
    vec![
        routes!(ping::get),
        routes!(health::get),
        routes!(systeminfo::get),
        routes!(systeminfo::volumes),
        routes!(systeminfo::certificate),
        routes!(configurations::list, configurations::update),
        routes!(search::get),
        routes!(statistics::get),
        routes!(icons::get),
        routes!(labels::list, labels::create),
        routes!(labels::get, labels::update, labels::delete),
        routes!(users::list, users::create),
        routes!(users::current),
        routes!(permissions::of_caller),
        routes!(users::search),
        routes!(users::get, users::update, users::delete),
        routes!(users::change_password),
        routes!(users::set_sysadmin),
        routes!(users::set_cli_secret),
        routes!(permissions::of_robots),
        routes!(robots::list, robots::create),
        routes!(
            robots::get,
            robots::update,
            robots::refresh_secret,
            robots::delete
        ),
        routes!(registries::list, registries::create),
        routes!(registries::ping),
        routes!(registries::get, registries::update, registries::delete),
        routes!(registries::info),
        routes!(replication::adapters),
        routes!(replication::adapter_infos),
        routes!(schedules::list),
        routes!(quotas::list),
        routes!(quotas::get, quotas::update),
        routes!(retentions::metadata),
        routes!(retentions::create),
        routes!(retentions::get, retentions::update, retentions::delete),
        routes!(projects::list, projects::exists, projects::create),
        routes!(projects::get, projects::update, projects::delete),
        routes!(projects::deletable),
        routes!(projects::summary),
        routes!(members::list, members::create),
        routes!(members::get, members::update, members::delete),
        routes!(metadatas::list, metadatas::create),
        routes!(metadatas::get, metadatas::update, metadatas::delete),
        routes!(immutable::list, immutable::create),
        routes!(immutable::update, immutable::delete),
        routes!(repositories::list_in_project),
        routes!(repositories::list),
        routes!(
            repositories::get,
            repositories::update,
            repositories::delete
        ),
        routes!(artifacts::list_in_project),
        routes!(artifacts::list, artifacts::copy),
        routes!(artifacts::get, artifacts::delete),
        routes!(accessories::list),
        routes!(additions::get),
        routes!(labels::put_on),
        routes!(labels::take_off),
        routes!(tags::list, tags::create),
        routes!(tags::delete),
        routes!(auditlog::list_legacy),
        routes!(auditlog::list),
        routes!(auditlog::events),
        routes!(auditlog::list_legacy_in_project),
        routes!(auditlog::list_in_project),
        routes!(purge::list),
        routes!(
            purge::schedule,
            purge::create_schedule,
            purge::update_schedule
        ),
        routes!(purge::get, purge::stop),
        routes!(purge::log),
        routes!(gc::list),
        routes!(gc::schedule, gc::create_schedule, gc::update_schedule),
        routes!(gc::get, gc::stop),
        routes!(gc::log),
        routes!(
            retentions::executions::list,
            retentions::executions::trigger
        ),
        routes!(retentions::executions::operate),
        routes!(retentions::executions::tasks),
        routes!(retentions::executions::log),
    ]
}

/// Everything under `/api/v2.0`.
pub(crate) fn router(state: &State) -> Router<State> {
    let routes = layered(operations(), state, PREFIX).merge(absent::routes());
    let again = routes
        .clone()
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed);
    routes
        .fallback(move |state, request| clean_path(again, state, request))
        .method_not_allowed_fallback(method_not_allowed)
}

/// Operations, each with its name for metrics and for the audit log, which it is recorded in where it changes something.
fn layered(
    operations: Vec<UtoipaMethodRouter<State>>,
    state: &State,
    prefix: &'static str,
) -> Router<State> {
    Router::from(collect(operations))
        .layer(from_fn_with_state(state.clone(), audit::record))
        .layer(from_fn_with_state((state.clone(), prefix), requests::name))
}

/// What both management APIs can do, under their whole paths.
pub(crate) fn described() -> OpenApi {
    let ours = collect(roadstead::operations()).into_openapi();
    OpenApi::default()
        .nest(PREFIX, collect(operations()).into_openapi())
        .nest(roadstead::PREFIX, ours)
}

/// The types that operations speak of, each as often as it is spoken of.
#[cfg(test)]
pub(crate) fn schemas() -> impl Iterator<Item = (String, RefOr<Schema>)> {
    let all = operations().into_iter().chain(roadstead::operations());
    all.flat_map(|(schemas, ..)| schemas)
}

/// `GET /api/version`: which API this is, asked first by other Harbors.
pub(crate) async fn version() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "version": "v2.0" }))
}

fn collect(operations: Vec<UtoipaMethodRouter<State>>) -> OpenApiRouter<State> {
    operations
        .into_iter()
        .fold(OpenApiRouter::default(), OpenApiRouter::routes)
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
}

/// Harbor's clients call some paths with a slash too many, at the end or between: those mean the path without, and are
/// asked `again`.
async fn clean_path(
    again: Router<State>,
    Extract(state): Extract<State>,
    mut request: Request,
) -> Response {
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
    created_with(uri, name, ())
}

/// The same with a body.
fn created_with(uri: &Uri, name: impl std::fmt::Display, body: impl IntoResponse) -> Response {
    let location = format!("{PREFIX}{}/{name}", uri.path().trim_end_matches('/'));
    let headers = [(http::header::LOCATION, location)];
    (StatusCode::CREATED, headers, body).into_response()
}
