//! Quotas and retention policies, as Harbor's clients keep them.

use serde_json::{Value, json};
use tests::fake::FakeUpstream;
use tests::{Client, Setup, TestServer};

use super::{delete, endpoint, get, number, post, put, user};

async fn project(client: &Client, body: Value) -> i64 {
    let made = post(client, "/projects", body).await.expect(201);
    number(made.header("location"))
}

async fn quota(admin: &Client, id: i64) -> Value {
    get(admin, &format!("/quotas/{id}"))
        .await
        .expect(200)
        .json()
}

#[tokio::test]
async fn a_quota_is_given_shown_and_changed() {
    let server = TestServer::start(Setup::new()).await;
    let (admin, bob) = (server.admin(), user(&server, "bob").await);
    let large = json!({ "project_name": "large", "storage_limit": 5_000_000_000_i64 });
    let large = project(&admin, large).await;
    put(
        &admin,
        "/configurations",
        json!({ "storage_per_project": 1024 }),
    )
    .await
    .expect(200);
    let usual = project(
        &admin,
        json!({ "project_name": "usual", "storage_limit": 0 }),
    )
    .await;
    // Only administrators are heard.
    let bobs = project(&bob, json!({ "project_name": "bobs", "storage_limit": -1 })).await;
    let hard = async |id| quota(&admin, id).await["hard"]["storage"].clone();
    assert_eq!(
        (hard(large).await, hard(usual).await),
        (json!(5_000_000_000_i64), json!(1024))
    );
    assert_eq!((hard(bobs).await, hard(1).await), (json!(1024), json!(-1)));
    let refused = json!({ "project_name": "less", "storage_limit": -5 });
    post(&admin, "/projects", refused).await.expect(400);

    admin.push_image("large/app", "v1", &[b"a layer"]).await;
    admin.push_image("large/copy", "v1", &[b"a layer"]).await;
    let artifact = get(&admin, "/projects/large/repositories/app/artifacts/v1")
        .await
        .json();
    let shown = quota(&admin, large).await;
    assert_eq!(shown["used"]["storage"], artifact["size"]);
    let reference = json!({ "id": large, "name": "large", "owner_name": "admin" });
    assert_eq!((&shown["id"], &shown["ref"]), (&json!(large), &reference));
    let summary = get(&admin, "/projects/large/summary").await.json();
    let expected = json!({ "hard": shown["hard"], "used": shown["used"] });
    assert_eq!(summary["quota"], expected);
    delete(&admin, "/projects/large/repositories/app")
        .await
        .expect(200);
    assert_eq!(
        quota(&admin, large).await["used"]["storage"],
        artifact["size"]
    );
    delete(&admin, "/projects/large/repositories/copy")
        .await
        .expect(200);
    assert_eq!(quota(&admin, large).await["used"]["storage"], 0);

    let path = format!("/quotas/{usual}");
    put(&admin, &path, json!({ "hard": { "storage": 77 } }))
        .await
        .expect(200);
    assert_eq!(hard(usual).await, 77);
    put(&admin, &path, json!({ "hard": { "storage": -1 } }))
        .await
        .expect(200);
    for (body, status) in [
        (json!({}), 400),
        (json!({ "hard": {} }), 400),
        (json!({ "hard": { "storage": 0 } }), 400),
        (json!({ "hard": { "storage": -2 } }), 400),
        (json!({ "hard": { "storage": 1, "count": 1 } }), 400),
        (json!({ "hard": { "storage": "1" } }), 422),
    ] {
        put(&admin, &path, body).await.expect(status);
    }
    put(&admin, "/quotas/99", json!({ "hard": { "storage": 1 } }))
        .await
        .expect(404);
    let missing = get(&admin, "/quotas/99").await.expect(404);
    assert_eq!(missing.message(), "quota 99 not found");

    let listed = get(&admin, "/quotas/?page=1&page_size=2&sort=-hard.storage")
        .await
        .expect(200);
    assert_eq!(
        (
            listed.header("x-total-count"),
            listed.json().as_array().unwrap().len()
        ),
        ("4", 2)
    );
    let one = get(
        &admin,
        &format!("/quotas?reference=project&reference_id={bobs}"),
    )
    .await
    .json();
    assert_eq!(
        (
            one[0]["ref"]["name"].as_str(),
            one.as_array().unwrap().len()
        ),
        (Some("bobs"), 1)
    );
    assert_eq!(
        get(&admin, "/quotas?reference=registry")
            .await
            .expect(200)
            .json(),
        json!([])
    );
    get(&bob, "/quotas").await.expect(403);
    get(&bob, &path).await.expect(403);
    put(&bob, &path, json!({ "hard": { "storage": 1 } }))
        .await
        .expect(403);
    get(&server.anonymous(), "/quotas").await.expect(401);

    let off = json!({ "quota_per_project_enable": false });
    put(&admin, "/configurations", off).await.expect(200);
    let summary = get(&admin, "/projects/large/summary").await.json();
    assert_eq!(summary.get("quota"), None);
}

