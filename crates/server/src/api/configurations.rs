//! `/configurations`: the system's settings, for administrators.

use std::collections::BTreeMap;

use auth::SystemAction;
use axum::Json;
use axum::response::IntoResponse;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::Result;
use super::extract::{Asked, Body};
use crate::error::Error;

#[derive(Serialize, ToSchema)]
#[schema(as = ConfigItem)]
struct ItemBody {
    /// Text, a whole number, `true` or `false`.
    value: Value,
    /// Whether it can be changed.
    editable: bool,
}

/// The system's settings by Harbor's keys, but for the secret ones.
#[utoipa::path(
    get,
    path = "/configurations",
    operation_id = "getConfigurations",
    tag = "configure",
    responses((status = 200, body = BTreeMap<String, ItemBody>)),
)]
pub(super) async fn list(asked: Asked) -> Result {
    let access = asked.system(SystemAction::ConfigurationRead).await?;
    let settings = asked.state.registry().configuration(&access).await;
    let settings = settings.map_err(Error::of_management)?;
    let items = settings.into_iter().map(|setting| {
        let item = ItemBody {
            value: setting.value,
            editable: setting.is_editable,
        };
        (setting.key, item)
    });
    Ok(Json(items.collect::<BTreeMap<_, _>>()).into_response())
}

/// Changes the settings that are given.
///
/// All of them or, where one is refused, none; those that are not given stay. Keys that nobody knows are ignored.
#[utoipa::path(
    put,
    path = "/configurations",
    operation_id = "updateConfigurations",
    tag = "configure",
    request_body = BTreeMap<String, Value>,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Body(settings): Body<Map<String, Value>>,
) -> Result<StatusCode> {
    let keys: Vec<&str> = settings.keys().map(String::as_str).collect();
    asked.about(&keys.join(","));
    let access = asked.system(SystemAction::ConfigurationUpdate).await?;
    let configured = asked.state.registry().configure(&access, &settings).await;
    configured
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}
