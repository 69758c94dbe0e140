//! What a fake registry holds.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use oci::{Algorithm, Descriptor, Digest, Hasher, Manifest, Platform, media_type};
use serde_json::json;

/// An image that was pushed.
#[derive(Clone, Debug)]
pub struct Image {
    /// The manifest's digest.
    pub manifest_digest: Digest,
    /// The manifest, byte for byte.
    pub manifest: Bytes,
    /// The configuration's digest.
    pub config_digest: Digest,
    /// The layers' digests, base first.
    pub layer_digests: Vec<Digest>,
}

/// A blob's bytes.
#[derive(Clone, Debug)]
pub enum Content {
    /// As they are.
    Bytes(Bytes),
    /// A block over and over.
    Repeated {
        /// What is repeated.
        block: Bytes,
        /// Where it ends.
        size: u64,
    },
}

const BLOCK_BYTES: usize = 1024 * 1024;

impl Content {
    /// `size` bytes that do not compress and cost one mebibyte, whatever their size.
    pub fn repeated(size: u64, seed: u64) -> Self {
        let mut state = seed ^ 0x9e37_79b9_7f4a_7c15;
        let mut block = BytesMut::with_capacity(BLOCK_BYTES);
        while block.len() < BLOCK_BYTES {
            // splitmix64: enough disorder for a test, and the same each time.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut word = state;
            word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            block.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
        }
        Self::Repeated {
            block: block.freeze(),
            size,
        }
    }

    /// How many.
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Repeated { size, .. } => *size,
        }
    }

    /// What they are called.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        let mut at = 0;
        while at < self.size() {
            let chunk = self.chunk(at..self.size());
            at += chunk.len() as u64;
            hasher.update(&chunk);
        }
        hasher.finish()
    }

    /// The first bytes of `range`, without a copy; none only where the range is empty.
    pub fn chunk(&self, range: Range<u64>) -> Bytes {
        let (block, at) = match self {
            Self::Bytes(bytes) => (bytes, range.start as usize),
            Self::Repeated { block, .. } => (block, (range.start % block.len() as u64) as usize),
        };
        let len = (range.end - range.start).min((block.len() - at) as u64) as usize;
        block.slice(at..at + len)
    }
}

#[derive(Clone)]
pub(super) struct StoredManifest {
    pub(super) media_type: String,
    pub(super) bytes: Bytes,
}

#[derive(Default)]
pub(super) struct Repository {
    manifests: HashMap<Digest, StoredManifest>,
    tags: BTreeMap<String, Digest>,
    blobs: HashMap<Digest, Content>,
}

impl Repository {
    pub(super) fn push_manifest(
        &mut self,
        tag: Option<&str>,
        media_type: &str,
        bytes: Bytes,
    ) -> Digest {
        let digest = Digest::sha256(&bytes);
        self.push_manifest_under(digest.clone(), media_type, bytes);
        if let Some(tag) = tag {
            self.tags.insert(tag.to_owned(), digest.clone());
        }
        digest
    }

    pub(super) fn push_manifest_under(&mut self, digest: Digest, media_type: &str, bytes: Bytes) {
        self.manifests.insert(
            digest,
            StoredManifest {
                media_type: media_type.to_owned(),
                bytes,
            },
        );
    }

    pub(super) fn push_blob(&mut self, digest: Digest, content: Content) {
        self.blobs.insert(digest, content);
    }

