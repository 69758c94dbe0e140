//! Robots, as people manage them: made, shown, changed, given another secret, deleted. How they sign in, and what they may
//! do, is `auth`'s.

mod draft;

use auth::{Access, Action, Identity, SystemAccess, SystemAction, generate_robot_secret, settings};
use chrono::{DateTime, Utc};
use metadata::{
    NewRobot, Page, Paged, Robot, RobotAccess, RobotCreator, RobotFilter, RobotPermission,
    RobotScope, RobotUpdate,
};

use crate::demand::{demand, demand_system};
use crate::{Error, Registry, Result};

pub use draft::{PermissionDraft, RobotChange, RobotDraft, RobotNames};

/// The proof of a right on robots: those of a project, or those of the system.
#[derive(Clone, Debug)]
pub enum RobotPlace {
    /// The project's.
    Project(Access),
    /// The system's.
    System(SystemAccess),
}

/// A robot with what is kept elsewhere: its whole name, and its projects' names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownRobot {
    /// As stored.
    pub robot: Robot,
    /// With the prefix: what it signs in with.
    pub name: String,
    /// What it may do, without what it might do in projects that are gone.
    pub permissions: Vec<ShownPermission>,
}

/// Some things a robot may do in one place, by names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownPermission {
    /// `system` or `project`.
    pub kind: &'static str,
    /// `/`, `*`, or the project's name.
    pub namespace: String,
    /// What.
    pub access: Vec<RobotAccess>,
}

/// A new robot, and the only time its secret is known.
pub struct MadeRobot {
    /// The robot.
    pub robot: ShownRobot,
    /// What it signs in with.
    pub secret: String,
}

impl Registry {
    /// A page of the robots of that place: by name unless sorted otherwise.
    pub async fn robots(&self, place: &RobotPlace, page: &Page) -> Result<Paged<ShownRobot>> {
        place.demand(Action::RobotList, SystemAction::RobotList)?;
        let filter = match place.project_id() {
            Some(id) => RobotFilter::Project(id),
            None => RobotFilter::System,
        };
        let found = self.db().list_robots(filter, page).await?;
        let mut items = Vec::with_capacity(found.items.len());
        for robot in found.items {
            items.push(self.shown(robot).await?);
        }
        let total = found.total;
        Ok(Paged { items, total })
    }

    /// One robot.
    pub async fn robot(&self, place: &RobotPlace, id: i64) -> Result<ShownRobot> {
        place.demand(Action::RobotRead, SystemAction::RobotRead)?;
        self.shown(self.robot_of(place, id).await?).await
    }

    /// Makes a robot with a random secret.
    pub async fn create_robot(
        &self,
        place: &RobotPlace,
        draft: RobotDraft,
        now: DateTime<Utc>,
    ) -> Result<MadeRobot> {
        place.demand(Action::RobotCreate, SystemAction::RobotCreate)?;
        draft::check_name(&draft.name)?;
        draft::check_description(&draft.description)?;
        let duration_days = match draft.duration_days {
            Some(days) => days,
            None => self.default_duration().await?,
        };
        let expires_at = draft::end(now, duration_days)?;
        let permissions = self.permissions_of(place, draft.permissions).await?;
        let maker = place.caller();
        let may_pass_on = self.0.auth.may_pass_on(maker, &permissions).await;
        if !may_pass_on.map_err(refused)? {
            return Err(beyond(maker));
        }
        let full_name = match place {
            RobotPlace::Project(access) => format!("{}+{}", access.project().name, draft.name),
            RobotPlace::System(_) => draft.name,
        };
        let secret = generate_robot_secret();
        let new = NewRobot {
            full_name: full_name.clone(),
            project_id: place.project_id(),
            description: draft.description,
            secret_hash: self.0.auth.hash_password(&secret).await.map_err(refused)?,
            is_disabled: draft.is_disabled,
            duration_days,
            expires_at,
            permissions,
            creator: creator(maker)?,
        };
        let taken = || {
            let project_id = place.project_id().unwrap_or_default();
            Error::Conflict(format!(
                "robot account {project_id}:{full_name} already exists"
            ))
        };
        let made = self.db().create_robot(new, now).await;
        let robot = made.map_err(|error| match error {
            metadata::Error::Conflict { .. } => taken(),
            metadata::Error::NotFound { .. } => {
                Error::NotFound("the project is gone meanwhile".to_owned())
            }
            error => error.into(),
        })?;
        Ok(MadeRobot {
            robot: self.shown(robot).await?,
            secret,
        })
    }

