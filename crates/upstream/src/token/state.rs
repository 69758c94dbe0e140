//! What is known about getting in: the scheme, the tokens, those under way, the refusals. Decisions only; the
//! time is an argument.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::WeakShared;
use http::HeaderValue;
use oci::Challenge;

use super::fetch::Token;
use super::{Fetching, Flight};
use crate::Error;

/// More scopes than this are swept of what has ended. A repository each; a few hundred bytes each.
const SWEEP_ABOVE: usize = 2048;
/// A token refused within this time of its making is not to blame: its rights are.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);
/// How long a failed renewal waits for its next try, while the old token lives.
const RENEWAL_RETRY: Duration = Duration::from_secs(5);
/// After a refusal: how long the credential is not shown again; doubling.
const FIRST_BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(600);
/// A credential that got a token this recently is not what a 401 is about.
const KNOWN_GOOD_FOR: Duration = Duration::from_secs(300);

#[derive(Default)]
pub(super) struct State {
    /// The last challenge.
    pub(super) scheme: Option<Challenge>,
    tokens: HashMap<String, Kept>,
    flights: HashMap<String, WeakShared<Fetching>>,
    refusals: HashMap<String, Refusal>,
    /// The credential itself was refused: no scope will fare better.
    credential_refusal: Option<Refusal>,
    credential_worked_at: Option<DateTime<Utc>>,
    last_number: u64,
}

/// A token as a request needs it.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) number: u64,
    pub(super) header: HeaderValue,
}

struct Kept {
    known: Known,
    /// The registry's own words for the scope, where they differ.
    scope: Option<String>,
    made_at: DateTime<Utc>,
    renew_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
    has_worked: bool,
}

struct Refusal {
    status: u16,
    until: DateTime<Utc>,
    pause: Duration,
}

/// How to come by a token.
pub(super) enum Step {
    Use(Known),
    Join(Flight),
    Fetch { last_scope: Option<String> },
}

impl State {
    /// The next step towards a token for `scope` that is not number `refused`.
    pub(super) fn step(
        &mut self,
        scope: &str,
        refused: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<Step, Error> {
        let kept = self
            .tokens
            .get(scope)
            .filter(|kept| refused != Some(kept.known.number));
        if let Some(kept) = kept.filter(|kept| now < kept.renew_at) {
            return Ok(Step::Use(kept.known.clone()));
        }
        if let Some(flight) = self.flight(scope) {
            return Ok(Step::Join(flight));
        }
        if let Err(error) = self.check_refusals(scope, now) {
            return self
                .fall_back(scope, refused, now)
                .map(Step::Use)
                .ok_or(error);
        }
        Ok(Step::Fetch {
            last_scope: self.tokens.get(scope).and_then(|kept| kept.scope.clone()),
        })
    }

    /// The old token, where renewing it failed and it still lives.
    pub(super) fn fall_back(
        &mut self,
        scope: &str,
        refused: Option<u64>,
        now: DateTime<Utc>,
    ) -> Option<Known> {
        let kept = self.tokens.get_mut(scope)?;
        if refused == Some(kept.known.number) || now >= kept.ends_at {
            return None;
        }
        kept.renew_at = kept.renew_at.max(now + RENEWAL_RETRY);
        Some(kept.known.clone())
    }

    fn flight(&self, scope: &str) -> Option<Flight> {
        self.flights.get(scope).and_then(WeakShared::upgrade)
    }

    pub(super) fn started(&mut self, scope: &str, flight: &Flight) {
        if self.flights.len() > SWEEP_ABOVE {
            self.flights.retain(|_, flight| flight.upgrade().is_some());
        }
        if let Some(weak) = flight.downgrade() {
            self.flights.insert(scope.to_owned(), weak);
        }
    }

    pub(super) fn landed(&mut self, scope: &str) {
        self.flights.remove(scope);
    }

    pub(super) fn keep(
        &mut self,
        scope: &str,
        own_scope: Option<String>,
        token: Token,
        asked_at: DateTime<Utc>,
    ) -> Known {
        if self.tokens.len() > SWEEP_ABOVE {
            self.tokens.retain(|_, kept| asked_at < kept.ends_at);
        }
        self.last_number += 1;
        let known = Known {
            number: self.last_number,
            header: token.header,
        };
        let kept = Kept {
            known: known.clone(),
            scope: own_scope,
            made_at: asked_at,
            renew_at: asked_at + token.life * 3 / 4,
            ends_at: asked_at + token.life,
            has_worked: false,
        };
        self.tokens.insert(scope.to_owned(), kept);
        self.refusals.remove(scope);
        self.credential_worked(asked_at);
        known
    }

    pub(super) fn token_worked(&mut self, scope: &str, number: u64) {
        if let Some(kept) = self
            .tokens
            .get_mut(scope)
            .filter(|kept| kept.known.number == number)
        {
            kept.has_worked = true;
        }
    }

    pub(super) fn credential_worked(&mut self, now: DateTime<Utc>) {
        self.credential_worked_at = Some(now);
        self.credential_refusal = None;
    }

    /// Another credential stands in for the one whose refusals are known.
    pub(super) fn credential_changed(&mut self) {
        self.credential_refusal = None;
        self.refusals.clear();
    }

    /// Whether the credential has let somebody in lately.
    pub(super) fn is_known_good(&self, now: DateTime<Utc>) -> bool {
        self.credential_worked_at
            .is_some_and(|worked_at| now < worked_at + KNOWN_GOOD_FOR)
    }

    /// Whether a new token may do what the refused one did not.
    pub(super) fn is_worth_renewing(&self, scope: &str, refused: u64, now: DateTime<Utc>) -> bool {
        self.tokens.get(scope).is_none_or(|kept| {
            kept.known.number != refused || kept.has_worked || now >= kept.made_at + RENEWAL_PAUSE
        })
    }

    pub(super) fn check_refusals(&self, scope: &str, now: DateTime<Utc>) -> Result<(), Error> {
        let all = self
            .credential_refusal
            .iter()
            .chain(self.refusals.get(scope));
        match all
            .filter(|refusal| now < refusal.until)
            .map(|refusal| refusal.status)
            .next()
        {
            Some(status) => Err(Error::Refused { status }),
            None => Ok(()),
        }
    }

    /// Remembers a refusal. A 401 to a credential that has not worked lately is about the credential, and holds
    /// for every scope; all others are about this one.
    pub(super) fn refused(
        &mut self,
        scope: &str,
        status: u16,
        has_credential: bool,
        now: DateTime<Utc>,
    ) {
        if has_credential && status == 401 && !self.is_known_good(now) {
            self.credential_refusal = Some(Refusal::after(
                self.credential_refusal.as_ref(),
                status,
                now,
            ));
            return;
        }
        if self.refusals.len() > SWEEP_ABOVE {
            self.refusals.retain(|_, refusal| now < refusal.until);
        }
        let refusal = Refusal::after(self.refusals.get(scope), status, now);
        self.refusals.insert(scope.to_owned(), refusal);
    }
}

impl Refusal {
    fn after(last: Option<&Self>, status: u16, now: DateTime<Utc>) -> Self {
        let pause = match last {
            // Refused while the last pause still ran: a request that was under way. One refusal, one step.
            Some(last) if now < last.until => last.pause,
            Some(last) => (last.pause * 2).min(LONGEST_BACK_OFF),
            None => FIRST_BACK_OFF,
        };
        Self {
            status,
            until: now + pause,
            pause,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + secs, 0).unwrap()
    }

