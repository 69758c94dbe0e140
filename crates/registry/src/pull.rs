//! Pulls: manifests, blobs, tags and referrers, of hosted and proxied repositories.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use auth::Access;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use metadata::BlobRight;
use oci::{Descriptor, Digest, Reference, RepositoryName};
use pullthrough::{BlobBody, OpenedBlob, Origin, Outcome};

use crate::filter::Filter;
use crate::{Error, Kind, Registry, Result};

/// How often counted pulls and audit entries are written: what a crash may lose.
const FLUSH_PERIOD: Duration = Duration::from_secs(1);

/// A manifest, ready to be answered.
#[derive(Clone, Debug)]
pub struct PulledManifest {
    /// What it is called.
    pub digest: Digest,
    /// What it is served as.
    pub media_type: String,
    /// As they came.
    pub bytes: Bytes,
    /// Who answered.
    pub outcome: Outcome,
    /// Whether it is a proxied tag that a rule keeps: upstream was not asked about it.
    pub is_kept: bool,
    /// Since when a proxied tag has not been checked.
    pub age: Option<Duration>,
    /// Where it is, with Docker Hub's namespace where that was left out.
    pub(crate) repository: RepositoryName,
    /// Its row; `None` where it could be served but not kept.
    pub(crate) artifact_id: Option<i64>,
}

/// A page of tags, in byte order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagPage {
    /// The tags.
    pub tags: Vec<String>,
    /// Whether there are more.
    pub has_more: bool,
}

impl Registry {
    /// The manifest that `reference` means now.
    pub async fn manifest(
        &self,
        access: &Access,
        name: &RepositoryName,
        reference: &Reference,
        now: DateTime<Utc>,
    ) -> Result<PulledManifest> {
        match self.kind(access, name).await? {
            Kind::Proxied(origin) => {
                let filter = self.filter(access, &origin)?;
                let repository = &origin.repository;
                match reference {
                    Reference::Tag(tag) => {
                        self.admit_tag(access, &filter, repository, tag.as_str())?;
                    }
                    Reference::Digest(digest) => {
                        self.admit_digest(access, &filter, repository, digest)
                            .await?;
                    }
                }
                let kept = self.immutable_digest(access, repository, reference).await?;
                let is_kept = kept.is_some();
                let wanted = kept.map_or_else(|| reference.clone(), Reference::Digest);
                let policy = self.0.freshness.of(access.project(), &wanted);
                let resolved = self
                    .0
                    .engine
                    .manifest(&origin, &wanted, policy, now)
                    .await?;
                if let Reference::Tag(tag) = reference {
                    let digest = &resolved.manifest.digest;
                    self.admit_resolved(access, &filter, repository, tag.as_str(), digest)
                        .await?;
                }
                Ok(PulledManifest {
                    digest: resolved.manifest.digest,
                    media_type: resolved.manifest.media_type,
                    bytes: resolved.manifest.bytes,
                    outcome: resolved.outcome,
                    is_kept,
                    age: resolved.age,
                    repository: origin.repository,
                    artifact_id: resolved.manifest.artifact_id,
                })
            }
            Kind::Hosted(repository) => self.hosted_manifest(repository, reference).await,
        }
    }

    async fn hosted_manifest(
        &self,
        repository: RepositoryName,
        reference: &Reference,
    ) -> Result<PulledManifest> {
        let unknown = || Error::ManifestUnknown {
            repository: repository.to_string(),
            reference: reference.to_string(),
        };
        let digest = match reference {
            Reference::Digest(digest) => digest.clone(),
            Reference::Tag(tag) => {
                self.0
                    .local
                    .tag(&repository, tag)
                    .await?
                    .ok_or_else(unknown)?
                    .digest
            }
        };
        let manifest = self
            .0
            .local
            .manifest(&repository, &digest)
            .await?
            .ok_or_else(unknown)?;
        Ok(PulledManifest {
            digest,
            media_type: manifest.media_type,
            bytes: manifest.bytes,
            outcome: Outcome::Hit,
            is_kept: false,
            age: None,
            repository,
            artifact_id: manifest.artifact_id,
        })
    }

    /// Writes the pulls counted and the audit entries noted since the last flush. Called at shutdown, too.
    pub async fn flush_notes(&self) {
        if let Err(error) = self.db().flush().await {
            tracing::error!(%error, "pull counts and audit entries could not be written; they are kept for the next try");
        }
    }

