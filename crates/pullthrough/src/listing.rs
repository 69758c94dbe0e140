//! Lists that an upstream keeps: a repository's tags, and a manifest's referrers. Believed for a while, and kept
//! for longer, for when upstream cannot be asked.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use oci::{Descriptor, Digest};

use crate::flight::Flights;
use crate::freshness::UpstreamState;
use crate::{Asked, Error, Origin, PullThrough, manifest};

/// Memory for lists, in bytes, for tags and for referrers each.
const CAPACITY_BYTES: u64 = 4 * 1024 * 1024;

pub(crate) struct Listings {
    ttl: Duration,
    tags: Cache<Asked, Known<String>>,
    asking: Flights<Asked, Result<Known<String>, Error>>,
    referrers: Cache<(Asked, Digest), Known<Descriptor>>,
}

/// A list as upstream gave it.
#[derive(Clone)]
struct Known<T> {
    items: Arc<Vec<T>>,
    asked_at: Instant,
}

impl Listings {
    pub(crate) fn new(ttl: Duration) -> Self {
        let weigh_tags = |_: &Asked, known: &Known<String>| {
            weight(
                known
                    .items
                    .iter()
                    .map(|tag| tag.len() + size_of::<String>())
                    .sum(),
            )
        };
        let weigh_referrers = |_: &(Asked, Digest), known: &Known<Descriptor>| {
            weight(known.items.iter().map(bytes_of).sum())
        };
        Self {
            ttl,
            tags: Cache::builder()
                .max_capacity(CAPACITY_BYTES)
                .weigher(weigh_tags)
                .build(),
            asking: Flights::default(),
            referrers: Cache::builder()
                .max_capacity(CAPACITY_BYTES)
                .weigher(weigh_referrers)
                .build(),
        }
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes + 256).unwrap_or(u32::MAX)
}

/// About what a descriptor takes, texts and the places that hold them.
fn bytes_of(descriptor: &Descriptor) -> usize {
    const PLACE: usize = 64;
    let text = |text: &String| text.len() + PLACE;
    let texts = |texts: &Option<Vec<String>>| texts.iter().flatten().map(text).sum::<usize>();
    let annotations = descriptor.annotations.iter().flatten();
    let platform = descriptor.platform.as_ref();
    size_of::<Descriptor>()
        + text(&descriptor.media_type)
        + descriptor.digest.as_str().len()
        + descriptor.artifact_type.as_ref().map_or(0, text)
        + texts(&descriptor.urls)
        + platform.map_or(0, |platform| texts(&platform.os_features))
        + annotations
            .map(|(key, value)| text(key) + text(value))
            .sum::<usize>()
}

impl<T> Known<T> {
    fn new(items: Vec<T>) -> Self {
        Self {
            items: Arc::new(items),
            asked_at: Instant::now(),
        }
    }

    fn is_fresh(&self, ttl: Duration) -> bool {
        self.asked_at.elapsed() < ttl
    }
}

impl PullThrough {
    /// All tags of a proxied repository in byte order: upstream's and those cached here. Where upstream cannot
    /// answer, those it listed last and those cached here.
    ///
    /// # Errors
    /// What upstream said, where nothing of the repository is known here.
    pub async fn tags(&self, origin: &Origin, now: DateTime<Utc>) -> Result<Vec<String>, Error> {
        let cached = self
            .0
            .local
            .db()
            .list_tags(&origin.repository, None, None)
            .await?;
        let listings = &self.0.listings;
        let key = origin.asked();
        let known = listings.tags.get(&key);
        let upstream = match known {
            Some(known) if known.is_fresh(listings.ttl) => known.items,
            known => match self.ask_tags(origin, now).await {
                Ok(items) => items,
                Err(error) => match known {
                    Some(known) => known.items,
                    None if !cached.is_empty() => Arc::default(),
                    None => return Err(error),
                },
            },
        };
        let all: BTreeSet<String> = upstream.iter().cloned().chain(cached).collect();
        Ok(all.into_iter().collect())
    }

    /// Asks upstream, once however many wait.
    async fn ask_tags(
        &self,
        origin: &Origin,
        now: DateTime<Utc>,
    ) -> Result<Arc<Vec<String>>, Error> {
        allowed(origin, now)?;
        let listings = &self.0.listings;
        let asked = origin.clone();
        let ask = async move {
            let tags = asked.client.tags(asked.remote()).await;
            tags.map(Known::new)
                .map_err(|error| list_error(&asked, error))
        };
        let asking = listings.asking.join(&self.0.tasks, origin.asked(), ask);
        let known = asking.await.1.unwrap_or(Err(Error::Abandoned))?;
        listings.tags.insert(origin.asked(), known.clone());
        Ok(known.items)
    }

    /// The manifests whose subject is `digest`: upstream's, and those cached here.
    ///
    /// # Errors
    /// Only the database's: an upstream that cannot answer leaves what is known here.
    pub async fn referrers(
        &self,
        origin: &Origin,
        digest: &Digest,
        artifact_type: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Vec<Descriptor>, Error> {
        let mut all: Vec<Descriptor> = self
            .ask_referrers(origin, digest, now)
            .await
            .iter()
            .cloned()
            .collect();
        for cached in self
            .0
            .local
            .db()
            .referrers(&origin.repository, digest, None)
            .await?
        {
            if !all
                .iter()
                .any(|descriptor| descriptor.digest == cached.digest)
            {
                all.push(cached);
            }
        }
        all.retain(|descriptor| {
            artifact_type.is_none_or(|wanted| descriptor.artifact_type.as_deref() == Some(wanted))
        });
        Ok(all)
    }

    async fn ask_referrers(
        &self,
        origin: &Origin,
        digest: &Digest,
        now: DateTime<Utc>,
    ) -> Arc<Vec<Descriptor>> {
        let listings = &self.0.listings;
        let key = (origin.asked(), digest.clone());
        let known = listings.referrers.get(&key);
        if let Some(known) = known.as_ref().filter(|known| known.is_fresh(listings.ttl)) {
            return known.items.clone();
        }
        let fallback = known.map(|known| known.items).unwrap_or_default();
        if allowed(origin, now).is_err() {
            return fallback;
        }
        match origin.client.referrers(origin.remote(), digest, None).await {
            Ok(items) => {
                let known = Known::new(items);
                listings.referrers.insert(key, known.clone());
                known.items
            }
            Err(error) => {
                tracing::warn!(repository = %origin.repository, %digest, %error, "referrers of what is cached only");
                fallback
            }
        }
    }
}

/// Lists wait for no upstream that was down a moment ago.
fn allowed(origin: &Origin, now: DateTime<Utc>) -> Result<(), Error> {
    match manifest::upstream_state(origin, now) {
        UpstreamState::Closed => Ok(()),
        UpstreamState::Open { reason, .. } => {
            Err(list_error(origin, upstream::Error::Resting { reason }))
        }
    }
}

fn list_error(origin: &Origin, error: upstream::Error) -> Error {
    Error::Upstream {
        upstream: origin.client.name().to_owned(),
        source: Arc::new(error),
    }
}
