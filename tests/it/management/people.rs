//! Users and members.

use http::Method;
use serde_json::json;
use tests::{Setup, TestServer, data};

use super::{API, delete, get, post, put, user};

#[tokio::test]
async fn a_member_may_what_their_role_may() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    post(&admin, "/projects", json!({ "project_name": "team" }))
        .await
        .expect(201);
    admin.push_image("team/app", "1", &[b"x"]).await;
    let anna = user(&server, "anna").await;
    get(&anna, "/projects/team").await.expect(403);
    let guest = json!({ "role_id": 5, "member_user": { "username": "anna" } });
    let member = post(&admin, "/projects/team/members", guest.clone())
        .await
        .expect(201);
    let member = member.header("location").trim_start_matches(API).to_owned();
    post(&admin, "/projects/team/members", guest)
        .await
        .expect(409);
    assert_eq!(
        get(&anna, "/projects/team").await.expect(200).json()["current_user_role_id"],
        5
    );
    anna.pull("team/app", "1").await;
    get(&anna, "/projects/team/members").await.expect(403);
    delete(&anna, "/projects/team/repositories/app")
        .await
        .expect(403);
    put(&admin, &member, json!({ "role_id": 4 }))
        .await
        .expect(200);
    let members = get(&anna, "/projects/team/members?entityname=ANN")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &members[0]["entity_name"],
            &members[0]["role_name"],
            &members[0]["entity_type"]
        ),
        (&json!("anna"), &json!("maintainer"), &json!("u"))
    );
    assert_eq!(members.as_array().unwrap().len(), 1);
    let summary = get(&anna, "/projects/team/summary")
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &summary["project_admin_count"],
            &summary["maintainer_count"]
        ),
        (&json!(1), &json!(1))
    );
    delete(&anna, "/projects/team/repositories/app")
        .await
        .expect(200);
    put(&anna, &member, json!({ "role_id": 1 }))
        .await
        .expect(403);
    put(&admin, &member, json!({ "role_id": 9 }))
        .await
        .expect(400);
    let nobody = json!({ "role_id": 2, "member_user": { "username": "nobody" } });
    assert_eq!(
        post(&admin, "/projects/team/members", nobody)
            .await
            .expect(404)
            .message(),
        "user nobody not found"
    );
    delete(&admin, &member).await.expect(200);
    get(&anna, "/projects/team").await.expect(403);
    get(&admin, &member).await.expect(404);
}

#[tokio::test]
async fn people_change_their_own_password_and_administrators_anyones() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let anna = user(&server, "anna").await;
    let me = get(&anna, "/users/current").await.expect(200).json();
    let path = format!("/users/{}", me["user_id"]);
    assert_eq!(
        (&me["email"], &me["sysadmin_flag"]),
        (&json!("anna@example.com"), &json!(false))
    );
    let password = format!("{path}/password");
    put(
        &anna,
        &password,
        json!({ "old_password": "wrong", "new_password": "New-berth-3" }),
    )
    .await
    .expect(403);
    put(
        &anna,
        &password,
        json!({ "old_password": "Berth-and-buoy-2", "new_password": "weak" }),
    )
    .await
    .expect(400);
    put(
        &anna,
        &password,
        json!({ "old_password": "Berth-and-buoy-2", "new_password": "Berth-and-buoy-2" }),
    )
    .await
    .expect(400);
    put(
        &anna,
        &password,
        json!({ "old_password": "Berth-and-buoy-2", "new_password": "New-berth-3" }),
    )
    .await
    .expect(200);
    get(&anna, "/users/current").await.expect(401);
    get(&server.user("anna", "New-berth-3"), "/users/current")
        .await
        .expect(200);
    put(
        &admin,
        &password,
        json!({ "new_password": "Other-berth-4" }),
    )
    .await
    .expect(200);
    let anna = server.user("anna", "Other-berth-4");
    for path in ["/users", "/users/1"] {
        get(&anna, path).await.expect(403);
    }
    put(
        &anna,
        &format!("{path}/sysadmin"),
        json!({ "sysadmin_flag": true }),
    )
    .await
    .expect(403);
    put(
        &anna,
        "/users/1/password",
        json!({ "new_password": "Other-berth-4" }),
    )
    .await
    .expect(403);
    let listed = get(&admin, "/users").await.expect(200);
    assert_eq!(
        (
            listed.header("x-total-count"),
            listed.json()[0]["username"].as_str()
        ),
        ("1", Some("anna"))
    );
    assert_eq!(
        get(&anna, "/users/search?username=ann")
            .await
            .expect(200)
            .json()[0]["username"],
        "anna"
    );
    let twice = json!({ "username": "anna", "password": "Berth-and-buoy-2", "realname": "A", "email": "a@example.com" });
    post(&admin, "/users", twice).await.expect(409);
    delete(&admin, "/users/1").await.expect(403);
    put(
        &admin,
        &format!("{path}/sysadmin"),
        json!({ "sysadmin_flag": true }),
    )
    .await
    .expect(200);
    get(&anna, "/users").await.expect(200);
    delete(&admin, &path).await.expect(200);
    get(&anna, "/users/current").await.expect(401);
}

