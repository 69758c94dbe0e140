//! Which blobs a repository may serve. A digest is not a right to its bytes: a repository must hold the blob
//! (it was pushed, mounted or filled there) or have a manifest that names it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use oci::{Digest, RepositoryName};

use crate::cache::{Forget, digest_key};
use crate::db::Write;
use crate::sql::Growing;
use crate::{Db, Error, Visibility, sql, usage};

/// What a repository may do with a blob.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlobRight {
    /// It was pushed, mounted or filled here: serve it.
    Held {
        /// The count of its bytes.
        size: u64,
    },
    /// A manifest stored here names it: its upstream may be asked.
    Named {
        /// The count of its bytes, as that manifest says.
        size: u64,
    },
    /// Nothing here knows it.
    None,
}

impl Db {
    /// Makes the repository a holder of the blob, whose bytes are safe. Makes no repository row.
    pub async fn link_blob(
        &self,
        repository: &RepositoryName,
        project_id: i64,
        digest: &Digest,
        size: u64,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let blobs = [(digest.clone(), size)];
        self.link_blobs(repository, project_id, &blobs, now).await
    }

    /// The same for several, with their sizes, all or none.
    pub async fn link_blobs(
        &self,
        repository: &RepositoryName,
        project_id: i64,
        blobs: &[(Digest, u64)],
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        // One row a blob, in one order: two that link the same blobs then wait for each other, and not in a ring.
        let blobs: BTreeMap<&str, (&Digest, u64)> = blobs
            .iter()
            .map(|(digest, size)| (digest.as_str(), (digest, *size)))
            .collect();
        let blobs: Vec<(&Digest, u64)> = blobs.into_values().collect();
        let mut write = self.write().await?;
        let mut is_new: Vec<(Digest, u64)> = Vec::new();
        let mut left = blobs.clone();
        // Once, but where a hold is dropped in between.
        while !left.is_empty() {
            let inserted = insert_holds(&write, repository, project_id, &left, now).await?;
            left.retain(|(digest, size)| {
                let inserted = inserted.contains(*digest);
                if inserted {
                    is_new.push(((*digest).clone(), *size));
                }
                !inserted
            });
            let touched = touch_holds(&write, repository, &left, now).await?;
            left.retain(|(digest, _)| !touched.contains(*digest));
        }
        for (digest, _) in blobs {
            write.forget(Forget::Right(digest_key(repository, digest)));
        }
        let bytes = usage::of_blobs(write.sql(), project_id, &is_new, 1).await?;
        usage::charge(write.sql(), project_id, bytes).await?;
        write.commit().await
    }

