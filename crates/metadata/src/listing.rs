//! Artifacts as people list them: with tags, children, accessories, labels and sizes. What `q=` means for them is
//! [`filter`], what is added to each is [`details`].

mod details;
mod filter;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oci::{Digest, Platform, RepositoryName, media_type};
use sea_orm::QueryResult;

use crate::labels::Label;
use crate::select::{Choice, Column, Kind, List};
use crate::sql::Growing;
use crate::{Db, Error, Page, Paged, TagRow, repositories, sql};

/// An artifact with all that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Artifact {
    /// Its number, never given twice.
    pub id: i64,
    /// The repository it is in.
    pub repository_id: i64,
    /// The project that is in.
    pub project_id: i64,
    /// The repository's full name.
    pub repository: String,
    /// The manifest's digest.
    pub digest: Digest,
    /// Harbor's word for what it is: `IMAGE`, `CHART`, …
    pub kind: String,
    /// What is inside: the configuration's type, for an index its own.
    pub media_type: String,
    /// The manifest's type.
    pub manifest_media_type: String,
    /// The configuration's type, for an image.
    pub config_media_type: Option<String>,
    /// `artifactType`, or what is inside.
    pub artifact_type: String,
    /// Manifest, configuration and layers; for an index the manifest and the children held here.
    pub size: u64,
    /// The count of the manifest's own bytes.
    pub manifest_size: u64,
    /// Whether it points at other manifests.
    pub is_index: bool,
    /// Whether an index of this repository points at it.
    pub is_child: bool,
    /// What it is about, by its manifest or by a tag of cosign's scheme; perhaps not here.
    pub about: Option<Digest>,
    /// Free text by key.
    pub annotations: BTreeMap<String, String>,
    /// When it came.
    pub pushed_at: DateTime<Utc>,
    /// When it was last pulled.
    pub pulled_at: Option<DateTime<Utc>>,
    /// The children of an index, in their order.
    pub references: Vec<ArtifactReference>,
    /// Its tags, the newest first.
    pub tags: Vec<TagRow>,
    /// Artifacts of this repository that are about it.
    pub accessories: Vec<Accessory>,
    /// The labels it has, by name.
    pub labels: Vec<Label>,
    /// What the image's configuration says, once known.
    pub config: Option<serde_json::Value>,
}

/// A child of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArtifactReference {
    /// The child's manifest.
    pub child_digest: Digest,
    /// The child's number, when it is held in this repository.
    pub child_id: Option<i64>,
    /// Where it runs.
    pub platform: Option<Platform>,
    /// Free text by key.
    pub annotations: BTreeMap<String, String>,
    /// Where else it may be fetched.
    pub urls: Vec<String>,
}

/// An artifact that is about another one: a signature, an SBOM, …
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accessory {
    /// Its number.
    pub artifact_id: i64,
    /// Its manifest.
    pub digest: Digest,
    /// Harbor's word for what it is: `signature.cosign`, …
    pub kind: String,
    /// Manifest, configuration and layers.
    pub size: u64,
    /// When it came.
    pub pushed_at: DateTime<Utc>,
}

impl Db {
    /// The artifact of that digest in that repository, whole.
    pub async fn find_artifact(
        &self,
        repository: &RepositoryName,
        digest: &Digest,
    ) -> Result<Option<Artifact>, Error> {
        let select = format!("SELECT {COLUMNS} FROM {TABLES} WHERE r.name = $1 AND a.digest = $2");
        let values = [repository.as_str().into(), digest.as_str().into()];
        let Some(row) = sql::one(self.read(), &select, values).await? else {
            return Ok(None);
        };
        let mut found = [artifact(&row)?];
        details::add(self.read(), &mut found).await?;
        Ok(found.into_iter().next())
    }

    /// A page of the repository's artifacts, the newest first unless sorted otherwise: those that are tagged or
    /// no child of an index (`q=base=*`: children too), without those that are about another one.
    /// Those of a repository that is not there are none.
    pub async fn list_artifacts(
        &self,
        repository: &RepositoryName,
        page: &Page,
    ) -> Result<Paged<Artifact>, Error> {
        let found = repositories::find_number(self.read(), repository).await?;
        let Some((id, artifact_count)) = found else {
            return Ok(Paged {
                items: Vec::new(),
                total: 0,
            });
        };
        let within = filter::Within::Repository(id);
        let conditions = filter::conditions(within, page);
        self.page_of_artifacts(conditions, page, Some(artifact_count))
            .await
    }

    /// The same of all repositories of a project.
    pub async fn list_project_artifacts(
        &self,
        project_id: i64,
        page: &Page,
    ) -> Result<Paged<Artifact>, Error> {
        let select = "SELECT CAST(COALESCE(SUM(artifact_count), 0) AS BIGINT) FROM repositories WHERE project_id = $1";
        let total = sql::count(self.read(), select, [project_id.into()]).await?;
        let conditions = filter::conditions(filter::Within::Project(project_id), page);
        self.page_of_artifacts(conditions, page, Some(total)).await
    }

    /// Of each repository of a project the newest of those artifacts that the page's filter leaves.
    pub async fn list_latest_artifacts(
        &self,
        project_id: i64,
        page: &Page,
    ) -> Result<Paged<Artifact>, Error> {
        let conditions = filter::latest(project_id, page);
        self.page_of_artifacts(conditions, page, None).await
    }

    /// A page of an artifact's tags, the newest first unless sorted otherwise.
    pub async fn list_artifact_tags(
        &self,
        artifact_id: i64,
        page: &Page,
    ) -> Result<Paged<TagRow>, Error> {
        let mut conditions = Growing::new(" AND t.artifact_id = ");
        conditions.bind(artifact_id);
        let list = List {
            select: details::TAG_COLUMNS,
            from: "tags t",
            columns: TAGS_LISTED,
            order: "t.pushed_at DESC",
            id: "t.id",
        };
        list.page(self.read(), conditions, page)
            .await?
            .map(details::tag)
    }