    /// Changes a robot. Its name and level stay what they are, and have to be told so; so does its project.
    pub async fn update_robot(
        &self,
        place: &RobotPlace,
        id: i64,
        names: &RobotNames,
        change: RobotChange,
        now: DateTime<Utc>,
    ) -> Result<()> {
        place.demand(Action::RobotUpdate, SystemAction::RobotUpdate)?;
        let robot = self.robot_of(place, id).await?;
        draft::check_description(&change.description)?;
        let duration_days = change.duration_days.unwrap_or(robot.duration_days);
        // As in Harbor, days are counted from the robot's first, not from the day they are changed.
        let expires_at = match duration_days == robot.duration_days {
            true => robot.expires_at,
            false => draft::end(robot.created_at, duration_days)?,
        };
        let name = self.0.auth.robot_name(&robot).await.map_err(refused)?;
        if names.name != name || names.level != place.level() {
            return Err(Error::BadRequest(
                "cannot update the level or name of robot".to_owned(),
            ));
        }
        let permissions = self.permissions_of(place, change.permissions).await?;
        let update = RobotUpdate {
            description: change.description,
            is_disabled: change.is_disabled,
            duration_days,
            expires_at,
            permissions,
        };
        let updated = self.db().update_robot(id, update, now).await;
        updated.map_err(|error| missing(id, error))
    }

    /// Gives a robot this secret, or a random one, which is returned. The one before is wrong from then on.
    pub async fn refresh_robot_secret(
        &self,
        place: &RobotPlace,
        id: i64,
        secret: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Option<String>> {
        place.demand(Action::RobotUpdate, SystemAction::RobotUpdate)?;
        self.robot_of(place, id).await?;
        let generated = secret.is_none().then(generate_robot_secret);
        let secret = secret.as_deref().or(generated.as_deref());
        let hash = self.0.auth.hash_password(secret.unwrap_or_default()).await;
        let hash = hash.map_err(refused)?;
        let set = self.db().set_robot_secret(id, &hash, now).await;
        set.map_err(|error| missing(id, error))?;
        Ok(generated)
    }

    /// Deletes a robot.
    pub async fn delete_robot(&self, place: &RobotPlace, id: i64) -> Result<()> {
        place.demand(Action::RobotDelete, SystemAction::RobotDelete)?;
        self.robot_of(place, id).await?;
        let deleted = self.db().delete_robot(id).await;
        deleted.map_err(|error| missing(id, error))
    }

    /// The robot of that number, if it is one of that place's.
    async fn robot_of(&self, place: &RobotPlace, id: i64) -> Result<Robot> {
        let robot = self.db().find_robot(id).await?;
        let robot = robot.filter(|robot| robot.project_id == place.project_id());
        robot
            .map(|robot| (*robot).clone())
            .ok_or_else(|| not_found(id))
    }

    async fn shown(&self, robot: Robot) -> Result<ShownRobot> {
        let mut permissions = Vec::with_capacity(robot.permissions.len());
        for permission in &robot.permissions {
            let (kind, namespace) = match permission.scope {
                RobotScope::System => (draft::SYSTEM, draft::WHOLE_SYSTEM.to_owned()),
                RobotScope::AllProjects => (draft::PROJECT, draft::ALL_PROJECTS.to_owned()),
                RobotScope::Project(id) => match self.db().find_project_by_id(id).await? {
                    Some(project) => (draft::PROJECT, project.name.clone()),
                    None => continue,
                },
            };
            permissions.push(ShownPermission {
                kind,
                namespace,
                access: permission.access.clone(),
            });
        }
        Ok(ShownRobot {
            name: self.0.auth.robot_name(&robot).await.map_err(refused)?,
            permissions,
            robot,
        })
    }

    /// What was asked for, checked, and projects by number.
    async fn permissions_of(
        &self,
        place: &RobotPlace,
        drafts: Vec<PermissionDraft>,
    ) -> Result<Vec<RobotPermission>> {
        let mut permissions = draft::Permissions::default();
        for draft in draft::checked(place.level(), drafts)? {
            let scope = self.scope_of(place, &draft).await?;
            permissions.add(scope, draft.access);
        }
        Ok(permissions.into())
    }

    async fn scope_of(&self, place: &RobotPlace, draft: &PermissionDraft) -> Result<RobotScope> {
        if let RobotPlace::Project(access) = place {
            let project = access.project();
            return match project.name == draft.namespace {
                true => Ok(RobotScope::Project(project.id)),
                false => Err(Error::BadRequest(format!(
                    "cannot update the project id of robot: it is one of {}, and may do something there only",
                    project.name
                ))),
            };
        }
        match (draft.kind.as_str(), draft.namespace.as_str()) {
            (draft::SYSTEM, _) => Ok(RobotScope::System),
            (_, draft::ALL_PROJECTS) => Ok(RobotScope::AllProjects),
            (_, name) => match self.db().find_project(name).await? {
                Some(project) => Ok(RobotScope::Project(project.id)),
                None => Err(unknown_project(place.caller(), name)),
            },
        }
    }

    async fn default_duration(&self) -> Result<i64> {
        let setting = settings::ROBOT_DURATION;
        let value = self.0.auth.setting(setting).await.map_err(refused)?;
        let days = value.parse().or_else(|_| setting.default.parse());
        Ok(days.unwrap_or(draft::FOREVER))
    }
}

impl RobotPlace {
    fn demand(&self, action: Action, system_action: SystemAction) -> Result<()> {
        match self {
            Self::Project(access) => demand(access, action),
            Self::System(access) => demand_system(access, system_action),
        }
    }

