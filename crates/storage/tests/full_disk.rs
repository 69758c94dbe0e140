//! A disk that is really full: a small file system in memory, where this process may mount one.

use std::path::Path;
use std::process::Command;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use oci::Digest;
use storage::{AppendError, BlobStore, Config, Error, Stopped};

const ROOM: usize = 8 * 1024 * 1024;
const BODY: usize = 12 * 1024 * 1024;

#[tokio::test]
async fn a_disk_that_is_really_full_corrupts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = Mount::at(folder.path()) else {
        return;
    };
    let store = BlobStore::open(Config {
        root: folder.path().join("store"),
    })
    .await
    .unwrap();
    assert!(store.space().await.unwrap().total_bytes <= ROOM as u64);
    let chunk = Bytes::from(vec![7; 100_000]);
    let whole: Vec<Bytes> = (0..BODY / chunk.len()).map(|_| chunk.clone()).collect();
    let digest = Digest::sha256(&whole.concat());

    let (mut writer, spool) = store.start_fill(&digest).await.unwrap();
    let mut reader = spool.stream(0..u64::MAX);
    let mut written = Ok(());
    for chunk in &whole {
        written = writer.write(chunk.clone()).await;
        if written.is_err() {
            break;
        }
    }
    assert!(matches!(written, Err(Error::NoSpace)), "{written:?}");
    writer.stop(Stopped::NoSpace).await;
    let mut read = Vec::new();
    let ended = loop {
        match reader.next().await {
            Some(Ok(chunk)) => read.extend_from_slice(&chunk),
            ended => break ended,
        }
    };
    assert!(matches!(ended, Some(Err(Error::Stopped(Stopped::NoSpace)))));
    let mut hasher = spool.hasher_at_stop().await.unwrap();
    hasher.update(&whole.concat()[read.len()..]);
    assert_eq!(hasher.finish(), digest);
    drop((reader, spool));

    let id = store.start_upload().await.unwrap();
    let body = stream::iter(whole).map(Ok::<_, Error>);
    let pushed = store.append(&id, Some(0), body).await;
    assert!(
        matches!(pushed, Err(AppendError::Store(Error::NoSpace))),
        "{pushed:?}"
    );
    assert!(store.upload_offset(&id).await.unwrap() > 0);
    assert!(matches!(
        store.put(&Digest::sha256(&chunk), chunk.clone()).await,
        Err(Error::NoSpace) | Ok(())
    ));
    store.cancel_upload(&id).await.unwrap();
    store
        .put(&Digest::sha256(&chunk), chunk.clone())
        .await
        .unwrap();
    assert_eq!(
        store.read(&Digest::sha256(&chunk), u64::MAX).await.unwrap(),
        Some(chunk)
    );
    assert_eq!(store.list().await.unwrap().len(), 1);
}

/// A small file system, unmounted on drop.
struct Mount<'p>(&'p Path);

impl<'p> Mount<'p> {
    #[expect(clippy::print_stderr, reason = "a test that was skipped says so")]
    fn at(path: &'p Path) -> Option<Self> {
        let size = format!("size={ROOM},mode=0700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(path)
            .output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(Self(path));
        }
        eprintln!(
            "skipped: mounting a small file system takes root; the unit tests fill a disk in another way"
        );
        None
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        // Lazily: readers may still hold files.
        let _unmounted = Command::new("umount").arg("-l").arg(self.0).status();
    }
}
