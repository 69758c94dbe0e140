//! Manifests: bytes that were understood once and are served as they came.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Deserialize;

use crate::{Algorithm, Descriptor, Digest, media_type};

/// The largest manifest taken or fetched (distribution specification: at least 4 MiB).
pub const MAX_MANIFEST_BYTES: usize = 4 * 1024 * 1024;

/// The most members of objects and lists, together, in a document that is read into memory. The largest manifest of
/// nothing but descriptors has half as many. Without this bound a list of empty strings would take ten times its text in memory.
const MAX_PARTS: usize = 250_000;

/// A manifest, byte for byte as it came, with what its bytes say. It cannot exist unparsed.
#[derive(Clone, Debug)]
pub struct Manifest {
    bytes: Bytes,
    digest: Digest,
    media_type: String,
    kind: ManifestKind,
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
    annotations: BTreeMap<String, String>,
}

/// What a manifest points at.
#[expect(
    clippy::large_enum_variant,
    reason = "one in each manifest, never many side by side"
)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestKind {
    /// One image or artifact.
    Image {
        /// Its configuration.
        config: Descriptor,
        /// Its layers, base first.
        layers: Vec<Descriptor>,
    },
    /// Other manifests, a platform each.
    Index {
        /// The children, in their order.
        manifests: Vec<Descriptor>,
    },
    /// A type this registry gives no meaning to.
    Opaque,
}

impl Manifest {
    /// Understands `bytes` as `content_type`; where that is absent, as the document's own `mediaType`.
    ///
    /// # Errors
    /// [`ManifestError`] when the bytes are no JSON object, do not fit the type, or are over 4 MiB.
    pub fn parse(
        content_type: Option<&str>,
        algorithm: Algorithm,
        bytes: Bytes,
    ) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST_BYTES {
            return Err(ManifestError::TooLarge);
        }
        check_parts(&bytes)?;
        let document: Document = serde_json::from_slice(&bytes)
            .map_err(|error| ManifestError::NotJson(error.to_string()))?;
        let media_type = document.effective_type(content_type)?;
        // It will be a header, and a row in a list.
        if !media_type::is_type(&media_type) {
            return Err(ManifestError::NoType(media_type));
        }
        let missing = |field| ManifestError::Missing {
            media_type: media_type.clone(),
            field,
        };
        let kind = if media_type::is_image(&media_type) {
            let config = document.config.ok_or_else(|| missing("config"))?;
            let layers = document.layers.ok_or_else(|| missing("layers"))?;
            ManifestKind::Image { config, layers }
        } else if media_type::is_index(&media_type) {
            let manifests = document.manifests.ok_or_else(|| missing("manifests"))?;
            ManifestKind::Index { manifests }
        } else {
            ManifestKind::Opaque
        };
        Ok(Self {
            digest: Digest::of(algorithm, &bytes),
            bytes,
            media_type,
            kind,
            subject: document.subject,
            artifact_type: document.artifact_type,
            annotations: document.annotations.unwrap_or_default(),
        })
    }

    /// The bytes, as they came.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Their digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The type they came as, without parameters.
    pub fn media_type(&self) -> &str {
        &self.media_type
    }

    /// What it points at.
    pub fn kind(&self) -> &ManifestKind {
        &self.kind
    }

    /// The manifest this one is about.
    pub fn subject(&self) -> Option<&Descriptor> {
        self.subject.as_ref()
    }

    /// What kind of artifact it is: `artifactType`, or the configuration's type
    /// (distribution specification, "Listing Referrers").
    pub fn artifact_type(&self) -> Option<&str> {
        match (&self.artifact_type, &self.kind) {
            (Some(artifact_type), _) if !artifact_type.is_empty() => Some(artifact_type),
            (_, ManifestKind::Image { config, .. }) => Some(&config.media_type),
            _ => None,
        }
    }

    /// Free text by key.
    pub fn annotations(&self) -> &BTreeMap<String, String> {
        &self.annotations
    }

    /// The blobs it names: configuration first, then layers. None for an index.
    pub fn blobs(&self) -> impl Iterator<Item = &Descriptor> {
        let (config, layers) = match &self.kind {
            ManifestKind::Image { config, layers } => (Some(config), layers.as_slice()),
            _ => (None, [].as_slice()),
        };
        config.into_iter().chain(layers)
    }

    /// The manifests it names. None for an image.
    pub fn children(&self) -> &[Descriptor] {
        match &self.kind {
            ManifestKind::Index { manifests } => manifests,
            _ => &[],
        }
    }

    /// A pointer to it, as the referrers of its subject list it.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            media_type: self.media_type.clone(),
            digest: self.digest.clone(),
            size: self.bytes.len() as u64,
            platform: None,
            artifact_type: self.artifact_type().map(str::to_owned),
            annotations: (!self.annotations.is_empty()).then(|| self.annotations.clone()),
            urls: None,
        }
    }
}

/// Whether a document in JSON is of so few parts that it may be read into memory.
///
/// # Errors
/// [`ManifestError::TooManyParts`] where not.
pub fn check_parts(bytes: &[u8]) -> Result<(), ManifestError> {
    // Commas in texts count too. No manifest has as many of those.
    let parts = bytes.iter().filter(|byte| **byte == b',').count();
    match parts > MAX_PARTS {
        true => Err(ManifestError::TooManyParts),
        false => Ok(()),
    }
}

/// Only what is needed of a manifest; everything else stays in its bytes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    media_type: Option<String>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Option<Vec<Descriptor>>,
    #[serde(default)]
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    artifact_type: Option<String>,
    annotations: Option<BTreeMap<String, String>>,
}

