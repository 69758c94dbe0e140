//! Labels: global ones and a project's, and the artifacts they are on.

use serde_json::json;
use tests::{Artifact, Setup, TestServer};

use super::{delete, get, number, post, put, user};

const APP: &str = "/projects/library/repositories/app/artifacts";

#[tokio::test]
async fn labels_are_made_changed_put_on_artifacts_and_found_by() {
    let server = TestServer::start(Setup::new()).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let (first, second) = (Artifact::image("first"), Artifact::image("second"));
    admin.push_artifact("library/app", Some("1"), &first).await;
    admin.push_artifact("library/app", Some("2"), &second).await;
    let make = async |body| {
        let made = post(&admin, "/labels", body).await.expect(201);
        assert!(made.header("location").starts_with("/api/v2.0/labels/"));
        number(made.header("location"))
    };
    let global = make(json!({ "name": "stable", "color": "#48960C", "scope": "g" })).await;
    let own = make(json!({ "name": "ours", "scope": "p", "project_id": 1 })).await;
    let taken = json!({ "name": "stable", "scope": "g", "project_id": 1 });
    let taken = post(&admin, "/labels", taken).await.expect(409);
    assert_eq!(
        (taken.code(), taken.message()),
        ("CONFLICT".into(), "label stable already exists".into())
    );
    for wrong in [
        json!({ "name": "", "scope": "g" }),
        json!({ "name": "x".repeat(129), "scope": "g" }),
        json!({ "name": "x" }),
        json!({ "name": "x", "scope": "z" }),
    ] {
        post(&admin, "/labels", wrong).await.expect(400);
    }
    post(
        &admin,
        "/labels",
        json!({ "name": "x", "scope": "p", "project_id": 99 }),
    )
    .await
    .expect(404);

    let shown = get(&admin, &format!("/labels/{global}"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &shown["name"],
            &shown["scope"],
            &shown["color"],
            shown.get("project_id")
        ),
        (&json!("stable"), &json!("g"), &json!("#48960C"), None)
    );
    let change = json!({ "name": "steady", "description": "may be used", "color": "#fff" });
    put(&admin, &format!("/labels/{global}"), change)
        .await
        .expect(200);
    let listed = get(&anonymous, "/labels?scope=g&name=STEA")
        .await
        .expect(200);
    assert_eq!(listed.header("x-total-count"), "1");
    assert_eq!(listed.json()[0]["description"], "may be used");
    let of_project = get(&anonymous, "/labels?scope=p&project_id=1")
        .await
        .expect(200);
    assert_eq!(
        (
            &of_project.json()[0]["name"],
            &of_project.json()[0]["project_id"]
        ),
        (&json!("ours"), &json!(1))
    );
    assert_eq!(
        get(&admin, "/labels").await.expect(400).message(),
        "invalid scope: "
    );
    let without = get(&admin, "/labels?scope=p").await.expect(400);
    assert!(without.message().contains("must with project ID"));

    for (artifact, label) in [("1", global), ("1", own), ("2", global)] {
        post(
            &admin,
            &format!("{APP}/{artifact}/labels"),
            json!({ "id": label }),
        )
        .await
        .expect(200);
    }
    let again = post(&admin, &format!("{APP}/2/labels"), json!({ "id": global }))
        .await
        .expect(409);
    assert!(
        again.message().contains("is already added"),
        "{}",
        again.message()
    );
    post(&admin, &format!("{APP}/2/labels"), json!({ "id": 99 }))
        .await
        .expect(404);
    post(&admin, &format!("{APP}/9/labels"), json!({ "id": global }))
        .await
        .expect(404);
    let found = async |q: String| {
        let found = get(&anonymous, &format!("{APP}?with_label=true&q={q}"))
            .await
            .expect(200);
        let items = found.json();
        let tags = items
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["tags"][0]["name"].to_string());
        (tags.collect::<Vec<_>>(), items)
    };
    assert_eq!(
        found(format!("labels%3D({global}%20{own})")).await.0,
        ["\"1\""]
    );
    let (tags, items) = found(format!("labels%3D({global})")).await;
    assert_eq!(tags, ["\"2\"", "\"1\""]);
    assert_eq!(items[1]["labels"].as_array().unwrap().len(), 2);
    assert_eq!(items[0]["labels"][0]["name"], "steady");
    assert_eq!(
        get(&anonymous, APP).await.expect(200).json()[0]["labels"],
        json!([])
    );

    delete(&admin, &format!("{APP}/1/labels/{own}"))
        .await
        .expect(200);
    delete(&admin, &format!("{APP}/1/labels/{own}"))
        .await
        .expect(404);
    delete(&admin, &format!("/labels/{global}"))
        .await
        .expect(200);
    delete(&admin, &format!("/labels/{global}"))
        .await
        .expect(404);
    assert_eq!(found(format!("labels%3D({global})")).await.0, [""; 0]);
}

#[tokio::test]
async fn a_label_is_where_its_project_is_and_its_keepers_keep_it() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let (guest, keeper) = (user(&server, "guest").await, user(&server, "keeper").await);
    let made = post(&admin, "/projects", json!({ "project_name": "team" }))
        .await
        .expect(201);
    let team = number(made.header("location"));
    for (name, role) in [("guest", 3), ("keeper", 4)] {
        let member = json!({ "role_id": role, "member_user": { "username": name } });
        post(&admin, "/projects/team/members", member)
            .await
            .expect(201);
    }
    let draft = json!({ "name": "ours", "scope": "p", "project_id": team });
    post(&server.anonymous(), "/labels", draft.clone())
        .await
        .expect(401);
    post(&guest, "/labels", draft.clone()).await.expect(403);
    let made = post(&keeper, "/labels", draft).await.expect(201);
    let label = format!("/labels/{}", number(made.header("location")));
    let global = json!({ "name": "everywhere", "scope": "g" });
    post(&keeper, "/labels", global.clone()).await.expect(403);
    let global = post(&admin, "/labels", global).await.expect(201);
    let global = format!("/labels/{}", number(global.header("location")));

    get(&guest, &label).await.expect(200);
    put(&guest, &label, json!({ "name": "mine" }))
        .await
        .expect(403);
    delete(&guest, &label).await.expect(403);
    let stranger = user(&server, "stranger").await;
    // A number that no label has is told apart from others' labels by nobody.
    for path in [&label, &global, &"/labels/999".to_owned()] {
        get(&stranger, path).await.expect(403);
        get(&server.anonymous(), path).await.expect(401);
    }
    get(&admin, "/labels/999").await.expect(404);
    get(&stranger, &format!("/labels?scope=p&project_id={team}"))
        .await
        .expect(403);

    // It is put on artifacts of its project only, by those who push there.
    let image = Artifact::image("x");
    admin.push_artifact("library/app", Some("1"), &image).await;
    admin.push_artifact("team/app", Some("1"), &image).await;
    let id = json!({ "id": number(&label) });
    post(&admin, &format!("{APP}/1/labels"), id.clone())
        .await
        .expect(404);
    let own = "/projects/team/repositories/app/artifacts/1/labels";
    post(&guest, own, id.clone()).await.expect(403);
    post(&keeper, own, id).await.expect(200);
    put(&keeper, &label, json!({ "name": "still ours" }))
        .await
        .expect(200);
    delete(&keeper, &label).await.expect(200);
}
