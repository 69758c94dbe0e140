//! Artifacts that are no plain images: charts, signatures, indexes, made here and pushed by [`crate::Client`] or put into a
//! fake upstream.

use oci::{Digest, media_type};
use serde_json::{Value, json};

/// Helm's type for a chart's configuration.
pub const HELM_CONFIG: &str = "application/vnd.cncf.helm.config.v1+json";
const HELM_LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

/// A manifest and the blobs it names.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The manifest, as it is sent.
    pub manifest: Value,
    /// Configuration and layers.
    pub blobs: Vec<Vec<u8>>,
}

impl Artifact {
    /// With a configuration of that type and these layers.
    pub fn new(config_type: &str, config: &[u8], layers: &[(&str, &[u8])]) -> Self {
        let describe = |kind: &str, bytes: &[u8]| json!({ "mediaType": kind, "digest": Digest::sha256(bytes), "size": bytes.len() });
        let described: Vec<Value> = layers
            .iter()
            .map(|(kind, bytes)| describe(kind, bytes))
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": describe(config_type, config),
            "layers": described,
        });
        let layers = layers.iter().map(|(_, bytes)| bytes.to_vec());
        Self {
            manifest,
            blobs: std::iter::once(config.to_vec()).chain(layers).collect(),
        }
    }

    /// A Helm chart of these files, packed as Helm packs them; `config` is its `Chart.yaml` as JSON.
    pub fn chart(config: &Value, files: &[(&str, &[u8])]) -> Self {
        let gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        let mut archive = tar::Builder::new(gzip);
        for (path, bytes) in files {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            archive
                .append_data(&mut header, path, *bytes)
                .expect("memory takes all");
        }
        let gzip = archive.into_inner().expect("memory takes all");
        let packed = gzip.finish().expect("memory takes all");
        let config = config.to_string();
        Self::new(HELM_CONFIG, config.as_bytes(), &[(HELM_LAYER, &packed)])
    }

    /// An empty artifact of that type, about a manifest of that digest and size.
    pub fn about(artifact_type: &str, subject: &Digest, size: usize) -> Self {
        let mut artifact = Self::new(media_type::OCI_EMPTY, b"{}", &[]);
        artifact.manifest["artifactType"] = json!(artifact_type);
        artifact.manifest["subject"] = json!({
            "mediaType": media_type::OCI_MANIFEST, "digest": subject, "size": size,
        });
        artifact
    }

    /// An index of these manifests, a platform each.
    pub fn index(children: &[(&str, &Self)]) -> Self {
        let children: Vec<Value> = children
            .iter()
            .map(|(architecture, child)| {
                json!({
                    "mediaType": media_type::OCI_MANIFEST, "digest": child.digest(), "size": child.text().len(),
                    "platform": { "architecture": architecture, "os": "linux" },
                })
            })
            .collect();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": children,
        });
        Self {
            manifest,
            blobs: Vec::new(),
        }
    }

    /// An image as different from others as `text` is.
    pub fn image(text: &str) -> Self {
        let config = json!({
            "architecture": "amd64", "os": "linux", "author": "somebody",
            "config": { "Env": [format!("TEXT={text}")] },
            "rootfs": { "type": "layers", "diff_ids": [] },
            "history": [
                { "created": "2024-01-01T00:00:00Z", "created_by": "ADD rootfs.tar" },
                { "created_by": format!("ENV TEXT={text}"), "empty_layer": true },
            ],
        });
        let config = config.to_string();
        let layer = ("application/vnd.oci.image.layer.v1.tar", text.as_bytes());
        Self::new(media_type::OCI_CONFIG, config.as_bytes(), &[layer])
    }

    /// The manifest's bytes.
    pub fn text(&self) -> String {
        self.manifest.to_string()
    }

    /// Their digest.
    pub fn digest(&self) -> Digest {
        Digest::sha256(self.text().as_bytes())
    }

    /// The manifest's own type.
    pub fn media_type(&self) -> &str {
        self.manifest["mediaType"].as_str().unwrap_or_default()
    }

    /// The tag cosign gives to what is about this one.
    pub fn cosign_tag(&self, suffix: &str) -> String {
        format!("{}.{suffix}", self.digest().as_str().replace(':', "-"))
    }
}
