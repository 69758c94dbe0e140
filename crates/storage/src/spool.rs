//! Fills: one writer brings a blob in, many readers follow it while it grows, each at its own pace.
//!
//! The file is the only buffer. A reader that keeps up reads pages that were just written; one that does not reads
//! them later; neither costs the writer anything, and a reader that leaves is not missed. Where the bytes come
//! from, and who shares a fill, is not known here.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::stream;
use oci::{Digest, Hasher};
use tokio::runtime::Handle;
use tokio::sync::watch;

use crate::ingest::{Batching, Ingest, Progress};
use crate::read::ChunkReader;
use crate::store::blocking;
use crate::{BlobStore, ByteStream, Error, Stopped, commit};

impl BlobStore {
    /// Begins a fill of the blob named `digest`. Several of the same digest do no harm, but no good either.
    ///
    /// # Errors
    /// The disk's.
    pub async fn start_fill(&self, digest: &Digest) -> Result<(FillWriter, Spool), Error> {
        let from = self.inner().layout.new_fill();
        let path = from.clone();
        let file = Arc::new(blocking(move || commit::create(&path)).await?);
        let spool = Spool(Arc::new(Shared {
            file: Arc::clone(&file),
            path: from.as_path().into(),
            state: watch::Sender::new(State {
                written: 0,
                phase: Phase::Filling,
            }),
            hasher_at_stop: Mutex::new(None),
        }));
        let on_written = {
            let spool = spool.clone();
            move |written| spool.0.state.send_modify(|state| state.written = written)
        };
        let progress = Progress::new(digest.algorithm());
        let room = self.inner().room.clone();
        let writer = FillWriter {
            ingest: Ingest::new(
                file,
                from.clone(),
                progress,
                Batching::Prompt,
                room,
                on_written,
            ),
            spool: spool.clone(),
            digest: digest.clone(),
            from,
            store: self.clone(),
            accepted: 0,
            runtime: Handle::current(),
            is_over: false,
        };
        Ok((writer, spool))
    }
}

/// The writing end of a fill. Dropping it fails the readers.
pub struct FillWriter {
    ingest: Ingest,
    spool: Spool,
    digest: Digest,
    from: PathBuf,
    store: BlobStore,
    accepted: u64,
    runtime: Handle,
    /// The file's fate is decided: committed, or discarded.
    is_over: bool,
}

impl FillWriter {
    /// Takes the next bytes. They are hashed and written off the event loop; at most about 1 MiB waits for that,
    /// and this waits while there is more.
    ///
    /// # Errors
    /// [`Error::NoSpace`]: the disk is full, these bytes and perhaps some before them are lost; call [`Self::stop`]
    /// with [`Stopped::NoSpace`], which lets the readers have what was written. Or the disk's.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), Error> {
        let bytes = chunk.len() as u64;
        self.ingest.write(chunk).await?;
        self.accepted += bytes;
        Ok(())
    }

    /// Bytes taken so far: where the source is to be resumed from.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// The source has ended. If the bytes are the ones named, readers get the last of them at once, and the blob is
    /// committed: on return it survives a power cut. The size is returned.
    ///
    /// # Errors
    /// In every case nothing is kept. [`Error::DigestMismatch`]: the readers fail. [`Error::NoSpace`]: as after
    /// [`Self::stop`] with [`Stopped::NoSpace`], unless the readers had everything already. Or the disk's.
    pub async fn commit(mut self) -> Result<u64, Error> {
        let progress = match self.written().await {
            Ok(progress) => progress,
            Err(Error::NoSpace) => {
                self.stop(Stopped::NoSpace).await;
                return Err(Error::NoSpace);
            }
            Err(error) => {
                self.stop(Stopped::Failed(error.to_string())).await;
                return Err(error);
            }
        };
        let actual = progress.hasher.finish();
        if actual != self.digest {
            let why = format!(
                "asked for {}, was sent {actual} ({} bytes)",
                self.digest, progress.offset
            );
            self.stop(Stopped::Failed(why)).await;
            return Err(Error::DigestMismatch { actual });
        }
        self.spool.enter(Phase::Verified);
        self.ingest.settle().await?;
        self.is_over = true;
        let (store, digest, from) = (self.store.clone(), self.digest.clone(), self.from.clone());
        let file = Arc::clone(&self.spool.0.file);
        blocking(move || commit::commit(&store.inner().layout, &file, &from, &digest)).await?;
        Ok(progress.offset)
    }

    /// The source is lost, or the disk is full: says so to the readers, and keeps nothing.
    pub async fn stop(mut self, why: Stopped) {
        let why = match why {
            Stopped::NoSpace => self.note_hash().await,
            failed @ Stopped::Failed(_) => failed,
        };
        self.spool.enter(Phase::Stopped(why));
        self.is_over = true;
        let from = self.from.clone();
        // The file's pages live on as long as a reader holds it open.
        let _discarded = blocking(move || {
            commit::discard(&from);
            Ok(())
        })
        .await;
    }

    /// Leaves the hash for whoever goes on where the file ends.
    async fn note_hash(&self) -> Stopped {
        let _why_full = self.ingest.written().await; // the reason is known; what was written is what counts
        match self.ingest.progress() {
            Some(progress) => {
                *self
                    .spool
                    .0
                    .hasher_at_stop
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner) = Some(progress.hasher);
                Stopped::NoSpace
            }
            None => Stopped::Failed("the disk is full, and failed otherwise too".to_owned()),
        }
    }

    async fn written(&self) -> Result<Progress, Error> {
        self.ingest.written().await?;
        self.ingest
            .progress()
            .ok_or_else(|| Error::io(&self.from, std::io::ErrorKind::Other.into()))
    }
}

