//! How many bytes each project holds: its blobs and manifests, each digest once. The sum is kept, because to add it up
//! takes seconds where there are millions.
//!
//! What changes it does so last in its transaction, so that nobody waits for others in a ring. On PostgreSQL those who change
//! one project's take turns, and see what the one before them did. A repository that is deleted as a whole is counted
//! before, without a turn: what it is then off by, [`Db::recount_usage`] finds.

use std::collections::{BTreeMap, BTreeSet};

use oci::{Digest, RepositoryName};
use sea_orm::{ConnectionTrait, DbBackend};

use crate::sql::{self, Growing};
use crate::{Db, Error};

impl Db {
    /// Counts what every project holds anew, and corrects what is kept; how many bytes that was off by. Nobody waits for it.
    pub async fn recount_usage(&self) -> Result<u64, Error> {
        let mut off_by = 0;
        for row in sql::all(self.read(), "SELECT project_id FROM quotas", []).await? {
            let project_id: i64 = sql::get(&row, "project_id")?;
            // What is kept and what is counted are seen at one moment: their difference is true whatever happens beside.
            let Some(row) = sql::one(self.read(), RECOUNT, [project_id.into()]).await? else {
                continue;
            };
            let difference: i64 = sql::get(&row, "difference")?;
            if difference != 0 {
                let write = self.write().await?;
                add(write.sql(), project_id, difference).await?;
                write.commit().await?;
                off_by += difference.unsigned_abs();
            }
        }
        Ok(off_by)
    }
}

const RECOUNT: &str = "SELECT \
    COALESCE((SELECT CAST(SUM(b.size) AS BIGINT) FROM \
    (SELECT DISTINCT h.digest, h.size FROM held_blobs h WHERE h.project_id = $1) AS b), 0) \
    + COALESCE((SELECT CAST(SUM(m.manifest_size) AS BIGINT) FROM \
    (SELECT DISTINCT a.digest, a.manifest_size FROM artifacts a JOIN repositories r ON r.id = a.repository_id \
    WHERE r.project_id = $1) AS m), 0) \
    - q.used_bytes AS difference FROM quotas q WHERE q.project_id = $1";

/// The bytes of those blobs that the project has exactly `holds` holds of: 1 after a hold was added finds those that are new
/// to the project, 0 after holds were removed those that are gone from it.
pub(crate) async fn of_blobs<C: ConnectionTrait>(
    on: &C,
    project_id: i64,
    blobs: &[(Digest, u64)],
    holds: i64,
) -> Result<i64, Error> {
    if blobs.is_empty() {
        return Ok(0);
    }
    let sizes: BTreeMap<&str, u64> = blobs
        .iter()
        .map(|(digest, size)| (digest.as_str(), *size))
        .collect();
    take_turn(on, project_id).await?;
    let digests: Vec<&str> = sizes.keys().copied().collect();
    let mut others = BTreeSet::new();
    for chunk in digests.chunks(sql::CHUNK) {
        let mut select = Growing::new("SELECT digest FROM held_blobs WHERE project_id = ");
        select
            .bind(project_id)
            .push(" AND digest IN ")
            .bind_all(chunk.iter().copied());
        select
            .push(" GROUP BY digest HAVING COUNT(*) <> ")
            .bind(holds);
        for row in select.all(on).await? {
            others.insert(sql::get::<String>(&row, "digest")?);
        }
    }
    let counted = sizes
        .iter()
        .filter(|(digest, _)| !others.contains(**digest));
    Ok(counted.fold(0, |sum, (_, size)| sum.saturating_add(sql::size(*size))))
}

/// The same for a manifest.
pub(crate) async fn of_manifest<C: ConnectionTrait>(
    on: &C,
    project_id: i64,
    digest: &Digest,
    size: u64,
    holds: u64,
) -> Result<i64, Error> {
    take_turn(on, project_id).await?;
    let count = "SELECT COUNT(*) FROM artifacts a JOIN repositories r ON r.id = a.repository_id \
                 WHERE a.digest = $1 AND r.project_id = $2";
    let found = sql::count(on, count, [digest.as_str().into(), project_id.into()]).await?;
    Ok(if found == holds { sql::size(size) } else { 0 })
}

