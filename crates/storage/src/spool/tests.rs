//! Stories of fills and those who follow them.

use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt};

use super::*;
use crate::testing::{KIB, MIB, TestStore, collect, noise, pieces};

const ALL: Range<u64> = 0..u64::MAX;

async fn start(test: &TestStore, bytes: &Bytes) -> (FillWriter, Spool) {
    test.store.start_fill(&Digest::sha256(bytes)).await.unwrap()
}

async fn write(writer: &mut FillWriter, bytes: &Bytes) {
    for piece in pieces(bytes) {
        writer.write(piece).await.unwrap();
    }
}

/// Reads exactly `count` bytes, however they are cut.
async fn take(stream: &mut ByteStream, count: usize) -> Vec<u8> {
    let mut taken = Vec::new();
    while taken.len() < count {
        taken.extend_from_slice(&stream.next().await.unwrap().unwrap());
    }
    assert_eq!(taken.len(), count);
    taken
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_reader_of_a_fill_gets_the_whole_blob() {
    let test = TestStore::open().await;
    let bytes = noise(5 * MIB + 3);
    let (mut writer, spool) = start(&test, &bytes).await;
    let readers: Vec<_> = (0..64)
        .map(|_| tokio::spawn(collect(spool.stream(ALL))))
        .collect();
    write(&mut writer, &bytes).await;
    assert_eq!(writer.accepted(), bytes.len() as u64);
    assert_eq!(writer.commit().await.unwrap(), bytes.len() as u64);
    let late = tokio::spawn(collect(spool.stream(ALL)));
    for reader in join_all(readers.into_iter().chain([late])).await {
        let (read, ended) = reader.unwrap();
        assert!(ended.is_ok() && read == bytes);
    }
    let digest = Digest::sha256(&bytes);
    assert_eq!(
        test.store.read(&digest, u64::MAX).await.unwrap(),
        Some(bytes)
    );
    assert_eq!(test.count("fills"), 0);
}

#[tokio::test]
async fn the_first_bytes_are_readable_long_before_the_last() {
    let test = TestStore::open().await;
    let bytes = noise(100);
    let (mut writer, spool) = start(&test, &bytes).await;
    let mut reader = spool.stream(ALL);
    for at in 0..99 {
        writer.write(bytes.slice(at..=at)).await.unwrap();
        // The last byte written is held back: it might be the blob's last.
        if at > 0 {
            assert_eq!(take(&mut reader, 1).await, bytes[at - 1..at]);
        }
    }
}

#[tokio::test]
async fn the_last_byte_waits_for_the_digest() {
    let test = TestStore::open().await;
    let bytes = noise(MIB);
    let (mut writer, spool) = start(&test, &bytes).await;
    write(&mut writer, &bytes).await;
    let mut reader = spool.stream(ALL);
    assert_eq!(take(&mut reader, MIB - 1).await, bytes[..MIB - 1]);
    assert!(reader.next().now_or_never().is_none());
    writer.commit().await.unwrap();
    assert_eq!(reader.next().await.unwrap().unwrap(), bytes[MIB - 1..]);
    assert!(reader.next().await.is_none());
}

#[tokio::test]
async fn a_wrong_blob_is_never_whole_and_never_kept() {
    let test = TestStore::open().await;
    let bytes = noise(MIB);
    let digest = Digest::sha256(b"another");
    let (mut writer, spool) = test.store.start_fill(&digest).await.unwrap();
    let reader = spool.stream(ALL);
    write(&mut writer, &bytes).await;
    let committed = writer.commit().await;
    let Err(Error::DigestMismatch { actual }) = committed else {
        panic!("{committed:?}")
    };
    assert_eq!(actual, Digest::sha256(&bytes));
    let (read, ended) = collect(reader).await;
    assert!(read.len() < bytes.len());
    assert!(
        matches!(ended, Err(Error::Stopped(Stopped::Failed(_)))),
        "{ended:?}"
    );
    assert!(matches!(spool.stopped(), Some(Stopped::Failed(_))));
    assert_eq!(
        (test.count("fills"), test.store.size(&digest).await.unwrap()),
        (0, None)
    );
}

#[tokio::test]
async fn a_range_of_a_fill_is_served_as_soon_as_it_is_there() {
    let test = TestStore::open().await;
    let bytes = noise(MIB);
    let (mut writer, spool) = start(&test, &bytes).await;
    let ahead = spool.stream(MIB as u64 - 10..u64::MAX);
    let inner = spool.stream(1000..300_000);
    write(&mut writer, &bytes.slice(..300_001)).await;
    let (read, ended) = collect(inner).await;
    assert!(ended.is_ok() && read == bytes.slice(1000..300_000));
    write(&mut writer, &bytes.slice(300_001..)).await;
    writer.commit().await.unwrap();
    let (read, ended) = collect(ahead).await;
    assert!(ended.is_ok() && read == bytes.slice(MIB - 10..));
    let (read, ended) = collect(spool.stream(MIB as u64..u64::MAX)).await;
    assert!(ended.is_ok() && read.is_empty());
}

#[tokio::test]
async fn readers_that_rest_or_leave_do_not_hold_the_fill() {
    let test = TestStore::open().await;
    let bytes = noise(4 * MIB);
    let (mut writer, spool) = start(&test, &bytes).await;
    let mut resting = spool.stream(ALL);
    let mut leaving = spool.stream(ALL);
    write(&mut writer, &bytes.slice(..MIB)).await;
    let first = resting.next().await.unwrap().unwrap();
    leaving.next().await.unwrap().unwrap();
    drop(leaving);
    write(&mut writer, &bytes.slice(MIB..)).await;
    writer.commit().await.unwrap();
    drop(spool);
    // The blob may even be deleted meanwhile.
    assert!(test.store.delete(&Digest::sha256(&bytes)).await.unwrap());
    let (rest, ended) = collect(resting).await;
    assert!(ended.is_ok() && [first, rest].concat() == bytes);
}

#[tokio::test]
async fn an_empty_blob_is_a_blob() {
    let test = TestStore::open().await;
    let (writer, spool) = start(&test, &Bytes::new()).await;
    let reader = tokio::spawn(collect(spool.stream(ALL)));
    assert_eq!(writer.commit().await.unwrap(), 0);
    let (read, ended) = reader.await.unwrap();
    assert!(ended.is_ok() && read.is_empty());
    assert_eq!(
        test.store.size(&Digest::sha256(b"")).await.unwrap(),
        Some(0)
    );
}

#[tokio::test]
async fn a_fill_that_fails_or_is_dropped_fails_its_readers_and_leaves_nothing() {
    let test = TestStore::open().await;
    let bytes = noise(MIB);
    for is_stopped in [true, false] {
        let (mut writer, spool) = start(&test, &bytes).await;
        let reader = tokio::spawn(collect(spool.stream(ALL)));
        write(&mut writer, &bytes.slice(..KIB)).await;
        let why = if is_stopped {
            let why = Stopped::Failed("upstream is gone".to_owned());
            writer.stop(why.clone()).await;
            assert_eq!(test.count("fills"), 0);
            why
        } else {
            drop(writer);
            Stopped::Failed("fill abandoned".to_owned())
        };
        let (_, ended) = reader.await.unwrap();
        let Err(Error::Stopped(told)) = ended else {
            panic!("{ended:?}")
        };
        assert_eq!(
            (Some(&told), Some(&why)),
            (spool.stopped().as_ref(), Some(&told))
        );
        assert!(spool.hasher_at_stop().await.is_none());
    }
}

#[tokio::test]
async fn what_a_crash_left_of_a_fill_is_gone_after_the_start() {
    let test = TestStore::open().await;
    let bytes = noise(KIB);
    let (mut writer, _spool) = start(&test, &bytes).await;
    write(&mut writer, &bytes).await;
    assert_eq!(test.count("fills"), 1);
    let test = test.restart().await;
    assert_eq!(test.count("fills"), 0);
}

#[tokio::test]
async fn when_the_disk_is_full_readers_can_go_on_from_the_source() {
    let test = TestStore::open().await;
    let bytes = noise(4 * MIB);
    let (mut writer, spool) = start(&test, &bytes).await;
    let readers =
        [spool.stream(ALL), spool.stream(ALL)].map(|stream| tokio::spawn(collect(stream)));
    test.store.limit_room(Some(MIB + 4321));
    let mut failed = None;
    for piece in pieces(&bytes) {
        if let Err(error) = writer.write(piece).await {
            failed = Some(error);
            break;
        }
    }
    assert!(matches!(failed, Some(Error::NoSpace)), "{failed:?}");
    writer.stop(Stopped::NoSpace).await;
    assert_eq!(spool.stopped(), Some(Stopped::NoSpace));
    let hasher = spool.hasher_at_stop().await.unwrap();
    for reader in readers {
        let (read, ended) = reader.await.unwrap();
        assert!(matches!(ended, Err(Error::Stopped(Stopped::NoSpace))));
        assert!(!read.is_empty() && read.len() <= MIB + 4321);
        // Each reader is at the same byte, and the hash goes on from there.
        let mut hasher = hasher.clone();
        assert_eq!(hasher.clone().finish(), Digest::sha256(&read));
        hasher.update(&bytes[read.len()..]);
        assert_eq!(hasher.finish(), Digest::sha256(&bytes));
    }
    assert_eq!(test.count("fills"), 0);
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_very_end_stops_the_same_way() {
    let test = TestStore::open().await;
    let bytes = noise(100 * KIB);
    let (mut writer, spool) = start(&test, &bytes).await;
    test.store.limit_room(Some(bytes.len() - 1));
    writer.write(bytes.clone()).await.unwrap();
    assert!(matches!(writer.commit().await, Err(Error::NoSpace)));
    assert_eq!(spool.stopped(), Some(Stopped::NoSpace));
    assert_eq!(
        spool.hasher_at_stop().await.unwrap().finish(),
        Digest::sha256(b"")
    );
    let (read, ended) = collect(spool.stream(ALL)).await;
    assert!(read.is_empty() && matches!(ended, Err(Error::Stopped(Stopped::NoSpace))));
    assert_eq!(test.count("fills"), 0);
}

#[tokio::test]
async fn a_fill_may_be_named_by_sha512() {
    let test = TestStore::open().await;
    let bytes = noise(KIB);
    let digest = Digest::of(oci::Algorithm::Sha512, &bytes);
    let (mut writer, _spool) = test.store.start_fill(&digest).await.unwrap();
    write(&mut writer, &bytes).await;
    writer.commit().await.unwrap();
    assert_eq!(
        test.store.read(&digest, u64::MAX).await.unwrap(),
        Some(bytes)
    );
}
