//! What is answered from memory, and how it stays true.
//!
//! A reader that misses loads from the database and keeps what it got only if nobody wrote that fact in between:
//! each key falls into a stripe, a stripe counts the writes it has seen, and the count is compared and
//! the entry put in under the stripe's lock. A writer commits first, then counts and removes. So the old
//! value, read before a commit, is never put back after it.
//!
//! Those who miss in one stripe load one after the other, and most find what the first one got: a tag that moves under a
//! thousand clients costs one read.
//!
//! Alone with its database (SQLite) a process remembers for good, and remembers what is not there. Where other nodes
//! write too, it remembers what is there for a few seconds, and asks again for what is not.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use oci::{Digest, RepositoryName, Tag};

use crate::members::Role;
use crate::{BlobRight, Error, ImmutabilityRow, ManifestRow, Project, Robot, TagEntry, Upstream};

const STRIPES: usize = 64;
/// How long one waits for another's load: with a database that does not answer, all shall fail together, not one by one.
const TURN: Duration = Duration::from_secs(1);

/// Everything that is answered from memory.
pub(crate) struct Hot {
    pub(crate) projects: Cache<ProjectKey, Arc<Project>>,
    pub(crate) upstreams: Cache<i64, Arc<Upstream>>,
    pub(crate) roles: Cache<(i64, i64), Role>,
    pub(crate) robots: Cache<i64, Arc<Robot>>,
    pub(crate) settings: Cache<Box<str>, Option<Arc<str>>>,
    pub(crate) immutability: Cache<i64, Arc<[ImmutabilityRow]>>,
    pub(crate) tags: Cache<Box<str>, HotTag>,
    pub(crate) manifests: Cache<Box<str>, ManifestRow>,
    pub(crate) rights: Cache<Box<str>, BlobRight>,
}

/// A project is asked for by name or by number.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ProjectKey {
    Name(Box<str>),
    Id(i64),
}

/// A tag in memory; its check time moves without a write.
#[derive(Clone)]
pub(crate) struct HotTag {
    pub(crate) entry: TagEntry,
    pub(crate) checked_at_micros: Arc<AtomicI64>,
    /// Its upstream's `trusted_since`; for a hosted repository, forever.
    pub(crate) trusted_since_micros: i64,
}

/// What a write made untrue.
pub(crate) enum Forget {
    Project {
        id: i64,
        name: String,
    },
    AllProjects,
    Upstream(i64),
    Role {
        project_id: i64,
        user_id: i64,
    },
    AllRoles,
    Robot(i64),
    AllRobots,
    Setting(Box<str>),
    /// The rules of that project.
    Immutability(i64),
    Tag(Box<str>),
    Manifest(Box<str>),
    Right(Box<str>),
    /// All that is known of tags, manifests and blobs: for what is rare and wide.
    AllContent,
}

/// The key of a tag.
pub(crate) fn tag_key(repository: &RepositoryName, tag: &Tag) -> Box<str> {
    format!("{repository}:{tag}").into()
}

/// The key of a manifest or blob in a repository.
pub(crate) fn digest_key(repository: impl std::fmt::Display, digest: &Digest) -> Box<str> {
    format!("{repository}@{digest}").into()
}

impl Hot {
    /// Only this process writes.
    pub(crate) fn alone() -> Self {
        Self::new(None)
    }

    /// Others write too: what they wrote is seen within `life`.
    pub(crate) fn shared(life: Duration) -> Self {
        Self::new(Some(life))
    }

    fn new(life: Option<Duration>) -> Self {
        Self {
            projects: Cache::new(2_000, life),
            upstreams: Cache::new(500, life),
            roles: Cache::new(5_000, life),
            robots: Cache::new(5_000, life),
            settings: Cache::new(500, life),
            immutability: Cache::new(2_000, life),
            tags: Cache::new(10_000, life),
            manifests: Cache::new(10_000, life),
            rights: Cache::new(20_000, life),
        }
    }

    pub(crate) fn forget(&self, what: Forget) {
        match what {
            Forget::Project { id, name } => {
                self.projects.forget(&ProjectKey::Id(id));
                self.projects.forget(&ProjectKey::Name(name.into()));
            }
            Forget::AllProjects => self.projects.forget_all(),
            Forget::Upstream(id) => self.upstreams.forget(&id),
            Forget::Role {
                project_id,
                user_id,
            } => self.roles.forget(&(project_id, user_id)),
            Forget::AllRoles => self.roles.forget_all(),
            Forget::Robot(id) => self.robots.forget(&id),
            Forget::AllRobots => self.robots.forget_all(),
            Forget::Setting(key) => self.settings.forget(&key),
            Forget::Immutability(project_id) => self.immutability.forget(&project_id),
            Forget::Tag(key) => self.tags.forget(&key),
            Forget::Manifest(key) => self.manifests.forget(&key),
            Forget::Right(key) => self.rights.forget(&key),
            Forget::AllContent => {
                self.tags.forget_all();
                self.manifests.forget_all();
                self.rights.forget_all();
            }
        }
    }
}

