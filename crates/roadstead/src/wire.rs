//! Wiring: builds every part from the configuration, top to bottom, and runs them until told to stop.

use std::fs;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use auth::Auth;
use chrono::Utc;
use metadata::Db;
use registry::{DeclaredProject, DeclaredRegistry, Registry};
use server::{Listener, State, TlsFiles};
use storage::BlobStore;
use tokio::task::JoinHandle;
use url::Url;

use crate::config::{Config, OutboundProxy};

/// Bytes that nothing names are left alone this long: a push or a fill may be about to name them.
const ORPHAN_GRACE: Duration = Duration::from_secs(3600);
/// A log server that is away holds no shutdown up for longer.
const FORWARD_LIMIT: Duration = Duration::from_secs(5);
/// Where a generated administrator password is kept, in the data folder.
const PASSWORD_FILE: &str = "admin-password";
/// What clients can download to trust, in the data folder: where Harbor has it.
const CA_CERTIFICATE: &str = "ca_download/ca.crt";

/// Everything, built and bound, not yet serving.
pub struct App {
    listener: Listener,
    redirect: Option<Listener>,
    metrics: Option<(Listener, server::App)>,
    state: State,
    registry: Registry,
    url: Url,
    drain_timeout: Duration,
    generated_password: Option<GeneratedPassword>,
}

/// The first administrator's password, where nobody gave one.
pub struct GeneratedPassword {
    /// To be shown once.
    pub password: String,
    /// Where it is kept, readable by the owner only.
    pub file: PathBuf,
}

impl App {
    /// Builds every part and binds the address. Asks no upstream anything: the process starts with all of them
    /// unreachable.
    ///
    /// # Errors
    /// In the operator's words, what could not be opened, bound or applied.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        Self::build(config, upstream_config(config)).await
    }

    /// The same, asking other registries as `change` has it: for tests with names of their own, and no time to wait.
    ///
    /// # Errors
    /// As [`Self::start`].
    #[cfg(feature = "fault")]
    pub async fn start_asking(
        config: &Config,
        change: impl FnOnce(&mut upstream::Config),
    ) -> anyhow::Result<Self> {
        let mut asking = upstream_config(config);
        change(&mut asking);
        Self::build(config, asking).await
    }

    async fn build(config: &Config, asking: upstream::Config) -> anyhow::Result<Self> {
        let now = Utc::now();
        make_private(&config.data)?;
        let db = Db::connect(metadata::Config {
            url: config.database_url.expose().to_owned(),
        })
        .await
        .context("the database could not be opened")?;
        let store = BlobStore::open(storage::Config {
            root: config.storage_root.clone(),
        })
        .await
        .with_context(|| {
            format!(
                "the storage folder {} could not be opened",
                config.storage_root.display()
            )
        })?;
        let auth = Auth::open(auth_config(config), db.clone()).await?;
        let generated_password = ensure_admin(config, &auth).await?;
        let registry = Registry::new(
            registry_config(config, asking),
            db.clone(),
            store,
            auth.clone(),
        );
        registry
            .apply_declared(
                &declared_registries(config),
                &declared_projects(config),
                now,
            )
            .await
            .context("the declared registries and projects could not be applied")?;
        let tls = config.tls.as_ref().map(|files| TlsFiles {
            certificate: files.certificate.clone(),
            private_key: files.private_key.clone(),
        });
        let bind = |address: SocketAddr| format!("could not listen on {address}");
        let listener = Listener::bind(config.listen, tls.as_ref())
            .await
            .with_context(|| bind(config.listen))?;
        let redirect = match config.redirect_listen {
            Some(address) => Some(
                Listener::bind(address, None)
                    .await
                    .with_context(|| bind(address))?,
            ),
            None => None,
        };
        let url = config.url_at(listener.address()?);
        let shown = server::Config {
            external_url: url.clone(),
            version: env!("CARGO_PKG_VERSION"),
            trusted_proxies: config.trusted_proxies.clone(),
            ca_certificate: config.data.join(CA_CERTIFICATE),
        };
        let state = State::new(shown, auth, registry.clone(), db);
        let metrics = match &config.metric {
            Some(metric) => {
                let listener = Listener::bind(metric.listen, None).await;
                let listener = listener.with_context(|| bind(metric.listen))?;
                Some((listener, server::metrics(state.clone(), &metric.path)))
            }
            None => None,
        };
        Ok(Self {
            listener,
            redirect,
            metrics,
            state,
            registry,
            url,
            drain_timeout: config.drain_timeout,
            generated_password,
        })
    }

    /// The address that is listened on.
    ///
    /// # Errors
    /// When the system does not know it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.address()
    }

    /// The address that metrics are at, where they are shown.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        let (listener, _) = self.metrics.as_ref()?;
        listener.address().ok()
    }

    /// The password made for the first administrator by this start.
    pub fn generated_password(&self) -> Option<&GeneratedPassword> {
        self.generated_password.as_ref()
    }

    /// What it serves, for tests that fill its disk.
    #[cfg(feature = "fault")]
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Serves until `stop` is ready, then drains: transfers and fetches in flight get the configured time.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let janitor = tokio::spawn(self.registry.clone().run_janitor());
        // Before anything is done that could go unrecorded.
        self.registry.refresh_audit().await;
        let flushing = tokio::spawn(self.registry.clone().run_flush());
        let evicting = tokio::spawn(self.registry.clone().run_evictions());
        let working = tokio::spawn(self.registry.clone().run_jobs());
        let forwarding = tokio::spawn(self.registry.clone().run_audit_forwarding());
        let checking = tokio::spawn(self.registry.clone().run_health_checks());
        let redirecting = self.redirect.map(|listener| {
            let app = server::redirect_to(self.url.clone());
            tokio::spawn(listener.serve(app, std::future::pending(), Duration::ZERO))
        });
        let showing = self.metrics.map(|(listener, app)| {
            tokio::spawn(listener.serve(app, std::future::pending(), Duration::ZERO))
        });
        // One time limit for all of the drain, from the moment it is asked for.
        let mut deadline = None;
        let stop = async {
            stop.await;
            deadline = Some(Instant::now() + self.drain_timeout);
        };
        self.listener
            .serve(server::app(self.state.clone()), stop, self.drain_timeout)
            .await;
        janitor.abort();
        working.abort();
        evicting.abort();
        checking.abort();
        for beside in redirecting.into_iter().chain(showing) {
            beside.abort();
        }
        let left = || {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            left.unwrap_or_default()
        };
        self.state.drain(left()).await;
        flushing.abort();
        self.registry.drain(left()).await;
        forward_the_rest(forwarding, left().min(FORWARD_LIMIT)).await;
    }
}

