//! Another Roadstead that has this one as an endpoint of type `harbor`, with a robot's account.

use oci::Digest;
use serde_json::{Value, json};
use tests::fake::FakeUpstream;
use tests::{Setup, TestServer};

use super::{delete, endpoint, get, number, post, put, status_is};

const LAYER: &[u8] = b"from far away";

#[tokio::test]
async fn another_roadstead_pulls_through_this_one_as_a_robot() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("library/app", "v1", &[LAYER.to_vec()]);
    let far = TestServer::start(Setup::new()).await;
    let admin = far.admin();
    let origin = number(&endpoint(&admin, "origin", &upstream.url()).await);
    let cache = json!({ "project_name": "cache", "registry_id": origin });
    post(&admin, "/projects", cache).await.expect(201);
    let robot = json!({ "name": "edge", "level": "project", "duration": -1, "permissions": [{ "kind": "project",
        "namespace": "cache", "access": [{ "resource": "repository", "action": "pull" }] }] });
    let robot = post(&admin, "/robots", robot).await.expect(201).json();
    let secret = robot["secret"].as_str().expect("a secret");
    assert_eq!(robot["name"], "robot$cache+edge");

    // There, the form is filled in, tested and saved.
    let near = TestServer::start(Setup::new()).await;
    let there = near.admin();
    let form = |secret: &str| {
        json!({ "name": "far", "type": "harbor", "url": far.url(), "insecure": false, "credential_type": "basic",
            "access_key": "robot$cache+edge", "access_secret": secret,
            "credential": { "type": "basic", "access_key": "robot$cache+edge", "access_secret": secret } })
    };
    post(&there, "/registries/ping", form(secret))
        .await
        .expect(200);
    let refused = post(&there, "/registries/ping", form("wrong")).await;
    assert_eq!(refused.expect(400).code(), "BAD_REQUEST");
    let saved = post(&there, "/registries", form(secret)).await.expect(201);
    let path = saved.header("location").trim_start_matches(super::API);
    status_is(&there, path, "healthy").await;
    let project = json!({ "project_name": "edge", "registry_id": number(path),
        "metadata": { "public": "true" } });
    post(&there, "/projects", project).await.expect(201);

    // The path of a name behind the project is that of the project here.
    let client = near.anonymous();
    let pulled = client.pull("edge/cache/library/app", "v1").await;
    assert_eq!(pulled.digest, image.manifest_digest);
    assert_eq!(pulled.blobs.last(), Some(&Digest::sha256(LAYER)));
    near.settled().await;
    far.settled().await;
    for (server, project, repository) in [
        (&admin, "cache", "library%252Fapp"),
        (&there, "edge", "cache%252Flibrary%252Fapp"),
    ] {
        let artifacts = format!("/projects/{project}/repositories/{repository}/artifacts");
        let artifacts = get(server, &artifacts).await.expect(200).json();
        assert_eq!(artifacts[0]["digest"], image.manifest_digest.as_str());
        assert_eq!(artifacts[0]["tags"][0]["name"], "v1");
    }

    // A robot that is switched off gets nothing more here; what is there stays.
    let id = format!("/robots/{}", robot["id"]);
    let mut off = get(&admin, &id).await.expect(200).json();
    off["disable"] = Value::Bool(true);
    put(&admin, &id, off).await.expect(200);
    upstream.push_image("library/other", "v1", &[b"later".to_vec()]);
    let refused = client.manifest("edge/cache/library/other", "v1").await;
    assert_eq!(refused.expect(403).code(), "DENIED");
    let kept = client.manifest("edge/cache/library/app", "v1").await;
    assert!(kept.outcome().starts_with("stale"), "{}", kept.outcome());
    assert_eq!(
        kept.expect(200).header("docker-content-digest"),
        image.manifest_digest.as_str()
    );
    delete(&admin, &id).await.expect(200);
}
