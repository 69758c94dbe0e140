//! What a project may proxy: what is denied never reaches the upstream, and what is cached is hidden too.

use http::StatusCode;
use oci::{Platform, media_type};
use serde_json::{Value, json};
use tests::fake::{FakeUpstream, Image, Mode};
use tests::{Answer, Client, Setup, TestServer};

const API: &str = "/api/v2.0/projects/hub";
const DRY_RUN: &str = "/api/roadstead/v1/projects/hub/filter/dry-run";

/// A server whose project `hub` proxies everything yet.
async fn open(upstream: &FakeUpstream) -> TestServer {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let endpoint = json!({ "name": "up", "type": "docker-registry", "url": upstream.url() });
    let made = admin
        .post("/api/v2.0/registries", &endpoint)
        .await
        .expect(201);
    let id: i64 = made
        .header("location")
        .rsplit('/')
        .next()
        .and_then(|id| id.parse().ok())
        .expect("a number");
    let project = json!({ "project_name": "hub", "registry_id": id, "public": true });
    admin.post("/api/v2.0/projects", &project).await.expect(201);
    server
}

async fn set(server: &TestServer, settings: Value) {
    let body = json!({ "metadata": settings });
    server.admin().put(API, &body).await.expect(200);
}

async fn rules(server: &TestServer, rules: Value) {
    set(server, json!({ "proxy_cache_rules": rules.to_string() })).await;
}

fn layers() -> Vec<Vec<u8>> {
    vec![b"layer".to_vec()]
}

fn platform(os: &str, architecture: &str) -> Platform {
    Platform {
        os: os.to_owned(),
        architecture: architecture.to_owned(),
        ..Platform::default()
    }
}

/// All that can be asked of an image, `GET` and `HEAD`.
async fn everything(client: &Client, repository: &str, tag: &str, image: &Image) -> Vec<Answer> {
    let digest = &image.manifest_digest;
    let mut answers = Vec::new();
    for path in [
        format!("manifests/{tag}"),
        format!("manifests/{digest}"),
        format!("blobs/{}", image.config_digest),
        format!("blobs/{}", image.layer_digests[0]),
        "tags/list".to_owned(),
        format!("referrers/{digest}"),
    ] {
        let path = format!("/v2/{repository}/{path}");
        answers.push(client.get(&path).await);
        if !path.contains("list") && !path.contains("referrers") {
            answers.push(client.head(&path).await);
        }
    }
    answers
}

#[tokio::test]
async fn a_repository_outside_the_pattern_is_unknown_and_never_asked_for() {
    let upstream = FakeUpstream::start().await;
    let vim = upstream.push_image("library/vim", "9", &layers());
    upstream.push_image("tools/vim", "9", &layers());
    let server = open(&upstream).await;
    let client = server.anonymous();
    client.pull("hub/library/vim", "9").await;
    for (pattern, kind) in [("tools/**", "doublestar"), ("tools/.*", "regex")] {
        let filter =
            json!({ "proxy_cache_filter_pattern": pattern, "proxy_cache_filter_kind": kind });
        set(&server, filter).await;
        upstream.clear();
        for answer in everything(&client, "hub/library/vim", "9", &vim).await {
            assert_eq!(answer.status, StatusCode::NOT_FOUND);
            if !answer.body.is_empty() {
                assert_eq!(
                    (answer.code().as_str(), answer.message().as_str()),
                    (
                        "NAME_UNKNOWN",
                        r#"repository "library/vim" does not match project repository filter"#
                    )
                );
            }
        }
        assert!(upstream.requests().is_empty(), "{:?}", upstream.requests());
    }
    client.pull("hub/tools/vim", "9").await;
    set(&server, json!({ "proxy_cache_filter_pattern": "" })).await;
    client.pull("hub/library/vim", "9").await;
}

#[tokio::test]
async fn a_denied_repository_is_refused_by_every_way_cached_or_not() {
    let upstream = FakeUpstream::start().await;
    let cached = upstream.push_image("app", "1", &layers());
    let cold = upstream.push_image("cold/app", "1", &layers());
    let server = open(&upstream).await;
    let client = server.anonymous();
    client.pull("hub/app", "1").await;
    rules(
        &server,
        json!([{ "action": "allow", "repository": "tools/**" }, { "action": "deny", "repository": "{,cold/}app" }]),
    )
    .await;
    upstream.clear();
    for (repository, image) in [("app", &cached), ("cold/app", &cold)] {
        for answer in everything(&client, &format!("hub/{repository}"), "1", image).await {
            assert_eq!(answer.status, StatusCode::FORBIDDEN);
            if !answer.body.is_empty() {
                assert_eq!(answer.code(), "DENIED");
                let said = answer.message();
                assert!(said.starts_with("rule 2 of project hub denies "), "{said}");
            }
        }
    }
    let other = client.manifest("hub/other", "1").await.expect(403);
    assert_eq!(other.message(), "no rule of project hub allows other");
    assert!(upstream.requests().is_empty(), "{:?}", upstream.requests());
}

