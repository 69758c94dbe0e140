//! Whether a cached tag may be served as it is. Pure: the clock, what is known of the tag, the project's rules and the
//! upstream's state are arguments.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// A pull may find a check that ended after it began: so much in the future is now, and more is a clock that went back.
const SLACK: Duration = Duration::from_secs(5);
/// After a check in the background failed: how long the tag's pulls begin no other.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// The rules for one tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// When upstream is asked.
    pub revalidate: Revalidate,
    /// What is served where it cannot say.
    pub stale: Stale,
}

/// When upstream is asked whether a cached tag has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Revalidate {
    /// By the first pull after the tag was believed for so long. Zero: by every pull.
    After(Duration),
    /// Beside the first pull after so long, which is served what is cached at once.
    Background(Duration),
    /// Not at all: such tags do not move.
    Never,
}

/// After which failures a cached tag is served although it could not be checked, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stale {
    /// After [`Failure::Unreachable`].
    pub unreachable: bool,
    /// After [`Failure::Refused`].
    pub refused: bool,
    /// After [`Failure::Erring`].
    pub erring: bool,
    /// After [`Failure::RateLimited`].
    pub rate_limited: bool,
    /// After [`Failure::Gone`]: Harbor's `proxy_cache_local_on_not_found`.
    pub gone: bool,
    /// For how long after the last check that succeeded. `None`: as long as it is cached.
    pub max_age: Option<Duration>,
}

impl Default for Stale {
    /// What a cache is for: everything but a tag that upstream no longer has.
    fn default() -> Self {
        Self {
            unreachable: true,
            refused: true,
            erring: true,
            rate_limited: true,
            gone: false,
            max_age: None,
        }
    }
}

/// Why upstream could not say whether a tag has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It cannot be reached, or does not answer in time.
    Unreachable,
    /// It does not let us in, or no credential could be had for it.
    Refused,
    /// It answers with a failure of its own, or with nonsense.
    Erring,
    /// It wants to be asked less, or our own limits do.
    RateLimited,
    /// It no longer has the tag.
    Gone,
}

impl Failure {
    /// The class of an upstream's failure.
    pub fn of(error: &upstream::Error) -> Self {
        use upstream::Error as E;
        match error {
            E::Unreachable { .. } | E::Timeout | E::Stalled | E::Cut { .. } => Self::Unreachable,
            E::Refused { .. } | E::Credential { .. } | E::Configuration { .. } => Self::Refused,
            E::Failed { .. } | E::BadAnswer { .. } => Self::Erring,
            E::RateLimited { .. } | E::Resting { .. } | E::Busy { .. } => Self::RateLimited,
            E::NotFound => Self::Gone,
        }
    }
}

impl From<upstream::Outage> for Failure {
    fn from(outage: upstream::Outage) -> Self {
        match outage {
            upstream::Outage::Unreachable => Self::Unreachable,
            upstream::Outage::Erring => Self::Erring,
            upstream::Outage::RateLimited => Self::RateLimited,
        }
    }
}

/// What is known of a cached tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// When upstream last said that it is this.
    pub checked_at: DateTime<Utc>,
    /// Whether that was another registry, or this one asked with another credential.
    pub is_doubted: bool,
    /// How the last check in the background ended, where it failed and none has succeeded since.
    pub failed: Option<Failed>,
}

/// A check that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// When.
    pub at: DateTime<Utc>,
    /// How.
    pub failure: Failure,
    /// The same, for people.
    pub reason: String,
}

/// What the upstream's circuit breaker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamState {
    /// It may be asked.
    Closed,
    /// It was down a moment ago; asking would only make the pull wait.
    Open {
        /// What it did, as a class.
        failure: Failure,
        /// What it did.
        reason: String,
    },
}

/// What to do with a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Serve what is cached; it was checked just now, or need not be.
    Fresh,
    /// Serve what is cached, and ask upstream beside.
    Background {
        /// Why the last such question had no answer, where it had none.
        reason: Option<String>,
    },
    /// Serve what is cached, although it could not be checked.
    Stale {
        /// Why it could not.
        reason: String,
    },
    /// Ask upstream whether it has moved.
    Revalidate,
    /// Nothing is cached: fetch it.
    Fetch,
}

/// Decides about a tag of which that is known, or nothing because it was never cached.
pub fn decide(
    now: DateTime<Utc>,
    known: Option<&Known>,
    policy: &Policy,
    upstream: UpstreamState,
) -> Verdict {
    let Some(known) = known else {
        return Verdict::Fetch;
    };
    let age = age(now, known.checked_at);
    let is_younger = |than: Duration| age.is_some_and(|age| age < than);
    let is_fresh = match policy.revalidate {
        _ if known.is_doubted => false,
        Revalidate::After(limit) | Revalidate::Background(limit) => is_younger(limit),
        Revalidate::Never => true,
    };
    if is_fresh {
        return Verdict::Fresh;
    }
    if let UpstreamState::Open { failure, reason } = upstream {
        return match policy.stale.serves(now, known.checked_at, failure) {
            true => Verdict::Stale { reason },
            // Only upstream can answer, if it can: it is asked as for what is not cached.
            false => Verdict::Revalidate,
        };
    }
    let is_background = matches!(policy.revalidate, Revalidate::Background(_));
    if !is_background || known.is_doubted || !policy.stale.is_young_enough(now, known.checked_at) {
        return Verdict::Revalidate;
    }
    match &known.failed {
        None => Verdict::Background { reason: None },
        Some(failed) if !policy.stale.serves(now, known.checked_at, failed.failure) => {
            Verdict::Revalidate
        }
        Some(failed) => {
            let reason = failed.reason.clone();
            let is_resting = self::age(now, failed.at).is_some_and(|since| since < RETRY_PAUSE);
            match is_resting {
                true => Verdict::Stale { reason },
                false => Verdict::Background {
                    reason: Some(reason),
                },
            }
        }
    }
}

impl Stale {
    /// Whether a tag that was last checked at `checked_at` is served after `failure`.
    pub fn serves(&self, now: DateTime<Utc>, checked_at: DateTime<Utc>, failure: Failure) -> bool {
        let is_allowed = match failure {
            Failure::Unreachable => self.unreachable,
            Failure::Refused => self.refused,
            Failure::Erring => self.erring,
            Failure::RateLimited => self.rate_limited,
            Failure::Gone => self.gone,
        };
        is_allowed && self.is_young_enough(now, checked_at)
    }

    /// Where the age is not known because the clock went back, the copy counts as young: a wrong clock takes no image
    /// from anybody.
    fn is_young_enough(&self, now: DateTime<Utc>, checked_at: DateTime<Utc>) -> bool {
        match (self.max_age, age(now, checked_at)) {
            (Some(limit), Some(age)) => age <= limit,
            _ => true,
        }
    }
}

/// How long ago `then` was. `None`: it is in the future, so the clock went back and tells nothing.
fn age(now: DateTime<Utc>, then: DateTime<Utc>) -> Option<Duration> {
    match (now - then).to_std() {
        Ok(age) => Some(age),
        Err(_) => (then - now <= chrono::TimeDelta::from_std(SLACK).unwrap_or_default())
            .then_some(Duration::ZERO),
    }
}

#[cfg(test)]
mod tests;
