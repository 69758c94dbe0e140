//! The jobs of the whole system, as people manage them: begun, scheduled, looked at and stopped alike, each with its own
//! rights.

use auth::{SystemAccess, SystemAction};
use chrono::{DateTime, Utc};
use metadata::{Execution, Page, Paged, Schedule};

use super::{JobKind, SYSTEM};
use crate::demand::demand_system;
use crate::{CollectionRequest, PurgeRequest, Registry, Result};

/// Which job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemJob {
    /// The audit log made shorter.
    Purge,
    /// What nothing needs removed.
    Collection,
}

/// What a run is asked to do, which says of which job it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SystemRequest {
    /// Of a purge.
    Purge(PurgeRequest),
    /// Of a collection.
    Collection(CollectionRequest),
}

/// The rights it takes.
#[derive(Clone, Copy, Debug)]
pub struct JobActions {
    /// To begin one, or set its schedule, by `POST`, as in Harbor.
    pub create: SystemAction,
    /// The same by `PUT`.
    pub update: SystemAction,
    /// To list runs.
    pub list: SystemAction,
    /// To see one, or the schedule.
    pub read: SystemAction,
    /// To stop one.
    pub stop: SystemAction,
}

impl SystemJob {
    /// What its runs are called: Harbor's name.
    pub fn name(self) -> &'static str {
        self.kind().name()
    }

    /// The rights it takes.
    pub fn actions(self) -> JobActions {
        use SystemAction as S;
        match self {
            Self::Purge => JobActions {
                create: S::PurgeAuditCreate,
                update: S::PurgeAuditUpdate,
                list: S::PurgeAuditList,
                read: S::PurgeAuditRead,
                stop: S::PurgeAuditStop,
            },
            Self::Collection => JobActions {
                create: S::GarbageCollectionCreate,
                update: S::GarbageCollectionUpdate,
                list: S::GarbageCollectionList,
                read: S::GarbageCollectionRead,
                stop: S::GarbageCollectionStop,
            },
        }
    }

    fn kind(self) -> JobKind {
        match self {
            Self::Purge => JobKind::Purge,
            Self::Collection => JobKind::Collection,
        }
    }

    /// Setting it anew is changing it: either right will do.
    fn demand_change(self, access: &SystemAccess) -> Result<()> {
        let actions = self.actions();
        match access.action() == actions.create {
            true => Ok(()),
            false => demand_system(access, actions.update),
        }
    }
}

impl SystemRequest {
    fn job(&self) -> SystemJob {
        match self {
            Self::Purge(_) => SystemJob::Purge,
            Self::Collection(_) => SystemJob::Collection,
        }
    }

    fn to_json(&self) -> String {
        match self {
            Self::Purge(request) => request.to_json(),
            Self::Collection(request) => request.to_json().to_string(),
        }
    }
}

impl Registry {
    /// Asks for a run, to be begun at once; its number.
    pub async fn begin_system_job(
        &self,
        access: &SystemAccess,
        request: &SystemRequest,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        request.job().demand_change(access)?;
        self.begin_job(request.job().kind(), SYSTEM, &request.to_json(), now)
            .await
    }

    /// Sets when runs are begun by themselves, in place of what was said before.
    pub async fn schedule_system_job(
        &self,
        access: &SystemAccess,
        every: &str,
        cron: &str,
        request: &SystemRequest,
        now: DateTime<Utc>,
    ) -> Result<()> {
        request.job().demand_change(access)?;
        self.schedule_job(request.job().kind(), every, cron, request.to_json(), now)
            .await
    }

    /// Ends the schedule. What runs goes on, and so does the janitor.
    pub async fn unschedule_system_job(&self, access: &SystemAccess, job: SystemJob) -> Result<()> {
        job.demand_change(access)?;
        Ok(self.db().delete_schedule(job.name(), SYSTEM).await?)
    }

    /// When runs are begun by themselves.
    pub async fn system_schedule(
        &self,
        access: &SystemAccess,
        job: SystemJob,
    ) -> Result<Option<Schedule>> {
        demand_system(access, job.actions().read)?;
        Ok(self.db().find_schedule(job.name(), SYSTEM).await?)
    }

    /// A page of runs, done and running.
    pub async fn system_jobs(
        &self,
        access: &SystemAccess,
        job: SystemJob,
        page: &Page,
    ) -> Result<Paged<Execution>> {
        demand_system(access, job.actions().list)?;
        self.jobs(job.kind(), SYSTEM, page).await
    }

    /// One run.
    pub async fn system_job(
        &self,
        access: &SystemAccess,
        job: SystemJob,
        id: i64,
    ) -> Result<Execution> {
        demand_system(access, job.actions().read)?;
        self.find_job(job.kind(), SYSTEM, id).await
    }

    /// Ends a run where it is; what it did stays done. One that has ended is left alone.
    pub async fn stop_system_job(
        &self,
        access: &SystemAccess,
        job: SystemJob,
        id: i64,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_system(access, job.actions().stop)?;
        self.stop_job(job.kind(), SYSTEM, id, access.caller().name(), now)
            .await
    }
}
