//! Stories of robots, sessions, and addresses that bring too many wrong passwords.

use std::net::IpAddr;

use chrono::TimeDelta;
use metadata::{
    NewRobot, Robot, RobotAccess, RobotCreator, RobotPermission, RobotScope, RobotUpdate,
    Visibility,
};

use super::house::{ADMIN_PASSWORD, HERE, House, PASSWORD, said};
use crate::{Action, Caller, Error, Identity, SystemAction};

const SECRET: &str = "Robots1AreProgramsToo";

fn allowed(scope: RobotScope, access: &[(&str, &str)]) -> RobotPermission {
    let access = access.iter().map(|(resource, action)| RobotAccess {
        resource: (*resource).to_owned(),
        action: (*action).to_owned(),
    });
    RobotPermission {
        scope,
        access: access.collect(),
    }
}

async fn robot(house: &House, full_name: &str, permissions: Vec<RobotPermission>) -> Robot {
    let new = NewRobot {
        full_name: full_name.to_owned(),
        project_id: None,
        description: String::new(),
        secret_hash: house.auth.hash_password(SECRET).await.unwrap(),
        is_disabled: false,
        duration_days: 30,
        expires_at: Some(house.now + TimeDelta::days(30)),
        permissions,
        creator: RobotCreator::User(1),
    };
    house.db.create_robot(new, house.now).await.unwrap()
}

async fn caller(house: &House, name: &str) -> Caller {
    let identity = house.auth.login(name, SECRET, HERE, house.now).await;
    Caller::of(identity.unwrap())
}

#[tokio::test]
async fn a_robot_signs_in_by_harbors_name_and_by_one_without_a_dollar() {
    let house = House::built().await;
    robot(&house, "closed+ci", Vec::new()).await;
    for name in ["robot$closed+ci", "robot+closed+ci"] {
        let identity = house.auth.login(name, SECRET, HERE, house.now).await;
        assert_eq!(identity.unwrap().name(), "robot$closed+ci");
    }
    for name in ["closed+ci", "robot$", "robot$closed", "robot$closed+cd"] {
        let answer = house.auth.login(name, SECRET, HERE, house.now).await;
        assert!(matches!(answer, Err(Error::WrongCredentials)), "{name}");
    }
    // Old robots have the new prefix: it is no part of the stored name.
    house
        .db
        .put_setting("robot_name_prefix", "bot-")
        .await
        .unwrap();
    assert_eq!(
        caller(&house, "bot-closed+ci").await.identity.name(),
        "bot-closed+ci"
    );
    let old = house.auth.login("robot$closed+ci", SECRET, HERE, house.now);
    assert!(old.await.is_err());
}

#[tokio::test]
async fn a_robot_may_what_it_was_allowed_and_what_everyone_may() {
    let house = House::built().await;
    let closed = house.db.find_project("closed").await.unwrap().unwrap().id;
    house.project("other", "false").await;
    let permission = allowed(RobotScope::Project(closed), &[("repository", "pull")]);
    robot(&house, "closed+puller", vec![permission]).await;
    let puller = caller(&house, "robot$closed+puller").await;
    for action in Action::all() {
        let of_closed = if action == Action::Pull { "yes" } else { "no" };
        let of_open = if action.is_everyones() { "yes" } else { "no" };
        assert_eq!(house.ask(&puller, action, "closed").await, of_closed);
        assert_eq!(house.ask(&puller, action, "open").await, of_open);
        assert_eq!(house.ask(&puller, action, "other").await, "no");
        assert_eq!(house.ask(&puller, action, "missing").await, "no");
    }
    for action in SystemAction::all() {
        let expected = match action {
            SystemAction::UserSearch
            | SystemAction::SystemInfoRead
            | SystemAction::StatisticsRead
            | SystemAction::PermissionList => "yes",
            _ => "no",
        };
        let answer = house.auth.authorize_system(&puller, action).await;
        assert_eq!(said(answer), expected, "{action:?}");
    }
    assert_eq!(
        house.auth.visibility(&puller).await.unwrap(),
        Visibility::Projects(vec![closed])
    );
}

