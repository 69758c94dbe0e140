//! Projects: the top-level namespaces, hosted or proxy, and their settings by Harbor's keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};

use sea_orm::{ConnectionTrait, QueryResult, Value};

use crate::cache::{Forget, ProjectKey};
use crate::select::{Column, Kind, List};
use crate::sql::Growing;
use crate::{Db, Error, NewRetention, Page, Paged, RETENTION, quotas, retentions, sql};

const PUBLIC: &str = "public";
/// Values one statement takes with both databases, and more projects than any robot was given by name.
const MAX_COVERED: usize = 10_000;

/// A project as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// Its number, never given twice.
    pub id: i64,
    /// Its name: the first component of its repositories'.
    pub name: String,
    /// Who made it.
    pub owner_id: i64,
    /// Their name.
    pub owner_name: String,
    /// Whether anyone may read it.
    pub is_public: bool,
    /// Where it pulls from, for a proxy project.
    pub upstream_id: Option<i64>,
    /// Harbor's project metadata: all strings, `public` among them.
    pub metadata: BTreeMap<String, String>,
    /// Whether the configuration file declares it.
    pub is_declared: bool,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
    /// Bytes that it may hold; `None` for any number.
    pub limit_bytes: Option<u64>,
}

/// What a new project needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewProject {
    /// Its name, checked by the caller.
    pub name: String,
    /// Who makes it.
    pub owner_id: i64,
    /// Where it pulls from, for a proxy project.
    pub upstream_id: Option<i64>,
    /// Harbor's project metadata; `public` is `"false"` unless said.
    pub metadata: BTreeMap<String, String>,
    /// Whether the configuration file declares it.
    pub is_declared: bool,
    /// Bytes that it may hold; `None` for any number.
    pub limit_bytes: Option<u64>,
    /// Its retention policy, where it begins with one.
    pub retention: Option<NewRetention>,
}

/// Whose eyes see a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Visibility {
    /// A system administrator's.
    All,
    /// A stranger's.
    PublicOnly,
    /// This user's: what is public, and the projects they are a member of.
    User(i64),
    /// A robot's that covers these projects: they, and what is public.
    Projects(Vec<i64>),
}

/// Which projects to list, beside what [`Page`] filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectFilter {
    /// Whose eyes.
    pub visible_to: Visibility,
    /// A part of the name, in any case.
    pub name_contains: Option<String>,
    /// Only public, or only private.
    pub is_public: Option<bool>,
    /// Only those of this user name.
    pub owner: Option<String>,
}

/// How many there are of what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentCounts {
    /// Projects that everyone may read.
    pub public_projects: u64,
    /// Their repositories.
    pub public_repositories: u64,
    /// All other projects.
    pub private_projects: u64,
    /// Their repositories.
    pub private_repositories: u64,
}

impl Db {
    /// Makes a project. [`Error::Conflict`] when the name is taken, [`Error::NotFound`] for an unknown owner or upstream.
    pub async fn create_project(
        &self,
        new: NewProject,
        now: DateTime<Utc>,
    ) -> Result<Project, Error> {
        let mut metadata = new.metadata;
        let is_public = metadata
            .entry(PUBLIC.to_owned())
            .or_insert_with(|| "false".to_owned())
            == "true";
        let mut write = self.write().await?;
        let insert = "INSERT INTO projects (name, owner_id, upstream_id, is_public, is_declared, created_at, updated_at) \
                      VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id";
        let values = [
            new.name.clone().into(),
            new.owner_id.into(),
            new.upstream_id.into(),
            is_public.into(),
            new.is_declared.into(),
            sql::micros(now).into(),
        ];
        let row = sql::one(write.sql(), insert, values).await;
        let row =
            row.map_err(|error| error.or_conflict("project").or_missing("owner or upstream"))?;
        let id: i64 = sql::get(&row.ok_or(Error::NotFound { what: "project" })?, "id")?;
        put_metadata(write.sql(), id, metadata).await?;
        quotas::insert(write.sql(), id, new.limit_bytes, now).await?;
        if let Some(policy) = &new.retention {
            retentions::insert(write.sql(), id, policy, now).await?;
        }
        let project = load(write.sql(), "p.id = $1", id.into())
            .await?
            .ok_or(Error::NotFound { what: "project" })?;
        write.forget(Forget::Project { id, name: new.name });
        write.commit().await?;
        Ok(project)
    }

    /// The project of that name; answered from memory.
    pub async fn find_project(&self, name: &str) -> Result<Option<Arc<Project>>, Error> {
        let found = load(self.read(), "p.name = $1", name.into());
        let found = async { found.await.map(|project| project.map(Arc::new)) };
        self.hot
            .projects
            .get_or_load(&ProjectKey::Name(name.into()), found)
            .await
    }

