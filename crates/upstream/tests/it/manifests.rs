//! Manifests: what is asked, what comes, and what is refused.

use oci::{Digest, media_type};
use upstream::fake::{FakeUpstream, Mode};
use upstream::{Error, ManifestHead, Patience};

use crate::reference;

#[tokio::test]
async fn a_head_is_one_request_and_tells_digest_type_and_size() {
    let fake = FakeUpstream::start().await;
    let image = fake.push_image("library/alpine", "3.20", &[b"layer".to_vec()]);
    let client = fake.client().unwrap();
    let head = client
        .head_manifest("library/alpine", &reference("3.20"), Patience::Revalidate)
        .await
        .unwrap();
    let expected = ManifestHead {
        digest: Some(image.manifest_digest),
        media_type: Some(media_type::OCI_MANIFEST.to_owned()),
        size: Some(image.manifest.len() as u64),
    };
    assert_eq!(head, expected);
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn a_manifest_comes_byte_for_byte_by_tag_and_by_digest() {
    let fake = FakeUpstream::start().await;
    let image = fake.push_image("a", "v1", &[b"layer".to_vec()]);
    let client = fake.client().unwrap();
    for text in ["v1", image.manifest_digest.as_str()] {
        let fetched = client
            .manifest("a", &reference(text), Patience::Cold)
            .await
            .unwrap();
        assert_eq!(fetched.bytes, image.manifest);
        assert_eq!(
            fetched.media_type.as_deref(),
            Some(media_type::OCI_MANIFEST)
        );
        assert_eq!(fetched.digest_header.as_ref(), Some(&image.manifest_digest));
    }
}

#[tokio::test]
async fn a_request_says_who_asks_and_takes_every_kind_of_manifest() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    fake.client()
        .unwrap()
        .manifest("a", &reference("v1"), Patience::Cold)
        .await
        .unwrap();
    let seen = &fake.requests()[0];
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("GET", "/v2/a/manifests/v1")
    );
    assert!(seen.user_agent.as_ref().unwrap().starts_with("roadstead/"));
    assert_eq!(seen.accept.as_deref(), Some(media_type::ACCEPT_MANIFESTS));
    assert_eq!(seen.authorization, None);
}

#[tokio::test]
async fn bytes_of_another_digest_than_asked_are_refused() {
    let fake = FakeUpstream::start().await;
    let digest = Digest::sha256(b"asked");
    fake.push_manifest_under("a", digest.clone(), media_type::OCI_INDEX, "answered");
    let outcome = fake
        .client()
        .unwrap()
        .manifest("a", &reference(digest.as_str()), Patience::Cold)
        .await;
    assert!(
        matches!(outcome, Err(Error::BadAnswer { .. })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_manifest_over_four_mebibytes_is_refused_with_and_without_a_length() {
    let fake = FakeUpstream::start().await;
    fake.push_manifest("a", "most", media_type::OCI_INDEX, vec![b' '; 4 << 20]);
    fake.push_manifest(
        "a",
        "more",
        media_type::OCI_INDEX,
        vec![b' '; (4 << 20) + 1],
    );
    let client = fake.client().unwrap();
    for mode in [Mode::Normal, Mode::NoContentLength] {
        fake.set_mode(mode);
        let most = client
            .manifest("a", &reference("most"), Patience::Cold)
            .await
            .unwrap();
        assert_eq!(most.bytes.len(), 4 << 20);
        let outcome = client
            .manifest("a", &reference("more"), Patience::Cold)
            .await;
        assert!(
            matches!(outcome, Err(Error::BadAnswer { .. })),
            "{outcome:?}"
        );
    }
}

#[tokio::test]
async fn a_web_page_with_200_is_no_manifest() {
    let fake = FakeUpstream::start().await;
    fake.set_mode(Mode::Html);
    let client = fake.client().unwrap();
    let head = client
        .head_manifest("a", &reference("v1"), Patience::Cold)
        .await;
    assert!(matches!(head, Err(Error::BadAnswer { .. })), "{head:?}");
    let get = client.manifest("a", &reference("v1"), Patience::Cold).await;
    assert!(matches!(get, Err(Error::BadAnswer { .. })), "{get:?}");
}

#[tokio::test]
async fn each_status_keeps_its_meaning() {
    let fake = FakeUpstream::start().await;
    let table = [
        (401, Error::Refused { status: 401 }),
        (403, Error::Refused { status: 403 }),
        (404, Error::NotFound),
        (429, Error::RateLimited { retry_after: None }),
        (400, Error::Failed { status: 400 }),
        (451, Error::Failed { status: 451 }),
        (500, Error::Failed { status: 500 }),
        (503, Error::Failed { status: 503 }),
        (304, Error::Failed { status: 304 }),
    ];
    for (status, expected) in table {
        fake.set_mode(Mode::Status(status, vec![]));
        // One that was told 429 asks no more.
        let client = fake.client().unwrap();
        let outcome = client.manifest("a", &reference("v1"), Patience::Cold).await;
        assert_eq!(outcome.unwrap_err(), expected, "{status}");
    }
    fake.set_mode(Mode::Normal);
    let client = fake.client().unwrap();
    let outcome = client
        .manifest("a", &reference("gone"), Patience::Cold)
        .await;
    assert_eq!(outcome.unwrap_err(), Error::NotFound);
}

#[tokio::test]
async fn a_registry_without_head_or_digest_header_is_no_failure() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let client = fake.client().unwrap();
    fake.set_mode(Mode::Status(405, vec![]));
    let head = client
        .head_manifest("a", &reference("v1"), Patience::Revalidate)
        .await
        .unwrap();
    assert_eq!(head, ManifestHead::default());
    fake.set_mode(Mode::NoDigestHeader);
    let head = client
        .head_manifest("a", &reference("v1"), Patience::Revalidate)
        .await
        .unwrap();
    assert_eq!(head.digest, None);
}

#[tokio::test]
async fn a_path_prefix_is_kept_and_a_name_cannot_leave_it() {
    let fake = FakeUpstream::start().await;
    let mut endpoint = fake.endpoint();
    endpoint.url = format!("{}/artifactory/docker/", fake.url());
    let client = crate::client(endpoint);
    let outcome = client
        .manifest("a/b", &reference("v1"), Patience::Cold)
        .await;
    assert_eq!(outcome.unwrap_err(), Error::NotFound);
    client.ping().await.unwrap_err();
    let paths: Vec<_> = fake.requests().into_iter().map(|seen| seen.path).collect();
    assert_eq!(
        paths,
        [
            "/artifactory/docker/v2/a/b/manifests/v1",
            "/artifactory/docker/v2/"
        ]
    );
    for name in ["..", "a/../b", "", "a//b", "."] {
        assert_eq!(
            client
                .manifest(name, &reference("v1"), Patience::Cold)
                .await
                .unwrap_err(),
            Error::NotFound
        );
    }
    assert_eq!(fake.requests().len(), 2);
}
