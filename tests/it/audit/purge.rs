//! Purges, by hand and by a schedule.

use std::time::{Duration, Instant};

use chrono::{TimeDelta, Utc};
use metadata::{AuditEntry, AuditEvent, NewSchedule};
use serde_json::{Value, json};
use tests::{Client, Setup, TestServer};

use super::{log_with, user};

const PURGE: &str = "/api/v2.0/system/purgeaudit";
const SCHEDULE: &str = "/api/v2.0/system/purgeaudit/schedule";

/// A log of pulls and of deleted tags that are days old, and one of today.
async fn with_old_entries(pulls: usize) -> TestServer {
    let server = TestServer::start(Setup::new()).await;
    let entry = |event, at| AuditEntry {
        at,
        username: "bob".into(),
        project: None,
        event,
        resource: "team/app:v1".into(),
        description: "".into(),
        is_success: true,
        address: None,
    };
    let old = Utc::now() - TimeDelta::days(3);
    for _ in 0..pulls {
        server
            .database()
            .note_audit(entry(AuditEvent::PullArtifact, old));
    }
    server
        .database()
        .note_audit(entry(AuditEvent::DeleteTag, old));
    server
        .database()
        .note_audit(entry(AuditEvent::PullArtifact, Utc::now()));
    server.database().flush().await.expect("written");
    server
}

fn asked(kind: &str, cron: &str, events: &str, is_dry_run: bool) -> Value {
    let parameters =
        json!({ "audit_retention_hour": 24, "include_event_types": events, "dry_run": is_dry_run });
    json!({ "schedule": { "type": kind, "cron": cron }, "parameters": parameters })
}

