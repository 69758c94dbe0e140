//! What docker does to a registry: push a blob, push an image, pull an image three blobs at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use oci::media_type::{ACCEPT_MANIFESTS, OCI_CONFIG, OCI_MANIFEST};
use oci::{Algorithm, Descriptor, Digest, Hasher};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::content::Content;
use crate::http::Target;

/// docker's `max-concurrent-downloads`.
const PARALLEL_BLOBS: usize = 3;
/// The piece in which Go's HTTP client frames a body of unknown length.
const GO_CHUNK_BYTES: usize = 32 * 1024;

/// How a client uploads a blob.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Upload {
    /// docker: `POST`, `PATCH` with the whole blob chunk-encoded, `PUT` with the digest.
    Patch,
    /// containerd: `POST`, `PUT` with the blob and its length.
    Put,
}

pub(crate) async fn push_blob(
    target: &Target,
    repository: &str,
    content: &Content,
    upload: Upload,
) -> Result<Duration> {
    let started = Instant::now();
    let mut connection = target.connect().await?;
    let path = format!("/v2/{repository}/blobs/uploads/");
    connection
        .request("POST", &path, "Content-Length: 0\r\n")
        .await?;
    let head = connection.head().await?;
    connection.body(head.content_length, |_| ()).await?;
    let mut location = location(head.expect(202, "POST of an upload")?.header("location"))?;

    if upload == Upload::Patch {
        let headers = "Transfer-Encoding: chunked\r\nContent-Type: application/octet-stream\r\n";
        connection.request("PATCH", &location, headers).await?;
        for chunk in content.chunks() {
            connection.send(&go_chunks(&chunk)).await?;
        }
        connection.send(b"0\r\n\r\n").await?;
        connection.flush().await?;
        let head = connection.head().await?;
        connection.body(head.content_length, |_| ()).await?;
        location = self::location(head.expect(202, "PATCH of an upload")?.header("location"))?;
    }
    let join = if location.contains('?') { '&' } else { '?' };
    let path = format!("{location}{join}digest={}", content.digest());
    let length = match upload {
        Upload::Patch => 0,
        Upload::Put => content.size(),
    };
    let headers = format!("Content-Length: {length}\r\nContent-Type: application/octet-stream\r\n");
    connection.request("PUT", &path, &headers).await?;
    if upload == Upload::Put {
        for chunk in content.chunks() {
            connection.send(&chunk).await?;
        }
        connection.flush().await?;
    }
    let head = connection.head().await?;
    connection.body(head.content_length, |_| ()).await?;
    head.expect(201, "PUT of an upload")?;
    Ok(started.elapsed())
}

/// The path of a `Location`, whichever of the two allowed forms it has.
fn location(value: Option<&str>) -> Result<String> {
    let value = value.context("an upload without a Location")?;
    let path = match value.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/').unwrap_or(rest.len())..],
        None => value,
    };
    Ok(path.to_owned())
}

fn go_chunks(bytes: &[u8]) -> Vec<u8> {
    let mut framed = Vec::with_capacity(bytes.len() + bytes.len() / 1024);
    for piece in bytes.chunks(GO_CHUNK_BYTES) {
        framed.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        framed.extend_from_slice(piece);
        framed.extend_from_slice(b"\r\n");
    }
    framed
}

