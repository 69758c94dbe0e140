//! `…/artifacts/{reference}/tags`: the names that point at an artifact.

use std::sync::Arc;

use auth::{Access, Action};
use chrono::Utc;
use http::StatusCode;
use metadata::TagRow;
use oci::Tag;
use registry::Immutability;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Result;
use super::extract::{Asked, Body, Names, reference};
use super::json::Time;
use super::page::Paging;
use crate::error::{Error, harbor};

#[derive(Serialize, ToSchema)]
#[schema(as = Tag)]
pub(super) struct TagBody {
    id: i64,
    repository_id: i64,
    artifact_id: i64,
    name: String,
    push_time: Time,
    pull_time: Time,
    immutable: bool,
}

impl TagBody {
    pub(super) fn of(tag: TagRow, immutable: bool) -> Self {
        Self {
            id: tag.id,
            repository_id: tag.repository_id,
            artifact_id: tag.artifact_id,
            name: tag.name,
            push_time: tag.pushed_at.into(),
            pull_time: Time(tag.pulled_at),
            immutable,
        }
    }
}

#[derive(Deserialize, ToSchema)]
pub(super) struct NewTag {
    #[serde(default)]
    name: String,
}

/// What keeps a project's tags as they are, for those who ask for it; for others nothing does.
pub(super) async fn immutability(
    asked: &Asked,
    access: &Access,
    is_asked_for: bool,
) -> Result<Arc<Immutability>> {
    if !is_asked_for {
        return Ok(Arc::default());
    }
    let immutability = asked.state.registry().immutability(access).await;
    immutability.map_err(Error::of_management)
}

/// The tags that point at an artifact.
#[utoipa::path(
    get,
    path = "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags",
    operation_id = "listTags",
    tag = "artifact",
    params(Paging, ("with_immutable_status" = Option<bool>, Query, description = "Whether rules keep them as they are, too")),
    responses((status = 200, body = [TagBody])),
)]
pub(super) async fn list(
    asked: Asked,
    Names((project, path, text)): Names<(String, String, String)>,
    paging: Paging,
) -> Result {
    let with_immutable = paging
        .parameters
        .flag("with_immutable_status")?
        .unwrap_or(false);
    let (access, name) = asked.repository(Action::TagList, &project, &path).await?;
    let reference = reference(&name, &text)?;
    let found = asked
        .state
        .registry()
        .artifact_tags(&access, &name, &reference, &paging.page)
        .await;
    let found = found.map_err(Error::of_management)?;
    let immutability = immutability(&asked, &access, with_immutable).await?;
    let is_kept = immutability.within(&name);
    let bodies = found.items.into_iter().map(|tag| {
        let immutable = is_kept(&tag.name);
        TagBody::of(tag, immutable)
    });
    let bodies: Vec<TagBody> = bodies.collect();
    Ok(paging.answer(&bodies, found.total))
}

/// Gives an artifact one more tag, in a hosted project.
#[utoipa::path(
    post,
    path = "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags",
    operation_id = "createTag",
    tag = "artifact",
    request_body = NewTag,
    responses((status = 201)),
)]
pub(super) async fn create(
    asked: Asked,
    Names((project, path, text)): Names<(String, String, String)>,
    Body(new): Body<NewTag>,
) -> Result<StatusCode> {
    let (access, name) = asked.repository(Action::TagCreate, &project, &path).await?;
    if access.project().upstream_id.is_some() {
        return Err(Error::not_of_a_proxy());
    }
    asked.about(&format!("{name}:{}", new.name));
    let reference = reference(&name, &text)?;
    let refused = |_| {
        Error::new(
            StatusCode::BAD_REQUEST,
            harbor::BAD_REQUEST,
            format!("invalid tag name: {}", new.name),
        )
    };
    let tag: Tag = new.name.parse().map_err(refused)?;
    let made = asked
        .state
        .registry()
        .create_tag(&access, &name, &reference, &tag, Utc::now())
        .await;
    made.map(|()| StatusCode::CREATED)
        .map_err(Error::of_management)
}

/// Removes a tag, in a hosted project.
#[utoipa::path(
    delete,
    path = "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags/{tag_name}",
    operation_id = "deleteTag",
    tag = "artifact",
    responses((status = 200)),
)]
pub(super) async fn delete(
    asked: Asked,
    Names((project, path, text, tag)): Names<(String, String, String, String)>,
) -> Result<StatusCode> {
    let (access, name) = asked.repository(Action::TagDelete, &project, &path).await?;
    let reference = reference(&name, &text)?;
    let not_found = |_| {
        Error::new(
            StatusCode::NOT_FOUND,
            harbor::NOT_FOUND,
            format!("tag {tag} not found"),
        )
    };
    let tag: Tag = tag.parse().map_err(not_found)?;
    let removed = asked
        .state
        .registry()
        .remove_tag(&access, &name, &reference, &tag, Utc::now())
        .await;
    removed
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}