impl Drop for FillWriter {
    fn drop(&mut self) {
        if !self.is_over {
            self.spool
                .enter(Phase::Stopped(Stopped::Failed("fill abandoned".to_owned())));
            let from = std::mem::take(&mut self.from);
            // Unlinking a large file may take a while. If the runtime is ending, the next start does it.
            self.runtime.spawn_blocking(move || commit::discard(&from));
        }
    }
}

/// The reading end of a fill, for any number of readers.
#[derive(Clone)]
pub struct Spool(Arc<Shared>);

struct Shared {
    file: Arc<File>,
    path: Arc<Path>,
    state: watch::Sender<State>,
    hasher_at_stop: Mutex<Option<Hasher>>,
}

#[derive(Clone)]
struct State {
    written: u64,
    phase: Phase,
}

#[derive(Clone)]
enum Phase {
    Filling,
    /// All is written, and is what it should be.
    Verified,
    Stopped(Stopped),
}

impl Spool {
    /// The bytes of `range`, as they come; `u64::MAX` as its end means to the blob's end.
    ///
    /// The last byte is held back until the digest has been checked, so nobody is given a wrong blob as a whole.
    /// After [`Stopped::Failed`] the stream errs at once; after [`Stopped::NoSpace`] it errs when it has given every
    /// byte that was written, and its reader may go on from elsewhere at exactly that byte.
    pub fn stream(&self, range: Range<u64>) -> ByteStream {
        let reader = ChunkReader::new(Arc::clone(&self.0.file), Arc::clone(&self.0.path));
        let follower = Follower {
            reader,
            state: self.0.state.subscribe(),
            _spool: self.clone(),
            at: range.start,
        };
        ByteStream::new(stream::try_unfold(
            follower,
            move |mut follower| async move {
                let chunk = follower.next(range.end).await?;
                Ok(chunk.map(|chunk| (chunk, follower)))
            },
        ))
    }

    /// Whether, and why, the fill has ended without a blob.
    pub fn stopped(&self) -> Option<Stopped> {
        match &self.0.state.borrow().phase {
            Phase::Stopped(why) => Some(why.clone()),
            Phase::Filling | Phase::Verified => None,
        }
    }

    /// After [`Stopped::NoSpace`]: the hash of exactly the bytes that the readers were given.
    pub async fn hasher_at_stop(&self) -> Option<Hasher> {
        self.0
            .hasher_at_stop
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// A fill ends once: readers who were given everything are not told of what goes wrong with keeping it.
    fn enter(&self, phase: Phase) {
        self.0.state.send_if_modified(|state| {
            let is_filling = matches!(state.phase, Phase::Filling);
            if is_filling {
                state.phase = phase;
            }
            is_filling
        });
    }
}

/// One reader's place.
struct Follower {
    reader: ChunkReader,
    state: watch::Receiver<State>,
    /// Keeps the sender, and with it the last state, for a reader that outlives the writer.
    _spool: Spool,
    at: u64,
}

impl Follower {
    async fn next(&mut self, end: u64) -> Result<Option<Bytes>, Error> {
        loop {
            let State { written, phase } = self.state.borrow_and_update().clone();
            let readable = match &phase {
                Phase::Stopped(Stopped::Failed(why)) => {
                    return Err(Stopped::Failed(why.clone()).into());
                }
                Phase::Filling => written.saturating_sub(1),
                Phase::Verified | Phase::Stopped(Stopped::NoSpace) => written,
            }
            .min(end);
            if self.at < readable {
                let chunk = self.reader.read(self.at, readable - self.at).await?;
                self.at += chunk.len() as u64;
                return Ok(Some(chunk));
            }
            match phase {
                _ if self.at >= end => return Ok(None),
                Phase::Verified => return Ok(None),
                Phase::Stopped(why) => return Err(why.into()),
                // The sender cannot be gone: `_spool` has it.
                Phase::Filling => drop(self.state.changed().await),
            }
        }
    }
}

#[cfg(test)]
mod tests;
