//! May they? The one place that answers, with a value that proves it: operations that need permission demand
//! an [`Access`], so forgetting to ask does not compile. Which role may what is [`crate::rbac`].

use std::sync::Arc;

use metadata::{AuditScope, Project, Robot, RobotScope, Visibility};
use oci::{RepositoryName, Scope};

use crate::rbac::{self, Action, Role, SystemAction};
use crate::robot;
use crate::settings::PROJECT_CREATION;
use crate::{Auth, Caller, Error, Identity};

/// Proof that `caller` may do `action` in `project`. Only [`Auth::authorize`] makes one.
#[derive(Clone, Debug)]
pub struct Access {
    project: Arc<Project>,
    caller: Identity,
    action: Action,
}

impl Access {
    /// Where.
    pub fn project(&self) -> &Arc<Project> {
        &self.project
    }

    /// Who, with the rights they have now.
    pub fn caller(&self) -> &Identity {
        &self.caller
    }

    /// What.
    pub fn action(&self) -> Action {
        self.action
    }
}

/// Proof that `caller` may do `action`. Only [`Auth::authorize_system`] makes one.
#[derive(Clone, Debug)]
pub struct SystemAccess {
    caller: Identity,
    action: SystemAction,
}

impl SystemAccess {
    /// Who, with the rights they have now.
    pub fn caller(&self) -> &Identity {
        &self.caller
    }

    /// What.
    pub fn action(&self) -> SystemAction {
        self.action
    }
}

/// Proof of which part of the audit log somebody may read. Only [`Auth::authorize_log`] makes one.
#[derive(Clone, Debug)]
pub struct LogAccess(AuditScope);

impl LogAccess {
    /// Which part.
    pub fn scope(&self) -> &AuditScope {
        &self.0
    }
}

/// Why not.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// Credentials, or a token that reaches further, might help.
    #[error("authentication is required")]
    Unauthenticated,
    /// These credentials do not suffice. Said of a project that does not exist too: names of private projects
    /// are not to be guessed.
    #[error("permission denied")]
    Forbidden,
    /// Only system administrators are told.
    #[error("no such project")]
    ProjectNotFound,
    /// It could not be found out.
    #[error("rights could not be looked up")]
    Unavailable(#[from] metadata::Error),
}

impl Auth {
    /// Whether `caller` may do `action` in the project called `project`: their rights now say so, and the token
    /// they came with, if any, does too.
    ///
    /// # Errors
    /// [`Denied`], the same for a project that is missing as for one that is closed to the caller.
    pub async fn authorize(
        &self,
        caller: &Caller,
        action: Action,
        project: &str,
    ) -> Result<Access, Denied> {
        let identity = self.identity_now(caller).await?;
        let standing = self.standing(&identity, project).await?;
        let is_in_reach = caller.is_in_reach(action, project);
        match standing.project {
            Some(ref project) if standing.may(action) => match is_in_reach {
                true => Ok(Access {
                    project: Arc::clone(project),
                    caller: identity,
                    action,
                }),
                // The rights are there: a token asked for now would have them.
                false => Err(Denied::Unauthenticated),
            },
            _ if identity.is_anonymous() => Err(Denied::Unauthenticated),
            None if identity.is_sysadmin() => Err(Denied::ProjectNotFound),
            _ => Err(Denied::Forbidden),
        }
    }

    /// Whether `caller` may do `action`, which belongs to no project.
    ///
    /// # Errors
    /// [`Denied`]
    pub async fn authorize_system(
        &self,
        caller: &Caller,
        action: SystemAction,
    ) -> Result<SystemAccess, Denied> {
        let identity = self.identity_now(caller).await?;
        if identity.is_anonymous() {
            return Err(Denied::Unauthenticated);
        }
        let may = match &identity {
            Identity::Robot { id, .. } => self.may_robot(*id, action).await?,
            identity => {
                identity.is_sysadmin()
                    || rbac::may_every_user(
                        action,
                        self.is_project_creation_restricted(action).await?,
                    )
            }
        };
        match (may, caller.is_in_system_reach(action)) {
            (true, true) => Ok(SystemAccess {
                caller: identity,
                action,
            }),
            (true, false) => Err(Denied::Unauthenticated),
            (false, _) => Err(Denied::Forbidden),
        }
    }

