//! A Roadstead in this process, on a socket and a folder of its own.

use std::time::Duration;

use metadata::Db;
use registry::Registry;
use roadstead::config::{Config, Environment, Flags};
use roadstead::wire::App;
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::{Client, Setup};

/// A running server. Dropping it stops it without a drain, as a kill would.
pub struct TestServer {
    running: Running,
    folder: TempDir,
    setup: Setup,
}

impl TestServer {
    /// Starts one on an empty folder.
    pub async fn start(setup: Setup) -> Self {
        // The binary does this in main; here each test may be the first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let running = Running::launch(&setup, &folder).await;
        Self {
            running,
            folder,
            setup,
        }
    }

    /// Stops it gracefully and starts it again on the same folder, on another port.
    pub async fn restart(self) -> Self {
        let setup = self.setup.clone();
        self.restart_as(setup).await
    }

    /// The same with another configuration.
    pub async fn restart_as(self, setup: Setup) -> Self {
        self.running.stop().await;
        let running = Running::launch(&setup, &self.folder).await;
        Self {
            running,
            folder: self.folder,
            setup,
        }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.running.url
    }

    /// `127.0.0.1:<port>`.
    pub fn host(&self) -> &str {
        self.url().trim_start_matches("http://")
    }

    /// `http://127.0.0.1:<port>` of its metrics, where they are enabled.
    pub fn metrics_url(&self) -> Option<&str> {
        self.running.metrics_url.as_deref()
    }

    /// Waits until all that was fetched is kept and recorded, which is a moment after its readers have it.
    pub async fn settled(&self) {
        while self.running.registry.fills_in_flight() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Its data folder.
    pub fn data(&self) -> std::path::PathBuf {
        self.folder.path().join("data")
    }

    /// A client without credentials.
    pub fn anonymous(&self) -> Client {
        Client::new(self.url(), None)
    }

    /// The administrator.
    pub fn admin(&self) -> Client {
        self.user("admin", crate::ADMIN_PASSWORD)
    }

    /// A user.
    pub fn user(&self, name: &str, password: &str) -> Client {
        Client::new(self.url(), Some((name, password)))
    }

    /// What it knows, to be prepared behind its back.
    pub fn database(&self) -> &Db {
        self.running.registry.database()
    }

    /// From now on only `bytes` more of blobs, uploads and fills fit on its disk; `None` lifts the limit.
    pub fn limit_room(&self, bytes: Option<usize>) {
        self.running.registry.limit_room(bytes);
    }
}

/// The server's task, aborted on drop.
struct Running {
    url: String,
    metrics_url: Option<String>,
    registry: Registry,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Running {
    async fn launch(setup: &Setup, folder: &TempDir) -> Self {
        let flags = Flags {
            config: Some(setup.write(folder.path())),
            ..Flags::default()
        };
        let config = Config::load(&flags, &Environment::default())
            .unwrap_or_else(|problems| panic!("{problems}"));
        let asking = |asking: &mut upstream::Config| {
            asking.names = setup.names.clone();
            asking.answer_timeout = setup.answer_timeout.unwrap_or(asking.answer_timeout);
        };
        let app = App::start_asking(&config, asking)
            .await
            .unwrap_or_else(|error| panic!("{error:#}"));
        let url = format!("http://{}", app.address().expect("a bound address"));
        let metrics_url = app
            .metrics_address()
            .map(|address| format!("http://{address}"));
        let registry = app.registry().clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(app.run(async move {
            let _ = stopped.await;
        }));
        Self {
            url,
            metrics_url,
            registry,
            stop: Some(stop),
            task,
        }
    }

    async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        // Idle connections of clients end with the drain.
        let _ = tokio::time::timeout(Duration::from_secs(10), &mut self.task).await;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}
