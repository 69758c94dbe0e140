//! [`BlobStore`]: committed blobs by digest. Uploads and fills, which end in one, are in their own files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use oci::{Algorithm, Digest};
use rustix::fs::statvfs;

use crate::disk::{self, Room};
use crate::layout::{ALGORITHMS, Layout};
use crate::upload::Uploads;
use crate::{Blob, Error, commit};

/// Where a store keeps its bytes.
#[derive(Clone, Debug)]
pub struct Config {
    /// The folder; it is made if need be, and must be one file system. One process at a time may use it.
    pub root: PathBuf,
}

/// Blobs, uploads and fills under one folder. Cloning is cheap, and the clones are the same store.
#[derive(Clone)]
pub struct BlobStore(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) layout: Layout,
    pub(crate) uploads: Uploads,
    pub(crate) room: Room,
}

/// A committed blob, as a sweep sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub digest: Digest,
    /// How many bytes it has.
    pub size: u64,
    /// When it was last committed or put: a sweep spares the young, whose rows may still be on their way.
    pub modified: DateTime<Utc>,
}

/// The file system a store is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Its size.
    pub total_bytes: u64,
    /// What an ordinary user may still write.
    pub free_bytes: u64,
}

impl BlobStore {
    /// Makes the folders that are missing, and removes the fills that a crash has left.
    ///
    /// # Errors
    /// The folder cannot be made or read.
    pub async fn open(config: Config) -> Result<Self, Error> {
        let layout = Layout::new(config.root);
        let layout = blocking(move || layout.prepare().map(|()| layout)).await?;
        Ok(Self(Arc::new(Inner {
            layout,
            uploads: Uploads::default(),
            room: Room::default(),
        })))
    }

    /// How many bytes a blob has. `None` where it is not stored.
    ///
    /// # Errors
    /// The disk's.
    pub async fn size(&self, digest: &Digest) -> Result<Option<u64>, Error> {
        Ok(self.blob(digest).await?.map(|blob| blob.size()))
    }

    /// A blob, open for reading. `None` where it is not stored.
    ///
    /// # Errors
    /// The disk's.
    pub async fn blob(&self, digest: &Digest) -> Result<Option<Blob>, Error> {
        Blob::open(&self.0.layout.blob(digest)).await
    }

    /// A whole blob in memory: for manifests. `None` where it is not stored.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above `max_bytes`, or the disk's.
    pub async fn read(&self, digest: &Digest, max_bytes: u64) -> Result<Option<Bytes>, Error> {
        match self.blob(digest).await? {
            None => Ok(None),
            Some(blob) if blob.size() > max_bytes => Err(Error::TooLarge { size: blob.size() }),
            Some(blob) => blob.read().await.map(Some),
        }
    }

    /// Stores `bytes`, which must have this digest. On return they survive a power cut. Bytes that are stored
    /// already count as put now.
    ///
    /// # Errors
    /// [`Error::DigestMismatch`], [`Error::NoSpace`], or the disk's.
    pub async fn put(&self, digest: &Digest, bytes: Bytes) -> Result<(), Error> {
        let (store, digest) = (self.clone(), digest.clone());
        blocking(move || store.put_now(&digest, bytes)).await
    }