/// What is refused in Harbor's words.
#[tokio::test]
async fn a_user_is_checked_before_they_are_made_or_changed() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let with = |key: &str, value: &str| {
        let mut body = json!({ "username": "anna", "password": "Berth-and-buoy-2", "realname": "Anna", "email": "anna@example.com", "comment": null });
        body[key] = json!(value);
        body
    };
    let rule = "the password or secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, 1 lowercase letter and 1 number";
    for (key, value, part) in [
        ("username", "", "username with illegal length"),
        ("username", "an$na", "username contains illegal characters"),
        ("username", "an:na", "username contains illegal characters"),
        ("username", "robot+anna", "begins as robots' names do"),
        ("email", "", "email can't be empty"),
        ("email", "anna", "email with illegal format"),
        ("realname", "", "realname with illegal length"),
        ("realname", "An$na", "realname contains illegal characters"),
        ("comment", &"x".repeat(31), "comment with illegal length"),
        ("password", "Short-1", rule),
        ("password", "no-capitals-1", rule),
    ] {
        let refused = post(&admin, "/users", with(key, value)).await.expect(400);
        assert!(refused.message().contains(part), "{}", refused.message());
    }
    let made = post(&admin, "/users", with("comment", "hello")).await;
    let anna = made
        .expect(201)
        .header("location")
        .trim_start_matches(API)
        .to_owned();
    let taken = post(&admin, "/users", with("email", "other@example.com")).await;
    assert_eq!(
        taken.expect(409).message(),
        "user anna or email other@example.com already exists"
    );
    post(&admin, "/users", with("username", "bert"))
        .await
        .expect(409);
    user(&server, "bert").await;

    // Administrators change what others say about themselves.
    let profile = json!({ "email": "anna@example.org", "realname": "Anna A.", "comment": "" });
    put(&admin, &anna, profile.clone()).await.expect(200);
    let shown = get(&admin, &anna).await.expect(200).json();
    assert_eq!(
        (&shown["email"], &shown["realname"], shown.get("comment")),
        (&json!("anna@example.org"), &json!("Anna A."), None)
    );
    let bert = server.user("bert", "Berth-and-buoy-2");
    put(&bert, &anna, profile).await.expect(403);
    let other = json!({ "email": "bert@example.com", "realname": "Anna" });
    put(&admin, &anna, other).await.expect(409);
    put(
        &admin,
        "/users/4711",
        json!({ "email": "a@example.com", "realname": "A" }),
    )
    .await
    .expect(404);

    let password = format!("{anna}/password");
    let own = server.user("anna", "Berth-and-buoy-2");
    for (old, new, status, part) in [
        (
            "wrong",
            "Berth-and-buoy-3",
            403,
            "Current password is incorrect",
        ),
        ("Berth-and-buoy-2", "weak", 400, rule),
        (
            "Berth-and-buoy-2",
            "Berth-and-buoy-2",
            400,
            "New password is identical to old password",
        ),
    ] {
        let body = json!({ "old_password": old, "new_password": new });
        let refused = put(&own, &password, body).await.expect(status);
        assert_eq!(refused.message(), part);
    }
    let secret = put(
        &own,
        &format!("{anna}/cli_secret"),
        json!({ "secret": "Berth-and-buoy-3" }),
    )
    .await;
    assert_eq!(
        secret.expect(412).message(),
        "unable to update CLI secret under authmode: db_auth"
    );
    put(
        &server.anonymous(),
        &format!("{anna}/cli_secret"),
        json!({}),
    )
    .await
    .expect(401);
}

