//! A data folder as it lies on the disk, read without the server's help: what a story holds the server's word against.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use oci::Digest;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection};

/// What the database says about bytes. Digests, unless said otherwise.
#[derive(Debug, Default)]
pub struct Rows {
    /// Held by some repository.
    pub held: BTreeSet<Digest>,
    /// Manifests of some repository.
    pub manifests: BTreeSet<Digest>,
    /// Named by some manifest, held or not.
    pub named: BTreeSet<Digest>,
    /// Ids of unfinished uploads.
    pub uploads: BTreeSet<String>,
}

/// The blobs under `data` and their files, after each file's bytes were held against its name.
pub fn verified_blobs(data: &Path) -> BTreeMap<Digest, PathBuf> {
    let found = blobs(data);
    for (digest, path) in &found {
        let bytes = fs::read(path).expect("a file that can be read");
        let actual = Digest::of(digest.algorithm(), &bytes);
        assert_eq!(&actual, digest, "{} has other bytes", path.display());
    }
    found
}

/// The blobs under `data` and their files, going by the names.
pub fn blobs(data: &Path) -> BTreeMap<Digest, PathBuf> {
    let mut found = BTreeMap::new();
    for algorithm in names(&data.join("blobs")) {
        let folder = data.join("blobs").join(&algorithm);
        for prefix in names(&folder) {
            for hex in names(&folder.join(&prefix)) {
                let path = folder.join(&prefix).join(&hex);
                let digest: Digest = format!("{algorithm}:{hex}").parse().expect("a digest");
                assert!(hex.starts_with(&prefix), "{} is misplaced", path.display());
                found.insert(digest, path);
            }
        }
    }
    found
}

/// The names in a folder.
pub fn names(folder: &Path) -> BTreeSet<String> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let name = |entry: std::io::Result<fs::DirEntry>| {
        let name = entry.expect("an entry").file_name();
        name.into_string().expect("text")
    };
    entries.map(name).collect()
}

/// The rows of the embedded database under `data`, whose file must be sound.
pub async fn rows(data: &Path) -> Rows {
    let url = format!("sqlite://{}?mode=ro", data.join("roadstead.db").display());
    let db = Database::connect(url).await.expect("a database");
    let sound = column(&db, "PRAGMA integrity_check").await;
    assert_eq!(sound.into_iter().collect::<Vec<_>>(), ["ok"]);
    let rows = Rows {
        held: digests(&db, "SELECT digest FROM held_blobs").await,
        manifests: digests(&db, "SELECT digest FROM artifacts").await,
        named: digests(&db, "SELECT digest FROM descriptors").await,
        uploads: column(&db, "SELECT id FROM uploads").await,
    };
    db.close().await.expect("a database that can be closed");
    rows
}

/// Changes the embedded database under `data` behind the server's back, where a story cannot wait for time to pass.
pub async fn change(data: &Path, statement: &str) {
    let url = format!("sqlite://{}?mode=rw", data.join("roadstead.db").display());
    let db = Database::connect(url).await.expect("a database");
    let changed = db.execute_unprepared(statement).await;
    changed.unwrap_or_else(|error| panic!("{statement}: {error}"));
    db.close().await.expect("a database that can be closed");
}

async fn digests(db: &DatabaseConnection, select: &str) -> BTreeSet<Digest> {
    let texts = column(db, select).await;
    texts
        .iter()
        .map(|text| text.parse().expect("a digest"))
        .collect()
}

async fn column(db: &DatabaseConnection, select: &str) -> BTreeSet<String> {
    let rows = db
        .query_all_raw(sea_orm::Statement::from_string(
            db.get_database_backend(),
            select,
        ))
        .await
        .unwrap_or_else(|error| panic!("{select}: {error}"));
    rows.iter()
        .map(|row| row.try_get_by_index(0).expect("text"))
        .collect()
}

/// What the committed blobs under `data` come to, in bytes.
pub fn stored_bytes(data: &Path) -> u64 {
    let sizes = blobs(data)
        .into_values()
        .map(|path| path.metadata().map_or(0, |about| about.len()));
    sizes.sum()
}

/// Makes every committed blob look as if it had been there for days.
pub fn make_old(data: &Path) {
    let then = std::time::SystemTime::now() - std::time::Duration::from_secs(10 * 86_400);
    for path in blobs(data).into_values() {
        let file = std::fs::File::options().write(true).open(&path);
        let changed = file.and_then(|file| file.set_modified(then));
        changed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
