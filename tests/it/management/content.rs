//! Repositories, artifacts and tags.

use serde_json::json;
use tests::fake::FakeUpstream;
use tests::{Artifact, Setup, TestServer};

use super::{delete, get, post, put};

#[tokio::test]
async fn a_cached_image_is_shown_with_its_tags_and_configuration() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("library/alpine", "3.20", &[b"base".to_vec()]);
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let artifacts = "/projects/hub/repositories/library%252Falpine/artifacts";
    get(&anonymous, artifacts).await.expect(404);
    anonymous
        .manifest("hub/library/alpine", "3.20")
        .await
        .expect(200);
    // The manifest is known, its configuration not yet.
    let early = get(&anonymous, &format!("{artifacts}/3.20"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (&early["digest"], early.get("extra_attrs")),
        (&json!(image.manifest_digest), None)
    );
    anonymous.pull("hub/library/alpine", "3.20").await;
    server.settled().await;
    let listed = get(&anonymous, artifacts).await.expect(200);
    assert_eq!(listed.header("x-total-count"), "1");
    let artifact = &listed.json()[0];
    assert_eq!(
        (&artifact["type"], &artifact["repository_name"]),
        (&json!("IMAGE"), &json!("hub/library/alpine"))
    );
    assert_eq!(
        (
            &artifact["tags"][0]["name"],
            &artifact["tags"][0]["immutable"]
        ),
        (&json!("3.20"), &json!(false))
    );
    assert_eq!(
        (
            &artifact["extra_attrs"]["os"],
            &artifact["labels"],
            &artifact["references"]
        ),
        (&json!("linux"), &json!([]), &json!([]))
    );
    assert!(artifact["extra_attrs"].get("rootfs").is_none());
    assert!(artifact["push_time"].as_str().unwrap().ends_with('Z'));
    let once = get(&anonymous, &artifacts.replace("%252F", "%2F"))
        .await
        .expect(200);
    assert_eq!(once.json()[0]["digest"], artifact["digest"]);
    assert_eq!(
        get(&anonymous, &format!("{artifacts}?with_tag=false"))
            .await
            .expect(200)
            .json()[0]["tags"],
        json!([])
    );
    let tags = format!("{artifacts}/3.20/tags");
    assert_eq!(
        get(&anonymous, &tags).await.expect(200).json()[0]["name"],
        "3.20"
    );
    // A proxy project's tags are its upstream's.
    let copied = post(&admin, &tags, json!({ "name": "mine" }))
        .await
        .expect(405);
    assert_eq!(
        (copied.code(), copied.message()),
        (
            "METHOD_NOT_ALLOWED".into(),
            "the operation isn't supported for a proxy cache project".into()
        )
    );
    assert_eq!(
        delete(&admin, &format!("{tags}/3.20"))
            .await
            .expect(403)
            .code(),
        "DENIED"
    );
    post(&admin, &format!("{artifacts}?from=a/b:c"), json!({}))
        .await
        .expect(405);
    delete(&anonymous, &format!("{artifacts}/3.20"))
        .await
        .expect(401);
    delete(&admin, &format!("{artifacts}/3.20"))
        .await
        .expect(200);
    let gone = get(&anonymous, &format!("{artifacts}/3.20"))
        .await
        .expect(404);
    assert_eq!(gone.message(), "artifact hub/library/alpine:3.20 not found");
    // It was a copy, and comes again.
    anonymous.pull("hub/library/alpine", "3.20").await;
    get(&anonymous, &format!("{artifacts}/3.20"))
        .await
        .expect(200);
}

