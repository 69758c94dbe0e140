//! The audit log: what was done, by whom, and that it is not lost; how it is purged, and forwarded.

mod forward;
mod purge;

use std::time::{Duration, Instant};

use http::Method;
use serde_json::{Value, json};
use tests::fake::FakeUpstream;
use tests::{ADMIN_PASSWORD, Client, ProcessServer, Setup, TestServer};

const API: &str = "/api/v2.0";
const LOG: &str = "/api/v2.0/auditlog-exts?page_size=100";

/// `username operation resource_type resource`, with a `!` before what was refused; the newest first.
async fn log(client: &Client, path: &str) -> Vec<String> {
    let answer = client.get(path).await.expect(200).json();
    let entries = answer.as_array().expect("a list").clone();
    let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    let line = |entry: &Value| {
        let refused = if entry["operation_result"] == false {
            "!"
        } else {
            ""
        };
        let words =
            ["username", "operation", "resource_type", "resource"].map(|key| text(entry, key));
        format!("{refused}{}", words.join(" "))
    };
    entries.iter().map(line).collect()
}

/// The log once it has this entry, which takes a flush.
async fn log_with(client: &Client, path: &str, line: &str) -> Vec<String> {
    let started = Instant::now();
    loop {
        let lines = log(client, path).await;
        if lines.iter().any(|told| told == line) {
            return lines;
        }
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "{line} in {lines:#?}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn user(server: &TestServer, name: &str) -> Client {
    let body = json!({ "username": name, "password": "Berth-and-buoy-2", "realname": name, "email": format!("{name}@example.com") });
    let made = server.admin().post(&format!("{API}/users"), &body).await;
    made.expect(201);
    server.user(name, "Berth-and-buoy-2")
}

async fn member(admin: &Client, project: &str, name: &str, role: u8) -> String {
    let body = json!({ "role_id": role, "member_user": { "username": name } });
    let path = format!("{API}/projects/{project}/members");
    admin
        .post(&path, &body)
        .await
        .expect(201)
        .header("location")
        .to_owned()
}

#[tokio::test]
async fn pulls_and_pushes_are_told_with_who_and_what() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[b"layer".to_vec()]);
    let setup = Setup::new()
        .proxy_of("hub", &upstream.url())
        .project("{name: hosted, public: true}");
    let server = TestServer::start(setup).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let digest = admin.push_image("hosted/app", "v1", &[b"x"]).await;
    admin.manifest("hosted/app", "v1").await.expect(200);
    anonymous
        .manifest("hosted/app", digest.as_str())
        .await
        .expect(200);
    anonymous.manifest("hub/app", "v1").await.expect(200);
    anonymous
        .manifest("hub/app", image.manifest_digest.as_str())
        .await
        .expect(200);
    // None of these is a pull.
    anonymous
        .head("/v2/hosted/app/manifests/v1")
        .await
        .expect(200);
    anonymous.manifest("hosted/app", "v2").await.expect(404);
    let cached = admin.request(Method::GET, "/v2/hosted/app/manifests/v1");
    let cached = cached.header("if-none-match", format!("\"{digest}\""));
    admin.send(cached).await.expect(304);
    admin
        .delete("/v2/hosted/app/manifests/v1")
        .await
        .expect(202);
    admin
        .delete(&format!("/v2/hosted/app/manifests/{digest}"))
        .await
        .expect(202);
    let last = format!("anonymous pull artifact hub/app@{}", image.manifest_digest);
    let mut lines = log_with(&admin, LOG, &last).await;
    lines.sort();
    let mut expected = vec![
        "admin create artifact hosted/app:v1".to_owned(),
        "admin pull artifact hosted/app:v1".to_owned(),
        format!("anonymous pull artifact hosted/app@{digest}"),
        "anonymous pull artifact hub/app:v1".to_owned(),
        last,
        "admin delete tag hosted/app:v1".to_owned(),
        format!("admin delete artifact hosted/app@{digest}"),
    ];
    expected.sort();
    assert_eq!(lines, expected);

    let entry = admin
        .get(&format!("{LOG}&q=operation%3Dcreate"))
        .await
        .expect(200)
        .json()[0]
        .clone();
    assert_eq!(
        entry["operation_description"],
        "create artifact: hosted/app:v1"
    );
    assert_eq!(entry["client_address"], "127.0.0.1");
    assert!(
        entry["op_time"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z')),
        "{entry}"
    );
    // The shape of before.
    let legacy = admin
        .get("/api/v2.0/audit-logs?q=operation%3Dcreate")
        .await
        .expect(200);
    assert_eq!(legacy.header("x-total-count"), "1");
    let mut keys: Vec<String> = legacy.json()[0]
        .as_object()
        .unwrap()
        .keys()
        .cloned()
        .collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "id",
            "op_time",
            "operation",
            "resource",
            "resource_type",
            "username"
        ]
    );
}

