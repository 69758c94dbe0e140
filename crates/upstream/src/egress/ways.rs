//! The HTTP clients of an endpoint: certificates, proxies, time limits and connections.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::{Certificate, ClientBuilder, NoProxy, Proxy};
use url::Url;

use super::{Guard, Reach};
use crate::{Config, Endpoint, Error};

/// The HTTP clients of one endpoint, made when first used: reading the system's certificates takes
/// milliseconds, and a start with many endpoints should not wait for them.
pub(crate) struct Ways {
    endpoint: Endpoint,
    upstream: Url,
    config: Config,
    headers: http::HeaderMap,
    data: OnceLock<Result<reqwest::Client, Error>>,
    credentialed: OnceLock<Result<reqwest::Client, Error>>,
}

impl Ways {
    pub(crate) fn new(endpoint: Endpoint, upstream: Url, config: Config) -> Self {
        Self {
            endpoint,
            upstream,
            config,
            headers: http::HeaderMap::new(),
            data: OnceLock::new(),
            credentialed: OnceLock::new(),
        }
    }

    /// Whether certificates and proxies can be read, without the cost of a client.
    ///
    /// # Errors
    /// [`Error::Configuration`] where not.
    pub(crate) fn check(&self) -> Result<(), Error> {
        certificates(&self.endpoint)?;
        with_proxies(reqwest::Client::builder(), &self.config).map(drop)
    }

    /// How registries are talked to.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The registry's own URL.
    pub(crate) fn upstream(&self) -> &Url {
        &self.upstream
    }

    /// What each request to the registry itself carries.
    pub(crate) fn headers(&self) -> &http::HeaderMap {
        &self.headers
    }

    /// The registry's `/v2/`.
    pub(crate) fn v2_url(&self) -> Url {
        let mut url = self.upstream.clone();
        url.set_path(&format!(
            "{}/v2/",
            self.upstream.path().trim_end_matches('/')
        ));
        url
    }

    /// For the registry itself, where it redirects to, and anonymous tokens.
    pub(crate) fn data(&self) -> Result<reqwest::Client, Error> {
        self.data
            .get_or_init(|| self.client(Reach::NotLocal))
            .clone()
    }

    /// For credentials on their way to a realm.
    pub(crate) fn credentialed(&self) -> Result<reqwest::Client, Error> {
        self.credentialed
            .get_or_init(|| self.client(Reach::Public))
            .clone()
    }

    /// For the services that make credentials, which the endpoint's options or the provider name, never the registry:
    /// any address, through the proxy.
    pub(crate) fn cloud(&self) -> Result<reqwest::Client, Error> {
        self.client(Reach::Public)
    }

    /// For the metadata service of the machine itself: any address, through no proxy.
    pub(crate) fn machine(&self) -> Result<reqwest::Client, Error> {
        self.client(Reach::Public)
    }

    fn client(&self, reach: Reach) -> Result<reqwest::Client, Error> {
        http_client(&self.endpoint, &self.upstream, &self.config, reach)
    }
}

/// The HTTP client for one endpoint: its certificates, proxies and time limits; no redirects, no decoding.
///
/// # Errors
/// [`Error::Configuration`] for certificates or proxies that cannot be read.
fn http_client(
    endpoint: &Endpoint,
    upstream: &Url,
    config: &Config,
    reach: Reach,
) -> Result<reqwest::Client, Error> {
    let build = |has_system_roots: bool| -> Result<reqwest::Client, Error> {
        let guard = Guard {
            own_host: upstream.host_str().unwrap_or_default().to_owned(),
            reach,
        };
        let builder = reqwest::Client::builder()
            .user_agent(&config.user_agent)
            .connect_timeout(config.connect_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            // Less than what servers commonly keep a silent connection for, so that few requests meet a closed one.
            .pool_idle_timeout(Duration::from_secs(45))
            .pool_max_idle_per_host(32)
            // One slow stream must not hold up many, nor may many hold much: a few MiB are a fast line's round trip.
            .http2_initial_stream_window_size(4 * 1024 * 1024)
            .http2_initial_connection_window_size(16 * 1024 * 1024)
            // A connection that died silently is noticed and left, not waited on by every request put on it.
            .http2_keep_alive_interval(Duration::from_secs(10))
            .http2_keep_alive_timeout(Duration::from_secs(5))
            .dns_resolver(guard);
        let builder = with_trust(builder, endpoint, has_system_roots)?;
        with_proxies(builder, config)?
            .build()
            .map_err(|error| not_set_up("the client", &error))
    };
    // A machine without any certificates can still reach registries by http.
    build(true).or_else(|error| build(false).map_err(|_| error))
}

fn with_trust(
    builder: ClientBuilder,
    endpoint: &Endpoint,
    has_system_roots: bool,
) -> Result<ClientBuilder, Error> {
    let own = certificates(endpoint)?;
    Ok(match (own.is_empty(), has_system_roots) {
        (true, _) if endpoint.is_insecure => builder.tls_danger_accept_invalid_certs(true),
        (true, true) => builder,
        (false, true) => builder.tls_certs_merge(own),
        (_, false) => builder.tls_certs_only(own),
    })
}

/// The endpoint's own certificates.
///
/// # Errors
/// [`Error::Configuration`] where they cannot be read.
fn certificates(endpoint: &Endpoint) -> Result<Vec<Certificate>, Error> {
    let pem = endpoint
        .ca_certificate
        .as_deref()
        .map(str::trim)
        .filter(|pem| !pem.is_empty());
    let Some(pem) = pem else {
        return Ok(Vec::new());
    };
    let found = Certificate::from_pem_bundle(pem.as_bytes())
        .map_err(|error| not_set_up("the CA certificate", &error))?;
    if found.is_empty() {
        return Err(Error::Configuration {
            reason: "the CA certificate holds no PEM certificate".to_owned(),
        });
    }
    Ok(found)
}

fn with_proxies(mut builder: ClientBuilder, config: &Config) -> Result<ClientBuilder, Error> {
    let Some(proxy) = &config.proxy else {
        return Ok(builder);
    };
    // What the environment says is not added to what the file says.
    builder = builder.no_proxy();
    let direct = proxy.no_proxy.as_deref().and_then(NoProxy::from_string);
    let given = |url: &Option<String>| url.clone().filter(|url| !url.trim().is_empty());
    if let Some(url) = given(&proxy.http) {
        let http = Proxy::http(url).map_err(|error| not_set_up("the http proxy", &error))?;
        builder = builder.proxy(http.no_proxy(direct.clone()));
    }
    if let Some(url) = given(&proxy.https) {
        let https = Proxy::https(url).map_err(|error| not_set_up("the https proxy", &error))?;
        builder = builder.proxy(https.no_proxy(direct));
    }
    Ok(builder)
}

/// Without the causes behind the error: a proxy's URL holds its password.
fn not_set_up(what: &str, error: &reqwest::Error) -> Error {
    tracing::debug!(what, %error, "HTTP client not built");
    Error::Configuration {
        reason: format!("{what} cannot be used"),
    }
}
