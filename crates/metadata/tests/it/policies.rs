//! How much projects hold and may hold, and what of it shall stay.

use std::collections::BTreeMap;

use metadata::{Config, Db, Error, NONE_KEPT, NewProject, Page};
use sea_orm::{ConnectionTrait as _, Database};

use crate::harness::{at, blob, image, name, new_project, project, record};

async fn used(db: &Db, project_id: i64) -> u64 {
    db.find_quota(project_id).await.unwrap().unwrap().used_bytes
}

pub(crate) async fn what_a_project_holds_is_counted_once_and_as_long_as_it_does(db: Db) {
    let (hub, other) = (project(&db, "hub").await, project(&db, "other").await);
    let (a, b) = (name("hub/a"), name("hub/b"));
    let layer = blob("layer");
    db.link_blob(&a, hub.id, &layer, 1000, at(1)).await.unwrap();
    db.link_blob(&a, hub.id, &layer, 1000, at(2)).await.unwrap();
    assert_eq!(used(&db, hub.id).await, 1000);
    db.link_blob(&b, hub.id, &layer, 1000, at(3)).await.unwrap();
    assert_eq!(
        (used(&db, hub.id).await, used(&db, other.id).await),
        (1000, 0)
    );
    db.link_blob(&name("other/a"), other.id, &layer, 1000, at(3))
        .await
        .unwrap();
    assert_eq!(used(&db, other.id).await, 1000);

    let manifest = image("app");
    let bytes = manifest.bytes().len() as u64;
    record(&db, &hub, "hub/a", &manifest, Some("v1"), 4).await;
    record(&db, &hub, "hub/a", &manifest, Some("v2"), 5).await;
    record(&db, &hub, "hub/b", &manifest, None, 6).await;
    assert_eq!(used(&db, hub.id).await, 1000 + bytes);

    assert!(
        db.delete_artifact(&a, manifest.digest(), NONE_KEPT, at(7))
            .await
            .unwrap()
    );
    assert_eq!(used(&db, hub.id).await, 1000 + bytes);
    assert!(db.unlink_blob(&a, &layer).await.unwrap());
    assert!(!db.unlink_blob(&a, &layer).await.unwrap());
    assert_eq!(used(&db, hub.id).await, 1000 + bytes);
    // Nothing names the layer where it is held: the janitor lets go of it.
    db.link_blob(&a, hub.id, &blob("lost"), 7, at(7))
        .await
        .unwrap();
    assert_eq!(used(&db, hub.id).await, 1007 + bytes);
    let unnamed = db.unnamed_holds(at(60)).await.unwrap();
    let dropped = db.drop_unnamed_holds(&unnamed, at(60)).await.unwrap();
    assert_eq!(dropped, 3);
    assert_eq!(
        (used(&db, hub.id).await, used(&db, other.id).await),
        (bytes, 0)
    );
    db.link_blob(&b, hub.id, &layer, 1000, at(8)).await.unwrap();
    db.link_blob(&a, hub.id, &layer, 1000, at(8)).await.unwrap();
    db.link_blob(&b, hub.id, &blob("alone"), 50, at(8))
        .await
        .unwrap();
    assert!(db.delete_repository(&b, NONE_KEPT).await.unwrap());
    assert_eq!(used(&db, hub.id).await, 1000);
    // Held without a repository ever having come of it.
    db.delete_repository(&a, NONE_KEPT).await.unwrap();
    assert_eq!(used(&db, hub.id).await, 0);
}

pub(crate) async fn many_who_hold_the_same_at_once_are_counted_once(db: Db) {
    let hub = project(&db, "hub").await;
    let manifest = image("app");
    let hold = |number: usize| {
        let (db, hub, manifest) = (db.clone(), hub.clone(), manifest.clone());
        tokio::spawn(async move {
            let repository = format!("hub/app{number}");
            for layer in ["a", "b"] {
                let (repository, layer) = (name(&repository), blob(layer));
                let held = db.link_blob(&repository, hub.id, &layer, 100, at(1));
                held.await.unwrap();
            }
            record(&db, &hub, &repository, &manifest, Some("v1"), 2).await;
        })
    };
    for task in (0..24).map(hold).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    let bytes = manifest.bytes().len() as u64;
    assert_eq!(used(&db, hub.id).await, 200 + bytes);
    let let_go = |number: usize| {
        let (db, manifest) = (db.clone(), manifest.clone());
        tokio::spawn(async move {
            let repository = name(&format!("hub/app{number}"));
            db.unlink_blob(&repository, &blob("a")).await.unwrap();
            db.delete_artifact(&repository, manifest.digest(), NONE_KEPT, at(3))
                .await
                .unwrap();
        })
    };
    for task in (0..24).map(let_go).collect::<Vec<_>>() {
        task.await.unwrap();
    }
    assert_eq!(used(&db, hub.id).await, 100);
}

