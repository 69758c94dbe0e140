//! `/robots`: accounts for programs, of a project or of the system. A secret is shown once, when it is made.

use auth::{Action, SystemAction};
use axum::Json;
use axum::response::IntoResponse;
use chrono::Utc;
use http::{StatusCode, Uri};
use metadata::{Page, RobotAccess, RobotCreator, Test};
use registry::{
    PermissionDraft, RobotChange, RobotDraft, RobotNames, RobotPlace, ShownPermission, ShownRobot,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Asked, Body, Names};
use super::json::{Time, is_default, or_default};
use super::page::Paging;
use super::{Result, created_with};
use crate::error::{Error, harbor};

/// What Harbor writes for an end that never comes.
const NEVER: i64 = -1;

#[derive(Serialize, ToSchema)]
#[schema(as = Robot)]
struct RobotBody {
    id: i64,
    name: String,
    #[serde(skip_serializing_if = "is_default")]
    description: String,
    level: &'static str,
    duration: i64,
    /// Harbor has robots from before its version 2 that are not.
    editable: bool,
    disable: bool,
    expires_at: i64,
    permissions: Vec<PermissionBody>,
    creator_type: &'static str,
    creator_ref: i64,
    creation_time: Time,
    update_time: Time,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = RobotPermission)]
struct PermissionBody {
    #[serde(default, deserialize_with = "or_default")]
    kind: String,
    #[serde(default, deserialize_with = "or_default")]
    namespace: String,
    #[serde(default, deserialize_with = "or_default")]
    access: Vec<AccessBody>,
}

#[derive(Deserialize, Serialize, ToSchema)]
#[schema(as = Access)]
struct AccessBody {
    #[serde(default, deserialize_with = "or_default")]
    resource: String,
    #[serde(default, deserialize_with = "or_default")]
    action: String,
    #[serde(default, deserialize_with = "or_default")]
    effect: String,
}

/// The only effect there is.
const ALLOW: &str = "allow";

impl From<ShownRobot> for RobotBody {
    fn from(shown: ShownRobot) -> Self {
        let level = shown.level();
        let robot = shown.robot;
        let (creator_type, creator_ref) = match robot.creator {
            RobotCreator::User(id) => ("local", id),
            RobotCreator::Robot(id) => ("robot", id),
        };
        Self {
            id: robot.id,
            name: shown.name,
            description: robot.description,
            level,
            duration: robot.duration_days,
            editable: true,
            disable: robot.is_disabled,
            expires_at: robot.expires_at.map_or(NEVER, |end| end.timestamp()),
            permissions: shown.permissions.into_iter().map(Into::into).collect(),
            creator_type,
            creator_ref,
            creation_time: robot.created_at.into(),
            update_time: robot.updated_at.into(),
        }
    }
}

impl From<ShownPermission> for PermissionBody {
    fn from(shown: ShownPermission) -> Self {
        let access = shown.access.into_iter().map(|access| AccessBody {
            resource: access.resource,
            action: access.action,
            effect: ALLOW.to_owned(),
        });
        Self {
            kind: shown.kind.to_owned(),
            namespace: shown.namespace,
            access: access.collect(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = RobotCreate)]
pub(super) struct NewRobot {
    #[serde(default, deserialize_with = "or_default")]
    name: String,
    #[serde(default, deserialize_with = "or_default")]
    description: String,
    #[serde(default, deserialize_with = "or_default")]
    level: String,
    #[serde(default, deserialize_with = "or_default")]
    disable: bool,
    duration: Option<i64>,
    #[serde(default, deserialize_with = "or_default")]
    permissions: Vec<PermissionBody>,
}

#[derive(Serialize, ToSchema)]
struct RobotCreated {
    id: i64,
    name: String,
    secret: String,
    creation_time: Time,
    expires_at: i64,
}

#[derive(Default, Deserialize, Serialize, ToSchema)]
#[schema(as = RobotSec)]
pub(super) struct SecretBody {
    #[serde(
        default,
        deserialize_with = "or_default",
        skip_serializing_if = "is_default"
    )]
    secret: String,
}

