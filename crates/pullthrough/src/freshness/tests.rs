use super::*;

const FAILURES: [Failure; 5] = [
    Failure::Unreachable,
    Failure::Refused,
    Failure::Erring,
    Failure::RateLimited,
    Failure::Gone,
];

fn now() -> DateTime<Utc> {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn ago(secs: i64) -> DateTime<Utc> {
    now() - chrono::TimeDelta::seconds(secs)
}

fn known(secs: i64) -> Known {
    Known {
        checked_at: ago(secs),
        is_doubted: false,
        failed: None,
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

fn open(failure: Failure) -> UpstreamState {
    UpstreamState::Open {
        failure,
        reason: "down".into(),
    }
}

fn stale() -> Verdict {
    Verdict::Stale {
        reason: "down".into(),
    }
}

/// Serves after this failure alone.
fn only(failure: Option<Failure>) -> Stale {
    let is = |other| failure == Some(other);
    Stale {
        unreachable: is(Failure::Unreachable),
        refused: is(Failure::Refused),
        erring: is(Failure::Erring),
        rate_limited: is(Failure::RateLimited),
        gone: is(Failure::Gone),
        max_age: None,
    }
}

fn with(revalidate: Revalidate, stale: Stale) -> Policy {
    Policy { revalidate, stale }
}

#[test]
fn a_tag_is_fresh_asked_for_served_meanwhile_or_fetched() {
    use Revalidate::{After, Background, Never};
    let meanwhile = || Verdict::Background { reason: None };
    const DAY: i64 = 86_400;
    let table = [
        // Nothing is cached.
        (None, After(secs(60)), Verdict::Fetch),
        (None, Background(secs(60)), Verdict::Fetch),
        (None, Never, Verdict::Fetch),
        // Each time, and after an age.
        (Some(0), After(secs(0)), Verdict::Revalidate),
        (Some(59), After(secs(60)), Verdict::Fresh),
        (Some(60), After(secs(60)), Verdict::Revalidate),
        // A check that ended after this pull began; a clock that went back, and one that went forward.
        (Some(-1), After(secs(60)), Verdict::Fresh),
        (Some(-DAY), After(secs(60)), Verdict::Revalidate),
        (Some(DAY), After(secs(60)), Verdict::Revalidate),
        // In the background, whatever the clock says.
        (Some(0), Background(secs(0)), meanwhile()),
        (Some(59), Background(secs(60)), Verdict::Fresh),
        (Some(60), Background(secs(60)), meanwhile()),
        (Some(DAY), Background(secs(60)), meanwhile()),
        (Some(-DAY), Background(secs(60)), meanwhile()),
        // Never.
        (Some(0), Never, Verdict::Fresh),
        (Some(365 * DAY), Never, Verdict::Fresh),
        (Some(-DAY), Never, Verdict::Fresh),
    ];
    for (age, revalidate, expected) in table {
        let policy = with(revalidate, Stale::default());
        let verdict = decide(
            now(),
            age.map(known).as_ref(),
            &policy,
            UpstreamState::Closed,
        );
        assert_eq!(verdict, expected, "{age:?} {revalidate:?}");
    }
}

#[test]
fn each_failure_is_served_through_exactly_where_its_rule_says() {
    for failure in FAILURES {
        for allowed in FAILURES.map(Some).into_iter().chain([None]) {
            let rules = only(allowed);
            let is_served = allowed == Some(failure);
            assert_eq!(
                rules.serves(now(), ago(60), failure),
                is_served,
                "{failure:?} {allowed:?}"
            );
            let expected = if is_served {
                stale()
            } else {
                Verdict::Revalidate
            };
            for revalidate in [
                Revalidate::After(secs(0)),
                Revalidate::After(secs(60)),
                Revalidate::Background(secs(60)),
            ] {
                let policy = with(revalidate, rules);
                assert_eq!(
                    decide(now(), Some(&known(60)), &policy, open(failure)),
                    expected,
                    "{failure:?} {allowed:?} {revalidate:?}"
                );
                // What was just checked is served whatever upstream does since.
                if revalidate != Revalidate::After(secs(0)) {
                    let verdict = decide(now(), Some(&known(59)), &policy, open(failure));
                    assert_eq!(verdict, Verdict::Fresh);
                }
            }
            let policy = with(Revalidate::Never, rules);
            let verdict = decide(now(), Some(&known(60)), &policy, open(failure));
            assert_eq!(verdict, Verdict::Fresh, "nobody is asked about it");
        }
    }
}

#[test]
fn a_stale_copy_is_served_up_to_its_age_and_a_wrong_clock_takes_nothing() {
    let rules = Stale {
        max_age: Some(secs(3600)),
        ..Stale::default()
    };
    let policy = with(Revalidate::After(secs(60)), rules);
    let beside = with(Revalidate::Background(secs(60)), rules);
    let down = || open(Failure::Unreachable);
    for (age, is_served) in [(60, true), (3600, true), (3601, false), (-86_400, true)] {
        let expected = if is_served {
            stale()
        } else {
            Verdict::Revalidate
        };
        let tag = known(age);
        assert_eq!(
            decide(now(), Some(&tag), &policy, down()),
            expected,
            "{age}"
        );
        assert_eq!(
            decide(now(), Some(&tag), &beside, down()),
            expected,
            "{age}"
        );
        let expected = if is_served {
            Verdict::Background { reason: None }
        } else {
            Verdict::Revalidate
        };
        let verdict = decide(now(), Some(&tag), &beside, UpstreamState::Closed);
        assert_eq!(verdict, expected, "{age}");
    }
}

#[test]
fn what_another_registry_said_is_asked_again_whatever_the_rule() {
    let doubted = Known {
        is_doubted: true,
        ..known(1)
    };
    for revalidate in [
        Revalidate::After(secs(60)),
        Revalidate::Background(secs(60)),
        Revalidate::Never,
    ] {
        let policy = with(revalidate, Stale::default());
        let verdict = decide(now(), Some(&doubted), &policy, UpstreamState::Closed);
        assert_eq!(verdict, Verdict::Revalidate, "{revalidate:?}");
        let verdict = decide(now(), Some(&doubted), &policy, open(Failure::Unreachable));
        assert_eq!(verdict, stale(), "{revalidate:?}");
    }
}

#[test]
fn after_a_failed_check_in_the_background_the_copy_is_served_with_its_reason_or_asked_for() {
    for failure in FAILURES {
        for (since, is_tried) in [(0, false), (4, false), (5, true), (-86_400, true)] {
            let tag = Known {
                failed: Some(Failed {
                    at: ago(since),
                    failure,
                    reason: "down".into(),
                }),
                ..known(60)
            };
            let allowing = with(Revalidate::Background(secs(60)), only(Some(failure)));
            let expected = if is_tried {
                Verdict::Background {
                    reason: Some("down".into()),
                }
            } else {
                stale()
            };
            let verdict = decide(now(), Some(&tag), &allowing, UpstreamState::Closed);
            assert_eq!(verdict, expected, "{failure:?} {since}");
            let refusing = with(Revalidate::Background(secs(60)), only(None));
            let verdict = decide(now(), Some(&tag), &refusing, UpstreamState::Closed);
            assert_eq!(verdict, Verdict::Revalidate, "{failure:?} {since}");
        }
    }
}
