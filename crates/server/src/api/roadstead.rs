//! `/api/roadstead/v1`: what is ours alone, and Harbor has no word for. Errors and sign-in are as in Harbor's API.

mod filters;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::post;
use http::{StatusCode, Uri};

use super::MAX_BODY_BYTES;
use crate::State;
use crate::error::{Error, harbor};

const FILTER_DRY_RUN: &str = "/projects/{project}/filter/dry-run";

/// Everything under `/api/roadstead/v1`.
pub(crate) fn router() -> Router<State> {
    Router::new()
        .route(FILTER_DRY_RUN, post(filters::dry_run))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .fallback(not_found)
}

async fn not_found(uri: Uri) -> Error {
    let message = format!("path /api/roadstead/v1{} was not found", uri.path());
    Error::new(StatusCode::NOT_FOUND, harbor::NOT_FOUND, message)
}
