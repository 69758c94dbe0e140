//! What pull, push, delete and the rest mean in a project, hosted or proxied.
//!
//! Every operation demands an [`auth::Access`], so a forgotten check does not compile. Nothing here speaks
//! HTTP to clients; how an error becomes a status is the server's business.

mod additions;
mod artifacts;
mod audit;
mod clients;
mod collection;
mod configuration;
mod copies;
mod cron;
mod declared;
mod delete;
mod demand;
mod error;
mod eviction;
mod figures;
mod filter;
mod freshness;
mod health;
mod immutability;
mod janitor;
mod jobs;
mod labels;
mod limits;
mod members;
mod per_project;
mod projects;
mod pull;
mod purge;
mod push;
mod quotas;
mod repositories;
mod retention;
mod robots;
mod selector;
mod settings;
mod statistics;
mod tags;
mod told;
mod upstreams;

use std::sync::Arc;
use std::time::Duration;

use auth::{Access, Auth};
use metadata::Db;
use oci::RepositoryName;
use pullthrough::{Local, Origin, PullThrough};
use storage::BlobStore;
use tokio::sync::Semaphore;

pub use additions::{Addition, AdditionKind};
pub use artifacts::Which;
pub use audit::{AUDIT_SETTINGS, audit_name, check_audit_settings, named};
pub use collection::CollectionRequest;
pub use configuration::{
    BANNER_MESSAGE, Configured, NOTIFICATION_ENABLE, QUOTA_PER_PROJECT, READ_ONLY,
    STORAGE_PER_PROJECT,
};
pub use copies::CopySource;
pub use declared::{DeclaredProject, DeclaredRegistry};
pub use error::{Error, Result, UpstreamStatus};
pub use figures::{
    BudgetFigures, Counted, Latency, ProxyFigures, PullFigures, PullKind, PullMethod,
    RequestFigures, UpstreamFigures,
};
pub use filter::{FilterDraft, FilterReport, Filtered, FilteredRepository};
pub use health::{Component, Room};
pub use immutability::{Immutability, ImmutabilityRule};
pub use jobs::{JobActions, SystemJob, SystemRequest, When};
pub use labels::LabelAccess;
pub use members::Who;
pub use projects::ProjectDraft;
pub use pull::{PulledManifest, TagPage};
pub use pullthrough::{BlobBody, BlobStream, OpenedBlob, Outcome};
pub use purge::PurgeRequest;
pub use push::{NewManifest, PushedManifest, Start};
pub use retention::{Keep, RetentionPolicy, RetentionRequest, RetentionRule};
pub use robots::{
    MadeRobot, PermissionDraft, RobotChange, RobotDraft, RobotNames, RobotPlace, ShownPermission,
    ShownRobot,
};
pub use selector::Selector;
pub use settings::{check_project_filter, check_project_setting, is_project_setting};
pub use statistics::Statistics;
pub use upstreams::{
    UpstreamBudget, UpstreamChange, UpstreamDraft, UpstreamOptions, UpstreamState,
    UpstreamSuggestions, upstream_kinds, upstream_suggestions,
};

/// How the registry behaves, whatever the project.
#[derive(Clone, Debug)]
pub struct Config {
    /// How the cache engine behaves.
    pub pullthrough: pullthrough::Config,
    /// How other registries are asked.
    pub upstream: upstream::Config,
    /// How often what nothing needs any more is looked for.
    pub janitor_period: Duration,
    /// How long an upload may lie untouched, and a blob that no manifest names be held.
    pub upload_expiry: Duration,
    /// How long bytes that nothing names are left alone: a push or fill may be about to name them.
    pub orphan_grace: Duration,
    /// What it is called where its audit log is forwarded to: a host name.
    pub host: String,
}

/// The registry. One for the process; cloning is cheap.
#[derive(Clone)]
pub struct Registry(Arc<Inner>);