#[tokio::test]
async fn an_image_is_tagged_described_and_deleted_in_a_hosted_project() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let digest = admin.push_image("library/app", "1", &[b"one"]).await;
    let repository = "/projects/library/repositories/app";
    put(&admin, repository, json!({ "description": "ours" }))
        .await
        .expect(200);
    let body = get(&admin, repository).await.expect(200).json();
    assert_eq!(
        (&body["name"], &body["description"], &body["artifact_count"]),
        (&json!("library/app"), &json!("ours"), &json!(1))
    );
    let listed = get(
        &server.anonymous(),
        "/projects/library/repositories?q=name%3D~AP",
    )
    .await
    .expect(200);
    assert_eq!(listed.json()[0]["name"], "library/app");
    let tags = format!("{repository}/artifacts/{digest}/tags");
    post(&admin, &tags, json!({ "name": "stable" }))
        .await
        .expect(201);
    post(&admin, &tags, json!({ "name": "stable" }))
        .await
        .expect(409);
    post(&admin, &tags, json!({ "name": "no tag" }))
        .await
        .expect(400);
    assert_eq!(admin.pull("library/app", "stable").await.digest, digest);
    assert_eq!(
        get(&admin, &tags).await.expect(200).header("x-total-count"),
        "2"
    );
    delete(&admin, &format!("{tags}/1")).await.expect(200);
    delete(&admin, &format!("{tags}/1")).await.expect(404);
    admin.manifest("library/app", "1").await.expect(404);
    delete(&admin, &format!("{repository}/artifacts/stable"))
        .await
        .expect(200);
    admin
        .manifest("library/app", digest.as_str())
        .await
        .expect(404);
    delete(&admin, repository).await.expect(200);
    delete(&admin, repository).await.expect(404);
    delete(&admin, "/projects/library/repositories/UPPER")
        .await
        .expect(404);
}

#[tokio::test]
async fn an_index_takes_the_children_nobody_else_needs_with_it() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let child = admin.push_image("library/app", "child", &[b"one"]).await;
    let size = admin
        .manifest("library/app", "child")
        .await
        .expect(200)
        .body
        .len();
    let index = json!({
        "schemaVersion": 2, "mediaType": oci::media_type::OCI_INDEX,
        "manifests": [{
            "mediaType": oci::media_type::OCI_MANIFEST, "digest": child, "size": size,
            "platform": { "architecture": "amd64", "os": "linux" },
        }],
    });
    admin
        .push_manifest(
            "library/app",
            "latest",
            oci::media_type::OCI_INDEX,
            index.to_string(),
        )
        .await
        .expect(201);
    let artifacts = "/projects/library/repositories/app/artifacts";
    delete(&admin, &format!("{artifacts}/{child}/tags/child"))
        .await
        .expect(200);
    let listed = get(&admin, artifacts).await.expect(200).json();
    assert_eq!(
        listed.as_array().unwrap().len(),
        1,
        "a child is listed under its index only"
    );
    assert_eq!(listed[0]["references"][0]["child_digest"], json!(child));
    assert_eq!(
        listed[0]["references"][0]["platform"]["architecture"],
        "amd64"
    );
    let needed = delete(&admin, &format!("{artifacts}/{child}"))
        .await
        .expect(412);
    assert!(
        needed.message().contains("is needed by the index"),
        "{}",
        needed.message()
    );
    delete(&admin, &format!("{artifacts}/latest"))
        .await
        .expect(200);
    assert_eq!(get(&admin, artifacts).await.expect(200).json(), json!([]));
    admin
        .manifest("library/app", child.as_str())
        .await
        .expect(404);
}

#[tokio::test]
async fn a_manifest_that_names_a_private_configuration_does_not_show_it() {
    let upstream = FakeUpstream::start().await;
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    let admin = server.admin();
    post(&admin, "/projects", json!({ "project_name": "secret" }))
        .await
        .expect(201);
    admin.push_image("secret/plan", "1", &[b"x"]).await;
    let manifest = admin.manifest("secret/plan", "1").await.expect(200).body;
    // Whoever knows the digests can publish such a manifest, but not the bytes.
    upstream.push_manifest("trap", "1", oci::media_type::OCI_MANIFEST, manifest);
    server
        .anonymous()
        .manifest("hub/trap", "1")
        .await
        .expect(200);
    let shown = get(&admin, "/projects/secret/repositories/plan/artifacts/1")
        .await
        .expect(200)
        .json();
    assert_eq!(shown["extra_attrs"]["os"], "linux");
    let trap = get(
        &server.anonymous(),
        "/projects/hub/repositories/trap/artifacts/1",
    )
    .await
    .expect(200)
    .json();
    assert!(trap.get("extra_attrs").is_none(), "{trap}");
}

