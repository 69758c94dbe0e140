//! `/system/gc`: what nothing needs removed, by hand or by a schedule.

use auth::SystemAction;
use axum::Json;
use axum::response::IntoResponse;
use chrono::Utc;
use http::StatusCode;
use metadata::AuditEvent;
use registry::{CollectionRequest, When};

use super::Result;
use super::extract::{Asked, Body, Names};
use super::page::Paging;
use super::runs::{self, RunBody, ScheduleBody, ScheduleRequest};
use crate::error::Error;
use crate::openapi::Created;

const JOB: &str = "GARBAGE_COLLECTION";
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
    let access = asked.system(SystemAction::GarbageCollectionList).await?;
    let found = asked
        .state
        .registry()
        .collections(&access, &paging.page)
        .await;
    let found = found.map_err(Error::of_management)?;
    let bodies: Vec<RunBody> = found
        .items
        .into_iter()
        .map(|run| RunBody::of(JOB, run))
        .collect();
    Ok(paging.answer(&bodies, found.total))
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
    let access = asked.system(SystemAction::GarbageCollectionRead).await?;
    let found = asked.state.registry().collection_schedule(&access).await;
    let found = found.map_err(Error::of_management)?;
    let body = found.map(ScheduleBody::from).unwrap_or_default();
    Ok(Json(body).into_response())
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
    let access = asked.system(action).await?;
    let now = Utc::now();
    let (kind, when, parameters) = request.parsed()?;
    asked.about(&kind);
    let registry = asked.state.registry();
    let what = || CollectionRequest::parse(&parameters).map_err(Error::of_management);
    match when {
        When::Never => registry
            .unschedule_collection(&access)
            .await
            .map(|()| None)
            .map_err(Error::of_management),
        When::Now => {
            asked.is(AuditEvent::CreateGarbageCollection);
            let begun = registry.collect_now(&access, &what()?, now).await;
            begun.map(Some).map_err(Error::of_management)
        }
        When::Every(every, cron) => {
            let what = what()?;
            let set = registry.schedule_collection(&access, &every, &cron, &what, now);
            set.await.map(|()| None).map_err(Error::of_management)
        }
    }
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
    let access = asked.system(SystemAction::GarbageCollectionRead).await?;
    let found = asked.state.registry().find_collection(&access, id).await;
    let found = found.map_err(Error::of_management)?;
    Ok(Json(RunBody::of(JOB, found)).into_response())
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
    let access = asked.system(SystemAction::GarbageCollectionStop).await?;
    asked.about(&id.to_string());
    let stopped = asked
        .state
        .registry()
        .stop_collection(&access, id, Utc::now())
        .await;
    stopped
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
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
    let access = asked.system(SystemAction::GarbageCollectionRead).await?;
    let found = asked.state.registry().find_collection(&access, id).await;
    let found = found.map_err(Error::of_management)?;
    runs::log(found.log)
}
