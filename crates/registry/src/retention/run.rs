//! A policy carried out: each repository of its project is a task, which tells what went and what stayed.

use std::fmt::Write;

use auth::{Access, Action};
use chrono::{DateTime, Utc};
use metadata::{Candidate, Execution, KeptTags, NewTask, Page, Paged, RetentionRow, Task};
use oci::RepositoryName;
use serde::{Deserialize, Serialize};

use super::choose::Chooser;
use super::{RetentionPolicy, demand_owner};
use crate::demand::demand;
use crate::jobs::{Ended, Job, JobKind};
use crate::{Error, Registry, Result};

/// Lines of a task's log; the log says how many more there would be.
const MAX_LINES: usize = 5_000;

/// What a run is given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionRequest {
    /// Only tell what would go.
    #[serde(default)]
    pub dry_run: bool,
}

impl RetentionRequest {
    /// Of a run's parameters.
    pub fn of(run: &Execution) -> Self {
        serde_json::from_str(&run.parameters).unwrap_or_default()
    }

    pub(super) fn to_json(self) -> String {
        serde_json::json!({ "dry_run": self.dry_run }).to_string()
    }
}

impl Registry {
    /// Asks for a policy to be carried out, to be begun at once; the run's number.
    pub async fn retain_now(
        &self,
        access: &Access,
        row: &RetentionRow,
        request: RetentionRequest,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        demand(access, Action::TagRetentionOperate)?;
        demand_owner(access, row)?;
        self.begin_job(JobKind::Retention, row.id, &request.to_json(), now)
            .await
    }

    /// A page of a policy's runs.
    pub async fn retention_runs(
        &self,
        access: &Access,
        row: &RetentionRow,
        page: &Page,
    ) -> Result<Paged<Execution>> {
        demand(access, Action::TagRetentionList)?;
        demand_owner(access, row)?;
        self.jobs(JobKind::Retention, row.id, page).await
    }

    /// Ends a run where it is; what is deleted stays so.
    pub async fn stop_retention(
        &self,
        access: &Access,
        row: &RetentionRow,
        id: i64,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand(access, Action::TagRetentionOperate)?;
        demand_owner(access, row)?;
        self.stop_job(JobKind::Retention, row.id, id, access.caller().name(), now)
            .await
    }

    /// A page of what a run did, repository by repository.
    pub async fn retention_tasks(
        &self,
        access: &Access,
        row: &RetentionRow,
        id: i64,
        page: &Page,
    ) -> Result<Paged<Task>> {
        demand(access, Action::TagRetentionList)?;
        demand_owner(access, row)?;
        self.find_job(JobKind::Retention, row.id, id).await?;
        Ok(self.db().list_tasks(id, page).await?)
    }

    /// What a run did with one repository.
    pub async fn retention_task(
        &self,
        access: &Access,
        row: &RetentionRow,
        id: i64,
        task: i64,
    ) -> Result<Task> {
        demand(access, Action::TagRetentionRead)?;
        demand_owner(access, row)?;
        self.find_job(JobKind::Retention, row.id, id).await?;
        let found = self.db().find_task(id, task).await?;
        found.ok_or_else(|| Error::NotFound(format!("task {task} not found")))
    }

