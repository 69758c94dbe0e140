//! Users and members.

use metadata::{Db, Error, NewUser, Page, UserProfile};

use crate::harness::{at, new_project, project};

fn new(username: &str, email: &str) -> NewUser {
    NewUser {
        username: username.into(),
        email: email.into(),
        password_hash: "secret".into(),
        ..NewUser::default()
    }
}

pub(crate) async fn the_first_user_is_number_one(db: Db) {
    let admin = NewUser {
        is_sysadmin: true,
        ..new("admin", "")
    };
    let admin = db.create_user(admin, at(1)).await.unwrap();
    assert_eq!(
        (
            admin.id,
            admin.is_sysadmin,
            admin.email.as_str(),
            admin.created_at
        ),
        (1, true, "", at(1))
    );
    // Two without an address are not two with the same.
    let second = db.create_user(new("second", ""), at(2)).await.unwrap();
    assert!(second.id > 1);
    assert_eq!(db.find_user(1).await.unwrap().unwrap(), admin);
    assert!(!format!("{admin:?}").contains("secret"));
    let users = db
        .list_users(&Page::parse(None, Some(1), None, Some("-user_id")).unwrap())
        .await
        .unwrap();
    assert_eq!(
        (users.total, users.items[0].username.as_str()),
        (2, "second")
    );
}

pub(crate) async fn a_name_or_address_is_given_once(db: Db) {
    db.create_user(new("admin", "a@example.com"), at(1))
        .await
        .unwrap();
    let bob = db
        .create_user(new("bob", "b@example.com"), at(1))
        .await
        .unwrap();
    for user in [new("bob", "c@example.com"), new("carol", "b@example.com")] {
        let refused = db.create_user(user, at(2)).await;
        assert!(
            matches!(refused, Err(Error::Conflict { what: "user" })),
            "{refused:?}"
        );
    }
    // Told apart byte by byte.
    db.create_user(new("Bob", "B@example.com"), at(2))
        .await
        .unwrap();
    assert_eq!(db.find_user_by_name("bob").await.unwrap().unwrap(), bob);
    assert_eq!(
        db.find_user_by_name("b@example.com")
            .await
            .unwrap()
            .unwrap(),
        bob
    );
    assert_eq!(db.find_user_by_name("BOB").await.unwrap(), None);

    let profile = UserProfile {
        email: "a@example.com".into(),
        ..UserProfile::default()
    };
    assert!(matches!(
        db.update_user_profile(bob.id, profile, at(3)).await,
        Err(Error::Conflict { .. })
    ));
    let profile = UserProfile {
        email: String::new(),
        realname: "Robert".into(),
        comment: "x".into(),
    };
    db.update_user_profile(bob.id, profile, at(3))
        .await
        .unwrap();
    db.set_password_hash(bob.id, "other", at(4)).await.unwrap();
    db.set_sysadmin(bob.id, true, at(5)).await.unwrap();
    let bob = db.find_user(bob.id).await.unwrap().unwrap();
    assert_eq!(
        (
            bob.realname.as_str(),
            bob.email.as_str(),
            bob.password_hash.as_str()
        ),
        ("Robert", "", "other")
    );
    assert_eq!((bob.is_sysadmin, bob.updated_at), (true, at(5)));
    assert!(matches!(
        db.set_password_hash(99, "x", at(6)).await,
        Err(Error::NotFound { what: "user" })
    ));
}

pub(crate) async fn a_deleted_users_projects_go_to_the_first_administrator(db: Db) {
    let shared = project(&db, "shared").await;
    let bob = db.create_user(new("bob", ""), at(1)).await.unwrap();
    let own = metadata::NewProject {
        owner_id: bob.id,
        ..new_project("bobs")
    };
    db.create_project(own, at(1)).await.unwrap();
    db.add_member(shared.id, bob.id, 2, at(1)).await.unwrap();
    assert_eq!(
        db.find_project("bobs").await.unwrap().unwrap().owner_name,
        "bob"
    );
    assert_eq!(db.role_of(shared.id, bob.id).await.unwrap(), Some(2));
    assert!(matches!(
        db.delete_user(1).await,
        Err(Error::FirstAdministrator)
    ));
    db.delete_user(bob.id).await.unwrap();
    assert!(matches!(
        db.delete_user(bob.id).await,
        Err(Error::NotFound { .. })
    ));
    assert_eq!(
        db.find_project("bobs").await.unwrap().unwrap().owner_name,
        "admin"
    );
    assert_eq!(db.role_of(shared.id, bob.id).await.unwrap(), None);
    assert!(db.list_members(shared.id).await.unwrap().is_empty());
}

pub(crate) async fn roles_follow_their_changes_at_once(db: Db) {
    let hub = project(&db, "hub").await;
    let bob = db.create_user(new("bob", ""), at(1)).await.unwrap();
    let role = async || db.role_of(hub.id, bob.id).await.unwrap();
    assert_eq!(role().await, None);
    let id = db.add_member(hub.id, bob.id, 3, at(1)).await.unwrap();
    assert_eq!(role().await, Some(3));
    assert!(matches!(
        db.add_member(hub.id, bob.id, 1, at(1)).await,
        Err(Error::Conflict { what: "member" })
    ));
    assert!(matches!(
        db.add_member(hub.id, 99, 1, at(1)).await,
        Err(Error::NotFound { .. })
    ));
    db.update_member(hub.id, id, 1, at(2)).await.unwrap();
    assert_eq!(role().await, Some(1));
    let members = db.list_members(hub.id).await.unwrap();
    assert_eq!(
        (
            members.len(),
            members[0].username.as_str(),
            members[0].updated_at
        ),
        (1, "bob", at(2))
    );
    assert_eq!(
        db.find_member(hub.id, id).await.unwrap().as_ref(),
        members.first()
    );
    assert_eq!(db.find_member(hub.id + 1, id).await.unwrap(), None);
    db.remove_member(hub.id, id).await.unwrap();
    assert_eq!(role().await, None);
    assert!(matches!(
        db.remove_member(hub.id, id).await,
        Err(Error::NotFound { what: "member" })
    ));
}
