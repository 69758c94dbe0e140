//! `/retentions`: what of a project's content shall stay, as it is kept. Runs of it are [`super::absent`].

mod body;
pub(super) mod executions;

use auth::{Access, Action};
use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use http::{StatusCode, Uri};
use metadata::RetentionRow;
use registry::RetentionPolicy;

use super::extract::{Asked, Body, Names};
use super::{Result, created};
use crate::error::{Error, harbor};
use body::{MetadataBody, PolicyBody};

/// What rules can say.
#[utoipa::path(
    get,
    path = "/retentions/metadatas",
    operation_id = "getRentenitionMetadata",
    tag = "retention",
    responses((status = 200, body = MetadataBody)),
)]
pub(super) async fn metadata(asked: Asked) -> Result<Response> {
    asked.signed_in()?;
    Ok(Json(MetadataBody::new()).into_response())
}

/// Gives a project its retention policy.
///
/// A project has one at most; its number is in the project's metadata too.
#[utoipa::path(
    post,
    path = "/retentions",
    operation_id = "createRetention",
    tag = "retention",
    request_body = PolicyBody,
    responses(crate::openapi::Created),
)]
pub(super) async fn create(asked: Asked, uri: Uri, Body(body): Body<PolicyBody>) -> Result {
    asked.signed_in()?;
    let project_id = body.project_id()?;
    let unknown = format!("invalid Project id {project_id}");
    let unknown = Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, unknown);
    let access = asked
        .project_of(Action::TagRetentionCreate, Some(project_id), unknown)
        .await?;
    asked.about(&access.project().name);
    let policy = body.parsed()?;
    let registry = asked.state.registry();
    let id = registry
        .create_retention(&access, &policy, Utc::now())
        .await;
    Ok(created(&uri, id.map_err(Error::of_management)?))
}

/// A project's retention policy.
#[utoipa::path(
    get,
    path = "/retentions/{id}",
    operation_id = "getRetention",
    tag = "retention",
    responses((status = 200, body = PolicyBody)),
)]
pub(super) async fn get(asked: Asked, Names(id): Names<String>) -> Result {
    let (access, row) = access(&asked, Action::TagRetentionRead, &id).await?;
    let policy = asked.state.registry().retention(&access, &row);
    let policy: RetentionPolicy = policy.map_err(Error::of_management)?;
    Ok(Json(PolicyBody::of(&row, &policy)).into_response())
}

/// Replaces a retention policy; its project stays the same.
#[utoipa::path(
    put,
    path = "/retentions/{id}",
    operation_id = "updateRetention",
    tag = "retention",
    request_body = PolicyBody,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Names(id): Names<String>,
    Body(body): Body<PolicyBody>,
) -> Result<StatusCode> {
    let (access, row) = access(&asked, Action::TagRetentionUpdate, &id).await?;
    asked.about(&access.project().name);
    if body.project_id()? != row.project_id {
        let message = format!(
            "retention policy {} is project {}'s, and stays so: scope.ref must be {}",
            row.id, row.project_id, row.project_id
        );
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            harbor::BAD_REQUEST,
            message,
        ));
    }
    let policy = body.parsed()?;
    let registry = asked.state.registry();
    let replaced = registry.replace_retention(&access, &row, &policy, Utc::now());
    replaced
        .await
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// Deletes a retention policy: everything stays.
#[utoipa::path(
    delete,
    path = "/retentions/{id}",
    operation_id = "deleteRetention",
    tag = "retention",
    responses((status = 200)),
)]
pub(super) async fn delete(asked: Asked, Names(id): Names<String>) -> Result<StatusCode> {
    let (access, row) = access(&asked, Action::TagRetentionDelete, &id).await?;
    asked.about(&access.project().name);
    let deleted = asked.state.registry().delete_retention(&access, &row).await;
    deleted
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// The proof for the project of a policy, and the policy as it is kept.
pub(super) async fn access(
    asked: &Asked,
    action: Action,
    id: &str,
) -> Result<(Access, RetentionRow)> {
    let id: i64 = id
        .parse()
        .map_err(|_| Error::invalid(&format!("id in path must be of type int64: {id:?}")))?;
    let row = asked.state.db().find_retention(id).await;
    let row = row.map_err(Error::of_metadata)?;
    let missing = || {
        let message = format!("retention policy {id} not found");
        Error::new(StatusCode::NOT_FOUND, harbor::NOT_FOUND, message)
    };
    // Who may not see it is not told whether it is there.
    let project_id = row.as_ref().map(|row| row.project_id);
    let access = asked.project_of(action, project_id, missing()).await?;
    Ok((access, row.ok_or_else(missing)?))
}
