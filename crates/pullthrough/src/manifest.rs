//! Which manifest a reference of a proxied repository means, asking upstream as little as possible.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use metadata::{RecordManifest, TagEntry};
use oci::{Algorithm, Digest, Manifest, ManifestKind, Reference, Tag, media_type};
use upstream::{FetchedManifest, Patience};

use crate::flight::Role;
use crate::freshness::{self, UpstreamState, Verdict};
use crate::{Engine, Error, Origin, Outcome, PullThrough, StoredManifest};

/// A manifest, and how it was come by.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The manifest.
    pub manifest: StoredManifest,
    /// Who answered.
    pub outcome: Outcome,
    /// Since when the tag has not been checked, where it was asked for by tag.
    pub age: Option<Duration>,
}

impl PullThrough {
    /// The manifest that `reference` means now.
    ///
    /// A digest that is held asks nothing upstream. A tag that is held asks by `HEAD` when it is due, and is
    /// served as it is when upstream cannot answer. What is not held is fetched with one `GET`.
    ///
    /// # Errors
    /// What upstream said, where nothing is held to serve instead.
    pub async fn manifest(
        &self,
        origin: &Origin,
        reference: &Reference,
        now: DateTime<Utc>,
    ) -> Result<Resolved, Error> {
        match reference {
            Reference::Digest(digest) => self.by_digest(origin, digest, now).await,
            Reference::Tag(tag) => self.by_tag(origin, tag, now).await,
        }
    }

    async fn by_digest(
        &self,
        origin: &Origin,
        digest: &Digest,
        now: DateTime<Utc>,
    ) -> Result<Resolved, Error> {
        if let Some(manifest) = self.0.local.manifest(&origin.repository, digest).await? {
            return Ok(Resolved {
                manifest,
                outcome: Outcome::Hit,
                age: None,
            });
        }
        let (engine, asked, reference) = (
            self.0.clone(),
            origin.clone(),
            Reference::Digest(digest.clone()),
        );
        let fetch = async move { engine.fetch(&asked, &reference, None, now).await };
        self.share(origin, digest.to_string(), fetch).await
    }

    async fn by_tag(
        &self,
        origin: &Origin,
        tag: &Tag,
        now: DateTime<Utc>,
    ) -> Result<Resolved, Error> {
        let entry = self.0.local.tag(&origin.repository, tag).await?;
        let checked_at = entry.as_ref().map(|entry| match entry.is_doubted {
            true => DateTime::<Utc>::MIN_UTC,
            false => entry.checked_at,
        });
        let verdict = match &entry {
            Some(_) => {
                freshness::decide(now, checked_at, &origin.policy, upstream_state(origin, now))
            }
            None => Verdict::Fetch,
        };
        let held = |outcome| self.held(origin, entry.as_ref(), outcome, now);
        match verdict {
            Verdict::Fresh => {
                if let Some(resolved) = held(Outcome::Hit).await? {
                    return Ok(resolved);
                }
            }
            Verdict::Stale { reason } => {
                if let Some(resolved) = held(Outcome::Stale { reason }).await? {
                    return Ok(resolved);
                }
            }
            Verdict::Revalidate | Verdict::Fetch => {}
        }
        let (engine, asked, tag) = (self.0.clone(), origin.clone(), tag.clone());
        let key = tag.to_string();
        let fetch = async move { engine.check(&asked, &tag, entry, now).await };
        self.share(origin, key, fetch).await
    }

    /// One fetch per reference of a repository, however many ask.
    async fn share(
        &self,
        origin: &Origin,
        reference: String,
        fetch: impl Future<Output = Result<Resolved, Error>> + Send + 'static,
    ) -> Result<Resolved, Error> {
        let key = (origin.asked(), reference);
        let (role, resolved) = self.0.manifests.join(&self.0.tasks, key, fetch).await;
        let mut resolved = resolved.unwrap_or(Err(Error::Abandoned))?;
        if role == Role::Follower && resolved.outcome == Outcome::Filled {
            resolved.outcome = Outcome::Joined;
        }
        Ok(resolved)
    }

    async fn held(
        &self,
        origin: &Origin,
        entry: Option<&TagEntry>,
        outcome: Outcome,
        now: DateTime<Utc>,
    ) -> Result<Option<Resolved>, Error> {
        match entry {
            Some(entry) => self.0.held(origin, entry, outcome, now).await,
            None => Ok(None),
        }
    }
}

