//! Rules by which tags stay as they are: kept as Harbor's clients write them, and obeyed by pushes, deletions and pulls.

use serde_json::{Value, json};
use tests::fake::{FakeUpstream, Mode};
use tests::{Answer, Artifact, Client, Setup, TestServer};

use super::{delete, get, number, post, put, user};

const RULES: &str = "/projects/library/immutabletagrules";
const ARTIFACTS: &str = "/projects/library/repositories/app/artifacts";

/// As Harbor's own pages send it.
fn rule(tags: &str, repositories: &str) -> Value {
    json!({
        "disabled": false, "action": "immutable", "template": "immutable_template", "priority": 0,
        "tag_selectors": [{ "kind": "doublestar", "decoration": "matches", "pattern": tags }],
        "scope_selectors": { "repository": [{ "kind": "doublestar", "decoration": "repoMatches", "pattern": repositories }] },
    })
}

async fn keep(admin: &Client, project: &str, tags: &str, repositories: &str) -> i64 {
    let path = format!("/projects/{project}/immutabletagrules");
    let made = post(admin, &path, rule(tags, repositories)).await;
    number(made.expect(201).header("location"))
}

fn is_refused(answer: Answer, message: &str) {
    let answer = answer.expect(412);
    assert_eq!(answer.code(), "PRECONDITION");
    assert_eq!(answer.message(), message);
}

async fn push(admin: &Client, reference: &str, image: &Artifact) -> Answer {
    for blob in &image.blobs {
        admin.push_blob("library/app", blob).await;
    }
    let (media_type, text) = (image.media_type(), image.text());
    admin
        .push_manifest("library/app", reference, media_type, text)
        .await
}

