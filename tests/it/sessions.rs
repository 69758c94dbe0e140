//! Sessions, as the portal and the Terraform provider use them, and wrong passwords: what they cost whom.

use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream;
use http::Method;
use http::header::SET_COOKIE;
use serde_json::{Value, json};
use tests::{ADMIN_PASSWORD, Answer, Browser, Client, Setup, TestServer, data};

const API: &str = "/api/v2.0";
const ME: &str = "/api/v2.0/users/current";
const PROJECTS: &str = "/api/v2.0/projects";
const PASSWORD: &str = "Berth-and-buoy-2";

/// Creates a user, and returns their path.
async fn user(server: &TestServer, name: &str) -> String {
    let body = json!({ "username": name, "password": PASSWORD, "realname": name, "email": format!("{name}@example.com") });
    let made = server.admin().post(&format!("{API}/users"), &body).await;
    made.expect(201).header("location").to_owned()
}

/// A browser in which the administrator has signed in.
async fn signed_in(server: &TestServer) -> Browser {
    let mut browser = Browser::new(server.url());
    browser.sign_in("admin", ADMIN_PASSWORD).await.expect(200);
    browser
}

#[tokio::test]
async fn the_portal_signs_in_changes_something_and_signs_out() {
    let server = TestServer::start(Setup::new()).await;
    let mut browser = Browser::new(server.url());
    browser.get(ME).await.expect(401);
    assert_eq!(browser.cookie("sid"), None);
    let wrong = browser.sign_in("admin", "wrong").await.expect(401);
    assert!(wrong.body.is_empty() && browser.cookie("sid").is_none());
    let answer = browser.sign_in("admin", ADMIN_PASSWORD).await.expect(200);
    assert!(answer.body.is_empty());
    let session = browser.cookie("sid").expect("a session").to_owned();
    let me = browser.get(ME).await.expect(200);
    assert_eq!(me.json()["username"], "admin");
    assert!(!me.header("x-harbor-csrf-token").is_empty());
    let missing = browser
        .get(&format!("{PROJECTS}/missing"))
        .await
        .expect(404);
    assert!(!missing.header("x-harbor-csrf-token").is_empty());

    // Another site makes the browser ask, with its cookies and without what only a page of ours knows.
    browser.forget_token();
    let project = json!({ "project_name": "team" });
    let refused = browser.change_once(Method::POST, PROJECTS, &project).await;
    assert_eq!(refused.expect(403).code(), "FORBIDDEN");
    server
        .admin()
        .get(&format!("{PROJECTS}/team"))
        .await
        .expect(404);
    // The refusal told a page of ours the token.
    browser
        .change_once(Method::POST, PROJECTS, &project)
        .await
        .expect(201);
    let team = format!("{PROJECTS}/team");
    for (method, path, body) in [
        (
            Method::PUT,
            team.as_str(),
            json!({ "metadata": { "public": "true" } }),
        ),
        (Method::DELETE, team.as_str(), Value::Null),
    ] {
        browser.forget_token();
        browser
            .change_once(method.clone(), path, &body)
            .await
            .expect(403);
        browser.change(method, path, &body).await.expect(200);
    }
    // Reading and changing content with it is no different, and credentials in a header need no token.
    browser.forget_token();
    let upload = "/v2/library/app/blobs/uploads/";
    browser
        .change_once(Method::POST, upload, &Value::Null)
        .await
        .expect(403);
    server.admin().post(upload, &Value::Null).await.expect(202);

    browser.get("/c/log_out").await.expect(200);
    assert_eq!(browser.cookie("sid"), None);
    browser.get(ME).await.expect(401);
    // Whoever kept the cookie has nothing.
    browser.set_cookie("sid", &session);
    browser.get(ME).await.expect(401);
    browser.get("/c/log_out").await.expect(200);
}

#[tokio::test]
async fn terraform_works_with_a_session_of_somebody_elses() {
    let server = TestServer::start(Setup::new()).await;
    let session = signed_in(&server).await;
    // The provider is given the session alone (`session_id`), learns the token from a refusal, and tries once more with
    // the cookie that came with it.
    let mut provider = Browser::new(server.url());
    provider.set_cookie("sid", session.cookie("sid").unwrap());
    let project = json!({ "project_name": "team", "metadata": { "public": "false" } });
    let refused = provider.change_once(Method::POST, PROJECTS, &project).await;
    let refused = refused.expect(403);
    let tokens = refused
        .headers
        .get_all("x-harbor-csrf-token")
        .iter()
        .count();
    let cookies = refused.headers.get_all(SET_COOKIE).iter();
    let cookies = cookies.filter(|line| line.as_bytes().starts_with(b"_gorilla_csrf="));
    assert_eq!((tokens, cookies.count()), (1, 1));
    provider
        .change_once(Method::POST, PROJECTS, &project)
        .await
        .expect(201);
    provider.get(&format!("{PROJECTS}/team")).await.expect(200);
    // One browser's token is no use with another's cookie.
    let mut thief = Browser::new(server.url());
    thief.set_cookie("sid", session.cookie("sid").unwrap());
    thief.get(ME).await.expect(200);
    thief.set_cookie("_gorilla_csrf", provider.cookie("_gorilla_csrf").unwrap());
    let other = json!({ "project_name": "other" });
    thief
        .change_once(Method::POST, PROJECTS, &other)
        .await
        .expect(403);
}

