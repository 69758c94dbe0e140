//! What a stampede costs in memory. Alone in its binary: other tests would be counted too.

use std::fs;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::join_all;
use oci::{Algorithm, Digest, Hasher};
use storage::{BlobStore, Config};

const MIB: u64 = 1024 * 1024;
const BLOB_MIB: u64 = 256;
const READERS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_readers_of_one_fill_add_less_than_64_mib() {
    let folder = tempfile::tempdir().unwrap();
    let store = BlobStore::open(Config {
        root: folder.path().to_owned(),
    })
    .await
    .unwrap();
    let chunk = Bytes::from(vec![7; 64 * 1024]);
    let chunks = BLOB_MIB * MIB / chunk.len() as u64;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    (0..chunks).for_each(|_| hasher.update(&chunk));
    let digest: Digest = hasher.finish();

    let before = peak_bytes();
    let (mut writer, spool) = store.start_fill(&digest).await.unwrap();
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let mut stream = spool.stream(0..u64::MAX);
            tokio::spawn(async move {
                let mut read = 0;
                let mut sending = None;
                while let Some(chunk) = stream.next().await {
                    // As a connection does: the last chunk is on the wire while the next is read.
                    sending = Some(chunk.unwrap());
                    read += sending.as_ref().map_or(0, |chunk| chunk.len() as u64);
                }
                drop(sending);
                read
            })
        })
        .collect();
    for _ in 0..chunks {
        writer.write(chunk.clone()).await.unwrap();
    }
    writer.commit().await.unwrap();
    for read in join_all(readers).await {
        assert_eq!(read.unwrap(), BLOB_MIB * MIB);
    }
    let added = peak_bytes() - before;
    assert!(added < 64 * MIB, "{} MiB", added / MIB);
}

/// The most memory this process has had so far; pages of files are not counted.
fn peak_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
