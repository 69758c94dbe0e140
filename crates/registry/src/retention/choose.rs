//! Which artifacts of a repository a policy keeps, as Harbor decides it: whatever any rule keeps stays. Pure: a dry run and a
//! real one choose alike, because both ask here.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use metadata::Candidate;

use super::{Keep, RetentionPolicy, RetentionRule};
use crate::selector::{self, Selector};
use crate::{Error, Result};

/// A policy that is ready to be asked.
pub(crate) struct Chooser {
    rules: Vec<Rule>,
}

struct Rule {
    keep: Keep,
    tags: Vec<Chosen>,
    repositories: Vec<Chosen>,
}

struct Chosen {
    names: selector::Chooser,
    is_with_untagged: bool,
}

impl Chooser {
    /// Of a policy whose patterns were checked when it was kept.
    pub(crate) fn new(policy: &RetentionPolicy) -> Result<Self> {
        let rules = policy.rules.iter().filter(|rule| !rule.is_disabled);
        Ok(Self {
            rules: rules.map(Rule::new).collect::<Result<_>>()?,
        })
    }

    /// The numbers of those that stay, of what a repository has; `None`: no rule is about the repository, and all stays.
    /// `path` is its name without the project's.
    pub(crate) fn kept(
        &self,
        path: &str,
        candidates: &[Candidate],
        now: DateTime<Utc>,
    ) -> Option<BTreeSet<i64>> {
        let rules: Vec<&Rule> = self
            .rules
            .iter()
            .filter(|rule| rule.is_about(path))
            .collect();
        if rules.is_empty() {
            return None;
        }
        let mut kept = BTreeSet::new();
        for rule in rules {
            let chosen = candidates
                .iter()
                .filter(|candidate| rule.chooses(candidate));
            kept.extend(rule.keep.of(chosen.collect(), now));
        }
        Some(kept)
    }
}

impl Rule {
    fn new(rule: &RetentionRule) -> Result<Self> {
        let chosen =
            |selectors: &[Selector]| selectors.iter().map(Chosen::new).collect::<Result<_>>();
        Ok(Self {
            keep: rule.keep,
            tags: chosen(&rule.tags)?,
            repositories: chosen(&rule.repositories)?,
        })
    }

    fn is_about(&self, path: &str) -> bool {
        self.repositories.iter().all(|chosen| chosen.is(path))
    }

    /// Each selector leaves what any of the tags makes it leave.
    fn chooses(&self, candidate: &Candidate) -> bool {
        self.tags
            .iter()
            .all(|chosen| match candidate.tags.is_empty() {
                true => chosen.is_with_untagged,
                false => candidate.tags.iter().any(|tag| chosen.is(tag)),
            })
    }
}

impl Chosen {
    fn new(selector: &Selector) -> Result<Self> {
        let names = selector
            .compile()
            .map_err(|error| Error::bug(format!("a kept pattern cannot be read: {error}")))?;
        Ok(Self {
            names,
            // Harbor's default: what has no tag is chosen by what matches, and not by what excludes.
            is_with_untagged: selector.is_with_untagged.unwrap_or(!selector.is_excluding),
        })
    }

    fn is(&self, name: &str) -> bool {
        self.names.chooses(name)
    }
}

