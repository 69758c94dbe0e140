//! What the Terraform provider `goharbor/harbor` sends for its resources and data sources, in its order: with a
//! password, and with a session of somebody's, where every change is refused once for want of a token.
//!
//! Endpoints have more of it in [`super::endpoint_clients`].

use http::Method;
use serde_json::{Value, json};
use tests::fake::FakeUpstream;
use tests::{ADMIN_PASSWORD, Answer, Browser, Setup, TestServer};

use super::{API, delete, number};

const GIB: i64 = 1_073_741_824;
const NO_TIME: &str = "0001-01-01T00:00:00Z";

/// The provider as far as its requests go: a body with every one, `null` where it has nothing to say.
struct Provider {
    browser: Browser,
}

impl Provider {
    /// One for each way to configure it.
    async fn each(server: &TestServer) -> [Self; 2] {
        let mut signed_in = Browser::new(server.url());
        let answer = signed_in.sign_in("admin", ADMIN_PASSWORD).await;
        answer.expect(200);
        let mut session = Browser::new(server.url());
        session.set_cookie("sid", signed_in.cookie("sid").expect("a session"));
        [Browser::of(&server.admin()), session].map(|browser| Self { browser })
    }

    async fn send(&mut self, method: Method, path: &str, body: Value) -> Answer {
        self.browser.forget_token();
        let path = format!("{API}{path}");
        self.browser.change(method, &path, &body).await
    }

    async fn read(&mut self, path: &str) -> Value {
        let answer = self.send(Method::GET, path, Value::Null).await;
        answer.expect(200).json()
    }

    /// The resource's identity from then on is its path.
    async fn create(&mut self, path: &str, body: Value) -> String {
        let answer = self.send(Method::POST, path, body).await.expect(201);
        let location = answer.header("location");
        location.replace("/api", "").replace("/v2.0", "")
    }

    async fn update(&mut self, path: &str, body: Value) {
        self.send(Method::PUT, path, body).await.expect(200);
    }

    async fn delete(&mut self, path: &str) {
        let answer = self.send(Method::DELETE, path, Value::Null).await;
        answer.expect(200);
        self.gone(path).await;
    }

    async fn gone(&mut self, path: &str) {
        let answer = self.send(Method::GET, path, Value::Null).await;
        assert!([403, 404].contains(&answer.status.as_u16()), "{path}");
    }

    /// All pages, until one has nothing.
    async fn pages(&mut self, path: &str, query: &str) -> Vec<Value> {
        let mut all = Vec::new();
        for page in 1.. {
            let found = self.read(&format!("{path}?page={page}{query}")).await;
            let found = found.as_array().expect("a list").clone();
            if found.is_empty() {
                break;
            }
            all.extend(found);
        }
        all
    }

    async fn project(&mut self, body: Value) -> String {
        let id = self.create("/projects", body).await;
        assert!(number(&id) > 1 && id.starts_with("/projects/"), "{id}");
        id
    }

    /// What it does when a project's quota has changed.
    async fn set_quota(&mut self, project: &str, storage: i64) {
        let settings = self.read("/configurations").await;
        assert_eq!(settings["quota_per_project_enable"]["value"], true);
        for page in 1.. {
            let quotas = format!("/quotas/?page={page}&page_size=100");
            let quotas = self.read(&quotas).await;
            let quotas = quotas.as_array().expect("a list").clone();
            if quotas.is_empty() {
                break;
            }
            for quota in quotas {
                if quota["ref"]["id"] == number(project) {
                    let path = format!("/quotas/{}", quota["id"]);
                    let hard = json!({ "hard": { "storage": storage } });
                    self.update(&path, hard).await;
                }
            }
        }
        let quotas = format!("/quotas/?reference_id={}", number(project));
        assert_eq!(self.read(&quotas).await[0]["hard"]["storage"], storage);
    }
}

/// The body of `harbor_project`. Structures are there even when they are empty.
fn project(name: &str, more: Value) -> Value {
    let mut body = json!({ "project_name": name, "cve_allowlist": {}, "storage_limit": -1, "metadata": {
        "auto_scan": "true", "severity": "low", "prevent_vul": "false", "public": "false",
        "enable_content_trust": "false", "reuse_sys_cve_allowlist": "true" } });
    merge(&mut body, more);
    body
}

