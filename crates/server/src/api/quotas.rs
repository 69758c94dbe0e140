//! `/quotas`: how much each project may hold, and does. A quota has its project's number.

use std::collections::BTreeMap;

use auth::SystemAction;
use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use http::StatusCode;
use metadata::Quota;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Result;
use super::extract::{Asked, Body, Names};
use super::json::Time;
use super::page::Paging;
use crate::error::{Error, harbor};

/// What quotas are of.
const PROJECT: &str = "project";
const STORAGE: &str = "storage";

#[derive(Serialize, ToSchema)]
#[schema(as = Quota)]
struct QuotaBody {
    id: i64,
    r#ref: ProjectBody,
    hard: Resources,
    used: Resources,
    creation_time: Time,
    update_time: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = QuotaRefObject)]
struct ProjectBody {
    id: i64,
    name: String,
    owner_name: String,
}

/// By what there is: bytes under `storage`, where -1 is any number.
#[derive(Serialize, ToSchema)]
#[schema(as = ResourceList)]
pub(super) struct Resources {
    storage: i64,
}

impl Resources {
    /// What may be held, and what is.
    pub(super) fn of(quota: &Quota) -> (Self, Self) {
        let bytes = |bytes: u64| Self {
            storage: i64::try_from(bytes).unwrap_or(i64::MAX),
        };
        let hard = quota.limit_bytes.map_or(Self { storage: -1 }, bytes);
        (hard, bytes(quota.used_bytes))
    }
}

impl From<Quota> for QuotaBody {
    fn from(quota: Quota) -> Self {
        let (hard, used) = Resources::of(&quota);
        Self {
            id: quota.project_id,
            r#ref: ProjectBody {
                id: quota.project_id,
                name: quota.project_name,
                owner_name: quota.owner_name,
            },
            hard,
            used,
            creation_time: quota.created_at.into(),
            update_time: quota.updated_at.into(),
        }
    }
}

/// The projects' quotas, for administrators.
///
/// Sorted by `hard.storage` or `used.storage` too.
#[utoipa::path(
    get,
    path = "/quotas",
    operation_id = "listQuotas",
    tag = "quota",
    params(
        Paging,
        ("reference" = Option<String>, Query, description = "What they are of: `project`, and nothing else"),
        ("reference_id" = Option<String>, Query, description = "Only the one of the project of this number"),
    ),
    responses((status = 200, body = Vec<QuotaBody>)),
)]
pub(super) async fn list(asked: Asked, paging: Paging) -> Result {
    let access = asked.system(SystemAction::QuotaList).await?;
    let kind = paging.parameters.text("reference");
    let id = paging.parameters.text("reference_id");
    // No project has the number that is none, and what is no project has no quota.
    let wanted = match (kind.is_none_or(|kind| kind == PROJECT), id) {
        (true, None) => None,
        (true, Some(id)) => Some(id.parse().unwrap_or_default()),
        (false, _) => Some(0),
    };
    let registry = asked.state.registry();
    let found = registry.quotas(&access, wanted, &paging.page).await;
    let found = found.map_err(Error::of_management)?;
    let bodies: Vec<QuotaBody> = found.items.into_iter().map(QuotaBody::from).collect();
    Ok(paging.answer(&bodies, found.total))
}

/// A project's quota.
#[utoipa::path(
    get,
    path = "/quotas/{id}",
    operation_id = "getQuota",
    tag = "quota",
    responses((status = 200, body = QuotaBody)),
)]
pub(super) async fn get(asked: Asked, Names(id): Names<i64>) -> Result<Response> {
    let access = asked.system(SystemAction::QuotaRead).await?;
    let quota = asked.state.registry().quota(&access, id).await;
    let quota = quota.map_err(Error::of_management)?;
    Ok(Json(QuotaBody::from(quota)).into_response())
}

#[derive(Deserialize, ToSchema)]
#[schema(as = QuotaUpdateReq)]
pub(super) struct QuotaRequest {
    /// Bytes under `storage`, where -1 is any number.
    hard: Option<BTreeMap<String, i64>>,
}

/// Changes how much a project may hold.
///
/// Nothing is held to it yet.
#[utoipa::path(
    put,
    path = "/quotas/{id}",
    operation_id = "updateQuota",
    tag = "quota",
    request_body = QuotaRequest,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Names(id): Names<i64>,
    Body(request): Body<QuotaRequest>,
) -> Result<StatusCode> {
    let access = asked.system(SystemAction::QuotaUpdate).await?;
    let project = asked.state.db().find_project_by_id(id).await;
    if let Some(project) = project.map_err(Error::of_metadata)? {
        asked.about(&project.name);
    }
    let hard = request.hard.unwrap_or_default();
    if let Some(other) = hard.keys().find(|resource| *resource != STORAGE) {
        return Err(bad(&format!("resource {other} not support")));
    }
    let storage = hard.get(STORAGE);
    let storage =
        storage.ok_or_else(|| bad("hard required in body: {\"hard\": {\"storage\": bytes}}"))?;
    let set = asked
        .state
        .registry()
        .set_quota(&access, id, *storage, Utc::now());
    set.await
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

fn bad(message: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
}
