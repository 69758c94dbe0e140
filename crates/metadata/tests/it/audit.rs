//! The audit log: written together, read by index, purged some at a time. And the runs that do it.

use std::time::{Duration, Instant};

use metadata::{
    AuditEntry, AuditEvent, AuditScope, Config, Db, ExecutionStatus, NewSchedule, Page,
};
use sea_orm::{ConnectionTrait, Database};

use crate::harness::{at, image, name, project, record, say, tag};

/// Somebody does something in a project at that second.
fn entry(
    second: i64,
    username: &str,
    project: Option<(i64, &str)>,
    event: AuditEvent,
    resource: &str,
) -> AuditEntry {
    AuditEntry {
        at: at(second),
        username: username.into(),
        project: project.map(|(id, name)| (id, name.into())),
        event,
        resource: resource.into(),
        description: "".into(),
        is_success: true,
        address: Some([192, 0, 2, 7].into()),
    }
}

/// What a list has, by the second it happened; and its total.
async fn listed(db: &Db, scope: &AuditScope, page: &Page) -> (Vec<i64>, u64) {
    let found = db.list_audit(scope, page).await.unwrap();
    let seconds = found
        .items
        .iter()
        .map(|row| (row.entry.at - at(0)).num_seconds());
    (seconds.collect(), found.total)
}

fn q(q: &str) -> Page {
    Page::parse(None, None, Some(q), None).unwrap()
}

pub(crate) async fn entries_are_read_as_they_were_written(db: Db) {
    let refused = AuditEntry {
        is_success: false,
        description: "why not".into(),
        address: Some("2001:db8::1".parse().unwrap()),
        ..entry(1, "bob", None, AuditEvent::CreateProject, "hub")
    };
    db.record_audit(&refused).await.unwrap();
    let pull = entry(
        2,
        "anonymous",
        Some((7, "hub")),
        AuditEvent::PullArtifact,
        "hub/app:v1",
    );
    db.note_audit(pull.clone());
    db.flush().await.unwrap();
    let found = db.list_audit(&AuditScope::All, &Page::all()).await.unwrap();
    assert_eq!(found.total, 2);
    let entries: Vec<_> = found.items.into_iter().map(|row| row.entry).collect();
    assert_eq!(entries, [pull, refused]);
}

pub(crate) async fn the_log_is_found_by_who_what_and_when(db: Db) {
    let (hub, team) = (Some((1, "hub")), Some((2, "team")));
    let entries = [
        entry(1, "alice", None, AuditEvent::LoginUser, "alice"),
        entry(2, "alice", hub, AuditEvent::CreateArtifact, "hub/app:v1"),
        entry(3, "anonymous", hub, AuditEvent::PullArtifact, "hub/app:v1"),
        entry(4, "bob", team, AuditEvent::PullArtifact, "team/App_x:v2"),
        entry(5, "bob", team, AuditEvent::DeleteProject, "team"),
    ];
    for entry in &entries {
        db.record_audit(entry).await.unwrap();
    }
    let all = AuditScope::All;
    let table: [(&str, &[i64]); 16] = [
        ("", &[5, 4, 3, 2, 1]),
        ("operation=pull", &[4, 3]),
        ("operation=~UL", &[4, 3]),
        ("operation={pull create}", &[4, 3, 2]),
        ("resource_type=artifact", &[4, 3, 2]),
        ("resource_type=artifact,operation=create", &[2]),
        ("resource_type=nothing", &[]),
        ("username=bob", &[5, 4]),
        ("username=~ON", &[3]),
        ("username=bob,operation=pull", &[4]),
        ("resource=hub/app:v1", &[3, 2]),
        ("resource=~app_", &[4]),
        ("resource=~%", &[]),
        ("op_time=[2023-11-14T22:13:22~2023-11-14T22:13:24]", &[3, 2]),
        ("op_time=[2023-11-14T22:13:24~]", &[5, 4]),
        ("colour=red", &[5, 4, 3, 2, 1]),
    ];
    for (text, seconds) in table {
        let (found, total) = listed(&db, &all, &q(text)).await;
        assert_eq!(found, seconds, "{text}");
        assert_eq!(total, seconds.len() as u64, "{text}");
    }
    let of = |ids: &[i64]| AuditScope::Projects(ids.to_vec());
    assert_eq!(listed(&db, &of(&[1]), &q("")).await, (vec![3, 2], 2));
    assert_eq!(
        listed(&db, &of(&[2, 1]), &q("")).await,
        (vec![5, 4, 3, 2], 4)
    );
    assert_eq!(
        listed(&db, &of(&[1, 2]), &q("operation=pull")).await,
        (vec![4, 3], 2)
    );
    assert_eq!(
        listed(&db, &of(&[1, 2]), &q("username=bob")).await,
        (vec![5, 4], 2)
    );
    assert_eq!(listed(&db, &of(&[]), &q("")).await, (vec![], 0));
    // More projects than are looked for one by one.
    let many: Vec<i64> = (1..=300).collect();
    assert_eq!(listed(&db, &of(&many), &q("")).await, (vec![5, 4, 3, 2], 4));
    let page = |page, size, sort| Page::parse(Some(page), Some(size), None, sort).unwrap();
    assert_eq!(listed(&db, &all, &page(2, 2, None)).await, (vec![3, 2], 5));
    assert_eq!(
        listed(&db, &of(&[1, 2]), &page(2, 3, None)).await,
        (vec![2], 4)
    );
    assert_eq!(
        listed(&db, &all, &page(1, 2, Some("op_time"))).await,
        (vec![1, 2], 5)
    );
    assert_eq!(listed(&db, &all, &page(9, 2, None)).await, (vec![], 5));
}