/// Pushes layers, a config and the manifest that names them; gives the manifest's digest.
pub(crate) async fn push_image(
    target: &Target,
    repository: &str,
    tag: &str,
    layers: &[Content],
) -> Result<Digest> {
    let config = Content::of(Bytes::from(
        json!({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| layer.digest().as_str()).collect::<Vec<_>>()},
        })
        .to_string(),
    ));
    for blob in layers.iter().chain([&config]) {
        push_blob(target, repository, blob, Upload::Put).await?;
    }
    let layer_type = "application/vnd.oci.image.layer.v1.tar+gzip";
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": config.digest().as_str(), "size": config.size()},
        "layers": layers.iter()
            .map(|layer| json!({"mediaType": layer_type, "digest": layer.digest().as_str(), "size": layer.size()}))
            .collect::<Vec<_>>(),
        // A real manifest is about two kilobytes; four layers alone are not.
        "annotations": {"bench.padding": "x".repeat(1000)},
    })
    .to_string();
    let mut connection = target.connect().await?;
    let path = format!("/v2/{repository}/manifests/{tag}");
    let headers = format!(
        "Content-Type: {OCI_MANIFEST}\r\nContent-Length: {}\r\n",
        manifest.len()
    );
    connection.request("PUT", &path, &headers).await?;
    connection.send(manifest.as_bytes()).await?;
    connection.flush().await?;
    let head = connection.head().await?;
    let mut answer = Vec::new();
    connection
        .body(head.content_length, |piece| answer.extend_from_slice(piece))
        .await?;
    head.expect(201, &String::from_utf8_lossy(&answer))?;
    Ok(Digest::sha256(manifest.as_bytes()))
}

/// Pulls an image as docker does (the tag's manifest, then its blobs, three at a time) and checks every byte.
pub(crate) async fn pull_image(target: &Target, repository: &str, tag: &str) -> Result<Duration> {
    let started = Instant::now();
    let mut connection = target.connect().await?;
    let path = format!("/v2/{repository}/manifests/{tag}");
    let accept = format!("Accept: {ACCEPT_MANIFESTS}\r\n");
    connection.request("HEAD", &path, &accept).await?;
    let head = connection.head().await?.expect(200, "HEAD of a manifest")?;
    let digest = head
        .header("docker-content-digest")
        .context("a manifest without a digest")?
        .to_owned();
    let path = format!("/v2/{repository}/manifests/{digest}");
    let (head, manifest) = connection.get(&path, &accept).await?;
    head.expect(200, &String::from_utf8_lossy(&manifest))?;
    ensure!(
        Digest::sha256(&manifest).as_str() == digest,
        "another manifest than asked for"
    );
    let manifest: serde_json::Value = serde_json::from_slice(&manifest)?;
    let layers = manifest["layers"].as_array().context("no layers")?;
    let permits = Arc::new(Semaphore::new(PARALLEL_BLOBS));
    let mut pulls = JoinSet::new();
    for blob in [&manifest["config"]].into_iter().chain(layers) {
        let blob: Descriptor = serde_json::from_value(blob.clone())?;
        let (target, repository, permits) =
            (target.clone(), repository.to_owned(), Arc::clone(&permits));
        pulls.spawn(async move {
            let _permit = permits.acquire_owned().await?;
            pull_blob(&target, &repository, &blob.digest).await
        });
    }
    while let Some(pulled) = pulls.join_next().await {
        pulled??;
    }
    Ok(started.elapsed())
}

/// Pulls one blob on a connection of its own and checks its digest.
pub(crate) async fn pull_blob(target: &Target, repository: &str, digest: &Digest) -> Result<()> {
    let mut connection = target.connect().await?;
    let path = format!("/v2/{repository}/blobs/{digest}");
    connection.request("GET", &path, "").await?;
    let head = connection.head().await?.expect(200, "GET of a blob")?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    connection
        .body(head.content_length, |piece| hasher.update(piece))
        .await?;
    ensure!(hasher.finish() == *digest, "{digest} came with other bytes");
    Ok(())
}

/// Reads one blob without looking at it, as fast as this machine lets a client: for stampedes, where 64 clients that
/// hash would measure their hashing.
pub(crate) async fn drain_blob(target: &Target, repository: &str, digest: &Digest) -> Result<u64> {
    let mut connection = target.connect().await?;
    let path = format!("/v2/{repository}/blobs/{digest}");
    connection.request("GET", &path, "").await?;
    let head = connection.head().await?.expect(200, "GET of a blob")?;
    connection.body(head.content_length, |_| ()).await?;
    Ok(head.content_length)
}
