//! `/labels`: names with a colour, global or a project's; `…/artifacts/{reference}/labels`: the artifacts they are on.

use auth::{Access, Action, SystemAccess, SystemAction};
use axum::Json;
use axum::response::IntoResponse;
use chrono::Utc;
use http::{StatusCode, Uri};
use metadata::{Filter, Label, LabelDraft, Test};
use registry::LabelAccess;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Asked, Body, Names, reference};
use super::json::{Time, is_default};
use super::page::Paging;
use super::{Result, created};
use crate::error::{Error, harbor};
use crate::openapi::Created;

const GLOBAL: &str = "g";
const OF_PROJECT: &str = "p";

#[derive(Serialize, ToSchema)]
#[schema(as = Label)]
pub(super) struct LabelBody {
    id: i64,
    name: String,
    #[serde(skip_serializing_if = "is_default")]
    description: String,
    #[serde(skip_serializing_if = "is_default")]
    color: String,
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    project_id: Option<i64>,
    creation_time: Time,
    update_time: Time,
}

impl From<Label> for LabelBody {
    fn from(label: Label) -> Self {
        Self {
            id: label.id,
            name: label.name,
            description: label.description,
            color: label.color,
            scope: label.project_id.map_or(GLOBAL, |_| OF_PROJECT),
            project_id: label.project_id,
            creation_time: label.created_at.into(),
            update_time: label.updated_at.into(),
        }
    }
}

/// A label to be made, or what is said of one from now on; a change takes no other scope.
#[derive(Deserialize, ToSchema)]
pub(super) struct LabelRequest {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    color: String,
    /// `g`: global. `p`: of a project.
    #[serde(default)]
    scope: String,
    #[serde(default)]
    project_id: i64,
}

impl LabelRequest {
    fn draft(self) -> LabelDraft {
        LabelDraft {
            name: self.name,
            description: self.description,
            color: self.color,
        }
    }
}

/// The label to put on an artifact.
#[derive(Deserialize, ToSchema)]
pub(super) struct LabelChoice {
    id: i64,
}

/// The global labels, or a project's.
#[utoipa::path(
    get,
    path = "/labels",
    operation_id = "ListLabels",
    tag = "label",
    params(
        Paging,
        ("scope" = String, Query, description = "`g`: the global ones. `p`: those of a project"),
        ("project_id" = Option<i64>, Query, description = "That project's number"),
        ("name" = Option<String>, Query, description = "A part of the name"),
    ),
    responses((status = 200, body = [LabelBody])),
)]
pub(super) async fn list(asked: Asked, mut paging: Paging) -> Result {
    if let Some(part) = paging.parameters.text("name") {
        paging.page.filter.push(Filter {
            key: "name".to_owned(),
            test: Test::Contains(part.to_owned()),
        });
    }
    let found = match paging.parameters.text("scope").unwrap_or_default() {
        GLOBAL => {
            let labels = asked.state.db().list_labels(None, &paging.page).await;
            labels.map_err(Error::of_metadata)?
        }
        OF_PROJECT => {
            let id = paging.parameters.number("project_id")?;
            let id = id.and_then(|id| i64::try_from(id).ok()).ok_or_else(|| {
                bad_request("must with project ID when to query project labels".to_owned())
            })?;
            let access = asked.numbered_project(Action::LabelList, id).await?;
            let labels = asked
                .state
                .registry()
                .project_labels(&access, &paging.page)
                .await;
            labels.map_err(Error::of_management)?
        }
        other => return Err(bad_request(format!("invalid scope: {other}"))),
    };
    let bodies: Vec<LabelBody> = found.items.into_iter().map(LabelBody::from).collect();
    Ok(paging.answer(&bodies, found.total))
}

/// Makes a label.
#[utoipa::path(
    post,
    path = "/labels",
    operation_id = "CreateLabel",
    tag = "label",
    request_body = LabelRequest,
    responses(Created),
)]
pub(super) async fn create(asked: Asked, uri: Uri, Body(request): Body<LabelRequest>) -> Result {
    asked.about(&request.name);
    let proof = match request.scope.as_str() {
        GLOBAL => Proof::Global(asked.system(SystemAction::LabelCreate).await?),
        OF_PROJECT => {
            let access = asked.numbered_project(Action::LabelCreate, request.project_id);
            Proof::Project(access.await?)
        }
        _ => {
            asked.signed_in()?;
            return Err(bad_request("unsupported label scope".to_owned()));
        }
    };
    let made = asked
        .state
        .registry()
        .create_label(proof.access(), &request.draft(), Utc::now())
        .await;
    Ok(created(&uri, made.map_err(Error::of_management)?))
}

