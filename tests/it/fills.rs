//! Fills: one download however many ask, streamed while it arrives, resumed when cut, refused when wrong.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use http::Method;
use oci::Digest;
use tests::fake::{FakeUpstream, Mode};
use tests::{Client, ProcessServer, Setup, TestServer};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Bytes that do not repeat at any distance that a bug would have.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

async fn cold(layer: &[u8]) -> (FakeUpstream, TestServer, Digest) {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[layer.to_vec()]);
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    server
        .anonymous()
        .manifest("hub/app", "v1")
        .await
        .expect(200);
    (upstream, server, image.layer_digests[0].clone())
}

fn path(digest: &Digest) -> String {
    format!("/v2/hub/app/blobs/{digest}")
}

#[tokio::test]
async fn sixty_four_cold_pulls_from_many_repositories_fetch_upstream_once() {
    let upstream = FakeUpstream::start().await;
    let layer = noise(4 * MIB);
    let repositories = ["a", "b/c", "d"];
    let mut digest = None;
    for repository in repositories {
        digest = Some(
            upstream
                .push_image(repository, "v1", std::slice::from_ref(&layer))
                .layer_digests[0]
                .clone(),
        );
    }
    let digest = digest.expect("pushed");
    let setup = Setup::new()
        .proxy_of("one", &upstream.url())
        .proxy("two", "one");
    let server = TestServer::start(setup).await;
    let names: Vec<String> = ["one", "two"]
        .iter()
        .flat_map(|project| repositories.map(|repository| format!("{project}/{repository}")))
        .collect();
    for name in &names {
        server.anonymous().manifest(name, "v1").await.expect(200);
    }
    upstream.clear();
    upstream.set_mode_for("/blobs/", Mode::Gate);
    let pulls: Vec<_> = (0..64)
        .map(|turn| {
            let (client, name, digest) = (
                server.anonymous(),
                names[turn % names.len()].clone(),
                digest.clone(),
            );
            tokio::spawn(async move { client.blob(&name, &digest).await.expect(200) })
        })
        .collect();
    upstream.requests_are("GET", "/blobs/", 1).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    upstream.release_all();
    for pull in pulls {
        assert_eq!(Digest::sha256(&pull.await.expect("no panic").body), digest);
    }
    assert_eq!(upstream.count("GET", "/blobs/"), 1);
    assert_eq!(upstream.bytes_sent(), layer.len() as u64);
    // All of them hold it now, and none asks again.
    upstream.set_mode(Mode::RefuseConnections);
    for name in &names {
        let answer = server.anonymous().blob(name, &digest).await.expect(200);
        assert_eq!(Digest::sha256(&answer.body), digest);
        assert_ne!(answer.outcome(), "filled");
    }
}

#[tokio::test]
async fn headers_and_first_bytes_come_while_upstream_is_still_sending() {
    let layer = noise(8 * MIB);
    let (upstream, server, digest) = cold(&layer).await;
    upstream.set_mode_for("/blobs/", Mode::Throttle(MIB as u64));
    let started = Instant::now();
    let client = server.anonymous();
    let response = client
        .request(Method::GET, &path(&digest))
        .send()
        .await
        .expect("an answer");
    assert!(
        started.elapsed() < Duration::from_secs(1),
        "headers after {:?}",
        started.elapsed()
    );
    assert_eq!(response.content_length(), Some(layer.len() as u64));
    let mut body = response.bytes_stream();
    let first = body.next().await.expect("bytes").expect("bytes");
    assert!(!first.is_empty() && started.elapsed() < Duration::from_secs(2));
    // One who joins while it arrives gets its first byte at once, not when upstream sends the next.
    let joined = Instant::now();
    let follower = client
        .request(Method::GET, &path(&digest))
        .send()
        .await
        .expect("an answer");
    assert_eq!(follower.headers()["x-roadstead-cache"], "joined");
    follower
        .bytes_stream()
        .next()
        .await
        .expect("bytes")
        .expect("bytes");
    assert!(
        joined.elapsed() < Duration::from_millis(500),
        "{:?}",
        joined.elapsed()
    );
    assert_eq!(upstream.count("GET", "/blobs/"), 1);
}