/// What of the audit log is not with its log server yet goes there now, or not at all.
async fn forward_the_rest(mut forwarding: JoinHandle<()>, limit: Duration) {
    if tokio::time::timeout(limit, &mut forwarding).await.is_err() {
        tracing::warn!("not all of the audit log could be forwarded before the end");
        forwarding.abort();
    }
}

fn registry_config(config: &Config, asking: upstream::Config) -> registry::Config {
    registry::Config {
        pullthrough: pullthrough::Config::default(),
        upstream: asking,
        janitor_period: config.janitor_period,
        upload_expiry: config.upload_expiry,
        orphan_grace: ORPHAN_GRACE,
        host: config
            .url_at(config.listen)
            .host_str()
            .unwrap_or("-")
            .to_owned(),
    }
}

pub(crate) fn auth_config(config: &Config) -> auth::Config {
    auth::Config {
        keys_dir: config.data.join("keys"),
    }
}

/// How other registries are talked to.
pub(crate) fn upstream_config(config: &Config) -> upstream::Config {
    upstream::Config {
        user_agent: concat!("roadstead/", env!("CARGO_PKG_VERSION")).to_owned(),
        proxy: config.outbound_proxy.as_ref().map(proxy),
        environment: config.cloud_environment.clone(),
        credential_helpers: config.credential_helpers.clone(),
        ..upstream::Config::default()
    }
}

fn proxy(proxy: &OutboundProxy) -> upstream::ProxyConfig {
    upstream::ProxyConfig {
        http: proxy.http.as_ref().map(|url| url.expose().to_owned()),
        https: proxy.https.as_ref().map(|url| url.expose().to_owned()),
        no_proxy: proxy.no_proxy.as_ref().map(|hosts| hosts.join(",")),
    }
}

fn declared_registries(config: &Config) -> Vec<DeclaredRegistry> {
    let declared = config.upstreams.iter().map(|upstream| DeclaredRegistry {
        name: upstream.name.clone(),
        kind: upstream.kind.clone(),
        url: upstream.url.clone(),
        access_key: upstream
            .credential
            .as_ref()
            .map(|credential| credential.access_key.clone()),
        access_secret: upstream
            .credential
            .as_ref()
            .map(|credential| credential.access_secret.expose().to_owned()),
        insecure: upstream.is_insecure,
        ca_certificate: upstream.ca_certificate.clone(),
        options: upstream.options.clone(),
        description: upstream.description.clone(),
    });
    declared.collect()
}

fn declared_projects(config: &Config) -> Vec<DeclaredProject> {
    let declared = config.projects.iter().map(|project| DeclaredProject {
        name: project.name.clone(),
        is_public: project.is_public,
        registry: project.upstream.clone(),
        metadata: project.metadata.clone(),
    });
    declared.collect()
}

/// Makes `admin` on the first start. A password that nobody gave is kept in its file before it is anyone's, so a
/// crash in between locks nobody out.
async fn ensure_admin(config: &Config, auth: &Auth) -> anyhow::Result<Option<GeneratedPassword>> {
    let now = Utc::now();
    if auth.has_admin().await? {
        return Ok(None);
    }
    if let Some(password) = &config.admin_password {
        auth.ensure_admin(Some(password.expose()), now).await?;
        return Ok(None);
    }
    let file = config.data.join(PASSWORD_FILE);
    let password = auth::generate_password();
    write_private(&file, &password)
        .with_context(|| format!("{} could not be written", file.display()))?;
    auth.ensure_admin(Some(&password), now).await?;
    Ok(Some(GeneratedPassword { password, file }))
}

fn make_private(folder: &Path) -> anyhow::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .with_context(|| format!("the data folder {} could not be made", folder.display()))
}

fn write_private(file: &Path, text: &str) -> io::Result<()> {
    // An unused file of an earlier start that died may be there, with other permissions.
    match fs::remove_file(file) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut opened = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)?;
    writeln!(opened, "{text}")?;
    opened.sync_all()
}
