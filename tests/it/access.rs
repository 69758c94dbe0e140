//! Who may what: every endpoint, asked by everybody, in an open, a closed and a missing project, held against the table of
//! what it demands and the table of who may do that.

mod house;
mod table;

use std::time::{Duration, Instant};

use auth::{Action, Permission, Role, SystemAction, may, may_every_user};
use house::House;
use serde_json::json;
use table::{Needs, Row, rows};
use tests::{Answer, Client, Setup, TestServer};

/// Somebody who asks.
struct Caller {
    name: String,
    client: Client,
    who: Who,
}

/// What is known of somebody, enough to say what they may.
enum Who {
    Nobody,
    /// With credentials that count no more.
    Mistaken,
    /// A user with this role in the open and in the closed project.
    Member(Role),
    /// A user with none there.
    Stranger,
    Administrator,
    /// A robot that was allowed this outside of projects, and that in the project of that name.
    Robot {
        system: Vec<Permission>,
        project: &'static str,
        allowed: Vec<Permission>,
    },
}

/// What an answer says of its reader's rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    /// They may, and are answered with this status.
    Allowed(u16),
    SignIn,
    Forbidden,
    NoSuchProject,
    /// As if what they may not see were not there.
    Unseen,
}

/// A project that is walked through, or the place of none.
struct Place {
    name: &'static str,
    number: i64,
    /// `None`: there is no such project.
    is_public: Option<bool>,
}

#[tokio::test]
async fn everybody_may_what_the_tables_say_and_nothing_else() {
    let mut house = House::built().await;
    let rows = rows();
    house.require_complete(&rows).await;
    let callers = house.callers().await;
    let (mut pairs, mut differences) = (0, Vec::new());
    for row in &rows {
        for place in house::places(row) {
            let robots = house.robots_for(row, place).await;
            for caller in callers.iter().chain(&robots) {
                for by in house::ways(row) {
                    let said = house.ask(row, place, *by, caller).await;
                    let expected = expected(&caller.who, row, house.place(place));
                    pairs += 1;
                    if said != expected {
                        differences.push(format!(
                            "{} {} by {by:?} in {} as {}: {said:?}, not {expected:?}",
                            row.method,
                            row.asked,
                            house.place(place).name,
                            caller.name
                        ));
                    }
                }
            }
        }
    }
    println!(
        "{pairs} pairs of endpoint and caller, {} differences",
        differences.len()
    );
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    assert!(pairs > 3_000, "only {pairs} pairs");
}

fn expected(who: &Who, row: &Row, place: &Place) -> Class {
    let allowed = Class::Allowed(row.then);
    match (who, row.needs) {
        (_, Needs::Nothing) => allowed,
        (Who::Mistaken, _) => Class::SignIn,
        (_, Needs::NoMistake) => allowed,
        (_, Needs::InProject(action)) if may_in(who, action, place) => allowed,
        (Who::Nobody, _) => Class::SignIn,
        (_, Needs::SignIn) => allowed,
        (Who::Robot { .. }, Needs::BeUser) => Class::Allowed(412),
        (_, Needs::BeUser) => allowed,
        (Who::Administrator, Needs::Administer) => allowed,
        (_, Needs::Administer) => Class::Forbidden,
        (_, Needs::ReadCatalog) => match may_outside(who, SystemAction::CatalogRead) {
            true => allowed,
            false => Class::SignIn,
        },
        (_, Needs::OfSystem(action)) => match may_outside(who, action) {
            true => allowed,
            false => Class::Forbidden,
        },
        (_, Needs::ToSee(action)) => match may_in(who, action, place) {
            true => allowed,
            false => Class::Unseen,
        },
        (Who::Administrator, Needs::InProject(_)) => Class::NoSuchProject,
        (_, Needs::InProject(_)) => Class::Forbidden,
    }
}

fn may_in(who: &Who, action: Action, place: &Place) -> bool {
    let Some(is_public) = place.is_public else {
        return false;
    };
    match who {
        Who::Administrator => true,
        Who::Member(role) => may(action, is_public, Some(*role)),
        Who::Robot {
            project, allowed, ..
        } => {
            let is_its = place.name == *project && allowed.contains(&action.permission());
            is_its || may(action, is_public, None)
        }
        Who::Nobody | Who::Mistaken | Who::Stranger => may(action, is_public, None),
    }
}

fn may_outside(who: &Who, action: SystemAction) -> bool {
    match who {
        Who::Administrator => true,
        Who::Robot { system, .. } if action.is_for_robots() => {
            system.contains(&action.permission())
        }
        Who::Nobody | Who::Mistaken => false,
        Who::Robot { .. } | Who::Member(_) | Who::Stranger => may_every_user(action, false),
    }
}

/// How long answers take tells no more than they say: half of them are slower than this.
async fn median(client: &Client, paths: [&str; 2]) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..301 {
        for (path, times) in paths.iter().zip(&mut times) {
            let started = Instant::now();
            client.get(path).await;
            times.push(started.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[times.len() / 2]
    })
}

#[tokio::test]
async fn a_closed_project_is_answered_for_as_a_missing_one_is_and_as_fast() {
    let server = TestServer::start(Setup::new()).await;
    let project = json!({ "project_name": "closed" });
    let made = server.admin().post("/api/v2.0/projects", &project).await;
    let made = made.expect(201);
    let number = made.header("location").rsplit('/').next().unwrap();
    server.admin().push_image("closed/app", "1", &[b"x"]).await;
    let user = json!({ "username": "anna", "password": "Berth-and-buoy-2", "realname": "A", "email": "a@example.com" });
    server
        .admin()
        .post("/api/v2.0/users", &user)
        .await
        .expect(201);
    let anna = server.user("anna", "Berth-and-buoy-2");
    let api = |path: &str| format!("/api/v2.0/projects/{path}");
    let manifest = |project: &str| format!("/v2/{project}/app/manifests/1");
    let by_number = api(number);
    let same = |closed: &Answer, missing: &Answer, at: &str| {
        let neutral = |answer: &Answer| {
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            text.replace("closed", "missing")
        };
        assert_eq!(closed.status, missing.status, "{at}");
        assert_eq!(neutral(closed), neutral(missing), "{at}");
        let headers = |answer: &Answer| {
            let mut names: Vec<String> = answer.headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(headers(closed), headers(missing), "{at}");
    };
    let pairs = [
        (api("closed"), api("missing")),
        (by_number, api("4711")),
        (api("closed/members"), api("missing/members")),
        (
            api("closed/repositories/app"),
            api("missing/repositories/app"),
        ),
        (manifest("closed"), manifest("missing")),
    ];
    for (closed, missing) in &pairs {
        for client in [&anna, &server.anonymous()] {
            same(
                &client.get(closed).await,
                &client.get(missing).await,
                closed,
            );
        }
        let [there, nowhere] = median(&anna, [closed, missing]).await;
        println!("{closed}: {there:?}, {missing}: {nowhere:?}");
        let (less, more) = (there.min(nowhere), there.max(nowhere));
        assert!(
            more < less * 3 / 2,
            "{closed}: {there:?}, {missing}: {nowhere:?}"
        );
    }
}
