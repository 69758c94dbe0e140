//! Artifacts and their tags as people see them: listed, looked at, deleted, tagged. Pulling them is
//! [`crate::pull`]. What an image's configuration says is read from its blob when somebody first looks.

use auth::{Access, Action};
use chrono::{DateTime, Utc};
use metadata::{Artifact, BlobRight, Page, Paged, TagRow};
use oci::{Digest, Manifest, ManifestKind, Reference, RepositoryName, Tag, media_type};
use serde_json::Value;

use crate::demand::demand_in;
use crate::{Error, Registry, Result};

/// Configurations are a few KiB; what is larger is not worth reading for a list.
const MAX_CONFIG_BYTES: u64 = 1024 * 1024;
/// What Harbor shows of an image's configuration.
const IMAGE_FACTS: [&str; 5] = ["architecture", "author", "config", "created", "os"];

impl Registry {
    /// A page of a repository's artifacts.
    pub async fn artifacts(
        &self,
        access: &Access,
        name: &RepositoryName,
        page: &Page,
    ) -> Result<Paged<Artifact>> {
        demand_in(access, Action::ArtifactList, name)?;
        if self.db().find_repository(name).await?.is_none() {
            return Err(Error::NotFound(format!("repository {name} not found")));
        }
        let mut artifacts = self.db().list_artifacts(name, page).await?;
        for artifact in &mut artifacts.items {
            self.add_config(name, artifact).await?;
        }
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
        let mut artifact = self.find_artifact(name, reference).await?;
        self.add_config(name, &mut artifact).await?;
        Ok(artifact)
    }

    /// Deletes an artifact with its tags, with what is about it, and with the children of an index that nothing
    /// else needs. A hosted one that an index needs stays; in a proxy project it was a copy, and may come again.
    pub async fn delete_artifact(
        &self,
        access: &Access,
        name: &RepositoryName,
        reference: &Reference,
    ) -> Result<()> {
        demand_in(access, Action::ArtifactDelete, name)?;
        let artifact = self.find_artifact(name, reference).await?;
        let parents = self.db().find_parents(name, &artifact.digest).await?;
        if let Some(parent) = parents
            .first()
            .filter(|_| access.project().upstream_id.is_none())
        {
            return Err(Error::Precondition(format!(
                "the artifact {} is needed by the index {parent}, delete that first",
                artifact.digest
            )));
        }
        let mut doomed = vec![artifact];
        while let Some(artifact) = doomed.pop() {
            self.db().delete_artifact(name, &artifact.digest).await?;
            for child in artifact
                .references
                .iter()
                .filter(|child| child.child_id.is_some())
            {
                let parents = self.db().find_parents(name, &child.child_digest).await?;
                let child = self.db().find_artifact(name, &child.child_digest).await?;
                doomed.extend(child.filter(|child| parents.is_empty() && child.tags.is_empty()));
            }
            for accessory in &artifact.accessories {
                doomed.extend(self.db().find_artifact(name, &accessory.digest).await?);
            }
        }
        Ok(())
    }

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
        Ok(self
            .db()
            .list_artifact_tags(name, artifact.id, page)
            .await?)
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
                name,
                access.project().id,
                &manifest,
                Some(tag),
                now,
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
    ) -> Result<()> {
        demand_in(access, Action::TagDelete, name)?;
        Self::require_hosted(access, name)?;
        let artifact = self.find_artifact(name, reference).await?;
        let entry = self.db().find_tag(name, tag).await?;
        let is_its_own = entry.is_some_and(|entry| entry.artifact_id == artifact.id);
        if is_its_own && self.db().delete_tag(name, tag).await? {
            return Ok(());
        }
        Err(Error::NotFound(format!(
            "tag {tag} attached to artifact {} not found",
            artifact.digest
        )))
    }

    async fn find_artifact(
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

    /// Adds what the artifact's configuration says, once its blob is here: a proxy project has the manifest first.
    async fn add_config(&self, name: &RepositoryName, artifact: &mut Artifact) -> Result<()> {
        let Some(config_type) = artifact
            .config_media_type
            .clone()
            .filter(|_| artifact.config.is_none())
        else {
            return Ok(());
        };
        if !is_told(&config_type) {
            return Ok(());
        }
        let Some(manifest) = self.stored_manifest(name, &artifact.digest).await? else {
            return Ok(());
        };
        let ManifestKind::Image { config, .. } = manifest.kind() else {
            return Ok(());
        };
        // A manifest may name a blob that its repository has not shown to hold; what is in it is not told then.
        let is_held = matches!(
            self.db().blob_right(name, &config.digest).await?,
            BlobRight::Held { .. }
        );
        if !is_held || config.size > MAX_CONFIG_BYTES {
            return Ok(());
        }
        let Some(bytes) = self.store().read(&config.digest, MAX_CONFIG_BYTES).await? else {
            return Ok(());
        };
        let told = told(
            &config_type,
            serde_json::from_slice(&bytes).unwrap_or_default(),
        );
        self.db()
            .set_artifact_config(artifact.id, told.clone())
            .await?;
        artifact.config = Some(told);
        Ok(())
    }
}

fn not_found(name: &RepositoryName, reference: &Reference) -> Error {
    let joint = if reference.digest().is_some() {
        '@'
    } else {
        ':'
    };
    Error::NotFound(format!("artifact {name}{joint}{reference} not found"))
}

fn is_image(config_type: &str) -> bool {
    matches!(
        config_type,
        media_type::OCI_CONFIG | media_type::DOCKER_CONFIG
    )
}

/// Whether a configuration of this type says something to people: images, and charts.
fn is_told(config_type: &str) -> bool {
    is_image(config_type) || config_type == "application/vnd.cncf.helm.config.v1+json"
}

/// What is told of a configuration: some facts of an image, all of a chart; of what is no object, nothing.
fn told(config_type: &str, config: Value) -> Value {
    let Value::Object(mut facts) = config else {
        return Value::Object(serde_json::Map::new());
    };
    if is_image(config_type) {
        facts.retain(|key, value| IMAGE_FACTS.contains(&key.as_str()) && !value.is_null());
    }
    Value::Object(facts)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_image_shows_five_facts_and_not_its_history() {
        let config = json!({ "os": "linux", "architecture": "amd64", "author": null, "config": {"Env": ["A=b"]}, "history": [], "rootfs": {} });
        let expected =
            json!({ "os": "linux", "architecture": "amd64", "config": {"Env": ["A=b"]} });
        assert_eq!(told(media_type::OCI_CONFIG, config), expected);
        for nonsense in [json!([]), json!("text"), Value::Null] {
            assert_eq!(told(media_type::DOCKER_CONFIG, nonsense), json!({}));
        }
    }

    #[test]
    fn a_chart_shows_all_it_says() {
        let config = json!({ "name": "nginx", "version": "1.0.0" });
        let chart = "application/vnd.cncf.helm.config.v1+json";
        assert_eq!(told(chart, config.clone()), config);
        assert!(is_told(chart) && !is_told(media_type::OCI_EMPTY));
    }
}
