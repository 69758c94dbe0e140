//! The description on its way to clients: as JSON, and as a page to browse it. The page is three files of our own: it
//! loads nothing from elsewhere, and its policy would not let it.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use bytes::Bytes;
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};

use crate::{State, portal};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// `GET /api/openapi.json`: written once, for all that ask.
pub(crate) fn description() -> MethodRouter<State> {
    let json = Bytes::from(super::openapi());
    get(async move || answer("application/json", json))
}

/// `GET /devcenter-api-2.0`, where Harbor has its own.
pub(crate) async fn page() -> Response {
    answer(
        "text/html; charset=utf-8",
        include_str!("explorer.html").into(),
    )
}

/// What the page loads.
pub(crate) async fn file(Path(name): Path<String>) -> Response {
    match name.as_str() {
        "explorer.js" => answer(
            "text/javascript; charset=utf-8",
            include_str!("explorer.js").into(),
        ),
        "explorer.css" => answer(
            "text/css; charset=utf-8",
            include_str!("explorer.css").into(),
        ),
        _ => portal::not_found().await.into_response(),
    }
}

fn answer(content_type: &'static str, body: Bytes) -> Response {
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, body).into_response()
}
