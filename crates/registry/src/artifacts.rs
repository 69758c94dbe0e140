//! Artifacts as people see them: listed, looked at, deleted. Pulling them is [`crate::pull`], their tags are
//! [`crate::tags`], what their configurations say is [`crate::told`].

use auth::{Access, Action};
use chrono::{DateTime, Utc};
use metadata::{Accessory, Artifact, Page, Paged};
use oci::{Digest, Manifest, Reference, RepositoryName};

use crate::demand::{demand, demand_in};
use crate::{Error, Registry, Result};

/// Which of a project's artifacts to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// All of them.
    All,
    /// Of each repository the newest that is asked for.
    LatestInRepository,
}

impl Registry {
    /// A page of a repository's artifacts.
    pub async fn artifacts(
        &self,
        access: &Access,
        name: &RepositoryName,
        page: &Page,
    ) -> Result<Paged<Artifact>> {
        demand_in(access, Action::ArtifactList, name)?;
        let mut artifacts = self.db().list_artifacts(name, page).await?;
        if artifacts.items.is_empty() && self.db().find_repository(name).await?.is_none() {
            return Err(Error::NotFound(format!("repository {name} not found")));
        }
        self.tell(&mut artifacts.items).await?;
        Ok(artifacts)
    }

    /// A page of the artifacts of all repositories of a project.
    pub async fn project_artifacts(
        &self,
        access: &Access,
        which: Which,
        page: &Page,
    ) -> Result<Paged<Artifact>> {
        demand(access, Action::ArtifactList)?;
        let project_id = access.project().id;
        let mut artifacts = match which {
            Which::All => self.db().list_project_artifacts(project_id, page).await?,
            Which::LatestInRepository => self.db().list_latest_artifacts(project_id, page).await?,
        };
        self.tell(&mut artifacts.items).await?;
        Ok(artifacts)
    }

    /// The artifact of that tag or digest.
    pub async fn artifact(
        &self,
        access: &Access,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<Artifact> {
        demand_in(access, Action::ArtifactRead, name)?;
        let mut artifact = [self.find_artifact(name, reference).await?];
        self.tell(&mut artifact).await?;
        let [artifact] = artifact;
        Ok(artifact)
    }

    /// A page of the signatures and other artifacts that are about one, with that one.
    pub async fn accessories(
        &self,
        access: &Access,
        name: &RepositoryName,
        reference: &Reference,
        page: &Page,
    ) -> Result<(Artifact, Paged<Accessory>)> {
        demand_in(access, Action::AccessoryList, name)?;
        let artifact = self.find_artifact(name, reference).await?;
        let accessories = self.db().list_accessories(&artifact, page).await?;
        Ok((artifact, accessories))
    }

    /// Deletes an artifact with its tags, with what is about it, and with the children of an index that nothing
    /// else needs. A hosted one that an index needs stays; in a proxy project it was a copy, and may come again.
    pub async fn delete_artifact(
        &self,
        access: &Access,
        name: &RepositoryName,
        reference: &Reference,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_in(access, Action::ArtifactDelete, name)?;
        let digest = self.find_artifact(name, reference).await?.digest;
        let parents = self.db().find_parents(name, &digest).await?;
        if let Some(parent) = parents
            .first()
            .filter(|_| access.project().upstream_id.is_none())
        {
            return Err(Error::Precondition(format!(
                "the artifact {digest} is needed by the index {parent}, delete that first"
            )));
        }
        let immutability = self.immutability_of(access.project().id).await?;
        let is_kept = immutability.within(name);
        let deleted = self
            .db()
            .delete_artifact_and_children(name, &digest, &is_kept, now)
            .await?;
        if deleted {
            Ok(())
        } else {
            Err(not_found(name, reference))
        }
    }

    pub(crate) async fn find_artifact(
        &self,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<Artifact> {
        let unknown = || not_found(name, reference);
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => {
                self.db()
                    .find_tag(name, tag)
                    .await?
                    .ok_or_else(unknown)?
                    .digest
            }
        };
        self.db()
            .find_artifact(name, &digest)
            .await?
            .ok_or_else(unknown)
    }

    pub(crate) async fn stored_manifest(
        &self,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Manifest>> {
        let Some(stored) = self.0.local.manifest(name, digest).await? else {
            return Ok(None);
        };
        Ok(Some(Manifest::parse(
            Some(&stored.media_type),
            digest.algorithm(),
            stored.bytes,
        )?))
    }
}

pub(crate) fn not_found(name: &RepositoryName, reference: &Reference) -> Error {
    let joint = if reference.digest().is_some() {
        '@'
    } else {
        ':'
    };
    Error::NotFound(format!("artifact {name}{joint}{reference} not found"))
}
