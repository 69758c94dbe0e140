//! The ways out: where credentials and tokens may go, which addresses may be dialled, proxies and certificates.
//! The rules about URLs are here; those about what a name answers are held by the guard, in the very look-up the
//! connection uses.

mod class;
mod exceptions;
mod failure;
mod guard;
mod proxies;
mod trust;
mod ways;

use url::Url;

use self::class::Class;
use self::proxies::Proxies;
use crate::{Config, Endpoint, Error, provider};

pub(crate) use self::failure::of_transport;
pub(crate) use self::guard::same_host;
pub(crate) use self::ways::Ways;

/// The proxy for `url`, as it may be shown: without its account.
///
/// # Errors
/// [`Error::Configuration`] for a proxy that cannot be read.
pub(crate) fn proxy_shown(
    endpoint: &Endpoint,
    config: &Config,
    url: &Url,
) -> Result<Option<String>, Error> {
    let proxies = Proxies::of(endpoint, config.proxy.as_ref())?;
    Ok(proxies.choose(url).map(|proxy| {
        let host = proxy.host_str().unwrap_or_default();
        let port = proxy.port_or_known_default().unwrap_or_default();
        format!("{}://{host}:{port}", proxy.scheme())
    }))
}

/// Whether two URLs have one origin (RFC 6454): a token for one may be shown to the other.
pub(crate) fn is_same_origin(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin()
}

/// Whether the registry may send us for a token to `realm`; with a credential only where that belongs to it: on its
/// own host, on the token service its provider is known to have, or where the endpoint's `token_hosts` say.
///
/// # Errors
/// [`Error::Configuration`], with a sentence that says why not and what to change.
pub(crate) fn check_realm(ways: &Ways, realm: &Url, has_credential: bool) -> Result<(), Error> {
    let host = realm.host_str().unwrap_or_default();
    let refuse = |why: &str| {
        Err(Error::Configuration {
            reason: format!("its tokens are made at {}://{host}, {why}", realm.scheme()),
        })
    };
    let upstream = ways.upstream();
    let is_plain_home =
        upstream.scheme() == "http" || Class::of_host(upstream) == Some(Class::Loopback);
    match realm.scheme() {
        "https" => {}
        "http" if is_plain_home => {}
        "http" => return refuse("where tokens and credentials would travel in the clear"),
        _ => return refuse("which is no http or https"),
    }
    if ways.home().is_named(host) || is_listed(ways.token_hosts(), realm) {
        return Ok(());
    }
    if is_too_far_in(ways, realm) {
        return refuse(
            "an address further inside than the registry itself, or the proxy's; add it to `token_hosts` of the \
             endpoint if it is trusted",
        );
    }
    let is_its_own = || {
        let upstream = upstream.host_str().unwrap_or_default();
        provider::is_token_host(upstream, host)
    };
    if has_credential && !is_its_own() {
        return refuse(&format!(
            "which is not known to belong to it, so it gets no credentials; add {host} to `token_hosts` of the \
             endpoint if it is trusted"
        ));
    }
    Ok(())
}

/// Whether a redirect of the registry's to `to` is followed (never with the token, where the origin differs).
///
/// # Errors
/// [`Error::BadAnswer`], with a sentence that says why not.
pub(crate) fn check_redirect(ways: &Ways, to: &Url) -> Result<(), Error> {
    let host = to.host_str().unwrap_or_default();
    let refuse = |why: &str| {
        Err(Error::bad_answer(format!(
            "it redirects to {}://{host}, {why}",
            to.scheme()
        )))
    };
    match to.scheme() {
        "https" => {}
        "http" if ways.upstream().scheme() == "http" => {}
        "http" => return refuse("from https"),
        _ => return refuse("which is no http or https"),
    }
    if !ways.home().is_named(host) && is_too_far_in(ways, to) {
        return refuse("an address further inside than its own, or the proxy's");
    }
    Ok(())
}

/// Addresses written out are not looked up and never reach the guard, and a proxy's name passes it: both are checked
/// here.
fn is_too_far_in(ways: &Ways, to: &Url) -> bool {
    let Some(host) = to.host_str() else {
        return true;
    };
    let is_inside = Class::of_host(to).is_some_and(|class| !ways.home().class().may_send_to(class));
    is_inside || ways.is_proxy_host(host)
}

/// Whether one of `hosts` (`host` or `host:port`) is that of `url`.
fn is_listed(hosts: &[String], url: &Url) -> bool {
    let Some(host) = url.host_str() else {
        return false;
    };
    hosts.iter().any(|listed| {
        let name = without_port(listed);
        let port = listed
            .strip_prefix(name)
            .and_then(|rest| rest.strip_prefix(':'));
        let is_port = port.is_none_or(|port| port.parse().ok() == url.port_or_known_default());
        is_port && same_host(name, host)
    })
}

/// The host of `host` or `host:port`; an IPv6 address in brackets keeps them.
fn without_port(listed: &str) -> &str {
    match listed.rsplit_once(':') {
        Some((name, port))
            if !port.contains(']') && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => listed,
    }
}

#[cfg(test)]
mod tests;
