//! What an artifact is: the word Harbor has for it, and the media types it is found by.
//!
//! The same few combinations are on millions of artifacts, so each is a row of its own, and an artifact has its number:
//! a list is filtered by types in an index of numbers. What signatures and other accessories are called is here too.

use std::collections::BTreeMap;

use oci::{Digest, Manifest, ManifestKind, media_type};
use sea_orm::ConnectionTrait;

use crate::{Error, sql};

/// Names of a type and a subtype have at most 127 characters each (RFC 6838): what is longer is cut, so that it fits
/// into any index.
const MAX_TYPE_CHARS: usize = 255;
const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const WASM_CONFIG: &str = "application/vnd.wasm.config.v1+json";
const CNAB_MANIFEST: &str = "application/vnd.cnab.manifest.v1";
const MODEL_CONFIG: &str = "application/vnd.cncf.model.config.v1+json";
const MODEL_MANIFEST: &str = "application/vnd.cncf.model.manifest.v1+json";
const HARBOR_SBOM: &str = "application/vnd.goharbor.harbor.sbom.v1";
const COSIGN_CONFIG: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
const SIGSTORE_BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";
const NOTATION: &str = "application/vnd.cncf.notary.signature";

/// What an artifact is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ArtifactType {
    /// Harbor's word: `IMAGE`, `CHART`, …
    pub(crate) kind: String,
    /// What is inside: the configuration's type, for an index its own.
    pub(crate) media_type: String,
    /// The manifest's own type.
    pub(crate) manifest_media_type: String,
    /// `artifactType`, or what is inside.
    pub(crate) artifact_type: String,
}

impl ArtifactType {
    pub(crate) fn of(manifest: &Manifest) -> Self {
        let config_type = match manifest.kind() {
            ManifestKind::Image { config, .. } => Some(config.media_type.as_str()),
            ManifestKind::Index { .. } | ManifestKind::Opaque => None,
        };
        Self::of_parts(
            manifest.media_type(),
            config_type,
            manifest.artifact_type(),
            manifest.annotations(),
        )
    }

    /// The same from what is kept of a manifest.
    pub(crate) fn of_parts(
        manifest_media_type: &str,
        config_type: Option<&str>,
        artifact_type: Option<&str>,
        annotations: &BTreeMap<String, String>,
    ) -> Self {
        let is = |key: &str, value: &str| annotations.get(key).is_some_and(|found| found == value);
        let is_wasm = is("module.wasm.image/variant", "compat") || is("run.oci.handler", "wasm");
        let inside = match config_type {
            Some(_) if is_wasm => WASM_CONFIG,
            Some(config_type) => config_type,
            // A CNAB bundle is an index that says so in an annotation.
            None => annotations
                .get("org.opencontainers.artifactType")
                .map_or(manifest_media_type, String::as_str),
        };
        let artifact_type = artifact_type.unwrap_or(inside);
        Self {
            kind: kind(manifest_media_type, inside, artifact_type),
            media_type: cut(inside),
            manifest_media_type: cut(manifest_media_type),
            artifact_type: cut(artifact_type),
        }
    }

    /// Its number; its row is made where there is none.
    pub(crate) async fn ensure<C: ConnectionTrait>(&self, on: &C) -> Result<i64, Error> {
        let values = || {
            [
                self.kind.as_str().into(),
                self.media_type.as_str().into(),
                self.manifest_media_type.as_str().into(),
                self.artifact_type.as_str().into(),
            ]
        };
        let select = "SELECT id FROM artifact_types WHERE kind = $1 AND media_type = $2 AND manifest_media_type = $3 \
                      AND artifact_type = $4";
        if let Some(row) = sql::one(on, select, values()).await? {
            return sql::get(&row, "id");
        }
        let insert = "INSERT INTO artifact_types (kind, media_type, manifest_media_type, artifact_type) \
                      VALUES ($1, $2, $3, $4) ON CONFLICT (kind, media_type, manifest_media_type, artifact_type) \
                      DO NOTHING RETURNING id";
        let row = match sql::one(on, insert, values()).await? {
            Some(row) => Some(row),
            // Another node was first, at this very moment.
            None => sql::one(on, select, values()).await?,
        };
        let missing = Error::NotFound {
            what: "artifact type",
        };
        sql::get(&row.ok_or(missing)?, "id")
    }
}

/// Harbor's word for an accessory of that type.
pub(crate) fn accessory_kind(artifact_type: Option<&str>) -> &'static str {
    match artifact_type {
        Some(COSIGN_CONFIG | SIGSTORE_BUNDLE) => "signature.cosign",
        Some(NOTATION) => "signature.notation",
        Some(HARBOR_SBOM) => "sbom.harbor",
        _ => "subject.accessory",
    }
}

/// What a tag of cosign's scheme says its manifest is about, and Harbor's word for that:
/// `sha256-<hex>.sig`, `.att` and `.sbom`.
pub(crate) fn about_by_tag(tag: &str) -> Option<(Digest, &'static str)> {
    let (digest, suffix) = tag.rsplit_once('.')?;
    let kind = match suffix {
        "sig" => "signature.cosign",
        "att" | "sbom" => "subject.accessory",
        _ => return None,
    };
    let digest = digest.replacen('-', ":", 1).parse().ok()?;
    Some((digest, kind))
}

