//! Work by subject: a schedule and runs for each retention policy, not one for all; runs that are tried again; what a run
//! did with each of several things. And how often an artifact was pulled, which says what an eviction takes first.

use sea_orm_migration::prelude::*;

use super::apply;

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0007_jobs"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        apply(manager, SCHEMA).await
    }
}

/// A subject of 0 is the whole system. A retention policy that was kept before begins with its next midnight: its schedule
/// is made where it is read first, as is one that was lost.
const SCHEMA: &str = "
CREATE TABLE schedules_by_subject (
    id         {number},
    kind       {text} NOT NULL,
    subject    BIGINT NOT NULL,
    every      {text} NOT NULL,
    cron       {text} NOT NULL,
    parameters TEXT   NOT NULL,
    next_at    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (kind, subject)
);
INSERT INTO schedules_by_subject (kind, subject, every, cron, parameters, next_at, created_at, updated_at)
SELECT kind, 0, every, cron, parameters, next_at, created_at, updated_at FROM schedules ORDER BY id;
DROP TABLE schedules;
ALTER TABLE schedules_by_subject RENAME TO schedules;
CREATE INDEX schedules_next ON schedules (kind, next_at);

ALTER TABLE executions ADD COLUMN subject    BIGINT NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN attempts   BIGINT NOT NULL DEFAULT 0;
ALTER TABLE executions ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;
CREATE INDEX executions_subject ON executions (kind, subject, id);

CREATE TABLE execution_tasks (
    id           {number},
    execution_id BIGINT NOT NULL REFERENCES executions (id) ON DELETE CASCADE,
    name         {text} NOT NULL,
    total        BIGINT NOT NULL,
    kept         BIGINT NOT NULL,
    log          TEXT   NOT NULL,
    began_at     BIGINT NOT NULL,
    ended_at     BIGINT NOT NULL
);
CREATE INDEX execution_tasks_execution ON execution_tasks (execution_id, id);

ALTER TABLE artifacts ADD COLUMN pulls BIGINT NOT NULL DEFAULT 0;
";
