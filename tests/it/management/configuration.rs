//! The system's settings: shown, changed, and heeded; the mode in which nothing changes.

use http::Method;
use serde_json::{Value, json};
use tests::fake::FakeUpstream;
use tests::{Answer, Client, Setup, TestServer};

use super::{delete, endpoint, get, post, put, user};

async fn setting(admin: &Client, key: &str) -> Value {
    get(admin, "/configurations").await.expect(200).json()[key].clone()
}

#[tokio::test]
async fn administrators_see_and_change_the_settings_under_harbors_keys() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let shown = get(&admin, "/configurations").await.expect(200).json();
    for (key, value, editable) in [
        ("auth_mode", json!("db_auth"), false),
        ("token_expiration", json!(30), true),
        ("robot_name_prefix", json!("robot$"), true),
        ("read_only", json!(false), true),
        ("storage_per_project", json!(-1), true),
        ("banner_message", json!(""), true),
        ("ldap_scope", json!(2), false),
        ("oidc_verify_cert", json!(true), false),
    ] {
        let expected = json!({ "value": value, "editable": editable });
        assert_eq!(shown[key], expected, "{key}");
    }
    for secret in ["ldap_search_password", "oidc_client_secret"] {
        assert_eq!(shown.get(secret), None, "{secret}");
    }
    let bob = user(&server, "bob").await;
    get(&bob, "/configurations").await.expect(403);
    put(&bob, "/configurations", json!({ "read_only": true }))
        .await
        .expect(403);
    get(&server.anonymous(), "/configurations")
        .await
        .expect(401);

    let asked = json!({ "session_timeout": 5, "self_registration": true, "a_newer_key": [1] });
    put(&admin, "/configurations", asked).await.expect(200);
    assert_eq!(setting(&admin, "session_timeout").await["value"], 5);
    let info = get(&server.anonymous(), "/systeminfo")
        .await
        .expect(200)
        .json();
    assert_eq!(info["self_registration"], true);

    // All or none, and what is refused says what is expected.
    let asked = json!({ "session_timeout": 7, "token_expiration": 0 });
    let refused = put(&admin, "/configurations", asked).await.expect(400);
    let expected = "token_expiration must be a whole number from 1 to 9999999999";
    assert_eq!(
        (refused.code().as_str(), refused.message().as_str()),
        ("BAD_REQUEST", expected)
    );
    let refused = put(
        &admin,
        "/configurations",
        json!({ "auth_mode": "ldap_auth" }),
    )
    .await;
    assert!(
        refused
            .expect(400)
            .message()
            .starts_with("auth_mode can only be \"db_auth\"")
    );
    put(&admin, "/configurations", json!([])).await.expect(422);
    assert_eq!(setting(&admin, "session_timeout").await["value"], 5);
}

#[tokio::test]
async fn a_setting_is_heeded_at_once_and_after_a_restart() {
    let server = TestServer::start(Setup::new()).await;
    let bob = user(&server, "bob").await;
    post(&bob, "/projects", json!({ "project_name": "bobs" }))
        .await
        .expect(201);
    let banner = r#"{"message":"Moving on Friday","type":"warning","closable":true}"#;
    let asked = json!({ "project_creation_restriction": "adminonly", "banner_message": banner });
    put(&server.admin(), "/configurations", asked)
        .await
        .expect(200);
    let bodies = |number| json!({ "project_name": format!("more{number}") });
    let refused = post(&bob, "/projects", bodies(1)).await.expect(403);
    assert_eq!(refused.message(), "Only system admin can create project");
    let server = server.restart().await;
    let bob = server.user("bob", "Berth-and-buoy-2");
    post(&bob, "/projects", bodies(2)).await.expect(403);
    let info = get(&bob, "/systeminfo").await.expect(200).json();
    assert_eq!(
        (
            &info["banner_message"],
            &info["project_creation_restriction"]
        ),
        (&json!(banner), &json!("adminonly"))
    );
}

