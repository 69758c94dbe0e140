//! `/projects/{project_name_or_id}/members`: who has which role there.

use auth::{Action, Role};
use axum::Json;
use axum::response::IntoResponse;
use chrono::Utc;
use http::{StatusCode, Uri};
use metadata::Member;
use registry::Who;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Asked, Body, Names};
use super::json::or_default;
use super::page::Paging;
use super::{Result, created};
use crate::error::{Error, harbor};
use crate::openapi::Created;

#[derive(Serialize, ToSchema)]
#[schema(as = ProjectMemberEntity)]
struct MemberBody {
    id: i64,
    project_id: i64,
    entity_name: String,
    role_name: &'static str,
    role_id: i32,
    entity_id: i64,
    entity_type: &'static str,
}

impl From<Member> for MemberBody {
    fn from(member: Member) -> Self {
        Self {
            id: member.id,
            project_id: member.project_id,
            entity_name: member.username,
            role_name: Role::from_id(member.role).map_or("", Role::name),
            role_id: member.role,
            entity_id: member.user_id,
            entity_type: "u",
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ProjectMember)]
pub(super) struct NewMember {
    #[serde(default, deserialize_with = "or_default")]
    role_id: i32,
    member_user: Option<UserEntity>,
    /// Harbor's user groups, which are not here.
    #[schema(value_type = Option<Object>)]
    member_group: Option<IgnoredAny>,
}

#[derive(Deserialize, ToSchema)]
struct UserEntity {
    #[serde(default, deserialize_with = "or_default")]
    user_id: i64,
    #[serde(default, deserialize_with = "or_default")]
    username: String,
}

#[derive(Deserialize, ToSchema)]
pub(super) struct RoleRequest {
    #[serde(default)]
    role_id: i32,
}

/// Who has which role in a project.
#[utoipa::path(
    get,
    path = "/projects/{project}/members",
    operation_id = "listProjectMembers",
    tag = "member",
    params(Paging, ("entityname" = Option<String>, Query, description = "A part of the name")),
    responses((status = 200, body = [MemberBody])),
)]
pub(super) async fn list(asked: Asked, Names(project): Names<String>, paging: Paging) -> Result {
    let access = asked.project(Action::MemberList, &project).await?;
    let members = asked
        .state
        .registry()
        .members(&access)
        .await
        .map_err(Error::of_management)?;
    let part = paging
        .parameters
        .text("entityname")
        .unwrap_or_default()
        .to_lowercase();
    let found: Vec<MemberBody> = members
        .into_iter()
        .filter(|member| member.username.to_lowercase().contains(&part))
        .map(MemberBody::from)
        .collect();
    // A project has few members: they are cut into pages here.
    let size = usize::try_from(paging.page.size).unwrap_or(usize::MAX);
    let skipped = usize::try_from(paging.page.page - 1)
        .unwrap_or(usize::MAX)
        .saturating_mul(size)
        .min(found.len());
    let end = if size == 0 {
        found.len()
    } else {
        skipped.saturating_add(size).min(found.len())
    };
    Ok(paging.answer(&found[skipped..end], found.len() as u64))
}

/// Gives a user a role in a project.
#[utoipa::path(
    post,
    path = "/projects/{project}/members",
    operation_id = "createProjectMember",
    tag = "member",
    request_body = NewMember,
    responses(Created),
)]
pub(super) async fn create(
    asked: Asked,
    Names(project): Names<String>,
    uri: Uri,
    Body(new): Body<NewMember>,
) -> Result {
    let access = asked.project(Action::MemberCreate, &project).await?;
    let who = match new.member_user {
        Some(user) if user.user_id > 0 => Who::Id(user.user_id),
        Some(user) if !user.username.is_empty() => Who::Name(user.username),
        _ => {
            let message = match new.member_group {
                Some(_) => {
                    "there are no user groups here: make the group's users members, each by member_user"
                }
                None => "member_user must be provided, with a user_id or a username",
            };
            let status = StatusCode::BAD_REQUEST;
            return Err(Error::new(status, harbor::BAD_REQUEST, message));
        }
    };
    asked.about(&match &who {
        Who::Name(name) => name.clone(),
        Who::Id(id) => match asked.state.db().find_user(*id).await {
            Ok(Some(user)) => user.username,
            _ => id.to_string(),
        },
    });
    let id = asked
        .state
        .registry()
        .add_member(&access, &who, new.role_id, Utc::now())
        .await;
    Ok(created(&uri, id.map_err(Error::of_management)?))
}

/// A member.
#[utoipa::path(
    get,
    path = "/projects/{project}/members/{mid}",
    operation_id = "getProjectMember",
    tag = "member",
    responses((status = 200, body = MemberBody)),
)]
pub(super) async fn get(asked: Asked, Names((project, id)): Names<(String, i64)>) -> Result {
    let access = asked.project(Action::MemberRead, &project).await?;
    let member = asked
        .state
        .registry()
        .member(&access, id)
        .await
        .map_err(Error::of_management)?;
    Ok(Json(MemberBody::from(member)).into_response())
}

/// Changes a member's role.
#[utoipa::path(
    put,
    path = "/projects/{project}/members/{mid}",
    operation_id = "updateProjectMember",
    tag = "member",
    request_body = RoleRequest,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Names((project, id)): Names<(String, i64)>,
    Body(request): Body<RoleRequest>,
) -> Result<StatusCode> {
    let access = asked.project(Action::MemberUpdate, &project).await?;
    let changed = asked
        .state
        .registry()
        .change_member(&access, id, request.role_id, Utc::now())
        .await;
    changed
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// Takes a member's role away.
#[utoipa::path(
    delete,
    path = "/projects/{project}/members/{mid}",
    operation_id = "deleteProjectMember",
    tag = "member",
    responses((status = 200)),
)]
pub(super) async fn delete(
    asked: Asked,
    Names((project, id)): Names<(String, i64)>,
) -> Result<StatusCode> {
    let access = asked.project(Action::MemberDelete, &project).await?;
    let removed = asked.state.registry().remove_member(&access, id).await;
    removed
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}