impl Engine {
    /// Asks upstream what `tag` is, and serves what is held where it cannot say.
    async fn check(
        &self,
        origin: &Origin,
        tag: &Tag,
        entry: Option<TagEntry>,
        now: DateTime<Utc>,
    ) -> Result<Resolved, Error> {
        let reference = Reference::Tag(tag.clone());
        let entry = match entry {
            // A tag whose manifest is not here after all is fetched like an unknown one.
            Some(entry)
                if self
                    .local
                    .manifest(&origin.repository, &entry.digest)
                    .await?
                    .is_some() =>
            {
                entry
            }
            _ => return self.fetch(origin, &reference, Some(tag), now).await,
        };
        let error = match origin
            .client
            .head_manifest(origin.remote(), &reference, Patience::Revalidate)
            .await
        {
            Ok(head) if head.digest.as_ref() == Some(&entry.digest) => {
                self.local.db().note_checked(&origin.repository, tag, now);
                let entry = TagEntry {
                    checked_at: now,
                    is_doubted: false,
                    ..entry
                };
                return self
                    .held(origin, &entry, Outcome::Revalidated, now)
                    .await?
                    .ok_or(Error::Abandoned);
            }
            // Moved: its new bytes are asked for by the name that upstream gave, or, where it gave none, by tag.
            Ok(head) => self.follow(origin, tag, head.digest, now).await,
            Err(error) if cannot_head(&error) => {
                self.fetch(origin, &reference, Some(tag), now).await
            }
            Err(error) => Err(upstream_error(origin, &reference, error)),
        };
        let error = match error {
            Ok(resolved) => return Ok(resolved),
            Err(error) => error,
        };
        let reason = match &error {
            Error::ManifestUnknown { .. } if origin.policy.serve_gone => "gone upstream".to_owned(),
            Error::ManifestUnknown { .. } => return Err(error),
            Error::Upstream { source, .. } => source.to_string(),
            _ => return Err(error),
        };
        tracing::warn!(repository = %origin.repository, %tag, upstream = origin.client.name(), reason, "serving a stale tag");
        self.held(origin, &entry, Outcome::Stale { reason }, now)
            .await?
            .ok_or(error)
    }

    /// The tag points elsewhere now. Where the new digest is held already, only the tag moves.
    async fn follow(
        &self,
        origin: &Origin,
        tag: &Tag,
        digest: Option<Digest>,
        now: DateTime<Utc>,
    ) -> Result<Resolved, Error> {
        let Some(digest) = digest else {
            return self
                .fetch(origin, &Reference::Tag(tag.clone()), Some(tag), now)
                .await;
        };
        if let Some(held) = self.local.manifest(&origin.repository, &digest).await? {
            let parsed = Manifest::parse(
                Some(&held.media_type),
                digest.algorithm(),
                held.bytes.clone(),
            );
            if let Ok(manifest) = parsed {
                let manifest = self.keep(origin, &manifest, Some(tag), now).await?;
                return Ok(Resolved {
                    manifest,
                    outcome: Outcome::Revalidated,
                    age: Some(Duration::ZERO),
                });
            }
        }
        self.fetch(origin, &Reference::Digest(digest), Some(tag), now)
            .await
    }

    /// One `GET` upstream; what comes is checked, kept under `tag`, and returned.
    async fn fetch(
        &self,
        origin: &Origin,
        reference: &Reference,
        tag: Option<&Tag>,
        now: DateTime<Utc>,
    ) -> Result<Resolved, Error> {
        let fetched = origin
            .client
            .manifest(origin.remote(), reference, Patience::Cold)
            .await
            .map_err(|error| upstream_error(origin, reference, error))?;
        let manifest = verify(reference, fetched).map_err(|reason| bad_answer(origin, reason))?;
        let manifest = self.keep(origin, &manifest, tag, now).await?;
        Ok(Resolved {
            manifest,
            outcome: Outcome::Filled,
            age: tag.map(|_| Duration::ZERO),
        })
    }

