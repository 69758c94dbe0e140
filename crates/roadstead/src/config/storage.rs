//! Where things are kept on disk: `data_volume`, `storage_service`, and how long broken uploads stay: `upload_purging`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Sources;
use super::section::Section;

const NO_OBJECT_STORE: &str = "not supported in this version: blobs are kept in `filesystem` only";

/// The data folder.
pub(super) fn read_data(top: &mut Section<'_>, sources: &Sources<'_>) -> PathBuf {
    let from_file = top.path("data_volume");
    let from_environment =
        sources.variable("ROADSTEAD_DATA", "a path", |text| Some(PathBuf::from(text)));
    sources
        .flags
        .data
        .clone()
        .or(from_environment)
        .or(from_file)
        .unwrap_or_else(|| PathBuf::from("./data"))
}

/// The folder of the blobs: the data folder, unless the file names another.
pub(super) fn read_root(top: &mut Section<'_>, data: &Path) -> PathBuf {
    let root = top.section("storage_service", |service| {
        let root = service.section("filesystem", |filesystem| {
            filesystem.refuse("maxthreads", "not needed: remove the line");
            filesystem.path("rootdirectory")
        });
        for key in ["s3", "gcs", "azure", "swift", "oss"] {
            service.refuse(key, NO_OBJECT_STORE);
        }
        service.refuse(
            "ca_bundle",
            "means nothing to `filesystem`; remove the line",
        );
        service.refuse(
            "redirect",
            "means nothing to `filesystem`, whose blobs are never redirected; remove the section",
        );
        root.flatten()
    });
    root.flatten().unwrap_or_else(|| data.to_owned())
}

/// How long an upload nobody goes on with is kept.
pub(super) fn read_upload_expiry(top: &mut Section<'_>) -> Option<Duration> {
    let age = top.section("upload_purging", |purging| {
        if purging.boolean("enabled") == Some(false) {
            purging.complain(
                "enabled",
                "expected true: broken uploads are always removed some time (say when with `age`)",
            );
        }
        purging.refuse(
            "interval",
            "not supported: how often is said by `janitor_period` at the top level",
        );
        purging.refuse("dryrun", "not supported: remove the line");
        let age = purging.duration("age");
        if age == Some(Duration::ZERO) {
            purging.complain(
                "age",
                "expected more than 0: an upload in progress must not be removed",
            );
        }
        age
    });
    age.flatten()
}
