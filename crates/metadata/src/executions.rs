//! Executions: runs of work that outlive the process that began them. One is claimed by whoever works on it, shows with
//! every step that it is alive, and is claimed anew by another where it no longer does.

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
        parameters: &str,
        now: DateTime<Utc>,
    ) -> Result<Execution, Error> {
        let write = self.write().await?;
        let begun = insert(write.sql(), kind, "MANUAL", parameters, now).await?;
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
        let is_free = "(status = 'Pending' OR (status = 'Running' AND updated_at < $2))";
        let select =
            format!("SELECT id FROM executions WHERE kind = $1 AND {is_free} ORDER BY id LIMIT 1");
        let values = [kind.into(), sql::micros(stale).into()];
        let Some(row) = sql::one(self.read(), &select, values).await? else {
            return Ok(None);
        };
        let id: i64 = sql::get(&row, "id")?;
        let write = self.write().await?;
        let claim = format!(
            "UPDATE executions SET status = 'Running', updated_at = $3 WHERE id = $1 AND {is_free} RETURNING {COLUMNS}"
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

    /// A page of the runs of that kind: the newest first unless sorted otherwise.
    pub async fn list_executions(
        &self,
        kind: &str,
        page: &Page,
    ) -> Result<Paged<Execution>, Error> {
        let mut conditions = Growing::default();
        conditions.push(" AND kind = ").bind(kind);
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

const COLUMNS: &str = "id, begun_by, parameters, status, log, created_at, updated_at";

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

pub(crate) async fn insert<C: ConnectionTrait>(
    on: &C,
    kind: &str,
    begun_by: &str,
    parameters: &str,
    now: DateTime<Utc>,
) -> Result<Execution, Error> {
    let insert = format!(
        "INSERT INTO executions (kind, begun_by, parameters, status, log, created_at, updated_at) \
         VALUES ($1, $2, $3, 'Pending', '', $4, $4) RETURNING {COLUMNS}"
    );
    let values = [
        kind.into(),
        begun_by.into(),
        parameters.into(),
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
        begun_by: sql::get(row, "begun_by")?,
        parameters: sql::get(row, "parameters")?,
        status: status.ok_or(Error::Corrupt(text))?,
        log: sql::get(row, "log")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}