pub(crate) async fn pulls_and_their_entries_are_written_in_one_transaction(db: Db) {
    let hub = project(&db, "hub").await;
    let made = record(&db, &hub, "hub/app", &image("any"), Some("v1"), 1).await;
    db.flush().await.unwrap();
    let before = db.write_transactions();
    for second in 0..5000 {
        db.note_pull(
            made.artifact_id,
            Some(&tag("v1")),
            &name("hub/app"),
            at(second),
        );
        let pull = entry(
            second,
            "bob",
            Some((hub.id, "hub")),
            AuditEvent::PullArtifact,
            "hub/app:v1",
        );
        db.note_audit(pull);
    }
    db.flush().await.unwrap();
    assert_eq!(db.write_transactions() - before, 1);
    let (found, total) = listed(&db, &AuditScope::Projects(vec![hub.id]), &q("")).await;
    assert_eq!((found[0], found.len(), total), (4999, 10, 5000));
    let repository = db.find_repository(&name("hub/app")).await.unwrap().unwrap();
    assert_eq!(repository.pull_count, 5000);
    assert_eq!(db.audit_dropped(), 0);
}

pub(crate) async fn what_overflows_is_dropped_and_counted(db: Db) {
    for second in 0..20_123 {
        db.note_audit(entry(second, "bob", None, AuditEvent::LoginUser, "bob"));
    }
    // Many are not kept waiting.
    db.until_many_notes().await;
    assert_eq!(db.audit_dropped(), 123);
    db.flush().await.unwrap();
    let (found, total) = listed(&db, &AuditScope::All, &q("")).await;
    assert_eq!((found[0], total), (19_999, 20_000));
    db.note_audit(entry(1, "bob", None, AuditEvent::LoginUser, "bob"));
    db.flush().await.unwrap();
    assert_eq!(listed(&db, &AuditScope::All, &q("")).await.1, 20_001);
}

