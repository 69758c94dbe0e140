//! `/system/purgeaudit`: the audit log made shorter, by hand or by a schedule.

use auth::SystemAction;
use http::StatusCode;
use metadata::AuditEvent;
use registry::{PurgeRequest, SystemJob, SystemRequest};
use serde_json::{Map, Value};

use super::Result;
use super::extract::{Asked, Body, Names};
use super::page::Paging;
use super::runs::{self, RunBody, ScheduleBody, ScheduleRequest};
use crate::error::Error;
use crate::openapi::Created;

const JOB: SystemJob = SystemJob::Purge;
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
    runs::list(&asked, JOB, &paging).await
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
    runs::schedule(&asked, JOB).await
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
    let what = |parameters: &Map<String, Value>| match parameters.is_empty() {
        true => Err(runs::bad("schedule parameter cann't be empty")),
        false => PurgeRequest::parse(parameters)
            .map(SystemRequest::Purge)
            .map_err(Error::of_management),
    };
    runs::set(
        asked,
        JOB,
        action,
        request,
        AuditEvent::CreatePurgeAudit,
        what,
    )
    .await
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
    runs::get(&asked, JOB, id).await
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
    runs::stop(&asked, JOB, id).await
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
    runs::log_of(&asked, JOB, id).await
}
