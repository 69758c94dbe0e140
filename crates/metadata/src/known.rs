//! What is known here of a digest or of a project's tags, for those who decide what may be pulled through.

use oci::{Digest, Platform, RepositoryName};

use crate::sql::Growing;
use crate::{Db, Error, sql};

/// Rows looked at for one digest: more names than any image has.
const MAX_ROWS: i64 = 1000;

/// A tag held in a project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTag {
    /// The repository's full name.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// What it points at.
    pub digest: Digest,
    /// That manifest's type.
    pub media_type: String,
}

impl Db {
    /// The tags that name `digest` here, itself or an index it is a child of. `None` among them: an index without a
    /// tag names it, so not all its names are known. An empty list: nothing here names it.
    pub async fn names_of(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<Option<String>>, Error> {
        let mut select = Growing::new(
            "SELECT DISTINCT t.name, a.digest FROM repositories r JOIN artifacts a ON a.repository_id = r.id \
             LEFT JOIN tags t ON t.artifact_id = a.id WHERE r.name = ",
        );
        select
            .bind(repository.as_str())
            .push(" AND (a.digest = ")
            .bind(digest.as_str())
            .push(
                " OR a.id IN (SELECT d.artifact_id FROM descriptors d \
                 WHERE d.repository_id = r.id AND d.is_child AND d.digest = ",
            )
            .bind(digest.as_str())
            .push(")) ORDER BY t.name LIMIT ")
            .bind(MAX_ROWS);
        let mut names = Vec::new();
        for row in select.all(self.read()).await? {
            let name: Option<String> = sql::get(&row, "name")?;
            // Its own row without a tag says nothing: it may be a child, or asked for by digest alone.
            if name.is_some() || sql::get_digest(&row, "digest")? != *digest {
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The platforms that the indexes held here give to the manifest `digest`.
    pub async fn platforms_of(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Vec<Platform>, Error> {
        let select = "SELECT DISTINCT d.platform FROM repositories r JOIN descriptors d ON d.repository_id = r.id \
                      WHERE r.name = $1 AND d.digest = $2 AND d.is_child AND d.platform IS NOT NULL LIMIT $3";
        let values = [
            repository.as_str().into(),
            digest.as_str().into(),
            MAX_ROWS.into(),
        ];
        let rows = sql::all(self.read(), select, values).await?;
        let platforms = rows.iter().map(|row| sql::get_json(row, "platform"));
        let platforms: Result<Vec<Option<Platform>>, Error> = platforms.collect();
        Ok(platforms?.into_iter().flatten().collect())
    }

    /// The tags held in a project, by repository and name, at most `limit` of them after that repository and tag.
    pub async fn list_known_tags(
        &self,
        project_id: i64,
        after: Option<(&str, &str)>,
        limit: u64,
    ) -> Result<Vec<KnownTag>, Error> {
        let (repository, tag) = after.unwrap_or_default();
        let select = "SELECT r.name AS repository, t.name, a.digest, a.media_type FROM repositories r \
                      JOIN tags t ON t.repository_id = r.id JOIN artifacts a ON a.id = t.artifact_id \
                      WHERE r.project_id = $1 AND (r.name > $2 OR (r.name = $2 AND t.name > $3)) \
                      ORDER BY r.name, t.name LIMIT $4";
        let values = [
            project_id.into(),
            repository.into(),
            tag.into(),
            sql::size(limit).into(),
        ];
        let rows = sql::all(self.read(), select, values).await?;
        rows.iter()
            .map(|row| {
                Ok(KnownTag {
                    repository: sql::get(row, "repository")?,
                    tag: sql::get(row, "name")?,
                    digest: sql::get_digest(row, "digest")?,
                    media_type: sql::get(row, "media_type")?,
                })
            })
            .collect()
    }
}