pub(crate) async fn a_deleted_projects_log_stays_with_administrators(db: Db) {
    let hub = project(&db, "hub").await;
    let of_hub = Some((hub.id, "hub"));
    db.record_audit(&entry(
        1,
        "bob",
        of_hub,
        AuditEvent::PullArtifact,
        "hub/app:v1",
    ))
    .await
    .unwrap();
    db.delete_project(hub.id).await.unwrap();
    db.record_audit(&entry(2, "bob", of_hub, AuditEvent::DeleteProject, "hub"))
        .await
        .unwrap();
    let again = project(&db, "hub").await;
    let scope = AuditScope::Projects(vec![again.id]);
    assert_eq!(
        listed(&db, &scope, &q("")).await,
        (vec![], 0),
        "another of that name"
    );
    assert_eq!(listed(&db, &AuditScope::All, &q("")).await, (vec![2, 1], 2));
}

pub(crate) async fn a_purge_takes_what_is_old_of_the_events_it_is_told(db: Db) {
    let hub = Some((1, "hub"));
    for second in 0..2500 {
        db.note_audit(entry(
            second,
            "bob",
            hub,
            AuditEvent::PullArtifact,
            "hub/app:v1",
        ));
        if second % 100 == 0 {
            db.note_audit(entry(
                second,
                "bob",
                hub,
                AuditEvent::DeleteTag,
                "hub/app:v1",
            ));
        }
    }
    db.flush().await.unwrap();
    let (pulls, before) = (AuditEvent::PullArtifact, at(2400));
    assert_eq!(db.count_audit_before(pulls, before).await.unwrap(), 2400);
    let writes = db.write_transactions();
    let mut deleted = Vec::new();
    loop {
        match db.purge_audit(pulls, before).await.unwrap() {
            0 => break,
            count => deleted.push(count),
        }
    }
    assert_eq!(deleted, [1000, 1000, 400], "some at a time");
    assert_eq!(db.write_transactions() - writes, 3);
    assert_eq!(db.count_audit_before(pulls, before).await.unwrap(), 0);
    let (found, total) = listed(&db, &AuditScope::Projects(vec![1]), &q("")).await;
    assert_eq!(
        (found[0], total),
        (2499, 125),
        "the others stay, and are counted"
    );
    assert_eq!(
        listed(&db, &AuditScope::All, &q("operation=delete"))
            .await
            .1,
        25
    );
}

pub(crate) async fn what_is_due_is_begun_once(db: Db) {
    let new = NewSchedule {
        every: "Hourly".into(),
        cron: "0 0 * * * *".into(),
        parameters: "{}".into(),
        next_at: at(10),
    };
    db.put_schedule("purge", 0, new.clone(), at(1))
        .await
        .unwrap();
    let due = db.find_schedule("purge", 0).await.unwrap().unwrap();
    assert_eq!(
        (due.every.as_str(), due.next_at, due.created_at),
        ("Hourly", at(10), at(1))
    );
    assert_eq!(db.find_schedule("other", 0).await.unwrap(), None);
    // Two nodes that saw the same.
    let begin = || db.begin_scheduled("purge", &due, at(20), at(11));
    let (first, second) = tokio::join!(begin(), begin());
    let begun = [first.unwrap(), second.unwrap()];
    assert_eq!(begun.iter().flatten().count(), 1);
    assert_eq!(
        db.find_schedule("purge", 0).await.unwrap().unwrap().next_at,
        at(20)
    );
    // One that was set anew meanwhile is another.
    let due = db.find_schedule("purge", 0).await.unwrap().unwrap();
    db.put_schedule(
        "purge",
        0,
        NewSchedule {
            next_at: at(20),
            ..new
        },
        at(12),
    )
    .await
    .unwrap();
    let begun = db
        .begin_scheduled("purge", &due, at(30), at(21))
        .await
        .unwrap();
    assert_eq!(begun, None);
    db.delete_schedule("purge", 0).await.unwrap();
    assert_eq!(db.find_schedule("purge", 0).await.unwrap(), None);
}

