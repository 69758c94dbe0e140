//! Stories of committed blobs.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use bytes::Bytes;
use oci::{Algorithm, Digest};

use crate::testing::{KIB, MIB, TestStore, noise};
use crate::{Error, Stored};

#[tokio::test]
async fn what_was_put_is_found_by_its_digest_and_after_a_restart() {
    let test = TestStore::open().await;
    for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
        for len in [0, 1, 2 * KIB, 3 * MIB] {
            let bytes = noise(len);
            let digest = Digest::of(algorithm, &bytes);
            assert_eq!(test.store.size(&digest).await.unwrap(), None);
            assert_eq!(test.store.read(&digest, u64::MAX).await.unwrap(), None);
            test.store.put(&digest, bytes.clone()).await.unwrap();
            assert_eq!(test.store.size(&digest).await.unwrap(), Some(len as u64));
            assert_eq!(
                test.store.read(&digest, u64::MAX).await.unwrap(),
                Some(bytes)
            );
        }
    }
    assert_eq!(test.count("fills"), 0);
    let test = test.restart().await;
    assert_eq!(test.store.list().await.unwrap().len(), 8);
}

#[tokio::test]
async fn what_all_blobs_come_to_is_known_once_they_were_seen_and_kept_up() {
    let test = TestStore::open().await;
    let (first, second) = (noise(3 * KIB), noise(5 * KIB));
    let digest = Digest::sha256(&first);
    for bytes in [&first, &second, &first] {
        let digest = Digest::sha256(bytes);
        test.store.put(&digest, bytes.clone()).await.unwrap();
    }
    let sha512 = Digest::of(Algorithm::Sha512, &first);
    test.store.put(&sha512, first.clone()).await.unwrap();
    assert_eq!(test.store.stored_bytes(), 11 * KIB as u64);
    assert!(test.store.delete(&digest).await.unwrap());
    assert!(!test.store.delete(&digest).await.unwrap());
    assert_eq!(test.store.stored_bytes(), 8 * KIB as u64);
    let test = test.restart().await;
    assert_eq!(test.store.stored_bytes(), 0);
    test.store.list().await.unwrap();
    assert_eq!(test.store.stored_bytes(), 8 * KIB as u64);
}

#[tokio::test]
async fn bytes_with_another_digest_are_refused() {
    let test = TestStore::open().await;
    let put = test
        .store
        .put(&Digest::sha256(b"a"), Bytes::from_static(b"b"))
        .await;
    let Err(Error::DigestMismatch { actual }) = put else {
        panic!("{put:?}")
    };
    assert_eq!(actual, Digest::sha256(b"b"));
    assert!(test.store.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn putting_again_makes_a_blob_young() {
    let test = TestStore::open().await;
    let digest = Digest::sha256(b"road");
    let bytes = Bytes::from_static(b"road");
    test.store.put(&digest, bytes.clone()).await.unwrap();
    let path = test.store.inner().layout.blob(&digest);
    let file = fs::File::open(&path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    test.store.put(&digest, bytes).await.unwrap();
    let listed = test.store.list().await.unwrap();
    let [
        Stored {
            size: 4, modified, ..
        },
    ] = listed.as_slice()
    else {
        panic!("{listed:?}")
    };
    assert!(modified.timestamp() > 0);
}

#[tokio::test]
async fn a_blob_that_lost_bytes_is_healed_by_putting_it_again() {
    let test = TestStore::open().await;
    let digest = Digest::sha256(b"road");
    test.store
        .put(&digest, Bytes::from_static(b"road"))
        .await
        .unwrap();
    fs::write(test.store.inner().layout.blob(&digest), b"ro").unwrap();
    test.store
        .put(&digest, Bytes::from_static(b"road"))
        .await
        .unwrap();
    assert_eq!(
        test.store.read(&digest, 4).await.unwrap().as_deref(),
        Some(&b"road"[..])
    );
}

#[tokio::test]
async fn a_whole_read_is_bounded() {
    let test = TestStore::open().await;
    let digest = Digest::sha256(b"road");
    test.store
        .put(&digest, Bytes::from_static(b"road"))
        .await
        .unwrap();
    assert!(matches!(
        test.store.read(&digest, 3).await,
        Err(Error::TooLarge { size: 4 })
    ));
}

#[tokio::test]
async fn a_sweep_sees_each_blob_once_and_only_blobs() {
    let test = TestStore::open().await;
    let digest = Digest::sha256(b"road");
    test.store
        .put(&digest, Bytes::from_static(b"road"))
        .await
        .unwrap();
    let path = test.store.inner().layout.blob(&digest);
    fs::write(path.with_file_name("README"), b"not ours").unwrap();
    let prefix = u8::from_str_radix(&digest.hex()[..2], 16).unwrap();
    for other in 0..=u8::MAX {
        let found = test
            .store
            .list_prefix(Algorithm::Sha256, other)
            .await
            .unwrap();
        assert_eq!(found.len(), usize::from(other == prefix));
    }
    assert!(test.store.delete(&digest).await.unwrap());
    assert!(!test.store.delete(&digest).await.unwrap());
    assert!(test.store.list().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_full_disk_refuses_a_put_and_keeps_nothing_of_it() {
    let test = TestStore::open().await;
    let bytes = noise(64 * KIB);
    let digest = Digest::sha256(&bytes);
    test.store.limit_room(Some(60 * KIB));
    assert!(matches!(
        test.store.put(&digest, bytes.clone()).await,
        Err(Error::NoSpace)
    ));
    assert_eq!(
        (test.count("fills"), test.store.size(&digest).await.unwrap()),
        (0, None)
    );
    test.store.limit_room(None);
    test.store.put(&digest, bytes).await.unwrap();
}

#[tokio::test]
async fn nobody_else_can_read_what_is_stored() {
    let test = TestStore::open().await;
    let digest = Digest::sha256(b"");
    test.store.put(&digest, Bytes::new()).await.unwrap();
    for folder in [
        "blobs",
        "blobs/sha256",
        "blobs/sha256/e3",
        "uploads",
        "fills",
    ] {
        let mode = fs::metadata(test.root().join(folder))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o700, "{folder}");
    }
    let mode = fs::metadata(test.store.inner().layout.blob(&digest))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn the_space_is_that_of_the_disk() {
    let test = TestStore::open().await;
    let space = test.store.space().await.unwrap();
    assert!(space.total_bytes > 0 && space.free_bytes <= space.total_bytes);
}

#[tokio::test]
async fn a_folder_that_somebody_tidied_away_is_made_again() {
    let test = TestStore::open().await;
    let digest = Digest::sha256(b"road");
    for _ in 0..2 {
        test.store
            .put(&digest, Bytes::from_static(b"road"))
            .await
            .unwrap();
        assert!(test.store.delete(&digest).await.unwrap());
        fs::remove_dir(test.store.inner().layout.blob(&digest).parent().unwrap()).unwrap();
    }
}
