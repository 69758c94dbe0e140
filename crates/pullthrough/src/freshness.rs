//! Whether a cached tag may be served as it is. Pure: the clock and the upstream's state are arguments.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// A project's rules for tags it has cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// For how long after a check a tag is believed. Zero: every pull asks.
    pub revalidate_after: Duration,
    /// Harbor's `proxy_cache_local_on_not_found`: serve the cached copy of what upstream no longer has.
    pub serve_gone: bool,
}

/// What the upstream's circuit breaker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamState {
    /// It may be asked.
    Closed,
    /// It was down a moment ago; asking would only make the pull wait.
    Open {
        /// What it did.
        reason: String,
    },
}

/// What to do with a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Serve what is cached; it was checked just now.
    Fresh,
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

/// Decides about a tag that was last checked at `checked_at`, or was never cached.
pub fn decide(
    now: DateTime<Utc>,
    checked_at: Option<DateTime<Utc>>,
    policy: &Policy,
    upstream: UpstreamState,
) -> Verdict {
    let Some(checked_at) = checked_at else {
        return Verdict::Fetch;
    };
    // A check in the future means that the clock went back: it tells nothing about age.
    let is_fresh = (now - checked_at)
        .to_std()
        .is_ok_and(|age| age < policy.revalidate_after);
    match upstream {
        _ if is_fresh => Verdict::Fresh,
        UpstreamState::Open { reason } => Verdict::Stale { reason },
        UpstreamState::Closed => Verdict::Revalidate,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_fresh_stale_asked_for_or_fetched() {
        let now: DateTime<Utc> = "2026-01-01T00:00:00Z".parse().unwrap();
        let ago = |secs: i64| Some(now - chrono::TimeDelta::seconds(secs));
        let open = || UpstreamState::Open {
            reason: "down".into(),
        };
        let stale = || Verdict::Stale {
            reason: "down".into(),
        };
        let table = [
            (None, 60, UpstreamState::Closed, Verdict::Fetch),
            (None, 60, open(), Verdict::Fetch),
            (ago(0), 0, UpstreamState::Closed, Verdict::Revalidate),
            (ago(59), 60, UpstreamState::Closed, Verdict::Fresh),
            (ago(59), 60, open(), Verdict::Fresh),
            (ago(60), 60, UpstreamState::Closed, Verdict::Revalidate),
            (ago(60), 60, open(), stale()),
            (ago(-3600), 60, UpstreamState::Closed, Verdict::Revalidate),
        ];
        for (checked_at, secs, upstream, expected) in table {
            let policy = Policy {
                revalidate_after: Duration::from_secs(secs),
                serve_gone: false,
            };
            assert_eq!(
                decide(now, checked_at, &policy, upstream.clone()),
                expected,
                "{checked_at:?} {upstream:?}"
            );
        }
    }
}
