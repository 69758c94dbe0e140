//! What can go wrong with another registry, told apart by what follows from it.

use std::time::Duration;

use http::StatusCode;

/// Why another registry gave no usable answer. Messages go to clients: no URL queries, no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No answer can come: name look-up, connection, TLS, proxy.
    #[error("cannot be reached: {reason}")]
    Unreachable {
        /// What failed.
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

impl Error {
    /// Whether the registry is out of reach: worth a pause before the next question.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. } | Self::Timeout | Self::Stalled
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
