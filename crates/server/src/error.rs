//! **The** place where an error becomes a status and a body, for the registry API and for Harbor's.

use std::time::Duration;

use auth::Denied;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use oci::{Challenge, ErrorCode};
use registry::UpstreamStatus;
use serde::Serialize;
use utoipa::ToSchema;

use crate::caller::CallerError;

/// How long a client should wait where upstream has not said.
const DEFAULT_RETRY: Duration = Duration::from_secs(30);

/// An error on its way to a client.
#[derive(Debug)]
pub(crate) struct Error {
    status: StatusCode,
    code: &'static str,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// Why a request was not answered as asked.
#[derive(Serialize, ToSchema)]
#[schema(as = Errors)]
pub(crate) struct ErrorsBody {
    errors: [ErrorBody; 1],
}

#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
struct ErrorBody {
    /// For programs: `NOT_FOUND`, `CONFLICT` …
    code: &'static str,
    /// For people: what is wrong, and what to do.
    message: String,
}

/// Harbor's codes for the management API, where they are not the specification's.
pub(crate) mod harbor {
    pub(crate) const BAD_REQUEST: &str = "BAD_REQUEST";
    pub(crate) const UNAUTHORIZED: &str = "UNAUTHORIZED";
    pub(crate) const FORBIDDEN: &str = "FORBIDDEN";
    pub(crate) const NOT_FOUND: &str = "NOT_FOUND";
    pub(crate) const CONFLICT: &str = "CONFLICT";
    pub(crate) const PRECONDITION: &str = "PRECONDITION";
    pub(crate) const DENIED: &str = "DENIED";
    pub(crate) const UNKNOWN: &str = "UNKNOWN";
    pub(crate) const UNPROCESSABLE_ENTITY: &str = "UNPROCESSABLE_ENTITY";
    pub(crate) const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
    pub(crate) const NOT_IMPLEMENTED: &str = "NOT_IMPLEMENTED";
    pub(crate) const REQUEST_ENTITY_TOO_LARGE: &str = "REQUEST_ENTITY_TOO_LARGE";
    pub(crate) const UNSUPPORTED_MEDIA_TYPE: &str = "UNSUPPORTED_MEDIA_TYPE";
}

impl Error {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            headers: Vec::new(),
        }
    }

    /// In the registry API's form.
    pub(crate) fn oci(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self::new(status, code.as_str(), message)
    }

    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        // A value that is no header is left out rather than failing the answer that explains the failure.
        self.headers
            .extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        self
    }

    /// 401 with the challenge that says how to do better.
    pub(crate) fn unauthorized(challenge: &Challenge, message: &str) -> Self {
        Self::oci(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, message)
            .with(WWW_AUTHENTICATE, &challenge.to_string())
    }

    /// The same for a token that does not do, which RFC 6750 lets the challenge say why: told so, clients ask for
    /// another at once instead of trying this one again (docker for 50 s).
    pub(crate) fn token_refused(challenge: &Challenge, why: &str, message: &str) -> Self {
        Self::oci(StatusCode::UNAUTHORIZED, ErrorCode::Unauthorized, message)
            .with(WWW_AUTHENTICATE, &format!("{challenge},error=\"{why}\""))
    }

    /// 405 with what is allowed.
    pub(crate) fn method_not_allowed(allowed: &str) -> Self {
        Self::oci(
            StatusCode::METHOD_NOT_ALLOWED,
            ErrorCode::Unsupported,
            format!("this endpoint has {allowed}"),
        )
        .with(ALLOW, allowed)
    }

    /// 422, as Harbor's validation says it.
    pub(crate) fn invalid(what: &str) -> Self {
        let message = format!("validation failure list:\n{what}");
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            harbor::UNPROCESSABLE_ENTITY,
            message,
        )
    }

    /// 405, in Harbor's words: what a proxy project has comes from its upstream.
    pub(crate) fn not_of_a_proxy() -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            harbor::METHOD_NOT_ALLOWED,
            "the operation isn't supported for a proxy cache project",
        )
    }

    /// 500; the cause goes to the log, not to the client.
    pub(crate) fn internal(cause: &(dyn std::error::Error + 'static)) -> Self {
        tracing::error!(error = cause, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            harbor::UNKNOWN,
            "internal server error",
        )
    }

    /// An error of an operation, as the registry API tells it.
    pub(crate) fn of_registry(error: registry::Error) -> Self {
        use registry::Error as E;
        let (status, code) = match &error {
            E::ManifestUnknown { .. } => (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown),
            E::BlobUnknown { .. } => (StatusCode::NOT_FOUND, ErrorCode::BlobUnknown),
            E::RepositoryUnknown(_) | E::NotFound(_) => {
                (StatusCode::NOT_FOUND, ErrorCode::NameUnknown)
            }
            E::UploadUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown),
            E::UploadBusy | E::Conflict(_) => (StatusCode::CONFLICT, ErrorCode::BlobUploadInvalid),
            E::ChunkOutOfOrder { .. } => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                ErrorCode::BlobUploadInvalid,
            ),
            E::BodyBroken(_) => (StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid),
            E::SizeInvalid(_) => (StatusCode::BAD_REQUEST, ErrorCode::SizeInvalid),
            E::DigestMismatch { .. } => (StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid),
            E::ManifestInvalid(oci::ManifestError::TooLarge) => {
                (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::ManifestInvalid)
            }
            E::ManifestInvalid(_) | E::BadRequest(_) => {
                (StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid)
            }
            E::ManifestBlobUnknown { .. } => {
                (StatusCode::BAD_REQUEST, ErrorCode::ManifestBlobUnknown)
            }
            E::NotMatched { .. } => (StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
            E::ProxyIsReadOnly { .. } | E::DeniedByRule { .. } => {
                (StatusCode::FORBIDDEN, ErrorCode::Denied)
            }
            E::Precondition(_) => (StatusCode::PRECONDITION_FAILED, ErrorCode::Denied),
            E::Immutable(_) => (StatusCode::PRECONDITION_FAILED, ErrorCode::Precondition),
            E::Denied(_) => (StatusCode::FORBIDDEN, ErrorCode::Denied),
            E::Busy => return Self::of_auth_failure(auth::Error::Busy),
            E::NoSpace => (StatusCode::INSUFFICIENT_STORAGE, ErrorCode::Denied),
            E::Upstream { .. } => return Self::of_upstream(&error),
            E::Internal(cause) => return Self::internal(&**cause),
        };
        let message = match &error {
            // Harbor's clients look for its own words here.
            E::ProxyIsReadOnly { .. } => format!("denied: {error}"),
            _ => error.to_string(),
        };
        Self::oci(status, code, message)
    }

    /// Upstream's failure keeps its meaning. Never 401: that would ask for credentials of ours.
    fn of_upstream(error: &registry::Error) -> Self {
        let message = error.to_string();
        match error.upstream_status() {
            Some(UpstreamStatus::Refused) => {
                Self::oci(StatusCode::FORBIDDEN, ErrorCode::Denied, message)
            }
            Some(UpstreamStatus::NotFound) => {
                Self::oci(StatusCode::NOT_FOUND, ErrorCode::NameUnknown, message)
            }
            Some(UpstreamStatus::RateLimited { retry_after }) => {
                let seconds = retry_after.unwrap_or(DEFAULT_RETRY).as_secs().max(1);
                Self::oci(
                    StatusCode::TOO_MANY_REQUESTS,
                    ErrorCode::TooManyRequests,
                    message,
                )
                .with(RETRY_AFTER, &seconds.to_string())
            }
            Some(UpstreamStatus::TimedOut) => {
                Self::oci(StatusCode::GATEWAY_TIMEOUT, ErrorCode::Unknown, message)
            }
            Some(UpstreamStatus::Broken) | None => {
                Self::oci(StatusCode::BAD_GATEWAY, ErrorCode::Unknown, message)
            }
        }
    }

    /// An error of an operation, as Harbor's API tells it: 5xx are masked there.
    pub(crate) fn of_management(error: registry::Error) -> Self {
        use registry::Error as E;
        let (status, code) = match &error {
            E::ManifestUnknown { .. }
            | E::BlobUnknown { .. }
            | E::RepositoryUnknown(_)
            | E::UploadUnknown(_)
            | E::NotMatched { .. }
            | E::NotFound(_) => (StatusCode::NOT_FOUND, harbor::NOT_FOUND),
            E::Conflict(_) | E::UploadBusy => (StatusCode::CONFLICT, harbor::CONFLICT),
            E::Precondition(_) | E::Immutable(_) => {
                (StatusCode::PRECONDITION_FAILED, harbor::PRECONDITION)
            }
            E::ProxyIsReadOnly { .. } | E::DeniedByRule { .. } | E::Denied(_) => {
                (StatusCode::FORBIDDEN, harbor::DENIED)
            }
            E::Busy => return Self::of_auth_failure(auth::Error::Busy),
            E::NoSpace => (StatusCode::INSUFFICIENT_STORAGE, harbor::UNKNOWN),
            E::Upstream { .. } => return Self::of_upstream(&error),
            E::Internal(cause) => return Self::internal(&**cause),
            _ => (StatusCode::BAD_REQUEST, harbor::BAD_REQUEST),
        };
        Self::new(status, code, error.to_string())
    }

    /// A failed look-up or write of facts, as Harbor's API tells it.
    pub(crate) fn of_metadata(error: metadata::Error) -> Self {
        use metadata::Error as E;
        let (status, code) = match &error {
            E::NotFound { .. } => (StatusCode::NOT_FOUND, harbor::NOT_FOUND),
            E::Conflict { .. } => (StatusCode::CONFLICT, harbor::CONFLICT),
            E::InUse { .. } | E::NotEmpty => {
                (StatusCode::PRECONDITION_FAILED, harbor::PRECONDITION)
            }
            E::FirstAdministrator => (StatusCode::FORBIDDEN, harbor::FORBIDDEN),
            E::Full => (StatusCode::INSUFFICIENT_STORAGE, harbor::UNKNOWN),
            _ => return Self::internal(&error),
        };
        Self::new(status, code, error.to_string())
    }

    /// A refusal, as Harbor's API tells it.
    pub(crate) fn of_denied_management(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated => Self::new(
                StatusCode::UNAUTHORIZED,
                harbor::UNAUTHORIZED,
                "unauthorized",
            ),
            Denied::Forbidden => Self::new(StatusCode::FORBIDDEN, harbor::FORBIDDEN, "forbidden"),
            Denied::ProjectNotFound => Self::new(
                StatusCode::NOT_FOUND,
                harbor::NOT_FOUND,
                "project not found",
            ),
            Denied::Unavailable(error) => Self::internal(&error),
        }
    }

    /// Credentials that were not taken, by Harbor's API.
    pub(crate) fn of_caller_management(error: CallerError) -> Self {
        match error {
            CallerError::Wrong => Self::new(
                StatusCode::UNAUTHORIZED,
                harbor::UNAUTHORIZED,
                "unauthorized: the user name or password is wrong",
            ),
            CallerError::Failed(error) => Self::of_auth_failure(error),
        }
    }

    /// Credentials that could not be checked.
    pub(crate) fn of_auth_failure(error: auth::Error) -> Self {
        match error {
            auth::Error::Busy => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                harbor::UNKNOWN,
                error.to_string(),
            )
            .with(RETRY_AFTER, "2"),
            auth::Error::TooManyTries { retry_after } => {
                let seconds = retry_after.as_secs().saturating_add(1);
                Self::oci(
                    StatusCode::TOO_MANY_REQUESTS,
                    ErrorCode::TooManyRequests,
                    error.to_string(),
                )
                .with(RETRY_AFTER, &seconds.to_string())
            }
            error => Self::internal(&error),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let errors = [ErrorBody {
            code: self.code,
            message: self.message,
        }];
        let body = serde_json::json!(ErrorsBody { errors });
        let mut response = Response::new(Body::from(format!("{body}\n")));
        *response.status_mut() = self.status;
        response.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/json; charset=utf-8"),
        );
        response.headers_mut().extend(self.headers);
        response
    }
}
