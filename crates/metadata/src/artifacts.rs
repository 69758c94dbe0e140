//! Artifacts: stored manifests, with what they point at. Recorded here; deleted in [`crate::deletion`], read for people in
//! [`crate::listing`].

use chrono::{DateTime, Utc};
use oci::{Descriptor, Digest, Manifest, ManifestKind, RepositoryName, Tag};

use sea_orm::{ConnectionTrait, QueryResult};

use crate::cache::{Forget, digest_key, tag_key};
use crate::sql::Growing;
use crate::types::{ArtifactType, about_by_tag, accessory_kind};
use crate::{Db, Error, descriptors, listed, sql, usage};

/// What a pull needs to know of a stored manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestRow {
    /// Its number.
    pub artifact_id: i64,
    /// Its name.
    pub digest: Digest,
    /// The type it came as.
    pub media_type: String,
    /// The count of its bytes.
    pub size: u64,
}

/// A manifest whose bytes are safe, to be made a fact.
#[derive(Clone, Copy, Debug)]
pub struct RecordManifest<'a> {
    /// Where it is.
    pub repository: &'a RepositoryName,
    /// The project of that repository.
    pub project_id: i64,
    /// The manifest.
    pub manifest: &'a Manifest,
    /// The tag it has from now on.
    pub tag: Option<&'a Tag>,
    /// Whether that tag must not be moved: it may be new, or point there already.
    pub is_tag_fixed: bool,
    /// When.
    pub now: DateTime<Utc>,
}

/// What recording changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The artifact's number.
    pub artifact_id: i64,
    /// Whether the repository did not have it before.
    pub is_new: bool,
    /// What the tag pointed at before, where that is something else.
    pub moved_from: Option<Digest>,
}

impl Db {
    /// Records the manifest, its repository, its descriptors and its tag in one transaction.
    /// Where nothing changes, nothing is written but (later) that the tag was checked. [`Error::TagKept`] where the tag
    /// would have to move and must not.
    pub async fn record_manifest(&self, record: RecordManifest<'_>) -> Result<Recorded, Error> {
        if let Some(recorded) = self.find_recorded(&record).await? {
            if let Some(tag) = record.tag {
                self.note_checked(record.repository, tag, record.now);
            }
            return Ok(recorded);
        }
        let now = sql::micros(record.now);
        let mut write = self.write().await?;
        let repository_id = ensure_repository(write.sql(), &record).await?;
        listed::hold(write.sql(), repository_id, now).await?;
        let (artifact_id, is_new) = ensure_artifact(write.sql(), &record, repository_id).await?;
        let digest = record.manifest.digest();
        let mut changed = vec![artifact_id];
        if is_new {
            descriptors::put(write.sql(), artifact_id, repository_id, record.manifest).await?;
            for blob in record.manifest.blobs() {
                write.forget(Forget::Right(digest_key(record.repository, &blob.digest)));
            }
            changed
                .extend(listed::neighbours(write.sql(), repository_id, artifact_id, digest).await?);
        }
        // Also where it was there: its type may be another.
        write.forget(Forget::Manifest(digest_key(record.repository, digest)));
        let mut moved_from = None;
        if let Some(tag) = record.tag {
            let previous = "SELECT a.id, a.digest FROM tags t JOIN artifacts a ON a.id = t.artifact_id \
                            WHERE t.repository_id = $1 AND t.name = $2 AND t.artifact_id <> $3";
            let values = [
                repository_id.into(),
                tag.as_str().into(),
                artifact_id.into(),
            ];
            if let Some(row) = sql::one(write.sql(), previous, values).await? {
                if record.is_tag_fixed {
                    let tag = tag.to_string();
                    return Err(Error::TagKept { tag });
                }
                changed.push(sql::get(&row, "id")?);
                moved_from = Some(sql::get_digest(&row, "digest")?);
            }
            put_tag(write.sql(), repository_id, tag, artifact_id, now).await?;
            write.forget(Forget::Tag(tag_key(record.repository, tag)));
        }
        listed::settle(write.sql(), repository_id, &changed, 0).await?;
        if is_new {
            let size = record.manifest.bytes().len() as u64;
            let bytes = usage::of_manifest(write.sql(), record.project_id, digest, size, 1).await?;
            usage::charge(write.sql(), record.project_id, bytes).await?;
        }
        write.commit().await?;
        Ok(Recorded {
            artifact_id,
            is_new,
            moved_from,
        })
    }

