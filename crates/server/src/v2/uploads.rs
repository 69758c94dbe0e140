//! `/v2/<name>/blobs/uploads/`: end-4, 5, 6, 11, 13, 14.

use std::io;
use std::time::Duration;

use auth::Action;
use axum::body::{Body, Bytes};
use chrono::Utc;
use futures_util::{Stream, StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_RANGE, LOCATION, RANGE};
use http::{HeaderName, StatusCode};
use oci::{Digest, ErrorCode, RepositoryName, content_range_start};
use registry::Start;

use super::{Asked, CONTENT_DIGEST, Result, empty, header};
use crate::error::Error;

/// How long a client may send nothing in the middle of a body.
const SILENCE: Duration = Duration::from_secs(60);

const UPLOAD_ID: HeaderName = HeaderName::from_static("docker-upload-uuid");

/// `POST`: begins an upload (end-4a), takes a whole blob (end-4b), or mounts one (end-11).
pub(super) async fn post(asked: &Asked<'_>, name: &RepositoryName, body: Body) -> Result {
    let access = asked.authorize(Action::Push, name).await?;
    let registry = asked.state.registry();
    let now = Utc::now();
    if let Some(mount) = asked.parameter("mount") {
        let started = match mount.parse() {
            Ok(digest) => {
                let from: Option<RepositoryName> =
                    asked.parameter("from").and_then(|from| from.parse().ok());
                let source = match &from {
                    // Without the right to pull it from there, it is as if it were not there.
                    Some(from) => asked
                        .state
                        .auth()
                        .authorize(asked.caller, Action::Pull, from.project())
                        .await
                        .ok(),
                    None => None,
                };
                match (&from, &source) {
                    (Some(from), Some(source)) => {
                        registry
                            .mount(&access, name, &digest, Some((from, source)), now)
                            .await
                    }
                    (Some(_), None) => registry
                        .start_upload(&access, name, now)
                        .await
                        .map(Start::Upload),
                    (None, _) => registry.mount(&access, name, &digest, None, now).await,
                }
            }
            Err(_) => return Err(bad_digest(&mount)),
        };
        return match started.map_err(Error::of_registry)? {
            Start::Mounted(digest) => Ok(created(name, &digest)),
            Start::Upload(id) => Ok(accepted(name, &id, 0)),
        };
    }
    let digest = wanted_digest(asked)?;
    let id = registry
        .start_upload(&access, name, now)
        .await
        .map_err(Error::of_registry)?;
    let Some(digest) = digest else {
        return Ok(accepted(name, &id, 0));
    };
    let taken = async {
        registry
            .append(&access, name, &id, Some(0), received(body))
            .await?;
        registry
            .finish_upload(&access, name, &id, &digest, now)
            .await
    };
    if let Err(error) = taken.await {
        // The client does not know this upload, so nobody can go on with it: on a full disk it would only be in the
        // way. One that has ended already is not there to be given up.
        let _ = registry.cancel_upload(&access, name, &id).await;
        return Err(Error::of_registry(error));
    }
    Ok(created(name, &digest))
}

/// `PATCH`: a chunk, or a stream of unknown length (end-5).
pub(super) async fn patch(
    asked: &Asked<'_>,
    name: &RepositoryName,
    id: &str,
    body: Body,
) -> Result {
    let access = asked.authorize(Action::Push, name).await?;
    let at = chunk_start(asked)?;
    let registry = asked.state.registry();
    match registry.append(&access, name, id, at, received(body)).await {
        Ok(offset) => Ok(accepted(name, id, offset)),
        Err(error) => Err(out_of_order(name, id, error)),
    }
}

/// `PUT`: the last bytes, if any, and the digest of all (end-6).
pub(super) async fn put(asked: &Asked<'_>, name: &RepositoryName, id: &str, body: Body) -> Result {
    let access = asked.authorize(Action::Push, name).await?;
    let digest = wanted_digest(asked)?.ok_or_else(|| bad_digest(""))?;
    let registry = asked.state.registry();
    let at = chunk_start(asked)?;
    registry
        .append(&access, name, id, at, received(body))
        .await
        .map_err(|error| out_of_order(name, id, error))?;
    registry
        .finish_upload(&access, name, id, &digest, Utc::now())
        .await
        .map_err(Error::of_registry)?;
    Ok(created(name, &digest))
}

