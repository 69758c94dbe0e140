//! What is told of an artifact when somebody asks for it: the history of an image, a chart's values and readme. It is read
//! from the artifact's blobs, which in a proxy project are fetched as a pull would fetch them.
//!
//! Blobs are what strangers pushed: what is read of one is bounded, and unpacking is done off the event loop
//! ([`chart`]), for a few at a time.

mod chart;

use auth::{Access, Action};
use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use metadata::Artifact;
use oci::{Descriptor, ManifestKind, Reference, RepositoryName};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::SemaphorePermit;

use crate::artifacts::not_found;
use crate::demand::demand_in;
use crate::{Error, Registry, Result};

/// How many are read and unpacked at the same time; who comes after waits.
pub(crate) const AT_ONCE: usize = 4;
const MAX_CONFIG_BYTES: u64 = 4 * 1024 * 1024;
/// Helm itself takes no larger charts.
const MAX_CHART_BYTES: u64 = 20 * 1024 * 1024;
const JSON: &str = "application/json; charset=utf-8";

/// Something that is told of an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdditionKind {
    /// The commands that made an image.
    BuildHistory,
    /// A chart's default values.
    Values,
    /// A chart's readme.
    Readme,
    /// The charts that a chart needs.
    Dependencies,
}

impl AdditionKind {
    /// What an artifact of that kind (Harbor's word) has.
    pub fn of(artifact: &Artifact) -> &'static [Self] {
        match artifact.kind.as_str() {
            "IMAGE" | "WASM" if artifact.config_media_type.is_some() => &[Self::BuildHistory],
            "CHART" => &[Self::Values, Self::Readme, Self::Dependencies],
            _ => &[],
        }
    }

    /// By the name Harbor's API has for it.
    pub fn named(name: &str) -> Option<Self> {
        [
            Self::BuildHistory,
            Self::Values,
            Self::Readme,
            Self::Dependencies,
        ]
        .into_iter()
        .find(|kind| kind.name().eq_ignore_ascii_case(name))
    }

    /// The name Harbor's API has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::BuildHistory => "build_history",
            Self::Values => "values.yaml",
            Self::Readme => "readme.md",
            Self::Dependencies => "dependencies",
        }
    }
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addition {
    /// What it is.
    pub content_type: &'static str,
    /// As it is in the artifact, but for what is taken out of a larger document.
    pub bytes: Bytes,
}

impl Registry {
    /// Something that is told of an artifact. `name` is what was asked for, known or not.
    pub async fn addition(
        &self,
        access: &Access,
        repository: &RepositoryName,
        reference: &Reference,
        name: &str,
        now: DateTime<Utc>,
    ) -> Result<Addition> {
        demand_in(access, Action::ArtifactAdditionRead, repository)?;
        let artifact = self.find_artifact(repository, reference).await?;
        let kind = AdditionKind::named(name)
            .filter(|kind| AdditionKind::of(&artifact).contains(kind))
            .ok_or_else(|| unsupported(name, &artifact))?;
        let manifest = self.stored_manifest(repository, &artifact.digest).await?;
        let manifest = manifest.ok_or_else(|| not_found(repository, reference))?;
        let ManifestKind::Image { config, layers } = manifest.kind() else {
            return Err(unsupported(name, &artifact));
        };
        let read = async |blob: &Descriptor, most| {
            self.small_blob(access, repository, blob, most, now).await
        };
        match kind {
            AdditionKind::BuildHistory => {
                let read = read(config, MAX_CONFIG_BYTES).await?;
                let config: History = parse(&read.bytes)?;
                json(config.history)
            }
            AdditionKind::Dependencies => {
                let read = read(config, MAX_CONFIG_BYTES).await?;
                let config: Chart = parse(&read.bytes)?;
                json(config.dependencies)
            }
            AdditionKind::Values | AdditionKind::Readme => {
                let layer = layers.first().ok_or_else(|| unsupported(name, &artifact))?;
                let packed = read(layer, MAX_CHART_BYTES).await?;
                let (file, content_type) = match kind {
                    AdditionKind::Values => ("values.yaml", "text/plain; charset=utf-8"),
                    _ => ("README.md", "text/markdown; charset=utf-8"),
                };
                let bytes = packed.bytes;
                let unpacked = tokio::task::spawn_blocking(move || chart::file(&bytes, file));
                let bytes = unpacked
                    .await
                    .map_err(|error| Error::Internal(Box::new(error)))?
                    .map_err(Error::BadRequest)?;
                Ok(Addition {
                    content_type,
                    bytes: bytes.unwrap_or_default().into(),
                })
            }
        }
    }

    /// A blob in memory, if it is no larger than that.
    async fn small_blob(
        &self,
        access: &Access,
        name: &RepositoryName,
        blob: &Descriptor,
        most: u64,
        now: DateTime<Utc>,
    ) -> Result<Small<'_>> {
        let too_large = || {
            Error::BadRequest(format!(
                "{} is too large to be looked into: at most {most} bytes are",
                blob.digest
            ))
        };
        if blob.size > most {
            return Err(too_large());
        }
        let opened = self.blob(access, name, &blob.digest, now).await?;
        // After upstream's answer: one that hangs keeps nobody else from a turn. Nobody closes the semaphore.
        let turn = self.0.additions.acquire().await.ok();
        let mut stream = opened.body.stream(0..most.saturating_add(1));
        let mut bytes = BytesMut::new();
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk?);
            if bytes.len() as u64 > most {
                return Err(too_large());
            }
        }
        Ok(Small {
            bytes: bytes.freeze(),
            _turn: turn,
        })
    }
}

/// A blob in memory, and the turn it takes.
struct Small<'a> {
    bytes: Bytes,
    _turn: Option<SemaphorePermit<'a>>,
}

/// The part of an image's configuration that tells how it was made.
#[derive(Deserialize)]
struct History {
    #[serde(default)]
    history: Option<Vec<Value>>,
}

/// The part of a chart's configuration that tells what it needs.
#[derive(Deserialize)]
struct Chart {
    #[serde(default)]
    dependencies: Option<Vec<Value>>,
}

fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| {
        Error::BadRequest(format!("the artifact's configuration is not one: {error}"))
    })
}

fn json(list: Option<Vec<Value>>) -> Result<Addition> {
    Ok(Addition {
        content_type: JSON,
        bytes: Value::Array(list.unwrap_or_default()).to_string().into(),
    })
}

fn unsupported(name: &str, artifact: &Artifact) -> Error {
    Error::BadRequest(format!(
        "addition {} isn't supported for {}",
        name.to_uppercase(),
        artifact.kind
    ))
}
