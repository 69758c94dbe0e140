//! `/registries/{id}/drill`: an upstream treated as down for a while, to see what its projects do without it.

use auth::SystemAction;
use axum::Json;
use axum::response::IntoResponse;
use chrono::{DateTime, Utc};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::Result;
use crate::api::extract::{Asked, Body, Names};
use crate::api::json::Time;
use crate::error::{Error, harbor};

#[derive(Deserialize, ToSchema)]
#[schema(as = DrillReq)]
pub(super) struct Draft {
    /// When it ends by itself, within the next 7 days.
    #[schema(format = DateTime)]
    until: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Drill)]
struct DrillBody {
    /// Until when the endpoint is treated as down; left out where it is not.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Time>,
    /// `false`: a drill is not saved, and a restart ends it.
    survives_restart: bool,
}

impl DrillBody {
    fn of(until: Option<DateTime<Utc>>) -> Self {
        Self {
            until: until.map(Time::from),
            survives_restart: false,
        }
    }
}

/// Whether an outage drill of an endpoint is under way, and until when.
#[utoipa::path(
    get,
    path = "/registries/{id}/drill",
    operation_id = "getDrill",
    tag = "drill",
    responses((status = 200, body = DrillBody)),
)]
pub(super) async fn get(asked: Asked, Names(id): Names<i64>) -> Result {
    let access = asked.system(SystemAction::RegistryRead).await?;
    let registry = asked.state.registry();
    let until = registry.drill(&access, id, Utc::now()).await;
    let until = until.map_err(Error::of_management)?;
    Ok(Json(DrillBody::of(until)).into_response())
}

/// Treats an endpoint as down until a time.
///
/// Nothing is sent to it: what is cached is served as in an outage, what is not is refused as in one. A restart ends it.
#[utoipa::path(
    put,
    path = "/registries/{id}/drill",
    operation_id = "startDrill",
    tag = "drill",
    request_body = Draft,
    responses((status = 200, body = DrillBody)),
)]
pub(super) async fn start(asked: Asked, Names(id): Names<i64>, Body(draft): Body<Draft>) -> Result {
    let access = asked.system(SystemAction::RegistryUpdate).await?;
    let until = DateTime::parse_from_rfc3339(draft.until.trim()).map_err(|_| {
        let message = format!(
            "until must be a time such as 2026-01-31T12:00:00Z, not {:?}",
            draft.until
        );
        Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
    })?;
    let (until, now) = (until.with_timezone(&Utc), Utc::now());
    let started = asked.state.registry().start_drill(&access, id, until, now);
    started.await.map_err(Error::of_management)?;
    Ok(Json(DrillBody::of(Some(until))).into_response())
}

/// Ends an outage drill, if one is under way.
#[utoipa::path(
    delete,
    path = "/registries/{id}/drill",
    operation_id = "endDrill",
    tag = "drill",
    responses((status = 200)),
)]
pub(super) async fn end(asked: Asked, Names(id): Names<i64>) -> Result<StatusCode> {
    let access = asked.system(SystemAction::RegistryUpdate).await?;
    let ended = asked.state.registry().end_drill(&access, id).await;
    ended.map(|()| StatusCode::OK).map_err(Error::of_management)
}
