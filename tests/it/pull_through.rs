//! The proxy cache's daily work: tags that stay, tags that move, indexes, names, lists.

use http::Method;
use oci::{Digest, Platform, media_type};
use serde_json::json;
use tests::fake::{FakeUpstream, Mode};
use tests::{Setup, TestServer};

async fn hub(upstream: &FakeUpstream) -> TestServer {
    TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await
}

#[tokio::test]
async fn a_second_pull_comes_from_the_cache_after_one_head() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image(
        "library/alpine",
        "3.20",
        &[b"base".to_vec(), b"more".to_vec()],
    );
    let server = hub(&upstream).await;
    let cold = server.anonymous().pull("hub/library/alpine", "3.20").await;
    assert_eq!(cold.digest, image.manifest_digest);
    assert_eq!(upstream.count("GET", "/manifests/"), 1);
    assert_eq!(upstream.count("GET", "/blobs/"), 3);
    upstream.clear();
    let hot = server.anonymous().pull("hub/library/alpine", "3.20").await;
    assert_eq!(hot, cold);
    assert_eq!(
        (
            upstream.count("HEAD", "/manifests/"),
            upstream.count("GET", "")
        ),
        (1, 0)
    );
    let tag = server
        .anonymous()
        .manifest("hub/library/alpine", "3.20")
        .await
        .expect(200);
    assert_eq!((tag.outcome(), tag.header("age")), ("revalidated", "0"));
}

#[tokio::test]
async fn a_cached_digest_asks_nothing_upstream() {
    let upstream = FakeUpstream::start().await;
    upstream.push_image("library/alpine", "3.20", &[b"base".to_vec()]);
    let server = hub(&upstream).await;
    let pulled = server.anonymous().pull("hub/library/alpine", "3.20").await;
    server.settled().await;
    upstream.clear();
    let client = server.anonymous();
    let answer = client
        .manifest("hub/library/alpine", pulled.digest.as_str())
        .await
        .expect(200);
    assert_eq!(answer.outcome(), "hit");
    for blob in &pulled.blobs {
        assert_eq!(
            client
                .blob("hub/library/alpine", blob)
                .await
                .expect(200)
                .outcome(),
            "hit"
        );
    }
    assert!(upstream.requests().is_empty(), "{:?}", upstream.requests());
}

#[tokio::test]
async fn a_tag_that_moved_is_fetched_and_kept() {
    let upstream = FakeUpstream::start().await;
    let old = upstream.push_image("app", "latest", &[b"old".to_vec()]);
    let server = hub(&upstream).await;
    assert_eq!(
        server.anonymous().pull("hub/app", "latest").await.digest,
        old.manifest_digest
    );
    let new = upstream.push_image("app", "latest", &[b"new".to_vec()]);
    assert_eq!(
        server.anonymous().pull("hub/app", "latest").await.digest,
        new.manifest_digest
    );
    upstream.set_mode(Mode::Status(503, Vec::new()));
    assert_eq!(
        server.anonymous().pull("hub/app", "latest").await.digest,
        new.manifest_digest
    );
    // And back again: nothing is fetched twice.
    upstream.set_mode(Mode::Normal);
    upstream.push_manifest(
        "app",
        "latest",
        media_type::OCI_MANIFEST,
        old.manifest.clone(),
    );
    upstream.clear();
    let answer = eventually_digest(&server, "hub/app", "latest", &old.manifest_digest).await;
    assert!(answer);
    assert_eq!(upstream.count("GET", "/manifests/"), 0);
}

