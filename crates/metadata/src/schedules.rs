//! Schedules: what is to be begun by itself, and when next. At most one for each kind of work and subject, such as a
//! policy's number; 0 is the whole system. When that is after a run is the caller's arithmetic; that each time is begun
//! once, however many nodes there are, is kept here.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::executions::{self, Execution, NewExecution};
use crate::{Db, Error, sql};

/// A schedule as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Its number.
    pub id: i64,
    /// What it is about.
    pub subject: i64,
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
    pub async fn find_schedule(&self, kind: &str, subject: i64) -> Result<Option<Schedule>, Error> {
        let select = format!("SELECT {COLUMNS} FROM schedules WHERE kind = $1 AND subject = $2");
        let row = sql::one(self.read(), &select, [kind.into(), subject.into()]).await?;
        row.as_ref().map(schedule).transpose()
    }

    /// The schedule of that kind of work that is due first, of all subjects.
    pub async fn first_due(&self, kind: &str) -> Result<Option<Schedule>, Error> {
        let select =
            format!("SELECT {COLUMNS} FROM schedules WHERE kind = $1 ORDER BY next_at, id LIMIT 1");
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
        subject: i64,
        new: NewSchedule,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        put(write.sql(), kind, subject, &new, now).await?;
        write.commit().await
    }

    /// Ends the schedule of that kind of work, if there is one.
    pub async fn delete_schedule(&self, kind: &str, subject: i64) -> Result<(), Error> {
        let write = self.write().await?;
        delete(write.sql(), kind, subject).await?;
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
        let begun = NewExecution {
            kind,
            subject: due.subject,
            begun_by: "SCHEDULE",
            parameters: &due.parameters,
        };
        let begun = executions::insert(write.sql(), begun, now).await?;
        write.commit().await?;
        Ok(Some(begun))
    }
}

/// In the transaction of what the schedule belongs to.
pub(crate) async fn put<C: ConnectionTrait>(
    on: &C,
    kind: &str,
    subject: i64,
    new: &NewSchedule,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let upsert = "INSERT INTO schedules (kind, subject, every, cron, parameters, next_at, created_at, updated_at) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (kind, subject) DO UPDATE \
                  SET every = excluded.every, cron = excluded.cron, parameters = excluded.parameters, \
                  next_at = excluded.next_at, updated_at = excluded.updated_at";
    let values = [
        kind.into(),
        subject.into(),
        new.every.as_str().into(),
        new.cron.as_str().into(),
        new.parameters.as_str().into(),
        sql::micros(new.next_at).into(),
        sql::micros(now).into(),
    ];
    sql::execute(on, upsert, values).await?;
    Ok(())
}

/// The same way.
pub(crate) async fn delete<C: ConnectionTrait>(
    on: &C,
    kind: &str,
    subject: i64,
) -> Result<(), Error> {
    let delete = "DELETE FROM schedules WHERE kind = $1 AND subject = $2";
    sql::execute(on, delete, [kind.into(), subject.into()]).await?;
    Ok(())
}

const COLUMNS: &str = "id, subject, every, cron, parameters, next_at, created_at, updated_at";

fn schedule(row: &QueryResult) -> Result<Schedule, Error> {
    Ok(Schedule {
        id: sql::get(row, "id")?,
        subject: sql::get(row, "subject")?,
        every: sql::get(row, "every")?,
        cron: sql::get(row, "cron")?,
        parameters: sql::get(row, "parameters")?,
        next_at: sql::get_time(row, "next_at")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}