#[tokio::test]
async fn a_rule_is_kept_as_it_was_written() {
    let server = TestServer::start(Setup::new()).await;
    let (admin, bob) = (server.admin(), user(&server, "bob").await);
    assert_eq!(get(&admin, RULES).await.expect(200).json(), json!([]));
    let wanted = rule("v*", "team/**");
    let made = post(&admin, RULES, wanted.clone()).await.expect(201);
    let path = made
        .header("location")
        .trim_start_matches("/api/v2.0")
        .to_owned();
    let id = number(&path);
    let mut shown = wanted.clone();
    shown["id"] = json!(id);
    // What is false or 0 is left out, as by Harbor.
    for key in ["disabled", "priority"] {
        shown.as_object_mut().unwrap().remove(key);
    }
    let listed = get(&admin, RULES).await.expect(200);
    assert_eq!(
        (listed.header("x-total-count"), listed.json()),
        ("1", json!([shown]))
    );
    let again = post(&admin, RULES, wanted.clone()).await.expect(409);
    assert_eq!(again.message(), "immutable rule already exists");

    let mut changed = rule("{v*,stable}", "**");
    changed["id"] = json!(id);
    changed["disabled"] = json!(true);
    changed["tag_selectors"][0]["decoration"] = json!("excludes");
    put(&admin, &path, changed.clone()).await.expect(200);
    changed.as_object_mut().unwrap().remove("priority");
    assert_eq!(get(&admin, RULES).await.json(), json!([changed]));
    let mut other = changed.clone();
    other["id"] = json!(id + 1);
    put(&admin, &path, other).await.expect(400);

    let with = |key: &str, value: Value| {
        let mut rule = rule("a", "a");
        rule[key] = value;
        rule
    };
    let selector = |kind: &str, decoration: &str, pattern: &str| json!([{ "kind": kind, "decoration": decoration, "pattern": pattern }]);
    for (body, why) in [
        (json!({}), "tag_selectors are missing"),
        (with("action", json!("retain")), "action must be"),
        (with("template", json!("always")), "template must be"),
        (
            with("tag_selectors", json!([])),
            "tag_selectors are missing",
        ),
        (
            with("scope_selectors", json!({})),
            "scope_selectors are missing",
        ),
        (
            with("tag_selectors", selector("label", "matches", "a")),
            "kind must be",
        ),
        (
            with("tag_selectors", selector("doublestar", "repoMatches", "a")),
            "decoration must be",
        ),
        (
            with("tag_selectors", selector("doublestar", "matches", "")),
            "pattern is missing",
        ),
        (
            with("tag_selectors", selector("doublestar", "matches", "{a")),
            "\"{a\" is invalid",
        ),
    ] {
        for refused in [
            post(&admin, RULES, body.clone()).await,
            put(&admin, &path, body).await,
        ] {
            let message = refused.expect(400).message();
            assert!(message.contains(why), "{message}");
        }
    }
    // 15 at most, as in Harbor's pages.
    for number in 1..15 {
        keep(&admin, "library", &format!("{number}.*"), "**").await;
    }
    let refused = post(&admin, RULES, rule("15.*", "**")).await.expect(400);
    assert!(
        refused.message().contains("only 15"),
        "{}",
        refused.message()
    );
    let page = get(&admin, &format!("{RULES}?page=2&page_size=10")).await;
    assert_eq!(page.header("x-total-count"), "15");
    assert_eq!(page.json().as_array().unwrap().len(), 5);

    // A rule is its project's, and for those who may.
    post(&admin, "/projects", json!({ "project_name": "other" }))
        .await
        .expect(201);
    let elsewhere = format!("/projects/other/immutabletagrules/{id}");
    put(&admin, &elsewhere, rule("x", "x")).await.expect(404);
    let missing = delete(&admin, &elsewhere).await.expect(404);
    assert_eq!(missing.message(), format!("immutable rule {id} not found"));
    delete(&bob, &path).await.expect(403);
    post(&bob, RULES, rule("y", "y")).await.expect(403);
    delete(&admin, &path).await.expect(200);
    delete(&admin, &path).await.expect(404);
    post(&admin, RULES, rule("15.*", "**")).await.expect(201);
    let log = get(&admin, "/projects/library/logs?page_size=100")
        .await
        .json();
    let updates = log.as_array().unwrap().iter();
    let updates =
        updates.filter(|entry| entry["operation"] == "update" && entry["resource"] == "library");
    assert!(updates.count() >= 18, "{log}");
}

