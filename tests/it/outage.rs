//! Upstreams that are down, hang, refuse or err: what is cached is served, what is not keeps its error.

use std::time::{Duration, Instant};

use oci::{Digest, media_type};
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
async fn every_failure_of_upstream_serves_the_cached_tag() {
    for mode in [
        Mode::Status(401, Vec::new()),
        Mode::Status(403, Vec::new()),
        Mode::Status(429, Vec::new()),
        Mode::Status(500, Vec::new()),
        Mode::Status(502, Vec::new()),
        Mode::Status(503, Vec::new()),
        Mode::Hang,
    ] {
        let upstream = FakeUpstream::start().await;
        let (server, image) = warm(&upstream).await;
        let digest = image.manifest_digest.clone();
        upstream.set_mode(mode.clone());
        let answer = server
            .anonymous()
            .manifest("hub/app", "v1")
            .await
            .expect(200);
        assert!(
            answer.outcome().starts_with("stale; reason="),
            "{mode:?}: {}",
            answer.outcome()
        );
        assert_eq!(answer.header("docker-content-digest"), digest.as_str());
        assert_eq!(
            server.anonymous().pull("hub/app", "v1").await.digest,
            digest
        );
    }
    let upstream = FakeUpstream::start().await;
    let (server, image) = warm(&upstream).await;
    let digest = image.manifest_digest.clone();
    upstream.set_mode(Mode::RefuseConnections);
    assert_eq!(
        server.anonymous().pull("hub/app", "v1").await.digest,
        digest
    );
}

#[tokio::test]
async fn a_tls_failure_serves_the_cached_tag() {
    let upstream = FakeUpstream::start().await;
    let (server, image) = warm(&upstream).await;
    let digest = image.manifest_digest.clone();
    // The same content behind a socket that speaks no TLS: an endpoint edited to https.
    let setup = Setup::new().proxy_of("hub", &upstream.url().replace("http://", "https://"));
    let server = server.restart_as(setup).await;
    let answer = server
        .anonymous()
        .manifest("hub/app", "v1")
        .await
        .expect(200);
    assert!(
        answer.outcome().starts_with("stale"),
        "{}",
        answer.outcome()
    );
    assert_eq!(answer.header("docker-content-digest"), digest.as_str());
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

#[tokio::test]
async fn errors_keep_their_meaning_where_nothing_is_cached() {
    let upstream = FakeUpstream::start().await;
    upstream.push_image("app", "v1", &[b"layer".to_vec()]);
    let blob = Digest::sha256(b"layer");
    let setup = || Setup::new().proxy_of("hub", &upstream.url());
    for (mode, status, code) in [
        (Mode::Status(401, Vec::new()), 403, "DENIED"),
        (Mode::Status(403, Vec::new()), 403, "DENIED"),
        (Mode::Status(404, Vec::new()), 404, "MANIFEST_UNKNOWN"),
        (Mode::Status(429, Vec::new()), 429, "TOOMANYREQUESTS"),
        (Mode::Status(500, Vec::new()), 502, "UNKNOWN"),
        (Mode::Status(503, Vec::new()), 502, "UNKNOWN"),
        (Mode::Html, 502, "UNKNOWN"),
    ] {
        upstream.set_mode(mode.clone());
        // One that was told 429 would ask nothing for a while.
        let server = TestServer::start(setup()).await;
        for path in [
            "/v2/hub/app/manifests/v1".to_owned(),
            format!("/v2/hub/app/blobs/{blob}"),
        ] {
            let answer = server.anonymous().get(&path).await.expect(status);
            let code = if path.contains("/blobs/") {
                code.replace("MANIFEST", "BLOB")
            } else {
                code.to_owned()
            };
            assert_eq!(answer.code(), code, "{mode:?} {path}");
            if status != 404 {
                assert!(
                    answer.message().contains("upstream hub"),
                    "{mode:?}: {}",
                    answer.message()
                );
            }
            if status == 403 {
                assert!(
                    answer.message().contains("refused, or does not exist"),
                    "{}",
                    answer.message()
                );
            }
            if status == 429 {
                assert!(
                    answer
                        .header("retry-after")
                        .parse::<u64>()
                        .is_ok_and(|seconds| seconds > 0)
                );
            }
        }
    }
    upstream.set_mode(Mode::RefuseConnections);
    let server = TestServer::start(setup()).await;
    assert_eq!(
        server
            .anonymous()
            .manifest("hub/app", "v1")
            .await
            .expect(502)
            .code(),
        "UNKNOWN"
    );
}

#[tokio::test]
async fn a_rate_limit_that_names_its_end_is_passed_on() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    upstream.set_mode(Mode::Status(
        429,
        vec![("retry-after".to_owned(), "17".to_owned())],
    ));
    assert_eq!(
        server
            .anonymous()
            .manifest("hub/app", "v1")
            .await
            .expect(429)
            .header("retry-after"),
        "17"
    );
}

/// The types whose endpoints ask no other service for a credential; those that do have the same client behind it.
const TYPES: [&str; 8] = [
    "azure-acr",
    "docker-hub",
    "docker-registry",
    "github-ghcr",
    "google-gcr",
    "harbor",
    "jfrog-artifactory",
    "quay",
];

#[tokio::test]
async fn every_type_serves_what_is_cached_and_keeps_the_meaning_of_errors_for_what_is_not() {
    for (mode, uncached, cached) in [
        (Mode::Status(401, Vec::new()), 403, 200),
        (Mode::Status(403, Vec::new()), 403, 200),
        (Mode::Status(404, Vec::new()), 404, 404),
        (Mode::Status(429, Vec::new()), 429, 200),
        (Mode::Status(500, Vec::new()), 502, 200),
        (Mode::Status(503, Vec::new()), 502, 200),
        (Mode::Html, 502, 200),
        (Mode::RefuseConnections, 502, 200),
    ] {
        let upstream = FakeUpstream::start().await;
        let image = upstream.push_image("team/app", "v1", &[b"layer".to_vec()]);
        upstream.push_image("team/app", "v2", &[b"other".to_vec()]);
        let mut setup = Setup::new();
        for kind in TYPES {
            setup = setup
                .endpoint(kind, kind, &upstream.url())
                .proxy(kind, kind);
        }
        let server = TestServer::start(setup).await;
        let client = server.anonymous();
        for kind in TYPES {
            client.pull(&format!("{kind}/team/app"), "v1").await;
        }
        upstream.set_mode(mode.clone());
        for kind in TYPES {
            let name = format!("{kind}/team/app");
            let told = format!("{kind}, {mode:?}");
            let by_tag = client.manifest(&name, "v1").await;
            assert_eq!(by_tag.status.as_u16(), cached, "{told}");
            // A cached digest asks nobody.
            let digest = image.manifest_digest.as_str();
            let by_digest = client.manifest(&name, digest).await;
            assert_eq!(by_digest.status.as_u16(), 200, "{told}");
            let other = client.manifest(&name, "v2").await;
            assert_eq!(other.status.as_u16(), uncached, "{told}");
        }
    }
}
