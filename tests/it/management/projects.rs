//! Projects and their settings, and who may know of them.

use http::{Method, StatusCode};
use serde_json::json;
use tests::fake::FakeUpstream;
use tests::{Answer, Setup, TestServer, data};

use super::{API, delete, endpoint, get, number, post, put, user};

#[tokio::test]
async fn a_proxy_project_is_made_on_an_endpoint_and_keeps_it() {
    let upstream = FakeUpstream::start().await;
    upstream.push_image("library/alpine", "3.20", &[b"base".to_vec()]);
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let path = endpoint(&admin, "up", &upstream.url()).await;
    let new = json!({
        "project_name": "hub", "registry_id": number(&path), "public": true,
        "metadata": { "revalidate_after_seconds": "60", "enable_content_trust": "true", "colour": "red", "severity": null },
    });
    let project = post(&admin, "/projects", new.clone()).await.expect(201);
    let project = project
        .header("location")
        .trim_start_matches(API)
        .to_owned();
    let body = get(&admin, &project).await.expect(200).json();
    assert_eq!(
        (&body["name"], &body["registry_id"], &body["repo_count"]),
        (&json!("hub"), &json!(number(&path)), &json!(0))
    );
    assert_eq!(
        body["metadata"],
        json!({ "public": "true", "revalidate_after_seconds": "60", "retention_id": "1" })
    );
    assert_eq!(body["current_user_role_id"], 1);
    assert_eq!(body["cve_allowlist"]["items"], json!([]));
    assert_eq!(
        post(&admin, "/projects", new).await.expect(409).message(),
        "The project named hub already exists"
    );
    put(
        &admin,
        &project,
        json!({ "registry_id": 99, "metadata": { "proxy_cache_local_on_not_found": "true" } }),
    )
    .await
    .expect(200);
    let changed = get(&admin, "/projects/hub").await.expect(200).json();
    assert_eq!(
        (
            &changed["registry_id"],
            &changed["metadata"]["proxy_cache_local_on_not_found"]
        ),
        (&json!(number(&path)), &json!("true"))
    );
    server.anonymous().pull("hub/library/alpine", "3.20").await;
    let summary = get(&server.anonymous(), "/projects/hub/summary")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&summary["repo_count"], &summary["registry"]["name"]),
        (&json!(1), &json!("up"))
    );
    assert!(
        summary["registry"].get("credential").is_none()
            && summary.get("project_admin_count").is_none()
    );
    let used = delete(&admin, &path).await.expect(412);
    assert_eq!(used.code(), "PRECONDITION");
    assert!(
        used.message()
            .contains("is referenced by proxy cache project hub"),
        "{}",
        used.message()
    );
    let full = delete(&admin, "/projects/hub").await.expect(412);
    assert_eq!(
        full.message(),
        "the project contains repositories, can not be deleted"
    );
    assert_eq!(
        get(&admin, "/projects/hub/_deletable")
            .await
            .expect(200)
            .json(),
        json!({ "message": full.message() })
    );
    delete(&admin, "/projects/hub/repositories/library%252Falpine")
        .await
        .expect(200);
    assert_eq!(
        get(&admin, "/projects/hub/_deletable")
            .await
            .expect(200)
            .json(),
        json!({ "deletable": true })
    );
    delete(&admin, "/projects/hub").await.expect(200);
    delete(&admin, &path).await.expect(200);
    assert_eq!(
        get(&admin, "/projects/hub").await.expect(404).message(),
        "project hub not found"
    );
}

#[tokio::test]
async fn a_project_is_checked_before_it_is_made() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let registry = number(&endpoint(&admin, "up", &upstream.url()).await);
    for (wrong, part) in [
        (json!({ "project_name": "Hub" }), "lower case"),
        (json!({ "project_name": "" }), "length"),
        (
            json!({ "project_name": "hub", "registry_id": 0 }),
            "registry_id",
        ),
        (
            json!({ "project_name": "hub", "registry_id": 404 }),
            "registry 404 not found",
        ),
        (
            json!({ "project_name": "hub", "metadata": { "public": "perhaps" } }),
            "public must be true or false",
        ),
        (
            json!({ "project_name": "hub", "registry_id": registry, "metadata": { "revalidate_after_seconds": "soon" } }),
            "whole number",
        ),
        (
            json!({ "project_name": "hub", "metadata": { "prevent_vul": "true" } }),
            "does not enforce",
        ),
        (
            json!({ "project_name": "hub", "metadata": { "retention_id": "4" } }),
            "set by the server",
        ),
    ] {
        let refused = post(&admin, "/projects", wrong).await.expect(400);
        assert!(refused.message().contains(part), "{}", refused.message());
    }
    post(
        &admin,
        "/projects",
        json!({ "project_name": "hub", "metadata": { "public": true } }),
    )
    .await
    .expect(422);
    let anna = user(&server, "anna").await;
    let refused = post(
        &anna,
        "/projects",
        json!({ "project_name": "hub", "registry_id": registry }),
    )
    .await
    .expect(403);
    assert_eq!(
        refused.message(),
        "Only system admin can create proxy cache project"
    );
    post(
        &server.anonymous(),
        "/projects",
        json!({ "project_name": "hub" }),
    )
    .await
    .expect(401);
    let request = anna
        .request(Method::POST, "/api/v2.0/projects")
        .header("x-resource-name-in-location", "true");
    let made = anna
        .send(request.json(&json!({ "project_name": "annas" })))
        .await
        .expect(201);
    assert_eq!(made.header("location"), "/api/v2.0/projects/annas");
    assert_eq!(
        get(&anna, "/projects/annas").await.expect(200).json()["owner_name"],
        "anna"
    );
}

