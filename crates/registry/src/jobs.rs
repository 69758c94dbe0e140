//! Jobs: work that is begun by hand or by a schedule and outlives the process. A run is a row: one node works on it, shows
//! that it is alive, and where that node was killed another takes it up again. What fails is tried again a few times, later
//! each time. What a kind of job does is [`crate::purge`]'s, [`crate::collection`]'s and [`crate::retention`]'s.

mod system;
mod when;

use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use metadata::{Execution, ExecutionStatus, NewSchedule, Page, Paged, Schedule};
use tokio::sync::Notify;

use crate::cron::next_after;
use crate::{Error, Registry, Result};

pub use system::{JobActions, SystemJob, SystemRequest};
pub use when::When;

/// Another node may have set a schedule or asked for a run: looked for so often.
const LOOK_PERIOD: Duration = Duration::from_secs(30);
/// How often a run shows that it is alive, and learns that it was stopped.
const TELL_PERIOD: Duration = Duration::from_millis(500);
/// One that has shown nothing for so long is nobody's.
const STALE: TimeDelta = TimeDelta::seconds(30);
/// A run that was begun so often without an end is given up: it may be what kills the process.
const MAX_ATTEMPTS: u64 = 5;
/// Before the second attempt; twice as long before each one after it.
const FIRST_PAUSE: TimeDelta = TimeDelta::seconds(10);
/// Runs that are remembered, of each kind and subject.
const KEPT_RUNS: u64 = 100;
/// The whole system.
const SYSTEM: i64 = 0;

/// A kind of job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobKind {
    /// The audit log made shorter.
    Purge,
    /// What nothing needs removed.
    Collection,
    /// A project's policy carried out. Its subject is the policy's number.
    Retention,
}

impl JobKind {
    const ALL: [Self; 3] = [Self::Purge, Self::Collection, Self::Retention];

    /// What its runs and schedules are kept as: Harbor's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Purge => "PURGE_AUDIT_LOG",
            Self::Collection => "GARBAGE_COLLECTION",
            Self::Retention => metadata::RETENTION,
        }
    }

    /// What people call one.
    fn noun(self) -> &'static str {
        match self {
            Self::Purge => "purge",
            Self::Collection => "garbage collection",
            Self::Retention => "retention execution",
        }
    }
}

/// What those who ask and who works share: a bell for each kind.
#[derive(Default)]
pub(crate) struct Jobs {
    asked: [Notify; JobKind::ALL.len()],
}

/// A run that is worked on.
pub(crate) struct Job<'a> {
    registry: &'a Registry,
    pub(crate) run: &'a Execution,
    told_at: Instant,
}

/// How a run ends that does not fail.
pub(crate) enum Ended {
    /// Done, with the last line of its log.
    Done(String),
    /// Somebody stopped it.
    Stopped,
}

impl Job<'_> {
    /// Adds a line to the log. `false`: it was stopped, and goes no further.
    pub(crate) async fn tell(&mut self, line: &str) -> Result<bool> {
        let now = Utc::now();
        self.told_at = Instant::now();
        let lines = told(line, now);
        let told = self.registry.db().tell_execution(self.run.id, &lines, now);
        Ok(told.await?)
    }

    /// Shows now and then that it is alive; called at every step. `false`: it was stopped.
    pub(crate) async fn goes_on(&mut self) -> Result<bool> {
        match self.told_at.elapsed() < TELL_PERIOD {
            true => Ok(true),
            false => self.tell("").await,
        }
    }
}

impl Registry {
    /// Asks for a run, to be begun at once; its number.
    pub(crate) async fn begin_job(
        &self,
        kind: JobKind,
        subject: i64,
        parameters: &str,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        let begun = self
            .db()
            .begin_by_hand(kind.name(), subject, parameters, now);
        let begun = begun.await?;
        self.ring(kind);
        Ok(begun.id)
    }

    /// Has those who work look at once for what is due.
    pub(crate) fn ring(&self, kind: JobKind) {
        self.0.jobs.asked[kind as usize].notify_one();
    }

    /// Sets when runs for the whole system are begun by themselves, in place of what was said before.
    pub(crate) async fn schedule_job(
        &self,
        kind: JobKind,
        every: &str,
        cron: &str,
        parameters: String,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let new = schedule(every, cron, parameters, now)?;
        self.db()
            .put_schedule(kind.name(), SYSTEM, new, now)
            .await?;
        self.ring(kind);
        Ok(())
    }

    /// One run.
    pub(crate) async fn find_job(&self, kind: JobKind, subject: i64, id: i64) -> Result<Execution> {
        let found = self.db().find_execution(kind.name(), id).await?;
        let found = found.filter(|run| run.subject == subject);
        found.ok_or_else(|| Error::NotFound(format!("{} {id} not found", kind.noun())))
    }

    /// A page of runs, done and running.
    pub(crate) async fn jobs(
        &self,
        kind: JobKind,
        subject: i64,
        page: &Page,
    ) -> Result<Paged<Execution>> {
        let found = self.db().list_executions(kind.name(), subject, page);
        Ok(found.await?)
    }

