//! Robots: made, signed in as, narrowed, kept out, ended; what they may make; and what is told about permissions.

use serde_json::{Value, json};
use tests::{Answer, Client, Setup, TestServer, data};

use super::{API, delete, get, number, patch, post, put, user};

/// `resource:action`, allowed in a project, or with `/` outside.
fn allowed(namespace: &str, access: &[&str]) -> Value {
    let kind = if namespace == "/" {
        "system"
    } else {
        "project"
    };
    let access: Vec<Value> = access
        .iter()
        .map(|one| {
            let (resource, action) = one.split_once(':').expect("resource:action");
            json!({ "resource": resource, "action": action })
        })
        .collect();
    json!({ "kind": kind, "namespace": namespace, "access": access })
}

fn of_project(name: &str, project: &str, access: &[&str]) -> Value {
    json!({ "name": name, "level": "project", "duration": -1, "permissions": [allowed(project, access)] })
}

fn of_system(name: &str, permissions: &[Value]) -> Value {
    json!({ "name": name, "level": "system", "duration": -1, "permissions": permissions })
}

/// Makes a robot, and returns a client with its credentials and its path.
async fn make(server: &TestServer, by: &Client, body: Value) -> (Client, String) {
    let made = post(by, "/robots", body).await.expect(201);
    let path = made.header("location").trim_start_matches(API).to_owned();
    let made = made.json();
    let word = |key: &str| made[key].as_str().expect("text").to_owned();
    (server.user(&word("name"), &word("secret")), path)
}

async fn project(server: &TestServer, name: &str) -> i64 {
    let made = post(
        &server.admin(),
        "/projects",
        json!({ "project_name": name }),
    )
    .await;
    number(made.expect(201).header("location"))
}

/// As docker signs in.
async fn sign_in(server: &TestServer, name: &str, secret: &str) -> Answer {
    let path =
        "/service/token?account=x&client_id=docker&offline_token=true&service=harbor-registry";
    server.user(name, secret).get(path).await
}