/// What keys with the same remainder of a hash share.
#[derive(Default)]
struct Stripe {
    writes: Mutex<u64>,
    loading: tokio::sync::Mutex<()>,
}

/// A bounded memory of one kind of fact.
pub(crate) struct Cache<K, V> {
    entries: moka::sync::Cache<K, Option<V>>,
    stripes: [Stripe; STRIPES],
    hasher: RandomState,
    remembers_absence: bool,
}

impl<K, V> Cache<K, V>
where
    K: Clone + Eq + Hash + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    fn new(max_entries: u64, life: Option<Duration>) -> Self {
        let mut builder = moka::sync::Cache::builder().max_capacity(max_entries);
        if let Some(life) = life {
            builder = builder.time_to_live(life);
        }
        Self {
            entries: builder.build(),
            stripes: std::array::from_fn(|_| Stripe::default()),
            hasher: RandomState::new(),
            remembers_absence: life.is_none(),
        }
    }

    /// What is known of `key`: from memory, else from `load`.
    pub(crate) async fn get_or_load<F>(&self, key: &K, load: F) -> Result<Option<V>, Error>
    where
        F: Future<Output = Result<Option<V>, Error>>,
    {
        if let Some(value) = self.entries.get(key) {
            return Ok(value);
        }
        let stripe = self.stripe(key);
        let _turn = tokio::time::timeout(TURN, stripe.loading.lock()).await.ok();
        if let Some(value) = self.entries.get(key) {
            return Ok(value);
        }
        let writes_before = *stripe.writes();
        let value = load.await?;
        if value.is_some() || self.remembers_absence {
            let writes = stripe.writes();
            if *writes == writes_before {
                self.entries.insert(key.clone(), value.clone());
            }
        }
        Ok(value)
    }

    /// What is in memory, without asking.
    pub(crate) fn peek(&self, key: &K) -> Option<V> {
        self.entries.get(key).flatten()
    }

    fn forget(&self, key: &K) {
        let mut writes = self.stripe(key).writes();
        *writes += 1;
        self.entries.invalidate(key);
    }

    fn forget_all(&self) {
        for stripe in &self.stripes {
            *stripe.writes() += 1;
        }
        self.entries.invalidate_all();
    }

    fn stripe(&self, key: &K) -> &Stripe {
        &self.stripes[self.hasher.hash_one(key) as usize % STRIPES]
    }
}

impl Stripe {
    fn writes(&self) -> MutexGuard<'_, u64> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_read_before_a_write_is_not_put_back_after_it() {
        let cache: Cache<i64, &str> = Cache::new(10, None);
        let slow = cache
            .get_or_load(&1, async {
                cache.forget(&1);
                Ok(Some("old"))
            })
            .await;
        assert_eq!(slow.unwrap(), Some("old"));
        assert_eq!(
            cache
                .get_or_load(&1, async { Ok(Some("new")) })
                .await
                .unwrap(),
            Some("new")
        );
        assert_eq!(
            cache
                .get_or_load(&1, async { Ok(Some("never asked")) })
                .await
                .unwrap(),
            Some("new")
        );

        let slow = cache.get_or_load(&2, async {
            cache.forget_all();
            Ok(Some("old"))
        });
        slow.await.unwrap();
        assert_eq!(cache.peek(&2), None);
    }

    #[tokio::test]
    async fn absence_is_remembered_only_where_nobody_else_writes() {
        let alone: Cache<i64, &str> = Cache::new(10, None);
        let shared: Cache<i64, &str> = Cache::new(10, Some(Duration::from_secs(60)));
        for cache in [&alone, &shared] {
            assert_eq!(
                cache.get_or_load(&1, async { Ok(None) }).await.unwrap(),
                None
            );
        }
        assert_eq!(
            alone
                .get_or_load(&1, async { Ok(Some("late")) })
                .await
                .unwrap(),
            None
        );
        assert_eq!(
            shared
                .get_or_load(&1, async { Ok(Some("late")) })
                .await
                .unwrap(),
            Some("late")
        );
    }

    #[tokio::test]
    async fn many_who_miss_at_once_ask_once() {
        let cache: Cache<i64, &str> = Cache::new(10, None);
        let asked = std::cell::Cell::new(0);
        let ask = || {
            cache.get_or_load(&1, async {
                asked.set(asked.get() + 1);
                tokio::task::yield_now().await;
                Ok(Some("value"))
            })
        };
        let (first, second, third) = tokio::join!(ask(), ask(), ask());
        for value in [first, second, third] {
            assert_eq!(value.unwrap(), Some("value"));
        }
        assert_eq!(asked.get(), 1);
    }
}
