//! What is known about a made credential: itself, the one on its way, the failures. Decisions only; the time is an
//! argument.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::WeakShared;

use super::{Flight, Lease, Made, Making};
use crate::Error;

/// A credential refused within this time of its making is not to blame, unless it had let somebody in: its rights are.
const RENEWAL_PAUSE: Duration = Duration::from_secs(10);
/// How long a maker is left alone after a failure; doubling.
const FIRST_BACK_OFF: Duration = Duration::from_secs(1);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(60);
/// Nothing is taken to live longer: dates far away would leave what a clock can count.
const LONGEST_LIFE: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

#[derive(Default)]
pub(super) struct State {
    kept: Option<Kept>,
    flight: Option<WeakShared<Making>>,
    failure: Option<Failure>,
    last_number: u64,
    /// The credential that is being replaced because it was refused.
    refused: Option<u64>,
}

struct Kept {
    lease: Lease,
    made_at: DateTime<Utc>,
    has_worked: bool,
    /// One that was refused is not replaced again and again: some repositories refuse every credential.
    is_replacement: bool,
    /// `None`: it stays.
    ending: Option<Ending>,
}

struct Ending {
    renew_at: DateTime<Utc>,
    ends_at: DateTime<Utc>,
}

struct Failure {
    error: Error,
    until: DateTime<Utc>,
    pause: Duration,
}

/// How to come by a credential.
pub(super) enum Step {
    Use(Lease),
    /// Use this one, and have the next made meanwhile.
    Renew(Lease),
    Join(Flight),
    Make,
}

impl State {
    /// The next step towards a credential.
    ///
    /// # Errors
    /// The last failure, while its pause lasts and nothing made before still lives.
    pub(super) fn step(&self, now: DateTime<Utc>) -> Result<Step, Error> {
        let flight = self.flight();
        if let Some(kept) = self.kept.as_ref().filter(|kept| kept.lives(now)) {
            let lease = kept.lease.clone();
            let may_renew = flight.is_none() && self.check_failure(now).is_ok();
            return Ok(match kept.is_due(now) && may_renew {
                true => Step::Renew(lease),
                false => Step::Use(lease),
            });
        }
        self.join_or_make(flight, now)
    }

    /// The next step towards a credential newer than number `refused`. `None`: a new one would be refused too.
    ///
    /// # Errors
    /// The last failure, while its pause lasts.
    pub(super) fn step_beyond(
        &mut self,
        refused: u64,
        now: DateTime<Utc>,
    ) -> Result<Option<Step>, Error> {
        if let Some(kept) = self.kept.as_ref().filter(|kept| kept.lives(now)) {
            if kept.lease.number > refused {
                return Ok(Some(Step::Use(kept.lease.clone())));
            }
            let is_new = now < kept.made_at + RENEWAL_PAUSE;
            let has_ended_early = kept.has_worked && !kept.is_replacement;
            if self.flight().is_none() && is_new && !has_ended_early {
                return Ok(None);
            }
        }
        let step = self.join_or_make(self.flight(), now)?;
        if matches!(step, Step::Make) {
            self.refused = Some(refused);
        }
        Ok(Some(step))
    }

    /// A credential has let somebody in.
    pub(super) fn worked(&mut self, number: u64) {
        if let Some(kept) = &mut self.kept
            && kept.lease.number == number
        {
            kept.has_worked = true;
        }
    }

    fn join_or_make(&self, flight: Option<Flight>, now: DateTime<Utc>) -> Result<Step, Error> {
        match flight {
            Some(flight) => Ok(Step::Join(flight)),
            None => self.check_failure(now).map(|()| Step::Make),
        }
    }

    fn flight(&self) -> Option<Flight> {
        self.flight.as_ref().and_then(WeakShared::upgrade)
    }

    fn check_failure(&self, now: DateTime<Utc>) -> Result<(), Error> {
        match &self.failure {
            Some(failure) if now < failure.until => Err(failure.error.clone()),
            _ => Ok(()),
        }
    }

    pub(super) fn started(&mut self, flight: &Flight) {
        self.flight = flight.downgrade();
    }

    pub(super) fn keep(&mut self, made: Made, asked_at: DateTime<Utc>) -> Lease {
        self.last_number += 1;
        let lease = Lease {
            credential: made.credential,
            number: self.last_number,
            registry: made.registry,
        };
        let ending = made.life.map(|life| life.min(LONGEST_LIFE));
        self.kept = Some(Kept {
            lease: lease.clone(),
            made_at: asked_at,
            has_worked: false,
            is_replacement: self.refused.take().is_some(),
            ending: ending.map(|life| Ending {
                renew_at: asked_at + life * 3 / 4,
                ends_at: asked_at + life,
            }),
        });
        self.flight = None;
        self.failure = None;
        lease
    }

    pub(super) fn failed(&mut self, error: Error, now: DateTime<Utc>) {
        self.flight = None;
        let pause = self.failure.as_ref().map_or(FIRST_BACK_OFF, |last| {
            (last.pause * 2).min(LONGEST_BACK_OFF)
        });
        self.failure = Some(Failure {
            error,
            until: now + pause,
            pause,
        });
    }
}

