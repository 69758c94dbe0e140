//! What is told of artifacts: kinds, facts, pictures, and what is read from their blobs on demand.

use serde_json::{Value, json};
use tests::fake::FakeUpstream;
use tests::{Artifact, Client, HELM_CONFIG, Setup, TestServer};

use super::{get, post};

const APP: &str = "/projects/library/repositories/team%252Fapp/artifacts";

fn chart() -> Artifact {
    let config = json!({
        "apiVersion": "v2", "name": "nginx", "version": "1.2.3", "description": "serves",
        "dependencies": [{ "name": "common", "version": "1.x", "repository": "oci://example.com/charts" }],
    });
    let files: [(&str, &[u8]); 4] = [
        ("nginx/Chart.yaml", b"name: nginx"),
        ("nginx/charts/common/values.yaml", b"not: this"),
        ("nginx/values.yaml", b"replicas: 1\n"),
        ("nginx/README.md", b"# nginx\n"),
    ];
    Artifact::chart(&config, &files)
}

async fn addition(client: &Client, artifact: &str, name: &str) -> tests::Answer {
    get(client, &format!("{artifact}/additions/{name}")).await
}

#[tokio::test]
async fn an_image_tells_its_history_and_a_chart_what_is_in_it() {
    let server = TestServer::start(Setup::new()).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let image = Artifact::image("history");
    admin
        .push_artifact("library/team/app", Some("1"), &image)
        .await;
    admin
        .push_artifact("library/team/app", Some("chart"), &chart())
        .await;

    let shown = get(&anonymous, &format!("{APP}/1"))
        .await
        .expect(200)
        .json();
    assert_eq!(shown["type"], "IMAGE");
    let facts = &shown["extra_attrs"];
    assert_eq!(
        (
            &facts["architecture"],
            &facts["author"],
            &facts["config"]["Env"][0]
        ),
        (&json!("amd64"), &json!("somebody"), &json!("TEXT=history"))
    );
    let link = &shown["addition_links"]["build_history"];
    assert_eq!(link["absolute"], false);
    // The link is there to be followed.
    let history = anonymous
        .get(link["href"].as_str().unwrap())
        .await
        .expect(200);
    assert_eq!(
        history.header("content-type"),
        "application/json; charset=utf-8"
    );
    assert_eq!(history.header("x-content-type-options"), "nosniff");
    assert_eq!(history.json()[0]["created_by"], "ADD rootfs.tar");
    assert_eq!(history.json().as_array().unwrap().len(), 2);

    let shown = get(&anonymous, &format!("{APP}/chart"))
        .await
        .expect(200)
        .json();
    assert_eq!(
        (
            &shown["type"],
            &shown["media_type"],
            &shown["extra_attrs"]["version"]
        ),
        (&json!("CHART"), &json!(HELM_CONFIG), &json!("1.2.3"))
    );
    let links: Vec<&String> = shown["addition_links"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(links, ["dependencies", "readme.md", "values.yaml"]);
    let chart = format!("{APP}/chart");
    for (name, kind, text) in [
        ("values.yaml", "text/plain; charset=utf-8", "replicas: 1\n"),
        ("readme.md", "text/markdown; charset=utf-8", "# nginx\n"),
    ] {
        let answer = addition(&anonymous, &chart, name).await.expect(200);
        assert_eq!(
            (answer.header("content-type"), &answer.body[..]),
            (kind, text.as_bytes())
        );
    }
    let needs = addition(&anonymous, &chart, "dependencies")
        .await
        .expect(200);
    assert_eq!(needs.json()[0]["name"], "common");

    for (artifact, name, why) in [
        (
            &chart,
            "build_history",
            "addition BUILD_HISTORY isn't supported for CHART",
        ),
        (
            &format!("{APP}/1"),
            "values.yaml",
            "addition VALUES.YAML isn't supported for IMAGE",
        ),
        (&chart, "sbom", "addition SBOM isn't supported for CHART"),
    ] {
        let refused = addition(&anonymous, artifact, name).await.expect(400);
        assert_eq!(
            (refused.code(), refused.message()),
            ("BAD_REQUEST".into(), why.into())
        );
    }
    addition(&anonymous, &chart, "anything").await.expect(422);
    addition(&anonymous, &format!("{APP}/none"), "readme.md")
        .await
        .expect(404);
}

#[tokio::test]
async fn what_is_no_chart_or_too_much_of_one_is_refused_and_harms_nobody() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let layer = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";
    let large = vec![b'#'; 2 * 1024 * 1024];
    let bomb = Artifact::chart(&json!({ "name": "bomb" }), &[("bomb/values.yaml", &large)]);
    let broken = Artifact::new(HELM_CONFIG, b"no JSON", &[(layer, b"no archive")]);
    let empty = Artifact::new(HELM_CONFIG, b"{}", &[]);
    for (tag, artifact) in [("bomb", &bomb), ("broken", &broken), ("empty", &empty)] {
        admin
            .push_artifact("library/team/app", Some(tag), artifact)
            .await;
    }
    for (tag, name, why) in [
        ("bomb", "values.yaml", "larger than 1048576 bytes"),
        ("broken", "values.yaml", "the chart cannot be unpacked"),
        (
            "broken",
            "dependencies",
            "the artifact's configuration is not one",
        ),
        ("empty", "readme.md", "isn't supported"),
    ] {
        let refused = addition(&admin, &format!("{APP}/{tag}"), name)
            .await
            .expect(400);
        assert!(refused.message().contains(why), "{}", refused.message());
    }
    // What a chart does not have is empty, as in Harbor.
    let without = addition(&admin, &format!("{APP}/bomb"), "readme.md")
        .await
        .expect(200);
    assert_eq!(
        (without.body.len(), without.header("content-length")),
        (0, "0")
    );
    let none = addition(&admin, &format!("{APP}/empty"), "dependencies")
        .await
        .expect(200);
    assert_eq!(none.json(), json!([]));
    let listed = get(&admin, APP).await.expect(200);
    assert_eq!(listed.header("x-total-count"), "3");
}

