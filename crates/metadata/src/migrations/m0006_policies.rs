//! How much projects may hold and do, and what is kept of it.

use sea_orm_migration::prelude::*;

use super::apply;

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0006_policies"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        apply(manager, SCHEMA).await
    }
}

/// A limit that is not there is none; what is used is counted as [`crate::usage`] counts it. Of a retention policy only its
/// project is anything to SQL; the rest is JSON.
const SCHEMA: &str = "
CREATE TABLE quotas (
    project_id  BIGINT PRIMARY KEY NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    limit_bytes BIGINT,
    used_bytes  BIGINT NOT NULL,
    updated_at  BIGINT NOT NULL
);
CREATE INDEX quotas_limit ON quotas (limit_bytes);
CREATE INDEX quotas_used ON quotas (used_bytes);

DROP INDEX held_blobs_project;
CREATE INDEX held_blobs_project ON held_blobs (project_id, digest, size);

INSERT INTO quotas (project_id, limit_bytes, used_bytes, updated_at)
SELECT p.id, NULL,
    COALESCE((SELECT CAST(SUM(b.size) AS BIGINT) FROM
        (SELECT DISTINCT h.digest, h.size FROM held_blobs h WHERE h.project_id = p.id) AS b), 0)
    + COALESCE((SELECT CAST(SUM(m.manifest_size) AS BIGINT) FROM
        (SELECT DISTINCT a.digest, a.manifest_size FROM artifacts a JOIN repositories r ON r.id = a.repository_id
         WHERE r.project_id = p.id) AS m), 0),
    p.updated_at
FROM projects p;

CREATE TABLE retention_policies (
    id         {number},
    project_id BIGINT NOT NULL UNIQUE REFERENCES projects (id) ON DELETE CASCADE,
    policy     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
";
