//! Cache hits: they ask nobody, and write nothing while a client waits.

use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use http::Method;
use serde_json::Value;
use tests::fake::{FakeUpstream, Mode};
use tests::{Client, ProcessServer, Setup, TestServer};

/// How many transactions have been committed to the SQLite database in `data`: the change counter in the header
/// of its WAL index (sqlite.org/walformat.html, 2.1). Only for a server in another process: closing the file in
/// the server's own would drop the locks SQLite has on it.
fn commits(data: &Path) -> u32 {
    let index = std::fs::read(data.join("roadstead.db-shm")).expect("a database in WAL mode");
    u32::from_ne_bytes(index[8..12].try_into().expect("four bytes"))
}

async fn repository(client: &Client, project: &str) -> Value {
    let path = format!("/api/v2.0/projects/{project}/repositories/app");
    client.get(&path).await.expect(200).json()
}

/// Waits for the flush after which the count is right.
async fn pulls_are(client: &Client, project: &str, expected: u64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let counted = repository(client, project).await["pull_count"].clone();
        let counted = counted.as_u64().expect("a number");
        assert!(counted <= expected, "{counted} of {expected}");
        if counted == expected {
            return;
        }
        assert!(Instant::now() < deadline, "{counted} of {expected}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hits_ask_nothing_upstream_and_write_once_a_second() {
    const HITS: usize = 2100;
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[b"layer".to_vec()]);
    let setup = Setup::new()
        .endpoint("up", "docker-registry", &upstream.url())
        .project("{name: hub, public: true, registry: up, revalidate_after: 1h}")
        .project("{name: hosted, public: true}");
    let server = ProcessServer::start(setup).await;
    let (anonymous, admin) = (server.anonymous(), server.admin());
    anonymous.pull("hub/app", "v1").await;
    admin.push_image("hosted/app", "v1", &[b"layer"]).await;
    // What the cold pull has to write is written.
    pulls_are(&anonymous, "hub", 1).await;
    upstream.clear();

    let layer = &image.layer_digests[0];
    let requests = [
        (Method::GET, "/v2/hub/app/manifests/v1".to_owned()),
        (
            Method::GET,
            format!("/v2/hub/app/manifests/{}", image.manifest_digest),
        ),
        (Method::GET, format!("/v2/hub/app/blobs/{layer}")),
        (Method::HEAD, "/v2/hub/app/manifests/v1".to_owned()),
        (Method::HEAD, format!("/v2/hub/app/blobs/{layer}")),
        (Method::GET, "/v2/hosted/app/manifests/v1".to_owned()),
        (Method::GET, format!("/v2/hosted/app/blobs/{layer}")),
    ];
    let (before, started) = (commits(&server.data()), Instant::now());
    let hits = (0..HITS).map(|turn| {
        let (method, path) = requests[turn % requests.len()].clone();
        let client = [&anonymous, &admin][turn % 2].clone();
        async move {
            let answer = client.send(client.request(method, &path)).await;
            assert_eq!(answer.expect(200).outcome(), "hit", "{path}");
        }
    });
    stream::iter(hits)
        .buffer_unordered(16)
        .collect::<Vec<()>>()
        .await;
    let (written, took) = (commits(&server.data()) - before, started.elapsed());
    assert_eq!(upstream.requests(), []);
    // A flush when it begins, one when it ends, and one a second between them.
    assert!(
        u64::from(written) <= took.as_secs() + 2,
        "{written} writes in {took:?}"
    );

    let share = (HITS / requests.len()) as u64;
    pulls_are(&anonymous, "hosted", share).await;
    pulls_are(&anonymous, "hub", 1 + 2 * share).await;
    assert!(commits(&server.data()) > before, "the counts were written");
    let artifacts = "/api/v2.0/projects/hub/repositories/app/artifacts?with_tag=true";
    let artifact = anonymous.get(artifacts).await.expect(200).json()[0].clone();
    for pulled_at in [&artifact["pull_time"], &artifact["tags"][0]["pull_time"]] {
        let pulled_at = pulled_at.as_str().expect("a time");
        assert!(pulled_at.starts_with("20"), "{pulled_at}");
    }
    assert_eq!(upstream.requests(), []);
}

#[tokio::test]
async fn a_tag_is_believed_across_a_restart() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[b"layer".to_vec()]);
    let setup = Setup::new()
        .endpoint("up", "docker-registry", &upstream.url())
        .project("{name: hub, public: true, registry: up, revalidate_after: 1h}");
    let server = TestServer::start(setup).await;
    server.anonymous().pull("hub/app", "v1").await;
    let server = server.restart().await;
    upstream.clear();
    let client = server.anonymous();
    let answer = client.manifest("hub/app", "v1").await.expect(200);
    assert_eq!(answer.outcome(), "hit");
    assert_eq!(
        client.pull("hub/app", "v1").await.digest,
        image.manifest_digest
    );
    assert_eq!(upstream.requests(), []);
}

#[tokio::test]
async fn repositories_of_one_upstream_share_a_cached_blob() {
    let upstream = FakeUpstream::start().await;
    let (base, own) = (b"base".to_vec(), b"own".to_vec());
    let first = upstream.push_image("first", "v1", std::slice::from_ref(&base));
    upstream.push_image("second", "v1", &[base, own]);
    let base = &first.layer_digests[0];
    let setup = Setup::new()
        .proxy_of("hub", &upstream.url())
        .proxy("mirror", "hub");
    let server = TestServer::start(setup).await;
    let client = server.anonymous();
    client.pull("hub/first", "v1").await;
    for repository in ["hub/second", "mirror/second"] {
        client.manifest(repository, "v1").await.expect(200);
    }
    assert_eq!(upstream.count("GET", base.as_str()), 1);
    upstream.set_mode(Mode::RefuseConnections);
    for repository in ["hub/second", "mirror/second"] {
        for _ in 0..2 {
            let head = client.head(&format!("/v2/{repository}/blobs/{base}")).await;
            assert_eq!(head.expect(200).outcome(), "hit", "{repository}");
            let blob = client.blob(repository, base).await.expect(200);
            assert_eq!((&blob.body[..], blob.outcome()), (&b"base"[..], "hit"));
        }
    }
    assert_eq!(
        (
            upstream.count("GET", base.as_str()),
            upstream.count("HEAD", base.as_str())
        ),
        (1, 0)
    );
}
