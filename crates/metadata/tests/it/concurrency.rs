//! What happens at the same time, and what memory and database say of it after.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use metadata::{Db, NONE_KEPT, Page, RecordManifest, Visibility};
use tokio::task::JoinSet;

use crate::harness::{Postgres, at, blob, image, index, name, project, record, say, tag};

pub(crate) async fn many_writers_never_find_the_database_busy(db: Db) {
    let hub = Arc::new(project(&db, "hub").await);
    let mut writers = JoinSet::new();
    for writer in 0..8 {
        let (db, hub) = (db.clone(), hub.clone());
        writers.spawn(async move {
            for number in 0..25 {
                let image = image(&format!("{writer} {number}"));
                record(
                    &db,
                    &hub,
                    &format!("hub/app-{}", number % 3),
                    &image,
                    Some("latest"),
                    number,
                )
                .await;
                let repository = name(&format!("hub/app-{}", number % 3));
                db.link_blob(
                    &repository,
                    hub.id,
                    &blob(&number.to_string()),
                    1,
                    at(number),
                )
                .await
                .unwrap();
                db.note_pull(1, Some(&tag("latest")), &repository, at(number));
                db.flush().await.unwrap();
            }
        });
    }
    writers.join_all().await;
    let repositories = (0..3).map(|number| name(&format!("hub/app-{number}")));
    let mut artifacts = 0;
    for repository in repositories {
        artifacts += db
            .list_artifacts(&repository, &Page::all())
            .await
            .unwrap()
            .total;
    }
    assert_eq!(artifacts, 200);
}

pub(crate) async fn one_manifest_recorded_by_many_is_new_once(db: Db) {
    let hub = Arc::new(project(&db, "hub").await);
    let mut writers = JoinSet::new();
    for _ in 0..32 {
        let (db, hub) = (db.clone(), hub.clone());
        writers.spawn(
            async move { record(&db, &hub, "hub/app", &image("same"), Some("v1"), 1).await },
        );
    }
    let recorded = writers.join_all().await;
    assert_eq!(
        recorded.iter().filter(|recorded| recorded.is_new).count(),
        1
    );
    assert!(recorded.iter().all(|other| other.artifact_id == recorded[0].artifact_id && other.moved_from.is_none()));
    assert_eq!(
        db.find_repository(&name("hub/app"))
            .await
            .unwrap()
            .unwrap()
            .artifact_count,
        1
    );
}

pub(crate) async fn a_reader_never_sees_a_tag_move_back(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    record(&db, &hub, "hub/app", &image("0"), Some("latest"), 0).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let mut readers = JoinSet::new();
    for _ in 0..4 {
        let (db, app, is_over) = (db.clone(), app.clone(), is_over.clone());
        readers.spawn(async move {
            let mut newest = 0;
            while !is_over.load(Ordering::Relaxed) {
                let seen = db
                    .find_tag(&app, &tag("latest"))
                    .await
                    .unwrap()
                    .unwrap()
                    .artifact_id;
                assert!(seen >= newest, "{seen} after {newest}");
                newest = seen;
                tokio::task::yield_now().await;
            }
        });
    }
    for number in 1..150 {
        let image = image(&number.to_string());
        record(&db, &hub, "hub/app", &image, Some("latest"), number).await;
        let seen = db.find_tag(&app, &tag("latest")).await.unwrap().unwrap();
        assert_eq!(
            &seen.digest,
            image.digest(),
            "who wrote reads what was written"
        );
    }
    is_over.store(true, Ordering::Relaxed);
    readers.join_all().await;
}

