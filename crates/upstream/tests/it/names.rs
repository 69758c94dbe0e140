//! What names answer, and where that may lead.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use upstream::fake::FakeUpstream;
use upstream::{Client, Endpoint, Error, IpFamily, Names, Patience, Step};

use crate::{client_with, drain, reference};

fn port(fake: &FakeUpstream) -> String {
    fake.host().rsplit_once(':').unwrap().1.to_owned()
}

/// A client of `fake` under the name `registry.example`, for which names answer by `answer` and lead here.
fn client(
    fake: &FakeUpstream,
    answer: impl Fn(&str) -> &'static str + Send + Sync + 'static,
    change: impl FnOnce(&mut Endpoint),
) -> Client {
    let mut endpoint = Endpoint {
        url: format!("http://registry.example:{}", port(fake)),
        ..fake.endpoint()
    };
    change(&mut endpoint);
    let names = Names::new(move |name| {
        let answer = answer(name).split_whitespace();
        Some(answer.map(|address| address.parse().unwrap()).collect())
    });
    let names = names.dialled_at(IpAddr::V4(Ipv4Addr::LOCALHOST));
    client_with(endpoint, |config| config.names = Some(names))
}

async fn pull(client: &Client) -> Result<(), Error> {
    let found = client.manifest("a", &reference("v1"), Patience::Cold).await;
    found.map(drop)
}

#[tokio::test]
async fn a_public_registry_redirects_to_the_public_and_never_inside() {
    let (fake, other) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let image = fake.push_image("a", "v1", &[vec![7; 100]]);
    other.push_image("a", "v1", &[vec![7; 100]]);
    let answer = |name: &str| match name {
        "registry.example" => "8.8.8.8",
        "cdn.example" => "10.0.0.1 2606:4700::1",
        "private.example" => "10.0.0.1",
        "local.example" => "127.0.0.1",
        _ => "169.254.169.254 fd00:ec2::254",
    };
    let client = client(&fake, answer, |_| {});
    let blob = async |host: &str| {
        fake.redirect_blobs_to(&format!("http://{host}:{}", port(&other)));
        client.blob("a", &image.layer_digests[0], 0).await
    };
    for host in ["private.example", "local.example", "metadata.example"] {
        let outcome = blob(host).await;
        assert!(
            matches!(&outcome, Err(Error::Configuration { reason }) if reason.contains(host)),
            "{host} {outcome:?}"
        );
    }
    assert_eq!(other.requests(), []);
    let body = blob("cdn.example").await.unwrap();
    assert_eq!(drain(body).await.0, vec![7; 100]);
}

#[tokio::test]
async fn a_private_registry_redirects_to_its_own_network() {
    let (fake, other) = (FakeUpstream::start().await, FakeUpstream::start().await);
    let image = fake.push_image("a", "v1", &[vec![7; 100]]);
    other.push_image("a", "v1", &[vec![7; 100]]);
    let answer = |name: &str| match name {
        "local.example" => "127.0.0.1",
        _ => "10.0.0.1",
    };
    let client = client(&fake, answer, |_| {});
    fake.redirect_blobs_to(&format!("http://minio.example:{}", port(&other)));
    client.blob("a", &image.layer_digests[0], 0).await.unwrap();
    fake.redirect_blobs_to(&format!("http://local.example:{}", port(&other)));
    client
        .blob("a", &image.layer_digests[0], 0)
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_registry_whose_name_moves_inside_is_not_followed() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let asked = AtomicUsize::new(0);
    let answer = move |_: &str| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => "8.8.8.8",
        _ => "10.0.0.1",
    };
    let client = client(&fake, answer, |_| {});
    pull(&client).await.unwrap();
    let before = fake.requests().len();
    fake.cut_connections();
    let outcome = pull(&client).await;
    assert!(
        matches!(&outcome, Err(Error::Configuration { reason }) if reason.contains("save the endpoint again")),
        "{outcome:?}"
    );
    assert_eq!(fake.requests().len(), before);
}

#[tokio::test]
async fn a_credential_reaches_a_listed_token_service_inside_and_no_other() {
    let (fake, tokens) = (FakeUpstream::start().await, FakeUpstream::start().await);
    tokens.require_bearer("u", "p");
    fake.require_bearer("u", "p");
    fake.set_token_realm(&format!("http://auth.example:{}/token", port(&tokens)));
    let answer = |name: &str| match name {
        "auth.example" => "10.0.0.1",
        _ => "8.8.8.8",
    };
    let login = |listed: &[&str]| {
        client(&fake, answer, |endpoint| {
            endpoint.credential = Some(upstream::Credential {
                username: "u".into(),
                secret: "p".into(),
            });
            endpoint.options.token_hosts = listed.iter().map(|host| (*host).into()).collect();
        })
    };
    let outcome = pull(&login(&[])).await;
    assert!(
        matches!(&outcome, Err(Error::Configuration { reason }) if reason.contains("add auth.example")),
        "{outcome:?}"
    );
    assert_eq!(tokens.requests(), []);
    // The token it gives is not one of `fake`'s; that it was asked is the point.
    pull(&login(&["auth.example"])).await.unwrap_err();
    assert!(tokens.token_requests() > 0);
}

#[tokio::test]
async fn a_family_without_addresses_and_a_name_without_any_are_said_so() {
    let fake = FakeUpstream::start().await;
    let outcome = pull(&client(
        &fake,
        |_| "8.8.8.8",
        |endpoint| endpoint.options.ip_family = Some(IpFamily::Ipv6),
    ))
    .await;
    assert!(
        matches!(&outcome, Err(Error::Configuration { reason }) if reason.contains("no IPv6 address")),
        "{outcome:?}"
    );
    let outcome = pull(&client(&fake, |_| "", |_| {})).await;
    assert!(
        matches!(&outcome, Err(Error::Unreachable { step: Step::Dns, reason }) if reason.contains("registry.example")),
        "{outcome:?}"
    );
}