struct Inner {
    config: Config,
    local: Local,
    auth: Auth,
    audit: audit::Audit,
    jobs: jobs::Jobs,
    pulls: figures::Pulls,
    engine: PullThrough,
    clients: clients::Clients,
    filters: filter::Filters,
    freshness: freshness::AllFreshness,
    limits: limits::ProjectLimits,
    immutability: immutability::ImmutabilityRules,
    /// Whose turn it is to look into blobs.
    additions: Semaphore,
}

impl Registry {
    /// A registry over `db` and `store`.
    pub fn new(config: Config, db: Db, store: BlobStore, auth: Auth) -> Self {
        let local = Local::new(db, store, config.pullthrough.manifest_cache_bytes);
        let engine = PullThrough::new(config.pullthrough.clone(), local.clone());
        Self(Arc::new(Inner {
            audit: audit::Audit::default(),
            jobs: jobs::Jobs::default(),
            pulls: figures::Pulls::default(),
            clients: clients::Clients::default(),
            filters: filter::Filters::default(),
            freshness: freshness::AllFreshness::default(),
            limits: limits::ProjectLimits::default(),
            immutability: immutability::ImmutabilityRules::default(),
            additions: Semaphore::new(additions::AT_ONCE),
            config,
            local,
            auth,
            engine,
        }))
    }

    /// For a shutdown: gives fetches in flight `limit` to end, then writes what has been counted.
    pub async fn drain(&self, limit: Duration) {
        self.0.clients.stop_looking();
        if tokio::time::timeout(limit, self.0.engine.drain())
            .await
            .is_err()
        {
            tracing::warn!("fetches still in flight were given up; the next pull begins them anew");
        }
        self.flush_notes().await;
        self.0.audit.forward.close();
    }

    /// From now on only `bytes` more fit on the disk; `None` lifts the limit. For tests of full disks.
    #[cfg(feature = "fault")]
    pub fn limit_room(&self, bytes: Option<usize>) {
        self.store().limit_room(bytes);
    }

    /// What it knows, for tests that prepare it. Another connection's writes would not be seen: settings are in memory.
    #[cfg(feature = "fault")]
    pub fn database(&self) -> &Db {
        self.db()
    }

    fn db(&self) -> &Db {
        self.0.local.db()
    }

    fn store(&self) -> &BlobStore {
        self.0.local.store()
    }

    /// Hosted or proxied: decided here, once per request.
    async fn kind(&self, access: &Access, name: &RepositoryName) -> Result<Kind> {
        let project = access.project();
        if project.name != name.project() {
            return Err(Error::bug(format!(
                "access to {} used for {name}",
                project.name
            )));
        }
        let Some(upstream_id) = project.upstream_id else {
            return Ok(Kind::Hosted(name.clone()));
        };
        let (client, asked_since) = self.client_and_since(upstream_id).await?;
        // Docker Hub's own images may be named without their namespace. Harbor redirects; clients that follow no
        // redirects fail on that, so the name is completed here.
        let repository = if client.is_docker_hub() && !name.path().contains('/') {
            RepositoryName::new(name.project(), &format!("library/{}", name.path()))
                .unwrap_or_else(|_| name.clone())
        } else {
            name.clone()
        };
        let client = match self.0.limits.of(project) {
            Some(limits) => client.within_limits(limits),
            None => client,
        };
        Ok(Kind::Proxied(Origin {
            client,
            asked_since,
            repository,
            project_id: project.id,
            limit_bytes: project.limit_bytes,
        }))
    }

    /// For what a proxy project does not take: pushes, mounts, tag deletions.
    fn require_hosted(access: &Access, name: &RepositoryName) -> Result<()> {
        if access.project().name != name.project() {
            return Err(Error::bug(format!(
                "access to {} used for {name}",
                access.project().name
            )));
        }
        match access.project().upstream_id {
            Some(_) => Err(Error::ProxyIsReadOnly {
                project: access.project().name.clone(),
            }),
            None => Ok(()),
        }
    }
}

/// A repository, by where its content comes from.
enum Kind {
    /// From pushes.
    Hosted(RepositoryName),
    /// From an upstream.
    Proxied(Origin),
}
