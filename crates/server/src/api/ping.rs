//! `/ping`: whether anybody is there.

/// `Pong`, as soon as the process answers at all.
pub(super) async fn get() -> &'static str {
    "Pong"
}