    fn token(life_secs: u64) -> Token {
        Token {
            header: HeaderValue::from_static("Bearer x"),
            life: Duration::from_secs(life_secs),
        }
    }

    fn is_fetch(step: Result<Step, Error>) -> bool {
        matches!(step, Ok(Step::Fetch { .. }))
    }

    #[test]
    fn a_token_is_renewed_at_three_quarters_of_its_life() {
        let mut state = State::default();
        assert!(is_fetch(state.step("a", None, at(0))));
        state.keep("a", None, token(100), at(0));
        assert!(matches!(state.step("a", None, at(74)), Ok(Step::Use(_))));
        assert!(is_fetch(state.step("b", None, at(74))));
        assert!(is_fetch(state.step("a", None, at(75))));
    }

    #[test]
    fn a_failed_renewal_falls_back_to_the_old_token_until_it_ends() {
        let mut state = State::default();
        state.keep("a", None, token(100), at(0));
        assert!(state.fall_back("a", None, at(80)).is_some());
        assert!(matches!(state.step("a", None, at(84)), Ok(Step::Use(_))));
        assert!(is_fetch(state.step("a", None, at(85))));
        assert!(state.fall_back("a", None, at(100)).is_none());
        assert!(state.fall_back("a", Some(1), at(80)).is_none());
    }

    #[test]
    fn a_token_that_never_worked_is_not_renewed_at_each_refusal() {
        let mut state = State::default();
        let known = state.keep("a", None, token(300), at(0));
        assert!(!state.is_worth_renewing("a", known.number, at(9)));
        assert!(state.is_worth_renewing("a", known.number, at(10)));
        state.token_worked("a", known.number);
        assert!(state.is_worth_renewing("a", known.number, at(1)));
    }

    #[test]
    fn a_wrong_password_is_shown_once_per_pause_whatever_the_scope() {
        let mut state = State::default();
        let mut now = 0;
        for pause in [10, 20, 40, 80, 160, 320, 600, 600] {
            assert!(is_fetch(state.step("a", None, at(now))), "{pause}");
            state.refused("a", 401, true, at(now));
            state.refused("c", 401, true, at(now));
            assert!(matches!(
                state.step("b", None, at(now + pause - 1)),
                Err(Error::Refused { status: 401 })
            ));
            now += pause;
        }
        state.keep("a", None, token(60), at(now));
        assert!(is_fetch(state.step("b", None, at(now))));
    }

    #[test]
    fn a_refusal_of_one_repository_leaves_the_others_alone() {
        let mut state = State::default();
        state.refused("a", 403, true, at(0));
        state.refused("anonymous", 401, false, at(0));
        assert!(state.step("a", None, at(9)).is_err());
        assert!(state.step("anonymous", None, at(9)).is_err());
        assert!(is_fetch(state.step("b", None, at(9))));
        state.keep("b", None, token(60), at(9));
        state.refused("c", 401, true, at(10));
        assert!(is_fetch(state.step("d", None, at(11))));
    }
}
