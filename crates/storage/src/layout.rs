//! Where things lie on the disk.
//!
//! ```text
//! <root>/                      0700
//!   blobs/
//!     sha256/<first 2 hex>/<hex>   a committed blob: complete, verified, never written again, only unlinked
//!     sha512/<first 2 hex>/<hex>
//!   uploads/<uuid>             a push on its way: its length is the offset to resume from; it survives restarts
//!   fills/<uuid>               a fill on its way, or a manifest being put: what a crash left is removed at start
//! ```
//!
//! All of it is one file system, because a commit is a rename.

use std::collections::HashSet;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use oci::{Algorithm, Digest};
use uuid::Uuid;

use crate::commit::sync_dir;
use crate::usage::Usage;
use crate::{Error, UploadId};

/// The algorithms that have a folder.
pub(crate) const ALGORITHMS: [Algorithm; 2] = [Algorithm::Sha256, Algorithm::Sha512];

/// Paths under one root.
#[derive(Debug)]
pub(crate) struct Layout {
    root: PathBuf,
    /// The prefix folders that this process knows to be on the disk.
    durable: Mutex<HashSet<PathBuf>>,
    /// What the committed blobs come to.
    pub(crate) usage: Usage,
}

impl Layout {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self {
            root,
            durable: Mutex::default(),
            usage: Usage::default(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn blob(&self, digest: &Digest) -> PathBuf {
        let mut path = self.algorithm(digest.algorithm());
        // A digest's hexadecimal part is never shorter than 64 characters.
        path.push(&digest.hex()[..2]);
        path.push(digest.hex());
        path
    }

    pub(crate) fn prefix(&self, algorithm: Algorithm, prefix: u8) -> PathBuf {
        self.algorithm(algorithm).join(format!("{prefix:02x}"))
    }

    pub(crate) fn uploads(&self) -> PathBuf {
        self.root.join("uploads")
    }

    pub(crate) fn upload(&self, id: &UploadId) -> PathBuf {
        self.uploads().join(id.to_string())
    }

    /// A fresh place for bytes that are not kept over a restart.
    pub(crate) fn new_fill(&self) -> PathBuf {
        self.fills().join(Uuid::new_v4().to_string())
    }

    /// Makes the folders that are always there, and removes what a crash left in `fills/`. Blocking.
    pub(crate) fn prepare(&self) -> Result<(), Error> {
        let blobs = self.root.join("blobs");
        make_dirs(&self.root)?;
        for path in [&blobs, &self.uploads(), &self.fills()] {
            make_dir(path)?;
        }
        for algorithm in ALGORITHMS {
            make_dir(&self.algorithm(algorithm))?;
        }
        sync_dir(&blobs)?;
        sync_dir(&self.root)?;
        self.empty_fills()
    }

    /// Makes the folder a blob goes into. Blocking.
    ///
    /// That a folder exists does not mean it is on the disk: another commit, or a process that was killed, may have
    /// made it a moment ago. So each is synced once in a process, and a commit that comes meanwhile waits.
    pub(crate) fn make_prefix(&self, digest: &Digest) -> Result<(), Error> {
        let algorithm = self.algorithm(digest.algorithm());
        let prefix = algorithm.join(&digest.hex()[..2]);
        let mut durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = make_dir(&prefix)?;
        if is_new || !durable.contains(&prefix) {
            sync_dir(&algorithm)?;
            durable.insert(prefix);
        }
        Ok(())
    }

    fn algorithm(&self, algorithm: Algorithm) -> PathBuf {
        self.root.join("blobs").join(algorithm.as_str())
    }

    fn fills(&self) -> PathBuf {
        self.root.join("fills")
    }

    fn empty_fills(&self) -> Result<(), Error> {
        let fills = self.fills();
        for entry in fs::read_dir(&fills).map_err(|source| Error::io(&fills, source))? {
            let path = entry.map_err(|source| Error::io(&fills, source))?.path();
            fs::remove_file(&path).map_err(|source| Error::io(&path, source))?;
            tracing::debug!(path = %path.display(), "removed an interrupted fill");
        }
        Ok(())
    }
}

fn make_dirs(path: &Path) -> Result<(), Error> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| Error::io(path, source))
}

/// Whether it was not there before.
fn make_dir(path: &Path) -> Result<bool, Error> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => Ok(true),
        Err(source) if source.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(source) => Err(Error::io(path, source)),
    }
}
