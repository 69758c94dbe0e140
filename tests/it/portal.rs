//! The portal's files: what browsers are told of them, and what they do not stand in the way of. Without Node.js a
//! server is built without its portal, and has a page that says so under the same rules. What is in the portal is told by
//! `tests/e2e`.

use http::Method;
use http::header::{ACCEPT, ACCEPT_ENCODING, IF_NONE_MATCH};
use tests::{Answer, Client, Setup, TestServer};

/// As a browser asks for a page.
async fn browse(client: &Client, path: &str) -> Answer {
    let request = client.request(Method::GET, path);
    client
        .send(request.header(ACCEPT, "text/html,*/*;q=0.8"))
        .await
}

fn text(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[tokio::test]
async fn the_page_has_harbors_addresses_and_is_asked_about_again() {
    let server = TestServer::start(Setup::new()).await;
    let client = server.anonymous();
    for path in [
        "/",
        "/harbor/projects/1/summary",
        "/account/sign-in",
        "/harbor/projects/1/repositories/a%2Fb",
    ] {
        let page = browse(&client, path).await.expect(200);
        assert_eq!(
            page.header("content-type"),
            "text/html; charset=utf-8",
            "{path}"
        );
        assert_eq!(page.header("cache-control"), "no-cache");
        let policy = page.header("content-security-policy");
        assert!(
            policy.contains("default-src 'self'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(
            policy.contains("script-src 'self';"),
            "no script in a page is run: {policy}"
        );
        assert!(!text(&page).contains("<script>"), "there is none");
        let known = client
            .request(Method::GET, path)
            .header(IF_NONE_MATCH, page.header("etag"));
        client.send(known).await.expect(304);
    }
}

#[tokio::test]
async fn the_page_stands_in_the_way_of_no_program() {
    let server = TestServer::start(Setup::new()).await;
    let client = server.anonymous();
    let nowhere = browse(&client, "/nowhere").await.expect(404);
    assert_eq!(nowhere.header("content-type"), "text/html; charset=utf-8");
    // Programs, whatever they say they take, and people with a tool for programs.
    for path in [
        "/api/v2.0/nowhere",
        "/v1/nowhere",
        "/service/nowhere",
        "/c/nowhere",
        "/assets/nowhere.js",
    ] {
        assert_eq!(
            browse(&client, path).await.expect(404).code(),
            "NOT_FOUND",
            "{path}"
        );
    }
    assert_eq!(client.get("/nowhere").await.expect(404).code(), "NOT_FOUND");
    browse(&client, "/v2/").await.expect(401);
    browse(&client, "/devcenter-api-2.0").await.expect(200);
    let changed = client.request(Method::POST, "/harbor/projects");
    client.send(changed).await.expect(403);
}

#[tokio::test]
async fn what_the_page_loads_is_kept_for_good_and_comes_compressed() {
    let server = TestServer::start(Setup::new()).await;
    let client = server.anonymous();
    let page = text(&client.get("/").await.expect(200));
    let assets: Vec<&str> = page
        .split('"')
        .filter(|text| text.starts_with("/assets/"))
        .collect();
    if assets.is_empty() {
        assert!(
            page.contains("built without its portal") && page.contains("make build"),
            "{page}"
        );
        return;
    }
    for path in assets {
        let plain = client.get(path).await.expect(200);
        assert!(
            plain
                .header("cache-control")
                .ends_with("max-age=31536000, immutable"),
            "{path}"
        );
        // The smallest would only grow.
        for encoding in ["br", "gzip"].iter().filter(|_| plain.body.len() > 1024) {
            let request = client
                .request(Method::GET, path)
                .header(ACCEPT_ENCODING, *encoding);
            let compressed = client.send(request).await.expect(200);
            assert_eq!(compressed.header("content-encoding"), *encoding, "{path}");
            assert_eq!(
                compressed.header("content-type"),
                plain.header("content-type")
            );
            assert!(compressed.body.len() < plain.body.len(), "{path}");
        }
    }
}
