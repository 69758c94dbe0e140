//! The look-up of names that the connection itself uses, with the rules held against the answer: a second answer
//! cannot differ from the checked one, because there is none.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::Url;

use super::class::Class;
use super::proxies::Proxies;
use crate::{IpFamily, Names};

/// How an endpoint's own host is known, and how far inside it is.
#[derive(Debug)]
pub(crate) struct Home {
    host: String,
    /// Set by the first look-up, or from the start where the URL says it. A proxy that looks names up leaves it unset.
    class: OnceLock<Class>,
}

/// The addresses a client may connect to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// What the registry may send us to, by how far inside it is itself.
    AsHome,
    /// Any: the host was named by whoever runs us.
    Any,
}

/// A client's look-up of names.
pub(crate) struct Guard {
    pub(crate) home: Arc<Home>,
    pub(crate) reach: Reach,
    pub(crate) family: Option<IpFamily>,
    pub(crate) proxies: Arc<Proxies>,
    /// Hosts whose names may have any address.
    pub(crate) trusted: Arc<[String]>,
    pub(crate) names: Option<Names>,
}

/// Why a name cannot be connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the name {host} is not known: {reason}")]
    Unknown {
        host: String,
        is_proxy: bool,
        reason: String,
    },
    #[error("{host} has no {family} address, and the endpoint's `ip_family` allows no other")]
    NoFamily { host: String, family: &'static str },
    #[error(
        "{host} has a {found} address, and the registry itself is on a {own} one: what it sends us to may not be \
         further inside; add the host to `token_hosts` of the endpoint if it is trusted"
    )]
    TooFarIn {
        host: String,
        found: &'static str,
        own: &'static str,
    },
    #[error(
        "its name {host} answered with a {before} address and now does with a {now} one; if it has moved, save the \
         endpoint again"
    )]
    Rebound {
        host: String,
        before: &'static str,
        now: &'static str,
    },
}

impl Home {
    pub(crate) fn of(upstream: &Url) -> Self {
        let class = OnceLock::new();
        if let Some(known) = Class::of_host(upstream) {
            // Empty until now.
            let _ = class.set(known);
        }
        Self {
            host: upstream.host_str().unwrap_or_default().to_owned(),
            class,
        }
    }

    /// How far inside it is; the internet as long as nobody knows.
    pub(crate) fn class(&self) -> Class {
        self.class.get().copied().unwrap_or(Class::Public)
    }

    pub(crate) fn is_named(&self, host: &str) -> bool {
        same_host(&self.host, host)
    }
}

impl Guard {
    /// Of what `host` answered, the addresses that may be connected to.
    ///
    /// # Errors
    /// A [`Refusal`] that says why there are none.
    pub(crate) fn allow(&self, host: &str, found: &[IpAddr]) -> Result<Vec<IpAddr>, Refusal> {
        // The connection to a proxy is its own matter: whoever runs us named it, and redirects to it are refused
        // by their URL.
        if self.proxies.has_host(host) {
            return Ok(found.to_vec());
        }
        let found = self.of_family(host, found)?;
        if self.home.is_named(host) {
            return self.allow_home(host, &found);
        }
        if self.reach == Reach::Any || self.trusted.iter().any(|trusted| same_host(trusted, host)) {
            return Ok(found);
        }
        let own = self.home.class();
        let allowed: Vec<_> = found
            .iter()
            .copied()
            .filter(|address| own.may_send_to(Class::of(*address)))
            .collect();
        match found.first() {
            Some(first) if allowed.is_empty() => Err(Refusal::TooFarIn {
                host: host.to_owned(),
                found: Class::of(*first).as_str(),
                own: own.as_str(),
            }),
            _ => Ok(allowed),
        }
    }

    fn of_family(&self, host: &str, found: &[IpAddr]) -> Result<Vec<IpAddr>, Refusal> {
        let Some(family) = self.family else {
            return Ok(found.to_vec());
        };
        let (is_wanted, family): (fn(&IpAddr) -> bool, _) = match family {
            IpFamily::Ipv4 => (IpAddr::is_ipv4, "IPv4"),
            IpFamily::Ipv6 => (IpAddr::is_ipv6, "IPv6"),
        };
        let kept: Vec<_> = found.iter().copied().filter(is_wanted).collect();
        if kept.is_empty() && !found.is_empty() {
            return Err(Refusal::NoFamily {
                host: host.to_owned(),
                family,
            });
        }
        Ok(kept)
    }

