//! The audit log made shorter: old entries of some events go, some at a time.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::{AuditEvent, NO_PROJECT};
use crate::{Db, Error, sql};

/// Entries deleted in one transaction: a hundredth of a second's work, so that writers beside it hardly wait.
const CHUNK: i64 = 1000;

impl Db {
    /// How many entries of `event` are older than `before`.
    pub async fn count_audit_before(
        &self,
        event: AuditEvent,
        before: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let select = "SELECT COUNT(*) FROM audit_log WHERE event = $1 AND at < $2";
        let values = [event.as_str().into(), sql::micros(before).into()];
        sql::count(self.read(), select, values).await
    }

    /// Deletes some of the oldest entries of `event` from before `before`; how many. 0: there are none left.
    pub async fn purge_audit(
        &self,
        event: AuditEvent,
        before: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let write = self.write().await?;
        let delete = "DELETE FROM audit_log WHERE id IN \
                      (SELECT id FROM audit_log WHERE event = $1 AND at < $2 ORDER BY at, id LIMIT $3) \
                      RETURNING COALESCE(project_id, 0) AS project_id";
        let values = [
            event.as_str().into(),
            sql::micros(before).into(),
            CHUNK.into(),
        ];
        let mut gone: BTreeMap<i64, i64> = BTreeMap::new();
        let rows = sql::all(write.sql(), delete, values).await?;
        if rows.is_empty() {
            return Ok(0);
        }
        for row in &rows {
            *gone.entry(sql::get(row, "project_id")?).or_default() -= 1;
        }
        super::count(write.sql(), &gone).await?;
        let empty = "DELETE FROM audit_counts WHERE entries <= 0 AND project_id <> $1";
        sql::execute(write.sql(), empty, [NO_PROJECT.into()]).await?;
        write.commit().await?;
        Ok(rows.len() as u64)
    }
}
