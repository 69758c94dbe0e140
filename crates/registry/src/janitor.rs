//! The janitor: removes what nothing needs. Uploads that were given up, holds that no manifest ever named, and
//! bytes that no row names. It runs beside pushes and pulls.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use oci::{Algorithm, Digest};
use storage::Stored;

use crate::{Error, Registry, Result};

/// Holds dropped while pushes wait.
const HOLDS_AT_ONCE: usize = 200;

/// What a round removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Uploads.
    pub uploads: u64,
    /// Blobs.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Whether what nothing names is removed, or counted only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sweep {
    Remove,
    Count,
}

/// All parts of the store.
pub(crate) fn prefixes() -> impl Iterator<Item = (Algorithm, u8)> {
    [Algorithm::Sha256, Algorithm::Sha512]
        .into_iter()
        .flat_map(|algorithm| (0..=u8::MAX).map(move |prefix| (algorithm, prefix)))
}

impl Registry {
    /// Cleans up at once and then every period, until the task is dropped.
    pub async fn run_janitor(self) {
        loop {
            match self.sweep(Utc::now()).await {
                Ok(swept) if swept == Swept::default() => {}
                Ok(swept) => tracing::info!(
                    uploads = swept.uploads,
                    blobs = swept.blobs,
                    size_bytes = swept.bytes,
                    "swept"
                ),
                Err(error) => tracing::error!(
                    error = &error as &dyn std::error::Error,
                    "sweeping failed; it is tried again in the next period"
                ),
            }
            tokio::time::sleep(self.0.config.janitor_period).await;
        }
    }

    /// One round.
    pub async fn sweep(&self, now: DateTime<Utc>) -> Result<Swept> {
        let mut swept = Swept::default();
        self.sweep_holds(now, &mut swept).await?;
        for (algorithm, prefix) in prefixes() {
            self.sweep_prefix(algorithm, prefix, now, Sweep::Remove, &mut swept)
                .await?;
        }
        Ok(swept)
    }

    /// Uploads and sessions that have ended, and holds that no manifest names.
    pub(crate) async fn sweep_holds(&self, now: DateTime<Utc>, swept: &mut Swept) -> Result<()> {
        let upload_limit = self.upload_limit(now);
        swept.uploads = self.store().purge_uploads(upload_limit).await?.len() as u64;
        self.forget_uploads_without_bytes().await?;
        let forgotten = self.0.auth.forget_ended_sessions(now).await;
        forgotten.map_err(|error| Error::Internal(Box::new(error)))?;
        for holds in self
            .db()
            .unnamed_holds(upload_limit)
            .await?
            .chunks(HOLDS_AT_ONCE)
        {
            // A manifest may be about to name them: pushes hold the other side of this lock while they check and record,
            // and must not wait long.
            let _deleting = self.0.local.deleting_bytes().await;
            self.db().drop_unnamed_holds(holds, upload_limit).await?;
        }
        match self.db().recount_usage().await? {
            0 => {}
            bytes => tracing::warn!(bytes, "what projects hold had been counted wrong"),
        }
        Ok(())
    }

    fn upload_limit(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        now - TimeDelta::from_std(self.0.config.upload_expiry).unwrap_or(TimeDelta::MAX)
    }

    /// The bytes that nothing names, of one part of the store.
    pub(crate) async fn sweep_prefix(
        &self,
        algorithm: Algorithm,
        prefix: u8,
        now: DateTime<Utc>,
        sweep: Sweep,
        swept: &mut Swept,
    ) -> Result<()> {
        let grace = TimeDelta::from_std(self.0.config.orphan_grace).unwrap_or(TimeDelta::MAX);
        let orphan_limit = now - grace;
        let stored = self.store().list_prefix(algorithm, prefix).await?;
        let old: Vec<Stored> = stored
            .into_iter()
            .filter(|blob| blob.modified < orphan_limit)
            .collect();
        match sweep {
            Sweep::Remove => self.sweep_blobs(&old, prefix, orphan_limit, swept).await,
            Sweep::Count => {
                // What holds would be dropped is asked here, because none is.
                let digests: Vec<Digest> = old.iter().map(|blob| blob.digest.clone()).collect();
                let orphans = self
                    .db()
                    .unreferenced_blobs_without_holds(&digests, self.upload_limit(now));
                let orphans: HashSet<Digest> = orphans.await?.into_iter().collect();
                for blob in old.iter().filter(|blob| orphans.contains(&blob.digest)) {
                    swept.blobs += 1;
                    swept.bytes += blob.size;
                }
                Ok(())
            }
        }
    }

    /// The rows of uploads that were purged, and of those whose end a kill has cut short. An upload's bytes are
    /// there before its row, so a row that was seen first and has none is not one that is beginning.
    async fn forget_uploads_without_bytes(&self) -> Result<()> {
        let rows = self.db().list_uploads().await?;
        let stored = self.store().list_uploads().await?;
        let stored: HashSet<String> = stored.iter().map(ToString::to_string).collect();
        for id in rows.iter().filter(|id| !stored.contains(*id)) {
            self.db().end_upload(id).await?;
        }
        Ok(())
    }

    async fn sweep_blobs(
        &self,
        old: &[Stored],
        prefix: u8,
        orphan_limit: DateTime<Utc>,
        swept: &mut Swept,
    ) -> Result<()> {
        let digests: Vec<Digest> = old.iter().map(|blob| blob.digest.clone()).collect();
        if digests.is_empty() {
            return Ok(());
        }
        for orphan in self.db().unreferenced_blobs(&digests).await? {
            let _deleting = self.0.local.deleting_bytes().await;
            // Asked again now that nothing can come to rely on it. A commit of the same bytes made them young.
            let is_orphan = !self
                .db()
                .unreferenced_blobs(std::slice::from_ref(&orphan))
                .await?
                .is_empty();
            let again = self.store().list_prefix(orphan.algorithm(), prefix).await?;
            let is_old = again
                .iter()
                .any(|blob| blob.digest == orphan && blob.modified < orphan_limit);
            if is_orphan && is_old && self.store().delete(&orphan).await? {
                swept.blobs += 1;
                swept.bytes += old
                    .iter()
                    .find(|blob| blob.digest == orphan)
                    .map_or(0, |blob| blob.size);
            }
        }
        Ok(())
    }
}
