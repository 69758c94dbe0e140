//! The setting `read_only`: clients change nothing while it is set. What a proxy cache keeps because somebody pulled it is
//! no change of a client's, and goes on.

use axum::extract::{Request, State as Extract};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};

use crate::State;
use crate::error::{Error, harbor};

/// Refuses what might change something, in Harbor's words.
pub(crate) async fn refuse(
    Extract(state): Extract<State>,
    request: Request,
    next: Next,
) -> Response {
    if !may_change(request.method(), request.uri().path()) {
        return next.run(request).await;
    }
    match state.registry().is_read_only().await {
        Ok(false) => next.run(request).await,
        Ok(true) => {
            let message = "The system is in read only mode. Any modification is prohibited.";
            Error::new(StatusCode::FORBIDDEN, harbor::DENIED, message).into_response()
        }
        Err(error) => Error::of_management(error).into_response(),
    }
}

/// Whether a request might change something. Signing in does not count, and neither does what ends the mode.
fn may_change(method: &Method, path: &str) -> bool {
    if matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
        return false;
    }
    let words: Vec<&str> = path.split('/').filter(|word| !word.is_empty()).collect();
    match words.as_slice() {
        ["c", "login" | "userExists"] => false,
        ["api", "v2.0", "configurations"] => *method != Method::PUT,
        ["api" | "v2" | "c", ..] => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_might_change_something_is_refused() {
        for (method, path) in [
            ("PUT", "/v2/hosted/app/manifests/1"),
            ("POST", "/v2/hosted/app/blobs/uploads/"),
            ("PATCH", "/v2/hosted/app/blobs/uploads/1"),
            ("DELETE", "/api/v2.0/projects/1"),
            ("POST", "/api/v2.0/configurations"),
            ("PUT", "//api//v2.0/projects/configurations"),
            ("POST", "/c/oidc/onboard"),
        ] {
            assert!(
                may_change(&method.parse().unwrap(), path),
                "{method} {path}"
            );
        }
        for (method, path) in [
            ("GET", "/v2/hosted/app/manifests/1"),
            ("HEAD", "/api/v2.0/projects"),
            ("OPTIONS", "/api/v2.0/projects"),
            ("POST", "/c/login"),
            ("PUT", "/api/v2.0/configurations"),
            ("PUT", "/api//v2.0/configurations/"),
            ("POST", "/service/token"),
        ] {
            assert!(
                !may_change(&method.parse().unwrap(), path),
                "{method} {path}"
            );
        }
    }
}
