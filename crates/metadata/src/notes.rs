//! Notes: pull counts, pull times, check times and entries of the audit log, kept in memory and written together by
//! [`Db::flush`].
//!
//! A hit writes nothing to the database. What a crash loses is at most the last second's notes.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use oci::{RepositoryName, Tag};
use sea_orm::{ConnectionTrait, DbErr, Value};

use crate::audit::{self, AuditEntry};
use crate::cache::tag_key;
use crate::sql::{self, Growing};
use crate::{Db, Error};

/// Different tags or artifacts noted between two flushes. What comes on top is not counted: better than to grow.
const MAX_NOTES: usize = 10_000;
/// Entries of the audit log between two flushes, of a quarter of a KiB each: several seconds of a busy registry. What
/// comes on top is dropped, and counted: better than to grow.
const MAX_ENTRIES: usize = 20_000;
/// So many are not kept waiting for the next flush in turn.
const MANY_ENTRIES: usize = MAX_ENTRIES / 2;

/// What is noted and not yet written.
#[derive(Default)]
pub(crate) struct Notes {
    pending: Mutex<Pending>,
    /// One flush at a time.
    flushing: tokio::sync::Mutex<()>,
    /// Told when a flush should not wait for its turn.
    full: tokio::sync::Notify,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Pending {
    pulls: HashMap<(i64, Option<Box<str>>), Pull>,
    checks: HashMap<Box<str>, Check>,
    /// Taken by a flush that is not committed yet.
    checks_in_flight: Arc<HashMap<Box<str>, Check>>,
    entries: Vec<AuditEntry>,
}

/// What one flush writes.
struct Taken {
    pulls: HashMap<(i64, Option<Box<str>>), Pull>,
    checks: Arc<HashMap<Box<str>, Check>>,
    entries: Vec<AuditEntry>,
}

#[derive(Clone)]
struct Pull {
    repository: Box<str>,
    count: i64,
    at: i64,
}

#[derive(Clone)]
struct Check {
    repository: Box<str>,
    tag: Box<str>,
    at: i64,
}

impl Db {
    /// Notes that the tag's upstream was asked: seen by [`Db::find_tag`] at once, in the database after the next flush.
    pub fn note_checked(&self, repository: &RepositoryName, tag: &Tag, now: DateTime<Utc>) {
        let (key, at) = (tag_key(repository, tag), sql::micros(now));
        self.notes.lock().note_check(key.clone(), || Check {
            repository: repository.as_str().into(),
            tag: tag.as_str().into(),
            at,
        });
        if let Some(found) = self.hot.tags.peek(&key) {
            found
                .checked_at_micros
                .fetch_max(at, std::sync::atomic::Ordering::Relaxed);
        }
    }

    /// Notes a pull of the artifact, by that tag where it was one; in the database after the next flush.
    pub fn note_pull(
        &self,
        artifact_id: i64,
        tag: Option<&Tag>,
        repository: &RepositoryName,
        now: DateTime<Utc>,
    ) {
        let key = (artifact_id, tag.map(|tag| tag.as_str().into()));
        self.notes
            .lock()
            .note_pull(key, 1, sql::micros(now), || repository.as_str().into());
    }

    /// Notes an entry of the audit log: in the database after the next flush. Where there are too many it is dropped.
    pub fn note_audit(&self, entry: AuditEntry) {
        let count = self.notes.lock().note_entry(entry);
        match count {
            Some(MANY_ENTRIES) => self.notes.full.notify_one(),
            Some(_) => {}
            None => self.notes.drop_entries(1),
        }
    }

    /// How many entries of the audit log there was no room for.
    pub fn audit_dropped(&self) -> u64 {
        self.notes.dropped.load(Ordering::Relaxed)
    }

    /// Waits until there is so much to write that the next flush should not wait for its turn.
    pub async fn until_many_notes(&self) {
        self.notes.full.notified().await;
    }

