//! The ways out: where credentials and tokens may go, which addresses may be dialled, proxies and certificates.
//! The rules are functions of their arguments; [`Guard`] holds them against what a name resolves to, in the
//! very look-up the connection uses, so that a second answer cannot differ from the checked one.

mod failure;
mod ways;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::Error;

pub(crate) use self::failure::of_transport;
pub(crate) use self::ways::Ways;

/// Which addresses a host other than the registry's own may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Blobs and anonymous tokens: content networks and token services may be on the same private network,
    /// never on this machine or its link (where clouds keep their metadata services).
    NotLocal,
    /// Credentials: a public address.
    Public,
}

impl Reach {
    fn allows(self, address: IpAddr) -> bool {
        match self {
            Self::NotLocal => !is_local(address),
            Self::Public => !is_local(address) && !is_private(address),
        }
    }
}

/// Whether two URLs have one origin (RFC 6454): a token for one may be shown to the other.
pub(crate) fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// Whether the registry may send us for a token to `realm`, carrying a credential.
///
/// # Errors
/// [`Error::Configuration`], with a sentence that says why not.
pub(crate) fn check_realm(upstream: &Url, realm: &Url, reach: Reach) -> Result<(), Error> {
    let refuse = |why: &str| {
        let host = realm.host_str().unwrap_or_default();
        Err(Error::Configuration {
            reason: format!("its tokens are made at {}://{host}, {why}", realm.scheme()),
        })
    };
    match realm.scheme() {
        "https" => {}
        "http" if upstream.scheme() == "http" || is_loopback_host(upstream) => {}
        "http" => return refuse("where credentials would travel in the clear"),
        _ => return refuse("which is no http or https"),
    }
    if check_host(upstream, realm, reach).is_err() {
        return refuse("a private or local address of another host, which gets no credentials");
    }
    Ok(())
}

/// Whether a redirect from `from` to `to` is followed (never with the token, where the origin differs).
///
/// # Errors
/// [`Error::BadAnswer`], with a sentence that says why not.
pub(crate) fn check_redirect(upstream: &Url, to: &Url) -> Result<(), Error> {
    let refuse = |why: &str| {
        let host = to.host_str().unwrap_or_default();
        Err(Error::bad_answer(format!(
            "it redirects to {}://{host}, {why}",
            to.scheme()
        )))
    };
    match to.scheme() {
        "https" => {}
        "http" if upstream.scheme() == "http" => {}
        "http" => return refuse("from https"),
        _ => return refuse("which is no http or https"),
    }
    if check_host(upstream, to, Reach::NotLocal).is_err() {
        return refuse("a local address of another host");
    }
    Ok(())
}

/// Addresses written out are not resolved and never reach [`Guard`]: they are checked here.
fn check_host(upstream: &Url, to: &Url, reach: Reach) -> Result<(), ()> {
    if to.host() == upstream.host() {
        return Ok(());
    }
    let address = match to.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address),
        Some(Host::Ipv6(address)) => IpAddr::V6(address),
        Some(Host::Domain(name)) if is_localhost(name) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        Some(Host::Domain(_)) => return Ok(()),
        None => return Err(()),
    };
    if reach.allows(address) {
        Ok(())
    } else {
        Err(())
    }
}

fn is_loopback_host(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => is_localhost(name),
        None => false,
    }
}

fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.');
    name.eq_ignore_ascii_case("localhost") || name.to_ascii_lowercase().ends_with(".localhost")
}

/// This machine, its link, or no host at all.
fn is_local(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => {
            v4.is_loopback()
                || v4.is_link_local()
                || v4.octets()[0] == 0
                || v4.is_broadcast()
                || v4.is_multicast()
                // Metadata services outside the link-local range: Alibaba Cloud's and Azure's.
                || v4 == Ipv4Addr::new(100, 100, 100, 200)
                || v4 == Ipv4Addr::new(168, 63, 129, 16)
        }
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unicast_link_local()
                || v6.is_multicast()
                // The metadata service of AWS.
                || v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
        }
    }
}