    /// The repository no longer holds the blob; whether it did.
    pub async fn unlink_blob(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<bool, Error> {
        let mut write = self.write().await?;
        let delete = "DELETE FROM held_blobs WHERE repository = $1 AND digest = $2 RETURNING project_id, size";
        let values = [repository.as_str().into(), digest.as_str().into()];
        let Some(row) = sql::one(write.sql(), delete, values).await? else {
            return Ok(false);
        };
        let project_id = sql::get(&row, "project_id")?;
        let blobs = [(digest.clone(), sql::get_size(&row, "size")?)];
        let bytes = usage::of_blobs(write.sql(), project_id, &blobs, 0).await?;
        usage::add(write.sql(), project_id, -bytes).await?;
        write.forget(Forget::Right(digest_key(repository, digest)));
        write.commit().await?;
        Ok(true)
    }

    /// What the repository may do with the blob; answered from memory.
    pub async fn blob_right(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<BlobRight, Error> {
        let load = async {
            let select = "SELECT (SELECT h.size FROM held_blobs h WHERE h.repository = $1 AND h.digest = $2) AS held, \
                          (SELECT d.size FROM descriptors d WHERE d.digest = $2 AND NOT d.is_child \
                           AND d.repository_id = (SELECT r.id FROM repositories r WHERE r.name = $1) LIMIT 1) AS named";
            let row = sql::one(
                self.read(),
                select,
                [repository.as_str().into(), digest.as_str().into()],
            )
            .await?;
            let Some(row) = row else { return Ok(None) };
            let size = |column| {
                Ok::<_, Error>(sql::get::<Option<i64>>(&row, column)?.map(i64::unsigned_abs))
            };
            let held = size("held")?.map(|size| BlobRight::Held { size });
            let named = size("named")?.map(|size| BlobRight::Named { size });
            Ok(held.or(named))
        };
        let found = self
            .hot
            .rights
            .get_or_load(&digest_key(repository, digest), load)
            .await?;
        Ok(found.unwrap_or(BlobRight::None))
    }

    /// Whether a repository of some project on that upstream holds the blob, and got it from the upstream as it is now:
    /// what came with another credential is no sign that this one would get it.
    pub async fn is_blob_from_upstream(
        &self,
        digest: &Digest,
        upstream_id: i64,
    ) -> Result<bool, Error> {
        let select = "SELECT COUNT(*) FROM (SELECT 1 FROM held_blobs h JOIN projects p ON p.id = h.project_id \
                      JOIN upstreams u ON u.id = p.upstream_id \
                      WHERE h.digest = $1 AND u.id = $2 AND h.held_at >= u.trusted_since LIMIT 1) AS h";
        Ok(sql::count(
            self.read(),
            select,
            [digest.as_str().into(), upstream_id.into()],
        )
        .await?
            > 0)
    }

    /// A repository that holds the blob, in a project these eyes see: what an anonymous mount mounts from.
    pub async fn find_blob_holder(
        &self,
        digest: &Digest,
        visible_to: Visibility,
    ) -> Result<Option<String>, Error> {
        let tables = "SELECT h.repository FROM held_blobs h JOIN projects p ON p.id = h.project_id WHERE h.digest = ";
        let mut select = Growing::new(tables);
        select.bind(digest.as_str());
        visible_to.push(&mut select);
        select.push(" ORDER BY h.repository LIMIT 1");
        select
            .all(self.read())
            .await?
            .first()
            .map(|row| sql::get(row, "repository"))
            .transpose()
    }
}

/// Holds what the repository does not hold yet; what that was.
async fn insert_holds(
    write: &Write,
    repository: &RepositoryName,
    project_id: i64,
    blobs: &[(&Digest, u64)],
    now: DateTime<Utc>,
) -> Result<BTreeSet<Digest>, Error> {
    let mut inserted = BTreeSet::new();
    for chunk in blobs.chunks(sql::CHUNK) {
        let mut insert = Growing::new(
            "INSERT INTO held_blobs (repository, digest, project_id, size, held_at) VALUES ",
        );
        let rows = chunk.iter().map(|(digest, size)| {
            [
                repository.as_str().into(),
                digest.as_str().into(),
                project_id.into(),
                sql::size(*size).into(),
                sql::micros(now).into(),
            ]
        });
        insert
            .bind_rows(rows)
            .push(" ON CONFLICT (repository, digest) DO NOTHING RETURNING digest");
        let rows = insert.all(write.sql()).await;
        for row in rows.map_err(|error| error.or_missing("project"))? {
            inserted.insert(sql::get_digest(&row, "digest")?);
        }
    }
    Ok(inserted)
}

/// Held again is held since now: a push that found the blob here must find it when its manifest comes. Gives what is held.
async fn touch_holds(
    write: &Write,
    repository: &RepositoryName,
    blobs: &[(&Digest, u64)],
    now: DateTime<Utc>,
) -> Result<BTreeSet<Digest>, Error> {
    let mut touched = BTreeSet::new();
    for chunk in blobs.chunks(sql::CHUNK) {
        let mut update = Growing::new("UPDATE held_blobs SET held_at = ");
        update
            .bind(sql::micros(now))
            .push(" WHERE repository = ")
            .bind(repository.as_str())
            .push(" AND digest IN ")
            .bind_all(chunk.iter().map(|(digest, _)| digest.as_str()))
            .push(" RETURNING digest");
        for row in update.all(write.sql()).await? {
            touched.insert(sql::get_digest(&row, "digest")?);
        }
    }
    Ok(touched)
}
