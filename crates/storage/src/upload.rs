//! Uploads: a push on its way in, resumable over broken connections and restarts.
//!
//! The file's length is the offset, always. The running hash is kept in memory between chunks; after a restart it
//! is found again by reading the file. One request at a time writes an upload.

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt};
use oci::{Algorithm, Digest};
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};
use uuid::Uuid;

use crate::ingest::{Batching, Ingest, Progress};
use crate::store::blocking;
use crate::{AppendError, BlobStore, Error, commit};

/// The hash that runs along. A push named by another algorithm is hashed again at its end.
const RUNNING: Algorithm = Algorithm::Sha256;

/// Names an upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UploadId(Uuid);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for UploadId {
    type Err = Error;

    /// [`Error::UploadUnknown`] where it is no UUID: we have given out nothing else.
    fn from_str(text: &str) -> Result<Self, Error> {
        text.parse().map(Self).map_err(|_| Error::UploadUnknown)
    }
}

impl BlobStore {
    /// Begins an upload of no bytes yet.
    ///
    /// # Errors
    /// [`Error::NoSpace`], or the disk's.
    pub async fn start_upload(&self) -> Result<UploadId, Error> {
        let id = UploadId(Uuid::new_v4());
        let path = self.inner().layout.upload(&id);
        blocking(move || commit::create(&path)).await?;
        Ok(id)
    }

    /// The byte an upload is to be resumed from.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`], or the disk's.
    pub async fn upload_offset(&self, id: &UploadId) -> Result<u64, Error> {
        // A request that was cut off may still be writing what it had received. One that is alive is not waited for.
        let _settled = match self.enter(id).await {
            Err(Error::UploadBusy) => None,
            entered => Some(entered?),
        };
        let path = self.inner().layout.upload(id);
        blocking(move || {
            fs::metadata(&path)
                .map(|found| found.len())
                .map_err(|source| unknown_or(&path, source))
        })
        .await
    }

    /// Adds `body`, which starts at byte `at` of the whole (`None`: wherever the upload ends). Returns where the
    /// upload then ends.
    ///
    /// Bytes that have arrived are kept if the body breaks or this future is dropped: length, offset and hash agree
    /// afterwards, and the upload can be resumed.
    ///
    /// # Errors
    /// [`AppendError::OutOfOrder`], [`AppendError::Body`], or the store's: [`Error::UploadUnknown`],
    /// [`Error::UploadBusy`], [`Error::NoSpace`] (what was written is kept).
    pub async fn append<S, E>(
        &self,
        id: &UploadId,
        at: Option<u64>,
        mut body: S,
    ) -> Result<u64, AppendError<E>>
    where
        S: Stream<Item = Result<Bytes, E>> + Send + Unpin,
    {
        let mut entered = self.enter(id).await?;
        let (file, progress) = self.open_upload(id, entered.progress.take()).await?;
        if let Some(at) = at
            && at != progress.offset
        {
            let offset = progress.offset;
            *entered.progress = Some(progress);
            return Err(AppendError::OutOfOrder { offset });
        }
        let mut writing = self.write_upload(id, file, progress, entered);
        let mut broken = None;
        while let Some(chunk) = body.next().await {
            match chunk {
                Ok(chunk) => writing.ingest.write(chunk).await?,
                Err(error) => {
                    broken = Some(error);
                    break;
                }
            }
        }
        let offset = writing.settle().await?;
        broken.map_or(Ok(offset), |error| Err(AppendError::Body(error)))
    }

    /// The upload is complete: commits it as the blob `digest`, which survives a power cut on return. Its size.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`]: the upload is gone. [`Error::UploadUnknown`], [`Error::UploadBusy`],
    /// [`Error::NoSpace`] or the disk's.
    pub async fn finish_upload(&self, id: &UploadId, digest: &Digest) -> Result<u64, Error> {
        let mut entered = self.enter(id).await?;
        let (file, progress) = self.open_upload(id, entered.progress.take()).await?;
        let (store, id, digest) = (self.clone(), *id, digest.clone());
        blocking(move || {
            // Held to the end: the request may be gone before the commit is.
            let _entered = entered;
            store.finish_now(&id, &digest, &file, progress)
        })
        .await
    }

