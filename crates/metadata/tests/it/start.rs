//! Starting on what is there: nothing, an older schema, a newer one, the wrong address.

use metadata::{Config, Db, Error, NewUpstream, Page};
use sea_orm::{ConnectionTrait, Database};

use crate::harness::{Sqlite, artifact, image, index, name, project, record, tag};

#[tokio::test]
async fn facts_outlive_the_process() {
    let sqlite = Sqlite::new();
    let db = sqlite.connect().await;
    let hub = project(&db, "hub").await;
    record(&db, &hub, "hub/app", &image("any"), Some("v1"), 1).await;
    db.note_pull(1, Some(&tag("v1")), &name("hub/app"), crate::harness::at(2));
    db.close().await;
    let db = sqlite.connect().await;
    assert!(
        db.find_tag(&name("hub/app"), &tag("v1"))
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        db.find_repository(&name("hub/app"))
            .await
            .unwrap()
            .unwrap()
            .pull_count,
        1,
        "closing flushes"
    );
    db.ping().await.unwrap();
}

#[tokio::test]
async fn an_older_schema_is_brought_up_to_date_with_its_facts() {
    let sqlite = Sqlite::new();
    let db = sqlite.connect().await;
    let new = NewUpstream {
        name: "hub".into(),
        ..NewUpstream::default()
    };
    let made = db
        .create_upstream(new, crate::harness::at(1))
        .await
        .unwrap();
    db.close().await;
    let raw = Database::connect(sqlite.url()).await.unwrap();
    for statement in [
        "ALTER TABLE upstreams DROP COLUMN options",
        "ALTER TABLE upstreams DROP COLUMN trusted_since",
        "DELETE FROM seaql_migrations WHERE version = 'm0002_upstreams'",
    ] {
        raw.execute_unprepared(statement).await.unwrap();
    }
    raw.close().await.unwrap();
    let db = sqlite.connect().await;
    let found = db.find_upstream(made.id).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), &found.options), ("hub", &None));
    assert!(found.trusted_since < made.trusted_since);
}

#[tokio::test]
async fn content_of_an_older_schema_is_listed_as_before() {
    let sqlite = Sqlite::new();
    let db = sqlite.connect().await;
    let hub = project(&db, "hub").await;
    let (signed, child) = (image("signed"), image("child"));
    let signature = artifact("application/vnd.cncf.notary.signature", "s", Some(&signed));
    let cosign = format!("{}.sig", signed.digest().as_str().replace(':', "-"));
    let chart = artifact("application/vnd.cncf.helm.config.v1+json", "chart", None);
    for (manifest, tag) in [
        (&signed, Some("v1")),
        (&signature, None),
        (&image("cosign"), Some(cosign.as_str())),
        (&child, None),
        (&index(&[("amd64", &child)]), Some("both")),
        (&chart, None),
    ] {
        record(&db, &hub, "hub/app", manifest, tag, 1).await;
    }
    let app = name("hub/app");
    let before = db.list_artifacts(&app, &Page::all()).await.unwrap();
    assert_eq!(before.items.len(), 3);
    db.close().await;
    let raw = Database::connect(sqlite.url()).await.unwrap();
    for index in [
        "artifacts_about",
        "artifacts_in_repository",
        "artifacts_in_project",
        "repositories_created",
        "repositories_project_created",
        "repositories_updated",
        "repositories_pulls",
        "repositories_counted",
    ] {
        let drop = format!("DROP INDEX {index}");
        raw.execute_unprepared(&drop).await.unwrap();
    }
    for statement in [
        "DROP TABLE artifact_labels",
        "DROP TABLE labels",
        "DROP TABLE artifact_types",
        "ALTER TABLE artifacts DROP COLUMN project_id",
        "ALTER TABLE artifacts DROP COLUMN type_id",
        "ALTER TABLE artifacts DROP COLUMN about_digest",
        "ALTER TABLE artifacts DROP COLUMN about_kind",
        "ALTER TABLE artifacts DROP COLUMN listed",
        "ALTER TABLE repositories DROP COLUMN artifact_count",
        "CREATE INDEX repositories_created ON repositories (created_at, id)",
        "CREATE INDEX repositories_project_created ON repositories (project_id, created_at, id)",
        "CREATE INDEX artifacts_subject ON artifacts (repository_id, subject_digest)",
        "DELETE FROM seaql_migrations WHERE version = 'm0005_content'",
    ] {
        raw.execute_unprepared(statement).await.unwrap();
    }
    raw.close().await.unwrap();
    let db = sqlite.connect().await;
    let after = db.list_artifacts(&app, &Page::all()).await.unwrap();
    assert_eq!(after, before);
    let row = db.find_repository(&app).await.unwrap().unwrap();
    assert_eq!(row.artifact_count, 3);
    let of_project = db.list_project_artifacts(hub.id, &Page::all()).await;
    assert_eq!(of_project.unwrap(), before);
}

#[tokio::test]
async fn a_newer_schema_is_refused_in_a_sentence() {
    let sqlite = Sqlite::new();
    sqlite.connect().await.close().await;
    let raw = Database::connect(sqlite.url()).await.unwrap();
    let newer = "INSERT INTO seaql_migrations (version, applied_at) VALUES ('m9999_future', 0)";
    raw.execute_unprepared(newer).await.unwrap();
    raw.close().await.unwrap();
    let refused = Db::connect(Config { url: sqlite.url() })
        .await
        .err()
        .unwrap();
    assert!(
        matches!(&refused, Error::NewerSchema { found, .. } if found == "m9999_future"),
        "{refused}"
    );
    assert!(refused.to_string().contains("newer Roadstead"));
}

#[tokio::test]
async fn an_address_of_nothing_known_is_refused() {
    for url in ["mysql://localhost/x", "", "roadstead.db"] {
        let refused = Db::connect(Config { url: url.into() }).await.err().unwrap();
        assert!(matches!(refused, Error::Configuration(_)), "{refused}");
    }
    let nowhere = Db::connect(Config {
        url: "sqlite:///no/such/folder/roadstead.db?mode=rwc".into(),
    })
    .await;
    assert!(matches!(nowhere.err(), Some(Error::Database(_))));
}

#[tokio::test]
async fn a_database_in_memory_serves_for_trying_out() {
    let db = Db::connect(Config {
        url: "sqlite::memory:".into(),
    })
    .await
    .unwrap();
    let hub = project(&db, "hub").await;
    record(&db, &hub, "hub/app", &image("any"), Some("v1"), 1).await;
    assert!(
        db.find_tag(&name("hub/app"), &tag("v1"))
            .await
            .unwrap()
            .is_some()
    );
}
