//! THE table of what there is to do outside any one project, and who may. How it is asked is [`super`]'s business.

use super::ForRobots::{self, Assignable, Never};

/// Something done outside any one project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SystemAction {
    /// Create a hosted project. The setting `project_creation_restriction` may keep it to administrators.
    ProjectCreate,
    /// Create a project on an upstream.
    ProxyProjectCreate,
    /// See every project, member or not.
    ProjectList,
    /// List every repository (`/v2/_catalog`).
    CatalogRead,
    /// List upstreams.
    RegistryList,
    /// See one of the upstreams.
    RegistryRead,
    /// Add to the upstreams.
    RegistryCreate,
    /// Change one of the upstreams.
    RegistryUpdate,
    /// Delete one of the upstreams.
    RegistryDelete,
    /// See which kinds of upstreams there are.
    ReplicationAdapterList,
    /// List replications.
    ReplicationList,
    /// See one of the replications.
    ReplicationRead,
    /// Add to the replications.
    ReplicationCreate,
    /// List replication policies.
    ReplicationPolicyList,
    /// See one of the replication policies.
    ReplicationPolicyRead,
    /// Add to the replication policies.
    ReplicationPolicyCreate,
    /// Change one of the replication policies.
    ReplicationPolicyUpdate,
    /// Delete one of the replication policies.
    ReplicationPolicyDelete,
    /// List users.
    UserList,
    /// See one of the users.
    UserRead,
    /// Add to the users.
    UserCreate,
    /// Change one of the users.
    UserUpdate,
    /// Delete one of the users.
    UserDelete,
    /// Find users by name, to make them members.
    UserSearch,
    /// List user groups.
    UserGroupList,
    /// See one of the user groups.
    UserGroupRead,
    /// Add to the user groups.
    UserGroupCreate,
    /// Change one of the user groups.
    UserGroupUpdate,
    /// Delete one of the user groups.
    UserGroupDelete,
    /// Find users in a directory.
    LdapUserList,
    /// Take users over from a directory.
    LdapUserCreate,
    /// List system's robots.
    RobotList,
    /// See one of the system's robots.
    RobotRead,
    /// Add to the system's robots.
    RobotCreate,
    /// Delete one of the system's robots.
    RobotDelete,
    /// Change one of the system's robots. No robot may: it could widen itself.
    RobotUpdate,
    /// List quotas.
    QuotaList,
    /// See one of the quotas.
    QuotaRead,
    /// Change one of the quotas.
    QuotaUpdate,
    /// Read the log of everything.
    AuditLogList,
    /// List purges of the log.
    PurgeAuditList,
    /// See one of the purges of the log.
    PurgeAuditRead,
    /// Add to the purges of the log.
    PurgeAuditCreate,
    /// Change one of the purges of the log.
    PurgeAuditUpdate,
    /// Stop one of the purges of the log.
    PurgeAuditStop,
    /// List garbage collections.
    GarbageCollectionList,
    /// See one of the garbage collections.
    GarbageCollectionRead,
    /// Add to the garbage collections.
    GarbageCollectionCreate,
    /// Change one of the garbage collections.
    GarbageCollectionUpdate,
    /// Stop one of the garbage collections.
    GarbageCollectionStop,
    /// See one of the labels for all projects.
    LabelRead,
    /// Add to the labels for all projects.
    LabelCreate,
    /// Change one of the labels for all projects.
    LabelUpdate,
    /// Delete one of the labels for all projects.
    LabelDelete,
    /// See how much room there is.
    SystemVolumesRead,
    /// See background jobs.
    JobServiceMonitorList,
    /// Stop background jobs.
    JobServiceMonitorStop,
    /// List scanners.
    ScannerList,
    /// See one of the scanners.
    ScannerRead,
    /// Add to the scanners.
    ScannerCreate,
    /// Change one of the scanners.
    ScannerUpdate,
    /// Delete one of the scanners.
    ScannerDelete,
    /// See one of the scans of everything.
    ScanAllRead,
    /// Add to the scans of everything.
    ScanAllCreate,
    /// Change one of the scans of everything.
    ScanAllUpdate,
    /// Stop one of the scans of everything.
    ScanAllStop,
    /// See what scans found everywhere.
    SecurityHubRead,
    /// List what scans found everywhere.
    SecurityHubList,
    /// List preheat instances.
    PreheatInstanceList,
    /// See one of the preheat instances.
    PreheatInstanceRead,
    /// Add to the preheat instances.
    PreheatInstanceCreate,
    /// Change one of the preheat instances.
    PreheatInstanceUpdate,
    /// Delete one of the preheat instances.
    PreheatInstanceDelete,
    /// Read the system's settings.
    ConfigurationRead,
    /// Change the system's settings.
    ConfigurationUpdate,
    /// See versions and other facts not meant for strangers.
    SystemInfoRead,
    /// See how much there is of everything.
    StatisticsRead,
    /// See what robots can be allowed.
    PermissionList,
}

