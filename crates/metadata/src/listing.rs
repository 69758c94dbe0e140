//! Artifacts as people list them: with tags, children, accessories and sizes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use oci::{Digest, Platform, RepositoryName, media_type};
use sea_orm::{ConnectionTrait, QueryResult};

use crate::select::{Column, Kind, List, push_filter};
use crate::sql::Growing;
use crate::{Db, Error, Filter, Page, Paged, TagRow, Test, sql};

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
    /// The manifest's type.
    pub media_type: String,
    /// The configuration's type, for an image.
    pub config_media_type: Option<String>,
    /// `artifactType`, or the configuration's type.
    pub artifact_type: Option<String>,
    /// Manifest, configuration and layers; for an index the manifest and the children held here.
    pub size: u64,
    /// The count of the manifest's own bytes.
    pub manifest_size: u64,
    /// Whether it points at other manifests.
    pub is_index: bool,
    /// Whether an index of this repository points at it.
    pub is_child: bool,
    /// The manifest it is about.
    pub subject: Option<Digest>,
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
    /// What kind of artifact it is.
    pub artifact_type: Option<String>,
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
        let mut conditions = in_repository(repository);
        conditions.push(" AND a.digest = ").bind(digest.as_str());
        let mut found = list()
            .page(self.read(), conditions, &Page::all())
            .await?
            .map(artifact)?;
        add_details(self.read(), &mut found.items).await?;
        Ok(found.items.pop())
    }

    /// A page of the repository's artifacts, the newest first unless sorted otherwise: those that are tagged or
    /// no child of an index (`q=base=*`: children too), without those that are about another one.
    pub async fn list_artifacts(
        &self,
        repository: &RepositoryName,
        page: &Page,
    ) -> Result<Paged<Artifact>, Error> {
        let mut conditions = in_repository(repository);
        let mut with_children = false;
        for filter in &page.filter {
            match filter.key.to_ascii_lowercase().as_str() {
                "tags" => push_tags(&mut conditions, &filter.test),
                "type" => push_type(&mut conditions, &filter.test),
                "base" => with_children |= filter.test == Test::Is("*".to_owned()),
                _ => {}
            }
        }
        if !with_children {
            conditions.push(" AND ").push(IS_TOP);
        }
        conditions.push(" AND ").push(IS_NO_ACCESSORY);
        let mut found = list()
            .page(self.read(), conditions, page)
            .await?
            .map(artifact)?;
        add_details(self.read(), &mut found.items).await?;
        Ok(found)
    }

    /// A page of an artifact's tags, the newest first unless sorted otherwise.
    pub async fn list_artifact_tags(
        &self,
        repository: &RepositoryName,
        artifact_id: i64,
        page: &Page,
    ) -> Result<Paged<TagRow>, Error> {
        let mut conditions = Growing::new(" AND r.name = ");
        conditions
            .bind(repository.as_str())
            .push(" AND t.artifact_id = ")
            .bind(artifact_id);
        let from = "tags t JOIN repositories r ON r.id = t.repository_id";
        let list = List {
            select: TAG_COLUMNS,
            from,
            columns: TAGS_LISTED,
            order: "t.pushed_at DESC",
            id: "t.id",
        };
        list.page(self.read(), conditions, page).await?.map(tag)
    }
}

/// Of an artifact `a`: people list it by itself, not only under its index.
pub(crate) const IS_TOP: &str = "(EXISTS (SELECT 1 FROM tags t WHERE t.artifact_id = a.id) \
     OR NOT EXISTS (SELECT 1 FROM descriptors d WHERE d.digest = a.digest AND d.repository_id = a.repository_id AND d.is_child))";
/// Of an artifact `a`: it is not about another one that is there.
pub(crate) const IS_NO_ACCESSORY: &str = "(a.subject_digest IS NULL OR NOT EXISTS (SELECT 1 FROM artifacts s \
     WHERE s.repository_id = a.repository_id AND s.digest = a.subject_digest))";

const COLUMNS: &str = "a.id, a.repository_id, r.project_id, r.name AS repository, a.digest, a.media_type, \
     a.config_media_type, a.artifact_type, a.size, a.manifest_size, a.subject_digest, a.annotations, a.config, a.pushed_at, \
     a.pulled_at, EXISTS (SELECT 1 FROM descriptors d \
     WHERE d.digest = a.digest AND d.repository_id = a.repository_id AND d.is_child) AS is_child";