#[tokio::test]
async fn cookies_are_for_this_site_and_no_script_and_for_tls_where_that_is_how_we_are_reached() {
    for (url, is_secure) in [
        ("http://registry.example.com", false),
        ("https://registry.example.com", true),
    ] {
        let server = TestServer::start(Setup::new().line(&format!("external_url: {url}"))).await;
        let mut browser = Browser::new(server.url());
        let form = [("principal", "admin"), ("password", ADMIN_PASSWORD)];
        let refused = browser.get("/").await;
        let answer = browser.post_form("/c/login", &form).await.expect(200);
        let mut seen = 0;
        for line in refused
            .headers
            .get_all(SET_COOKIE)
            .iter()
            .chain(answer.headers.get_all(SET_COOKIE))
        {
            let line = line.to_str().unwrap();
            let attributes: Vec<&str> = line.split("; ").skip(1).collect();
            for wanted in ["Path=/", "HttpOnly", "SameSite=Strict"] {
                assert!(attributes.contains(&wanted), "{line}");
            }
            assert_eq!(attributes.contains(&"Secure"), is_secure, "{line}");
            seen += 1;
        }
        assert_eq!(seen, 2, "one for the session, one for the token");
    }
}

#[tokio::test]
async fn another_password_ends_sessions_and_what_was_remembered_at_once() {
    let server = TestServer::start(Setup::new()).await;
    let path = user(&server, "anna").await;
    for is_own in [true, false] {
        let (old, new) = if is_own {
            (PASSWORD, "New-berth-3")
        } else {
            ("New-berth-3", PASSWORD)
        };
        let mut here = Browser::new(server.url());
        here.sign_in("anna", old).await.expect(200);
        let mut there = Browser::new(server.url());
        there.sign_in("anna@example.com", old).await.expect(200);
        let basic = server.user("anna", old);
        basic.get(ME).await.expect(200);
        let password = format!("{path}/password");
        if is_own {
            let body = json!({ "old_password": old, "new_password": new });
            here.change(Method::PUT, &password, &body).await.expect(200);
        } else {
            let body = json!({ "new_password": new });
            server.admin().put(&password, &body).await.expect(200);
        }
        for browser in [&mut here, &mut there] {
            browser.get(ME).await.expect(401);
        }
        basic.get(ME).await.expect(401);
        basic.get("/v2/").await.expect(401);
        server.user("anna", new).get(ME).await.expect(200);
    }
    let mut browser = Browser::new(server.url());
    browser.sign_in("anna", PASSWORD).await.expect(200);
    server.admin().delete(&path).await.expect(200);
    browser.get(ME).await.expect(401);
}

#[tokio::test]
async fn a_session_that_is_not_used_for_an_hour_is_none() {
    let server = TestServer::start(Setup::new()).await;
    let mut browser = signed_in(&server).await;
    let past = |minutes: i64| {
        format!(
            "UPDATE sessions SET seen_at = seen_at - {}",
            minutes * 60_000_000
        )
    };
    data::change(&server.data(), &past(59)).await;
    // Used, it lasts another hour.
    browser.get(ME).await.expect(200);
    data::change(&server.data(), &past(59)).await;
    browser.get(ME).await.expect(200);
    data::change(&server.data(), &past(60)).await;
    browser.get(ME).await.expect(401);
    // What everyone may see is seen all the same.
    browser
        .get(&format!("{PROJECTS}/library"))
        .await
        .expect(200);
    let project = json!({ "project_name": "team" });
    browser
        .change(Method::POST, PROJECTS, &project)
        .await
        .expect(401);
    browser.sign_in("admin", ADMIN_PASSWORD).await.expect(200);
    browser
        .change(Method::POST, PROJECTS, &project)
        .await
        .expect(201);
}

#[tokio::test]
async fn a_session_has_the_rights_its_user_has_now_and_robots_have_none() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let path = user(&server, "anna").await;
    let mut browser = Browser::new(server.url());
    browser.sign_in("anna", PASSWORD).await.expect(200);
    let users = format!("{API}/users");
    browser.get(&users).await.expect(403);
    let flag = |flag: bool| json!({ "sysadmin_flag": flag });
    admin
        .put(&format!("{path}/sysadmin"), &flag(true))
        .await
        .expect(200);
    browser.get(&users).await.expect(200);
    admin
        .put(&format!("{path}/sysadmin"), &flag(false))
        .await
        .expect(200);
    browser.get(&users).await.expect(403);
    let access = json!([{ "resource": "repository", "action": "pull" }]);
    let robot = json!({ "name": "ci", "level": "system", "duration": -1, "permissions": [{ "kind": "project", "namespace": "library", "access": access }] });
    let robot = admin
        .post(&format!("{API}/robots"), &robot)
        .await
        .expect(201)
        .json();
    let mut browser = Browser::new(server.url());
    let secret = robot["secret"].as_str().unwrap();
    browser.sign_in("robot$ci", secret).await.expect(401);
    assert_eq!(browser.cookie("sid"), None);
}