/// Robots by level.
///
/// The system's, or with `q=Level=project,ProjectID=n` a project's.
#[utoipa::path(
    get,
    path = "/robots",
    operation_id = "ListRobot",
    tag = "robot",
    params(Paging),
    responses((status = 200, body = [RobotBody])),
)]
pub(super) async fn list(asked: Asked, paging: Paging) -> Result {
    asked.signed_in()?;
    let place = match listed_project(&paging.page)? {
        Some(id) => {
            let access = asked.numbered_project(Action::RobotList, id).await?;
            RobotPlace::Project(access)
        }
        None => RobotPlace::System(asked.system(SystemAction::RobotList).await?),
    };
    let found = asked.state.registry().robots(&place, &paging.page).await;
    let found = found.map_err(Error::of_management)?;
    let bodies: Vec<RobotBody> = found.items.into_iter().map(RobotBody::from).collect();
    Ok(paging.answer(&bodies, found.total))
}

/// Makes a robot.
///
/// The answer has its secret, which is shown this once. Left out, `duration` is what the setting `robot_token_duration` says.
#[utoipa::path(
    post,
    path = "/robots",
    operation_id = "CreateRobot",
    tag = "robot",
    request_body = NewRobot,
    responses((status = 201, body = RobotCreated, headers(("Location" = String, description = "Where it is")))),
)]
pub(super) async fn create(asked: Asked, uri: Uri, Body(new): Body<NewRobot>) -> Result {
    asked.signed_in()?;
    asked.about(&new.name);
    let place = match (new.level.as_str(), new.permissions.first()) {
        (PROJECT, Some(permission)) => {
            let project = &permission.namespace;
            let access = asked.named_project(Action::RobotCreate, project).await?;
            asked.within(access.project());
            RobotPlace::Project(access)
        }
        (PROJECT, None) => return Err(refused("bad request empty permission")),
        (SYSTEM, _) => RobotPlace::System(asked.system(SystemAction::RobotCreate).await?),
        (level, _) => {
            return Err(refused(&format!("bad request error level input: {level}")));
        }
    };
    let draft = RobotDraft {
        name: new.name,
        description: new.description,
        is_disabled: new.disable,
        duration_days: new.duration,
        permissions: permissions(new.permissions)?,
    };
    let made = asked
        .state
        .registry()
        .create_robot(&place, draft, Utc::now())
        .await;
    let made = made.map_err(Error::of_management)?;
    let robot = RobotBody::from(made.robot);
    asked.about(&robot.name);
    let body = RobotCreated {
        id: robot.id,
        name: robot.name,
        secret: made.secret,
        creation_time: robot.creation_time,
        expires_at: robot.expires_at,
    };
    Ok(created_with(&uri, body.id, Json(body)))
}

/// A robot.
#[utoipa::path(
    get,
    path = "/robots/{robot_id}",
    operation_id = "GetRobotByID",
    tag = "robot",
    responses((status = 200, body = RobotBody)),
)]
pub(super) async fn get(asked: Asked, Names(id): Names<i64>) -> Result {
    let place = place(&asked, id, Action::RobotRead, SystemAction::RobotRead).await?;
    let robot = asked.state.registry().robot(&place, id).await;
    let robot = robot.map_err(Error::of_management)?;
    Ok(Json(RobotBody::from(robot)).into_response())
}

/// Changes a robot.
///
/// The body has all of it; `name`, with its prefix, and `level` have to be those it has.
#[utoipa::path(
    put,
    path = "/robots/{robot_id}",
    operation_id = "UpdateRobot",
    tag = "robot",
    request_body = NewRobot,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Names(id): Names<i64>,
    Body(robot): Body<NewRobot>,
) -> Result<StatusCode> {
    let place = place(&asked, id, Action::RobotUpdate, SystemAction::RobotUpdate).await?;
    let names = RobotNames {
        name: robot.name,
        level: robot.level,
    };
    let change = RobotChange {
        description: robot.description,
        is_disabled: robot.disable,
        duration_days: robot.duration,
        permissions: permissions(robot.permissions)?,
    };
    let registry = asked.state.registry();
    let updated = registry.update_robot(&place, id, &names, change, Utc::now());
    updated
        .await
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// Gives a robot another secret.
///
/// The one given, or a random one, which the answer has.
#[utoipa::path(
    patch,
    path = "/robots/{robot_id}",
    operation_id = "RefreshSec",
    tag = "robot",
    request_body = SecretBody,
    responses((status = 200, body = SecretBody)),
)]
pub(super) async fn refresh_secret(
    asked: Asked,
    Names(id): Names<i64>,
    Body(body): Body<SecretBody>,
) -> Result {
    let place = place(&asked, id, Action::RobotUpdate, SystemAction::RobotUpdate).await?;
    let given = Some(body.secret).filter(|secret| !secret.is_empty());
    let registry = asked.state.registry();
    let generated = registry.refresh_robot_secret(&place, id, given, Utc::now());
    let secret = generated.await.map_err(Error::of_management)?;
    let secret = secret.unwrap_or_default();
    Ok(Json(SecretBody { secret }).into_response())
}

