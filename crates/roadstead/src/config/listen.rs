//! Where Roadstead listens, with or without TLS, and how it is called from outside:
//! `hostname`, `http`, `https`, `external_url`, `trusted_proxies`.
//!
//! A port in the file opens every interface, as in Harbor; without a file only this machine is let in.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ipnet::IpNet;
use url::Url;

use super::section::Section;
use super::value;
use super::{Sources, TlsFiles};

const ALL_INTERFACES: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);
const EXTERNAL_URL: &str =
    "an http:// or https:// URL without a path, such as https://registry.example.com";

/// The settings read here.
pub(super) struct Listen {
    pub(super) address: SocketAddr,
    pub(super) tls: Option<TlsFiles>,
    pub(super) redirect: Option<SocketAddr>,
    pub(super) external_url: Option<Url>,
    pub(super) trusted_proxies: Vec<IpNet>,
}

pub(super) fn read(top: &mut Section<'_>, sources: &Sources<'_>) -> Listen {
    let host = top.parsed(
        "hostname",
        "a host name or address without scheme and port",
        value::host,
    );
    let http = top.section("http", read_http);
    let https = top.section("https", read_https);
    let external_url = top.parsed("external_url", EXTERNAL_URL, bare_url);
    let trusted_proxies = read_trusted_proxies(top);

    if let (Some(http), Some(https)) = (http, &https)
        && http.port() == https.address.port()
        && http.port() != 0
    {
        top.complain(
            "https",
            format!("expected another port than http's {}", http.port()),
        );
    }
    let from_file = match (http, &https) {
        (_, Some(https)) => https.address,
        (Some(http), None) => http,
        (None, None) => DEFAULT,
    };
    let from_environment = sources.variable(
        "ROADSTEAD_LISTEN",
        "ADDR:PORT, such as 127.0.0.1:8080",
        |text| text.parse().ok(),
    );
    let address = sources
        .flags
        .listen
        .or(from_environment)
        .unwrap_or(from_file);
    let tls = https.map(|https| https.files);
    let by_host = host.and_then(|host| {
        let scheme = if tls.is_some() { "https" } else { "http" };
        Url::parse(&format!("{scheme}://{host}:{}", address.port())).ok()
    });
    let external_url = sources
        .variable("ROADSTEAD_EXTERNAL_URL", EXTERNAL_URL, bare_url)
        .or(external_url)
        .or(by_host);
    Listen {
        address,
        redirect: http.filter(|_| tls.is_some()),
        tls,
        external_url,
        trusted_proxies,
    }
}

/// Addresses and networks of proxies in front of this registry.
fn read_trusted_proxies(top: &mut Section<'_>) -> Vec<IpNet> {
    let texts = top.texts("trusted_proxies").unwrap_or_default();
    let network = |text: &String| {
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        let network = text.parse().ok().or_else(address);
        if network.is_none() {
            top.complain(
                "trusted_proxies",
                format!("expected addresses and networks such as 10.0.0.0/8; found {text:?}"),
            );
        }
        network
    };
    texts.iter().filter_map(network).collect()
}

fn read_http(http: &mut Section<'_>) -> SocketAddr {
    let address = http.parsed("address", ADDRESS, |text| text.parse().ok());
    let port = http.port_to_bind("port");
    http.refuse(
        "relative_redirects",
        "not needed: redirects are always right; remove the line",
    );
    SocketAddr::new(address.unwrap_or(ALL_INTERFACES), port.unwrap_or(8080))
}

struct Https {
    address: SocketAddr,
    files: TlsFiles,
}

fn read_https(https: &mut Section<'_>) -> Https {
    let address = https.parsed("address", ADDRESS, |text| text.parse().ok());
    let port = https.port_to_bind("port");
    https.require(
        "certificate",
        "the path of a PEM file with the certificate and its chain",
    );
    https.require(
        "private_key",
        "the path of a PEM file with the certificate's private key",
    );
    let mut file = |key| {
        let path = https.path(key)?;
        if let Err(error) = File::open(&path) {
            https.complain(
                key,
                format!("cannot read the file {}: {error}", path.display()),
            );
        }
        Some(path)
    };
    // What is missing has been complained about, and a configuration with complaints is never used.
    let files = TlsFiles {
        certificate: file("certificate").unwrap_or_default(),
        private_key: file("private_key").unwrap_or_default(),
    };
    https.refuse(
        "strong_ssl_ciphers",
        "not needed: only strong ciphers are offered; remove the line",
    );
    Https {
        address: SocketAddr::new(address.unwrap_or(ALL_INTERFACES), port.unwrap_or(443)),
        files,
    }
}

const ADDRESS: &str = "an IP address to listen on, such as 127.0.0.1, 0.0.0.0 or \"::\"";

/// A URL under which a registry can be called: docker has no way to say a path before `/v2/`.
fn bare_url(text: &str) -> Option<Url> {
    value::http_url(text).filter(|url| url.path() == "/")
}
