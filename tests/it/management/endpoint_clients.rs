//! What Harbor's clients send for endpoints, request by request: Terraform's `harbor_registry` and its data source,
//! the python client `harborapi`, and Harbor's portal.

use serde_json::json;
use tests::fake::FakeUpstream;
use tests::{Setup, TestServer};

use super::{API, delete, get, number, post, put, status_is};

#[tokio::test]
async fn terraform_creates_reads_updates_finds_and_deletes_an_endpoint() {
    let (upstream, elsewhere) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    // Without an account it sends a credential that has a type alone.
    let body = json!({ "credential": { "type": "basic" }, "name": "hub", "url": upstream.url(), "type": "docker-hub" });
    let created = post(&admin, "/registries", body).await.expect(201);
    let path = created
        .header("location")
        .trim_start_matches(API)
        .to_owned();
    let read = status_is(&admin, &path, "healthy").await;
    assert_eq!(
        (
            &read["id"],
            &read["type"],
            &read["url"],
            read.get("credential")
        ),
        (
            &json!(number(&path)),
            &json!("docker-hub"),
            &json!(upstream.url()),
            None
        )
    );
    // It updates in the flat form, with what is empty left out, the secret each time.
    upstream.require_basic("me", "S3cret");
    let flat = json!({ "access_key": "me", "access_secret": "S3cret", "name": "hub", "url": upstream.url(), "insecure": true, "description": "d" });
    put(&admin, &path, flat).await.expect(200);
    let read = status_is(&admin, &path, "healthy").await;
    assert_eq!(
        (
            &read["credential"]["access_key"],
            &read["insecure"],
            &read["description"]
        ),
        (&json!("me"), &json!(true), &json!("d"))
    );
    // Older versions update in the form of a creation, which Harbor half ignores.
    elsewhere.require_basic("other", "S3cret-2");
    let nested = json!({ "credential": { "access_key": "other", "access_secret": "S3cret-2", "type": "basic" },
        "name": "hub", "url": elsewhere.url(), "type": "docker-hub" });
    put(&admin, &path, nested).await.expect(200);
    let read = status_is(&admin, &path, "healthy").await;
    assert_eq!(read["credential"]["access_key"], "other");
    // Its data source looks for the one of that very name among those that contain it.
    post(
        &admin,
        "/registries",
        json!({ "name": "hub-2", "type": "quay" }),
    )
    .await
    .expect(201);
    let found = get(&admin, "/registries?name=hub").await.expect(200).json();
    let names: Vec<_> = found
        .as_array()
        .into_iter()
        .flatten()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["hub", "hub-2"]);
    assert_eq!(found[1]["url"], "https://quay.io");
    delete(&admin, &path).await.expect(200);
    get(&admin, &path).await.expect(404);
}

#[tokio::test]
async fn every_type_is_saved_in_the_form_harbors_clients_give_it() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let table = [
        ("ali-acr", "https://registry.cn-hangzhou.aliyuncs.com"),
        (
            "aws-ecr",
            "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com",
        ),
        ("azure-acr", "https://x.azurecr.io"),
        ("docker-hub", "https://hub.docker.com"),
        ("docker-registry", "https://r.example"),
        ("github-ghcr", "https://ghcr.io"),
        ("google-gcr", "https://gcr.io"),
        ("harbor", "https://h.example"),
        ("jfrog-artifactory", "https://a.jfrog.io"),
        ("quay", "https://quay.io"),
    ];
    let setup = json!({ "insecure": true, "description": "" });
    for (kind, url) in table {
        let mut body = setup.clone();
        body["name"] = json!(kind);
        body["type"] = json!(kind);
        body["url"] = json!(url);
        let created = post(&admin, "/registries", body).await.expect(201);
        let path = created
            .header("location")
            .trim_start_matches(API)
            .to_owned();
        let read = get(&admin, &path).await.expect(200).json();
        assert_eq!((&read["type"], &read["url"]), (&json!(kind), &json!(url)));
        let info = get(&admin, &format!("{path}/info"))
            .await
            .expect(200)
            .json();
        assert_eq!(info["type"], kind);
        assert_eq!(info["supported_triggers"], json!(["manual", "scheduled"]));
        delete(&admin, &path).await.expect(200);
    }
}

#[tokio::test]
async fn the_portal_tests_a_connection_before_and_after_it_is_saved() {
    let upstream = FakeUpstream::start().await;
    upstream.require_basic("me", "S3cret");
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let form = json!({ "type": "docker-registry", "url": upstream.url(), "insecure": false, "credential_type": "basic",
        "access_key": "me", "access_secret": "S3cret" });
    post(&admin, "/registries/ping", form).await.expect(200);
    let saved = json!({ "name": "up", "type": "docker-registry", "url": upstream.url(), "insecure": false,
        "credential": { "type": "basic", "access_key": "me", "access_secret": "S3cret" } });
    let created = post(&admin, "/registries", saved).await.expect(201);
    let path = created
        .header("location")
        .trim_start_matches(API)
        .to_owned();
    let id = number(&path);
    // In the form of a saved endpoint, only what was changed is sent; a secret that was shown hidden means the saved.
    for again in [
        json!({ "id": id }),
        json!({ "id": id, "url": "https://other.example", "insecure": true, "type": "harbor", "ca_certificate": "x" }),
        json!({ "id": id, "access_key": "me", "access_secret": "*****" }),
        json!({ "id": id, "options": { "proxy": "http://127.0.0.1:1" } }),
    ] {
        post(&admin, "/registries/ping", again).await.expect(200);
    }
    let wrong = json!({ "id": id, "access_secret": "wrong" });
    let refused = post(&admin, "/registries/ping", wrong).await.expect(400);
    assert_eq!(refused.code(), "BAD_REQUEST");
    assert!(
        refused.message().starts_with("the registry is unhealthy: "),
        "{}",
        refused.message()
    );
    assert!(
        !refused.message().contains("wrong"),
        "{}",
        refused.message()
    );
}

#[tokio::test]
async fn harborapi_sends_whole_models_and_nulls() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let model = json!({ "id": null, "url": upstream.url(), "name": "up", "credential": null, "type": "docker-registry",
        "insecure": false, "ca_certificate": null, "description": null, "status": null, "creation_time": null, "update_time": null });
    let created = post(&admin, "/registries", model).await.expect(201);
    let path = created
        .header("location")
        .trim_start_matches(API)
        .to_owned();
    let update = json!({ "name": null, "description": "d", "url": null, "credential_type": null, "access_key": null,
        "access_secret": null, "insecure": null, "ca_certificate": null });
    put(&admin, &path, update).await.expect(200);
    let read = status_is(&admin, &path, "healthy").await;
    assert_eq!(
        (&read["name"], &read["description"], &read["url"]),
        (&json!("up"), &json!("d"), &json!(upstream.url()))
    );
    let ping = json!({ "id": number(&path), "type": null, "url": null, "credential_type": null, "access_key": null,
        "access_secret": null, "insecure": null });
    post(&admin, "/registries/ping", ping).await.expect(200);
}
