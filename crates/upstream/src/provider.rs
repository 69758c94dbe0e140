//! What is particular about some registries: where their data is, which hosts serve it, what a form for them suggests,
//! and which of them is Docker Hub. How each wants to be logged in to is learned from its challenge and needs no
//! entry here.

mod alibaba;
mod aws;
pub(crate) mod docker_hub;
mod hosts;
mod suggestions;
mod token_hosts;

use url::Url;

use crate::{Endpoint, Error, Kind};

pub use self::hosts::{NeededHost, hosts, proxy_for};
pub use self::suggestions::{
    CredentialPattern, EndpointPattern, PatternKind, Suggestions, suggestions,
};

/// Where an endpoint's `/v2/` is: the URL that was typed in, made whole as Harbor does it (white space and
/// trailing slashes off, `http://` where there is no scheme, a path prefix kept, a query dropped); the provider's own
/// where the typed one is empty or names its interface instead of its registry.
///
/// # Errors
/// [`Error::Configuration`] where it is no http or https URL.
pub(crate) fn data_url(endpoint: &Endpoint) -> Result<Url, Error> {
    let typed = match (endpoint.url.trim(), endpoint.kind) {
        ("", Kind::DockerHub) => docker_hub::URL,
        ("", Kind::GithubGhcr) => "https://ghcr.io",
        ("", Kind::Quay) => "https://quay.io",
        (typed, _) => typed,
    };
    let mut url = whole(typed)?;
    let host = url.host_str().unwrap_or_default().to_owned();
    if docker_hub::is_name_of_it(&host) {
        return whole(docker_hub::URL);
    }
    let registry = match endpoint.kind {
        Kind::AliAcr => alibaba::registry_of(&host),
        Kind::AwsEcr => aws::registry_of(&host),
        _ => None,
    };
    if let Some(registry) = registry {
        url.set_host(Some(&registry))
            .map_err(|_| wrong(typed, "is no URL"))?;
    }
    Ok(url)
}

fn whole(typed: &str) -> Result<Url, Error> {
    let whole = if typed.contains("://") {
        typed.to_owned()
    } else {
        format!("http://{typed}")
    };
    let mut url: Url = whole.parse().map_err(|_| wrong(typed, "is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(wrong(typed, "is no http or https URL"));
    }
    url.set_query(None);
    url.set_fragment(None);
    // Credentials have their own fields; here they would show up in logs.
    let is_bare = url.set_username("").is_ok() && url.set_password(None).is_ok();
    debug_assert!(is_bare, "an http URL with a host takes them");
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    Ok(url)
}

fn wrong(typed: &str, why: &str) -> Error {
    Error::Configuration {
        reason: format!("{typed:?} {why}"),
    }
}

/// Whether tokens of the registry at `registry` are known to be made at `host`.
pub(crate) fn is_token_host(registry: &str, host: &str) -> bool {
    token_hosts::is_known(registry, host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(kind: Kind, url: &str) -> Endpoint {
        Endpoint {
            id: 1,
            name: "one".into(),
            kind,
            url: url.into(),
            credential: None,
            is_insecure: false,
            ca_certificate: None,
            options: crate::Options::default(),
        }
    }

    #[test]
    fn a_typed_url_is_made_whole() {
        let table = [
            (
                Kind::DockerRegistry,
                " https://r.example/ ",
                "https://r.example/",
            ),
            (
                Kind::DockerRegistry,
                "r.example:5000",
                "http://r.example:5000/",
            ),
            (
                Kind::DockerRegistry,
                "https://r.example/a/b//?x=y#z",
                "https://r.example/a/b",
            ),
            (
                Kind::DockerRegistry,
                "https://user:secret@r.example",
                "https://r.example/",
            ),
            (
                Kind::DockerRegistry,
                "https://index.docker.io",
                "https://registry-1.docker.io/",
            ),
            (Kind::DockerHub, "", "https://registry-1.docker.io/"),
            (Kind::GithubGhcr, "", "https://ghcr.io/"),
            (Kind::Quay, " ", "https://quay.io/"),
            (Kind::Quay, "https://quay.example", "https://quay.example/"),
            (
                Kind::GoogleGcr,
                "https://us-docker.pkg.dev",
                "https://us-docker.pkg.dev/",
            ),
            (
                Kind::AliAcr,
                "https://cr.cn-hangzhou.aliyuncs.com",
                "https://registry.cn-hangzhou.aliyuncs.com/",
            ),
            (
                Kind::AliAcr,
                "https://registry-vpc.cn-hangzhou.aliyuncs.com",
                "https://registry-vpc.cn-hangzhou.aliyuncs.com/",
            ),
            (
                Kind::DockerRegistry,
                "https://cr.cn-hangzhou.aliyuncs.com",
                "https://cr.cn-hangzhou.aliyuncs.com/",
            ),
            (
                Kind::AwsEcr,
                "https://api.ecr-public.us-east-1.amazonaws.com",
                "https://public.ecr.aws/",
            ),
            (
                Kind::AwsEcr,
                "https://1.dkr.ecr.eu-west-1.amazonaws.com",
                "https://1.dkr.ecr.eu-west-1.amazonaws.com/",
            ),
            (
                Kind::JfrogArtifactory,
                "https://x.jfrog.io/key",
                "https://x.jfrog.io/key",
            ),
            (
                Kind::DockerHub,
                "https://hub.docker.com",
                "https://registry-1.docker.io/",
            ),
            (
                Kind::DockerHub,
                "http://127.0.0.1:5000",
                "http://127.0.0.1:5000/",
            ),
        ];
        for (kind, typed, expected) in table {
            assert_eq!(
                data_url(&endpoint(kind, typed)).unwrap().as_str(),
                expected,
                "{typed}"
            );
        }
        for typed in [
            "",
            "https://",
            "ftp://r.example",
            "https://a b",
            "unix:///x",
        ] {
            assert!(
                data_url(&endpoint(Kind::DockerRegistry, typed)).is_err(),
                "{typed}"
            );
        }
    }
}
