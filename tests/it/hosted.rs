//! Hosted projects: pushes in every form, what a broken one leaves, and who may read a blob.

use bytes::Bytes;
use futures_util::stream;
use http::Method;
use oci::{Algorithm, Digest, media_type};
use tests::{Client, Setup, TestServer};

async fn server() -> (TestServer, Client) {
    let setup = Setup::new()
        .project("{name: hosted, public: true}")
        .project("{name: other, public: true}");
    let server = TestServer::start(setup).await;
    let admin = server.admin();
    (server, admin)
}

async fn start(admin: &Client) -> String {
    let answer = admin
        .send(admin.request(Method::POST, "/v2/hosted/app/blobs/uploads/"))
        .await
        .expect(202);
    answer.header("location").to_owned()
}

async fn patch(admin: &Client, location: &str, range: &str, bytes: &[u8]) -> tests::Answer {
    let request = admin
        .request(Method::PATCH, location)
        .header("content-range", range)
        .body(bytes.to_vec());
    admin.send(request).await
}

async fn finish(admin: &Client, location: &str, digest: &Digest) -> tests::Answer {
    admin
        .send(admin.request(Method::PUT, &format!("{location}?digest={digest}")))
        .await
}

#[tokio::test]
async fn a_pushed_image_pulls_by_tag_and_by_digest() {
    let (server, admin) = server().await;
    let digest = admin
        .push_image("hosted/app", "v1", &[b"one", b"two"])
        .await;
    let pulled = server.anonymous().pull("hosted/app", "v1").await;
    assert_eq!((pulled.digest, pulled.blobs.len()), (digest.clone(), 3));
    let answer = server
        .anonymous()
        .manifest("hosted/app", digest.as_str())
        .await
        .expect(200);
    assert_eq!(Digest::sha256(&answer.body), digest);
    let etag = answer.header("etag").to_owned();
    let path = format!("/v2/hosted/app/manifests/{digest}");
    let again = admin
        .send(
            admin
                .request(Method::GET, &path)
                .header("if-none-match", etag),
        )
        .await
        .expect(304);
    assert!(again.body.is_empty());
}

#[tokio::test]
async fn a_push_whose_bytes_do_not_match_is_refused_in_every_form() {
    let (_server, admin) = server().await;
    let wrong = Digest::sha256(b"something else");
    let path = format!("/v2/hosted/app/blobs/uploads/?digest={wrong}");
    let whole = admin
        .send(admin.request(Method::POST, &path).body("bytes"))
        .await
        .expect(400);
    assert_eq!(whole.code(), "DIGEST_INVALID");

    let location = start(&admin).await;
    patch(&admin, &location, "0-4", b"bytes").await.expect(202);
    assert_eq!(
        finish(&admin, &location, &wrong).await.expect(400).code(),
        "DIGEST_INVALID"
    );

    let location = start(&admin).await;
    let put = admin
        .request(Method::PUT, &format!("{location}?digest={wrong}"))
        .body("bytes");
    assert_eq!(admin.send(put).await.expect(400).code(), "DIGEST_INVALID");

    let manifest = admin
        .push_manifest(
            "hosted/app",
            wrong.as_str(),
            "application/vnd.example+json",
            "{}".into(),
        )
        .await;
    assert_eq!(manifest.expect(400).code(), "DIGEST_INVALID");
    admin.blob("hosted/app", &wrong).await.expect(404);
    admin
        .blob("hosted/app", &Digest::sha256(b"bytes"))
        .await
        .expect(404);
}

#[tokio::test]
async fn a_broken_patch_is_resumed_to_the_right_blob() {
    let (_server, admin) = server().await;
    let bytes: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
    let digest = Digest::sha256(&bytes);
    let location = start(&admin).await;
    let sent = &bytes[..2_500_000];
    let broken = stream::iter([
        Ok(Bytes::copy_from_slice(sent)),
        Err(std::io::Error::other("the client's cable was pulled")),
    ]);
    let request = admin
        .request(Method::PATCH, &location)
        .body(reqwest::Body::wrap_stream(broken));
    admin
        .try_send(request)
        .await
        .expect_err("a broken body gets no answer");
    // What was under way may still be arriving: a chunk that comes too early is told where the upload stands.
    let status = admin.get(&location).await.expect(204);
    let mut offset = end_of(&status);
    loop {
        assert!(offset <= sent.len());
        let range = format!("{offset}-{}", bytes.len() - 1);
        let answer = patch(&admin, &location, &range, &bytes[offset..]).await;
        match answer.status.as_u16() {
            202 => break,
            416 => offset = end_of(&answer),
            // Another request is still writing.
            _ => drop(answer.expect(409)),
        }
    }
    finish(&admin, &location, &digest).await.expect(201);
    assert_eq!(
        admin.blob("hosted/app", &digest).await.expect(200).body,
        bytes
    );
}

