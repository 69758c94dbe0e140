//! What a registry still lets an account ask: its rate-limit headers, and the pauses it demands. Pure; the time is an
//! argument.

use std::time::Duration;

use chrono::{DateTime, Utc};
use http::{HeaderMap, header};

/// 429 without `Retry-After`, and the longest `Retry-After` believed.
pub(crate) const DEFAULT_HOLD: Duration = Duration::from_secs(30);
pub(crate) const LONGEST_HOLD: Duration = Duration::from_secs(3600);
/// Below this share of a budget revalidation slows down: what is left is for pulls of what is not cached.
const LOW_SHARE: f64 = 0.1;
/// The shortest and longest time between two revalidations then.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
/// A window where the registry names none.
const DEFAULT_WINDOW: Duration = Duration::from_secs(3600);

/// What a registry said of an account's budget of requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    /// The account's user name; `None` for nobody.
    pub account: Option<String>,
    /// Requests in a window.
    pub limit: Option<u64>,
    /// Of those, how many are left.
    pub remaining: Option<u64>,
    /// The window.
    pub window: Option<Duration>,
    /// When the registry said so.
    pub seen_at: Option<DateTime<Utc>>,
    /// It has asked for a pause until then.
    pub held_until: Option<DateTime<Utc>>,
}

/// The numbers of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reading {
    limit: Option<u64>,
    remaining: u64,
    /// Until the budget is whole again; at Docker Hub, the length of its sliding window.
    window: Option<Duration>,
}

/// What is known of one account.
#[derive(Default)]
pub(crate) struct Allowance {
    reading: Option<(Reading, DateTime<Utc>)>,
    held_until: Option<DateTime<Utc>>,
    blobs_held_until: Option<DateTime<Utc>>,
}

/// How to be sparing with what is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Thrift {
    pub(crate) reason: String,
    /// Between two revalidations.
    pub(crate) pause: Duration,
}

/// What a request is for, as far as limits tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// Manifests and lists.
    Document,
    Blob,
}

impl Reading {
    /// `RateLimit-Limit: 100;w=21600` and `RateLimit-Remaining: 76;w=21600` (Docker Hub), with `RateLimit-Reset`
    /// (draft-ietf-httpapi-ratelimit-headers-05); `RateLimit: "default";r=50;t=30` (its later drafts); and
    /// `X-RateLimit-*` (GitHub, whose reset is a time of day).
    pub(crate) fn of(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Self> {
        let text = |name: &str| headers.get(name)?.to_str().ok();
        if let Some(combined) = text("ratelimit") {
            let part = |name: &str| parameter(combined, name);
            let remaining = part("r").or_else(|| part("remaining"))?;
            return Some(Self {
                limit: part("limit").or_else(|| parameter(text("ratelimit-policy")?, "q")),
                remaining,
                window: part("t").or_else(|| part("reset")).map(Duration::from_secs),
            });
        }
        let prefixed = |name: &str| {
            text(&format!("ratelimit-{name}")).or_else(|| text(&format!("x-ratelimit-{name}")))
        };
        let remaining = prefixed("remaining")?;
        let limit = prefixed("limit");
        let window = parameter(remaining, "w").or_else(|| parameter(limit?, "w"));
        let reset = prefixed("reset").and_then(number).map(|reset| {
            let now = now.timestamp().unsigned_abs();
            // Nobody's window is thirty years long: it is a time.
            if reset > 1_000_000_000 {
                reset.saturating_sub(now)
            } else {
                reset
            }
        });
        Some(Self {
            limit: limit.and_then(number),
            remaining: number(remaining)?,
            window: window.or(reset).map(Duration::from_secs),
        })
    }
}

/// The number a value begins with.
fn number(text: &str) -> Option<u64> {
    text.split([';', ',']).next()?.trim().parse().ok()
}

/// `name=<number>` among a value's parameters.
fn parameter(text: &str, name: &str) -> Option<u64> {
    text.split([';', ',']).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        (key.trim() == name)
            .then(|| value.trim().parse().ok())
            .flatten()
    })
}

impl Allowance {
    pub(crate) fn read(&mut self, reading: Reading, now: DateTime<Utc>) {
        self.reading = Some((reading, now));
    }

    /// The registry said 429 to a request of `class`. Docker Hub counts manifests alone, so a pull that has its
    /// manifest may go on there.
    pub(crate) fn hold(
        &mut self,
        class: Class,
        spares_blobs: bool,
        retry_after: Option<Duration>,
        now: DateTime<Utc>,
    ) {
        let until = Some(now + retry_after.unwrap_or(DEFAULT_HOLD).min(LONGEST_HOLD));
        self.held_until = self.held_until.max(until);
        if class == Class::Blob || !spares_blobs {
            self.blobs_held_until = self.blobs_held_until.max(until);
        }
    }

    /// For how long nothing of `class` may be asked. `None`: it may.
    pub(crate) fn held_for(&self, class: Class, now: DateTime<Utc>) -> Option<Duration> {
        let until = match class {
            Class::Document => self.held_until,
            Class::Blob => self.blobs_held_until,
        };
        let left = (until? - now).to_std().ok()?;
        (!left.is_zero()).then_some(left)
    }