    /// Writes the notes in one transaction: call it every second, and at the end. What failed is kept for the next time.
    pub async fn flush(&self) -> Result<(), Error> {
        if self.notes.lock().is_empty() {
            return Ok(());
        }
        // On a task of its own, so that a caller that leaves loses no notes and leaves none half written.
        let db = self.clone();
        let task = tokio::spawn(async move { db.flush_now().await });
        task.await
            .unwrap_or_else(|error| Err(Error::Database(DbErr::Custom(error.to_string()))))
    }

    async fn flush_now(&self) -> Result<(), Error> {
        let _turn = self.notes.flushing.lock().await;
        let taken = self.notes.lock().take();
        let outcome = self.write_notes(&taken).await;
        let mut pending = self.notes.lock();
        pending.checks_in_flight = Arc::default();
        if outcome.is_err() {
            let dropped = pending.put_back(taken);
            drop(pending);
            self.notes.drop_entries(dropped);
        }
        outcome
    }

    async fn write_notes(&self, taken: &Taken) -> Result<(), Error> {
        let Taken {
            pulls,
            checks,
            entries,
        } = taken;
        let write = self.write().await?;
        let on = write.sql();
        let mut artifacts: HashMap<i64, (i64, i64)> = HashMap::new();
        let mut repositories: HashMap<&str, i64> = HashMap::new();
        for ((artifact_id, _), pull) in pulls {
            let (at, count) = artifacts.entry(*artifact_id).or_insert((pull.at, 0));
            *at = pull.at.max(*at);
            *count += pull.count;
            *repositories.entry(&pull.repository).or_default() += pull.count;
        }
        // Repositories, artifacts, tags: the order in which a manifest is recorded, so that two nodes never wait in a ring.
        let rows: Vec<_> = repositories
            .into_iter()
            .map(|(name, count)| [name.into(), count.into()])
            .collect();
        update(on, REPOSITORIES_PULLED, &rows).await?;
        let rows: Vec<_> = artifacts
            .iter()
            .map(|(id, (at, count))| [(*id).into(), (*at).into(), (*count).into()])
            .collect();
        update(on, ARTIFACTS_PULLED, &rows).await?;
        let rows: Vec<_> = artifacts
            .iter()
            .map(|(id, (at, _))| [(*id).into(), (*at).into()])
            .collect();
        update(on, PARENTS_PULLED, &rows).await?;
        let tags = pulls
            .iter()
            .filter_map(|((id, tag), pull)| Some((*id, tag.as_deref()?, pull.at)));
        let rows: Vec<_> = tags
            .map(|(id, tag, at)| [id.into(), tag.into(), at.into()])
            .collect();
        update(on, TAGS_PULLED, &rows).await?;
        let checks = checks.values().map(|check| {
            [
                (&*check.repository).into(),
                (&*check.tag).into(),
                check.at.into(),
            ]
        });
        update(on, TAGS_CHECKED, &checks.collect::<Vec<_>>()).await?;
        audit::insert(on, entries).await?;
        write.commit().await
    }
}

const ARTIFACTS_PULLED: [&str; 2] = [
    "UPDATE artifacts SET pulls = pulls + v.column3, \
     pulled_at = CASE WHEN pulled_at IS NULL OR pulled_at < v.column2 THEN v.column2 ELSE pulled_at END FROM (VALUES ",
    ") AS v WHERE artifacts.id = v.column1",
];
/// Who pulls a child pulls its index: clients ask for the index by tag once, and for the child by digest ever after.
const PARENTS_PULLED: [&str; 2] = [
    "UPDATE artifacts SET pulled_at = p.pulled_at FROM (SELECT d.artifact_id, MAX(v.column2) AS pulled_at FROM (VALUES ",
    ") AS v JOIN artifacts c ON c.id = v.column1 \
     JOIN descriptors d ON d.digest = c.digest AND d.repository_id = c.repository_id AND d.is_child GROUP BY d.artifact_id) AS p \
     WHERE artifacts.id = p.artifact_id AND (artifacts.pulled_at IS NULL OR artifacts.pulled_at < p.pulled_at)",
];
const TAGS_PULLED: [&str; 2] = [
    "UPDATE tags SET pulled_at = v.column3 FROM (VALUES ",
    ") AS v WHERE tags.artifact_id = v.column1 AND tags.name = v.column2 \
     AND (tags.pulled_at IS NULL OR tags.pulled_at < v.column3)",
];
const TAGS_CHECKED: [&str; 2] = [
    "UPDATE tags SET checked_at = v.column3 FROM (VALUES ",
    ") AS v JOIN repositories r ON r.name = v.column1 \
     WHERE tags.repository_id = r.id AND tags.name = v.column2 AND tags.checked_at < v.column3",
];
const REPOSITORIES_PULLED: [&str; 2] = [
    "UPDATE repositories SET pull_count = pull_count + v.column2 FROM (VALUES ",
    ") AS v WHERE repositories.name = v.column1",
];

/// Runs an update over many rows of values, a chunk at a time.
async fn update<C: ConnectionTrait, const N: usize>(
    on: &C,
    [before, after]: [&str; 2],
    rows: &[[Value; N]],
) -> Result<(), Error> {
    for chunk in rows.chunks(sql::CHUNK) {
        let mut statement = Growing::new(before);
        statement.bind_rows(chunk.iter().cloned()).push(after);
        statement.execute(on).await?;
    }
    Ok(())
}

impl Notes {
    /// When the tag was last noted as checked, if that is not in the database yet.
    pub(crate) fn checked_at(&self, key: &str) -> Option<i64> {
        let pending = self.lock();
        let noted = [pending.checks.get(key), pending.checks_in_flight.get(key)];
        noted.into_iter().flatten().map(|check| check.at).max()
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts them, and says so when it begins and at every thousand.
    fn drop_entries(&self, count: u64) {
        let before = self.dropped.fetch_add(count, Ordering::Relaxed);
        if count > 0 && (before == 0 || before / 1000 != (before + count) / 1000) {
            tracing::error!(
                dropped = before + count,
                "the audit log cannot be written as fast as it grows: entries are dropped"
            );
        }
    }
}

impl Pending {
    fn is_empty(&self) -> bool {
        self.pulls.is_empty() && self.checks.is_empty() && self.entries.is_empty()
    }

