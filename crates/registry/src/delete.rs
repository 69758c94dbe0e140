//! Deletions through the registry API. Rows go at once; bytes that nothing names any more are the janitor's.

use auth::Access;
use chrono::{DateTime, Utc};
use oci::{Digest, Reference, RepositoryName};

use crate::immutability::not_deleted;
use crate::{Error, Kind, Registry, Result};

impl Registry {
    /// Deletes a manifest with its tags and with what is about it, or one tag. A proxy project's tags follow its upstream and are not deleted
    /// one by one; its manifests are cached copies and may go.
    pub async fn delete_manifest(
        &self,
        access: &Access,
        name: &RepositoryName,
        reference: &Reference,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let immutability = self.immutability_of(access.project().id).await?;
        let is_known = match reference {
            Reference::Tag(tag) => {
                Self::require_hosted(access, name)?;
                let is_kept = immutability.within(name)(tag.as_str());
                if is_kept && self.db().find_tag(name, tag).await?.is_some() {
                    return Err(not_deleted(tag));
                }
                self.db().delete_tag(name, tag, now).await?
            }
            Reference::Digest(digest) => {
                let repository = self.repository(access, name).await?;
                let is_kept = immutability.within(&repository);
                self.db()
                    .delete_artifact(&repository, digest, &is_kept, now)
                    .await?
            }
        };
        let unknown = || Error::ManifestUnknown {
            repository: name.to_string(),
            reference: reference.to_string(),
        };
        if is_known { Ok(()) } else { Err(unknown()) }
    }

    /// Makes a repository no longer hold a blob.
    pub async fn delete_blob(
        &self,
        access: &Access,
        name: &RepositoryName,
        digest: &Digest,
    ) -> Result<()> {
        let repository = self.repository(access, name).await?;
        let unknown = || Error::BlobUnknown {
            repository: name.to_string(),
            digest: digest.clone(),
        };
        if self.db().unlink_blob(&repository, digest).await? {
            Ok(())
        } else {
            Err(unknown())
        }
    }

    /// The repository's own name, with Docker Hub's namespace where it was left out.
    async fn repository(&self, access: &Access, name: &RepositoryName) -> Result<RepositoryName> {
        Ok(match self.kind(access, name).await? {
            Kind::Hosted(repository) => repository,
            Kind::Proxied(origin) => origin.repository,
        })
    }
}
