//! Eviction: a proxy cache project that holds more than it may lets go of what it would miss least, beside the pulls, none of
//! which waits for it or fails for it. What was pulled once has a fifth of the room: whoever looks at many images in a row
//! pushes out those, and not what is pulled every day.

use std::time::Duration;

use chrono::{TimeDelta, Utc};
use metadata::{Quota, Warmth};

use crate::{Registry, Result};

/// Projects may have been given less room: looked for so often.
const LOOK_PERIOD: Duration = Duration::from_secs(30);
/// Artifacts that are looked up at once.
const AT_ONCE: u64 = 20;
/// What is still pulled of an artifact that had to go is kept for so long, for those who pull it too.
const LEFTOVERS: TimeDelta = TimeDelta::minutes(2);
/// The share of the room that is for what was pulled once: one in so many.
const SHARE_OF_ONCE: u64 = 5;

impl Registry {
    /// Makes room in projects as they grow, until the task is dropped.
    pub async fn run_evictions(self) {
        loop {
            let grown = tokio::time::timeout(LOOK_PERIOD, self.0.local.growth()).await;
            let made = async {
                let crowded = self.db().crowded_caches().await?;
                // Who did not grow is looked at in quiet times only.
                let is_due = |id: &i64| grown.as_ref().map_or(true, |grown| grown.contains(id));
                for project_id in crowded.into_iter().filter(is_due) {
                    self.make_room(project_id).await?;
                }
                Ok::<_, crate::Error>(())
            };
            if let Err(error) = made.await {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "no room could be made in a proxy cache; trying again"
                );
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    /// Lets go of artifacts until what a project holds is no more than it may.
    async fn make_room(&self, project_id: i64) -> Result<()> {
        // What was pulled a moment ago counts.
        self.flush_notes().await;
        let leftovers = self
            .db()
            .drop_unnamed_of_cache(project_id, Utc::now() - LEFTOVERS)
            .await?;
        self.0.local.remove_unneeded(&leftovers).await?;
        while let Some(quota) = self.crowded(project_id).await? {
            let once = self.db().size_of(project_id, Warmth::Once).await?;
            let limit = quota.limit_bytes.unwrap_or(u64::MAX);
            let order = match once > limit / SHARE_OF_ONCE {
                true => [Warmth::Once, Warmth::Again],
                false => [Warmth::Again, Warmth::Once],
            };
            if !self.evict_some(&quota, order).await? {
                tracing::warn!(
                    project = quota.project_name,
                    used_bytes = quota.used_bytes,
                    limit_bytes = limit,
                    "a proxy cache holds more than it may, and nothing that could go"
                );
                return Ok(());
            }
        }
        Ok(())
    }

    async fn crowded(&self, project_id: i64) -> Result<Option<Quota>> {
        let quota = self.db().find_quota(project_id).await?;
        let is_crowded = |quota: &Quota| {
            quota
                .limit_bytes
                .is_some_and(|limit| quota.used_bytes > limit)
        };
        Ok(quota.filter(is_crowded))
    }

    /// Whether any went.
    async fn evict_some(&self, quota: &Quota, order: [Warmth; 2]) -> Result<bool> {
        let immutability = self.immutability_of(quota.project_id).await?;
        for warmth in order {
            let mut spared = 0;
            loop {
                let coldest = self
                    .db()
                    .coldest(quota.project_id, warmth, spared, AT_ONCE)
                    .await?;
                if coldest.is_empty() {
                    break;
                }
                let mut is_any_gone = false;
                for artifact in coldest {
                    let is_kept = immutability.within(&artifact.repository);
                    let (repository, digest) = (&artifact.repository, &artifact.digest);
                    let evicted = self.db().evict(repository, digest, &is_kept, Utc::now());
                    let freed = match evicted.await {
                        Err(metadata::Error::TagKept { .. }) => {
                            spared += 1;
                            continue;
                        }
                        evicted => evicted?.unwrap_or_default(),
                    };
                    is_any_gone = true;
                    let freed_bytes = self.0.local.remove_unneeded(&freed).await?;
                    tracing::info!(%repository, %digest, freed_bytes, "evicted: the project holds more than it may");
                    // Whose turn it is next is asked anew after each of those that are pulled often.
                    if warmth == Warmth::Again || self.crowded(quota.project_id).await?.is_none() {
                        return Ok(true);
                    }
                }
                if is_any_gone {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }
}
