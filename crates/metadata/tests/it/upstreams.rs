//! Upstreams that are edited: what is cached stays, and what was believed of it is asked about again.

use metadata::{Db, NewProject, NewUpstream, Project, Upstream, UpstreamUpdate};

use crate::harness::{at, blob, image, name, new_project, project, record, tag};

async fn upstream(db: &Db, name: &str) -> Upstream {
    let new = NewUpstream {
        name: name.into(),
        ..NewUpstream::default()
    };
    db.create_upstream(new, at(0)).await.unwrap()
}

async fn proxy(db: &Db, name: &str, upstream: &Upstream) -> Project {
    let new = NewProject {
        upstream_id: Some(upstream.id),
        ..new_project(name)
    };
    db.create_project(new, at(0)).await.unwrap()
}

fn asked_anew() -> UpstreamUpdate {
    UpstreamUpdate {
        url: Some("https://elsewhere.example".into()),
        is_asked_anew: true,
        ..UpstreamUpdate::default()
    }
}

pub(crate) async fn options_are_kept_as_they_were_sealed(db: Db) {
    let new = NewUpstream {
        name: "hub".into(),
        options: Some(vec![0, 159, 146]),
        ..NewUpstream::default()
    };
    let made = db.create_upstream(new, at(1)).await.unwrap();
    assert_eq!(made.options.as_deref(), Some(&[0, 159, 146][..]));
    assert_eq!(made.trusted_since, at(1));
    db.set_upstream_status(made.id, "healthy").await.unwrap();
    let found = async || db.find_upstream(made.id).await.unwrap().unwrap();
    let update = UpstreamUpdate {
        description: Some("d".into()),
        ..UpstreamUpdate::default()
    };
    db.update_upstream(made.id, update, at(2)).await.unwrap();
    let same = found().await;
    assert_eq!((&same.options, same.trusted_since), (&made.options, at(1)));
    assert_eq!(same.status, "healthy");
    let update = UpstreamUpdate {
        options: Some(None),
        is_asked_anew: true,
        ..UpstreamUpdate::default()
    };
    db.update_upstream(made.id, update, at(3)).await.unwrap();
    let changed = found().await;
    assert_eq!((&changed.options, changed.status.as_str()), (&None, ""));
    assert!(changed.trusted_since > at(3), "{}", changed.trusted_since);
}

pub(crate) async fn tags_are_doubted_once_their_upstream_is_asked_anew(db: Db) {
    let hosted = project(&db, "hosted").await;
    let (edited, other) = (upstream(&db, "edited").await, upstream(&db, "other").await);
    for (project, upstream) in [("one", &edited), ("two", &edited), ("three", &other)] {
        let project = proxy(&db, project, upstream).await;
        let repository = format!("{}/app", project.name);
        record(&db, &project, &repository, &image("any"), Some("v1"), 1).await;
    }
    record(&db, &hosted, "hosted/app", &image("any"), Some("v1"), 1).await;
    let is_doubted = async |project: &str| {
        let found = db
            .find_tag(&name(&format!("{project}/app")), &tag("v1"))
            .await;
        found.unwrap().expect("a tag").is_doubted
    };
    let all = async || {
        [
            is_doubted("one").await,
            is_doubted("two").await,
            is_doubted("three").await,
            is_doubted("hosted").await,
        ]
    };
    assert_eq!(all().await, [false; 4]);
    db.update_upstream(edited.id, asked_anew(), at(100))
        .await
        .unwrap();
    assert_eq!(all().await, [true, true, false, false]);
    // A check that began before the edit and ends after it is one of before.
    let app = name("one/app");
    db.note_checked(&app, &tag("v1"), at(99));
    assert!(is_doubted("one").await);
    db.flush().await.unwrap();
    assert!(is_doubted("one").await);
    db.note_checked(&app, &tag("v1"), at(200));
    assert_eq!(all().await, [false, true, false, false]);
}

pub(crate) async fn blobs_that_came_before_an_edit_are_no_sign_of_what_may_be_had_since(db: Db) {
    // Whoever is first owns the rest.
    project(&db, "hosted").await;
    let upstream = upstream(&db, "up").await;
    let project = proxy(&db, "proxy", &upstream).await;
    let (app, other, layer) = (name("proxy/app"), name("proxy/other"), blob("layer"));
    let is_from_there = async || db.is_blob_from_upstream(&layer, upstream.id).await.unwrap();
    db.link_blob(&app, project.id, &layer, 5, at(1))
        .await
        .unwrap();
    assert!(is_from_there().await);
    db.update_upstream(upstream.id, asked_anew(), at(100))
        .await
        .unwrap();
    assert!(!is_from_there().await);
    // Its own repository keeps it.
    let right = db.blob_right(&app, &layer).await.unwrap();
    assert!(matches!(right, metadata::BlobRight::Held { size: 5 }));
    // A fill that began before the edit.
    db.link_blob(&other, project.id, &layer, 5, at(99))
        .await
        .unwrap();
    assert!(!is_from_there().await);
    db.link_blob(&other, project.id, &layer, 5, at(200))
        .await
        .unwrap();
    assert!(is_from_there().await);
}
