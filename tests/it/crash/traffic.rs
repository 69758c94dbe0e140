//! Pulls and pushes that go on until the server is killed under them, and what they were promised until then.
//!
//! An answer that came whole must be right; a broken connection is the kill, and ends the client.

use std::sync::Arc;

use bytes::Bytes;
use http::Method;
use oci::{Digest, media_type};
use tests::fake::FakeUpstream;
use tests::{Answer, Client};

const KIB: usize = 1024;

/// The hosted repository that is pushed to.
pub(super) const HOSTED: &str = "hosted/app";

/// A tag that every manifest moves.
pub(super) const MOVING: &str = "latest";

/// What the server has acknowledged and must keep, and what it was in the middle of.
#[derive(Debug, Default)]
pub(super) struct Promised {
    /// Blobs answered with 201.
    pub(super) blobs: Vec<Digest>,
    /// Manifests answered with 201, under a tag of their own.
    pub(super) manifests: Vec<(String, Digest)>,
    /// What [`MOVING`] may point at: what was last acknowledged, and what was asked for since.
    pub(super) moving: Vec<Digest>,
    /// Whether any move of it was acknowledged.
    pub(super) is_moved: bool,
    /// Chunked uploads that had begun.
    pub(super) uploads: Vec<Upload>,
    /// Images of which something was pulled.
    pub(super) pulled: Vec<usize>,
}

/// An upload that was cut off.
#[derive(Debug)]
pub(super) struct Upload {
    location: String,
    bytes: Vec<u8>,
    /// How many bytes were answered with 202, and how many had been sent.
    acknowledged: usize,
    sent: usize,
    /// Whether the end had been asked for: then it may be a blob already.
    is_ending: bool,
}

impl Promised {
    /// What another client was promised, too.
    pub(super) fn add(&mut self, other: Self) {
        self.blobs.extend(other.blobs);
        self.manifests.extend(other.manifests);
        self.moving.extend(other.moving);
        self.is_moved |= other.is_moved;
        self.uploads.extend(other.uploads);
        self.pulled.extend(other.pulled);
    }
}

/// An image upstream.
pub(super) struct Image {
    pub(super) tag: String,
    manifest: Digest,
    blobs: Vec<(Digest, Option<Bytes>)>,
}

impl Image {
    /// A new one, of two layers.
    pub(super) fn push(upstream: &FakeUpstream, number: usize, random: &mut Random) -> Self {
        let layers = [600 * KIB, 60 * KIB].map(|most| random.some_bytes(most));
        let tag = format!("i{number}");
        let pushed = upstream.push_image("app", &tag, &layers);
        let layers = layers.into_iter().map(|layer| Some(Bytes::from(layer)));
        let blobs = pushed.layer_digests.into_iter().zip(layers);
        Self {
            tag,
            manifest: pushed.manifest_digest,
            blobs: blobs.chain([(pushed.config_digest, None)]).collect(),
        }
    }
}

/// Pulls the first `known` images, the last of them more often.
pub(super) async fn pull(
    client: Client,
    images: Arc<[Image]>,
    known: usize,
    mut random: Random,
) -> Promised {
    let mut promised = Promised::default();
    loop {
        let back = random.below(known).min(random.below(known));
        let index = known - 1 - back;
        promised.pulled.push(index);
        if !is_pulled(&client, &images[index], &mut random).await {
            return promised;
        }
    }
}

async fn is_pulled(client: &Client, image: &Image, random: &mut Random) -> bool {
    let path = format!("/v2/hub/app/manifests/{}", image.tag);
    let Some(answer) = get(client, &path).await else {
        return false;
    };
    assert_eq!(
        Digest::sha256(&answer.expect(200).body),
        image.manifest,
        "{}",
        image.tag
    );
    for (digest, bytes) in &image.blobs {
        let path = format!("/v2/hub/app/blobs/{digest}");
        if let Some(bytes) = bytes.as_ref().filter(|_| random.below(4) == 0) {
            let start = random.below(bytes.len());
            let part = client
                .request(Method::GET, &path)
                .header("range", format!("bytes={start}-"));
            let Ok(answer) = client.try_send(part).await else {
                return false;
            };
            assert!(
                answer.expect(206).body == bytes[start..],
                "{digest} from {start}"
            );
        } else {
            let Some(answer) = get(client, &path).await else {
                return false;
            };
            assert_eq!(&Digest::sha256(&answer.expect(200).body), digest);
        }
    }
    true
}

async fn get(client: &Client, path: &str) -> Option<Answer> {
    client
        .try_send(client.request(Method::GET, path))
        .await
        .ok()
}

/// Pushes blobs, each in one request.
pub(super) async fn push_whole(client: Client, mut random: Random) -> Promised {
    let mut promised = Promised::default();
    while let Some(digest) = push(&client, random.some_bytes(96 * KIB)).await {
        promised.blobs.push(digest);
    }
    promised
}

/// Pushes blobs in chunks.
pub(super) async fn push_chunks(client: Client, mut random: Random) -> Promised {
    let mut promised = Promised::default();
    loop {
        let bytes = random.some_bytes(192 * KIB);
        let digest = Digest::sha256(&bytes);
        let begin = client.request(Method::POST, &format!("/v2/{HOSTED}/blobs/uploads/"));
        let Ok(begun) = client.try_send(begin).await else {
            return promised;
        };
        let mut upload = Upload {
            location: begun.expect(202).header("location").to_owned(),
            bytes,
            acknowledged: 0,
            sent: 0,
            is_ending: false,
        };
        if !upload.is_finished(&client, 48 * KIB).await {
            promised.uploads.push(upload);
            return promised;
        }
        promised.blobs.push(digest);
    }
}