    /// The project of that number; answered from memory.
    pub async fn find_project_by_id(&self, id: i64) -> Result<Option<Arc<Project>>, Error> {
        let found = load(self.read(), "p.id = $1", id.into());
        let found = async { found.await.map(|project| project.map(Arc::new)) };
        self.hot
            .projects
            .get_or_load(&ProjectKey::Id(id), found)
            .await
    }

    /// A page of projects: by name unless sorted otherwise.
    pub async fn list_projects(
        &self,
        filter: &ProjectFilter,
        page: &Page,
    ) -> Result<Paged<Project>, Error> {
        let mut conditions = Growing::default();
        filter.visible_to.push(&mut conditions);
        if let Some(text) = &filter.name_contains {
            conditions
                .push(" AND LOWER(p.name) LIKE ")
                .bind(sql::contains(text))
                .push(r" ESCAPE '\'");
        }
        if let Some(is_public) = filter.is_public {
            conditions.push(" AND p.is_public = ").bind(is_public);
        }
        if let Some(owner) = &filter.owner {
            conditions.push(" AND o.username = ").bind(owner.as_str());
        }
        let list = List {
            select: COLUMNS,
            from: TABLES,
            columns: LISTED,
            order: "p.name ASC",
            id: "p.id",
        };
        let mut projects = list
            .page(self.read(), conditions, page)
            .await?
            .map(project)?;
        add_metadata(self.read(), &mut projects.items).await?;
        Ok(projects)
    }

    /// The numbers of all projects.
    pub async fn list_project_ids(&self) -> Result<Vec<i64>, Error> {
        let rows = sql::all(self.read(), "SELECT id FROM projects ORDER BY id", []).await?;
        rows.iter().map(|row| sql::get(row, "id")).collect()
    }

    /// Sets these metadata keys and leaves the others.
    pub async fn update_project(
        &self,
        id: i64,
        metadata: BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let mut write = self.write().await?;
        let is_public = metadata.get(PUBLIC).map(|value| value == "true");
        let update = "UPDATE projects SET is_public = COALESCE($2, is_public), updated_at = $3 WHERE id = $1 RETURNING name";
        let row = sql::one(
            write.sql(),
            update,
            [id.into(), is_public.into(), sql::micros(now).into()],
        )
        .await?;
        let name = sql::get(&row.ok_or(Error::NotFound { what: "project" })?, "name")?;
        put_metadata(write.sql(), id, metadata).await?;
        write.forget(Forget::Project { id, name });
        write.commit().await
    }

    /// Says whether the configuration file declares it.
    pub async fn set_project_declared(&self, id: i64, is_declared: bool) -> Result<(), Error> {
        let mut write = self.write().await?;
        let update = "UPDATE projects SET is_declared = $2 WHERE id = $1 RETURNING name";
        let row = sql::one(write.sql(), update, [id.into(), is_declared.into()]).await?;
        let name = sql::get(&row.ok_or(Error::NotFound { what: "project" })?, "name")?;
        write.forget(Forget::Project { id, name });
        write.commit().await
    }

    /// Deletes an empty project with its members and settings. [`Error::NotEmpty`] while it has repositories.
    pub async fn delete_project(&self, id: i64) -> Result<(), Error> {
        let mut write = self.write().await?;
        if sql::count(write.sql(), COUNT_REPOSITORIES, [id.into()]).await? > 0 {
            return Err(Error::NotEmpty);
        }
        for table in ["schedules", "executions"] {
            let delete = format!(
                "DELETE FROM {table} WHERE kind = $2 AND subject IN (SELECT id FROM retention_policies WHERE project_id = $1)"
            );
            sql::execute(write.sql(), &delete, [id.into(), RETENTION.into()]).await?;
        }
        let delete = "DELETE FROM projects WHERE id = $1 RETURNING name";
        let row = sql::one(write.sql(), delete, [id.into()]).await;
        // A repository that came in between, on another node.
        let row = row.map_err(|error| match error.or_missing("project") {
            Error::NotFound { .. } => Error::NotEmpty,
            other => other,
        })?;
        let name = sql::get(&row.ok_or(Error::NotFound { what: "project" })?, "name")?;
        write.forget(Forget::Project { id, name });
        // Its robots have gone with it.
        write.forget(Forget::AllRobots);
        // Blobs it held are known by the names of repositories, and another project may get its name.
        write.forget(Forget::AllContent);
        write.commit().await
    }

    /// How many projects and repositories these eyes see.
    pub async fn count_content(&self, visible_to: &Visibility) -> Result<ContentCounts, Error> {
        let mut select = Growing::new(
            "SELECT p.is_public, COUNT(*) AS projects, \
             CAST(SUM((SELECT COUNT(*) FROM repositories r WHERE r.project_id = p.id)) AS BIGINT) AS repositories \
             FROM projects p WHERE 1 = 1",
        );
        visible_to.push(&mut select);
        select.push(" GROUP BY p.is_public");
        let mut counts = ContentCounts::default();
        for row in select.all(self.read()).await? {
            let projects = sql::get_size(&row, "projects")?;
            let repositories = sql::get_size(&row, "repositories")?;
            if sql::get(&row, "is_public")? {
                (counts.public_projects, counts.public_repositories) = (projects, repositories);
            } else {
                (counts.private_projects, counts.private_repositories) = (projects, repositories);
            }
        }
        Ok(counts)
    }

