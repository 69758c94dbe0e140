//! The ways out: through which proxy, as whom, and around it.

use std::net::{IpAddr, Ipv4Addr};

use upstream::fake::FakeUpstream;
use upstream::{Client, Endpoint, Error, Names, Patience, ProxyConfig, Step};

use crate::peer::{Authority, ClientCertificates, TestProxy, TlsFront};
use crate::{client_with, drain, reference};

fn at(fake: &FakeUpstream, url: &str, proxy: Option<&str>) -> Endpoint {
    let mut endpoint = Endpoint {
        url: url.to_owned(),
        ..fake.endpoint()
    };
    endpoint.options.proxy = proxy.map(Into::into);
    endpoint
}

/// A client whose configuration names `proxy` for everything.
fn through(endpoint: Endpoint, proxy: &str) -> Client {
    client_with(endpoint, |config| {
        config.proxy = Some(ProxyConfig {
            http: Some(proxy.to_owned()),
            https: Some(proxy.to_owned()),
            no_proxy: None,
        });
    })
}

async fn pull(client: &Client) -> Result<(), Error> {
    let found = client.manifest("a", &reference("v1"), Patience::Cold).await;
    found.map(drop)
}

fn of_proxy(outcome: Result<(), Error>) -> String {
    match outcome {
        Err(Error::Unreachable {
            step: Step::Proxy,
            reason,
        }) => reason,
        outcome => panic!("the proxy refuses, {outcome:?}"),
    }
}

#[tokio::test]
async fn registry_token_and_redirect_requests_go_by_the_proxy() {
    let (registry, storage) = (FakeUpstream::start().await, FakeUpstream::start().await);
    registry.require_anonymous_bearer();
    registry.set_token_realm("http://registry.example/token");
    let image = registry.push_image("a", "v1", &[vec![7; 100]]);
    storage.push_image("a", "v1", &[vec![7; 100]]);
    registry.redirect_blobs_to("http://storage.example");
    let proxy = TestProxy::start().await;
    proxy.knows("registry.example:80", &registry.host());
    proxy.knows("storage.example:80", &storage.host());

    let client = through(
        at(&registry, "http://registry.example", None),
        &proxy.url("http", ""),
    );
    pull(&client).await.unwrap();
    let body = client.blob("a", &image.layer_digests[0], 0).await.unwrap();
    assert_eq!(drain(body).await.0, vec![7; 100]);
    let log = proxy.log().join("\n");
    for part in [
        "GET http://registry.example/v2/a/manifests/v1",
        "GET http://registry.example/token?",
        "GET http://storage.example/v2/a/blobs/",
    ] {
        assert!(log.contains(part), "{part} in\n{log}");
    }
}

#[tokio::test]
async fn a_proxy_that_wants_a_password_gets_the_one_in_its_url() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let proxy = TestProxy::start().await;
    proxy.knows("registry.example:80", &fake.host());
    proxy.wants("me", "p@ss:word");
    let as_user = |account: &str| {
        let endpoint = at(&fake, "http://registry.example", None);
        through(endpoint, &proxy.url("http", account))
    };
    assert!(of_proxy(pull(&as_user("")).await).contains("407"));
    assert!(of_proxy(pull(&as_user("me:wrong@")).await).contains("407"));
    assert_eq!(fake.requests(), []);
    pull(&as_user("me:p%40ss%3Aword@")).await.unwrap();
}

#[tokio::test]
async fn tls_goes_through_a_tunnel() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let authority = Authority::new();
    let front = TlsFront::start(
        &authority.server("registry.example"),
        ClientCertificates::Unasked,
        fake.host(),
    )
    .await;
    let proxy = TestProxy::start().await;
    proxy.knows("registry.example:443", &front.host);
    proxy.wants("me", "p@ss");
    let client = |url: &str, account: &str| {
        let endpoint = Endpoint {
            ca_certificate: Some(authority.certificate.clone()),
            ..at(&fake, url, None)
        };
        through(endpoint, &proxy.url("http", account))
    };
    pull(&client("https://registry.example", "me:p%40ss@"))
        .await
        .unwrap();
    assert_eq!(proxy.log(), ["CONNECT registry.example:443"]);
    let refused = of_proxy(pull(&client("https://registry.example", "me:no@")).await);
    assert!(refused.contains("407"), "{refused}");
    let refused = of_proxy(pull(&client("https://unknown.example", "me:p%40ss@")).await);
    assert!(refused.contains("refused to connect"), "{refused}");
}

