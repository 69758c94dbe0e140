//! Projects, their upstreams, and the repositories in them.

use std::time::Instant;

use metadata::{
    Config, Db, Error, NONE_KEPT, NewProject, NewUpstream, NewUser, Page, ProjectFilter,
    RepositoryFilter, UpstreamUpdate, Visibility,
};

use sea_orm::{ConnectionTrait, Database};

use crate::harness::{at, blob, image, name, new_project, project, record, say};

fn visible_to(visible_to: Visibility) -> ProjectFilter {
    ProjectFilter {
        visible_to,
        name_contains: None,
        is_public: None,
        owner: None,
    }
}

pub(crate) async fn a_project_is_what_was_said_of_it(db: Db) {
    assert_eq!(db.find_project("hub").await.unwrap(), None);
    let made = project(&db, "hub").await;
    assert_eq!(
        made.metadata,
        [("public".to_owned(), "false".to_owned())].into()
    );
    assert_eq!(
        (made.is_public, made.owner_name.as_str(), made.created_at),
        (false, "admin", at(0))
    );
    assert_eq!(*db.find_project("hub").await.unwrap().unwrap(), made);
    assert_eq!(
        *db.find_project_by_id(made.id).await.unwrap().unwrap(),
        made
    );
    assert_eq!(db.find_project("HUB").await.unwrap(), None);
    assert!(matches!(
        db.create_project(new_project("hub"), at(1)).await,
        Err(Error::Conflict { what: "project" })
    ));
    let ownerless = NewProject {
        owner_id: 99,
        ..new_project("x")
    };
    assert!(matches!(
        db.create_project(ownerless, at(1)).await,
        Err(Error::NotFound { .. })
    ));

    let change = [("public", "true"), ("proxy_speed_kb", "100")]
        .map(|(key, value)| (key.to_owned(), value.to_owned()));
    db.update_project(made.id, change.into(), at(2))
        .await
        .unwrap();
    db.update_project(
        made.id,
        [("auto_scan".to_owned(), "true".to_owned())].into(),
        at(3),
    )
    .await
    .unwrap();
    db.set_project_declared(made.id, true).await.unwrap();
    for found in [
        db.find_project("hub").await,
        db.find_project_by_id(made.id).await,
    ] {
        let found = found.unwrap().unwrap();
        let metadata: Vec<_> = found
            .metadata
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        assert_eq!(
            metadata,
            [
                ("auto_scan", "true"),
                ("proxy_speed_kb", "100"),
                ("public", "true")
            ]
        );
        assert_eq!(
            (found.is_public, found.is_declared, found.updated_at),
            (true, true, at(3))
        );
    }
    assert!(matches!(
        db.update_project(99, Default::default(), at(4)).await,
        Err(Error::NotFound { what: "project" })
    ));
}

