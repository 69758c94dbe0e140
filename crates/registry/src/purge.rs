//! Purges of the audit log: by hand, or when a schedule says so. A run is a row: it outlives the process, is worked on
//! by one node, and is taken up again where that one was killed. What a request means is [`request`]'s.

mod request;

use std::time::{Duration, Instant};

use auth::{SystemAccess, SystemAction};
use chrono::{DateTime, TimeDelta, Utc};
use metadata::{Execution, ExecutionStatus, NewSchedule, Page, Paged, Schedule};
use tokio::sync::Notify;

use crate::cron::next_after;
use crate::demand::demand_system;
use crate::{Error, Registry, Result};

pub use request::{PurgeRequest, PurgeSetting};

/// What runs and schedules of this kind are kept as: Harbor's name.
const KIND: &str = "PURGE_AUDIT_LOG";
/// Another node may have set a schedule or asked for a run: looked for so often.
const LOOK_PERIOD: Duration = Duration::from_secs(30);
/// How often a run shows that it is alive, and learns that it was stopped.
const TELL_PERIOD: Duration = Duration::from_millis(500);
/// One that has shown nothing for so long is nobody's.
const STALE: TimeDelta = TimeDelta::seconds(30);
/// Between two chunks, for writers that wait.
const BREATH: Duration = Duration::from_millis(5);

/// What those who ask and who works share.
#[derive(Default)]
pub(crate) struct Purge {
    asked: Notify,
}

impl Registry {
    /// Asks for a purge, to be begun at once; its number.
    pub async fn purge_now(
        &self,
        access: &SystemAccess,
        request: &PurgeRequest,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        demand_change(access)?;
        let begun = self
            .db()
            .begin_by_hand(KIND, &request.to_json(), now)
            .await?;
        self.0.purge.asked.notify_one();
        Ok(begun.id)
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
        let new = NewSchedule {
            every: every.to_owned(),
            cron: cron.to_owned(),
            parameters: request.to_json(),
            next_at: next_after(cron, now)?,
        };
        self.db().put_schedule(KIND, new, now).await?;
        self.0.purge.asked.notify_one();
        Ok(())
    }

    /// Ends the schedule. What runs goes on.
    pub async fn unschedule_purge(&self, access: &SystemAccess) -> Result<()> {
        demand_change(access)?;
        Ok(self.db().delete_schedule(KIND).await?)
    }

    /// All that is begun by itself, with what it is called.
    pub async fn schedules(&self, access: &SystemAccess) -> Result<Vec<(String, Schedule)>> {
        demand_system(access, SystemAction::JobServiceMonitorList)?;
        Ok(self.db().list_schedules().await?)
    }

    /// When purges are begun by themselves.
    pub async fn purge_schedule(&self, access: &SystemAccess) -> Result<Option<Schedule>> {
        demand_system(access, SystemAction::PurgeAuditRead)?;
        Ok(self.db().find_schedule(KIND).await?)
    }

    /// A page of purges, done and running.
    pub async fn purges(&self, access: &SystemAccess, page: &Page) -> Result<Paged<Execution>> {
        demand_system(access, SystemAction::PurgeAuditList)?;
        Ok(self.db().list_executions(KIND, page).await?)
    }

    /// One purge.
    pub async fn find_purge(&self, access: &SystemAccess, id: i64) -> Result<Execution> {
        demand_system(access, SystemAction::PurgeAuditRead)?;
        let found = self.db().find_execution(KIND, id).await?;
        found.ok_or_else(|| not_found(id))
    }

    /// Ends a purge where it is; what is deleted stays so. One that has ended is left alone.
    pub async fn stop_purge(
        &self,
        access: &SystemAccess,
        id: i64,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_system(access, SystemAction::PurgeAuditStop)?;
        if self.db().find_execution(KIND, id).await?.is_none() {
            return Err(not_found(id));
        }
        let line = format!("stopped by {}\n", access.caller().name());
        let stopped = ExecutionStatus::Stopped;
        self.db()
            .end_execution(id, stopped, &told(&line, now), now)
            .await?;
        Ok(())
    }