#[tokio::test]
async fn every_change_is_told_and_so_is_a_refusal() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let api = |path: &str| format!("{API}{path}");
    admin
        .post(&api("/projects"), &json!({ "project_name": "team" }))
        .await
        .expect(201);
    admin
        .post(&api("/projects"), &json!({ "project_name": "team" }))
        .await
        .expect(409);
    let anna = user(&server, "anna").await;
    let membership = member(&admin, "team", "anna", 2).await;
    admin
        .put(&membership, &json!({ "role_id": 4 }))
        .await
        .expect(200);
    admin
        .put(
            &api("/projects/team"),
            &json!({ "metadata": { "public": "true" } }),
        )
        .await
        .expect(200);
    // A slash too many is the same operation.
    admin
        .post(
            &api("/projects/team/metadatas/"),
            &json!({ "auto_scan": "true" }),
        )
        .await
        .expect(200);
    admin.push_image("team/deep/app", "v1", &[b"x"]).await;
    let app = api("/projects/team/repositories/deep%252Fapp");
    admin
        .put(&app, &json!({ "description": "text" }))
        .await
        .expect(200);
    admin
        .post(
            &format!("{app}/artifacts/v1/tags"),
            &json!({ "name": "v2" }),
        )
        .await
        .expect(201);
    admin
        .delete(&format!("{app}/artifacts/v1/tags/v2"))
        .await
        .expect(200);
    anna.delete(&format!("{app}/artifacts/v1"))
        .await
        .expect(200);
    anna.delete(&api("/projects/team")).await.expect(403);
    admin.delete(&app).await.expect(200);
    admin.delete(&membership).await.expect(200);
    let registry = json!({ "name": "up", "type": "docker-registry", "url": "http://127.0.0.1:9" });
    let registry = admin.post(&api("/registries"), &registry).await.expect(201);
    let registry = registry.header("location").to_owned();
    admin
        .put(&registry, &json!({ "description": "text" }))
        .await
        .expect(200);
    admin.delete(&registry).await.expect(200);
    let users = admin
        .get(&api("/users?q=username%3Danna"))
        .await
        .expect(200)
        .json();
    let anna_id = users[0]["user_id"].as_i64().expect("a number");
    let profile = json!({ "realname": "Anna", "email": "anna@example.org", "comment": "" });
    admin
        .put(&api(&format!("/users/{anna_id}")), &profile)
        .await
        .expect(200);
    admin
        .delete(&api(&format!("/users/{anna_id}")))
        .await
        .expect(200);
    admin.delete(&api("/projects/team")).await.expect(200);
    // Strangers are not told of: anyone could fill the log.
    server
        .anonymous()
        .post(&api("/projects"), &json!({ "project_name": "x" }))
        .await
        .expect(401);
    server
        .user("nobody", "Wrong-password-1")
        .delete(&api("/projects/team"))
        .await
        .expect(401);

    let lines = log_with(&admin, LOG, "!anna delete project team").await;
    let expected = [
        "admin create project team",
        "!admin create project team",
        "admin create user anna",
        "admin create member anna",
        "admin update member anna",
        "admin update project team",
        "admin update project team",
        "admin create artifact team/deep/app:v1",
        "admin update repository team/deep/app",
        "admin create tag team/deep/app:v2",
        "admin delete tag team/deep/app:v2",
        "anna delete artifact team/deep/app:v1",
        "!anna delete project team",
        "admin delete repository team/deep/app",
        "admin delete member anna",
        "admin create registry up",
        "admin update registry up",
        "admin delete registry up",
        "admin update user anna",
        "admin delete user anna",
        "admin delete project team",
    ];
    let oldest_first: Vec<&str> = lines.iter().rev().map(String::as_str).collect();
    assert_eq!(oldest_first, expected);
    let refused = admin
        .get(&format!("{LOG}&q=operation_result%3Dfalse"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        refused[0]["operation_description"],
        "delete project: team (403 Forbidden)"
    );
    // The project is gone; what happened in it is not.
    let of_team = admin
        .get(&format!("{LOG}&q=resource%3Dteam%2Cusername%3Dadmin"))
        .await;
    assert_eq!(of_team.expect(200).header("x-total-count"), "5");
}

#[tokio::test]
async fn signing_in_and_out_is_told() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let http = reqwest::Client::builder()
        .no_proxy()
        .build()
        .expect("a client");
    let url = server.url().to_owned();
    // The token of the first answer, as a browser's portal sends it.
    let first = http
        .get(format!("{url}/c/log_out"))
        .send()
        .await
        .expect("an answer");
    let header = |answer: &reqwest::Response, name: &str| {
        let values = answer.headers().get_all(name).iter();
        values
            .filter_map(|value| value.to_str().ok())
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let token = header(&first, "x-harbor-csrf-token").remove(0);
    let cookie = header(&first, "set-cookie")
        .into_iter()
        .find(|cookie| cookie.starts_with("_gorilla_csrf="));
    let cookie = cookie
        .expect("a cookie")
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    let login = async |password: &str| {
        http.post(format!("{url}/c/login"))
            .header("x-harbor-csrf-token", &token)
            .header("cookie", &cookie)
            .form(&[("principal", "admin"), ("password", password)])
            .send()
            .await
            .expect("an answer")
    };
    assert_eq!(login("Wrong-password-1").await.status(), 401);
    let answer = login(ADMIN_PASSWORD).await;
    assert_eq!(answer.status(), 200);
    let session = header(&answer, "set-cookie")
        .into_iter()
        .find(|cookie| cookie.starts_with("sid="));
    let session = session
        .expect("a session")
        .split(';')
        .next()
        .unwrap_or_default()
        .to_owned();
    let gone = http
        .get(format!("{url}/c/log_out"))
        .header("cookie", session)
        .send()
        .await;
    assert_eq!(gone.expect("an answer").status(), 200);
    let mut lines = log_with(&admin, LOG, "!admin login user admin").await;
    lines.sort();
    assert_eq!(
        lines,
        [
            "!admin login user admin",
            "admin login user admin",
            "admin logout user admin"
        ]
    );
}

