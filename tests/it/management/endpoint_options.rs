//! What an endpoint can be told beyond Harbor's fields: shown without secrets, and kept where it belongs.

use http::Method;
use serde_json::{Value, json};
use tests::fake::{FakeUpstream, Mode};
use tests::{Client, Setup, TestServer};

use super::{delete, endpoint, get, number, post, put, status_is};

async fn options(admin: &Client, path: &str) -> Value {
    get(admin, path).await.expect(200).json()["options"].clone()
}

#[tokio::test]
async fn options_are_shown_without_secrets_and_come_back_whole() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let path = endpoint(&admin, "up", &upstream.url()).await;
    assert_eq!(options(&admin, &path).await, Value::Null);
    let given = json!({
        "max_connections": 4,
        "headers": { "x-tenant": "S3cret-header" },
        "credentials": [{ "access_key": "second", "access_secret": "S3cret-second" }],
        "auth": { "method": "aws", "session_token": "S3cret-token", "region": "eu-west-1" },
    });
    let body = json!({ "name": "new", "type": "docker-registry", "url": upstream.url(), "options": given });
    let created = post(&admin, "/registries", body).await.expect(201);
    let new = created
        .header("location")
        .trim_start_matches(super::API)
        .to_owned();
    let shown = options(&admin, &new).await;
    let expected = json!({
        "max_connections": 4,
        "headers": { "x-tenant": "*****" },
        "credentials": [{ "access_key": "second", "access_secret": "*****" }],
        "auth": { "method": "aws", "session_token": "*****", "region": "eu-west-1" },
    });
    assert_eq!(shown, expected);
    // A client that sends back what it got changes nothing; one that says nothing of it neither.
    let whole = get(&admin, &new).await.expect(200).json();
    put(&admin, &new, whole).await.expect(200);
    put(&admin, &new, json!({ "description": "d", "options": null }))
        .await
        .expect(200);
    assert_eq!(options(&admin, &new).await, expected);
    put(&admin, &new, json!({ "options": {} }))
        .await
        .expect(200);
    assert_eq!(options(&admin, &new).await, Value::Null);
    let listed = get(&admin, "/registries").await.expect(200);
    assert!(!String::from_utf8_lossy(&listed.body).contains("S3cret"));
}

#[tokio::test]
async fn an_option_that_means_nothing_is_refused_by_name() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let path = endpoint(&admin, "up", "http://127.0.0.1:1").await;
    for (wrong, named) in [
        (json!({ "colour": "red" }), "colour"),
        (json!({ "auth": { "method": "magic" } }), "magic"),
        (json!({ "auth": { "method": "aws", "rôle": 1 } }), "rôle"),
        (json!({ "ip_family": "ipv5" }), "ipv5"),
        (json!(7), "options"),
    ] {
        let body = json!({ "name": "x", "type": "quay", "options": wrong });
        for answer in [
            put(&admin, &path, json!({ "options": wrong })).await,
            post(&admin, "/registries", body.clone()).await,
            post(&admin, "/registries/ping", body).await,
        ] {
            let answer = answer.expect(400);
            assert_eq!(answer.code(), "BAD_REQUEST");
            assert!(answer.message().contains(named), "{}", answer.message());
        }
    }
}

#[tokio::test]
async fn another_address_gets_no_secret_of_any_kind() {
    let (upstream, elsewhere) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let path = endpoint(&admin, "up", &upstream.url()).await;
    let change = json!({
        "access_key": "robot", "access_secret": "S3cret",
        "options": {
            "http2": false, "headers": { "x-tenant": "S3cret" },
            "credentials": [{ "access_key": "second", "access_secret": "S3cret" }],
        },
    });
    put(&admin, &path, change).await.expect(200);
    // What was shown is sent back with the new address, as a form does.
    let mut whole = get(&admin, &path).await.expect(200).json();
    whole["url"] = json!(elsewhere.url());
    put(&admin, &path, whole).await.expect(200);
    let moved = status_is(&admin, &path, "healthy").await;
    assert_eq!(moved["options"], json!({ "http2": false }));
    assert!(
        moved["credential"].get("access_secret").is_none(),
        "{moved}"
    );
    // Given anew, they are taken along.
    let change = json!({ "url": upstream.url(), "access_secret": "New", "options": { "headers": { "x-tenant": "new" } } });
    put(&admin, &path, change).await.expect(200);
    let back = get(&admin, &path).await.expect(200).json();
    assert_eq!(back["options"]["headers"], json!({ "x-tenant": "*****" }));
    assert_eq!(back["credential"]["access_secret"], "*****");
}

#[tokio::test]
async fn saving_waits_for_no_answer_and_traffic_speaks_for_itself() {
    let upstream = FakeUpstream::start().await;
    upstream.push_image("app", "v1", &[b"layer".to_vec()]);
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    upstream.set_mode(Mode::Hang);
    let started = std::time::Instant::now();
    let path = endpoint(&admin, "up", &upstream.url()).await;
    put(&admin, &path, json!({ "description": "still silent" }))
        .await
        .expect(200);
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
    let shown = get(&admin, &path).await.expect(200).json();
    assert_eq!(shown.get("status"), None, "nothing is known yet: {shown}");
    upstream.set_mode(Mode::Normal);
    put(&admin, &path, json!({ "description": "it speaks" }))
        .await
        .expect(200);
    status_is(&admin, &path, "healthy").await;
    let project = json!({ "project_name": "hub", "registry_id": number(&path), "public": true });
    post(&admin, "/projects", project).await.expect(201);
    admin.pull("hub/app", "v1").await;
    // Nobody looks at it again, but a pull finds it gone.
    upstream.set_mode(Mode::RefuseConnections);
    upstream.cut_connections();
    admin.manifest("hub/other", "v1").await.expect(502);
    let shown = get(&admin, &path).await.expect(200).json();
    assert_eq!(shown["status"], "unhealthy");
    assert!(shown["status_reason"].is_string(), "{shown}");
    let summary = get(&admin, "/projects/hub/summary")
        .await
        .expect(200)
        .json();
    assert_eq!(summary["registry"]["status"], "unhealthy");
    assert!(
        summary["registry"].get("status_reason").is_none(),
        "{summary}"
    );
    let refused = delete(&admin, &path).await.expect(412);
    assert!(refused.message().contains("hub"), "{}", refused.message());
    let path = format!("{}{path}", super::API);
    let head = admin.send(admin.request(Method::GET, &path)).await;
    head.expect(200);
}