fn policy(project_id: i64, rule: Value, cron: &str) -> Value {
    json!({
        "algorithm": "or", "rules": [rule],
        "trigger": { "kind": "Schedule", "settings": { "cron": cron }, "references": {} },
        "scope": { "level": "project", "ref": project_id },
    })
}

fn rule(template: &str, count: Value) -> Value {
    json!({
        "action": "retain", "template": template, "params": { template: count },
        "tag_selectors": [{ "kind": "doublestar", "decoration": "matches", "pattern": "v*", "extras": "{\"untagged\":true}" }],
        "scope_selectors": { "repository": [{ "kind": "doublestar", "decoration": "repoExcludes", "pattern": "**/tmp" }] },
    })
}

#[tokio::test]
async fn a_new_proxy_cache_has_harbors_retention_policy() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(Setup::new().proxy_of("declared", &upstream.url())).await;
    let admin = server.admin();
    let registry = number(&endpoint(&admin, "up", &upstream.url()).await);
    let hub = project(
        &admin,
        json!({ "project_name": "hub", "registry_id": registry }),
    )
    .await;
    for name in ["hub", "declared"] {
        let shown = get(&admin, &format!("/projects/{name}")).await.json();
        let id: i64 = shown["metadata"]["retention_id"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap();
        let kept = get(&admin, &format!("/retentions/{id}"))
            .await
            .expect(200)
            .json();
        let everything =
            |word: &str| json!([{ "kind": "doublestar", "decoration": word, "pattern": "**" }]);
        let expected = json!({
            "id": id, "algorithm": "or",
            "rules": [{
                "id": 1, "priority": 1, "action": "retain", "template": "nDaysSinceLastPull",
                "params": { "nDaysSinceLastPull": 7 }, "tag_selectors": everything("matches"),
                "scope_selectors": { "repository": everything("repoMatches") },
            }],
            "trigger": { "kind": "Schedule", "settings": { "cron": "0 0 0 * * *" } },
            "scope": { "level": "project", "ref": shown["project_id"] },
        });
        assert_eq!(kept, expected, "{name}");
    }
    let library = get(&admin, "/projects/library").await.json();
    assert_eq!(library["metadata"].get("retention_id"), None);

    // It is the server's to set; clients send it back as it is.
    let id = get(&admin, "/projects/hub").await.json()["metadata"]["retention_id"].clone();
    let same = json!({ "metadata": { "retention_id": id, "auto_scan": "true" } });
    put(&admin, "/projects/hub", same).await.expect(200);
    let other = json!({ "metadata": { "retention_id": "99" } });
    put(&admin, "/projects/hub", other).await.expect(400);
    put(
        &admin,
        "/projects/hub",
        json!({ "metadata": { "retention_id": "" } }),
    )
    .await
    .expect(200);
    assert_eq!(
        get(&admin, "/projects/hub").await.json()["metadata"]["retention_id"],
        id
    );
    let second = policy(hub, rule("always", json!(null)), "");
    let refused = post(&admin, "/retentions", second).await.expect(400);
    let id = id.as_str().unwrap();
    assert_eq!(
        refused.message(),
        format!("project {hub} already has retention policy {id}")
    );
}