async fn ended(admin: &Client, path: &str) -> Value {
    let started = Instant::now();
    loop {
        let run = admin.get(path).await.expect(200).json();
        if !["Pending", "Running"].contains(&run["job_status"].as_str().unwrap_or_default()) {
            return run;
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{run}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn count(admin: &Client, q: &str) -> String {
    let path = format!("/api/v2.0/auditlog-exts?q={q}");
    admin
        .get(&path)
        .await
        .expect(200)
        .header("x-total-count")
        .to_owned()
}

#[tokio::test]
async fn a_purge_by_hand_counts_or_deletes() {
    let server = with_old_entries(2500).await;
    let admin = server.admin();
    let begun = admin
        .post(SCHEDULE, &asked("Manual", "", "pull_artifact", true))
        .await
        .expect(201);
    let run = begun.header("location").to_owned();
    assert!(run.starts_with("/api/v2.0/system/purgeaudit/"), "{run}");
    let told = ended(&admin, &run).await;
    assert_eq!(
        (&told["job_status"], &told["job_kind"], &told["job_name"]),
        (
            &json!("Success"),
            &json!("MANUAL"),
            &json!("PURGE_AUDIT_LOG")
        )
    );
    assert_eq!(told["schedule"]["type"], "Manual", "{told}");
    let parameters: Value =
        serde_json::from_str(told["job_parameters"].as_str().expect("text")).expect("JSON");
    assert_eq!(parameters["dry_run"], true);
    let lines = admin.get(&format!("{run}/log")).await.expect(200);
    assert!(lines.header("content-type").starts_with("text/plain"));
    assert!(
        String::from_utf8_lossy(&lines.body).contains("2500 entries would be deleted"),
        "{:?}",
        lines.body
    );
    assert_eq!(
        count(&admin, "operation%3Dpull").await,
        "2501",
        "nothing was"
    );

    let begun = admin
        .post(SCHEDULE, &asked("Manual", "", "pull_artifact", false))
        .await
        .expect(201);
    let run = begun.header("location").to_owned();
    assert_eq!(ended(&admin, &run).await["job_status"], "Success");
    assert_eq!(count(&admin, "operation%3Dpull").await, "1");
    assert_eq!(
        count(&admin, "operation%3Ddelete").await,
        "1",
        "other events stay"
    );
    let history = admin.get(PURGE).await.expect(200);
    assert_eq!(history.header("x-total-count"), "2");
    assert_eq!(
        history.json()[0]["id"].to_string(),
        run.rsplit('/').next().unwrap()
    );
    // Who made the log shorter is in it.
    log_with(&admin, super::LOG, "admin create purge_audit Manual").await;
    // One that has ended is left alone; one that never was is not there.
    admin.put(&run, &json!({})).await.expect(200);
    assert_eq!(admin.get(&run).await.json()["job_status"], "Success");
    admin.get(&format!("{PURGE}/999")).await.expect(404);
    admin
        .put(&format!("{PURGE}/999"), &json!({}))
        .await
        .expect(404);
    admin.get(&format!("{PURGE}/999/log")).await.expect(404);
}

#[tokio::test]
async fn a_schedule_survives_a_restart_and_begins_each_time_once() {
    let server = with_old_entries(100).await;
    let admin = server.admin();
    assert_eq!(admin.get(SCHEDULE).await.expect(200).json(), json!({}));
    admin
        .post(
            SCHEDULE,
            &asked("Daily", "0 30 2 * * *", "pull_artifact", false),
        )
        .await
        .expect(201);
    let shown = admin.get(SCHEDULE).await.expect(200).json();
    assert_eq!(
        (&shown["schedule"]["type"], &shown["schedule"]["cron"]),
        (&json!("Daily"), &json!("0 30 2 * * *"))
    );
    let next = shown["schedule"]["next_scheduled_time"]
        .as_str()
        .expect("a time")
        .to_owned();
    assert!(next.ends_with("T02:30:00.000Z"), "{next}");
    assert_eq!(
        admin.get(PURGE).await.expect(200).header("x-total-count"),
        "0"
    );

    // It was due twice while nobody was there.
    let missed = NewSchedule {
        every: "Daily".to_owned(),
        cron: "0 30 2 * * *".to_owned(),
        parameters: shown["job_parameters"].as_str().expect("text").to_owned(),
        next_at: Utc::now() - TimeDelta::hours(40),
    };
    server
        .database()
        .put_schedule("PURGE_AUDIT_LOG", 0, missed, Utc::now())
        .await
        .expect("written");
    let server = server.restart().await;
    let admin = server.admin();
    let started = Instant::now();
    while count(&admin, "operation%3Dpull").await != "1" {
        assert!(started.elapsed() < Duration::from_secs(20), "not purged");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        admin.get(SCHEDULE).await.json()["schedule"]["next_scheduled_time"],
        json!(next)
    );
    let server = server.restart().await;
    let admin = server.admin();
    let history = admin.get(PURGE).await.expect(200);
    assert_eq!(
        (
            history.header("x-total-count"),
            &history.json()[0]["job_kind"]
        ),
        ("1", &json!("SCHEDULE"))
    );
    admin
        .put(SCHEDULE, &json!({ "schedule": { "type": "None" } }))
        .await
        .expect(200);
    assert_eq!(admin.get(SCHEDULE).await.expect(200).json(), json!({}));
}

#[tokio::test]
async fn what_was_begun_before_a_kill_is_ended_after_it_and_what_was_stopped_is_not() {
    let server = with_old_entries(100).await;
    let request =
        r#"{"audit_retention_hour":24,"include_event_types":"pull_artifact","dry_run":false}"#;
    let db = server.database();
    let long_ago = Utc::now() - TimeDelta::hours(1);
    // As a process leaves it that was killed in the middle of a run.
    let left = db
        .begin_by_hand("PURGE_AUDIT_LOG", 0, request, long_ago)
        .await
        .expect("a run");
    db.claim_execution("PURGE_AUDIT_LOG", long_ago, long_ago)
        .await
        .expect("claimed");
    let server = server.restart().await;
    let admin = server.admin();
    let run = ended(&admin, &format!("{PURGE}/{}", left.id)).await;
    assert_eq!(run["job_status"], "Success");
    assert_eq!(count(&admin, "operation%3Dpull").await, "1");
    // One that runs elsewhere: it shows signs of life, so nobody takes it, and it can be stopped.
    let db = server.database();
    let now = Utc::now();
    let running = db
        .begin_by_hand("PURGE_AUDIT_LOG", 0, request, now)
        .await
        .expect("a run");
    db.claim_execution("PURGE_AUDIT_LOG", long_ago, now)
        .await
        .expect("claimed");
    let path = format!("{PURGE}/{}", running.id);
    assert_eq!(admin.get(&path).await.json()["job_status"], "Running");
    admin.put(&path, &json!({})).await.expect(200);
    assert_eq!(admin.get(&path).await.json()["job_status"], "Stopped");
    assert!(
        !db.tell_execution(running.id, "more\n", Utc::now())
            .await
            .expect("told"),
        "whoever works on it learns it"
    );
}

#[tokio::test]
async fn a_wrong_request_is_told_what_is_wrong_and_nobody_else_may_ask() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    for (body, part) in [
        (json!({}), "schedule cann't be empty"),
        (
            json!({ "schedule": { "type": "Manual" } }),
            "schedule parameter cann't be empty",
        ),
        (
            json!({ "schedule": { "type": "Manual" }, "parameters": { "dry_run": true } }),
            "audit_retention_hour should provide",
        ),
        (asked("Yearly", "", "", true), "Yearly"),
        (asked("Custom", "* * * * *", "", true), "six fields"),
        (asked("Custom", "1 * * * * *", "", true), "must be 0"),
        (asked("Manual", "", "pull", true), "pull_artifact"),
    ] {
        let refused = admin.post(SCHEDULE, &body).await.expect(400);
        assert!(refused.message().contains(part), "{}", refused.message());
        admin.put(SCHEDULE, &body).await.expect(400);
    }
    let anna = user(&server, "anna").await;
    for (client, status) in [(anna, 403), (server.anonymous(), 401)] {
        client
            .post(SCHEDULE, &asked("Manual", "", "", false))
            .await
            .expect(status);
        client
            .put(SCHEDULE, &asked("None", "", "", false))
            .await
            .expect(status);
        for path in [
            PURGE,
            SCHEDULE,
            "/api/v2.0/system/purgeaudit/1",
            "/api/v2.0/system/purgeaudit/1/log",
        ] {
            client.get(path).await.expect(status);
        }
        client
            .put("/api/v2.0/system/purgeaudit/1", &json!({}))
            .await
            .expect(status);
    }
}
