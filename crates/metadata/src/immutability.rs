//! Rules that keep tags as they are, some for each project. What they say is `registry`'s, and JSON here.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use sea_orm::QueryResult;

use crate::cache::Forget;
use crate::db::Write;
use crate::{Db, Error, sql};

/// A rule as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImmutabilityRow {
    /// Its number, never given twice.
    pub id: i64,
    /// What it says.
    pub rule: String,
    /// Whether it counts for nothing.
    pub is_disabled: bool,
}

impl Db {
    /// Gives a project one more rule, of `most` at most; its number. [`Error::Conflict`] when another says the same,
    /// [`Error::TooMany`] when there are that many, [`Error::NotFound`] for an unknown project.
    pub async fn create_immutability_rule(
        &self,
        project_id: i64,
        rule: &str,
        is_disabled: bool,
        most: usize,
        now: DateTime<Utc>,
    ) -> Result<i64, Error> {
        let mut write = self.write().await?;
        hold(&write, project_id, rule, 0).await?;
        let select = "SELECT COUNT(*) FROM immutability_rules WHERE project_id = $1";
        let count = sql::count(write.sql(), select, [project_id.into()]).await?;
        if count >= most as u64 {
            return Err(Error::TooMany { what: WHAT, most });
        }
        let insert = "INSERT INTO immutability_rules (project_id, rule, is_disabled, created_at, updated_at) \
                      VALUES ($1, $2, $3, $4, $4) RETURNING id";
        let values = [
            project_id.into(),
            rule.into(),
            is_disabled.into(),
            sql::micros(now).into(),
        ];
        let row = sql::one(write.sql(), insert, values).await?;
        let id = sql::get(&row.ok_or(Error::NotFound { what: WHAT })?, "id")?;
        write.forget(Forget::Immutability(project_id));
        write.commit().await?;
        Ok(id)
    }

    /// The project's rules, in the order they were made; answered from memory.
    pub async fn immutability_rules(
        &self,
        project_id: i64,
    ) -> Result<Arc<[ImmutabilityRow]>, Error> {
        let load = async {
            let select = "SELECT id, rule, is_disabled FROM immutability_rules WHERE project_id = $1 ORDER BY id";
            let rows = sql::all(self.read(), select, [project_id.into()]).await?;
            // None at all is something to remember, too.
            rows.iter()
                .map(immutability_row)
                .collect::<Result<_, _>>()
                .map(Some)
        };
        let rules = self.hot.immutability.get_or_load(&project_id, load).await?;
        Ok(rules.unwrap_or_default())
    }

    /// Has that rule of that project say something else. [`Error::Conflict`] when another says it already.
    pub async fn update_immutability_rule(
        &self,
        id: i64,
        project_id: i64,
        rule: &str,
        is_disabled: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut write = self.write().await?;
        hold(&write, project_id, rule, id).await?;
        let update = "UPDATE immutability_rules SET rule = $3, is_disabled = $4, updated_at = $5 \
                      WHERE id = $1 AND project_id = $2";
        let values = [
            id.into(),
            project_id.into(),
            rule.into(),
            is_disabled.into(),
            sql::micros(now).into(),
        ];
        sql::change(write.sql(), WHAT, update, values).await?;
        write.forget(Forget::Immutability(project_id));
        write.commit().await
    }

    /// Deletes that rule of that project.
    pub async fn delete_immutability_rule(&self, id: i64, project_id: i64) -> Result<(), Error> {
        let mut write = self.write().await?;
        let delete = "DELETE FROM immutability_rules WHERE id = $1 AND project_id = $2";
        sql::change(write.sql(), WHAT, delete, [id.into(), project_id.into()]).await?;
        write.forget(Forget::Immutability(project_id));
        write.commit().await
    }
}

const WHAT: &str = "immutability rule";

/// Keeps others from changing the project's rules until this transaction ends, and sees that none but `id` says the same.
async fn hold(write: &Write, project_id: i64, rule: &str, id: i64) -> Result<(), Error> {
    let touch = "UPDATE projects SET updated_at = updated_at WHERE id = $1";
    sql::change(write.sql(), "project", touch, [project_id.into()]).await?;
    let same =
        "SELECT COUNT(*) FROM immutability_rules WHERE project_id = $1 AND rule = $2 AND id <> $3";
    let values = [project_id.into(), rule.into(), id.into()];
    match sql::count(write.sql(), same, values).await? {
        0 => Ok(()),
        _ => Err(Error::Conflict { what: WHAT }),
    }
}

fn immutability_row(row: &QueryResult) -> Result<ImmutabilityRow, Error> {
    Ok(ImmutabilityRow {
        id: sql::get(row, "id")?,
        rule: sql::get(row, "rule")?,
        is_disabled: sql::get(row, "is_disabled")?,
    })
}
