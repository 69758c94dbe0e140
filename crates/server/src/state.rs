//! What every handler has at hand.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use auth::Auth;
use ipnet::IpNet;
use metadata::Db;
use registry::Registry;
use tokio_util::task::TaskTracker;
use url::Url;

use crate::requests::Requests;

/// How the server shows itself.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where clients reach it: the scheme of token realms, and what the API says of itself.
    pub external_url: Url,
    /// What it calls itself.
    pub version: &'static str,
    /// Proxies in front of it, whose `X-Forwarded-For` says who the client is.
    pub trusted_proxies: Vec<IpNet>,
    /// The file with the certificate authority that clients can download, where there is one: it may come and go.
    pub ca_certificate: PathBuf,
}

/// Shared by all requests. Cloning is cheap.
#[derive(Clone)]
pub struct State(Arc<Inner>);

struct Inner {
    config: Config,
    auth: Auth,
    registry: Registry,
    db: Db,
    requests: Requests,
    /// What goes on when its client leaves.
    tasks: TaskTracker,
}

impl State {
    /// Of these parts.
    pub fn new(config: Config, auth: Auth, registry: Registry, db: Db) -> Self {
        Self(Arc::new(Inner {
            config,
            auth,
            registry,
            db,
            requests: Requests::new(crate::api::described()),
            tasks: TaskTracker::new(),
        }))
    }

    /// For a shutdown: waits until what clients began is done, for `limit` at most.
    pub async fn drain(&self, limit: Duration) {
        self.0.tasks.close();
        if tokio::time::timeout(limit, self.0.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("changes still under way were cut off");
        }
    }

    /// Does it to its end, whatever its client does meanwhile. The server owns it: a shutdown waits for it.
    pub(crate) async fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> T {
        match self.0.tasks.spawn(work).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The runtime is going, and this task with it.
                Err(_) => std::future::pending().await,
            },
        }
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

    pub(crate) fn requests(&self) -> &Requests {
        &self.0.requests
    }

    /// For reads that are no operation on content: users, health.
    pub(crate) fn db(&self) -> &Db {
        &self.0.db
    }
}
