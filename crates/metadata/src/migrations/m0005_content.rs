//! Content as people list it: what artifacts are and are about, which are listed, labels; and indexes that lists of a
//! million artifacts are read from.

use std::collections::HashMap;

use sea_orm::ConnectionTrait;
use sea_orm_migration::prelude::*;

use super::apply;
use crate::sql::{self, Growing};
use crate::types::{ArtifactType, about_by_tag, accessory_kind};
use crate::{Error, listed};

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0005_content"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        apply(manager, SCHEMA).await?;
        let on = manager.get_connection();
        let filled = async {
            fill_artifacts(on).await?;
            fill_tagged_accessories(on).await
        };
        filled.await.map_err(into_db_err)?;
        apply(manager, &listed::settle_all()).await?;
        apply(manager, INDEXES).await
    }
}

/// `listed` is explained in [`crate::listed`], `about_…` is what an accessory is about, by its manifest or by its tag.
const SCHEMA: &str = "
CREATE TABLE artifact_types (
    id                  {number},
    kind                {text} NOT NULL,
    media_type          {text} NOT NULL,
    manifest_media_type {text} NOT NULL,
    artifact_type       {text} NOT NULL,
    UNIQUE (kind, media_type, manifest_media_type, artifact_type)
);

ALTER TABLE artifacts ADD COLUMN project_id   BIGINT  NOT NULL DEFAULT 0;
ALTER TABLE artifacts ADD COLUMN type_id      BIGINT  NOT NULL DEFAULT 0;
ALTER TABLE artifacts ADD COLUMN about_digest {text};
ALTER TABLE artifacts ADD COLUMN about_kind   {text};
ALTER TABLE artifacts ADD COLUMN listed       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE repositories ADD COLUMN artifact_count BIGINT NOT NULL DEFAULT 0;

UPDATE artifacts SET project_id = (SELECT r.project_id FROM repositories r WHERE r.id = artifacts.repository_id);
UPDATE artifacts SET about_digest = subject_digest WHERE subject_digest IS NOT NULL;

CREATE TABLE labels (
    id          {number},
    name        {text} NOT NULL,
    description {text} NOT NULL,
    color       {text} NOT NULL,
    project_id  BIGINT REFERENCES projects (id) ON DELETE CASCADE,
    created_at  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE UNIQUE INDEX labels_name ON labels (COALESCE(project_id, 0), name);
CREATE INDEX labels_project ON labels (project_id);

CREATE TABLE artifact_labels (
    artifact_id BIGINT NOT NULL REFERENCES artifacts (id) ON DELETE CASCADE,
    label_id    BIGINT NOT NULL REFERENCES labels (id) ON DELETE CASCADE,
    created_at  BIGINT NOT NULL,
    PRIMARY KEY (artifact_id, label_id)
);
CREATE INDEX artifact_labels_label ON artifact_labels (label_id, artifact_id);
";

/// Lists are filtered, sorted and counted in the indexes alone; rows are read for one page.
const INDEXES: &str = "
DROP INDEX artifacts_subject;
CREATE INDEX artifacts_about ON artifacts (repository_id, about_digest) WHERE about_digest IS NOT NULL;
CREATE INDEX artifacts_in_repository ON artifacts (repository_id, pushed_at, id, listed, type_id, size, pulled_at)
    WHERE listed > 0;
CREATE INDEX artifacts_in_project ON artifacts (project_id, pushed_at, id, listed, type_id, size, pulled_at)
    WHERE listed > 0;

DROP INDEX repositories_created;
DROP INDEX repositories_project_created;
CREATE INDEX repositories_created ON repositories (created_at, id, project_id, name);
CREATE INDEX repositories_project_created ON repositories (project_id, created_at, id, name);
CREATE INDEX repositories_updated ON repositories (updated_at, id);
CREATE INDEX repositories_pulls ON repositories (pull_count, id);
CREATE INDEX repositories_counted ON repositories (project_id, artifact_count);
";

/// Gives every artifact its type, and every accessory by subject its kind.
async fn fill_artifacts<C: ConnectionTrait>(on: &C) -> Result<(), Error> {
    let mut numbers: HashMap<ArtifactType, i64> = HashMap::new();
    let mut after = 0;
    loop {
        let select = "SELECT id, media_type, config_media_type, artifact_type, annotations, subject_digest FROM artifacts \
                      WHERE id > $1 ORDER BY id LIMIT 200";
        let rows = sql::all(on, select, [i64::into(after)]).await?;
        let mut values = Vec::with_capacity(rows.len());
        for row in &rows {
            after = sql::get(row, "id")?;
            let artifact_type: Option<String> = sql::get(row, "artifact_type")?;
            let about = ArtifactType::of_parts(
                &sql::get::<String>(row, "media_type")?,
                sql::get::<Option<String>>(row, "config_media_type")?.as_deref(),
                artifact_type.as_deref(),
                &sql::get_json(row, "annotations")?.unwrap_or_default(),
            );
            let number = match numbers.get(&about) {
                Some(number) => *number,
                None => {
                    let number = about.ensure(on).await?;
                    numbers.insert(about, number);
                    number
                }
            };
            let subject: Option<String> = sql::get(row, "subject_digest")?;
            let kind = subject.map(|_| accessory_kind(artifact_type.as_deref()));
            values.push([after.into(), number.into(), kind.into()]);
        }
        if values.is_empty() {
            return Ok(());
        }
        let mut update = Growing::new(
            "UPDATE artifacts SET type_id = v.column2, about_kind = v.column3 FROM (VALUES ",
        );
        update
            .bind_rows(values)
            .push(") AS v WHERE artifacts.id = v.column1");
        update.execute(on).await?;
    }
}

/// Finds what cosign's tags are about.
async fn fill_tagged_accessories<C: ConnectionTrait>(on: &C) -> Result<(), Error> {
    let select = "SELECT name, artifact_id FROM tags WHERE name LIKE 'sha256-%.%'";
    for row in sql::all(on, select, []).await? {
        let (name, artifact_id): (String, i64) =
            (sql::get(&row, "name")?, sql::get(&row, "artifact_id")?);
        if let Some((digest, kind)) = about_by_tag(&name) {
            listed::set_about(on, artifact_id, &digest, kind).await?;
        }
    }
    Ok(())
}

fn into_db_err(error: Error) -> DbErr {
    match error {
        Error::Database(error) => error,
        other => DbErr::Migration(other.to_string()),
    }
}
