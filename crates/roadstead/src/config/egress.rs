//! The way out: the proxy that upstream registries are reached through, from `proxy` in the file, or from
//! `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` where the file names none.

use url::Url;

use super::secret::Secret;
use super::section::Section;
use super::{OutboundProxy, Sources};

/// What the file says about proxies.
enum Said {
    /// These, for Harbor's `core`, the component that talks to upstreams.
    Proxies(OutboundProxy),
    /// Some, but not for `core`: upstreams are reached directly.
    NotForUpstreams,
    /// None, and perhaps what would be reached without one.
    Nothing(Option<Vec<String>>),
}

/// `None`: upstreams are reached directly.
pub(super) fn read(top: &mut Section<'_>, sources: &Sources<'_>) -> Option<OutboundProxy> {
    let said = top.section("proxy", read_section);
    match said.unwrap_or(Said::Nothing(None)) {
        Said::Proxies(proxy) => Some(proxy),
        Said::NotForUpstreams => None,
        Said::Nothing(no_proxy) => {
            let proxy = of_environment(sources)?;
            Some(OutboundProxy {
                no_proxy: no_proxy.or(proxy.no_proxy),
                ..proxy
            })
        }
    }
}

fn read_section(section: &mut Section<'_>) -> Said {
    let http = read_url(section, "http_proxy", "http_proxy_file");
    let https = read_url(section, "https_proxy", "https_proxy_file");
    let no_proxy = section.parsed(
        "no_proxy",
        "hosts, domains or networks, separated by commas",
        |text| Some(entries(text)),
    );
    let components = section.texts("components");
    for unknown in components
        .iter()
        .flatten()
        .filter(|name| !COMPONENTS.contains(&name.as_str()))
    {
        let expected = COMPONENTS.join(", ");
        section.complain(
            "components",
            format!("expected a list of {expected}, found {unknown:?} in it"),
        );
    }
    let is_meant = components.is_none_or(|components| components.iter().any(|name| name == "core"));
    match http.is_some() || https.is_some() {
        true if is_meant => Said::Proxies(OutboundProxy {
            http,
            https,
            no_proxy,
        }),
        true => Said::NotForUpstreams,
        false => Said::Nothing(no_proxy),
    }
}

fn of_environment(sources: &Sources<'_>) -> Option<OutboundProxy> {
    let variable = |name: &str| sources.environment.setting(name).map(str::to_owned);
    let found = upstream::ProxyConfig::of_environment(variable)?;
    let read = |name: &str, url: Option<String>| {
        // Without a scheme it is http, as everywhere.
        let url = url.map(|url| match url.contains("://") {
            true => url,
            false => format!("http://{url}"),
        })?;
        if !is_proxy(&url) {
            sources.complain(name, format!("expected {EXPECTED}"));
        }
        Some(Secret::new(url))
    };
    Some(OutboundProxy {
        http: read("HTTP_PROXY", found.http),
        https: read("HTTPS_PROXY", found.https),
        no_proxy: found.no_proxy.as_deref().map(entries),
    })
}

fn entries(text: &str) -> Vec<String> {
    text.split(|c: char| c == ',' || c.is_whitespace())
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}

const EXPECTED: &str = "a proxy's URL, such as http://proxy.example.com:3128";
const COMPONENTS: [&str; 4] = ["core", "jobservice", "registry", "trivy"];
const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

fn is_proxy(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| SCHEMES.contains(&url.scheme()) && url.has_host())
}

/// A proxy's URL may hold an account, so it is a secret, and is not repeated when it is wrong.
fn read_url(
    section: &mut Section<'_>,
    key: &'static str,
    key_file: &'static str,
) -> Option<Secret> {
    let url = section.secret(key, key_file)?;
    if !is_proxy(url.expose()) {
        section.complain(key, format!("expected {EXPECTED}"));
    }
    Some(url)
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Environment, Flags};

    fn proxy(yaml: &str, variables: &[(&str, &str)]) -> Option<[String; 3]> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("r.yml");
        std::fs::write(&file, yaml).unwrap();
        let flags = Flags {
            config: Some(file),
            ..Flags::default()
        };
        let config = Config::load(&flags, &Environment::of(variables)).unwrap();
        let proxy = config.outbound_proxy?;
        let url = |url: Option<super::Secret>| {
            url.map_or_else(String::new, |url| url.expose().to_owned())
        };
        Some([
            url(proxy.http),
            url(proxy.https),
            proxy.no_proxy.unwrap_or_default().join(","),
        ])
    }

    #[test]
    fn the_environment_speaks_where_the_file_names_no_proxy() {
        let variables = [
            ("HTTPS_PROXY", "env:1"),
            ("no_proxy", "a.example b.example"),
        ];
        let of = |yaml: &str| proxy(yaml, &variables);
        let own =
            |no_proxy: &str| Some([String::new(), "http://env:1".into(), no_proxy.to_owned()]);
        assert_eq!(of("{}"), own("a.example,b.example"));
        assert_eq!(
            of("proxy: {http_proxy: , https_proxy: }"),
            own("a.example,b.example")
        );
        assert_eq!(of("proxy: {no_proxy: 'c.example'}"), own("c.example"));
        assert_eq!(
            of("proxy: {http_proxy: 'http://file:2'}"),
            Some(["http://file:2".into(), String::new(), String::new()])
        );
        assert_eq!(
            of("proxy: {https_proxy: 'http://file:2', components: [trivy]}"),
            None
        );
        assert_eq!(proxy("{}", &[]), None);
        assert_eq!(
            proxy(
                "proxy: {http_proxy: '${WAY_OUT}'}",
                &[("WAY_OUT", "http://u:p@out:2")]
            ),
            Some(["http://u:p@out:2".into(), String::new(), String::new()])
        );
    }

    #[test]
    fn a_variable_that_is_no_proxy_is_named_without_its_value() {
        let environment = Environment::of(&[("HTTPS_PROXY", "ftp://u:secret@p")]);
        let problems = Config::load(&Flags::default(), &environment).unwrap_err();
        let text = problems.to_string();
        assert!(
            text.contains("HTTPS_PROXY") && !text.contains("secret"),
            "{text}"
        );
    }
}