    fn caller(&self) -> &Identity {
        match self {
            Self::Project(access) => access.caller(),
            Self::System(access) => access.caller(),
        }
    }

    fn project_id(&self) -> Option<i64> {
        match self {
            Self::Project(access) => Some(access.project().id),
            Self::System(_) => None,
        }
    }

    fn level(&self) -> &'static str {
        match self {
            Self::Project(_) => draft::PROJECT,
            Self::System(_) => draft::SYSTEM,
        }
    }
}

impl ShownRobot {
    /// `project` or `system`.
    pub fn level(&self) -> &'static str {
        match self.robot.project_id {
            Some(_) => draft::PROJECT,
            None => draft::SYSTEM,
        }
    }
}

fn creator(maker: &Identity) -> Result<RobotCreator> {
    match maker {
        Identity::User { id, .. } => Ok(RobotCreator::User(*id)),
        Identity::Robot { id, .. } => Ok(RobotCreator::Robot(*id)),
        Identity::Anonymous => Err(Error::bug("a robot made by nobody".to_owned())),
    }
}

/// More than the robot that makes one has, in Harbor's words.
fn beyond(maker: &Identity) -> Error {
    Error::Denied(format!(
        "permission scope is invalid. It must be equal to or more restrictive than the creator robot's permissions: {}",
        maker.name()
    ))
}

/// A robot that makes robots is not told which projects there are beyond its own.
fn unknown_project(asking: &Identity, name: &str) -> Error {
    match asking {
        Identity::Robot { .. } => beyond(asking),
        _ => Error::NotFound(format!("project {name} not found")),
    }
}

fn refused(error: auth::Error) -> Error {
    match error {
        auth::Error::WeakPassword => Error::BadRequest(error.to_string()),
        auth::Error::Busy => Error::Busy,
        auth::Error::Metadata(error) => error.into(),
        error => Error::Internal(Box::new(error)),
    }
}

fn missing(id: i64, error: metadata::Error) -> Error {
    match error {
        metadata::Error::NotFound { .. } => not_found(id),
        error => error.into(),
    }
}

fn not_found(id: i64) -> Error {
    Error::NotFound(format!("robot {id} not found"))
}
