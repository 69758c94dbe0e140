//! Who asks, and by what: credentials, a token, or nothing. What they may do is [`crate::access`].

use chrono::{DateTime, Utc};
use oci::Scope;

use crate::rbac::{Action, SystemAction};

/// Somebody, as far as known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Nobody signed in.
    Anonymous,
    /// A user.
    User {
        /// The row.
        id: i64,
        /// The user name.
        name: String,
        /// Whether they may do everything. As of sign-in: [`crate::Auth::authorize`] asks again for those who
        /// come with a token.
        is_sysadmin: bool,
    },
    /// A robot. What it may do is asked anew each time.
    Robot {
        /// The row.
        id: i64,
        /// The name it signs in with, prefix and all.
        name: String,
        /// When it ends; `None` for never.
        ends_at: Option<DateTime<Utc>>,
    },
}

impl Identity {
    /// Whether nobody signed in.
    pub fn is_anonymous(&self) -> bool {
        matches!(self, Self::Anonymous)
    }

    /// The user's number; `None` for whoever is no user.
    pub fn user_id(&self) -> Option<i64> {
        match self {
            Self::User { id, .. } => Some(*id),
            Self::Anonymous | Self::Robot { .. } => None,
        }
    }

    /// The user's or robot's name; empty for nobody.
    pub fn name(&self) -> &str {
        match self {
            Self::Anonymous => "",
            Self::User { name, .. } | Self::Robot { name, .. } => name,
        }
    }

    /// Whether they may do everything.
    pub fn is_sysadmin(&self) -> bool {
        matches!(
            self,
            Self::User {
                is_sysadmin: true,
                ..
            }
        )
    }
}

/// One request's asker.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Who it is.
    pub identity: Identity,
    /// What their token speaks of; `None` for callers without one, whom nothing but their rights bounds.
    grants: Option<Vec<Scope>>,
}

impl Caller {
    /// A request without credentials.
    pub fn anonymous() -> Self {
        Self::of(Identity::Anonymous)
    }

    /// A request with credentials that were right.
    pub fn of(identity: Identity) -> Self {
        Self {
            identity,
            grants: None,
        }
    }

    /// A request with a token that was valid.
    pub(crate) fn with_token(identity: Identity, grants: Vec<Scope>) -> Self {
        Self {
            identity,
            grants: Some(grants),
        }
    }

    /// Whether they came with a token.
    pub fn has_token(&self) -> bool {
        self.grants.is_some()
    }

    /// Whether the token they came with, if any, reaches as far as `action` in `project`. As in Harbor a token
    /// speaks for the whole project of each repository it names, and for content only.
    pub(crate) fn is_in_reach(&self, action: Action, project: &str) -> bool {
        let Some(grants) = &self.grants else {
            return true;
        };
        let wanted = match action {
            Action::Pull
            | Action::RepositoryList
            | Action::RepositoryRead
            | Action::ArtifactList
            | Action::ArtifactRead
            | Action::TagList => "pull",
            Action::Push => "push",
            Action::Delete => "delete",
            _ => return false,
        };
        let of_project = |scope: &&Scope| {
            scope.kind == "repository"
                && scope
                    .name
                    .split_once('/')
                    .is_some_and(|(name, _)| name == project)
        };
        grants
            .iter()
            .filter(of_project)
            .any(|scope| speaks_of(scope, wanted))
    }

    /// The same for what is outside any one project: a token can speak of the catalog alone.
    pub(crate) fn is_in_system_reach(&self, action: SystemAction) -> bool {
        let Some(grants) = &self.grants else {
            return true;
        };
        let of_catalog = |scope: &Scope| {
            scope.kind == "registry" && scope.name == "catalog" && speaks_of(scope, "*")
        };
        action == SystemAction::CatalogRead && grants.iter().any(of_catalog)
    }
}

fn speaks_of(scope: &Scope, wanted: &str) -> bool {
    scope
        .actions
        .iter()
        .any(|action| action == wanted || action == "*")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(scopes: &[&str]) -> Caller {
        Caller::with_token(
            Identity::Anonymous,
            scopes.iter().map(|scope| scope.parse().unwrap()).collect(),
        )
    }

    #[test]
    fn a_token_reaches_no_further_than_it_says() {
        let table = [
            ("repository:hub/alpine:pull", Action::Pull, "hub", true),
            (
                "repository:hub/alpine:pull",
                Action::ArtifactList,
                "hub",
                true,
            ),
            ("repository:hub/alpine:pull", Action::Push, "hub", false),
            ("repository:hub/alpine:pull", Action::Pull, "hub2", false),
            ("repository:hub/alpine:pull", Action::Pull, "hu", false),
            (
                "repository:hub/a/b:push,delete",
                Action::Delete,
                "hub",
                true,
            ),
            ("repository:hub/a/b:push,delete", Action::Pull, "hub", false),
            ("repository:hub/alpine:*", Action::Push, "hub", true),
            (
                "repository:hub/alpine:*",
                Action::ProjectDelete,
                "hub",
                false,
            ),
            ("repository:hub:pull", Action::Pull, "hub", false),
            ("registry:hub/alpine:pull", Action::Pull, "hub", false),
        ];
        for (scope, action, project, expected) in table {
            assert_eq!(
                with(&[scope]).is_in_reach(action, project),
                expected,
                "{scope} {action:?} in {project}"
            );
        }
        assert!(!with(&[]).is_in_reach(Action::Pull, "hub"));
        assert!(
            with(&["repository:a/b:pull", "repository:hub/b:pull"])
                .is_in_reach(Action::Pull, "hub")
        );
        assert!(Caller::anonymous().is_in_reach(Action::ProjectDelete, "hub"));
    }

    #[test]
    fn outside_projects_a_token_speaks_of_the_catalog_alone() {
        assert!(with(&["registry:catalog:*"]).is_in_system_reach(SystemAction::CatalogRead));
        assert!(!with(&["registry:catalog:*"]).is_in_system_reach(SystemAction::UserList));
        assert!(!with(&["repository:catalog/a:*"]).is_in_system_reach(SystemAction::CatalogRead));
    }
}