/// A label.
#[utoipa::path(
    get,
    path = "/labels/{label_id}",
    operation_id = "GetLabelByID",
    tag = "label",
    responses((status = 200, body = LabelBody)),
)]
pub(super) async fn get(asked: Asked, Names(id): Names<i64>) -> Result {
    let proof = Proof::of(&asked, id, SystemAction::LabelRead, Action::LabelRead).await?;
    let label = asked.state.registry().label(proof.access(), id).await;
    let label = label.map_err(Error::of_management)?;
    Ok(Json(LabelBody::from(label)).into_response())
}

/// Changes a label's name, description and colour.
#[utoipa::path(
    put,
    path = "/labels/{label_id}",
    operation_id = "UpdateLabel",
    tag = "label",
    request_body = LabelRequest,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Names(id): Names<i64>,
    Body(request): Body<LabelRequest>,
) -> Result<StatusCode> {
    let proof = Proof::of(&asked, id, SystemAction::LabelUpdate, Action::LabelUpdate).await?;
    let updated = asked
        .state
        .registry()
        .update_label(proof.access(), id, &request.draft(), Utc::now())
        .await;
    updated
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// Removes a label, off every artifact too.
#[utoipa::path(
    delete,
    path = "/labels/{label_id}",
    operation_id = "DeleteLabel",
    tag = "label",
    responses((status = 200)),
)]
pub(super) async fn delete(asked: Asked, Names(id): Names<i64>) -> Result<StatusCode> {
    let proof = Proof::of(&asked, id, SystemAction::LabelDelete, Action::LabelDelete).await?;
    let deleted = asked
        .state
        .registry()
        .delete_label(proof.access(), id)
        .await;
    deleted
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// Puts a label on an artifact: a global one, or one of its project.
#[utoipa::path(
    post,
    path = "/projects/{project}/repositories/{repository}/artifacts/{reference}/labels",
    operation_id = "addLabel",
    tag = "artifact",
    request_body = LabelChoice,
    responses((status = 200)),
)]
pub(super) async fn put_on(
    asked: Asked,
    Names((project, path, text)): Names<(String, String, String)>,
    Body(chosen): Body<LabelChoice>,
) -> Result<StatusCode> {
    let (access, name) = asked
        .repository(Action::ArtifactLabelCreate, &project, &path)
        .await?;
    let reference = reference(&name, &text)?;
    let put = asked
        .state
        .registry()
        .label_artifact(&access, &name, &reference, chosen.id, Utc::now())
        .await;
    put.map(|()| StatusCode::OK).map_err(Error::of_management)
}

/// Takes a label off an artifact.
#[utoipa::path(
    delete,
    path = "/projects/{project}/repositories/{repository}/artifacts/{reference}/labels/{label_id}",
    operation_id = "removeLabel",
    tag = "artifact",
    responses((status = 200)),
)]
pub(super) async fn take_off(
    asked: Asked,
    Names((project, path, text, label_id)): Names<(String, String, String, i64)>,
) -> Result<StatusCode> {
    let (access, name) = asked
        .repository(Action::ArtifactLabelDelete, &project, &path)
        .await?;
    let reference = reference(&name, &text)?;
    let taken = asked
        .state
        .registry()
        .unlabel_artifact(&access, &name, &reference, label_id)
        .await;
    taken.map(|()| StatusCode::OK).map_err(Error::of_management)
}

/// That the caller may do something with a label.
enum Proof {
    Global(SystemAccess),
    Project(Access),
}

impl Proof {
    /// For the label of that number. One that is not there takes the right that a global one takes, so that strangers
    /// learn nothing of the numbers.
    async fn of(asked: &Asked, id: i64, global: SystemAction, of_project: Action) -> Result<Self> {
        let label = asked.state.db().find_label(id).await;
        let label = label.map_err(Error::of_metadata)?;
        if let Some(label) = &label {
            asked.about(&label.name);
        }
        let project_id = label.and_then(|it| it.project_id);
        Ok(match project_id {
            Some(project_id) => {
                Self::Project(asked.numbered_project(of_project, project_id).await?)
            }
            None => Self::Global(asked.system(global).await?),
        })
    }

    fn access(&self) -> LabelAccess<'_> {
        match self {
            Self::Global(access) => LabelAccess::Global(access),
            Self::Project(access) => LabelAccess::Project(access),
        }
    }
}

fn bad_request(message: String) -> Error {
    Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
}
