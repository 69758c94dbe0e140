//! What is held here: manifests of repositories, hosted and proxied, hot ones answered from memory.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use metadata::{Db, RecordManifest, Recorded, TagEntry};
use moka::sync::Cache;
use oci::{Digest, MAX_MANIFEST_BYTES, RepositoryName, Tag};
use storage::BlobStore;
use tokio::sync::{Notify, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::Error;

/// A manifest of a repository, ready to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredManifest {
    /// Its row; `None` where it could be served but not kept.
    pub artifact_id: Option<i64>,
    /// What it is called.
    pub digest: Digest,
    /// What it is served as.
    pub media_type: String,
    /// As they came.
    pub bytes: Bytes,
}

/// The database and the bytes, side by side. Cloning is cheap.
#[derive(Clone)]
pub struct Local {
    db: Db,
    store: BlobStore,
    hot: Cache<Digest, Bytes>,
    /// Readers rely on stored bytes while they write the row that names them; the janitor writes.
    sweep: Arc<RwLock<()>>,
    /// Blobs on their way from bytes to the row that names them, and how many are.
    landing: Arc<Mutex<HashMap<Digest, usize>>>,
    /// Projects that came to hold more since somebody looked.
    grown: Arc<(Mutex<BTreeSet<i64>>, Notify)>,
}

/// A blob is landing while this lives.
pub struct Landing {
    digest: Digest,
    landing: Arc<Mutex<HashMap<Digest, usize>>>,
}

impl Drop for Landing {
    fn drop(&mut self) {
        let mut landing = self.landing.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = landing.get_mut(&self.digest) {
            *count -= 1;
            if *count == 0 {
                landing.remove(&self.digest);
            }
        }
    }
}

impl Local {
    /// Over `db` and `store`, with `cache_bytes` of memory for hot manifests.
    pub fn new(db: Db, store: BlobStore, cache_bytes: u64) -> Self {
        // Each entry costs its bytes and about as much again as a small key and its bookkeeping.
        let weigh =
            |_: &Digest, bytes: &Bytes| u32::try_from(bytes.len() + 256).unwrap_or(u32::MAX);
        let hot = Cache::builder()
            .max_capacity(cache_bytes)
            .weigher(weigh)
            .build();
        Self {
            db,
            store,
            hot,
            sweep: Arc::default(),
            landing: Arc::default(),
            grown: Arc::default(),
        }
    }

    /// The database.
    pub fn db(&self) -> &Db {
        &self.db
    }

    /// The bytes.
    pub fn store(&self) -> &BlobStore {
        &self.store
    }

    /// To be held from finding a blob that is stored already until the row that relies on it is written.
    pub async fn relying_on_bytes(&self) -> RwLockReadGuard<'_, ()> {
        self.sweep.read().await
    }

    /// To be held from finding that nothing needs a blob until it is deleted. Only the janitor does.
    pub async fn deleting_bytes(&self) -> RwLockWriteGuard<'_, ()> {
        self.sweep.write().await
    }

    /// To be held from before a blob's bytes are complete until the row that relies on them is written, where that takes
    /// too long to keep others from deleting bytes.
    pub fn landing(&self, digest: &Digest) -> Landing {
        let mut landing = self.landing.lock().unwrap_or_else(PoisonError::into_inner);
        *landing.entry(digest.clone()).or_default() += 1;
        Landing {
            digest: digest.clone(),
            landing: self.landing.clone(),
        }
    }

    /// A proxied project holds more now.
    pub(crate) fn note_growth(&self, project_id: i64) {
        let (grown, bell) = &*self.grown;
        grown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(project_id);
        bell.notify_one();
    }

    /// Waits until proxied projects hold more than when this was asked before; which do. For one who asks.
    pub async fn growth(&self) -> BTreeSet<i64> {
        let (grown, bell) = &*self.grown;
        loop {
            let taken = std::mem::take(&mut *grown.lock().unwrap_or_else(PoisonError::into_inner));
            if !taken.is_empty() {
                return taken;
            }
            bell.notified().await;
        }
    }

    /// Deletes those of these bytes at once that nothing needs any more; how many bytes that freed. The janitor finds what
    /// is left for any reason.
    pub async fn remove_unneeded(&self, digests: &[Digest]) -> Result<u64, Error> {
        let mut freed = 0;
        for digest in digests {
            // Each by itself: who waits for it waits for one look and one unlink.
            let _deleting = self.deleting_bytes().await;
            let is_landing = {
                let landing = self.landing.lock().unwrap_or_else(PoisonError::into_inner);
                landing.contains_key(digest)
            };
            let unneeded = self.db.unreferenced_blobs(std::slice::from_ref(digest));
            if is_landing || unneeded.await?.is_empty() {
                continue;
            }
            let size = self.store.size(digest).await?;
            if self.store.delete(digest).await? {
                self.hot.invalidate(digest);
                freed += size.unwrap_or_default();
            }
        }
        Ok(freed)
    }

    /// The manifest `digest` of `repository`, if this repository has it.
    pub async fn manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<StoredManifest>, Error> {
        let Some(row) = self.db.find_manifest(repository, digest).await? else {
            return Ok(None);
        };
        let bytes = match self.hot.get(digest) {
            Some(bytes) => bytes,
            None => {
                let Some(bytes) = self.store.read(digest, MAX_MANIFEST_BYTES as u64).await? else {
                    // Bytes land before rows, so this means that somebody deleted files by hand.
                    tracing::error!(%repository, %digest, "a recorded manifest has no bytes; treating it as not held");
                    return Ok(None);
                };
                self.hot.insert(digest.clone(), bytes.clone());
                bytes
            }
        };
        Ok(Some(StoredManifest {
            artifact_id: Some(row.artifact_id),
            digest: digest.clone(),
            media_type: row.media_type.clone(),
            bytes,
        }))
    }

    /// What `tag` of `repository` points at, as far as is known here.
    pub async fn tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<TagEntry>, Error> {
        Ok(self.db.find_tag(repository, tag).await?)
    }

    /// Keeps a manifest: its bytes, then its rows, then the tag that now points at it. `_relying` is held while
    /// the caller found that what the manifest names is here.
    pub async fn keep(
        &self,
        _relying: &RwLockReadGuard<'_, ()>,
        record: RecordManifest<'_>,
    ) -> Result<Recorded, Error> {
        let manifest = record.manifest;
        self.store
            .put(manifest.digest(), manifest.bytes().clone())
            .await?;
        let recorded = self.db.record_manifest(record).await?;
        self.hot
            .insert(manifest.digest().clone(), manifest.bytes().clone());
        Ok(recorded)
    }
}
