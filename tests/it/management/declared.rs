//! What the configuration file declares.

use serde_json::json;
use tests::fake::{FakeUpstream, Mode};
use tests::{Setup, TestServer};

use super::{delete, get, put};

#[tokio::test]
async fn what_is_declared_is_shown_as_such_and_changed_in_the_file_only() {
    let upstream = FakeUpstream::start().await;
    upstream.set_mode(Mode::RefuseConnections);
    let declared = Setup::new().endpoint("up", "docker-registry", &upstream.url());
    let setup = declared.clone().project(
        "{name: hub, public: true, registry: up, metadata: {proxy_cache_local_on_not_found: true}}",
    );
    let server = TestServer::start(setup.clone()).await;
    let admin = server.admin();
    let project = get(&admin, "/projects/hub").await.expect(200).json();
    assert_eq!(
        (
            &project["declared"],
            &project["metadata"]["proxy_cache_local_on_not_found"]
        ),
        (&json!(true), &json!("true"))
    );
    let registry = get(&admin, "/registries").await.expect(200).json()[0].clone();
    assert_eq!(registry["declared"], true);
    let path = format!("/registries/{}", registry["id"]);
    for refused in [
        put(&admin, &path, json!({ "description": "x" })).await,
        delete(&admin, &path).await,
        put(
            &admin,
            "/projects/hub",
            json!({ "metadata": { "public": "false" } }),
        )
        .await,
        delete(&admin, "/projects/hub").await,
    ] {
        let refused = refused.expect(412);
        assert!(
            refused
                .message()
                .contains("declared in the configuration file"),
            "{}",
            refused.message()
        );
    }
    let server = server.restart_as(setup).await;
    let again = get(&server.admin(), "/projects/hub")
        .await
        .expect(200)
        .json();
    assert_eq!(again, project, "the same declaration changes nothing");
    let server = server
        .restart_as(declared.clone().project("{name: hub, registry: up}"))
        .await;
    let changed = get(&server.admin(), "/projects/hub")
        .await
        .expect(200)
        .json();
    assert_eq!(
        changed["metadata"],
        json!({ "public": "false", "retention_id": "1" }),
        "what is declared no longer is unset"
    );
    let server = server.restart_as(declared).await;
    let kept = get(&server.admin(), "/projects/hub")
        .await
        .expect(200)
        .json();
    assert!(kept.get("declared").is_none(), "{kept}");
    delete(&server.admin(), "/projects/hub").await.expect(200);
    delete(&server.admin(), "/projects/library")
        .await
        .expect(200);
    let server = server.restart().await;
    get(&server.admin(), "/projects/library").await.expect(404);
}

#[tokio::test]
async fn declared_options_are_shown_without_secrets_and_follow_the_file() {
    let upstream = FakeUpstream::start().await;
    let declared = |options: &str| {
        Setup::new().line(&format!(
            "registries: [{{name: up, type: harbor, url: '{}', options: {options}}}]",
            upstream.url()
        ))
    };
    let setup = declared("{max_connections: 3, headers: {x-tenant: S3cret}}");
    let server = TestServer::start(setup.clone()).await;
    let shown = async |server: &TestServer| {
        let listed = get(&server.admin(), "/registries").await.expect(200);
        listed.json()[0].clone()
    };
    let first = shown(&server).await;
    assert_eq!(
        first["options"],
        json!({ "max_connections": 3, "headers": { "x-tenant": "*****" } })
    );
    let path = format!("/registries/{}", first["id"]);
    put(&server.admin(), &path, json!({ "options": {} }))
        .await
        .expect(412);
    let server = server.restart_as(setup).await;
    let again = shown(&server).await;
    assert_eq!(
        (&again["update_time"], &again["options"]),
        (&first["update_time"], &first["options"]),
        "the same declaration changes nothing"
    );
    let server = server.restart_as(declared("{http2: false}")).await;
    assert_eq!(shown(&server).await["options"], json!({ "http2": false }));
    let server = server.restart_as(declared("{}")).await;
    assert_eq!(shown(&server).await.get("options"), None);
}
