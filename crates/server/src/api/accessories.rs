//! `…/artifacts/{reference}/accessories`: signatures and other artifacts that are about one.

use auth::Action;

use super::Result;
use super::artifacts::AccessoryBody;
use super::extract::{Asked, Names, reference};
use super::page::Paging;
use crate::error::Error;

/// The signatures and other artifacts that are about an artifact.
#[utoipa::path(
    get,
    path = "/projects/{project}/repositories/{repository}/artifacts/{reference}/accessories",
    operation_id = "listAccessories",
    tag = "artifact",
    params(Paging),
    responses((status = 200, body = [AccessoryBody])),
)]
pub(super) async fn list(
    asked: Asked,
    Names((project, path, text)): Names<(String, String, String)>,
    paging: Paging,
) -> Result {
    let (access, name) = asked
        .repository(Action::AccessoryList, &project, &path)
        .await?;
    let reference = reference(&name, &text)?;
    let (subject, found) = asked
        .state
        .registry()
        .accessories(&access, &name, &reference, &paging.page)
        .await
        .map_err(Error::of_management)?;
    let bodies: Vec<AccessoryBody> = found
        .items
        .iter()
        .map(|accessory| AccessoryBody::of(accessory, &subject))
        .collect();
    Ok(paging.answer(&bodies, found.total))
}