/// After an outage the breaker closes by itself; until then the tag is stale.
async fn eventually_digest(
    server: &TestServer,
    repository: &str,
    tag: &str,
    digest: &Digest,
) -> bool {
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(10);
    while tokio::time::Instant::now() < deadline {
        let answer = server
            .anonymous()
            .manifest(repository, tag)
            .await
            .expect(200);
        if answer.header("docker-content-digest") == digest.as_str() {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    false
}

#[tokio::test]
async fn a_tag_is_believed_for_as_long_as_the_project_says() {
    let upstream = FakeUpstream::start().await;
    upstream.push_image("app", "latest", &[b"old".to_vec()]);
    let setup = Setup::new()
        .endpoint("up", "docker-registry", &upstream.url())
        .project("{name: hub, public: true, registry: up, revalidate_after: 10m}");
    let server = TestServer::start(setup).await;
    server.anonymous().pull("hub/app", "latest").await;
    upstream.clear();
    for _ in 0..20 {
        assert_eq!(
            server
                .anonymous()
                .manifest("hub/app", "latest")
                .await
                .expect(200)
                .outcome(),
            "hit"
        );
    }
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn concurrent_pulls_of_a_tag_share_one_head() {
    let upstream = FakeUpstream::start().await;
    upstream.push_image("app", "latest", &[b"layer".to_vec()]);
    let server = hub(&upstream).await;
    server.anonymous().pull("hub/app", "latest").await;
    upstream.clear();
    upstream.set_mode_for(
        "/manifests/",
        Mode::Delay(std::time::Duration::from_millis(500)),
    );
    let pulls = (0..50).map(|_| {
        let client = server.anonymous();
        tokio::spawn(async move { client.manifest("hub/app", "latest").await.expect(200) })
    });
    let pulls: Vec<_> = pulls.collect();
    for pull in pulls {
        pull.await.expect("no panic");
    }
    assert_eq!(upstream.count("HEAD", "/manifests/"), 1);
}

fn platform(architecture: &str) -> Platform {
    Platform {
        architecture: architecture.to_owned(),
        os: "linux".to_owned(),
        ..Platform::default()
    }
}

#[tokio::test]
async fn an_index_is_kept_whole_and_its_children_when_asked_for() {
    let upstream = FakeUpstream::start().await;
    let amd64 = upstream.push_image("app", "amd64", &[b"for amd64".to_vec()]);
    let arm64 = upstream.push_image("app", "arm64", &[b"for arm64".to_vec()]);
    let index = upstream.push_index(
        "app",
        "multi",
        &[
            (platform("amd64"), amd64.clone()),
            (platform("arm64"), arm64.clone()),
        ],
    );
    let server = hub(&upstream).await;
    let client = server.anonymous();
    let by_tag = client.manifest("hub/app", "multi").await.expect(200);
    assert_eq!(Digest::sha256(&by_tag.body), index);
    assert_eq!(by_tag.header("content-type"), media_type::OCI_INDEX);
    client.pull("hub/app", amd64.manifest_digest.as_str()).await;
    assert_eq!(
        upstream.count("GET", arm64.manifest_digest.as_str()),
        0,
        "nobody asked for arm64"
    );

    upstream.set_mode(Mode::RefuseConnections);
    assert_eq!(
        client.manifest("hub/app", "multi").await.expect(200).body,
        by_tag.body
    );
    assert_eq!(
        client
            .manifest("hub/app", index.as_str())
            .await
            .expect(200)
            .body,
        by_tag.body
    );
    client.pull("hub/app", amd64.manifest_digest.as_str()).await;
    let missing = client
        .manifest("hub/app", arm64.manifest_digest.as_str())
        .await
        .expect(502);
    assert!(
        missing.message().contains("upstream hub")
            && missing.message().contains("nothing is cached"),
        "{}",
        missing.message()
    );
}

#[tokio::test]
async fn tag_and_artifact_are_in_the_api_once_the_manifest_has_been_served() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("library/alpine", "3.20", &[b"base".to_vec()]);
    let server = hub(&upstream).await;
    // HEAD alone, as a client does that only wants to know.
    server
        .anonymous()
        .head("/v2/hub/library/alpine/manifests/3.20")
        .await
        .expect(200);
    let path = "/api/v2.0/projects/hub/repositories/library%252Falpine/artifacts";
    let artifacts = server.anonymous().get(path).await.expect(200).json();
    assert_eq!(artifacts[0]["digest"], json!(image.manifest_digest));
    assert_eq!(artifacts[0]["tags"][0]["name"], "3.20");
}

#[tokio::test]
async fn head_of_a_cold_blob_costs_one_head_and_no_download() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[vec![7; 100_000]]);
    let server = hub(&upstream).await;
    let path = format!("/v2/hub/app/blobs/{}", image.layer_digests[0]);
    let answer = server.anonymous().head(&path).await.expect(200);
    assert_eq!(answer.header("content-length"), "100000");
    assert_eq!(
        (
            upstream.count("HEAD", "/blobs/"),
            upstream.count("GET", "/blobs/")
        ),
        (1, 0)
    );
}

#[tokio::test]
async fn docker_hubs_own_images_need_no_namespace() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("library/nginx", "1.27", &[b"layer".to_vec()]);
    let setup = Setup::new()
        .endpoint("dockerhub", "docker-hub", &upstream.url())
        .proxy("hub", "dockerhub");
    let server = TestServer::start(setup).await;
    let short = server.anonymous().pull("hub/nginx", "1.27").await;
    let long = server.anonymous().pull("hub/library/nginx", "1.27").await;
    assert_eq!((&short, &short.digest), (&long, &image.manifest_digest));
    assert_eq!(
        upstream.count("GET", "/blobs/"),
        2,
        "both names are one repository"
    );
    let tags = server
        .anonymous()
        .get("/v2/hub/nginx/tags/list")
        .await
        .expect(200)
        .json();
    assert_eq!(tags, json!({ "name": "hub/nginx", "tags": ["1.27"] }));
}

