//! Rules that keep tags as they are.

use sea_orm_migration::prelude::*;

use super::apply;

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0008_immutability"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        apply(manager, SCHEMA).await
    }
}

/// Which tags a rule is about is JSON.
const SCHEMA: &str = "
CREATE TABLE immutability_rules (
    id          {number},
    project_id  BIGINT  NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    rule        {text}  NOT NULL,
    is_disabled BOOLEAN NOT NULL,
    created_at  BIGINT  NOT NULL,
    updated_at  BIGINT  NOT NULL
);
CREATE INDEX immutability_rules_project ON immutability_rules (project_id, id);
";