/// Where an upload stands, by the `Range` of an answer.
fn end_of(answer: &tests::Answer) -> usize {
    let range = answer.header("range").strip_prefix("0-").expect("a range");
    match range.parse::<usize>().expect("a number") {
        // Said of an upload of no bytes; what breaks off in this story never leaves one only.
        0 => 0,
        last => last + 1,
    }
}

#[tokio::test]
async fn an_upload_goes_on_after_a_restart() {
    let (server, admin) = server().await;
    let location = start(&admin).await;
    patch(&admin, &location, "0-2", b"abc").await.expect(202);
    let server = server.restart().await;
    let admin = server.admin();
    assert_eq!(
        admin.get(&location).await.expect(204).header("range"),
        "0-2"
    );
    patch(&admin, &location, "3-5", b"def").await.expect(202);
    let digest = Digest::sha256(b"abcdef");
    finish(&admin, &location, &digest).await.expect(201);
    assert_eq!(
        admin.blob("hosted/app", &digest).await.expect(200).body,
        "abcdef"
    );
}

#[tokio::test]
async fn a_chunk_out_of_order_is_416_and_harms_nothing() {
    let (_server, admin) = server().await;
    let location = start(&admin).await;
    patch(&admin, &location, "0-2", b"abc").await.expect(202);
    let answer = patch(&admin, &location, "7-9", b"xyz").await.expect(416);
    assert_eq!(answer.header("range"), "0-2");
    patch(&admin, &location, "0-2", b"abc").await.expect(416);
    patch(&admin, &location, "3-5", b"def").await.expect(202);
    finish(&admin, &location, &Digest::sha256(b"abcdef"))
        .await
        .expect(201);
}

#[tokio::test]
async fn sha512_is_a_digest_like_any_other() {
    let (_server, admin) = server().await;
    let digest = Digest::of(Algorithm::Sha512, b"long names");
    let path = format!("/v2/hosted/app/blobs/uploads/?digest={digest}");
    admin
        .send(admin.request(Method::POST, &path).body("long names"))
        .await
        .expect(201);
    assert_eq!(
        admin.blob("hosted/app", &digest).await.expect(200).body,
        "long names"
    );
    let manifest = "{\"any\": \"thing\"}".to_owned();
    let name = Digest::of(Algorithm::Sha512, manifest.as_bytes());
    let pushed = admin
        .push_manifest(
            "hosted/app",
            name.as_str(),
            "application/vnd.example+json",
            manifest,
        )
        .await;
    assert_eq!(
        pushed.expect(201).header("docker-content-digest"),
        name.as_str()
    );
    let pulled = admin
        .manifest("hosted/app", name.as_str())
        .await
        .expect(200);
    assert_eq!(
        pulled.header("content-type"),
        "application/vnd.example+json"
    );
}

#[tokio::test]
async fn a_blob_is_read_through_repositories_that_hold_it_only() {
    let (server, admin) = server().await;
    let digest = admin.push_blob("hosted/app", b"mine").await;
    server
        .anonymous()
        .blob("hosted/app", &digest)
        .await
        .expect(200);
    assert_eq!(
        server
            .anonymous()
            .blob("hosted/twin", &digest)
            .await
            .expect(404)
            .code(),
        "BLOB_UNKNOWN"
    );
    assert_eq!(
        server
            .anonymous()
            .blob("other/app", &digest)
            .await
            .expect(404)
            .code(),
        "BLOB_UNKNOWN"
    );
    let mount = format!("/v2/other/app/blobs/uploads/?mount={digest}&from=hosted/app");
    admin
        .send(admin.request(Method::POST, &mount))
        .await
        .expect(201);
    assert_eq!(
        server
            .anonymous()
            .blob("other/app", &digest)
            .await
            .expect(200)
            .body,
        "mine"
    );
    let anywhere = format!("/v2/other/third/blobs/uploads/?mount={digest}");
    admin
        .send(admin.request(Method::POST, &anywhere))
        .await
        .expect(201);
    let unknown = format!(
        "/v2/other/app/blobs/uploads/?mount={}&from=hosted/app",
        Digest::sha256(b"nobody's")
    );
    admin
        .send(admin.request(Method::POST, &unknown))
        .await
        .expect(202);
    let unheld = format!("/v2/other/fourth/blobs/uploads/?mount={digest}&from=hosted/none");
    admin
        .send(admin.request(Method::POST, &unheld))
        .await
        .expect(202);
}

