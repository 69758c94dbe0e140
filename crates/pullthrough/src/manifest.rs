//! Which manifest a reference of a proxied repository means, asking upstream as little as possible.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use metadata::{RecordManifest, TagEntry};
use oci::{Algorithm, Digest, Manifest, ManifestKind, Reference, Tag, media_type};
use upstream::{FetchedManifest, Patience};

use crate::flight::Role;
use crate::freshness::{self, Failed, Failure, Known, Policy, Revalidate, UpstreamState, Verdict};
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
    /// A digest that is held asks nothing upstream. A tag that is held asks by `HEAD` when it is due by `policy`, and
    /// is served as it is when upstream cannot answer and the policy allows that. What is not held is fetched with one
    /// `GET`.
    ///
    /// # Errors
    /// What upstream said, where nothing is held to serve instead.
    pub async fn manifest(
        &self,
        origin: &Origin,
        reference: &Reference,
        policy: Policy,
        now: DateTime<Utc>,
    ) -> Result<Resolved, Error> {
        match reference {
            Reference::Digest(digest) => self.by_digest(origin, digest, now).await,
            Reference::Tag(tag) => self.by_tag(origin, tag, policy, now).await,
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
        policy: Policy,
        now: DateTime<Utc>,
    ) -> Result<Resolved, Error> {
        let entry = self.0.local.tag(&origin.repository, tag).await?;
        if let Some(entry) = &entry {
            let known = self.0.known(origin, tag, entry, &policy);
            let upstream = upstream_state(origin, now);
            let (outcome, is_to_be_checked) =
                match freshness::decide(now, Some(&known), &policy, upstream) {
                    Verdict::Fresh => (Some(Outcome::Hit), false),
                    Verdict::Stale { reason } => (Some(Outcome::Stale { reason }), false),
                    Verdict::Background { reason: None } => (Some(Outcome::Background), true),
                    Verdict::Background {
                        reason: Some(reason),
                    } => (Some(Outcome::Stale { reason }), true),
                    Verdict::Revalidate | Verdict::Fetch => (None, false),
                };
            if let Some(outcome) = outcome
                && let Some(resolved) = self.0.held(origin, entry, outcome, now).await?
            {
                if is_to_be_checked {
                    self.check_beside(origin, tag, policy, now);
                }
                return Ok(resolved);
            }
        }
        let (engine, asked, tag) = (self.0.clone(), origin.clone(), tag.clone());
        let key = tag.to_string();
        let fetch = async move { engine.check(&asked, &tag, policy, now).await };
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
}

impl Engine {
    /// What is known of a tag that is held.
    fn known(&self, origin: &Origin, tag: &Tag, entry: &TagEntry, policy: &Policy) -> Known {
        Known {
            checked_at: entry.checked_at,
            is_doubted: entry.is_doubted,
            failed: match policy.revalidate {
                Revalidate::Background(_) => self.background.failed(origin, tag),
                Revalidate::After(_) | Revalidate::Never => None,
            },
        }
    }

    /// Asks upstream what `tag` is, and serves what is held where it cannot say and the policy allows that.
    pub(crate) async fn check(
        &self,
        origin: &Origin,
        tag: &Tag,
        policy: Policy,
        now: DateTime<Utc>,
    ) -> Result<Resolved, Error> {
        let reference = Reference::Tag(tag.clone());
        // A tag whose manifest is not here after all is fetched like an unknown one.
        let Some(entry) = self.held_tag(origin, tag).await? else {
            return self.fetch(origin, &reference, Some(tag), now).await;
        };
        // The check that this pull came too late to join may have ended since it looked.
        let known = self.known(origin, tag, &entry, &policy);
        if freshness::decide(now, Some(&known), &policy, UpstreamState::Closed) == Verdict::Fresh
            && let Some(resolved) = self.held(origin, &entry, Outcome::Hit, now).await?
        {
            return Ok(resolved);
        }
        let error = match self.ask_tag(origin, tag, &entry, now).await {
            Ok(resolved) => return Ok(resolved),
            Err(error) => error,
        };
        let Some((failure, reason)) = failure_of(&error) else {
            return Err(error);
        };
        if let Revalidate::Background(_) = policy.revalidate {
            let failed = Failed {
                at: now,
                failure,
                reason: reason.clone(),
            };
            self.background.note(origin, tag, failed);
        }
        if !policy.stale.serves(now, entry.checked_at, failure) {
            tracing::warn!(repository = %origin.repository, %tag, upstream = origin.client.name(), reason, checked_at = %entry.checked_at, "a cached tag is not served: the project's rules allow no stale copy after this failure, or none of this age");
            return Err(error);
        }
        tracing::warn!(repository = %origin.repository, %tag, upstream = origin.client.name(), reason, "serving a stale tag");
        self.held(origin, &entry, Outcome::Stale { reason }, now)
            .await?
            .ok_or(error)
    }

    /// The tag, where the manifest it points at is here.
    async fn held_tag(&self, origin: &Origin, tag: &Tag) -> Result<Option<TagEntry>, Error> {
        let Some(entry) = self.local.tag(&origin.repository, tag).await? else {
            return Ok(None);
        };
        let held = self.local.manifest(&origin.repository, &entry.digest);
        Ok(held.await?.map(|_| entry))
    }

    /// Asks upstream whether `tag` is still what it was, and brings what it is now.
    async fn ask_tag(
        &self,
        origin: &Origin,
        tag: &Tag,
        entry: &TagEntry,
        now: DateTime<Utc>,
    ) -> Result<Resolved, Error> {
        let reference = Reference::Tag(tag.clone());
        let asked = origin
            .client
            .head_manifest(origin.remote(), &reference, Patience::Revalidate);
        let resolved = match asked.await {
            Ok(head) if head.digest.as_ref() == Some(&entry.digest) => {
                self.local.db().note_checked(&origin.repository, tag, now);
                let entry = TagEntry {
                    checked_at: now,
                    is_doubted: false,
                    ..entry.clone()
                };
                let held = self.held(origin, &entry, Outcome::Revalidated, now);
                match held.await? {
                    Some(resolved) => resolved,
                    // It had to go while upstream was asked.
                    None => self.fetch(origin, &reference, Some(tag), now).await?,
                }
            }
            // Moved: its new bytes are asked for by the name that upstream gave, or, where it gave none, by tag.
            Ok(head) => self.follow(origin, tag, head.digest, now).await?,
            Err(error) if cannot_head(&error) => {
                self.fetch(origin, &reference, Some(tag), now).await?
            }
            Err(error) => return Err(upstream_error(origin, &reference, error)),
        };
        self.background.forget(origin, tag);
        Ok(resolved)
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
        Breaker::Skip { outage, reason } => UpstreamState::Open {
            failure: outage.into(),
            reason,
        },
        Breaker::SkipAndProbe { outage, reason } => {
            let client = origin.client.clone();
            // Owned by the runtime: it ends with its own time limit and leaves nothing behind.
            tokio::spawn(async move { client.probe().await });
            UpstreamState::Open {
                failure: outage.into(),
                reason,
            }
        }
    }
}

/// What upstream did, where the error is its: the class, and the same for people.
fn failure_of(error: &Error) -> Option<(Failure, String)> {
    match error {
        Error::ManifestUnknown { .. } => Some((Failure::Gone, "gone upstream".to_owned())),
        Error::Upstream { source, .. } => Some((Failure::of(source), source.to_string())),
        _ => None,
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