pub(crate) async fn a_writer_that_leaves_leaves_memory_and_database_agreeing(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    // Leaving at the first wait, at the second, … until there is none left to leave at; again and again, because how often
    // it waits is up to how fast the database is.
    let mut rounds = 0;
    let mut waits = 0;
    for second in 0..10_000 {
        db.find_tag(&app, &tag("latest")).await.unwrap();
        let image = image(&second.to_string());
        let mut waited = 0;
        let has_left = {
            let mut writer = pin!(record(&db, &hub, "hub/app", &image, Some("latest"), second));
            poll_fn(|context| match writer.as_mut().poll(context) {
                Poll::Ready(_) => Poll::Ready(false),
                Poll::Pending if waited == waits => Poll::Ready(true),
                Poll::Pending => {
                    waited += 1;
                    Poll::Pending
                }
            })
            .await
        };
        // A commit that was on its way arrives; then both say the same, and go on saying it.
        let agree = async || {
            let memory = db
                .find_tag(&app, &tag("latest"))
                .await
                .unwrap()
                .map(|entry| entry.artifact_id);
            let tagged = Page::parse(None, None, Some("tags=latest"), None).unwrap();
            let database = db.list_artifacts(&app, &tagged).await.unwrap();
            memory == database.items.first().map(|artifact| artifact.id)
        };
        db.put_setting("a write that waits for the one before", "")
            .await
            .unwrap();
        let mut attempts = 0;
        while !agree().await {
            attempts += 1;
            assert!(
                attempts < 200,
                "memory and database disagree for good after {waits} waits"
            );
        }
        waits += 1;
        if !has_left {
            (rounds, waits) = (rounds + 1, 0);
        }
        if rounds == 20 {
            return;
        }
    }
    panic!("the writer never comes to an end");
}

pub(crate) async fn pulls_and_checks_are_counted_in_one_write(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let child = image("amd64");
    let parent = index(&[("amd64", &child)]);
    let parent_id = record(&db, &hub, "hub/app", &parent, Some("v1"), 0)
        .await
        .artifact_id;
    let child_id = record(&db, &hub, "hub/app", &child, None, 0)
        .await
        .artifact_id;
    for second in 1..=300 {
        db.note_pull(parent_id, Some(&tag("v1")), &app, at(second));
    }
    db.note_pull(child_id, None, &app, at(400));
    db.note_pull(99_999, None, &name("hub/gone"), at(400));
    db.note_checked(&app, &tag("v1"), at(500));
    db.note_checked(&app, &tag("gone"), at(500));
    let see = async || {
        let index = db
            .find_artifact(&app, parent.digest())
            .await
            .unwrap()
            .unwrap();
        let child = db
            .find_artifact(&app, child.digest())
            .await
            .unwrap()
            .unwrap();
        let repository = db.find_repository(&app).await.unwrap().unwrap();
        (
            index.pulled_at,
            index.tags[0].pulled_at,
            child.pulled_at,
            repository.pull_count,
        )
    };
    assert_eq!(see().await, (None, None, None, 0), "a hit writes nothing");
    assert_eq!(
        db.find_tag(&app, &tag("v1"))
            .await
            .unwrap()
            .unwrap()
            .checked_at,
        at(500),
        "but is known at once"
    );
    db.flush().await.unwrap();
    // The index was pulled with its child.
    assert_eq!(
        see().await,
        (Some(at(400)), Some(at(300)), Some(at(400)), 301)
    );
    db.flush().await.unwrap();
    assert_eq!(see().await.3, 301);
    // Times only go forwards.
    db.note_pull(parent_id, Some(&tag("v1")), &app, at(2));
    db.note_checked(&app, &tag("v1"), at(2));
    db.flush().await.unwrap();
    assert_eq!(
        see().await,
        (Some(at(400)), Some(at(300)), Some(at(400)), 302)
    );
    // From the database, after a write made memory forget the tag.
    record(&db, &hub, "hub/app", &child, Some("v1"), 3).await;
    db.note_checked(&app, &tag("v1"), at(600));
    db.flush().await.unwrap();
    db.delete_repository(&name("hub/none"), NONE_KEPT)
        .await
        .unwrap();
    assert_eq!(
        db.find_tag(&app, &tag("v1"))
            .await
            .unwrap()
            .unwrap()
            .checked_at,
        at(600)
    );
}

