//! What goes with what: a tag by itself, an artifact with its tags and all that is about it, an index with the children
//! that nothing else needs. Whole repositories go in [`crate::repositories`].

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use oci::{Digest, RepositoryName, Tag};

use crate::cache::{Forget, digest_key, tag_key};
use crate::db::Write;
use crate::sql::Growing;
use crate::{Db, Error, listed, sql, usage};

/// Asked of each tag that a deletion would take, by name, whether it must stay.
pub type KeptTags<'a> = &'a (dyn Fn(&str) -> bool + Send + Sync);

/// No tag must stay.
pub const NONE_KEPT: KeptTags<'static> = &|_| false;

impl Db {
    /// Forgets a tag, not what it points at; whether it was there.
    pub async fn delete_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let mut write = self.write().await?;
        let Some(repository_id) = held_repository(&write, repository, now).await? else {
            return Ok(false);
        };
        let delete =
            "DELETE FROM tags WHERE repository_id = $1 AND name = $2 RETURNING artifact_id";
        let values = [repository_id.into(), tag.as_str().into()];
        let Some(row) = sql::one(write.sql(), delete, values).await? else {
            return Ok(false);
        };
        let artifact_id = sql::get(&row, "artifact_id")?;
        listed::settle(write.sql(), repository_id, &[artifact_id], 0).await?;
        write.forget(Forget::Tag(tag_key(repository, tag)));
        write.commit().await?;
        Ok(true)
    }

    /// Forgets an artifact of the repository, with its tags and with what is about it; whether it was there.
    /// [`Error::TagKept`] where a tag that must stay would go.
    pub async fn delete_artifact(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        kept: KeptTags<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let deleted = self.delete(repository, digest, Children::Stay, Holds::Stay, kept, now);
        Ok(deleted.await?.is_some())
    }

    /// The same, and with those children of an index that have no tag and that no other index has.
    pub async fn delete_artifact_and_children(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        kept: KeptTags<'_>,
        now: DateTime<Utc>,
    ) -> Result<bool, Error> {
        let deleted = self.delete(repository, digest, Children::Go, Holds::Stay, kept, now);
        Ok(deleted.await?.is_some())
    }

    /// The same for a cached artifact, and the repository holds no longer what nothing in it names then: nobody pushes to a
    /// proxy cache, so nobody counts on a hold without a manifest. Gives the digests that may be needed by nothing now;
    /// `None`: it was not there.
    pub async fn evict(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        kept: KeptTags<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<Vec<Digest>>, Error> {
        self.delete(repository, digest, Children::Go, Holds::Go, kept, now)
            .await
    }

    async fn delete(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
        children: Children,
        holds: Holds,
        kept: KeptTags<'_>,
        now: DateTime<Utc>,
    ) -> Result<Option<Vec<Digest>>, Error> {
        let mut write = self.write().await?;
        let Some(repository_id) = held_repository(&write, repository, now).await? else {
            return Ok(None);
        };
        let mut deleting = Deleting {
            write: &mut write,
            repository,
            repository_id,
            kept,
            left: BTreeSet::new(),
            gone: 0,
            manifests: Vec::new(),
            named: BTreeSet::new(),
        };
        let mut doomed = vec![digest.clone()];
        let mut is_known = false;
        while let Some(digest) = doomed.pop() {
            let Some(artifact_id) = deleting.find(&digest).await? else {
                continue;
            };
            is_known = true;
            doomed.extend(deleting.about(&digest).await?);
            let orphans = deleting.delete(artifact_id, &digest).await?;
            match children {
                Children::Go => doomed.extend(deleting.unneeded(&orphans).await?),
                Children::Stay => deleting.left.extend(orphans),
            }
        }
        if !is_known {
            return Ok(None);
        }
        let Deleting {
            left,
            gone,
            manifests,
            named,
            ..
        } = deleting;
        let left: Vec<i64> = left.into_iter().collect();
        listed::settle(write.sql(), repository_id, &left, gone).await?;
        let held = match holds {
            Holds::Stay => Vec::new(),
            Holds::Go => drop_holds(&mut write, repository, repository_id, &named).await?,
        };
        let project = "SELECT project_id FROM repositories WHERE id = $1";
        if let Some(row) = sql::one(write.sql(), project, [repository_id.into()]).await? {
            let project_id: i64 = sql::get(&row, "project_id")?;
            let mut freed = usage::of_blobs(write.sql(), project_id, &held, 0).await?;
            for (digest, size) in &manifests {
                freed += usage::of_manifest(write.sql(), project_id, digest, *size, 0).await?;
            }
            usage::add(write.sql(), project_id, -freed).await?;
        }
        write.commit().await?;
        let gone = manifests.into_iter().chain(held);
        Ok(Some(gone.map(|(digest, _)| digest).collect()))
    }
}

/// What becomes of an index's children.
#[derive(Clone, Copy)]
enum Children {
    Stay,
    Go,
}

/// What becomes of blobs that the repository holds and nothing in it names any more.
#[derive(Clone, Copy)]
enum Holds {
    Stay,
    Go,
}

/// A deletion in the middle of its transaction.
struct Deleting<'a> {
    write: &'a mut Write,
    repository: &'a RepositoryName,
    repository_id: i64,
    kept: KeptTags<'a>,
    /// Children that stay: by themselves from now on, perhaps.
    left: BTreeSet<i64>,
    /// How many that were listed are deleted.
    gone: i64,
    /// The deleted manifests, with their sizes.
    manifests: Vec<(Digest, u64)>,
    /// What they named.
    named: BTreeSet<Digest>,
}

