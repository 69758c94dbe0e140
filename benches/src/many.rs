//! A million artifacts, put into Roadstead's database as if they had been pushed: rows alone, no bytes.
//!
//! 500 projects; the first has a fifth of the repositories and of the artifacts, its first repository ten thousand
//! artifacts. Every twenty artifacts of a repository are sixteen images and charts with a tag, an index with a tag and two
//! children, and a signature.

use std::path::Path;

use anyhow::{Context as _, Result};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection, Statement};

/// How many of what.
#[derive(Clone, Copy)]
pub(crate) struct Many {
    pub(crate) projects: u64,
    pub(crate) repositories: u64,
    /// In the first project.
    pub(crate) large_project: u64,
    /// Artifacts in its first repository; every other one has twenty.
    pub(crate) large_repository: u64,
}

impl Many {
    pub(crate) fn full() -> Self {
        Self {
            projects: 500,
            repositories: 50_000,
            large_project: 10_000,
            large_repository: 10_000,
        }
    }

    pub(crate) fn quick() -> Self {
        Self {
            projects: 50,
            repositories: 500,
            large_project: 100,
            large_repository: 1_000,
        }
    }

    pub(crate) fn artifacts(self) -> u64 {
        self.large_repository + 20 * (self.repositories - 1)
    }

    /// Artifacts in the first project.
    pub(crate) fn large_project_artifacts(self) -> u64 {
        self.large_repository + 20 * (self.large_project - 1)
    }

    /// The number of the repository that artifact `n` is in, both counted from 0, in SQL.
    fn repository(self) -> String {
        let large = self.large_repository;
        format!("CASE WHEN i < {large} THEN 0 ELSE 1 + (i - {large}) / 20 END")
    }

    fn project(self, repository: &str) -> String {
        let (large, others) = (self.large_project, self.projects - 1);
        format!(
            "CASE WHEN {repository} < {large} THEN 0 ELSE 1 + ({repository} - {large}) % {others} END"
        )
    }
}

/// The project, the repository in it, and the number that tags count from.
pub(crate) fn project(number: u64) -> String {
    format!("many-{number:04}")
}

/// A repository of the first project.
pub(crate) fn repository(number: u64) -> String {
    format!("team-{}/app-{number:05}", number % 97)
}

/// Fills the database of a server that is not running.
pub(crate) async fn fill(data: &Path, many: Many) -> Result<()> {
    let database = data.join("roadstead.db");
    let mut options = ConnectOptions::new(format!("sqlite://{}?mode=rw", database.display()));
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await?;
    for pragma in [
        "PRAGMA journal_mode = MEMORY",
        "PRAGMA synchronous = OFF",
        "PRAGMA cache_size = -400000",
        "PRAGMA temp_store = MEMORY",
        "PRAGMA foreign_keys = OFF",
    ] {
        db.execute_unprepared(pragma).await?;
    }
    // An index is made faster than it is kept.
    let indexes = indexes(&db).await?;
    for (name, _) in &indexes {
        db.execute_unprepared(&format!("DROP INDEX {name}")).await?;
    }
    let from = Offsets::of(&db).await?;
    for statement in statements(many, &from) {
        let failed = || format!("in {}", statement.chars().take(60).collect::<String>());
        db.execute_unprepared(&statement)
            .await
            .with_context(failed)?;
    }
    for (_, statement) in &indexes {
        db.execute_unprepared(statement).await?;
    }
    db.execute_unprepared("PRAGMA journal_mode = WAL").await?;
    db.close().await?;
    Ok(())
}

/// The last numbers that are taken.
struct Offsets {
    project: i64,
    repository: i64,
    artifact: i64,
}

impl Offsets {
    async fn of(db: &DatabaseConnection) -> Result<Self> {
        Ok(Self {
            project: last(db, "projects").await?,
            repository: last(db, "repositories").await?,
            artifact: last(db, "artifacts").await?,
        })
    }
}

async fn last(db: &DatabaseConnection, table: &str) -> Result<i64> {
    let select = format!("SELECT COALESCE(MAX(id), 0) AS last FROM {table}");
    let row = db
        .query_one_raw(Statement::from_string(db.get_database_backend(), select))
        .await?;
    Ok(row.context("no row")?.try_get("", "last")?)
}

async fn indexes(db: &DatabaseConnection) -> Result<Vec<(String, String)>> {
    let select = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
    let rows = db
        .query_all_raw(Statement::from_string(db.get_database_backend(), select))
        .await?;
    let rows = rows.iter();
    rows.map(|row| Ok((row.try_get("", "name")?, row.try_get("", "sql")?)))
        .collect()
}

const HELM: &str = "application/vnd.cncf.helm.config.v1+json";
const CONFIG: &str = r#"{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z","config":{"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],"Cmd":["/bin/sh"],"Labels":{"maintainer":"somebody"}}}"#;

