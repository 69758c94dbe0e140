//! `/system/purgeaudit`: the audit log made shorter, by hand or by a schedule.

use auth::SystemAction;
use axum::Json;
use axum::response::IntoResponse;
use chrono::Utc;
use http::StatusCode;
use metadata::AuditEvent;
use registry::{PurgeRequest, When};

use super::Result;
use super::extract::{Asked, Body, Names};
use super::page::Paging;
use super::runs::{self, RunBody, ScheduleBody, ScheduleRequest};
use crate::error::Error;
use crate::openapi::Created;

const JOB: &str = "PURGE_AUDIT_LOG";
const PATH: &str = "/system/purgeaudit";

/// Purges of the audit log, done and running.
#[utoipa::path(
    get,
    path = "/system/purgeaudit",
    operation_id = "getPurgeHistory",
    tag = "purge",
    params(Paging),
    responses((status = 200, body = [RunBody])),
)]
pub(super) async fn list(asked: Asked, paging: Paging) -> Result {
    let access = asked.system(SystemAction::PurgeAuditList).await?;
    let found = asked.state.registry().purges(&access, &paging.page).await;
    let found = found.map_err(Error::of_management)?;
    let bodies: Vec<RunBody> = found
        .items
        .into_iter()
        .map(|run| RunBody::of(JOB, run))
        .collect();
    Ok(paging.answer(&bodies, found.total))
}

/// When the audit log is purged by itself.
#[utoipa::path(
    get,
    path = "/system/purgeaudit/schedule",
    operation_id = "getPurgeSchedule",
    tag = "purge",
    responses((status = 200, body = ScheduleBody, description = "The schedule; `{}` where there is none")),
)]
pub(super) async fn schedule(asked: Asked) -> Result {
    let access = asked.system(SystemAction::PurgeAuditRead).await?;
    let found = asked.state.registry().purge_schedule(&access).await;
    let found = found.map_err(Error::of_management)?;
    let body = found.map(ScheduleBody::from).unwrap_or_default();
    Ok(Json(body).into_response())
}

/// Purges the audit log at once, or says when it is purged by itself.
#[utoipa::path(
    post,
    path = "/system/purgeaudit/schedule",
    operation_id = "createPurgeSchedule",
    tag = "purge",
    request_body = ScheduleRequest,
    responses(Created),
)]
pub(super) async fn create_schedule(asked: Asked, Body(request): Body<ScheduleRequest>) -> Result {
    let begun = set(&asked, SystemAction::PurgeAuditCreate, request).await?;
    runs::was_set(PATH, begun)
}

/// Says when the audit log is purged by itself, or purges it at once.
#[utoipa::path(
    put,
    path = "/system/purgeaudit/schedule",
    operation_id = "updatePurgeSchedule",
    tag = "purge",
    request_body = ScheduleRequest,
    responses((status = 200)),
)]
pub(super) async fn update_schedule(
    asked: Asked,
    Body(request): Body<ScheduleRequest>,
) -> Result<StatusCode> {
    set(&asked, SystemAction::PurgeAuditUpdate, request).await?;
    Ok(StatusCode::OK)
}

/// The number of the purge that was begun, where one was.
async fn set(asked: &Asked, action: SystemAction, request: ScheduleRequest) -> Result<Option<i64>> {
    let access = asked.system(action).await?;
    let now = Utc::now();
    let (kind, when, parameters) = request.parsed()?;
    asked.about(&kind);
    let registry = asked.state.registry();
    let what = || match parameters.is_empty() {
        true => Err(runs::bad("schedule parameter cann't be empty")),
        false => PurgeRequest::parse(&parameters).map_err(Error::of_management),
    };
    match when {
        When::Never => registry
            .unschedule_purge(&access)
            .await
            .map(|()| None)
            .map_err(Error::of_management),
        When::Now => {
            asked.is(AuditEvent::CreatePurgeAudit);
            let begun = registry.purge_now(&access, &what()?, now).await;
            begun.map(Some).map_err(Error::of_management)
        }
        When::Every(every, cron) => {
            let what = what()?;
            let set = registry.schedule_purge(&access, &every, &cron, &what, now);
            set.await.map(|()| None).map_err(Error::of_management)
        }
    }
}

/// A purge of the audit log.
#[utoipa::path(
    get,
    path = "/system/purgeaudit/{purge_id}",
    operation_id = "getPurgeJob",
    tag = "purge",
    responses((status = 200, body = RunBody)),
)]
pub(super) async fn get(asked: Asked, Names(id): Names<i64>) -> Result {
    let access = asked.system(SystemAction::PurgeAuditRead).await?;
    let found = asked.state.registry().find_purge(&access, id).await;
    let found = found.map_err(Error::of_management)?;
    Ok(Json(RunBody::of(JOB, found)).into_response())
}

/// Stops a purge; what it has deleted stays so.
#[utoipa::path(
    put,
    path = "/system/purgeaudit/{purge_id}",
    operation_id = "stopPurge",
    tag = "purge",
    responses((status = 200)),
)]
pub(super) async fn stop(asked: Asked, Names(id): Names<i64>) -> Result<StatusCode> {
    let access = asked.system(SystemAction::PurgeAuditStop).await?;
    asked.about(&id.to_string());
    let stopped = asked
        .state
        .registry()
        .stop_purge(&access, id, Utc::now())
        .await;
    stopped
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// What a purge has to tell.
#[utoipa::path(
    get,
    path = "/system/purgeaudit/{purge_id}/log",
    operation_id = "getPurgeJobLog",
    tag = "purge",
    responses((status = 200, body = String, content_type = "text/plain")),
)]
pub(super) async fn log(asked: Asked, Names(id): Names<i64>) -> Result {
    let access = asked.system(SystemAction::PurgeAuditRead).await?;
    let found = asked.state.registry().find_purge(&access, id).await;
    let found = found.map_err(Error::of_management)?;
    runs::log(found.log)
}