#[tokio::test]
async fn tags_are_upstreams_and_the_cached_ones_in_pages() {
    let upstream = FakeUpstream::start().await;
    for tag in ["a", "b", "c"] {
        upstream.push_image("app", tag, &[b"layer".to_vec()]);
    }
    let server = hub(&upstream).await;
    let client = server.anonymous();
    client.pull("hub/app", "b").await;
    upstream.delete_tag("app", "b");
    let all = client.get("/v2/hub/app/tags/list").await.expect(200).json();
    assert_eq!(
        all["tags"],
        json!(["a", "b", "c"]),
        "the cached one stays in the list"
    );
    let page = client
        .get("/v2/hub/app/tags/list?n=1&last=a")
        .await
        .expect(200);
    assert_eq!(
        (page.json()["tags"].clone(), page.header("link")),
        (
            json!(["b"]),
            "</v2/hub/app/tags/list?last=b&n=1>; rel=\"next\""
        )
    );
    assert_eq!(upstream.count("GET", "/tags/list"), 1, "the list is cached");
    let server = server.restart().await;
    upstream.set_mode(Mode::RefuseConnections);
    let cached = server
        .anonymous()
        .get("/v2/hub/app/tags/list")
        .await
        .expect(200)
        .json();
    assert_eq!(
        cached["tags"],
        json!(["b"]),
        "without upstream, what is cached"
    );
}

#[tokio::test]
async fn referrers_come_through_and_stay() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[b"layer".to_vec()]);
    let about = json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [],
        "artifactType": "application/vnd.example.sbom",
        "subject": { "mediaType": media_type::OCI_MANIFEST, "digest": image.manifest_digest, "size": 1 },
    })
    .to_string();
    let sbom = upstream.push_manifest("app", "sbom", media_type::OCI_INDEX, about);
    let server = hub(&upstream).await;
    let path = format!("/v2/hub/app/referrers/{}", image.manifest_digest);
    let online = server.anonymous().get(&path).await.expect(200).json();
    assert_eq!(online["manifests"][0]["digest"], json!(sbom));
    server
        .anonymous()
        .manifest("hub/app", sbom.as_str())
        .await
        .expect(200);
    let server = server.restart().await;
    upstream.set_mode(Mode::RefuseConnections);
    let offline = server.anonymous().get(&path).await.expect(200).json();
    assert_eq!(offline["manifests"][0]["digest"], json!(sbom));
    let filtered = server
        .anonymous()
        .get(&format!("{path}?artifactType=application/vnd.other"))
        .await
        .expect(200);
    assert_eq!(filtered.json()["manifests"], json!([]));
}

#[tokio::test]
async fn any_manifest_is_served_as_it_came() {
    let upstream = FakeUpstream::start().await;
    let server = hub(&upstream).await;
    for (tag, media_type, text) in [
        (
            "opaque",
            "application/vnd.example.thing+json",
            "{ \"any\" :\t\"thing\" }\n",
        ),
        (
            "schema1",
            media_type::DOCKER_SCHEMA1,
            "{\"schemaVersion\": 1, \"name\": \"x\"}",
        ),
        (
            "list",
            media_type::DOCKER_LIST,
            "{\"schemaVersion\": 2, \"manifests\": [], \"annotations\": {\"a\": \"b\"}}",
        ),
    ] {
        let digest = upstream.push_manifest("app", tag, media_type, text);
        let answer = server
            .anonymous()
            .manifest("hub/app", tag)
            .await
            .expect(200);
        assert_eq!(
            (&answer.body[..], answer.header("content-type")),
            (text.as_bytes(), media_type)
        );
        assert_eq!(answer.header("docker-content-digest"), digest.as_str());
    }
}

#[tokio::test]
async fn nobody_pushes_into_a_proxy_project() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[b"layer".to_vec()]);
    let server = hub(&upstream).await;
    let admin = server.admin();
    admin.pull("hub/app", "v1").await;
    let layer = &image.layer_digests[0];
    let requests = [
        (Method::POST, "/v2/hub/app/blobs/uploads/".to_owned()),
        (
            Method::POST,
            format!("/v2/hub/app/blobs/uploads/?mount={layer}&from=hub/app"),
        ),
        (
            Method::POST,
            format!("/v2/hub/app/blobs/uploads/?digest={layer}"),
        ),
        (Method::PUT, "/v2/hub/app/manifests/v2".to_owned()),
        (Method::DELETE, "/v2/hub/app/manifests/v1".to_owned()),
    ];
    for (method, path) in requests {
        let request = admin
            .request(method.clone(), &path)
            .header("content-type", media_type::OCI_MANIFEST);
        let answer = admin
            .send(request.body(image.manifest.clone()))
            .await
            .expect(403);
        assert_eq!(answer.code(), "DENIED", "{method} {path}");
        assert_eq!(
            answer.message(),
            "denied: can not push artifact to a proxy project: hub"
        );
    }
    let push = server.anonymous();
    push.send(push.request(Method::POST, "/v2/hub/app/blobs/uploads/"))
        .await
        .expect(401);
}
