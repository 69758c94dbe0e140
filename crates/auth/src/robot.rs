//! Robots: whose name and secret these are, and what they were allowed. Making and changing them is `registry`'s.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use metadata::{Robot, RobotAccess, RobotPermission, RobotScope};

use crate::rbac::Permission;
use crate::settings::ROBOT_NAME_PREFIX;
use crate::{Auth, Error, Identity};

/// What a robot's name may begin with whatever the prefix is: `$` is swallowed by shells, compose files and templates,
/// and the name without it arrives whole.
const PLAIN_PREFIX: &str = "robot+";

impl Auth {
    /// The robot that calls itself so, by Harbor's name or the plain one; `None` where it is no robot's name.
    pub(crate) async fn find_robot(&self, username: &str) -> Result<Option<Robot>, Error> {
        let prefix = self.setting(ROBOT_NAME_PREFIX).await?;
        for prefix in [prefix.as_str(), PLAIN_PREFIX] {
            // An empty prefix would make every user's name a robot's.
            let rest = username
                .strip_prefix(prefix)
                .filter(|rest| !prefix.is_empty() && !rest.is_empty());
            if let Some(full_name) = rest
                && let Some(robot) = self.db().find_robot_by_name(full_name).await?
            {
                return Ok(Some(robot));
            }
        }
        Ok(None)
    }

    /// Whether a robot could have that name: no user should, who could not sign in once one has.
    ///
    /// # Errors
    /// [`Error::Metadata`]
    pub async fn is_like_a_robots(&self, username: &str) -> Result<bool, Error> {
        let prefix = self.setting(ROBOT_NAME_PREFIX).await?;
        let has = |prefix: &str| !prefix.is_empty() && username.starts_with(prefix);
        Ok(has(&prefix) || has(PLAIN_PREFIX))
    }

    /// A robot's name as it is shown, and as it signs in.
    ///
    /// # Errors
    /// [`Error::Metadata`]
    pub async fn robot_name(&self, robot: &Robot) -> Result<String, Error> {
        Ok(self.setting(ROBOT_NAME_PREFIX).await? + &robot.full_name)
    }

    /// Whether `maker` may make a robot that may do this. A robot passes on no more than it has itself; people are bound by
    /// where they may make robots at all.
    ///
    /// # Errors
    /// [`Error::Metadata`]
    pub async fn may_pass_on(
        &self,
        maker: &Identity,
        permissions: &[RobotPermission],
    ) -> Result<bool, Error> {
        match maker {
            Identity::Anonymous => Ok(false),
            Identity::User { .. } => Ok(true),
            Identity::Robot { id, .. } => {
                let robot = self.robot_now(*id).await?;
                Ok(robot.is_some_and(|robot| permissions.iter().all(|asked| has(&robot, asked))))
            }
        }
    }

    /// The robot as it is now, if it may act at all.
    pub(crate) async fn robot_now(&self, id: i64) -> Result<Option<Arc<Robot>>, metadata::Error> {
        let robot = self.db().find_robot(id).await?;
        Ok(robot.filter(|robot| !robot.is_disabled))
    }

    /// The robot as somebody who asks.
    pub(crate) async fn robot_identity(&self, robot: &Robot) -> Result<Identity, Error> {
        Ok(Identity::Robot {
            id: robot.id,
            name: self.robot_name(robot).await?,
            ends_at: robot.expires_at,
        })
    }
}

/// Whether it may act: what is disabled or has ended does not.
pub(crate) fn is_alive(robot: &Robot, now: DateTime<Utc>) -> bool {
    !robot.is_disabled && robot.expires_at.is_none_or(|end| now < end)
}

/// Whether it was allowed `permission` in the project of that number.
pub(crate) fn may(robot: &Robot, permission: Permission, project_id: i64) -> bool {
    holds(robot, permission, |scope| match scope {
        RobotScope::AllProjects => true,
        RobotScope::Project(id) => id == project_id,
        RobotScope::System => false,
    })
}

/// Whether it was allowed `permission` outside any one project.
pub(crate) fn may_in_system(robot: &Robot, permission: Permission) -> bool {
    holds(robot, permission, |scope| scope == RobotScope::System)
}

/// Whether it was itself allowed all of `asked`.
fn has(robot: &Robot, asked: &RobotPermission) -> bool {
    let is_there = |scope| {
        scope == asked.scope
            || scope == RobotScope::AllProjects && asked.scope != RobotScope::System
    };
    asked
        .access
        .iter()
        .all(|access| was_allowed(robot, &access.resource, &access.action, is_there))
}

fn holds(robot: &Robot, permission: Permission, is_there: impl Fn(RobotScope) -> bool) -> bool {
    was_allowed(robot, permission.resource, permission.action, is_there)
}

fn was_allowed(
    robot: &Robot,
    resource: &str,
    action: &str,
    is_there: impl Fn(RobotScope) -> bool,
) -> bool {
    let is_it = |access: &RobotAccess| {
        (access.resource == resource || access.resource == "*")
            && (access.action == action || access.action == "*")
    };
    robot
        .permissions
        .iter()
        .filter(|allowed| is_there(allowed.scope))
        .any(|allowed| allowed.access.iter().any(is_it))
}