    /// How many there are now; `None`: there was no room for it.
    fn note_entry(&mut self, entry: AuditEntry) -> Option<usize> {
        if self.entries.len() >= MAX_ENTRIES {
            return None;
        }
        self.entries.push(entry);
        Some(self.entries.len())
    }

    fn note_pull(
        &mut self,
        key: (i64, Option<Box<str>>),
        count: i64,
        at: i64,
        repository: impl FnOnce() -> Box<str>,
    ) {
        if let Some(pull) = self.pulls.get_mut(&key) {
            pull.count += count;
            pull.at = pull.at.max(at);
        } else if self.pulls.len() < MAX_NOTES {
            self.pulls.insert(
                key,
                Pull {
                    repository: repository(),
                    count,
                    at,
                },
            );
        }
    }

    fn note_check(&mut self, key: Box<str>, check: impl FnOnce() -> Check) {
        if let Some(known) = self.checks.get_mut(&key) {
            known.at = known.at.max(check().at);
        } else if self.checks.len() < MAX_NOTES {
            self.checks.insert(key, check());
        }
    }

    fn take(&mut self) -> Taken {
        self.checks_in_flight = Arc::new(std::mem::take(&mut self.checks));
        Taken {
            pulls: std::mem::take(&mut self.pulls),
            checks: self.checks_in_flight.clone(),
            entries: std::mem::take(&mut self.entries),
        }
    }

    /// What could not be written is kept for the next time, as far as there is room; how many entries are lost.
    fn put_back(&mut self, taken: Taken) -> u64 {
        for (key, pull) in taken.pulls {
            self.note_pull(key, pull.count, pull.at, || pull.repository);
        }
        for (key, check) in taken.checks.iter() {
            self.note_check(key.clone(), || check.clone());
        }
        // The older ones first: they have waited longer.
        let newer = std::mem::replace(&mut self.entries, taken.entries);
        let room = MAX_ENTRIES.saturating_sub(self.entries.len());
        let lost = newer.len().saturating_sub(room);
        self.entries.extend(newer.into_iter().take(room));
        lost as u64
    }
}