fn merge(into: &mut Value, more: Value) {
    match (into, more) {
        (Value::Object(into), Value::Object(more)) => {
            for (key, value) in more {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, more) => *into = more,
    }
}

#[tokio::test]
async fn projects_with_quota_scanning_and_an_endpoint() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(Setup::new()).await;
    for mut provider in Provider::each(&server).await {
        let endpoint = json!({ "credential": { "type": "basic" }, "name": "up", "url": upstream.url(),
            "type": "docker-registry", "insecure": false, "description": "" });
        let endpoint = provider.create("/registries", endpoint).await;
        let registry_id = number(&endpoint);

        let asked = json!({ "registry_id": registry_id, "storage_limit": 5 * GIB, "metadata": { "public": "true" } });
        let proxy = provider.project(project("proxy", asked.clone())).await;
        let shown = provider.read(&proxy).await;
        assert_eq!(shown["project_id"], number(&proxy));
        assert_eq!(
            (&shown["name"], &shown["registry_id"]),
            (&json!("proxy"), &json!(registry_id))
        );
        let expected = json!({ "auto_scan": "true", "severity": "low", "prevent_vul": "false", "public": "true",
            "reuse_sys_cve_allowlist": "true", "retention_id": shown["metadata"]["retention_id"] });
        assert_eq!(shown["metadata"], expected);
        // It sends the whole of it again.
        let mut changed = project("proxy", asked);
        let private =
            json!({ "metadata": { "public": "false", "auto_scan": "false", "severity": "high" } });
        merge(&mut changed, private);
        provider.update(&proxy, changed.clone()).await;
        provider.set_quota(&proxy, 10 * GIB).await;
        provider.set_quota(&proxy, -1).await;
        let shown = provider.read(&proxy).await["metadata"].clone();
        assert_eq!(
            (&shown["public"], &shown["severity"], &shown["auto_scan"]),
            (&json!("false"), &json!("high"), &json!("false"))
        );
        // `deployment_security` would hold nothing back here, and says so.
        let severe = json!({ "metadata": { "prevent_vul": "true" } });
        merge(&mut changed, severe);
        let refused = provider
            .send(Method::PUT, &proxy, changed)
            .await
            .expect(400);
        assert!(refused.message().starts_with("prevent_vul must be false"));

        // An ordinary one. A list of findings that do not count cannot be had, and is not dropped in silence.
        let list = json!({ "cve_allowlist": { "items": [{ "cve_id": "CVE-2024-1" }] },
            "metadata": { "reuse_sys_cve_allowlist": "false" } });
        let body = project("team", list);
        let refused = provider.send(Method::POST, "/projects", body).await;
        let told = refused.expect(400).message();
        assert!(told.starts_with("cve_allowlist must be empty"), "{told}");
        let team = provider.project(project("team", json!({}))).await;
        let shown = provider.read(&team).await;
        assert_eq!(shown["cve_allowlist"]["items"], json!([]));
        assert_eq!(shown["metadata"]["enable_content_trust"], "false");
        assert_eq!(shown.get("registry_id"), None);

        // Its data sources.
        let found = provider.read("/projects?name=team").await;
        assert_eq!(found[0]["project_id"], number(&team));
        let names: Vec<Value> = provider.pages("/projects", "").await;
        let names: Vec<_> = names.iter().map(|one| &one["name"]).collect();
        assert_eq!(names, ["library", "proxy", "team"]);

        // `force_destroy`: it looks for repositories by the name, and deletes them with their slashes encoded twice.
        let admin = server.admin();
        admin.push_image("team/some/app", "v1", &[b"layer"]).await;
        let answer = provider.send(Method::DELETE, &team, Value::Null).await;
        answer.expect(412);
        let found = provider
            .pages("/projects/team/repositories", "&page_size=100")
            .await;
        assert_eq!(found.len(), 1);
        let name = found[0]["name"].as_str().expect("a name");
        let name = name.trim_start_matches("team/").replace('/', "%252F");
        let path = format!("/projects/team/repositories/{name}");
        provider.delete(&path).await;
        provider.delete(&team).await;
        let none = provider
            .pages("/projects/proxy/repositories", "&page_size=100")
            .await;
        assert!(none.is_empty());
        provider.delete(&proxy).await;
        provider.delete(&endpoint).await;
    }
}

