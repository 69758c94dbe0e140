//! THE table of what there is to do in a project, and who may. How it is asked is [`super`]'s business.

use super::ForRobots::{self, Assignable, Never};
use super::Role::{self, Developer, Guest, LimitedGuest, Maintainer, ProjectAdmin};

/// Something done in a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read manifests, blobs, tags and referrers through `/v2/`.
    Pull,
    /// Write manifests and blobs through `/v2/`.
    Push,
    /// Delete repositories, and content through `/v2/`.
    Delete,
    /// List repositories.
    RepositoryList,
    /// See one repository. Harbor keeps it from strangers, whom it shows the same in a list.
    RepositoryRead,
    /// Describe a repository.
    RepositoryUpdate,
    /// List artifacts.
    ArtifactList,
    /// See one artifact.
    ArtifactRead,
    /// Copy an artifact into the project.
    ArtifactCreate,
    /// Delete an artifact.
    ArtifactDelete,
    /// List tags.
    TagList,
    /// Set a tag through the management API.
    TagCreate,
    /// Delete a tag.
    TagDelete,
    /// List signatures and other accessories.
    AccessoryList,
    /// Read an artifact's build history, a chart's values.
    ArtifactAdditionRead,
    /// Put a label on an artifact.
    ArtifactLabelCreate,
    /// Take a label off an artifact.
    ArtifactLabelDelete,
    /// See the project itself, its settings and its summary.
    ProjectRead,
    /// Change the project's settings.
    ProjectUpdate,
    /// Delete the project.
    ProjectDelete,
    /// List settings one by one.
    MetadataList,
    /// Read one setting.
    MetadataRead,
    /// Add one setting.
    MetadataCreate,
    /// Change one setting.
    MetadataUpdate,
    /// Remove one setting.
    MetadataDelete,
    /// See how much the project may hold, and does.
    QuotaRead,
    /// See who the members are.
    MemberList,
    /// See one member.
    MemberRead,
    /// Add a member.
    MemberCreate,
    /// Change a member's role.
    MemberUpdate,
    /// Remove a member.
    MemberDelete,
    /// List the project's robots.
    RobotList,
    /// See one robot.
    RobotRead,
    /// Make a robot.
    RobotCreate,
    /// Change a robot, or its secret. No robot may: it could widen itself.
    RobotUpdate,
    /// Delete a robot.
    RobotDelete,
    /// Read the project's log.
    LogList,
    /// List the project's labels.
    LabelList,
    /// See one label.
    LabelRead,
    /// Make a label.
    LabelCreate,
    /// Change a label.
    LabelUpdate,
    /// Delete a label.
    LabelDelete,
    /// List retention policies and what they did.
    TagRetentionList,
    /// See a retention policy.
    TagRetentionRead,
    /// Make a retention policy.
    TagRetentionCreate,
    /// Change a retention policy.
    TagRetentionUpdate,
    /// Delete a retention policy.
    TagRetentionDelete,
    /// Run a retention policy.
    TagRetentionOperate,
    /// List rules that keep tags where they are.
    ImmutableTagList,
    /// Make such a rule.
    ImmutableTagCreate,
    /// Change such a rule.
    ImmutableTagUpdate,
    /// Delete such a rule.
    ImmutableTagDelete,
    /// List webhooks.
    NotificationPolicyList,
    /// See one webhook.
    NotificationPolicyRead,
    /// Make a webhook.
    NotificationPolicyCreate,
    /// Change a webhook.
    NotificationPolicyUpdate,
    /// Delete a webhook.
    NotificationPolicyDelete,
    /// See what a scan found.
    ScanRead,
    /// Scan an artifact.
    ScanCreate,
    /// Stop a scan.
    ScanStop,
    /// See a list of parts.
    SbomRead,
    /// Have a list of parts made.
    SbomCreate,
    /// Stop that.
    SbomStop,
    /// See the project's scanner.
    ScannerRead,
    /// Choose the project's scanner.
    ScannerCreate,
    /// Export what scans found.
    ExportCveCreate,
    /// See an export.
    ExportCveRead,
    /// List preheat policies.
    PreheatPolicyList,
    /// See a preheat policy.
    PreheatPolicyRead,
    /// Make a preheat policy.
    PreheatPolicyCreate,
    /// Change a preheat policy.
    PreheatPolicyUpdate,
    /// Delete a preheat policy.
    PreheatPolicyDelete,
}

