//! Tags: names that point at one artifact, and may move. Compared byte by byte.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, Utc};
use oci::{Digest, RepositoryName, Tag};

use sea_orm::QueryResult;

use crate::cache::{HotTag, tag_key};
use crate::sql::Growing;
use crate::{Db, Error, sql};

/// What a pull needs to know of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagEntry {
    /// The artifact it points at.
    pub artifact_id: i64,
    /// That manifest's digest.
    pub digest: Digest,
    /// That manifest's type.
    pub media_type: String,
    /// The count of that manifest's bytes.
    pub size: u64,
    /// When its upstream was last asked about it, or it was pushed.
    pub checked_at: DateTime<Utc>,
    /// Whether its upstream was another registry then, or was asked as somebody else: that answer is out of date.
    pub is_doubted: bool,
}

/// A tag as people list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagRow {
    /// Its number.
    pub id: i64,
    /// The repository it is in.
    pub repository_id: i64,
    /// The artifact it points at.
    pub artifact_id: i64,
    /// Its name.
    pub name: String,
    /// When it came to point there.
    pub pushed_at: DateTime<Utc>,
    /// When it was last pulled.
    pub pulled_at: Option<DateTime<Utc>>,
}

impl Db {
    /// Where the tag points; answered from memory.
    pub async fn find_tag(
        &self,
        repository: &RepositoryName,
        tag: &Tag,
    ) -> Result<Option<TagEntry>, Error> {
        let key = tag_key(repository, tag);
        if let Some(found) = self.hot.tags.peek(&key) {
            return found.read().map(Some);
        }
        // Notes are asked before the database and again after the entry is in memory: a note is in one of them at any time.
        let noted_before = self.notes.checked_at(&key);
        let load = async {
            let select = "SELECT t.artifact_id, a.digest, a.media_type, a.manifest_size, t.checked_at, u.trusted_since \
                          FROM repositories r JOIN tags t ON t.repository_id = r.id JOIN artifacts a ON a.id = t.artifact_id \
                          JOIN projects p ON p.id = r.project_id LEFT JOIN upstreams u ON u.id = p.upstream_id \
                          WHERE r.name = $1 AND t.name = $2";
            let row = sql::one(
                self.read(),
                select,
                [repository.as_str().into(), tag.as_str().into()],
            )
            .await?;
            row.as_ref().map(hot_tag).transpose()
        };
        let Some(found) = self.hot.tags.get_or_load(&key, load).await? else {
            return Ok(None);
        };
        for noted in [noted_before, self.notes.checked_at(&key)]
            .into_iter()
            .flatten()
        {
            found.checked_at_micros.fetch_max(noted, Ordering::Relaxed);
        }
        found.read().map(Some)
    }

    /// The repository's tags after `after`, byte by byte. Those of a repository that is not there are none.
    pub async fn list_tags(
        &self,
        repository: &RepositoryName,
        after: Option<&str>,
        limit: Option<u64>,
    ) -> Result<Vec<String>, Error> {
        let mut select = Growing::new(
            "SELECT t.name FROM repositories r JOIN tags t ON t.repository_id = r.id WHERE r.name = ",
        );
        select
            .bind(repository.as_str())
            .push(" AND t.name > ")
            .bind(after.unwrap_or_default())
            .push(" ORDER BY t.name");
        if let Some(limit) = limit {
            select.push(" LIMIT ").bind(sql::size(limit));
        }
        select
            .all(self.read())
            .await?
            .iter()
            .map(|row| sql::get(row, "name"))
            .collect()
    }
}

impl HotTag {
    fn read(&self) -> Result<TagEntry, Error> {
        let checked_at = self.checked_at_micros.load(Ordering::Relaxed);
        Ok(TagEntry {
            checked_at: sql::time(checked_at)?,
            is_doubted: checked_at < self.trusted_since_micros,
            ..self.entry.clone()
        })
    }
}

fn hot_tag(row: &QueryResult) -> Result<HotTag, Error> {
    let checked_at_micros = sql::get(row, "checked_at")?;
    let entry = TagEntry {
        artifact_id: sql::get(row, "artifact_id")?,
        digest: sql::get_digest(row, "digest")?,
        media_type: sql::get(row, "media_type")?,
        size: sql::get_size(row, "manifest_size")?,
        checked_at: sql::time(checked_at_micros)?,
        is_doubted: false,
    };
    Ok(HotTag {
        entry,
        checked_at_micros: Arc::new(AtomicI64::new(checked_at_micros)),
        trusted_since_micros: sql::get::<Option<i64>>(row, "trusted_since")?.unwrap_or(i64::MIN),
    })
}
