//! Blobs: streamed as they come, from any offset, with no limit but silence.

use std::time::Duration;

use futures_util::StreamExt;
use upstream::Error;
use upstream::fake::{Content, FakeUpstream, Mode};

use crate::{client_with, drain, soon};

const SIZE: u64 = 3 * 1024 * 1024 + 17;

async fn fake_with_blob() -> (FakeUpstream, oci::Digest, Vec<u8>) {
    let fake = FakeUpstream::start().await;
    let bytes = Content::repeated(1024 * 1024, 7)
        .chunk(0..1024 * 1024)
        .repeat(4)[..SIZE as usize]
        .to_vec();
    let digest = fake.push_blob("a", bytes.clone());
    (fake, digest, bytes)
}

#[tokio::test]
async fn a_blob_comes_whole_or_from_an_offset() {
    let (fake, digest, bytes) = fake_with_blob().await;
    let client = fake.client().unwrap();
    assert_eq!(
        client.head_blob("a", &digest).await.unwrap().size,
        Some(SIZE)
    );
    for offset in [0, 1, SIZE - 1] {
        let body = client.blob("a", &digest, offset).await.unwrap();
        assert_eq!((body.start, body.total), (offset, Some(SIZE)));
        let (came, error) = drain(body).await;
        assert_eq!(error, None);
        assert!(came == bytes[offset as usize..]);
    }
    assert_eq!(fake.requests()[2].range.as_deref(), Some("bytes=1-"));
    assert_eq!(fake.bytes_sent(), SIZE + (SIZE - 1) + 1);
}

#[tokio::test]
async fn a_registry_without_ranges_starts_from_the_beginning_and_says_so() {
    let (fake, digest, bytes) = fake_with_blob().await;
    fake.set_mode(Mode::NoRange);
    let body = fake
        .client()
        .unwrap()
        .blob("a", &digest, 1000)
        .await
        .unwrap();
    assert_eq!((body.start, body.total), (0, Some(SIZE)));
    assert!(drain(body).await.0 == bytes);
}

#[tokio::test]
async fn a_cut_body_ends_in_an_error_and_the_rest_costs_nothing_twice() {
    let (fake, digest, bytes) = fake_with_blob().await;
    let client = fake.client().unwrap();
    fake.set_mode(Mode::CutOnce(1_000_000));
    let (mut came, error) = drain(client.blob("a", &digest, 0).await.unwrap()).await;
    assert!(matches!(error, Some(Error::Cut { .. })), "{error:?}");
    let rest = client.blob("a", &digest, came.len() as u64).await.unwrap();
    assert_eq!(rest.start, came.len() as u64);
    let (rest, error) = drain(rest).await;
    assert_eq!(error, None);
    came.extend(rest);
    assert!(came == bytes);
    assert!(
        fake.bytes_sent() <= SIZE + SIZE / 20,
        "{}",
        fake.bytes_sent()
    );
}

#[tokio::test]
async fn a_body_without_a_length_is_streamed_to_its_end() {
    let (fake, digest, bytes) = fake_with_blob().await;
    fake.set_mode(Mode::NoContentLength);
    let body = fake.client().unwrap().blob("a", &digest, 0).await.unwrap();
    assert_eq!(body.total, None);
    assert!(drain(body).await == (bytes, None));
}

#[tokio::test]
async fn headers_are_not_kept_back_by_a_body_that_waits() {
    let (fake, digest, bytes) = fake_with_blob().await;
    fake.set_mode(Mode::Gate);
    let body = soon(fake.client().unwrap().blob("a", &digest, 0))
        .await
        .unwrap();
    assert_eq!(body.total, Some(SIZE));
    fake.release_all();
    assert!(drain(body).await == (bytes, None));
}

