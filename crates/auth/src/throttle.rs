//! Wrong passwords, slowed down: per client address, and per account from one address. Nobody is slowed by what comes
//! from elsewhere, so nobody can lock somebody else out; and whoever's password was right a moment ago is not asked about.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use moka::sync::Cache;

/// How many passwords may be tried at once, and how many seconds one more takes to be allowed.
#[derive(Clone, Copy)]
struct Rate {
    burst: f64,
    secs_each: f64,
}

/// Of one address: it may be the door of a whole cluster, whose robots all come at once after a restart. A right password
/// does not count.
const ADDRESS: Rate = Rate {
    burst: 64.0,
    secs_each: 1.0,
};
/// Of one address for one account: people mistype a few times, programs with an old secret forever.
const ACCOUNT: Rate = Rate {
    burst: 10.0,
    secs_each: 3.0,
};
/// Addresses and accounts that are remembered; those longest not heard of are forgotten first.
const REMEMBERED: u64 = 100_000;
/// After this long without a try, a bucket is full again, and need not be remembered.
const FORGOTTEN: Duration = Duration::from_secs(120);

/// This many tries of an address that are wrong, or not known to be right yet, make the next one doubtful.
const DOUBTED_FROM: f64 = 8.0;
/// How far one who looked at the clock may come behind one who looked later.
const OVERTAKEN: TimeDelta = TimeDelta::seconds(60);

/// The memory of wrong passwords. Of this process alone: nodes behind one address multiply what is allowed.
pub(crate) struct Throttle {
    addresses: Cache<IpAddr, Bucket>,
    accounts: Cache<(IpAddr, Box<str>), Bucket>,
}

/// One try that was let through. Given back when the password was right.
pub(crate) struct Try {
    taken: [Bucket; 2],
    standing: Standing,
}

/// What an address has shown of itself lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Not much that was wrong.
    Good,
    /// Some tries that were wrong.
    Doubted,
}

impl Try {
    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self {
            addresses: remembering(),
            accounts: remembering(),
        }
    }

    /// Lets one try through, which counts as a wrong one until it is given back: many at once must not slip by.
    ///
    /// # Errors
    /// How long to wait before another try.
    pub(crate) fn admit(
        &self,
        from: IpAddr,
        account: &str,
        now: DateTime<Utc>,
    ) -> Result<Try, Duration> {
        let from = neighbourhood(from);
        let account = self
            .accounts
            .get_with((from, account.into()), || Bucket::full(ACCOUNT, now));
        let address = self.addresses.get_with(from, || Bucket::full(ADDRESS, now));
        account.take(ACCOUNT, now)?;
        match address.take(ADDRESS, now) {
            Ok(left) => Ok(Try {
                taken: [account, address],
                standing: match ADDRESS.burst - left > DOUBTED_FROM {
                    true => Standing::Doubted,
                    false => Standing::Good,
                },
            }),
            Err(wait) => {
                account.give_back(ACCOUNT);
                Err(wait)
            }
        }
    }

    /// Takes back a try whose password was right, or was not looked at.
    pub(crate) fn give_back(attempt: Try) {
        let [account, address] = attempt.taken;
        account.give_back(ACCOUNT);
        address.give_back(ADDRESS);
    }
}

fn remembering<K: std::hash::Hash + Eq + Send + Sync + 'static>() -> Cache<K, Bucket> {
    Cache::builder()
        .max_capacity(REMEMBERED)
        .time_to_idle(FORGOTTEN)
        .build()
}

/// Who holds one IPv6 address holds the 2^64 beside it.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        address => address,
    }
}

/// Tries left, filling up by and by.
#[derive(Clone)]
struct Bucket(Arc<Mutex<(f64, DateTime<Utc>)>>);

impl Bucket {
    fn full(rate: Rate, now: DateTime<Utc>) -> Self {
        Self(Arc::new(Mutex::new((rate.burst, now))))
    }

    /// How many are left then.
    fn take(&self, rate: Rate, now: DateTime<Utc>) -> Result<f64, Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (left, since) = *state;
        // Who comes first need not have looked at the clock first: the time between is not to be counted twice.
        let is_overtaken = now < since && since - now < OVERTAKEN;
        let now = if is_overtaken { since } else { now };
        // A clock that was set back fills nothing, and takes nothing away.
        let passed = (now - since).max(TimeDelta::zero()).as_seconds_f64();
        let left = (left + passed / rate.secs_each).min(rate.burst);
        if left < 1.0 {
            *state = (left, now);
            return Err(Duration::from_secs_f64((1.0 - left) * rate.secs_each));
        }
        *state = (left - 1.0, now);
        Ok(left - 1.0)
    }

    fn give_back(&self, rate: Rate) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 = (state.0 + 1.0).min(rate.burst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + secs, 0).unwrap()
    }

    fn tries(throttle: &Throttle, from: &str, account: &str, count: usize, now: i64) -> usize {
        let admitted =
            (0..count).filter(|_| throttle.admit(address(from), account, at(now)).is_ok());
        admitted.count()
    }

    #[test]
    fn an_address_is_slowed_and_nobody_else() {
        let throttle = Throttle::new();
        assert_eq!(tries(&throttle, "192.0.2.1", "ada", 10_000, 0), 10);
        assert_eq!(tries(&throttle, "192.0.2.2", "ada", 10, 0), 10);
        // Other names from the first address, until it has had its share.
        let admitted: usize = (0..100)
            .map(|name| tries(&throttle, "192.0.2.1", &format!("user{name}"), 1, 0))
            .sum();
        assert_eq!(admitted, 54);
        assert_eq!(tries(&throttle, "192.0.2.2", "user1", 1, 0), 1);
    }

    #[test]
    fn time_lets_one_more_through_and_a_clock_set_back_none() {
        let throttle = Throttle::new();
        tries(&throttle, "192.0.2.1", "ada", 100, 0);
        let wait = throttle.admit(address("192.0.2.1"), "ada", at(0));
        assert_eq!(wait.err(), Some(Duration::from_secs(3)));
        assert_eq!(tries(&throttle, "192.0.2.1", "ada", 100, -86_400), 0);
        let later = -86_400 + 6;
        assert_eq!(tries(&throttle, "192.0.2.1", "ada", 100, later), 2);
    }

    #[test]
    fn those_who_come_in_another_order_than_they_looked_at_the_clock_gain_nothing() {
        let throttle = Throttle::new();
        tries(&throttle, "192.0.2.1", "ada", 100, 0);
        let admitted: usize = (0..100)
            .map(|turn| tries(&throttle, "192.0.2.1", "ada", 1, 2 + turn % 2))
            .sum();
        assert_eq!(admitted, 1);
    }

    #[test]
    fn a_right_password_does_not_count() {
        let throttle = Throttle::new();
        for _ in 0..1000 {
            let attempt = throttle.admit(address("192.0.2.1"), "ada", at(0));
            Throttle::give_back(attempt.ok().unwrap());
        }
    }

    #[test]
    fn a_whole_ipv6_network_is_one_address() {
        let throttle = Throttle::new();
        assert_eq!(tries(&throttle, "2001:db8::1", "ada", 10, 0), 10);
        assert_eq!(tries(&throttle, "2001:db8::ffff:2", "ada", 10, 0), 0);
        assert_eq!(tries(&throttle, "2001:db8:0:1::1", "ada", 10, 0), 10);
        assert_eq!(tries(&throttle, "::ffff:192.0.2.9", "ada", 10, 0), 10);
        assert_eq!(tries(&throttle, "192.0.2.9", "ada", 10, 0), 0);
    }
}