#[tokio::test]
async fn users_and_members() {
    let server = TestServer::start(Setup::new()).await;
    for mut provider in Provider::each(&server).await {
        let mut body = json!({ "username": "anna", "password": "Berth-and-buoy-2", "realname": "Anna",
            "email": "anna@example.com", "new_password": "Berth-and-buoy-2" });
        let anna = provider.create("/users", body.clone()).await;
        assert_eq!(provider.read(&anna).await["username"], "anna");
        // One body for the profile, the flag and the password.
        merge(
            &mut body,
            json!({ "realname": "Anna B", "comment": "of the quay", "sysadmin_flag": true,
                "password": "Berth-and-buoy-3", "new_password": "Berth-and-buoy-3" }),
        );
        provider.update(&anna, body.clone()).await;
        provider
            .update(&format!("{anna}/sysadmin"), body.clone())
            .await;
        provider.update(&format!("{anna}/password"), body).await;
        let shown = provider.read(&anna).await;
        assert_eq!(
            (
                &shown["realname"],
                &shown["comment"],
                &shown["sysadmin_flag"]
            ),
            (&json!("Anna B"), &json!("of the quay"), &json!(true))
        );
        let signed_in = server.user("anna", "Berth-and-buoy-3");
        signed_in.get(&format!("{API}/users")).await.expect(200);
        let found = provider
            .pages("/users", "&q=username=anna,email=anna@example.com")
            .await;
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["user_id"], number(&anna));

        let team = provider.project(project("team", json!({}))).await;
        let members = format!("{team}/members");
        // The empty group is sent beside the user.
        let member = |role: u8| json!({ "role_id": role, "member_group": {}, "member_user": { "username": "anna" } });
        let id = provider.create(&members, member(3)).await;
        assert!(id.starts_with(&format!("{members}/")), "{id}");
        provider.update(&id, member(5)).await;
        let shown = provider.read(&id).await;
        assert_eq!(
            (
                &shown["role_id"],
                &shown["entity_name"],
                &shown["project_id"]
            ),
            (&json!(5), &json!("anna"), &json!(number(&team)))
        );
        let found = provider.pages(&members, "").await;
        let found = found.iter().filter(|one| one["entity_type"] == "u");
        assert_eq!(found.count(), 2);
        provider.delete(&id).await;
        provider.delete(&team).await;
        provider.delete(&anna).await;
    }
}

#[tokio::test]
async fn robots_of_the_system_and_of_a_project() {
    let server = TestServer::start(Setup::new()).await;
    for mut provider in Provider::each(&server).await {
        let team = provider.project(project("team", json!({}))).await;
        let pull = json!({ "action": "pull", "resource": "repository", "effect": "allow" });
        let list = json!({ "action": "list", "resource": "registry" });
        let of_system = json!([
            { "access": [pull], "kind": "project", "namespace": "*" },
            { "access": [list], "kind": "system", "namespace": "/" },
        ]);
        let of_project = json!([{ "access": [pull], "kind": "project", "namespace": "team" }]);
        for (level, permissions, full) in [
            ("system", of_system, "robot$ci"),
            ("project", of_project, "robot$team+ci"),
        ] {
            let mut body = json!({ "name": "ci", "level": level, "description": "d", "duration": -1,
                "permissions": permissions });
            let made = provider.send(Method::POST, "/robots", body.clone()).await;
            let made = made.expect(201);
            let id = made.header("location").trim_start_matches(API).to_owned();
            let made = made.json();
            assert_eq!(
                (&made["name"], &made["id"]),
                (&json!(full), &json!(number(&id)))
            );
            assert!(
                made["secret"]
                    .as_str()
                    .is_some_and(|secret| !secret.is_empty())
            );
            // A secret that is given is set after that.
            let secret = json!({ "secret": "Berth-and-robot-4" });
            provider.send(Method::PATCH, &id, secret).await.expect(200);
            let robot = server.user(full, "Berth-and-robot-4");
            robot.get("/v2/").await.expect(200);
            // The short name is what is behind the prefix in the settings, and in a project behind its name.
            let shown = provider.read(&id).await;
            let settings = provider.read("/configurations").await;
            let prefix = settings["robot_name_prefix"]["value"].as_str();
            let name = shown["name"].as_str().expect("a name");
            let short = name.trim_start_matches(prefix.expect("a prefix"));
            assert_eq!(short.rsplit('+').next(), Some("ci"));
            assert_eq!(
                (&shown["level"], &shown["duration"]),
                (&json!(level), &json!(-1))
            );
            let kept = shown["permissions"].as_array().expect("permissions");
            assert_eq!(kept.len(), permissions.as_array().expect("a list").len());
            assert!(kept.iter().all(|one| one["access"][0]["effect"] == "allow"));
            // It updates with the full name, which it read, and without a secret.
            merge(
                &mut body,
                json!({ "name": full, "description": "of the builds", "disable": true }),
            );
            provider.update(&id, body).await;
            let shown = provider.read(&id).await;
            assert_eq!(
                (&shown["description"], &shown["disable"]),
                (&json!("of the builds"), &json!(true))
            );
            let query = match level {
                "system" => "&q=Level=system".to_owned(),
                _ => format!("&q=Level=project,ProjectID={}", number(&team)),
            };
            let found = provider.pages("/robots", &query).await;
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(found[0]["name"], full);
            provider.delete(&id).await;
        }
        provider.delete(&team).await;
    }
}