impl Deleting<'_> {
    async fn find(&self, digest: &Digest) -> Result<Option<i64>, Error> {
        let select = "SELECT id FROM artifacts WHERE repository_id = $1 AND digest = $2";
        let values = [self.repository_id.into(), digest.as_str().into()];
        let row = sql::one(self.write.sql(), select, values).await?;
        row.map(|row| sql::get(&row, "id")).transpose()
    }

    /// Signatures and the like.
    async fn about(&self, digest: &Digest) -> Result<Vec<Digest>, Error> {
        let select = "SELECT digest FROM artifacts WHERE repository_id = $1 AND about_digest = $2";
        let values = [self.repository_id.into(), digest.as_str().into()];
        let rows = sql::all(self.write.sql(), select, values).await?;
        rows.iter()
            .map(|row| sql::get_digest(row, "digest"))
            .collect()
    }

    /// Deletes one artifact; gives the numbers of the children it leaves.
    async fn delete(&mut self, artifact_id: i64, digest: &Digest) -> Result<Vec<i64>, Error> {
        let children = listed::children(self.write.sql(), artifact_id).await?;
        let untag = "DELETE FROM tags WHERE artifact_id = $1 RETURNING name";
        for row in sql::all(self.write.sql(), untag, [artifact_id.into()]).await? {
            let name: String = sql::get(&row, "name")?;
            if (self.kept)(&name) {
                return Err(Error::TagKept { tag: name });
            }
            let tag: Tag = name.parse().map_err(|_| Error::Corrupt(name))?;
            self.write
                .forget(Forget::Tag(tag_key(self.repository, &tag)));
        }
        let unname = "DELETE FROM descriptors WHERE artifact_id = $1 RETURNING digest";
        for row in sql::all(self.write.sql(), unname, [artifact_id.into()]).await? {
            let named = sql::get_digest(&row, "digest")?;
            let key = digest_key(self.repository, &named);
            self.write.forget(Forget::Right(key));
            self.named.insert(named);
        }
        let delete = "DELETE FROM artifacts WHERE id = $1 RETURNING listed, manifest_size";
        if let Some(row) = sql::one(self.write.sql(), delete, [artifact_id.into()]).await? {
            self.gone += i64::from(sql::get::<i32>(&row, "listed")? > listed::HIDDEN);
            let size = sql::get_size(&row, "manifest_size")?;
            self.manifests.push((digest.clone(), size));
        }
        self.left.remove(&artifact_id);
        let key = digest_key(self.repository, digest);
        self.write.forget(Forget::Manifest(key));
        Ok(children)
    }

    /// Those of an index's former children that go with it; the others are noted.
    async fn unneeded(&mut self, children: &[i64]) -> Result<Vec<Digest>, Error> {
        let mut unneeded = Vec::new();
        for id in children {
            let select = "SELECT a.digest FROM artifacts a WHERE a.id = $1 \
                          AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.artifact_id = a.id) \
                          AND NOT EXISTS (SELECT 1 FROM descriptors d WHERE d.digest = a.digest \
                          AND d.repository_id = a.repository_id AND d.is_child)";
            match sql::one(self.write.sql(), select, [(*id).into()]).await? {
                Some(row) => unneeded.push(sql::get_digest(&row, "digest")?),
                None => drop(self.left.insert(*id)),
            }
        }
        Ok(unneeded)
    }
}

/// Lets go of those of `named` that the repository names no longer; what they were, with their sizes.
async fn drop_holds(
    write: &mut Write,
    repository: &RepositoryName,
    repository_id: i64,
    named: &BTreeSet<Digest>,
) -> Result<Vec<(Digest, u64)>, Error> {
    let mut dropped = Vec::new();
    let named: Vec<&Digest> = named.iter().collect();
    for chunk in named.chunks(sql::CHUNK) {
        let mut delete = Growing::new("DELETE FROM held_blobs WHERE repository = ");
        delete
            .bind(repository.as_str())
            .push(" AND digest IN ")
            .bind_all(chunk.iter().map(|digest| digest.as_str()))
            .push(
                " AND NOT EXISTS (SELECT 1 FROM descriptors d WHERE d.digest = held_blobs.digest AND d.repository_id = ",
            )
            .bind(repository_id)
            .push(") RETURNING digest, size");
        for row in delete.all(write.sql()).await? {
            let digest = sql::get_digest(&row, "digest")?;
            write.forget(Forget::Right(digest_key(repository, &digest)));
            dropped.push((digest, sql::get_size(&row, "size")?));
        }
    }
    Ok(dropped)
}

/// The repository's number, nobody else changing what it has; `None` where it is not there.
async fn held_repository(
    write: &Write,
    repository: &RepositoryName,
    now: DateTime<Utc>,
) -> Result<Option<i64>, Error> {
    let select = "SELECT id FROM repositories WHERE name = $1";
    let Some(row) = sql::one(write.sql(), select, [repository.as_str().into()]).await? else {
        return Ok(None);
    };
    let id = sql::get(&row, "id")?;
    match listed::hold(write.sql(), id, sql::micros(now)).await {
        Ok(()) => Ok(Some(id)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}
