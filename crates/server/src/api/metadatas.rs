//! `/projects/{project_name_or_id}/metadatas`: a project's settings one at a time.

use std::collections::BTreeMap;

use auth::{Access, Action};
use axum::Json;
use axum::response::IntoResponse;
use chrono::Utc;
use http::StatusCode;
use registry::is_project_setting;

use super::Result;
use super::extract::{Asked, Body, Names};
use super::projects::set_keys;
use crate::error::{Error, harbor};

type Settings = BTreeMap<String, String>;

/// A project's settings that are set.
#[utoipa::path(
    get,
    path = "/projects/{project}/metadatas",
    operation_id = "listProjectMetadatas",
    tag = "projectMetadata",
    responses((status = 200, body = BTreeMap<String, String>)),
)]
pub(super) async fn list(asked: Asked, Names(project): Names<String>) -> Result {
    let access = asked.project(Action::MetadataList, &project).await?;
    Ok(Json(set_keys(access.project())).into_response())
}

/// One setting: an empty object where it is not set.
#[utoipa::path(
    get,
    path = "/projects/{project}/metadatas/{meta_name}",
    operation_id = "getProjectMetadata",
    tag = "projectMetadata",
    responses((status = 200, body = BTreeMap<String, String>)),
)]
pub(super) async fn get(asked: Asked, Names((project, key)): Names<(String, String)>) -> Result {
    let access = asked.project(Action::MetadataRead, &project).await?;
    let mut settings = set_keys(access.project());
    settings.retain(|set, _| *set == key);
    Ok(Json(settings).into_response())
}

/// Sets one key that is not set yet.
#[utoipa::path(
    post,
    path = "/projects/{project}/metadatas",
    operation_id = "addProjectMetadatas",
    tag = "projectMetadata",
    request_body = BTreeMap<String, String>,
    responses((status = 200)),
)]
pub(super) async fn create(
    asked: Asked,
    Names(project): Names<String>,
    Body(settings): Body<Settings>,
) -> Result<StatusCode> {
    let access = asked.project(Action::MetadataCreate, &project).await?;
    let [(key, value)] = settings
        .into_iter()
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| refused("only allow one key/value pair"))?;
    if set_keys(access.project()).contains_key(&key) {
        let message = format!(
            "the metadata {key} of project {} already exists",
            access.project().name
        );
        return Err(Error::new(StatusCode::CONFLICT, harbor::CONFLICT, message));
    }
    set(&asked, &access, key, value).await
}

/// Sets a key anew: the body has that key.
#[utoipa::path(
    put,
    path = "/projects/{project}/metadatas/{meta_name}",
    operation_id = "updateProjectMetadata",
    tag = "projectMetadata",
    request_body = BTreeMap<String, String>,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Names((project, key)): Names<(String, String)>,
    Body(mut settings): Body<Settings>,
) -> Result<StatusCode> {
    let access = asked.project(Action::MetadataUpdate, &project).await?;
    let value = settings
        .remove(&key)
        .ok_or_else(|| refused(&format!("must contains key: {key}")))?;
    set(&asked, &access, key, value).await
}

/// Unsets a key.
#[utoipa::path(
    delete,
    path = "/projects/{project}/metadatas/{meta_name}",
    operation_id = "deleteProjectMetadata",
    tag = "projectMetadata",
    responses((status = 200)),
)]
pub(super) async fn delete(
    asked: Asked,
    Names((project, key)): Names<(String, String)>,
) -> Result<StatusCode> {
    let access = asked.project(Action::MetadataDelete, &project).await?;
    // A project is public or not; all else may be unset.
    let unset = if key == "public" { "false" } else { "" };
    set(&asked, &access, key, unset.to_owned()).await
}

async fn set(asked: &Asked, access: &Access, key: String, value: String) -> Result<StatusCode> {
    if !is_project_setting(&key) {
        return Err(refused(&format!("invalid key: {key}")));
    }
    let updated = asked
        .state
        .registry()
        .update_project_setting(access, &key, value, Utc::now())
        .await;
    updated
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

fn refused(message: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
}