#[tokio::test]
async fn the_slowest_client_slows_nobody_and_one_who_leaves_stops_nothing() {
    let layer = noise(32 * MIB);
    let (upstream, server, digest) = cold(&layer).await;
    let client = server.anonymous();
    // One reads its headers and nothing more, one leaves after its first bytes.
    let idle = client
        .request(Method::GET, &path(&digest))
        .send()
        .await
        .expect("an answer");
    {
        let leaving = client
            .request(Method::GET, &path(&digest))
            .send()
            .await
            .expect("an answer");
        leaving
            .bytes_stream()
            .next()
            .await
            .expect("bytes")
            .expect("bytes");
    }
    let started = Instant::now();
    let answer = client.blob("hub/app", &digest).await.expect(200);
    assert_eq!(Digest::sha256(&answer.body), digest);
    assert!(started.elapsed() < Duration::from_secs(20));
    assert_eq!(
        Digest::sha256(&idle.bytes().await.expect("all of it")),
        digest
    );
    assert_eq!(upstream.count("GET", "/blobs/"), 1);
}

#[tokio::test]
async fn a_fill_goes_on_without_its_only_client() {
    let layer = noise(4 * MIB);
    let (upstream, server, digest) = cold(&layer).await;
    upstream.set_mode_for("/blobs/", Mode::Gate);
    let client = server.anonymous();
    let leaving = tokio::spawn({
        let (client, path) = (client.clone(), path(&digest));
        async move { client.get(&path).await }
    });
    upstream.requests_are("GET", "/blobs/", 1).await;
    leaving.abort();
    upstream.release_all();
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = client.blob("hub/app", &digest).await.expect(200);
        assert_eq!(Digest::sha256(&answer.body), digest);
        if answer.outcome() == "hit" {
            break;
        }
        assert!(Instant::now() < deadline);
    }
    assert_eq!(upstream.count("GET", "/blobs/"), 1);
}

#[tokio::test]
async fn ranges_of_a_blob_still_arriving_cost_no_second_download() {
    let layer = noise(4 * MIB);
    let (upstream, server, digest) = cold(&layer).await;
    upstream.set_mode_for("/blobs/", Mode::Throttle(4 * MIB as u64));
    let client = server.anonymous();
    let ranges = [
        ("bytes=0-1023", 0..KIB),
        ("bytes=1048576-", MIB..4 * MIB),
        ("bytes=-100", 4 * MIB - 100..4 * MIB),
        ("bytes=2097152-2097160", 2 * MIB..2 * MIB + 9),
    ];
    let answers = ranges.clone().map(|(range, _)| {
        client.send(
            client
                .request(Method::GET, &path(&digest))
                .header("range", range),
        )
    });
    for (answer, (range, bytes)) in futures_util::future::join_all(answers)
        .await
        .into_iter()
        .zip(ranges)
    {
        let answer = answer.expect(206);
        assert_eq!(answer.body, &layer[bytes.clone()], "{range}");
        assert_eq!(
            answer.header("content-range"),
            format!("bytes {}-{}/{}", bytes.start, bytes.end - 1, layer.len())
        );
    }
    assert_eq!(upstream.count("GET", "/blobs/"), 1);
    assert!(upstream.bytes_sent() <= layer.len() as u64 + 64 * KIB as u64);
}

#[tokio::test]
async fn a_cut_upstream_is_resumed_without_the_client_noticing() {
    let layer = noise(8 * MIB);
    let (upstream, server, digest) = cold(&layer).await;
    upstream.clear();
    upstream.set_mode_for("/blobs/", Mode::CutEvery(3 * MIB as u64));
    let answer = server
        .anonymous()
        .blob("hub/app", &digest)
        .await
        .expect(200);
    assert_eq!(Digest::sha256(&answer.body), digest);
    let sent = upstream.bytes_sent();
    assert!(
        sent <= layer.len() as u64 * 105 / 100,
        "{sent} of {}",
        layer.len()
    );
    let ranges: Vec<_> = upstream
        .requests()
        .into_iter()
        .filter_map(|seen| seen.range)
        .collect();
    assert_eq!(ranges.len(), 2, "{ranges:?}");
}