/// Whether a public project lets everyone do it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InPublic {
    Everyone,
    Members,
}

use InPublic::{Everyone, Members};

/// An action: its names in Harbor (resource and action), who may in a public project, and the least role that may in any.
pub(super) struct Rule(
    pub(super) Action,
    pub(super) &'static str,
    pub(super) &'static str,
    pub(super) InPublic,
    pub(super) Role,
    pub(super) ForRobots,
);

/// In the order of [`Action`], by which it is indexed.
#[rustfmt::skip]
pub(super) const RULES: &[Rule] = &[
    Rule(Action::Pull, "repository", "pull", Everyone, LimitedGuest, Assignable),
    Rule(Action::Push, "repository", "push", Members, Developer, Assignable),
    Rule(Action::Delete, "repository", "delete", Members, Maintainer, Assignable),
    Rule(Action::RepositoryList, "repository", "list", Everyone, LimitedGuest, Assignable),
    Rule(Action::RepositoryRead, "repository", "read", Everyone, LimitedGuest, Assignable),
    Rule(Action::RepositoryUpdate, "repository", "update", Members, Developer, Assignable),
    Rule(Action::ArtifactList, "artifact", "list", Everyone, LimitedGuest, Assignable),
    Rule(Action::ArtifactRead, "artifact", "read", Everyone, LimitedGuest, Assignable),
    Rule(Action::ArtifactCreate, "artifact", "create", Members, Developer, Assignable),
    Rule(Action::ArtifactDelete, "artifact", "delete", Members, Maintainer, Assignable),
    Rule(Action::TagList, "tag", "list", Everyone, LimitedGuest, Assignable),
    Rule(Action::TagCreate, "tag", "create", Members, Developer, Assignable),
    Rule(Action::TagDelete, "tag", "delete", Members, Maintainer, Assignable),
    Rule(Action::AccessoryList, "accessory", "list", Everyone, LimitedGuest, Assignable),
    Rule(Action::ArtifactAdditionRead, "artifact-addition", "read", Everyone, LimitedGuest, Assignable),
    Rule(Action::ArtifactLabelCreate, "artifact-label", "create", Members, Developer, Assignable),
    Rule(Action::ArtifactLabelDelete, "artifact-label", "delete", Members, Developer, Assignable),
    Rule(Action::ProjectRead, "project", "read", Everyone, LimitedGuest, Assignable),
    Rule(Action::ProjectUpdate, "project", "update", Members, ProjectAdmin, Assignable),
    Rule(Action::ProjectDelete, "project", "delete", Members, ProjectAdmin, Assignable),
    Rule(Action::MetadataList, "metadata", "list", Members, Maintainer, Assignable),
    Rule(Action::MetadataRead, "metadata", "read", Members, Maintainer, Assignable),
    Rule(Action::MetadataCreate, "metadata", "create", Members, ProjectAdmin, Assignable),
    Rule(Action::MetadataUpdate, "metadata", "update", Members, ProjectAdmin, Assignable),
    Rule(Action::MetadataDelete, "metadata", "delete", Members, ProjectAdmin, Assignable),
    Rule(Action::QuotaRead, "quota", "read", Members, LimitedGuest, Assignable),
    Rule(Action::MemberList, "member", "list", Members, Guest, Assignable),
    Rule(Action::MemberRead, "member", "read", Members, Guest, Assignable),
    Rule(Action::MemberCreate, "member", "create", Members, ProjectAdmin, Assignable),
    Rule(Action::MemberUpdate, "member", "update", Members, ProjectAdmin, Assignable),
    Rule(Action::MemberDelete, "member", "delete", Members, ProjectAdmin, Assignable),
    Rule(Action::RobotList, "robot", "list", Members, Guest, Assignable),
    Rule(Action::RobotRead, "robot", "read", Members, Guest, Assignable),
    Rule(Action::RobotCreate, "robot", "create", Members, ProjectAdmin, Assignable),
    Rule(Action::RobotUpdate, "robot", "update", Members, ProjectAdmin, Never),
    Rule(Action::RobotDelete, "robot", "delete", Members, ProjectAdmin, Assignable),
    Rule(Action::LogList, "log", "list", Members, ProjectAdmin, Assignable),
    Rule(Action::LabelList, "label", "list", Everyone, LimitedGuest, Assignable),
    Rule(Action::LabelRead, "label", "read", Everyone, LimitedGuest, Assignable),
    Rule(Action::LabelCreate, "label", "create", Members, Maintainer, Assignable),
    Rule(Action::LabelUpdate, "label", "update", Members, Maintainer, Assignable),
    Rule(Action::LabelDelete, "label", "delete", Members, Maintainer, Assignable),
    Rule(Action::TagRetentionList, "tag-retention", "list", Members, Developer, Assignable),
    Rule(Action::TagRetentionRead, "tag-retention", "read", Members, Developer, Assignable),
    Rule(Action::TagRetentionCreate, "tag-retention", "create", Members, Developer, Assignable),
    Rule(Action::TagRetentionUpdate, "tag-retention", "update", Members, Developer, Assignable),
    Rule(Action::TagRetentionDelete, "tag-retention", "delete", Members, Developer, Assignable),
    Rule(Action::TagRetentionOperate, "tag-retention", "operate", Members, Developer, Assignable),
    Rule(Action::ImmutableTagList, "immutable-tag", "list", Members, Maintainer, Assignable),
    Rule(Action::ImmutableTagCreate, "immutable-tag", "create", Members, Maintainer, Assignable),
    Rule(Action::ImmutableTagUpdate, "immutable-tag", "update", Members, Maintainer, Assignable),
    Rule(Action::ImmutableTagDelete, "immutable-tag", "delete", Members, Maintainer, Assignable),
    Rule(Action::NotificationPolicyList, "notification-policy", "list", Members, Maintainer, Assignable),
    Rule(Action::NotificationPolicyRead, "notification-policy", "read", Members, Maintainer, Assignable),
    Rule(Action::NotificationPolicyCreate, "notification-policy", "create", Members, ProjectAdmin, Assignable),
    Rule(Action::NotificationPolicyUpdate, "notification-policy", "update", Members, ProjectAdmin, Assignable),
    Rule(Action::NotificationPolicyDelete, "notification-policy", "delete", Members, ProjectAdmin, Assignable),
    Rule(Action::ScanRead, "scan", "read", Everyone, LimitedGuest, Assignable),
    Rule(Action::ScanCreate, "scan", "create", Members, Maintainer, Assignable),
    Rule(Action::ScanStop, "scan", "stop", Members, Maintainer, Assignable),
    Rule(Action::SbomRead, "sbom", "read", Everyone, LimitedGuest, Assignable),
    Rule(Action::SbomCreate, "sbom", "create", Members, Maintainer, Assignable),
    Rule(Action::SbomStop, "sbom", "stop", Members, Maintainer, Assignable),
    Rule(Action::ScannerRead, "scanner", "read", Everyone, LimitedGuest, Assignable),
    Rule(Action::ScannerCreate, "scanner", "create", Members, ProjectAdmin, Assignable),
    Rule(Action::ExportCveCreate, "export-cve", "create", Members, Developer, Assignable),
    Rule(Action::ExportCveRead, "export-cve", "read", Members, Developer, Assignable),
    Rule(Action::PreheatPolicyList, "preheat-policy", "list", Members, ProjectAdmin, Assignable),
    Rule(Action::PreheatPolicyRead, "preheat-policy", "read", Members, ProjectAdmin, Assignable),
    Rule(Action::PreheatPolicyCreate, "preheat-policy", "create", Members, ProjectAdmin, Assignable),
    Rule(Action::PreheatPolicyUpdate, "preheat-policy", "update", Members, ProjectAdmin, Assignable),
    Rule(Action::PreheatPolicyDelete, "preheat-policy", "delete", Members, ProjectAdmin, Assignable),
];
