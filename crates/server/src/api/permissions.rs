//! `/permissions` and `/users/current/permissions`: what robots can be allowed, and what the caller may do.

use auth::{Action, Denied, Permission, SystemAction};
use axum::Json;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

use super::Result;
use super::extract::{Asked, Parameters};
use crate::error::Error;

#[derive(Serialize, ToSchema)]
#[schema(as = Permission)]
struct PermissionBody {
    resource: String,
    action: &'static str,
}

impl From<Permission> for PermissionBody {
    fn from(permission: Permission) -> Self {
        Self {
            resource: permission.resource.to_owned(),
            action: permission.action,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = Permissions)]
struct PermissionsBody {
    system: Vec<PermissionBody>,
    project: Vec<PermissionBody>,
}

/// What robots can be allowed.
///
/// Outside of projects only for administrators, who can make such robots.
#[utoipa::path(
    get,
    path = "/permissions",
    operation_id = "getPermissions",
    tag = "permissions",
    responses((status = 200, body = PermissionsBody)),
)]
pub(super) async fn of_robots(asked: Asked) -> Result {
    asked.system(SystemAction::PermissionList).await?;
    let system: Vec<PermissionBody> = match asked.caller.identity.is_sysadmin() {
        true => Permission::in_system().map(Into::into).collect(),
        false => Vec::new(),
    };
    let project = Permission::in_projects().map(Into::into).collect();
    Ok(Json(PermissionsBody { system, project }).into_response())
}

/// What the caller may do.
///
/// Nothing in a place that is not there, or closed.
#[utoipa::path(
    get,
    path = "/users/current/permissions",
    operation_id = "getCurrentUserPermissions",
    tag = "user",
    params(
        ("scope" = Option<String>, Query, description = "Where: `/project/<number>`, or `/system` for what is outside of projects"),
        ("relative" = Option<bool>, Query, description = "Whether resources are named without the scope"),
    ),
    responses((status = 200, body = [PermissionBody])),
)]
pub(super) async fn of_caller(asked: Asked, parameters: Parameters) -> Result {
    asked.signed_in()?;
    let is_relative = parameters.flag("relative")?.unwrap_or(false);
    let scope = parameters.text("scope").unwrap_or_default();
    let scope = scope.trim_end_matches('/');
    let auth = asked.state.auth();
    let allowed: Vec<Permission> = if scope == SYSTEM {
        let allowed = auth.allowed_in_system(&asked.caller).await;
        let mut allowed: Vec<Permission> = allowed
            .map_err(unavailable)?
            .into_iter()
            .map(SystemAction::permission)
            .collect();
        allowed.sort();
        allowed.dedup();
        allowed
    } else if let Some(id) = scope.strip_prefix(PROJECT).and_then(|id| id.parse().ok()) {
        let project = asked.project_name(id).await?;
        let allowed = auth.allowed_in(&asked.caller, &project).await;
        let allowed = allowed.map_err(unavailable)?;
        allowed.into_iter().map(Action::permission).collect()
    } else {
        Vec::new()
    };
    let body: Vec<PermissionBody> = allowed
        .into_iter()
        .map(|permission| PermissionBody {
            resource: place(scope, permission.resource, is_relative),
            action: permission.action,
        })
        .collect();
    Ok(Json(body).into_response())
}

const SYSTEM: &str = "/system";
const PROJECT: &str = "/project/";

/// A resource's path. A project is itself no resource in it, but where it is.
fn place(scope: &str, resource: &str, is_relative: bool) -> String {
    let is_itself = scope != SYSTEM && resource == "project";
    match (is_relative, is_itself) {
        (true, true) => ".".to_owned(),
        (true, false) => resource.to_owned(),
        (false, true) => scope.to_owned(),
        (false, false) => format!("{scope}/{resource}"),
    }
}

fn unavailable(denied: Denied) -> Error {
    Error::of_denied_management(denied)
}
