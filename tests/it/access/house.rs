//! The installation that is walked through, and who walks.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use auth::{Permission, Role, SystemAction};
use http::Method;
use serde_json::{Value, json};
use tests::{Answer, Client, Setup, TestServer, data};

use super::table::{Needs, Row, VICTIMS, a_retention};
use super::{Caller, Class, Place, Who};

const API: &str = "/api/v2.0";
const PASSWORD: &str = "Berth-and-buoy-2";
const OPEN: &str = "open";
const CLOSED: &str = "closed";
const MISSING: &str = "missing";
/// Nothing has this number, nor this digest.
const NO_NUMBER: i64 = 4711;
const NO_DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

/// How a project is named in a path.
#[derive(Clone, Copy, Debug)]
pub(super) enum By {
    Name,
    Number,
}

pub(super) struct House {
    server: TestServer,
    admin: Client,
    places: Vec<Place>,
    blob: String,
    user: i64,
    /// A robot that is allowed exactly what a row takes, and one that is allowed all else: names, secrets, numbers.
    exact: Robot,
    rest: Robot,
    /// Numbers of what is asked about, by its placeholder and where it belongs; what was deleted is made anew.
    victims: BTreeMap<(&'static str, &'static str), i64>,
}

struct Robot {
    number: i64,
    name: String,
    client: Client,
}

/// Which of the places a row is asked in: all, or where it is about none, one.
pub(super) fn places(row: &Row) -> Range<usize> {
    match row.is_of_project() {
        // A missing project has nothing to ask about.
        true if row.victim().is_some() => 0..2,
        true => 0..3,
        false => 0..1,
    }
}

/// By name, and where the path takes them, by number.
pub(super) fn ways(row: &Row) -> &'static [By] {
    let takes_names_only = ["/repositories", "/preheat/", "/logs", "/auditlog-exts"];
    let is_either = row.asked.contains("/projects/{P}")
        && !takes_names_only.iter().any(|part| row.asked.contains(part));
    match is_either {
        true => &[By::Name, By::Number],
        false => &[By::Name],
    }
}

impl House {
    pub(super) async fn built() -> Self {
        let server = TestServer::start(Setup::new()).await;
        let admin = server.admin();
        let mut places = Vec::new();
        for (name, is_public) in [(OPEN, true), (CLOSED, false)] {
            let body = json!({ "project_name": name, "public": is_public });
            places.push(Place {
                name,
                number: make(&admin, "/projects", body).await,
                is_public: Some(is_public),
            });
            admin
                .push_image(&format!("{name}/app"), "1", &[b"layer"])
                .await;
        }
        places.push(Place {
            name: MISSING,
            number: NO_NUMBER,
            is_public: None,
        });
        let other = json!({ "project_name": "other" });
        make(&admin, "/projects", other).await;
        let user = make(&admin, "/users", user_named("bystander")).await;
        let some = || allowed_in(OPEN, &[Permission::in_projects().next().expect("one")]);
        let exact = robot(
            &server,
            &admin,
            json!({ "name": "exact", "level": "system", "duration": -1, "permissions": [some()] }),
        )
        .await;
        let rest = robot(
            &server,
            &admin,
            json!({ "name": "rest", "level": "system", "duration": -1, "permissions": [some()] }),
        )
        .await;
        Self {
            blob: oci::Digest::sha256(b"layer").to_string(),
            admin,
            server,
            places,
            user,
            exact,
            rest,
            victims: BTreeMap::new(),
        }
    }

    pub(super) fn place(&self, index: usize) -> &Place {
        &self.places[index]
    }

    /// Every operation that the server describes is asked, and none that it does not.
    pub(super) async fn require_complete(&self, rows: &[Row]) {
        let description = self.server.anonymous().get("/api/openapi.json").await;
        let description = description.expect(200).json();
        let mut described = BTreeSet::new();
        for (path, operations) in description["paths"].as_object().expect("paths") {
            let path = path.strip_prefix(API).unwrap_or(path);
            for method in operations.as_object().expect("operations").keys() {
                described.insert(format!("{} {path}", method.to_uppercase()));
            }
        }
        let rows = rows.iter().filter(|row| !row.described.is_empty());
        let asked: BTreeSet<String> = rows
            .map(|row| format!("{} {}", row.method, row.described))
            .collect();
        let missing: Vec<_> = described.difference(&asked).collect();
        let gone: Vec<_> = asked.difference(&described).collect();
        assert!(
            missing.is_empty() && gone.is_empty(),
            "tests/it/access/table.rs has to say what these demand: {missing:?}; and these are no more: {gone:?}"
        );
    }

