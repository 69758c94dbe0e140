//! The HTTP clients of an endpoint: certificates, proxies, time limits and connections.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use reqwest::{Client, ClientBuilder, Proxy, Response};
use url::{Host, Url};

use super::guard::{Guard, Home, Reach};
use super::proxies::Proxies;
use super::{failure, trust};
use crate::{Config, Endpoint, Error, IpFamily, Step};

/// What squid says in answers of its own making.
const SQUID_ERROR: &str = "x-squid-error";

/// The HTTP clients of one endpoint, made when first used: reading the system's certificates takes
/// milliseconds, and a start with many endpoints should not wait for them.
pub(crate) struct Ways {
    endpoint: Endpoint,
    upstream: Url,
    config: Config,
    home: Arc<Home>,
    proxies: Result<Arc<Proxies>, Error>,
    headers: HeaderMap,
    data: Kept,
    credentialed: Kept,
    cloud: Kept,
    machine: Kept,
}

type Kept = OnceLock<Result<Client, Error>>;

/// The purposes that differ in where a client may go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Data,
    Tokens,
    Cloud,
    Machine,
}

impl Ways {
    pub(crate) fn new(endpoint: Endpoint, upstream: Url, config: Config) -> Self {
        let proxies = Proxies::of(&endpoint, config.proxy.as_ref()).map(Arc::new);
        Self {
            home: Arc::new(Home::of(&upstream)),
            proxies,
            // What is wrong with them is said by `check`.
            headers: trust::headers(&endpoint).unwrap_or_default(),
            endpoint,
            upstream,
            config,
            data: OnceLock::new(),
            credentialed: OnceLock::new(),
            cloud: OnceLock::new(),
            machine: OnceLock::new(),
        }
    }

    /// Whether certificates, keys, headers and proxies can be used, without the cost of a client.
    ///
    /// # Errors
    /// [`Error::Configuration`] where not.
    pub(crate) fn check(&self) -> Result<(), Error> {
        trust::certificates(&self.endpoint)?;
        trust::identity(&self.endpoint)?;
        trust::headers(&self.endpoint)?;
        self.proxies.clone()?;
        self.check_family()
    }

    /// How registries are talked to.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The endpoint these are the ways of.
    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The registry's own URL.
    pub(crate) fn upstream(&self) -> &Url {
        &self.upstream
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

    /// Headers for requests to the registry's own origin, and nowhere else.
    pub(crate) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// For the registry itself, and where it redirects to.
    pub(crate) fn data(&self) -> Result<Client, Error> {
        self.kept(&self.data, Purpose::Data)
    }

    /// For tokens, with and without credentials: the same, and the endpoint's `token_hosts` at any address.
    pub(crate) fn credentialed(&self) -> Result<Client, Error> {
        self.kept(&self.credentialed, Purpose::Tokens)
    }

    /// For the services that make credentials, which the endpoint's options or the provider name, never the registry:
    /// any address, through the proxy.
    pub(crate) fn cloud(&self) -> Result<Client, Error> {
        self.kept(&self.cloud, Purpose::Cloud)
    }

    /// For the metadata service of the machine itself: any address, through no proxy, and without the certificate
    /// that is for the registry.
    pub(crate) fn machine(&self) -> Result<Client, Error> {
        self.kept(&self.machine, Purpose::Machine)
    }

    /// The proxy for `url`. `None`: it is reached directly.
    pub(crate) fn proxy_for(&self, url: &Url) -> Option<&Url> {
        self.proxies.as_ref().ok()?.choose(url)
    }

    /// What came of a request to `url`, with a proxy's share in it told apart: a plain request's connection is the
    /// proxy's, and so may be its answer.
    ///
    /// # Errors
    /// The outcome's own, and [`Error::Unreachable`] for a refusal of the proxy's.
    pub(crate) fn by_proxy(
        &self,
        url: &Url,
        outcome: Result<Response, Error>,
    ) -> Result<Response, Error> {
        if self.proxy_for(url).is_none() {
            return outcome;
        }
        let of_proxy = |reason: String| {
            Err(Error::Unreachable {
                step: Step::Proxy,
                reason,
            })
        };
        match outcome {
            Err(Error::Unreachable {
                step: Step::Tcp | Step::Dns,
                reason,
            }) => of_proxy(format!("the proxy: {reason}")),
            Ok(response) if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                of_proxy(failure::PROXY_WANTS_PASSWORD.to_owned())
            }
            Ok(response)
                if url.scheme() == "http" && response.headers().contains_key(SQUID_ERROR) =>
            {
                of_proxy(format!("the proxy refused: {}", response.status().as_u16()))
            }
            outcome => outcome,
        }
    }

