//! `/statistics`: how much there is.

use auth::SystemAction;
use axum::Json;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Result;
use super::extract::Asked;
use crate::error::Error;

#[derive(Default, Serialize, ToSchema)]
#[schema(as = Statistic)]
struct StatisticBody {
    private_project_count: u64,
    private_repo_count: u64,
    public_project_count: u64,
    public_repo_count: u64,
    /// For administrators; else 0, as the two below.
    total_project_count: u64,
    total_repo_count: u64,
    /// What all blobs come to on the disk.
    total_storage_consumption: u64,
}

/// How many projects and repositories there are, as far as the caller may see them.
#[utoipa::path(
    get,
    path = "/statistics",
    operation_id = "getStatistic",
    tag = "statistic",
    responses((status = 200, body = StatisticBody)),
)]
pub(super) async fn get(asked: Asked) -> Result<Response> {
    let access = asked.system(SystemAction::StatisticsRead).await?;
    let visible_to = asked.visibility().await?;
    let found = asked
        .state
        .registry()
        .statistics(&access, &visible_to)
        .await
        .map_err(Error::of_management)?;
    let counts = found.counts;
    let mut body = StatisticBody {
        private_project_count: counts.private_projects,
        private_repo_count: counts.private_repositories,
        public_project_count: counts.public_projects,
        public_repo_count: counts.public_repositories,
        ..StatisticBody::default()
    };
    if let Some(stored_bytes) = found.stored_bytes {
        body.total_project_count = counts.private_projects + counts.public_projects;
        body.total_repo_count = counts.private_repositories + counts.public_repositories;
        body.total_storage_consumption = stored_bytes;
    }
    Ok(Json(body).into_response())
}