#[tokio::test]
async fn a_manifest_that_names_what_is_not_held_is_refused() {
    let (_server, admin) = server().await;
    let missing = Digest::sha256(b"never pushed");
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"{}","config":{{"mediaType":"a/b","digest":"{missing}","size":12}},"layers":[]}}"#,
        media_type::OCI_MANIFEST
    );
    let answer = admin
        .push_manifest("hosted/app", "v1", media_type::OCI_MANIFEST, manifest)
        .await
        .expect(400);
    assert_eq!(answer.code(), "MANIFEST_BLOB_UNKNOWN");
    assert!(answer.message().contains(missing.as_str()));
}

#[tokio::test]
async fn tags_are_listed_in_pages() {
    let (server, admin) = server().await;
    let path = |reference: &str| format!("/v2/hosted/app/manifests/{reference}");
    for tag in ["a", "B", "c", "d", "e"] {
        let request = admin
            .request(Method::PUT, &path(tag))
            .header("content-type", "application/vnd.example+json");
        admin.send(request.body("{}")).await.expect(201);
    }
    let anonymous = server.anonymous();
    let all = anonymous
        .get("/v2/hosted/app/tags/list")
        .await
        .expect(200)
        .json();
    assert_eq!(
        all,
        serde_json::json!({ "name": "hosted/app", "tags": ["B", "a", "c", "d", "e"] })
    );
    let first = anonymous
        .get("/v2/hosted/app/tags/list?n=2")
        .await
        .expect(200);
    assert_eq!(first.json()["tags"], serde_json::json!(["B", "a"]));
    assert_eq!(
        first.header("link"),
        "</v2/hosted/app/tags/list?last=a&n=2>; rel=\"next\""
    );
    let last = anonymous
        .get("/v2/hosted/app/tags/list?n=3&last=c")
        .await
        .expect(200);
    assert_eq!(
        (last.json()["tags"].clone(), last.header("link")),
        (serde_json::json!(["d", "e"]), "")
    );
    assert_eq!(
        anonymous
            .get("/v2/hosted/app/tags/list?n=0")
            .await
            .expect(200)
            .json()["tags"],
        serde_json::json!([])
    );
    anonymous
        .get("/v2/hosted/app/tags/list?n=x")
        .await
        .expect(400);
    assert_eq!(
        anonymous
            .get("/v2/hosted/none/tags/list")
            .await
            .expect(404)
            .code(),
        "NAME_UNKNOWN"
    );
    admin.delete(&path("a")).await.expect(202);
    anonymous.get(&path("a")).await.expect(404);
}

#[tokio::test]
async fn ranges_are_served_in_all_their_forms() {
    let (_server, admin) = server().await;
    let bytes: Vec<u8> = (0..=255).cycle().take(600_000).collect();
    let digest = admin.push_blob("hosted/app", &bytes).await;
    let path = format!("/v2/hosted/app/blobs/{digest}");
    let ranged = |range: &str| admin.send(admin.request(Method::GET, &path).header("range", range));
    for (range, start, end) in [
        ("bytes=0-0", 0, 1),
        ("bytes=100-299999", 100, 300_000),
        ("bytes=599999-", 599_999, 600_000),
        ("bytes=-1000", 599_000, 600_000),
        ("bytes=500000-9999999", 500_000, 600_000),
    ] {
        let answer = ranged(range).await.expect(206);
        assert_eq!(answer.body, &bytes[start..end], "{range}");
        assert_eq!(
            answer.header("content-range"),
            format!("bytes {start}-{}/600000", end - 1)
        );
    }
    assert_eq!(
        ranged("bytes=600000-")
            .await
            .expect(416)
            .header("content-range"),
        "bytes */600000"
    );
    assert_eq!(
        ranged("bytes=0-0,5-6").await.expect(200).body.len(),
        600_000
    );
    assert_eq!(ranged("lines=0-1").await.expect(200).body.len(), 600_000);
}

