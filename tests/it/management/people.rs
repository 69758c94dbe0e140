//! Users and members.

use serde_json::json;
use tests::{Setup, TestServer};

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
