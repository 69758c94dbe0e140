//! `/repositories` and `/projects/{project_name}/repositories`: where artifacts are.

use auth::Action;
use axum::Json;
use axum::response::IntoResponse;
use chrono::Utc;
use http::StatusCode;
use metadata::{Repository, RepositoryFilter};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Result;
use super::extract::{Asked, Body, Names};
use super::json::{Time, is_default};
use super::page::Paging;
use crate::error::Error;

#[derive(Serialize, ToSchema)]
#[schema(as = Repository)]
struct RepositoryBody {
    id: i64,
    project_id: i64,
    name: String,
    #[serde(skip_serializing_if = "is_default")]
    description: String,
    artifact_count: u64,
    pull_count: u64,
    creation_time: Time,
    update_time: Time,
}

impl From<Repository> for RepositoryBody {
    fn from(repository: Repository) -> Self {
        Self {
            id: repository.id,
            project_id: repository.project_id,
            name: repository.name,
            description: repository.description,
            artifact_count: repository.artifact_count,
            pull_count: repository.pull_count,
            creation_time: repository.created_at.into(),
            update_time: repository.updated_at.into(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct RepositoryChange {
    #[serde(default)]
    description: String,
}

/// The repositories of all projects the caller may see.
#[utoipa::path(
    get,
    path = "/repositories",
    operation_id = "listAllRepositories",
    tag = "repository",
    params(Paging),
    responses((status = 200, body = [RepositoryBody])),
)]
pub(super) async fn list(asked: Asked, paging: Paging) -> Result {
    let visible_to = asked.visibility().await?;
    let filter = RepositoryFilter {
        project_id: None,
        visible_to,
    };
    let found = asked
        .state
        .db()
        .list_repositories(&filter, &paging.page)
        .await
        .map_err(Error::of_metadata)?;
    let bodies: Vec<RepositoryBody> = found.items.into_iter().map(RepositoryBody::from).collect();
    Ok(paging.answer(&bodies, found.total))
}

/// A project's repositories.
#[utoipa::path(
    get,
    path = "/projects/{project}/repositories",
    operation_id = "listRepositories",
    tag = "repository",
    params(Paging),
    responses((status = 200, body = [RepositoryBody])),
)]
pub(super) async fn list_in_project(
    asked: Asked,
    Names(project): Names<String>,
    paging: Paging,
) -> Result {
    let access = asked
        .named_project(Action::RepositoryList, &project)
        .await?;
    let found = asked
        .state
        .registry()
        .repositories(&access, &paging.page)
        .await
        .map_err(Error::of_management)?;
    let bodies: Vec<RepositoryBody> = found.items.into_iter().map(RepositoryBody::from).collect();
    Ok(paging.answer(&bodies, found.total))
}

/// A repository.
#[utoipa::path(
    get,
    path = "/projects/{project}/repositories/{repository}",
    operation_id = "getRepository",
    tag = "repository",
    responses((status = 200, body = RepositoryBody)),
)]
pub(super) async fn get(asked: Asked, Names((project, path)): Names<(String, String)>) -> Result {
    let (access, name) = asked
        .repository(Action::RepositoryRead, &project, &path)
        .await?;
    let repository = asked
        .state
        .registry()
        .find_repository(&access, &name)
        .await
        .map_err(Error::of_management)?;
    Ok(Json(RepositoryBody::from(repository)).into_response())
}

/// Sets a repository's description.
#[utoipa::path(
    put,
    path = "/projects/{project}/repositories/{repository}",
    operation_id = "updateRepository",
    tag = "repository",
    request_body = RepositoryChange,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Names((project, path)): Names<(String, String)>,
    Body(change): Body<RepositoryChange>,
) -> Result<StatusCode> {
    let (access, name) = asked
        .repository(Action::RepositoryUpdate, &project, &path)
        .await?;
    let described = asked
        .state
        .registry()
        .describe_repository(&access, &name, &change.description, Utc::now())
        .await;
    described
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// Removes a repository with all its artifacts.
#[utoipa::path(
    delete,
    path = "/projects/{project}/repositories/{repository}",
    operation_id = "deleteRepository",
    tag = "repository",
    responses((status = 200)),
)]
pub(super) async fn delete(
    asked: Asked,
    Names((project, path)): Names<(String, String)>,
) -> Result<StatusCode> {
    let (access, name) = asked.repository(Action::Delete, &project, &path).await?;
    let deleted = asked
        .state
        .registry()
        .delete_repository(&access, &name)
        .await;
    deleted
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}
