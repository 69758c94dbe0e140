//! What is told of an artifact's configuration beside it: Harbor's `extra_attrs`. It is read from the blob when somebody
//! first looks, and kept with the artifact. What is told on demand, and may be long, is [`crate::additions`].

use metadata::{Artifact, BlobRight};
use oci::{ManifestKind, RepositoryName, media_type};
use serde_json::{Map, Value};

use crate::{Error, Registry, Result};

/// Configurations are a few KiB; what is larger is not worth reading for a list.
const MAX_CONFIG_BYTES: u64 = 1024 * 1024;
/// What is told beside each of thousands of artifacts in one answer.
const MAX_TOLD_BYTES: usize = 16 * 1024;
/// What Harbor shows of an image's configuration.
const IMAGE_FACTS: [&str; 5] = ["architecture", "author", "config", "created", "os"];
/// Where an image without an author may name one.
const AUTHOR_LABELS: [&str; 2] = ["org.opencontainers.image.authors", "maintainer"];

impl Registry {
    /// Adds what the artifacts' configurations say, where their blobs are here: a proxy project has the manifest first.
    pub(crate) async fn tell(&self, artifacts: &mut [Artifact]) -> Result<()> {
        for artifact in artifacts {
            if artifact.config.is_none() && artifact.kind != "UNKNOWN" {
                artifact.config = self.read_config(artifact).await?;
            }
        }
        Ok(())
    }

    async fn read_config(&self, artifact: &Artifact) -> Result<Option<Value>> {
        let Some(config_type) = &artifact.config_media_type else {
            return Ok(None);
        };
        let name: RepositoryName = artifact
            .repository
            .parse()
            .map_err(|error| Error::Internal(Box::new(error)))?;
        let Some(manifest) = self.stored_manifest(&name, &artifact.digest).await? else {
            return Ok(None);
        };
        let ManifestKind::Image { config, .. } = manifest.kind() else {
            return Ok(None);
        };
        // A manifest may name a blob that its repository has not shown to hold; what is in it is not told then.
        let is_held = matches!(
            self.db().blob_right(&name, &config.digest).await?,
            BlobRight::Held { .. }
        );
        if !is_held || config.size > MAX_CONFIG_BYTES {
            return Ok(None);
        }
        let Some(bytes) = self.store().read(&config.digest, MAX_CONFIG_BYTES).await? else {
            return Ok(None);
        };
        let told = told(
            config_type,
            serde_json::from_slice(&bytes).unwrap_or_default(),
        );
        self.db()
            .set_artifact_config(artifact.id, told.clone())
            .await?;
        Ok(Some(told))
    }
}

/// What is told of a configuration: some facts of an image, all of anything else; of what is no object, nothing.
fn told(config_type: &str, config: Value) -> Value {
    let Value::Object(mut facts) = config else {
        return Value::Object(Map::new());
    };
    if matches!(
        config_type,
        media_type::OCI_CONFIG | media_type::DOCKER_CONFIG
    ) {
        let author = author(&facts);
        facts.retain(|key, value| IMAGE_FACTS.contains(&key.as_str()) && !value.is_null());
        if let Some(author) = author {
            facts.insert("author".to_owned(), author);
        }
    }
    while let Some(longest) = too_long(&facts) {
        facts.remove(&longest);
    }
    Value::Object(facts)
}

/// The image's author, by its labels where it has none of its own.
fn author(facts: &Map<String, Value>) -> Option<Value> {
    let is_told = |value: &&Value| value.as_str().is_some_and(|text| !text.is_empty());
    let labels = facts.get("config").and_then(|config| config.get("Labels"));
    let by_label = AUTHOR_LABELS.iter().filter_map(|key| labels?.get(key));
    facts
        .get("author")
        .into_iter()
        .chain(by_label)
        .find(is_told)
        .cloned()
}

/// The longest of the facts, while they are too long together.
fn too_long(facts: &Map<String, Value>) -> Option<String> {
    let lengths: Vec<(usize, &String)> = facts
        .iter()
        .map(|(key, value)| (key.len() + value.to_string().len(), key))
        .collect();
    let total: usize = lengths.iter().map(|(length, _)| length).sum();
    let longest = lengths.into_iter().max()?;
    (total > MAX_TOLD_BYTES).then(|| longest.1.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const HELM: &str = "application/vnd.cncf.helm.config.v1+json";

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
    fn an_author_may_be_told_by_a_label() {
        let labels = json!({ "maintainer": "somebody" });
        let of = |author: &str| {
            let config = json!({ "author": author, "config": { "Labels": labels } });
            told(media_type::OCI_CONFIG, config)["author"].clone()
        };
        assert_eq!((of(""), of("me")), (json!("somebody"), json!("me")));
        let odd = json!({ "config": { "Labels": [] } });
        assert_eq!(told(media_type::OCI_CONFIG, odd.clone()), odd);
    }

    #[test]
    fn a_chart_shows_all_it_says_unless_that_is_too_long() {
        let config = json!({ "name": "nginx", "version": "1.0.0" });
        assert_eq!(told(HELM, config.clone()), config);
        let mut long = config.clone();
        long["annotations"] = json!({ "changes": "x".repeat(MAX_TOLD_BYTES) });
        assert_eq!(told(HELM, long), config);
    }
}