impl Document {
    /// The type to read by. A header and a document that disagree are an attack on one of their readers.
    fn effective_type(&self, content_type: Option<&str>) -> Result<String, ManifestError> {
        let claimed = content_type
            .map(media_type::essence)
            .filter(|essence| !essence.is_empty());
        match (claimed, &self.media_type) {
            (Some(claimed), Some(own))
                if is_known(&claimed) && is_known(own) && claimed != *own =>
            {
                Err(ManifestError::TypeMismatch {
                    claimed,
                    own: own.clone(),
                })
            }
            (Some(claimed), Some(own))
                if is_known(own) && !is_known(&claimed) && media_type::is_vague(&claimed) =>
            {
                Ok(own.clone())
            }
            (Some(claimed), None) if media_type::is_vague(&claimed) => Ok(self.guess().to_owned()),
            (Some(claimed), _) => Ok(claimed),
            (None, Some(own)) => Ok(own.clone()),
            (None, None) => Ok(self.guess().to_owned()),
        }
    }

    /// OCI documents may leave `mediaType` out; their shape tells.
    fn guess(&self) -> &'static str {
        if self.manifests.is_some() && self.config.is_none() {
            media_type::OCI_INDEX
        } else if self.config.is_some() {
            media_type::OCI_MANIFEST
        } else {
            "application/json"
        }
    }
}

fn is_known(media_type: &str) -> bool {
    media_type::is_image(media_type) || media_type::is_index(media_type)
}

/// Why the bytes are not a manifest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Over [`MAX_MANIFEST_BYTES`].
    #[error("the manifest is larger than 4 MiB")]
    TooLarge,
    /// What it is said to be, or says itself to be, is no media type.
    #[error("{0:?} is no media type")]
    NoType(String),
    /// Of more parts than any real one.
    #[error("the document has more than {MAX_PARTS} parts")]
    TooManyParts,
    /// No JSON object with the fields' right types.
    #[error("not a manifest: {0}")]
    NotJson(String),
    /// The type demands a field that is not there.
    #[error("a manifest of type {media_type} must have {field:?}")]
    Missing {
        /// The type.
        media_type: String,
        /// The field.
        field: &'static str,
    },
    /// The header says one type, the document another.
    #[error("sent as {claimed}, but its mediaType is {own}")]
    TypeMismatch {
        /// The header's.
        claimed: String,
        /// The document's.
        own: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(content_type: Option<&str>, text: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(
            content_type,
            Algorithm::Sha256,
            Bytes::copy_from_slice(text.as_bytes()),
        )
    }

    #[test]
    fn an_image_names_its_blobs_and_keeps_its_bytes() {
        let digest = Digest::sha256(b"{}");
        let text = format!(
            r#"{{ "schemaVersion":2, "config":{{"mediaType":"a/b","digest":"{digest}","size":2}}, "layers":[] , "x": 1}}"#
        );
        let manifest = parse(Some(media_type::OCI_MANIFEST), &text).unwrap();
        assert_eq!(manifest.bytes(), text.as_bytes());
        assert_eq!(manifest.blobs().count(), 1);
        assert_eq!(manifest.artifact_type(), Some("a/b"));
        assert_eq!(
            parse(None, &text).unwrap().media_type(),
            media_type::OCI_MANIFEST
        );
        assert_eq!(
            parse(Some("application/json; charset=utf-8"), &text)
                .unwrap()
                .media_type(),
            media_type::OCI_MANIFEST
        );
    }

    #[test]
    fn the_largest_manifest_there_can_be_is_one() {
        let digest = Digest::sha256(b"{}");
        let layer = format!("{{\"mediaType\":\"\",\"digest\":\"{digest}\",\"size\":1}}");
        let layers = vec![layer.as_str(); (MAX_MANIFEST_BYTES - 400) / (layer.len() + 1)];
        let text = format!("{{\"config\":{layer},\"layers\":[{}]}}", layers.join(","));
        let manifest = parse(Some(media_type::OCI_MANIFEST), &text).unwrap();
        assert_eq!(manifest.blobs().count(), layers.len() + 1);
    }

    #[test]
    fn an_unknown_type_is_kept_as_it_came() {
        let manifest = parse(Some("application/vnd.example+json"), r#"{"any":"thing"}"#).unwrap();
        assert_eq!(
            (manifest.kind(), manifest.media_type()),
            (&ManifestKind::Opaque, "application/vnd.example+json")
        );
    }

    #[test]
    fn what_is_no_manifest_is_refused() {
        assert!(matches!(
            parse(Some(media_type::OCI_MANIFEST), "<html>"),
            Err(ManifestError::NotJson(_))
        ));
        assert!(matches!(
            parse(Some(media_type::OCI_INDEX), "{}"),
            Err(ManifestError::Missing { .. })
        ));
        let index = format!(
            r#"{{"mediaType":"{}","manifests":[]}}"#,
            media_type::OCI_INDEX
        );
        assert!(matches!(
            parse(Some(media_type::OCI_MANIFEST), &index),
            Err(ManifestError::TypeMismatch { .. })
        ));
        assert_eq!(
            parse(None, &" ".repeat(MAX_MANIFEST_BYTES + 1)).unwrap_err(),
            ManifestError::TooLarge
        );
        for no_type in ["", "a", "a/b/c", "/a", "a/", "a/b\\r\\nc", "a/b c"] {
            let text = format!(r#"{{"mediaType":"{no_type}"}}"#);
            let refused = parse(None, &text);
            assert!(
                matches!(refused, Err(ManifestError::NoType(_))),
                "{no_type}"
            );
        }
        let strings = vec!["\"\""; 1_000_000].join(",");
        assert_eq!(
            parse(None, &format!("{{\"urls\":[{strings}]}}")).unwrap_err(),
            ManifestError::TooManyParts
        );
    }
}