/// A client whose requests come from `address`, as a proxy on this machine tells it.
async fn ask(client: &Client, address: &str) -> Answer {
    let request = client.request(Method::GET, ME);
    client
        .send(request.header("x-forwarded-for", address))
        .await
}

/// Tries wrong passwords from `address` until one is refused unseen: how many were looked at, and the refusal.
async fn exhaust(server: &TestServer, address: &str) -> (usize, Answer) {
    for attempt in 0..100 {
        let password = format!("wrong {attempt} {:?}", Instant::now());
        let answer = ask(&server.user("anna", &password), address).await;
        match answer.status.as_u16() {
            401 => {}
            _ => return (attempt, answer.expect(429)),
        }
    }
    panic!("no end of wrong passwords")
}

#[tokio::test]
async fn wrong_passwords_slow_their_address_and_nobody_else() {
    let server = TestServer::start(Setup::new()).await;
    user(&server, "anna").await;
    let (looked_at, refused) = exhaust(&server, "192.0.2.1").await;
    assert!(looked_at >= 10, "{looked_at}");
    let seconds: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=4).contains(&seconds), "{seconds}");
    assert_eq!(refused.code(), "TOOMANYREQUESTS");
    assert!(refused.message().contains("too many wrong passwords"));
    // From there the right one waits too, by any door.
    let anna = server.user("anna", PASSWORD);
    ask(&anna, "192.0.2.1").await.expect(429);
    let token = |address: &str| {
        let request = anna.request(Method::GET, "/service/token?service=harbor-registry");
        request.header("x-forwarded-for", address.to_owned())
    };
    anna.send(token("192.0.2.1")).await.expect(429);
    // From elsewhere it does not.
    anna.send(token("192.0.2.2")).await.expect(200);
    ask(&anna, "192.0.2.2").await.expect(200);
    // It was right there a moment ago: that counts everywhere.
    ask(&anna, "192.0.2.1").await.expect(200);
    // What a client writes before its proxy's line is not believed.
    exhaust(&server, "192.0.2.9, 192.0.2.1").await;
    let wrong = server.user("anna", "wrong again");
    ask(&wrong, "192.0.2.1").await.expect(429);
    ask(&wrong, "192.0.2.1, 192.0.2.9").await.expect(401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_wrong_passwords_keep_nobody_else_waiting() {
    const WRONG: usize = 10_000;
    const AT_ONCE: usize = 64;
    const OTHERS: usize = 20;
    let server = TestServer::start(Setup::new()).await;
    for other in 0..OTHERS {
        user(&server, &format!("other{other}")).await;
    }
    let client = server.anonymous();
    let attempt = move |number: usize| {
        let client = client.clone();
        async move {
            // Half of them for one account, half for as many.
            let name = if number % 2 == 0 {
                "other0".to_owned()
            } else {
                format!("nobody{number}")
            };
            let request = client.request(Method::GET, ME);
            let request = request.basic_auth(name, Some(format!("wrong {number}")));
            client
                .send(request.header("x-forwarded-for", "192.0.2.1"))
                .await
                .status
                .as_u16()
        }
    };
    let started = Instant::now();
    let storm = stream::iter((0..WRONG).map(attempt)).buffer_unordered(AT_ONCE);
    let storm = tokio::spawn(storm.collect::<Vec<u16>>());
    let mut waits = Vec::new();
    for other in 0..OTHERS {
        let somebody = server.user(&format!("other{other}"), PASSWORD);
        let begin = Instant::now();
        ask(&somebody, "192.0.2.2").await.expect(200);
        waits.push(begin.elapsed());
    }
    let is_still_on = !storm.is_finished();
    let answers = storm.await.expect("no panic");
    let took = started.elapsed();
    let count = |status: u16| answers.iter().filter(|answer| **answer == status).count();
    waits.sort();
    let (wrong, refused) = (count(401), count(429));
    println!(
        "{WRONG} wrong passwords in {took:?}: {wrong} looked at, {refused} refused; meanwhile {OTHERS} sign-ins took \
         {:?} in the middle and {:?} at most",
        waits[OTHERS / 2],
        waits[OTHERS - 1]
    );
    assert_eq!(wrong + refused, WRONG);
    // What the address may try at once, and one a second after that.
    let most = 64 + took.as_secs() as usize + 1;
    assert!(
        (10..=most).contains(&wrong),
        "{wrong} were looked at, of {most}"
    );
    assert!(is_still_on, "the sign-ins were not meanwhile");
    assert!(waits[OTHERS - 1] < Duration::from_secs(10), "{waits:?}");
}