#[tokio::test]
async fn a_robot_of_the_system_covers_projects_that_come_later() {
    let house = House::built().await;
    let everywhere = allowed(
        RobotScope::AllProjects,
        &[("repository", "pull"), ("repository", "push")],
    );
    let system = allowed(
        RobotScope::System,
        &[("catalog", "read"), ("project", "create")],
    );
    robot(&house, "mover", vec![everywhere, system]).await;
    let mover = caller(&house, "robot$mover").await;
    house.project("later", "false").await;
    assert_eq!(house.ask(&mover, Action::Push, "later").await, "yes");
    assert_eq!(house.ask(&mover, Action::Delete, "later").await, "no");
    let ask = async |action| said(house.auth.authorize_system(&mover, action).await);
    assert_eq!(ask(SystemAction::CatalogRead).await, "yes");
    assert_eq!(ask(SystemAction::ProxyProjectCreate).await, "yes");
    assert_eq!(ask(SystemAction::RegistryList).await, "no");
    let catalog = house
        .with_token(&mover.identity, "registry:catalog:*")
        .await;
    let answer = house
        .auth
        .authorize_system(&catalog, SystemAction::CatalogRead);
    assert_eq!(said(answer.await), "yes");
    assert_eq!(
        house.auth.visibility(&mover).await.unwrap(),
        Visibility::All
    );
}

#[tokio::test]
async fn what_is_taken_from_a_robot_is_gone_from_its_tokens_at_once() {
    let house = House::built().await;
    let closed = house.db.find_project("closed").await.unwrap().unwrap().id;
    let permission = allowed(
        RobotScope::Project(closed),
        &[("repository", "pull"), ("repository", "push")],
    );
    let made = robot(&house, "closed+ci", vec![permission]).await;
    let identity = caller(&house, "robot$closed+ci").await.identity;
    let token = house
        .with_token(&identity, "repository:closed/a:pull")
        .await;
    assert_eq!(house.ask(&token, Action::Push, "closed").await, "yes");
    let update = |is_disabled, permissions| RobotUpdate {
        description: String::new(),
        is_disabled,
        duration_days: 30,
        expires_at: made.expires_at,
        permissions,
    };
    let less = vec![allowed(
        RobotScope::Project(closed),
        &[("repository", "pull")],
    )];
    house
        .db
        .update_robot(made.id, update(false, less.clone()), house.now)
        .await
        .unwrap();
    assert_eq!(house.ask(&token, Action::Push, "closed").await, "no");
    assert_eq!(house.ask(&token, Action::Pull, "closed").await, "yes");
    house
        .db
        .update_robot(made.id, update(true, less), house.now)
        .await
        .unwrap();
    assert_eq!(house.ask(&token, Action::Pull, "closed").await, "no");
    let disabled = house
        .auth
        .login("robot$closed+ci", SECRET, HERE, house.now)
        .await;
    assert!(matches!(disabled, Err(Error::WrongCredentials)));
    house.db.delete_robot(made.id).await.unwrap();
    assert_eq!(house.ask(&token, Action::Pull, "closed").await, "no");
}

#[tokio::test]
async fn a_robot_ends_in_time_and_no_token_outlives_it() {
    let house = House::built().await;
    let made = robot(&house, "ci", Vec::new()).await;
    let end = made.expires_at.unwrap();
    let minute = TimeDelta::minutes(1);
    let identity = house
        .auth
        .login("robot$ci", SECRET, HERE, end - minute)
        .await
        .unwrap();
    let token = house
        .auth
        .issue_token(&identity, &[], end - minute)
        .await
        .unwrap();
    assert_eq!(token.expires_in_secs, 60);
    assert!(house.auth.caller_from_token(&token.token, end).is_ok());
    let late = end + minute;
    assert!(house.auth.caller_from_token(&token.token, late).is_err());
    let after = house.auth.login("robot$ci", SECRET, HERE, end).await;
    assert!(matches!(after, Err(Error::WrongCredentials)));
}

#[tokio::test]
async fn a_projects_robots_go_with_it_and_a_later_project_of_its_name_is_another() {
    let house = House::built().await;
    let first = house.project("team", "false").await;
    let permission = allowed(RobotScope::Project(first), &[("repository", "pull")]);
    robot(&house, "puller", vec![permission]).await;
    let puller = caller(&house, "robot$puller").await;
    assert_eq!(house.ask(&puller, Action::Pull, "team").await, "yes");
    house.db.delete_project(first).await.unwrap();
    house.project("team", "false").await;
    assert_eq!(house.ask(&puller, Action::Pull, "team").await, "no");
}