/// Deletes a robot.
#[utoipa::path(
    delete,
    path = "/robots/{robot_id}",
    operation_id = "DeleteRobot",
    tag = "robot",
    responses((status = 200)),
)]
pub(super) async fn delete(asked: Asked, Names(id): Names<i64>) -> Result<StatusCode> {
    let place = place(&asked, id, Action::RobotDelete, SystemAction::RobotDelete).await?;
    let deleted = asked.state.registry().delete_robot(&place, id).await;
    deleted
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

const PROJECT: &str = "project";
const SYSTEM: &str = "system";

/// The right to do something with the robot of that number: where it belongs decides who has it.
async fn place(
    asked: &Asked,
    id: i64,
    action: Action,
    system_action: SystemAction,
) -> Result<RobotPlace> {
    asked.signed_in()?;
    let robot = asked.state.db().find_robot(id).await;
    let robot = robot.map_err(Error::of_metadata)?.ok_or_else(|| {
        let message = format!("robot {id} not found");
        Error::new(StatusCode::NOT_FOUND, harbor::NOT_FOUND, message)
    })?;
    Ok(match robot.project_id {
        Some(id) => {
            let access = asked.numbered_project(action, id).await?;
            asked.within(access.project());
            RobotPlace::Project(access)
        }
        None => RobotPlace::System(asked.system(system_action).await?),
    })
}

/// Whose robots `q` asks for: a project's, or with `None` the system's.
fn listed_project(page: &Page) -> Result<Option<i64>> {
    let wanted = |key: &str| {
        let mut filters = page.filter.iter();
        let found = filters.find(|filter| filter.key.eq_ignore_ascii_case(key));
        found.map(|filter| match &filter.test {
            Test::Is(value) => value.as_str(),
            _ => "",
        })
    };
    match wanted("Level") {
        None | Some(SYSTEM) => Ok(None),
        Some(PROJECT) => {
            let id = wanted("ProjectID").or_else(|| wanted("project_id"));
            let missing = || refused("must with project ID when to query project robots");
            let id = id.ok_or_else(missing)?.parse();
            id.map(Some)
                .map_err(|_| refused("Project ID must be int type."))
        }
        Some(_) => Err(refused("bad request error level input")),
    }
}

fn permissions(bodies: Vec<PermissionBody>) -> Result<Vec<PermissionDraft>> {
    let one = |body: PermissionBody| {
        let access: Result<Vec<RobotAccess>> = body.access.into_iter().map(access).collect();
        Ok(PermissionDraft {
            kind: body.kind,
            namespace: body.namespace,
            access: access?,
        })
    };
    bodies.into_iter().map(one).collect()
}

fn access(body: AccessBody) -> Result<RobotAccess> {
    let AccessBody {
        resource,
        action,
        effect,
    } = body;
    match effect.as_str() {
        "" | ALLOW => Ok(RobotAccess { resource, action }),
        _ => Err(refused(&format!(
            "bad request permission: {resource}:{action}: the effect can only be {ALLOW}, leave out what shall not be allowed"
        ))),
    }
}

fn refused(message: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(q: &str) -> std::result::Result<Option<i64>, ()> {
        let page = Page::parse(None, None, Some(q), None).unwrap();
        listed_project(&page).map_err(drop)
    }

    #[test]
    fn robots_are_listed_by_level_and_project() {
        assert_eq!(listed(""), Ok(None));
        assert_eq!(listed("name=~ci"), Ok(None));
        assert_eq!(listed("Level=system"), Ok(None));
        assert_eq!(listed("Level=project,ProjectID=7"), Ok(Some(7)));
        assert_eq!(listed("name=~ci,level=project,project_id=7"), Ok(Some(7)));
        for q in [
            "Level=project",
            "Level=projects,ProjectID=7",
            "Level=project,ProjectID=seven",
            "Level={project system}",
        ] {
            assert_eq!(listed(q), Err(()), "{q}");
        }
    }
}
