//! What can go wrong between a request and an upstream's bytes.

use std::sync::Arc;

use oci::Digest;

/// Shared by all who wait for the same fetch, so it can be cloned.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// Upstream says it has no such manifest.
    #[error("upstream {upstream} has no manifest {reference} in {repository}")]
    ManifestUnknown {
        /// The upstream's name.
        upstream: String,
        /// The repository's name there.
        repository: String,
        /// The tag or digest.
        reference: String,
    },
    /// Upstream says it has no such blob.
    #[error("upstream {upstream} has no blob {digest} in {repository}")]
    BlobUnknown {
        /// The upstream's name.
        upstream: String,
        /// The repository's name there.
        repository: String,
        /// The blob.
        digest: Digest,
    },
    /// Upstream did not answer, or not with what was asked for; and nothing is cached to serve instead.
    #[error("upstream {upstream}: {source}")]
    Upstream {
        /// The upstream's name.
        upstream: String,
        /// What it did.
        source: Arc<upstream::Error>,
    },
    /// The bytes could not be read or kept.
    #[error(transparent)]
    Storage(Arc<storage::Error>),
    /// The database could not be read or written.
    #[error(transparent)]
    Metadata(Arc<metadata::Error>),
    /// The fetch ended without a result, because the process is stopping or a task of it broke.
    #[error("the fetch was given up")]
    Abandoned,
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        Self::Storage(Arc::new(error))
    }
}

impl From<metadata::Error> for Error {
    fn from(error: metadata::Error) -> Self {
        Self::Metadata(Arc::new(error))
    }
}