    /// Removes a blob; who is reading it reads on. Whether it was there.
    ///
    /// # Errors
    /// The disk's.
    pub async fn delete(&self, digest: &Digest) -> Result<bool, Error> {
        let (store, digest) = (self.clone(), digest.clone());
        blocking(move || {
            let path = store.0.layout.blob(&digest);
            let size = fs::metadata(&path).map_or(0, |metadata| metadata.len());
            match fs::remove_file(&path) {
                Ok(()) => {
                    store.0.layout.usage.subtract(&digest, size);
                    Ok(true)
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
                Err(source) => Err(Error::io(&path, source)),
            }
        })
        .await
    }

    /// All blobs, in no order. For a sweep of a large store prefer [`Self::list_prefix`].
    ///
    /// # Errors
    /// The disk's.
    pub async fn list(&self) -> Result<Vec<Stored>, Error> {
        let mut all = Vec::new();
        for algorithm in ALGORITHMS {
            for prefix in 0..=u8::MAX {
                all.extend(self.list_prefix(algorithm, prefix).await?);
            }
        }
        Ok(all)
    }

    /// The blobs whose digest's first byte is `prefix`: 256 calls with each algorithm see them all.
    ///
    /// # Errors
    /// The disk's.
    pub async fn list_prefix(
        &self,
        algorithm: Algorithm,
        prefix: u8,
    ) -> Result<Vec<Stored>, Error> {
        let store = self.clone();
        blocking(move || {
            let layout = &store.0.layout;
            let folder = layout.prefix(algorithm, prefix);
            let known = layout.usage.known(algorithm, prefix);
            let listed =
                list_folder(&folder, algorithm).map_err(|source| Error::io(&folder, source))?;
            let bytes = listed.iter().map(|blob| blob.size).sum();
            layout.usage.settle(algorithm, prefix, known, bytes);
            Ok(listed)
        })
        .await
    }

    /// What all blobs come to. It is known once [`Self::list_prefix`] has seen them all, and kept up after that; before,
    /// it is less.
    pub fn stored_bytes(&self) -> u64 {
        self.0.layout.usage.bytes()
    }

    /// How full the disk is.
    ///
    /// # Errors
    /// The disk's.
    pub async fn space(&self) -> Result<Space, Error> {
        let root = self.0.layout.root().to_owned();
        blocking(move || {
            let found = statvfs(&root).map_err(|errno| Error::errno(&root, errno))?;
            Ok(Space {
                total_bytes: found.f_blocks.saturating_mul(found.f_frsize),
                free_bytes: found.f_bavail.saturating_mul(found.f_frsize),
            })
        })
        .await
    }

    /// From now on only `bytes` more fit on the disk; `None` lifts the limit. For tests of full disks.
    #[cfg(any(test, feature = "fault"))]
    pub fn limit_room(&self, bytes: Option<usize>) {
        self.0.room.limit(bytes);
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    fn put_now(&self, digest: &Digest, bytes: Bytes) -> Result<(), Error> {
        let actual = Digest::of(digest.algorithm(), &bytes);
        if actual != *digest {
            return Err(Error::DigestMismatch { actual });
        }
        if commit::refresh(&self.0.layout, digest, bytes.len() as u64)? {
            return Ok(());
        }
        let from = self.0.layout.new_fill();
        let file = commit::create(&from)?;
        disk::write_all_at(&file, &[bytes], 0, &self.0.room).map_err(|errno| {
            commit::discard(&from);
            Error::errno(&from, errno)
        })?;
        commit::commit(&self.0.layout, &file, &from, digest)
    }
}

/// Runs what may wait for a disk in the blocking pool. It runs to its end even if nobody waits for it any more.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let joined = tokio::task::spawn_blocking(work).await;
    // The pool takes no more work when the process is about to end; a panic is a bug, reported where it happened.
    joined.unwrap_or_else(|ended| {
        Err(Error::io(
            Path::new("blocking pool"),
            io::Error::other(ended),
        ))
    })
}

fn list_folder(folder: &Path, algorithm: Algorithm) -> io::Result<Vec<Stored>> {
    let mut found = Vec::new();
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found), // no such blob yet
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        // What is not named by a digest was not put there by us, and is left alone.
        let Some(digest) = entry
            .file_name()
            .to_str()
            .and_then(|hex| format!("{}:{hex}", algorithm.as_str()).parse().ok())
        else {
            continue;
        };
        let metadata = match entry.metadata() {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue, // deleted since
            Err(error) => return Err(error),
        };
        found.push(Stored {
            digest,
            size: metadata.len(),
            modified: metadata.modified()?.into(),
        });
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
