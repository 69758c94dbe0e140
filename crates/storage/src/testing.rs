//! What the tests of this crate share: a store in a temporary folder, bytes to put into it, bodies that break.

use std::fs;
use std::future::pending;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream, StreamExt};
use tempfile::TempDir;
use tokio::sync::Notify;

use crate::{BlobStore, ByteStream, Config, Error};

pub(crate) const KIB: usize = 1024;
pub(crate) const MIB: usize = 1024 * KIB;

/// A store, and the folder that goes when it does.
pub(crate) struct TestStore {
    pub(crate) store: BlobStore,
    folder: TempDir,
}

impl TestStore {
    pub(crate) async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = open_in(&folder).await;
        Self { store, folder }
    }

    /// As a process that was killed and started again would find it.
    pub(crate) async fn restart(self) -> Self {
        let store = open_in(&self.folder).await;
        Self {
            store,
            folder: self.folder,
        }
    }

    pub(crate) fn count(&self, folder: &str) -> usize {
        fs::read_dir(self.folder.path().join(folder))
            .unwrap()
            .count()
    }

    pub(crate) fn root(&self) -> &std::path::Path {
        self.folder.path()
    }
}

async fn open_in(folder: &TempDir) -> BlobStore {
    BlobStore::open(Config {
        root: folder.path().to_owned(),
    })
    .await
    .unwrap()
}

/// Bytes that repeat nowhere, so that a wrong offset shows.
pub(crate) fn noise(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ len as u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// `bytes` as a network would bring them: in pieces of no even size.
pub(crate) fn pieces(bytes: &Bytes) -> Vec<Bytes> {
    let sizes = [1, 16 * KIB, 7, 64 * KIB - 1, 300 * KIB, 4 * KIB];
    let mut rest = bytes.clone();
    let mut pieces = Vec::new();
    for size in sizes.into_iter().cycle() {
        if rest.is_empty() {
            break;
        }
        pieces.push(rest.split_to(size.min(rest.len())));
    }
    pieces
}

/// A body that arrives whole.
pub(crate) fn whole(
    bytes: &Bytes,
) -> impl Stream<Item = Result<Bytes, Broken>> + Send + Unpin + use<> {
    stream::iter(pieces(bytes)).map(Ok)
}

/// A body that breaks when `bytes` have arrived.
pub(crate) fn broken(
    bytes: &Bytes,
) -> impl Stream<Item = Result<Bytes, Broken>> + Send + Unpin + use<> {
    stream::iter(pieces(bytes))
        .map(Ok)
        .chain(stream::iter([Err(Broken)]))
}

/// A body that never ends, and tells when all of `bytes` have been taken.
pub(crate) fn hanging(
    bytes: &Bytes,
    taken: &Arc<Notify>,
) -> impl Stream<Item = Result<Bytes, Broken>> + Send + Unpin + use<> {
    let taken = Arc::clone(taken);
    let hang = stream::once(async move {
        taken.notify_one();
        pending().await
    });
    stream::iter(pieces(bytes)).map(Ok).chain(Box::pin(hang))
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// All of a stream, and how it ended.
pub(crate) async fn collect(mut stream: ByteStream) -> (Bytes, Result<(), Error>) {
    let mut all = BytesMut::new();
    while let Some(chunk) = stream.next().await {
        match chunk {
            Ok(chunk) => {
                assert!(!chunk.is_empty() && chunk.len() <= 256 * KIB);
                all.extend_from_slice(&chunk);
            }
            Err(error) => return (all.freeze(), Err(error)),
        }
    }
    (all.freeze(), Ok(()))
}
