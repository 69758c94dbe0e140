//! `/ping`: whether anybody is there.

/// Answers `Pong`, as soon as the process answers at all.
#[utoipa::path(
    get,
    path = "/ping",
    operation_id = "getPing",
    tag = "ping",
    responses((status = 200, body = str, content_type = "text/plain")),
)]
pub(super) async fn get() -> &'static str {
    "Pong"
}
