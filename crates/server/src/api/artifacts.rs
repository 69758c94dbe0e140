//! `…/repositories/{repository_name}/artifacts`: stored manifests with all that is known of them.

use std::collections::BTreeMap;

use auth::Action;
use axum::Json;
use axum::response::IntoResponse;
use http::StatusCode;
use metadata::{Accessory, Artifact};
use oci::{Platform, media_type};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::Result;
use super::extract::{Asked, Names, Parameters, reference};
use super::json::{Time, is_default};
use super::page::Paging;
use super::tags::TagBody;
use crate::error::Error;

#[derive(Serialize, ToSchema)]
#[schema(as = Artifact)]
struct ArtifactBody {
    id: i64,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_type: Option<String>,
    manifest_media_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<String>,
    project_id: i64,
    repository_id: i64,
    repository_name: String,
    digest: String,
    #[serde(skip_serializing_if = "is_default")]
    size: u64,
    push_time: Time,
    pull_time: Time,
    #[serde(skip_serializing_if = "is_empty_object")]
    #[schema(value_type = Object)]
    extra_attrs: Value,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    references: Vec<ReferenceBody>,
    tags: Vec<TagBody>,
    #[schema(value_type = Vec<Object>)]
    labels: [(); 0],
    accessories: Vec<AccessoryBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Reference)]
struct ReferenceBody {
    parent_id: i64,
    child_id: i64,
    child_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PlatformBody>)]
    platform: Option<Platform>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    urls: Vec<String>,
}

/// The machine an image is for.
#[derive(ToSchema)]
#[schema(as = Platform)]
#[expect(dead_code, reason = "it is described, not made")]
struct PlatformBody {
    architecture: String,
    os: String,
    #[schema(rename = "os.version")]
    os_version: Option<String>,
    #[schema(rename = "os.features")]
    os_features: Option<Vec<String>>,
    variant: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Accessory)]
struct AccessoryBody {
    id: i64,
    artifact_id: i64,
    subject_artifact_id: i64,
    subject_artifact_digest: String,
    subject_artifact_repo: String,
    size: u64,
    digest: String,
    #[serde(rename = "type")]
    kind: &'static str,
    icon: &'static str,
    creation_time: Time,
}

/// What of an artifact was asked for: both, unless told otherwise.
#[derive(Clone, Copy, IntoParams)]
#[into_params(parameter_in = Query)]
struct With {
    /// Its tags too.
    #[param(rename = "with_tag", value_type = Option<bool>)]
    tags: bool,
    /// What is attached to it too.
    #[param(rename = "with_accessory", value_type = Option<bool>)]
    accessories: bool,
}

impl With {
    fn of(parameters: &Parameters) -> Result<Self> {
        Ok(Self {
            tags: parameters.flag("with_tag")?.unwrap_or(true),
            accessories: parameters.flag("with_accessory")?.unwrap_or(true),
        })
    }
}

/// A repository's artifacts.
#[utoipa::path(
    get,
    path = "/projects/{project}/repositories/{repository}/artifacts",
    operation_id = "listArtifacts",
    tag = "artifact",
    params(Paging, With),
    responses((status = 200, body = [ArtifactBody])),
)]
pub(super) async fn list(
    asked: Asked,
    Names((project, path)): Names<(String, String)>,
    paging: Paging,
) -> Result {
    let with = With::of(&paging.parameters)?;
    let (access, name) = asked
        .repository(Action::ArtifactList, &project, &path)
        .await?;
    let found = asked
        .state
        .registry()
        .artifacts(&access, &name, &paging.page)
        .await
        .map_err(Error::of_management)?;
    let bodies: Vec<ArtifactBody> = found
        .items
        .into_iter()
        .map(|artifact| ArtifactBody::of(artifact, with))
        .collect();
    Ok(paging.answer(&bodies, found.total))
}

/// An artifact.
#[utoipa::path(
    get,
    path = "/projects/{project}/repositories/{repository}/artifacts/{reference}",
    operation_id = "getArtifact",
    tag = "artifact",
    params(With),
    responses((status = 200, body = ArtifactBody)),
)]
pub(super) async fn get(
    asked: Asked,
    Names((project, path, text)): Names<(String, String, String)>,
    parameters: Parameters,
) -> Result {
    let with = With::of(&parameters)?;
    let (access, name) = asked
        .repository(Action::ArtifactRead, &project, &path)
        .await?;
    let reference = reference(&name, &text)?;
    let artifact = asked
        .state
        .registry()
        .artifact(&access, &name, &reference)
        .await
        .map_err(Error::of_management)?;
    Ok(Json(ArtifactBody::of(artifact, with)).into_response())
}