pub(crate) async fn a_hit_needs_no_database(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let image = image("layer");
    record(&db, &hub, "hub/app", &image, Some("v1"), 1).await;
    db.link_blob(&app, hub.id, &blob("layer"), 1000, at(1))
        .await
        .unwrap();
    db.add_member(hub.id, 1, 1, at(1)).await.unwrap();
    let upstream = metadata::NewUpstream {
        name: "up".into(),
        ..Default::default()
    };
    let upstream = db.create_upstream(upstream, at(1)).await.unwrap();
    let ask = async |db: &Db| {
        let project = db.find_project("hub").await.unwrap();
        let by_id = db.find_project_by_id(hub.id).await.unwrap();
        let tag = db.find_tag(&app, &tag("v1")).await.unwrap();
        let manifest = db.find_manifest(&app, image.digest()).await.unwrap();
        let right = db.blob_right(&app, &blob("layer")).await.unwrap();
        let upstream = db.find_upstream(upstream.id).await.unwrap();
        let role = db.role_of(hub.id, 1).await.unwrap();
        assert!(
            project.is_some()
                && tag.is_some()
                && manifest.is_some()
                && upstream.is_some()
                && role.is_some()
        );
        (project, by_id, tag, manifest, right, upstream, role)
    };
    let warm = ask(&db).await;
    db.clone().close().await;
    assert!(db.ping().await.is_err());
    assert_eq!(ask(&db).await, warm);
    assert!(db.find_repository(&app).await.is_err());
}

pub(crate) async fn every_method_can_run_on_any_thread(db: Db) {
    fn sent<F: Future + Send>(future: F) -> F {
        future
    }
    let hub = project(&db, "hub").await;
    let (app, image, v1) = (name("hub/app"), image("any"), tag("v1"));
    let record = RecordManifest {
        repository: &app,
        project_id: hub.id,
        manifest: &image,
        tag: Some(&v1),
        is_tag_fixed: false,
        now: at(1),
    };
    sent(db.record_manifest(record)).await.unwrap();
    sent(db.find_tag(&app, &v1)).await.unwrap();
    sent(db.list_artifacts(&app, &Page::all())).await.unwrap();
    sent(db.find_blob_holder(&blob("any"), Visibility::All))
        .await
        .unwrap();
    sent(db.unreferenced_blobs(&[blob("any")])).await.unwrap();
    let holds = sent(db.unnamed_holds(at(1))).await.unwrap();
    sent(db.drop_unnamed_holds(&holds, at(1))).await.unwrap();
    sent(db.update_project(hub.id, Default::default(), at(1)))
        .await
        .unwrap();
    sent(db.delete_artifact(&app, image.digest(), NONE_KEPT, at(1)))
        .await
        .unwrap();
    sent(db.delete_repository(&app, NONE_KEPT)).await.unwrap();
    sent(db.delete_project(hub.id)).await.unwrap();
    sent(db.close()).await;
}

/// Only PostgreSQL has other nodes.
pub(crate) async fn two_nodes_see_each_others_facts(postgres: &Postgres) {
    say("on PostgreSQL: two_nodes_see_each_others_facts");
    let url = postgres.create("nodes").await;
    let config = || metadata::Config { url: url.clone() };
    // Both bring an empty database up to date at once.
    let (one, two) = tokio::join!(Db::connect(config()), Db::connect(config()));
    let (one, two) = (one.unwrap(), two.unwrap());
    let app = name("hub/app");
    assert_eq!(two.find_project("hub").await.unwrap(), None);
    assert_eq!(two.find_tag(&app, &tag("v1")).await.unwrap(), None);
    let hub = project(&one, "hub").await;
    record(&one, &hub, "hub/app", &image("any"), Some("v1"), 1).await;
    // That something is not there is never remembered.
    assert!(two.find_project("hub").await.unwrap().is_some());
    assert!(two.find_tag(&app, &tag("v1")).await.unwrap().is_some());
    // A push of what this node has in memory, and another has deleted, is a push.
    assert!(
        one.delete_artifact(&app, image("any").digest(), NONE_KEPT, at(1))
            .await
            .unwrap()
    );
    assert!(
        record(&two, &hub, "hub/app", &image("any"), Some("v1"), 2)
            .await
            .is_new
    );
    one.close().await;
    two.close().await;
}
