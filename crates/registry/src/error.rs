//! What can go wrong, in terms of what the caller can do about it.

use std::time::Duration;

use oci::{Digest, ManifestError};

use crate::immutability::{not_deleted, not_updated};

/// The result of an operation of the registry.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation was not done. The display text is for the client.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such manifest.
    #[error("manifest {reference} is not known in {repository}")]
    ManifestUnknown {
        /// The repository.
        repository: String,
        /// The tag or digest.
        reference: String,
    },
    /// No such blob in this repository.
    #[error("blob {digest} is not known in {repository}")]
    BlobUnknown {
        /// The repository.
        repository: String,
        /// The blob.
        digest: Digest,
    },
    /// No such repository.
    #[error("repository {0} is not known")]
    RepositoryUnknown(String),
    /// No such upload in this repository.
    #[error(
        "upload {0} is not known: it ended, expired, or belongs to another repository; start a new one"
    )]
    UploadUnknown(String),
    /// Another request is writing to this upload.
    #[error(
        "another request is writing to this upload; wait for it, ask for its status, and go on from there"
    )]
    UploadBusy,
    /// A chunk does not begin where the last one ended.
    #[error("the chunk does not begin at byte {offset}, where the upload stands")]
    ChunkOutOfOrder {
        /// Where it stands.
        offset: u64,
    },
    /// The body broke off; what arrived is kept.
    #[error("the body broke off: {0}; ask for the upload's status and go on from there")]
    BodyBroken(String),
    /// The body's length is not what its headers said.
    #[error("{0}")]
    SizeInvalid(String),
    /// The bytes have another digest.
    #[error("the bytes have the digest {actual}, not {expected}; nothing was kept, push again")]
    DigestMismatch {
        /// What the client said.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// Not a manifest.
    #[error(transparent)]
    ManifestInvalid(#[from] ManifestError),
    /// The manifest names what this repository does not hold.
    #[error("the manifest names {} that {repository} does not hold: push or mount it first", .digests.iter().map(Digest::as_str).collect::<Vec<_>>().join(", "))]
    ManifestBlobUnknown {
        /// The repository.
        repository: String,
        /// What is missing.
        digests: Vec<Digest>,
    },
    /// Proxy projects take content from their upstream only.
    #[error("can not push artifact to a proxy project: {project}")]
    ProxyIsReadOnly {
        /// The project.
        project: String,
    },
    /// The project proxies no such repository: its pattern does not match. In Harbor's words.
    #[error("repository {repository:?} does not match project repository filter")]
    NotMatched {
        /// The repository's name at the upstream.
        repository: String,
    },
    /// A rule of the project denies it.
    #[error("{}", denied(project, *rule, what))]
    DeniedByRule {
        /// The project.
        project: String,
        /// The rule, counted from 1; `None` where rules allow other things, and none allows this.
        rule: Option<usize>,
        /// What was asked for.
        what: String,
    },
    /// Upstream did not give what was asked for, and nothing is cached to serve instead.
    #[error("upstream {upstream}: {}", told(.source))]
    Upstream {
        /// Its name.
        upstream: String,
        /// What it did.
        source: std::sync::Arc<upstream::Error>,
    },
    /// Something with that name exists.
    #[error("{0}")]
    Conflict(String),
    /// No such project, endpoint, artifact…
    #[error("{0}")]
    NotFound(String),
    /// The request makes no sense.
    #[error("{0}")]
    BadRequest(String),
    /// Something else must be done first.
    #[error("{0}")]
    Precondition(String),
    /// A rule of the project keeps a tag as it is. In Harbor's words.
    #[error("{0}")]
    Immutable(String),
    /// More than the caller may.
    #[error("{0}")]
    Denied(String),
    /// Too many passwords and secrets are being hashed: try again in a few seconds.
    #[error("too many sign-ins at once, try again in a few seconds")]
    Busy,
    /// No room.
    #[error(
        "there is no space left on this registry's disk; nothing was changed, ask its administrator"
    )]
    NoSpace,
    /// Our own fault, or our database's. The cause is for the log.
    #[error("internal server error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// What a client waits before it asks again, where an endpoint's connections are all in use.
const BUSY_PAUSE: Duration = Duration::from_secs(5);

impl Error {
    pub(crate) fn bug(text: String) -> Self {
        Self::Internal(text.into())
    }