#[tokio::test]
async fn a_projects_artifacts_are_listed_together_or_the_newest_of_each_repository() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let [old, new, young] = ["old", "new", "young"].map(Artifact::image);
    let chart = Artifact::chart(&json!({ "name": "nginx" }), &[]);
    for (repository, tag, artifact) in [
        ("library/a", "1", &old),
        ("library/a", "2", &new),
        ("library/a", "chart", &chart),
        ("library/b", "1", &young),
    ] {
        admin.push_artifact(repository, Some(tag), artifact).await;
    }
    let listed = async |query: &str| {
        let path = format!("/projects/library/artifacts{query}");
        let answer = get(&admin, &path).await.expect(200);
        let items = answer.json();
        let digests = items.as_array().unwrap().iter();
        let digests: Vec<String> = digests
            .map(|item| item["digest"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(answer.header("x-total-count"), digests.len().to_string());
        digests
    };
    let digests = |artifacts: &[&Artifact]| {
        let digests = artifacts.iter();
        digests
            .map(|artifact| artifact.digest().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(listed("").await, digests(&[&young, &chart, &new, &old]));
    assert_eq!(listed("?q=type%3DCHART").await, digests(&[&chart]));
    assert_eq!(listed("?q=tags%3D1").await, digests(&[&young, &old]));
    let latest =
        "?latest_in_repository=true&q=media_type%3Dapplication/vnd.oci.image.config.v1%2Bjson";
    // A plus in a query is a blank, unless it is encoded; Harbor's clients encode `q` twice.
    assert_eq!(
        listed(&latest.replace("%2B", "%252B")).await,
        digests(&[&young, &new])
    );
    let both = "/projects/library/artifacts?latest_in_repository=true";
    let refused = get(&admin, both).await.expect(400);
    assert!(refused.message().contains("must be specified"));
    // It tells no more than the lists of its repositories, which strangers may read where it is public.
    get(&server.anonymous(), "/projects/library/artifacts")
        .await
        .expect(200);
    get(&admin, "/projects/1/artifacts").await.expect(200);
    get(&admin, "/projects/none/artifacts").await.expect(404);
}

#[tokio::test]
async fn statistics_count_what_the_caller_may_see() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    post(&admin, "/projects", json!({ "project_name": "secret" }))
        .await
        .expect(201);
    let image = Artifact::image("x");
    admin.push_artifact("library/a", Some("1"), &image).await;
    admin.push_artifact("secret/a", Some("1"), &image).await;
    admin.push_artifact("secret/b", Some("1"), &image).await;
    let all = get(&admin, "/statistics").await.expect(200).json();
    let bytes: u64 = tests::data::blobs(&server.data())
        .values()
        .map(|path| std::fs::metadata(path).unwrap().len())
        .sum();
    assert_eq!(
        all,
        json!({
            "private_project_count": 1, "private_repo_count": 2, "public_project_count": 1, "public_repo_count": 1,
            "total_project_count": 2, "total_repo_count": 3, "total_storage_consumption": bytes,
        })
    );
    let bob = super::user(&server, "bob").await;
    let his = get(&bob, "/statistics").await.expect(200).json();
    assert_eq!(
        (&his["private_repo_count"], &his["public_repo_count"]),
        (&json!(0), &json!(1))
    );
    assert_eq!(his["total_storage_consumption"], 0);
    get(&server.anonymous(), "/statistics").await.expect(401);
}

#[tokio::test]
async fn everything_at_once_is_a_bounded_wish() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    admin.push_image("library/app", "1", &[b"one"]).await;
    let all = get(&admin, "/repositories?page_size=0").await.expect(200);
    assert_eq!(all.json().as_array().unwrap().len(), 1);
    assert_eq!(all.header("link"), "");
    for wrong in [
        "page_size=101",
        "page=0",
        "page_size=-1",
        "with_label=perhaps",
    ] {
        get(&admin, &format!("/projects/library/artifacts?{wrong}"))
            .await
            .expect(422);
    }
}
