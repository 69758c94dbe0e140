//! Roles and what they may do: one table for projects, one for the system. Pure; who asks is
//! [`crate::Caller`], and the question is put in [`crate::Auth::authorize`].

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

/// Something done in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read manifests, blobs, tags and referrers through `/v2/`.
    Pull,
    /// Write manifests and blobs through `/v2/`.
    Push,
    /// Delete manifests, tags and blobs through `/v2/`.
    Delete,
    /// See the project itself, its settings and its summary.
    ReadProject,
    /// List repositories, artifacts and tags.
    ListContent,
    /// See one repository or artifact.
    ReadContent,
    /// Describe a repository.
    UpdateRepository,
    /// Set a tag through the management API.
    CreateTag,
    /// Delete repositories, artifacts and tags through the management API.
    DeleteContent,
    /// See who the members are.
    ListMembers,
    /// Add, change and remove members.
    ManageMembers,
    /// Change the project's settings.
    UpdateProject,
    /// Delete the project.
    DeleteProject,
    /// Read the project's log.
    ReadLogs,
}

/// Something done outside any one project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SystemAction {
    /// Create a hosted project. The setting `project_creation_restriction` may keep it to administrators.
    CreateProject,
    /// Create a project on an upstream.
    CreateProxyProject,
    /// See every project, member or not.
    ListAllProjects,
    /// List every repository (`/v2/_catalog`).
    ReadCatalog,
    /// See, create, change, delete and ping upstreams.
    ManageUpstreams,
    /// See, create, change and delete users.
    ManageUsers,
    /// See versions, storage and other facts not meant for everyone.
    ReadSystem,
    /// Change settings, start system jobs.
    ManageSystem,
}

/// Whether a public project lets everyone do it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InPublic {
    Everyone,
    Members,
}

/// THE table of a project's actions: who may in a public project, and the least role that may in any.
fn rule(action: Action) -> (InPublic, Role) {
    use InPublic::{Everyone, Members};
    match action {
        Action::Pull => (Everyone, Role::LimitedGuest),
        Action::Push => (Members, Role::Developer),
        Action::Delete => (Members, Role::Maintainer),
        Action::ReadProject => (Everyone, Role::LimitedGuest),
        Action::ListContent => (Everyone, Role::LimitedGuest),
        Action::ReadContent => (Everyone, Role::LimitedGuest),
        Action::UpdateRepository => (Members, Role::Developer),
        Action::CreateTag => (Members, Role::Developer),
        Action::DeleteContent => (Members, Role::Maintainer),
        Action::ListMembers => (Members, Role::Guest),
        Action::ManageMembers => (Members, Role::ProjectAdmin),
        Action::UpdateProject => (Members, Role::ProjectAdmin),
        Action::DeleteProject => (Members, Role::ProjectAdmin),
        Action::ReadLogs => (Members, Role::ProjectAdmin),
    }
}

/// Whether `action` is allowed in a project to someone with `role` there (`None`: not a member, or nobody
/// known). System administrators are not asked about: they may do everything.
pub(crate) fn may(action: Action, is_public: bool, role: Option<Role>) -> bool {
    let (in_public, least) = rule(action);
    (is_public && in_public == InPublic::Everyone) || role.is_some_and(|role| role >= least)
}

/// Whether every signed-in user may do it; what is left is for system administrators.
pub(crate) fn may_every_user(action: SystemAction, is_project_creation_restricted: bool) -> bool {
    match action {
        SystemAction::CreateProject => !is_project_creation_restricted,
        SystemAction::CreateProxyProject
        | SystemAction::ListAllProjects
        | SystemAction::ReadCatalog
        | SystemAction::ManageUpstreams
        | SystemAction::ManageUsers
        | SystemAction::ReadSystem
        | SystemAction::ManageSystem => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const Y: bool = true;
    const N: bool = false;

    /// Harbor's matrix, written out: everyone in a public project, limited guest, guest, developer,
    /// maintainer, project admin.
    const MATRIX: [(Action, [bool; 6]); 14] = [
        (Action::Pull, [Y, Y, Y, Y, Y, Y]),
        (Action::Push, [N, N, N, Y, Y, Y]),
        (Action::Delete, [N, N, N, N, Y, Y]),
        (Action::ReadProject, [Y, Y, Y, Y, Y, Y]),
        (Action::ListContent, [Y, Y, Y, Y, Y, Y]),
        (Action::ReadContent, [Y, Y, Y, Y, Y, Y]),
        (Action::UpdateRepository, [N, N, N, Y, Y, Y]),
        (Action::CreateTag, [N, N, N, Y, Y, Y]),
        (Action::DeleteContent, [N, N, N, N, Y, Y]),
        (Action::ListMembers, [N, N, Y, Y, Y, Y]),
        (Action::ManageMembers, [N, N, N, N, N, Y]),
        (Action::UpdateProject, [N, N, N, N, N, Y]),
        (Action::DeleteProject, [N, N, N, N, N, Y]),
        (Action::ReadLogs, [N, N, N, N, N, Y]),
    ];

    const ROLES: [Role; 5] = [
        Role::LimitedGuest,
        Role::Guest,
        Role::Developer,
        Role::Maintainer,
        Role::ProjectAdmin,
    ];

    #[test]
    fn roles_may_do_what_harbor_lets_them() {
        for (action, [in_public, by_role @ ..]) in MATRIX {
            assert_eq!(
                may(action, true, None),
                in_public,
                "{action:?} by everyone in a public project"
            );
            assert!(
                !may(action, false, None),
                "{action:?} by everyone in a private project"
            );
            for (role, expected) in ROLES.into_iter().zip(by_role) {
                assert_eq!(
                    may(action, false, Some(role)),
                    expected,
                    "{action:?} by {role:?}, private"
                );
                assert_eq!(
                    may(action, true, Some(role)),
                    expected || in_public,
                    "{action:?} by {role:?}, public"
                );
            }
        }
    }

    #[test]
    fn roles_keep_their_numbers() {
        for role in ROLES {
            assert_eq!(Role::from_id(role.id()), Some(role));
        }
        assert_eq!([-1, 0, 6].map(Role::from_id), [None; 3]);
    }

    #[test]
    fn only_hosted_projects_are_made_by_everyone_and_only_if_allowed() {
        assert!(may_every_user(SystemAction::CreateProject, false));
        assert!(!may_every_user(SystemAction::CreateProject, true));
        assert!(!may_every_user(SystemAction::CreateProxyProject, false));
    }
}
