//! What every handler has at hand.

use std::sync::Arc;

use auth::Auth;
use ipnet::IpNet;
use metadata::Db;
use registry::Registry;
use url::Url;

/// How the server shows itself.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients reach it: the scheme of token realms, and what the API says of itself.
    pub external_url: Url,
    /// What it calls itself.
    pub version: &'static str,
    /// Proxies in front of it, whose `X-Forwarded-For` says who the client is.
    pub trusted_proxies: Vec<IpNet>,
}

/// Shared by all requests. Cloning is cheap.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    config: Config,
    auth: Auth,
    registry: Registry,
    db: Db,
}

impl State {
    /// Of these parts.
    pub fn new(config: Config, auth: Auth, registry: Registry, db: Db) -> Self {
        Self(Arc::new(Inner {
            config,
            auth,
            registry,
            db,
        }))
    }

    pub(crate) fn config(&self) -> &Config {
        &self.0.config
    }

    pub(crate) fn auth(&self) -> &Auth {
        &self.0.auth
    }

    pub(crate) fn registry(&self) -> &Registry {
        &self.0.registry
    }

    /// For reads that are no operation on content: users, health.
    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }
}
