//! Where requests and credentials go, and where they do not.

use upstream::fake::FakeUpstream;
use upstream::{Client, Config, Endpoint, Error, Kind, Patience, ProxyConfig};

use crate::{client_as, client_with, reference};

#[tokio::test]
async fn a_credential_goes_to_its_own_host_on_another_port_and_to_no_other_host() {
    let fake = FakeUpstream::start().await;
    fake.require_bearer("u", "p");
    let other = FakeUpstream::start().await;
    other.require_bearer("u", "p");

    let port = other.host().rsplit_once(':').unwrap().1.to_owned();
    for realm in [
        format!("http://localhost:{port}/token"),
        format!("http://127.0.0.2:{port}/token"),
    ] {
        fake.set_token_realm(&realm);
        let outcome = client_as(&fake, "u", "p")
            .ping()
            .await
            .map_err(|failed| failed.error);
        assert!(
            matches!(&outcome, Err(Error::Configuration { reason }) if reason.contains("`token_hosts`")),
            "{outcome:?}"
        );
    }
    assert_eq!(other.requests(), []);

    fake.set_token_realm(&format!("{}/token", other.url()));
    // The token is not one of `fake`'s, but the credential was shown where it may be.
    assert_eq!(
        client_as(&fake, "u", "p")
            .ping()
            .await
            .map_err(|failed| failed.error),
        Err(Error::Refused { status: 401 })
    );
    assert_eq!(other.token_requests(), 1);
    assert!(
        other.requests()[0]
            .authorization
            .as_ref()
            .unwrap()
            .starts_with("Basic ")
    );
}

#[tokio::test]
async fn requests_go_by_the_proxy_that_was_named_and_around_it_where_told() {
    let proxy = FakeUpstream::start().await;
    proxy.push_image("a", "v1", &[]);
    let endpoint = |url: &str| Endpoint {
        url: url.to_owned(),
        ..proxy.endpoint()
    };
    let through = |no_proxy: Option<&str>| {
        client_with(endpoint("http://registry.invalid"), |config| {
            config.proxy = Some(ProxyConfig {
                http: Some(proxy.url()),
                https: None,
                no_proxy: no_proxy.map(str::to_owned),
            });
        })
    };
    through(None)
        .manifest("a", &reference("v1"), Patience::Cold)
        .await
        .unwrap();
    assert_eq!(proxy.count("GET", "/v2/a/manifests/v1"), 1);
    let outcome = through(Some("registry.invalid"))
        .manifest("a", &reference("v1"), Patience::Cold)
        .await;
    assert!(outcome.unwrap_err().is_outage());
    assert_eq!(proxy.requests().len(), 1);
}

#[test]
fn what_cannot_be_read_is_said_when_the_client_is_made() {
    let endpoint = |url: &str, ca: Option<&str>| Endpoint {
        id: 1,
        name: "one".into(),
        kind: Kind::DockerRegistry,
        url: url.into(),
        credential: None,
        is_insecure: false,
        ca_certificate: ca.map(str::to_owned),
        options: upstream::Options::default(),
    };
    let config = Config::default();
    let table = [
        (endpoint("ftp://r.example", None), config.clone()),
        (
            endpoint("https://r.example", Some("no certificate")),
            config.clone(),
        ),
        (
            endpoint("https://r.example", None),
            Config {
                proxy: Some(ProxyConfig {
                    http: Some("::".into()),
                    ..ProxyConfig::default()
                }),
                ..config.clone()
            },
        ),
    ];
    for (endpoint, config) in table {
        let outcome = Client::new(endpoint, &config);
        assert!(
            matches!(outcome, Err(Error::Configuration { .. })),
            "{outcome:?}"
        );
    }
    assert!(Client::new(endpoint("https://r.example", Some("  ")), &config).is_ok());
}

#[test]
fn docker_hub_is_known_by_its_names() {
    let is_hub = |kind: Kind, url: &str| {
        let endpoint = Endpoint {
            id: 1,
            name: "one".into(),
            kind,
            url: url.into(),
            credential: None,
            is_insecure: false,
            ca_certificate: None,
            options: upstream::Options::default(),
        };
        Client::new(endpoint, &Config::default())
            .unwrap()
            .is_docker_hub()
    };
    assert!(is_hub(Kind::DockerHub, ""));
    assert!(is_hub(Kind::DockerHub, "https://mirror.example"));
    assert!(is_hub(Kind::DockerRegistry, "https://docker.io"));
    assert!(is_hub(
        Kind::DockerRegistry,
        "https://registry-1.docker.io/"
    ));
    assert!(!is_hub(Kind::DockerRegistry, "https://quay.io"));
    assert_eq!("docker-hub".parse(), Ok(Kind::DockerHub));
    assert_eq!(Kind::DockerRegistry.to_string(), "docker-registry");
    assert!("gitlab".parse::<Kind>().is_err());
}
