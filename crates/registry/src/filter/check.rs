//! Requests held against a project's filter, before any upstream is asked. What a digest's tags and platform are is
//! looked up in what is cached, and only where a rule wants to know.

use auth::Access;
use metadata::BlobRight;
use oci::{Digest, ManifestKind, Platform, RepositoryName, media_type};
use serde::Deserialize;

use super::{Filter, Refusal, Subject};
use crate::{Error, Registry, Result};

/// A configuration that says on what an image runs is a small document.
const MAX_CONFIG_BYTES: u64 = 4 * 1024 * 1024;

impl Registry {
    /// Whether a repository may be asked for at all.
    pub(crate) fn admit_repository(
        &self,
        access: &Access,
        filter: &Filter,
        repository: &RepositoryName,
    ) -> Result<()> {
        let subject = Subject {
            repository: repository.path(),
            ..Subject::default()
        };
        refused(access, filter.decide(subject))
    }

    /// Whether a tag may be asked for.
    pub(crate) fn admit_tag(
        &self,
        access: &Access,
        filter: &Filter,
        repository: &RepositoryName,
        tag: &str,
    ) -> Result<()> {
        let subject = Subject {
            repository: repository.path(),
            tag: Some(tag),
            platform: None,
        };
        refused(access, filter.decide(subject))
    }

    /// Whether a manifest may be asked for by its digest: not where every name and platform it has here is denied.
    pub(crate) async fn admit_digest(
        &self,
        access: &Access,
        filter: &Filter,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<()> {
        let names = match filter.rules.ask_for_tags() {
            true => self.db().names_of(repository, digest).await?,
            false => Vec::new(),
        };
        let platforms = self.platforms(filter, repository, digest).await?;
        refused(access, filter.decide_all(repository, &names, &platforms))
    }

    /// Whether the manifest that a tag turned out to name may be served: by tag, its platform is not known before.
    pub(crate) async fn admit_resolved(
        &self,
        access: &Access,
        filter: &Filter,
        repository: &RepositoryName,
        tag: &str,
        digest: &Digest,
    ) -> Result<()> {
        if !filter.rules.ask_for_platforms() {
            return Ok(());
        }
        let platforms = self.platforms(filter, repository, digest).await?;
        let names = [Some(tag.to_owned())];
        refused(access, filter.decide_all(repository, &names, &platforms))
    }

    /// What a manifest runs on, as far as is known here. An index runs on nothing: it is never cut down.
    pub(crate) async fn platforms(
        &self,
        filter: &Filter,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<Platform>> {
        if !filter.rules.ask_for_platforms() {
            return Ok(Vec::new());
        }
        let told = self.db().platforms_of(repository, digest).await?;
        if !told.is_empty() {
            return Ok(told);
        }
        Ok(self
            .own_platform(repository, digest)
            .await?
            .into_iter()
            .collect())
    }

    /// What the image's configuration says, where that is here.
    async fn own_platform(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Platform>> {
        let Some(manifest) = self.stored_manifest(repository, digest).await? else {
            return Ok(None);
        };
        let ManifestKind::Image { config, .. } = manifest.kind() else {
            return Ok(None);
        };
        let is_image = [media_type::OCI_CONFIG, media_type::DOCKER_CONFIG]
            .contains(&config.media_type.as_str());
        let right = self.db().blob_right(repository, &config.digest).await?;
        if !is_image || config.size > MAX_CONFIG_BYTES || !matches!(right, BlobRight::Held { .. }) {
            return Ok(None);
        }
        let bytes = self.store().read(&config.digest, MAX_CONFIG_BYTES).await?;
        let facts: Option<Facts> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Ok(facts
            .filter(|facts| !facts.os.is_empty())
            .map(|facts| Platform {
                os: facts.os,
                architecture: facts.architecture,
                variant: facts.variant.filter(|variant| !variant.is_empty()),
                ..Platform::default()
            }))
    }
}

/// What an image's configuration says of the machine it is for (image specification, "Image Configuration").
#[derive(Deserialize)]
struct Facts {
    #[serde(default)]
    os: String,
    #[serde(default)]
    architecture: String,
    #[serde(default)]
    variant: Option<String>,
}

fn refused(access: &Access, decided: std::result::Result<super::Reason, Refusal>) -> Result<()> {
    let project = &access.project().name;
    decided.map(drop).map_err(|refusal| match refusal {
        Refusal::Pattern { repository } => Error::NotMatched { repository },
        Refusal::Rule { rule, what } => Error::DeniedByRule {
            project: project.clone(),
            rule,
            what,
        },
        Refusal::Broken { error } => {
            tracing::error!(
                project,
                error,
                "the project's filter cannot be read; everything is refused"
            );
            Error::DeniedByRule {
                project: project.clone(),
                rule: None,
                what: "everything: its filter cannot be read".to_owned(),
            }
        }
    })
}
