//! Stories of readers.

use std::fs;

use futures_util::StreamExt;
use oci::Digest;
use rustix::fs::{Advice, fadvise};

use super::*;
use crate::BlobStore;
use crate::testing::{KIB, MIB, TestStore, collect, noise};

async fn stored(store: &BlobStore, bytes: &Bytes) -> Blob {
    let digest = Digest::sha256(bytes);
    store.put(&digest, bytes.clone()).await.unwrap();
    store.blob(&digest).await.unwrap().unwrap()
}

#[tokio::test]
async fn a_range_gives_its_bytes_and_no_more() {
    let test = TestStore::open().await;
    let bytes = noise(MIB + 5);
    let blob = stored(&test.store, &bytes).await;
    let size = blob.size();
    let (chunk, end) = (256 * KIB as u64, u64::MAX);
    for range in [
        0..size,
        0..end,
        0..0,
        5..6,
        chunk - 1..chunk + 1,
        size - 1..size,
        chunk..size - 7,
    ] {
        let wanted = bytes.slice(range.start as usize..range.end.min(size) as usize);
        let (read, ended) = collect(blob.stream(range.clone())).await;
        assert!(ended.is_ok() && read == wanted, "{range:?}");
    }
    let (read, ended) = collect(blob.stream(size..end)).await;
    assert!(ended.is_ok() && read.is_empty());
}

#[tokio::test]
async fn pages_that_are_not_in_memory_are_read_from_the_disk() {
    let test = TestStore::open().await;
    let bytes = noise(4 * MIB);
    let blob = stored(&test.store, &bytes).await;
    fadvise(&*blob.file, 0, None, Advice::DontNeed).unwrap();
    let (read, ended) = collect(blob.stream(0..u64::MAX)).await;
    assert!(ended.is_ok() && read == bytes);
}

#[tokio::test]
async fn a_reader_goes_on_when_the_blob_is_deleted() {
    let test = TestStore::open().await;
    let bytes = noise(MIB);
    let blob = stored(&test.store, &bytes).await;
    let mut stream = blob.stream(0..u64::MAX);
    let first = stream.next().await.unwrap().unwrap();
    assert!(test.store.delete(&Digest::sha256(&bytes)).await.unwrap());
    let (rest, ended) = collect(stream).await;
    assert!(ended.is_ok() && [first, rest].concat() == bytes);
}

#[tokio::test]
async fn a_blob_cut_short_behind_our_back_is_an_error_and_not_an_end() {
    let test = TestStore::open().await;
    let bytes = noise(MIB);
    let blob = stored(&test.store, &bytes).await;
    let file = fs::OpenOptions::new().write(true).open(&blob.path).unwrap();
    file.set_len(300 * KIB as u64).unwrap();
    let (read, ended) = collect(blob.stream(0..u64::MAX)).await;
    assert_eq!(read, bytes.slice(..300 * KIB));
    assert!(matches!(ended, Err(Error::Io { .. })), "{ended:?}");
}

#[tokio::test]
async fn a_chunk_that_is_kept_does_not_change_when_the_next_is_read() {
    let test = TestStore::open().await;
    let bytes = noise(2 * MIB);
    let chunks: Vec<_> = stored(&test.store, &bytes)
        .await
        .stream(0..u64::MAX)
        .collect()
        .await;
    let kept: Vec<Bytes> = chunks.into_iter().map(Result::unwrap).collect();
    assert_eq!(kept.concat(), bytes);
}

#[tokio::test]
async fn a_buffer_is_used_again_once_its_chunk_is_gone() {
    let test = TestStore::open().await;
    let bytes = noise(MIB);
    let mut stream = stored(&test.store, &bytes).await.stream(0..u64::MAX);
    let mut addresses = Vec::new();
    while let Some(chunk) = stream.next().await {
        addresses.push(chunk.unwrap().as_ptr());
    }
    assert!(addresses.iter().all(|address| *address == addresses[0]));
}

#[test]
fn a_stream_can_be_sent_anywhere() {
    fn check<T: Send + Sync + Unpin + 'static>() {}
    check::<ByteStream>();
    check::<Blob>();
    check::<crate::Spool>();
    check::<crate::FillWriter>();
}
