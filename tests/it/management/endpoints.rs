//! Endpoints: Harbor's registries, saved, changed and pinged.

use serde_json::json;
use tests::fake::{FakeUpstream, Mode};
use tests::{Setup, TestServer};

use super::{API, delete, endpoint, get, number, post, put, status_is, user};

#[tokio::test]
async fn an_endpoint_is_saved_whether_it_answers_or_not() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    assert_eq!(
        get(&admin, "/registries").await.expect(200).json(),
        json!([])
    );
    let body = json!({
        "name": "up", "type": "docker-registry", "url": format!("{}/", upstream.url()), "description": "near",
        "credential": { "type": "basic", "access_key": "robot", "access_secret": "S3cret" },
    });
    upstream.require_basic("robot", "S3cret");
    let path = post(&admin, "/registries", body.clone())
        .await
        .expect(201)
        .header("location")
        .trim_start_matches(API)
        .to_owned();
    status_is(&admin, &path, "healthy").await;
    let saved = get(&admin, &path).await.expect(200);
    assert!(!String::from_utf8_lossy(&saved.body).contains("S3cret"));
    let saved = saved.json();
    assert_eq!(
        (&saved["url"], &saved["status"], &saved["type"]),
        (
            &json!(upstream.url()),
            &json!("healthy"),
            &json!("docker-registry")
        )
    );
    assert_eq!(
        saved["credential"],
        json!({ "type": "basic", "access_key": "robot", "access_secret": "*****" })
    );
    let again = post(&admin, "/registries", body).await.expect(409);
    assert_eq!(again.message(), "registry up already exists");
    upstream.set_mode(Mode::RefuseConnections);
    let down = endpoint(&admin, "down", &upstream.url()).await;
    let shown = status_is(&admin, &down, "unhealthy").await;
    let reason = shown["status_reason"].as_str().unwrap_or_default();
    assert!(reason.contains("cannot be reached"), "{shown}");
    assert!(shown["checked_at"].is_string(), "{shown}");
    let listed = get(&admin, "/registries?page_size=1").await.expect(200);
    assert_eq!(
        (
            listed.header("x-total-count"),
            listed.json()[0]["name"].as_str()
        ),
        ("2", Some("down"))
    );
    assert_eq!(
        listed.header("link"),
        "</api/v2.0/registries?page=2&page_size=1>; rel=\"next\""
    );
    assert_eq!(
        get(&admin, "/registries?name=U")
            .await
            .expect(200)
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    for wrong in [
        json!({ "name": "x", "type": "carrier-pigeon", "url": "http://a.example" }),
        json!({ "name": "x", "type": "docker-registry", "url": "ftp://a.example" }),
        json!({ "name": "x", "type": "docker-registry", "url": "http://me:secret@a.example" }),
        json!({ "name": "", "type": "docker-registry", "url": "http://a.example" }),
    ] {
        assert_eq!(
            post(&admin, "/registries", wrong).await.expect(400).code(),
            "BAD_REQUEST"
        );
    }
    delete(&admin, &down).await.expect(200);
    assert_eq!(
        get(&admin, &down).await.expect(404).message(),
        format!("registry {} not found", number(&down))
    );
    for path in ["/registries", "/replication/adapters", &path] {
        get(&server.anonymous(), path).await.expect(401);
        get(&user(&server, &format!("u{}", path.len())).await, path)
            .await
            .expect(403);
    }
}

#[tokio::test]
async fn a_secret_stays_until_the_address_changes() {
    let upstream = FakeUpstream::start().await;
    let elsewhere = FakeUpstream::start().await;
    upstream.require_basic("robot", "S3cret");
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let path = endpoint(&admin, "up", &upstream.url()).await;
    put(
        &admin,
        &path,
        json!({ "access_key": "robot", "access_secret": "S3cret" }),
    )
    .await
    .expect(200);
    put(
        &admin,
        &path,
        json!({ "description": "kept", "access_secret": "*****" }),
    )
    .await
    .expect(200);
    let saved = status_is(&admin, &path, "healthy").await;
    assert_eq!(saved["credential"]["access_secret"], "*****");
    // The type can change, and keeps the secret.
    put(&admin, &path, json!({ "type": "harbor" }))
        .await
        .expect(200);
    let saved = status_is(&admin, &path, "healthy").await;
    assert_eq!(
        (&saved["type"], &saved["credential"]["access_secret"]),
        (&json!("harbor"), &json!("*****"))
    );
    let refused = put(&admin, &path, json!({ "type": "pigeon" }))
        .await
        .expect(400);
    assert!(
        refused.message().contains("google-gcr"),
        "{}",
        refused.message()
    );
    put(&admin, &path, json!({ "url": elsewhere.url() }))
        .await
        .expect(200);
    let moved = get(&admin, &path).await.expect(200).json();
    assert_eq!(moved["url"], elsewhere.url());
    assert!(
        moved["credential"].get("access_secret").is_none(),
        "{moved}"
    );
    let sent = |upstream: &FakeUpstream| {
        upstream
            .requests()
            .into_iter()
            .filter_map(|seen| seen.authorization)
            .collect::<Vec<_>>()
    };
    assert!(
        sent(&elsewhere)
            .iter()
            .all(|header| !header.contains("cm9ib3Q6UzNjcmV0")),
        "{:?}",
        sent(&elsewhere)
    );
}

