//! Where a request comes from: the address that audit and sign-in limits go by.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::extract::{Request, State as Extract};
use axum::middleware::Next;
use axum::response::Response;
use http::{Extensions, HeaderMap};
use ipnet::IpNet;

use crate::State;

/// What stands for an address that is not known.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Whom a connection is from; set by the listener.
#[derive(Clone, Copy)]
pub(crate) struct Peer(pub(crate) SocketAddr);

/// Whom a request is from, proxies looked through; set by [`find`] for every handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);

/// Finds out the client's address, once for a request.
pub(crate) async fn find(
    Extract(state): Extract<State>,
    mut request: Request,
    next: Next,
) -> Response {
    let peer = request
        .extensions()
        .get::<Peer>()
        .map_or(UNKNOWN, |peer| peer.0.ip());
    let address = through_proxies(peer, request.headers(), &state.config().trusted_proxies);
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// Whom the request of these extensions is from.
pub(crate) fn address(extensions: &Extensions) -> IpAddr {
    extensions
        .get::<ClientAddress>()
        .map_or(UNKNOWN, |address| address.0)
}

/// The last address of `X-Forwarded-For` that no trusted proxy has. What stands before it, the client may have written.
/// This machine itself is trusted: whoever is on it needs no such lie.
fn through_proxies(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| {
        let address = address.to_canonical();
        address.is_loopback() || trusted.iter().any(|network| network.contains(&address))
    };
    let peer = peer.to_canonical();
    if !is_trusted(peer) {
        return peer;
    }
    let lines: Vec<_> = headers.get_all("x-forwarded-for").iter().collect();
    let forwarded = lines
        .iter()
        .rev()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.rsplit(','));
    let mut nearest = peer;
    for word in forwarded {
        let Ok(address) = word.trim().parse::<IpAddr>() else {
            return nearest;
        };
        nearest = address.to_canonical();
        if !is_trusted(nearest) {
            return nearest;
        }
    }
    nearest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_trusted_proxies_say_who_is_behind_them() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        let table = [
            ("192.0.2.1", "", "192.0.2.1"),
            ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
            ("10.0.0.1", "198.51.100.7", "198.51.100.7"),
            ("::ffff:10.0.0.1", "198.51.100.7", "198.51.100.7"),
            (
                "10.0.0.1",
                "1.1.1.1, 198.51.100.7, 10.9.9.9",
                "198.51.100.7",
            ),
            ("10.0.0.1", "nonsense, 10.9.9.9", "10.9.9.9"),
            ("127.0.0.1", "2001:db8::1", "2001:db8::1"),
            ("127.0.0.1", "", "127.0.0.1"),
        ];
        for (peer, forwarded, expected) in table {
            let mut headers = HeaderMap::new();
            if !forwarded.is_empty() {
                headers.insert("x-forwarded-for", forwarded.parse().unwrap());
            }
            let found = through_proxies(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(found.to_string(), expected, "{peer} {forwarded}");
        }
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "198.51.100.7".parse().unwrap());
        headers.append("x-forwarded-for", "10.1.1.1".parse().unwrap());
        let found = through_proxies("10.0.0.1".parse().unwrap(), &headers, &trusted);
        assert_eq!(found.to_string(), "198.51.100.7");
    }
}