/// Who may.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Users,
    Administrators,
}

use Of::{Administrators, Users};

/// An action: its names in Harbor (resource and action), and who may.
pub(super) struct SystemRule(
    pub(super) SystemAction,
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) Of,
    pub(super) ForRobots,
);

/// In the order of [`SystemAction`], by which it is indexed.
#[rustfmt::skip]
pub(super) const RULES: &[SystemRule] = &[
    SystemRule(SystemAction::ProjectCreate, "project", "create", Users, Assignable),
    SystemRule(SystemAction::ProxyProjectCreate, "project", "create", Administrators, Assignable),
    SystemRule(SystemAction::ProjectList, "project", "list", Administrators, Assignable),
    SystemRule(SystemAction::CatalogRead, "catalog", "read", Administrators, Assignable),
    SystemRule(SystemAction::RegistryList, "registry", "list", Administrators, Assignable),
    SystemRule(SystemAction::RegistryRead, "registry", "read", Administrators, Assignable),
    SystemRule(SystemAction::RegistryCreate, "registry", "create", Administrators, Assignable),
    SystemRule(SystemAction::RegistryUpdate, "registry", "update", Administrators, Assignable),
    SystemRule(SystemAction::RegistryDelete, "registry", "delete", Administrators, Assignable),
    SystemRule(SystemAction::ReplicationAdapterList, "replication-adapter", "list", Administrators, Assignable),
    SystemRule(SystemAction::ReplicationList, "replication", "list", Administrators, Assignable),
    SystemRule(SystemAction::ReplicationRead, "replication", "read", Administrators, Assignable),
    SystemRule(SystemAction::ReplicationCreate, "replication", "create", Administrators, Assignable),
    SystemRule(SystemAction::ReplicationPolicyList, "replication-policy", "list", Administrators, Assignable),
    SystemRule(SystemAction::ReplicationPolicyRead, "replication-policy", "read", Administrators, Assignable),
    SystemRule(SystemAction::ReplicationPolicyCreate, "replication-policy", "create", Administrators, Assignable),
    SystemRule(SystemAction::ReplicationPolicyUpdate, "replication-policy", "update", Administrators, Assignable),
    SystemRule(SystemAction::ReplicationPolicyDelete, "replication-policy", "delete", Administrators, Assignable),
    SystemRule(SystemAction::UserList, "user", "list", Administrators, Assignable),
    SystemRule(SystemAction::UserRead, "user", "read", Administrators, Assignable),
    SystemRule(SystemAction::UserCreate, "user", "create", Administrators, Assignable),
    SystemRule(SystemAction::UserUpdate, "user", "update", Administrators, Assignable),
    SystemRule(SystemAction::UserDelete, "user", "delete", Administrators, Assignable),
    SystemRule(SystemAction::UserSearch, "user", "search", Users, Never),
    SystemRule(SystemAction::UserGroupList, "user-group", "list", Administrators, Assignable),
    SystemRule(SystemAction::UserGroupRead, "user-group", "read", Administrators, Assignable),
    SystemRule(SystemAction::UserGroupCreate, "user-group", "create", Administrators, Assignable),
    SystemRule(SystemAction::UserGroupUpdate, "user-group", "update", Administrators, Assignable),
    SystemRule(SystemAction::UserGroupDelete, "user-group", "delete", Administrators, Assignable),
    SystemRule(SystemAction::LdapUserList, "ldap-user", "list", Administrators, Assignable),
    SystemRule(SystemAction::LdapUserCreate, "ldap-user", "create", Administrators, Assignable),
    SystemRule(SystemAction::RobotList, "robot", "list", Administrators, Assignable),
    SystemRule(SystemAction::RobotRead, "robot", "read", Administrators, Assignable),
    SystemRule(SystemAction::RobotCreate, "robot", "create", Administrators, Assignable),
    SystemRule(SystemAction::RobotDelete, "robot", "delete", Administrators, Assignable),
    SystemRule(SystemAction::RobotUpdate, "robot", "update", Administrators, Never),
    SystemRule(SystemAction::QuotaList, "quota", "list", Administrators, Assignable),
    SystemRule(SystemAction::QuotaRead, "quota", "read", Administrators, Assignable),
    SystemRule(SystemAction::QuotaUpdate, "quota", "update", Administrators, Assignable),
    SystemRule(SystemAction::AuditLogList, "audit-log", "list", Administrators, Assignable),
    SystemRule(SystemAction::PurgeAuditList, "purge-audit", "list", Administrators, Assignable),
    SystemRule(SystemAction::PurgeAuditRead, "purge-audit", "read", Administrators, Assignable),
    SystemRule(SystemAction::PurgeAuditCreate, "purge-audit", "create", Administrators, Assignable),
    SystemRule(SystemAction::PurgeAuditUpdate, "purge-audit", "update", Administrators, Assignable),
    SystemRule(SystemAction::PurgeAuditStop, "purge-audit", "stop", Administrators, Assignable),
    SystemRule(SystemAction::GarbageCollectionList, "garbage-collection", "list", Administrators, Assignable),
    SystemRule(SystemAction::GarbageCollectionRead, "garbage-collection", "read", Administrators, Assignable),
    SystemRule(SystemAction::GarbageCollectionCreate, "garbage-collection", "create", Administrators, Assignable),
    SystemRule(SystemAction::GarbageCollectionUpdate, "garbage-collection", "update", Administrators, Assignable),
    SystemRule(SystemAction::GarbageCollectionStop, "garbage-collection", "stop", Administrators, Assignable),
    SystemRule(SystemAction::LabelRead, "label", "read", Administrators, Assignable),
    SystemRule(SystemAction::LabelCreate, "label", "create", Administrators, Assignable),
    SystemRule(SystemAction::LabelUpdate, "label", "update", Administrators, Assignable),
    SystemRule(SystemAction::LabelDelete, "label", "delete", Administrators, Assignable),
    SystemRule(SystemAction::SystemVolumesRead, "system-volumes", "read", Administrators, Assignable),
    SystemRule(SystemAction::JobServiceMonitorList, "jobservice-monitor", "list", Administrators, Assignable),
    SystemRule(SystemAction::JobServiceMonitorStop, "jobservice-monitor", "stop", Administrators, Assignable),
    SystemRule(SystemAction::ScannerList, "scanner", "list", Administrators, Assignable),
    SystemRule(SystemAction::ScannerRead, "scanner", "read", Administrators, Assignable),
    SystemRule(SystemAction::ScannerCreate, "scanner", "create", Administrators, Assignable),
    SystemRule(SystemAction::ScannerUpdate, "scanner", "update", Administrators, Assignable),
    SystemRule(SystemAction::ScannerDelete, "scanner", "delete", Administrators, Assignable),
    SystemRule(SystemAction::ScanAllRead, "scan-all", "read", Administrators, Assignable),
    SystemRule(SystemAction::ScanAllCreate, "scan-all", "create", Administrators, Assignable),
    SystemRule(SystemAction::ScanAllUpdate, "scan-all", "update", Administrators, Assignable),
    SystemRule(SystemAction::ScanAllStop, "scan-all", "stop", Administrators, Assignable),
    SystemRule(SystemAction::SecurityHubRead, "security-hub", "read", Administrators, Assignable),
    SystemRule(SystemAction::SecurityHubList, "security-hub", "list", Administrators, Assignable),
    SystemRule(SystemAction::PreheatInstanceList, "preheat-instance", "list", Administrators, Assignable),
    SystemRule(SystemAction::PreheatInstanceRead, "preheat-instance", "read", Administrators, Assignable),
    SystemRule(SystemAction::PreheatInstanceCreate, "preheat-instance", "create", Administrators, Assignable),
    SystemRule(SystemAction::PreheatInstanceUpdate, "preheat-instance", "update", Administrators, Assignable),
    SystemRule(SystemAction::PreheatInstanceDelete, "preheat-instance", "delete", Administrators, Assignable),
    SystemRule(SystemAction::ConfigurationRead, "configuration", "read", Administrators, Never),
    SystemRule(SystemAction::ConfigurationUpdate, "configuration", "update", Administrators, Never),
    SystemRule(SystemAction::SystemInfoRead, "system-info", "read", Users, Never),
    SystemRule(SystemAction::StatisticsRead, "statistics", "read", Users, Never),
    SystemRule(SystemAction::PermissionList, "permission", "list", Users, Never),
];
