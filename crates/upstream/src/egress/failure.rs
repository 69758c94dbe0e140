//! What a request failed of that got no answer.

use std::error::Error as _;

use super::Forbidden;
use crate::{Error, Step};

/// What a request that got no answer, or a body that broke, failed of.
pub(crate) fn of_transport(error: &reqwest::Error) -> Error {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
        if let Some(forbidden) = cause.downcast_ref::<Forbidden>() {
            return Error::Configuration {
                reason: forbidden.to_string(),
            };
        }
    }
    // The innermost cause speaks plainly; the outer ones hold URLs, and those may hold signatures.
    let reason = if error.source().is_some() {
        cause.to_string()
    } else {
        "no connection".to_owned()
    };
    if error.is_timeout() {
        Error::Timeout
    } else if error.is_body() || error.is_decode() {
        Error::Cut { reason }
    } else {
        Error::Unreachable {
            step: Step::Tcp,
            reason,
        }
    }
}