#[tokio::test]
async fn a_session_lasts_while_it_is_used_and_ends_with_its_password() {
    let house = House::built().await;
    let ada = house.user("ada").await;
    let identity = house
        .auth
        .login("ada", PASSWORD, HERE, house.now)
        .await
        .unwrap();
    let session = house.auth.open_session(&identity, house.now).await.unwrap();
    let after = async |minutes| {
        let now = house.now + TimeDelta::minutes(minutes);
        let caller = house.auth.caller_from_session(&session, now).await.unwrap();
        caller.map(|caller| caller.identity.name().to_owned())
    };
    for minutes in [0, 59, 118] {
        assert_eq!(after(minutes).await.as_deref(), Some("ada"));
    }
    assert_eq!(after(178).await, None);
    // Rights are those of now.
    house
        .db
        .set_sysadmin(ada.id, true, house.now)
        .await
        .unwrap();
    let now = house.now + TimeDelta::minutes(119);
    let caller = house.auth.caller_from_session(&session, now).await.unwrap();
    assert!(caller.unwrap().identity.is_sysadmin());

    house
        .auth
        .set_password(ada.id, "Another1Horse", house.now)
        .await
        .unwrap();
    assert_eq!(after(119).await, None);
    let other = house.auth.open_session(&identity, house.now).await.unwrap();
    house.auth.close_session(&other).await.unwrap();
    let closed = house.auth.caller_from_session(&other, house.now).await;
    assert!(closed.unwrap().is_none());
    let none = house.auth.open_session(&Identity::Anonymous, house.now);
    assert!(none.await.is_err());
}

#[tokio::test]
async fn ended_sessions_are_forgotten_and_others_kept() {
    let house = House::built().await;
    let admin = house.admin().await;
    let old = house.auth.open_session(&admin, house.now).await.unwrap();
    let later = house.now + TimeDelta::minutes(61);
    let young = house.auth.open_session(&admin, later).await.unwrap();
    assert_eq!(house.auth.forget_ended_sessions(later).await.unwrap(), 1);
    let seen = async |session: &str| {
        house
            .auth
            .caller_from_session(session, later)
            .await
            .unwrap()
    };
    assert!(seen(&old).await.is_none() && seen(&young).await.is_some());
}

#[tokio::test]
async fn a_csrf_token_fits_its_cookie_alone() {
    let house = House::built().await;
    let (one, other) = (crate::Auth::csrf_cookie(), crate::Auth::csrf_cookie());
    let token = house.auth.csrf_token(&one);
    assert!(house.auth.is_csrf_token(&one, &token));
    assert!(!house.auth.is_csrf_token(&other, &token));
    assert!(!house.auth.is_csrf_token("", &house.auth.csrf_token("")));
    assert!(!house.auth.is_csrf_token(&one, &one));
}

#[tokio::test]
async fn ten_thousand_wrong_passwords_slow_their_address_and_nobody_else() {
    let house = House::built().await;
    house.user("ada").await;
    let [there, elsewhere]: [IpAddr; 2] = [[192, 0, 2, 1].into(), [192, 0, 2, 2].into()];
    let known = house.auth.login("admin", ADMIN_PASSWORD, there, house.now);
    known.await.unwrap();
    let (mut wrong, mut refused) = (0, 0);
    for attempt in 0..10_000 {
        let password = format!("wrong {attempt}");
        match house.auth.login("ada", &password, there, house.now).await {
            Err(Error::WrongCredentials) => wrong += 1,
            Err(Error::TooManyTries { .. }) => refused += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((wrong, refused), (10, 9_990));
    // From there even the right one has to wait, unless it was right a moment ago; from elsewhere nobody does.
    let right = house.auth.login("ada", PASSWORD, there, house.now).await;
    assert!(matches!(right, Err(Error::TooManyTries { .. })));
    let known = house.auth.login("admin", ADMIN_PASSWORD, there, house.now);
    known.await.unwrap();
    let other = house.auth.login("ada", PASSWORD, elsewhere, house.now);
    other.await.unwrap();
    let later = house.now + TimeDelta::seconds(3);
    let waited = house.auth.login("ada", PASSWORD, there, later);
    waited.await.unwrap();
}