    /// Ends a run where it is; what it did stays done. One that has ended is left alone.
    pub(crate) async fn stop_job(
        &self,
        kind: JobKind,
        subject: i64,
        id: i64,
        by: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        self.find_job(kind, subject, id).await?;
        let line = told(&format!("stopped by {by}\n"), now);
        let stopped = ExecutionStatus::Stopped;
        self.db().end_execution(id, stopped, &line, now).await?;
        Ok(())
    }

    /// Begins what is due and works on what is asked for, until the task is dropped. What it leaves then is taken up
    /// by the next process.
    pub async fn run_jobs(self) {
        self.schedule_old_policies().await;
        join_all(JobKind::ALL.map(|kind| self.run_jobs_of(kind))).await;
    }

    async fn run_jobs_of(&self, kind: JobKind) {
        loop {
            let wait = match self.job_turn(kind).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        job = kind.name(),
                        "jobs could not be looked after; trying again"
                    );
                    LOOK_PERIOD
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.0.jobs.asked[kind as usize].notified() => {}
            }
        }
    }

    /// One turn; how long until the next.
    async fn job_turn(&self, kind: JobKind) -> Result<Duration> {
        let wait = loop {
            let Some(due) = self.db().first_due(kind.name()).await? else {
                break LOOK_PERIOD;
            };
            let now = Utc::now();
            if due.next_at > now {
                break (due.next_at - now).to_std().unwrap_or_default();
            }
            // Once, however many times it was due while nobody was there.
            let next_at = next_after(&due.cron, now)?;
            let begun = self.db().begin_scheduled(kind.name(), &due, next_at, now);
            begun.await?;
        };
        loop {
            let now = Utc::now();
            let claimed = self.db().claim_execution(kind.name(), now - STALE, now);
            let Some(run) = claimed.await? else { break };
            self.work(kind, &run).await?;
        }
        Ok(wait.min(LOOK_PERIOD))
    }

    async fn work(&self, kind: JobKind, run: &Execution) -> Result<()> {
        let outcome = match run.attempts > MAX_ATTEMPTS {
            true => Err(Error::bug(format!(
                "given up: it was begun {MAX_ATTEMPTS} times and never ended"
            ))),
            false => self.carry_out(kind, run).await,
        };
        let now = Utc::now();
        let (status, line) = match outcome {
            Ok(Ended::Stopped) => return Ok(()),
            Ok(Ended::Done(line)) => (ExecutionStatus::Success, line),
            Err(error) => {
                tracing::error!(
                    run = run.id,
                    job = kind.name(),
                    error = &error as &dyn std::error::Error,
                    "a job failed"
                );
                if run.attempts < MAX_ATTEMPTS {
                    let not_before = now + pause(run.attempts);
                    let line = format!(
                        "failed: {error}; it is tried again at {}\n",
                        not_before.format("%H:%M:%S")
                    );
                    let lines = told(&line, now);
                    self.db()
                        .retry_execution(run.id, not_before, &lines, now)
                        .await?;
                    return Ok(());
                }
                (ExecutionStatus::Error, format!("failed: {error}\n"))
            }
        };
        self.db()
            .end_execution(run.id, status, &told(&line, now), now)
            .await?;
        let pruned = self
            .db()
            .prune_executions(kind.name(), run.subject, KEPT_RUNS);
        Ok(pruned.await?)
    }

    async fn carry_out(&self, kind: JobKind, run: &Execution) -> Result<Ended> {
        let job = Job {
            registry: self,
            run,
            told_at: Instant::now(),
        };
        match kind {
            JobKind::Purge => self.purge(job).await,
            JobKind::Collection => self.collect(job).await,
            JobKind::Retention => self.retain(job).await,
        }
    }

    /// All that is begun by itself, with what it is called.
    pub async fn schedules(&self, access: &auth::SystemAccess) -> Result<Vec<(String, Schedule)>> {
        crate::demand::demand_system(access, auth::SystemAction::JobServiceMonitorList)?;
        Ok(self.db().list_schedules().await?)
    }
}

/// A schedule that comes true from now on.
pub(crate) fn schedule(
    every: &str,
    cron: &str,
    parameters: String,
    now: DateTime<Utc>,
) -> Result<NewSchedule> {
    Ok(NewSchedule {
        every: every.to_owned(),
        cron: cron.to_owned(),
        parameters,
        next_at: next_after(cron, now)?,
    })
}

/// How long to wait after that many attempts.
fn pause(attempts: u64) -> TimeDelta {
    let doublings = attempts.saturating_sub(1).min(MAX_ATTEMPTS);
    FIRST_PAUSE * 2_i32.pow(u32::try_from(doublings).unwrap_or_default())
}

/// A line of a log, with its time.
pub(crate) fn told(line: &str, now: DateTime<Utc>) -> String {
    match line {
        "" => String::new(),
        line => format!("{} {line}", now.format("%Y-%m-%dT%H:%M:%S%.3fZ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_attempt_waits_twice_as_long_as_the_one_before() {
        let pauses = [1, 2, 3, 4].map(|attempts| pause(attempts).num_seconds());
        assert_eq!(pauses, [10, 20, 40, 80]);
    }

    #[test]
    fn a_kind_has_its_place_among_all() {
        for (index, kind) in JobKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, index);
        }
    }
}