#[tokio::test]
async fn a_projects_robot_pushes_and_pulls_until_it_is_kept_out() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let team = project(&server, "team").await;
    let new = json!({
        "name": "ci", "description": "builds", "level": "project", "disable": false, "secret": "Not-asked-about-1",
        "permissions": [allowed("team", &["repository:pull", "repository:push", "repository:pull"])],
    });
    let made = post(&admin, "/robots", new.clone()).await.expect(201);
    let path = made.header("location").trim_start_matches(API).to_owned();
    let made = made.json();
    assert_eq!(made["name"], "robot$team+ci");
    assert_eq!(format!("/robots/{}", made["id"]), path);
    let secret = made["secret"].as_str().unwrap().to_owned();
    assert_eq!(secret.len(), 32);
    let shown = get(&admin, &path).await.expect(200).json();
    let thirty_days = 30 * 24 * 3600;
    let made_at = shown["creation_time"].as_str().unwrap();
    let expires_at = shown["expires_at"].as_i64().unwrap();
    assert_eq!(Some(expires_at), made["expires_at"].as_i64());
    assert!(made_at.ends_with('Z') && expires_at > thirty_days);
    assert_eq!(
        shown,
        json!({
            "id": made["id"], "name": "robot$team+ci", "description": "builds", "level": "project", "duration": 30,
            "editable": true, "disable": false, "expires_at": expires_at, "creator_type": "local", "creator_ref": 1,
            "creation_time": made_at, "update_time": made_at,
            "permissions": [{ "kind": "project", "namespace": "team", "access": [
                { "resource": "repository", "action": "pull", "effect": "allow" },
                { "resource": "repository", "action": "push", "effect": "allow" },
            ]}],
        })
    );
    assert_eq!(
        post(&admin, "/robots", new).await.expect(409).message(),
        format!("robot account {team}:team+ci already exists")
    );
    for q in ["", "?q=Level=system"] {
        let listed = get(&admin, &format!("/robots{q}")).await.expect(200);
        assert_eq!(
            (listed.header("x-total-count"), listed.json()),
            ("0", json!([]))
        );
    }
    let q = format!("/robots?q=name=~CI,Level=project,ProjectID={team}&sort=-name");
    assert_eq!(get(&admin, &q).await.expect(200).json(), json!([shown]));

    // The name without a dollar is the same account.
    for name in ["robot$team+ci", "robot+team+ci"] {
        sign_in(&server, name, &secret).await.expect(200);
        sign_in(&server, name, "wrong").await.expect(401);
    }
    let robot = server.user("robot$team+ci", &secret);
    let token = "/service/token?service=harbor-registry&scope=repository:team/app:pull,push";
    let token = robot.get(token).await.expect(200).json();
    let tokened = server
        .anonymous()
        .with_token(token["token"].as_str().unwrap());
    tokened.push_image("team/app", "1", &[b"x"]).await;
    tokened.pull("team/app", "1").await;
    robot.pull("team/app", "1").await;
    get(&robot, "/users/current").await.expect(412);
    get(&robot, "/projects/team/members").await.expect(403);
    get(&robot, &path).await.expect(403);

    let change = |disable: bool, access: &[&str]| json!({ "name": "robot$team+ci", "level": "project", "disable": disable, "permissions": [allowed("team", access)] });
    put(&admin, &path, change(false, &["repository:pull"]))
        .await
        .expect(200);
    tokened.pull("team/app", "1").await;
    let push = "/v2/team/app/blobs/uploads/";
    tokened.post(push, &Value::Null).await.expect(403);
    robot.post(push, &Value::Null).await.expect(403);
    put(&admin, &path, change(true, &["repository:pull"]))
        .await
        .expect(200);
    tokened.manifest("team/app", "1").await.expect(403);
    robot.manifest("team/app", "1").await.expect(401);
    sign_in(&server, "robot$team+ci", &secret).await.expect(401);
    put(&admin, &path, change(false, &["repository:pull"]))
        .await
        .expect(200);
    assert_eq!(
        get(&admin, &path).await.expect(200).json()["description"],
        Value::Null
    );

    // Another secret ends the one before at once, though that was right a moment ago.
    sign_in(&server, "robot$team+ci", &secret).await.expect(200);
    patch(&admin, &path, json!({ "secret": "tooweak" }))
        .await
        .expect(400);
    let given = patch(&admin, &path, json!({ "secret": "Given-secret-1" })).await;
    assert_eq!(given.expect(200).json(), json!({}));
    sign_in(&server, "robot$team+ci", &secret).await.expect(401);
    sign_in(&server, "robot$team+ci", "Given-secret-1")
        .await
        .expect(200);
    let random = patch(&admin, &path, json!({})).await.expect(200).json();
    let random = random["secret"].as_str().unwrap();
    assert_eq!(random.len(), 32);
    sign_in(&server, "robot$team+ci", "Given-secret-1")
        .await
        .expect(401);
    sign_in(&server, "robot$team+ci", random).await.expect(200);
    delete(&admin, &path).await.expect(200);
    sign_in(&server, "robot$team+ci", random).await.expect(401);
    assert_eq!(
        get(&admin, &path).await.expect(404).message(),
        format!("robot {} not found", made["id"])
    );
    delete(&admin, &path).await.expect(404);
    get(&server.anonymous(), &path).await.expect(401);
}

