//! What a robot was asked to be, and what is wrong with it. Pure; which projects there are is [`super`]'s to find out.

use auth::Permission;
use chrono::{DateTime, TimeDelta, Utc};
use metadata::{RobotAccess, RobotPermission, RobotScope};

use crate::projects::is_name;
use crate::{Error, Result};

/// Levels and kinds.
pub(super) const PROJECT: &str = "project";
pub(super) const SYSTEM: &str = "system";
/// Namespaces that are no project's name.
pub(super) const WHOLE_SYSTEM: &str = "/";
pub(super) const ALL_PROJECTS: &str = "*";
/// The duration that is none.
pub(super) const FOREVER: i64 = -1;

const MAX_NAME_CHARS: usize = 255;
const MAX_DESCRIPTION_CHARS: usize = 1024;

/// A robot as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RobotDraft {
    /// What it shall be called, without prefix and project.
    pub name: String,
    /// What people say about it.
    pub description: String,
    /// Whether it shall be kept out for now.
    pub is_disabled: bool,
    /// For how many days; -1 for ever; `None` for what is usual here.
    pub duration_days: Option<i64>,
    /// What it shall be allowed.
    pub permissions: Vec<PermissionDraft>,
}

/// A robot as it shall be from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RobotChange {
    /// What people say about it.
    pub description: String,
    /// Whether it shall be kept out for now.
    pub is_disabled: bool,
    /// For how many days from its first; -1 for ever; `None` for what it was.
    pub duration_days: Option<i64>,
    /// What it shall be allowed.
    pub permissions: Vec<PermissionDraft>,
}

/// What a change repeats of a robot, for it to be sure that the right one is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RobotNames {
    /// The whole name, as shown.
    pub name: String,
    /// `project` or `system`.
    pub level: String,
}

/// Some things a robot shall be allowed in one place, by names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionDraft {
    /// `system` or `project`.
    pub kind: String,
    /// `/`, `*`, or a project's name.
    pub namespace: String,
    /// What.
    pub access: Vec<RobotAccess>,
}

/// Harbor's rule: that of projects, so that no `+` is in it.
pub(super) fn check_name(name: &str) -> Result<()> {
    if is_name(name) && name.len() <= MAX_NAME_CHARS {
        return Ok(());
    }
    Err(Error::BadRequest(format!(
        "robot name is not in lower case or contains illegal characters, or has more than {MAX_NAME_CHARS} of them"
    )))
}

pub(super) fn check_description(text: &str) -> Result<()> {
    if text.chars().count() <= MAX_DESCRIPTION_CHARS {
        return Ok(());
    }
    Err(Error::BadRequest(format!(
        "description has at most {MAX_DESCRIPTION_CHARS} characters"
    )))
}

/// When what lasts that many days from `start` ends; `None` for never.
pub(super) fn end(start: DateTime<Utc>, days: i64) -> Result<Option<DateTime<Utc>>> {
    if days == FOREVER {
        return Ok(None);
    }
    let end = TimeDelta::try_days(days)
        .filter(|_| days > 0)
        .and_then(|days| start.checked_add_signed(days));
    match end {
        Some(end) => Ok(Some(end)),
        None => Err(Error::BadRequest(format!(
            "bad request error duration input: {days}, duration must be either -1(Never) or a positive integer"
        ))),
    }
}

/// What robots of that level can be allowed at all, in Harbor's words where it is something else.
pub(super) fn checked(level: &str, drafts: Vec<PermissionDraft>) -> Result<Vec<PermissionDraft>> {
    let refuse = |why: String| Err(Error::BadRequest(why));
    if drafts.is_empty() {
        return refuse("bad request empty permission".to_owned());
    }
    if level == PROJECT && drafts.len() > 1 {
        return refuse(
            "bad request permission: a project's robot has one, for the project".to_owned(),
        );
    }
    for draft in &drafts {
        if draft.access.is_empty() {
            return refuse("bad request empty access".to_owned());
        }
        let (kind, namespace) = (draft.kind.as_str(), draft.namespace.as_str());
        let is_known = match (level, kind) {
            (_, PROJECT) => true,
            (SYSTEM, SYSTEM) => false,
            _ => return refuse(format!("bad request permission level: {kind}")),
        };
        if kind == SYSTEM && namespace != WHOLE_SYSTEM {
            return refuse(format!(
                "unknown namespace {namespace}: that of the kind system is {WHOLE_SYSTEM}"
            ));
        }
        for access in &draft.access {
            let is_it = |known: Permission| known.is(&access.resource, &access.action);
            let can_be_allowed = match is_known {
                true => Permission::in_projects().any(is_it),
                false => Permission::in_system().any(is_it),
            };
            if !can_be_allowed {
                return refuse(format!(
                    "bad request permission: {}:{}",
                    access.resource, access.action
                ));
            }
        }
    }
    Ok(drafts)
}