    /// Forgets an upload and its bytes.
    ///
    /// # Errors
    /// [`Error::UploadUnknown`], [`Error::UploadBusy`], or the disk's.
    pub async fn cancel_upload(&self, id: &UploadId) -> Result<(), Error> {
        let entered = self.enter(id).await?;
        let (store, id) = (self.clone(), *id);
        blocking(move || {
            let _entered = entered;
            store.drop_upload(&id)
        })
        .await
    }

    /// All uploads that have been begun and not ended.
    ///
    /// # Errors
    /// The disk's.
    pub async fn list_uploads(&self) -> Result<Vec<UploadId>, Error> {
        let store = self.clone();
        blocking(move || store.list_now()).await
    }

    /// Forgets the uploads that nobody has added to since, and says which.
    ///
    /// # Errors
    /// The disk's.
    pub async fn purge_uploads(
        &self,
        untouched_since: DateTime<Utc>,
    ) -> Result<Vec<UploadId>, Error> {
        let store = self.clone();
        let resting = blocking(move || store.list_resting(untouched_since)).await?;
        let mut purged = Vec::new();
        for id in resting {
            match self.purge_upload(&id, untouched_since).await {
                Ok(true) => purged.push(id),
                Ok(false) | Err(Error::UploadUnknown | Error::UploadBusy) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(purged)
    }

    /// The right to change an upload. Who is cut off loses it at once; the next one to enter waits until the bytes
    /// that were queued are in the file.
    async fn enter(&self, id: &UploadId) -> Result<Entered, Error> {
        let path = self.inner().layout.upload(id);
        blocking(move || fs::metadata(&path).map_err(|source| unknown_or(&path, source))).await?;
        let slot = self.inner().uploads.slot(id);
        let alone = Arc::clone(&slot.alone)
            .try_lock_owned()
            .map_err(|_| Error::UploadBusy)?;
        let progress = Arc::clone(&slot.progress).lock_owned().await;
        Ok(Entered { progress, alone })
    }

    /// The file, and how far it is: from memory if that is true, else from its bytes.
    async fn open_upload(
        &self,
        id: &UploadId,
        kept: Option<Progress>,
    ) -> Result<(Arc<File>, Progress), Error> {
        let path = self.inner().layout.upload(id);
        let opened = blocking(move || {
            let open = || {
                let file = OpenOptions::new().read(true).write(true).open(&path)?;
                let length = file.metadata()?.len();
                let progress = match kept.filter(|kept| kept.offset == length) {
                    Some(progress) => progress,
                    None => Progress::of_file(&file, RUNNING)?,
                };
                Ok((Arc::new(file), progress))
            };
            open().map_err(|source| unknown_or(&path, source))
        })
        .await;
        if let Err(Error::UploadUnknown) = opened {
            self.inner().uploads.forget(id);
        }
        opened
    }

    fn write_upload(
        &self,
        id: &UploadId,
        file: Arc<File>,
        progress: Progress,
        entered: Entered,
    ) -> Writing {
        let path = self.inner().layout.upload(id);
        let room = self.inner().room.clone();
        let ingest = Ingest::new(file, path.clone(), progress, Batching::Full, room, |_| {});
        Writing {
            ingest: Arc::new(ingest),
            rest: Some(Rest {
                progress: entered.progress,
                path,
            }),
            runtime: Handle::current(),
            _alone: entered.alone,
        }
    }

    fn finish_now(
        &self,
        id: &UploadId,
        digest: &Digest,
        file: &File,
        progress: Progress,
    ) -> Result<u64, Error> {
        let path = self.inner().layout.upload(id);
        let progress = match digest.algorithm() {
            RUNNING => progress,
            other => Progress::of_file(file, other).map_err(|source| Error::io(&path, source))?,
        };
        self.inner().uploads.forget(id);
        let actual = progress.hasher.finish();
        if actual != *digest {
            commit::discard(&path);
            return Err(Error::DigestMismatch { actual });
        }
        commit::commit(&self.inner().layout, file, &path, digest)?;
        Ok(progress.offset)
    }

    fn drop_upload(&self, id: &UploadId) -> Result<(), Error> {
        let path = self.inner().layout.upload(id);
        self.inner().uploads.forget(id);
        fs::remove_file(&path).map_err(|source| unknown_or(&path, source))
    }

    fn list_resting(&self, untouched_since: DateTime<Utc>) -> Result<Vec<UploadId>, Error> {
        let mut resting = self.list_now()?;
        resting.retain(|id| self.is_resting(id, untouched_since).unwrap_or(false));
        Ok(resting)
    }

    fn list_now(&self) -> Result<Vec<UploadId>, Error> {
        let folder = self.inner().layout.uploads();
        let mut found = Vec::new();
        for entry in fs::read_dir(&folder).map_err(|source| Error::io(&folder, source))? {
            let name = entry
                .map_err(|source| Error::io(&folder, source))?
                .file_name();
            found.extend(name.to_str().and_then(|name| name.parse::<UploadId>().ok()));
        }
        Ok(found)
    }

    fn is_resting(&self, id: &UploadId, untouched_since: DateTime<Utc>) -> Result<bool, Error> {
        let path = self.inner().layout.upload(id);
        let modified = fs::metadata(&path).and_then(|found| found.modified());
        modified
            .map(|modified| DateTime::<Utc>::from(modified) < untouched_since)
            .map_err(|source| unknown_or(&path, source))
    }

    async fn purge_upload(
        &self,
        id: &UploadId,
        untouched_since: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let entered = self.enter(id).await?;
        let (store, id) = (self.clone(), *id);
        blocking(move || {
            let _entered = entered;
            // Looked at again: it may have been resumed since it was listed.
            let is_resting = store.is_resting(&id, untouched_since)?;
            if is_resting {
                store.drop_upload(&id)?;
            }
            Ok(is_resting)
        })
        .await
    }
}

/// What is remembered of each upload: about 200 bytes, until it is finished, cancelled or purged.
#[derive(Default)]
pub(crate) struct Uploads(Mutex<HashMap<UploadId, Arc<Slot>>>);

#[derive(Default)]
struct Slot {
    /// Held by the one request that uses the upload.
    alone: Arc<AsyncMutex<()>>,
    /// Held while bytes are being written, which may outlast the request by a moment. `None`: read the file.
    progress: Arc<AsyncMutex<Option<Progress>>>,
}

impl Uploads {
    fn slot(&self, id: &UploadId) -> Arc<Slot> {
        Arc::clone(self.lock().entry(*id).or_default())
    }

    fn forget(&self, id: &UploadId) {
        self.lock().remove(id);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<UploadId, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Entered {
    progress: OwnedMutexGuard<Option<Progress>>,
    alone: OwnedMutexGuard<()>,
}

/// An upload being added to. However it ends, what was queued is written and the slot learns how far that came.
struct Writing {
    ingest: Arc<Ingest>,
    rest: Option<Rest>,
    runtime: Handle,
    _alone: OwnedMutexGuard<()>,
}

/// What is left to do when the last byte is written.
struct Rest {
    progress: OwnedMutexGuard<Option<Progress>>,
    path: PathBuf,
}

impl Writing {
    async fn settle(&mut self) -> Result<u64, Error> {
        let settled = self.ingest.settle().await;
        let progress = self.ingest.progress();
        let offset = progress.as_ref().map_or(0, |progress| progress.offset);
        if let Some(rest) = self.rest.take() {
            rest.leave(&self.ingest);
        }
        settled.map(|()| offset)
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(rest) = self.rest.take() {
            // The client left, or the disk is full. The task is bounded: at most 1 MiB is still to be written.
            let ingest = Arc::clone(&self.ingest);
            self.runtime.spawn(async move {
                let _known_to_the_writer = ingest.settle().await;
                rest.leave(&ingest);
            });
        }
    }
}

impl Rest {
    fn leave(mut self, ingest: &Ingest) {
        if ingest.is_lost() {
            // Nothing would tell a later commit that the disk has not taken these bytes.
            commit::discard(&self.path);
        }
        *self.progress = ingest.progress();
    }
}

fn unknown_or(path: &Path, source: io::Error) -> Error {
    if source.kind() == io::ErrorKind::NotFound {
        Error::UploadUnknown
    } else {
        Error::io(path, source)
    }
}

#[cfg(test)]
mod tests;
