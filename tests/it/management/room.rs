//! How much projects may hold: a hosted one refuses more, a proxy cache lets go of what it would miss least.

use std::time::{Duration, Instant};

use http::Method;
use oci::Digest;
use serde_json::json;
use tests::fake::{FakeUpstream, Mode};
use tests::{Client, Setup, TestServer, data};

use super::{delete, get, number, post, put};

async fn used(admin: &Client, id: i64) -> u64 {
    let quota = get(admin, &format!("/quotas/{id}")).await.expect(200);
    quota.json()["used"]["storage"].as_u64().expect("bytes")
}

#[tokio::test]
async fn a_push_of_more_than_a_project_may_hold_is_refused_in_harbors_words() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let body = json!({ "project_name": "small", "storage_limit": 10_000 });
    let made = post(&admin, "/projects", body).await.expect(201);
    let id = number(made.header("location"));
    let digest = admin.push_image("small/app", "v1", &[&[1; 6000]]).await;
    let before = used(&admin, id).await;
    let push = async |repository: &str, bytes: &[u8]| {
        let digest = Digest::sha256(bytes);
        let path = format!("/v2/{repository}/blobs/uploads/?digest={digest}");
        let request = admin.request(Method::POST, &path).body(bytes.to_vec());
        admin.send(request).await
    };
    let refused = push("small/app", &[2; 6000]).await.expect(403);
    assert_eq!(refused.code(), "DENIED");
    let sentence = "adding 5.9 KiB of storage resource, which when updated to current usage of";
    assert!(
        refused.message().contains(sentence),
        "{}",
        refused.message()
    );
    assert!(
        refused
            .message()
            .contains("will exceed the configured upper limit of 9.8 KiB.")
    );
    assert_eq!(used(&admin, id).await, before);
    // What is there already adds nothing, also under another name; smaller things fit.
    push("small/other", &[1; 6000]).await.expect(201);
    push("small/app", &[3; 1000]).await.expect(201);
    // Where there is room again, it fits.
    delete(
        &admin,
        &format!("/projects/small/repositories/app/artifacts/{digest}"),
    )
    .await
    .expect(200);
    for held in [Digest::sha256(&[1; 6000]), Digest::sha256(&[3; 1000])] {
        for repository in ["small/app", "small/other"] {
            admin
                .delete(&format!("/v2/{repository}/blobs/{held}"))
                .await;
        }
    }
    push("small/app", &[2; 6000]).await.expect(201);
    // The switch that Harbor has for all of it.
    let off = json!({ "quota_per_project_enable": false });
    put(&admin, "/configurations", off).await.expect(200);
    push("small/app", &[4; 60_000]).await.expect(201);
}

#[tokio::test]
async fn a_cache_at_its_limit_keeps_what_is_pulled_often_and_no_pull_fails() {
    const IMAGES: u8 = 30;
    const HOT: u8 = 5;
    const LIMIT: u64 = 1_000_000;
    let upstream = FakeUpstream::start().await;
    for index in 0..IMAGES {
        let layers = [vec![index; 90_000], vec![index + 100; 10_000]];
        upstream.push_image("app", &format!("v{index}"), &layers);
    }
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    let (admin, client) = (server.admin(), server.anonymous());
    let project = get(&admin, "/projects/hub").await.expect(200).json();
    let id = project["project_id"].as_i64().expect("a number");
    let limit = json!({ "hard": { "storage": LIMIT } });
    put(&admin, &format!("/quotas/{id}"), limit)
        .await
        .expect(200);
    // Three times over: the hot ones again and again, and all others one after the other.
    for round in 0..3 {
        for index in HOT..IMAGES {
            client
                .pull("hub/app", &format!("v{}", (index + round) % IMAGES))
                .await;
            client.pull("hub/app", &format!("v{}", index % HOT)).await;
        }
    }
    server.settled().await;
    let started = Instant::now();
    while used(&admin, id).await > LIMIT {
        assert!(
            started.elapsed() < Duration::from_secs(20),
            "no room is made"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(
        used(&admin, id).await > LIMIT / 2,
        "no more goes than has to"
    );
    let on_disk = data::stored_bytes(&server.data());
    assert!(on_disk <= LIMIT, "{on_disk} bytes on the disk");
    upstream.set_mode(Mode::RefuseConnections);
    for index in 0..HOT {
        client.pull("hub/app", &format!("v{index}")).await;
    }
}

#[tokio::test]
async fn what_fits_nowhere_is_streamed_through() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "huge", &[vec![1; 300_000]]);
    upstream.push_image("app", "small", &[vec![2; 1000]]);
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    let (admin, client) = (server.admin(), server.anonymous());
    let project = get(&admin, "/projects/hub").await.expect(200).json();
    let id = project["project_id"].as_i64().expect("a number");
    let limit = json!({ "hard": { "storage": 100_000 } });
    put(&admin, &format!("/quotas/{id}"), limit)
        .await
        .expect(200);
    client.pull("hub/app", "small").await;
    for _ in 0..2 {
        let pulled = client.pull("hub/app", "huge").await;
        assert_eq!(pulled.digest, image.manifest_digest);
    }
    server.settled().await;
    assert!(data::stored_bytes(&server.data()) < 100_000);
    upstream.set_mode(Mode::RefuseConnections);
    client.pull("hub/app", "small").await;
}