    pub(super) fn push_image(
        &mut self,
        tag: Option<&str>,
        platform: &Platform,
        layers: &[Vec<u8>],
    ) -> Image {
        let layer_digests: Vec<_> = layers.iter().map(|layer| Digest::sha256(layer)).collect();
        let config = json!({
            "architecture": platform.architecture,
            "os": platform.os,
            "created": "2026-01-02T03:04:05Z",
            "config": { "Cmd": ["/bin/sh"] },
            "rootfs": { "type": "layers", "diff_ids": layer_digests },
        });
        let config = Bytes::from(config.to_string());
        let config_digest = Digest::sha256(&config);
        let descriptor = |media_type: &str, digest: &Digest, size: usize| json!({ "mediaType": media_type, "digest": digest, "size": size });
        let layer_type = "application/vnd.oci.image.layer.v1.tar";
        let listed = layers
            .iter()
            .zip(&layer_digests)
            .map(|(layer, digest)| descriptor(layer_type, digest, layer.len()));
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": descriptor(media_type::OCI_CONFIG, &config_digest, config.len()),
            "layers": listed.collect::<Vec<_>>(),
        });
        for (layer, digest) in layers.iter().zip(&layer_digests) {
            self.push_blob(
                digest.clone(),
                Content::Bytes(Bytes::copy_from_slice(layer)),
            );
        }
        self.push_blob(config_digest.clone(), Content::Bytes(config));
        // Not as a serializer would write it again: who changes a byte is found out.
        let manifest = Bytes::from(format!("{manifest:#}\n"));
        let manifest_digest = self.push_manifest(tag, media_type::OCI_MANIFEST, manifest.clone());
        Image {
            manifest_digest,
            manifest,
            config_digest,
            layer_digests,
        }
    }

    pub(super) fn push_index(&mut self, tag: &str, children: &[(Platform, Image)]) -> Digest {
        let manifests = children.iter().map(|(platform, image)| {
            json!({
                "mediaType": media_type::OCI_MANIFEST,
                "digest": image.manifest_digest,
                "size": image.manifest.len(),
                "platform": platform,
            })
        });
        let index = json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_INDEX,
            "manifests": manifests.collect::<Vec<_>>(),
        });
        self.push_manifest(
            Some(tag),
            media_type::OCI_INDEX,
            Bytes::from(format!("{index:#}\n")),
        )
    }

    pub(super) fn delete_tag(&mut self, tag: &str) {
        self.tags.remove(tag);
    }

    pub(super) fn delete_blob(&mut self, digest: &Digest) {
        self.blobs.remove(digest);
    }

    pub(super) fn manifest(&self, reference: &str) -> Option<(Digest, StoredManifest)> {
        let digest = match self.tags.get(reference) {
            Some(digest) => digest.clone(),
            None => reference.parse().ok()?,
        };
        let manifest = self.manifests.get(&digest)?.clone();
        Some((digest, manifest))
    }

    pub(super) fn blob(&self, digest: &str) -> Option<Content> {
        self.blobs.get(&digest.parse().ok()?).cloned()
    }

    /// At most `limit` tags after `last`, and whether there are more.
    pub(super) fn tags(&self, last: &str, limit: usize) -> (Vec<String>, bool) {
        let mut after = self.tags.keys().filter(|tag| tag.as_str() > last);
        let page = after.by_ref().take(limit).cloned().collect();
        (page, after.next().is_some())
    }

    pub(super) fn referrers(&self, subject: &str, artifact_type: Option<&str>) -> Vec<Descriptor> {
        let parsed = self.manifests.values().filter_map(|stored| {
            Manifest::parse(
                Some(&stored.media_type),
                Algorithm::Sha256,
                stored.bytes.clone(),
            )
            .ok()
        });
        let about = parsed.filter(|manifest| {
            manifest
                .subject()
                .is_some_and(|about| about.digest.as_str() == subject)
        });
        let mut referrers: Vec<_> = about.map(|manifest| manifest.descriptor()).collect();
        referrers.retain(|referrer| {
            artifact_type.is_none() || referrer.artifact_type.as_deref() == artifact_type
        });
        referrers.sort_by(|one, other| one.digest.cmp(&other.digest));
        referrers
    }
}

/// A platform by its two usual words.
pub(super) fn platform(os: &str, architecture: &str) -> Platform {
    Platform {
        os: os.to_owned(),
        architecture: architecture.to_owned(),
        ..Platform::default()
    }
}
