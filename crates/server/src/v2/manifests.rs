//! `/v2/<name>/manifests/<reference>`: end-3, end-7, end-9.

use auth::Action;
use axum::body::Body;
use axum::response::Response;
use chrono::Utc;
use http::header::{AGE, CONTENT_LENGTH, CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Limited};
use oci::{ErrorCode, MAX_MANIFEST_BYTES, Reference, RepositoryName, Tag};

use metadata::AuditEvent;
use registry::{NewManifest, PullKind};

use super::{Asked, CONTENT_DIGEST, Result, empty, header, tell_outcome};
use crate::error::Error;

/// Upstream was not asked whether the tag has moved, because a rule keeps it.
const IMMUTABLE: HeaderName = HeaderName::from_static("x-roadstead-immutable");
const SUBJECT: HeaderName = HeaderName::from_static("oci-subject");
const TAG: HeaderName = HeaderName::from_static("oci-tag");

/// `GET` and `HEAD` (end-3).
pub(super) async fn get(asked: &Asked<'_>, name: &RepositoryName, reference: &Reference) -> Result {
    let access = asked.authorize(Action::Pull, name).await?;
    let registry = asked.state.registry();
    let now = Utc::now();
    let pulled = registry.manifest(&access, name, reference, now).await;
    let outcome = pulled.as_ref().map(|pulled| &pulled.outcome);
    let counted = asked.count(&access, PullKind::Manifest, outcome);
    let pulled = pulled.map_err(Error::of_registry)?;
    let digest = pulled.digest.as_str();
    let mut response = if asked.has(digest) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        empty(StatusCode::OK)
    };
    let is_whole = response.status() == StatusCode::OK;
    let headers = response.headers_mut();
    headers.insert(CONTENT_DIGEST, header(digest));
    headers.insert(ETAG, header(&format!("\"{digest}\"")));
    tell_outcome(headers, &pulled.outcome);
    if pulled.is_kept {
        headers.insert(IMMUTABLE, HeaderValue::from_static("true"));
    }
    if let Some(age) = pulled.age {
        headers.insert(AGE, header(&age.as_secs().to_string()));
    }
    if !is_whole {
        return Ok(response);
    }
    headers.insert(CONTENT_TYPE, header(&pulled.media_type));
    headers.insert(CONTENT_LENGTH, header(&pulled.bytes.len().to_string()));
    if !asked.is_head() {
        registry.note_pull(&access, &pulled, reference, asked.address(), now);
        counted.sent(pulled.bytes.len());
        *response.body_mut() = Body::from(pulled.bytes);
    }
    Ok(response)
}

/// `PUT` (end-7), with the tags of `?tag=` beside the reference's own.
pub(super) async fn put(
    asked: &Asked<'_>,
    name: &RepositoryName,
    reference: &Reference,
    body: Body,
) -> Result {
    let access = asked.authorize(Action::Push, name).await?;
    let tags: std::result::Result<Vec<Tag>, _> =
        asked.parameters("tag").map(|tag| tag.parse()).collect();
    let tags = tags.map_err(|error| {
        Error::oci(
            StatusCode::BAD_REQUEST,
            ErrorCode::ManifestInvalid,
            error.to_string(),
        )
    })?;
    let bytes = Limited::new(body, MAX_MANIFEST_BYTES)
        .collect()
        .await
        .map_err(|error| unreadable(&*error))?
        .to_bytes();
    let content_type = asked.header(CONTENT_TYPE).map(str::to_owned);
    let (registry, address) = (asked.state.registry().clone(), asked.address());
    let (name_, reference_, tags_) = (name.clone(), reference.clone(), tags.clone());
    // To its end, also when the client leaves: nothing is pushed that is not recorded.
    let pushing = async move {
        let (name, now) = (name_, Utc::now());
        let new = NewManifest {
            reference: &reference_,
            tags: &tags_,
            content_type: content_type.as_deref(),
            bytes,
        };
        let pushed = registry.put_manifest(&access, &name, new, now).await?;
        let event = AuditEvent::CreateArtifact;
        registry
            .record_content(&access, event, &name, &reference_, address, now)
            .await;
        Ok(pushed)
    };
    let pushed = asked.state.finish(pushing).await;
    let pushed = pushed.map_err(Error::of_registry)?;
    let mut response = empty(StatusCode::CREATED);
    let headers = response.headers_mut();
    headers.insert(
        LOCATION,
        header(&format!("/v2/{name}/manifests/{}", pushed.digest)),
    );
    headers.insert(CONTENT_DIGEST, header(pushed.digest.as_str()));
    if let Some(subject) = pushed.subject {
        headers.insert(SUBJECT, header(subject.as_str()));
    }
    for tag in tags {
        headers.append(TAG, header(tag.as_str()));
    }
    Ok(response)
}

/// `DELETE` (end-9): a manifest by digest, or a tag.
pub(super) async fn delete(
    asked: &Asked<'_>,
    name: &RepositoryName,
    reference: &Reference,
) -> Result<Response> {
    let access = asked.authorize(Action::Delete, name).await?;
    let (registry, address) = (asked.state.registry().clone(), asked.address());
    let (name, reference) = (name.clone(), reference.clone());
    let deleting = async move {
        registry
            .delete_manifest(&access, &name, &reference, Utc::now())
            .await?;
        let event = match &reference {
            Reference::Tag(_) => AuditEvent::DeleteTag,
            Reference::Digest(_) => AuditEvent::DeleteArtifact,
        };
        registry
            .record_content(&access, event, &name, &reference, address, Utc::now())
            .await;
        Ok(())
    };
    let deleted = asked.state.finish(deleting).await;
    deleted.map_err(Error::of_registry)?;
    Ok(empty(StatusCode::ACCEPTED))
}

fn unreadable(error: &(dyn std::error::Error + Send + Sync + 'static)) -> Error {
    if error.is::<http_body_util::LengthLimitError>() {
        return Error::oci(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::ManifestInvalid,
            "the manifest is larger than 4 MiB",
        );
    }
    Error::oci(
        StatusCode::BAD_REQUEST,
        ErrorCode::ManifestInvalid,
        format!("the body broke off: {error}"),
    )
}