#[tokio::test]
async fn users_are_found_by_what_is_known_of_them() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    for name in ["carl", "anna", "bert"] {
        user(&server, name).await;
    }
    let names = async |query: &str| {
        let listed = get(&admin, &format!("/users{query}")).await.expect(200);
        let names: Vec<String> = listed
            .json()
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["username"].as_str().unwrap().to_owned())
            .collect();
        (names.join(" "), listed.header("x-total-count").to_owned())
    };
    let told = |names: &str, total: &str| (names.to_owned(), total.to_owned());
    assert_eq!(names("").await, told("anna bert carl", "3"));
    assert_eq!(
        names("?sort=-username&page_size=2").await,
        told("carl bert", "3")
    );
    assert_eq!(names("?q=username=~R").await, told("bert carl", "2"));
    assert_eq!(names("?username=ann").await, told("anna", "1"));
    assert_eq!(names("?email=carl@").await, told("carl", "1"));
    assert_eq!(names("?q=email=bert@example.com").await, told("bert", "1"));
    let anna = server.user("anna", "Berth-and-buoy-2");
    let search = "/users/search?username=";
    get(&anna, search).await.expect(422);
    get(&server.anonymous(), &format!("{search}a"))
        .await
        .expect(401);
    let found = get(&anna, &format!("{search}AR")).await.expect(200).json();
    assert_eq!(found.as_array().unwrap().len(), 1);
    assert_eq!(found[0].as_object().unwrap().len(), 2, "{found}");
    // As in Harbor the first administrator is not found: they need no role.
    let found = get(&anna, &format!("{search}admin")).await.expect(200);
    assert_eq!(
        (found.header("x-total-count"), found.json()),
        ("0", json!([]))
    );
    // Whether a name is taken is told to administrators, until strangers may take one.
    let exists = async |client: &tests::Client, target: &str, value: &str| {
        let mut browser = tests::Browser::of(client);
        let form = [("target", target), ("value", value)];
        browser.post_form("/c/userExists", &form).await
    };
    let told = exists(&anna, "username", "bert").await.expect(412);
    assert_eq!(
        told.message(),
        "self registration deactivated, only sysadmin can check user existence"
    );
    for (target, value, expected) in [
        ("username", "bert", true),
        ("username", "ber", false),
        ("email", "bert@example.com", true),
        ("username", "bert@example.com", false),
    ] {
        let answer = exists(&admin, target, value).await.expect(200).json();
        assert_eq!(answer, json!(expected), "{target} {value}");
    }
    exists(&admin, "age", "7").await.expect(400);
}

#[tokio::test]
async fn strangers_make_themselves_users_only_where_that_is_wanted() {
    let server = TestServer::start(Setup::new()).await;
    let stranger = |number: usize| json!({ "username": format!("s{number}"), "password": "Berth-and-buoy-2", "realname": "S", "email": format!("s{number}@example.com"), "sysadmin_flag": true });
    post(&server.anonymous(), "/users", stranger(0))
        .await
        .expect(401);
    data::change(
        &server.data(),
        "INSERT INTO settings (key, value) VALUES ('self_registration', 'true')",
    )
    .await;
    let server = server.restart().await;
    let from = async |address: &str, number: usize| {
        let anonymous = server.anonymous();
        let request = anonymous.request(Method::POST, &format!("{API}/users"));
        anonymous
            .send(
                request
                    .header("x-forwarded-for", address)
                    .json(&stranger(number)),
            )
            .await
    };
    let made = from("192.0.2.1", 0).await.expect(201);
    let s0 = server.user("s0", "Berth-and-buoy-2");
    let me = get(&s0, "/users/current").await.expect(200).json();
    assert_eq!(me["sysadmin_flag"], false);
    assert!(
        made.header("location")
            .ends_with(&me["user_id"].to_string())
    );
    post(&s0, "/users", stranger(1)).await.expect(403);
    // One address is not enough to fill the list, nor to read it.
    let mut refused = 0;
    for number in 1..20 {
        let answer = from("192.0.2.1", number).await;
        if answer.status == 429 {
            refused += 1;
            assert!(!answer.header("retry-after").is_empty());
        }
    }
    assert!(refused >= 5, "{refused}");
    from("192.0.2.2", 30).await.expect(201);
}