/// Removes an artifact with all its tags.
#[utoipa::path(
    delete,
    path = "/projects/{project}/repositories/{repository}/artifacts/{reference}",
    operation_id = "deleteArtifact",
    tag = "artifact",
    responses((status = 200)),
)]
pub(super) async fn delete(
    asked: Asked,
    Names((project, path, text)): Names<(String, String, String)>,
) -> Result<StatusCode> {
    let (access, name) = asked
        .repository(Action::ArtifactDelete, &project, &path)
        .await?;
    let reference = reference(&name, &text)?;
    let deleted = asked
        .state
        .registry()
        .delete_artifact(&access, &name, &reference)
        .await;
    deleted
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

impl ArtifactBody {
    fn of(artifact: Artifact, with: With) -> Self {
        let kind = kind(&artifact.media_type, artifact.config_media_type.as_deref());
        let accessories = artifact.accessories.iter().filter(|_| with.accessories);
        let accessories = accessories
            .map(|accessory| AccessoryBody::of(accessory, &artifact))
            .collect();
        // Children that have not been pulled are not here to be looked at.
        let references = artifact.references.into_iter().filter_map(|child| {
            Some(ReferenceBody {
                parent_id: artifact.id,
                child_id: child.child_id?,
                child_digest: child.child_digest.to_string(),
                platform: child.platform,
                annotations: child.annotations,
                urls: child.urls,
            })
        });
        Self {
            id: artifact.id,
            kind,
            manifest_media_type: artifact.media_type,
            artifact_type: artifact
                .artifact_type
                .or_else(|| artifact.config_media_type.clone()),
            media_type: artifact.config_media_type,
            project_id: artifact.project_id,
            repository_id: artifact.repository_id,
            repository_name: artifact.repository,
            digest: artifact.digest.to_string(),
            size: artifact.size,
            push_time: artifact.pushed_at.into(),
            pull_time: Time(artifact.pulled_at),
            extra_attrs: artifact.config.unwrap_or_default(),
            annotations: artifact.annotations,
            references: references.collect(),
            tags: artifact
                .tags
                .into_iter()
                .filter(|_| with.tags)
                .map(TagBody::from)
                .collect(),
            labels: [],
            accessories,
        }
    }
}

impl AccessoryBody {
    fn of(accessory: &Accessory, subject: &Artifact) -> Self {
        let kind = match accessory.artifact_type.as_deref() {
            Some(
                "application/vnd.dev.cosign.artifact.sig.v1+json"
                | "application/vnd.dev.sigstore.bundle.v0.3+json",
            ) => "signature.cosign",
            Some("application/vnd.cncf.notary.signature") => "signature.notation",
            _ => "subject.accessory",
        };
        Self {
            id: accessory.artifact_id,
            artifact_id: accessory.artifact_id,
            subject_artifact_id: subject.id,
            subject_artifact_digest: subject.digest.to_string(),
            subject_artifact_repo: subject.repository.clone(),
            size: accessory.size,
            digest: accessory.digest.to_string(),
            kind,
            icon: "",
            creation_time: accessory.pushed_at.into(),
        }
    }
}

fn is_empty_object(value: &Value) -> bool {
    value.as_object().is_none_or(serde_json::Map::is_empty)
}

/// Harbor's word for what an artifact is, made of the type of its configuration.
pub(crate) fn kind(manifest_type: &str, config_type: Option<&str>) -> String {
    if media_type::is_index(manifest_type) || manifest_type == media_type::DOCKER_SCHEMA1 {
        return "IMAGE".to_owned();
    }
    let Some(config_type) = config_type else {
        return "UNKNOWN".to_owned();
    };
    match config_type {
        media_type::OCI_CONFIG | media_type::DOCKER_CONFIG => return "IMAGE".to_owned(),
        "application/vnd.cncf.helm.config.v1+json" => return "CHART".to_owned(),
        "application/vnd.cnab.manifest.v1" => return "CNAB".to_owned(),
        "application/vnd.wasm.config.v1+json" => return "WASM".to_owned(),
        _ => {}
    }
    // application/vnd.<organisation>.<kind>.config.<version>
    let named = config_type
        .strip_prefix("application/vnd.")
        .and_then(|rest| rest.split_once('.'))
        .and_then(|(_, rest)| rest.split_once(".config."));
    named.map_or_else(|| "UNKNOWN".to_owned(), |(kind, _)| kind.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_called_by_its_configuration() {
        let image = media_type::OCI_MANIFEST;
        let table = [
            (media_type::OCI_INDEX, None, "IMAGE"),
            (media_type::DOCKER_LIST, None, "IMAGE"),
            (image, Some(media_type::OCI_CONFIG), "IMAGE"),
            (
                media_type::DOCKER_MANIFEST,
                Some(media_type::DOCKER_CONFIG),
                "IMAGE",
            ),
            (
                image,
                Some("application/vnd.cncf.helm.config.v1+json"),
                "CHART",
            ),
            (
                image,
                Some("application/vnd.acme.rocket.config.v1+json"),
                "ROCKET",
            ),
            (image, Some("application/vnd.wasm.config.v1+json"), "WASM"),
            (image, Some("application/vnd.oci.empty.v1+json"), "UNKNOWN"),
            ("application/vnd.example+json", None, "UNKNOWN"),
        ];
        for (manifest_type, config_type, expected) in table {
            assert_eq!(
                kind(manifest_type, config_type),
                expected,
                "{config_type:?}"
            );
        }
    }
}