    /// Keeps a manifest. A full disk or database is no reason to refuse a pull: it is served, but not kept.
    async fn keep(
        &self,
        origin: &Origin,
        manifest: &Manifest,
        tag: Option<&Tag>,
        now: DateTime<Utc>,
    ) -> Result<StoredManifest, Error> {
        let relying = self.local.relying_on_bytes().await;
        let recorded = self
            .local
            .keep(
                &relying,
                RecordManifest {
                    repository: &origin.repository,
                    project_id: origin.project_id,
                    manifest,
                    tag,
                    is_tag_fixed: false,
                    now,
                },
            )
            .await;
        let artifact_id = match recorded {
            Ok(recorded) => Some(recorded.artifact_id),
            Err(error @ (Error::Storage(_) | Error::Metadata(_))) => {
                tracing::error!(repository = %origin.repository, digest = %manifest.digest(), %error, "manifest served but not kept");
                None
            }
            Err(error) => return Err(error),
        };
        Ok(StoredManifest {
            artifact_id,
            digest: manifest.digest().clone(),
            media_type: manifest.media_type().to_owned(),
            bytes: manifest.bytes().clone(),
        })
    }

    async fn held(
        &self,
        origin: &Origin,
        entry: &TagEntry,
        outcome: Outcome,
        now: DateTime<Utc>,
    ) -> Result<Option<Resolved>, Error> {
        let manifest = self
            .local
            .manifest(&origin.repository, &entry.digest)
            .await?;
        let age = (now - entry.checked_at).to_std().ok();
        Ok(manifest.map(|manifest| Resolved {
            manifest,
            outcome,
            age,
        }))
    }
}

/// Holds what came against what was asked for.
fn verify(reference: &Reference, fetched: FetchedManifest) -> Result<Manifest, String> {
    let named = reference.digest().or(fetched.digest_header.as_ref());
    let algorithm = named.map_or(Algorithm::Sha256, Digest::algorithm);
    let manifest = Manifest::parse(fetched.media_type.as_deref(), algorithm, fetched.bytes)
        .map_err(|error| format!("what it sent as {reference} is no manifest: {error}"))?;
    if is_no_manifest(&manifest) {
        return Err(format!(
            "what it sent as {reference} is no manifest: JSON of which it says nothing"
        ));
    }
    match named {
        Some(digest) if digest != manifest.digest() => Err(format!(
            "the manifest it sent as {digest} has the digest {}",
            manifest.digest()
        )),
        _ => Ok(manifest),
    }
}

/// Errors and pages for people are answered with 200 too: no such thing takes the place of a cached manifest.
fn is_no_manifest(manifest: &Manifest) -> bool {
    let media_type = manifest.media_type();
    *manifest.kind() == ManifestKind::Opaque
        && (media_type::is_vague(media_type) || media_type.starts_with("text/"))
}

/// Asks the breaker, and sends its probe where one is due.
pub(crate) fn upstream_state(origin: &Origin, now: DateTime<Utc>) -> UpstreamState {
    use upstream::Verdict as Breaker;
    match origin.client.breaker().allows(now) {
        Breaker::Ask => UpstreamState::Closed,
        Breaker::Skip { reason } => UpstreamState::Open { reason },
        Breaker::SkipAndProbe { reason } => {
            let client = origin.client.clone();
            // Owned by the runtime: it ends with its own time limit and leaves nothing behind.
            tokio::spawn(async move { client.probe().await });
            UpstreamState::Open { reason }
        }
    }
}

/// Some registries know no `HEAD` of a manifest.
fn cannot_head(error: &upstream::Error) -> bool {
    matches!(error, upstream::Error::Failed { status: 405 | 501 })
}

/// What upstream did, as an answer to the request for `reference`.
pub(crate) fn upstream_error(
    origin: &Origin,
    reference: &Reference,
    error: upstream::Error,
) -> Error {
    match error {
        upstream::Error::NotFound => Error::ManifestUnknown {
            upstream: origin.client.name().to_owned(),
            repository: origin.remote().to_owned(),
            reference: reference.to_string(),
        },
        error => Error::Upstream {
            upstream: origin.client.name().to_owned(),
            source: Arc::new(error),
        },
    }
}

pub(crate) fn bad_answer(origin: &Origin, reason: String) -> Error {
    tracing::error!(repository = %origin.repository, upstream = origin.client.name(), reason, "refused what upstream sent");
    Error::Upstream {
        upstream: origin.client.name().to_owned(),
        source: Arc::new(upstream::Error::BadAnswer { reason }),
    }
}