/// Harbor's `media_type` is the configuration's; the manifest's own is `manifest_media_type`.
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
        keys: &["media_type"],
        sql: "a.config_media_type",
        kind: Kind::Text,
    },
    Column {
        keys: &["manifest_media_type"],
        sql: "a.media_type",
        kind: Kind::Text,
    },
    Column {
        keys: &["artifact_type"],
        sql: "a.artifact_type",
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

const TAG_COLUMNS: &str = "t.id, t.repository_id, t.artifact_id, t.name, t.pushed_at, t.pulled_at";

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

fn list() -> List<'static> {
    let from = "artifacts a JOIN repositories r ON r.id = a.repository_id";
    List {
        select: COLUMNS,
        from,
        columns: LISTED,
        order: "a.pushed_at DESC",
        id: "a.id",
    }
}

fn in_repository(repository: &RepositoryName) -> Growing {
    let mut conditions = Growing::new(" AND r.name = ");
    conditions.bind(repository.as_str());
    conditions
}

/// `tags=*` tagged, `tags=nil` untagged, else by one of its tags.
fn push_tags(conditions: &mut Growing, test: &Test) {
    let tagged = "EXISTS (SELECT 1 FROM tags t WHERE t.artifact_id = a.id";
    match test {
        Test::Is(text) if text == "*" => {
            conditions.push(" AND ").push(tagged).push(")");
        }
        Test::Is(text) if text == "nil" => {
            conditions.push(" AND NOT ").push(tagged).push(")");
        }
        _ => {
            let name = Column {
                keys: &["tags"],
                sql: "t.name",
                kind: Kind::Text,
            };
            let filter = Filter {
                key: "tags".to_owned(),
                test: test.clone(),
            };
            conditions.push(" AND ").push(tagged);
            push_filter(conditions, &name, &filter);
            conditions.push(")");
        }
    }
}

/// Harbor's types come from the configuration's: `application/vnd.<who>.<type>.config.<version>+json`.
fn push_type(conditions: &mut Growing, test: &Test) {
    let types: Vec<String> = match test {
        Test::Is(text) => vec![text.to_ascii_lowercase()],
        Test::AnyOf(texts) => texts.iter().map(|text| text.to_ascii_lowercase()).collect(),
        _ => return,
    };
    conditions.push(" AND (1 = 0");
    for name in types {
        match name.as_str() {
            "image" => {
                let images = [media_type::OCI_CONFIG, media_type::DOCKER_CONFIG];
                let indexes = [media_type::OCI_INDEX, media_type::DOCKER_LIST];
                conditions
                    .push(" OR a.config_media_type IN ")
                    .bind_all(images);
                conditions.push(" OR a.media_type IN ").bind_all(indexes);
            }
            name => {
                let name = if name == "chart" { "helm" } else { name };
                let pattern = sql::contains(&format!(".{name}.config."));
                conditions
                    .push(" OR a.config_media_type LIKE ")
                    .bind(pattern)
                    .push(r" ESCAPE '\'");
            }
        }
    }
    conditions.push(")");
}

fn artifact(row: &QueryResult) -> Result<Artifact, Error> {
    let media_type: String = sql::get(row, "media_type")?;
    Ok(Artifact {
        id: sql::get(row, "id")?,
        repository_id: sql::get(row, "repository_id")?,
        project_id: sql::get(row, "project_id")?,
        repository: sql::get(row, "repository")?,
        digest: sql::get_digest(row, "digest")?,
        is_index: media_type::is_index(&media_type),
        media_type,
        config_media_type: sql::get(row, "config_media_type")?,
        artifact_type: sql::get(row, "artifact_type")?,
        size: sql::get_size(row, "size")?,
        manifest_size: sql::get_size(row, "manifest_size")?,
        is_child: sql::get(row, "is_child")?,
        subject: sql::get_optional_digest(row, "subject_digest")?,
        annotations: sql::get_json(row, "annotations")?.unwrap_or_default(),
        pushed_at: sql::get_time(row, "pushed_at")?,
        pulled_at: sql::get_optional_time(row, "pulled_at")?,
        references: Vec::new(),
        tags: Vec::new(),
        accessories: Vec::new(),
        config: sql::get_json(row, "config")?,
    })
}

fn tag(row: &QueryResult) -> Result<TagRow, Error> {
    Ok(TagRow {
        id: sql::get(row, "id")?,
        repository_id: sql::get(row, "repository_id")?,
        artifact_id: sql::get(row, "artifact_id")?,
        name: sql::get(row, "name")?,
        pushed_at: sql::get_time(row, "pushed_at")?,
        pulled_at: sql::get_optional_time(row, "pulled_at")?,
    })
}

