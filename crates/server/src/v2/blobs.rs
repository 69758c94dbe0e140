//! `/v2/<name>/blobs/<digest>`: end-2, end-10.

use std::ops::Range;

use auth::Action;
use axum::body::Body;
use axum::response::Response;
use chrono::Utc;
use futures_util::StreamExt;
use http::header::{
    ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use http::{HeaderValue, StatusCode};
use oci::{ByteRange, Digest, ErrorCode, RepositoryName, Satisfied, media_type};
use registry::{BlobBody, Counted, Outcome, PullKind};

use super::{Asked, CONTENT_DIGEST, Result, empty, header, tell_outcome};
use crate::error::Error;

/// `HEAD` (end-2).
pub(super) async fn head(asked: &Asked<'_>, name: &RepositoryName, digest: &Digest) -> Result {
    let access = asked.authorize(Action::Pull, name).await?;
    let sized = asked
        .state
        .registry()
        .blob_size(&access, name, digest, Utc::now())
        .await;
    let outcome = sized.as_ref().map(|(_, outcome)| outcome);
    asked.count(&access, PullKind::Blob, outcome);
    let (size, outcome) = sized.map_err(Error::of_registry)?;
    let mut response = described(digest, &outcome);
    if let Some(size) = size {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, header(&size.to_string()));
    }
    Ok(response)
}

/// `GET` (end-2), whole or a range.
pub(super) async fn get(asked: &Asked<'_>, name: &RepositoryName, digest: &Digest) -> Result {
    let access = asked.authorize(Action::Pull, name).await?;
    if asked.has(digest.as_str()) {
        // Still only for those who may have it here.
        asked
            .state
            .registry()
            .blob_size(&access, name, digest, Utc::now())
            .await
            .map_err(Error::of_registry)?;
        return Ok(with_status(
            described(digest, &Outcome::Hit),
            StatusCode::NOT_MODIFIED,
        ));
    }
    let opened = asked
        .state
        .registry()
        .blob(&access, name, digest, Utc::now())
        .await;
    let outcome = opened.as_ref().map(|opened| &opened.outcome);
    let counted = asked.count(&access, PullKind::Blob, outcome);
    let opened = opened.map_err(Error::of_registry)?;
    let response = described(digest, &opened.outcome);
    match (requested_range(asked, digest), opened.size) {
        (Some(range), Some(size)) => match range.of(size) {
            Satisfied::Partial(range) => Ok(partial(response, opened.body, range, size, counted)),
            Satisfied::Unsatisfiable => Err(unsatisfiable(size)),
        },
        // A range of a blob whose size nobody has told yet cannot be answered as one; the whole may be.
        (_, size) => Ok(whole(response, opened.body, size, counted)),
    }
}

/// `DELETE` (end-10).
pub(super) async fn delete(asked: &Asked<'_>, name: &RepositoryName, digest: &Digest) -> Result {
    let access = asked.authorize(Action::Delete, name).await?;
    asked
        .state
        .registry()
        .delete_blob(&access, name, digest)
        .await
        .map_err(Error::of_registry)?;
    Ok(empty(StatusCode::ACCEPTED))
}

/// The range asked for, unless `If-Range` names other bytes than these.
fn requested_range(asked: &Asked<'_>, digest: &Digest) -> Option<ByteRange> {
    let is_same = asked
        .header(IF_RANGE)
        .is_none_or(|tag| tag.trim().trim_matches('"') == digest.as_str());
    asked
        .header(RANGE)
        .filter(|_| is_same)
        .and_then(ByteRange::parse)
}

fn described(digest: &Digest, outcome: &Outcome) -> Response {
    let mut response = empty(StatusCode::OK);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_TYPE,
        HeaderValue::from_static(media_type::OCTET_STREAM),
    );
    headers.insert(CONTENT_DIGEST, header(digest.as_str()));
    headers.insert(ETAG, header(&format!("\"{digest}\"")));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    tell_outcome(headers, outcome);
    response
}

fn whole(mut response: Response, body: BlobBody, size: Option<u64>, counted: Counted) -> Response {
    if let Some(size) = size {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, header(&size.to_string()));
    }
    *response.body_mut() = streamed(body, 0..size.unwrap_or(u64::MAX), counted);
    response
}

fn partial(
    response: Response,
    body: BlobBody,
    range: Range<u64>,
    size: u64,
    counted: Counted,
) -> Response {
    let mut response = with_status(response, StatusCode::PARTIAL_CONTENT);
    let headers = response.headers_mut();
    headers.insert(
        CONTENT_LENGTH,
        header(&(range.end - range.start).to_string()),
    );
    headers.insert(
        CONTENT_RANGE,
        header(&format!("bytes {}-{}/{size}", range.start, range.end - 1)),
    );
    *response.body_mut() = streamed(body, range, counted);
    response
}

fn unsatisfiable(size: u64) -> Error {
    let message = format!("the blob has {size} bytes; ask for a range within them");
    Error::oci(
        StatusCode::RANGE_NOT_SATISFIABLE,
        ErrorCode::SizeInvalid,
        message,
    )
    .with(CONTENT_RANGE, &format!("bytes */{size}"))
}

/// An error in the stream cuts the connection, so that no client takes what it has for the whole.
fn streamed(body: BlobBody, range: Range<u64>, counted: Counted) -> Body {
    let stream = body.stream(range).inspect(move |chunk| match chunk {
        Ok(bytes) => counted.sent(bytes.len()),
        Err(error) => tracing::warn!(%error, "a response was cut off"),
    });
    Body::from_stream(stream)
}

fn with_status(mut response: Response, status: StatusCode) -> Response {
    *response.status_mut() = status;
    response
}