pub(crate) async fn a_run_is_worked_on_by_one_and_taken_over_when_that_one_is_gone(db: Db) {
    let first = db
        .begin_by_hand("purge", 0, "{\"a\":1}", at(1))
        .await
        .unwrap();
    let second = db.begin_by_hand("purge", 1, "{}", at(2)).await.unwrap();
    db.begin_by_hand("other", 0, "{}", at(3)).await.unwrap();
    let claim = |stale, now| db.claim_execution("purge", at(stale), at(now));
    let (one, other) = tokio::join!(claim(0, 5), claim(0, 5));
    let mut claimed: Vec<i64> = [one.unwrap(), other.unwrap()]
        .iter()
        .flatten()
        .map(|run| run.id)
        .collect();
    // Where both looked at the same one, the second got nothing and looks again.
    claimed.extend(claim(0, 5).await.unwrap().map(|run| run.id));
    assert_eq!(claimed, [first.id, second.id]);
    assert_eq!(claim(0, 6).await.unwrap(), None, "both are worked on");
    assert!(db.tell_execution(first.id, "half\n", at(30)).await.unwrap());
    // The second has shown no sign of life since 5.
    let taken = claim(20, 31).await.unwrap().unwrap();
    assert_eq!(
        (taken.id, taken.status),
        (second.id, ExecutionStatus::Running)
    );
    assert!(
        db.end_execution(second.id, ExecutionStatus::Stopped, "stop\n", at(32))
            .await
            .unwrap()
    );
    assert!(
        !db.tell_execution(second.id, "more\n", at(33))
            .await
            .unwrap(),
        "it is told to stop"
    );
    assert!(
        !db.end_execution(second.id, ExecutionStatus::Success, "", at(33))
            .await
            .unwrap()
    );
    assert!(
        db.end_execution(first.id, ExecutionStatus::Success, "done\n", at(34))
            .await
            .unwrap()
    );
    let done = db.find_execution("purge", first.id).await.unwrap().unwrap();
    assert_eq!(
        (done.status, done.log.as_str(), done.updated_at),
        (ExecutionStatus::Success, "half\ndone\n", at(34))
    );
    assert_eq!(db.find_execution("other", first.id).await.unwrap(), None);
    let of = async |subject| {
        let all = db.list_executions("purge", subject, &Page::all()).await;
        let told = |run: &metadata::Execution| (run.id, run.status, run.attempts);
        all.unwrap().items.iter().map(told).collect::<Vec<_>>()
    };
    assert_eq!(of(0).await, [(first.id, ExecutionStatus::Success, 1)]);
    assert_eq!(of(1).await, [(second.id, ExecutionStatus::Stopped, 2)]);
}

pub(crate) async fn of_one_subject_runs_are_worked_on_one_after_the_other(db: Db) {
    let begin = async || db.begin_by_hand("purge", 7, "{}", at(1)).await.unwrap().id;
    let (first, second, third) = (begin().await, begin().await, begin().await);
    let claim = async |now| {
        let claimed = db.claim_execution("purge", at(0), at(now)).await.unwrap();
        claimed.map(|run| run.id)
    };
    assert_eq!(claim(2).await, Some(first));
    assert_eq!(claim(2).await, None, "the first has not ended");
    // It failed, and has its turn again later: before the others all the same.
    let retried = db.retry_execution(first, at(10), "failed\n", at(3)).await;
    assert!(retried.unwrap());
    assert_eq!(claim(9).await, None);
    assert_eq!(claim(10).await, Some(first));
    let end = async |id, now| {
        let ended = db
            .end_execution(id, ExecutionStatus::Success, "", at(now))
            .await;
        assert!(ended.unwrap());
    };
    end(first, 11).await;
    let retried = db.retry_execution(first, at(10), "", at(12)).await;
    assert!(!retried.unwrap(), "it has ended");
    assert_eq!(claim(12).await, Some(second));
    db.prune_executions("purge", 7, 1).await.unwrap();
    let left = db.list_executions("purge", 7, &Page::all()).await.unwrap();
    let left: Vec<i64> = left.items.iter().map(|run| run.id).collect();
    assert_eq!(left, [third, second], "what has not ended stays");
}

