//! `/system/gc`: what nothing needs removed, by hand or by a schedule.

use auth::SystemAction;
use http::StatusCode;
use metadata::AuditEvent;
use registry::{CollectionRequest, SystemJob, SystemRequest};
use serde_json::{Map, Value};

use super::Result;
use super::extract::{Asked, Body, Names};
use super::page::Paging;
use super::runs::{self, RunBody, ScheduleBody, ScheduleRequest};
use crate::error::Error;
use crate::openapi::Created;

const JOB: SystemJob = SystemJob::Collection;
const PATH: &str = "/system/gc";

/// Garbage collections, done and running.
#[utoipa::path(
    get,
    path = "/system/gc",
    operation_id = "getGCHistory",
    tag = "gc",
    params(Paging),
    responses((status = 200, body = [RunBody])),
)]
pub(super) async fn list(asked: Asked, paging: Paging) -> Result {
    runs::list(&asked, JOB, &paging).await
}

/// When garbage is collected by itself.
#[utoipa::path(
    get,
    path = "/system/gc/schedule",
    operation_id = "getGCSchedule",
    tag = "gc",
    responses((status = 200, body = ScheduleBody, description = "The schedule; `{}` where there is none")),
)]
pub(super) async fn schedule(asked: Asked) -> Result {
    runs::schedule(&asked, JOB).await
}

/// Collects garbage at once, or says when it is collected by itself.
#[utoipa::path(
    post,
    path = "/system/gc/schedule",
    operation_id = "createGCSchedule",
    tag = "gc",
    request_body = ScheduleRequest,
    responses(Created),
)]
pub(super) async fn create_schedule(asked: Asked, Body(request): Body<ScheduleRequest>) -> Result {
    let begun = set(&asked, SystemAction::GarbageCollectionCreate, request).await?;
    runs::was_set(PATH, begun)
}

/// Says when garbage is collected by itself, or collects it at once.
#[utoipa::path(
    put,
    path = "/system/gc/schedule",
    operation_id = "updateGCSchedule",
    tag = "gc",
    request_body = ScheduleRequest,
    responses((status = 200)),
)]
pub(super) async fn update_schedule(
    asked: Asked,
    Body(request): Body<ScheduleRequest>,
) -> Result<StatusCode> {
    set(&asked, SystemAction::GarbageCollectionUpdate, request).await?;
    Ok(StatusCode::OK)
}

/// The number of the collection that was begun, where one was.
async fn set(asked: &Asked, action: SystemAction, request: ScheduleRequest) -> Result<Option<i64>> {
    let what = |parameters: &Map<String, Value>| {
        CollectionRequest::parse(parameters)
            .map(SystemRequest::Collection)
            .map_err(Error::of_management)
    };
    runs::set(
        asked,
        JOB,
        action,
        request,
        AuditEvent::CreateGarbageCollection,
        what,
    )
    .await
}

/// A garbage collection.
#[utoipa::path(
    get,
    path = "/system/gc/{gc_id}",
    operation_id = "getGC",
    tag = "gc",
    responses((status = 200, body = RunBody)),
)]
pub(super) async fn get(asked: Asked, Names(id): Names<i64>) -> Result {
    runs::get(&asked, JOB, id).await
}

/// Stops a garbage collection; what it has removed stays so.
#[utoipa::path(
    put,
    path = "/system/gc/{gc_id}",
    operation_id = "stopGC",
    tag = "gc",
    responses((status = 200)),
)]
pub(super) async fn stop(asked: Asked, Names(id): Names<i64>) -> Result<StatusCode> {
    runs::stop(&asked, JOB, id).await
}

/// What a garbage collection has to tell.
#[utoipa::path(
    get,
    path = "/system/gc/{gc_id}/log",
    operation_id = "getGCLog",
    tag = "gc",
    responses((status = 200, body = String, content_type = "text/plain")),
)]
pub(super) async fn log(asked: Asked, Names(id): Names<i64>) -> Result {
    runs::log_of(&asked, JOB, id).await
}
