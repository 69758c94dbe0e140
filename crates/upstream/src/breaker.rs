//! The circuit breaker: when a cached copy is at hand, is the registry worth asking right now? A pure state
//! machine; requests that have nothing else to answer with are always sent and never ask here. Only an outage drill
//! keeps those from being sent too.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::budget::{DEFAULT_HOLD, LONGEST_HOLD};
use crate::{Error, Step};

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
        /// What kind of outage it is.
        outage: Outage,
        /// Why, for headers and logs.
        reason: String,
    },
    /// Serve the copy, and run [`crate::Client::probe`] beside it: exactly one caller is told so.
    SkipAndProbe {
        /// What kind of outage it is.
        outage: Outage,
        /// Why, for headers and logs.
        reason: String,
    },
}

/// Why a registry is not worth asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// It cannot be reached or does not answer, or an administrator wants it treated so.
    Unreachable,
    /// It fails again and again.
    Erring,
    /// It has asked for a pause.
    RateLimited,
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
    /// The end of a drill: until then it is down, because an administrator says so.
    drill_until: Option<DateTime<Utc>>,
}

struct Open {
    until: DateTime<Utc>,
    outage: Outage,
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
        if let Some(until) = state.drill(now) {
            return Verdict::Skip {
                outage: Outage::Unreachable,
                reason: of_drill(until),
            };
        }
        if let Some(until) = state.held_until {
            if now < until {
                return Verdict::Skip {
                    outage: Outage::RateLimited,
                    reason: "rate limited".to_owned(),
                };
            }
            state.held_until = None;
        }
        let Some(open) = &mut state.open else {
            return Verdict::Ask;
        };
        let (outage, reason) = (open.outage, open.reason.clone());
        let is_due = now >= open.until && open.probe_lease_until.is_none_or(|lease| now >= lease);
        if !is_due {
            return Verdict::Skip { outage, reason };
        }
        open.probe_lease_until = Some(now + PROBE_LEASE);
        Verdict::SkipAndProbe { outage, reason }
    }

    /// Why the registry is out of reach, by the last that was heard of it. For people: it sends no prober.
    pub fn outage(&self, now: DateTime<Utc>) -> Option<String> {
        let state = self.lock();
        let drill = state.drill(now).map(of_drill);
        drill.or_else(|| state.open.as_ref().map(|open| open.reason.clone()))
    }

    /// Until when an administrator wants it treated as down.
    pub fn drill(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.lock().drill(now)
    }

    /// Treats it as down until then; `None` ends that.
    pub(crate) fn set_drill(&self, until: Option<DateTime<Utc>>) {
        self.lock().drill_until = until;
    }

    /// # Errors
    /// [`Error::Unreachable`] while it is treated as down: nothing is to be sent.
    pub(crate) fn refuse_in_drill(&self, now: DateTime<Utc>) -> Result<(), Error> {
        match self.drill(now) {
            Some(until) => Err(Error::Unreachable {
                step: Step::Drill,
                reason: of_drill(until),
            }),
            None => Ok(()),
        }
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
                    state.open(Outage::Erring, format!("status {status}"), now);
                }
            }
            // It was not asked. When the drill ends it is what it was before.
            Err(Error::Unreachable {
                step: Step::Drill, ..
            }) => {}
            Err(error) if error.is_outage() => {
                state.open(Outage::Unreachable, error.to_string(), now);
            }
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
    fn drill(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.drill_until.filter(|until| now < *until)
    }

    fn open(&mut self, outage: Outage, reason: String, now: DateTime<Utc>) {
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
            outage,
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

fn of_drill(until: DateTime<Utc>) -> String {
    let until = until.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("treated as down until {until} by an administrator")
}

#[cfg(test)]
mod tests;
