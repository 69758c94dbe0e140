//! `/v2/<name>/tags/list` (end-8) and `/v2/_catalog`.

use auth::{Action, Denied, SystemAction};
use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use http::StatusCode;
use http::header::LINK;
use oci::{Challenge, ErrorCode, RepositoryName};
use url::form_urlencoded;

use super::{Asked, Result, header};
use crate::error::Error;

/// The tags, a page at a time.
pub(super) async fn list(asked: &Asked<'_>, name: &RepositoryName) -> Result {
    let access = asked.authorize(Action::Pull, name).await?;
    let limit = page_size(asked)?;
    let after = asked.parameter("last").filter(|last| !last.is_empty());
    let page = asked
        .state
        .registry()
        .tags(&access, name, after.as_deref(), limit, Utc::now())
        .await;
    let page = page.map_err(Error::of_registry)?;
    let next = page.tags.last().filter(|_| page.has_more).cloned();
    let response =
        Json(serde_json::json!({ "name": name.as_str(), "tags": page.tags })).into_response();
    Ok(linked(
        response,
        &format!("/v2/{name}/tags/list"),
        next.as_deref(),
        limit,
    ))
}

/// All repositories that have content, for administrators. Never asks an upstream.
pub(super) async fn catalog(asked: &Asked<'_>) -> Result {
    let access = asked
        .state
        .auth()
        .authorize_system(asked.caller, SystemAction::CatalogRead)
        .await
        .map_err(|denied| match denied {
            Denied::Unavailable(error) => Error::internal(&error),
            // As in Harbor: no token speaks of the catalog unless its bearer is an administrator.
            _ => Error::unauthorized(
                &Challenge::Basic {
                    realm: "harbor".to_owned(),
                },
                "unauthorized to list catalog",
            ),
        })?;
    let limit = page_size(asked)?;
    let after = asked.parameter("last").filter(|last| !last.is_empty());
    let (names, has_more) = asked
        .state
        .registry()
        .catalog(&access, after.as_deref(), limit)
        .await
        .map_err(Error::of_registry)?;
    let next = names.last().filter(|_| has_more).cloned();
    let response = Json(serde_json::json!({ "repositories": names })).into_response();
    Ok(linked(response, "/v2/_catalog", next.as_deref(), limit))
}

fn page_size(asked: &Asked<'_>) -> Result<Option<u64>> {
    let invalid = |text: &str| {
        Error::oci(
            StatusCode::BAD_REQUEST,
            ErrorCode::Unsupported,
            format!("n={text} is not a count of entries to list"),
        )
    };
    asked
        .parameter("n")
        .map(|text| text.parse().map_err(|_| invalid(&text)))
        .transpose()
}

fn linked(mut response: Response, path: &str, next: Option<&str>, limit: Option<u64>) -> Response {
    if let (Some(next), Some(limit)) = (next, limit) {
        let last: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
        response.headers_mut().insert(
            LINK,
            header(&format!("<{path}?last={last}&n={limit}>; rel=\"next\"")),
        );
    }
    response
}