impl Kept {
    fn lives(&self, now: DateTime<Utc>) -> bool {
        self.ending.as_ref().is_none_or(|it| now < it.ends_at)
    }

    fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.ending.as_ref().is_some_and(|it| now >= it.renew_at)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::Credential;

    fn at(secs: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000 + secs, 0).unwrap()
    }

    fn made(life_secs: Option<u64>) -> Made {
        Made {
            credential: Credential {
                username: "AWS".into(),
                secret: "s".into(),
            },
            life: life_secs.map(Duration::from_secs),
            registry: None,
        }
    }

    fn down() -> Error {
        super::super::no_credential("down")
    }

    /// The step in a word, with the number of the credential it uses.
    fn word(step: Result<Step, Error>) -> (&'static str, u64) {
        match step {
            Ok(Step::Use(lease)) => ("use", lease.number),
            Ok(Step::Renew(lease)) => ("renew", lease.number),
            Ok(Step::Join(_)) => ("join", 0),
            Ok(Step::Make) => ("make", 0),
            Err(_) => ("error", 0),
        }
    }

    #[test]
    fn a_credential_is_renewed_from_three_quarters_of_its_life_on() {
        let mut state = State::default();
        assert_eq!(word(state.step(at(0))), ("make", 0));
        state.keep(made(Some(100)), at(0));
        assert_eq!(word(state.step(at(74))), ("use", 1));
        assert_eq!(word(state.step(at(75))), ("renew", 1));
        state.keep(made(Some(100)), at(75));
        assert_eq!(word(state.step(at(76))), ("use", 2));
        assert_eq!(word(state.step(at(175))), ("make", 0));
    }

    #[test]
    fn one_that_stays_is_never_renewed() {
        let mut state = State::default();
        state.keep(made(None), at(0));
        assert_eq!(word(state.step(at(1_000_000_000))), ("use", 1));
    }

    #[test]
    fn whoever_comes_while_one_is_made_waits_for_it_or_uses_the_old() {
        let mut state = State::default();
        let flight: Flight = std::future::pending().boxed().shared();
        state.started(&flight);
        assert_eq!(word(state.step(at(0))), ("join", 0));
        state.keep(made(Some(100)), at(0));
        state.started(&flight);
        assert_eq!(word(state.step(at(80))), ("use", 1));
        assert_eq!(word(state.step(at(100))), ("join", 0));
        // The last who waited left: nobody drives it any more.
        drop(flight);
        assert_eq!(word(state.step(at(100))), ("make", 0));
    }

    #[test]
    fn a_failed_renewal_leaves_the_old_one_until_its_end_and_is_tried_again_after_a_pause() {
        let mut state = State::default();
        state.keep(made(Some(100)), at(0));
        state.failed(down(), at(80));
        assert_eq!(word(state.step(at(80))), ("use", 1));
        assert_eq!(word(state.step(at(81))), ("renew", 1));
        state.failed(down(), at(99));
        assert_eq!(word(state.step(at(100))), ("error", 0));
        assert_eq!(word(state.step(at(101))), ("make", 0));
    }

    #[test]
    fn a_broken_maker_is_asked_ever_less_often() {
        let mut state = State::default();
        let mut now = 0;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            assert_eq!(word(state.step(at(now))), ("make", 0), "{pause}");
            state.failed(down(), at(now));
            assert_eq!(word(state.step(at(now + pause - 1))), ("error", 0));
            now += pause;
        }
        state.keep(made(Some(100)), at(now));
        state.failed(down(), at(now + 100));
        assert_eq!(word(state.step(at(now + 101))), ("make", 0));
    }

    #[test]
    fn a_refused_credential_is_replaced_unless_it_is_new() {
        let mut state = State::default();
        state.keep(made(Some(1000)), at(0));
        assert_eq!(beyond(&mut state, 1, 9), ("none", 0));
        assert_eq!(beyond(&mut state, 1, 10), ("make", 0));
        state.keep(made(Some(1000)), at(10));
        assert_eq!(beyond(&mut state, 1, 11), ("use", 2));
        assert_eq!(beyond(&mut state, 2, 12), ("none", 0));
        state.failed(down(), at(30));
        assert_eq!(beyond(&mut state, 2, 30), ("error", 0));
    }

    #[test]
    fn one_that_had_worked_is_replaced_at_once_and_its_replacement_is_not() {
        let mut state = State::default();
        state.keep(made(Some(1000)), at(0));
        state.worked(1);
        assert_eq!(beyond(&mut state, 1, 1), ("make", 0));
        let flight: Flight = std::future::pending().boxed().shared();
        state.started(&flight);
        assert_eq!(beyond(&mut state, 1, 1), ("join", 0));
        state.keep(made(Some(1000)), at(1));
        // Good for one repository and refused by another, over and over: one credential in a while.
        state.worked(2);
        assert_eq!(beyond(&mut state, 2, 2), ("none", 0));
        assert_eq!(beyond(&mut state, 2, 11), ("make", 0));
    }

    fn beyond(state: &mut State, number: u64, secs: i64) -> (&'static str, u64) {
        let step = state.step_beyond(number, at(secs));
        step.transpose().map_or(("none", 0), word)
    }
}