#[tokio::test]
async fn silence_within_a_body_is_a_stall_and_a_slow_reader_is_not() {
    let (fake, digest, _) = fake_with_blob().await;
    let client = client_with(fake.endpoint(), |config| {
        config.stall_timeout = Duration::from_millis(500)
    });

    fake.set_mode(Mode::Gate);
    let mut body = client.blob("a", &digest, 0).await.unwrap();
    // One wait that ends well, so that there is a clock to be set anew.
    let (first, ()) = tokio::join!(body.stream.next(), async { fake.release(1000) });
    assert_eq!(first.unwrap().unwrap().len(), 1000);
    // Longer than the stall time-out: the time that passes is the subject here.
    tokio::time::sleep(Duration::from_millis(900)).await;
    let (came, ()) = tokio::join!(drain(body), async { fake.release_all() });
    assert_eq!(came.1, None);

    let fake = FakeUpstream::start().await;
    let digest = fake.push_large_blob("a", SIZE, 3);
    let client = client_with(fake.endpoint(), |config| {
        config.stall_timeout = Duration::from_millis(500)
    });
    fake.set_mode(Mode::Gate);
    fake.release(1000);
    let (came, error) = soon(drain(client.blob("a", &digest, 0).await.unwrap())).await;
    assert_eq!((came.len(), error), (1000, Some(Error::Stalled)));
    soon(fake.open_bodies_are(0)).await;
}

#[tokio::test]
async fn a_dropped_stream_closes_the_connection() {
    let fake = FakeUpstream::start().await;
    let digest = fake.push_large_blob("a", 1 << 30, 1);
    let mut body = fake.client().unwrap().blob("a", &digest, 0).await.unwrap();
    body.stream.next().await.unwrap().unwrap();
    fake.open_bodies_are(1).await;
    drop(body);
    soon(fake.open_bodies_are(0)).await;
    assert!(fake.bytes_sent() < 64 << 20, "{}", fake.bytes_sent());
}

#[tokio::test]
async fn a_stream_nobody_reads_holds_the_registry_back() {
    let fake = FakeUpstream::start().await;
    let digest = fake.push_large_blob("a", 1 << 30, 2);
    let body = fake.client().unwrap().blob("a", &digest, 0).await.unwrap();
    // Time for a client without back-pressure to take all of it.
    tokio::time::sleep(Duration::from_millis(900)).await;
    // The sockets' own buffers, and a chunk or two.
    assert!(fake.bytes_sent() < 16 << 20, "{}", fake.bytes_sent());
    drop(body);
}

#[tokio::test]
async fn a_web_page_with_200_is_no_blob() {
    let (fake, digest, _) = fake_with_blob().await;
    fake.set_mode(Mode::Html);
    let outcome = fake.client().unwrap().blob("a", &digest, 0).await;
    assert!(
        matches!(outcome, Err(Error::BadAnswer { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_followed_with_the_range_and_without_the_token() {
    let (fake, digest, bytes) = fake_with_blob().await;
    let cdn = FakeUpstream::start().await;
    cdn.push_blob("a", bytes.clone());
    fake.require_anonymous_bearer();
    fake.redirect_blobs_to(&cdn.url());
    let client = fake.client().unwrap();
    let body = client.blob("a", &digest, 1000).await.unwrap();
    assert_eq!((body.start, body.total), (1000, Some(SIZE)));
    assert!(drain(body).await.0 == bytes[1000..]);
    let sent = cdn.requests();
    assert_eq!(sent.len(), 1);
    assert_eq!(
        (sent[0].authorization.as_deref(), sent[0].range.as_deref()),
        (None, Some("bytes=1000-"))
    );
    assert!(
        fake.requests()
            .last()
            .unwrap()
            .authorization
            .as_ref()
            .unwrap()
            .starts_with("Bearer ")
    );
    assert_eq!(
        client.head_blob("a", &digest).await.unwrap().size,
        Some(SIZE)
    );
}

#[tokio::test]
async fn a_blob_behind_a_url_signed_for_get_only_is_there_all_the_same() {
    let (fake, digest, _) = fake_with_blob().await;
    let cdn = FakeUpstream::start().await;
    cdn.set_mode(Mode::Status(403, vec![]));
    fake.redirect_blobs_to(&cdn.url());
    let client = fake.client().unwrap();
    assert_eq!(client.head_blob("a", &digest).await.unwrap().size, None);
    let outcome = client.blob("a", &digest, 0).await;
    assert_eq!(outcome.unwrap_err(), Error::Refused { status: 403 });
    assert_eq!(
        client.head_blob("b", &digest).await.unwrap_err(),
        Error::NotFound
    );
}

#[tokio::test]
async fn a_redirect_in_a_circle_ends() {
    let (fake, digest, _) = fake_with_blob().await;
    fake.redirect_blobs_to(&fake.url());
    let outcome = fake.client().unwrap().blob("a", &digest, 0).await;
    assert!(
        matches!(outcome, Err(Error::BadAnswer { .. })),
        "{outcome:?}"
    );
    assert_eq!(fake.requests().len(), 6);
}
