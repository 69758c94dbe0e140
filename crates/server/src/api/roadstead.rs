//! `/api/roadstead/v1`: what is ours alone, and Harbor has no word for. Errors and sign-in are as in Harbor's API.

mod drill;
mod filters;

use axum::Router;
use http::{Method, StatusCode, Uri};
use utoipa_axum::router::UtoipaMethodRouter;
use utoipa_axum::routes;

use crate::State;
use crate::error::{Error, harbor};

/// Where this API is.
pub(super) const PREFIX: &str = "/api/roadstead/v1";

/// All that is under `/api/roadstead/v1`.
pub(super) fn operations() -> Vec<UtoipaMethodRouter<State>> {
    vec![
        routes!(filters::dry_run),
        routes!(drill::get, drill::start, drill::end),
    ]
}

/// Everything under `/api/roadstead/v1`.
pub(crate) fn router(state: &State) -> Router<State> {
    super::layered(operations(), state, PREFIX)
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
}

async fn not_found(uri: Uri) -> Error {
    let message = format!("path {PREFIX}{} was not found", uri.path());
    Error::new(StatusCode::NOT_FOUND, harbor::NOT_FOUND, message)
}

async fn method_not_allowed(method: Method, uri: Uri) -> Error {
    let message = format!("method {method} is not allowed on {PREFIX}{}", uri.path());
    Error::new(
        StatusCode::METHOD_NOT_ALLOWED,
        harbor::METHOD_NOT_ALLOWED,
        message,
    )
}
