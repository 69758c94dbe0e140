//! Retention policies: what of a project's content shall stay. They are kept and checked here; what one chooses is
//! [`choose`]'s, and carrying it out is [`run`]'s.

mod choose;
mod run;

use std::collections::BTreeSet;

use auth::{Access, Action};
use chrono::{DateTime, Utc};
use metadata::{NewRetention, NewSchedule, RetentionRow};
use serde::{Deserialize, Serialize};

use crate::cron::next_after;
use crate::demand::demand;
use crate::jobs::{JobKind, schedule};
use crate::selector::{Choice, Selector};
use crate::{Error, Registry, Result};

pub use run::RetentionRequest;

/// Harbor's limit.
const MAX_RULES: usize = 15;
/// What is pulled once a week stays in a new proxy cache; looked at every midnight. Both as in Harbor.
const DEFAULT_DAYS: u32 = 7;
const DEFAULT_CRON: &str = "0 0 0 * * *";

/// What shall stay: whatever any of the rules says. The rest goes, whenever the schedule comes true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionPolicy {
    /// The rules.
    pub rules: Vec<RetentionRule>,
    /// Six fields; `None` where it only runs by hand.
    pub cron: Option<String>,
}

/// What shall stay of the tags and repositories that its selectors choose.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RetentionRule {
    /// The number its author gave it.
    pub id: i64,
    /// Harbor's; it decides nothing.
    pub priority: i64,
    /// Whether it counts for nothing.
    pub is_disabled: bool,
    /// What stays.
    pub keep: Keep,
    /// Of which tags.
    pub tags: Vec<Selector>,
    /// In which repositories.
    pub repositories: Vec<Selector>,
}

/// What a rule keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Keep {
    /// So many, the last pushed.
    LatestPushed(u32),
    /// So many, the last pulled.
    LatestPulled(u32),
    /// What was pushed in the last so many days.
    PushedWithinDays(u32),
    /// What was pulled in the last so many days.
    PulledWithinDays(u32),
    /// Everything.
    Always,
}

impl RetentionPolicy {
    /// What every new proxy cache project gets.
    pub(crate) fn of_proxy() -> Self {
        let rule = RetentionRule {
            id: 1,
            priority: 1,
            is_disabled: false,
            keep: Keep::PulledWithinDays(DEFAULT_DAYS),
            tags: vec![Selector::everything()],
            repositories: vec![Selector::everything()],
        };
        Self {
            rules: vec![rule],
            cron: Some(DEFAULT_CRON.to_owned()),
        }
    }

    /// Whether it can be kept.
    fn check(&self, now: DateTime<Utc>) -> Result<()> {
        if self.rules.len() > MAX_RULES {
            return Err(Error::BadRequest(format!(
                "only {MAX_RULES} rules are allowed at most"
            )));
        }
        let mut seen = BTreeSet::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let number = index + 1;
            Choice::new(&rule.repositories, &rule.tags).map_err(|what| {
                Error::BadRequest(format!("rule {number} of the retention policy: {what}"))
            })?;
            if !seen.insert(RetentionRule {
                id: 0,
                ..rule.clone()
            }) {
                return Err(Error::Conflict(format!(
                    "rule {number} of the retention policy says what one before it says"
                )));
            }
        }
        match &self.cron {
            Some(cron) => next_after(cron, now).map(drop),
            None => Ok(()),
        }
    }

    /// As it is kept, with its schedule.
    pub(crate) fn to_row(&self, now: DateTime<Utc>) -> Result<NewRetention> {
        Ok(NewRetention {
            policy: self.to_json()?,
            schedule: self.schedule(now)?,
        })
    }

    fn schedule(&self, now: DateTime<Utc>) -> Result<Option<NewSchedule>> {
        let parameters = RetentionRequest::default().to_json();
        let made = |cron: &String| schedule("Custom", cron, parameters, now);
        self.cron.as_ref().map(made).transpose()
    }

    fn to_json(&self) -> Result<String> {
        serde_json::to_string(self).map_err(|error| Error::Internal(error.into()))
    }

    fn of_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::Internal(error.into()))
    }
}

impl Registry {
    /// What a policy says.
    pub fn retention(&self, access: &Access, row: &RetentionRow) -> Result<RetentionPolicy> {
        demand(access, Action::TagRetentionRead)?;
        demand_owner(access, row)?;
        RetentionPolicy::of_json(&row.policy)
    }

