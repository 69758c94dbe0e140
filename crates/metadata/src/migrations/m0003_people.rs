//! Robots, and sessions of people who sign in with a browser.

use sea_orm_migration::prelude::*;

use super::apply;

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0003_people"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        apply(manager, SCHEMA).await
    }
}

/// A robot's `full_name` is `<project>+<name>` in a project and `<name>` outside, as in Harbor; the prefix is a
/// setting. Its permissions are JSON. Of a session only a hash of what the browser holds is kept.
const SCHEMA: &str = "
CREATE TABLE robots (
    id            {number},
    full_name     {text}  NOT NULL UNIQUE,
    project_id    BIGINT  REFERENCES projects (id) ON DELETE CASCADE,
    description   {text}  NOT NULL,
    secret_hash   {text}  NOT NULL,
    is_disabled   BOOLEAN NOT NULL,
    duration_days BIGINT  NOT NULL,
    expires_at    BIGINT,
    permissions   TEXT    NOT NULL,
    creator_kind  {text}  NOT NULL,
    creator_id    BIGINT  NOT NULL,
    created_at    BIGINT  NOT NULL,
    updated_at    BIGINT  NOT NULL
);
CREATE INDEX robots_project ON robots (project_id, full_name);

CREATE TABLE sessions (
    hash       {text} PRIMARY KEY NOT NULL,
    user_id    BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    started_at BIGINT NOT NULL,
    seen_at    BIGINT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);
CREATE INDEX sessions_seen ON sessions (seen_at);
";