/// Pushes images: configuration, layer, then the manifest, by digest under a tag of its own, and as [`MOVING`].
pub(super) async fn push_images(client: Client, name: String, mut random: Random) -> Promised {
    let mut promised = Promised::default();
    for turn in 0.. {
        let mut described = Vec::new();
        for most in [2 * KIB, 64 * KIB] {
            let bytes = random.some_bytes(most);
            let size = bytes.len();
            let Some(digest) = push(&client, bytes).await else {
                return promised;
            };
            promised.blobs.push(digest.clone());
            described.push(serde_json::json!({
                "mediaType": media_type::OCI_CONFIG, "digest": digest, "size": size,
            }));
        }
        let manifest = serde_json::json!({
            "schemaVersion": 2,
            "mediaType": media_type::OCI_MANIFEST,
            "config": described[0],
            "layers": [described[1]],
        });
        let manifest = manifest.to_string();
        let digest = Digest::sha256(manifest.as_bytes());
        let tag = format!("{name}-{turn}");
        if !is_tagged(&client, &tag, &manifest).await {
            return promised;
        }
        promised.manifests.push((tag, digest.clone()));
        promised.moving.push(digest.clone());
        if !is_tagged(&client, MOVING, &manifest).await {
            return promised;
        }
        promised.moving = vec![digest];
        promised.is_moved = true;
    }
    promised
}

async fn is_tagged(client: &Client, tag: &str, manifest: &str) -> bool {
    let put = client
        .request(Method::PUT, &format!("/v2/{HOSTED}/manifests/{tag}"))
        .header("content-type", media_type::OCI_MANIFEST)
        .body(manifest.to_owned());
    match client.try_send(put).await {
        Ok(answer) => {
            answer.expect(201);
            true
        }
        Err(_) => false,
    }
}

async fn push(client: &Client, bytes: Vec<u8>) -> Option<Digest> {
    let digest = Digest::sha256(&bytes);
    let path = format!("/v2/{HOSTED}/blobs/uploads/?digest={digest}");
    let post = client.request(Method::POST, &path).body(bytes);
    client.try_send(post).await.ok()?.expect(201);
    Some(digest)
}

impl Upload {
    /// Sends what is missing, chunk by chunk, and ends it. `false`: cut off again.
    async fn is_finished(&mut self, client: &Client, chunk: usize) -> bool {
        while self.acknowledged < self.bytes.len() {
            let end = self.bytes.len().min(self.acknowledged + chunk);
            self.sent = end;
            let range = format!("{}-{}", self.acknowledged, end - 1);
            let patch = client
                .request(Method::PATCH, &self.location)
                .header("content-range", range)
                .body(self.bytes[self.acknowledged..end].to_vec());
            let Ok(answer) = client.try_send(patch).await else {
                return false;
            };
            answer.expect(202);
            self.acknowledged = end;
        }
        self.is_ending = true;
        let digest = Digest::sha256(&self.bytes);
        let put = client.request(Method::PUT, &format!("{}?digest={digest}", self.location));
        match client.try_send(put).await {
            Ok(answer) => {
                answer.expect(201);
                true
            }
            Err(_) => false,
        }
    }

    /// Takes it up where the server says it stands, as the specification has it, and gives the blob it became.
    pub(super) async fn resume(mut self, client: &Client) -> Option<Digest> {
        let digest = Digest::sha256(&self.bytes);
        let status = client.get(&self.location).await;
        if status.status == 404 {
            assert!(self.is_ending, "{} was forgotten", self.location);
            let blob = client.blob(HOSTED, &digest).await;
            if blob.status == 404 {
                return None; // its bytes are stored, but the repository was not told: pushed again, it will be
            }
            assert!(blob.expect(200).body == self.bytes);
            return Some(digest);
        }
        let range = status.expect(204).header("range").to_owned();
        let last: usize = range
            .strip_prefix("0-")
            .and_then(|last| last.parse().ok())
            .expect("a range");
        // `0-0` is what is said of no bytes at all; none of these chunks has one byte only.
        let offset = if last == 0 { 0 } else { last + 1 };
        assert!(
            (self.acknowledged..=self.sent).contains(&offset),
            "{offset} of {} acknowledged and {} sent",
            self.acknowledged,
            self.sent
        );
        self.acknowledged = offset;
        assert!(self.is_finished(client, usize::MAX / 2).await);
        Some(digest)
    }
}

/// Random bytes and choices, the same for the same seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another, that goes its own way.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.next())
    }

    /// Less than `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    /// Between 16 and `most` bytes.
    pub(super) fn some_bytes(&mut self, most: usize) -> Vec<u8> {
        let len = 16 + self.below(most - 16);
        self.bytes(len)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(len + 8);
        while bytes.len() < len {
            bytes.extend_from_slice(&self.next().to_le_bytes());
        }
        bytes.truncate(len);
        bytes
    }

    /// splitmix64.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }
}