fn is_read_only(answer: &Answer) -> bool {
    let expected = "The system is in read only mode. Any modification is prohibited.";
    answer.status == 403 && answer.code() == "DENIED" && answer.message() == expected
}

#[tokio::test]
async fn nothing_can_be_changed_while_the_system_is_read_only() {
    let upstream = FakeUpstream::start().await;
    upstream.push_image("app", "v1", &[b"layer".to_vec()]);
    let setup = Setup::new()
        .proxy_of("hub", &upstream.url())
        .project("{name: hosted, public: true}");
    let server = TestServer::start(setup).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    admin.push_image("hosted/app", "v1", &[b"layer"]).await;
    put(&admin, "/configurations", json!({ "read_only": true }))
        .await
        .expect(200);

    let push = admin
        .request(Method::POST, "/v2/hosted/app/blobs/uploads/")
        .body("");
    let refused = [
        admin.send(push).await,
        admin.delete("/v2/hosted/app/manifests/v1").await,
        post(&admin, "/projects", json!({ "project_name": "new" })).await,
        put(&admin, "/projects/hosted", json!({})).await,
        delete(&admin, "/projects/hosted/repositories/app").await,
        post(&anonymous, "/projects", json!({})).await,
    ];
    for answer in refused {
        assert!(is_read_only(&answer), "{answer:?}");
    }
    // Reading goes on, a proxy cache fills, and people sign in.
    admin.pull("hosted/app", "v1").await;
    anonymous.pull("hub/app", "v1").await;
    server.settled().await;
    upstream.clear();
    anonymous.pull("hub/app", "v1").await;
    assert_eq!(upstream.count("GET", "/blobs/"), 0);
    let token = "/service/token?service=harbor-registry&scope=repository:hosted/app:pull,push";
    admin.get(token).await.expect(200);
    assert_eq!(sign_in(&anonymous).await.status, 200);
    let info = get(&admin, "/systeminfo").await.expect(200).json();
    assert_eq!(info["read_only"], true);

    put(&admin, "/configurations/", json!({ "read_only": false }))
        .await
        .expect(200);
    admin.push_image("hosted/app", "v2", &[b"layer"]).await;
    endpoint(&admin, "other", &upstream.url()).await;
}

/// As a browser does it.
async fn sign_in(client: &Client) -> Answer {
    let page = client.get("/").await.expect(200);
    let cookie = page
        .header("set-cookie")
        .split(';')
        .next()
        .unwrap_or_default();
    let form = format!("principal=admin&password={}", tests::ADMIN_PASSWORD);
    let login = client
        .request(Method::POST, "/c/login")
        .header("cookie", cookie)
        .header("x-harbor-csrf-token", page.header("x-harbor-csrf-token"))
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    client.send(login).await
}

#[tokio::test]
async fn a_certificate_authority_can_be_downloaded_where_there_is_one() {
    let server = TestServer::start(Setup::new()).await;
    let anonymous = server.anonymous();
    let path = "/systeminfo/getcert";
    assert_eq!(get(&anonymous, path).await.expect(404).code(), "NOT_FOUND");
    let folder = server.data().join("ca_download");
    std::fs::create_dir_all(&folder).unwrap();
    let certificate = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    std::fs::write(folder.join("ca.crt"), certificate).unwrap();
    let answer = get(&anonymous, path).await.expect(200);
    assert_eq!(
        (&answer.body[..], answer.header("content-disposition")),
        (certificate.as_bytes(), "attachment; filename=ca.crt")
    );
    let info = get(&server.admin(), "/systeminfo").await.expect(200).json();
    assert_eq!(info["has_ca_root"], true);
    // A key that lies beside its certificate is not given away.
    let both = format!("{certificate}-----BEGIN PRIVATE KEY-----\n");
    std::fs::write(folder.join("ca.crt"), both).unwrap();
    get(&anonymous, path).await.expect(404);
}
