//! The configuration as `check-config` shows it: the file's own shape, defaults filled in, secrets left out.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use serde::Serialize;
use url::Url;

use super::secret::REDACTED;
use super::value::write_duration;
use super::{Config, LogFormat, Secret, projects};

/// YAML that, but for what was left out, is a configuration file with the same meaning.
pub(super) fn write(config: &Config) -> String {
    let plain = if config.tls.is_some() {
        config.redirect_listen
    } else {
        Some(config.listen)
    };
    let effective = Effective {
        external_url: config.external_url.as_ref().map(Url::as_str),
        trusted_proxies: config
            .trusted_proxies
            .iter()
            .map(ToString::to_string)
            .collect(),
        http: plain.map(Listener::plain),
        https: config.tls.as_ref().map(|tls| Listener {
            certificate: Some(&tls.certificate),
            private_key: Some(&tls.private_key),
            ..Listener::plain(config.listen)
        }),
        data_volume: &config.data,
        storage_service: StorageService {
            filesystem: Filesystem {
                rootdirectory: &config.storage_root,
            },
        },
        database: Database {
            url: without_password(config.database_url.expose()),
        },
        harbor_admin_password: config.admin_password.as_ref().map(hidden),
        proxy: config.outbound_proxy.as_ref().map(|proxy| Proxy {
            http_proxy: proxy
                .http
                .as_ref()
                .map(|url| without_password(url.expose())),
            https_proxy: proxy
                .https
                .as_ref()
                .map(|url| without_password(url.expose())),
            no_proxy: proxy.no_proxy.as_ref().map(|hosts| hosts.join(",")),
        }),
        log: Log {
            level: &config.log.filter,
            format: match config.log.format {
                LogFormat::Text => "text",
                LogFormat::Json => "json",
            },
        },
        metric: match &config.metric {
            None => Metric {
                enabled: false,
                port: None,
                path: None,
            },
            Some(metric) => Metric {
                enabled: true,
                port: Some(metric.listen.port()),
                path: Some(&metric.path),
            },
        },
        drain_timeout: write_duration(config.drain_timeout),
        janitor_period: write_duration(config.janitor_period),
        upload_purging: UploadPurging {
            age: write_duration(config.upload_expiry),
        },
        credential_helpers: &config.credential_helpers,
        registries: config.upstreams.iter().map(Registry::of).collect(),
        projects: config.projects.iter().map(Project::of).collect(),
    };
    serde_saphyr::to_string(&effective)
        .unwrap_or_else(|error| format!("# cannot be shown: {error}\n"))
}

#[derive(Serialize)]
struct Effective<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    external_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trusted_proxies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http: Option<Listener<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    https: Option<Listener<'a>>,
    data_volume: &'a Path,
    storage_service: StorageService<'a>,
    database: Database,
    #[serde(skip_serializing_if = "Option::is_none")]
    harbor_admin_password: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    proxy: Option<Proxy>,
    log: Log<'a>,
    metric: Metric<'a>,
    drain_timeout: String,
    janitor_period: String,
    upload_purging: UploadPurging,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    credential_helpers: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    registries: Vec<Registry<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    projects: Vec<Project<'a>>,
}

#[derive(Serialize)]
struct Listener<'a> {
    address: String,
    port: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    certificate: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    private_key: Option<&'a Path>,
}

impl Listener<'_> {
    fn plain(address: SocketAddr) -> Self {
        Self {
            address: address.ip().to_string(),
            port: address.port(),
            certificate: None,
            private_key: None,
        }
    }
}

#[derive(Serialize)]
struct StorageService<'a> {
    filesystem: Filesystem<'a>,
}

#[derive(Serialize)]
struct Filesystem<'a> {
    rootdirectory: &'a Path,
}

#[derive(Serialize)]
struct Database {
    url: String,
}

#[derive(Serialize)]
struct Proxy {
    #[serde(skip_serializing_if = "Option::is_none")]
    http_proxy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    https_proxy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_proxy: Option<String>,
}

#[derive(Serialize)]
struct Log<'a> {
    level: &'a str,
    format: &'static str,
}

#[derive(Serialize)]
struct Metric<'a> {
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a str>,
}

#[derive(Serialize)]
struct UploadPurging {
    age: String,
}

#[derive(Serialize)]
struct Registry<'a> {
    name: &'a str,
    r#type: &'a str,
    url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<Credential<'a>>,
    insecure: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_certificate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    options: Option<::upstream::Options>,
    #[serde(skip_serializing_if = "str::is_empty")]
    description: &'a str,
}

#[derive(Serialize)]
struct Credential<'a> {
    access_key: &'a str,
    access_secret: &'static str,
}

impl<'a> Registry<'a> {
    fn of(upstream: &'a super::DeclaredUpstream) -> Self {
        Self {
            name: &upstream.name,
            r#type: &upstream.kind,
            url: &upstream.url,
            credential: upstream.credential.as_ref().map(|credential| Credential {
                access_key: &credential.access_key,
                access_secret: hidden(&credential.access_secret),
            }),
            insecure: upstream.is_insecure,
            ca_certificate: upstream.ca_certificate.as_deref(),
            options: (upstream.options != ::upstream::Options::default())
                .then(|| upstream.options.clone().redacted()),
            description: &upstream.description,
        }
    }
}

#[derive(Serialize)]
struct Project<'a> {
    name: &'a str,
    public: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revalidate_after: Option<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<&'a str, &'a str>,
}

impl<'a> Project<'a> {
    fn of(project: &'a super::DeclaredProject) -> Self {
        let age_secs = project.metadata.get(projects::REVALIDATE_AFTER);
        let others = project
            .metadata
            .iter()
            .filter(|(key, _)| !["public", projects::REVALIDATE_AFTER].contains(&key.as_str()));
        Self {
            name: &project.name,
            public: project.is_public,
            registry: project.upstream.as_deref(),
            revalidate_after: age_secs.map(|secs| format!("{secs}s")),
            metadata: others
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
        }
    }
}

fn hidden(_: &Secret) -> &'static str {
    REDACTED
}

/// A URL whose password, if it has one, is left out.
fn without_password(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.password().is_some() => {
            // Only a URL without a host refuses, and such a URL has no password.
            match url.set_password(Some("***")) {
                Ok(()) => url.to_string(),
                Err(()) => REDACTED.to_owned(),
            }
        }
        // What cannot be parsed cannot be known to be free of secrets; SQLite's URLs are paths.
        Err(_) if !text.starts_with("sqlite:") => REDACTED.to_owned(),
        _ => text.to_owned(),
    }
}