#[tokio::test]
async fn referrers_are_listed_and_filtered() {
    let (server, admin) = server().await;
    let subject = admin.push_image("hosted/app", "v1", &[b"layer"]).await;
    let about = serde_json::json!({
        "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [],
        "artifactType": "application/vnd.example.sbom",
        "subject": { "mediaType": media_type::OCI_MANIFEST, "digest": subject, "size": 1 },
        "annotations": { "made-by": "a story" },
    });
    let pushed = admin
        .push_manifest(
            "hosted/app",
            "sbom",
            media_type::OCI_INDEX,
            about.to_string(),
        )
        .await
        .expect(201);
    assert_eq!(pushed.header("oci-subject"), subject.as_str());
    let list = |query: &str| {
        let path = format!("/v2/hosted/app/referrers/{subject}{query}");
        let client = server.anonymous();
        async move { client.get(&path).await.expect(200) }
    };
    let all = list("").await;
    assert_eq!(all.header("content-type"), media_type::OCI_INDEX);
    assert_eq!(
        all.json()["manifests"][0]["annotations"]["made-by"],
        "a story"
    );
    assert_eq!(
        all.json()["manifests"][0]["digest"],
        pushed.header("docker-content-digest")
    );
    let none = list("?artifactType=application/vnd.other").await;
    assert_eq!(
        (
            none.json()["manifests"].clone(),
            none.header("oci-filters-applied")
        ),
        (serde_json::json!([]), "artifactType")
    );
}

#[tokio::test]
async fn a_manifest_of_four_mebibytes_is_taken_and_a_larger_one_is_not() {
    let (_server, admin) = server().await;
    let padded = |size: usize| format!("{{\"x\":\"{}\"}}", "y".repeat(size - 8));
    let taken = admin
        .push_manifest(
            "hosted/app",
            "big",
            "application/vnd.example+json",
            padded(4 << 20),
        )
        .await;
    let digest = taken.expect(201).header("docker-content-digest").to_owned();
    assert_eq!(
        admin
            .manifest("hosted/app", &digest)
            .await
            .expect(200)
            .body
            .len(),
        4 << 20
    );
    let refused = admin
        .push_manifest(
            "hosted/app",
            "big",
            "application/vnd.example+json",
            padded((4 << 20) + 1),
        )
        .await;
    assert_eq!(refused.expect(413).code(), "MANIFEST_INVALID");
}

#[tokio::test]
async fn credentials_are_asked_for_where_they_are_needed_and_refused_where_they_are_wrong() {
    let (server, admin) = server().await;
    admin.push_image("hosted/app", "v1", &[b"layer"]).await;
    let base = server.anonymous().get("/v2/").await.expect(401);
    let realm = format!(
        "Bearer realm=\"{}/service/token\",service=\"harbor-registry\"",
        server.url()
    );
    assert_eq!(base.header("www-authenticate"), realm);
    admin.get("/v2/").await.expect(200);
    server
        .anonymous()
        .manifest("hosted/app", "v1")
        .await
        .expect(200);
    let wrong = server.user("admin", "not-the-password");
    for path in [
        "/v2/",
        "/v2/hosted/app/manifests/v1",
        "/service/token",
        "/service/token?scope=repository:hosted/app:pull",
        "/api/v2.0/projects",
    ] {
        wrong.get(path).await.expect(401);
    }
    let push = server.anonymous();
    let denied = push
        .send(push.request(Method::POST, "/v2/hosted/app/blobs/uploads/"))
        .await
        .expect(401);
    assert!(
        denied
            .header("www-authenticate")
            .contains("scope=\"repository:hosted/app:pull,push\"")
    );
}

#[tokio::test]
async fn a_token_does_what_it_says_and_no_more() {
    let (server, admin) = server().await;
    admin.push_image("hosted/app", "v1", &[b"layer"]).await;
    let token = |client: Client, scope: &'static str| async move {
        let answer = client
            .get(&format!(
                "/service/token?service=harbor-registry&scope={scope}"
            ))
            .await
            .expect(200)
            .json();
        answer["token"].as_str().expect("a token").to_owned()
    };
    let with = |token: String, method: Method, path: &'static str| {
        let client = server.anonymous();
        async move {
            client
                .send(client.request(method, path).bearer_auth(token))
                .await
        }
    };
    let push = token(admin.clone(), "repository:hosted/app:push").await;
    with(push.clone(), Method::POST, "/v2/hosted/app/blobs/uploads/")
        .await
        .expect(202);
    with(push, Method::POST, "/v2/other/app/blobs/uploads/")
        .await
        .expect(401);
    let anonymous = token(server.anonymous(), "repository:hosted/app:pull,push").await;
    with(
        anonymous.clone(),
        Method::GET,
        "/v2/hosted/app/manifests/v1",
    )
    .await
    .expect(200);
    with(anonymous, Method::POST, "/v2/hosted/app/blobs/uploads/")
        .await
        .expect(401);
    with(
        "not.a.token".to_owned(),
        Method::GET,
        "/v2/hosted/app/manifests/v1",
    )
    .await
    .expect(401);
}