fn statements(many: Many, from: &Offsets) -> Vec<String> {
    let Offsets {
        project: p,
        repository: r,
        artifact: a,
    } = from;
    let numbers = |count: u64| {
        format!(
            "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {count})"
        )
    };
    let (image, index) = (oci::media_type::OCI_MANIFEST, oci::media_type::OCI_INDEX);
    let oci_config = oci::media_type::OCI_CONFIG;
    let repository = many.repository();
    let number = |media_type: &str| {
        format!("(SELECT id FROM artifact_types WHERE media_type = '{media_type}')")
    };
    let (image_type, chart_type, index_type) = (number(oci_config), number(HELM), number(index));
    // Two years, in an order that is not that of the numbers.
    let moment = "1700000000000000 + (i * 7919 % 1000003) * 63000000";
    vec![
        "BEGIN".to_owned(),
        format!(
            "INSERT OR IGNORE INTO artifact_types (kind, media_type, manifest_media_type, artifact_type) VALUES \
             ('IMAGE', '{oci_config}', '{image}', '{oci_config}'), ('CHART', '{HELM}', '{image}', '{HELM}'), \
             ('IMAGE', '{index}', '{index}', '{index}')"
        ),
        format!(
            "INSERT INTO projects (id, name, owner_id, is_public, is_declared, created_at, updated_at) {} \
             SELECT {p} + 1 + i, printf('many-%04d', i), 1, i % 2, 0, {moment}, {moment} FROM n",
            numbers(many.projects)
        ),
        format!(
            "INSERT INTO project_metadata (project_id, key, value) SELECT id, 'public', \
             CASE WHEN is_public THEN 'true' ELSE 'false' END FROM projects WHERE id > {p}"
        ),
        format!(
            "INSERT INTO repositories (id, project_id, name, description, pull_count, created_at, updated_at) {} \
             SELECT {r} + 1 + i, {p} + 1 + {project}, printf('many-%04d/team-%d/app-%05d', {project}, i % 97, i), '', \
             i * 31 % 100000, {moment}, {moment} + i % 89 FROM n",
            numbers(many.repositories),
            project = many.project("i"),
        ),
        format!(
            "INSERT INTO artifacts (id, repository_id, project_id, digest, media_type, config_media_type, artifact_type, size, \
             manifest_size, config, pushed_at, pulled_at, type_id, listed) {numbers} \
             SELECT {a} + 1 + i, {r} + 1 + {repository}, {p} + 1 + {project}, 'sha256:' || lower(hex(randomblob(32))), \
             CASE i % 20 WHEN 16 THEN '{index}' ELSE '{image}' END, \
             CASE i % 20 WHEN 16 THEN NULL WHEN 5 THEN '{HELM}' ELSE '{oci_config}' END, \
             CASE i % 20 WHEN 16 THEN NULL WHEN 5 THEN '{HELM}' ELSE '{oci_config}' END, \
             1000000 + i * 104729 % 500000000, 1200, CASE i % 20 WHEN 16 THEN NULL ELSE '{CONFIG}' END, {moment}, \
             CASE i % 3 WHEN 0 THEN NULL ELSE {moment} + 86400000000 END, \
             CASE i % 20 WHEN 16 THEN {index_type} WHEN 5 THEN {chart_type} ELSE {image_type} END, \
             CASE WHEN i % 20 <= 16 THEN 2 ELSE 0 END FROM n",
            numbers = numbers(many.artifacts()),
            project = many.project(&format!("({repository})")),
        ),
        // The last of twenty signs the first.
        format!(
            "UPDATE artifacts SET about_digest = s.digest, about_kind = 'signature.cosign' FROM artifacts s \
             WHERE artifacts.id > {a} AND (artifacts.id - {a} - 1) % 20 = 19 AND s.id = artifacts.id - 19"
        ),
        format!(
            "INSERT INTO tags (repository_id, name, artifact_id, pushed_at, pulled_at, checked_at) \
             SELECT repository_id, CASE (id - {a} - 1) % 20 WHEN 19 THEN replace(about_digest, ':', '-') || '.sig' \
             ELSE printf('v%d.%d', (id - {a} - 1) % 20, id) END, id, pushed_at, pulled_at, pushed_at \
             FROM artifacts WHERE id > {a} AND (id - {a} - 1) % 20 NOT IN (17, 18)"
        ),
        // A configuration and a layer of its own, and two that its repository's images share.
        format!(
            "INSERT INTO descriptors (artifact_id, position, repository_id, is_child, digest, media_type, size) \
             SELECT id, k.column1, repository_id, 0, CASE k.column1 \
             WHEN 1 THEN printf('sha256:%064x', repository_id * 2) WHEN 2 THEN printf('sha256:%064x', repository_id * 2 + 1) \
             ELSE 'sha256:' || lower(hex(randomblob(32))) END, 'application/vnd.oci.image.layer.v1.tar+gzip', \
             1000 + id % 100000 FROM artifacts CROSS JOIN (VALUES (0), (1), (2), (3)) AS k \
             WHERE id > {a} AND (id - {a} - 1) % 20 <> 16"
        ),
        format!(
            "INSERT INTO descriptors (artifact_id, position, repository_id, is_child, digest, media_type, size, platform) \
             SELECT c.id - k.column1, k.column1, c.repository_id, 1, c.digest, '{image}', 1200, \
             '{{\"architecture\":\"amd64\",\"os\":\"linux\"}}' FROM artifacts c CROSS JOIN (VALUES (1), (2)) AS k \
             WHERE c.id > {a} AND (c.id - {a} - 1) % 20 = 16 + k.column1"
        ),
        format!(
            "INSERT OR IGNORE INTO held_blobs (repository, digest, project_id, size, held_at) \
             SELECT r.name, d.digest, r.project_id, d.size, 1700000000000000 FROM descriptors d \
             JOIN repositories r ON r.id = d.repository_id WHERE NOT d.is_child AND d.artifact_id > {a}"
        ),
        format!(
            "UPDATE repositories SET artifact_count = c.listed FROM (SELECT repository_id, COUNT(*) AS listed FROM artifacts \
             WHERE listed > 0 GROUP BY repository_id) AS c WHERE c.repository_id = repositories.id AND repositories.id > {r}"
        ),
        "INSERT INTO labels (id, name, description, color, created_at, updated_at) VALUES (1001, 'bench', '', '#336699', 1, 1)"
            .to_owned(),
        format!(
            "INSERT INTO artifact_labels (artifact_id, label_id, created_at) SELECT id, 1001, 1 FROM artifacts \
             WHERE id > {a} AND (id - {a} - 1) % 100 = 3"
        ),
        "COMMIT".to_owned(),
    ]
}
