//! Which proxy a request goes by: the endpoint's own, else the configuration's, which holds the environment's where
//! the file says nothing.

use std::fmt;

use url::Url;

use super::exceptions::Exceptions;
use crate::{Endpoint, Error, ProxyConfig};

/// The word for no proxy in an endpoint's options.
const DIRECT: &str = "direct";
const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// The proxies of one endpoint: for the registry, its token services and where it redirects to alike.
#[derive(Clone, Default)]
pub(crate) struct Proxies {
    http: Option<Url>,
    https: Option<Url>,
    /// `None`: not even this machine.
    exceptions: Option<Exceptions>,
}

impl Proxies {
    /// # Errors
    /// [`Error::Configuration`] for what is no proxy's URL, without repeating it: it may hold a password.
    pub(crate) fn of(endpoint: &Endpoint, config: Option<&ProxyConfig>) -> Result<Self, Error> {
        let own = endpoint.options.proxy.as_ref();
        match own
            .map(|own| own.expose().trim())
            .filter(|own| !own.is_empty())
        {
            Some(own) if own.eq_ignore_ascii_case(DIRECT) => Ok(Self::default()),
            // What is said of one endpoint is meant, even where that is on this machine.
            Some(own) => {
                let url = parse(own, "the endpoint's own proxy")?;
                Ok(Self {
                    http: Some(url.clone()),
                    https: Some(url),
                    exceptions: None,
                })
            }
            None => config.map_or_else(|| Ok(Self::default()), Self::of_config),
        }
    }

    fn of_config(config: &ProxyConfig) -> Result<Self, Error> {
        let read = |url: &Option<String>, what: &str| {
            url.as_deref()
                .map(str::trim)
                .filter(|url| !url.is_empty())
                .map(|url| parse(url, what))
                .transpose()
        };
        Ok(Self {
            http: read(&config.http, "the http proxy")?,
            https: read(&config.https, "the https proxy")?,
            exceptions: Some(Exceptions::parse(
                config.no_proxy.as_deref().unwrap_or_default(),
            )),
        })
    }

    /// The proxy for `url`. `None`: it is reached directly.
    pub(crate) fn choose(&self, url: &Url) -> Option<&Url> {
        let proxy = match url.scheme() {
            "https" => self.https.as_ref(),
            _ => self.http.as_ref(),
        };
        let exceptions = self.exceptions.as_ref();
        proxy.filter(|_| !exceptions.is_some_and(|exceptions| exceptions.covers(url)))
    }

    /// Whether `host` is that of a proxy.
    pub(crate) fn has_host(&self, host: &str) -> bool {
        let mut proxies = self.http.iter().chain(&self.https);
        proxies.any(|proxy| is_host(proxy, host))
    }
}

impl fmt::Debug for Proxies {
    /// Without the URLs: they hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("exceptions", &self.exceptions)
            .finish_non_exhaustive()
    }
}

impl ProxyConfig {
    /// What the environment says, read through `variable`: `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` for whichever is
    /// missing, and `NO_PROXY`; also in lower case. Where both are set the upper case wins, as in Go and so in Harbor.
    /// `None`: it names no proxy.
    pub fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let read = |name: &str| {
            let given = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
            given(name).or_else(|| given(&name.to_ascii_lowercase()))
        };
        let all = read("ALL_PROXY");
        let found = Self {
            http: read("HTTP_PROXY").or_else(|| all.clone()),
            https: read("HTTPS_PROXY").or(all),
            no_proxy: read("NO_PROXY"),
        };
        (found.http.is_some() || found.https.is_some()).then_some(found)
    }
}

impl fmt::Debug for ProxyConfig {
    /// Without the URLs: they may hold passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProxyConfig")
            .field("has_http", &self.http.is_some())
            .field("has_https", &self.https.is_some())
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

fn is_host(url: &Url, host: &str) -> bool {
    let plain = |host: &str| host.trim_end_matches('.').to_ascii_lowercase();
    url.host_str().is_some_and(|own| plain(own) == plain(host))
}

/// A proxy's URL, ready for the client: without a scheme it is `http`; a SOCKS proxy looks names up itself and
/// listens on 1080.
fn parse(text: &str, what: &str) -> Result<Url, Error> {
    let wrong = |why: &str| Error::Configuration {
        reason: format!("{what} {why}; expected a URL such as http://proxy.example.com:3128"),
    };
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    // `socks5` is made `socks5h`: our own look-up would tell nothing where only the proxy reaches a name server.
    let (scheme, rest) = whole.split_once("://").unwrap_or_default();
    let scheme = scheme.to_ascii_lowercase();
    if !SCHEMES.contains(&scheme.as_str()) {
        return Err(wrong(
            "has a scheme that is not http, https, socks5 or socks5h",
        ));
    }
    let is_socks = scheme.starts_with("socks5");
    let scheme = if is_socks { "socks5h" } else { &scheme };
    let mut url: Url = format!("{scheme}://{rest}")
        .parse()
        .map_err(|_| wrong("is no URL"))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(wrong("names no host"));
    }
    if is_socks && url.port().is_none() {
        url.set_port(Some(1080)).map_err(|()| wrong("is no URL"))?;
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Options};

