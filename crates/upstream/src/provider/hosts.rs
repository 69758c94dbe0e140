//! The hosts a firewall must allow for an endpoint: those its provider documents, or is known to redirect to. A
//! provider may change them; where it gives no list, the words say so.

use url::Url;

use super::{alibaba, aws, data_url, docker_hub};
use crate::{AuthOptions, AwsOptions, Config, Endpoint, Error, Kind, egress};

const HTTPS: u16 = 443;

/// A host to allow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NeededHost {
    /// Its name or address; `*` stands for any number of labels.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// Whether it is spoken to by TLS: proxies differ for it.
    pub is_https: bool,
    /// What it is needed for.
    pub why: &'static str,
}

/// The proxy that `needed` is reached through, without its account. `None`: it is reached directly.
///
/// # Errors
/// [`Error::Configuration`] for a proxy that cannot be read.
pub fn proxy_for(
    endpoint: &Endpoint,
    config: &Config,
    needed: &NeededHost,
) -> Result<Option<String>, Error> {
    let scheme = if needed.is_https { "https" } else { "http" };
    let host = match needed.host.contains(':') {
        true => format!("[{}]", needed.host),
        false => needed.host.clone(),
    };
    let url: Url = format!("{scheme}://{host}:{}", needed.port)
        .parse()
        .map_err(|_| Error::Configuration {
            reason: format!("{host:?} is no host"),
        })?;
    egress::proxy_shown(endpoint, config, &url)
}

/// The hosts that pulls from `endpoint` need: the registry first, each once. Empty where the URL makes no sense.
pub fn hosts(endpoint: &Endpoint) -> Vec<NeededHost> {
    let Ok(registry) = data_url(endpoint) else {
        return Vec::new();
    };
    let mut needed = vec![of_url(&registry, "registry")];
    needed.extend(of_registry(&registry));
    needed.extend(of_kind(endpoint, &registry));
    needed.extend(endpoint.options.token_hosts.iter().map(|listed| {
        let (host, port) = split(listed);
        at(host, port, "tokens, as the endpoint's `token_hosts` say")
    }));
    let mut seen = Vec::new();
    needed.retain(|one| {
        let key = (one.host.clone(), one.port);
        let is_new = !seen.contains(&key);
        seen.push(key);
        is_new
    });
    needed
}