    /// Which part of the audit log `caller` may read: administrators all of it, others what happened in the projects
    /// whose logs they may list.
    ///
    /// # Errors
    /// [`Denied`]
    pub async fn authorize_log(&self, caller: &Caller) -> Result<LogAccess, Denied> {
        let all = SystemAction::AuditLogList;
        match self.authorize_system(caller, all).await {
            Ok(_) => return Ok(LogAccess(AuditScope::All)),
            // A token speaks of no log.
            Err(Denied::Forbidden) if !caller.has_token() => {}
            Err(denied) => return Err(denied),
        }
        let db = self.db();
        let projects: Vec<i64> = match &caller.identity {
            Identity::Anonymous => return Err(Denied::Unauthenticated),
            Identity::User { id, .. } => {
                let may = |role| rbac::may(Action::LogList, false, Role::from_id(role));
                let memberships = db.list_memberships(*id).await?.into_iter();
                let readable = memberships.filter(|(_, role)| may(*role));
                readable.map(|(project, _)| project).collect()
            }
            Identity::Robot { id, .. } => match self.robot_now(*id).await? {
                Some(robot) => {
                    let permission = Action::LogList.permission();
                    let all = db.list_project_ids().await?.into_iter();
                    all.filter(|project| robot::may(&robot, permission, *project))
                        .collect()
                }
                None => return Err(Denied::Forbidden),
            },
        };
        Ok(LogAccess(AuditScope::Projects(projects)))
    }

    /// All that `caller` may do in the project of that name: nothing, where there is none.
    ///
    /// # Errors
    /// [`Denied::Unavailable`]
    pub async fn allowed_in(&self, caller: &Caller, project: &str) -> Result<Vec<Action>, Denied> {
        let identity = self.identity_now(caller).await?;
        let standing = self.standing(&identity, project).await?;
        let allowed = Action::all()
            .filter(|action| standing.may(*action) && caller.is_in_reach(*action, project));
        Ok(allowed.collect())
    }

    /// All that `caller` may do outside any one project.
    ///
    /// # Errors
    /// [`Denied::Unavailable`]
    pub async fn allowed_in_system(&self, caller: &Caller) -> Result<Vec<SystemAction>, Denied> {
        let mut allowed = Vec::new();
        for action in SystemAction::all() {
            match self.authorize_system(caller, action).await {
                Ok(_) => allowed.push(action),
                Err(Denied::Unavailable(error)) => return Err(error.into()),
                Err(_) => {}
            }
        }
        Ok(allowed)
    }

    /// Which projects lists may show to `caller`. A token speaks of no lists, so it adds nothing here.
    ///
    /// # Errors
    /// [`Error::Metadata`] where a robot could not be looked up.
    pub async fn visibility(&self, caller: &Caller) -> Result<Visibility, Error> {
        if caller.has_token() {
            return Ok(Visibility::PublicOnly);
        }
        self.sight(&caller.identity).await
    }

    /// Which projects `identity` may see, by whatever it came.
    ///
    /// # Errors
    /// [`Error::Metadata`] where a robot could not be looked up.
    pub async fn sight(&self, identity: &Identity) -> Result<Visibility, Error> {
        let id = match identity {
            Identity::Anonymous => return Ok(Visibility::PublicOnly),
            Identity::User {
                is_sysadmin: true, ..
            } => return Ok(Visibility::All),
            Identity::User { id, .. } => return Ok(Visibility::User(*id)),
            Identity::Robot { id, .. } => *id,
        };
        let mut covered = Vec::new();
        if let Some(robot) = self.robot_now(id).await? {
            for permission in &robot.permissions {
                match permission.scope {
                    RobotScope::AllProjects => return Ok(Visibility::All),
                    RobotScope::Project(id) => covered.push(id),
                    RobotScope::System => {}
                }
            }
        }
        Ok(Visibility::Projects(covered))
    }

    /// What a token for `identity` that was asked to speak of `requested` may speak of: as in Harbor, for each
    /// repository all of pull, push and delete that they may do, whatever was asked. What is unknown, a
    /// project or a kind of thing, gets no actions and no error.
    ///
    /// # Errors
    /// [`Error::Metadata`] where rights could not be looked up.
    pub async fn grant(
        &self,
        identity: &Identity,
        requested: &[Scope],
    ) -> Result<Vec<Scope>, Error> {
        let mut granted = Vec::with_capacity(requested.len());
        for scope in requested {
            let actions = match scope.kind.as_str() {
                "repository" => self.repository_actions(identity, &scope.name).await?,
                "registry" if scope.name == "catalog" && self.may_list_all(identity).await? => {
                    vec!["*"]
                }
                _ => Vec::new(),
            };
            let actions = actions.into_iter().map(str::to_owned).collect();
            granted.push(Scope {
                kind: scope.kind.clone(),
                name: scope.name.clone(),
                actions,
            });
        }
        Ok(granted)
    }