    /// Whether to be sparing. A reading older than its window tells nothing.
    pub(crate) fn thrift(&self, now: DateTime<Utc>) -> Option<Thrift> {
        let (reading, seen_at) = self.reading.as_ref()?;
        let window = reading.window.unwrap_or(DEFAULT_WINDOW);
        let age = (now - *seen_at).to_std().unwrap_or_default();
        let limit = reading.limit?;
        #[expect(clippy::cast_precision_loss, reason = "budgets are small numbers")]
        let is_low = (reading.remaining as f64) < limit as f64 * LOW_SHARE;
        if !is_low || age >= window {
            return None;
        }
        let left = u32::try_from(reading.remaining).unwrap_or(u32::MAX).max(1);
        Some(Thrift {
            reason: format!(
                "{} of {limit} requests are left of its rate limit",
                reading.remaining
            ),
            pause: (window / left).clamp(SHORTEST_PAUSE, LONGEST_PAUSE),
        })
    }

    pub(crate) fn budget(&self, account: Option<&str>, now: DateTime<Utc>) -> Budget {
        let (reading, seen_at) = self.reading.unzip();
        Budget {
            account: account.map(str::to_owned),
            limit: reading.and_then(|reading| reading.limit),
            remaining: reading.map(|reading| reading.remaining),
            window: reading.and_then(|reading| reading.window),
            seen_at,
            held_until: self.held_until.filter(|until| now < *until),
        }
    }
}

/// How long `429` asks to be left alone: seconds, or a date.
pub(crate) fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(secs) = text.parse() {
        return Some(Duration::from_secs(secs));
    }
    let date = DateTime::parse_from_rfc2822(text).ok()?;
    Some(date.signed_duration_since(now).to_std().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + secs, 0).unwrap()
    }

    fn reading(lines: &[(&'static str, &'static str)]) -> Option<Reading> {
        let lines = lines.iter().map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        Reading::of(&HeaderMap::from_iter(lines), at(0))
    }

    fn of(
        limit: impl Into<Option<u64>>,
        remaining: u64,
        window: impl Into<Option<u64>>,
    ) -> Option<Reading> {
        Some(Reading {
            limit: limit.into(),
            remaining,
            window: window.into().map(Duration::from_secs),
        })
    }

    #[test]
    fn budgets_are_told_in_several_ways() {
        let hub = [
            ("ratelimit-limit", "100;w=21600"),
            ("ratelimit-remaining", "76;w=21600"),
        ];
        assert_eq!(reading(&hub), of(100, 76, 21600));
        let github = [
            ("x-ratelimit-limit", "5000"),
            ("x-ratelimit-remaining", "4999"),
            ("x-ratelimit-reset", "1700000060"),
        ];
        assert_eq!(reading(&github), of(5000, 4999, 60));
        let draft = [
            ("ratelimit", "\"default\";r=50;t=30"),
            ("ratelimit-policy", "\"default\";q=100;w=60"),
        ];
        assert_eq!(reading(&draft), of(100, 50, 30));
        assert_eq!(reading(&[("ratelimit-remaining", "5")]), of(None, 5, None));
        assert_eq!(
            reading(&[("ratelimit", "limit=10, remaining=3, reset=7")]),
            of(10, 3, 7)
        );
        for nonsense in [
            &[("ratelimit-remaining", "many")][..],
            &[("ratelimit", "?")],
            &[],
        ] {
            assert_eq!(reading(nonsense), None);
        }
    }

    #[test]
    fn near_its_end_a_budget_is_stretched() {
        let mut allowance = Allowance::default();
        allowance.read(of(100, 10, 21600).unwrap(), at(0));
        assert_eq!(allowance.thrift(at(1)), None);
        allowance.read(of(100, 9, 600).unwrap(), at(0));
        assert_eq!(
            allowance.thrift(at(1)).unwrap().pause,
            Duration::from_secs(600) / 9
        );
        allowance.read(of(100, 0, 21600).unwrap(), at(0));
        assert_eq!(allowance.thrift(at(1)).unwrap().pause, LONGEST_PAUSE);
        assert_eq!(allowance.thrift(at(21600)), None);
    }

    #[test]
    fn a_pause_holds_for_what_it_was_demanded_for() {
        let mut allowance = Allowance::default();
        allowance.hold(Class::Document, true, Some(Duration::from_secs(60)), at(0));
        assert_eq!(
            allowance.held_for(Class::Document, at(10)),
            Some(Duration::from_secs(50))
        );
        assert_eq!(allowance.held_for(Class::Blob, at(10)), None);
        allowance.hold(Class::Document, false, None, at(0));
        assert_eq!(
            allowance.held_for(Class::Blob, at(10)),
            Some(Duration::from_secs(20))
        );
        assert_eq!(allowance.held_for(Class::Document, at(60)), None);
        allowance.hold(
            Class::Blob,
            true,
            Some(Duration::from_secs(1_000_000)),
            at(0),
        );
        assert_eq!(allowance.held_for(Class::Blob, at(0)), Some(LONGEST_HOLD));
    }

    #[test]
    fn a_rate_limit_names_seconds_or_a_date() {
        let table = [
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("Tue, 14 Nov 2023 22:14:20 GMT", Some(60)),
            ("Tue, 14 Nov 2023 22:13:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
        ];
        for (text, secs) in table {
            let headers =
                HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(text))]);
            assert_eq!(
                retry_after(&headers, at(0)),
                secs.map(Duration::from_secs),
                "{text}"
            );
        }
        assert_eq!(retry_after(&HeaderMap::new(), at(0)), None);
    }
}
