//! Stories of pushes.

use futures_util::stream;
use oci::Digest;

use super::*;
use crate::testing::{Broken, KIB, MIB, TestStore, broken, hanging, noise, whole};

async fn stored(store: &BlobStore, digest: &Digest) -> Option<Bytes> {
    store.read(digest, u64::MAX).await.unwrap()
}

#[tokio::test]
async fn a_push_in_one_piece_becomes_a_blob() {
    let test = TestStore::open().await;
    for bytes in [Bytes::new(), noise(1), noise(3 * MIB + 17)] {
        let digest = Digest::sha256(&bytes);
        let id = test.store.start_upload().await.unwrap();
        assert_eq!(
            test.store
                .append(&id, Some(0), whole(&bytes))
                .await
                .unwrap(),
            bytes.len() as u64
        );
        assert_eq!(
            test.store.finish_upload(&id, &digest).await.unwrap(),
            bytes.len() as u64
        );
        assert_eq!(stored(&test.store, &digest).await, Some(bytes));
        assert!(matches!(
            test.store.upload_offset(&id).await,
            Err(Error::UploadUnknown)
        ));
    }
    assert_eq!(test.count("uploads"), 0);
    assert!(test.store.inner().uploads.lock().is_empty());
}

#[tokio::test]
async fn chunks_are_taken_in_order_only() {
    let test = TestStore::open().await;
    let bytes = noise(MIB);
    let id = test.store.start_upload().await.unwrap();
    let early = test.store.append(&id, Some(1), whole(&bytes)).await;
    assert!(matches!(early, Err(AppendError::OutOfOrder { offset: 0 })));
    test.store
        .append(&id, Some(0), whole(&bytes.slice(..400_000)))
        .await
        .unwrap();
    for at in [0, 399_999, 400_001, u64::MAX] {
        let stray = test.store.append(&id, Some(at), whole(&bytes)).await;
        assert!(matches!(
            stray,
            Err(AppendError::OutOfOrder { offset: 400_000 })
        ));
    }
    test.store
        .append(&id, None, whole(&bytes.slice(400_000..)))
        .await
        .unwrap();
    test.store
        .finish_upload(&id, &Digest::sha256(&bytes))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_broken_body_is_resumed_from_the_reported_offset() {
    let test = TestStore::open().await;
    let bytes = noise(2 * MIB);
    let digest = Digest::sha256(&bytes);
    let id = test.store.start_upload().await.unwrap();
    let first = test
        .store
        .append(&id, Some(0), broken(&bytes.slice(..777_777)))
        .await;
    assert!(matches!(first, Err(AppendError::Body(Broken))));
    assert_eq!(test.store.upload_offset(&id).await.unwrap(), 777_777);
    test.store
        .append(&id, Some(777_777), whole(&bytes.slice(777_777..)))
        .await
        .unwrap();
    test.store.finish_upload(&id, &digest).await.unwrap();
    assert_eq!(stored(&test.store, &digest).await, Some(bytes));
}

#[tokio::test]
async fn a_client_that_leaves_can_come_back_at_once() {
    let test = TestStore::open().await;
    let bytes = noise(2 * MIB);
    let id = test.store.start_upload().await.unwrap();
    let mut at = 0;
    for until in [10, 300_000, 300_001, 1_500_000] {
        let taken = Arc::default();
        let body = hanging(&bytes.slice(at..until), &taken);
        tokio::select! {
            _ = test.store.append(&id, Some(at as u64), body) => unreachable!("the body never ends"),
            () = taken.notified() => {}
        }
        assert_eq!(test.store.upload_offset(&id).await.unwrap(), until as u64);
        at = until;
    }
    test.store
        .append(&id, Some(at as u64), whole(&bytes.slice(at..)))
        .await
        .unwrap();
    test.store
        .finish_upload(&id, &Digest::sha256(&bytes))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_push_goes_on_after_a_restart() {
    let test = TestStore::open().await;
    let bytes = noise(2 * MIB);
    let digest = Digest::sha256(&bytes);
    let id = test.store.start_upload().await.unwrap();
    test.store
        .append(&id, Some(0), whole(&bytes.slice(..MIB)))
        .await
        .unwrap();
    let test = test.restart().await;
    let id: UploadId = id.to_string().parse().unwrap();
    assert_eq!(test.store.upload_offset(&id).await.unwrap(), MIB as u64);
    test.store
        .append(&id, Some(MIB as u64), whole(&bytes.slice(MIB..)))
        .await
        .unwrap();
    let test = test.restart().await;
    test.store.finish_upload(&id, &digest).await.unwrap();
    assert_eq!(stored(&test.store, &digest).await, Some(bytes));
}

#[tokio::test]
async fn a_push_may_be_named_by_sha512() {
    let test = TestStore::open().await;
    let bytes = noise(MIB);
    let digest = Digest::of(Algorithm::Sha512, &bytes);
    let id = test.store.start_upload().await.unwrap();
    test.store.append(&id, None, whole(&bytes)).await.unwrap();
    test.store.finish_upload(&id, &digest).await.unwrap();
    assert_eq!(stored(&test.store, &digest).await, Some(bytes));
}

#[tokio::test]
async fn a_push_under_the_wrong_digest_is_refused_and_forgotten() {
    let test = TestStore::open().await;
    let bytes = noise(KIB);
    for wrong in [Digest::sha256(b""), Digest::of(Algorithm::Sha512, b"")] {
        let id = test.store.start_upload().await.unwrap();
        test.store.append(&id, None, whole(&bytes)).await.unwrap();
        let finished = test.store.finish_upload(&id, &wrong).await;
        let Err(Error::DigestMismatch { actual }) = finished else {
            panic!("{finished:?}")
        };
        assert_eq!(actual, Digest::of(wrong.algorithm(), &bytes));
        assert!(matches!(
            test.store.finish_upload(&id, &wrong).await,
            Err(Error::UploadUnknown)
        ));
        assert_eq!(stored(&test.store, &wrong).await, None);
    }
    assert_eq!(test.count("uploads"), 0);
}

#[tokio::test]
async fn one_request_at_a_time_writes_an_upload() {
    let test = TestStore::open().await;
    let bytes = noise(KIB);
    let id = test.store.start_upload().await.unwrap();
    let taken = Arc::default();
    tokio::select! {
        _ = test.store.append(&id, None, hanging(&bytes, &taken)) => unreachable!("the body never ends"),
        () = async {
            taken.notified().await;
            let second = test.store.append(&id, None, whole(&bytes)).await;
            assert!(matches!(second, Err(AppendError::Store(Error::UploadBusy))));
            let finish = test.store.finish_upload(&id, &Digest::sha256(&bytes)).await;
            assert!(matches!(finish, Err(Error::UploadBusy)));
            assert!(matches!(test.store.cancel_upload(&id).await, Err(Error::UploadBusy)));
            assert!(test.store.upload_offset(&id).await.unwrap() <= KIB as u64);
        } => {}
    }
    test.store
        .finish_upload(&id, &Digest::sha256(&bytes))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_same_blob_pushed_twice_at_once_is_one_blob() {
    let test = TestStore::open().await;
    let bytes = noise(MIB);
    let digest = Digest::sha256(&bytes);
    let push = async || {
        let id = test.store.start_upload().await.unwrap();
        test.store.append(&id, None, whole(&bytes)).await.unwrap();
        test.store.finish_upload(&id, &digest).await.unwrap();
    };
    tokio::join!(
        push(),
        push(),
        push(),
        test.store.put(&digest, bytes.clone())
    )
    .3
    .unwrap();
    assert_eq!(stored(&test.store, &digest).await, Some(bytes));
    assert_eq!(test.store.list().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_cancelled_or_was_never_begun_is_unknown() {
    let test = TestStore::open().await;
    let bytes = noise(KIB);
    let id = test.store.start_upload().await.unwrap();
    test.store.append(&id, None, whole(&bytes)).await.unwrap();
    test.store.cancel_upload(&id).await.unwrap();
    assert_eq!(test.count("uploads"), 0);
    for id in [id, UploadId(Uuid::new_v4())] {
        assert!(matches!(
            test.store.upload_offset(&id).await,
            Err(Error::UploadUnknown)
        ));
        assert!(matches!(
            test.store.cancel_upload(&id).await,
            Err(Error::UploadUnknown)
        ));
        let append = test.store.append(&id, None, whole(&bytes)).await;
        assert!(matches!(
            append,
            Err(AppendError::Store(Error::UploadUnknown))
        ));
    }
    assert!(
        test.store.inner().uploads.lock().is_empty(),
        "asking for what is unknown must cost no memory"
    );
    for text in ["", "..", "../blobs", "1"] {
        assert!(matches!(
            text.parse::<UploadId>(),
            Err(Error::UploadUnknown)
        ));
    }
}

#[tokio::test]
async fn only_uploads_that_rest_are_purged() {
    let test = TestStore::open().await;
    let old = test.store.start_upload().await.unwrap();
    let busy = test.store.start_upload().await.unwrap();
    let young = test.store.start_upload().await.unwrap();
    for id in [&old, &busy] {
        let file = File::open(test.store.inner().layout.upload(id)).unwrap();
        file.set_modified(std::time::UNIX_EPOCH).unwrap();
    }
    let since = DateTime::from_timestamp(1_000_000, 0).unwrap();
    let taken = Arc::default();
    tokio::select! {
        _ = test.store.append(&busy, None, hanging(&Bytes::new(), &taken)) => unreachable!("the body never ends"),
        () = async {
            taken.notified().await;
            assert_eq!(test.store.purge_uploads(since).await.unwrap(), [old]);
        } => {}
    }
    assert!(matches!(
        test.store.upload_offset(&old).await,
        Err(Error::UploadUnknown)
    ));
    assert_eq!(test.store.upload_offset(&young).await.unwrap(), 0);
    assert_eq!(test.store.purge_uploads(since).await.unwrap(), [busy]);
}

#[tokio::test]
async fn a_full_disk_stops_a_push_that_can_go_on_when_there_is_room() {
    let test = TestStore::open().await;
    let bytes = noise(3 * MIB);
    let digest = Digest::sha256(&bytes);
    let id = test.store.start_upload().await.unwrap();
    test.store.limit_room(Some(MIB + 1000));
    let append = test.store.append(&id, None, whole(&bytes)).await;
    assert!(
        matches!(append, Err(AppendError::Store(Error::NoSpace))),
        "{append:?}"
    );
    let offset = test.store.upload_offset(&id).await.unwrap();
    assert!(offset > 0 && offset <= (MIB + 1000) as u64);
    test.store.limit_room(None);
    test.store
        .append(&id, Some(offset), whole(&bytes.slice(offset as usize..)))
        .await
        .unwrap();
    test.store.finish_upload(&id, &digest).await.unwrap();
    assert_eq!(stored(&test.store, &digest).await, Some(bytes));
}

#[tokio::test]
async fn a_body_of_single_bytes_is_bounded_too() {
    let test = TestStore::open().await;
    let bytes = noise(20_000);
    let id = test.store.start_upload().await.unwrap();
    let body = stream::iter((0..bytes.len()).map(|at| Ok::<_, Broken>(bytes.slice(at..=at))));
    test.store.append(&id, None, body).await.unwrap();
    test.store
        .finish_upload(&id, &Digest::sha256(&bytes))
        .await
        .unwrap();
}