    async fn may_list_all(&self, identity: &Identity) -> Result<bool, Error> {
        match identity {
            Identity::Robot { id, .. } => {
                Ok(self.may_robot(*id, SystemAction::CatalogRead).await?)
            }
            identity => Ok(identity.is_sysadmin()),
        }
    }

    /// What a robot may do outside any one project: what it was allowed, and what everyone may who signed in and nobody can
    /// be allowed.
    async fn may_robot(&self, id: i64, action: SystemAction) -> Result<bool, metadata::Error> {
        let Some(robot) = self.robot_now(id).await? else {
            return Ok(false);
        };
        Ok(match action.is_for_robots() {
            true => robot::may_in_system(&robot, action.permission()),
            false => rbac::may_every_user(action, false),
        })
    }

    async fn repository_actions(
        &self,
        identity: &Identity,
        name: &str,
    ) -> Result<Vec<&'static str>, Error> {
        let Ok(name) = name.parse::<RepositoryName>() else {
            return Ok(Vec::new());
        };
        let standing = self.standing(identity, name.project()).await?;
        let actions = [
            (Action::Pull, "pull"),
            (Action::Push, "push"),
            (Action::Delete, "delete"),
        ];
        Ok(actions
            .into_iter()
            .filter(|(action, _)| standing.may(*action))
            .map(|(_, name)| name)
            .collect())
    }

    /// The caller with the rights they have now: a token may have outlived its bearer's administrator's days.
    async fn identity_now(&self, caller: &Caller) -> Result<Identity, metadata::Error> {
        let mut identity = caller.identity.clone();
        if caller.has_token()
            && let Identity::User {
                id, is_sysadmin, ..
            } = &mut identity
            && *is_sysadmin
        {
            *is_sysadmin = self.is_sysadmin_now(*id).await?;
        }
        Ok(identity)
    }

    /// Asked of the database once a second at most: an administrator's pulls need not read a row each.
    async fn is_sysadmin_now(&self, user_id: i64) -> Result<bool, metadata::Error> {
        if let Some(is_sysadmin) = self.sysadmins().get(&user_id) {
            return Ok(is_sysadmin);
        }
        let is_sysadmin = self
            .db()
            .find_user(user_id)
            .await?
            .is_some_and(|user| user.is_sysadmin);
        self.sysadmins().insert(user_id, is_sysadmin);
        Ok(is_sysadmin)
    }

    /// Looks up the role in a missing project as well, so that the answer takes as long as for a closed one.
    async fn standing(
        &self,
        identity: &Identity,
        project: &str,
    ) -> Result<Standing, metadata::Error> {
        let project = self.db().find_project(project).await?;
        let project_id = project.as_ref().map_or(NO_PROJECT, |project| project.id);
        let rights = match identity {
            Identity::Anonymous => Rights::Everyones,
            Identity::User {
                is_sysadmin: true, ..
            } => Rights::All,
            Identity::User { id, .. } => {
                let role = self.db().role_of(project_id, *id).await?;
                role.and_then(Role::from_id)
                    .map_or(Rights::Everyones, Rights::OfRole)
            }
            Identity::Robot { id, .. } => self
                .robot_now(*id)
                .await?
                .map_or(Rights::Everyones, Rights::OfRobot),
        };
        Ok(Standing { project, rights })
    }

    async fn is_project_creation_restricted(
        &self,
        action: SystemAction,
    ) -> Result<bool, metadata::Error> {
        if action != SystemAction::ProjectCreate {
            return Ok(false);
        }
        let value = self.db().get_setting(PROJECT_CREATION.key).await?;
        Ok(value.as_deref() == Some("adminonly"))
    }
}

/// No project has this number.
const NO_PROJECT: i64 = 0;

/// Somebody's place in a project that may exist.
struct Standing {
    project: Option<Arc<Project>>,
    rights: Rights,
}

/// What somebody may do in a project, whatever it is.
enum Rights {
    Everyones,
    OfRole(Role),
    OfRobot(Arc<Robot>),
    All,
}

impl Standing {
    fn may(&self, action: Action) -> bool {
        let Some(project) = &self.project else {
            return false;
        };
        match &self.rights {
            Rights::Everyones => rbac::may(action, project.is_public, None),
            Rights::OfRole(role) => rbac::may(action, project.is_public, Some(*role)),
            Rights::OfRobot(robot) => {
                rbac::may(action, project.is_public, None)
                    || robot::may(robot, action.permission(), project.id)
            }
            Rights::All => true,
        }
    }
}