    pub(super) fn home(&self) -> &Home {
        &self.home
    }

    pub(super) fn is_proxy_host(&self, host: &str) -> bool {
        let proxies = self.proxies.as_ref();
        proxies.is_ok_and(|proxies| proxies.has_host(host))
    }

    pub(super) fn token_hosts(&self) -> &[String] {
        &self.endpoint.options.token_hosts
    }

    fn kept(&self, place: &Kept, purpose: Purpose) -> Result<Client, Error> {
        place
            .get_or_init(|| {
                // A machine without any certificates can still reach registries by http.
                self.build(purpose, true)
                    .or_else(|error| self.build(purpose, false).map_err(|_| error))
            })
            .clone()
    }

    /// A client of the endpoint's certificates, proxies and time limits; no redirects, no decoding.
    fn build(&self, purpose: Purpose, has_system_roots: bool) -> Result<Client, Error> {
        let proxies = match purpose {
            Purpose::Machine => Arc::default(),
            _ => self.proxies.clone()?,
        };
        let mut builder = Client::builder()
            .user_agent(&self.config.user_agent)
            .connect_timeout(self.config.connect_timeout)
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
            .dns_resolver(self.guard(purpose, Arc::clone(&proxies)))
            // The environment has been read already, and what the program was told may differ from it.
            .no_proxy();
        if purpose != Purpose::Machine {
            builder = builder.proxy(Proxy::custom(move |url| proxies.choose(url).cloned()));
            let identity = trust::identity(&self.endpoint)?;
            if let Some(identity) = identity.filter(|_| purpose != Purpose::Cloud) {
                builder = builder.identity(identity);
            }
        }
        if self.endpoint.options.http2 == Some(false) {
            builder = builder.http1_only();
        }
        self.with_trust(builder, purpose, has_system_roots)?
            .build()
            .map_err(|error| {
                // Without the causes behind the error: a proxy's URL holds its password.
                tracing::debug!(%error, "HTTP client not built");
                Error::Configuration {
                    reason: "its certificates, keys or proxies cannot be used".to_owned(),
                }
            })
    }

    fn guard(&self, purpose: Purpose, proxies: Arc<Proxies>) -> Guard {
        let hosts = self.token_hosts().iter();
        let trusted = match purpose {
            Purpose::Tokens => hosts
                .map(|host| super::without_port(host).to_owned())
                .collect(),
            _ => [].into(),
        };
        let (reach, family) = match purpose {
            Purpose::Data | Purpose::Tokens => (Reach::AsHome, self.endpoint.options.ip_family),
            Purpose::Cloud => (Reach::Any, self.endpoint.options.ip_family),
            Purpose::Machine => (Reach::Any, None),
        };
        Guard {
            home: Arc::clone(&self.home),
            reach,
            family,
            proxies,
            trusted,
            names: self.config.names.clone(),
        }
    }

    fn with_trust(
        &self,
        builder: ClientBuilder,
        purpose: Purpose,
        has_system_roots: bool,
    ) -> Result<ClientBuilder, Error> {
        let own = trust::certificates(&self.endpoint)?;
        Ok(match (own.is_empty(), has_system_roots) {
            // What is said of the registry is not said of the cloud, which is shown keys.
            (true, _) if self.endpoint.is_insecure && purpose != Purpose::Cloud => {
                builder.tls_danger_accept_invalid_certs(true)
            }
            (true, true) => builder,
            (false, true) => builder.tls_certs_merge(own),
            (_, false) => builder.tls_certs_only(own),
        })
    }

    /// Addresses written out are not looked up, so the guard never sees them.
    fn check_family(&self) -> Result<(), Error> {
        let address = match self.upstream.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            _ => return Ok(()),
        };
        match self.endpoint.options.ip_family {
            Some(IpFamily::Ipv4) if address.is_ipv6() => {}
            Some(IpFamily::Ipv6) if address.is_ipv4() => {}
            _ => return Ok(()),
        }
        Err(Error::Configuration {
            reason: format!("its address {address} is not of the family that `ip_family` allows"),
        })
    }
}
