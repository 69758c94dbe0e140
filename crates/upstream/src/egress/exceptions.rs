//! `NO_PROXY`: the hosts that are reached directly. The rules are those of Go's `golang.org/x/net/http/httpproxy`,
//! which Harbor goes by.

use std::net::IpAddr;

use url::{Host, Url};

use super::class::{is_localhost, plain};

/// Hosts that no proxy is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exceptions(Vec<Entry>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    All,
    /// The first bits of an address.
    Network(IpAddr, u8),
    Address(IpAddr, Option<u16>),
    /// A domain without its leading dot, and whether it is itself meant, or only what is below it.
    Domain {
        name: String,
        is_itself: bool,
        port: Option<u16>,
    },
}

impl Exceptions {
    /// Entries separated by commas or white space: `*`, an address, a network (`10.0.0.0/8`), `example.com` with all
    /// below it, `.example.com` or `*.example.com` for only what is below; a port after an address or a name. What
    /// makes no sense matches nothing, as in Go.
    pub(crate) fn parse(text: &str) -> Self {
        let entries = text
            .split(|c: char| c == ',' || c.is_whitespace())
            .filter(|entry| !entry.is_empty());
        Self(entries.filter_map(Entry::parse).collect())
    }

    /// Whether `url` is reached directly. This machine always is: a proxy's `localhost` is another.
    pub(crate) fn covers(&self, url: &Url) -> bool {
        let port = url.port_or_known_default();
        match url.host() {
            None => false,
            Some(Host::Domain(name)) => {
                let name = name.trim_end_matches('.').to_ascii_lowercase();
                is_localhost(&name) || self.0.iter().any(|entry| entry.covers_name(&name, port))
            }
            Some(Host::Ipv4(address)) => self.covers_address(IpAddr::V4(address), port),
            Some(Host::Ipv6(address)) => self.covers_address(IpAddr::V6(address), port),
        }
    }

    fn covers_address(&self, address: IpAddr, port: Option<u16>) -> bool {
        let address = plain(address);
        address.is_loopback()
            || self
                .0
                .iter()
                .any(|entry| entry.covers_address(address, port))
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Self> {
        if text == "*" {
            return Some(Self::All);
        }
        if let Some((address, bits)) = text.split_once('/') {
            let address = plain(bare(address).parse().ok()?);
            let bits: u8 = bits.parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            return (bits <= most).then_some(Self::Network(address, bits));
        }
        if let Ok(address) = bare(text).parse::<IpAddr>() {
            return Some(Self::Address(plain(address), None));
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (text, None),
        };
        if let Ok(address) = bare(name).parse::<IpAddr>() {
            return Some(Self::Address(plain(address), port));
        }
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        let below = name.strip_prefix("*.").or_else(|| name.strip_prefix('.'));
        let (name, is_itself) = below.map_or((name.as_str(), true), |below| (below, false));
        (!name.is_empty()).then(|| Self::Domain {
            name: name.to_owned(),
            is_itself,
            port,
        })
    }

    fn covers_name(&self, host: &str, host_port: Option<u16>) -> bool {
        match self {
            Self::All => true,
            Self::Network(..) | Self::Address(..) => false,
            Self::Domain {
                name,
                is_itself,
                port,
            } => {
                let below = host
                    .strip_suffix(name.as_str())
                    .is_some_and(|rest| rest.ends_with('.'));
                (below || (*is_itself && host == name)) && is_port(*port, host_port)
            }
        }
    }

    fn covers_address(&self, host: IpAddr, host_port: Option<u16>) -> bool {
        match self {
            Self::All => true,
            Self::Network(address, bits) => same_bits(*address, host, *bits),
            Self::Address(address, port) => *address == host && is_port(*port, host_port),
            Self::Domain { .. } => false,
        }
    }
}

fn is_port(wanted: Option<u16>, found: Option<u16>) -> bool {
    wanted.is_none_or(|wanted| Some(wanted) == found)
}

/// Without the brackets of an IPv6 address.
fn bare(text: &str) -> &str {
    text.strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text)
}

fn same_bits(one: IpAddr, other: IpAddr, bits: u8) -> bool {
    let shift = |length: u32| length - u32::from(bits);
    match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => {
            (u32::from(one) ^ u32::from(other))
                .checked_shr(shift(32))
                .unwrap_or(0)
                == 0
        }
        (IpAddr::V6(one), IpAddr::V6(other)) => {
            (u128::from(one) ^ u128::from(other))
                .checked_shr(shift(128))
                .unwrap_or(0)
                == 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_proxy_is_read_as_go_reads_it() {
        let table = [
            // entry, covered, not covered
            (
                "*",
                "https://r.example http://10.0.0.1 https://[fd00::1]",
                "",
            ),
            (
                "example.com",
                "https://example.com https://r.example.com:5000 http://EXAMPLE.com. https://a.b.example.com",
                "https://notexample.com https://example.com.evil https://example.org",
            ),
            (
                ".example.com",
                "https://r.example.com",
                "https://example.com",
            ),
            (
                "*.example.com",
                "https://r.example.com",
                "https://example.com",
            ),
            (
                "r.example:5000",
                "http://r.example:5000 https://a.r.example:5000",
                "https://r.example http://r.example:5001",
            ),
            ("r.example:443", "https://r.example", "http://r.example"),
            (
                "10.1.2.3",
                "http://10.1.2.3 http://10.1.2.3:5000",
                "http://10.1.2.4",
            ),
            ("10.1.2.3:5000", "http://10.1.2.3:5000", "http://10.1.2.3"),
            (
                "10.0.0.0/8",
                "http://10.255.0.1:1",
                "http://11.0.0.1 http://ten.example",
            ),
            (
                "0.0.0.0/0",
                "http://8.8.8.8",
                "http://[2606::1] http://r.example",
            ),
            ("10.1.2.3/32", "http://10.1.2.3", "http://10.1.2.2"),
            (
                "fd00::/8",
                "http://[fd12::1]:5000",
                "http://[fe00::1] http://10.0.0.1",
            ),
            ("::/0", "http://[fd12::1]", "http://10.0.0.1"),
            (
                "[fd00::1]:5000",
                "http://[fd00::1]:5000",
                "http://[fd00::1]",
            ),
            ("[fd00::1]", "http://[fd00::1]", "http://[fd00::2]"),
            ("fd00::1", "http://[fd00::1]:1", "http://[fd00::2]"),
            (
                " a.example , b.example\tc.example,, ",
                "http://a.example http://b.example http://c.example",
                "http://d.example",
            ),
            // What makes no sense matches nothing.
            (
                "10.0.0.0/33,x:y:z,/8,.,r.example:port",
                "",
                "http://10.0.0.1 http://r.example",
            ),
            (
                "",
                "http://localhost https://a.localhost:1 http://127.0.0.2 http://[::1]",
                "http://10.0.0.1",
            ),
        ];
        for (entries, covered, others) in table {
            let exceptions = Exceptions::parse(entries);
            for url in covered.split_whitespace() {
                assert!(exceptions.covers(&url.parse().unwrap()), "{entries} {url}");
            }
            for url in others.split_whitespace() {
                assert!(!exceptions.covers(&url.parse().unwrap()), "{entries} {url}");
            }
        }
    }
}
