//! The client against the fake registry, on real sockets: a file per thing it promises.

mod blobs;
mod credentials_aws;
mod egress;
mod hostile;
mod limits;
mod lists;
mod manifests;
mod names;
mod outages;
mod peer;
mod providers;
mod proxies;
mod table;
mod tls;
mod tokens;

use std::time::Duration;

use futures_util::StreamExt;
use oci::Reference;
use upstream::fake::FakeUpstream;
use upstream::{BlobBody, Client, Config, Credential, Endpoint, Error, ProxyConfig};

/// A client for `endpoint` that no proxy of the machine comes in between of.
fn client(endpoint: Endpoint) -> Client {
    client_with(endpoint, |_| {})
}

fn client_with(endpoint: Endpoint, change: impl FnOnce(&mut Config)) -> Client {
    let mut config = Config {
        proxy: Some(ProxyConfig::default()),
        ..Config::default()
    };
    change(&mut config);
    Client::new(endpoint, &config).unwrap()
}

fn client_as(fake: &FakeUpstream, username: &str, secret: &str) -> Client {
    let credential = Credential {
        username: username.to_owned(),
        secret: secret.to_owned(),
    };
    client(Endpoint {
        credential: Some(credential),
        ..fake.endpoint()
    })
}

fn reference(text: &str) -> Reference {
    text.parse().unwrap()
}

/// The bytes that came, and the error that ended them.
async fn drain(mut body: BlobBody) -> (Vec<u8>, Option<Error>) {
    let mut bytes = Vec::new();
    while let Some(chunk) = body.stream.next().await {
        match chunk {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(error) => return (bytes, Some(error)),
        }
    }
    (bytes, None)
}

/// Fails a test that would otherwise wait for ever.
async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future)
        .await
        .expect("within 20 s")
}