#[tokio::test]
async fn a_socks_proxy_looks_the_name_up_itself() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let proxy = TestProxy::start().await;
    proxy.knows("registry.example:80", &fake.host());
    let client = |scheme: &str, account: &str, url: &str| {
        client_with(at(&fake, url, Some(&proxy.url(scheme, account))), |_| {})
    };
    let url = "http://registry.example";
    pull(&client("socks5", "", url)).await.unwrap();
    pull(&client("socks5h", "", url)).await.unwrap();
    assert_eq!(proxy.log(), ["SOCKS registry.example:80"; 2]);
    let unknown = pull(&client("socks5", "", "http://unknown.example")).await;
    assert!(of_proxy(unknown).contains("allow the host"));

    proxy.wants("me", "p@ss");
    pull(&client("socks5", "me:p%40ss@", url)).await.unwrap();
    assert!(of_proxy(pull(&client("socks5", "me:no@", url)).await).contains("does not accept"));
}

#[tokio::test]
async fn a_proxy_that_is_not_there_is_told_from_a_registry_that_is_not_there() {
    let fake = FakeUpstream::start().await;
    let door = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = format!("http://secret:word@{}", door.local_addr().unwrap());
    drop(door);
    for url in ["http://registry.example", "https://registry.example"] {
        let reason = of_proxy(pull(&through(at(&fake, url, None), &gone)).await);
        assert!(reason.contains("connection refused"), "{reason}");
        assert!(!reason.contains("word"), "{reason}");
    }
}

#[tokio::test]
async fn the_endpoints_own_word_wins_over_the_configuration() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let (proxy, other) = (TestProxy::start().await, TestProxy::start().await);
    proxy.knows("registry.example:80", &fake.host());
    let own = proxy.url("http", "");
    let endpoint = at(&fake, "http://registry.example", Some(&own));
    pull(&through(endpoint, &other.url("http", "")))
        .await
        .unwrap();
    let direct = at(&fake, &fake.url(), Some("direct"));
    pull(&through(direct, &other.url("http", "")))
        .await
        .unwrap();
    // This machine is never asked for by a proxy that the configuration names.
    let local = at(&fake, &fake.url(), None);
    pull(&through(local, &other.url("http", ""))).await.unwrap();
    assert_eq!(proxy.log().len(), 1);
    assert_eq!(other.log(), Vec::<String>::new());
}

#[tokio::test]
async fn a_proxy_may_be_inside_but_nobody_is_redirected_to_it_or_further_in() {
    let fake = FakeUpstream::start().await;
    let image = fake.push_image("a", "v1", &[vec![7; 100]]);
    let inside = FakeUpstream::start().await;
    let proxy = TestProxy::start().await;
    proxy.knows("registry.example:80", &fake.host());
    let by_name = format!("http://proxy.internal:{}", proxy.port());
    let endpoint = at(&fake, "http://registry.example", None);
    let client = client_with(endpoint, |config| {
        config.proxy = Some(ProxyConfig {
            http: Some(by_name.clone()),
            https: None,
            no_proxy: Some("direct.example".to_owned()),
        });
        config.names = Some(Names::new(|_| Some(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])));
    });
    pull(&client).await.unwrap();
    let asked = proxy.log().len();
    let port = inside.host().rsplit_once(':').unwrap().1.to_owned();
    for to in [
        by_name,
        inside.url(),
        format!("http://localhost:{port}"),
        format!("http://direct.example:{port}"),
        "http://169.254.169.254".to_owned(),
    ] {
        fake.redirect_blobs_to(&to);
        let outcome = client.blob("a", &image.layer_digests[0], 0).await;
        assert!(
            matches!(
                outcome,
                Err(Error::BadAnswer { .. } | Error::Configuration { .. })
            ),
            "{to} {outcome:?}"
        );
    }
    assert_eq!(inside.requests(), []);
    let new = proxy.log().split_off(asked);
    assert!(
        new.iter()
            .all(|line| line.starts_with("GET http://registry.example/")),
        "{new:?}"
    );
}