    /// Begins what is due and works on what is asked for, until the task is dropped. What it leaves then is taken up
    /// by the next process.
    pub async fn run_purges(self) {
        loop {
            let wait = match self.purge_turn(Utc::now()).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the audit log's purges could not be looked after; trying again"
                    );
                    LOOK_PERIOD
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.0.purge.asked.notified() => {}
            }
        }
    }

    /// One turn; how long until the next.
    async fn purge_turn(&self, now: DateTime<Utc>) -> Result<Duration> {
        let mut wait = LOOK_PERIOD;
        if let Some(schedule) = self.db().find_schedule(KIND).await? {
            let mut next_at = schedule.next_at;
            if next_at <= now {
                // Once, however many times it was due while nobody was there.
                next_at = next_after(&schedule.cron, now)?;
                self.db()
                    .begin_scheduled(KIND, &schedule, next_at, now)
                    .await?;
            }
            wait = wait.min((next_at - now).to_std().unwrap_or_default());
        }
        while let Some(run) = self
            .db()
            .claim_execution(KIND, Utc::now() - STALE, Utc::now())
            .await?
        {
            self.run_purge(&run).await?;
        }
        Ok(wait)
    }

    async fn run_purge(&self, run: &Execution) -> Result<()> {
        let outcome = match PurgeRequest::of_json(&run.parameters) {
            Ok(request) => self.purge(run, &request).await,
            Err(error) => Err(error),
        };
        let now = Utc::now();
        let (status, line) = match outcome {
            Ok(Some(line)) => (ExecutionStatus::Success, line),
            Ok(None) => return Ok(()),
            Err(error) => {
                tracing::error!(
                    purge = run.id,
                    error = &error as &dyn std::error::Error,
                    "a purge of the audit log failed"
                );
                (ExecutionStatus::Error, format!("failed: {error}\n"))
            }
        };
        self.db()
            .end_execution(run.id, status, &told(&line, now), now)
            .await?;
        Ok(())
    }

    /// Does it, and gives the last line of its log; `None`: it was stopped.
    async fn purge(&self, run: &Execution, request: &PurgeRequest) -> Result<Option<String>> {
        let before = run.created_at - request.retention();
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
        if !self.tell_purge(run, &line).await? {
            return Ok(None);
        }
        let mut all = 0;
        for event in &request.events {
            let mut gone = 0;
            let mut told_at = Instant::now();
            if request.is_dry_run {
                gone = self.db().count_audit_before(*event, before).await?;
            } else {
                loop {
                    let deleted = self.db().purge_audit(*event, before).await?;
                    gone += deleted;
                    if deleted == 0 {
                        break;
                    }
                    if told_at.elapsed() > TELL_PERIOD {
                        if !self.tell_purge(run, "").await? {
                            return Ok(None);
                        }
                        told_at = Instant::now();
                    }
                    tokio::time::sleep(BREATH).await;
                }
            }
            all += gone;
            if !self
                .tell_purge(run, &format!("{}: {gone}\n", event.as_str()))
                .await?
            {
                return Ok(None);
            }
        }
        let done = if request.is_dry_run {
            "would be deleted"
        } else {
            "deleted"
        };
        tracing::info!(
            purge = run.id,
            entries = all,
            is_dry_run = request.is_dry_run,
            "audit log purged"
        );
        Ok(Some(format!("{all} entries {done}\n")))
    }

    async fn tell_purge(&self, run: &Execution, line: &str) -> Result<bool> {
        let now = Utc::now();
        Ok(self
            .db()
            .tell_execution(run.id, &told(line, now), now)
            .await?)
    }
}

/// Setting it anew is changing it: Harbor asks for the right to create at `POST`, to update at `PUT`.
fn demand_change(access: &SystemAccess) -> Result<()> {
    match access.action() {
        SystemAction::PurgeAuditCreate => Ok(()),
        _ => demand_system(access, SystemAction::PurgeAuditUpdate),
    }
}

/// A line of a log, with its time.
fn told(line: &str, now: DateTime<Utc>) -> String {
    match line {
        "" => String::new(),
        line => format!("{} {line}", now.format("%Y-%m-%dT%H:%M:%S%.3fZ")),
    }
}

fn not_found(id: i64) -> Error {
    Error::NotFound(format!("purge {id} not found"))
}