#[tokio::test]
async fn labels_and_retention_policies() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(Setup::new()).await;
    let endpoint = super::endpoint(&server.admin(), "up", &upstream.url()).await;
    for mut provider in Provider::each(&server).await {
        let team = provider.project(project("team", json!({}))).await;
        let asked = json!({ "registry_id": number(&endpoint) });
        let proxy = provider.project(project("proxy", asked)).await;
        for (scope, project_id) in [("g", 0), ("p", number(&team))] {
            let label = |description: &str| {
                json!({ "description": description, "color": "#FF0000",
                "deleted": false, "scope": scope, "project_id": project_id, "id": 0, "name": "near" })
            };
            let id = provider.create("/labels", label("")).await;
            provider.update(&id, label("close by")).await;
            let shown = provider.read(&id).await;
            assert_eq!(
                (
                    &shown["name"],
                    &shown["description"],
                    &shown["color"],
                    &shown["scope"]
                ),
                (
                    &json!("near"),
                    &json!("close by"),
                    &json!("#FF0000"),
                    &json!(scope)
                )
            );
            provider.delete(&id).await;
        }

        // A proxy cache project has a policy: the provider is refused, and writes over that one.
        let (of_proxy, of_team) = (number(&proxy), number(&team));
        let wanted = policy(of_proxy, "0 0 0 * * *", &[rule("nDaysSinceLastPull", 14)]);
        let refused = provider.send(Method::POST, "/retentions", wanted.clone());
        let refused = refused.await;
        assert!(refused.status.is_client_error(), "{}", refused.status);
        let shown = provider.read(&proxy).await;
        let id = shown["metadata"]["retention_id"].as_str().expect("text");
        let existing = format!("/retentions/{id}");
        provider.update(&existing, wanted).await;
        // One with a policy to itself gets what it asks for.
        let mut untagged = rule("latestPushedK", 3);
        merge(&mut untagged, json!({ "disabled": true }));
        let always = json!({ "template": "always", "params": {} });
        let mut of_always = rule("always", 0);
        merge(&mut of_always, always);
        of_always["params"] = json!({});
        let rules = [untagged, of_always];
        let made = policy(of_team, "", &rules);
        let created = provider.create("/retentions", made).await;
        for (id, project, cron, count) in [
            (&existing, of_proxy, "0 0 0 * * *", 1),
            (&created, of_team, "", 2),
        ] {
            let shown = provider.read(id).await;
            assert_eq!(shown["scope"]["ref"], project);
            assert_eq!(shown["trigger"]["settings"]["cron"], cron);
            let rules = shown["rules"].as_array().expect("rules");
            assert_eq!(rules.len(), count);
            for rule in rules {
                let (tags, repositories) = (&rule["tag_selectors"], &rule["scope_selectors"]);
                assert_eq!(tags[0]["decoration"], "matches");
                assert_eq!(tags[0]["extras"], "{\"untagged\":true}");
                assert_eq!(repositories["repository"][0]["decoration"], "repoMatches");
            }
            let changed = policy(project, "0 0 * * * *", &[rule("latestPulledN", 7)]);
            provider.update(id, changed).await;
            let shown = provider.read(id).await["rules"][0].clone();
            assert_eq!(shown["params"]["latestPulledN"], 7, "{shown}");
            // It deletes none: the policy is made to say nothing.
            let mut nothing = policy(project, "", &[]);
            nothing["id"] = json!(number(id));
            provider.update(id, nothing).await;
            assert_eq!(provider.read(id).await["rules"], json!([]));
        }
        provider.delete(&team).await;
        provider.delete(&proxy).await;
    }
    delete(&server.admin(), &endpoint).await.expect(200);
}

fn policy(project: i64, cron: &str, rules: &[Value]) -> Value {
    json!({ "algorithm": "or", "rules": rules, "scope": { "level": "project", "ref": project },
        "trigger": { "kind": "Schedule", "references": {}, "settings": { "cron": cron } } })
}