    /// Everybody but those of [`Self::robots_for`].
    pub(super) async fn callers(&self) -> Vec<Caller> {
        let mut callers = vec![
            caller("nobody", self.server.anonymous(), Who::Nobody),
            caller("the administrator", self.server.admin(), Who::Administrator),
            caller("a stranger", self.user("stranger").await, Who::Stranger),
        ];
        for role in [
            Role::LimitedGuest,
            Role::Guest,
            Role::Developer,
            Role::Maintainer,
            Role::ProjectAdmin,
        ] {
            let name = role.name().to_lowercase();
            let client = self.user(&name).await;
            for project in [OPEN, CLOSED] {
                self.join(project, &name, role).await;
            }
            callers.push(caller(role.name(), client, Who::Member(role)));
        }
        let client = self.user("neighbour").await;
        self.join("other", "neighbour", Role::ProjectAdmin).await;
        callers.push(caller("another project's admin", client, Who::Stranger));

        let all: Vec<Permission> = Permission::in_projects().collect();
        let pull = [Permission {
            resource: "repository",
            action: "pull",
        }];
        let list = [Permission {
            resource: "tag",
            action: "list",
        }];
        for (project, name, allowed) in [
            (CLOSED, "puller", &pull[..]),
            (OPEN, "lister", &list[..]),
            ("other", "neighbour", &all[..]),
        ] {
            let body = json!({ "name": name, "level": "project", "duration": -1, "permissions": [allowed_in(project, allowed)] });
            let robot = robot(&self.server, &self.admin, body).await;
            let who = Who::Robot {
                system: Vec::new(),
                project,
                allowed: allowed.to_vec(),
            };
            callers.push(caller(&robot.name.clone(), robot.client, who));
        }
        callers.extend(self.mistaken(&all).await);
        callers
    }

    /// Robots that were allowed everything in the closed project, and are kept out or have ended.
    async fn mistaken(&self, all: &[Permission]) -> Vec<Caller> {
        let mut callers = Vec::new();
        for (name, is_disabled) in [("disabled", true), ("ended", false)] {
            let body = json!({ "name": name, "level": "project", "duration": 7, "disable": is_disabled, "permissions": [allowed_in(CLOSED, all)] });
            let robot = robot(&self.server, &self.admin, body).await;
            callers.push(caller(&robot.name.clone(), robot.client, Who::Mistaken));
        }
        let ended = "UPDATE robots SET expires_at = created_at WHERE full_name = 'closed+ended'";
        data::change(&self.server.data(), ended).await;
        callers
    }

    /// The two robots that a row is about: one was allowed what it takes, and one all but that.
    pub(super) async fn robots_for(&self, row: &Row, place: usize) -> Vec<Caller> {
        let place = &self.places[place];
        let in_projects: Vec<Permission> = Permission::in_projects().collect();
        let in_system: Vec<Permission> = Permission::in_system().collect();
        let without = |all: &[Permission], one: Permission| {
            all.iter()
                .copied()
                .filter(|other| *other != one)
                .collect::<Vec<_>>()
        };
        let needs = match row.needs {
            Needs::ReadCatalog => Needs::OfSystem(SystemAction::CatalogRead),
            needs => needs,
        };
        let (exact, rest) = match needs {
            Needs::InProject(action) | Needs::ToSee(action)
                if action.is_for_robots() && place.is_public.is_some() =>
            {
                let one = action.permission();
                (
                    (Vec::new(), vec![one]),
                    (in_system, without(&in_projects, one)),
                )
            }
            Needs::OfSystem(action) if action.is_for_robots() => {
                let one = action.permission();
                (
                    (vec![one], Vec::new()),
                    (without(&in_system, one), in_projects),
                )
            }
            // Nobody can be allowed it, or nobody need be.
            _ => return Vec::new(),
        };
        let project = match place.name {
            MISSING => CLOSED,
            name => name,
        };
        let mut callers = Vec::new();
        for (robot, (system, allowed)) in [(&self.exact, exact), (&self.rest, rest)] {
            let mut permissions = Vec::new();
            if !system.is_empty() {
                permissions.push(allowed_in("/", &system));
            }
            if !allowed.is_empty() {
                permissions.push(allowed_in(project, &allowed));
            }
            let body = json!({ "name": robot.name, "level": "system", "permissions": permissions });
            let path = format!("{API}/robots/{}", robot.number);
            self.admin.put(&path, &body).await.expect(200);
            let who = Who::Robot {
                system,
                project,
                allowed,
            };
            callers.push(caller(&robot.name, robot.client.clone(), who));
        }
        callers
    }

