//! The breaker against a clock in the test's hand.

use super::*;

fn at(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_700_000_000_000 + millis).unwrap()
}

fn fails(breaker: &Breaker, asker: Asker, millis: i64) {
    breaker.record(asker, Err(&Error::Timeout), at(millis));
}

fn is_skip(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Skip { .. })
}

fn is_probe(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::SkipAndProbe { .. })
}

#[test]
fn an_outage_opens_at_once_and_one_caller_probes_after_the_pause() {
    let breaker = Breaker::new();
    assert_eq!(breaker.allows(at(0)), Verdict::Ask);
    fails(&breaker, Asker::Request, 0);
    assert!(is_skip(&breaker.allows(at(999))));
    assert!(is_probe(&breaker.allows(at(1000))));
    assert!(is_skip(&breaker.allows(at(1001))));
    breaker.record(Asker::Probe, Ok(()), at(1100));
    assert_eq!(breaker.allows(at(1101)), Verdict::Ask);
}

#[test]
fn the_pause_doubles_to_thirty_seconds_and_a_real_answer_resets_it() {
    let breaker = Breaker::new();
    let mut now = 0;
    fails(&breaker, Asker::Request, now);
    for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
        assert!(is_skip(&breaker.allows(at(now + pause - 1))), "{pause}");
        now += pause;
        assert!(is_probe(&breaker.allows(at(now))), "{pause}");
        fails(&breaker, Asker::Probe, now);
    }
    breaker.record(Asker::Request, Ok(()), at(now));
    assert_eq!(breaker.allows(at(now)), Verdict::Ask);
    fails(&breaker, Asker::Request, now);
    assert!(is_probe(&breaker.allows(at(now + 1_000))));
}

#[test]
fn a_registry_that_answers_probes_only_is_asked_less_and_less() {
    let breaker = Breaker::new();
    fails(&breaker, Asker::Request, 0);
    assert!(is_probe(&breaker.allows(at(1_000))));
    breaker.record(Asker::Probe, Ok(()), at(1_000));
    fails(&breaker, Asker::Request, 3_000);
    assert!(is_skip(&breaker.allows(at(4_999))));
    assert!(is_probe(&breaker.allows(at(5_000))));
}

#[test]
fn requests_that_fail_together_are_one_outage() {
    let breaker = Breaker::new();
    for millis in 0..100 {
        fails(&breaker, Asker::Request, millis);
    }
    assert!(is_probe(&breaker.allows(at(1_000))));
}

#[test]
fn a_prober_that_never_reports_is_replaced() {
    let breaker = Breaker::new();
    fails(&breaker, Asker::Request, 0);
    assert!(is_probe(&breaker.allows(at(1_000))));
    assert!(is_skip(&breaker.allows(at(10_999))));
    assert!(is_probe(&breaker.allows(at(11_000))));
}

#[test]
fn three_server_errors_in_a_row_are_an_outage_two_are_not() {
    let breaker = Breaker::new();
    let failed = Error::Failed { status: 502 };
    for _ in 0..2 {
        breaker.record(Asker::Request, Err(&failed), at(0));
    }
    assert_eq!(breaker.allows(at(1)), Verdict::Ask);
    breaker.record(Asker::Request, Err(&Error::NotFound), at(1));
    for _ in 0..2 {
        breaker.record(Asker::Request, Err(&failed), at(2));
    }
    assert_eq!(breaker.allows(at(3)), Verdict::Ask);
    breaker.record(Asker::Request, Err(&failed), at(4));
    assert!(is_skip(&breaker.allows(at(5))));
}

#[test]
fn a_rate_limit_holds_as_long_as_it_says_and_no_success_lifts_it() {
    let table = [(None, 30), (Some(7), 7), (Some(86_400), 3_600)];
    for (retry_after, held) in table {
        let breaker = Breaker::new();
        let limited = Error::RateLimited {
            retry_after: retry_after.map(Duration::from_secs),
        };
        breaker.record(Asker::Request, Err(&limited), at(0));
        breaker.record(Asker::Request, Ok(()), at(1));
        assert!(
            is_skip(&breaker.allows(at(held * 1000 - 1))),
            "{retry_after:?}"
        );
        assert_eq!(
            breaker.allows(at(held * 1000)),
            Verdict::Ask,
            "{retry_after:?}"
        );
    }
}

#[test]
fn an_unwelcome_answer_is_no_outage() {
    let breaker = Breaker::new();
    for error in [
        Error::Refused { status: 401 },
        Error::NotFound,
        Error::Failed { status: 400 },
        Error::bad_answer("html"),
        Error::Configuration {
            reason: String::new(),
        },
        Error::Cut {
            reason: String::new(),
        },
    ] {
        breaker.record(Asker::Request, Err(&error), at(0));
        assert_eq!(breaker.allows(at(0)), Verdict::Ask, "{error}");
    }
}

#[test]
fn in_a_drill_nothing_is_asked_and_it_leaves_the_breaker_as_it_was() {
    let breaker = Breaker::new();
    breaker.set_drill(Some(at(60_000)));
    let error = breaker.refuse_in_drill(at(0)).unwrap_err();
    assert!(error.is_outage());
    for millis in [0, 59_999] {
        breaker.record(Asker::Request, Err(&error), at(millis));
        let Verdict::Skip { outage, reason } = breaker.allows(at(millis)) else {
            panic!("{millis}: nobody probes in a drill");
        };
        assert_eq!(outage, Outage::Unreachable);
        assert_eq!(breaker.outage(at(millis)), Some(reason));
    }
    assert_eq!(breaker.allows(at(60_000)), Verdict::Ask);
    assert_eq!(breaker.outage(at(60_000)), None);
    assert_eq!(breaker.refuse_in_drill(at(60_000)), Ok(()));
    breaker.set_drill(Some(at(90_000)));
    breaker.set_drill(None);
    assert_eq!(breaker.allows(at(61_000)), Verdict::Ask);
}
