//! Stories of people and rights, told on a real database.

mod house;
mod robots;

use std::collections::BTreeMap;

use metadata::Visibility;

use crate::{Access, Action, Caller, Error, Identity, Role, SystemAction};
use house::{ADMIN_PASSWORD, HERE, House, PASSWORD, open, said, scopes};

#[tokio::test]
async fn the_first_administrator_gets_the_given_password_once() {
    let house = House::empty().await;
    assert!(!house.auth.has_admin().await.unwrap());
    let refused = house.auth.ensure_admin(Some(""), house.now).await;
    assert!(matches!(refused, Err(Error::EmptyPassword)));
    assert_eq!(
        house
            .auth
            .ensure_admin(Some(ADMIN_PASSWORD), house.now)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        house
            .auth
            .ensure_admin(Some("another"), house.now)
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        house.auth.ensure_admin(None, house.now).await.unwrap(),
        None
    );
    let expected = Identity::User {
        id: 1,
        name: "admin".into(),
        is_sysadmin: true,
    };
    assert_eq!(house.admin().await, expected);
    assert!(
        house
            .auth
            .login("admin", "another", HERE, house.now)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn without_a_given_password_one_is_generated_and_works() {
    let house = House::empty().await;
    let password = house
        .auth
        .ensure_admin(None, house.now)
        .await
        .unwrap()
        .unwrap();
    assert!(password.len() >= 20);
    assert!(
        house
            .auth
            .login("admin", &password, HERE, house.now)
            .await
            .unwrap()
            .is_sysadmin()
    );
    assert!(
        house
            .auth
            .login("admin", "Harbor12345", HERE, house.now)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn users_sign_in_by_name_or_address_and_nobody_learns_which_was_wrong() {
    let house = House::built().await;
    house.user("ada").await;
    for name in ["ada", "ada@example.org"] {
        assert_eq!(
            house
                .auth
                .login(name, PASSWORD, HERE, house.now)
                .await
                .unwrap()
                .name(),
            "ada"
        );
    }
    let wrong = [
        ("ada", "wrong"),
        ("ada", ""),
        ("eve", PASSWORD),
        ("", ADMIN_PASSWORD),
        ("", ""),
        ("admin", PASSWORD),
    ];
    for (name, password) in wrong {
        let answer = house.auth.login(name, password, HERE, house.now).await;
        assert!(
            matches!(answer, Err(Error::WrongCredentials)),
            "{name} {password}"
        );
    }
}

#[tokio::test]
async fn a_changed_password_is_the_only_one_at_once() {
    let house = House::built().await;
    let ada = house.user("ada").await;
    house
        .auth
        .login("ada", PASSWORD, HERE, house.now)
        .await
        .unwrap();
    assert!(matches!(
        house.auth.set_password(ada.id, "weak", house.now).await,
        Err(Error::WeakPassword)
    ));
    house
        .auth
        .login("ada", PASSWORD, HERE, house.now)
        .await
        .unwrap();
    house
        .auth
        .set_password(ada.id, "Another1Horse", house.now)
        .await
        .unwrap();
    assert!(matches!(
        house.auth.login("ada", PASSWORD, HERE, house.now).await,
        Err(Error::WrongCredentials)
    ));
    house
        .auth
        .login("ada", "Another1Horse", HERE, house.now)
        .await
        .unwrap();
    assert!(
        house
            .auth
            .set_password(99, "Another1Horse", house.now)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_deleted_user_signs_in_no_more_and_their_token_opens_nothing_private() {
    let house = House::built().await;
    let (ada, _) = house.member("ada", "closed", Role::ProjectAdmin).await;
    house
        .auth
        .login("ada", PASSWORD, HERE, house.now)
        .await
        .unwrap();
    let caller = house.with_token(&ada, "repository:closed/a:pull").await;
    assert_eq!(house.ask(&caller, Action::Pull, "closed").await, "yes");
    house.db.delete_user(ada.user_id().unwrap()).await.unwrap();
    assert!(matches!(
        house.auth.login("ada", PASSWORD, HERE, house.now).await,
        Err(Error::WrongCredentials)
    ));
    assert_eq!(house.ask(&caller, Action::Pull, "closed").await, "no");
}

#[tokio::test]
async fn a_token_is_granted_all_its_subject_may_do_whatever_was_asked() {
    let house = House::built().await;
    let (guest, _) = house.member("guest", "closed", Role::LimitedGuest).await;
    let (developer, _) = house.member("developer", "closed", Role::Developer).await;
    let (maintainer, _) = house.member("maintainer", "closed", Role::Maintainer).await;
    let admin = house.admin().await;
    let asked = [
        "repository:open/a:push",
        "repository:closed/a/b:pull",
        "repository:missing/a:pull",
        "repository:closed:pull",
        "repository:closed/A:pull",
        "registry:catalog:*",
        "registry:other:*",
        "artefact:closed/a:pull",
    ];
    let table: [(&Identity, [&str; 8]); 5] = [
        (&Identity::Anonymous, ["pull", "", "", "", "", "", "", ""]),
        (&guest, ["pull", "pull", "", "", "", "", "", ""]),
        (&developer, ["pull", "pull,push", "", "", "", "", "", ""]),
        (
            &maintainer,
            ["pull", "pull,push,delete", "", "", "", "", "", ""],
        ),
        (
            &admin,
            [
                "pull,push,delete",
                "pull,push,delete",
                "",
                "",
                "",
                "*",
                "",
                "",
            ],
        ),
    ];
    for (identity, expected) in table {
        let granted = house.auth.grant(identity, &scopes(&asked)).await.unwrap();
        for ((asked, expected), granted) in asked.iter().zip(expected).zip(&granted) {
            assert_eq!(
                granted.actions.join(","),
                expected,
                "{asked} by {}",
                identity.name()
            );
            assert!(asked.starts_with(&format!("{}:{}:", granted.kind, granted.name)));
        }
        assert_eq!(granted.len(), asked.len());
    }
}

#[tokio::test]
async fn access_says_who_may_do_what_where() {
    let house = House::built().await;
    let (developer, _) = house.member("developer", "closed", Role::Developer).await;
    let caller = Caller::of(developer.clone());
    let access: Access = house
        .auth
        .authorize(&caller, Action::Push, "closed")
        .await
        .unwrap();
    assert_eq!(
        (
            access.project().name.as_str(),
            access.caller(),
            access.action()
        ),
        ("closed", &developer, Action::Push)
    );
    assert_eq!(house.ask(&caller, Action::Delete, "closed").await, "no");
    assert_eq!(house.ask(&caller, Action::Pull, "open").await, "yes");
    assert_eq!(house.ask(&caller, Action::Push, "open").await, "no");
    assert_eq!(
        house.ask(&Caller::anonymous(), Action::Pull, "open").await,
        "yes"
    );
    assert_eq!(
        house.ask(&Caller::anonymous(), Action::Push, "open").await,
        "sign in"
    );
    assert_eq!(
        house
            .ask(
                &Caller::of(house.admin().await),
                Action::ProjectDelete,
                "closed"
            )
            .await,
        "yes"
    );
}

#[tokio::test]
async fn names_of_private_projects_are_not_to_be_guessed() {
    let house = House::built().await;
    let ada = house.user("ada").await;
    let ada = Identity::User {
        id: ada.id,
        name: ada.username,
        is_sysadmin: false,
    };
    let admin = house.admin().await;
    let callers = [
        (Caller::anonymous(), "sign in", "sign in"),
        (
            house
                .with_token(&Identity::Anonymous, "repository:closed/a:pull")
                .await,
            "sign in",
            "sign in",
        ),
        (Caller::of(ada.clone()), "no", "no"),
        (
            house.with_token(&ada, "repository:closed/a:pull").await,
            "no",
            "no",
        ),
        (Caller::of(admin), "yes", "no such project"),
    ];
    for (caller, of_closed, of_missing) in callers {
        for action in [Action::Pull, Action::ProjectRead] {
            assert_eq!(
                house.ask(&caller, action, "closed").await,
                of_closed,
                "{caller:?} {action:?}"
            );
            assert_eq!(
                house.ask(&caller, action, "missing").await,
                of_missing,
                "{caller:?} {action:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_token_bounds_its_bearer_and_a_wider_one_can_be_asked_for() {
    let house = House::built().await;
    house.project("other", "true").await;
    let (developer, _) = house.member("developer", "closed", Role::Developer).await;
    let caller = house
        .with_token(&developer, "repository:closed/a:pull")
        .await;
    assert_eq!(house.ask(&caller, Action::Pull, "closed").await, "yes");
    assert_eq!(house.ask(&caller, Action::Push, "closed").await, "yes");
    assert_eq!(house.ask(&caller, Action::Delete, "closed").await, "no");
    assert_eq!(house.ask(&caller, Action::Pull, "other").await, "sign in");
    let caller = house
        .with_token(&Identity::Anonymous, "repository:open/a:pull")
        .await;
    assert_eq!(house.ask(&caller, Action::Pull, "open").await, "yes");
    assert_eq!(house.ask(&caller, Action::Pull, "other").await, "sign in");
    // The management API is not what registry tokens are for.
    let caller = house
        .with_token(&house.admin().await, "repository:closed/a:*")
        .await;
    assert_eq!(house.ask(&caller, Action::Delete, "closed").await, "yes");
    assert_eq!(
        house.ask(&caller, Action::ProjectUpdate, "closed").await,
        "sign in"
    );
    assert_eq!(
        said(
            house
                .auth
                .authorize_system(&caller, SystemAction::UserList)
                .await
        ),
        "sign in"
    );
}

#[tokio::test]
async fn rights_taken_away_are_gone_from_tokens_too() {
    let house = House::built().await;
    let (developer, member) = house.member("developer", "closed", Role::Developer).await;
    let caller = house
        .with_token(&developer, "repository:closed/a:pull,push")
        .await;
    let closed = house.db.find_project("closed").await.unwrap().unwrap().id;
    assert_eq!(house.ask(&caller, Action::Push, "closed").await, "yes");
    house
        .db
        .update_member(closed, member, Role::Guest.id(), house.now)
        .await
        .unwrap();
    assert_eq!(house.ask(&caller, Action::Push, "closed").await, "no");
    assert_eq!(house.ask(&caller, Action::Pull, "closed").await, "yes");
    house.db.remove_member(closed, member).await.unwrap();
    assert_eq!(house.ask(&caller, Action::Pull, "closed").await, "no");

    let anonymous = house
        .with_token(&Identity::Anonymous, "repository:open/a:pull")
        .await;
    assert_eq!(house.ask(&anonymous, Action::Pull, "open").await, "yes");
    let open = house.db.find_project("open").await.unwrap().unwrap().id;
    let private = BTreeMap::from([("public".to_owned(), "false".to_owned())]);
    house
        .db
        .update_project(open, private, house.now)
        .await
        .unwrap();
    assert_eq!(house.ask(&anonymous, Action::Pull, "open").await, "sign in");
}

#[tokio::test]
async fn a_former_administrators_token_is_an_administrators_no_more() {
    let house = House::built().await;
    let ada = house.user("ada").await;
    house
        .db
        .set_sysadmin(ada.id, true, house.now)
        .await
        .unwrap();
    let identity = house
        .auth
        .login("ada", PASSWORD, HERE, house.now)
        .await
        .unwrap();
    let caller = house
        .with_token(&identity, "repository:closed/a:pull")
        .await;
    assert!(caller.identity.is_sysadmin());
    house
        .db
        .set_sysadmin(ada.id, false, house.now)
        .await
        .unwrap();
    assert_eq!(house.ask(&caller, Action::Pull, "closed").await, "no");
    assert_eq!(house.ask(&caller, Action::Pull, "missing").await, "no");
}

#[tokio::test]
async fn the_system_is_the_administrators_but_everyone_may_make_projects_unless_told_otherwise() {
    let house = House::built().await;
    let ada = house.user("ada").await;
    let user = Caller::of(Identity::User {
        id: ada.id,
        name: ada.username,
        is_sysadmin: false,
    });
    let admin = Caller::of(house.admin().await);
    let ask =
        async |caller: &Caller, action| said(house.auth.authorize_system(caller, action).await);
    for (action, of_user) in [
        (SystemAction::ProjectCreate, "yes"),
        (SystemAction::ProxyProjectCreate, "no"),
        (SystemAction::ProjectList, "no"),
        (SystemAction::CatalogRead, "no"),
        (SystemAction::RegistryCreate, "no"),
        (SystemAction::UserList, "no"),
        (SystemAction::SystemVolumesRead, "no"),
        (SystemAction::ConfigurationUpdate, "no"),
    ] {
        assert_eq!(
            ask(&Caller::anonymous(), action).await,
            "sign in",
            "{action:?}"
        );
        assert_eq!(ask(&user, action).await, of_user, "{action:?}");
        assert_eq!(ask(&admin, action).await, "yes", "{action:?}");
    }
    house
        .db
        .put_setting("project_creation_restriction", "adminonly")
        .await
        .unwrap();
    assert_eq!(ask(&user, SystemAction::ProjectCreate).await, "no");
    assert_eq!(ask(&admin, SystemAction::ProjectCreate).await, "yes");
    let catalog = house
        .with_token(&admin.identity, "registry:catalog:*")
        .await;
    assert_eq!(ask(&catalog, SystemAction::CatalogRead).await, "yes");
}

#[tokio::test]
async fn lists_show_what_the_caller_may_see() {
    let house = House::built().await;
    let (ada, _) = house.member("ada", "closed", Role::Guest).await;
    let seen = async |caller: &Caller| house.auth.visibility(caller).await.unwrap();
    let admin = house.admin().await;
    let token = house.with_token(&admin, "registry:catalog:*").await;
    assert!(matches!(
        seen(&Caller::anonymous()).await,
        Visibility::PublicOnly
    ));
    assert!(matches!(seen(&token).await, Visibility::PublicOnly));
    assert!(matches!(seen(&Caller::of(admin)).await, Visibility::All));
    let id = ada.user_id();
    assert!(matches!(seen(&Caller::of(ada)).await, Visibility::User(seen) if Some(seen) == id));
}

#[tokio::test]
async fn tokens_and_sealed_secrets_outlive_the_process_but_not_the_keys() {
    let house = House::built().await;
    let token = house
        .auth
        .issue_token(&house.admin().await, &[], house.now)
        .await
        .unwrap()
        .token;
    let sealed = house.auth.seal(b"upstream password");

    let restarted = open(&house.folder, &house.db).await;
    assert_eq!(
        restarted
            .caller_from_token(&token, house.now)
            .unwrap()
            .identity
            .name(),
        "admin"
    );
    assert_eq!(restarted.unseal(&sealed).unwrap(), b"upstream password");

    std::fs::remove_dir_all(house.folder.path().join("keys")).unwrap();
    let elsewhere = open(&house.folder, &house.db).await;
    assert!(matches!(
        elsewhere.caller_from_token(&token, house.now),
        Err(Error::InvalidToken)
    ));
    assert!(matches!(elsewhere.unseal(&sealed), Err(Error::Unsealable)));
}
