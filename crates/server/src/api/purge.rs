//! `/system/purgeaudit`: the audit log made shorter, by hand or by a schedule.

use auth::SystemAction;
use axum::Json;
use axum::response::IntoResponse;
use chrono::Utc;
use http::header::CONTENT_TYPE;
use http::{StatusCode, Uri};
use metadata::{AuditEvent, Execution, Schedule};
use registry::{PurgeRequest, PurgeSetting};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Result;
use super::extract::{Asked, Body, Names};
use super::json::{Time, is_default};
use super::page::Paging;
use super::{PREFIX, created};
use crate::error::{Error, harbor};
use crate::openapi::Created;

const JOB: &str = "PURGE_AUDIT_LOG";

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = ScheduleObj)]
struct WhenBody {
    /// `Hourly`, `Daily`, `Weekly`, `Custom` or `Schedule`, by `cron`; `Manual` at once; `None` no more.
    #[serde(rename = "type", default, skip_serializing_if = "is_default")]
    kind: String,
    /// Six fields, the first of them (seconds) 0, in UTC.
    #[serde(default, skip_serializing_if = "is_default")]
    cron: String,
    #[serde(skip_deserializing, skip_serializing_if = "Option::is_none")]
    next_scheduled_time: Option<Time>,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = Schedule)]
pub(super) struct ScheduleRequest {
    schedule: Option<WhenBody>,
    /// `audit_retention_hour`: entries older than that go. `include_event_types`: those of these events, with commas
    /// between. `dry_run`: they are only counted.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Map<String, Value>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExecHistory)]
struct RunBody {
    id: i64,
    job_name: &'static str,
    /// `MANUAL` or `SCHEDULE`.
    job_kind: String,
    /// What it was given, as JSON.
    job_parameters: String,
    schedule: WhenBody,
    job_status: &'static str,
    creation_time: Time,
    update_time: Time,
}

impl From<Execution> for RunBody {
    fn from(run: Execution) -> Self {
        Self {
            id: run.id,
            job_name: JOB,
            schedule: WhenBody {
                kind: run.begun_by.clone(),
                cron: String::new(),
                next_scheduled_time: None,
            },
            job_kind: run.begun_by,
            job_parameters: run.parameters,
            job_status: run.status.as_str(),
            creation_time: run.created_at.into(),
            update_time: run.updated_at.into(),
        }
    }
}

/// A schedule, in the form of a run; nothing at all where there is none.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = PurgeSchedule)]
struct ScheduleBody {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<i64>,
    /// Its cron.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_kind: Option<String>,
    /// What its runs are given, as JSON.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_parameters: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schedule: Option<WhenBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creation_time: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    update_time: Option<Time>,
}

impl From<Schedule> for ScheduleBody {
    fn from(schedule: Schedule) -> Self {
        Self {
            id: Some(schedule.id),
            job_kind: Some(schedule.cron.clone()),
            job_parameters: Some(schedule.parameters),
            schedule: Some(WhenBody {
                kind: schedule.every,
                cron: schedule.cron,
                next_scheduled_time: Some(schedule.next_at.into()),
            }),
            creation_time: Some(schedule.created_at.into()),
            update_time: Some(schedule.updated_at.into()),
        }
    }
}

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
    let bodies: Vec<RunBody> = found.items.into_iter().map(RunBody::from).collect();
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
    Ok(match begun {
        Some(id) => created(&Uri::from_static("/system/purgeaudit"), id),
        // Harbor's answer, with no number in it.
        None => (
            StatusCode::CREATED,
            [(
                http::header::LOCATION,
                format!("{PREFIX}/system/purgeaudit/0"),
            )],
        )
            .into_response(),
    })
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
    let when = request
        .schedule
        .ok_or_else(|| bad("schedule cann't be empty"))?;
    let setting = PurgeSetting::parse(&when.kind, &when.cron, now).map_err(Error::of_management)?;
    asked.about(&when.kind);
    let registry = asked.state.registry();
    let parameters = request.parameters.unwrap_or_default();
    let what = || match parameters.is_empty() {
        true => Err(bad("schedule parameter cann't be empty")),
        false => PurgeRequest::parse(&parameters).map_err(Error::of_management),
    };
    match setting {
        PurgeSetting::Never => registry
            .unschedule_purge(&access)
            .await
            .map(|()| None)
            .map_err(Error::of_management),
        PurgeSetting::Now => {
            asked.is(AuditEvent::CreatePurgeAudit);
            let begun = registry.purge_now(&access, &what()?, now).await;
            begun.map(Some).map_err(Error::of_management)
        }
        PurgeSetting::Every(every, cron) => {
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
    Ok(Json(RunBody::from(found)).into_response())
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
    let plain = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((plain, found.log).into_response())
}

/// In Harbor's words.
fn bad(message: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
}
