//! How many bytes are stored: counted folder by folder whenever one is listed, and kept by what comes and goes after.

use std::sync::atomic::{AtomicU64, Ordering};

use oci::{Algorithm, Digest};

/// A folder has the blobs whose digests begin with one byte.
const FOLDERS: usize = 256;

/// What the blobs of each folder come to, as far as is known: a folder that was never listed has what was committed since
/// the start.
#[derive(Debug)]
pub(crate) struct Usage {
    sha256: [AtomicU64; FOLDERS],
    sha512: [AtomicU64; FOLDERS],
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            sha256: [const { AtomicU64::new(0) }; FOLDERS],
            sha512: [const { AtomicU64::new(0) }; FOLDERS],
        }
    }
}

impl Usage {
    pub(crate) fn bytes(&self) -> u64 {
        let all = self.sha256.iter().chain(&self.sha512);
        all.map(|folder| folder.load(Ordering::Relaxed)).sum()
    }

    pub(crate) fn add(&self, digest: &Digest, bytes: u64) {
        self.of(digest).fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, digest: &Digest, bytes: u64) {
        let less = |stored: u64| Some(stored.saturating_sub(bytes));
        // The closure never declines.
        let _ = self
            .of(digest)
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// What is known of a folder before it is listed, for [`Self::settle`].
    pub(crate) fn known(&self, algorithm: Algorithm, prefix: u8) -> u64 {
        self.folder(algorithm, prefix).load(Ordering::Relaxed)
    }

    /// Takes what a listing came to for the truth, unless something came or went meanwhile: then the next one will do.
    pub(crate) fn settle(&self, algorithm: Algorithm, prefix: u8, known: u64, bytes: u64) {
        let folder = self.folder(algorithm, prefix);
        let _ = folder.compare_exchange(known, bytes, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn of(&self, digest: &Digest) -> &AtomicU64 {
        // A digest's hexadecimal part is never shorter than 64 characters.
        let prefix = u8::from_str_radix(&digest.hex()[..2], 16).unwrap_or_default();
        self.folder(digest.algorithm(), prefix)
    }

    fn folder(&self, algorithm: Algorithm, prefix: u8) -> &AtomicU64 {
        match algorithm {
            Algorithm::Sha256 => &self.sha256[usize::from(prefix)],
            Algorithm::Sha512 => &self.sha512[usize::from(prefix)],
        }
    }
}