#[tokio::test]
async fn a_robot_is_checked_before_it_is_made() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    project(&server, "team").await;
    project(&server, "other").await;
    let with = |key: &str, value: Value| {
        let mut body = of_project("ci", "team", &["repository:pull"]);
        body[key] = value;
        body
    };
    let pull = |namespace: &str| allowed(namespace, &["repository:pull"]);
    for (body, status, part) in [
        (
            with("name", json!("CI")),
            400,
            "robot name is not in lower case",
        ),
        (with("name", json!("team+ci")), 400, "illegal characters"),
        (with("name", Value::Null), 400, "robot name"),
        (
            with("level", json!("galaxy")),
            400,
            "bad request error level input: galaxy",
        ),
        (
            with("duration", json!(0)),
            400,
            "duration must be either -1(Never) or a positive integer",
        ),
        (
            with("duration", json!(-2)),
            400,
            "bad request error duration input: -2",
        ),
        (
            with("permissions", json!([])),
            400,
            "bad request empty permission",
        ),
        (
            with("permissions", json!([pull("team"), pull("other")])),
            400,
            "bad request permission",
        ),
        (
            with("permissions", json!([allowed("team", &[])])),
            400,
            "bad request empty access",
        ),
        (
            with("permissions", json!([allowed("team", &["robot:update"])])),
            400,
            "bad request permission: robot:update",
        ),
        (
            with("permissions", json!([allowed("team", &["catalog:read"])])),
            400,
            "bad request permission: catalog:read",
        ),
        (
            with("permissions", json!([pull("missing")])),
            404,
            "project missing not found",
        ),
        (
            with("permissions", json!([pull("*")])),
            404,
            "project * not found",
        ),
        (
            with("permissions", json!([allowed("/", &["catalog:read"])])),
            404,
            "not found",
        ),
        (
            of_system("ci", &[pull("team"), pull("missing")]),
            404,
            "project missing not found",
        ),
        (
            of_system("ci", &[pull("/")]),
            400,
            "bad request permission: repository:pull",
        ),
        (
            of_system("ci", &[allowed("/", &["configuration:update"])]),
            400,
            "configuration:update",
        ),
    ] {
        let refused = post(&admin, "/robots", body).await.expect(status);
        assert!(refused.message().contains(part), "{}", refused.message());
    }
    let mut denying = pull("team");
    denying["access"][0]["effect"] = json!("deny");
    let refused = post(&admin, "/robots", with("permissions", json!([denying]))).await;
    assert!(refused.expect(400).message().contains("effect"));
    for (q, part) in [
        ("Level=project", "must with project ID"),
        ("Level=project,ProjectID=team", "must be int"),
        ("Level=galaxy", "level"),
    ] {
        let refused = get(&admin, &format!("/robots?q={q}")).await.expect(400);
        assert!(refused.message().contains(part), "{}", refused.message());
    }
    assert_eq!(get(&admin, "/robots").await.expect(200).json(), json!([]));

    let (_, path) = make(
        &server,
        &admin,
        of_project("ci", "team", &["repository:pull"]),
    )
    .await;
    let same = || json!({ "name": "robot$team+ci", "level": "project", "duration": -1, "permissions": [pull("team")] });
    put(&admin, &path, same()).await.expect(200);
    for (key, value, part) in [
        (
            "name",
            json!("robot$team+cd"),
            "cannot update the level or name",
        ),
        ("name", json!("ci"), "cannot update the level or name"),
        ("level", json!("system"), "cannot update the level or name"),
        ("duration", json!(0), "duration"),
        (
            "permissions",
            json!([pull("other")]),
            "cannot update the project id of robot",
        ),
        ("permissions", json!([]), "empty permission"),
        (
            "permissions",
            json!([allowed("team", &["member:own"])]),
            "member:own",
        ),
    ] {
        let mut body = same();
        body[key] = value;
        let refused = put(&admin, &path, body).await.expect(400);
        assert!(refused.message().contains(part), "{}", refused.message());
    }
}

#[tokio::test]
async fn a_robot_lasts_for_the_days_it_was_given_from_its_first() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    project(&server, "team").await;
    let (robot, path) = make(&server, &admin, of_project("ci", "team", &["tag:list"])).await;
    let ends = async || get(&admin, &path).await.expect(200).json()["expires_at"].as_i64();
    assert_eq!(ends().await, Some(-1));
    let change = |duration: i64| json!({ "name": "robot$team+ci", "level": "project", "duration": duration, "permissions": [allowed("team", &["tag:list"])] });
    put(&admin, &path, change(7)).await.expect(200);
    let week = ends().await.unwrap();
    put(&admin, &path, change(8)).await.expect(200);
    assert_eq!(ends().await, Some(week + 24 * 3600));
    put(&admin, &path, change(7)).await.expect(200);
    assert_eq!(ends().await, Some(week));
    get(&robot, "/projects/library").await.expect(200);
    // Eight days later.
    data::change(
        &server.data(),
        "UPDATE robots SET expires_at = expires_at - 8 * 86400000000",
    )
    .await;
    get(&robot, "/projects/library").await.expect(401);
    let server = server.restart().await;
    let robot = server.user("robot$team+ci", "Given-secret-1");
    get(&robot, "/projects/library").await.expect(401);
    put(&server.admin(), &path, change(-1)).await.expect(200);
    let secret = json!({ "secret": "Given-secret-1" });
    patch(&server.admin(), &path, secret).await.expect(200);
    get(&robot, "/projects/library").await.expect(200);
}

