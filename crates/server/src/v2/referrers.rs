//! `/v2/<name>/referrers/<digest>`: end-12.

use auth::Action;
use axum::response::IntoResponse;
use chrono::Utc;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue};
use oci::{Digest, RepositoryName, media_type};

use super::{Asked, Result};
use crate::error::Error;

const FILTERS_APPLIED: HeaderName = HeaderName::from_static("oci-filters-applied");

/// An index of the manifests about `digest`; an empty one where there are none.
pub(super) async fn list(asked: &Asked<'_>, name: &RepositoryName, digest: &Digest) -> Result {
    let access = asked.authorize(Action::Pull, name).await?;
    let wanted = asked
        .parameter("artifactType")
        .filter(|wanted| !wanted.is_empty());
    let listed = asked
        .state
        .registry()
        .referrers(&access, name, digest, wanted.as_deref(), Utc::now())
        .await;
    let manifests = listed.map_err(Error::of_registry)?;
    let index = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_INDEX,
        "manifests": manifests,
    });
    let mut response = ([(CONTENT_TYPE, media_type::OCI_INDEX)], index.to_string()).into_response();
    if wanted.is_some() {
        response
            .headers_mut()
            .insert(FILTERS_APPLIED, HeaderValue::from_static("artifactType"));
    }
    Ok(response)
}
