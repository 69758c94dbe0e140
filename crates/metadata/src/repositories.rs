//! Repositories: the places artifacts are in. One comes with its first manifest and goes when deleted.

use chrono::{DateTime, Utc};
use oci::RepositoryName;

use sea_orm::{ConnectionTrait, QueryResult};

use crate::cache::Forget;
use crate::select::{Choice, Column, Kind, List};
use crate::sql::Growing;
use crate::{Db, Error, KeptTags, Page, Paged, Visibility, sql, usage};

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
        let row = sql::one(self.read(), &select, [name.as_str().into()]).await?;
        row.as_ref().map(repository).transpose()
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
        let list = List {
            select: COLUMNS,
            from: "repositories r",
            columns: LISTED,
            order: "r.created_at DESC",
            id: "r.id",
        };
        let choice = Choice {
            table: Some("repositories r"),
            total: None,
        };
        list.page_by(self.read(), &choice, conditions, page)
            .await?
            .map(repository)
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
    /// [`Error::TagKept`] where one of the tags must stay.
    pub async fn delete_repository(
        &self,
        name: &RepositoryName,
        kept: KeptTags<'_>,
    ) -> Result<bool, Error> {
        let mut write = self.write().await?;
        // Nobody gives it a tag from here on.
        let hold = "UPDATE repositories SET updated_at = updated_at WHERE name = $1";
        sql::execute(write.sql(), hold, [name.as_str().into()]).await?;
        let tags = "SELECT t.name FROM repositories r JOIN tags t ON t.repository_id = r.id WHERE r.name = $1 ORDER BY t.name";
        for row in sql::all(write.sql(), tags, [name.as_str().into()]).await? {
            let tag: String = sql::get(&row, "name")?;
            if kept(&tag) {
                return Err(Error::TagKept { tag });
            }
        }
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

const COLUMNS: &str = "r.id, r.project_id, r.name, r.description, r.artifact_count, \
     r.pull_count, r.created_at, r.updated_at";

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
        artifact_count: sql::get_size(row, "artifact_count")?,
        pull_count: sql::get_size(row, "pull_count")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}

/// The number of the repository of that name, and how many artifacts it lists.
pub(crate) async fn find_number<C: ConnectionTrait>(
    on: &C,
    name: &RepositoryName,
) -> Result<Option<(i64, u64)>, Error> {
    let select = "SELECT id, artifact_count FROM repositories WHERE name = $1";
    let Some(row) = sql::one(on, select, [name.as_str().into()]).await? else {
        return Ok(None);
    };
    Ok(Some((
        sql::get(&row, "id")?,
        sql::get_size(&row, "artifact_count")?,
    )))
}
