//! Schedules: what is to be begun by itself, and when next. At most one for each kind of work. When that is after a
//! run is the caller's arithmetic; that each time is begun once, however many nodes there are, is kept here.

use chrono::{DateTime, Utc};
use sea_orm::QueryResult;

use crate::{Db, Error, Execution, executions, sql};

/// A schedule as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its number.
    pub id: i64,
    /// What it is kept as: Harbor's word for how often.
    pub every: String,
    /// The cron expression.
    pub cron: String,
    /// What its runs are given, as JSON.
    pub parameters: String,
    /// When it is due next.
    pub next_at: DateTime<Utc>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// A schedule to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSchedule {
    /// Harbor's word for how often.
    pub every: String,
    /// The cron expression.
    pub cron: String,
    /// What its runs are given, as JSON.
    pub parameters: String,
    /// When it is due first.
    pub next_at: DateTime<Utc>,
}

impl Db {
    /// The schedule of that kind of work.
    pub async fn find_schedule(&self, kind: &str) -> Result<Option<Schedule>, Error> {
        let select = format!("SELECT {COLUMNS} FROM schedules WHERE kind = $1");
        let row = sql::one(self.read(), &select, [kind.into()]).await?;
        row.as_ref().map(schedule).transpose()
    }

    /// All schedules, each with its kind of work.
    pub async fn list_schedules(&self) -> Result<Vec<(String, Schedule)>, Error> {
        let select = format!("SELECT kind, {COLUMNS} FROM schedules ORDER BY id");
        let rows = sql::all(self.read(), &select, []).await?;
        rows.iter()
            .map(|row| Ok((sql::get(row, "kind")?, schedule(row)?)))
            .collect()
    }

    /// Sets the schedule of that kind of work, in place of the one there is.
    pub async fn put_schedule(
        &self,
        kind: &str,
        new: NewSchedule,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let upsert = "INSERT INTO schedules (kind, every, cron, parameters, next_at, created_at, updated_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (kind) DO UPDATE SET every = excluded.every, \
                      cron = excluded.cron, parameters = excluded.parameters, next_at = excluded.next_at, \
                      updated_at = excluded.updated_at";
        let values = [
            kind.into(),
            new.every.into(),
            new.cron.into(),
            new.parameters.into(),
            sql::micros(new.next_at).into(),
            sql::micros(now).into(),
        ];
        sql::execute(write.sql(), upsert, values).await?;
        write.commit().await
    }

    /// Ends the schedule of that kind of work, if there is one.
    pub async fn delete_schedule(&self, kind: &str) -> Result<(), Error> {
        let write = self.write().await?;
        sql::execute(
            write.sql(),
            "DELETE FROM schedules WHERE kind = $1",
            [kind.into()],
        )
        .await?;
        write.commit().await
    }

    /// Begins the run that `due` is due for, and makes it due at `next_at`. `None`: another node was first, or it is
    /// another schedule by now.
    pub async fn begin_scheduled(
        &self,
        kind: &str,
        due: &Schedule,
        next_at: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<Execution>, Error> {
        let write = self.write().await?;
        let claim =
            "UPDATE schedules SET next_at = $3 WHERE id = $1 AND next_at = $2 AND updated_at = $4";
        let values = [
            due.id.into(),
            sql::micros(due.next_at).into(),
            sql::micros(next_at).into(),
            sql::micros(due.updated_at).into(),
        ];
        if sql::execute(write.sql(), claim, values).await? == 0 {
            return Ok(None);
        }
        let begun = executions::insert(write.sql(), kind, "SCHEDULE", &due.parameters, now).await?;
        write.commit().await?;
        Ok(Some(begun))
    }
}

const COLUMNS: &str = "id, every, cron, parameters, next_at, created_at, updated_at";

fn schedule(row: &QueryResult) -> Result<Schedule, Error> {
    Ok(Schedule {
        id: sql::get(row, "id")?,
        every: sql::get(row, "every")?,
        cron: sql::get(row, "cron")?,
        parameters: sql::get(row, "parameters")?,
        next_at: sql::get_time(row, "next_at")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}
