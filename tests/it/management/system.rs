//! What the server says of itself, and how it refuses what it cannot read.

use http::Method;
use serde_json::json;
use tests::{Setup, TestServer};

use super::{get, post};

#[tokio::test]
async fn a_fresh_server_answers_harbors_first_questions() {
    let server = TestServer::start(Setup::new()).await;
    let anonymous = server.anonymous();
    let ping = get(&anonymous, "/ping").await.expect(200);
    assert_eq!(
        (&ping.body[..], ping.header("content-type")),
        (&b"Pong"[..], "text/plain; charset=utf-8")
    );
    let health = get(&anonymous, "/health").await.expect(200).json();
    let names: Vec<&str> = health["components"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        (health["status"].as_str(), names),
        (Some("healthy"), vec!["core", "database", "registry"])
    );
    assert_eq!(
        anonymous.get("/api/version").await.expect(200).json(),
        json!({ "version": "v2.0" })
    );
    let short = get(&anonymous, "/systeminfo").await.expect(200).json();
    assert_eq!(short["auth_mode"], "db_auth");
    assert!(short.get("harbor_version").is_none());
    let long = get(&server.admin(), "/systeminfo").await.expect(200).json();
    assert!(long["harbor_version"].as_str().unwrap().starts_with("v2."));
    let volumes = get(&server.admin(), "/systeminfo/volumes")
        .await
        .expect(200)
        .json();
    assert!(volumes["storage"][0]["total"].as_u64() > Some(0));
    get(&anonymous, "/systeminfo/volumes").await.expect(401);
    let library = get(&anonymous, "/projects/library")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &library["project_id"],
            &library["owner_name"],
            &library["metadata"]["public"]
        ),
        (&json!(1), &json!("admin"), &json!("true"))
    );
    let current = get(&server.admin(), "/users/current")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &current["user_id"],
            &current["username"],
            &current["sysadmin_flag"]
        ),
        (&json!(1), &json!("admin"), &json!(true))
    );
    get(&anonymous, "/users/current").await.expect(401);
    get(&server.user("admin", "wrong"), "/projects")
        .await
        .expect(401);
}

#[tokio::test]
async fn what_cannot_be_read_is_refused_in_harbors_words() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let broken = admin
        .request(Method::POST, "/api/v2.0/projects")
        .header("content-type", "application/json")
        .body("{");
    let broken = admin.send(broken).await.expect(422);
    assert_eq!(broken.code(), "UNPROCESSABLE_ENTITY");
    assert!(
        broken.message().starts_with("validation failure list:\n"),
        "{}",
        broken.message()
    );
    let form = admin
        .request(Method::POST, "/api/v2.0/projects")
        .header("content-type", "text/plain")
        .body("{}");
    assert_eq!(
        admin.send(form).await.expect(415).code(),
        "UNSUPPORTED_MEDIA_TYPE"
    );
    get(&admin, "/projects?page_size=101").await.expect(422);
    get(&admin, "/projects?page=x").await.expect(422);
    assert_eq!(
        get(&admin, "/projects?q=name").await.expect(400).code(),
        "BAD_REQUEST"
    );
    assert_eq!(
        get(&admin, "/nowhere").await.expect(404).code(),
        "NOT_FOUND"
    );
    assert_eq!(
        admin.delete("/api/v2.0/projects").await.expect(405).code(),
        "METHOD_NOT_ALLOWED"
    );
    get(&admin, "/registries/abc").await.expect(422);
    // Terraform and Harbor's own swagger have a slash too many.
    get(&admin, "/projects/?page=1").await.expect(200);
    get(&admin, "//projects//library/metadatas/")
        .await
        .expect(200);
    post(&admin, "/projects/", json!({ "project_name": "slashed" }))
        .await
        .expect(201);
}