    pub(crate) async fn retain(&self, mut job: Job<'_>) -> Result<Ended> {
        let request = RetentionRequest::of(job.run);
        let Some(row) = self.db().find_retention(job.run.subject).await? else {
            return Ok(Ended::Done(
                "the policy is gone: nothing to do\n".to_owned(),
            ));
        };
        let policy = RetentionPolicy::of_json(&row.policy)?;
        let chooser = Chooser::new(&policy)?;
        let Some(project) = self.db().find_project_by_id(row.project_id).await? else {
            return Ok(Ended::Done(
                "the project is gone: nothing to do\n".to_owned(),
            ));
        };
        let immutability = self.immutability_of(project.id).await?;
        // What was pulled a moment ago counts.
        self.flush_notes().await;
        let (mut total, mut kept) = (0, 0);
        for repository in self.db().repository_names(project.id).await? {
            let is_cached = project.upstream_id.is_some();
            let retaining = Retaining {
                registry: self,
                chooser: &chooser,
                is_kept: &immutability.within(&repository),
                repository: &repository,
                is_cached,
                is_dry_run: request.dry_run,
            };
            let Some(task) = retaining.carry_out(&mut job).await? else {
                return Ok(Ended::Stopped);
            };
            total += task.total;
            kept += task.kept;
            if task.total > 0 {
                let recorded = self.db().record_task(job.run.id, task, Utc::now());
                recorded.await?;
            }
        }
        let gone = if request.dry_run { "would go" } else { "went" };
        let line = format!(
            "{kept} of {total} artifacts stay, {} {gone}\n",
            total - kept
        );
        tracing::info!(
            project = project.name,
            kept,
            total,
            is_dry_run = request.dry_run,
            "retention policy carried out"
        );
        Ok(Ended::Done(line))
    }
}

/// One repository's turn.
struct Retaining<'a> {
    registry: &'a Registry,
    chooser: &'a Chooser,
    /// Of tags: immutable ones stay, whatever the policy says.
    is_kept: KeptTags<'a>,
    repository: &'a RepositoryName,
    is_cached: bool,
    is_dry_run: bool,
}

impl Retaining<'_> {
    /// What came of it; `None`: the run was stopped.
    async fn carry_out(&self, job: &mut Job<'_>) -> Result<Option<NewTask>> {
        let began_at = Utc::now();
        let db = self.registry.db();
        let candidates = db.candidates(self.repository).await?;
        let chosen = self
            .chooser
            .kept(self.repository.path(), &candidates, began_at);
        let mut task = NewTask {
            name: self.repository.path().to_owned(),
            total: 0,
            kept: 0,
            log: String::new(),
            began_at,
        };
        let Some(chosen) = chosen else {
            // No rule is about it.
            return Ok(job.goes_on().await?.then_some(task));
        };
        task.total = candidates.len() as u64;
        for (index, candidate) in candidates.iter().enumerate() {
            let mut stays = chosen.contains(&candidate.id)
                || candidate.tags.iter().any(|tag| (self.is_kept)(tag));
            if !stays && !self.is_dry_run {
                match self.delete(candidate).await {
                    Ok(true) => {}
                    // Somebody else was first.
                    Ok(false) => continue,
                    // So is the tag of a signature of its, or one that it got meanwhile.
                    Err(Error::Immutable(_)) => stays = true,
                    Err(error) => return Err(error),
                }
            }
            task.kept += u64::from(stays);
            match index {
                0..MAX_LINES => tell(&mut task.log, candidate, stays),
                MAX_LINES => {
                    writeln!(task.log, "… {} more", candidates.len() - index).unwrap_or(())
                }
                _ => {}
            }
            if !job.goes_on().await? {
                return Ok(None);
            }
        }
        Ok(Some(task))
    }

    async fn delete(&self, candidate: &Candidate) -> Result<bool> {
        let (db, now) = (self.registry.db(), Utc::now());
        if !self.is_cached {
            let deleted = db.delete_artifact_and_children(
                self.repository,
                &candidate.digest,
                self.is_kept,
                now,
            );
            return Ok(deleted.await?);
        }
        let evicted = db.evict(self.repository, &candidate.digest, self.is_kept, now);
        match evicted.await? {
            Some(freed) => {
                self.registry.0.local.remove_unneeded(&freed).await?;
                Ok(true)
            }
            None => Ok(false),
        }
    }
}

/// As Harbor's log has it: what was done with each, and by what it was decided.
fn tell(log: &mut String, candidate: &Candidate, stays: bool) {
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let told = writeln!(
        log,
        "{} {} tags={} pushed={} pulled={}",
        if stays { "RETAIN" } else { "DEL" },
        candidate.digest,
        candidate.tags.join(","),
        day(candidate.pushed_at),
        candidate.pulled_at.map_or_else(|| "never".to_owned(), day),
    );
    told.unwrap_or(());
}
