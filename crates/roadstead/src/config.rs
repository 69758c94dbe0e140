//! The configuration: what `serve` runs with, and the only place that reads the file, the environment and the flags.
//!
//! Flags win over the environment (`ROADSTEAD_…`), which wins over the file. The file is YAML with harbor.yml's own
//! key names wherever the meaning is the same. Every mistake is reported at once, with file, key and what was expected.
//! A setting is listed here, and read in the file of its section; what it does is documented where it is used.

mod database;
mod document;
mod effective;
mod egress;
mod environment;
mod freshness;
mod harbor;
mod listen;
mod observe;
mod options;
mod problem;
mod projects;
mod secret;
mod section;
mod storage;
mod upstreams;
mod value;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;
use url::Url;

pub use environment::{Environment, VARIABLES};
pub use problem::Problems;
pub use secret::Secret;

use document::{Node, Value};
use problem::{At, Problem, Source};
use section::{Reader, Section};

/// Everything the process is told from outside. Secrets are not in its `Debug` output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file that was read, if one was named.
    pub file: Option<PathBuf>,
    /// Where to listen: with TLS when `tls` is there, else plain. `https.port` or `http.port` of the file on all
    /// interfaces (or on their `address`); 127.0.0.1:8080 when nothing is said.
    pub listen: SocketAddr,
    /// The certificate to listen with (`https`). The files were readable when the configuration was.
    pub tls: Option<TlsFiles>,
    /// With `https` and `http` both configured: the plain address whose clients are sent to the TLS one, as in Harbor.
    pub redirect_listen: Option<SocketAddr>,
    /// How clients call this registry, when `external_url` or `hostname` says so. See [`Config::url_at`].
    pub external_url: Option<Url>,
    /// Proxies in front of this registry, as addresses or networks, whose `X-Forwarded-For` is believed (`trusted_proxies`).
    pub trusted_proxies: Vec<IpNet>,
    /// The folder of everything Roadstead keeps (`data_volume`, default `./data`).
    pub data: PathBuf,
    /// The folder of the blobs (`storage_service.filesystem.rootdirectory`, default: the data folder).
    pub storage_root: PathBuf,
    /// `sqlite://…` or `postgresql://…`; a secret because it may hold a password. Default: `roadstead.db` in `data`.
    pub database_url: Secret,
    /// The first administrator's password (`harbor_admin_password`); used only while there is no administrator.
    pub admin_password: Option<Secret>,
    /// The proxy upstreams are reached through: of `proxy`, else of `HTTP_PROXY` and its like; `None`: directly.
    pub outbound_proxy: Option<OutboundProxy>,
    /// The variables that clouds' sources of credentials follow (`AWS_…` and their like).
    pub cloud_environment: upstream::Environment,
    /// What is logged and how (`log`).
    pub log: Log,
    /// Where metrics are shown, when they are (`metric`).
    pub metric: Option<Metric>,
    /// How long running transfers may go on after SIGTERM (`drain_timeout`, default 30 s).
    pub drain_timeout: Duration,
    /// How often leftovers are looked for (`janitor_period`, default 1 h).
    pub janitor_period: Duration,
    /// How long an upload nobody goes on with is kept (`upload_purging.age`, default 24 h).
    pub upload_expiry: Duration,
    /// The `docker-credential-*` programs an endpoint may get its credential from (`credential_helpers`), without that
    /// prefix. None unless given: such a program runs with this process's rights.
    pub credential_helpers: Vec<String>,
    /// Upstream endpoints declared in the file (`registries`), in its order.
    pub upstreams: Vec<DeclaredUpstream>,
    /// Projects declared in the file (`projects`), in its order.
    pub projects: Vec<DeclaredProject>,
}

/// The files TLS needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM: the certificate, then its chain.
    pub certificate: PathBuf,
    /// PEM: the certificate's private key.
    pub private_key: PathBuf,
}

/// A proxy on the way to upstreams. The URLs are secrets because they may hold an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboundProxy {
    /// For `http://` upstreams.
    pub http: Option<Secret>,
    /// For `https://` upstreams.
    pub https: Option<Secret>,
    /// Hosts, domains and networks that are reached directly; `None` where nobody says.
    pub no_proxy: Option<Vec<String>>,
}

/// What is logged and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// A directive of `tracing_subscriber::EnvFilter`, known to be a valid one.
    pub filter: String,
    /// One line of text or of JSON per event.
    pub format: LogFormat,
}

/// How an event is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// For programs: one JSON object per line.
    Json,
}

/// Where metrics are shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metric {
    /// A listener of its own, on the registry's address.
    pub listen: SocketAddr,
    /// The path, starting with `/`.
    pub path: String,
}

/// An upstream endpoint the file declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredUpstream {
    /// Unique among the declared.
    pub name: String,
    /// Harbor's name for its type, a known one.
    pub kind: String,
    /// `http://` or `https://`; for `docker-hub`, `github-ghcr` and `quay` the public one's when the file has none.
    pub url: String,
    /// The account to pull with; `None` pulls anonymously.
    pub credential: Option<UpstreamCredential>,
    /// Whether its certificate is taken unverified.
    pub is_insecure: bool,
    /// PEM of a certificate authority to trust for it.
    pub ca_certificate: Option<String>,
    /// What Harbor's fields cannot say (`options`).
    pub options: upstream::Options,
    /// For people.
    pub description: String,
}

/// An account at an upstream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamCredential {
    /// The user name.
    pub access_key: String,
    /// The password or token.
    pub access_secret: Secret,
}