#[tokio::test]
async fn a_denied_tag_cannot_be_had_by_its_digest_nor_seen_in_the_list() {
    let upstream = FakeUpstream::start().await;
    let old = upstream.push_image("app", "latest", &[b"old".to_vec()]);
    let both = upstream.push_image("app", "v2", &[b"new".to_vec()]);
    upstream.push_manifest(
        "app",
        "edge",
        media_type::OCI_MANIFEST,
        String::from_utf8(both.manifest.to_vec()).expect("text"),
    );
    let server = open(&upstream).await;
    let client = server.anonymous();
    for tag in ["latest", "v2", "edge"] {
        client.pull("hub/app", tag).await;
    }
    rules(
        &server,
        json!([{ "action": "deny", "tag": "{latest,edge,cold}" }]),
    )
    .await;
    upstream.clear();
    for reference in ["latest", "edge", "cold", old.manifest_digest.as_str()] {
        let path = format!("/v2/hub/app/manifests/{reference}");
        let denied = client.get(&path).await.expect(403);
        assert!(
            denied.message().starts_with("rule 1 of"),
            "{}",
            denied.message()
        );
        client.head(&path).await.expect(403);
    }
    let about = format!("/v2/hub/app/referrers/{}", old.manifest_digest);
    client.get(&about).await.expect(403);
    assert!(upstream.requests().is_empty(), "{:?}", upstream.requests());
    // Its other name is allowed, and so is the digest.
    client
        .manifest("hub/app", both.manifest_digest.as_str())
        .await
        .expect(200);
    client.pull("hub/app", "v2").await;
    let tags = client.get("/v2/hub/app/tags/list").await.expect(200).json();
    assert_eq!(tags["tags"], json!(["v2"]));
}

#[tokio::test]
async fn a_platform_is_denied_and_its_index_stays_whole() {
    let upstream = FakeUpstream::start().await;
    let (linux, windows) = (platform("linux", "amd64"), platform("windows", "amd64"));
    let children = [
        upstream.push_image_for("app", None, &linux, &[b"elf".to_vec()]),
        upstream.push_image_for("app", None, &windows, &[b"exe".to_vec()]),
    ];
    let [elf, exe] = children.clone();
    let index = upstream.push_index(
        "app",
        "1",
        &[(linux, elf.clone()), (windows.clone(), exe.clone())],
    );
    let alone = upstream.push_image_for("app", Some("alone"), &windows, &[b"one".to_vec()]);
    let server = open(&upstream).await;
    let client = server.anonymous();
    client.pull("hub/app", "alone").await;
    rules(
        &server,
        json!([{ "action": "allow", "platform": "linux/*" }]),
    )
    .await;
    let whole = client.manifest("hub/app", "1").await.expect(200);
    assert_eq!(whole.header("docker-content-digest"), index.as_str());
    assert_eq!(whole.json()["manifests"].as_array().map(Vec::len), Some(2));
    client
        .manifest("hub/app", elf.manifest_digest.as_str())
        .await
        .expect(200);
    upstream.clear();
    let denied = client
        .manifest("hub/app", exe.manifest_digest.as_str())
        .await
        .expect(403);
    assert!(
        denied.message().contains("for windows/amd64"),
        "{}",
        denied.message()
    );
    // An image without an index says itself what it is for.
    client
        .manifest("hub/app", alone.manifest_digest.as_str())
        .await
        .expect(403);
    assert!(upstream.requests().is_empty(), "{:?}", upstream.requests());
    client.manifest("hub/app", "alone").await.expect(403);
}