#[tokio::test]
async fn a_robot_of_the_system_works_in_many_projects_and_outside() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    for name in ["one", "two"] {
        project(&server, name).await;
    }
    let (mover, path) = make(
        &server,
        &admin,
        of_system(
            "mover",
            &[
                allowed("/", &["project:create", "registry:list", "registry:create"]),
                allowed("one", &["repository:pull"]),
                allowed("two", &["repository:pull", "repository:push"]),
            ],
        ),
    )
    .await;
    mover.push_image("two/app", "1", &[b"x"]).await;
    mover
        .post("/v2/one/app/blobs/uploads/", &Value::Null)
        .await
        .expect(403);
    let names = get(&mover, "/projects?sort=name").await.expect(200).json();
    let names: Vec<_> = names
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(names, ["library", "one", "two"]);
    // What robots make belongs to the first administrator.
    post(&mover, "/projects", json!({ "project_name": "made" }))
        .await
        .expect(201);
    assert_eq!(
        get(&admin, "/projects/made").await.expect(200).json()["owner_name"],
        "admin"
    );
    get(&mover, "/projects/made").await.expect(403);
    get(&mover, "/registries").await.expect(200);
    get(&mover, "/users").await.expect(403);

    delete(&admin, "/projects/one").await.expect(200);
    let shown = get(&admin, &path).await.expect(200).json();
    let places: Vec<_> = shown["permissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["namespace"])
        .collect();
    assert_eq!(places, ["/", "two"]);
    // Another project of that name is another project.
    project(&server, "one").await;
    assert_eq!(get(&admin, &path).await.expect(200).json(), shown);
    get(&mover, "/projects/one/repositories").await.expect(403);

    let (all, _) = make(
        &server,
        &admin,
        of_system(
            "all",
            &[allowed("*", &["repository:pull", "repository:list"])],
        ),
    )
    .await;
    all.pull("two/app", "1").await;
    get(&all, "/projects/one/repositories").await.expect(200);
    let listed = get(&admin, "/robots").await.expect(200);
    let names: Vec<Value> = listed
        .json()
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["name"].clone())
        .collect();
    assert_eq!(names, ["robot$all", "robot$mover"]);
    // An old robot has the new prefix.
    data::change(
        &server.data(),
        "INSERT INTO settings (key, value) VALUES ('robot_name_prefix', 'bot-')",
    )
    .await;
    let server = server.restart().await;
    let listed = get(&server.admin(), "/robots?q=name=all")
        .await
        .expect(200)
        .json();
    assert_eq!(listed[0]["name"], "bot-all");
}

#[tokio::test]
async fn a_robot_makes_robots_that_may_no_more_than_itself() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    project(&server, "team").await;
    project(&server, "other").await;
    let (maker, _) = make(
        &server,
        &admin,
        of_project(
            "maker",
            "team",
            &["robot:create", "robot:list", "repository:pull"],
        ),
    )
    .await;
    let (made, path) = make(
        &server,
        &maker,
        of_project("made", "team", &["repository:pull"]),
    )
    .await;
    let shown = get(&admin, &path).await.expect(200).json();
    assert_eq!(shown["creator_type"], "robot");
    get(&made, "/projects/team/repositories").await.expect(403);
    let refused = post(
        &maker,
        "/robots",
        of_project("more", "team", &["repository:push"]),
    )
    .await
    .expect(403);
    assert_eq!(refused.code(), "DENIED");
    assert!(
        refused
            .message()
            .ends_with("the creator robot's permissions: robot$team+maker"),
        "{}",
        refused.message()
    );
    for project in ["other", "missing"] {
        let refused = post(
            &maker,
            "/robots",
            of_project("more", project, &["repository:pull"]),
        )
        .await;
        assert_eq!(refused.expect(403).message(), "forbidden");
    }
    post(
        &maker,
        "/robots",
        of_system("more", &[allowed("team", &["repository:pull"])]),
    )
    .await
    .expect(403);
    // No robot changes robots: it could widen itself.
    patch(&maker, &path, json!({})).await.expect(403);
    let (system, _) = make(
        &server,
        &admin,
        of_system(
            "maker",
            &[
                allowed("/", &["robot:create"]),
                allowed("team", &["repository:pull"]),
            ],
        ),
    )
    .await;
    post(
        &system,
        "/robots",
        of_system("a", &[allowed("team", &["repository:pull"])]),
    )
    .await
    .expect(201);
    let there = post(
        &system,
        "/robots",
        of_system("b", &[allowed("other", &["repository:pull"])]),
    )
    .await;
    let missing = post(
        &system,
        "/robots",
        of_system("b", &[allowed("missing", &["repository:pull"])]),
    )
    .await;
    assert_eq!(there.expect(403).body, missing.expect(403).body);
    let wide = of_system("b", &[allowed("*", &["repository:pull"])]);
    post(&system, "/robots", wide.clone()).await.expect(403);
    let (wider, _) = make(
        &server,
        &admin,
        of_system(
            "wider",
            &[
                allowed("/", &["robot:create"]),
                allowed("*", &["repository:pull"]),
            ],
        ),
    )
    .await;
    post(&wider, "/robots", wide).await.expect(201);
    post(
        &wider,
        "/robots",
        of_system("c", &[allowed("other", &["repository:pull"])]),
    )
    .await
    .expect(201);
}