    /// Flushes every second, and sooner where there is much to write: what a crash loses is at most that second's.
    pub async fn run_flush(self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(FLUSH_PERIOD) => {}
                () = self.db().until_many_notes() => {}
            }
            self.refresh_audit().await;
            self.flush_notes().await;
        }
    }

    /// Opens a blob for reading.
    pub async fn blob(
        &self,
        access: &Access,
        name: &RepositoryName,
        digest: &Digest,
        now: DateTime<Utc>,
    ) -> Result<OpenedBlob> {
        match self.kind(access, name).await? {
            Kind::Proxied(origin) => {
                self.filter(access, &origin)?;
                Ok(self.0.engine.blob(&origin, digest, now).await?)
            }
            Kind::Hosted(repository) => {
                let unknown = || Error::BlobUnknown {
                    repository: repository.to_string(),
                    digest: digest.clone(),
                };
                let right = self.db().blob_right(&repository, digest).await?;
                if !matches!(right, BlobRight::Held { .. }) {
                    return Err(unknown());
                }
                let blob = self.store().blob(digest).await?.ok_or_else(unknown)?;
                Ok(OpenedBlob {
                    size: Some(blob.size()),
                    body: BlobBody::stored(blob),
                    outcome: Outcome::Hit,
                })
            }
        }
    }

    /// The size of a blob, fetching nothing.
    pub async fn blob_size(
        &self,
        access: &Access,
        name: &RepositoryName,
        digest: &Digest,
        now: DateTime<Utc>,
    ) -> Result<(Option<u64>, Outcome)> {
        match self.kind(access, name).await? {
            Kind::Proxied(origin) => {
                self.filter(access, &origin)?;
                Ok(self.0.engine.blob_size(&origin, digest, now).await?)
            }
            Kind::Hosted(_) => {
                let opened = self.blob(access, name, digest, now).await?;
                Ok((opened.size, opened.outcome))
            }
        }
    }

    /// The tags after `after`, at most `limit` of them.
    pub async fn tags(
        &self,
        access: &Access,
        name: &RepositoryName,
        after: Option<&str>,
        limit: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<TagPage> {
        // One more than asked for tells whether there is a next page.
        let wanted = limit.map(|limit| limit.saturating_add(1));
        let mut tags = match self.kind(access, name).await? {
            Kind::Proxied(origin) => {
                let filter = self.filter(access, &origin)?;
                let all = self.0.engine.tags(&origin, now).await?;
                let rest = all
                    .into_iter()
                    .filter(|tag| after.is_none_or(|after| tag.as_str() > after))
                    .filter(|tag| {
                        self.admit_tag(access, &filter, &origin.repository, tag)
                            .is_ok()
                    });
                rest.take(usize::try_from(wanted.unwrap_or(u64::MAX)).unwrap_or(usize::MAX))
                    .collect()
            }
            Kind::Hosted(repository) => {
                let tags = self.db().list_tags(&repository, after, wanted).await?;
                if tags.is_empty() && self.db().find_repository(&repository).await?.is_none() {
                    return Err(Error::RepositoryUnknown(repository.to_string()));
                }
                tags
            }
        };
        let limit = usize::try_from(limit.unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let has_more = tags.len() > limit;
        tags.truncate(limit);
        Ok(TagPage { tags, has_more })
    }

    /// The manifests about `subject`, of one type where asked for.
    pub async fn referrers(
        &self,
        access: &Access,
        name: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Descriptor>> {
        match self.kind(access, name).await? {
            Kind::Proxied(origin) => {
                let filter = self.filter(access, &origin)?;
                self.admit_digest(access, &filter, &origin.repository, subject)
                    .await?;
                if !asks_for_referrers(&access.project().metadata) {
                    let held = self
                        .db()
                        .referrers(&origin.repository, subject, artifact_type);
                    return Ok(held.await?);
                }
                Ok(self
                    .0
                    .engine
                    .referrers(&origin, subject, artifact_type, now)
                    .await?)
            }
            Kind::Hosted(repository) => Ok(self
                .db()
                .referrers(&repository, subject, artifact_type)
                .await?),
        }
    }
}

impl Registry {
    /// The project's filter, which lets the repository pass: asked before anything else of every pull, cached or not.
    pub(crate) fn filter(&self, access: &Access, origin: &Origin) -> Result<Arc<Filter>> {
        let filter = self.0.filters.of(access.project());
        self.admit_repository(access, &filter, &origin.repository)?;
        Ok(filter)
    }
}

/// Harbor's `proxy_referrer_api`: whether an upstream is asked for referrers. It is, unless the project says no.
fn asks_for_referrers(metadata: &BTreeMap<String, String>) -> bool {
    metadata
        .get("proxy_referrer_api")
        .is_none_or(|text| text != "false")
}
