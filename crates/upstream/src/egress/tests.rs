use super::*;
use crate::{Kind, Options, ProxyConfig};

fn url(text: &str) -> Url {
    text.parse().unwrap()
}

fn ways(upstream: &str, token_hosts: &[&str]) -> Ways {
    let endpoint = Endpoint {
        id: 1,
        name: "one".into(),
        kind: Kind::DockerRegistry,
        url: upstream.into(),
        credential: None,
        is_insecure: false,
        ca_certificate: None,
        options: Options {
            token_hosts: token_hosts.iter().map(|host| (*host).to_owned()).collect(),
            ..Options::default()
        },
    };
    let config = Config {
        proxy: Some(ProxyConfig {
            http: Some("http://proxy.example:3128".into()),
            https: Some("http://10.9.9.9:3128".into()),
            no_proxy: None,
        }),
        ..Config::default()
    };
    Ways::new(endpoint, url(upstream), config)
}

#[test]
fn a_credential_goes_to_a_realm_that_belongs_to_the_registry() {
    let table = [
        (
            "https://registry-1.docker.io",
            "https://auth.docker.io/token",
            true,
        ),
        (
            "https://registry.gitlab.com",
            "https://gitlab.com/jwt/auth",
            true,
        ),
        (
            "https://docker.elastic.co",
            "https://docker-auth.elastic.co/auth",
            true,
        ),
        ("https://r.example", "https://r.example:8443/token", true),
        ("https://r.example", "https://R.example./token", true),
        ("https://r.example", "https://auth.docker.io/token", false),
        ("https://r.example", "https://auth.example/token", false),
        ("https://r.example", "https://evil.r.example/token", false),
        ("https://r.example", "http://r.example/token", false),
        ("https://r.example", "http://auth.example/token", false),
        ("https://r.example", "ftp://r.example/token", false),
        (
            "https://registry-1.docker.io",
            "https://auth.docker.io.evil/token",
            false,
        ),
        ("http://r.example", "http://r.example:5001/token", true),
        ("http://r.example", "http://auth.example/token", false),
        ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token", true),
        (
            "http://127.0.0.1:5000",
            "http://127.0.0.2:5001/token",
            false,
        ),
        (
            "https://localhost:5000",
            "http://localhost:5001/token",
            true,
        ),
        ("http://10.0.0.9", "http://10.0.0.9:81/token", true),
        ("http://10.0.0.9", "http://10.0.0.8/token", false),
        (
            "http://169.254.169.254",
            "http://169.254.169.254:81/token",
            true,
        ),
    ];
    for (upstream, realm, is_allowed) in table {
        assert_eq!(
            check_realm(&ways(upstream, &[]), &url(realm), true).is_ok(),
            is_allowed,
            "{upstream} {realm}"
        );
    }
}

#[test]
fn a_listed_host_gets_credentials_wherever_it_is() {
    let listed = [
        "auth.example",
        "10.0.0.8:8443",
        "[fd00::1]",
        "[fd00::2]:8443",
    ];
    let table = [
        ("https://auth.example/token", true),
        ("https://AUTH.example:444/token", true),
        ("https://10.0.0.8:8443/token", true),
        ("https://10.0.0.8/token", false),
        ("https://[fd00::1]:9/token", true),
        ("https://[fd00::2]:8443/token", true),
        ("https://[fd00::2]/token", false),
        ("http://auth.example/token", false),
        ("https://other.example/token", false),
    ];
    for (realm, is_allowed) in table {
        let outcome = check_realm(&ways("https://r.example", &listed), &url(realm), true);
        assert_eq!(outcome.is_ok(), is_allowed, "{realm}");
    }
}

#[test]
fn the_refusal_names_the_host_and_says_what_to_do() {
    let error = check_realm(
        &ways("https://r.example", &[]),
        &url("https://auth.example/t"),
        true,
    );
    let text = error.unwrap_err().to_string();
    assert!(text.contains("add auth.example to `token_hosts`"), "{text}");
}