    /// How many repositories it has.
    pub async fn count_repositories(&self, project_id: i64) -> Result<u64, Error> {
        sql::count(self.read(), COUNT_REPOSITORIES, [project_id.into()]).await
    }
}

impl Visibility {
    /// Adds what must hold of a project `p`.
    pub(crate) fn push(&self, conditions: &mut Growing) {
        match self {
            Self::All => {}
            Self::PublicOnly => {
                conditions.push(" AND p.is_public");
            }
            Self::User(id) => {
                let member = " AND (p.is_public OR p.id IN (SELECT m.project_id FROM members m WHERE m.user_id = ";
                conditions.push(member).bind(*id).push("))");
            }
            Self::Projects(ids) if ids.is_empty() => Self::PublicOnly.push(conditions),
            Self::Projects(ids) => {
                let covered = ids.iter().copied().take(MAX_COVERED);
                conditions.push(" AND (p.is_public OR p.id IN ");
                conditions.bind_all(covered).push(")");
            }
        }
    }
}

const COLUMNS: &str = "p.id, p.name, p.owner_id, o.username AS owner_name, p.is_public, p.upstream_id, p.is_declared, \
                       p.created_at, p.updated_at, q.limit_bytes";
const TABLES: &str =
    "projects p JOIN users o ON o.id = p.owner_id LEFT JOIN quotas q ON q.project_id = p.id";
const COUNT_REPOSITORIES: &str = "SELECT COUNT(*) FROM repositories WHERE project_id = $1";

const LISTED: &[Column] = &[
    Column {
        keys: &["project_id", "id"],
        sql: "p.id",
        kind: Kind::Number,
    },
    Column {
        keys: &["name"],
        sql: "p.name",
        kind: Kind::Text,
    },
    Column {
        keys: &["public"],
        sql: "p.is_public",
        kind: Kind::Truth,
    },
    Column {
        keys: &["owner", "owner_name"],
        sql: "o.username",
        kind: Kind::Text,
    },
    Column {
        keys: &["owner_id"],
        sql: "p.owner_id",
        kind: Kind::Number,
    },
    Column {
        keys: &["registry_id"],
        sql: "p.upstream_id",
        kind: Kind::Number,
    },
    Column {
        keys: &["creation_time"],
        sql: "p.created_at",
        kind: Kind::Time,
    },
    Column {
        keys: &["update_time"],
        sql: "p.updated_at",
        kind: Kind::Time,
    },
];

async fn load<C: ConnectionTrait>(
    on: &C,
    condition: &str,
    value: Value,
) -> Result<Option<Project>, Error> {
    let select = format!("SELECT {COLUMNS} FROM {TABLES} WHERE {condition}");
    let Some(row) = sql::one(on, &select, [value]).await? else {
        return Ok(None);
    };
    let mut found = [project(&row)?];
    add_metadata(on, &mut found).await?;
    Ok(found.into_iter().next())
}

fn project(row: &QueryResult) -> Result<Project, Error> {
    Ok(Project {
        id: sql::get(row, "id")?,
        name: sql::get(row, "name")?,
        owner_id: sql::get(row, "owner_id")?,
        owner_name: sql::get(row, "owner_name")?,
        is_public: sql::get(row, "is_public")?,
        upstream_id: sql::get(row, "upstream_id")?,
        limit_bytes: sql::get::<Option<i64>>(row, "limit_bytes")?.map(i64::unsigned_abs),
        metadata: BTreeMap::new(),
        is_declared: sql::get(row, "is_declared")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}

async fn add_metadata<C: ConnectionTrait>(on: &C, projects: &mut [Project]) -> Result<(), Error> {
    for chunk in projects.chunks_mut(sql::CHUNK) {
        let mut select = Growing::new(
            "SELECT project_id, key, value FROM project_metadata WHERE project_id IN ",
        );
        select.bind_all(chunk.iter().map(|project| project.id));
        for row in select.all(on).await? {
            let id: i64 = sql::get(&row, "project_id")?;
            if let Some(project) = chunk.iter_mut().find(|project| project.id == id) {
                project
                    .metadata
                    .insert(sql::get(&row, "key")?, sql::get(&row, "value")?);
            }
        }
    }
    Ok(())
}

async fn put_metadata<C: ConnectionTrait>(
    on: &C,
    id: i64,
    metadata: BTreeMap<String, String>,
) -> Result<(), Error> {
    let upsert = "INSERT INTO project_metadata (project_id, key, value) VALUES ($1, $2, $3) \
                  ON CONFLICT (project_id, key) DO UPDATE SET value = excluded.value";
    for (key, value) in metadata {
        sql::execute(on, upsert, [id.into(), key.into(), value.into()]).await?;
    }
    Ok(())
}
