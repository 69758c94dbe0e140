//! `/systeminfo`: what the server says of itself; little to strangers, more to who signed in.

use auth::SystemAction;
use auth::settings::PROJECT_CREATION;
use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Serialize;
use serde_json::json;

use super::Result;
use super::extract::Asked;
use super::json::Time;
use crate::error::Error;

/// The Harbor whose API this is: clients choose by it what they call.
const HARBOR_VERSION: &str = "v2.15.2";

#[derive(Serialize)]
struct InfoBody {
    auth_mode: &'static str,
    primary_auth_mode: bool,
    self_registration: bool,
    banner_message: &'static str,
    oidc_provider_name: &'static str,
    #[serde(flatten)]
    more: Option<More>,
}

#[derive(Serialize)]
struct More {
    harbor_version: String,
    registry_url: String,
    external_url: String,
    project_creation_restriction: String,
    has_ca_root: bool,
    read_only: bool,
    registry_storage_provider_name: &'static str,
    notification_enable: bool,
    current_time: Time,
}

/// What clients ask before they sign in, and after.
pub(super) async fn get(asked: Asked) -> Result {
    let more = if asked.caller.identity.is_anonymous() {
        None
    } else {
        Some(more(&asked).await?)
    };
    let body = InfoBody {
        auth_mode: "db_auth",
        primary_auth_mode: false,
        self_registration: false,
        banner_message: "",
        oidc_provider_name: "",
        more,
    };
    Ok(Json(body).into_response())
}

async fn more(asked: &Asked) -> Result<More> {
    let config = asked.state.config();
    let url = &config.external_url;
    let restriction = asked.state.auth().setting(PROJECT_CREATION);
    Ok(More {
        harbor_version: format!("{HARBOR_VERSION}-roadstead.{}", config.version),
        registry_url: url[url::Position::BeforeHost..url::Position::AfterPort].to_owned(),
        external_url: url.as_str().trim_end_matches('/').to_owned(),
        project_creation_restriction: restriction.await.map_err(Error::of_auth_failure)?,
        has_ca_root: false,
        read_only: false,
        registry_storage_provider_name: "filesystem",
        notification_enable: false,
        current_time: Utc::now().into(),
    })
}

/// `GET /systeminfo/volumes`: how much room there is, for administrators.
pub(super) async fn volumes(asked: Asked) -> Result<Response> {
    let access = asked.system(SystemAction::SystemVolumesRead).await?;
    let room = asked
        .state
        .registry()
        .room(&access)
        .await
        .map_err(Error::of_management)?;
    Ok(
        Json(json!({ "storage": [{ "total": room.total_bytes, "free": room.free_bytes }] }))
            .into_response(),
    )
}