/// A project the file declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredProject {
    /// Valid and unique among the declared.
    pub name: String,
    /// Whether anyone may pull.
    pub is_public: bool,
    /// The name of the declared upstream it caches; `None` for a hosted project.
    pub upstream: Option<String>,
    /// Harbor's metadata keys with their values as text, `public` and `revalidate_after_seconds` among them.
    pub metadata: BTreeMap<String, String>,
}

/// The flags of `serve` and `check-config`. They win over everything.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct Flags {
    /// Configuration file in YAML, with the key names of harbor.yml [environment: ROADSTEAD_CONFIG]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on [environment: ROADSTEAD_LISTEN] [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDR:PORT")]
    pub listen: Option<SocketAddr>,
    /// Folder of everything Roadstead keeps [environment: ROADSTEAD_DATA] [default: ./data]
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

impl Config {
    /// Reads flags, environment and file. The error lists everything that is wrong.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Self, Problems> {
        let file = flags
            .config
            .clone()
            .or_else(|| environment.setting("ROADSTEAD_CONFIG").map(PathBuf::from));
        let shown = file.clone().unwrap_or_default();
        let reader = Reader::new(&shown, environment);
        let root = match &file {
            Some(path) => read_document(path, &reader),
            None => Some(Node {
                at: At::default(),
                value: Value::Map(Vec::new()),
            }),
        };
        let sources = Sources {
            flags,
            environment,
            reader: &reader,
        };
        let config = root.as_ref().and_then(|root| {
            reader.document(root, |top| Self {
                file: file.clone(),
                ..Self::read(top, &sources)
            })
        });
        let mut problems = reader.into_problems();
        // Without the file's `${…}` references nobody can tell which variables are strangers.
        if config.is_some() {
            problems.extend(environment.strangers());
        }
        match (Problems::of(problems), config) {
            (Some(problems), _) => Err(problems),
            (None, Some(config)) => Ok(config),
            (None, None) => {
                unreachable!("a document that cannot be read has been complained about")
            }
        }
    }

    /// How clients call this registry, once it is bound to `bound` (whose port the operator may have left to chance).
    pub fn url_at(&self, bound: SocketAddr) -> Url {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        let host = match bound.ip() {
            // Docker takes `localhost` for granted as a registry that may be plain HTTP.
            ip if ip.is_loopback() || ip.is_unspecified() => "localhost".to_owned(),
            ip => SocketAddr::new(ip, 0)
                .to_string()
                .trim_end_matches(":0")
                .to_owned(),
        };
        let by_address = || Url::parse(&format!("{scheme}://{host}:{}", bound.port()));
        self.external_url
            .clone()
            .unwrap_or_else(|| by_address().expect("an address and a port make a URL"))
    }

    /// The settings as YAML in the file's own shape, with defaults filled in and secrets left out.
    pub fn effective(&self) -> String {
        effective::write(self)
    }

    fn read(top: &mut Section<'_>, sources: &Sources<'_>) -> Self {
        let listen = listen::read(top, sources);
        let data = storage::read_data(top, sources);
        let storage_root = storage::read_root(top, &data);
        let database_url = database::read(top, sources, &data);
        let declared_password = top.secret("harbor_admin_password", "harbor_admin_password_file");
        let admin_password = sources
            .variable("ROADSTEAD_ADMIN_PASSWORD", "a password", |text| {
                Some(Secret::new(text))
            })
            .or(declared_password);
        let outbound_proxy = egress::read(top, sources);
        let log = observe::read_log(top, sources);
        let metric = observe::read_metric(top, listen.address);
        let upload_expiry = storage::read_upload_expiry(top);
        let drain_timeout = top.duration("drain_timeout");
        let janitor_period = top.duration("janitor_period");
        if janitor_period == Some(Duration::ZERO) {
            top.complain("janitor_period", "expected more than 0, such as 1h");
        }
        let credential_helpers = upstreams::read_credential_helpers(top);
        let upstreams = upstreams::read(top);
        let projects = projects::read(top, &upstreams);
        harbor::refuse_top_level(top);
        Self {
            file: None,
            listen: listen.address,
            tls: listen.tls,
            redirect_listen: listen.redirect,
            external_url: listen.external_url,
            trusted_proxies: listen.trusted_proxies,
            data,
            storage_root,
            database_url,
            admin_password,
            outbound_proxy,
            cloud_environment: sources.environment.for_clouds(),
            log,
            metric,
            drain_timeout: drain_timeout.unwrap_or(Duration::from_secs(30)),
            janitor_period: janitor_period.unwrap_or(Duration::from_secs(3600)),
            upload_expiry: upload_expiry.unwrap_or(Duration::from_secs(24 * 3600)),
            credential_helpers,
            upstreams,
            projects,
        }
    }
}

fn read_document(path: &Path, reader: &Reader<'_>) -> Option<Node> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            reader.complain(
                At::default(),
                "",
                format!("cannot read this configuration file: {error}"),
            );
            return None;
        }
    };
    document::parse(&text)
        .map_err(|(at, message)| reader.complain(at, "", message))
        .ok()
}

/// What may overrule the file.
struct Sources<'a> {
    flags: &'a Flags,
    environment: &'a Environment,
    reader: &'a Reader<'a>,
}

impl Sources<'_> {
    /// A variable that is a setting, parsed; its value is not repeated in a complaint, for it may hold a password.
    fn variable<T>(
        &self,
        name: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = self.environment.setting(name)?;
        let result = parse(value);
        if result.is_none() {
            self.complain(name, format!("expected {expected}"));
        }
        result
    }

    /// A complaint about what the process was started in.
    fn complain(&self, name: &str, message: String) {
        self.reader.note(Problem {
            source: Source::Environment,
            key: name.to_owned(),
            message,
        });
    }
}