/// Told with the database's address: the rows come all at once. One in 50,000 is no pull; bob has one in 100,000.
pub(crate) async fn pages_of_a_long_log_come_quickly(url: String, rows: u64) {
    let db = Db::connect(Config { url: url.clone() }).await.unwrap();
    let raw = Database::connect(&url).await.unwrap();
    let entries = format!(
        "INSERT INTO audit_log (at, username, project_id, project, event, resource, description, is_success, address) \
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
         SELECT i * 1000, CASE WHEN i % 100000 = 7 THEN 'bob' ELSE 'anonymous' END, i % 10 + 1, 'p' || (i % 10 + 1), \
         CASE WHEN i % 50000 = 3 THEN 'delete_tag' ELSE 'pull_artifact' END, 'p' || (i % 10 + 1) || '/app-' || (i % 977) || ':v1', \
         '', TRUE, '192.0.2.7' FROM n"
    );
    let counts =
        "INSERT INTO audit_counts SELECT project_id, COUNT(*) FROM audit_log GROUP BY project_id";
    // What PostgreSQL does by itself once a table has grown; SQLite does not.
    let vacuum = url
        .starts_with("postgres")
        .then_some("VACUUM ANALYZE audit_log");
    for statement in [entries.as_str(), counts].into_iter().chain(vacuum) {
        raw.execute_unprepared(statement).await.unwrap();
    }
    // A project that hardly anything happened in, long ago.
    let quiet = entry(
        -1_700_000_000,
        "carol",
        Some((99, "quiet")),
        AuditEvent::PullArtifact,
        "quiet/app:v1",
    );
    db.record_audit(&quiet).await.unwrap();
    let of = |ids: &[i64]| AuditScope::Projects(ids.to_vec());
    let page = |page, q| Page::parse(Some(page), Some(100), Some(q), None).unwrap();
    let cases = [
        (AuditScope::All, page(1, ""), rows + 1),
        (AuditScope::All, page(500, ""), rows + 1),
        (of(&[3]), page(1, ""), rows / 10),
        (of(&[3]), page(100, ""), rows / 10),
        (of(&[99]), page(1, ""), 1),
        (of(&[3, 99, 5]), page(1, ""), rows / 5 + 1),
        (AuditScope::All, page(1, "operation=pull"), 10_000),
        (AuditScope::All, page(1, "operation=delete"), rows / 50_000),
        (AuditScope::All, page(1, "username=bob"), rows / 100_000),
        (AuditScope::All, page(1, "username=anonymous"), 10_000),
        (of(&[4]), page(1, "operation=delete"), rows / 50_000),
        (of(&[4]), page(1, "operation=pull"), 10_000),
        (of(&[8]), page(1, "username=bob"), rows / 100_000),
        (of(&[1]), page(1, "username=bob"), 0),
        (
            AuditScope::All,
            page(1, "op_time=[1970-01-01T00:01:00~1970-01-01T00:01:01]"),
            1001,
        ),
        (
            of(&[1]),
            page(1, "op_time=[1970-01-01T00:01:00~1970-01-01T00:01:01]"),
            101,
        ),
    ];
    // What this machine, and whatever else it is doing, needs to look at every entry.
    let everything = quickest(&db, &AuditScope::All, &page(1, "resource=~nowhere")).await;
    assert_eq!(everything.1, 0);
    for (scope, page, total) in &cases {
        let (took, found) = quickest(&db, scope, page).await;
        say(&format!(
            "{rows} entries, {scope:?}, page {} of {:?}: {took:?}; all: {:?}",
            page.page, page.filter, everything.0
        ));
        // A filter's total is counted up to a bound.
        assert_eq!(found, *total, "{page:?}");
        assert!(took < everything.0 / 2, "{took:?} for {page:?}");
    }
    raw.close().await.unwrap();
    db.close().await;
}

/// The time of the quickest of a few times, and the total.
async fn quickest(db: &Db, scope: &AuditScope, page: &Page) -> (Duration, u64) {
    let mut quickest = (Duration::MAX, 0);
    for _ in 0..5 {
        let started = Instant::now();
        let found = db.list_audit(scope, page).await.unwrap();
        quickest = (quickest.0.min(started.elapsed()), found.total);
    }
    quickest
}
