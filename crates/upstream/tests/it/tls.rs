//! Certificates: whose are trusted, and which we show.

use std::net::{IpAddr, Ipv4Addr};

use upstream::fake::FakeUpstream;
use upstream::{Client, Endpoint, Error, Names, Step};

use crate::client_with;
use crate::peer::{Authority, ClientCertificates, TlsFront};

/// A client of `https://registry.example` at `front`, which trusts `authority`.
fn client(
    fake: &FakeUpstream,
    front: &TlsFront,
    authority: Option<&Authority>,
    change: impl FnOnce(&mut Endpoint),
) -> Client {
    let mut endpoint = Endpoint {
        url: format!("https://registry.example:{}", front.port),
        ca_certificate: authority.map(|authority| authority.certificate.clone()),
        ..fake.endpoint()
    };
    change(&mut endpoint);
    client_with(endpoint, |config| {
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        config.names = Some(Names::new(move |_| Some(vec![here])));
    })
}

fn of_tls(outcome: Result<(), upstream::Diagnosis>) -> String {
    let outcome = outcome.map_err(|failed| failed.error);
    match outcome {
        Err(Error::Unreachable {
            step: Step::Tls,
            reason,
        }) => reason,
        outcome => panic!("TLS fails, {outcome:?}"),
    }
}

#[tokio::test]
async fn a_certificate_is_trusted_by_its_authority_its_name_and_its_dates() {
    let fake = FakeUpstream::start().await;
    let authority = Authority::new();
    let front = async |pair| TlsFront::start(&pair, ClientCertificates::Unasked, fake.host()).await;
    let good = front(authority.server("registry.example")).await;
    client(&fake, &good, Some(&authority), |_| {})
        .ping()
        .await
        .unwrap();
    let unknown = client(&fake, &good, None, |_| {}).ping().await;
    assert!(of_tls(unknown).contains("unknown authority"));
    let insecure = client(&fake, &good, None, |endpoint| endpoint.is_insecure = true);
    insecure.ping().await.unwrap();

    let expired = front(authority.expired_server("registry.example")).await;
    let outcome = client(&fake, &expired, Some(&authority), |_| {})
        .ping()
        .await;
    assert!(of_tls(outcome).contains("expired"));
    let other = front(authority.server("other.example")).await;
    let outcome = client(&fake, &other, Some(&authority), |_| {}).ping().await;
    assert!(of_tls(outcome).contains("not valid for this name"));
}

#[tokio::test]
async fn a_registry_that_wants_a_client_certificate_gets_the_endpoints() {
    let fake = FakeUpstream::start().await;
    let authority = Authority::new();
    let pair = authority.server("registry.example");
    let front = TlsFront::start(&pair, ClientCertificates::SignedBy(&authority), fake.host()).await;
    let with = |own: Option<&Authority>| {
        let own = own.map(Authority::client);
        client(&fake, &front, Some(&authority), |endpoint| {
            if let Some(own) = own {
                endpoint.options.client_certificate = Some(own.certificate);
                endpoint.options.client_key = Some(own.key.into());
            }
        })
    };
    with(Some(&authority)).ping().await.unwrap();
    assert!(with(None).ping().await.unwrap_err().error.is_outage());
    assert!(
        with(Some(&Authority::new()))
            .ping()
            .await
            .unwrap_err()
            .error
            .is_outage()
    );
    assert_eq!(fake.requests().len(), 1);
}

#[tokio::test]
async fn http_2_is_spoken_unless_the_endpoint_says_otherwise() {
    let fake = FakeUpstream::start().await;
    let authority = Authority::new();
    let pair = authority.server("registry.example");
    let front = TlsFront::start(&pair, ClientCertificates::Unasked, fake.host()).await;
    client(&fake, &front, Some(&authority), |_| {})
        .ping()
        .await
        .unwrap();
    let old = client(&fake, &front, Some(&authority), |endpoint| {
        endpoint.options.http2 = Some(false);
    });
    old.ping().await.unwrap();
    assert_eq!(front.protocols(), ["h2", "http/1.1"]);
}

#[tokio::test]
async fn a_port_that_does_not_speak_tls_is_said_so() {
    let fake = FakeUpstream::start().await;
    let url = fake.url().replace("http:", "https:");
    let outcome = crate::client(Endpoint {
        url,
        ..fake.endpoint()
    })
    .ping()
    .await;
    assert!(of_tls(outcome).contains("does not speak TLS"));
}

#[test]
fn what_cannot_be_shown_is_said_when_the_client_is_made() {
    let authority = Authority::new();
    let own = authority.client();
    let refused = |change: &dyn Fn(&mut upstream::Options)| {
        let mut endpoint = Endpoint {
            id: 1,
            name: "one".into(),
            kind: upstream::Kind::DockerRegistry,
            url: "https://r.example".into(),
            credential: None,
            is_insecure: false,
            ca_certificate: None,
            options: upstream::Options::default(),
        };
        change(&mut endpoint.options);
        match Client::new(endpoint, &upstream::Config::default()) {
            Err(Error::Configuration { reason }) => reason,
            outcome => panic!("it is refused, {outcome:?}"),
        }
    };
    let pair = |certificate: &str, key: &str| {
        refused(&|options| {
            options.client_certificate = Some(certificate.to_owned());
            options.client_key = Some(key.into());
        })
    };
    assert!(pair(&own.certificate, "").contains("without its key"));
    assert!(pair("", &own.key).contains("without its certificate"));
    assert!(pair("x", &own.key).contains("no PEM certificate"));
    assert!(pair(&own.certificate, &own.certificate).contains("no PEM private key"));
    let header = |name: &str, value: &str| {
        let reason = refused(&|options| {
            options.headers.insert(name.to_owned(), value.into());
        });
        assert!(!reason.contains("secret"), "{reason}");
        reason
    };
    assert!(header("a b", "secret").contains("no name of a header"));
    assert!(header("x-a", "secret\n").contains("cannot be sent"));
    assert!(header("Host", "secret").contains("cannot be set"));
    let proxy = refused(&|options| options.proxy = Some("ftp://u:secret@p".into()));
    assert!(!proxy.contains("secret"), "{proxy}");
}