    /// Gives the project its policy; the number that it has from now on.
    pub async fn create_retention(
        &self,
        access: &Access,
        policy: &RetentionPolicy,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        demand(access, Action::TagRetentionCreate)?;
        policy.check(now)?;
        let project_id = access.project().id;
        let created = self
            .db()
            .create_retention(project_id, &policy.to_row(now)?, now)
            .await;
        self.ring(JobKind::Retention);
        match created {
            Err(metadata::Error::Conflict { .. }) => {
                let project = self.db().find_project_by_id(project_id).await?;
                let known =
                    project.and_then(|project| project.metadata.get("retention_id").cloned());
                Err(Error::BadRequest(format!(
                    "project {project_id} already has retention policy {}",
                    known.unwrap_or_default()
                )))
            }
            Err(metadata::Error::NotFound { .. }) => Err(Error::BadRequest(format!(
                "invalid Project id {project_id}"
            ))),
            created => Ok(created?),
        }
    }

    /// Has a policy say something else.
    pub async fn replace_retention(
        &self,
        access: &Access,
        row: &RetentionRow,
        policy: &RetentionPolicy,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand(access, Action::TagRetentionUpdate)?;
        demand_owner(access, row)?;
        policy.check(now)?;
        let new = policy.to_row(now)?;
        let updated = self
            .db()
            .update_retention(row.id, row.project_id, &new, now);
        updated.await.map_err(|error| or_gone(error, row.id))?;
        self.ring(JobKind::Retention);
        Ok(())
    }

    /// Deletes a policy: everything stays.
    pub async fn delete_retention(&self, access: &Access, row: &RetentionRow) -> Result<()> {
        demand(access, Action::TagRetentionDelete)?;
        demand_owner(access, row)?;
        let deleted = self.db().delete_retention(row.id, row.project_id);
        deleted.await.map_err(|error| or_gone(error, row.id))
    }
}

impl Registry {
    /// Policies of before they had schedules get theirs.
    pub(crate) async fn schedule_old_policies(&self) {
        let now = Utc::now();
        let scheduled = async {
            for row in self.db().unscheduled_retentions().await? {
                let policy = RetentionPolicy::of_json(&row.policy)?;
                let Some(schedule) = policy.schedule(now)? else {
                    continue;
                };
                let kind = JobKind::Retention.name();
                self.db().put_schedule(kind, row.id, schedule, now).await?;
            }
            Ok::<_, Error>(())
        };
        if let Err(error) = scheduled.await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "retention policies without a schedule could not be given theirs; the next start tries again"
            );
        }
    }
}

fn demand_owner(access: &Access, row: &RetentionRow) -> Result<()> {
    match access.project().id == row.project_id {
        true => Ok(()),
        false => Err(Error::bug(format!(
            "access to project {} used for a policy of {}",
            access.project().id,
            row.project_id
        ))),
    }
}

fn or_gone(error: metadata::Error, id: i64) -> Error {
    match error {
        metadata::Error::NotFound { .. } => {
            Error::NotFound(format!("retention policy {id} not found"))
        }
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_790_000_000, 0).unwrap()
    }

    fn with_rules(count: u32) -> RetentionPolicy {
        let policy = RetentionPolicy::of_proxy();
        let rules = (0..count).map(|days| RetentionRule {
            keep: Keep::PulledWithinDays(days),
            ..policy.rules[0].clone()
        });
        RetentionPolicy {
            rules: rules.collect(),
            ..policy
        }
    }

    #[test]
    fn what_a_proxy_gets_can_be_kept_and_comes_back_as_it_was() {
        let policy = RetentionPolicy::of_proxy();
        policy.check(now()).unwrap();
        let kept = RetentionPolicy::of_json(&policy.to_json().unwrap()).unwrap();
        assert_eq!(kept, policy);
    }

    #[test]
    fn a_policy_that_cannot_be_kept_says_why() {
        let refused = |policy: RetentionPolicy, why: &str| {
            let error = policy.check(now()).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
            error
        };
        with_rules(15).check(now()).unwrap();
        refused(with_rules(16), "only 15 rules");
        let mut twice = with_rules(3);
        twice.rules[2] = RetentionRule {
            id: 9,
            ..twice.rules[0].clone()
        };
        assert!(matches!(refused(twice, "rule 3"), Error::Conflict(_)));
        let never = RetentionPolicy {
            cron: Some("0 0 0 30 2 *".to_owned()),
            ..with_rules(1)
        };
        refused(never, "never comes true");
        let mut open = with_rules(2);
        open.rules[1].tags[0].pattern = "{a".to_owned();
        refused(open, "rule 2");
        let mut nothing = with_rules(1);
        nothing.rules[0].repositories.clear();
        refused(nothing, "scope_selectors");
    }
}