/// `GET`: where the upload stands (end-13).
pub(super) async fn get(asked: &Asked<'_>, name: &RepositoryName, id: &str) -> Result {
    let access = asked.authorize(Action::Push, name).await?;
    let offset = asked
        .state
        .registry()
        .upload_offset(&access, name, id)
        .await
        .map_err(Error::of_registry)?;
    let mut response = accepted(name, id, offset);
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

/// `DELETE`: gives it up (end-14).
pub(super) async fn delete(asked: &Asked<'_>, name: &RepositoryName, id: &str) -> Result {
    let access = asked.authorize(Action::Push, name).await?;
    asked
        .state
        .registry()
        .cancel_upload(&access, name, id)
        .await
        .map_err(Error::of_registry)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// The body's bytes. A client that has gone without a word must not hold its upload for ever: silence ends the body.
fn received(body: Body) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin {
    Box::pin(stream::unfold(body.into_data_stream(), |mut body| async {
        let chunk = match tokio::time::timeout(SILENCE, body.next()).await {
            Ok(chunk) => chunk?.map_err(io::Error::other),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        Some((chunk, body))
    }))
}

/// Where the client says that its chunk begins. A length that contradicts the range is refused before it is read.
fn chunk_start(asked: &Asked<'_>) -> Result<Option<u64>> {
    let Some(text) = asked.header(CONTENT_RANGE) else {
        return Ok(None);
    };
    let invalid = || {
        Error::oci(
            StatusCode::BAD_REQUEST,
            ErrorCode::BlobUploadInvalid,
            format!(
                "Content-Range {text} is not <first byte>-<last byte> of the chunk's Content-Length bytes"
            ),
        )
    };
    let start = content_range_start(text).ok_or_else(invalid)?;
    let length = asked
        .header(CONTENT_LENGTH)
        .and_then(|length| length.parse::<u64>().ok());
    let last = text
        .split('/')
        .next()
        .and_then(|range| range.rsplit('-').next())
        .and_then(|last| last.trim().parse::<u64>().ok());
    match (length, last) {
        (Some(length), Some(last))
            if last
                .checked_sub(start)
                .and_then(|count| count.checked_add(1))
                != Some(length) =>
        {
            Err(invalid())
        }
        _ => Ok(Some(start)),
    }
}

fn wanted_digest(asked: &Asked<'_>) -> Result<Option<Digest>> {
    match asked.parameter("digest") {
        Some(text) => text.parse().map(Some).map_err(|_| bad_digest(&text)),
        None => Ok(None),
    }
}

fn bad_digest(text: &str) -> Error {
    Error::oci(
        StatusCode::BAD_REQUEST,
        ErrorCode::DigestInvalid,
        format!("invalid digest {text:?}: {}", oci::DigestError),
    )
}

/// 416 says where the upload stands, so that the client can go on from there.
fn out_of_order(name: &RepositoryName, id: &str, error: registry::Error) -> Error {
    let offset = match &error {
        registry::Error::ChunkOutOfOrder { offset } => Some(*offset),
        _ => None,
    };
    let error = Error::of_registry(error);
    match offset {
        Some(offset) => error
            .with(LOCATION, &location(name, id))
            .with(RANGE, &range(offset)),
        None => error,
    }
}

fn created(name: &RepositoryName, digest: &Digest) -> axum::response::Response {
    let mut response = empty(StatusCode::CREATED);
    let headers = response.headers_mut();
    headers.insert(LOCATION, header(&format!("/v2/{name}/blobs/{digest}")));
    headers.insert(CONTENT_DIGEST, header(digest.as_str()));
    response
}

fn accepted(name: &RepositoryName, id: &str, offset: u64) -> axum::response::Response {
    let mut response = empty(StatusCode::ACCEPTED);
    let headers = response.headers_mut();
    headers.insert(LOCATION, header(&location(name, id)));
    headers.insert(RANGE, header(&range(offset)));
    headers.insert(UPLOAD_ID, header(id));
    response
}

fn location(name: &RepositoryName, id: &str) -> String {
    format!("/v2/{name}/blobs/uploads/{id}")
}

/// The bytes that are here, last one included. Of none, distribution says `0-0`, and clients expect it.
fn range(offset: u64) -> String {
    format!("0-{}", offset.saturating_sub(1))
}