/// Permissions, each place and each thing once, in the order in which they were given.
#[derive(Default)]
pub(super) struct Permissions(Vec<RobotPermission>);

impl Permissions {
    pub(super) fn add(&mut self, scope: RobotScope, access: Vec<RobotAccess>) {
        let known = self.0.iter().position(|known| known.scope == scope);
        let place = known.unwrap_or_else(|| {
            self.0.push(RobotPermission {
                scope,
                access: Vec::new(),
            });
            self.0.len() - 1
        });
        for one in access {
            if !self.0[place].access.contains(&one) {
                self.0[place].access.push(one);
            }
        }
    }
}

impl From<Permissions> for Vec<RobotPermission> {
    fn from(permissions: Permissions) -> Self {
        permissions.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(resource: &str, action: &str) -> RobotAccess {
        RobotAccess {
            resource: resource.to_owned(),
            action: action.to_owned(),
        }
    }

    fn why(level: &str, kind: &str, namespace: &str, one: RobotAccess) -> Option<String> {
        let draft = PermissionDraft {
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            access: vec![one],
        };
        checked(level, vec![draft])
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn a_robot_is_allowed_what_robots_can_be() {
        let pull = || access("repository", "pull");
        assert_eq!(why(PROJECT, PROJECT, "team", pull()), None);
        assert_eq!(why(SYSTEM, PROJECT, "*", pull()), None);
        assert_eq!(why(SYSTEM, SYSTEM, "/", access("project", "create")), None);
        for (level, kind, namespace, one, part) in [
            (SYSTEM, SYSTEM, "/", pull(), "repository:pull"),
            (
                SYSTEM,
                SYSTEM,
                "*",
                access("project", "create"),
                "namespace",
            ),
            (PROJECT, SYSTEM, "/", access("project", "create"), "level"),
            (SYSTEM, "", "/", pull(), "level"),
            (
                PROJECT,
                PROJECT,
                "team",
                access("robot", "update"),
                "robot:update",
            ),
            (PROJECT, PROJECT, "team", access("*", "*"), "*:*"),
            (
                SYSTEM,
                SYSTEM,
                "/",
                access("configuration", "read"),
                "configuration:read",
            ),
        ] {
            let refused = why(level, kind, namespace, one).unwrap();
            assert!(refused.contains(part), "{refused}");
        }
        assert!(checked(SYSTEM, Vec::new()).is_err());
    }

    #[test]
    fn a_robot_lasts_for_days_or_for_ever() {
        let start = DateTime::from_timestamp(1_800_000_000, 0).unwrap();
        let after = |days| end(start, days).ok().map(|end| end.map(|end| end - start));
        assert_eq!(after(-1), Some(None));
        assert_eq!(after(30), Some(Some(TimeDelta::days(30))));
        for days in [0, -2, i64::MIN, i64::MAX, 100_000_000] {
            assert_eq!(after(days), None, "{days}");
        }
    }

    #[test]
    fn what_is_asked_twice_is_there_once() {
        let mut permissions = Permissions::default();
        permissions.add(RobotScope::Project(1), vec![access("tag", "list")]);
        permissions.add(RobotScope::AllProjects, vec![access("tag", "list")]);
        permissions.add(
            RobotScope::Project(1),
            vec![access("tag", "list"), access("tag", "create")],
        );
        let permissions: Vec<RobotPermission> = permissions.into();
        let counts: Vec<usize> = permissions.iter().map(|one| one.access.len()).collect();
        assert_eq!(counts, [2, 1]);
    }
}
