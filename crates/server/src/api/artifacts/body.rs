//! What is told of an artifact, in Harbor's words.

use std::collections::BTreeMap;

use metadata::{Accessory, Artifact};
use oci::{Digest, Platform};
use registry::{AdditionKind, Immutability};
use serde::Serialize;
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use crate::api::extract::Parameters;
use crate::api::icons;
use crate::api::json::{Time, is_default};
use crate::api::labels::LabelBody;
use crate::api::tags::TagBody;
use crate::api::{PREFIX, Result};

#[derive(Serialize, ToSchema)]
#[schema(as = Artifact)]
pub(crate) struct ArtifactBody {
    id: i64,
    #[serde(rename = "type")]
    kind: String,
    media_type: String,
    manifest_media_type: String,
    artifact_type: String,
    project_id: i64,
    repository_id: i64,
    repository_name: String,
    digest: String,
    #[serde(skip_serializing_if = "is_default")]
    size: u64,
    icon: String,
    push_time: Time,
    pull_time: Time,
    #[serde(skip_serializing_if = "is_empty_object")]
    #[schema(value_type = Object)]
    extra_attrs: Value,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
    references: Vec<ReferenceBody>,
    /// Ours: what the index lists and nobody has pulled yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    missing_references: Vec<MissingReference>,
    tags: Vec<TagBody>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    addition_links: BTreeMap<&'static str, AdditionLink>,
    labels: Vec<LabelBody>,
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

#[derive(Serialize, ToSchema)]
struct MissingReference {
    child_digest: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<PlatformBody>)]
    platform: Option<Platform>,
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

/// Where more is told of an artifact.
#[derive(Serialize, ToSchema)]
struct AdditionLink {
    href: String,
    absolute: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Accessory)]
pub(crate) struct AccessoryBody {
    id: i64,
    artifact_id: i64,
    subject_artifact_id: i64,
    subject_artifact_digest: String,
    subject_artifact_repo: String,
    size: u64,
    digest: String,
    #[serde(rename = "type")]
    kind: String,
    icon: String,
    creation_time: Time,
}

/// What of an artifact was asked for.
#[derive(Clone, Copy, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct With {
    /// Its tags too, unless told otherwise.
    #[param(rename = "with_tag", value_type = Option<bool>)]
    tags: bool,
    /// What is about it too, unless told otherwise.
    #[param(rename = "with_accessory", value_type = Option<bool>)]
    accessories: bool,
    /// Its labels too.
    #[param(rename = "with_label", value_type = Option<bool>)]
    labels: bool,
    /// Whether rules keep its tags as they are, too.
    #[param(rename = "with_immutable_status", value_type = Option<bool>)]
    pub(crate) immutable: bool,
}

/// What can be asked for in Harbor, and is always empty here.
const WITHOUT_EFFECT: [&str; 3] = [
    "with_scan_overview",
    "with_sbom_overview",
    "with_inherited_accessory",
];

impl With {
    pub(crate) fn of(parameters: &Parameters) -> Result<Self> {
        for name in WITHOUT_EFFECT {
            parameters.flag(name)?;
        }
        Ok(Self {
            tags: parameters.flag("with_tag")?.unwrap_or(true),
            accessories: parameters.flag("with_accessory")?.unwrap_or(true),
            labels: parameters.flag("with_label")?.unwrap_or(false),
            immutable: parameters.flag("with_immutable_status")?.unwrap_or(false),
        })
    }
}

impl ArtifactBody {
    pub(crate) fn of(artifact: Artifact, with: With, immutability: &Immutability) -> Self {
        let accessories = artifact.accessories.iter().filter(|_| with.accessories);
        let accessories = accessories
            .map(|accessory| AccessoryBody::of(accessory, &artifact))
            .collect();
        let addition_links = addition_links(&artifact);
        // Children that have not been pulled are not here to be looked at.
        let missing = artifact
            .references
            .iter()
            .filter(|child| child.child_id.is_none());
        let missing_references = missing.map(|child| MissingReference {
            child_digest: child.child_digest.to_string(),
            platform: child.platform.clone(),
        });
        let missing_references = missing_references.collect();
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
        let name = artifact.repository.parse().ok();
        let is_kept = name.map(|name| immutability.within(&name));
        let tags = artifact.tags.into_iter().filter(|_| with.tags).map(|tag| {
            let immutable = is_kept.as_ref().is_some_and(|is_kept| is_kept(&tag.name));
            TagBody::of(tag, immutable)
        });
        let labels = artifact.labels.into_iter().filter(|_| with.labels);
        Self {
            id: artifact.id,
            icon: icons::of_artifact(&artifact.kind).to_string(),
            kind: artifact.kind,
            media_type: artifact.media_type,
            manifest_media_type: artifact.manifest_media_type,
            artifact_type: artifact.artifact_type,
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
            missing_references,
            tags: tags.collect(),
            addition_links,
            labels: labels.map(LabelBody::from).collect(),
            accessories,
        }
    }
}

impl AccessoryBody {
    pub(crate) fn of(accessory: &Accessory, subject: &Artifact) -> Self {
        Self {
            id: accessory.artifact_id,
            artifact_id: accessory.artifact_id,
            subject_artifact_id: subject.id,
            subject_artifact_digest: subject.digest.to_string(),
            subject_artifact_repo: subject.repository.clone(),
            size: accessory.size,
            digest: accessory.digest.to_string(),
            kind: accessory.kind.clone(),
            icon: icons::of_accessory().to_string(),
            creation_time: accessory.pushed_at.into(),
        }
    }
}

fn addition_links(artifact: &Artifact) -> BTreeMap<&'static str, AdditionLink> {
    let link = |kind: &AdditionKind| {
        let href = addition_path(&artifact.repository, &artifact.digest, kind.name());
        let absolute = false;
        (kind.name(), AdditionLink { href, absolute })
    };
    AdditionKind::of(artifact).iter().map(link).collect()
}

/// The name's slashes are encoded twice, as Harbor's own links have them.
fn addition_path(repository: &str, digest: &Digest, addition: &str) -> String {
    let (project, path) = repository.split_once('/').unwrap_or((repository, ""));
    let path = path.replace('/', "%252F");
    format!(
        "{PREFIX}/projects/{project}/repositories/{path}/artifacts/{digest}/additions/{addition}"
    )
}

fn is_empty_object(value: &Value) -> bool {
    value.as_object().is_none_or(serde_json::Map::is_empty)
}