#[tokio::test]
async fn a_robot_that_manages_users_becomes_no_administrator() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    user(&server, "anna").await;
    user(&server, "boss").await;
    let id = async |name: &str| {
        let found = get(&admin, &format!("/users?q=username={name}"))
            .await
            .expect(200)
            .json();
        found[0]["user_id"].clone()
    };
    let (anna, boss) = (id("anna").await, id("boss").await);
    put(
        &admin,
        &format!("/users/{boss}/sysadmin"),
        json!({ "sysadmin_flag": true }),
    )
    .await
    .expect(200);
    let access: Vec<_> = ["read", "list", "create", "update", "delete"]
        .map(|action| json!({ "resource": "user", "action": action }))
        .into();
    let robot = json!({ "name": "hr", "level": "system", "duration": -1, "permissions": [{ "kind": "system", "namespace": "/", "access": access }] });
    let robot = post(&admin, "/robots", robot).await.expect(201).json();
    let robot = server.user("robot$hr", robot["secret"].as_str().unwrap());
    get(&robot, "/users").await.expect(200);
    get(&robot, &format!("/users/{anna}")).await.expect(200);
    let profile = json!({ "email": "x@example.com", "realname": "X" });
    let password = json!({ "new_password": "Berth-and-buoy-3" });
    put(&robot, &format!("/users/{anna}"), profile.clone())
        .await
        .expect(200);
    put(&robot, &format!("/users/{anna}/password"), password.clone())
        .await
        .expect(200);
    for flag in [true, false] {
        put(
            &robot,
            &format!("/users/{anna}/sysadmin"),
            json!({ "sysadmin_flag": flag }),
        )
        .await
        .expect(403);
    }
    for administrator in [json!(1), boss] {
        let path = format!("/users/{administrator}");
        put(&robot, &path, profile.clone()).await.expect(403);
        put(&robot, &format!("{path}/password"), password.clone())
            .await
            .expect(403);
        put(
            &robot,
            &format!("{path}/sysadmin"),
            json!({ "sysadmin_flag": false }),
        )
        .await
        .expect(403);
        delete(&robot, &path).await.expect(403);
    }
    delete(&robot, &format!("/users/{anna}")).await.expect(200);
}

#[tokio::test]
async fn members_are_users_with_one_role_each() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    for name in ["team", "other"] {
        post(&admin, "/projects", json!({ "project_name": name }))
            .await
            .expect(201);
    }
    let anna = user(&server, "anna").await;
    let id = get(&anna, "/users/current").await.expect(200).json()["user_id"].clone();
    let members = "/projects/team/members";
    for (body, status, part) in [
        (
            json!({ "role_id": 2, "member_group": { "group_name": "crew" } }),
            400,
            "no user groups here",
        ),
        (json!({ "role_id": 2 }), 400, "member_user must be provided"),
        (
            json!({ "role_id": 2, "member_user": {}, "member_group": null }),
            400,
            "member_user must be provided",
        ),
        (
            json!({ "role_id": 6, "member_user": { "user_id": id } }),
            400,
            "invalid role: 6",
        ),
        (
            json!({ "member_user": { "user_id": id } }),
            400,
            "invalid role: 0",
        ),
        (
            json!({ "role_id": 2, "member_user": { "user_id": 4711 } }),
            404,
            "user 4711 not found",
        ),
        (
            json!({ "role_id": 2, "member_user": { "username": "anna@example.com" } }),
            404,
            "not found",
        ),
    ] {
        let refused = post(&admin, members, body).await.expect(status);
        assert!(refused.message().contains(part), "{}", refused.message());
    }
    let made = post(
        &admin,
        members,
        json!({ "role_id": 1, "member_user": { "user_id": id } }),
    )
    .await
    .expect(201);
    let member = made.header("location").trim_start_matches(API).to_owned();
    let again = post(
        &admin,
        members,
        json!({ "role_id": 2, "member_user": { "username": "anna" } }),
    )
    .await;
    assert!(
        again
            .expect(409)
            .message()
            .starts_with("The project member specified already exist")
    );
    let shown = get(&admin, &member).await.expect(200).json();
    assert_eq!(shown["entity_id"], id);
    let elsewhere = member.replace("team", "other");
    get(&admin, &elsewhere).await.expect(404);
    put(&admin, &elsewhere, json!({ "role_id": 2 }))
        .await
        .expect(404);
    delete(&admin, &elsewhere).await.expect(404);
    // As in Harbor, a project's administrator can give up being one, and what is left is the system's administrators.
    put(&anna, &member, json!({ "role_id": 3 }))
        .await
        .expect(200);
    put(&anna, &member, json!({ "role_id": 1 }))
        .await
        .expect(403);
    let shown = get(&anna, "/projects/team").await.expect(200).json();
    assert_eq!(
        (
            &shown["current_user_role_id"],
            &shown["current_user_role_ids"]
        ),
        (&json!(3), &json!([3]))
    );
}
