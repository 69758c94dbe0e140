//! Purges of the audit log. When and by whom they are run is [`crate::jobs`]'s; what a request means is [`request`]'s.

mod request;

use std::time::Duration;

use auth::{SystemAccess, SystemAction};
use chrono::{DateTime, Utc};
use metadata::{Execution, Page, Paged, Schedule};

use crate::demand::demand_system;
use crate::jobs::{Ended, Job, JobKind, SYSTEM};
use crate::{Registry, Result};

pub use request::PurgeRequest;

/// Between two chunks, for writers that wait.
const BREATH: Duration = Duration::from_millis(5);

impl Registry {
    /// Asks for a purge, to be begun at once; its number.
    pub async fn purge_now(
        &self,
        access: &SystemAccess,
        request: &PurgeRequest,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        demand_change(access)?;
        self.begin_job(JobKind::Purge, SYSTEM, &request.to_json(), now)
            .await
    }

    /// Sets when purges are begun by themselves, in place of what was said before.
    pub async fn schedule_purge(
        &self,
        access: &SystemAccess,
        every: &str,
        cron: &str,
        request: &PurgeRequest,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_change(access)?;
        self.schedule_job(JobKind::Purge, every, cron, request.to_json(), now)
            .await
    }

    /// Ends the schedule. What runs goes on.
    pub async fn unschedule_purge(&self, access: &SystemAccess) -> Result<()> {
        demand_change(access)?;
        let deleted = self.db().delete_schedule(JobKind::Purge.name(), SYSTEM);
        Ok(deleted.await?)
    }

    /// When purges are begun by themselves.
    pub async fn purge_schedule(&self, access: &SystemAccess) -> Result<Option<Schedule>> {
        demand_system(access, SystemAction::PurgeAuditRead)?;
        let found = self.db().find_schedule(JobKind::Purge.name(), SYSTEM);
        Ok(found.await?)
    }

    /// A page of purges, done and running.
    pub async fn purges(&self, access: &SystemAccess, page: &Page) -> Result<Paged<Execution>> {
        demand_system(access, SystemAction::PurgeAuditList)?;
        self.jobs(JobKind::Purge, SYSTEM, page).await
    }

    /// One purge.
    pub async fn find_purge(&self, access: &SystemAccess, id: i64) -> Result<Execution> {
        demand_system(access, SystemAction::PurgeAuditRead)?;
        self.find_job(JobKind::Purge, SYSTEM, id).await
    }

    /// Ends a purge where it is; what is deleted stays so. One that has ended is left alone.
    pub async fn stop_purge(
        &self,
        access: &SystemAccess,
        id: i64,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_system(access, SystemAction::PurgeAuditStop)?;
        self.stop_job(JobKind::Purge, SYSTEM, id, access.caller().name(), now)
            .await
    }

    pub(crate) async fn purge(&self, mut job: Job<'_>) -> Result<Ended> {
        let request = PurgeRequest::of_json(&job.run.parameters)?;
        let before = job.run.created_at - request.retention();
        let events: Vec<&str> = request.events.iter().map(|event| event.as_str()).collect();
        let line = format!(
            "entries from before {} of {}{}\n",
            before.format("%Y-%m-%dT%H:%M:%SZ"),
            if events.is_empty() {
                "no event".to_owned()
            } else {
                events.join(", ")
            },
            if request.is_dry_run {
                ", counted only"
            } else {
                ""
            },
        );
        if !job.tell(&line).await? {
            return Ok(Ended::Stopped);
        }
        let mut all = 0;
        for event in &request.events {
            let mut gone = 0;
            if request.is_dry_run {
                gone = self.db().count_audit_before(*event, before).await?;
            } else {
                loop {
                    let deleted = self.db().purge_audit(*event, before).await?;
                    gone += deleted;
                    if deleted == 0 {
                        break;
                    }
                    if !job.goes_on().await? {
                        return Ok(Ended::Stopped);
                    }
                    tokio::time::sleep(BREATH).await;
                }
            }
            all += gone;
            if !job.tell(&format!("{}: {gone}\n", event.as_str())).await? {
                return Ok(Ended::Stopped);
            }
        }
        let done = if request.is_dry_run {
            "would be deleted"
        } else {
            "deleted"
        };
        tracing::info!(
            purge = job.run.id,
            entries = all,
            is_dry_run = request.is_dry_run,
            "audit log purged"
        );
        Ok(Ended::Done(format!("{all} entries {done}\n")))
    }
}

/// Setting it anew is changing it: Harbor asks for the right to create at `POST`, to update at `PUT`.
fn demand_change(access: &SystemAccess) -> Result<()> {
    match access.action() {
        SystemAction::PurgeAuditCreate => Ok(()),
        _ => demand_system(access, SystemAction::PurgeAuditUpdate),
    }
}
