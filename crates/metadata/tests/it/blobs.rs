//! Who may serve which bytes, and which bytes nobody needs.

use metadata::{BlobRight, Db, NewProject, NewUpstream, Visibility};

use crate::harness::{at, blob, image, index, name, new_project, project, record};

pub(crate) async fn a_blob_is_held_or_named_or_neither(db: Db) {
    let hub = project(&db, "hub").await;
    let (app, other) = (name("hub/app"), name("hub/other"));
    let digest = blob("layer");
    let right = async |repository| db.blob_right(repository, &digest).await.unwrap();
    assert_eq!(right(&app).await, BlobRight::None);
    record(&db, &hub, "hub/app", &image("layer"), None, 1).await;
    assert_eq!(right(&app).await, BlobRight::Named { size: 1000 });
    db.link_blob(&app, hub.id, &digest, 1000, at(1))
        .await
        .unwrap();
    db.link_blob(&app, hub.id, &digest, 1000, at(2))
        .await
        .unwrap();
    assert_eq!(right(&app).await, BlobRight::Held { size: 1000 });
    // The same bytes, and no right to them.
    assert_eq!(right(&other).await, BlobRight::None);
    assert!(db.find_repository(&other).await.unwrap().is_none());
    assert!(db.unlink_blob(&app, &digest).await.unwrap());
    assert!(!db.unlink_blob(&app, &digest).await.unwrap());
    assert_eq!(right(&app).await, BlobRight::Named { size: 1000 });
    let nobody = db
        .link_blob(&name("nobody/app"), 999, &digest, 1000, at(1))
        .await;
    assert!(
        matches!(nobody, Err(metadata::Error::NotFound { what: "project" })),
        "{nobody:?}"
    );
}

pub(crate) async fn a_blob_is_mounted_from_where_the_caller_may_look(db: Db) {
    let secret = project(&db, "secret").await;
    let open = NewProject {
        metadata: [("public".to_owned(), "true".to_owned())].into(),
        ..new_project("open")
    };
    let open = db.create_project(open, at(0)).await.unwrap();
    let upstream = db
        .create_upstream(
            NewUpstream {
                name: "up".into(),
                ..NewUpstream::default()
            },
            at(0),
        )
        .await
        .unwrap();
    let proxy = NewProject {
        upstream_id: Some(upstream.id),
        ..new_project("proxy")
    };
    let proxy = db.create_project(proxy, at(0)).await.unwrap();
    let digest = blob("layer");
    let holder = async |visible_to| db.find_blob_holder(&digest, visible_to).await.unwrap();
    db.link_blob(&name("secret/app"), secret.id, &digest, 5, at(1))
        .await
        .unwrap();
    assert_eq!(holder(Visibility::PublicOnly).await, None);
    assert_eq!(holder(Visibility::User(1)).await, None);
    assert_eq!(holder(Visibility::All).await.as_deref(), Some("secret/app"));
    db.add_member(secret.id, 1, 3, at(1)).await.unwrap();
    assert_eq!(
        holder(Visibility::User(1)).await.as_deref(),
        Some("secret/app")
    );
    db.link_blob(&name("open/app"), open.id, &digest, 5, at(1))
        .await
        .unwrap();
    assert_eq!(
        holder(Visibility::PublicOnly).await.as_deref(),
        Some("open/app")
    );

    assert!(
        !db.is_blob_from_upstream(&digest, upstream.id)
            .await
            .unwrap()
    );
    db.link_blob(&name("proxy/library/app"), proxy.id, &digest, 5, at(1))
        .await
        .unwrap();
    assert!(
        db.is_blob_from_upstream(&digest, upstream.id)
            .await
            .unwrap()
    );
    assert!(
        !db.is_blob_from_upstream(&digest, upstream.id + 1)
            .await
            .unwrap()
    );
}

pub(crate) async fn the_sweep_names_only_what_nothing_needs(db: Db) {
    let hub = project(&db, "hub").await;
    let app = name("hub/app");
    let child = image("child");
    let both = index(&[("amd64", &child)]);
    record(&db, &hub, "hub/app", &both, Some("v1"), 1).await;
    let pushed = image("pushed");
    record(&db, &hub, "hub/app", &pushed, Some("v2"), 1).await;
    for text in ["pushed", "abandoned", "young"] {
        let second = if text == "young" { 100 } else { 1 };
        db.link_blob(&app, hub.id, &blob(text), 1, at(second))
            .await
            .unwrap();
    }
    let mut asked: Vec<_> = (0..1000).map(|number| blob(&number.to_string())).collect();
    let orphans = asked.len();
    // A manifest, a child that was never asked for, a named blob, held ones.
    asked.extend([
        both.digest().clone(),
        child.digest().clone(),
        blob("pushed"),
        blob("abandoned"),
        blob("young"),
    ]);
    let unreferenced = db.unreferenced_blobs(&asked).await.unwrap();
    assert_eq!(unreferenced.len(), orphans);
    assert!(unreferenced.contains(&blob("7")) && !unreferenced.contains(&blob("abandoned")));

    assert!(matches!(
        db.blob_right(&app, &blob("abandoned")).await.unwrap(),
        BlobRight::Held { .. }
    ));
    let holds = db.unnamed_holds(at(50)).await.unwrap();
    assert_eq!(db.drop_unnamed_holds(&holds, at(0)).await.unwrap(), 0);
    assert_eq!(db.drop_unnamed_holds(&holds, at(50)).await.unwrap(), 1);
    assert_eq!(
        db.blob_right(&app, &blob("abandoned")).await.unwrap(),
        BlobRight::None
    );
    assert!(matches!(
        db.blob_right(&app, &blob("young")).await.unwrap(),
        BlobRight::Held { .. }
    ));
    assert_eq!(
        db.unreferenced_blobs(&[blob("abandoned"), blob("young")])
            .await
            .unwrap(),
        [blob("abandoned")]
    );
    assert_eq!(db.unreferenced_blobs(&[]).await.unwrap(), []);
}

pub(crate) async fn an_upload_knows_its_repository(db: Db) {
    db.start_upload("one", &name("hub/app"), at(1))
        .await
        .unwrap();
    assert_eq!(
        db.find_upload("one").await.unwrap().as_deref(),
        Some("hub/app")
    );
    assert!(
        db.start_upload("one", &name("hub/other"), at(1))
            .await
            .is_err()
    );
    db.end_upload("one").await.unwrap();
    db.end_upload("one").await.unwrap();
    assert_eq!(db.find_upload("one").await.unwrap(), None);
}

pub(crate) async fn settings_are_kept(db: Db) {
    assert_eq!(db.get_setting("theme").await.unwrap(), None);
    db.put_setting("theme", "dark").await.unwrap();
    db.put_setting("theme", "light").await.unwrap();
    assert_eq!(
        db.get_setting("theme").await.unwrap().as_deref(),
        Some("light")
    );
}