    /// Whether upstream's answer means that it took too long.
    pub fn upstream_status(&self) -> Option<UpstreamStatus> {
        let Self::Upstream { source, .. } = self else {
            return None;
        };
        Some(match &**source {
            upstream::Error::Refused { .. } => UpstreamStatus::Refused,
            upstream::Error::RateLimited { retry_after } => UpstreamStatus::RateLimited {
                retry_after: *retry_after,
            },
            upstream::Error::Busy { .. } => UpstreamStatus::RateLimited {
                retry_after: Some(BUSY_PAUSE),
            },
            upstream::Error::Timeout | upstream::Error::Stalled => UpstreamStatus::TimedOut,
            upstream::Error::NotFound => UpstreamStatus::NotFound,
            _ => UpstreamStatus::Broken,
        })
    }
}

/// How an upstream failed, as far as a client must tell it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UpstreamStatus {
    /// 401 or 403.
    Refused,
    /// 429.
    RateLimited {
        /// When it may be asked again.
        retry_after: Option<Duration>,
    },
    /// No answer in time.
    TimedOut,
    /// 404.
    NotFound,
    /// Unreachable, 5xx, or not an answer to what was asked.
    Broken,
}

fn denied(project: &str, rule: Option<usize>, what: &str) -> String {
    match rule {
        Some(rule) => format!("rule {rule} of project {project} denies {what}"),
        None => format!("no rule of project {project} allows {what}"),
    }
}

/// Registries answer 401 and 403 for what does not exist too, so no more is claimed.
fn told(error: &upstream::Error) -> String {
    match error {
        upstream::Error::Refused { status } => format!(
            "refused, or does not exist (it answered {status}); check the endpoint's credentials and the name"
        ),
        other => format!("{other}, and nothing is cached to serve instead"),
    }
}

impl From<pullthrough::Error> for Error {
    fn from(error: pullthrough::Error) -> Self {
        match error {
            pullthrough::Error::ManifestUnknown {
                repository,
                reference,
                ..
            } => Self::ManifestUnknown {
                repository,
                reference,
            },
            pullthrough::Error::BlobUnknown {
                repository, digest, ..
            } => Self::BlobUnknown { repository, digest },
            pullthrough::Error::Upstream { upstream, source } => {
                Self::Upstream { upstream, source }
            }
            pullthrough::Error::Storage(error) if matches!(*error, storage::Error::NoSpace) => {
                Self::NoSpace
            }
            pullthrough::Error::Storage(error) => Self::Internal(Box::new(error)),
            pullthrough::Error::Metadata(error) if matches!(*error, metadata::Error::Full) => {
                Self::NoSpace
            }
            pullthrough::Error::Metadata(error) => match &*error {
                metadata::Error::TagKept { tag } => not_updated(tag),
                _ => Self::Internal(Box::new(error)),
            },
            error @ pullthrough::Error::Abandoned => Self::Internal(Box::new(error)),
        }
    }
}

impl From<storage::Error> for Error {
    fn from(error: storage::Error) -> Self {
        match error {
            storage::Error::NoSpace => Self::NoSpace,
            storage::Error::UploadBusy => Self::UploadBusy,
            error => Self::Internal(Box::new(error)),
        }
    }
}

impl From<metadata::Error> for Error {
    fn from(error: metadata::Error) -> Self {
        match error {
            metadata::Error::Full => Self::NoSpace,
            metadata::Error::OverQuota {
                adding_bytes,
                used_bytes,
                limit_bytes,
            } => Self::Denied(over_quota(adding_bytes, used_bytes, limit_bytes)),
            metadata::Error::TagKept { tag } => not_deleted(tag),
            error => Self::Internal(Box::new(error)),
        }
    }
}

/// Harbor's sentence.
fn over_quota(adding: u64, used: u64, limit: u64) -> String {
    format!(
        "adding {} of storage resource, which when updated to current usage of {} will exceed the configured upper limit of {}.",
        shown(adding),
        shown(used),
        shown(limit)
    )
}

/// As Harbor shows bytes.
fn shown(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    // Tenths, so that no fraction is needed.
    let mut tenths = u128::from(bytes) * 10;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths = (tenths + 512) / 1024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_shown_as_harbor_shows_them() {
        let table = [
            (0, "0.0 B"),
            (1023, "1023.0 B"),
            (1536, "1.5 KiB"),
            (10 * 1024 * 1024, "10.0 MiB"),
            (5 * 1024 * 1024 * 1024, "5.0 GiB"),
        ];
        for (bytes, expected) in table {
            assert_eq!(shown(bytes), expected);
        }
    }
}