    /// The registry is where its administrator says, wherever that is. But once its name has answered, it does not
    /// move further inside by itself: that is how a name server would have us ask our own network (DNS rebinding).
    fn allow_home(&self, host: &str, found: &[IpAddr]) -> Result<Vec<IpAddr>, Refusal> {
        let Some(outermost) = found.iter().copied().map(Class::of).min() else {
            return Ok(Vec::new());
        };
        let own = *self.home.class.get_or_init(|| outermost);
        let is_no_further_in = |address: &IpAddr| Class::of(*address) <= own;
        let allowed: Vec<_> = found.iter().copied().filter(is_no_further_in).collect();
        if allowed.is_empty() {
            return Err(Refusal::Rebound {
                host: host.to_owned(),
                before: own.as_str(),
                now: outermost.as_str(),
            });
        }
        Ok(allowed)
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = Self {
            home: Arc::clone(&self.home),
            proxies: Arc::clone(&self.proxies),
            trusted: Arc::clone(&self.trusted),
            names: self.names.clone(),
            ..*self
        };
        Box::pin(async move {
            let host = name.as_str();
            let unknown = |reason: String| Refusal::Unknown {
                host: host.to_owned(),
                is_proxy: guard.proxies.has_host(host),
                reason,
            };
            let faked = guard.names.as_ref().and_then(|names| names.look_up(host));
            let found = match faked {
                Some(found) => found,
                None => tokio::net::lookup_host((host, 0))
                    .await
                    .map_err(|error| unknown(error.to_string()))?
                    .map(|address| address.ip())
                    .collect(),
            };
            if found.is_empty() {
                return Err(unknown("it has no address".to_owned()).into());
            }
            let allowed = guard.allow(host, &found)?;
            let dialled = |address: IpAddr| match &guard.names {
                Some(names) => names.dialled(address),
                None => address,
            };
            let addresses: Vec<_> = allowed
                .into_iter()
                .map(|address| SocketAddr::new(dialled(address), 0))
                .collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Names are the same in either case, and with the root's dot.
pub(crate) fn same_host(one: &str, other: &str) -> bool {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(upstream: &str, reach: Reach) -> Guard {
        Guard {
            home: Arc::new(Home::of(&upstream.parse().unwrap())),
            reach,
            family: None,
            proxies: Arc::default(),
            trusted: ["trusted.example".to_owned()].into(),
            names: None,
        }
    }

    fn addresses(text: &str) -> Vec<IpAddr> {
        text.split_whitespace()
            .map(|address| address.parse().unwrap())
            .collect()
    }

    fn allowed(guard: &Guard, host: &str, found: &str) -> Option<String> {
        let allowed = guard.allow(host, &addresses(found)).ok()?;
        let allowed: Vec<_> = allowed.iter().map(ToString::to_string).collect();
        Some(allowed.join(" "))
    }

    #[test]
    fn other_hosts_are_no_further_inside_than_the_registry() {
        let public = guard("https://r.example", Reach::AsHome);
        assert_eq!(
            allowed(&public, "r.example", "8.8.8.8"),
            Some("8.8.8.8".into())
        );
        let table = [
            ("8.8.4.4 2606:4700::1", Some("8.8.4.4 2606:4700::1")),
            ("10.0.0.1 8.8.4.4", Some("8.8.4.4")),
            ("10.0.0.1", None),
            ("127.0.0.1", None),
            ("169.254.169.254", None),
            ("::ffff:10.0.0.1", None),
        ];
        for (found, expected) in table {
            let allowed = allowed(&public, "cdn.example", found);
            assert_eq!(allowed.as_deref(), expected, "{found}");
        }
        assert_eq!(
            allowed(&public, "trusted.example", "10.0.0.1"),
            Some("10.0.0.1".into())
        );

        let inside = guard("https://r.internal", Reach::AsHome);
        assert_eq!(
            allowed(&inside, "other.internal", "10.0.0.2"),
            None,
            "not known yet"
        );
        assert!(allowed(&inside, "r.internal", "10.0.0.1").is_some());
        assert!(allowed(&inside, "other.internal", "10.0.0.2").is_some());
        assert_eq!(allowed(&inside, "other.internal", "127.0.0.1"), None);
        assert_eq!(
            allowed(&inside, "metadata.internal", "169.254.169.254"),
            None
        );
    }

    #[test]
    fn a_registry_does_not_move_further_inside_by_itself() {
        let guard = guard("https://r.example", Reach::AsHome);
        assert!(allowed(&guard, "r.example", "8.8.8.8").is_some());
        assert!(allowed(&guard, "R.example.", "1.1.1.1").is_some());
        assert_eq!(
            allowed(&guard, "r.example", "10.0.0.1 8.8.8.8").as_deref(),
            Some("8.8.8.8")
        );
        let refused = guard.allow("r.example", &addresses("127.0.0.1"));
        let refused = refused.unwrap_err().to_string();
        assert!(
            refused.contains("public") && refused.contains("loopback"),
            "{refused}"
        );
        // Further out is no danger.
        let inside = self::guard("https://r.example", Reach::AsHome);
        assert!(allowed(&inside, "r.example", "10.0.0.1").is_some());
        assert!(allowed(&inside, "r.example", "8.8.8.8").is_some());
    }

    #[test]
    fn a_family_leaves_out_the_other() {
        let guard = Guard {
            family: Some(IpFamily::Ipv6),
            ..guard("https://r.example", Reach::Any)
        };
        assert_eq!(
            allowed(&guard, "x.example", "8.8.8.8 2606::1").as_deref(),
            Some("2606::1")
        );
        let refused = guard.allow("x.example", &addresses("8.8.8.8"));
        assert!(refused.unwrap_err().to_string().contains("no IPv6 address"));
    }

    #[test]
    fn services_that_the_operator_names_are_wherever_they_are() {
        let guard = guard("https://r.example", Reach::Any);
        assert!(allowed(&guard, "metadata.example", "169.254.169.254").is_some());
    }
}