fn kind(manifest_media_type: &str, inside: &str, artifact_type: &str) -> String {
    let known = match inside {
        _ if artifact_type == HARBOR_SBOM => Some("SBOM"),
        HARBOR_SBOM => Some("SBOM"),
        MODEL_CONFIG => Some("CNAI"),
        _ if artifact_type == MODEL_MANIFEST => Some("CNAI"),
        media_type::OCI_CONFIG | media_type::DOCKER_CONFIG => Some("IMAGE"),
        HELM_CONFIG => Some("CHART"),
        WASM_CONFIG => Some("WASM"),
        CNAB_MANIFEST => Some("CNAB"),
        inside if inside == manifest_media_type && is_image_by_itself(inside) => Some("IMAGE"),
        _ => None,
    };
    let named = || cut(&named_kind(inside)?.to_uppercase()).into();
    known
        .map(str::to_owned)
        .or_else(named)
        .unwrap_or_else(|| "UNKNOWN".to_owned())
}

fn is_image_by_itself(manifest_media_type: &str) -> bool {
    media_type::is_index(manifest_media_type) || manifest_media_type == media_type::DOCKER_SCHEMA1
}

/// `application/vnd.<organisation>.<kind>.config.<version>+json`
fn named_kind(config_type: &str) -> Option<&str> {
    let (_, rest) = config_type
        .strip_prefix("application/vnd.")?
        .split_once('.')?;
    let (kind, version) = rest.rsplit_once(".config.")?;
    let version = version.strip_suffix("+json")?;
    (!version.contains('.')).then_some(kind)
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_TYPE_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_called_by_what_is_inside() {
        let image = media_type::OCI_MANIFEST;
        let table = [
            (media_type::OCI_INDEX, None, None, "IMAGE"),
            (media_type::DOCKER_LIST, None, None, "IMAGE"),
            (media_type::DOCKER_SCHEMA1, None, None, "IMAGE"),
            (image, Some(media_type::OCI_CONFIG), None, "IMAGE"),
            (
                media_type::DOCKER_MANIFEST,
                Some(media_type::DOCKER_CONFIG),
                None,
                "IMAGE",
            ),
            (image, Some(HELM_CONFIG), None, "CHART"),
            (image, Some(WASM_CONFIG), None, "WASM"),
            (image, Some(MODEL_CONFIG), Some(MODEL_MANIFEST), "CNAI"),
            (
                image,
                Some(media_type::OCI_EMPTY),
                Some(HARBOR_SBOM),
                "SBOM",
            ),
            (
                image,
                Some("application/vnd.acme.rocket.config.v1+json"),
                None,
                "ROCKET",
            ),
            (
                image,
                Some("application/vnd.acme.a.b.config.v1+json"),
                None,
                "A.B",
            ),
            (
                image,
                Some("application/vnd.acme.rocket.config.v1.2+json"),
                None,
                "UNKNOWN",
            ),
            (image, Some(media_type::OCI_EMPTY), None, "UNKNOWN"),
            ("application/vnd.example+json", None, None, "UNKNOWN"),
        ];
        for (manifest_type, config_type, artifact_type, expected) in table {
            let found =
                ArtifactType::of_parts(manifest_type, config_type, artifact_type, &BTreeMap::new());
            assert_eq!(found.kind, expected, "{config_type:?}");
        }
    }

    #[test]
    fn annotations_can_say_what_an_artifact_is() {
        let said = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
        let wasm = said("run.oci.handler", "wasm");
        let config = Some(media_type::OCI_CONFIG);
        let found = ArtifactType::of_parts(media_type::OCI_MANIFEST, config, config, &wasm);
        assert_eq!(
            (found.kind.as_str(), found.media_type.as_str()),
            ("WASM", WASM_CONFIG)
        );
        let bundle = said("org.opencontainers.artifactType", CNAB_MANIFEST);
        let found = ArtifactType::of_parts(media_type::OCI_INDEX, None, None, &bundle);
        assert_eq!(
            (found.kind.as_str(), found.media_type.as_str()),
            ("CNAB", CNAB_MANIFEST)
        );
    }

    #[test]
    fn a_type_of_any_length_fits() {
        let long = format!("application/vnd.x.{}.config.v1+json", "é".repeat(100_000));
        let found = ArtifactType::of_parts(
            media_type::OCI_MANIFEST,
            Some(&long),
            Some(&long),
            &BTreeMap::new(),
        );
        for text in [found.kind, found.media_type, found.artifact_type] {
            assert_eq!(text.chars().count(), MAX_TYPE_CHARS);
        }
    }

    #[test]
    fn cosigns_tags_say_what_they_are_about() {
        let digest = Digest::sha256(b"image");
        let tag = |suffix: &str| format!("{}.{suffix}", digest.as_str().replace(':', "-"));
        for (suffix, kind) in [
            ("sig", "signature.cosign"),
            ("att", "subject.accessory"),
            ("sbom", "subject.accessory"),
        ] {
            assert_eq!(about_by_tag(&tag(suffix)), Some((digest.clone(), kind)));
        }
        for other in [
            &tag("txt"),
            "sha256-12.sig",
            "v1.sig",
            "latest",
            ".sig",
            "-.att",
        ] {
            assert_eq!(about_by_tag(other), None, "{other}");
        }
    }
}
