//! `/search`: projects and repositories by a part of their names, among those the caller may see.

use axum::Json;
use axum::response::{IntoResponse, Response};
use metadata::{Filter, Page, ProjectFilter, RepositoryFilter, Test};
use serde::Serialize;
use utoipa::ToSchema;

use super::Result;
use super::extract::{Asked, Parameters};
use super::projects::ProjectBody;
use crate::error::Error;

/// Harbor answers with all there are; nobody reads more than this.
const MOST: u64 = 100;

#[derive(Serialize, ToSchema)]
#[schema(as = Search)]
struct SearchBody {
    project: Vec<ProjectBody>,
    repository: Vec<FoundRepository>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SearchRepository)]
struct FoundRepository {
    project_id: i64,
    project_name: String,
    project_public: bool,
    repository_name: String,
    pull_count: u64,
    artifact_count: u64,
}

/// Projects and repositories by a part of their names.
///
/// Of each at most a hundred, among those the caller may see.
#[utoipa::path(
    get,
    path = "/search",
    operation_id = "search",
    tag = "search",
    params(("q" = Option<String>, Query, description = "A part of the name")),
    responses((status = 200, body = SearchBody)),
)]
pub(super) async fn get(asked: Asked, parameters: Parameters) -> Result<Response> {
    let part = parameters.text("q").unwrap_or_default();
    let visible_to = asked.visibility().await?;
    let db = asked.state.db();
    let page = Page {
        size: MOST,
        ..Page::all()
    };
    let filter = ProjectFilter {
        visible_to: visible_to.clone(),
        name_contains: Some(part.to_owned()),
        is_public: None,
        owner: None,
    };
    let projects = db
        .list_projects(&filter, &page)
        .await
        .map_err(Error::of_metadata)?;
    let named = Filter {
        key: "name".to_owned(),
        test: Test::Contains(part.to_owned()),
    };
    let page = Page {
        filter: vec![named],
        ..page
    };
    let filter = RepositoryFilter {
        project_id: None,
        visible_to,
    };
    let repositories = db
        .list_repositories(&filter, &page)
        .await
        .map_err(Error::of_metadata)?;
    let mut body = SearchBody {
        project: Vec::new(),
        repository: Vec::new(),
    };
    for project in &projects.items {
        body.project.push(ProjectBody::of(&asked, project).await?);
    }
    for repository in repositories.items {
        let project = db
            .find_project_by_id(repository.project_id)
            .await
            .map_err(Error::of_metadata)?;
        body.repository
            .extend(project.map(|project| FoundRepository {
                project_id: project.id,
                project_name: project.name.clone(),
                project_public: project.is_public,
                repository_name: repository.name,
                pull_count: repository.pull_count,
                artifact_count: repository.artifact_count,
            }));
    }
    Ok(Json(body).into_response())
}
