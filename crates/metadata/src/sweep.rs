//! What the janitor asks: which stored bytes nothing names, which holds nothing names.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oci::Digest;
use sea_orm::QueryResult;

use crate::cache::{Forget, digest_key};
use crate::sql::Growing;
use crate::{Db, Error, sql, usage};

impl Db {
    /// Those of `digests` that no repository holds, has as a manifest, or names in one.
    pub async fn unreferenced_blobs(&self, digests: &[Digest]) -> Result<Vec<Digest>, Error> {
        let mut unreferenced = Vec::new();
        for chunk in digests.chunks(sql::CHUNK) {
            let mut select = Growing::new("SELECT v.column1 AS digest FROM (VALUES ");
            select.bind_rows(chunk.iter().map(|digest| [digest.as_str().into()])).push(
                ") AS v WHERE NOT EXISTS (SELECT 1 FROM held_blobs h WHERE h.digest = v.column1) \
                 AND NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = v.column1) \
                 AND NOT EXISTS (SELECT 1 FROM descriptors d WHERE d.digest = v.column1)",
            );
            for row in select.all(self.read()).await? {
                unreferenced.push(sql::get_digest(&row, "digest")?);
            }
        }
        Ok(unreferenced)
    }

    /// Those of `digests` that would be unreferenced once holds older than `older_than` that nothing names are dropped.
    pub async fn unreferenced_blobs_without_holds(
        &self,
        digests: &[Digest],
        older_than: DateTime<Utc>,
    ) -> Result<Vec<Digest>, Error> {
        let mut unreferenced = Vec::new();
        for chunk in digests.chunks(sql::CHUNK) {
            let mut select = Growing::new("SELECT v.column1 AS digest FROM (VALUES ");
            select
                .bind_rows(chunk.iter().map(|digest| [digest.as_str().into()]))
                .push(") AS v WHERE NOT EXISTS (SELECT 1 FROM held_blobs h WHERE h.digest = v.column1 AND h.held_at >= ")
                .bind(sql::micros(older_than))
                .push(
                    ") AND NOT EXISTS (SELECT 1 FROM artifacts a WHERE a.digest = v.column1) \
                     AND NOT EXISTS (SELECT 1 FROM descriptors d WHERE d.digest = v.column1)",
                );
            for row in select.all(self.read()).await? {
                unreferenced.push(sql::get_digest(&row, "digest")?);
            }
        }
        Ok(unreferenced)
    }

    /// The holds older than `older_than` that no manifest of their repository names: pushes that were never completed,
    /// manifests since deleted. At most a hundred thousand of them.
    pub async fn unnamed_holds(&self, older_than: DateTime<Utc>) -> Result<Vec<Hold>, Error> {
        let select = format!(
            "SELECT repository, digest FROM held_blobs WHERE held_at < $1 AND {IS_UNNAMED} LIMIT {MAX_HOLDS}"
        );
        let rows = sql::all(self.read(), &select, [sql::micros(older_than).into()]).await?;
        rows.iter().map(hold).collect()
    }

    /// The same of one project's repositories.
    pub(crate) async fn unnamed_holds_of(
        &self,
        project_id: i64,
        older_than: DateTime<Utc>,
    ) -> Result<Vec<Hold>, Error> {
        let select = format!(
            "SELECT repository, digest FROM held_blobs WHERE project_id = $1 AND held_at < $2 AND {IS_UNNAMED} LIMIT {MAX_HOLDS}"
        );
        let values = [project_id.into(), sql::micros(older_than).into()];
        let rows = sql::all(self.read(), &select, values).await?;
        rows.iter().map(hold).collect()
    }

    /// Drops those of `holds` that are older than `older_than` still, and unnamed; how many. Nothing may come to rely on
    /// them meanwhile.
    pub async fn drop_unnamed_holds(
        &self,
        holds: &[Hold],
        older_than: DateTime<Utc>,
    ) -> Result<u64, Error> {
        let mut dropped = 0;
        for chunk in holds.chunks(sql::CHUNK) {
            let mut delete = Growing::new("DELETE FROM held_blobs WHERE held_at < ");
            delete
                .bind(sql::micros(older_than))
                .push(" AND ")
                .push(IS_UNNAMED)
                .push(" AND (repository, digest) IN (VALUES ");
            let rows = chunk
                .iter()
                .map(|hold| [hold.repository.as_str().into(), hold.digest.as_str().into()]);
            delete
                .bind_rows(rows)
                .push(") RETURNING repository, digest, project_id, size");
            let mut write = self.write().await?;
            let mut freed: BTreeMap<i64, Vec<(Digest, u64)>> = BTreeMap::new();
            for row in delete.all(write.sql()).await? {
                let Hold { repository, digest } = hold(&row)?;
                write.forget(Forget::Right(digest_key(repository, &digest)));
                let blob = (digest, sql::get_size(&row, "size")?);
                let project_id = sql::get(&row, "project_id")?;
                freed.entry(project_id).or_default().push(blob);
                dropped += 1;
            }
            for (project_id, blobs) in freed {
                let bytes = usage::of_blobs(write.sql(), project_id, &blobs, 0).await?;
                usage::add(write.sql(), project_id, -bytes).await?;
            }
            write.commit().await?;
        }
        Ok(dropped)
    }
}

/// That a repository holds a blob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    repository: String,
    digest: Digest,
}

impl Hold {
    pub(crate) fn into_digest(self) -> Digest {
        self.digest
    }
}

/// What is more waits for the next round.
const MAX_HOLDS: u32 = 100_000;

fn hold(row: &QueryResult) -> Result<Hold, Error> {
    Ok(Hold {
        repository: sql::get(row, "repository")?,
        digest: sql::get_digest(row, "digest")?,
    })
}

/// Of a row of `held_blobs`.
const IS_UNNAMED: &str = "NOT EXISTS (SELECT 1 FROM descriptors d JOIN repositories r ON r.id = d.repository_id \
     WHERE d.digest = held_blobs.digest AND r.name = held_blobs.repository)";
