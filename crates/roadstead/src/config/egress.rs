//! The way out: the HTTP proxy that upstream registries are reached through (`proxy`).

use url::Url;

use super::OutboundProxy;
use super::secret::Secret;
use super::section::Section;

/// `None` where the file names no proxy, or not for `core`, the component of Harbor's that talks to upstreams.
pub(super) fn read(top: &mut Section<'_>) -> Option<OutboundProxy> {
    top.section("proxy", |section| {
        let proxy = OutboundProxy {
            http: read_url(section, "http_proxy"),
            https: read_url(section, "https_proxy"),
            no_proxy: section.parsed(
                "no_proxy",
                "hosts, domains or networks, separated by commas",
                |text| {
                    Some(
                        text.split(',')
                            .map(str::trim)
                            .filter(|part| !part.is_empty())
                            .map(str::to_owned)
                            .collect(),
                    )
                },
            ),
        };
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
        let is_meant =
            components.is_none_or(|components| components.iter().any(|name| name == "core"));
        (is_meant && (proxy.http.is_some() || proxy.https.is_some())).then_some(proxy)
    })
    .flatten()
}

const COMPONENTS: [&str; 4] = ["core", "jobservice", "registry", "trivy"];
const SCHEMES: [&str; 4] = ["http", "https", "socks5", "socks5h"];

/// A proxy's URL may hold an account, so it is a secret, and is not repeated when it is wrong.
fn read_url(section: &mut Section<'_>, key: &'static str) -> Option<Secret> {
    let text = section.text(key)?;
    let is_proxy =
        Url::parse(&text).is_ok_and(|url| SCHEMES.contains(&url.scheme()) && url.has_host());
    if !is_proxy {
        section.complain(
            key,
            "expected a proxy's URL, such as http://proxy.example.com:3128",
        );
    }
    Some(Secret::new(text))
}
