//! The client for other registries: their tokens, redirects, failures and oddities end here. Callers see
//! manifests, streams and an [`Error`] that says what can be done. What is cached, and for how long, is not
//! decided here.

mod account;
mod budget;
mod client;
mod error;
mod figures;
mod front;
mod kind;
mod limits;
mod listing;
mod names;
mod options;
mod part;
mod ping;

mod body;
mod breaker;
#[cfg_attr(
    not(feature = "fake"),
    expect(dead_code, reason = "accounts are built on it")
)]
mod credential;
mod environment;
mod request;

mod egress;
mod provider;
mod token;

#[cfg(feature = "fake")]
pub mod fake;

use std::fmt;
use std::time::Duration;

pub use body::BlobStream;
pub use breaker::{Breaker, Outage, Verdict};
pub use budget::Budget;
pub use client::{BlobBody, BlobHead, Client, FetchedManifest, ManifestHead};
pub use environment::Environment;
pub use error::{Error, Step};
pub use figures::{Ask, Figures, LATENCY_BOUNDS};
pub use kind::Kind;
pub use limits::{InUse, Limits};
pub use names::Names;
pub use options::{
    AlibabaOptions, AuthOptions, AwsOptions, AzureOptions, FurtherCredential, GoogleOptions,
    HIDDEN, IpFamily, Options, Secret,
};

pub use ping::{Diagnosis, PingStep, diagnose};
pub use provider::{
    CredentialPattern, EndpointPattern, NeededHost, PatternKind, Suggestions, hosts, proxy_for,
    suggestions,
};

/// Another registry, as an administrator describes it.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// Its number in the database.
    pub id: i64,
    /// Its name, for messages.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Where it is; may be empty for Docker Hub.
    pub url: String,
    /// Who we are there. `None`: nobody.
    pub credential: Option<Credential>,
    /// Whether any certificate is taken. Without effect where `ca_certificate` is given, as in Harbor.
    pub is_insecure: bool,
    /// Certificates trusted beside the system's, PEM.
    pub ca_certificate: Option<String>,
    /// What Harbor's fields cannot say.
    pub options: Options,
}

/// A user name and its secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// The user's, robot's or access key's name.
    pub username: String,
    /// The password, token or secret key.
    pub secret: String,
}

impl fmt::Debug for Credential {
    /// Without the secret: endpoints are logged.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// How registries are talked to; the same for all of them.
#[derive(Clone, Debug)]
pub struct Config {
    /// Until a connection stands, name look-up and TLS included.
    pub connect_timeout: Duration,
    /// Until the answer's headers are in (for a manifest: its last byte), everything on the way included.
    pub answer_timeout: Duration,
    /// The same, where a cached copy is at hand.
    pub revalidate_timeout: Duration,
    /// How long a request may wait for its turn, where an endpoint or a project allows so many at once.
    pub queue_timeout: Duration,
    /// How long a body may be silent. A body has no other limit.
    pub stall_timeout: Duration,
    /// What we call ourselves. Some content networks refuse clients without a name.
    pub user_agent: String,
    /// The way out. `None`: directly. See [`ProxyConfig::of_environment`].
    pub proxy: Option<ProxyConfig>,
    /// The names, without `docker-credential-`, of the programs that endpoints may have started for a credential.
    pub credential_helpers: Vec<String>,
    /// The variables that sources of credentials follow. Empty by default: the program hands over its own.
    pub environment: Environment,
    /// Answers to the look-up of names. `None`: the system's.
    pub names: Option<Names>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            // Container runtimes give up after 30 s of silence: our own answer must be out before.
            answer_timeout: Duration::from_secs(25),
            revalidate_timeout: Duration::from_secs(2),
            queue_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(20),
            user_agent: concat!("roadstead/", env!("CARGO_PKG_VERSION")).to_owned(),
            proxy: None,
            credential_helpers: Vec::new(),
            environment: Environment::default(),
            names: None,
        }
    }
}

/// The proxies between us and the other registries; URLs with scheme `http`, `https`, `socks5` or `socks5h`, and an
/// account where the proxy wants one.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ProxyConfig {
    /// For `http://`; a URL.
    pub http: Option<String>,
    /// For `https://`; a URL.
    pub https: Option<String>,
    /// Hosts, domains and networks reached directly, separated by commas.
    pub no_proxy: Option<String>,
}

/// How long an answer is worth waiting for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// A cached copy is at hand.
    Revalidate,
    /// Nothing else can answer.
    Cold,
}
