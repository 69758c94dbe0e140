//! Descriptors: the rows that say what an artifact points at, blobs and children alike.
//!
//! A proxied manifest's are written before its blobs have been asked for: that it names them is the right to ask
//! its upstream ([`crate::BlobRight::Named`]), not a promise that they are here.

use oci::{Descriptor, Manifest};
use sea_orm::{ConnectionTrait, Value};

use crate::Error;
use crate::sql::{self, Growing};

/// Writes what the manifest points at. Once written it never changes: the manifest is its digest.
pub(crate) async fn put<C: ConnectionTrait>(
    on: &C,
    artifact_id: i64,
    repository_id: i64,
    manifest: &Manifest,
) -> Result<(), Error> {
    let blobs = manifest.blobs().map(|descriptor| (false, descriptor));
    let children = manifest
        .children()
        .iter()
        .map(|descriptor| (true, descriptor));
    let all: Vec<_> = blobs.chain(children).collect();
    for (index, chunk) in all.chunks(sql::CHUNK).enumerate() {
        let mut rows = Vec::with_capacity(chunk.len());
        for (offset, (is_child, descriptor)) in chunk.iter().enumerate() {
            let position = (index * sql::CHUNK + offset) as i32;
            rows.push(row(
                artifact_id,
                position,
                repository_id,
                *is_child,
                descriptor,
            )?);
        }
        let mut insert = Growing::new(
            "INSERT INTO descriptors (artifact_id, position, repository_id, is_child, digest, media_type, size, platform, \
             annotations, urls) VALUES ",
        );
        insert
            .bind_rows(rows)
            .push(" ON CONFLICT (artifact_id, position) DO NOTHING");
        insert.execute(on).await?;
    }
    Ok(())
}

fn row(
    artifact_id: i64,
    position: i32,
    repository_id: i64,
    is_child: bool,
    descriptor: &Descriptor,
) -> Result<[Value; 10], Error> {
    Ok([
        artifact_id.into(),
        position.into(),
        repository_id.into(),
        is_child.into(),
        descriptor.digest.as_str().into(),
        descriptor.media_type.as_str().into(),
        sql::size(descriptor.size).into(),
        sql::json(descriptor.platform.as_ref())?.into(),
        sql::json(descriptor.annotations.as_ref())?.into(),
        sql::json(descriptor.urls.as_ref())?.into(),
    ])
}
