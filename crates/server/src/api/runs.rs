//! What runs and schedules of the system's jobs look like, and what is asked of them: purges and garbage collections alike.

use auth::SystemAction;
use axum::Json;
use axum::response::IntoResponse;
use chrono::Utc;
use http::header::{CONTENT_TYPE, LOCATION};
use http::{StatusCode, Uri};
use metadata::{AuditEvent, Execution, Schedule};
use registry::{SystemJob, SystemRequest, When};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::extract::Asked;
use super::json::{Time, is_default};
use super::page::Paging;
use super::{PREFIX, Result, created};
use crate::error::{Error, harbor};

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = ScheduleObj)]
pub(super) struct WhenBody {
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
    /// What runs are given. Of purges: `audit_retention_hour`, entries older than that go; `include_event_types`, those of
    /// these events, with commas between. Of garbage collections: `delete_untagged`, `workers`. Of both: `dry_run`.
    #[schema(value_type = Option<Object>)]
    parameters: Option<Map<String, Value>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ExecHistory)]
pub(super) struct RunBody {
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

impl RunBody {
    pub(super) fn of(job_name: &'static str, run: Execution) -> Self {
        Self {
            id: run.id,
            job_name,
            schedule: WhenBody {
                kind: as_asked_for(&run.begun_by).to_owned(),
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

/// How a run was begun, in the words with which that is asked for: clients read nothing else in a `schedule`.
fn as_asked_for(begun_by: &str) -> &'static str {
    match begun_by {
        "MANUAL" => "Manual",
        _ => "Schedule",
    }
}

/// A schedule, in the form of a run; nothing at all where there is none.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = ExecSchedule)]
pub(super) struct ScheduleBody {
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

impl ScheduleRequest {
    /// When, in the request's own word too, and with what.
    pub(super) fn parsed(self) -> Result<(String, When, Map<String, Value>)> {
        let when = self
            .schedule
            .ok_or_else(|| bad("schedule cann't be empty"))?;
        let parsed = When::parse(&when.kind, &when.cron, Utc::now());
        Ok((
            when.kind,
            parsed.map_err(Error::of_management)?,
            self.parameters.unwrap_or_default(),
        ))
    }
}

/// A page of a job's runs.
pub(super) async fn list(asked: &Asked, job: SystemJob, paging: &Paging) -> Result {
    let access = asked.system(job.actions().list).await?;
    let registry = asked.state.registry();
    let found = registry.system_jobs(&access, job, &paging.page).await;
    let found = found.map_err(Error::of_management)?;
    let bodies: Vec<RunBody> = found
        .items
        .into_iter()
        .map(|run| RunBody::of(job.name(), run))
        .collect();
    Ok(paging.answer(&bodies, found.total))
}

/// A job's schedule.
pub(super) async fn schedule(asked: &Asked, job: SystemJob) -> Result {
    let access = asked.system(job.actions().read).await?;
    let found = asked.state.registry().system_schedule(&access, job).await;
    let found = found.map_err(Error::of_management)?;
    let body = found.map(ScheduleBody::from).unwrap_or_default();
    Ok(Json(body).into_response())
}

/// A request for a run or a schedule; the number of the run that was begun, where one was. `what` reads its parameters,
/// which only a run needs, and `begins` is the event of a run begun by hand.
pub(super) async fn set(
    asked: &Asked,
    job: SystemJob,
    action: SystemAction,
    request: ScheduleRequest,
    begins: AuditEvent,
    what: impl FnOnce(&Map<String, Value>) -> Result<SystemRequest>,
) -> Result<Option<i64>> {
    let access = asked.system(action).await?;
    let now = Utc::now();
    let (kind, when, parameters) = request.parsed()?;
    asked.about(&kind);
    let registry = asked.state.registry();
    match when {
        When::Never => registry
            .unschedule_system_job(&access, job)
            .await
            .map(|()| None)
            .map_err(Error::of_management),
        When::Now => {
            asked.is(begins);
            let what = what(&parameters)?;
            let begun = registry.begin_system_job(&access, &what, now);
            begun.await.map(Some).map_err(Error::of_management)
        }
        When::Every(every, cron) => {
            let what = what(&parameters)?;
            let set = registry.schedule_system_job(&access, &every, &cron, &what, now);
            set.await.map(|()| None).map_err(Error::of_management)
        }
    }
}

/// One run of a job.
pub(super) async fn get(asked: &Asked, job: SystemJob, id: i64) -> Result {
    let found = find(asked, job, id).await?;
    Ok(Json(RunBody::of(job.name(), found)).into_response())
}

/// Stops a run.
pub(super) async fn stop(asked: &Asked, job: SystemJob, id: i64) -> Result<StatusCode> {
    let access = asked.system(job.actions().stop).await?;
    asked.about(&id.to_string());
    let registry = asked.state.registry();
    let stopped = registry.stop_system_job(&access, job, id, Utc::now()).await;
    stopped
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// The log of one run of a job.
pub(super) async fn log_of(asked: &Asked, job: SystemJob, id: i64) -> Result {
    log(find(asked, job, id).await?.log)
}

async fn find(asked: &Asked, job: SystemJob, id: i64) -> Result<Execution> {
    let access = asked.system(job.actions().read).await?;
    let found = asked.state.registry().system_job(&access, job, id).await;
    found.map_err(Error::of_management)
}

/// To a `POST` that set a schedule, or began a run of that number.
pub(super) fn was_set(path: &'static str, begun: Option<i64>) -> Result {
    Ok(match begun {
        Some(id) => created(&Uri::from_static(path), id),
        // Harbor's answer, with no number in it.
        None => {
            let location = format!("{PREFIX}{path}/0");
            (StatusCode::CREATED, [(LOCATION, location)]).into_response()
        }
    })
}

/// A run's log.
pub(super) fn log(text: String) -> Result {
    let plain = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    Ok((plain, text).into_response())
}

/// In Harbor's words.
pub(super) fn bad(message: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
}