#[tokio::test]
async fn a_dry_run_tells_what_a_filter_would_do_and_changes_nothing() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("library/app", "1", &layers());
    upstream.push_image("library/app", "2", &[b"two".to_vec()]);
    upstream.push_image("tools/vim", "9", &layers());
    let server = open(&upstream).await;
    let (admin, client) = (server.admin(), server.anonymous());
    for (repository, tag) in [
        ("library/app", "1"),
        ("library/app", "2"),
        ("tools/vim", "9"),
    ] {
        client.pull(&format!("hub/{repository}"), tag).await;
    }
    upstream.clear();
    let digest = &image.manifest_digest;
    let body = json!({
        "proxy_cache_filter_pattern": "library/*",
        "proxy_cache_rules": [{ "action": "deny", "tag": "1" }, { "action": "allow" }],
        "names": ["library/new:3", "other/new", format!("library/app@{digest}")],
    });
    let report = admin.post(DRY_RUN, &body).await.expect(200).json();
    let denied = |name: &str| json!({ "name": name, "allowed": false, "rule": 1, "by": "rule 1" });
    let allowed = |name: &str| json!({ "name": name, "allowed": true, "rule": 2, "by": "rule 2" });
    let outside =
        |name: &str| json!({ "name": name, "allowed": false, "by": "proxy_cache_filter_pattern" });
    let with = |mut repository: Value, tags: Value| {
        repository["tags"] = tags;
        repository
    };
    assert_eq!(
        report,
        json!({
            "allowed": 1, "denied": 2, "cut": false,
            "repositories": [
                with(allowed("library/app"), json!([denied("1"), allowed("2")])),
                with(outside("tools/vim"), json!([outside("9")])),
            ],
            "names": [allowed("library/new:3"), outside("other/new"), denied(&format!("library/app@{digest}"))],
        })
    );
    assert!(upstream.requests().is_empty(), "{:?}", upstream.requests());
    client.pull("hub/tools/vim", "9").await;
    let present = admin.post(DRY_RUN, &json!({})).await.expect(200).json();
    assert_eq!(
        (&present["allowed"], &present["denied"]),
        (&json!(3), &json!(0))
    );
    for (wrong, part) in [
        (
            json!({ "proxy_cache_rules": [{ "action": "no" }] }),
            "rule 1",
        ),
        (
            json!({ "proxy_cache_filter_pattern": "(", "proxy_cache_filter_kind": "regex" }),
            "invalid",
        ),
        (json!({ "names": ["A B"] }), "no repository"),
    ] {
        let refused = admin.post(DRY_RUN, &wrong).await.expect(400);
        assert!(refused.message().contains(part), "{}", refused.message());
    }
    client.post(DRY_RUN, &json!({})).await.expect(401);
    let hosted = "/api/roadstead/v1/projects/library/filter/dry-run";
    admin.post(hosted, &json!({})).await.expect(400);
    admin
        .post("/api/roadstead/v1/nothing", &json!({}))
        .await
        .expect(404);
}

#[tokio::test]
async fn referrers_stay_local_where_the_project_says_so() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "1", &layers());
    let server = open(&upstream).await;
    let client = server.anonymous();
    client.pull("hub/app", "1").await;
    server.settled().await;
    set(&server, json!({ "proxy_referrer_api": "false" })).await;
    upstream.clear();
    let path = format!("/v2/hub/app/referrers/{}", image.manifest_digest);
    let listed = client.get(&path).await.expect(200).json();
    assert_eq!(listed["manifests"], json!([]));
    assert!(upstream.requests().is_empty(), "{:?}", upstream.requests());
    set(&server, json!({ "proxy_referrer_api": "true" })).await;
    client.get(&path).await.expect(200);
    assert_eq!(upstream.count("GET", "/referrers/"), 1);
}

#[tokio::test]
async fn metrics_are_on_a_port_of_their_own() {
    let upstream = FakeUpstream::start().await;
    upstream.push_image("app", "1", &layers());
    let setup = Setup::new()
        .proxy_of("hub", &upstream.url())
        .line("metric: {enabled: true, port: 0, path: /m}");
    let server = TestServer::start(setup).await;
    let metrics = Client::new(server.metrics_url().expect("metrics"), None);
    server.anonymous().pull("hub/app", "1").await;
    server.settled().await;
    let scraped = metrics.get("/m").await.expect(200);
    let content_type = scraped.header("content-type");
    assert!(
        content_type.starts_with("application/openmetrics-text; version=1.0.0"),
        "{content_type}"
    );
    let open =
        |is_open: u8| format!("roadstead_upstream_breaker_open{{upstream=\"hub\"}} {is_open}\n");
    let text = String::from_utf8_lossy(&scraped.body).into_owned();
    assert!(text.contains("roadstead_fills_in_flight 0\n"), "{text}");
    assert!(
        text.contains(&open(0)) && text.ends_with("# EOF\n"),
        "{text}"
    );
    upstream.set_mode(Mode::RefuseConnections);
    server
        .anonymous()
        .manifest("hub/app", "1")
        .await
        .expect(200);
    let text = metrics.get("/m").await.expect(200);
    assert!(String::from_utf8_lossy(&text.body).contains(&open(1)));
    metrics.get("/").await.expect(404);
    server.anonymous().get("/m").await.expect(404);
}
