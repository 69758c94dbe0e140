//! The cache engine of proxy projects: what to ask an upstream, what to serve meanwhile, what to keep.
//!
//! Four questions, a file each: is the tag still what it was ([`freshness`]), which manifest is it
//! ([`manifest`]; a tag that is checked beside its pulls: [`background`]), where are the blob's bytes ([`blob`]), and how do they get here, once ([`fill`]).
//! Who may ask was settled before; what a project is, `registry` knows.

mod background;
mod blob;
mod error;
mod fill;
mod flight;
pub mod freshness;
mod listing;
mod local;
mod manifest;
mod through;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use oci::RepositoryName;
use tokio_util::task::TaskTracker;

pub use blob::{BlobBody, BlobStream, OpenedBlob};
pub use error::Error;
pub use local::{Landing, Local, StoredManifest};
pub use manifest::Resolved;

/// How the engine behaves, whatever the project.
#[derive(Clone, Debug)]
pub struct Config {
    /// Memory for manifests that are asked for again and again, in bytes.
    pub manifest_cache_bytes: u64,
    /// How long an upstream's tag list and referrers are believed.
    pub listing_ttl: Duration,
    /// How often in a row a cut body is taken up again without a byte of progress.
    pub resume_attempts: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            manifest_cache_bytes: 16 * 1024 * 1024,
            listing_ttl: Duration::from_secs(30),
            resume_attempts: 6,
        }
    }
}

/// Where a proxied repository comes from, and by which rules it is kept.
#[derive(Clone)]
pub struct Origin {
    /// The other registry.
    pub client: upstream::Client,
    /// Since when it is that registry, asked with that credential. What was asked before answers no request of now.
    pub asked_since: DateTime<Utc>,
    /// The repository here; its path is its name there.
    pub repository: RepositoryName,
    /// The project it belongs to.
    pub project_id: i64,
    /// Bytes that the project may hold; `None` for any number.
    pub limit_bytes: Option<u64>,
}

impl Origin {
    /// The repository's name at the upstream.
    fn remote(&self) -> &str {
        self.repository.path()
    }

    /// The repository as it is asked now.
    fn asked(&self) -> Asked {
        (self.repository.clone(), self.asked_since)
    }
}

/// A repository, and since when it is asked as it is: what two requests must have in common to share an answer.
type Asked = (RepositoryName, DateTime<Utc>);

/// What answered a request, told in its response headers and counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// From here, without asking.
    Hit,
    /// From here, while upstream is asked beside whether it is still the same.
    Background,
    /// From here, after upstream said that it is still the same.
    Revalidated,
    /// Fetched from upstream for this request.
    Filled,
    /// From a fetch that another request had begun.
    Joined,
    /// From here, although upstream could not say that it is still the same.
    Stale {
        /// Why it could not, in the operator's words.
        reason: String,
    },
}

/// The engine. One for the process; cloning is cheap.
#[derive(Clone)]
pub struct PullThrough(Arc<Engine>);

struct Engine {
    config: Config,
    local: Local,
    fills: fill::Fills,
    manifests: flight::Flights<(Asked, String), Result<Resolved, Error>>,
    listings: listing::Listings,
    background: background::Background,
    /// Fetches outlive the clients that began them; this is who owns them.
    tasks: TaskTracker,
}

impl PullThrough {
    /// An engine that keeps what it fetches in `local`.
    pub fn new(config: Config, local: Local) -> Self {
        Self(Arc::new(Engine {
            local,
            fills: fill::Fills::default(),
            manifests: flight::Flights::default(),
            listings: listing::Listings::new(config.listing_ttl),
            background: background::Background::default(),
            tasks: TaskTracker::new(),
            config,
        }))
    }

    /// How many fills are in flight.
    pub fn fills_in_flight(&self) -> usize {
        self.0.fills.len()
    }

    /// Waits until every fetch in flight has ended: for a shutdown, under a deadline of the caller's. Checks in the
    /// background, which nobody waits for, are given up.
    pub async fn drain(&self) {
        self.0.background.stop();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }
}
