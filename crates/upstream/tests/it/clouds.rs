//! The fakes of the clouds as fronts of a registry: what they let through, and what not.

use upstream::fake::FakeUpstream;
use upstream::fake::cloud::desk::Desk;
use upstream::fake::cloud::google::Google;
use upstream::{Credential, Endpoint, Error, Kind, Patience};

use crate::{client, reference};

fn endpoint(fake: &FakeUpstream, desk: &Desk, username: &str, secret: &str) -> Endpoint {
    Endpoint {
        kind: Kind::GoogleGcr,
        url: desk.url(),
        credential: Some(Credential {
            username: username.to_owned(),
            secret: secret.to_owned(),
        }),
        ..fake.endpoint()
    }
}

#[tokio::test]
async fn a_service_accounts_key_opens_googles_registry_and_a_deleted_one_does_not() {
    let (fake, google) = (FakeUpstream::start().await, Google::start().await);
    fake.push_image("project/app", "1", &[vec![1; 100]]);
    google.desk().stand_before(&fake.url());

    let own = client(endpoint(
        &fake,
        google.desk(),
        "_json_key",
        &google.key_json(),
    ));
    let manifest = own
        .manifest("project/app", &reference("1"), Patience::Cold)
        .await;
    assert!(manifest.is_ok(), "{manifest:?}");

    let deleted = google.deleted_key_json();
    let other = client(endpoint(&fake, google.desk(), "_json_key", &deleted));
    let refused = other
        .manifest("project/app", &reference("1"), Patience::Cold)
        .await;
    assert!(matches!(refused, Err(Error::Refused { .. })), "{refused:?}");
}
