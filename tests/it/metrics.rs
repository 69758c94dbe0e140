//! Metrics: a sequence of pulls gives exactly these counts.

use std::collections::BTreeMap;

use http::Method;
use tests::fake::{FakeUpstream, Mode};
use tests::{Client, Setup, TestServer};

const DENIED: &str = r#"[{"action": "deny", "repository": "secret"}]"#;

/// The samples whose name begins with `name`, by their labels as they are written.
async fn samples(server: &TestServer, name: &str) -> BTreeMap<String, u64> {
    let metrics = Client::new(server.metrics_url().expect("metrics"), None);
    let scraped = metrics.get("/metrics").await.expect(200);
    let text = String::from_utf8_lossy(&scraped.body).into_owned();
    assert!(text.ends_with("# EOF\n"));
    let of_name = text.lines().filter_map(|line| {
        line.strip_prefix(name)?
            .strip_prefix('{')?
            .rsplit_once("} ")
    });
    of_name
        .map(|(labels, value)| (labels.to_owned(), value.parse().expect("a count")))
        .collect()
}

fn labels(upstream: &str, project: &str, rows: &[(&str, &str, u64)]) -> Vec<(String, u64)> {
    let row = |(kind, result, count): &(&str, &str, u64)| {
        let labels = format!(
            "project=\"{project}\",upstream=\"{upstream}\",kind=\"{kind}\",result=\"{result}\""
        );
        (labels, *count)
    };
    rows.iter().map(row).collect()
}

#[tokio::test]
async fn a_sequence_of_pulls_is_counted_exactly() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[vec![7; 10_000]]);
    upstream.push_image("secret", "v1", &[b"x".to_vec()]);
    let setup = Setup::new()
        .endpoint("up", "docker-registry", &upstream.url())
        .project(&format!(
            "{{name: hub, public: true, registry: up, metadata: {{proxy_cache_rules: '{DENIED}'}}}}"
        ))
        .project("{name: unused, public: true, registry: up}")
        .project("{name: hosted, public: true}")
        .line("metric: {enabled: true, port: 0}");
    let server = TestServer::start(setup).await;
    let (client, admin) = (server.anonymous(), server.admin());
    admin.push_image("hosted/app", "v1", &[b"12345"]).await;
    let layer = &image.layer_digests[0];
    let blob = format!("/v2/hub/app/blobs/{layer}");

    client.manifest("hub/app", "v1").await.expect(200); // filled
    client.manifest("hub/app", "v1").await.expect(200); // revalidated
    client
        .manifest("hub/app", image.manifest_digest.as_str())
        .await
        .expect(200); // hit
    client.head("/v2/hub/app/manifests/v1").await.expect(200); // revalidated
    client.manifest("hub/app", "v9").await.expect(404); // not_found
    client.manifest("hub/secret", "v1").await.expect(403); // denied
    upstream.set_mode_for("/blobs/", Mode::Gate);
    let filling = client
        .request(Method::GET, &blob)
        .send()
        .await
        .expect("headers"); // filled
    let joining = client
        .request(Method::GET, &blob)
        .send()
        .await
        .expect("headers"); // joined
    upstream.release_all();
    assert_eq!(filling.bytes().await.expect("bytes").len(), 10_000);
    assert_eq!(joining.bytes().await.expect("bytes").len(), 10_000);
    server.settled().await;
    client.get(&blob).await.expect(200); // hit
    client.head(&blob).await.expect(200); // hit
    let part = client
        .request(Method::GET, &blob)
        .header("range", "bytes=0-99");
    client.send(part).await.expect(206); // hit
    upstream.set_mode(Mode::RefuseConnections);
    client.manifest("hub/app", "v1").await.expect(200); // stale
    client.manifest("hosted/app", "v1").await.expect(200); // hit

    let size = image.manifest.len() as u64;
    let pulls = samples(&server, "roadstead_pulls_total").await;
    let hub = [
        ("manifest", "filled", 1),
        ("manifest", "revalidated", 2),
        ("manifest", "hit", 1),
        ("manifest", "not_found", 1),
        ("manifest", "denied", 1),
        ("manifest", "stale", 1),
        ("blob", "filled", 1),
        ("blob", "joined", 1),
        ("blob", "hit", 3),
    ];
    let mut expected: BTreeMap<String, u64> = labels("up", "hub", &hub).into_iter().collect();
    expected.extend(labels("", "hosted", &[("manifest", "hit", 1)]));
    assert_eq!(pulls, expected);
    let bytes = samples(&server, "roadstead_pulled_bytes_total").await;
    let hub = [
        ("manifest", "filled", size),
        ("manifest", "revalidated", size),
        ("manifest", "hit", size),
        ("manifest", "not_found", 0),
        ("manifest", "denied", 0),
        ("manifest", "stale", size),
        ("blob", "filled", 10_000),
        ("blob", "joined", 10_000),
        ("blob", "hit", 10_100),
    ];
    for (labels, count) in labels("up", "hub", &hub) {
        assert_eq!(bytes.get(&labels), Some(&count), "{labels}");
    }

    // Harbor's: no `HEAD` of a blob, and of the rest what was fetched.
    let count = |method: &str, count| (format!("project=\"hub\",method=\"{method}\""), count);
    let proxied = samples(&server, "harbor_core_http_registry_proxy_requests_total").await;
    assert_eq!(
        proxied,
        BTreeMap::from([count("GET", 10), count("HEAD", 1)])
    );
    let fetched = samples(
        &server,
        "harbor_core_http_registry_proxy_upstream_requests_total",
    )
    .await;
    assert_eq!(fetched, BTreeMap::from([count("GET", 2), count("HEAD", 0)]));
}

