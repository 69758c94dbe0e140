//! Counts of what clients asked projects for, by how it was answered. A count is an atomic in a table that is read
//! locked: no request waits for another.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use auth::Access;

use crate::{Error, Outcome, Registry, Result};

/// What is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullKind {
    /// A manifest.
    Manifest,
    /// A blob.
    Blob,
}

/// Whether its bytes are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullMethod {
    /// They are.
    Get,
    /// Only what is known of it.
    Head,
}

const KINDS: [&str; 2] = ["manifest", "blob"];
const METHODS: [&str; 2] = ["GET", "HEAD"];
const RESULTS: [&str; 8] = [
    "hit",
    "revalidated",
    "filled",
    "joined",
    "stale",
    "denied",
    "not_found",
    "failed",
];
const FILLED: usize = 2;

/// By project, kind, method and result; and the bytes of bodies.
#[derive(Default)]
struct Counters {
    requests: [[[AtomicU64; RESULTS.len()]; METHODS.len()]; KINDS.len()],
    bytes: [[AtomicU64; RESULTS.len()]; KINDS.len()],
}

/// All counts since the start.
#[derive(Default)]
pub(crate) struct Pulls {
    by_project: RwLock<HashMap<i64, Arc<Counters>>>,
}

/// A request that was counted: its body's bytes are counted as they leave.
#[derive(Clone)]
pub struct Counted {
    counters: Arc<Counters>,
    kind: PullKind,
    result: usize,
}

impl Counted {
    /// So many bytes of the body have left.
    pub fn sent(&self, bytes: usize) {
        self.counters.bytes[self.kind as usize][self.result]
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

/// What one project was asked for, in one way and with one result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullFigures {
    /// The project's name.
    pub project: String,
    /// Its upstream's; `None` for a hosted one.
    pub upstream: Option<String>,
    /// `manifest` or `blob`.
    pub kind: &'static str,
    /// `hit`, `filled`, …
    pub result: &'static str,
    /// Requests.
    pub count: u64,
    /// Bytes of bodies.
    pub bytes: u64,
}

/// What Harbor counts of a proxy project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyFigures {
    /// The project's name.
    pub project: String,
    /// `GET` or `HEAD`.
    pub method: &'static str,
    /// Manifests asked for, and blobs whose bytes were.
    pub requests: u64,
    /// Those of them that were fetched from the upstream.
    pub upstream_requests: u64,
}

impl Registry {
    /// Counts a request for something of a project, by how it ended.
    pub fn count_pull(
        &self,
        access: &Access,
        kind: PullKind,
        method: PullMethod,
        outcome: std::result::Result<&Outcome, &Error>,
    ) -> Counted {
        let counters = self.0.pulls.of(access.project().id);
        let result = place(outcome);
        counters.requests[kind as usize][method as usize][result].fetch_add(1, Ordering::Relaxed);
        Counted {
            counters,
            kind,
            result,
        }
    }

    /// The counts of all projects there are; those of others are forgotten.
    pub async fn pull_figures(&self) -> Result<(Vec<PullFigures>, Vec<ProxyFigures>)> {
        let (mut pulls, mut proxies) = (Vec::new(), Vec::new());
        for (id, counters) in self.0.pulls.all() {
            let Some(project) = self.db().find_project_by_id(id).await? else {
                self.0.pulls.forget(id);
                continue;
            };
            let upstream = match project.upstream_id {
                Some(id) => self.db().find_upstream(id).await?,
                None => None,
            };
            let upstream = upstream.map(|upstream| upstream.name.clone());
            pulls.extend(counters.pulls(&project.name, upstream.as_deref()));
            if upstream.is_some() {
                proxies.extend(counters.proxies(&project.name));
            }
        }
        Ok((pulls, proxies))
    }
}

impl Pulls {
    fn of(&self, project_id: i64) -> Arc<Counters> {
        let known = self
            .by_project
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = known.get(&project_id) {
            return Arc::clone(counters);
        }
        drop(known);
        let mut known = self
            .by_project
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(project_id).or_default())
    }

    fn all(&self) -> Vec<(i64, Arc<Counters>)> {
        let known = self
            .by_project
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = known
            .iter()
            .map(|(id, counters)| (*id, counters.clone()))
            .collect();
        all.sort_by_key(|(id, _)| *id);
        all
    }

    fn forget(&self, project_id: i64) {
        let mut known = self
            .by_project
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        known.remove(&project_id);
    }
}

impl Counters {
    fn pulls(&self, project: &str, upstream: Option<&str>) -> Vec<PullFigures> {
        let mut figures = Vec::new();
        for (kind, by_method) in self.requests.iter().enumerate() {
            for (result, name) in RESULTS.into_iter().enumerate() {
                let count = by_method
                    .iter()
                    .map(|by_result| load(&by_result[result]))
                    .sum();
                if count > 0 {
                    figures.push(PullFigures {
                        project: project.to_owned(),
                        upstream: upstream.map(str::to_owned),
                        kind: KINDS[kind],
                        result: name,
                        count,
                        bytes: load(&self.bytes[kind][result]),
                    });
                }
            }
        }
        figures
    }

    /// Harbor counts no `HEAD` of a blob.
    fn proxies(&self, project: &str) -> Vec<ProxyFigures> {
        let of_method = |method: usize| {
            let manifests = &self.requests[PullKind::Manifest as usize][method];
            let blobs = &self.requests[PullKind::Blob as usize][method];
            let kinds = [manifests, blobs].into_iter().take(METHODS.len() - method);
            kinds.fold((0, 0), |(all, filled), by_result| {
                let sum: u64 = by_result.iter().map(load).sum();
                (all + sum, filled + load(&by_result[FILLED]))
            })
        };
        let figures = METHODS.into_iter().enumerate().map(|(index, method)| {
            let (requests, upstream_requests) = of_method(index);
            ProxyFigures {
                project: project.to_owned(),
                method,
                requests,
                upstream_requests,
            }
        });
        figures.filter(|figures| figures.requests > 0).collect()
    }
}

fn load(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn place(outcome: std::result::Result<&Outcome, &Error>) -> usize {
    match outcome {
        Ok(Outcome::Hit | Outcome::Background) => 0,
        Ok(Outcome::Revalidated) => 1,
        Ok(Outcome::Filled) => FILLED,
        Ok(Outcome::Joined) => 3,
        Ok(Outcome::Stale { .. }) => 4,
        Err(Error::DeniedByRule { .. } | Error::NotMatched { .. }) => 5,
        Err(
            Error::ManifestUnknown { .. }
            | Error::BlobUnknown { .. }
            | Error::RepositoryUnknown(_)
            | Error::NotFound(_),
        ) => 6,
        Err(_) => 7,
    }
}
