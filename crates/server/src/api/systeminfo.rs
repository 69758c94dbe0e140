//! `/systeminfo`: what the server says of itself; little to strangers, more to who signed in.

use auth::SystemAction;
use auth::settings::PROJECT_CREATION;
use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use serde::Serialize;
use utoipa::ToSchema;

use super::Result;
use super::extract::Asked;
use super::json::Time;
use crate::error::Error;

/// The Harbor whose API this is: clients choose by it what they call.
const HARBOR_VERSION: &str = "v2.15.2";

#[derive(Serialize, ToSchema)]
#[schema(as = GeneralInfo)]
struct InfoBody {
    auth_mode: &'static str,
    primary_auth_mode: bool,
    self_registration: bool,
    banner_message: &'static str,
    oidc_provider_name: &'static str,
    #[serde(flatten)]
    #[schema(value_type = More)]
    more: Option<More>,
}

/// For who signed in: strangers get none of it.
#[derive(Serialize, ToSchema)]
#[schema(as = GeneralInfoMore)]
struct More {
    #[schema(required = false)]
    harbor_version: String,
    #[schema(required = false)]
    registry_url: String,
    #[schema(required = false)]
    external_url: String,
    #[schema(required = false)]
    project_creation_restriction: String,
    #[schema(required = false)]
    has_ca_root: bool,
    #[schema(required = false)]
    read_only: bool,
    #[schema(required = false)]
    registry_storage_provider_name: &'static str,
    #[schema(required = false)]
    notification_enable: bool,
    #[schema(required = false)]
    current_time: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = SystemInfo)]
struct VolumesBody {
    storage: [VolumeBody; 1],
}

#[derive(Serialize, ToSchema)]
#[schema(as = Storage)]
struct VolumeBody {
    /// Bytes.
    total: u64,
    /// Bytes.
    free: u64,
}

/// What clients ask before they sign in, and after.
///
/// Strangers are told the first five fields only.
#[utoipa::path(
    get,
    path = "/systeminfo",
    operation_id = "getSystemInfo",
    tag = "systeminfo",
    responses((status = 200, body = InfoBody)),
)]
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

/// How much room there is, for administrators.
#[utoipa::path(
    get,
    path = "/systeminfo/volumes",
    operation_id = "getVolumes",
    tag = "systeminfo",
    responses((status = 200, body = VolumesBody)),
)]
pub(super) async fn volumes(asked: Asked) -> Result<Response> {
    let access = asked.system(SystemAction::SystemVolumesRead).await?;
    let room = asked
        .state
        .registry()
        .room(&access)
        .await
        .map_err(Error::of_management)?;
    let storage = [VolumeBody {
        total: room.total_bytes,
        free: room.free_bytes,
    }];
    Ok(Json(VolumesBody { storage }).into_response())
}