impl Keep {
    fn of(self, chosen: Vec<&Candidate>, now: DateTime<Utc>) -> Vec<i64> {
        let newest = |count: u32, by: fn(&Candidate) -> Option<DateTime<Utc>>| {
            let mut sorted = chosen.clone();
            sorted.sort_by_key(|candidate| {
                Reverse((by(candidate), candidate.pushed_at, candidate.id))
            });
            sorted.truncate(usize::try_from(count).unwrap_or(usize::MAX));
            sorted
        };
        let within = |days: u32, by: fn(&Candidate) -> DateTime<Utc>| {
            let since = now - TimeDelta::days(days.into());
            let is_within = |candidate: &&&Candidate| by(candidate) >= since;
            chosen.iter().filter(is_within).copied().collect()
        };
        let kept: Vec<&Candidate> = match self {
            Self::LatestPushed(count) => newest(count, |candidate| Some(candidate.pushed_at)),
            Self::LatestPulled(count) => newest(count, |candidate| candidate.pulled_at),
            Self::PushedWithinDays(days) => within(days, |candidate| candidate.pushed_at),
            // What came within the days stays too, pulled or not: Harbor deletes at once what was pushed and never pulled.
            Self::PulledWithinDays(days) => within(days, |candidate| {
                candidate.pulled_at.map_or(candidate.pushed_at, |pulled| {
                    pulled.max(candidate.pushed_at)
                })
            }),
            Self::Always => chosen,
        };
        kept.iter().map(|candidate| candidate.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use oci::Digest;

    use super::*;

    fn day(days: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap() + TimeDelta::days(days)
    }

    /// Five images, pushed day by day; the odd ones were pulled, the first one last.
    fn images() -> Vec<Candidate> {
        let image = |id: i64, tags: &[&str], pulled: Option<i64>| Candidate {
            id,
            digest: Digest::sha256(&id.to_be_bytes()),
            tags: tags.iter().map(ToString::to_string).collect(),
            pushed_at: day(id),
            pulled_at: pulled.map(day),
        };
        vec![
            image(1, &["v1", "old"], Some(9)),
            image(2, &["v2"], None),
            image(3, &["v3", "rc-3"], Some(6)),
            image(4, &[], None),
            image(5, &["latest"], Some(5)),
        ]
    }

    fn selector(pattern: &str) -> Selector {
        Selector {
            is_excluding: false,
            pattern: pattern.to_owned(),
            is_with_untagged: None,
        }
    }

    fn excluding(pattern: &str) -> Selector {
        Selector {
            is_excluding: true,
            ..selector(pattern)
        }
    }

    fn rule(keep: Keep, tags: Selector, repositories: Selector) -> RetentionRule {
        RetentionRule {
            id: 1,
            priority: 1,
            is_disabled: false,
            keep,
            tags: vec![tags],
            repositories: vec![repositories],
        }
    }

    fn kept(rules: Vec<RetentionRule>) -> Option<Vec<i64>> {
        let policy = RetentionPolicy { rules, cron: None };
        let chooser = Chooser::new(&policy).unwrap();
        let kept = chooser.kept("team/app", &images(), day(10));
        kept.map(|kept| kept.into_iter().collect())
    }

    #[test]
    fn each_template_keeps_what_harbors_keeps() {
        let all = |keep| kept(vec![rule(keep, selector("**"), selector("**"))]).unwrap();
        assert_eq!(all(Keep::LatestPushed(2)), [4, 5]);
        assert_eq!(all(Keep::LatestPushed(0)), [0_i64; 0]);
        assert_eq!(all(Keep::LatestPushed(99)), [1, 2, 3, 4, 5]);
        assert_eq!(all(Keep::LatestPulled(2)), [1, 3]);
        assert_eq!(all(Keep::PushedWithinDays(6)), [4, 5]);
        assert_eq!(all(Keep::PulledWithinDays(4)), [1, 3]);
        assert_eq!(all(Keep::PulledWithinDays(5)), [1, 3, 5]);
        assert_eq!(all(Keep::Always), [1, 2, 3, 4, 5]);
    }

    #[test]
    fn selectors_choose_by_any_tag_and_say_what_of_those_without() {
        let tagged = |tags| kept(vec![rule(Keep::Always, tags, selector("**"))]).unwrap();
        assert_eq!(tagged(selector("v*")), [1, 2, 3, 4]);
        assert_eq!(tagged(selector("{old,latest}")), [1, 4, 5]);
        assert_eq!(tagged(excluding("v*")), [1, 3, 5]);
        let without = |selector| Selector {
            is_with_untagged: Some(false),
            ..selector
        };
        assert_eq!(tagged(without(selector("v*"))), [1, 2, 3]);
        let with = |selector| Selector {
            is_with_untagged: Some(true),
            ..selector
        };
        assert_eq!(tagged(with(excluding("**"))), [4]);
    }

    #[test]
    fn rules_add_up_and_a_repository_that_none_is_about_keeps_everything() {
        let here = |keep| rule(keep, selector("**"), selector("team/**"));
        let elsewhere = || rule(Keep::LatestPushed(1), selector("**"), excluding("team/**"));
        assert_eq!(kept(vec![]), None);
        assert_eq!(kept(vec![elsewhere()]), None);
        let disabled = RetentionRule {
            is_disabled: true,
            ..here(Keep::LatestPushed(1))
        };
        assert_eq!(kept(vec![disabled]), None);
        let both = vec![
            here(Keep::LatestPushed(1)),
            here(Keep::LatestPulled(1)),
            elsewhere(),
        ];
        assert_eq!(kept(both), Some(vec![1, 5]));
    }
}
