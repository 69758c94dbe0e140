//! Quotas: how much each project may hold, and does. What is held is counted in [`crate::usage`].

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::select::{Column, Kind, List};
use crate::sql::Growing;
use crate::{Db, Error, Page, Paged, retentions, sql};

/// A project's quota, which has the project's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    /// The project.
    pub project_id: i64,
    /// Its name.
    pub project_name: String,
    /// Whose it is.
    pub owner_name: String,
    /// Bytes that it may hold; `None` for any number.
    pub limit_bytes: Option<u64>,
    /// Bytes that it holds: blobs and manifests, each once.
    pub used_bytes: u64,
    /// When the project was made.
    pub created_at: DateTime<Utc>,
    /// When the limit last changed.
    pub updated_at: DateTime<Utc>,
}

impl Db {
    /// A page of quotas, or the one of that project: the newest first unless sorted otherwise.
    pub async fn list_quotas(
        &self,
        project_id: Option<i64>,
        page: &Page,
    ) -> Result<Paged<Quota>, Error> {
        let mut conditions = Growing::default();
        if let Some(project_id) = project_id {
            conditions.push(" AND q.project_id = ").bind(project_id);
        }
        let list = List {
            select: COLUMNS,
            from: TABLES,
            columns: LISTED,
            order: "p.created_at DESC",
            id: "p.id",
        };
        list.page(self.read(), conditions, page).await?.map(quota)
    }

    /// A project's quota.
    pub async fn find_quota(&self, project_id: i64) -> Result<Option<Quota>, Error> {
        let select = format!("SELECT {COLUMNS} FROM {TABLES} WHERE q.project_id = $1");
        let row = sql::one(self.read(), &select, [project_id.into()]).await?;
        row.as_ref().map(quota).transpose()
    }

    /// Changes how much a project may hold.
    pub async fn set_quota(
        &self,
        project_id: i64,
        limit_bytes: Option<u64>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut write = self.write().await?;
        let update = "UPDATE quotas SET limit_bytes = $2, updated_at = $3 WHERE project_id = $1";
        let values = [
            project_id.into(),
            limit_bytes.map(sql::size).into(),
            sql::micros(now).into(),
        ];
        sql::change(write.sql(), "quota", update, values).await?;
        write.forget(retentions::forget_project(write.sql(), project_id).await?);
        write.commit().await
    }

    /// Proxy cache projects that hold more than they may.
    pub async fn crowded_caches(&self) -> Result<Vec<i64>, Error> {
        let select = "SELECT q.project_id FROM quotas q JOIN projects p ON p.id = q.project_id \
                      WHERE p.upstream_id IS NOT NULL AND q.used_bytes > q.limit_bytes ORDER BY q.project_id";
        let rows = sql::all(self.read(), select, []).await?;
        rows.iter().map(|row| sql::get(row, "project_id")).collect()
    }
}

/// A new project's, which holds nothing.
pub(crate) async fn insert<C: ConnectionTrait>(
    on: &C,
    project_id: i64,
    limit_bytes: Option<u64>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let insert = "INSERT INTO quotas (project_id, limit_bytes, used_bytes, updated_at) VALUES ($1, $2, 0, $3)";
    let values = [
        project_id.into(),
        limit_bytes.map(sql::size).into(),
        sql::micros(now).into(),
    ];
    sql::execute(on, insert, values).await?;
    Ok(())
}

const COLUMNS: &str = "q.project_id, p.name, o.username AS owner_name, q.limit_bytes, q.used_bytes, p.created_at, q.updated_at";
const TABLES: &str =
    "quotas q JOIN projects p ON p.id = q.project_id JOIN users o ON o.id = p.owner_id";

/// No limit is more than any.
const LISTED: &[Column] = &[
    Column {
        keys: &["id", "reference_id"],
        sql: "q.project_id",
        kind: Kind::Number,
    },
    Column {
        keys: &["hard.storage"],
        sql: "COALESCE(q.limit_bytes, 9223372036854775807)",
        kind: Kind::Number,
    },
    Column {
        keys: &["used.storage"],
        sql: "q.used_bytes",
        kind: Kind::Number,
    },
    Column {
        keys: &["creation_time"],
        sql: "p.created_at",
        kind: Kind::Time,
    },
    Column {
        keys: &["update_time"],
        sql: "q.updated_at",
        kind: Kind::Time,
    },
];

fn quota(row: &QueryResult) -> Result<Quota, Error> {
    let limit: Option<i64> = sql::get(row, "limit_bytes")?;
    Ok(Quota {
        project_id: sql::get(row, "project_id")?,
        project_name: sql::get(row, "name")?,
        owner_name: sql::get(row, "owner_name")?,
        limit_bytes: limit.map(i64::unsigned_abs),
        used_bytes: sql::get_size(row, "used_bytes")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}
