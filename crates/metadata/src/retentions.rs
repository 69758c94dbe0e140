//! Retention policies: one a project at most. What they say is `registry`'s, and JSON here.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::cache::Forget;
use crate::{Db, Error, NewSchedule, schedules, sql};

/// The key of a project's metadata that has its policy's number.
const RETENTION_ID: &str = "retention_id";

/// What its runs and its schedule are kept as: Harbor's name.
pub const RETENTION: &str = "RETENTION";

/// A retention policy to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRetention {
    /// What it says.
    pub policy: String,
    /// When it is carried out by itself, if at all.
    pub schedule: Option<NewSchedule>,
}

/// A retention policy as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionRow {
    /// Its number, never given twice.
    pub id: i64,
    /// The project whose content it is about.
    pub project_id: i64,
    /// What it says.
    pub policy: String,
}

impl Db {
    /// Gives a project its policy, and writes the number into its metadata. [`Error::Conflict`] when it has one,
    /// [`Error::NotFound`] for an unknown project.
    pub async fn create_retention(
        &self,
        project_id: i64,
        new: &NewRetention,
        now: DateTime<Utc>,
    ) -> Result<i64, Error> {
        let mut write = self.write().await?;
        let id = insert(write.sql(), project_id, new, now).await?;
        write.forget(forget_project(write.sql(), project_id).await?);
        write.commit().await?;
        Ok(id)
    }

    /// The policies that have no schedule, for whatever reason.
    pub async fn unscheduled_retentions(&self) -> Result<Vec<RetentionRow>, Error> {
        let select = "SELECT id, project_id, policy FROM retention_policies p WHERE NOT EXISTS \
                      (SELECT 1 FROM schedules s WHERE s.kind = $1 AND s.subject = p.id) ORDER BY id";
        let rows = sql::all(self.read(), select, [RETENTION.into()]).await?;
        rows.iter().map(retention).collect()
    }

    /// The policy of that number.
    pub async fn find_retention(&self, id: i64) -> Result<Option<RetentionRow>, Error> {
        let select = "SELECT id, project_id, policy FROM retention_policies WHERE id = $1";
        let row = sql::one(self.read(), select, [id.into()]).await?;
        row.as_ref().map(retention).transpose()
    }

    /// Has that policy of that project say something else.
    pub async fn update_retention(
        &self,
        id: i64,
        project_id: i64,
        new: &NewRetention,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let update = "UPDATE retention_policies SET policy = $3, updated_at = $4 WHERE id = $1 AND project_id = $2";
        let values = [
            id.into(),
            project_id.into(),
            new.policy.as_str().into(),
            sql::micros(now).into(),
        ];
        sql::change(write.sql(), WHAT, update, values).await?;
        put_schedule(write.sql(), id, new, now).await?;
        write.commit().await
    }

    /// Deletes that policy of that project: it may be given another.
    pub async fn delete_retention(&self, id: i64, project_id: i64) -> Result<(), Error> {
        let mut write = self.write().await?;
        let delete = "DELETE FROM retention_policies WHERE id = $1 AND project_id = $2";
        sql::change(write.sql(), WHAT, delete, [id.into(), project_id.into()]).await?;
        schedules::delete(write.sql(), RETENTION, id).await?;
        let unset = "DELETE FROM project_metadata WHERE project_id = $1 AND key = $2";
        sql::execute(write.sql(), unset, [project_id.into(), RETENTION_ID.into()]).await?;
        write.forget(forget_project(write.sql(), project_id).await?);
        write.commit().await
    }
}

const WHAT: &str = "retention policy";

/// The policy and its number in the metadata.
pub(crate) async fn insert<C: ConnectionTrait>(
    on: &C,
    project_id: i64,
    new: &NewRetention,
    now: DateTime<Utc>,
) -> Result<i64, Error> {
    let insert = "INSERT INTO retention_policies (project_id, policy, created_at, updated_at) VALUES ($1, $2, $3, $3) RETURNING id";
    let values = [
        project_id.into(),
        new.policy.as_str().into(),
        sql::micros(now).into(),
    ];
    let row = sql::one(on, insert, values).await;
    let row = row.map_err(|error| error.or_conflict(WHAT).or_missing("project"))?;
    let id: i64 = sql::get(&row.ok_or(Error::NotFound { what: WHAT })?, "id")?;
    let upsert = "INSERT INTO project_metadata (project_id, key, value) VALUES ($1, $2, $3) \
                  ON CONFLICT (project_id, key) DO UPDATE SET value = excluded.value";
    let values = [
        project_id.into(),
        RETENTION_ID.into(),
        id.to_string().into(),
    ];
    sql::execute(on, upsert, values).await?;
    put_schedule(on, id, new, now).await?;
    Ok(id)
}

async fn put_schedule<C: ConnectionTrait>(
    on: &C,
    id: i64,
    new: &NewRetention,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    match &new.schedule {
        Some(schedule) => schedules::put(on, RETENTION, id, schedule, now).await,
        None => schedules::delete(on, RETENTION, id).await,
    }
}

fn retention(row: &QueryResult) -> Result<RetentionRow, Error> {
    Ok(RetentionRow {
        id: sql::get(row, "id")?,
        project_id: sql::get(row, "project_id")?,
        policy: sql::get(row, "policy")?,
    })
}

/// What is remembered of a project.
pub(crate) async fn forget_project<C: ConnectionTrait>(on: &C, id: i64) -> Result<Forget, Error> {
    let select = "SELECT name FROM projects WHERE id = $1";
    let row = sql::one(on, select, [id.into()]).await?;
    let name = sql::get(&row.ok_or(Error::NotFound { what: "project" })?, "name")?;
    Ok(Forget::Project { id, name })
}
