//! What may go: artifacts as policies look at them, whole repositories at a time. Children of an index and signatures are not
//! looked at by themselves: they go with what they belong to.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oci::{Digest, RepositoryName};
use sea_orm::QueryResult;

use crate::listed::{IS_LISTED, IS_UNTAGGED};
use crate::{Db, Error, sql};

/// An artifact that people list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its number.
    pub id: i64,
    /// What it is called.
    pub digest: Digest,
    /// Its tags.
    pub tags: Vec<String>,
    /// When it was pushed, or filled.
    pub pushed_at: DateTime<Utc>,
    /// When it, or a child of it, was last pulled.
    pub pulled_at: Option<DateTime<Utc>>,
}

/// How often an artifact was pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Warmth {
    /// Once, as when many are looked at in a row and never again.
    Once,
    /// More often.
    Again,
}

impl Warmth {
    fn condition(self) -> &'static str {
        match self {
            Self::Once => "a.pulls <= 1",
            Self::Again => "a.pulls > 1",
        }
    }
}

/// An artifact, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located {
    /// Its number.
    pub id: i64,
    /// Its repository.
    pub repository: RepositoryName,
    /// What it is called.
    pub digest: Digest,
}

impl Db {
    /// The names of a project's repositories.
    pub async fn repository_names(&self, project_id: i64) -> Result<Vec<RepositoryName>, Error> {
        let select = "SELECT name FROM repositories WHERE project_id = $1 ORDER BY name";
        let rows = sql::all(self.read(), select, [project_id.into()]).await?;
        rows.iter()
            .map(|row| name(&sql::get::<String>(row, "name")?))
            .collect()
    }

    /// What a repository lists, with its tags.
    pub async fn candidates(&self, repository: &RepositoryName) -> Result<Vec<Candidate>, Error> {
        let values = || [repository.as_str().into()];
        // Tags first: one that is put meanwhile is on an artifact that is not looked at, or looks as if it had none. Whoever
        // deletes asks again.
        let select = "SELECT t.artifact_id, t.name FROM tags t JOIN repositories r ON r.id = t.repository_id WHERE r.name = $1";
        let mut tags: BTreeMap<i64, Vec<String>> = BTreeMap::new();
        for row in sql::all(self.read(), select, values()).await? {
            let artifact_id = sql::get(&row, "artifact_id")?;
            let tagged = tags.entry(artifact_id).or_default();
            tagged.push(sql::get(&row, "name")?);
        }
        let select = format!(
            "SELECT a.id, a.digest, a.pushed_at, a.pulled_at FROM artifacts a JOIN repositories r ON r.id = a.repository_id \
             WHERE r.name = $1 AND {IS_LISTED} ORDER BY a.id"
        );
        let rows = sql::all(self.read(), &select, values()).await?;
        rows.iter()
            .map(|row| {
                let id = sql::get(row, "id")?;
                Ok(Candidate {
                    id,
                    digest: sql::get_digest(row, "digest")?,
                    tags: tags.remove(&id).unwrap_or_default(),
                    pushed_at: sql::get_time(row, "pushed_at")?,
                    pulled_at: sql::get_optional_time(row, "pulled_at")?,
                })
            })
            .collect()
    }

    /// What a proxy cache would miss least: of those artifacts that were pulled once, or of those that were pulled again, the
    /// ones that were pulled longest ago; those after the first `skip` of them.
    pub async fn coldest(
        &self,
        project_id: i64,
        warmth: Warmth,
        skip: u64,
        limit: u64,
    ) -> Result<Vec<Located>, Error> {
        let select = format!(
            "SELECT a.id, a.digest, r.name FROM artifacts a JOIN repositories r ON r.id = a.repository_id \
             WHERE a.project_id = $1 AND {IS_LISTED} AND {} ORDER BY COALESCE(a.pulled_at, a.pushed_at), a.id LIMIT $2 OFFSET $3",
            warmth.condition()
        );
        let rows = sql::all(
            self.read(),
            &select,
            [
                project_id.into(),
                sql::size(limit).into(),
                sql::size(skip).into(),
            ],
        )
        .await?;
        rows.iter().map(located).collect()
    }

    /// What the artifacts of that warmth come to, each by itself: layers that they share are counted with each.
    pub async fn size_of(&self, project_id: i64, warmth: Warmth) -> Result<u64, Error> {
        let select = format!(
            "SELECT CAST(COALESCE(SUM(a.size), 0) AS BIGINT) FROM artifacts a WHERE a.project_id = $1 AND {IS_LISTED} AND {}",
            warmth.condition()
        );
        sql::count(self.read(), &select, [project_id.into()]).await
    }

    /// Lets go of what a proxy cache's repositories hold since before `before` and none of their manifests names: what was
    /// still pulled of artifacts that had to go. Gives the digests that may be needed by nothing now.
    pub async fn drop_unnamed_of_cache(
        &self,
        project_id: i64,
        before: DateTime<Utc>,
    ) -> Result<Vec<Digest>, Error> {
        let holds = self.unnamed_holds_of(project_id, before).await?;
        self.drop_unnamed_holds(&holds, before).await?;
        Ok(holds.into_iter().map(|hold| hold.into_digest()).collect())
    }

    /// Artifacts of hosted projects that have no tag and are older than `before`: those after a number, some at a time.
    pub async fn untagged_of_hosted(
        &self,
        before: DateTime<Utc>,
        after: i64,
        limit: u64,
    ) -> Result<Vec<Located>, Error> {
        let select = format!(
            "SELECT a.id, a.digest, r.name FROM artifacts a JOIN repositories r ON r.id = a.repository_id \
             JOIN projects p ON p.id = r.project_id WHERE p.upstream_id IS NULL AND {IS_UNTAGGED} \
             AND a.pushed_at < $1 AND a.id > $2 ORDER BY a.id LIMIT $3"
        );
        let values = [
            sql::micros(before).into(),
            after.into(),
            sql::size(limit).into(),
        ];
        let rows = sql::all(self.read(), &select, values).await?;
        rows.iter().map(located).collect()
    }
}

fn located(row: &QueryResult) -> Result<Located, Error> {
    Ok(Located {
        id: sql::get(row, "id")?,
        repository: name(&sql::get::<String>(row, "name")?)?,
        digest: sql::get_digest(row, "digest")?,
    })
}

fn name(text: &str) -> Result<RepositoryName, Error> {
    text.parse().map_err(|_| Error::Corrupt(text.to_owned()))
}
