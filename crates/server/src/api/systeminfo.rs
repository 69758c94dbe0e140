//! `/systeminfo`: what the server says of itself; little to strangers, more to who signed in.

use auth::SystemAction;
use auth::settings::{PROJECT_CREATION, SELF_REGISTRATION};
use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use registry::{BANNER_MESSAGE, NOTIFICATION_ENABLE, READ_ONLY};
use serde::Serialize;
use tokio::io::AsyncReadExt as _;
use utoipa::ToSchema;

use super::Result;
use super::extract::Asked;
use super::json::Time;
use crate::Config;
use crate::error::{Error, harbor};

/// The Harbor whose API this is: clients choose by it what they call.
const HARBOR_VERSION: &str = "v2.15.2";
/// A bundle of authorities has less.
const MAX_CERTIFICATE_BYTES: u64 = 1024 * 1024;

#[derive(Serialize, ToSchema)]
#[schema(as = GeneralInfo)]
struct InfoBody {
    auth_mode: &'static str,
    primary_auth_mode: bool,
    self_registration: bool,
    banner_message: String,
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
    let registry = asked.state.registry();
    let self_registration = registry.is_set(SELF_REGISTRATION).await;
    let banner_message = registry.setting(BANNER_MESSAGE).await;
    let body = InfoBody {
        auth_mode: "db_auth",
        primary_auth_mode: false,
        self_registration: self_registration.map_err(Error::of_management)?,
        banner_message: banner_message.map_err(Error::of_management)?,
        oidc_provider_name: "",
        more,
    };
    Ok(Json(body).into_response())
}

async fn more(asked: &Asked) -> Result<More> {
    let config = asked.state.config();
    let (url, registry) = (&config.external_url, asked.state.registry());
    let restriction = registry.setting(PROJECT_CREATION).await;
    let read_only = registry.is_set(READ_ONLY).await;
    let notification_enable = registry.is_set(NOTIFICATION_ENABLE).await;
    Ok(More {
        harbor_version: format!("{HARBOR_VERSION}-roadstead.{}", config.version),
        registry_url: url[url::Position::BeforeHost..url::Position::AfterPort].to_owned(),
        external_url: url.as_str().trim_end_matches('/').to_owned(),
        project_creation_restriction: restriction.map_err(Error::of_management)?,
        has_ca_root: certificate_file(config).await.is_some(),
        read_only: read_only.map_err(Error::of_management)?,
        registry_storage_provider_name: "filesystem",
        notification_enable: notification_enable.map_err(Error::of_management)?,
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

/// The certificate authority that clients must trust, for everybody.
#[utoipa::path(
    get,
    path = "/systeminfo/getcert",
    operation_id = "getCert",
    tag = "systeminfo",
    responses((status = 200, body = Vec<u8>, content_type = "application/octet-stream")),
)]
pub(super) async fn certificate(asked: Asked) -> Result {
    let certificate = certificate_file(asked.state.config()).await;
    let certificate = certificate.ok_or_else(|| {
        let message = "no CA certificate is offered for download";
        Error::new(StatusCode::NOT_FOUND, harbor::NOT_FOUND, message)
    })?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream"),
        (CONTENT_DISPOSITION, "attachment; filename=ca.crt"),
    ];
    Ok((headers, certificate).into_response())
}

/// What is offered, if it is certificates and nothing else: everybody is given it.
async fn certificate_file(config: &Config) -> Option<Vec<u8>> {
    let file = tokio::fs::File::open(&config.ca_certificate).await.ok()?;
    let mut bytes = Vec::new();
    let mut bounded = file.take(MAX_CERTIFICATE_BYTES);
    bounded.read_to_end(&mut bytes).await.ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    let is_public = text.contains("-----BEGIN CERTIFICATE-----") && !text.contains("PRIVATE KEY");
    is_public.then_some(bytes)
}
