//! `…/repositories/{repository_name}/artifacts` and `/projects/{project}/artifacts`: stored manifests with all that is
//! known of them.

mod body;

use auth::Action;
use axum::Json;
use axum::response::IntoResponse;
use chrono::Utc;
use http::{StatusCode, Uri};
use oci::{Reference, RepositoryName};
use registry::{CopySource, Which};

use super::extract::{Asked, Names, Parameters, reference};
use super::page::Paging;
use super::tags::immutability;
use super::{Result, created};
use crate::error::{Error, harbor};
use crate::openapi::Created;

pub(super) use body::{AccessoryBody, ArtifactBody, With};

/// A repository's artifacts.
///
/// Those that are tagged or in no index; not what is about another one. Beside an artifact's own fields `q` knows `tags`
/// (`*` tagged, `nil` untagged, a tag, `~part`), `labels=(1 2)`, `type`, `media_type`, `artifact_type` and `base=*`, which
/// shows what is in an index too.
#[utoipa::path(
    get,
    path = "/projects/{project}/repositories/{repository}/artifacts",
    operation_id = "listArtifacts",
    tag = "artifact",
    params(Paging, With),
    responses((status = 200, body = [ArtifactBody])),
)]
pub(super) async fn list(
    asked: Asked,
    Names((project, path)): Names<(String, String)>,
    paging: Paging,
) -> Result {
    let with = With::of(&paging.parameters)?;
    let (access, name) = asked
        .repository(Action::ArtifactList, &project, &path)
        .await?;
    let found = asked
        .state
        .registry()
        .artifacts(&access, &name, &paging.page)
        .await
        .map_err(Error::of_management)?;
    let immutability = immutability(&asked, &access, with.immutable).await?;
    let bodies: Vec<ArtifactBody> = found
        .items
        .into_iter()
        .map(|artifact| ArtifactBody::of(artifact, with, &immutability))
        .collect();
    Ok(paging.answer(&bodies, found.total))
}

/// The artifacts of all repositories of a project.
#[utoipa::path(
    get,
    path = "/projects/{project}/artifacts",
    operation_id = "listArtifactsOfProject",
    tag = "project",
    params(
        Paging,
        With,
        ("latest_in_repository" = Option<bool>, Query, description = "Of each repository only the newest; \
         `q` then names either `media_type` or `artifact_type`"),
    ),
    responses((status = 200, body = [ArtifactBody])),
)]
pub(super) async fn list_in_project(
    asked: Asked,
    Names(project): Names<String>,
    paging: Paging,
) -> Result {
    let with = With::of(&paging.parameters)?;
    let which = match paging.parameters.flag("latest_in_repository")? {
        Some(true) => Which::LatestInRepository,
        _ => Which::All,
    };
    let access = asked.project(Action::ArtifactList, &project).await?;
    let asks_for = |key: &str| paging.page.filter.iter().any(|filter| filter.key == key);
    if which == Which::LatestInRepository && asks_for("media_type") == asks_for("artifact_type") {
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            harbor::BAD_REQUEST,
            "either 'media_type' or 'artifact_type' must be specified, but not both, when querying with \
             latest_in_repository",
        ));
    }
    let found = asked
        .state
        .registry()
        .project_artifacts(&access, which, &paging.page)
        .await
        .map_err(Error::of_management)?;
    let immutability = immutability(&asked, &access, with.immutable).await?;
    let bodies: Vec<ArtifactBody> = found
        .items
        .into_iter()
        .map(|artifact| ArtifactBody::of(artifact, with, &immutability))
        .collect();
    Ok(paging.answer(&bodies, found.total))
}