fn reference(row: &QueryResult) -> Result<ArtifactReference, Error> {
    Ok(ArtifactReference {
        child_digest: sql::get_digest(row, "digest")?,
        child_id: sql::get(row, "child_id")?,
        platform: sql::get_json(row, "platform")?,
        annotations: sql::get_json(row, "annotations")?.unwrap_or_default(),
        urls: sql::get_json(row, "urls")?.unwrap_or_default(),
    })
}

/// Adds tags, children and accessories: one select each for a chunk of artifacts, all of one repository.
async fn add_details<C: ConnectionTrait>(on: &C, artifacts: &mut [Artifact]) -> Result<(), Error> {
    for chunk in artifacts.chunks_mut(sql::CHUNK) {
        add_tags(on, chunk).await?;
        add_references(on, chunk).await?;
        add_accessories(on, chunk).await?;
    }
    Ok(())
}

async fn add_tags<C: ConnectionTrait>(on: &C, artifacts: &mut [Artifact]) -> Result<(), Error> {
    let mut select = Growing::default();
    select
        .push("SELECT ")
        .push(TAG_COLUMNS)
        .push(" FROM tags t WHERE t.artifact_id IN ");
    select
        .bind_all(artifacts.iter().map(|artifact| artifact.id))
        .push(" ORDER BY t.pushed_at DESC, t.id DESC");
    for row in select.all(on).await? {
        let tag = tag(&row)?;
        if let Some(artifact) = artifacts
            .iter_mut()
            .find(|artifact| artifact.id == tag.artifact_id)
        {
            artifact.tags.push(tag);
        }
    }
    Ok(())
}

async fn add_references<C: ConnectionTrait>(
    on: &C,
    artifacts: &mut [Artifact],
) -> Result<(), Error> {
    let indexes = artifacts
        .iter()
        .filter(|artifact| artifact.is_index)
        .map(|artifact| artifact.id);
    let indexes: Vec<i64> = indexes.collect();
    if indexes.is_empty() {
        return Ok(());
    }
    let mut select = Growing::new(
        "SELECT d.artifact_id, d.digest, d.platform, d.annotations, d.urls, c.id AS child_id, c.size AS child_size \
         FROM descriptors d LEFT JOIN artifacts c ON c.repository_id = d.repository_id AND c.digest = d.digest \
         WHERE d.is_child AND d.artifact_id IN ",
    );
    select
        .bind_all(indexes)
        .push(" ORDER BY d.artifact_id, d.position");
    for row in select.all(on).await? {
        let index: i64 = sql::get(&row, "artifact_id")?;
        if let Some(artifact) = artifacts.iter_mut().find(|artifact| artifact.id == index) {
            let held = sql::get::<Option<i64>>(&row, "child_size")?.map_or(0, i64::unsigned_abs);
            artifact.size = artifact.size.saturating_add(held);
            artifact.references.push(reference(&row)?);
        }
    }
    Ok(())
}

async fn add_accessories<C: ConnectionTrait>(
    on: &C,
    artifacts: &mut [Artifact],
) -> Result<(), Error> {
    let Some(repository_id) = artifacts.first().map(|artifact| artifact.repository_id) else {
        return Ok(());
    };
    let mut select = Growing::new(
        "SELECT a.id, a.subject_digest, a.digest, a.artifact_type, a.size, a.pushed_at FROM artifacts a WHERE a.repository_id = ",
    );
    select.bind(repository_id).push(" AND a.subject_digest IN ");
    select
        .bind_all(
            artifacts
                .iter()
                .map(|artifact| artifact.digest.as_str().to_owned()),
        )
        .push(" ORDER BY a.id");
    for row in select.all(on).await? {
        let subject = sql::get_digest(&row, "subject_digest")?;
        if let Some(artifact) = artifacts
            .iter_mut()
            .find(|artifact| artifact.digest == subject)
        {
            artifact.accessories.push(Accessory {
                artifact_id: sql::get(&row, "id")?,
                digest: sql::get_digest(&row, "digest")?,
                artifact_type: sql::get(&row, "artifact_type")?,
                size: sql::get_size(&row, "size")?,
                pushed_at: sql::get_time(&row, "pushed_at")?,
            });
        }
    }
    Ok(())
}