pub(crate) async fn people_see_the_projects_that_are_theirs_to_see(db: Db) {
    project(&db, "secret").await;
    let shared = project(&db, "shared").await;
    let bob = db
        .create_user(
            NewUser {
                username: "bob".into(),
                ..NewUser::default()
            },
            at(0),
        )
        .await
        .unwrap();
    db.add_member(shared.id, bob.id, 3, at(0)).await.unwrap();
    let open = NewProject {
        metadata: [("public".into(), "true".into())].into(),
        owner_id: bob.id,
        ..new_project("Open_1")
    };
    db.create_project(open, at(0)).await.unwrap();
    for (project, repository) in [
        ("secret", "secret/a"),
        ("shared", "shared/a"),
        ("Open_1", "open/a"),
    ] {
        let project = db.find_project(project).await.unwrap().unwrap();
        record(&db, &project, repository, &image("any"), None, 1).await;
    }
    let names = async |filter: ProjectFilter, q: &str| {
        let found = db
            .list_projects(&filter, &Page::parse(None, None, Some(q), None).unwrap())
            .await
            .unwrap();
        assert_eq!(found.total, found.items.len() as u64);
        assert!(
            found
                .items
                .iter()
                .all(|project| project.metadata.contains_key("public"))
        );
        found
            .items
            .into_iter()
            .map(|project| project.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(visible_to(Visibility::All), "").await,
        ["Open_1", "secret", "shared"]
    );
    assert_eq!(
        names(visible_to(Visibility::PublicOnly), "").await,
        ["Open_1"]
    );
    assert_eq!(
        names(visible_to(Visibility::User(bob.id)), "").await,
        ["Open_1", "shared"]
    );
    assert_eq!(
        names(visible_to(Visibility::All), "public=false").await,
        ["secret", "shared"]
    );
    assert_eq!(
        names(visible_to(Visibility::All), "owner=bob").await,
        ["Open_1"]
    );
    assert_eq!(
        names(visible_to(Visibility::All), "name=~EN_").await,
        ["Open_1"]
    );
    assert_eq!(names(visible_to(Visibility::All), "name=~%").await, [""; 0]);
    let filter = ProjectFilter {
        name_contains: Some("s".into()),
        is_public: Some(false),
        owner: Some("admin".into()),
        ..visible_to(Visibility::User(bob.id))
    };
    assert_eq!(names(filter, "").await, ["shared"]);

    let seen = async |visible_to| {
        db.list_repository_names(visible_to, None, 10)
            .await
            .unwrap()
    };
    assert_eq!(
        seen(Visibility::All).await,
        ["open/a", "secret/a", "shared/a"]
    );
    assert_eq!(seen(Visibility::User(bob.id)).await, ["open/a", "shared/a"]);
    assert_eq!(seen(Visibility::PublicOnly).await, ["open/a"]);
    assert_eq!(
        db.list_repository_names(Visibility::All, Some("open/a"), 1)
            .await
            .unwrap(),
        ["secret/a"]
    );
}

pub(crate) async fn a_project_goes_only_when_it_is_empty(db: Db) {
    let hub = project(&db, "hub").await;
    db.add_member(hub.id, 1, 1, at(0)).await.unwrap();
    db.link_blob(&name("hub/app"), hub.id, &blob("layer"), 1, at(1))
        .await
        .unwrap();
    record(&db, &hub, "hub/app", &image("any"), Some("v1"), 1).await;
    assert_eq!(db.count_repositories(hub.id).await.unwrap(), 1);
    assert!(matches!(
        db.delete_project(hub.id).await,
        Err(Error::NotEmpty)
    ));
    assert!(
        db.delete_repository(&name("hub/app"), NONE_KEPT)
            .await
            .unwrap()
    );
    db.link_blob(&name("hub/app"), hub.id, &blob("layer"), 1, at(1))
        .await
        .unwrap();
    assert!(db.find_project("hub").await.unwrap().is_some());
    assert_ne!(
        db.blob_right(&name("hub/app"), &blob("layer"))
            .await
            .unwrap(),
        metadata::BlobRight::None
    );
    db.delete_project(hub.id).await.unwrap();
    assert_eq!(db.find_project("hub").await.unwrap(), None);
    assert_eq!(db.find_project_by_id(hub.id).await.unwrap(), None);
    assert_eq!(
        db.blob_right(&name("hub/app"), &blob("layer"))
            .await
            .unwrap(),
        metadata::BlobRight::None
    );
    assert!(matches!(
        db.delete_project(hub.id).await,
        Err(Error::NotFound { what: "project" })
    ));
    // The name is free; the number is not given again.
    assert_ne!(project(&db, "hub").await.id, hub.id);
}

pub(crate) async fn an_upstream_keeps_its_secret_and_goes_only_when_unused(db: Db) {
    let new = NewUpstream {
        name: "hub".into(),
        kind: "docker-hub".into(),
        url: "https://hub.example".into(),
        access_key: Some("robot".into()),
        secret: Some(vec![0, 159, 146, 150]),
        description: "d".into(),
        ..NewUpstream::default()
    };
    let made = db.create_upstream(new.clone(), at(1)).await.unwrap();
    assert_eq!(*db.find_upstream(made.id).await.unwrap().unwrap(), made);
    assert_eq!(made.secret.as_deref(), Some(&[0, 159, 146, 150][..]));
    assert!(!format!("{made:?}").contains("159"));
    assert!(matches!(
        db.create_upstream(new, at(2)).await,
        Err(Error::Conflict { what: "upstream" })
    ));
    let update = UpstreamUpdate {
        secret: Some(None),
        is_insecure: Some(true),
        ..UpstreamUpdate::default()
    };
    db.update_upstream(made.id, update, at(3)).await.unwrap();
    db.set_upstream_status(made.id, "unhealthy").await.unwrap();
    let found = db.find_upstream(made.id).await.unwrap().unwrap();
    assert_eq!(
        (
            &found.secret,
            found.is_insecure,
            found.status.as_str(),
            found.updated_at
        ),
        (&None, true, "unhealthy", at(3))
    );
    assert_eq!(
        (found.access_key.as_deref(), found.url.as_str()),
        (Some("robot"), "https://hub.example")
    );
    assert_eq!(
        db.find_upstream_by_name("hub").await.unwrap().as_ref(),
        Some(&*found)
    );
    let other = NewUpstream {
        name: "ghcr".into(),
        ..NewUpstream::default()
    };
    let other = db.create_upstream(other, at(4)).await.unwrap();
    let rename = UpstreamUpdate {
        name: Some("hub".into()),
        ..UpstreamUpdate::default()
    };
    assert!(matches!(
        db.update_upstream(other.id, rename, at(5)).await,
        Err(Error::Conflict { .. })
    ));
    let listed = db
        .list_upstreams(&Page::parse(None, None, Some("type={docker-hub ecr}"), None).unwrap())
        .await
        .unwrap();
    assert_eq!((listed.total, &listed.items[0]), (1, &*found));

    project(&db, "plain").await;
    let proxy = NewProject {
        upstream_id: Some(made.id),
        ..new_project("proxy")
    };
    let proxy = db.create_project(proxy, at(6)).await.unwrap();
    let refused = db.delete_upstream(made.id).await;
    assert_eq!(refused.unwrap_err().to_string(), "in use by project proxy");
    db.delete_project(proxy.id).await.unwrap();
    db.delete_upstream(made.id).await.unwrap();
    assert_eq!(db.find_upstream(made.id).await.unwrap(), None);
    let orphan = NewProject {
        upstream_id: Some(made.id),
        ..new_project("proxy")
    };
    assert!(matches!(
        db.create_project(orphan, at(7)).await,
        Err(Error::NotFound { .. })
    ));
}

pub(crate) async fn repositories_are_listed_in_pages(db: Db) {
    let hub = project(&db, "hub").await;
    let other = project(&db, "other").await;
    for number in 0..25 {
        record(
            &db,
            &hub,
            &format!("hub/app-{number:02}"),
            &image("any"),
            Some("v1"),
            number,
        )
        .await;
    }
    record(&db, &other, "other/app", &image("any"), Some("v1"), 99).await;
    let list = async |project_id, page: Page| {
        let filter = RepositoryFilter {
            project_id,
            visible_to: Visibility::All,
        };
        let found = db.list_repositories(&filter, &page).await.unwrap();
        (
            found.total,
            found
                .items
                .into_iter()
                .map(|repository| repository.name)
                .collect::<Vec<_>>(),
        )
    };
    let (total, names) = list(None, Page::parse(None, Some(2), None, None).unwrap()).await;
    assert_eq!(
        (total, names),
        (26, vec!["other/app".into(), "hub/app-24".into()])
    );
    let (total, names) = list(
        Some(hub.id),
        Page::parse(Some(3), None, None, Some("name")).unwrap(),
    )
    .await;
    assert_eq!(
        (total, names.len(), names[0].as_str()),
        (25, 5, "hub/app-20")
    );
    let (total, names) = list(
        Some(hub.id),
        Page::parse(Some(9), None, None, None).unwrap(),
    )
    .await;
    assert_eq!((total, names.len()), (25, 0));
    let (total, names) = list(
        None,
        Page::parse(None, None, Some("name=~APP-1"), None).unwrap(),
    )
    .await;
    assert_eq!((total, names.len()), (10, 10));
    assert_eq!(list(None, Page::all()).await.0, 26);
    db.update_repository_description(&name("hub/app-01"), "text", at(100))
        .await
        .unwrap();
    let found = db
        .find_repository(&name("hub/app-01"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(
        (
            found.description.as_str(),
            found.updated_at,
            found.artifact_count
        ),
        ("text", at(100), 1)
    );
    assert!(
        db.update_repository_description(&name("hub/none"), "text", at(100))
            .await
            .is_err()
    );
}

/// Told with the database's address: recording fifty thousand manifests one by one is another story.
pub(crate) async fn fifty_thousand_repositories_are_listed_quickly(url: String) {
    let db = Db::connect(Config { url: url.clone() }).await.unwrap();
    let hub = project(&db, "hub").await;
    let bob = NewUser {
        username: "bob".into(),
        ..NewUser::default()
    };
    let bob = db.create_user(bob, at(0)).await.unwrap();
    db.add_member(hub.id, bob.id, 3, at(0)).await.unwrap();
    let raw = Database::connect(url).await.unwrap();
    let numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000)";
    let repositories = format!(
        "INSERT INTO repositories (project_id, name, description, pull_count, created_at, updated_at, artifact_count) \
         {numbers} SELECT {}, 'hub/app-' || i, '', i % 7, i, i, 2 FROM n",
        hub.id
    );
    for statement in [repositories.as_str(), "ANALYZE"] {
        raw.execute_unprepared(statement).await.unwrap();
    }
    raw.close().await.unwrap();
    let cases = [
        (Visibility::All, None, 50_000),
        (Visibility::User(bob.id), Some("name"), 50_000),
        (Visibility::User(bob.id), Some("-pull_count"), 50_000),
        (Visibility::PublicOnly, None, 0),
    ];
    for (visible_to, sort, total) in cases {
        let page = Page::parse(Some(4_000), None, None, sort).unwrap();
        let filter = RepositoryFilter {
            project_id: None,
            visible_to: visible_to.clone(),
        };
        let started = Instant::now();
        let found = db.list_repositories(&filter, &page).await.unwrap();
        let took = started.elapsed();
        say(&format!(
            "page 4000 of 50000 for {visible_to:?} by {sort:?}: {took:?}"
        ));
        assert_eq!(found.total, total);
        assert!(
            found
                .items
                .iter()
                .all(|repository| repository.artifact_count == 2)
        );
        // Far above what it takes, far below what reading everything for each row would.
        assert!(took.as_secs() < 2, "{took:?}");
    }
    db.close().await;
}
