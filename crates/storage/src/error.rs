//! What can go wrong with bytes, named by what the caller can do about it.

use std::io;
use std::path::{Path, PathBuf};

use oci::Digest;
use rustix::io::Errno;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such upload: never begun, finished, cancelled or purged.
    #[error("no such upload")]
    UploadUnknown,
    /// Another request is writing this upload right now.
    #[error("another request is writing this upload")]
    UploadBusy,
    /// The bytes are not the ones that were named. They are gone.
    #[error("the bytes have digest {actual}")]
    DigestMismatch {
        /// What they are.
        actual: Digest,
    },
    /// A whole read was asked for, of more bytes than the caller allows.
    #[error("{size} bytes are more than this read allows")]
    TooLarge {
        /// How many there are.
        size: u64,
    },
    /// The disk, or the quota on it, is full.
    #[error("no space left on the disk")]
    NoSpace,
    /// The fill that was being read has stopped.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// The disk failed in another way.
    #[error("{}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// How.
        source: io::Error,
    },
}

/// Why a fill ended without a blob.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stopped {
    /// It cannot be completed, and what was read of it is to be thrown away.
    #[error("{0}")]
    Failed(String),
    /// The disk is full. What was read is good so far, and may be continued from elsewhere.
    #[error("no space left on the disk")]
    NoSpace,
}

/// Why a body was not, or not wholly, added to an upload.
#[derive(Debug, thiserror::Error)]
pub enum AppendError<E> {
    /// The chunk does not start where the upload ends. Nothing was added.
    #[error("the upload is at byte {offset}")]
    OutOfOrder {
        /// Where it ends.
        offset: u64,
    },
    /// The body broke. What had arrived is kept, and the upload can be resumed.
    #[error("{0}")]
    Body(E),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Error {
    /// Gives a failed system call its meaning.
    pub(crate) fn io(path: &Path, source: io::Error) -> Self {
        match source.raw_os_error().map(Errno::from_raw_os_error) {
            Some(errno) => Self::errno(path, errno),
            None => Self::Io {
                path: path.to_owned(),
                source,
            },
        }
    }

    /// The same for the bare number.
    pub(crate) fn errno(path: &Path, errno: Errno) -> Self {
        match errno {
            Errno::NOSPC | Errno::DQUOT => Self::NoSpace,
            errno => Self::Io {
                path: path.to_owned(),
                source: errno.into(),
            },
        }
    }
}