#[tokio::test]
async fn people_read_the_logs_of_their_projects() {
    let setup = Setup::new()
        .project("{name: mine, public: true}")
        .project("{name: other, public: true}");
    let server = TestServer::start(setup).await;
    let (admin, anna) = (server.admin(), user(&server, "anna").await);
    member(&admin, "mine", "anna", 1).await;
    member(&admin, "other", "anna", 4).await;
    for project in ["mine", "other"] {
        admin
            .push_image(&format!("{project}/app"), "v1", &[b"x"])
            .await;
    }
    let seen = [
        "admin create artifact mine/app:v1",
        "admin create member anna",
    ];
    assert_eq!(log(&anna, LOG).await, seen);
    let project = |name: &str, which: &str| format!("{API}/projects/{name}/{which}");
    assert_eq!(log(&anna, &project("mine", "auditlog-exts")).await, seen);
    assert_eq!(
        anna.get(&project("mine", "logs"))
            .await
            .expect(200)
            .header("x-total-count"),
        "2"
    );
    anna.get(&project("other", "auditlog-exts"))
        .await
        .expect(403);
    anna.get(&project("other", "logs")).await.expect(403);
    assert_eq!(
        log(&admin, &project("other", "auditlog-exts")).await.len(),
        2
    );
    for path in [
        LOG,
        "/api/v2.0/audit-logs",
        "/api/v2.0/auditlog-exts/events",
    ] {
        server.anonymous().get(path).await.expect(401);
    }
    server
        .anonymous()
        .get(&project("mine", "logs"))
        .await
        .expect(401);
    let events = anna
        .get("/api/v2.0/auditlog-exts/events")
        .await
        .expect(200)
        .json();
    let events: Vec<&str> = events
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["event_type"].as_str())
        .collect();
    assert!(
        events.contains(&"pull_artifact") && events.contains(&"create_user"),
        "{events:?}"
    );
    // A page at a time.
    let page = admin
        .get("/api/v2.0/auditlog-exts?page=2&page_size=2")
        .await
        .expect(200);
    assert_eq!(
        (
            page.json().as_array().unwrap().len(),
            page.header("x-total-count")
        ),
        (2, "5")
    );
    assert!(
        page.header("link").contains("rel=\"next\""),
        "{}",
        page.header("link")
    );
    admin
        .get("/api/v2.0/auditlog-exts?q=username")
        .await
        .expect(400);
}

#[tokio::test]
async fn a_kill_costs_the_last_moments_and_a_shutdown_nothing() {
    // A second, and what a flush may take on a busy machine.
    const LAST: Duration = Duration::from_secs(2);
    let server = ProcessServer::start(Setup::new().project("{name: hosted, public: true}")).await;
    server.admin().push_image("hosted/app", "v1", &[b"x"]).await;
    let client = server.anonymous();
    let mut pulled = Vec::new();
    let started = Instant::now();
    while started.elapsed() < LAST * 2 {
        client.manifest("hosted/app", "v1").await.expect(200);
        pulled.push(Instant::now());
    }
    let killed = Instant::now();
    let server = server.kill_and_restart().await;
    let pulls = "/api/v2.0/auditlog-exts?q=operation%3Dpull&page_size=1";
    let told = async |server: &ProcessServer| {
        let answer = server.admin().get(pulls).await.expect(200);
        let counted = server
            .admin()
            .get("/api/v2.0/projects/hosted/repositories/app")
            .await;
        let counted = counted.expect(200).json()["pull_count"]
            .as_u64()
            .unwrap_or_default();
        // Both, or neither: they are one transaction.
        assert_eq!(answer.header("x-total-count"), counted.to_string());
        counted
    };
    let kept = told(&server).await;
    let before = pulled.iter().filter(|at| killed - **at > LAST).count() as u64;
    assert!(
        (before..=pulled.len() as u64).contains(&kept),
        "{kept} of {}, {before} of them old",
        pulled.len()
    );

    let client = server.anonymous();
    for _ in 0..50 {
        client.manifest("hosted/app", "v1").await.expect(200);
    }
    let ended = server.stop().await;
    let setup = Setup::new().project("{name: hosted, public: true}");
    let server = ProcessServer::start_in(setup, ended.folder, &[]).await;
    assert_eq!(told(&server).await, kept + 50);
}
