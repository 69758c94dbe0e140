//! What was done, by whom; and work that happens by itself or is begun by hand: its schedules and its runs.

use sea_orm_migration::prelude::*;

use super::apply;

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0004_audit"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        apply(manager, SCHEMA).await
    }
}

/// A project of the log is a number and a name, no reference: what happened in it is told after it has gone.
/// Entries are counted as they come and go, by project (0: none), because counting millions takes seconds.
const SCHEMA: &str = "
CREATE TABLE audit_log (
    id          {number},
    at          BIGINT  NOT NULL,
    username    {text}  NOT NULL,
    project_id  BIGINT,
    project     {text},
    event       {text}  NOT NULL,
    resource    {text}  NOT NULL,
    description {text}  NOT NULL,
    is_success  BOOLEAN NOT NULL,
    address     {text}
);
CREATE INDEX audit_log_at ON audit_log (at, id);
CREATE INDEX audit_log_project_at ON audit_log (project_id, at, id);
CREATE INDEX audit_log_event_at ON audit_log (event, at, id);
CREATE INDEX audit_log_username_at ON audit_log (username, at, id);

CREATE TABLE audit_counts (
    project_id BIGINT PRIMARY KEY NOT NULL,
    entries    BIGINT NOT NULL
);

CREATE TABLE schedules (
    id         {number},
    kind       {text} NOT NULL UNIQUE,
    every      {text} NOT NULL,
    cron       {text} NOT NULL,
    parameters TEXT   NOT NULL,
    next_at    BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE executions (
    id         {number},
    kind       {text} NOT NULL,
    begun_by   {text} NOT NULL,
    parameters TEXT   NOT NULL,
    status     {text} NOT NULL,
    log        TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX executions_kind ON executions (kind, created_at, id);
CREATE INDEX executions_status ON executions (kind, status, id);
";
