//! From "the bytes are right" to "the bytes are kept": the order of system calls that survives a power cut.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::SystemTime;

use oci::Digest;

use crate::Error;
use crate::layout::Layout;

/// Makes `file`, now at `from`, the blob `digest`. Blocking.
///
/// The data is on the disk before the name is, and the name before anybody is told. Another commit of the same
/// digest may have come first or come second: the bytes are the same, so either may stay.
///
/// On failure the file is gone: after a failed fsync Linux takes the lost pages for clean, so a second try
/// would succeed without the data.
pub(crate) fn commit(
    layout: &Layout,
    file: &File,
    from: &Path,
    digest: &Digest,
) -> Result<(), Error> {
    let to = layout.blob(digest);
    let is_new = !to.exists();
    let renamed = layout.make_prefix(digest).and_then(|()| {
        let renamed = touch(file)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(from, &to));
        renamed.map_err(|source| Error::io(&to, source))
    });
    if renamed.is_err() {
        discard(from);
        return renamed;
    }
    if is_new {
        let size = file.metadata().map_or(0, |metadata| metadata.len());
        layout.usage.add(digest, size);
    }
    sync_parent(&to)
}

/// Whether the blob is there with `size` bytes. If so it is made to look new, as a commit would, and is durable on
/// return: the commit that made it may still be on its way, or may never have come to its end. Blocking.
pub(crate) fn refresh(layout: &Layout, digest: &Digest, size: u64) -> Result<bool, Error> {
    let path = layout.blob(digest);
    let touched = File::open(&path).and_then(|file| {
        let is_whole = file.metadata()?.len() == size;
        if is_whole {
            touch(&file)?;
        }
        Ok(is_whole)
    });
    match touched {
        Ok(true) => layout
            .make_prefix(digest)
            .and_then(|()| sync_parent(&path))
            .map(|()| true),
        Ok(false) => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(source) => Err(Error::io(&path, source)),
    }
}

/// Makes an empty file that only we can read. Blocking.
pub(crate) fn create(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    options.open(path).map_err(|source| Error::io(path, source))
}

/// Removes a file that nobody was promised. What cannot be removed is left to the next start or purge. Blocking.
pub(crate) fn discard(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a discarded file could not be removed");
    }
}

/// Makes a folder's names durable. Blocking.
pub(crate) fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path)
        .and_then(|dir| dir.sync_all())
        .map_err(|source| Error::io(path, source))
}

fn sync_parent(path: &Path) -> Result<(), Error> {
    path.parent().map_or(Ok(()), sync_dir)
}

/// A sweep spares what is young. An upload may have rested for a day before it was finished, so its blob's age
/// counts from now.
fn touch(file: &File) -> io::Result<()> {
    file.set_modified(SystemTime::now())
}
