//! Retention policies carried out, and garbage collected: what goes, what stays, and what is told of it.

use std::time::{Duration, Instant};

use oci::Platform;
use serde_json::{Value, json};
use tests::fake::{FakeUpstream, Mode};
use tests::{Client, Setup, TestServer, data};

use super::{delete, get, number, patch, post, put};

const GC: &str = "/system/gc";

/// A policy of one rule, for a project.
fn policy(project: i64, template: &str, count: u64, tags: Value) -> Value {
    json!({
        "algorithm": "or",
        "scope": { "level": "project", "ref": project },
        "trigger": { "kind": "Schedule", "settings": { "cron": "" } },
        "rules": [{
            "action": "retain",
            "template": template,
            "params": { template: count },
            "tag_selectors": [tags],
            "scope_selectors": { "repository": [{ "kind": "doublestar", "decoration": "repoMatches", "pattern": "**" }] },
        }],
    })
}

fn tags(pattern: &str) -> Value {
    json!({ "kind": "doublestar", "decoration": "matches", "pattern": pattern })
}

/// Waits for a run's end, and returns it as it is shown then.
async fn ended(admin: &Client, list: &str, id: i64) -> Value {
    let started = Instant::now();
    loop {
        let runs = get(admin, list).await.expect(200).json();
        let run = runs.as_array().unwrap().iter().find(|run| run["id"] == id);
        let run = run.expect("the run is listed").clone();
        let status = if run["job_status"].is_string() {
            &run["job_status"]
        } else {
            &run["status"]
        };
        if status != "Pending" && status != "Running" {
            return run;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{run}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Carries a policy out; its tasks: repository, how many there were, how many stayed.
async fn carry_out(admin: &Client, id: i64, is_dry_run: bool) -> Vec<(String, u64, u64)> {
    let runs = format!("/retentions/{id}/executions");
    let begun = post(admin, &runs, json!({ "dry_run": is_dry_run })).await;
    let run = number(begun.expect(201).header("location"));
    let shown = ended(admin, &runs, run).await;
    assert_eq!(
        (&shown["status"], &shown["dry_run"], &shown["trigger"]),
        (&json!("Success"), &json!(is_dry_run), &json!("MANUAL"))
    );
    let tasks = get(admin, &format!("{runs}/{run}/tasks")).await.expect(200);
    let tasks = tasks.json();
    let told = |task: &Value| {
        (
            task["repository"].as_str().unwrap().to_owned(),
            task["total"].as_u64().unwrap(),
            task["retained"].as_u64().unwrap(),
        )
    };
    tasks.as_array().unwrap().iter().map(told).collect()
}

fn amd64() -> Platform {
    Platform {
        os: "linux".to_owned(),
        architecture: "amd64".to_owned(),
        ..Platform::default()
    }
}

/// Collects garbage; the run, and what it was given and found.
async fn collect(admin: &Client, parameters: Value) -> (Value, Value) {
    let body = json!({ "schedule": { "type": "Manual" }, "parameters": parameters });
    let begun = post(admin, "/system/gc/schedule", body).await.expect(201);
    let run = ended(admin, GC, number(begun.header("location"))).await;
    assert_eq!(run["job_status"], "Success");
    let text = run["job_parameters"].as_str().unwrap();
    let found = serde_json::from_str(text).unwrap();
    (run, found)
}

#[tokio::test]
async fn a_dry_run_and_a_real_one_choose_the_same_and_tell_it() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let body = json!({ "project_name": "team" });
    let project = number(
        post(&admin, "/projects", body)
            .await
            .expect(201)
            .header("location"),
    );
    for (index, tag) in ["v1", "v2", "v3", "rc-4", "v5"].into_iter().enumerate() {
        let layer = [index as u8; 64];
        admin.push_image("team/app", tag, &[&layer]).await;
    }
    admin.push_image("team/other", "old", &[b"other"]).await;
    let kept = policy(project, "latestPushedK", 2, tags("v*"));
    let made = post(&admin, "/retentions", kept).await.expect(201);
    let id = number(made.header("location"));
    let expected = [("app".to_owned(), 5, 2), ("other".to_owned(), 1, 0)];
    assert_eq!(carry_out(&admin, id, true).await, expected);
    let app = "/projects/team/repositories/app/artifacts";
    let all = get(&admin, app).await.expect(200);
    assert_eq!(all.header("x-total-count"), "5");
    assert_eq!(carry_out(&admin, id, false).await, expected);
    let left = get(&admin, app).await.expect(200).json();
    let left: Vec<&str> = left
        .as_array()
        .unwrap()
        .iter()
        .map(|artifact| artifact["tags"][0]["name"].as_str().unwrap())
        .collect();
    assert_eq!(left, ["v5", "v3"]);
    // Another time there is nothing to do.
    let again = carry_out(&admin, id, false).await;
    assert_eq!(again, [("app".to_owned(), 2, 2)]);
    let runs = format!("/retentions/{id}/executions");
    let listed = get(&admin, &runs).await.expect(200);
    assert_eq!(listed.header("x-total-count"), "3");
    let second = listed.json()[1]["id"].clone();
    let task = get(&admin, &format!("{runs}/{second}/tasks")).await.json()[0]["id"].clone();
    let log = get(&admin, &format!("{runs}/{second}/tasks/{task}")).await;
    let log = String::from_utf8(log.expect(200).body.to_vec()).unwrap();
    let lines = |word: &str| log.lines().filter(|line| line.starts_with(word)).count();
    assert_eq!((lines("RETAIN"), lines("DEL")), (2, 3), "{log}");
    // One that has ended is left alone, and what is nobody's is not found.
    let stop = json!({ "action": "stop" });
    patch(&admin, &format!("{runs}/{second}"), stop.clone())
        .await
        .expect(200);
    patch(&admin, &format!("{runs}/4711"), stop)
        .await
        .expect(404);
    delete(&admin, &format!("/retentions/{id}"))
        .await
        .expect(200);
    get(&admin, &runs).await.expect(404);
}

#[tokio::test]
async fn a_policy_spares_tags_that_are_immutable_hosted_and_cached() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    let admin = server.admin();
    for (index, tag) in ["v1", "v2", "rc", "last"].into_iter().enumerate() {
        let layer = vec![index as u8; 64];
        admin.push_image("library/app", tag, &[&layer]).await;
        upstream.push_image("app", tag, &[layer]);
        server.anonymous().pull("hub/app", tag).await;
    }
    server.settled().await;
    for project in ["library", "hub"] {
        let rule = json!({
            "action": "immutable", "template": "immutable_template",
            "tag_selectors": [tags("v*")],
            "scope_selectors": { "repository": [{ "kind": "doublestar", "decoration": "repoMatches", "pattern": "app" }] },
        });
        let rules = format!("/projects/{project}/immutabletagrules");
        post(&admin, &rules, rule).await.expect(201);
        let shown = get(&admin, &format!("/projects/{project}")).await.json();
        let number_of = shown["project_id"].as_i64().unwrap();
        let wanted = policy(number_of, "latestPushedK", 1, tags("**"));
        let known = shown["metadata"]["retention_id"].as_str();
        let id = match known.and_then(|id| id.parse().ok()) {
            Some(id) => {
                put(&admin, &format!("/retentions/{id}"), wanted)
                    .await
                    .expect(200);
                id
            }
            None => {
                let made = post(&admin, "/retentions", wanted).await.expect(201);
                number(made.header("location"))
            }
        };
        for is_dry_run in [true, false] {
            let done = carry_out(&admin, id, is_dry_run).await;
            assert_eq!(done, [("app".to_owned(), 4, 3)], "{project}");
        }
        let left = format!("/projects/{project}/repositories/app/artifacts");
        let left = get(&admin, &left).await.expect(200).json();
        let left = left.as_array().unwrap().iter();
        let mut left: Vec<&str> = left
            .map(|artifact| artifact["tags"][0]["name"].as_str().unwrap())
            .collect();
        left.sort_unstable();
        assert_eq!(left, ["last", "v1", "v2"], "{project}");
    }
}

#[tokio::test]
async fn what_expires_goes_with_its_own_bytes_and_with_nobody_elses() {
    let upstream = FakeUpstream::start().await;
    let (shared, own) = (vec![1; 50_000], vec![2; 70_000]);
    upstream.push_image("app", "hot", &[shared.clone(), vec![3; 30_000]]);
    upstream.push_image("app", "cold", &[shared, own]);
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    let (admin, client) = (server.admin(), server.anonymous());
    client.pull("hub/app", "hot").await;
    let cold = client.pull("hub/app", "cold").await;
    server.settled().await;
    let id = get(&admin, "/projects/hub").await.expect(200).json();
    let project = id["project_id"].as_i64().unwrap();
    let id: i64 = id["metadata"]["retention_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let shown = get(&admin, &format!("/retentions/{id}")).await.expect(200);
    assert_eq!(shown.json()["rules"][0]["template"], "nDaysSinceLastPull");
    // Nothing is old enough.
    assert_eq!(
        carry_out(&admin, id, false).await,
        [("app".to_owned(), 2, 2)]
    );
    let age = format!(
        "UPDATE artifacts SET pushed_at = pushed_at - 691200000000, pulled_at = pulled_at - 691200000000 WHERE digest = '{}'",
        cold.digest
    );
    data::change(&server.data(), &age).await;
    let used = async || {
        let quota = get(&admin, &format!("/quotas/{project}")).await.json();
        quota["used"]["storage"].as_u64().unwrap()
    };
    let (before, on_disk) = (used().await, data::stored_bytes(&server.data()));
    assert_eq!(
        carry_out(&admin, id, false).await,
        [("app".to_owned(), 2, 1)]
    );
    let manifest = upstream.count("GET", "/manifests/");
    let gone = before - used().await;
    assert!(
        (70_000..71_500).contains(&gone),
        "{gone}: the layer, the configuration if it is its own, the manifest"
    );
    assert_eq!(on_disk - data::stored_bytes(&server.data()), gone);
    // What is left pulls without upstream; what is gone is fetched anew.
    upstream.set_mode(Mode::RefuseConnections);
    client.pull("hub/app", "hot").await;
    assert_eq!(upstream.count("GET", "/manifests/"), manifest);
    upstream.set_mode(Mode::Normal);
    let again = client.pull("hub/app", "cold").await;
    assert_eq!(again.digest, cold.digest);
    server.settled().await;
    assert_eq!(data::stored_bytes(&server.data()), on_disk);
}

#[tokio::test]
async fn eight_days_of_pulls_by_digest_and_of_collections_lose_nothing() {
    let upstream = FakeUpstream::start().await;
    let child = upstream.push_image_for("app", None, &amd64(), &[vec![7; 9000]]);
    let index = upstream.push_index("app", "v1", &[(amd64(), child.clone())]);
    let unused = upstream.push_image("app", "once", &[vec![8; 9000]]);
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    let (admin, client) = (server.admin(), server.anonymous());
    client.manifest("hub/app", "v1").await.expect(200);
    client.pull("hub/app", child.manifest_digest.as_str()).await;
    client.pull("hub/app", "once").await;
    server.settled().await;
    let project = get(&admin, "/projects/hub").await.expect(200).json();
    let id: i64 = project["metadata"]["retention_id"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    for _ in 0..8 {
        let day = 86_400_000_000_i64;
        for statement in [
            format!(
                "UPDATE artifacts SET pushed_at = pushed_at - {day}, pulled_at = pulled_at - {day}"
            ),
            format!("UPDATE tags SET pushed_at = pushed_at - {day}, pulled_at = pulled_at - {day}"),
            format!("UPDATE held_blobs SET held_at = held_at - {day}"),
        ] {
            data::change(&server.data(), &statement).await;
        }
        client.pull("hub/app", child.manifest_digest.as_str()).await;
        carry_out(&admin, id, false).await;
        collect(&admin, json!({ "delete_untagged": true })).await;
    }
    upstream.set_mode(Mode::RefuseConnections);
    client.manifest("hub/app", index.as_str()).await.expect(200);
    client.manifest("hub/app", "v1").await.expect(200);
    client.pull("hub/app", child.manifest_digest.as_str()).await;
    let gone = client
        .manifest("hub/app", unused.manifest_digest.as_str())
        .await;
    assert!(gone.status.is_server_error(), "{}", gone.status);
}

#[tokio::test]
async fn garbage_is_counted_collected_scheduled_and_told_of() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    admin.push_image("library/app", "v1", &[&[5; 40_000]]).await;
    let old = admin.push_image("library/app", "v2", &[&[6; 60_000]]).await;
    delete(
        &admin,
        &format!("/projects/library/repositories/app/artifacts/{old}/tags/v2"),
    )
    .await
    .expect(200);
    // Hours later.
    for statement in [
        "UPDATE artifacts SET pushed_at = pushed_at - 10800000000",
        "UPDATE held_blobs SET held_at = held_at - 864000000000",
    ] {
        data::change(&server.data(), statement).await;
    }
    data::make_old(&server.data());
    let before = data::stored_bytes(&server.data());
    let (run, found) = collect(&admin, json!({ "dry_run": true, "delete_untagged": true })).await;
    assert_eq!(
        (&run["job_name"], &run["job_kind"]),
        (&json!("GARBAGE_COLLECTION"), &json!("MANUAL"))
    );
    assert_eq!(found["purged_manifests"], 1);
    assert_eq!(data::stored_bytes(&server.data()), before);
    // What has no tag stays where that is not asked for.
    let (_, found) = collect(&admin, json!({})).await;
    assert_eq!(
        (&found["freed_space"], &found["workers"]),
        (&json!(0), &json!(1))
    );
    let (run, found) = collect(&admin, json!({ "delete_untagged": true, "workers": 2 })).await;
    let freed = found["freed_space"].as_u64().unwrap();
    assert!(freed > 60_000 && freed < 62_000, "{found}");
    assert_eq!(before - data::stored_bytes(&server.data()), freed);
    let id = run["id"].as_i64().unwrap();
    let log = get(&admin, &format!("{GC}/{id}/log")).await.expect(200);
    let log = String::from_utf8(log.body.to_vec()).unwrap();
    assert!(
        log.contains(old.as_str()) && log.contains(&format!("{freed} bytes freed")),
        "{log}"
    );
    admin.pull("library/app", "v1").await;

    let daily =
        json!({ "schedule": { "type": "Daily" }, "parameters": { "delete_untagged": true } });
    post(&admin, "/system/gc/schedule", daily).await.expect(201);
    let shown = get(&admin, "/system/gc/schedule").await.expect(200).json();
    assert_eq!(
        (&shown["schedule"]["type"], &shown["schedule"]["cron"]),
        (&json!("Daily"), &json!("0 0 0 * * *"))
    );
    put(
        &admin,
        "/system/gc/schedule",
        json!({ "schedule": { "type": "None" } }),
    )
    .await
    .expect(200);
    assert_eq!(get(&admin, "/system/gc/schedule").await.json(), json!({}));
    let wrong = json!({ "schedule": { "type": "Manual" }, "parameters": { "workers": 99 } });
    post(&admin, "/system/gc/schedule", wrong).await.expect(400);
}
