//! Executions: runs of work that outlive the process that began them. One is claimed by whoever works on it, shows with
//! every step that it is alive, and is claimed anew by another where it no longer does. Of one kind and subject the oldest
//! that has not ended is worked on, and no other: two never run beside each other, however many nodes there are.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::select::{Column, Kind, List};
use crate::sql::Growing;
use crate::{Db, Error, Page, Paged, sql};

/// A run as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// Its number.
    pub id: i64,
    /// What it is about, such as a policy's number; 0 is the whole system.
    pub subject: i64,
    /// How often it was claimed.
    pub attempts: u64,
    /// `MANUAL` or `SCHEDULE`.
    pub begun_by: String,
    /// What it was given, as JSON.
    pub parameters: String,
    /// How far it is.
    pub status: ExecutionStatus,
    /// What it has to tell, in lines.
    pub log: String,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    /// When it last did something.
    pub updated_at: DateTime<Utc>,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecutionStatus {
    /// Nobody works on it yet.
    Pending,
    /// Somebody does.
    Running,
    /// Done.
    Success,
    /// It could not be done.
    Error,
    /// Somebody said so.
    Stopped,
}

impl ExecutionStatus {
    const ALL: [Self; 5] = [
        Self::Pending,
        Self::Running,
        Self::Success,
        Self::Error,
        Self::Stopped,
    ];

    /// Harbor's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Running => "Running",
            Self::Success => "Success",
            Self::Error => "Error",
            Self::Stopped => "Stopped",
        }
    }

    /// Whether it goes no further.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Pending | Self::Running)
    }
}

impl Db {
    /// Asks for a run, to be claimed.
    pub async fn begin_by_hand(
        &self,
        kind: &str,
        subject: i64,
        parameters: &str,
        now: DateTime<Utc>,
    ) -> Result<Execution, Error> {
        let write = self.write().await?;
        let new = NewExecution {
            kind,
            subject,
            begun_by: "MANUAL",
            parameters,
        };
        let begun = insert(write.sql(), new, now).await?;
        write.commit().await?;
        Ok(begun)
    }

