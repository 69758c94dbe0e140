//! Endpoints that become another registry, or are asked as somebody else, while projects pull from them: what is cached
//! stays, and is not taken for an answer of the one that is asked now.

use std::time::{Duration, Instant};

use http::Method;
use oci::Digest;
use serde_json::{Value, json};
use tests::fake::{FakeUpstream, Mode};
use tests::{Client, Setup, TestServer};

const LAYER: &[u8] = b"what the first account may have";

/// A server with an endpoint that is no declared one, and its path.
async fn edited(upstream: &FakeUpstream) -> (TestServer, String) {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let endpoint = json!({ "name": "up", "type": "docker-registry", "url": upstream.url(),
        "credential": { "type": "basic", "access_key": "first", "access_secret": "one" } });
    let path = "/api/v2.0/registries";
    let created = admin.post(path, &endpoint).await.expect(201);
    let path = created.header("location").to_owned();
    let id: i64 = path
        .rsplit('/')
        .next()
        .and_then(|id| id.parse().ok())
        .expect("a number");
    for name in ["hub", "beside"] {
        let project = json!({ "project_name": name, "registry_id": id,
            "metadata": { "public": "true", "revalidate_after_seconds": "3600" } });
        admin.post("/api/v2.0/projects", &project).await.expect(201);
    }
    (server, path)
}

