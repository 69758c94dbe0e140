//! Tasks: what a run did with each of several things, such as a policy with each repository of its project.

use chrono::{DateTime, Utc};
use sea_orm::QueryResult;

use crate::select::{Column, Kind, List};
use crate::sql::Growing;
use crate::{Db, Error, Page, Paged, sql};

/// A task that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its number.
    pub id: i64,
    /// Its run's.
    pub execution_id: i64,
    /// What it was about.
    pub name: String,
    /// How many there were.
    pub total: u64,
    /// How many of them stayed.
    pub kept: u64,
    /// What it has to tell, in lines.
    pub log: String,
    /// When it began.
    pub began_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
}

/// A task to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTask {
    /// What it was about.
    pub name: String,
    /// How many there were.
    pub total: u64,
    /// How many of them stayed.
    pub kept: u64,
    /// What it has to tell, in lines.
    pub log: String,
    /// When it began.
    pub began_at: DateTime<Utc>,
}

impl Db {
    /// Writes down what a run did. One that is begun anew tells of what it does then.
    pub async fn record_task(
        &self,
        execution_id: i64,
        task: NewTask,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let insert = "INSERT INTO execution_tasks (execution_id, name, total, kept, log, began_at, ended_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let values = [
            execution_id.into(),
            task.name.into(),
            sql::size(task.total).into(),
            sql::size(task.kept).into(),
            task.log.into(),
            sql::micros(task.began_at).into(),
            sql::micros(now).into(),
        ];
        sql::execute(write.sql(), insert, values).await?;
        write.commit().await
    }

    /// A page of a run's tasks, in their order.
    pub async fn list_tasks(&self, execution_id: i64, page: &Page) -> Result<Paged<Task>, Error> {
        let mut conditions = Growing::default();
        conditions.push(" AND execution_id = ").bind(execution_id);
        let list = List {
            select: COLUMNS,
            from: "execution_tasks",
            columns: LISTED,
            order: "id",
            id: "id",
        };
        list.page(self.read(), conditions, page).await?.map(task)
    }

    /// A run's task.
    pub async fn find_task(&self, execution_id: i64, id: i64) -> Result<Option<Task>, Error> {
        let select =
            format!("SELECT {COLUMNS} FROM execution_tasks WHERE execution_id = $1 AND id = $2");
        let row = sql::one(self.read(), &select, [execution_id.into(), id.into()]).await?;
        row.as_ref().map(task).transpose()
    }
}

const COLUMNS: &str = "id, execution_id, name, total, kept, log, began_at, ended_at";

const LISTED: &[Column] = &[
    Column {
        keys: &["id"],
        sql: "id",
        kind: Kind::Number,
    },
    Column {
        keys: &["repository"],
        sql: "name",
        kind: Kind::Text,
    },
];

fn task(row: &QueryResult) -> Result<Task, Error> {
    Ok(Task {
        id: sql::get(row, "id")?,
        execution_id: sql::get(row, "execution_id")?,
        name: sql::get(row, "name")?,
        total: sql::get_size(row, "total")?,
        kept: sql::get_size(row, "kept")?,
        log: sql::get(row, "log")?,
        began_at: sql::get_time(row, "began_at")?,
        ended_at: sql::get_time(row, "ended_at")?,
    })
}
