//! What there is to do, under Harbor's names, and who may: one table for [projects](project), one for the
//! [system](system). Pure; who asks is [`crate::Caller`], and the question is put in [`crate::Auth::authorize`].

mod project;
mod system;

pub use project::Action;
pub use system::SystemAction;

use project::{InPublic, Rule};
use system::{Of, SystemRule};

/// A member's role in a project, from the least to the most it may do. Each role may do all that the one
/// before it may, as in Harbor, so the table needs to name the first only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Pulls and lists.
    LimitedGuest,
    /// Sees the other members too.
    Guest,
    /// Pushes.
    Developer,
    /// Deletes content.
    Maintainer,
    /// Does all there is to do in the project.
    ProjectAdmin,
}

impl Role {
    /// The role with this number in Harbor's API and in the database. `None` for a number no role has.
    pub fn from_id(id: i32) -> Option<Self> {
        match id {
            1 => Some(Self::ProjectAdmin),
            2 => Some(Self::Developer),
            3 => Some(Self::Guest),
            4 => Some(Self::Maintainer),
            5 => Some(Self::LimitedGuest),
            _ => None,
        }
    }

    /// Harbor's number, which is no rank.
    pub fn id(self) -> i32 {
        match self {
            Self::ProjectAdmin => 1,
            Self::Developer => 2,
            Self::Guest => 3,
            Self::Maintainer => 4,
            Self::LimitedGuest => 5,
        }
    }

    /// Harbor's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProjectAdmin => "projectAdmin",
            Self::Developer => "developer",
            Self::Guest => "guest",
            Self::Maintainer => "maintainer",
            Self::LimitedGuest => "limitedGuest",
        }
    }
}

/// Whether a robot can be allowed to do it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ForRobots {
    Assignable,
    Never,
}

/// A right by its names in Harbor's API: what robots are given, and what `/permissions` lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Permission {
    /// `repository`, `tag`, …
    pub resource: &'static str,
    /// `pull`, `list`, …
    pub action: &'static str,
}

impl Permission {
    /// What robots can be allowed in projects.
    pub fn in_projects() -> impl Iterator<Item = Self> {
        Action::all()
            .filter(|action| action.is_for_robots())
            .map(Action::permission)
    }

    /// What robots can be allowed outside any one project.
    pub fn in_system() -> impl Iterator<Item = Self> {
        // Harbor has one name for making projects of either kind.
        SystemAction::all()
            .filter(|action| *action != SystemAction::ProxyProjectCreate && action.is_for_robots())
            .map(SystemAction::permission)
    }

    /// Whether these are its names.
    pub fn is(self, resource: &str, action: &str) -> bool {
        self.resource == resource && self.action == action
    }
}

impl Action {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        project::RULES.iter().map(|rule| rule.0)
    }

    /// Its names in Harbor.
    pub fn permission(self) -> Permission {
        let Rule(_, resource, action, ..) = self.rule();
        Permission { resource, action }
    }

    /// Whether a robot can be allowed to do it.
    pub fn is_for_robots(self) -> bool {
        self.rule().5 == ForRobots::Assignable
    }

    /// Whether everyone may do it in a public project.
    pub(crate) fn is_everyones(self) -> bool {
        self.rule().3 == InPublic::Everyone
    }

    fn rule(self) -> &'static Rule {
        &project::RULES[self as usize]
    }
}

impl SystemAction {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        system::RULES.iter().map(|rule| rule.0)
    }

    /// Its names in Harbor.
    pub fn permission(self) -> Permission {
        let SystemRule(_, resource, action, ..) = self.rule();
        Permission { resource, action }
    }

    /// Whether a robot can be allowed to do it.
    pub fn is_for_robots(self) -> bool {
        self.rule().4 == ForRobots::Assignable
    }

    fn rule(self) -> &'static SystemRule {
        &system::RULES[self as usize]
    }
}

/// Whether `action` is allowed in a project to someone with `role` there (`None`: not a member, or nobody
/// known). System administrators are not asked about: they may do everything.
pub fn may(action: Action, is_public: bool, role: Option<Role>) -> bool {
    (is_public && action.is_everyones()) || role.is_some_and(|role| role >= action.rule().4)
}

/// Whether every signed-in user may do it; what is left is for system administrators.
pub fn may_every_user(action: SystemAction, is_project_creation_restricted: bool) -> bool {
    let is_restricted = action == SystemAction::ProjectCreate && is_project_creation_restricted;
    action.rule().3 == Of::Users && !is_restricted
}

#[cfg(test)]
mod tests;
