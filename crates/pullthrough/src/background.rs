//! Checks beside pulls: a tag is served as it is cached while upstream is asked whether it has moved. One check per tag,
//! so many at once in all, and none that a shutdown waits for. When a tag is due for one is [`crate::freshness`].

use std::sync::Arc;

use chrono::{DateTime, Utc};
use moka::sync::Cache;
use oci::Tag;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::freshness::{Failed, Policy};
use crate::{Asked, Error, Origin, PullThrough};

/// Checks in flight at once, of all upstreams together. A tag that finds no room is served, and tried with its next pull.
const AT_ONCE: usize = 64;
/// Tags whose last check failed. One that is forgotten is asked about a little sooner.
const FAILURES_KEPT: u64 = 10_000;

pub(crate) struct Background {
    room: Arc<Semaphore>,
    failures: Cache<(Asked, Tag), Failed>,
    stop: CancellationToken,
}

impl Default for Background {
    fn default() -> Self {
        Self {
            room: Arc::new(Semaphore::new(AT_ONCE)),
            failures: Cache::new(FAILURES_KEPT),
            stop: CancellationToken::new(),
        }
    }
}

impl Background {
    /// How the last check of a tag failed, where none has succeeded since.
    pub(crate) fn failed(&self, origin: &Origin, tag: &Tag) -> Option<Failed> {
        self.failures.get(&(origin.asked(), tag.clone()))
    }

    /// A check of a tag has failed.
    pub(crate) fn note(&self, origin: &Origin, tag: &Tag, failed: Failed) {
        self.failures.insert((origin.asked(), tag.clone()), failed);
    }

    /// Upstream has answered about a tag.
    pub(crate) fn forget(&self, origin: &Origin, tag: &Tag) {
        self.failures.invalidate(&(origin.asked(), tag.clone()));
    }

    /// Ends all checks, and begins no more.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }
}

impl PullThrough {
    /// Begins a check of `tag`, unless it is being checked or there are too many.
    pub(crate) fn check_beside(
        &self,
        origin: &Origin,
        tag: &Tag,
        policy: Policy,
        now: DateTime<Utc>,
    ) {
        let Ok(permit) = Arc::clone(&self.0.background.room).try_acquire_owned() else {
            return;
        };
        let (engine, asked, tag) = (Arc::clone(&self.0), origin.clone(), tag.clone());
        // The same key as a pull's that waits: it joins, and is answered what it finds.
        let key = (origin.asked(), tag.to_string());
        let stop = self.0.background.stop.clone();
        let check = async move {
            let _permit = permit;
            let checked = stop.run_until_cancelled(engine.check(&asked, &tag, policy, now));
            checked.await.unwrap_or(Err(Error::Abandoned))
        };
        drop(self.0.manifests.start(&self.0.tasks, key, check));
    }
}
