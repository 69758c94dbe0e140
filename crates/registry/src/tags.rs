//! Tags as people see them: listed, set on an artifact, deleted. What they mean to a pull is [`crate::pull`].

use auth::{Access, Action};
use chrono::{DateTime, Utc};
use metadata::{Page, Paged, RecordManifest, TagRow};
use oci::{Reference, RepositoryName, Tag};

use crate::artifacts::not_found;
use crate::demand::demand_in;
use crate::immutability::not_deleted;
use crate::{Error, Registry, Result};

impl Registry {
    /// A page of an artifact's tags.
    pub async fn artifact_tags(
        &self,
        access: &Access,
        name: &RepositoryName,
        reference: &Reference,
        page: &Page,
    ) -> Result<Paged<TagRow>> {
        demand_in(access, Action::TagList, name)?;
        let artifact = self.find_artifact(name, reference).await?;
        Ok(self.db().list_artifact_tags(artifact.id, page).await?)
    }

    /// Gives an artifact of a hosted project a tag that the repository does not have.
    pub async fn create_tag(
        &self,
        access: &Access,
        name: &RepositoryName,
        reference: &Reference,
        tag: &Tag,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_in(access, Action::TagCreate, name)?;
        Self::require_hosted(access, name)?;
        let project_id = access.project().id;
        let immutability = self.immutability_of(project_id).await?;
        let relying = self.0.local.relying_on_bytes().await;
        let digest = self.find_artifact(name, reference).await?.digest;
        if self.db().find_tag(name, tag).await?.is_some() {
            return Err(Error::Conflict(format!("tag {tag} already exists")));
        }
        let manifest = self
            .stored_manifest(name, &digest)
            .await?
            .ok_or_else(|| not_found(name, reference))?;
        self.0
            .local
            .keep(
                &relying,
                RecordManifest {
                    repository: name,
                    project_id,
                    manifest: &manifest,
                    tag: Some(tag),
                    is_tag_fixed: immutability.within(name)(tag.as_str()),
                    now,
                },
            )
            .await?;
        Ok(())
    }

    /// Deletes one tag of an artifact of a hosted project. A proxy project's tags follow its upstream.
    pub async fn remove_tag(
        &self,
        access: &Access,
        name: &RepositoryName,
        reference: &Reference,
        tag: &Tag,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_in(access, Action::TagDelete, name)?;
        Self::require_hosted(access, name)?;
        let artifact = self.find_artifact(name, reference).await?;
        let entry = self.db().find_tag(name, tag).await?;
        let is_its_own = entry.is_some_and(|entry| entry.artifact_id == artifact.id);
        let immutability = self.immutability_of(access.project().id).await?;
        if is_its_own && immutability.within(name)(tag.as_str()) {
            return Err(not_deleted(tag));
        }
        if is_its_own && self.db().delete_tag(name, tag, now).await? {
            return Ok(());
        }
        Err(Error::NotFound(format!(
            "tag {tag} attached to artifact {} not found",
            artifact.digest
        )))
    }
}