/// An artifact.
#[utoipa::path(
    get,
    path = "/projects/{project}/repositories/{repository}/artifacts/{reference}",
    operation_id = "getArtifact",
    tag = "artifact",
    params(With),
    responses((status = 200, body = ArtifactBody)),
)]
pub(super) async fn get(
    asked: Asked,
    Names((project, path, text)): Names<(String, String, String)>,
    parameters: Parameters,
) -> Result {
    let with = With::of(&parameters)?;
    let (access, name) = asked
        .repository(Action::ArtifactRead, &project, &path)
        .await?;
    let reference = reference(&name, &text)?;
    let artifact = asked
        .state
        .registry()
        .artifact(&access, &name, &reference)
        .await
        .map_err(Error::of_management)?;
    let immutability = immutability(&asked, &access, with.immutable).await?;
    Ok(Json(ArtifactBody::of(artifact, with, &immutability)).into_response())
}

/// Copies an artifact into the repository, of a hosted project.
///
/// With what is in it and about it, and with all its tags. From a proxy cache what is cached completely can be copied.
#[utoipa::path(
    post,
    path = "/projects/{project}/repositories/{repository}/artifacts",
    operation_id = "CopyArtifact",
    tag = "artifact",
    params(("from" = String, Query, description = "The artifact: `project/repository:tag` or `project/repository@digest`")),
    responses(Created),
)]
pub(super) async fn copy(
    asked: Asked,
    Names((project, path)): Names<(String, String)>,
    parameters: Parameters,
    uri: Uri,
) -> Result {
    let (access, name) = asked
        .repository(Action::ArtifactCreate, &project, &path)
        .await?;
    if access.project().upstream_id.is_some() {
        return Err(Error::not_of_a_proxy());
    }
    let (from, reference) = source(parameters.required("from")?)?;
    asked.about(&registry::named(&name, &reference));
    // What is copied can be pulled from there by others: it must be his to pull.
    let source = asked.named_project(Action::Pull, from.project()).await?;
    let source = CopySource {
        access: &source,
        repository: &from,
        reference: &reference,
    };
    let copied = asked
        .state
        .registry()
        .copy_artifact(&access, &name, source, Utc::now())
        .await;
    copied.map_err(Error::of_management)?;
    Ok(created(&uri, reference))
}

/// Removes an artifact with all its tags, with what is about it, and what of an index nothing else needs.
#[utoipa::path(
    delete,
    path = "/projects/{project}/repositories/{repository}/artifacts/{reference}",
    operation_id = "deleteArtifact",
    tag = "artifact",
    responses((status = 200)),
)]
pub(super) async fn delete(
    asked: Asked,
    Names((project, path, text)): Names<(String, String, String)>,
) -> Result<StatusCode> {
    let (access, name) = asked
        .repository(Action::ArtifactDelete, &project, &path)
        .await?;
    let reference = reference(&name, &text)?;
    let deleted = asked
        .state
        .registry()
        .delete_artifact(&access, &name, &reference, Utc::now())
        .await;
    deleted
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// `project/repository:tag` or `project/repository@digest`.
fn source(text: &str) -> Result<(RepositoryName, Reference)> {
    let parts = match text.split_once('@') {
        Some(parts) => Some(parts),
        None => text.rsplit_once(':'),
    };
    let parsed = parts.and_then(|(name, reference)| {
        Some((
            name.parse::<RepositoryName>().ok()?,
            reference.parse::<Reference>().ok()?,
        ))
    });
    parsed.ok_or_else(|| {
        Error::new(
            StatusCode::BAD_REQUEST,
            harbor::BAD_REQUEST,
            format!("invalid input: {text}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_name_with_a_tag_or_a_digest() {
        let digest = oci::Digest::sha256(b"image");
        for (text, name, expected) in [
            (
                "hub/library/alpine:3.20",
                "hub/library/alpine",
                "3.20".to_owned(),
            ),
            (
                &format!("team/app@{digest}"),
                "team/app",
                digest.to_string(),
            ),
        ] {
            let (found, reference) = source(text).unwrap();
            assert_eq!((found.as_str(), reference.to_string()), (name, expected));
        }
        for wrong in [
            "",
            "team/app",
            "app:1",
            "team/app:",
            "team/app@latest@x",
            "TEAM/app:1",
        ] {
            assert!(source(wrong).is_err(), "{wrong}");
        }
    }
}
