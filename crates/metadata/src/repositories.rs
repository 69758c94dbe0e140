//! Repositories: the places artifacts are in. One comes with its first manifest and goes when deleted.

use chrono::{DateTime, Utc};
use oci::RepositoryName;

use sea_orm::{ConnectionTrait, QueryResult};

use crate::cache::Forget;
use crate::listing;
use crate::select::{Column, Kind, List};
use crate::sql::Growing;
use crate::{Db, Error, Page, Paged, Visibility, sql, usage};

/// A repository as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repository {
    /// Its number, never given twice.
    pub id: i64,
    /// The project it is in.
    pub project_id: i64,
    /// Its full name, the project's first.
    pub name: String,
    /// What people say about it.
    pub description: String,
    /// How many artifacts it lists: children of an index and accessories apart.
    pub artifact_count: u64,
    /// How often something was pulled from it.
    pub pull_count: u64,
    /// When its first manifest came.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// Which repositories to list, beside what [`Page`] filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepositoryFilter {
    /// Only those of this project.
    pub project_id: Option<i64>,
    /// Whose eyes.
    pub visible_to: Visibility,
}

impl Db {
    /// The repository of that name.
    pub async fn find_repository(
        &self,
        name: &RepositoryName,
    ) -> Result<Option<Repository>, Error> {
        let select = format!("SELECT {COLUMNS} FROM repositories r WHERE r.name = $1");
        let Some(row) = sql::one(self.read(), &select, [name.as_str().into()]).await? else {
            return Ok(None);
        };
        let mut found = [repository(&row)?];
        add_counts(self.read(), &mut found).await?;
        Ok(found.into_iter().next())
    }

    /// A page of repositories: the newest first unless sorted otherwise.
    pub async fn list_repositories(
        &self,
        filter: &RepositoryFilter,
        page: &Page,
    ) -> Result<Paged<Repository>, Error> {
        let mut conditions = Growing::default();
        if let Some(project_id) = filter.project_id {
            conditions.push(" AND r.project_id = ").bind(project_id);
        }
        push_visible(&filter.visible_to, &mut conditions);
        let order = "r.created_at DESC";
        let list = List {
            select: COLUMNS,
            from: "repositories r",
            columns: LISTED,
            order,
            id: "r.id",
        };
        let mut repositories = list
            .page(self.read(), conditions, page)
            .await?
            .map(repository)?;
        add_counts(self.read(), &mut repositories.items).await?;
        Ok(repositories)
    }

    /// Names of repositories after `after`, byte by byte, as `/v2/_catalog` lists them.
    pub async fn list_repository_names(
        &self,
        visible_to: Visibility,
        after: Option<&str>,
        limit: u64,
    ) -> Result<Vec<String>, Error> {
        let mut select = Growing::new("SELECT r.name FROM repositories r WHERE r.name > ");
        select.bind(after.unwrap_or_default());
        push_visible(&visible_to, &mut select);
        select
            .push(" ORDER BY r.name LIMIT ")
            .bind(sql::size(limit));
        select
            .all(self.read())
            .await?
            .iter()
            .map(|row| sql::get(row, "name"))
            .collect()
    }

    /// Changes what people say about it. [`Error::NotFound`] when it is not there.
    pub async fn update_repository_description(
        &self,
        name: &RepositoryName,
        description: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let update = "UPDATE repositories SET description = $2, updated_at = $3 WHERE name = $1";
        let values = [
            name.as_str().into(),
            description.into(),
            sql::micros(now).into(),
        ];
        sql::change(write.sql(), "repository", update, values).await?;
        write.commit().await
    }

    /// Forgets the repository, its artifacts, tags and held blobs; whether it was there.
    pub async fn delete_repository(&self, name: &RepositoryName) -> Result<bool, Error> {
        let mut write = self.write().await?;
        let freed = usage::of_repository(write.sql(), name).await?;
        let name = || [name.as_str().into()];
        sql::execute(
            write.sql(),
            "DELETE FROM held_blobs WHERE repository = $1",
            name(),
        )
        .await?;
        let deleted = sql::execute(
            write.sql(),
            "DELETE FROM repositories WHERE name = $1",
            name(),
        )
        .await?;
        if let Some((project_id, bytes)) = freed {
            usage::add(write.sql(), project_id, -bytes).await?;
        }
        write.forget(Forget::AllContent);
        write.commit().await?;
        Ok(deleted > 0)
    }
}

const COLUMNS: &str =
    "r.id, r.project_id, r.name, r.description, r.pull_count, r.created_at, r.updated_at";

const LISTED: &[Column] = &[
    Column {
        keys: &["id", "repository_id"],
        sql: "r.id",
        kind: Kind::Number,
    },
    Column {
        keys: &["name"],
        sql: "r.name",
        kind: Kind::Text,
    },
    Column {
        keys: &["project_id"],
        sql: "r.project_id",
        kind: Kind::Number,
    },
    Column {
        keys: &["description"],
        sql: "r.description",
        kind: Kind::Text,
    },
    Column {
        keys: &["pull_count"],
        sql: "r.pull_count",
        kind: Kind::Number,
    },
    Column {
        keys: &["creation_time"],
        sql: "r.created_at",
        kind: Kind::Time,
    },
    Column {
        keys: &["update_time"],
        sql: "r.updated_at",
        kind: Kind::Time,
    },
];

/// The projects are asked for apart, so that the list itself keeps to one table and its indexes.
fn push_visible(visible_to: &Visibility, conditions: &mut Growing) {
    if *visible_to != Visibility::All {
        conditions.push(" AND r.project_id IN (SELECT p.id FROM projects p WHERE 1 = 1");
        visible_to.push(conditions);
        conditions.push(")");
    }
}

fn repository(row: &QueryResult) -> Result<Repository, Error> {
    Ok(Repository {
        id: sql::get(row, "id")?,
        project_id: sql::get(row, "project_id")?,
        name: sql::get(row, "name")?,
        description: sql::get(row, "description")?,
        artifact_count: 0,
        pull_count: sql::get_size(row, "pull_count")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}

/// Counts for the rows of a page only: counted in the list itself, every row would be counted before it is sorted.
async fn add_counts<C: ConnectionTrait>(
    on: &C,
    repositories: &mut [Repository],
) -> Result<(), Error> {
    for chunk in repositories.chunks_mut(sql::CHUNK) {
        let mut select = Growing::new(
            "SELECT a.repository_id, COUNT(*) AS artifacts FROM artifacts a WHERE a.repository_id IN ",
        );
        select.bind_all(chunk.iter().map(|repository| repository.id));
        select
            .push(" AND ")
            .push(listing::IS_TOP)
            .push(" AND ")
            .push(listing::IS_NO_ACCESSORY);
        select.push(" GROUP BY a.repository_id");
        for row in select.all(on).await? {
            let id: i64 = sql::get(&row, "repository_id")?;
            if let Some(repository) = chunk.iter_mut().find(|repository| repository.id == id) {
                repository.artifact_count = sql::get_size(&row, "artifacts")?;
            }
        }
    }
    Ok(())
}