#[test]
fn an_anonymous_token_may_come_from_any_public_host_by_https() {
    let check = |upstream: &str, realm: &str| check_realm(&ways(upstream, &[]), &url(realm), false);
    assert!(check("https://r.example", "https://auth.example/token").is_ok());
    assert!(check("https://r.example", "https://8.8.8.8/token").is_ok());
    assert!(check("http://r.example", "http://auth.example/token").is_ok());
    assert!(check("https://10.0.0.1", "https://10.0.0.9/jwt/auth").is_ok());
    for realm in [
        "http://auth.example/token",
        "https://10.0.0.9/jwt/auth",
        "https://127.0.0.1/jwt/auth",
        "https://169.254.169.254/latest/meta-data",
        "https://proxy.example/token",
    ] {
        assert!(check("https://r.example", realm).is_err(), "{realm}");
    }
}

#[test]
fn nobody_is_sent_further_in_than_the_registry_is() {
    let hosts = [
        "127.0.0.1",
        "localhost",
        "a.localhost",
        "0.0.0.0",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "168.63.129.16",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "[fc00::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:7f00:1::]",
        "2130706433",
        "0x7f.1",
        "proxy.example",
        "10.9.9.9",
    ];
    let public = ways("https://r.example", &[]);
    for host in hosts {
        let to = url(&format!("https://{host}/x"));
        assert!(check_realm(&public, &to, false).is_err(), "{host}");
        assert!(check_realm(&public, &to, true).is_err(), "{host}");
        assert!(check_redirect(&public, &to).is_err(), "{host}");
    }
}

#[test]
fn a_redirect_never_leaves_https_nor_goes_further_in() {
    let table = [
        ("https://r.example", "https://cdn.example/x?y", true),
        ("https://r.example", "https://10.0.0.9/x", false),
        ("https://r.example", "http://r.example/x", false),
        ("https://r.example", "https://169.254.169.254/x", false),
        ("https://r.example", "https://localhost/x", false),
        ("https://10.0.0.1", "https://10.0.0.9/x", true),
        ("https://10.0.0.1", "https://127.0.0.1/x", false),
        ("https://10.0.0.1", "https://169.254.169.254/x", false),
        ("https://10.0.0.1", "https://10.9.9.9/x", false),
        ("https://10.9.9.9", "https://10.9.9.9/x", true),
        ("http://r.example", "http://cdn.example/x", true),
        ("http://127.0.0.1:1", "http://127.0.0.1:2/x", true),
        ("http://127.0.0.1:1", "http://127.0.0.2:2/x", true),
        ("http://127.0.0.1:1", "http://169.254.169.254/x", false),
        ("http://r.example", "file:///etc/passwd", false),
    ];
    for (upstream, to, is_followed) in table {
        assert_eq!(
            check_redirect(&ways(upstream, &[]), &url(to)).is_ok(),
            is_followed,
            "{upstream} {to}"
        );
    }
}

#[test]
fn an_origin_is_scheme_host_and_port() {
    assert!(is_same_origin(
        &url("https://a.example/x"),
        &url("https://A.example:443/y")
    ));
    for other in [
        "http://a.example",
        "https://b.example",
        "https://a.example:444",
    ] {
        assert!(
            !is_same_origin(&url("https://a.example"), &url(other)),
            "{other}"
        );
    }
}

#[tokio::test]
async fn a_cloud_is_reached_by_the_proxy_and_this_machines_metadata_never() {
    let proxy = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let metadata = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let upstream = "https://r.example";
    let endpoint = Endpoint {
        id: 1,
        name: "one".into(),
        kind: Kind::AwsEcr,
        url: upstream.into(),
        credential: None,
        is_insecure: false,
        ca_certificate: None,
        options: Options {
            proxy: Some(format!("http://{}", proxy.local_addr().unwrap()).into()),
            ..Options::default()
        },
    };
    let ways = Ways::new(endpoint, url(upstream), Config::default());
    let place = format!("http://{}/", metadata.local_addr().unwrap());
    let (cloud, machine) = (ways.cloud().unwrap(), ways.machine().unwrap());
    // Who is connected to is the point; neither answers.
    tokio::select! {
        _ = cloud.get(&place).send() => panic!("nobody answers"),
        _ = metadata.accept() => panic!("the cloud is behind the proxy"),
        arrived = proxy.accept() => drop(arrived.unwrap()),
    }
    tokio::select! {
        _ = machine.get(&place).send() => panic!("nobody answers"),
        _ = proxy.accept() => panic!("metadata is on this machine"),
        arrived = metadata.accept() => drop(arrived.unwrap()),
    }
}