pub(crate) async fn a_quota_is_set_and_listed_by_what_it_says(db: Db) {
    let free = project(&db, "free").await;
    let made = |name: &str, limit| NewProject {
        limit_bytes: Some(limit),
        ..new_project(name)
    };
    let small = db.create_project(made("small", 10), at(1)).await.unwrap();
    let large = db
        .create_project(made("large", 5_000_000_000), at(2))
        .await
        .unwrap();
    db.link_blob(&name("small/a"), small.id, &blob("x"), 9, at(3))
        .await
        .unwrap();
    let listed = async |sort: &str| {
        let page = Page::parse(None, None, None, Some(sort)).unwrap();
        let quotas = db.list_quotas(None, &page).await.unwrap().items;
        quotas
            .into_iter()
            .map(|quota| quota.project_name)
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, ["large", "small", "free"]);
    assert_eq!(listed("hard.storage").await, ["small", "large", "free"]);
    assert_eq!(listed("-hard.storage").await, ["free", "large", "small"]);
    assert_eq!(listed("-used.storage").await[0], "small");
    let one = db.list_quotas(Some(large.id), &Page::all()).await.unwrap();
    assert_eq!(
        (one.total, one.items[0].limit_bytes),
        (1, Some(5_000_000_000))
    );
    assert_eq!(one.items[0].owner_name, "admin");

    db.set_quota(free.id, Some(1), at(9)).await.unwrap();
    db.set_quota(large.id, None, at(9)).await.unwrap();
    assert_eq!(listed("hard.storage").await, ["free", "small", "large"]);
    let quota = db.find_quota(free.id).await.unwrap().unwrap();
    assert_eq!((quota.limit_bytes, quota.updated_at), (Some(1), at(9)));
    let unknown = db.set_quota(99, None, at(9)).await;
    assert!(matches!(unknown, Err(Error::NotFound { what: "quota" })));
    db.delete_project(large.id).await.unwrap();
    assert_eq!(db.find_quota(large.id).await.unwrap(), None);
}

pub(crate) async fn a_project_has_one_retention_policy_and_its_number(db: Db) {
    let hosted = project(&db, "hosted").await;
    let cached = NewProject {
        retention: Some(policy("{}")),
        ..new_project("cached")
    };
    let cached = db.create_project(cached, at(1)).await.unwrap();
    let number = async |name: &str| {
        let metadata: BTreeMap<_, _> = db
            .find_project(name)
            .await
            .unwrap()
            .unwrap()
            .metadata
            .clone();
        metadata
            .get("retention_id")
            .and_then(|id| id.parse::<i64>().ok())
    };
    let first = number("cached").await.unwrap();
    let row = db.find_retention(first).await.unwrap().unwrap();
    assert_eq!((row.project_id, row.policy.as_str()), (cached.id, "{}"));
    assert_eq!(number("hosted").await, None);

    let again = db.create_retention(cached.id, &policy("[1]"), at(2)).await;
    assert!(matches!(
        again,
        Err(Error::Conflict {
            what: "retention policy"
        })
    ));
    let nowhere = db.create_retention(99, &policy("[1]"), at(2)).await;
    assert!(matches!(nowhere, Err(Error::NotFound { what: "project" })));
    let second = db
        .create_retention(hosted.id, &policy("[1]"), at(2))
        .await
        .unwrap();
    assert_eq!(number("hosted").await, Some(second));
    db.update_retention(second, hosted.id, &policy("[2]"), at(3))
        .await
        .unwrap();
    let elsewhere = db
        .update_retention(second, cached.id, &policy("[3]"), at(3))
        .await;
    assert!(matches!(elsewhere, Err(Error::NotFound { .. })));
    assert_eq!(
        db.find_retention(second).await.unwrap().unwrap().policy,
        "[2]"
    );

    assert!(db.delete_retention(first, hosted.id).await.is_err());
    db.delete_retention(first, cached.id).await.unwrap();
    assert_eq!(
        (
            number("cached").await,
            db.find_retention(first).await.unwrap()
        ),
        (None, None)
    );
    let third = db
        .create_retention(cached.id, &policy("{}"), at(4))
        .await
        .unwrap();
    assert!(third > second && number("cached").await == Some(third));
    db.delete_project(cached.id).await.unwrap();
    assert_eq!(db.find_retention(third).await.unwrap(), None);
}

/// What was there before there were quotas is counted when they come.
pub(crate) async fn older_projects_get_quotas_that_are_right(url: String) {
    let db = Db::connect(Config { url: url.clone() }).await.unwrap();
    let (hub, empty) = (project(&db, "hub").await, project(&db, "empty").await);
    let manifest = image("app");
    for repository in ["hub/a", "hub/b"] {
        record(&db, &hub, repository, &manifest, None, 1).await;
        let layer = blob("layer");
        db.link_blob(&name(repository), hub.id, &layer, 1000, at(1))
            .await
            .unwrap();
    }
    db.close().await;
    let raw = Database::connect(&url).await.unwrap();
    for statement in [
        "DROP TABLE quotas",
        "DROP TABLE retention_policies",
        "DROP INDEX held_blobs_project",
        "CREATE INDEX held_blobs_project ON held_blobs (project_id)",
        "DELETE FROM seaql_migrations WHERE version = 'm0006_policies'",
    ] {
        raw.execute_unprepared(statement).await.unwrap();
    }
    raw.close().await.unwrap();
    let db = Db::connect(Config { url }).await.unwrap();
    let expected = 1000 + manifest.bytes().len() as u64;
    assert_eq!(
        (used(&db, hub.id).await, used(&db, empty.id).await),
        (expected, 0)
    );
    assert_eq!(db.recount_usage().await.unwrap(), 0);
    db.close().await;
}

fn policy(text: &str) -> metadata::NewRetention {
    metadata::NewRetention {
        policy: text.to_owned(),
        schedule: None,
    }
}