/// A repository's project, and the bytes that go from it with the repository; `None` where nothing is in that repository.
pub(crate) async fn of_repository<C: ConnectionTrait>(
    on: &C,
    name: &RepositoryName,
) -> Result<Option<(i64, i64)>, Error> {
    let select = "SELECT project_id FROM repositories WHERE name = $1 UNION SELECT project_id FROM held_blobs WHERE repository = $1";
    let Some(row) = sql::one(on, select, [name.as_str().into()]).await? else {
        return Ok(None);
    };
    let project_id: i64 = sql::get(&row, "project_id")?;
    let row = sql::one(on, ALONE, [name.as_str().into(), project_id.into()]).await?;
    row.map(|row| Ok((project_id, sql::get(&row, "bytes")?)))
        .transpose()
}

const ALONE: &str = "SELECT \
    COALESCE((SELECT CAST(SUM(h.size) AS BIGINT) FROM held_blobs h WHERE h.repository = $1 \
    AND NOT EXISTS (SELECT 1 FROM held_blobs o WHERE o.project_id = $2 AND o.digest = h.digest AND o.repository <> $1)), 0) \
    + COALESCE((SELECT CAST(SUM(a.manifest_size) AS BIGINT) FROM artifacts a JOIN repositories r ON r.id = a.repository_id \
    WHERE r.name = $1 AND NOT EXISTS (SELECT 1 FROM artifacts o JOIN repositories other ON other.id = o.repository_id \
    WHERE o.digest = a.digest AND other.project_id = $2 AND other.name <> $1)), 0) AS bytes";

/// Nobody else counts for the project until this transaction has ended. SQLite has one writer at a time anyway.
async fn take_turn<C: ConnectionTrait>(on: &C, project_id: i64) -> Result<(), Error> {
    if on.get_database_backend() == DbBackend::Postgres {
        let lock = "SELECT 1 FROM quotas WHERE project_id = $1 FOR UPDATE";
        sql::one(on, lock, [project_id.into()]).await?;
    }
    Ok(())
}

/// Counts bytes in, or out.
pub(crate) async fn add<C: ConnectionTrait>(
    on: &C,
    project_id: i64,
    bytes: i64,
) -> Result<(), Error> {
    if bytes == 0 {
        return Ok(());
    }
    let update = "UPDATE quotas SET used_bytes = CASE WHEN used_bytes + $2 < 0 THEN 0 ELSE used_bytes + $2 END \
                  WHERE project_id = $1";
    sql::execute(on, update, [project_id.into(), bytes.into()]).await?;
    Ok(())
}

/// Counts bytes in that a push brings: not more than the project may hold. A proxy cache makes room instead, afterwards.
pub(crate) async fn charge<C: ConnectionTrait>(
    on: &C,
    project_id: i64,
    bytes: i64,
) -> Result<(), Error> {
    if bytes > 0 {
        let select = "SELECT q.used_bytes, q.limit_bytes FROM quotas q JOIN projects p ON p.id = q.project_id \
                      WHERE q.project_id = $1 AND p.upstream_id IS NULL AND q.used_bytes + $2 > q.limit_bytes \
                      AND NOT EXISTS (SELECT 1 FROM settings s WHERE s.key = 'quota_per_project_enable' AND s.value = 'false')";
        if let Some(row) = sql::one(on, select, [project_id.into(), bytes.into()]).await? {
            return Err(Error::OverQuota {
                adding_bytes: bytes.unsigned_abs(),
                used_bytes: sql::get_size(&row, "used_bytes")?,
                limit_bytes: sql::get_size(&row, "limit_bytes")?,
            });
        }
    }
    add(on, project_id, bytes).await
}
