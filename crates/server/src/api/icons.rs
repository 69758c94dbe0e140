//! `/icons/{digest}`: small pictures for kinds of artifacts. They are Roadstead's own.

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use oci::Digest;
use serde::Serialize;
use utoipa::ToSchema;

use super::Result;
use super::extract::Names;
use crate::error::{Error, harbor};

/// A stack of layers.
const IMAGE: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#336699" stroke-width="1.6" stroke-linejoin="round"><path d="M12 3l9 4.5-9 4.5-9-4.5z"/><path d="M3 12l9 4.5 9-4.5M3 16.5l9 4.5 9-4.5"/></svg>"##;
/// A wheel.
const CHART: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#336699" stroke-width="1.6" stroke-linecap="round"><circle cx="12" cy="12" r="6"/><circle cx="12" cy="12" r="1.6"/><path d="M12 2v8.4M12 13.6V22M2 12h8.4M13.6 12H22M5 5l5.8 5.8M13.2 13.2L19 19M19 5l-5.8 5.8M10.8 13.2L5 19"/></svg>"##;
/// A seal.
const ACCESSORY: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#336699" stroke-width="1.6" stroke-linejoin="round" stroke-linecap="round"><circle cx="12" cy="9" r="6"/><path d="M9.5 9l1.8 1.8L14.7 7.4M8.5 14L7 22l5-2.6L17 22l-1.5-8"/></svg>"##;
/// A box.
const OTHER: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#336699" stroke-width="1.6" stroke-linejoin="round"><path d="M12 2.5l8.5 4.7v9.6L12 21.5l-8.5-4.7V7.2z"/><path d="M3.5 7.2L12 12l8.5-4.8M12 12v9.5"/></svg>"##;

#[derive(Serialize, ToSchema)]
#[schema(as = Icon)]
struct IconBody {
    #[serde(rename = "content-type")]
    content_type: &'static str,
    /// Base64.
    content: String,
}

/// A picture for a kind of artifact, by the digest that artifacts have in `icon`.
#[utoipa::path(
    get,
    path = "/icons/{digest}",
    operation_id = "getIcon",
    tag = "icon",
    responses((status = 200, body = IconBody)),
)]
pub(super) async fn get(Names(digest): Names<String>) -> Result<Response> {
    let wanted = [IMAGE, CHART, ACCESSORY, OTHER]
        .into_iter()
        .find(|picture| digest_of(picture).as_str() == digest);
    let picture = wanted.ok_or_else(|| {
        let message = format!("the icon {digest} not found");
        Error::new(StatusCode::NOT_FOUND, harbor::NOT_FOUND, message)
    })?;
    let body = IconBody {
        content_type: "image/svg+xml",
        content: STANDARD.encode(picture),
    };
    Ok(Json(body).into_response())
}

/// The picture for an artifact of that kind (Harbor's word).
pub(super) fn of_artifact(kind: &str) -> Digest {
    digest_of(match kind {
        "IMAGE" => IMAGE,
        "CHART" => CHART,
        _ => OTHER,
    })
}

/// The picture for a signature and the like.
pub(super) fn of_accessory() -> Digest {
    digest_of(ACCESSORY)
}

fn digest_of(picture: &str) -> Digest {
    Digest::sha256(picture.as_bytes())
}