#[tokio::test]
async fn names_of_private_projects_are_not_to_be_guessed() {
    let server = TestServer::start(Setup::new()).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let secret = post(&admin, "/projects", json!({ "project_name": "secret" }))
        .await
        .expect(201);
    let secret = number(secret.header("location"));
    admin.push_image("secret/plan", "1", &[b"x"]).await;
    let anna = user(&server, "anna").await;
    let same = |one: Answer, other: Answer, told: StatusCode| {
        assert_eq!((one.status, &one.body), (told, &other.body));
        assert_eq!(one.status, other.status);
    };
    for suffix in [
        "",
        "/summary",
        "/members",
        "/repositories",
        "/repositories/plan",
        "/repositories/plan/artifacts/1",
    ] {
        for (client, told) in [
            (&anonymous, StatusCode::UNAUTHORIZED),
            (&anna, StatusCode::FORBIDDEN),
        ] {
            let there = get(client, &format!("/projects/secret{suffix}")).await;
            same(
                there,
                get(client, &format!("/projects/missing{suffix}")).await,
                told,
            );
        }
    }
    let by_number = get(&anna, &format!("/projects/{secret}")).await;
    same(
        by_number,
        get(&anna, "/projects/4711").await,
        StatusCode::FORBIDDEN,
    );
    assert_eq!(
        anna.head("/api/v2.0/projects?project_name=secret")
            .await
            .status,
        404
    );
    assert_eq!(
        admin
            .head("/api/v2.0/projects?project_name=secret")
            .await
            .status,
        200
    );
    assert_eq!(
        anonymous
            .head("/api/v2.0/projects?project_name=secret")
            .await
            .status,
        401
    );
    for client in [&anonymous, &anna] {
        let projects = get(client, "/projects").await.expect(200);
        assert_eq!(
            (
                projects.header("x-total-count"),
                projects.json()[0]["name"].as_str()
            ),
            ("1", Some("library"))
        );
        assert_eq!(
            get(client, "/repositories").await.expect(200).json(),
            json!([])
        );
        let found = get(client, "/search?q=e").await.expect(200).json();
        assert_eq!(found, json!({ "project": [], "repository": [] }));
    }
    let found = get(&admin, "/search?q=plan").await.expect(200).json();
    assert_eq!(found["repository"][0]["repository_name"], "secret/plan");
}

#[tokio::test]
async fn settings_are_read_and_set_one_at_a_time() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let settings = "/projects/library/metadatas/";
    assert_eq!(
        get(&admin, settings).await.expect(200).json(),
        json!({ "public": "true" })
    );
    post(&admin, settings, json!({ "auto_scan": "1" }))
        .await
        .expect(200);
    post(&admin, settings, json!({ "auto_scan": "true" }))
        .await
        .expect(409);
    post(&admin, settings, json!({ "a": "1", "b": "2" }))
        .await
        .expect(400);
    assert_eq!(
        post(&admin, settings, json!({ "colour": "red" }))
            .await
            .expect(400)
            .message(),
        "invalid key: colour"
    );
    assert_eq!(
        get(&admin, &format!("{settings}auto_scan"))
            .await
            .expect(200)
            .json(),
        json!({ "auto_scan": "true" })
    );
    put(
        &admin,
        &format!("{settings}auto_scan"),
        json!({ "auto_scan": "false" }),
    )
    .await
    .expect(200);
    delete(&admin, &format!("{settings}auto_scan"))
        .await
        .expect(200);
    assert_eq!(
        get(&admin, settings).await.expect(200).json(),
        json!({ "public": "true" })
    );
    put(
        &admin,
        &format!("{settings}public"),
        json!({ "public": "false" }),
    )
    .await
    .expect(200);
    get(&server.anonymous(), "/projects/library")
        .await
        .expect(401);
}

