//! Tags and referrers, page after page.

use oci::{Digest, media_type};
use serde_json::json;
use upstream::Error;
use upstream::fake::{FakeUpstream, Mode};

#[tokio::test]
async fn all_pages_of_the_tags_are_read() {
    let fake = FakeUpstream::start().await;
    let mut expected: Vec<_> = (0..2500).map(|number| format!("v{number}")).collect();
    for tag in &expected {
        fake.push_manifest("a/b", tag, media_type::OCI_INDEX, "{}");
    }
    expected.sort();
    let client = fake.client().unwrap();
    assert_eq!(client.tags("a/b").await.unwrap(), expected);
    assert_eq!(fake.requests().len(), 3);
    assert_eq!(client.tags("a/c").await, Err(Error::NotFound));
}

#[tokio::test]
async fn an_endless_list_of_tags_ends() {
    let fake = FakeUpstream::start().await;
    for number in 0..100_001 {
        fake.push_manifest("a", &format!("v{number}"), media_type::OCI_INDEX, "{}");
    }
    let tags = fake.client().unwrap().tags("a").await.unwrap();
    assert_eq!((tags.len(), fake.requests().len()), (100_000, 100));
}

#[tokio::test]
async fn a_list_that_is_none_is_refused() {
    let fake = FakeUpstream::start().await;
    fake.set_mode(Mode::Html);
    assert!(matches!(
        fake.client().unwrap().tags("a").await,
        Err(Error::BadAnswer { .. })
    ));
}

fn signature(subject: &Digest, artifact_type: &str) -> String {
    json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": { "mediaType": media_type::OCI_EMPTY, "digest": Digest::sha256(b"{}"), "size": 2 },
        "layers": [],
        "subject": { "mediaType": media_type::OCI_MANIFEST, "digest": subject, "size": 1 },
    })
    .to_string()
}

#[tokio::test]
async fn referrers_come_from_the_list_and_by_type() {
    let fake = FakeUpstream::start().await;
    let image = fake.push_image("a", "v1", &[]);
    let signed = fake.push_manifest(
        "a",
        "",
        media_type::OCI_MANIFEST,
        signature(&image.manifest_digest, "x/sig"),
    );
    fake.push_manifest(
        "a",
        "",
        media_type::OCI_MANIFEST,
        signature(&image.manifest_digest, "x/sbom"),
    );
    let client = fake.client().unwrap();
    assert_eq!(
        client
            .referrers("a", &image.manifest_digest, None)
            .await
            .unwrap()
            .len(),
        2
    );
    let filtered = client
        .referrers("a", &image.manifest_digest, Some("x/sig"))
        .await
        .unwrap();
    assert_eq!(
        filtered
            .iter()
            .map(|referrer| &referrer.digest)
            .collect::<Vec<_>>(),
        [&signed]
    );
    assert_eq!(filtered[0].artifact_type.as_deref(), Some("x/sig"));
}

#[tokio::test]
async fn a_registry_without_the_list_is_asked_for_the_tag_that_stands_in() {
    let fake = FakeUpstream::start().await;
    let image = fake.push_image("a", "v1", &[]);
    let client = fake.client().unwrap();
    for mode in [
        Mode::Status(404, vec![]),
        Mode::Status(405, vec![]),
        Mode::Html,
    ] {
        fake.set_mode_for("/referrers/", mode);
        assert_eq!(
            client.referrers("b", &image.manifest_digest, None).await,
            Ok(vec![])
        );
    }
    let listed = json!({ "mediaType": media_type::OCI_MANIFEST, "digest": Digest::sha256(b"s"), "size": 1,
        "artifactType": "x/sig" });
    let index =
        json!({ "schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": [listed] });
    let tag = format!("sha256-{}", image.manifest_digest.hex());
    fake.push_manifest("a", &tag, media_type::OCI_INDEX, index.to_string());
    assert_eq!(
        client
            .referrers("a", &image.manifest_digest, None)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        client
            .referrers("a", &image.manifest_digest, Some("x/sbom"))
            .await,
        Ok(vec![])
    );
}