#[tokio::test]
async fn people_are_told_what_they_may_do_and_what_robots_can() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let team = project(&server, "team").await;
    let anna = user(&server, "anna").await;
    get(&server.anonymous(), "/permissions").await.expect(401);
    let all = get(&admin, "/permissions").await.expect(200).json();
    let has = |list: &Value, resource: &str, action: &str| {
        let wanted = json!({ "resource": resource, "action": action });
        list.as_array()
            .unwrap()
            .iter()
            .filter(|one| **one == wanted)
            .count()
    };
    assert_eq!(has(&all["system"], "project", "create"), 1);
    assert_eq!(has(&all["system"], "configuration", "read"), 0);
    assert_eq!(has(&all["project"], "repository", "push"), 1);
    assert_eq!(has(&all["project"], "robot", "update"), 0);
    let few = get(&anna, "/permissions").await.expect(200).json();
    assert_eq!(
        (&few["system"], &few["project"]),
        (&json!([]), &all["project"])
    );

    let path = |scope: &str| format!("/users/current/permissions?scope={scope}");
    let scope = format!("/project/{team}&relative=true");
    get(&server.anonymous(), &path(&scope)).await.expect(401);
    for closed in [scope.as_str(), "/project/4711&relative=true", "/galaxy", ""] {
        assert_eq!(
            get(&anna, &path(closed)).await.expect(200).json(),
            json!([]),
            "{closed}"
        );
    }
    let guest = json!({ "role_id": 3, "member_user": { "username": "anna" } });
    post(&admin, "/projects/team/members", guest)
        .await
        .expect(201);
    let mine = get(&anna, &path(&scope)).await.expect(200).json();
    assert_eq!((has(&mine, ".", "read"), has(&mine, ".", "update")), (1, 0));
    assert_eq!(
        (has(&mine, "member", "list"), has(&mine, "member", "create")),
        (1, 0)
    );
    let whole = get(&anna, &path(&format!("/project/{team}")))
        .await
        .expect(200)
        .json();
    assert_eq!(has(&whole, &format!("/project/{team}"), "read"), 1);
    assert_eq!(has(&whole, &format!("/project/{team}/member"), "list"), 1);
    assert_eq!(
        whole.as_array().unwrap().len(),
        mine.as_array().unwrap().len()
    );
    let whole = get(&admin, &path("/system")).await.expect(200).json();
    assert_eq!(
        (
            has(&whole, "/system/project", "create"),
            has(&whole, "/system/user", "delete")
        ),
        (1, 1)
    );
    let mine = get(&anna, &path("/system")).await.expect(200).json();
    assert_eq!(
        (
            has(&mine, "/system/project", "create"),
            has(&mine, "/system/user", "delete")
        ),
        (1, 0)
    );
    let (robot, _) = make(&server, &admin, of_project("ci", "team", &["tag:list"])).await;
    let its = get(&robot, &path(&scope)).await.expect(200).json();
    assert_eq!(its, json!([{ "resource": "tag", "action": "list" }]));
}
