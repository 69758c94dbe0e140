//! The tables, held against Harbor's matrix written out once more.

use std::collections::BTreeSet;

use super::*;

const ROLES: [Role; 5] = [
    Role::LimitedGuest,
    Role::Guest,
    Role::Developer,
    Role::Maintainer,
    Role::ProjectAdmin,
];

/// What each role may do that the one before it may not, from Harbor's `rbac_role.go`. Where it differs: strangers may
/// see one repository of a public project and its labels' list, as they may see lists of them.
const MATRIX: [(Role, &str); 5] = [
    (
        Role::LimitedGuest,
        "repository pull list read; artifact list read; tag list; accessory list; artifact-addition read; \
         project read; quota read; label list read; scan read; sbom read; scanner read",
    ),
    (Role::Guest, "member list read; robot list read"),
    (
        Role::Developer,
        "repository push update; artifact create; tag create; artifact-label create delete; \
         tag-retention list read create update delete operate; export-cve create read",
    ),
    (
        Role::Maintainer,
        "repository delete; artifact delete; tag delete; metadata list read; label create update delete; \
         immutable-tag list create update delete; notification-policy list read; scan create stop; sbom create stop",
    ),
    (
        Role::ProjectAdmin,
        "project update delete; metadata create update delete; member create update delete; \
         robot create update delete; log list; notification-policy create update delete; scanner create; \
         preheat-policy list read create update delete",
    ),
];

/// What everyone may do in a public project.
const IN_PUBLIC: &str = "repository pull list read; artifact list read; tag list; accessory list; \
                         artifact-addition read; project read; label list read; scan read; sbom read; scanner read";

fn pairs(text: &str) -> BTreeSet<(String, String)> {
    let mut pairs = BTreeSet::new();
    for line in text.split(';') {
        let mut words = line.split_whitespace();
        let resource = words.next().unwrap();
        for action in words {
            pairs.insert((resource.to_owned(), action.to_owned()));
        }
    }
    pairs
}

fn allowed(is_public: bool, role: Option<Role>) -> BTreeSet<(String, String)> {
    Action::all()
        .filter(|action| may(*action, is_public, role))
        .map(|action| action.permission())
        .map(|permission| (permission.resource.to_owned(), permission.action.to_owned()))
        .collect()
}

#[test]
fn roles_may_do_what_harbor_lets_them() {
    let mut expected = BTreeSet::new();
    for (role, more) in MATRIX {
        let more = pairs(more);
        assert!(expected.is_disjoint(&more), "{role:?} says it twice");
        expected.extend(more);
        assert_eq!(allowed(false, Some(role)), expected, "{role:?}");
        let in_public: BTreeSet<_> = expected.union(&pairs(IN_PUBLIC)).cloned().collect();
        assert_eq!(allowed(true, Some(role)), in_public, "{role:?}, public");
    }
    assert_eq!(
        expected.len(),
        Action::all().count(),
        "an action nobody may"
    );
    assert_eq!(allowed(true, None), pairs(IN_PUBLIC));
    assert!(allowed(false, None).is_empty());
}

#[test]
fn tables_are_in_the_order_of_their_actions() {
    for (position, action) in Action::all().enumerate() {
        assert_eq!(action as usize, position, "{action:?}");
    }
    for (position, action) in SystemAction::all().enumerate() {
        assert_eq!(action as usize, position, "{action:?}");
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
    assert!(may_every_user(SystemAction::ProjectCreate, false));
    assert!(!may_every_user(SystemAction::ProjectCreate, true));
    assert!(!may_every_user(SystemAction::ProxyProjectCreate, false));
    let everyones: Vec<_> = SystemAction::all()
        .filter(|action| may_every_user(*action, false))
        .collect();
    assert_eq!(
        everyones,
        [
            SystemAction::ProjectCreate,
            SystemAction::UserSearch,
            SystemAction::SystemInfoRead,
            SystemAction::StatisticsRead,
            SystemAction::PermissionList,
        ]
    );
}
