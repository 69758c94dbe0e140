//! What the tests of the makers share.

use std::sync::Arc;

use super::Made;
use crate::egress::Ways;
use crate::fake::FakeUpstream;
use crate::fake::cloud::desk::Desk;
use crate::{Client, Config, Endpoint, Error, Kind, Options, Patience, ProxyConfig, provider};

pub(super) fn endpoint_at(url: &str) -> Endpoint {
    Endpoint {
        id: 1,
        name: "one".into(),
        kind: Kind::DockerRegistry,
        url: url.into(),
        credential: None,
        is_insecure: false,
        ca_certificate: None,
        options: Options::default(),
    }
}

/// Ways that no proxy of the machine comes in between of.
pub(super) fn ways(endpoint: &Endpoint) -> Arc<Ways> {
    let url = provider::data_url(endpoint).unwrap();
    Arc::new(Ways::new(endpoint.clone(), url, config()))
}

/// Why no credential was made.
pub(super) fn reason(made: Result<Made, Error>) -> String {
    match made {
        Err(Error::Credential { reason }) => reason,
        Err(other) => panic!("{other:?} says that the registry is at fault"),
        Ok(_) => panic!("a credential was made"),
    }
}

/// Whether what was made pulls through the cloud's registry, by its own challenge and tokens.
pub(super) async fn opens_registry(desk: &Desk, made: &Made) -> bool {
    let fake = FakeUpstream::start().await;
    fake.push_image("team/app", "1", &[b"layer".to_vec()]);
    desk.stand_before(&fake.url());
    let endpoint = Endpoint {
        credential: Some(made.credential.clone()),
        ..endpoint_at(&desk.url())
    };
    let client = Client::new(endpoint, &config()).unwrap();
    let reference = "1".parse().unwrap();
    match client
        .manifest("team/app", &reference, Patience::Cold)
        .await
    {
        Ok(_) => true,
        Err(Error::Refused { .. }) => false,
        Err(other) => panic!("{other:?}"),
    }
}

fn config() -> Config {
    Config {
        proxy: Some(ProxyConfig::default()),
        ..Config::default()
    }
}
