//! What can go wrong with another registry, told apart by what follows from it.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

/// Why another registry gave no usable answer. Messages go to clients: no URL queries, no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No answer can come: name look-up, connection, TLS, proxy.
    #[error("cannot be reached: {step}: {reason}")]
    Unreachable {
        /// How far the request came.
        step: Step,
        /// What failed there.
        reason: String,
    },
    /// The answer did not come in time.
    #[error("did not answer in time")]
    Timeout,
    /// The body went silent. What came before it is good; go on from there.
    #[error("stopped sending")]
    Stalled,
    /// The connection broke within the body. What came before it is good; go on from there.
    #[error("cut the connection: {reason}")]
    Cut {
        /// How.
        reason: String,
    },
    /// 401 or 403, from the registry or where its tokens are made. Many registries answer so for what does not exist.
    #[error("refused, or does not exist (status {status})")]
    Refused {
        /// Which of the two.
        status: u16,
    },
    /// 404.
    #[error("not found")]
    NotFound,
    /// 429.
    #[error("limits the rate of requests")]
    RateLimited {
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// Not sent: it was out of reach a moment ago, or has asked for a pause.
    #[error("is not asked for a while: {reason}")]
    Resting {
        /// What it did.
        reason: String,
    },
    /// Not sent: as many requests as the endpoint allows at once are under way, and none ended in time.
    #[error("is asked by {limit} requests already, as many as the endpoint allows at once")]
    Busy {
        /// How many it allows.
        limit: u32,
    },
    /// Not sent: the credential could not be had from where it is made.
    #[error("no credential could be had: {reason}")]
    Credential {
        /// What failed there, and what to do.
        reason: String,
    },
    /// Any other status that is no success.
    #[error("failed with status {status}")]
    Failed {
        /// The status.
        status: u16,
    },
    /// A success that is not what was asked for.
    #[error("gave a wrong answer: {reason}")]
    BadAnswer {
        /// What is wrong with it.
        reason: String,
    },
    /// The endpoint's description, or a rule about where credentials may go, forbids the request.
    #[error("is not set up right: {reason}")]
    Configuration {
        /// What to change.
        reason: String,
    },
}

/// Where a request that got no answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The look-up of a name.
    Dns,
    /// The connection.
    Tcp,
    /// TLS: certificates, versions.
    Tls,
    /// The proxy, or the way through it.
    Proxy,
    /// The connection stood, and broke.
    Http,
    /// Nowhere: an administrator wants the registry treated as down.
    Drill,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Dns => "name look-up",
            Self::Tcp => "connection",
            Self::Tls => "TLS",
            Self::Proxy => "proxy",
            Self::Http => "HTTP",
            Self::Drill => "outage drill",
        })
    }
}

impl Error {
    /// Whether the registry is out of reach: worth a pause before the next question.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Resting { .. } | Self::Timeout | Self::Stalled
        )
    }

    pub(crate) fn bad_answer(reason: impl Into<String>) -> Self {
        Self::BadAnswer {
            reason: reason.into(),
        }
    }

    /// What a status that is no success means.
    pub(crate) fn of_status(status: StatusCode, retry_after: Option<Duration>) -> Self {
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Self::Refused {
                status: status.as_u16(),
            },
            StatusCode::NOT_FOUND => Self::NotFound,
            StatusCode::TOO_MANY_REQUESTS => Self::RateLimited { retry_after },
            _ => Self::Failed {
                status: status.as_u16(),
            },
        }
    }
}