#[tokio::test]
async fn requests_are_counted_by_operation_and_projects_by_what_they_have() {
    let setup = Setup::new()
        .project("{name: hosted, public: true}")
        .project("{name: closed, public: false}")
        .line("metric: {enabled: true, port: 0}");
    let server = TestServer::start(setup).await;
    let (client, admin) = (server.anonymous(), server.admin());
    admin.push_image("hosted/app", "v1", &[b"x"]).await;
    for _ in 0..3 {
        client.manifest("hosted/app", "v1").await.expect(200);
    }
    client.manifest("hosted/app", "v2").await.expect(404);
    client.get("/v2/").await.expect(401);
    admin.get("/v2/hosted/app/tags/list").await.expect(200);
    admin.get("/api/v2.0/projects/hosted").await.expect(200);
    // A slash too many is the same operation.
    admin.get("/api/v2.0/projects//hosted/").await.expect(200);
    admin.get("/api/v2.0/projects/4711").await.expect(404);
    admin.get("/api/v2.0/nothing").await.expect(404);
    server.database().flush().await.expect("written");

    let requests = samples(&server, "harbor_core_http_request_total").await;
    for (method, code, operation, count) in [
        ("GET", 200, "v2_manifest", 3),
        ("GET", 404, "v2_manifest", 1),
        ("PUT", 201, "v2_manifest", 1),
        ("POST", 201, "v2_blob_upload", 2),
        ("GET", 401, "v2_others", 1),
        ("GET", 200, "v2_tags", 1),
        ("GET", 200, "getProject", 2),
        ("GET", 404, "getProject", 1),
        ("GET", 404, "unknown", 1),
    ] {
        let labels = format!("method=\"{method}\",code=\"{code}\",operation=\"{operation}\"");
        assert_eq!(
            requests.get(&labels),
            Some(&count),
            "{labels} in {requests:#?}"
        );
    }
    let durations = samples(&server, "harbor_core_http_request_duration_seconds_count").await;
    assert_eq!(
        durations.get("method=\"GET\",operation=\"v2_manifest\""),
        Some(&4)
    );
    let one = |labels: &str, count: u64| BTreeMap::from([(labels.to_owned(), count)]);
    assert_eq!(samples(&server, "harbor_up").await.len(), 3);
    // `library` is there from the start.
    assert_eq!(
        samples(&server, "harbor_project_total").await,
        BTreeMap::from([
            ("public=\"true\"".to_owned(), 2),
            ("public=\"false\"".to_owned(), 1)
        ])
    );
    let repositories = samples(&server, "harbor_project_repo_total").await;
    assert_eq!(
        repositories.get("project_name=\"hosted\",public=\"true\""),
        Some(&1)
    );
    let pulled = samples(&server, "harbor_artifact_pulled").await;
    assert_eq!(pulled.get("project_name=\"hosted\""), Some(&3));
    let artifacts = samples(&server, "harbor_project_artifact_total").await;
    assert_eq!(
        artifacts,
        one(
            "project_name=\"hosted\",public=\"true\",artifact_type=\"IMAGE\"",
            1
        )
    );
    let dropped = samples(&server, "roadstead_audit_dropped_total").await;
    assert_eq!(dropped.into_values().sum::<u64>(), 0);
}
