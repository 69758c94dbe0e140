//! What can be counted of the upstreams and of what comes from them, for those who watch.

mod pulls;

use chrono::{DateTime, Utc};
use metadata::Page;
use upstream::{Figures, LATENCY_BOUNDS};

use crate::{Registry, Result};

pub(crate) use pulls::Pulls;
pub use pulls::{Counted, ProxyFigures, PullFigures, PullKind, PullMethod};

/// What an endpoint has been asked and what it is doing, since its client was made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UpstreamFigures {
    /// Its name.
    pub upstream: String,
    /// Requests sent to it, by what for and how they ended.
    pub requests: Vec<RequestFigures>,
    /// Bytes of bodies received from it.
    pub received_bytes: u64,
    /// How long it took to answer, up to the headers.
    pub latency: Latency,
    /// Whether its circuit breaker is open: only probes are sent.
    pub is_open: bool,
    /// Connections in use.
    pub connections_in_use: u64,
    /// Requests that wait for a connection.
    pub connections_waiting: u64,
    /// Its rate limits, by credential.
    pub budgets: Vec<BudgetFigures>,
}

/// How often something was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestFigures {
    /// `manifest`, `blob`, `tags`, `referrers` or `token`.
    pub kind: &'static str,
    /// `ok`, or in a word how it failed.
    pub result: &'static str,
    /// How often.
    pub count: u64,
}

/// A histogram of durations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// The upper bound of each bucket, in seconds, rising, the last one infinite; and how many fell into it alone.
    pub buckets: Vec<(f64, u64)>,
    /// All durations together, in seconds.
    pub sum_seconds: f64,
    /// How many there were.
    pub count: u64,
}

/// What an upstream has said of its rate limit.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BudgetFigures {
    /// The credential's user name; empty for nobody.
    pub account: String,
    /// Requests in a window, where it says.
    pub limit: Option<u64>,
    /// What is left of them, where it says.
    pub remaining: Option<u64>,
    /// For how long nothing may be asked, in seconds; 0: it may.
    pub held_seconds: f64,
}

impl Registry {
    /// The figures of all endpoints there are. Those nobody has asked for anything have none yet.
    pub async fn upstream_figures(&self) -> Result<Vec<UpstreamFigures>> {
        let now = Utc::now();
        let upstreams = self.db().list_upstreams(&Page::all()).await?.items;
        let figures = upstreams.into_iter().map(|upstream| {
            let client = self.made_client(upstream.id);
            let figures = client.map(|client| client.figures()).unwrap_or_default();
            of_client(upstream.name, figures, now)
        });
        Ok(figures.collect())
    }

    /// How many blobs are on their way here.
    pub fn fills_in_flight(&self) -> usize {
        self.0.engine.fills_in_flight()
    }
}

fn of_client(upstream: String, figures: Figures, now: DateTime<Utc>) -> UpstreamFigures {
    let requests = figures.requests.into_iter();
    let budgets = figures.budgets.into_iter().map(|budget| {
        let held = budget
            .held_until
            .and_then(|until| (until - now).to_std().ok());
        BudgetFigures {
            account: budget.account.unwrap_or_default(),
            limit: budget.limit,
            remaining: budget.remaining,
            held_seconds: held.unwrap_or_default().as_secs_f64(),
        }
    });
    let bounds = LATENCY_BOUNDS.into_iter().chain([f64::INFINITY]);
    UpstreamFigures {
        upstream,
        requests: requests
            .map(|(kind, result, count)| RequestFigures {
                kind,
                result,
                count,
            })
            .collect(),
        received_bytes: figures.bytes,
        latency: Latency {
            buckets: bounds.zip(figures.latency).collect(),
            sum_seconds: figures.latency_sum,
            count: figures.latency.iter().sum(),
        },
        is_open: figures.is_open,
        connections_in_use: figures.in_use.running as u64,
        connections_waiting: figures.in_use.waiting as u64,
        budgets: budgets.collect(),
    }
}
