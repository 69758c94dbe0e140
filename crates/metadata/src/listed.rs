//! Which artifacts people list by themselves: those that are tagged or no child of an index, but none that is about another
//! one that is here. It follows from what else a repository has, so it is worked out when that changes and kept with the
//! artifact, and the repository keeps how many there are: lists and counts need not look at every row.
//!
//! Whoever changes what a repository has holds its row from the beginning ([`hold`]), so on PostgreSQL too one change
//! sees the other.

use std::collections::BTreeMap;

use oci::Digest;
use sea_orm::ConnectionTrait;

use crate::sql::Growing;
use crate::{Error, sql};

/// The value of `artifacts.listed` for those that are not. 1 is untagged, 2 is tagged.
pub(crate) const HIDDEN: i32 = 0;

/// Of an artifact `a`. In these words, which the indexes have too.
pub(crate) const IS_LISTED: &str = "a.listed > 0";
pub(crate) const IS_UNTAGGED: &str = "a.listed = 1";
pub(crate) const IS_TAGGED: &str = "a.listed = 2";

/// Of an artifact `a`: where it stands now, going by the other rows.
const PLACE: &str = "CASE WHEN a.about_digest IS NOT NULL AND EXISTS (SELECT 1 FROM artifacts s \
     WHERE s.repository_id = a.repository_id AND s.digest = a.about_digest) THEN 0 \
     WHEN EXISTS (SELECT 1 FROM tags t WHERE t.artifact_id = a.id) THEN 2 \
     WHEN EXISTS (SELECT 1 FROM descriptors d WHERE d.digest = a.digest AND d.repository_id = a.repository_id AND d.is_child) \
     THEN 0 ELSE 1 END";

/// Keeps others from changing what the repository has until this transaction ends, and notes that it changed.
pub(crate) async fn hold<C: ConnectionTrait>(
    on: &C,
    repository_id: i64,
    now: i64,
) -> Result<(), Error> {
    let touch = "UPDATE repositories SET updated_at = CASE WHEN updated_at < $2 THEN $2 ELSE updated_at END WHERE id = $1";
    sql::change(on, "repository", touch, [repository_id.into(), now.into()]).await
}

/// Says what an artifact is about, where its manifest does not.
pub(crate) async fn set_about<C: ConnectionTrait>(
    on: &C,
    artifact_id: i64,
    about: &Digest,
    kind: &str,
) -> Result<(), Error> {
    let update = "UPDATE artifacts SET about_digest = $2, about_kind = $3 WHERE id = $1 AND subject_digest IS NULL \
                  AND digest <> $2";
    let values = [artifact_id.into(), about.as_str().into(), kind.into()];
    sql::execute(on, update, values).await.map(drop)
}

/// The artifacts whose place another one's coming changes: its children, and what is about it.
pub(crate) async fn neighbours<C: ConnectionTrait>(
    on: &C,
    repository_id: i64,
    artifact_id: i64,
    digest: &Digest,
) -> Result<Vec<i64>, Error> {
    let select = "SELECT id FROM artifacts WHERE repository_id = $1 AND about_digest = $2";
    let values = [repository_id.into(), digest.as_str().into()];
    let rows = sql::all(on, select, values).await?;
    let about: Result<Vec<i64>, Error> = rows.iter().map(|row| sql::get(row, "id")).collect();
    let mut found = children(on, artifact_id).await?;
    found.extend(about?);
    Ok(found)
}

/// The children of an index that are here.
pub(crate) async fn children<C: ConnectionTrait>(
    on: &C,
    artifact_id: i64,
) -> Result<Vec<i64>, Error> {
    let select = "SELECT DISTINCT c.id FROM descriptors d \
                  JOIN artifacts c ON c.repository_id = d.repository_id AND c.digest = d.digest \
                  WHERE d.artifact_id = $1 AND d.is_child";
    let rows = sql::all(on, select, [artifact_id.into()]).await?;
    rows.iter().map(|row| sql::get(row, "id")).collect()
}

/// Works out anew where these artifacts stand, and counts: `gone` of those that were listed have been deleted.
pub(crate) async fn settle<C: ConnectionTrait>(
    on: &C,
    repository_id: i64,
    artifacts: &[i64],
    gone: i64,
) -> Result<(), Error> {
    let mut more = -gone;
    for chunk in artifacts.chunks(sql::CHUNK) {
        let mut select = Growing::new("SELECT a.id, a.listed, ");
        select
            .push(PLACE)
            .push(" AS place FROM artifacts a WHERE a.id IN ")
            .bind_all(chunk.iter().copied());
        let mut moved: BTreeMap<i32, Vec<i64>> = BTreeMap::new();
        for row in select.all(on).await? {
            let (was, is): (i32, i32) = (sql::get(&row, "listed")?, sql::get(&row, "place")?);
            if was != is {
                moved.entry(is).or_default().push(sql::get(&row, "id")?);
                more += i64::from(is > HIDDEN) - i64::from(was > HIDDEN);
            }
        }
        for (place, ids) in moved {
            let mut update = Growing::new("UPDATE artifacts SET listed = ");
            update.bind(place).push(" WHERE id IN ").bind_all(ids);
            update.execute(on).await?;
        }
    }
    if more != 0 {
        let count = "UPDATE repositories SET artifact_count = artifact_count + $2 WHERE id = $1";
        sql::execute(on, count, [repository_id.into(), more.into()]).await?;
    }
    Ok(())
}

/// The same for all there are: for a schema that did not know yet.
pub(crate) fn settle_all() -> String {
    format!(
        "UPDATE artifacts AS a SET listed = {PLACE}; \
         UPDATE repositories SET artifact_count = (SELECT COUNT(*) FROM artifacts a \
         WHERE a.repository_id = repositories.id AND a.listed > 0)"
    )
}