/// Networks that are not the public internet (RFC 1918, 4193, 6598).
fn is_private(address: IpAddr) -> bool {
    match plain(address) {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || (first == 100 && (64..128).contains(&second)) || first >= 240
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// The IPv4 address inside an IPv6 one (mapped, NAT64, 6to4): each is a way to spell the former.
fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let segments = v6.segments();
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        _ => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}

/// A client's look-up of names, with a [`Reach`] for all hosts but the registry's own.
struct Guard {
    own_host: String,
    reach: Reach,
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let is_own = name.as_str().eq_ignore_ascii_case(&self.own_host);
        let reach = self.reach;
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let allowed: Vec<_> = found
                .iter()
                .copied()
                .filter(|address| is_own || reach.allows(address.ip()))
                .collect();
            if allowed.is_empty() && !found.is_empty() {
                return Err(Box::new(Forbidden {
                    host: name.as_str().to_owned(),
                }) as Box<_>);
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}

/// A name whose addresses are all out of [`Reach`].
#[derive(Debug, thiserror::Error)]
#[error("{host} has only private or local addresses, and is not the registry's own host")]
pub(crate) struct Forbidden {
    host: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().unwrap()
    }

    #[test]
    fn a_credential_goes_to_a_realm_by_https_or_on_a_plain_http_registry() {
        let table = [
            (
                "https://registry-1.docker.io",
                "https://auth.docker.io/token",
                true,
            ),
            ("https://r.example", "https://r.example:8443/token", true),
            ("https://r.example", "http://r.example/token", false),
            ("https://r.example", "http://auth.example/token", false),
            ("https://r.example", "ftp://r.example/token", false),
            ("http://r.example", "http://r.example:5001/token", true),
            ("http://r.example", "http://auth.example/token", true),
            ("http://127.0.0.1:5000", "http://127.0.0.1:5001/token", true),
            (
                "https://localhost:5000",
                "http://localhost:5001/token",
                true,
            ),
        ];
        for (upstream, realm, is_allowed) in table {
            assert_eq!(
                check_realm(&url(upstream), &url(realm), Reach::Public).is_ok(),
                is_allowed,
                "{upstream} {realm}"
            );
        }
    }

    #[test]
    fn a_credential_never_goes_to_a_private_address_of_another_host() {
        for host in [
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
        ] {
            for upstream in ["https://r.example", "http://10.0.0.9", "http://127.0.0.9"] {
                let realm = url(&format!("https://{host}/token"));
                assert!(
                    check_realm(&url(upstream), &realm, Reach::Public).is_err(),
                    "{upstream} {host}"
                );
            }
        }
        assert!(
            check_realm(
                &url("http://10.0.0.9"),
                &url("http://10.0.0.9:81/token"),
                Reach::Public
            )
            .is_ok()
        );
        assert!(
            check_realm(
                &url("https://r.example"),
                &url("https://8.8.8.8/token"),
                Reach::Public
            )
            .is_ok()
        );
    }

    #[test]
    fn an_anonymous_token_may_come_from_a_private_network_but_not_from_this_machine() {
        let check = |realm: &str| {
            check_realm(&url("https://r.example"), &url(realm), Reach::NotLocal).is_ok()
        };
        assert!(check("https://10.0.0.9/jwt/auth"));
        assert!(!check("https://127.0.0.1/jwt/auth"));
        assert!(!check("https://169.254.169.254/latest/meta-data"));
    }

    #[test]
    fn a_redirect_never_leaves_https_nor_enters_this_machine() {
        let table = [
            ("https://r.example", "https://cdn.example/x?y", true),
            ("https://r.example", "https://10.0.0.9/x", true),
            ("https://r.example", "http://r.example/x", false),
            ("https://r.example", "https://169.254.169.254/x", false),
            ("https://r.example", "https://localhost/x", false),
            ("http://r.example", "http://cdn.example/x", true),
            ("http://127.0.0.1:1", "http://127.0.0.1:2/x", true),
            ("http://r.example", "file:///etc/passwd", false),
        ];
        for (upstream, to, is_followed) in table {
            assert_eq!(
                check_redirect(&url(upstream), &url(to)).is_ok(),
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
    async fn a_name_of_this_machine_is_not_dialled_for_another_host() {
        let guard = |own: &str| Guard {
            own_host: own.to_owned(),
            reach: Reach::NotLocal,
        };
        let answer = guard("r.example")
            .resolve("localhost".parse().unwrap())
            .await;
        assert!(answer.is_err_and(|error| error.is::<Forbidden>()));
        assert!(
            guard("localhost")
                .resolve("localhost".parse().unwrap())
                .await
                .is_ok()
        );
    }
}