    /// The manifest of that digest in that repository; answered from memory.
    pub async fn find_manifest(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<ManifestRow>, Error> {
        let load = async {
            let select = "SELECT a.id, a.digest, a.media_type, a.manifest_size FROM repositories r \
                          JOIN artifacts a ON a.repository_id = r.id WHERE r.name = $1 AND a.digest = $2";
            let row = sql::one(
                self.read(),
                select,
                [repository.as_str().into(), digest.as_str().into()],
            )
            .await?;
            row.as_ref().map(manifest_row).transpose()
        };
        self.hot
            .manifests
            .get_or_load(&digest_key(repository, digest), load)
            .await
    }

    /// Keeps what the image's configuration says, once its blob is known.
    pub async fn set_artifact_config(
        &self,
        artifact_id: i64,
        config: serde_json::Value,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let update = "UPDATE artifacts SET config = $2 WHERE id = $1";
        sql::change(
            write.sql(),
            "artifact",
            update,
            [artifact_id.into(), config.to_string().into()],
        )
        .await?;
        write.commit().await
    }

    /// The indexes of the repository that have `digest` as a child.
    pub async fn find_parents(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<Digest>, Error> {
        let select = "SELECT DISTINCT a.digest FROM repositories r JOIN descriptors d ON d.repository_id = r.id \
                      JOIN artifacts a ON a.id = d.artifact_id \
                      WHERE r.name = $1 AND d.digest = $2 AND d.is_child ORDER BY a.digest";
        let rows = sql::all(
            self.read(),
            select,
            [repository.as_str().into(), digest.as_str().into()],
        )
        .await?;
        rows.iter()
            .map(|row| sql::get_digest(row, "digest"))
            .collect()
    }

    /// Pointers to the manifests of the repository whose subject is `subject` (distribution specification, "Listing Referrers").
    pub async fn referrers(
        &self,
        repository: &RepositoryName,
        subject: &Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>, Error> {
        let mut select = Growing::new(
            "SELECT a.digest, a.media_type, a.manifest_size, a.artifact_type, a.annotations FROM repositories r \
             JOIN artifacts a ON a.repository_id = r.id WHERE r.name = ",
        );
        // What is about it by a tag alone is no referrer.
        select
            .bind(repository.as_str())
            .push(" AND a.subject_digest IS NOT NULL AND a.about_digest = ")
            .bind(subject.as_str());
        if let Some(artifact_type) = artifact_type {
            select.push(" AND a.artifact_type = ").bind(artifact_type);
        }
        select.push(" ORDER BY a.id");
        select
            .all(self.read())
            .await?
            .iter()
            .map(referrer)
            .collect()
    }
}

impl Db {
    /// What recording would answer, where it would change nothing. From the database: what is in memory may be a few
    /// seconds old where other nodes write, and a push that was acknowledged must be a fact.
    async fn find_recorded(&self, record: &RecordManifest<'_>) -> Result<Option<Recorded>, Error> {
        let select = "SELECT a.id, a.media_type, t.artifact_id AS tagged FROM repositories r \
                      JOIN artifacts a ON a.repository_id = r.id \
                      LEFT JOIN tags t ON t.repository_id = r.id AND t.name = $3 WHERE r.name = $1 AND a.digest = $2";
        let manifest = record.manifest;
        let tag = record.tag.map(Tag::as_str);
        let values = [
            record.repository.as_str().into(),
            manifest.digest().as_str().into(),
            tag.into(),
        ];
        let Some(row) = sql::one(self.read(), select, values).await? else {
            return Ok(None);
        };
        let artifact_id: i64 = sql::get(&row, "id")?;
        let is_same = sql::get::<String>(&row, "media_type")? == manifest.media_type()
            && (tag.is_none() || sql::get::<Option<i64>>(&row, "tagged")? == Some(artifact_id));
        Ok(is_same.then_some(Recorded {
            artifact_id,
            is_new: false,
            moved_from: None,
        }))
    }
}

/// The repository's number; its row is made where there is none.
async fn ensure_repository<C: ConnectionTrait>(
    on: &C,
    record: &RecordManifest<'_>,
) -> Result<i64, Error> {
    let name = record.repository.as_str();
    let select = "SELECT id FROM repositories WHERE name = $1";
    if let Some(row) = sql::one(on, select, [name.into()]).await? {
        return sql::get(&row, "id");
    }
    // A conflict is another writer's at this very moment, whose row is there once it has been waited for.
    let insert = "INSERT INTO repositories (project_id, name, description, pull_count, created_at, updated_at) \
                  VALUES ($1, $2, '', 0, $3, $3) ON CONFLICT (name) DO NOTHING RETURNING id";
    let values = [
        record.project_id.into(),
        name.into(),
        sql::micros(record.now).into(),
    ];
    let inserted = sql::one(on, insert, values)
        .await
        .map_err(|error| error.or_missing("project"))?;
    let row = match inserted {
        Some(row) => Some(row),
        None => sql::one(on, select, [name.into()]).await?,
    };
    sql::get(&row.ok_or(Error::NotFound { what: "repository" })?, "id")
}

/// The artifact's number, and whether it came with this call.
async fn ensure_artifact<C: ConnectionTrait>(
    on: &C,
    record: &RecordManifest<'_>,
    repository_id: i64,
) -> Result<(i64, bool), Error> {
    let manifest = record.manifest;
    let (digest, media_type) = (manifest.digest().as_str(), manifest.media_type());
    let type_id = ArtifactType::of(manifest).ensure(on).await?;
    let update = "UPDATE artifacts SET media_type = $3, type_id = $4 WHERE repository_id = $1 AND digest = $2 RETURNING id";
    let known = || {
        [
            repository_id.into(),
            digest.into(),
            media_type.into(),
            type_id.into(),
        ]
    };
    if let Some(row) = sql::one(on, update, known()).await? {
        return Ok((sql::get(&row, "id")?, false));
    }
    let config_media_type = match manifest.kind() {
        ManifestKind::Image { config, .. } => Some(config.media_type.as_str()),
        ManifestKind::Index { .. } | ManifestKind::Opaque => None,
    };
    let manifest_size = manifest.bytes().len() as u64;
    let size = manifest
        .blobs()
        .fold(manifest_size, |sum, blob| sum.saturating_add(blob.size));
    let insert = "INSERT INTO artifacts (repository_id, digest, media_type, config_media_type, artifact_type, size, \
                  manifest_size, subject_digest, annotations, pushed_at, project_id, type_id, about_digest, about_kind) \
                  VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $8, $13) \
                  ON CONFLICT (repository_id, digest) DO NOTHING RETURNING id";
    let subject = manifest.subject().map(|subject| subject.digest.as_str());
    let values = [
        repository_id.into(),
        digest.into(),
        media_type.into(),
        config_media_type.into(),
        manifest.artifact_type().into(),
        sql::size(size).into(),
        sql::size(manifest_size).into(),
        subject.into(),
        sql::json_map(manifest.annotations())?.into(),
        sql::micros(record.now).into(),
        record.project_id.into(),
        type_id.into(),
        subject
            .map(|_| accessory_kind(manifest.artifact_type()))
            .into(),
    ];
    if let Some(row) = sql::one(on, insert, values).await? {
        return Ok((sql::get(&row, "id")?, true));
    }
    // Another node was first, at this very moment.
    let row = sql::one(on, update, known()).await?;
    let row = row.ok_or(Error::NotFound { what: "artifact" })?;
    Ok((sql::get(&row, "id")?, false))
}

/// Points the tag at the artifact. A tag of cosign's scheme says what that is about.
async fn put_tag<C: ConnectionTrait>(
    on: &C,
    repository_id: i64,
    tag: &Tag,
    artifact_id: i64,
    now: i64,
) -> Result<(), Error> {
    let upsert = "INSERT INTO tags (repository_id, name, artifact_id, pushed_at, checked_at) VALUES ($1, $2, $3, $4, $4) \
                  ON CONFLICT (repository_id, name) DO UPDATE \
                  SET artifact_id = excluded.artifact_id, pushed_at = excluded.pushed_at, checked_at = excluded.checked_at";
    let values = [
        repository_id.into(),
        tag.as_str().into(),
        artifact_id.into(),
        now.into(),
    ];
    let put = sql::execute(on, upsert, values).await;
    put.map_err(|error| error.or_missing("manifest"))?;
    match about_by_tag(tag.as_str()) {
        Some((about, kind)) => listed::set_about(on, artifact_id, &about, kind).await,
        None => Ok(()),
    }
}

fn manifest_row(row: &QueryResult) -> Result<ManifestRow, Error> {
    Ok(ManifestRow {
        artifact_id: sql::get(row, "id")?,
        digest: sql::get_digest(row, "digest")?,
        media_type: sql::get(row, "media_type")?,
        size: sql::get_size(row, "manifest_size")?,
    })
}

fn referrer(row: &QueryResult) -> Result<Descriptor, Error> {
    Ok(Descriptor {
        media_type: sql::get(row, "media_type")?,
        digest: sql::get_digest(row, "digest")?,
        size: sql::get_size(row, "manifest_size")?,
        platform: None,
        artifact_type: sql::get(row, "artifact_type")?,
        annotations: sql::get_json(row, "annotations")?,
        urls: None,
    })
}
