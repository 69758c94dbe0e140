//! Counts of what one registry was asked and how it answered, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Error;
use crate::budget::Budget;
use crate::limits::InUse;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// A manifest, or whether it has changed.
    Manifest,
    /// A blob, or its size.
    Blob,
    /// A list of tags.
    Tags,
    /// A list of referrers.
    Referrers,
    /// Whether the registry is there.
    Ping,
}

/// The ways a request can end.
const RESULTS: [&str; 9] = [
    "ok",
    "not_found",
    "refused",
    "rate_limited",
    "failed",
    "unreachable",
    "timed_out",
    "bad_answer",
    "not_sent",
];
const ASKS: [(Ask, &str); 5] = [
    (Ask::Manifest, "manifest"),
    (Ask::Blob, "blob"),
    (Ask::Tags, "tags"),
    (Ask::Referrers, "referrers"),
    (Ask::Ping, "ping"),
];
/// Upper bounds of the latency buckets, in seconds; one more has no bound.
pub const LATENCY_BOUNDS: [f64; 9] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 25.0];

/// Everything counted about one registry since its client was made, and how it stands now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// (what was asked, how it ended, how often), where it happened at all.
    pub requests: Vec<(&'static str, &'static str, u64)>,
    /// Bytes of blobs received.
    pub bytes: u64,
    /// How often an answer's beginning took at most that long, by [`LATENCY_BOUNDS`]; not cumulative.
    pub latency: [u64; LATENCY_BOUNDS.len() + 1],
    /// The sum of those times, in seconds.
    pub latency_sum: f64,
    /// Whether it is taken to be out of reach.
    pub is_open: bool,
    /// Requests under way and waiting, where they are limited.
    pub in_use: InUse,
    /// What its accounts may still ask.
    pub budgets: Vec<Budget>,
}

/// The counters behind [`Figures`].
#[derive(Default)]
pub(crate) struct Counters {
    requests: [[AtomicU64; RESULTS.len()]; ASKS.len()],
    bytes: AtomicU64,
    latency: [AtomicU64; LATENCY_BOUNDS.len() + 1],
    latency_micros: AtomicU64,
}

impl Counters {
    pub(crate) fn answered(&self, ask: Ask, outcome: Result<(), &Error>, took: Duration) {
        let row = ASKS
            .iter()
            .position(|(known, _)| *known == ask)
            .unwrap_or_default();
        let result = result(outcome);
        let column = RESULTS
            .iter()
            .position(|known| *known == result)
            .unwrap_or_default();
        self.requests[row][column].fetch_add(1, Ordering::Relaxed);
        let secs = took.as_secs_f64();
        let bucket = LATENCY_BOUNDS.iter().position(|bound| secs <= *bound);
        self.latency[bucket.unwrap_or(LATENCY_BOUNDS.len())].fetch_add(1, Ordering::Relaxed);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.latency_micros.fetch_add(micros, Ordering::Relaxed);
    }

    pub(crate) fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The counts; what is no count is the caller's to fill in.
    pub(crate) fn figures(&self) -> Figures {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut requests = Vec::new();
        for ((_, ask), row) in ASKS.iter().zip(&self.requests) {
            for (result, counter) in RESULTS.iter().zip(row) {
                if load(counter) > 0 {
                    requests.push((*ask, *result, load(counter)));
                }
            }
        }
        Figures {
            requests,
            bytes: load(&self.bytes),
            latency: std::array::from_fn(|bucket| load(&self.latency[bucket])),
            latency_sum: Duration::from_micros(load(&self.latency_micros)).as_secs_f64(),
            ..Figures::default()
        }
    }
}

fn result(outcome: Result<(), &Error>) -> &'static str {
    match outcome {
        Ok(()) => "ok",
        Err(Error::NotFound) => "not_found",
        Err(Error::Refused { .. }) => "refused",
        Err(Error::RateLimited { .. }) => "rate_limited",
        Err(Error::Failed { .. }) => "failed",
        Err(Error::Unreachable { .. } | Error::Cut { .. }) => "unreachable",
        Err(Error::Timeout | Error::Stalled) => "timed_out",
        Err(Error::BadAnswer { .. }) => "bad_answer",
        Err(
            Error::Busy { .. }
            | Error::Resting { .. }
            | Error::Credential { .. }
            | Error::Configuration { .. },
        ) => "not_sent",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_is_counted_by_its_end() {
        let counters = Counters::default();
        let took = Duration::from_millis(20);
        counters.answered(Ask::Tags, Err(&Error::NotFound), took);
        counters.answered(Ask::Blob, Ok(()), took);
        counters.answered(Ask::Blob, Ok(()), Duration::from_secs(60));
        counters.received(7);
        let figures = counters.figures();
        assert_eq!(
            figures.requests,
            [("blob", "ok", 2), ("tags", "not_found", 1)]
        );
        assert_eq!(figures.bytes, 7);
        assert_eq!(figures.latency, [0, 2, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!((figures.latency_sum - 60.04).abs() < 1e-6);
    }
}
