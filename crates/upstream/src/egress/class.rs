//! How far inside an address is: a registry may send us as far in as it is itself, never further.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

/// Where an address is, from the outside in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// The internet.
    Public,
    /// Networks that are not the public internet (RFC 1918, 4193, 6598).
    Private,
    /// This machine.
    Loopback,
    /// This machine's link, where clouds keep their metadata services; and no host at all.
    Link,
}

impl Class {
    pub(crate) fn of(address: IpAddr) -> Self {
        match plain(address) {
            IpAddr::V4(v4) => of_v4(v4),
            IpAddr::V6(v6) => of_v6(v6),
        }
    }

    /// The class of a host that is an address, or a name of this machine; `None` for other names.
    pub(crate) fn of_host(url: &Url) -> Option<Self> {
        match url.host()? {
            Host::Ipv4(address) => Some(Self::of(IpAddr::V4(address))),
            Host::Ipv6(address) => Some(Self::of(IpAddr::V6(address))),
            Host::Domain(name) => is_localhost(name).then_some(Self::Loopback),
        }
    }

    /// Whether a registry in this class may send us to an address of the `other`: never to the link, and no further
    /// in than it is itself.
    pub(crate) fn may_send_to(self, other: Self) -> bool {
        other == Self::Public || (other <= self && other != Self::Link)
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Private => "private",
            Self::Loopback => "loopback",
            Self::Link => "link-local or metadata",
        }
    }
}

/// RFC 6761, 6.3: all of `localhost` is this machine, whatever a name server says.
pub(crate) fn is_localhost(name: &str) -> bool {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

fn of_v4(v4: Ipv4Addr) -> Class {
    let [first, second, ..] = v4.octets();
    // Metadata services outside the link-local range: Alibaba Cloud's and Azure's.
    let is_metadata =
        v4 == Ipv4Addr::new(100, 100, 100, 200) || v4 == Ipv4Addr::new(168, 63, 129, 16);
    if v4.is_link_local() || v4.is_broadcast() || v4.is_multicast() || is_metadata {
        Class::Link
    } else if v4.is_loopback() || first == 0 {
        Class::Loopback
    } else if v4.is_private() || (first == 100 && (64..128).contains(&second)) || first >= 240 {
        Class::Private
    } else {
        Class::Public
    }
}

fn of_v6(v6: Ipv6Addr) -> Class {
    // The metadata service of AWS.
    let is_metadata = v6 == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    if v6.is_unicast_link_local() || v6.is_multicast() || is_metadata {
        Class::Link
    } else if v6.is_loopback() || v6.is_unspecified() {
        Class::Loopback
    } else if v6.is_unique_local() || v6.segments()[0] & 0xffc0 == 0xfec0 {
        Class::Private
    } else {
        Class::Public
    }
}

/// The IPv4 address inside an IPv6 one (mapped, compatible, NAT64, 6to4): each is a way to spell the former.
pub(crate) fn plain(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let embedded = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        IpAddr::V4(Ipv4Addr::new(a, b, c, d))
    };
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => embedded(high, low),
        [0x2002, high, low, ..] => embedded(high, low),
        // `::` and `::1` are IPv6's own.
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => embedded(high, low),
        _ => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_class_however_it_is_spelled() {
        let table = [
            (
                Class::Public,
                "8.8.8.8 1.1.1.1 2606:4700::1 ::ffff:8.8.8.8 172.32.0.1 100.128.0.1",
            ),
            (
                Class::Private,
                "10.1.2.3 172.16.0.1 192.168.1.1 100.64.0.1 240.0.0.1 fc00::1 fec0::1 ::ffff:10.0.0.1 2002:a00:1:: ::10.0.0.1",
            ),
            (
                Class::Loopback,
                "127.0.0.1 127.8.8.8 0.0.0.0 0.1.2.3 ::1 :: ::ffff:127.0.0.1 2002:7f00:1:: 64:ff9b::7f00:1",
            ),
            (
                Class::Link,
                "169.254.169.254 100.100.100.200 168.63.129.16 255.255.255.255 224.0.0.1 fe80::1 ff02::1 \
                 fd00:ec2::254 64:ff9b::a9fe:a9fe",
            ),
        ];
        for (class, addresses) in table {
            for address in addresses.split_whitespace() {
                assert_eq!(Class::of(address.parse().unwrap()), class, "{address}");
            }
        }
    }

    #[test]
    fn a_registry_sends_us_no_further_in_than_it_is_and_never_to_the_link() {
        use Class::{Link, Loopback, Private, Public};
        let table = [
            (Public, [true, false, false, false]),
            (Private, [true, true, false, false]),
            (Loopback, [true, true, true, false]),
            (Link, [true, true, true, false]),
        ];
        for (own, expected) in table {
            let found = [Public, Private, Loopback, Link].map(|other| own.may_send_to(other));
            assert_eq!(found, expected, "{own:?}");
        }
    }

    #[test]
    fn hosts_are_addresses_in_any_spelling_or_names_of_this_machine() {
        let table = [
            ("http://2130706433/", Some(Class::Loopback)),
            ("http://0x7f.1/", Some(Class::Loopback)),
            ("http://a.localhost./", Some(Class::Loopback)),
            ("http://LOCALHOST/", Some(Class::Loopback)),
            ("http://[fe80::1]/", Some(Class::Link)),
            ("http://localhost.example/", None),
        ];
        for (url, class) in table {
            assert_eq!(Class::of_host(&url.parse().unwrap()), class, "{url}");
        }
    }
}