#[tokio::test]
async fn a_tag_under_a_rule_is_not_moved_and_not_deleted() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let (first, second) = (Artifact::image("first"), Artifact::image("second"));
    push(&admin, "v1", &first).await.expect(201);
    push(&admin, "latest", &first).await.expect(201);
    let id = keep(&admin, "library", "v*", "{app,apps/**}").await;

    // Again, new, and under no rule: all fine.
    push(&admin, "v1", &first).await.expect(201);
    push(&admin, "v2", &second).await.expect(201);
    push(&admin, "latest", &second).await.expect(201);
    is_refused(
        push(&admin, "v1", &second).await,
        "Failed to process request due to 'app:v1' configured as immutable.",
    );
    // Nor by one of several tags; then none of them comes.
    let several = format!("{}?tag=v3&tag=v1", second.digest());
    let pushed = push(&admin, &several, &second).await;
    assert_eq!(pushed.expect(412).code(), "PRECONDITION");
    admin.manifest("library/app", "v3").await.expect(404);
    let pulled = admin.manifest("library/app", "v1").await.expect(200);
    assert_eq!(
        pulled.header("docker-content-digest"),
        first.digest().as_str()
    );
    assert_eq!(pulled.headers.get("x-roadstead-immutable"), None);

    let deleted = "the tag v1 configured as immutable, cannot be deleted";
    is_refused(
        delete(&admin, &format!("{ARTIFACTS}/v1/tags/v1")).await,
        deleted,
    );
    is_refused(delete(&admin, &format!("{ARTIFACTS}/v1")).await, deleted);
    is_refused(
        delete(&admin, "/projects/library/repositories/app").await,
        deleted,
    );
    for reference in ["v1", first.digest().as_str()] {
        let path = format!("/v2/library/app/manifests/{reference}");
        is_refused(admin.delete(&path).await, deleted);
    }
    // Its other tags may go, and what has none under a rule.
    push(&admin, "old", &first).await.expect(201);
    delete(&admin, &format!("{ARTIFACTS}/v1/tags/old"))
        .await
        .expect(200);
    let third = Artifact::image("third");
    push(&admin, "build", &third).await.expect(201);
    delete(&admin, &format!("{ARTIFACTS}/build"))
        .await
        .expect(200);

    // A copy moves it as little.
    let other = Artifact::image("other");
    admin
        .push_artifact("library/source", Some("v1"), &other)
        .await;
    let from = format!("{ARTIFACTS}?from=library/source:v1");
    let copied = post(&admin, &from, json!({})).await.expect(412);
    assert!(copied.message().contains("configured as immutable"));
    let absent = format!("{ARTIFACTS}/{}", other.digest());
    get(&admin, &absent).await.expect(404);

    // Disabled, it keeps nothing; deleted, neither.
    let path = format!("{RULES}/{id}");
    let mut disabled = rule("v*", "{app,apps/**}");
    disabled["disabled"] = json!(true);
    put(&admin, &path, disabled.clone()).await.expect(200);
    push(&admin, "v1", &second).await.expect(201);
    disabled["disabled"] = json!(false);
    put(&admin, &path, disabled).await.expect(200);
    push(&admin, "v1", &first).await.expect(412);
    delete(&admin, &path).await.expect(200);
    push(&admin, "v1", &first).await.expect(201);
    delete(&admin, "/projects/library/repositories/app")
        .await
        .expect(200);
}

#[tokio::test]
async fn what_goes_with_an_artifact_keeps_it_if_its_tag_must_stay() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let (image, signature) = (Artifact::image("image"), Artifact::image("signature"));
    let signed = image.cosign_tag("sig");
    admin
        .push_artifact("library/app", Some("latest"), &image)
        .await;
    admin
        .push_artifact("library/app", Some(&signed), &signature)
        .await;
    keep(&admin, "library", "sha256-*", "**").await;
    let message = format!("the tag {signed} configured as immutable, cannot be deleted");
    is_refused(
        delete(&admin, &format!("{ARTIFACTS}/latest")).await,
        &message,
    );
    let path = format!("/v2/library/app/manifests/{}", image.digest());
    is_refused(admin.delete(&path).await, &message);
    admin.pull("library/app", "latest").await;
    delete(&admin, &format!("{ARTIFACTS}/latest/tags/latest"))
        .await
        .expect(200);
}

#[tokio::test]
async fn tags_say_that_they_stay_where_that_is_asked_for() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let image = Artifact::image("image");
    for tag in ["v1", "latest"] {
        push(&admin, tag, &image).await.expect(201);
    }
    keep(&admin, "library", "v*", "app").await;
    let tags = |shown: &Value| {
        let rows = shown.as_array().unwrap().iter();
        let mut rows: Vec<(String, bool)> = rows
            .map(|tag| {
                let name = tag["name"].as_str().unwrap().to_owned();
                (name, tag["immutable"].as_bool().unwrap())
            })
            .collect();
        rows.sort();
        rows
    };
    for (asked, expected) in [
        ("", false),
        ("?with_immutable_status=false", false),
        ("?with_immutable_status=true", true),
    ] {
        let expected = [("latest".to_owned(), false), ("v1".to_owned(), expected)];
        let one = get(&admin, &format!("{ARTIFACTS}/v1{asked}"))
            .await
            .expect(200)
            .json();
        assert_eq!(tags(&one["tags"]), expected, "{asked}");
        let listed = get(&admin, &format!("{ARTIFACTS}{asked}"))
            .await
            .expect(200)
            .json();
        assert_eq!(tags(&listed[0]["tags"]), expected, "{asked}");
        let all = format!("/projects/library/artifacts{asked}");
        let all = get(&admin, &all).await.expect(200).json();
        assert_eq!(tags(&all[0]["tags"]), expected, "{asked}");
        let own = get(&admin, &format!("{ARTIFACTS}/v1/tags{asked}"))
            .await
            .expect(200)
            .json();
        assert_eq!(tags(&own), expected, "{asked}");
    }
    get(&admin, &format!("{ARTIFACTS}?with_immutable_status=maybe"))
        .await
        .expect(422);
}