fn rule(template: &str, count: u32) -> Value {
    json!({ "disabled": false, "action": "retain", "template": template, "params": { template: count },
        "scope_selectors": { "repository": [{ "kind": "doublestar", "decoration": "repoMatches", "pattern": "**" }] },
        "tag_selectors": [{ "kind": "doublestar", "decoration": "matches", "pattern": "**",
            "extras": "{\"untagged\":true}" }] })
}

#[tokio::test]
async fn settings_and_schedules() {
    let server = TestServer::start(Setup::new()).await;
    for mut provider in Provider::each(&server).await {
        let system = json!({ "project_creation_restriction": "adminonly", "read_only": false,
            "robot_token_duration": 30, "robot_name_prefix": "robot$", "storage_per_project": -1 });
        provider.update("/configurations", system).await;
        let mode = json!({ "auth_mode": "db_auth", "self_registration": false });
        provider.update("/configurations", mode).await;
        let shown = provider.read("/configurations").await;
        for (key, value) in [
            ("project_creation_restriction", json!("adminonly")),
            ("read_only", json!(false)),
            ("robot_token_duration", json!(30)),
            ("robot_name_prefix", json!("robot$")),
            ("storage_per_project", json!(-1)),
            ("auth_mode", json!("db_auth")),
            ("oidc_verify_cert", json!(true)),
        ] {
            assert_eq!(shown[key]["value"], value, "{key}");
            assert!(shown[key]["editable"].is_boolean(), "{key}");
        }

        // Purges of the log: it looks whether there is a schedule, and then makes or changes it.
        let path = "/system/purgeaudit/schedule";
        for (kind, cron) in [
            ("Daily", "0 0 0 * * *"),
            ("Custom", "0 15 3 * * *"),
            ("None", ""),
        ] {
            let found = provider.read(path).await;
            let method = match found["schedule"]["type"].as_str() {
                None | Some("") => Method::POST,
                Some(_) => Method::PUT,
            };
            let code = if method == Method::POST { 201 } else { 200 };
            let body = json!({ "schedule": { "type": kind, "cron": cron }, "creation_time": NO_TIME,
                "update_time": NO_TIME, "parameters": { "audit_retention_hour": 24,
                "include_event_types": "create_artifact,pull_artifact" } });
            provider.send(method, path, body).await.expect(code);
            let shown = provider.read(path).await;
            if kind == "None" {
                assert!(shown.get("schedule").is_none(), "{shown}");
                continue;
            }
            assert_eq!(
                (&shown["schedule"]["type"], &shown["schedule"]["cron"]),
                (&json!(kind), &json!(cron))
            );
            let told = shown["job_parameters"].as_str().expect("text");
            let told: Value = serde_json::from_str(told).expect("JSON");
            assert_eq!(told["audit_retention_hour"], 24);
            let events = told["include_event_types"].as_str().expect("text");
            assert!(events.contains("pull_artifact") && events.contains("create_artifact"));
        }

        // Garbage collection, in the same way; it is deleted by a schedule that says none.
        let path = "/system/gc/schedule";
        for (method, kind, cron, code) in [
            (Method::POST, "Weekly", "0 0 0 * * 0", 201),
            (Method::PUT, "None", "", 200),
        ] {
            let found = provider.read(path).await;
            let is_set = found["schedule"]["type"]
                .as_str()
                .is_some_and(|kind| !kind.is_empty());
            assert_eq!(is_set, method == Method::PUT, "{found}");
            let body = json!({ "schedule": { "type": kind, "cron": cron }, "creation_time": NO_TIME,
                "update_time": NO_TIME, "parameters": { "delete_untagged": true, "workers": 1 } });
            provider.send(method, path, body).await.expect(code);
            if kind == "Weekly" {
                let shown = provider.read(path).await;
                assert_eq!(shown["schedule"]["type"], "Weekly");
                let told = shown["job_parameters"].as_str().expect("text");
                let told: Value = serde_json::from_str(told).expect("JSON");
                assert_eq!(told["delete_untagged"], true);
            }
        }

        // What is read before anything is written, where there is none of it.
        for path in ["/system/scanAll/schedule", "/scanners"] {
            provider.read(path).await;
        }
        assert!(provider.pages("/usergroups", "").await.is_empty());
        // A scan that is asked for is refused with a sentence that a plan's error shows.
        let scan = json!({ "schedule": { "type": "Daily", "cron": "0 0 0 * * *" }, "creation_time": NO_TIME,
            "update_time": NO_TIME, "parameters": {} });
        let refused = provider
            .send(Method::POST, "/system/scanAll/schedule", scan)
            .await
            .expect(501);
        assert!(!refused.message().is_empty());
    }
}