#[tokio::test]
async fn a_filter_is_set_by_harbors_rules() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let registry = number(&endpoint(&admin, "up", &upstream.url()).await);
    let new =
        |metadata| json!({ "project_name": "hub", "registry_id": registry, "metadata": metadata });
    for (wrong, part) in [
        (
            json!({ "proxy_cache_filter_pattern": "library/**" }),
            "proxy_cache_filter_kind is needed",
        ),
        (
            json!({ "proxy_cache_filter_kind": "Regex" }),
            "one of doublestar, regex",
        ),
        (
            json!({ "proxy_cache_filter_pattern": "(", "proxy_cache_filter_kind": "regex" }),
            "is invalid",
        ),
        (
            json!({ "proxy_cache_rules": "[{\"action\":\"allow\"},{\"action\":\"deny\",\"tag\":\"[\"}]" }),
            "rule 2",
        ),
        (json!({ "max_upstream_conn": "0" }), "a whole number from 1"),
        (json!({ "proxy_speed_kb": "fast" }), "a whole number"),
    ] {
        let refused = post(&admin, "/projects", new(wrong)).await.expect(400);
        assert!(refused.message().contains(part), "{}", refused.message());
    }
    let filter = json!({ "proxy_cache_filter_pattern": " */nginx ", "proxy_cache_filter_kind": "doublestar" });
    post(&admin, "/projects", new(filter)).await.expect(201);
    let shown = get(&admin, "/projects/hub").await.expect(200).json();
    assert_eq!(shown["metadata"]["proxy_cache_filter_pattern"], "*/nginx");

    let key = |key: &str| format!("/projects/hub/metadatas/{key}");
    let kind = key("proxy_cache_filter_kind");
    // The kind is held against the pattern there is: `*/nginx` is no regular expression, and no kind is no pattern's.
    let regex = json!({ "proxy_cache_filter_kind": "regex" });
    put(&admin, &kind, regex.clone()).await.expect(400);
    delete(&admin, &kind).await.expect(400);
    delete(&admin, &key("proxy_cache_filter_pattern"))
        .await
        .expect(200);
    put(&admin, &kind, regex).await.expect(200);
    delete(&admin, &kind).await.expect(200);
    // By itself a pattern without a kind is a doublestar.
    let alone = json!({ "proxy_cache_filter_pattern": "a/**" });
    post(&admin, &key(""), alone.clone()).await.expect(200);
    let rules = json!({ "proxy_cache_rules": "[ {\"action\": \"deny\"} ]" });
    post(&admin, &key(""), rules).await.expect(200);
    assert_eq!(
        get(&admin, &key("")).await.expect(200).json(),
        json!({ "public": "false", "proxy_cache_filter_pattern": "a/**", "proxy_cache_rules": "[{\"action\":\"deny\"}]", "retention_id": "1" })
    );

    let hosted = post(&admin, "/projects/library/metadatas/", alone.clone())
        .await
        .expect(400);
    assert_eq!(
        hosted.message(),
        "can not update the normal project with proxy cache filter metadata"
    );
    put(&admin, "/projects/library", json!({ "metadata": alone }))
        .await
        .expect(200);
    assert_eq!(
        get(&admin, "/projects/library/metadatas/")
            .await
            .expect(200)
            .json(),
        json!({ "public": "true" })
    );
}

#[tokio::test]
async fn the_project_library_is_there_from_the_first_start_and_comes_back_never() {
    let setup = Setup::new().project("{name: team, public: false}");
    let server = TestServer::start(setup).await;
    let admin = server.admin();
    let library = get(&server.anonymous(), "/projects/1")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &library["name"],
            &library["owner_name"],
            &library["metadata"]
        ),
        (
            &json!("library"),
            &json!("admin"),
            &json!({ "public": "true" })
        )
    );
    assert_eq!(
        get(&admin, "/projects/team").await.expect(200).json()["declared"],
        true
    );
    delete(&admin, "/projects/library").await.expect(200);
    let server = server.restart().await;
    get(&server.admin(), "/projects/library").await.expect(404);
    // Nor does a database of before get one.
    let forgotten = "DELETE FROM settings WHERE key = 'library_project_was_made'";
    data::change(&server.data(), forgotten).await;
    let server = server.restart().await;
    get(&server.admin(), "/projects/library").await.expect(404);
    get(&server.admin(), "/projects/team").await.expect(200);
}