#[tokio::test]
async fn what_a_proxied_artifact_is_asked_is_fetched_once_like_a_pull() {
    let upstream = FakeUpstream::start().await;
    let chart = chart();
    for blob in &chart.blobs {
        upstream.push_blob("charts/nginx", blob.clone());
    }
    upstream.push_manifest("charts/nginx", "1.2.3", chart.media_type(), chart.text());
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    let anonymous = server.anonymous();
    anonymous
        .manifest("hub/charts/nginx", "1.2.3")
        .await
        .expect(200);
    let artifact = "/projects/hub/repositories/charts%252Fnginx/artifacts/1.2.3";
    // What the manifest alone tells.
    let early = get(&anonymous, artifact).await.expect(200).json();
    assert_eq!(
        (&early["type"], early.get("extra_attrs")),
        (&json!("CHART"), None)
    );
    for _ in 0..2 {
        let values = addition(&anonymous, artifact, "values.yaml")
            .await
            .expect(200);
        assert_eq!(&values.body[..], b"replicas: 1\n");
        server.settled().await;
    }
    assert_eq!(upstream.count("GET", "/blobs/"), 1);
    addition(&anonymous, artifact, "dependencies")
        .await
        .expect(200);
    server.settled().await;
    let now = get(&anonymous, artifact).await.expect(200).json();
    assert_eq!(now["extra_attrs"]["name"], "nginx");
    // Where it cannot be fetched, the answer says why.
    let image = upstream.push_image("app", "1", &[b"layer".to_vec()]);
    anonymous.manifest("hub/app", "1").await.expect(200);
    upstream.delete_blob("app", &image.config_digest);
    addition(
        &anonymous,
        "/projects/hub/repositories/app/artifacts/1",
        "build_history",
    )
    .await
    .expect(404);
}

#[tokio::test]
async fn strangers_see_no_additions_of_a_private_project() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    post(&admin, "/projects", json!({ "project_name": "secret" }))
        .await
        .expect(201);
    admin
        .push_artifact("secret/app", Some("1"), &Artifact::image("x"))
        .await;
    let artifact = "/projects/secret/repositories/app/artifacts/1";
    for path in ["", "/additions/build_history", "/accessories", "/tags"] {
        let path = format!("{artifact}{path}");
        get(&server.anonymous(), &path).await.expect(401);
        get(&admin, &path).await.expect(200);
    }
}

#[tokio::test]
async fn every_kind_has_a_picture() {
    let server = TestServer::start(Setup::new()).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let wasm = Artifact::new("application/vnd.wasm.config.v1+json", b"{}", &[]);
    for (tag, artifact) in [
        ("image", &Artifact::image("x")),
        ("chart", &chart()),
        ("wasm", &wasm),
    ] {
        admin
            .push_artifact("library/team/app", Some(tag), artifact)
            .await;
    }
    let mut pictures = Vec::new();
    for tag in ["image", "chart", "wasm"] {
        let shown = get(&anonymous, &format!("{APP}/{tag}"))
            .await
            .expect(200)
            .json();
        let path = format!("/icons/{}", shown["icon"].as_str().unwrap());
        let picture: Value = get(&anonymous, &path).await.expect(200).json();
        assert_eq!(picture["content-type"], "image/svg+xml");
        pictures.push(picture["content"].clone());
    }
    assert!(pictures[0] != pictures[1] && pictures[1] != pictures[2]);
    get(&anonymous, "/icons/sha256:none").await.expect(404);
}
