//! The circuit breaker: when a cached copy is at hand, is the registry worth asking right now? A pure state
//! machine; requests that have nothing else to answer with are always sent and never ask here.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::Error;
use crate::budget::{DEFAULT_HOLD, LONGEST_HOLD};

/// The first pause after an outage; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A 5xx may be one bad object behind a healthy registry; this many in a row are an outage.
const FAILURES_IN_A_ROW: u32 = 3;
/// How long one prober is waited for before another may try: its task may have been dropped.
const PROBE_LEASE: Duration = Duration::from_secs(10);

/// What to do about a cached copy's freshness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Ask the registry.
    Ask,
    /// Serve the copy.
    Skip {
        /// Why, for headers and logs.
        reason: String,
    },
    /// Serve the copy, and run [`crate::Client::probe`] beside it: exactly one caller is told so.
    SkipAndProbe {
        /// Why, for headers and logs.
        reason: String,
    },
}

/// One registry's breaker.
pub struct Breaker {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Since the last answer that was none.
    failures: u32,
    open: Option<Open>,
    /// The pause of the last opening. Only a real request's success forgets it: a registry that answers
    /// probes and nothing else must not cost every second caller a time-out.
    last_pause: Option<Duration>,
    /// A 429's end. Apart from `open`: a blob that arrives does not lift a limit on manifests.
    held_until: Option<DateTime<Utc>>,
}

struct Open {
    until: DateTime<Utc>,
    reason: String,
    probe_lease_until: Option<DateTime<Utc>>,
}

/// Who learned the outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asker {
    /// Somebody who needed the answer.
    Request,
    /// [`crate::Client::probe`].
    Probe,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self {
            state: Mutex::default(),
        }
    }

    /// Whether to ask the registry about something a copy of which is at hand.
    pub fn allows(&self, now: DateTime<Utc>) -> Verdict {
        let mut state = self.lock();
        if let Some(until) = state.held_until {
            if now < until {
                return Verdict::Skip {
                    reason: "rate limited".to_owned(),
                };
            }
            state.held_until = None;
        }
        let Some(open) = &mut state.open else {
            return Verdict::Ask;
        };
        let reason = open.reason.clone();
        let is_due = now >= open.until && open.probe_lease_until.is_none_or(|lease| now >= lease);
        if !is_due {
            return Verdict::Skip { reason };
        }
        open.probe_lease_until = Some(now + PROBE_LEASE);
        Verdict::SkipAndProbe { reason }
    }

    /// Why the registry is out of reach, by the last that was heard of it. For people: it sends no prober.
    pub fn outage(&self) -> Option<String> {
        self.lock().open.as_ref().map(|open| open.reason.clone())
    }

    /// Takes note of how a request ended.
    pub(crate) fn record(&self, asker: Asker, outcome: Result<(), &Error>, now: DateTime<Utc>) {
        let mut state = self.lock();
        match outcome {
            Err(Error::RateLimited { retry_after }) => {
                let hold = retry_after.unwrap_or(DEFAULT_HOLD).min(LONGEST_HOLD);
                state.held_until = Some(now + hold);
                state.close(asker);
            }
            Err(Error::Failed { status }) if *status >= 500 => {
                state.failures += 1;
                if state.failures >= FAILURES_IN_A_ROW || state.open.is_some() {
                    state.open(format!("status {status}"), now);
                }
            }
            Err(error) if error.is_outage() => state.open(error.to_string(), now),
            // These were not sent: they tell nothing.
            Err(
                Error::Configuration { .. }
                | Error::Credential { .. }
                | Error::Busy { .. }
                | Error::Resting { .. },
            ) => {}
            // The rest are answers, if unwelcome ones.
            Ok(()) | Err(_) => state.close(asker),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code panics while holding it, and a stale state would still be a state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Breaker")
            .field("is_open", &self.lock().open.is_some())
            .finish_non_exhaustive()
    }
}

impl State {
    fn open(&mut self, reason: String, now: DateTime<Utc>) {
        // Requests that were under way together fail together: that is one outage, one step.
        let is_same_outage = self.open.as_ref().is_some_and(|open| now < open.until);
        let pause = match self.last_pause {
            Some(pause) if is_same_outage => pause,
            Some(pause) => (pause * 2).min(LONGEST_PAUSE),
            None => FIRST_PAUSE,
        };
        let until = match &self.open {
            Some(open) if is_same_outage => open.until,
            _ => now + pause,
        };
        self.last_pause = Some(pause);
        self.open = Some(Open {
            until,
            reason,
            probe_lease_until: None,
        });
    }

    fn close(&mut self, asker: Asker) {
        self.failures = 0;
        self.open = None;
        if asker == Asker::Request {
            self.last_pause = None;
        }
    }
}

#[cfg(test)]
mod tests;