    /// Asks, and says what the answer means.
    pub(super) async fn ask(&mut self, row: &Row, place: usize, by: By, caller: &Caller) -> Class {
        let victim = row.victim().map(|kind| match kind {
            "{S}" => (kind, "/"),
            kind => (kind, self.places[place].name),
        });
        if let Some(victim) = victim
            && !self.victims.contains_key(&victim)
        {
            let number = self.make_victim(victim).await;
            self.victims.insert(victim, number);
        }
        let text = self.filled(row.asked, place, by);
        let path = match text.starts_with("/v2")
            || text.starts_with("/api")
            || text.starts_with("/service")
        {
            true => text,
            false => format!("{API}{text}"),
        };
        let mut request = caller.client.request(row.method.clone(), &path);
        if let Some(body) = &row.body {
            let body: Value =
                serde_json::from_str(&self.filled(&body.to_string(), place, By::Name))
                    .expect("JSON");
            request = request.json(&body);
        }
        let answer = caller.client.send(request).await;
        if row.method == Method::DELETE && answer.status == 200 {
            victim.map(|victim| self.victims.remove(&victim));
        }
        self.class(row, place, &answer)
    }

    fn filled(&self, text: &str, place: usize, by: By) -> String {
        let Place { name, number, .. } = &self.places[place];
        let number = number.to_string();
        let named = match by {
            By::Name => name,
            By::Number => number.as_str(),
        };
        let mut text = text
            .replace("{P}", named)
            .replace("\"{N}\"", &number)
            .replace("{N}", &number);
        for kind in VICTIMS {
            let home = if kind == "{S}" { "/" } else { *name };
            let number = self.victims.get(&(kind, home)).unwrap_or(&NO_NUMBER);
            text = text.replace(kind, &number.to_string());
        }
        text.replace("{U}", &self.user.to_string())
            .replace("{B}", &self.blob)
            .replace("{Z}", NO_DIGEST)
    }

    fn class(&self, row: &Row, place: usize, answer: &Answer) -> Class {
        let Place { name, number, .. } = &self.places[place];
        let text = String::from_utf8_lossy(&answer.body);
        // Without a body, there is only what is missing to go by.
        let is_untold = row.method == Method::HEAD && row.then != 404;
        let is_no_project = is_untold && self.places[place].is_public.is_none()
            || text.contains(&format!("project {name} not found"))
            || text.contains(&format!("project {number} not found"))
            || text.contains(&format!("invalid Project id {number}"));
        match answer.status.as_u16() {
            401 => Class::SignIn,
            403 => Class::Forbidden,
            404 if matches!(row.needs, Needs::ToSee(_)) => Class::Unseen,
            400 | 404 if is_no_project => Class::NoSuchProject,
            status => Class::Allowed(status),
        }
    }

    async fn make_victim(&self, (kind, home): (&'static str, &'static str)) -> i64 {
        let place = self.places.iter().find(|place| place.name == home);
        let number = place.map_or(NO_NUMBER, |place| place.number);
        let (path, body) = match kind {
            "{L}" => (
                "/labels",
                json!({ "name": "victim", "scope": "p", "project_id": number }),
            ),
            "{T}" => ("/retentions", a_retention(json!(number))),
            _ => {
                let one = [Permission {
                    resource: "repository",
                    action: "pull",
                }];
                let (level, place) = match home {
                    "/" => ("system", OPEN),
                    home => ("project", home),
                };
                let body = json!({ "name": "victim", "level": level, "duration": -1, "permissions": [allowed_in(place, &one)] });
                ("/robots", body)
            }
        };
        make(&self.admin, path, body).await
    }

    async fn user(&self, name: &str) -> Client {
        make(&self.admin, "/users", user_named(name)).await;
        self.server.user(name, PASSWORD)
    }

    async fn join(&self, project: &str, name: &str, role: Role) {
        let body = json!({ "role_id": role.id(), "member_user": { "username": name } });
        make(&self.admin, &format!("/projects/{project}/members"), body).await;
    }
}

fn caller(name: &str, client: Client, who: Who) -> Caller {
    Caller {
        name: name.to_owned(),
        client,
        who,
    }
}

fn user_named(name: &str) -> Value {
    json!({ "username": name, "password": PASSWORD, "realname": name, "email": format!("{name}@example.com") })
}

fn allowed_in(namespace: &str, permissions: &[Permission]) -> Value {
    let access: Vec<Value> = permissions
        .iter()
        .map(|one| json!({ "resource": one.resource, "action": one.action }))
        .collect();
    let kind = if namespace == "/" {
        "system"
    } else {
        "project"
    };
    json!({ "kind": kind, "namespace": namespace, "access": access })
}

async fn robot(server: &TestServer, admin: &Client, body: Value) -> Robot {
    let made = admin
        .post(&format!("{API}/robots"), &body)
        .await
        .expect(201)
        .json();
    let name = made["name"].as_str().expect("a name").to_owned();
    Robot {
        number: made["id"].as_i64().expect("a number"),
        client: server.user(&name, made["secret"].as_str().expect("a secret")),
        name,
    }
}

/// Makes something, and returns its number.
async fn make(admin: &Client, path: &str, body: Value) -> i64 {
    let made = admin.post(&format!("{API}{path}"), &body).await.expect(201);
    let number = made.header("location").rsplit('/').next();
    number
        .and_then(|number| number.parse().ok())
        .expect("a number")
}
