//! Upstreams that are down, hang, refuse or err: what is cached is served, what is not keeps its error. Which failure
//! gives what, for every provider, is in [`table`]; here is what takes time, and what comes after.

mod provider;
mod table;

use std::time::{Duration, Instant};

use oci::media_type;
use tests::fake::{FakeUpstream, Image, Mode};
use tests::{Setup, TestServer};

/// A server that has `hub/app:v1` cached, `hub` keeping gone tags from its callers and `keep` serving them.
async fn warm(upstream: &FakeUpstream) -> (TestServer, Image) {
    let image = upstream.push_image("app", "v1", &[b"layer".to_vec()]);
    let setup = Setup::new()
        .proxy_of("hub", &upstream.url())
        .project("{name: keep, public: true, registry: hub, metadata: {proxy_cache_local_on_not_found: true}}");
    let server = TestServer::start(setup).await;
    server.anonymous().pull("hub/app", "v1").await;
    server.anonymous().pull("keep/app", "v1").await;
    (server, image)
}

#[tokio::test]
async fn a_tag_gone_upstream_is_gone_unless_the_project_keeps_it_and_never_deleted() {
    let upstream = FakeUpstream::start().await;
    let (server, image) = warm(&upstream).await;
    let digest = image.manifest_digest.clone();
    upstream.delete_tag("app", "v1");
    let gone = server
        .anonymous()
        .manifest("hub/app", "v1")
        .await
        .expect(404);
    assert_eq!(gone.code(), "MANIFEST_UNKNOWN");
    let kept = server
        .anonymous()
        .manifest("keep/app", "v1")
        .await
        .expect(200);
    assert_eq!(kept.outcome(), "stale; reason=\"gone upstream\"");
    upstream.push_manifest(
        "app",
        "v1",
        media_type::OCI_MANIFEST,
        image.manifest.clone(),
    );
    upstream.clear();
    assert_eq!(
        server.anonymous().pull("hub/app", "v1").await.digest,
        digest
    );
    assert_eq!(upstream.count("GET", ""), 0, "one 404 deletes nothing");
}

#[tokio::test]
async fn the_first_pull_of_a_hanging_upstream_waits_briefly_and_the_next_not_at_all() {
    let upstream = FakeUpstream::start().await;
    let (server, image) = warm(&upstream).await;
    let digest = image.manifest_digest.clone();
    upstream.set_mode(Mode::Hang);
    let client = server.anonymous();
    let timed = || async {
        let started = Instant::now();
        let answer = client.manifest("hub/app", "v1").await.expect(200);
        assert_eq!(answer.header("docker-content-digest"), digest.as_str());
        started.elapsed()
    };
    let first = timed().await;
    assert!(first < Duration::from_secs(3), "{first:?}");
    let mut next = Vec::new();
    for _ in 0..21 {
        next.push(timed().await);
    }
    next.sort();
    // The median: a busy machine may stop any single one for longer.
    assert!(next[10] < Duration::from_millis(50), "{next:?}");
    // It closes again by itself: nobody has to do anything but pull.
    upstream.set_mode(Mode::Normal);
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let answer = server
            .anonymous()
            .manifest("hub/app", "v1")
            .await
            .expect(200);
        if answer.outcome() == "revalidated" {
            break;
        }
        assert!(Instant::now() < deadline, "still {}", answer.outcome());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn the_server_starts_with_every_upstream_unreachable() {
    let upstream = FakeUpstream::start().await;
    let (server, image) = warm(&upstream).await;
    let digest = image.manifest_digest.clone();
    upstream.set_mode(Mode::RefuseConnections);
    let started = Instant::now();
    let server = server.restart().await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(
        server
            .anonymous()
            .get("/api/v2.0/ping")
            .await
            .expect(200)
            .body,
        "Pong"
    );
    assert_eq!(
        server.anonymous().pull("hub/app", "v1").await.digest,
        digest
    );
}
