//! Copies of artifacts within and between projects.

use serde_json::json;
use tests::fake::FakeUpstream;
use tests::{Artifact, Setup, TestServer, data};

use super::{endpoint, get, number, post, put, user};

const TARGET: &str = "/projects/target/repositories/copies%252Fapp/artifacts";

async fn with_target(setup: Setup) -> TestServer {
    let server = TestServer::start(setup).await;
    let body = json!({ "project_name": "target" });
    post(&server.admin(), "/projects", body).await.expect(201);
    server
}

#[tokio::test]
async fn an_index_is_copied_whole_with_tags_and_signatures_and_no_byte_twice() {
    let server = with_target(Setup::new()).await;
    let admin = server.admin();
    let (amd64, arm64) = (Artifact::image("amd64"), Artifact::image("arm64"));
    let index = Artifact::index(&[("amd64", &amd64), ("arm64", &arm64)]);
    let signature = Artifact::image("signature");
    let notation = Artifact::about(
        "application/vnd.cncf.notary.signature",
        &arm64.digest(),
        arm64.text().len(),
    );
    admin
        .push_artifact("library/app", Some("amd64"), &amd64)
        .await;
    admin.push_artifact("library/app", None, &arm64).await;
    admin.push_artifact("library/app", Some("1"), &index).await;
    admin
        .push_artifact("library/app", Some("latest"), &index)
        .await;
    admin
        .push_artifact("library/app", Some(&index.cosign_tag("sig")), &signature)
        .await;
    admin.push_artifact("library/app", None, &notation).await;
    let before = data::blobs(&server.data());

    let copied = post(&admin, &format!("{TARGET}?from=library/app:1"), json!({})).await;
    let copied = copied.expect(201);
    assert!(copied.header("location").ends_with("/artifacts/1"));
    assert_eq!(data::blobs(&server.data()), before);

    let shown = get(&admin, TARGET).await.expect(200);
    assert_eq!(shown.header("x-total-count"), "1");
    let shown = &shown.json()[0];
    assert_eq!(shown["digest"], json!(index.digest()));
    let mut tags: Vec<&str> = shown["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    tags.sort_unstable();
    assert_eq!(tags, ["1", "latest"]);
    assert_eq!(shown["accessories"][0]["type"], "signature.cosign");
    let child = get(&admin, &format!("{TARGET}/{}", arm64.digest()))
        .await
        .expect(200)
        .json();
    assert_eq!(child["accessories"][0]["digest"], json!(notation.digest()));
    // All of it can be pulled from there.
    for reference in [amd64.digest().as_str(), "latest", &index.cosign_tag("sig")] {
        admin.pull("target/copies/app", reference).await;
    }
    // Only what was asked for: a child's own tags stay where they were.
    admin
        .manifest("target/copies/app", "amd64")
        .await
        .expect(404);
    // Again is no mistake, and a tag that has moved since is moved.
    let other = Artifact::image("other");
    admin
        .push_artifact("library/app", Some("latest"), &other)
        .await;
    let from = format!("{TARGET}?from=library/app@{}", other.digest());
    for _ in 0..2 {
        post(&admin, &from, json!({})).await.expect(201);
    }
    assert_eq!(
        admin.pull("target/copies/app", "latest").await.digest,
        other.digest()
    );
    // What was deleted at the source is there in the copy.
    super::delete(&admin, "/projects/library/repositories/app")
        .await
        .expect(200);
    admin.pull("target/copies/app", "1").await;
}

#[tokio::test]
async fn a_copy_takes_the_right_to_both_ends() {
    let server = with_target(Setup::new()).await;
    let admin = server.admin();
    post(&admin, "/projects", json!({ "project_name": "secret" }))
        .await
        .expect(201);
    let image = Artifact::image("secret");
    admin.push_artifact("secret/app", Some("1"), &image).await;
    let bob = user(&server, "bob").await;
    let member = |role: i64| json!({ "role_id": role, "member_user": { "username": "bob" } });
    let from = format!("{TARGET}?from=secret/app:1");
    post(&server.anonymous(), &from, json!({}))
        .await
        .expect(401);
    post(&bob, &from, json!({})).await.expect(403);
    // The right to write is none to read.
    post(&admin, "/projects/target/members", member(2))
        .await
        .expect(201);
    post(&bob, &from, json!({})).await.expect(403);
    let missing = format!("{TARGET}?from=nowhere/app:1");
    post(&bob, &missing, json!({})).await.expect(403);
    post(&admin, "/projects/secret/members", member(5))
        .await
        .expect(201);
    post(&bob, &from, json!({})).await.expect(201);
    // Nor is the right to read one to write.
    let back = "/projects/secret/repositories/app/artifacts?from=target/copies/app:1";
    post(&bob, back, json!({})).await.expect(403);
    assert_eq!(
        bob.pull("target/copies/app", "1").await.digest,
        image.digest()
    );
}

#[tokio::test]
async fn what_cannot_be_copied_is_told() {
    let server = with_target(Setup::new()).await;
    let admin = server.admin();
    let image = Artifact::image("signed");
    let signature = Artifact::about("x/y", &image.digest(), image.text().len());
    admin.push_artifact("library/app", Some("1"), &image).await;
    admin.push_artifact("library/app", None, &signature).await;
    for (from, status) in [
        ("?from=library/app:none".to_owned(), 404),
        ("?from=library/none:1".to_owned(), 404),
        ("?from=nowhere/app:1".to_owned(), 404),
        ("?from=library/app".to_owned(), 400),
        ("?from=:1".to_owned(), 400),
        (String::new(), 422),
        (format!("?from=library/app@{}", signature.digest()), 412),
    ] {
        post(&admin, &format!("{TARGET}{from}"), json!({}))
            .await
            .expect(status);
    }
    get(&admin, "/projects/target/repositories/copies%252Fapp")
        .await
        .expect(404);
}

#[tokio::test]
async fn a_proxied_image_is_copied_once_all_of_it_is_cached_and_not_before() {
    let upstream = FakeUpstream::start().await;
    let (amd64, arm64) = (Artifact::image("amd64"), Artifact::image("arm64"));
    let index = Artifact::index(&[("amd64", &amd64), ("arm64", &arm64)]);
    for (artifact, tag) in [(&amd64, "amd64"), (&arm64, "arm64"), (&index, "1")] {
        for blob in &artifact.blobs {
            upstream.push_blob("app", blob.clone());
        }
        upstream.push_manifest("app", tag, artifact.media_type(), artifact.text());
    }
    let server = with_target(Setup::new().proxy_of("hub", &upstream.url())).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let from = format!("{TARGET}?from=hub/app:1");
    post(&admin, &from, json!({})).await.expect(404);
    anonymous.manifest("hub/app", "1").await.expect(200);
    let incomplete = async |missing: &oci::Digest| {
        let refused = post(&admin, &from, json!({})).await.expect(412);
        let message = refused.message();
        assert!(message.contains(missing.as_str()), "{message}");
    };
    incomplete(&amd64.digest()).await;
    anonymous.pull("hub/app", "amd64").await;
    server.settled().await;
    incomplete(&arm64.digest()).await;
    anonymous
        .manifest("hub/app", arm64.digest().as_str())
        .await
        .expect(200);
    incomplete(&oci::Digest::sha256(&arm64.blobs[0])).await;
    anonymous.pull("hub/app", "arm64").await;
    server.settled().await;
    let asked = upstream.requests().len();
    post(&admin, &from, json!({})).await.expect(201);
    assert_eq!(
        upstream.requests().len(),
        asked,
        "a copy asks nothing upstream"
    );
    admin
        .pull("target/copies/app", arm64.digest().as_str())
        .await;
    // Nothing is copied into a proxy project, not even from itself.
    let into = "/projects/hub/repositories/app/artifacts?from=target/copies/app:1";
    let refused = post(&admin, into, json!({})).await.expect(405);
    assert_eq!(
        refused.message(),
        "the operation isn't supported for a proxy cache project"
    );
}

#[tokio::test]
async fn what_a_project_denies_is_not_copied_out_of_it() {
    let upstream = FakeUpstream::start().await;
    upstream.push_image("app", "1", &[b"layer".to_vec()]);
    let server = with_target(Setup::new()).await;
    let admin = server.admin();
    let path = endpoint(&admin, "up", &upstream.url()).await;
    let project = json!({ "project_name": "hub", "registry_id": number(&path) });
    post(&admin, "/projects", project).await.expect(201);
    admin.pull("hub/app", "1").await;
    server.settled().await;
    let rules = json!([{ "action": "deny", "repository": "app" }]).to_string();
    let rules = json!({ "metadata": { "proxy_cache_rules": rules } });
    put(&admin, "/projects/hub", rules).await.expect(200);
    let from = format!("{TARGET}?from=hub/app:1");
    let denied = post(&admin, &from, json!({})).await.expect(403);
    assert_eq!(denied.code(), "DENIED");
}
