//! Tags that must stay as they are, and the rules that say which.

use metadata::{Db, Error, ImmutabilityRow, NONE_KEPT, RecordManifest, Recorded};
use oci::Manifest;

use crate::harness::{artifact, at, image, index, name, project, record, tag};

pub(crate) async fn a_projects_rules_are_few_different_and_seen_at_once(db: Db) {
    let (hub, other) = (project(&db, "hub").await, project(&db, "other").await);
    let rules = async |id| db.immutability_rules(id).await.unwrap().to_vec();
    assert_eq!(rules(hub.id).await, []);
    let make = async |id, rule| db.create_immutability_rule(id, rule, false, 2, at(1)).await;
    let first = make(hub.id, "{1}").await.unwrap();
    let same = make(hub.id, "{1}").await;
    assert!(matches!(same, Err(Error::Conflict { .. })), "{same:?}");
    let second = make(hub.id, "{2}").await.unwrap();
    assert!(second > first);
    let third = make(hub.id, "{3}").await;
    assert!(
        matches!(third, Err(Error::TooMany { most: 2, .. })),
        "{third:?}"
    );
    let elsewhere = make(other.id, "{1}").await.unwrap();
    let nowhere = make(99, "{1}").await;
    assert!(matches!(nowhere, Err(Error::NotFound { what: "project" })));

    let row = |id, rule: &str, is_disabled| ImmutabilityRow {
        id,
        rule: rule.to_owned(),
        is_disabled,
    };
    let change = async |id, project_id, rule, is_disabled| {
        db.update_immutability_rule(id, project_id, rule, is_disabled, at(2))
            .await
    };
    let expected = [row(first, "{1}", false), row(second, "{2}", false)];
    assert_eq!(rules(hub.id).await, expected);
    change(first, hub.id, "{1}", true).await.unwrap();
    change(second, hub.id, "{4}", false).await.unwrap();
    let expected = [row(first, "{1}", true), row(second, "{4}", false)];
    assert_eq!(rules(hub.id).await, expected);
    let taken = change(second, hub.id, "{1}", false).await;
    assert!(matches!(taken, Err(Error::Conflict { .. })), "{taken:?}");
    let strange = change(elsewhere, hub.id, "{5}", false).await;
    assert!(matches!(strange, Err(Error::NotFound { .. })));

    let strange = db.delete_immutability_rule(elsewhere, hub.id).await;
    assert!(matches!(strange, Err(Error::NotFound { .. })));
    db.delete_immutability_rule(first, hub.id).await.unwrap();
    assert_eq!(rules(hub.id).await, [row(second, "{4}", false)]);
    assert_eq!(rules(other.id).await, [row(elsewhere, "{1}", false)]);
    db.delete_project(other.id).await.unwrap();
    make(hub.id, "{1}").await.unwrap();
}

pub(crate) async fn a_fixed_tag_is_made_and_made_again_and_never_moved(db: Db) {
    let hub = project(&db, "hub").await;
    let (first, second) = (image("first"), image("second"));
    let push = async |manifest: &Manifest, is_tag_fixed, second| {
        fixed(&db, hub.id, manifest, is_tag_fixed, second).await
    };
    push(&first, true, 1).await.unwrap();
    push(&first, true, 2).await.unwrap();
    let moved = push(&second, true, 3).await;
    assert!(
        matches!(&moved, Err(Error::TagKept { tag }) if tag == "v1"),
        "{moved:?}"
    );
    let (app, v1) = (name("hub/app"), tag("v1"));
    let entry = db.find_tag(&app, &v1).await.unwrap().unwrap();
    assert_eq!(entry.digest, *first.digest());
    // Nothing of what was refused is there.
    let refused = db.find_manifest(&app, second.digest()).await.unwrap();
    assert_eq!(refused, None);
    push(&second, false, 4).await.unwrap();
    let entry = db.find_tag(&app, &v1).await.unwrap().unwrap();
    assert_eq!(entry.digest, *second.digest());
}

pub(crate) async fn what_would_take_a_kept_tag_takes_nothing(db: Db) {
    let hub = project(&db, "hub").await;
    let (app, child) = (name("hub/app"), image("child"));
    let both = index(&[("amd64", &child)]);
    let signature = artifact("application/x.signature", "signature", Some(&both));
    record(&db, &hub, "hub/app", &child, None, 1).await;
    record(&db, &hub, "hub/app", &both, Some("v1"), 2).await;
    record(&db, &hub, "hub/app", &signature, Some("signed"), 3).await;
    for kept in ["v1", "signed"] {
        let is_kept = |name: &str| name == kept;
        let refused = [
            db.delete_artifact(&app, both.digest(), &is_kept, at(4))
                .await,
            db.delete_artifact_and_children(&app, both.digest(), &is_kept, at(4))
                .await,
            db.delete_repository(&app, &is_kept).await,
        ];
        for refused in refused {
            assert!(
                matches!(&refused, Err(Error::TagKept { tag }) if tag == kept),
                "{refused:?}"
            );
        }
        for (manifest, tag_name) in [(&both, "v1"), (&signature, "signed")] {
            let entry = db.find_tag(&app, &tag(tag_name)).await.unwrap().unwrap();
            assert_eq!(entry.digest, *manifest.digest());
        }
        let child = db.find_manifest(&app, child.digest()).await.unwrap();
        assert!(child.is_some());
    }
    let is_kept = |name: &str| name == "v1";
    let only = db.delete_artifact(&app, signature.digest(), &is_kept, at(5));
    assert!(only.await.unwrap());
    assert!(db.delete_repository(&app, NONE_KEPT).await.unwrap());
}

pub(crate) async fn of_many_who_push_a_fixed_tag_at_once_one_gives_it(db: Db) {
    let hub = project(&db, "hub").await;
    let push = |number: usize| {
        let db = db.clone();
        tokio::spawn(async move {
            let manifest = image(&format!("build {number}"));
            let pushed = fixed(&db, hub.id, &manifest, true, 1).await;
            pushed.map(|_| manifest.digest().clone())
        })
    };
    let mut given = Vec::new();
    for task in (0..12).map(push).collect::<Vec<_>>() {
        match task.await.unwrap() {
            Ok(digest) => given.push(digest),
            Err(error) => assert!(matches!(error, Error::TagKept { .. }), "{error}"),
        }
    }
    let entry = db.find_tag(&name("hub/app"), &tag("v1")).await.unwrap();
    assert_eq!(given, [entry.unwrap().digest]);
}

async fn fixed(
    db: &Db,
    project_id: i64,
    manifest: &Manifest,
    is_tag_fixed: bool,
    second: i64,
) -> Result<Recorded, Error> {
    let (repository, v1) = (name("hub/app"), tag("v1"));
    let record = RecordManifest {
        repository: &repository,
        project_id,
        manifest,
        tag: Some(&v1),
        is_tag_fixed,
        now: at(second),
    };
    db.record_manifest(record).await
}
