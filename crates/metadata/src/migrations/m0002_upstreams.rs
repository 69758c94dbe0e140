//! Upstreams can be told more than Harbor's fields say, and can become another registry, or be asked as somebody else.

use sea_orm_migration::prelude::*;

use super::apply;

/// See the module.
pub(crate) struct Migration;

impl MigrationName for Migration {
    fn name(&self) -> &str {
        "m0002_upstreams"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        apply(manager, SCHEMA).await
    }
}

/// What was learned before there was `trusted_since` is believed as it was.
const SCHEMA: &str = "
ALTER TABLE upstreams ADD COLUMN options {bytes};
ALTER TABLE upstreams ADD COLUMN trusted_since BIGINT NOT NULL DEFAULT 0;
";