#[tokio::test]
async fn a_retention_policy_is_kept_as_it_was_written() {
    let server = TestServer::start(Setup::new()).await;
    let (admin, bob) = (server.admin(), user(&server, "bob").await);
    let project_id = project(&admin, json!({ "project_name": "hosted" })).await;
    let wanted = policy(project_id, rule("latestPushedK", json!(10)), "0 0 0 * * 1");
    let made = post(&admin, "/retentions", wanted.clone())
        .await
        .expect(201);
    let path = made
        .header("location")
        .trim_start_matches("/api/v2.0")
        .to_owned();
    let id = number(&path);
    let kept = get(&admin, &path).await.expect(200).json();
    let mut expected = wanted.clone();
    expected["id"] = json!(id);
    expected["trigger"]
        .as_object_mut()
        .unwrap()
        .remove("references");
    assert_eq!(kept, expected);
    let metadata = get(&admin, "/projects/hosted").await.json()["metadata"].clone();
    assert_eq!(metadata["retention_id"], id.to_string());

    for (body, status, why) in [
        (
            policy(1, rule("always", json!(0)), ""),
            400,
            "scope.ref must be",
        ),
        (
            policy(project_id, rule("sometimes", json!(1)), ""),
            400,
            "template must be one of",
        ),
        (
            policy(project_id, rule("latestPulledN", json!("x")), ""),
            400,
            "params.latestPulledN",
        ),
        (
            policy(project_id, rule("latestPulledN", json!(-1)), ""),
            400,
            "params.latestPulledN",
        ),
        (
            policy(project_id, rule("always", json!(0)), "* * * * * *"),
            400,
            "cron",
        ),
        (
            policy(
                project_id,
                json!({ "action": "retain", "template": "always" }),
                "",
            ),
            400,
            "tag_selectors",
        ),
        (
            json!({ "scope": { "level": "system", "ref": project_id } }),
            400,
            "scope system is not support",
        ),
        (
            json!({ "scope": { "level": "project", "ref": project_id } }),
            400,
            "trigger is missing",
        ),
        (json!({}), 400, "scope is missing"),
        (json!({ "rules": 7 }), 422, "expected a sequence"),
    ] {
        let refused = put(&admin, &path, body.clone()).await.expect(status);
        assert!(
            refused.message().contains(why),
            "{body}: {}",
            refused.message()
        );
    }
    let rules: Vec<Value> = (0..16)
        .map(|days| rule("nDaysSinceLastPush", json!(days)))
        .collect();
    let mut many = policy(project_id, json!({}), "");
    many["rules"] = json!(rules);
    put(&admin, &path, many.clone()).await.expect(400);
    many["rules"] = json!([rules[3], rules[3]]);
    put(&admin, &path, many.clone()).await.expect(409);
    many["rules"] = json!(rules[..15]);
    put(&admin, &path, many).await.expect(200);
    assert_eq!(
        get(&admin, &path).await.json()["rules"]
            .as_array()
            .unwrap()
            .len(),
        15
    );

    let runs = format!("{path}/executions");
    let listed = get(&admin, &runs).await.expect(200);
    assert_eq!(
        (listed.json(), listed.header("x-total-count")),
        (json!([]), "0")
    );
    get(&admin, &format!("{runs}/1/tasks")).await.expect(404);

    // Developers may, and who is no member may not; nor is either told what is where.
    for (client, status) in [(&bob, 403), (&server.anonymous(), 401)] {
        get(client, &path).await.expect(status);
        get(client, "/retentions/9999").await.expect(status);
        put(client, &path, wanted.clone()).await.expect(status);
        delete(client, &path).await.expect(status);
        post(client, &runs, json!({})).await.expect(status);
        post(client, "/retentions", wanted.clone())
            .await
            .expect(status);
    }
    get(&admin, "/retentions/9999").await.expect(404);
    get(&admin, "/retentions/x").await.expect(422);
    let member = json!({ "role_id": 2, "member_user": { "username": "bob" } });
    post(&admin, "/projects/hosted/members", member)
        .await
        .expect(201);
    put(&bob, &path, wanted.clone()).await.expect(200);
    delete(&bob, &path).await.expect(200);
    get(&bob, &path).await.expect(403);
    let metadata = get(&admin, "/projects/hosted").await.json()["metadata"].clone();
    assert_eq!(metadata.get("retention_id"), None);
    post(&bob, "/retentions", wanted).await.expect(201);
    let unknown = policy(9999, rule("always", json!(0)), "");
    let refused = post(&admin, "/retentions", unknown).await.expect(400);
    assert_eq!(refused.message(), "invalid Project id 9999");

    let words = get(&bob, "/retentions/metadatas").await.expect(200).json();
    let templates = words["templates"].as_array().unwrap();
    assert_eq!(
        (templates.len(), &templates[0]["rule_template"]),
        (5, &json!("latestPushedK"))
    );
    get(&server.anonymous(), "/retentions/metadatas")
        .await
        .expect(401);
}
