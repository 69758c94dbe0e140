//! The page at `/`, and the answer to what is nowhere.

use axum::extract::State as Extract;
use axum::response::{Html, IntoResponse, Response};
use http::StatusCode;
use http::header::{CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use metadata::{Page, ProjectFilter, Visibility};

use crate::State;
use crate::error::{Error, harbor};

const PAGE: &str = include_str!("portal/index.html");

/// How to pull, with this server's own name and public proxy cache projects filled in.
pub(crate) async fn index(Extract(state): Extract<State>) -> Response {
    let url = &state.config().external_url;
    let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
    let filter = ProjectFilter {
        visible_to: Visibility::PublicOnly,
        name_contains: None,
        is_public: Some(true),
        owner: None,
    };
    let projects = match state.db().list_projects(&filter, &Page::all()).await {
        Ok(projects) => projects.items,
        Err(error) => return Error::internal(&error).into_response(),
    };
    let commands: String = projects
        .iter()
        .filter(|project| project.upstream_id.is_some())
        .map(|project| format!("docker pull {host}/{}/&lt;image&gt;\n", project.name))
        .collect();
    let page = PAGE
        .replace("{{version}}", state.config().version)
        .replace("{{commands}}", &commands);
    let headers = [
        (
            CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
        ),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(page)).into_response()
}

/// Nothing is here.
pub(crate) async fn not_found() -> Error {
    Error::new(
        StatusCode::NOT_FOUND,
        harbor::NOT_FOUND,
        "there is nothing at this path",
    )
}
