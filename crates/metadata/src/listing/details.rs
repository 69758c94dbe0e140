//! What is told of an artifact beside its own row: tags, children, accessories, labels. One select each for a chunk of
//! artifacts, whichever repositories they are in.

use std::collections::HashMap;

use sea_orm::{ConnectionTrait, QueryResult};

use super::{Accessory, Artifact, ArtifactReference};
use crate::sql::Growing;
use crate::{Error, TagRow, labels, sql};

pub(super) const TAG_COLUMNS: &str =
    "t.id, t.repository_id, t.artifact_id, t.name, t.pushed_at, t.pulled_at";
pub(super) const ACCESSORY_COLUMNS: &str = "a.id, a.digest, a.about_kind, a.size, a.pushed_at";

/// Adds all of them.
pub(super) async fn add<C: ConnectionTrait>(
    on: &C,
    artifacts: &mut [Artifact],
) -> Result<(), Error> {
    for chunk in artifacts.chunks_mut(sql::CHUNK) {
        let mut places = HashMap::new();
        for (place, artifact) in chunk.iter().enumerate() {
            places.insert(artifact.id, place);
        }
        add_tags(on, chunk, &places).await?;
        add_references(on, chunk, &places).await?;
        add_accessories(on, chunk, &places).await?;
        add_labels(on, chunk, &places).await?;
    }
    Ok(())
}

/// Where in a chunk the artifact of a number is.
type Places = HashMap<i64, usize>;

async fn add_tags<C: ConnectionTrait>(
    on: &C,
    artifacts: &mut [Artifact],
    places: &Places,
) -> Result<(), Error> {
    let mut select = Growing::new("SELECT ");
    select
        .push(TAG_COLUMNS)
        .push(" FROM tags t WHERE t.artifact_id IN ")
        .bind_all(artifacts.iter().map(|artifact| artifact.id))
        .push(" ORDER BY t.pushed_at DESC, t.id DESC");
    for row in select.all(on).await? {
        let tag = tag(&row)?;
        if let Some(place) = places.get(&tag.artifact_id) {
            artifacts[*place].tags.push(tag);
        }
    }
    Ok(())
}

async fn add_references<C: ConnectionTrait>(
    on: &C,
    artifacts: &mut [Artifact],
    places: &Places,
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
        if let Some(place) = places.get(&index) {
            let artifact = &mut artifacts[*place];
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
    places: &Places,
) -> Result<(), Error> {
    let subjects = artifacts.iter().map(|artifact| {
        [
            artifact.id.into(),
            artifact.repository_id.into(),
            artifact.digest.as_str().into(),
        ]
    });
    let mut select = Growing::new("SELECT v.column1 AS subject_id, ");
    select
        .push(ACCESSORY_COLUMNS)
        .push(" FROM (VALUES ")
        .bind_rows(subjects)
        .push(
            ") AS v JOIN artifacts a ON a.repository_id = v.column2 AND a.about_digest = v.column3 ORDER BY a.id",
        );
    for row in select.all(on).await? {
        let subject: i64 = sql::get(&row, "subject_id")?;
        if let Some(place) = places.get(&subject) {
            artifacts[*place].accessories.push(accessory(&row)?);
        }
    }
    Ok(())
}

async fn add_labels<C: ConnectionTrait>(
    on: &C,
    artifacts: &mut [Artifact],
    places: &Places,
) -> Result<(), Error> {
    let mut select = Growing::new("SELECT x.artifact_id, ");
    select
        .push(labels::COLUMNS)
        .push(" FROM artifact_labels x JOIN labels l ON l.id = x.label_id WHERE x.artifact_id IN ")
        .bind_all(artifacts.iter().map(|artifact| artifact.id))
        .push(" ORDER BY l.name, l.id");
    for row in select.all(on).await? {
        let artifact: i64 = sql::get(&row, "artifact_id")?;
        if let Some(place) = places.get(&artifact) {
            artifacts[*place].labels.push(labels::label(&row)?);
        }
    }
    Ok(())
}

pub(super) fn tag(row: &QueryResult) -> Result<TagRow, Error> {
    Ok(TagRow {
        id: sql::get(row, "id")?,
        repository_id: sql::get(row, "repository_id")?,
        artifact_id: sql::get(row, "artifact_id")?,
        name: sql::get(row, "name")?,
        pushed_at: sql::get_time(row, "pushed_at")?,
        pulled_at: sql::get_optional_time(row, "pulled_at")?,
    })
}

pub(super) fn accessory(row: &QueryResult) -> Result<Accessory, Error> {
    Ok(Accessory {
        artifact_id: sql::get(row, "id")?,
        digest: sql::get_digest(row, "digest")?,
        kind: sql::get::<Option<String>>(row, "about_kind")?.unwrap_or_default(),
        size: sql::get_size(row, "size")?,
        pushed_at: sql::get_time(row, "pushed_at")?,
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
