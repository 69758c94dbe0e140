//! `…/artifacts/{reference}/additions/{addition}`: an image's history, a chart's values, readme and dependencies.

use auth::Action;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use http::header::{CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};

use super::Result;
use super::extract::{Asked, Names, reference};
use crate::error::Error;

/// What Harbor knows; which an artifact has, is said by its `addition_links`.
const KNOWN: [&str; 7] = [
    "build_history",
    "values.yaml",
    "readme.md",
    "dependencies",
    "sbom",
    "license",
    "files",
];

/// The history of an image; the values, readme or dependencies of a chart.
///
/// In a proxy cache what is not there yet is fetched, as a pull would. A chart of more than 20 MiB is not looked into.
#[utoipa::path(
    get,
    path = "/projects/{project}/repositories/{repository}/artifacts/{reference}/additions/{addition}",
    operation_id = "getAddition",
    tag = "artifact",
    responses((status = 200, body = String, content_type = "text/plain")),
)]
pub(super) async fn get(
    asked: Asked,
    Names((project, path, text, addition)): Names<(String, String, String, String)>,
) -> Result<Response> {
    if !KNOWN.contains(&addition.as_str()) {
        let known = KNOWN.join(" ");
        return Err(Error::invalid(&format!(
            "addition in path should be one of [{known}]"
        )));
    }
    let (access, name) = asked
        .repository(Action::ArtifactAdditionRead, &project, &path)
        .await?;
    let reference = reference(&name, &text)?;
    let found = asked
        .state
        .registry()
        .addition(&access, &name, &reference, &addition, Utc::now())
        .await
        .map_err(Error::of_management)?;
    // It was pushed by somebody: no browser shall take it for a page.
    let headers = [
        (CONTENT_TYPE, found.content_type),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, found.bytes).into_response())
}