/// A pull has its last byte a moment before the blob is recorded.
async fn is_held(client: &Client, repository: &str, blob: &Digest) {
    let started = Instant::now();
    loop {
        let answer = client.blob(repository, blob).await.expect(200);
        if answer.outcome() == "hit" {
            return;
        }
        assert!(started.elapsed() < Duration::from_secs(30), "{answer:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn outcome(client: &Client, repository: &str) -> String {
    let answer = client.manifest(repository, "v1").await.expect(200);
    answer.outcome().to_owned()
}

#[tokio::test]
async fn a_tag_is_asked_about_again_after_an_edit_of_url_credential_or_type() {
    let (upstream, elsewhere) = (FakeUpstream::start().await, FakeUpstream::start().await);
    upstream.require_basic("first", "one");
    let image = upstream.push_image("app", "v1", &[LAYER.to_vec()]);
    let (server, path) = edited(&upstream).await;
    let (admin, client) = (server.admin(), server.anonymous());
    client.pull("hub/app", "v1").await;
    is_held(&client, "hub/app", &image.layer_digests[0]).await;
    assert_eq!(outcome(&client, "hub/app").await, "hit");
    // What a registry cannot see changes nothing.
    let same = json!({ "description": "d", "access_key": "first", "access_secret": "one", "url": upstream.url(),
        "options": { "max_connections": 9 } });
    admin.put(&path, &same).await.expect(200);
    assert_eq!(outcome(&client, "hub/app").await, "hit");
    for (change, expected) in [
        (json!({ "type": "harbor" }), "revalidated"),
        (
            json!({ "options": { "headers": { "x-tenant": "t" } } }),
            "revalidated",
        ),
    ] {
        admin.put(&path, &change).await.expect(200);
        assert_eq!(outcome(&client, "hub/app").await, expected, "{change}");
    }
    // Another credential that is refused: the copy is served, and the answer says why.
    admin
        .put(&path, &json!({ "access_secret": "wrong" }))
        .await
        .expect(200);
    let answer = client.manifest("hub/app", "v1").await.expect(200);
    assert!(
        answer.outcome().starts_with("stale"),
        "{}",
        answer.outcome()
    );
    // Another registry, where the tag is another image: the cached one stays for who knows its digest.
    let moved = elsewhere.push_image("app", "v1", &[b"another layer".to_vec()]);
    admin
        .put(&path, &json!({ "url": elsewhere.url() }))
        .await
        .expect(200);
    let pulled = client.pull("hub/app", "v1").await;
    assert_eq!(pulled.digest, moved.manifest_digest);
    upstream.clear();
    elsewhere.clear();
    client
        .manifest("hub/app", image.manifest_digest.as_str())
        .await
        .expect(200);
    client
        .blob("hub/app", &image.layer_digests[0])
        .await
        .expect(200);
    assert_eq!(upstream.requests(), []);
    assert_eq!(elsewhere.count("", "/v2/app"), 0);
}

#[tokio::test]
async fn what_one_account_fetched_is_not_served_where_another_is_refused() {
    let upstream = FakeUpstream::start().await;
    upstream.require_basic("first", "one");
    let image = upstream.push_image("app", "v1", &[LAYER.to_vec()]);
    // Both repositories name the same layer.
    upstream.push_image("other", "v1", &[LAYER.to_vec()]);
    let layer = &image.layer_digests[0];
    let (server, path) = edited(&upstream).await;
    let (admin, client) = (server.admin(), server.anonymous());
    client.pull("hub/app", "v1").await;
    is_held(&client, "hub/app", layer).await;
    client.manifest("beside/other", "v1").await.expect(200);
    client.manifest("hub/other", "v1").await.expect(200);
    upstream.clear();
    // The same account has it from the same registry: nobody is asked.
    let served = client.blob("hub/other", layer).await.expect(200);
    assert_eq!(served.outcome(), "hit");
    assert_eq!(upstream.requests(), []);

    // The second account may have the registry, and not that layer.
    upstream.require_basic("second", "two");
    let change = json!({ "access_key": "second", "access_secret": "two" });
    admin.put(&path, &change).await.expect(200);
    upstream.delete_blob("other", layer);
    upstream.clear();
    client.blob("beside/other", layer).await.expect(404);
    assert_eq!(upstream.count("HEAD", layer.as_str()), 1);
    assert_eq!(upstream.count("GET", layer.as_str()), 0);
    let head = format!("/v2/beside/other/blobs/{layer}");
    let head = client.send(client.request(Method::HEAD, &head)).await;
    head.expect(404);

    // Its word is enough once it gives it.
    upstream.push_blob("other", LAYER);
    upstream.clear();
    let served = client.blob("beside/other", layer).await.expect(200);
    assert_eq!((&served.body[..], served.outcome()), (LAYER, "revalidated"));
    assert_eq!(upstream.count("GET", layer.as_str()), 0);
    // And what was held before the edit is held still.
    let kept = client.blob("hub/app", layer).await.expect(200);
    assert_eq!(kept.outcome(), "hit");
    let shown: Value = admin.get(&path).await.expect(200).json();
    assert_eq!(shown["credential"]["access_key"], "second");
}

#[tokio::test]
async fn what_is_being_fetched_is_joined_by_nobody_who_asks_another_registry_or_as_another_account()
{
    let (upstream, elsewhere) = (FakeUpstream::start().await, FakeUpstream::start().await);
    upstream.require_basic("first", "one");
    let image = upstream.push_image("app", "v1", &[LAYER.to_vec()]);
    let other = elsewhere.push_image("app", "v2", &[b"another layer".to_vec()]);
    let layer = &image.layer_digests[0];
    let (server, path) = edited(&upstream).await;
    let (admin, client) = (server.admin(), server.anonymous());
    for project in ["hub", "beside"] {
        let repository = format!("{project}/app");
        client.manifest(&repository, "v1").await.expect(200);
    }
    // A layer on its way, and a tag that nobody answers for.
    upstream.set_mode_for("/blobs/", Mode::Gate);
    upstream.set_mode_for("/manifests/v2", Mode::Hang);
    let layer_path = format!("/v2/hub/app/blobs/{layer}");
    let first = client.request(Method::GET, &layer_path).send();
    let first = first.await.expect("headers come before the bytes");
    let waiting = client.clone();
    let waiting = tokio::spawn(async move { waiting.manifest("hub/app", "v2").await });
    upstream.requests_are("GET", "/manifests/v2", 1).await;

    // The same account in other words joins both; another one is refused, and told so at once.
    let change = json!({ "description": "still the first" });
    admin.put(&path, &change).await.expect(200);
    let joined = client.request(Method::GET, &layer_path).send().await;
    let joined = joined.expect("headers come before the bytes");
    assert_eq!(joined.headers()["x-roadstead-cache"], "joined");
    let change = json!({ "access_key": "second", "access_secret": "two" });
    admin.put(&path, &change).await.expect(200);
    for repository in ["hub/app", "beside/app"] {
        client.blob(repository, layer).await.expect(403);
    }
    let change = json!({ "url": elsewhere.url() });
    admin.put(&path, &change).await.expect(200);
    client.blob("hub/app", layer).await.expect(404);
    let moved = client.manifest("hub/app", "v2").await.expect(200);
    assert_eq!(moved.body, other.manifest);

    // Who had asked before the edits gets what was asked for.
    upstream.release_all();
    for pull in [first, joined] {
        assert_eq!(pull.bytes().await.expect("all of it"), LAYER);
    }
    server.settled().await;
    // It is no word of the registry that is asked now.
    client.blob("beside/app", layer).await.expect(404);
    waiting.abort();
}