#[tokio::test]
async fn a_cached_tag_under_a_rule_stays_and_its_upstream_is_not_asked() {
    let upstream = FakeUpstream::start().await;
    let old = upstream.push_image("app", "v1", &[b"old".to_vec()]);
    upstream.push_image("app", "latest", &[b"old".to_vec()]);
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    let (admin, client) = (server.admin(), server.anonymous());
    let id = keep(&admin, "hub", "v*", "**").await;
    let digest = |answer: &Answer| answer.header("docker-content-digest").to_owned();

    // What is not cached yet is fetched.
    let first = client.manifest("hub/app", "v1").await.expect(200);
    assert_eq!(
        (first.outcome(), digest(&first)),
        ("filled", old.manifest_digest.to_string())
    );
    assert_eq!(first.headers.get("x-roadstead-immutable"), None);
    client.pull("hub/app", "latest").await;
    let new = upstream.push_image("app", "v1", &[b"new".to_vec()]);
    upstream.push_image("app", "latest", &[b"newer".to_vec()]);
    upstream.clear();
    for _ in 0..2 {
        let kept = client.manifest("hub/app", "v1").await.expect(200);
        assert_eq!(
            (kept.outcome(), digest(&kept)),
            ("hit", old.manifest_digest.to_string())
        );
        assert_eq!(kept.header("x-roadstead-immutable"), "true");
        assert_eq!(kept.header("content-type"), first.header("content-type"));
    }
    client.head("/v2/hub/app/manifests/v1").await.expect(200);
    assert!(upstream.requests().is_empty(), "{:?}", upstream.requests());
    // Its neighbour moves on.
    let moved = client.manifest("hub/app", "latest").await.expect(200);
    assert_eq!(
        (moved.outcome(), moved.headers.get("x-roadstead-immutable")),
        ("filled", None)
    );

    // Gone or down upstream, it is served all the same, and not as stale.
    upstream.delete_tag("app", "v1");
    upstream.set_mode(Mode::Status(503, Vec::new()));
    let kept = client.manifest("hub/app", "v1").await.expect(200);
    assert_eq!(
        (kept.outcome(), digest(&kept)),
        ("hit", old.manifest_digest.to_string())
    );
    upstream.set_mode(Mode::Normal);

    // A cached copy under a rule stays too.
    let artifact = "/projects/hub/repositories/app/artifacts/v1";
    let message = "the tag v1 configured as immutable, cannot be deleted";
    is_refused(delete(&admin, artifact).await, message);
    is_refused(
        delete(&admin, "/projects/hub/repositories/app").await,
        message,
    );
    let path = format!("/v2/hub/app/manifests/{}", old.manifest_digest);
    is_refused(admin.delete(&path).await, message);

    // Without the rule it is asked about again.
    let again = upstream.push_image("app", "v1", &[b"new".to_vec()]);
    assert_eq!(again.manifest_digest, new.manifest_digest);
    delete(&admin, &format!("/projects/hub/immutabletagrules/{id}"))
        .await
        .expect(200);
    let moved = client.manifest("hub/app", "v1").await.expect(200);
    assert_eq!(
        (moved.outcome(), digest(&moved)),
        ("filled", new.manifest_digest.to_string())
    );
    delete(&admin, artifact).await.expect(200);
}