    /// Takes the oldest run that nobody works on, or that shows no sign of life since `stale`.
    pub async fn claim_execution(
        &self,
        kind: &str,
        stale: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<Option<Execution>, Error> {
        // Looked for without the lock first: mostly there is none.
        let is_free = "((e.status = 'Pending' AND e.not_before <= $3) OR (e.status = 'Running' AND e.updated_at < $2))";
        let select = format!(
            "SELECT e.id FROM executions e WHERE e.kind = $1 AND {is_free} AND NOT EXISTS (SELECT 1 FROM executions o \
             WHERE o.kind = e.kind AND o.subject = e.subject AND o.id < e.id AND o.status IN ('Pending', 'Running')) \
             ORDER BY e.id LIMIT 1"
        );
        let values = [
            kind.into(),
            sql::micros(stale).into(),
            sql::micros(now).into(),
        ];
        let Some(row) = sql::one(self.read(), &select, values).await? else {
            return Ok(None);
        };
        let id: i64 = sql::get(&row, "id")?;
        let write = self.write().await?;
        let claim = format!(
            "UPDATE executions AS e SET status = 'Running', attempts = attempts + 1, updated_at = $3 \
             WHERE e.id = $1 AND {is_free} RETURNING {COLUMNS}"
        );
        let values = [
            id.into(),
            sql::micros(stale).into(),
            sql::micros(now).into(),
        ];
        let row = sql::one(write.sql(), &claim, values).await?;
        write.commit().await?;
        row.as_ref().map(execution).transpose()
    }

    /// Shows that a run is alive, and adds to its log. `false`: it was stopped.
    pub async fn tell_execution(
        &self,
        id: i64,
        lines: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let write = self.write().await?;
        let update = "UPDATE executions SET log = log || $2, updated_at = $3 WHERE id = $1 AND status = 'Running'";
        let values = [id.into(), lines.into(), sql::micros(now).into()];
        let changed = sql::execute(write.sql(), update, values).await?;
        write.commit().await?;
        Ok(changed > 0)
    }

    /// Has a run say something else about what it was given: what came of it.
    pub async fn describe_execution(&self, id: i64, parameters: &str) -> Result<(), Error> {
        let write = self.write().await?;
        let update = "UPDATE executions SET parameters = $2 WHERE id = $1";
        sql::execute(write.sql(), update, [id.into(), parameters.into()]).await?;
        write.commit().await
    }

    /// Leaves a run to be claimed anew, not before a time. `false`: it was stopped.
    pub async fn retry_execution(
        &self,
        id: i64,
        not_before: DateTime<Utc>,
        lines: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let write = self.write().await?;
        let update = "UPDATE executions SET status = 'Pending', not_before = $4, log = log || $2, updated_at = $3 \
                      WHERE id = $1 AND status = 'Running'";
        let values = [
            id.into(),
            lines.into(),
            sql::micros(now).into(),
            sql::micros(not_before).into(),
        ];
        let changed = sql::execute(write.sql(), update, values).await?;
        write.commit().await?;
        Ok(changed > 0)
    }

    /// Forgets runs of that kind and subject that have ended, but the newest `kept`.
    pub async fn prune_executions(&self, kind: &str, subject: i64, kept: u64) -> Result<(), Error> {
        let write = self.write().await?;
        let delete = "DELETE FROM executions WHERE kind = $1 AND subject = $2 AND status NOT IN ('Pending', 'Running') \
                      AND id <= (SELECT id FROM executions WHERE kind = $1 AND subject = $2 \
                      ORDER BY id DESC LIMIT 1 OFFSET $3)";
        let values = [kind.into(), subject.into(), sql::size(kept).into()];
        sql::execute(write.sql(), delete, values).await?;
        write.commit().await
    }

    /// Ends a run that has not ended yet, with the last lines of its log.
    pub async fn end_execution(
        &self,
        id: i64,
        status: ExecutionStatus,
        lines: &str,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let write = self.write().await?;
        let update = "UPDATE executions SET status = $4, log = log || $2, updated_at = $3 \
                      WHERE id = $1 AND status IN ('Pending', 'Running')";
        let values = [
            id.into(),
            lines.into(),
            sql::micros(now).into(),
            status.as_str().into(),
        ];
        let changed = sql::execute(write.sql(), update, values).await?;
        write.commit().await?;
        Ok(changed > 0)
    }

    /// The run of that kind and number.
    pub async fn find_execution(&self, kind: &str, id: i64) -> Result<Option<Execution>, Error> {
        let select = format!("SELECT {COLUMNS} FROM executions WHERE kind = $1 AND id = $2");
        let row = sql::one(self.read(), &select, [kind.into(), id.into()]).await?;
        row.as_ref().map(execution).transpose()
    }

    /// A page of the runs of that kind and subject: the newest first unless sorted otherwise.
    pub async fn list_executions(
        &self,
        kind: &str,
        subject: i64,
        page: &Page,
    ) -> Result<Paged<Execution>, Error> {
        let mut conditions = Growing::default();
        conditions.push(" AND kind = ").bind(kind);
        conditions.push(" AND subject = ").bind(subject);
        let list = List {
            select: COLUMNS,
            from: "executions",
            columns: LISTED,
            order: "created_at DESC",
            id: "id",
        };
        list.page(self.read(), conditions, page)
            .await?
            .map(execution)
    }
}

const COLUMNS: &str =
    "id, subject, attempts, begun_by, parameters, status, log, created_at, updated_at";

const LISTED: &[Column] = &[
    Column {
        keys: &["id"],
        sql: "id",
        kind: Kind::Number,
    },
    Column {
        keys: &["status", "job_status"],
        sql: "status",
        kind: Kind::Text,
    },
    Column {
        keys: &["job_kind", "trigger"],
        sql: "begun_by",
        kind: Kind::Text,
    },
    Column {
        keys: &["creation_time", "start_time"],
        sql: "created_at",
        kind: Kind::Time,
    },
    Column {
        keys: &["update_time"],
        sql: "updated_at",
        kind: Kind::Time,
    },
];

/// A run to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewExecution<'a> {
    pub(crate) kind: &'a str,
    pub(crate) subject: i64,
    pub(crate) begun_by: &'a str,
    pub(crate) parameters: &'a str,
}

pub(crate) async fn insert<C: ConnectionTrait>(
    on: &C,
    new: NewExecution<'_>,
    now: DateTime<Utc>,
) -> Result<Execution, Error> {
    let insert = format!(
        "INSERT INTO executions (kind, subject, begun_by, parameters, status, log, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, 'Pending', '', $5, $5) RETURNING {COLUMNS}"
    );
    let values = [
        new.kind.into(),
        new.subject.into(),
        new.begun_by.into(),
        new.parameters.into(),
        sql::micros(now).into(),
    ];
    let row = sql::one(on, &insert, values).await?;
    execution(&row.ok_or(Error::NotFound { what: "execution" })?)
}

fn execution(row: &QueryResult) -> Result<Execution, Error> {
    let text: String = sql::get(row, "status")?;
    let status = ExecutionStatus::ALL
        .into_iter()
        .find(|status| status.as_str() == text);
    Ok(Execution {
        id: sql::get(row, "id")?,
        subject: sql::get(row, "subject")?,
        attempts: sql::get_size(row, "attempts")?,
        begun_by: sql::get(row, "begun_by")?,
        parameters: sql::get(row, "parameters")?,
        status: status.ok_or(Error::Corrupt(text))?,
        log: sql::get(row, "log")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}