#[tokio::test]
async fn an_upstream_without_ranges_is_started_again() {
    let layer = noise(4 * MIB);
    let (upstream, server, digest) = cold(&layer).await;
    upstream.set_mode_for("/blobs/", Mode::NoRange);
    upstream.add_mode_for("/blobs/", Mode::CutOnce(3 * MIB as u64));
    let answer = server
        .anonymous()
        .blob("hub/app", &digest)
        .await
        .expect(200);
    assert_eq!(Digest::sha256(&answer.body), digest);
    assert_eq!(upstream.count("GET", "/blobs/"), 2);
}

#[tokio::test]
async fn a_wrong_blob_is_never_delivered_whole_and_never_kept() {
    for size in [1, 100, 300 * KIB, 2 * MIB] {
        let layer = noise(size);
        let (upstream, server, digest) = cold(&layer).await;
        upstream.set_mode_for("/blobs/", Mode::WrongBytes);
        let client = server.anonymous();
        let broken = client
            .try_send(client.request(Method::GET, &path(&digest)))
            .await;
        assert!(
            broken.is_err(),
            "{size} wrong bytes were delivered as a whole response"
        );
        upstream.set_mode_for("/blobs/", Mode::Normal);
        upstream.clear();
        let answer = client.blob("hub/app", &digest).await.expect(200);
        assert_eq!(answer.body, layer);
        assert_eq!(
            upstream.count("GET", "/blobs/"),
            1,
            "the next pull starts afresh"
        );
    }
}

#[tokio::test]
async fn what_is_not_what_was_asked_for_is_502() {
    let (upstream, server, digest) = cold(b"layer").await;
    upstream.set_mode(Mode::Html);
    server
        .anonymous()
        .blob("hub/app", &digest)
        .await
        .expect(502);
    server
        .anonymous()
        .manifest("hub/other", "v1")
        .await
        .expect(502);
    upstream.set_mode(Mode::Normal);
    let asked = Digest::sha256(b"another manifest");
    upstream.push_manifest_under("app", asked.clone(), "application/vnd.example+json", "{}");
    let answer = server
        .anonymous()
        .manifest("hub/app", asked.as_str())
        .await
        .expect(502);
    assert!(
        answer.message().contains("is not sha256"),
        "{}",
        answer.message()
    );
    server
        .anonymous()
        .blob("hub/app", &digest)
        .await
        .expect(200);
}

#[tokio::test]
async fn a_blob_without_a_length_arrives_all_the_same() {
    let layer = noise(MIB);
    let (upstream, server, digest) = cold(&layer).await;
    upstream.set_mode_for("/blobs/", Mode::NoContentLength);
    let answer = server
        .anonymous()
        .blob("hub/app", &digest)
        .await
        .expect(200);
    assert_eq!(answer.body, layer);
}

/// 64 clients on 1 GiB, in a process of its own whose memory is read from the kernel.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_clients_on_a_gibibyte_stay_under_64_mib() {
    let upstream = FakeUpstream::start().await;
    let digest = upstream.push_large_blob("app", 1024 * MIB as u64, 1);
    let server = ProcessServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    server.anonymous().get("/api/v2.0/ping").await.expect(200);
    let idle = server.memory_kib("RssAnon");
    let readers = (0..64).map(|_| {
        let (client, path) = (server.anonymous(), path(&digest));
        tokio::spawn(async move { drain(&client, &path).await })
    });
    let readers: Vec<_> = readers.collect();
    let mut peak = idle;
    while !readers.iter().all(tokio::task::JoinHandle::is_finished) {
        peak = peak.max(server.memory_kib("RssAnon"));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for reader in readers {
        assert_eq!(reader.await.expect("no panic"), 1024 * MIB as u64);
    }
    assert_eq!(upstream.count("GET", "/blobs/"), 1);
    assert!(
        peak - idle < 64 * 1024,
        "{idle} KiB idle, {peak} KiB at the peak"
    );
}

async fn drain(client: &Client, path: &str) -> u64 {
    let response = client
        .request(Method::GET, path)
        .send()
        .await
        .expect("an answer");
    let mut body = response.bytes_stream();
    let mut count = 0;
    while let Some(chunk) = body.next().await {
        count += chunk.expect("an unbroken body").len() as u64;
    }
    count
}