/// What is known of a registry by its host, whatever the endpoint's kind.
fn of_registry(registry: &Url) -> Vec<NeededHost> {
    let host = registry.host_str().unwrap_or_default();
    let table: &[(&str, &'static str)] = match host {
        _ if docker_hub::is_name_of_it(host) => &DOCKER_HUB,
        "ghcr.io" => &[("pkg-containers.githubusercontent.com", "layers")],
        "quay.io" | "registry.redhat.io" | "registry.access.redhat.com" => &QUAY_CDN,
        "registry.gitlab.com" => &[
            ("gitlab.com", "tokens"),
            ("cdn.registry.gitlab-static.net", "layers"),
            ("storage.googleapis.com", "layers"),
        ],
        "docker.elastic.co" => &[("docker-auth.elastic.co", "tokens")],
        "registry.digitalocean.com" => &[
            ("api.digitalocean.com", "tokens"),
            ("*.digitaloceanspaces.com", "layers"),
        ],
        "nvcr.io" => &[
            ("authn.nvidia.com", "tokens"),
            ("*.ngc.nvidia.com", "layers"),
        ],
        "mcr.microsoft.com" => &[("*.data.mcr.microsoft.com", "layers")],
        "registry.k8s.io" => &[
            (
                "*.pkg.dev",
                "manifests and layers (the project gives no list)",
            ),
            ("*.amazonaws.com", "layers (the project gives no list)"),
            (
                "storage.googleapis.com",
                "layers (the project gives no list)",
            ),
        ],
        aws::PUBLIC_REGISTRY => &[("d5l0dvt14r5h8.cloudfront.net", "layers")],
        _ if is_below(host, "gcr.io") || is_below(host, "pkg.dev") => {
            &[("storage.googleapis.com", "layers")]
        }
        _ if is_below(host, "azurecr.io") => &[
            ("*.blob.core.windows.net", "layers"),
            ("*.data.azurecr.io", "layers, with dedicated data endpoints"),
        ],
        _ => return of_cloud(host),
    };
    table
        .iter()
        .map(|(host, why)| at(host, HTTPS, why))
        .collect()
}

const DOCKER_HUB: [(&str, &str); 4] = [
    ("auth.docker.io", "tokens"),
    ("production.cloudflare.docker.com", "layers"),
    ("production.cloudfront.docker.com", "layers"),
    (
        "docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com",
        "layers",
    ),
];

const QUAY_CDN: [(&str, &str); 7] = [
    ("cdn.quay.io", "layers"),
    ("cdn01.quay.io", "layers"),
    ("cdn02.quay.io", "layers"),
    ("cdn03.quay.io", "layers"),
    ("cdn04.quay.io", "layers"),
    ("cdn05.quay.io", "layers"),
    ("cdn06.quay.io", "layers"),
];

/// Registries whose region is in their host.
fn of_cloud(host: &str) -> Vec<NeededHost> {
    let https = |host: String, why| at(&host, HTTPS, why);
    if let Some(private) = aws::PrivateHost::parse(host) {
        let (region, domain) = (private.region, private.domain);
        let mut needed = vec![https(
            format!("prod-{region}-starport-layer-bucket.s3.{region}.{domain}"),
            "layers",
        )];
        // The interface's host does not name the account that the registry's does.
        if host.starts_with("api.") {
            needed.push(https(format!("*.dkr.ecr.{region}.{domain}"), "registry"));
        }
        return needed;
    }
    if let Some(region) = alibaba::region_of(host) {
        return vec![
            https(format!("dockerauth.{region}.aliyuncs.com"), "tokens"),
            https(
                format!("dockerauth-vpc.{region}.aliyuncs.com"),
                "tokens, within a VPC",
            ),
            https(
                format!("dockerauth-ee.{region}.aliyuncs.com"),
                "tokens, of enterprise instances",
            ),
            https(format!("*.oss-{region}.aliyuncs.com"), "layers"),
            https(
                format!("*.oss-{region}-internal.aliyuncs.com"),
                "layers, within a VPC",
            ),
        ];
    }
    Vec::new()
}

/// The services that make an endpoint's credential.
fn of_kind(endpoint: &Endpoint, registry: &Url) -> Vec<NeededHost> {
    let host = registry.host_str().unwrap_or_default();
    let has_credential = endpoint
        .credential
        .as_ref()
        .is_some_and(|credential| !credential.username.is_empty());
    let given = |url: &Option<String>, fallback: &str, why| match url {
        Some(url) => url
            .parse()
            .map_or_else(|_| at(url, HTTPS, why), |url| of_url(&url, why)),
        None => at(fallback, HTTPS, why),
    };
    match (&endpoint.options.auth, endpoint.kind) {
        (Some(AuthOptions::Aws(options)), _) => of_aws(host, options),
        (Some(AuthOptions::Azure(options)), _) => vec![given(
            &options.authority_host,
            "login.microsoftonline.com",
            "credentials",
        )],
        (Some(AuthOptions::Google(options)), _) => vec![given(
            &options.token_endpoint,
            "oauth2.googleapis.com",
            "credentials",
        )],
        (Some(AuthOptions::Alibaba(options)), _) => {
            let region = options
                .region
                .as_deref()
                .or_else(|| alibaba::region_of(host));
            let fallback = format!("cr.{}.aliyuncs.com", region.unwrap_or("*"));
            vec![given(&options.api_endpoint, &fallback, "credentials")]
        }
        (None, Kind::AwsEcr) if host != aws::PUBLIC_REGISTRY || has_credential => {
            of_aws(host, &AwsOptions::default())
        }
        (None, Kind::AliAcr) if has_credential => alibaba::region_of(host)
            .map(|region| at(&format!("cr.{region}.aliyuncs.com"), HTTPS, "credentials"))
            .into_iter()
            .collect(),
        (None, Kind::GoogleGcr) if has_credential => {
            vec![at("oauth2.googleapis.com", HTTPS, "credentials")]
        }
        _ => Vec::new(),
    }
}

fn of_aws(host: &str, options: &AwsOptions) -> Vec<NeededHost> {
    let parsed = aws::PrivateHost::parse(host);
    let given = options.region.as_deref();
    let region = given.or_else(|| parsed.as_ref().map(|host| host.region));
    let region = match region {
        None if host == aws::PUBLIC_REGISTRY => "us-east-1",
        region => region.unwrap_or("*"),
    };
    let domain = parsed.map_or_else(|| aws::domain_of(region), |host| host.domain);
    let interface = match host {
        aws::PUBLIC_REGISTRY => "api.ecr-public",
        _ => "api.ecr",
    };
    let at_url = |url: &Option<String>, host: String, why| {
        let url = url.as_deref().and_then(|url| url.parse().ok());
        url.map_or_else(|| at(&host, HTTPS, why), |url| of_url(&url, why))
    };
    vec![
        at_url(
            &options.ecr_endpoint,
            format!("{interface}.{region}.{domain}"),
            "credentials",
        ),
        at_url(
            &options.sts_endpoint,
            format!("sts.{region}.{domain}"),
            "credentials, where a role is assumed",
        ),
    ]
}

fn of_url(url: &Url, why: &'static str) -> NeededHost {
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    NeededHost {
        is_https: url.scheme() == "https",
        ..at(host, url.port_or_known_default().unwrap_or(HTTPS), why)
    }
}

fn at(host: &str, port: u16, why: &'static str) -> NeededHost {
    NeededHost {
        host: host.to_owned(),
        port,
        is_https: true,
        why,
    }
}

/// `host` or `host:port`.
fn split(listed: &str) -> (&str, u16) {
    let port = listed
        .rsplit_once(':')
        .and_then(|(host, port)| Some((host, port.parse().ok()?)))
        .filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    port.unwrap_or((listed, HTTPS))
}

fn is_below(host: &str, domain: &str) -> bool {
    host == domain
        || host
            .strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.'))
}

#[cfg(test)]
mod tests;