#[tokio::test]
async fn a_ping_of_a_saved_endpoint_sends_its_secret_nowhere_else() {
    let upstream = FakeUpstream::start().await;
    let elsewhere = FakeUpstream::start().await;
    upstream.require_basic("robot", "S3cret");
    elsewhere.require_basic("robot", "S3cret");
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let path = endpoint(&admin, "up", &upstream.url()).await;
    let wrong = json!({ "type": "docker-registry", "url": upstream.url(), "access_key": "robot", "access_secret": "wrong" });
    let refused = post(&admin, "/registries/ping", wrong).await.expect(400);
    assert!(
        refused.message().starts_with("the registry is unhealthy"),
        "{}",
        refused.message()
    );
    put(
        &admin,
        &path,
        json!({ "access_key": "robot", "access_secret": "S3cret" }),
    )
    .await
    .expect(200);
    post(
        &admin,
        "/registries/ping",
        json!({ "id": number(&path), "url": elsewhere.url() }),
    )
    .await
    .expect(200);
    assert!(elsewhere.requests().is_empty());
    post(
        &admin,
        "/registries/ping",
        json!({ "id": number(&path), "access_secret": "wrong" }),
    )
    .await
    .expect(400);
    post(&admin, "/registries/ping", json!({ "id": 404 }))
        .await
        .expect(404);
    assert_eq!(
        post(&admin, "/registries/ping", json!({}))
            .await
            .expect(400)
            .message(),
        "type or url cannot be empty"
    );
    let info = get(&admin, &format!("{path}/info"))
        .await
        .expect(200)
        .json();
    assert_eq!(info["type"], "docker-registry");
}

#[tokio::test]
async fn forms_are_told_ten_types_and_what_is_usual_for_each() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let adapters = get(&admin, "/replication/adapters")
        .await
        .expect(200)
        .json();
    let expected = [
        "ali-acr",
        "aws-ecr",
        "azure-acr",
        "docker-hub",
        "docker-registry",
        "github-ghcr",
        "google-gcr",
        "harbor",
        "jfrog-artifactory",
        "quay",
    ];
    assert_eq!(adapters, json!(expected));
    let infos = get(&admin, "/replication/adapterinfos")
        .await
        .expect(200)
        .json();
    for kind in expected {
        let info = &infos[kind];
        assert!(
            info["endpoint_pattern"]["endpoints"].is_array(),
            "{kind}: {info}"
        );
        assert!(
            info["credential_pattern"]["access_key_type"].is_string(),
            "{kind}: {info}"
        );
    }
    assert_eq!(
        infos["docker-hub"]["endpoint_pattern"],
        json!({ "endpoint_type": "EndpointPatternTypeFix",
                "endpoints": [{ "key": "hub.docker.com", "value": "https://hub.docker.com" }] })
    );
    assert_eq!(
        infos["google-gcr"]["credential_pattern"]["access_key_data"],
        "_json_key"
    );
    // The portal's own question for the endpoints a project may have.
    endpoint(&admin, "up", "http://127.0.0.1:1").await;
    for (query, count) in [
        ("q=type%3D%7Bdocker-hub%20docker-registry%7D", 1),
        ("q=type%3D%7Bdocker-hub%20quay%7D", 0),
        ("q=name%3Dup", 1),
        ("q=name%3Du", 0),
    ] {
        let listed = get(&admin, &format!("/registries?{query}&page_size=100")).await;
        let listed = listed.expect(200).json();
        assert_eq!(
            listed.as_array().map(Vec::len),
            Some(count),
            "{query}: {listed}"
        );
    }
}