    fn endpoint(proxy: Option<&str>) -> Endpoint {
        Endpoint {
            id: 1,
            name: "one".into(),
            kind: Kind::DockerRegistry,
            url: "https://r.example".into(),
            credential: None,
            is_insecure: false,
            ca_certificate: None,
            options: Options {
                proxy: proxy.map(Into::into),
                ..Options::default()
            },
        }
    }

    fn chosen(proxies: &Proxies, url: &str) -> Option<String> {
        proxies
            .choose(&url.parse().unwrap())
            .map(|url| url.as_str().trim_end_matches('/').to_owned())
    }

    #[test]
    fn the_endpoint_wins_over_the_configuration() {
        let config = ProxyConfig {
            http: Some("plain:3128".into()),
            https: Some("https://u:p%40@tls:3129".into()),
            no_proxy: Some("r.example".into()),
        };
        let of = |own| Proxies::of(&endpoint(own), Some(&config)).unwrap();
        let table = [
            (None, "http://x.example", Some("http://plain:3128")),
            (None, "https://x.example", Some("https://u:p%40@tls:3129")),
            (None, "https://r.example", None),
            (Some("direct"), "https://x.example", None),
            (Some("Direct "), "http://x.example", None),
            (
                Some("socks5://s"),
                "https://r.example",
                Some("socks5h://s:1080"),
            ),
            (
                Some("socks5h://u:p@s:9"),
                "http://x.example",
                Some("socks5h://u:p@s:9"),
            ),
            (Some("own:1"), "https://r.example", Some("http://own:1")),
            (Some("own:1"), "http://localhost:5000", Some("http://own:1")),
            (None, "http://localhost:5000", None),
            (Some(" "), "http://x.example", Some("http://plain:3128")),
        ];
        for (own, url, expected) in table {
            assert_eq!(chosen(&of(own), url).as_deref(), expected, "{own:?} {url}");
        }
        let none = Proxies::of(&endpoint(None), None).unwrap();
        assert_eq!(chosen(&none, "https://x.example"), None);
    }

    #[test]
    fn the_environment_is_read_in_both_cases_and_the_upper_wins() {
        let of = |variables: &[(&str, &str)]| {
            ProxyConfig::of_environment(|name| {
                let found = variables.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let read = |variables: &[(&str, &str)]| {
            let found = of(variables).unwrap();
            [found.http, found.https, found.no_proxy].map(Option::unwrap_or_default)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("NO_PROXY", "x"), ("HTTP_PROXY", "")]), None);
        assert_eq!(
            read(&[("http_proxy", "a"), ("HTTPS_PROXY", "b"), ("no_proxy", "c")]),
            ["a", "b", "c"]
        );
        assert_eq!(
            read(&[("HTTP_PROXY", "A"), ("http_proxy", "a"), ("all_proxy", "c")]),
            ["A", "c", ""]
        );
        assert_eq!(
            read(&[("HTTPS_PROXY", " "), ("https_proxy", "b")]),
            ["", "b", ""]
        );
    }

    #[test]
    fn what_is_no_proxy_is_said_without_repeating_it() {
        for text in [
            "ftp://u:secret@p",
            "socks4://u:secret@p",
            "http://",
            "http://u:secret@",
        ] {
            let error = Proxies::of(&endpoint(Some(text)), None).unwrap_err();
            assert!(matches!(error, Error::Configuration { .. }), "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn proxies_are_known_by_their_host() {
        let proxies = Proxies::of(&endpoint(Some("http://Proxy.example:1")), None).unwrap();
        assert!(proxies.has_host("proxy.EXAMPLE."));
        assert!(!proxies.has_host("other.example"));
        assert!(!format!("{proxies:?}").contains("roxy.example:1"));
    }
}
