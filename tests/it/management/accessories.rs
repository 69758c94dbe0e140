//! Signatures and other artifacts that are about one.

use serde_json::{Value, json};
use tests::fake::FakeUpstream;
use tests::{Artifact, Setup, TestServer};

use super::{delete, get};

const APP: &str = "/projects/library/repositories/app";
const NOTATION: &str = "application/vnd.cncf.notary.signature";

fn texts(list: &Value, key: &str) -> Vec<String> {
    let items = list.as_array().unwrap().iter();
    items
        .map(|item| item[key].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn signatures_are_shown_with_what_they_sign_and_go_with_it() {
    let server = TestServer::start(Setup::new()).await;
    let (admin, anonymous) = (server.admin(), server.anonymous());
    let image = Artifact::image("signed");
    let about = |kind: &str| Artifact::about(kind, &image.digest(), image.text().len());
    let notation = about(NOTATION);
    let harbors = about("application/vnd.goharbor.harbor.sbom.v1");
    let other = about("application/vnd.example.provenance");
    let cosign = Artifact::image("cosign's signature");
    let attestation = Artifact::image("cosign's attestation");

    // One comes before its subject: it is an artifact like others until then.
    admin.push_artifact("library/app", None, &notation).await;
    let early = get(&anonymous, &format!("{APP}/artifacts"))
        .await
        .expect(200);
    assert_eq!(texts(&early.json(), "digest"), [notation.digest().as_str()]);
    admin.push_artifact("library/app", Some("1"), &image).await;
    for (artifact, tag) in [
        (&harbors, None),
        (&other, None),
        (&cosign, Some(image.cosign_tag("sig"))),
        (&attestation, Some(image.cosign_tag("att"))),
    ] {
        admin
            .push_artifact("library/app", tag.as_deref(), artifact)
            .await;
    }

    let listed = get(&anonymous, &format!("{APP}/artifacts"))
        .await
        .expect(200);
    assert_eq!(listed.header("x-total-count"), "1");
    let shown = &listed.json()[0];
    let expected = [
        (&notation, "signature.notation"),
        (&harbors, "sbom.harbor"),
        (&other, "subject.accessory"),
        (&cosign, "signature.cosign"),
        (&attestation, "subject.accessory"),
    ];
    let kinds: Vec<&str> = expected.iter().map(|(_, kind)| *kind).collect();
    let digests: Vec<String> = expected
        .iter()
        .map(|(it, _)| it.digest().to_string())
        .collect();
    assert_eq!(texts(&shown["accessories"], "type"), kinds);
    assert_eq!(texts(&shown["accessories"], "digest"), digests);
    let repository = get(&admin, APP).await.expect(200).json();
    assert_eq!(repository["artifact_count"], 1);

    let accessories = format!("{APP}/artifacts/1/accessories");
    let all = get(&anonymous, &accessories).await.expect(200);
    assert_eq!(all.header("x-total-count"), "5");
    assert_eq!(all.json(), shown["accessories"]);
    let first = &all.json()[0];
    assert_eq!(
        (
            &first["subject_artifact_digest"],
            &first["subject_artifact_repo"]
        ),
        (&json!(image.digest()), &json!("library/app"))
    );
    let second = get(&anonymous, &format!("{accessories}?page=2&page_size=2")).await;
    assert_eq!(texts(&second.expect(200).json(), "digest"), digests[2..4]);
    let cosigns = get(
        &anonymous,
        &format!("{accessories}?q=type%3Dsignature.cosign"),
    )
    .await;
    assert_eq!(texts(&cosigns.expect(200).json(), "digest"), digests[3..4]);
    let without = get(
        &anonymous,
        &format!("{APP}/artifacts/1?with_accessory=false"),
    )
    .await;
    assert_eq!(without.expect(200).json()["accessories"], json!([]));
    get(&anonymous, &format!("{APP}/artifacts/none/accessories"))
        .await
        .expect(404);
    // By itself one can be looked at, and what a tag says makes no referrer.
    get(&anonymous, &format!("{APP}/artifacts/{}", cosign.digest()))
        .await
        .expect(200);
    let referrers = format!("/v2/library/app/referrers/{}", image.digest());
    let referrers = anonymous.get(&referrers).await.expect(200).json();
    assert_eq!(referrers["manifests"].as_array().unwrap().len(), 3);

    delete(&admin, &format!("{APP}/artifacts/1"))
        .await
        .expect(200);
    assert_eq!(
        get(&admin, &format!("{APP}/artifacts"))
            .await
            .expect(200)
            .json(),
        json!([])
    );
    for digest in digests {
        admin.manifest("library/app", &digest).await.expect(404);
    }
}

#[tokio::test]
async fn a_signature_goes_alone_and_a_subject_deleted_by_a_client_takes_it_along() {
    let server = TestServer::start(Setup::new()).await;
    let admin = server.admin();
    let image = Artifact::image("signed");
    let notation = Artifact::about(NOTATION, &image.digest(), image.text().len());
    admin.push_artifact("library/app", Some("1"), &image).await;
    admin.push_artifact("library/app", None, &notation).await;
    let signature = format!("{APP}/artifacts/{}", notation.digest());
    delete(&admin, &signature).await.expect(200);
    let left = get(&admin, &format!("{APP}/artifacts/1")).await.expect(200);
    assert_eq!(left.json()["accessories"], json!([]));
    admin.push_artifact("library/app", None, &notation).await;
    let manifest = format!("/v2/library/app/manifests/{}", image.digest());
    admin.delete(&manifest).await.expect(202);
    get(&admin, &signature).await.expect(404);
}

#[tokio::test]
async fn a_cached_signature_is_found_by_its_tag_and_is_no_artifact_of_its_own() {
    let upstream = FakeUpstream::start().await;
    let image = Artifact::image("signed");
    let signature = Artifact::image("cosign's signature");
    for (artifact, tag) in [
        (&image, "1".to_owned()),
        (&signature, image.cosign_tag("sig")),
    ] {
        for blob in &artifact.blobs {
            upstream.push_blob("app", blob.clone());
        }
        upstream.push_manifest("app", &tag, artifact.media_type(), artifact.text());
    }
    let server = TestServer::start(Setup::new().proxy_of("hub", &upstream.url())).await;
    let anonymous = server.anonymous();
    anonymous.pull("hub/app", "1").await;
    anonymous.pull("hub/app", &image.cosign_tag("sig")).await;
    let artifacts = "/projects/hub/repositories/app/artifacts";
    let listed = get(&anonymous, artifacts).await.expect(200).json();
    assert_eq!(texts(&listed, "digest"), [image.digest().as_str()]);
    assert_eq!(
        texts(&listed[0]["accessories"], "type"),
        ["signature.cosign"]
    );
    // A copy may go, and comes again.
    delete(&server.admin(), &format!("{artifacts}/1"))
        .await
        .expect(200);
    let gone = format!("{artifacts}/{}", signature.digest());
    get(&anonymous, &gone).await.expect(404);
    anonymous.pull("hub/app", &image.cosign_tag("sig")).await;
    get(&anonymous, &gone).await.expect(200);
}