    /// A page of what is about an artifact, the oldest first unless sorted otherwise.
    pub async fn list_accessories(
        &self,
        of: &Artifact,
        page: &Page,
    ) -> Result<Paged<Accessory>, Error> {
        let mut conditions = Growing::new(" AND a.repository_id = ");
        conditions
            .bind(of.repository_id)
            .push(" AND a.about_digest = ")
            .bind(of.digest.as_str());
        let list = List {
            select: details::ACCESSORY_COLUMNS,
            from: "artifacts a",
            columns: ACCESSORIES_LISTED,
            order: "a.pushed_at ASC",
            id: "a.id",
        };
        list.page(self.read(), conditions, page)
            .await?
            .map(details::accessory)
    }

    /// `total` is how many there are where the page's filter leaves them all.
    async fn page_of_artifacts(
        &self,
        conditions: Growing,
        page: &Page,
        total: Option<u64>,
    ) -> Result<Paged<Artifact>, Error> {
        let list = List {
            select: COLUMNS,
            from: TABLES,
            columns: LISTED,
            order: "a.pushed_at DESC",
            id: "a.id",
        };
        let choice = Choice {
            table: Some("artifacts a"),
            // What the specials say is among the conditions already.
            total: total.filter(|_| page.filter.is_empty()),
        };
        let page = filter::without_specials(page);
        let found = list.page_by(self.read(), &choice, conditions, &page);
        let found = found.await?;
        let mut artifacts = found.map(artifact)?;
        details::add(self.read(), &mut artifacts.items).await?;
        Ok(artifacts)
    }
}

const TABLES: &str = "artifacts a JOIN repositories r ON r.id = a.repository_id JOIN artifact_types y ON y.id = a.type_id";

const COLUMNS: &str = "a.id, a.repository_id, r.project_id, r.name AS repository, a.digest, a.media_type, \
     a.config_media_type, a.size, a.manifest_size, a.about_digest, a.annotations, a.config, a.pushed_at, a.pulled_at, \
     y.kind, y.media_type AS inside, y.artifact_type, EXISTS (SELECT 1 FROM descriptors d \
     WHERE d.digest = a.digest AND d.repository_id = a.repository_id AND d.is_child) AS is_child";

const LISTED: &[Column] = &[
    Column {
        keys: &["id"],
        sql: "a.id",
        kind: Kind::Number,
    },
    Column {
        keys: &["digest"],
        sql: "a.digest",
        kind: Kind::Text,
    },
    Column {
        keys: &["type"],
        sql: "(SELECT y.kind FROM artifact_types y WHERE y.id = a.type_id)",
        kind: Kind::Text,
    },
    Column {
        keys: &["size"],
        sql: "a.size",
        kind: Kind::Number,
    },
    Column {
        keys: &["push_time"],
        sql: "a.pushed_at",
        kind: Kind::Time,
    },
    Column {
        keys: &["pull_time"],
        sql: "a.pulled_at",
        kind: Kind::Time,
    },
];

const TAGS_LISTED: &[Column] = &[
    Column {
        keys: &["id"],
        sql: "t.id",
        kind: Kind::Number,
    },
    Column {
        keys: &["name"],
        sql: "t.name",
        kind: Kind::Text,
    },
    Column {
        keys: &["push_time"],
        sql: "t.pushed_at",
        kind: Kind::Time,
    },
    Column {
        keys: &["pull_time"],
        sql: "t.pulled_at",
        kind: Kind::Time,
    },
];

const ACCESSORIES_LISTED: &[Column] = &[
    Column {
        keys: &["id", "artifact_id"],
        sql: "a.id",
        kind: Kind::Number,
    },
    Column {
        keys: &["digest"],
        sql: "a.digest",
        kind: Kind::Text,
    },
    Column {
        keys: &["type"],
        sql: "a.about_kind",
        kind: Kind::Text,
    },
    Column {
        keys: &["size"],
        sql: "a.size",
        kind: Kind::Number,
    },
    Column {
        keys: &["creation_time"],
        sql: "a.pushed_at",
        kind: Kind::Time,
    },
];

fn artifact(row: &QueryResult) -> Result<Artifact, Error> {
    let manifest_media_type: String = sql::get(row, "media_type")?;
    Ok(Artifact {
        id: sql::get(row, "id")?,
        repository_id: sql::get(row, "repository_id")?,
        project_id: sql::get(row, "project_id")?,
        repository: sql::get(row, "repository")?,
        digest: sql::get_digest(row, "digest")?,
        kind: sql::get(row, "kind")?,
        media_type: sql::get(row, "inside")?,
        is_index: media_type::is_index(&manifest_media_type),
        manifest_media_type,
        config_media_type: sql::get(row, "config_media_type")?,
        artifact_type: sql::get(row, "artifact_type")?,
        size: sql::get_size(row, "size")?,
        manifest_size: sql::get_size(row, "manifest_size")?,
        is_child: sql::get(row, "is_child")?,
        about: sql::get_optional_digest(row, "about_digest")?,
        annotations: sql::get_json(row, "annotations")?.unwrap_or_default(),
        pushed_at: sql::get_time(row, "pushed_at")?,
        pulled_at: sql::get_optional_time(row, "pulled_at")?,
        references: Vec::new(),
        tags: Vec::new(),
        accessories: Vec::new(),
        labels: Vec::new(),
        config: sql::get_json(row, "config")?,
    })
}
