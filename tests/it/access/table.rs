//! What each endpoint demands, by Harbor's documentation and ours. Not by the handlers: this table is what they are held
//! against.

use auth::{Action, SystemAction};
use http::Method;
use serde_json::{Value, json};

/// What an endpoint demands of its caller.
#[derive(Clone, Copy, Debug)]
pub(super) enum Needs {
    /// Nothing: it is for probes, whose credentials nobody looks at.
    Nothing,
    /// Nothing but credentials that are right, if any are shown.
    NoMistake,
    /// To have signed in.
    SignIn,
    /// To be a user who signed in. Robots are told so (412).
    BeUser,
    /// To be one who may read the catalog. Others are asked to sign in as somebody else, as in Harbor.
    ReadCatalog,
    /// To be an administrator of the system: no robot can be allowed it.
    Administer,
    /// This, in the project that is asked about.
    InProject(Action),
    /// The same, where those who may not are told that there is no such thing.
    ToSee(Action),
    /// This, outside any one project.
    OfSystem(SystemAction),
}

/// An endpoint, and one way to ask it that changes nothing that others here go by.
pub(super) struct Row {
    pub(super) method: Method,
    /// As the API's description has it, below `/api/v2.0`, or whole.
    pub(super) described: &'static str,
    pub(super) needs: Needs,
    /// Below `/api/v2.0`, or whole. `{P}` is the project's name, `{N}` its number (quoted in a body, it is a number all the
    /// same), `{R}` a robot of its, `{L}` a label of its, `{T}` its retention policy, `{S}` a robot of the system's, `{U}` a
    /// user, `{B}` a blob and `{Z}` none.
    pub(super) asked: &'static str,
    pub(super) body: Option<Value>,
    /// What those who may are answered.
    pub(super) then: u16,
}

/// Placeholders of what is made to be asked about, and deleted.
pub(super) const VICTIMS: [&str; 4] = ["{R}", "{S}", "{L}", "{T}"];

impl Row {
    /// Where it is asked what the project, whatever its name, is about.
    pub(super) fn is_of_project(&self) -> bool {
        ["{P}", "{N}", "{R}", "{L}", "{T}"].iter().any(|part| {
            let body = self.body.as_ref().map(ToString::to_string);
            self.asked.contains(part) || body.is_some_and(|body| body.contains(part))
        })
    }

    /// The placeholder of what is asked about, if that is of the kinds that are made for it.
    pub(super) fn victim(&self) -> Option<&'static str> {
        VICTIMS.into_iter().find(|kind| self.asked.contains(kind))
    }

    fn with(self, body: Value) -> Self {
        Self {
            body: Some(body),
            ..self
        }
    }
}

fn row(
    method: Method,
    described: &'static str,
    needs: Needs,
    asked: &'static str,
    then: u16,
) -> Row {
    Row {
        method,
        described,
        needs,
        asked,
        body: None,
        then,
    }
}

const GET: Method = Method::GET;
const HEAD: Method = Method::HEAD;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;
const PATCH: Method = Method::PATCH;
const DELETE: Method = Method::DELETE;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = projects();
    rows.extend(content());
    rows.extend(people());
    rows.extend(system());
    rows.extend(log());
    rows.extend(policies());
    rows.extend(absent());
    rows.extend(registry_api());
    rows
}

#[rustfmt::skip]
fn projects() -> Vec<Row> {
    use Action::*;
    use Needs::*;
    let project = "/projects/{project}";
    let robot_of = |name: &str| json!({ "name": name, "level": "project", "permissions": [{ "kind": "project", "namespace": "{P}", "access": [] }] });
    vec![
        row(GET, "/projects", NoMistake, "/projects", 200),
        row(HEAD, "/projects", ToSee(ProjectRead), "/projects?project_name={P}", 200),
        row(POST, "/projects", OfSystem(SystemAction::ProjectCreate), "/projects", 400)
            .with(json!({ "project_name": "Not-A-Name" })),
        row(POST, "/projects", OfSystem(SystemAction::ProxyProjectCreate), "/projects", 400)
            .with(json!({ "project_name": "name", "registry_id": 4711 })),
        row(GET, project, InProject(ProjectRead), "/projects/{P}", 200),
        row(PUT, project, InProject(ProjectUpdate), "/projects/{P}", 200).with(json!({})),
        row(DELETE, project, InProject(ProjectDelete), "/projects/{P}", 412),
        row(GET, "/projects/{project}/_deletable", InProject(ProjectDelete), "/projects/{P}/_deletable", 200),
        row(GET, "/projects/{project}/summary", InProject(ProjectRead), "/projects/{P}/summary", 200),
        row(GET, "/projects/{project}/members", InProject(MemberList), "/projects/{P}/members", 200),
        row(POST, "/projects/{project}/members", InProject(MemberCreate), "/projects/{P}/members", 400)
            .with(json!({ "role_id": 9, "member_user": { "username": "nobody" } })),
        row(GET, "/projects/{project}/members/{mid}", InProject(MemberRead), "/projects/{P}/members/4711", 404),
        row(PUT, "/projects/{project}/members/{mid}", InProject(MemberUpdate), "/projects/{P}/members/4711", 400)
            .with(json!({ "role_id": 9 })),
        row(DELETE, "/projects/{project}/members/{mid}", InProject(MemberDelete), "/projects/{P}/members/4711", 404),
        row(GET, "/projects/{project}/metadatas", InProject(MetadataList), "/projects/{P}/metadatas/", 200),
        row(POST, "/projects/{project}/metadatas", InProject(MetadataCreate), "/projects/{P}/metadatas/", 400)
            .with(json!({ "colour": "red" })),
        row(GET, "/projects/{project}/metadatas/{meta_name}", InProject(MetadataRead), "/projects/{P}/metadatas/auto_scan", 200),
        row(PUT, "/projects/{project}/metadatas/{meta_name}", InProject(MetadataUpdate), "/projects/{P}/metadatas/auto_scan", 400)
            .with(json!({ "colour": "red" })),
        row(DELETE, "/projects/{project}/metadatas/{meta_name}", InProject(MetadataDelete), "/projects/{P}/metadatas/auto_scan", 200),
        row(POST, "/api/roadstead/v1/projects/{project}/filter/dry-run", InProject(ProjectUpdate), "/api/roadstead/v1/projects/{P}/filter/dry-run", 400)
            .with(json!({ "proxy_cache_filter_pattern": "(", "proxy_cache_filter_kind": "regex" })),
        row(GET, "/robots", InProject(RobotList), "/robots?q=Level=project,ProjectID={N}", 200),
        row(POST, "/robots", InProject(RobotCreate), "/robots", 400).with(robot_of("Not+A+Name")),
        row(GET, "/robots/{robot_id}", InProject(RobotRead), "/robots/{R}", 200),
        row(PUT, "/robots/{robot_id}", InProject(RobotUpdate), "/robots/{R}", 400).with(json!({})),
        row(PATCH, "/robots/{robot_id}", InProject(RobotUpdate), "/robots/{R}", 400).with(json!({ "secret": "weak" })),
        row(DELETE, "/robots/{robot_id}", InProject(RobotDelete), "/robots/{R}", 200),
    ]
}

#[rustfmt::skip]
fn content() -> Vec<Row> {
    use Action::*;
    use Needs::*;
    let repository = "/projects/{project}/repositories/{repository}";
    let artifacts = "/projects/{project}/repositories/{repository}/artifacts";
    let artifact = "/projects/{project}/repositories/{repository}/artifacts/{reference}";
    let tags = "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags";
    let tag = "/projects/{project}/repositories/{repository}/artifacts/{reference}/tags/{tag_name}";
    let accessories = "/projects/{project}/repositories/{repository}/artifacts/{reference}/accessories";
    let addition = "/projects/{project}/repositories/{repository}/artifacts/{reference}/additions/{addition}";
    let on_artifact = "/projects/{project}/repositories/{repository}/artifacts/{reference}/labels";
    let off_artifact = "/projects/{project}/repositories/{repository}/artifacts/{reference}/labels/{label_id}";
    let label = "/labels/{label_id}";
    vec![
        row(GET, "/repositories", NoMistake, "/repositories", 200),
        row(GET, "/projects/{project}/repositories", InProject(RepositoryList), "/projects/{P}/repositories", 200),
        row(GET, repository, InProject(RepositoryRead), "/projects/{P}/repositories/app", 200),
        row(PUT, repository, InProject(RepositoryUpdate), "/projects/{P}/repositories/app", 200)
            .with(json!({ "description": "told" })),
        row(DELETE, repository, InProject(Delete), "/projects/{P}/repositories/missing", 404),
        row(GET, artifacts, InProject(ArtifactList), "/projects/{P}/repositories/app/artifacts", 200),
        row(GET, artifact, InProject(ArtifactRead), "/projects/{P}/repositories/app/artifacts/1", 200),
        row(DELETE, artifact, InProject(ArtifactDelete), "/projects/{P}/repositories/app/artifacts/missing", 404),
        row(GET, tags, InProject(TagList), "/projects/{P}/repositories/app/artifacts/1/tags", 200),
        row(POST, tags, InProject(TagCreate), "/projects/{P}/repositories/app/artifacts/1/tags", 409)
            .with(json!({ "name": "1" })),
        row(DELETE, tag, InProject(TagDelete), "/projects/{P}/repositories/app/artifacts/1/tags/missing", 404),
        row(GET, "/projects/{project}/artifacts", InProject(ArtifactList), "/projects/{P}/artifacts", 200),
        row(POST, artifacts, InProject(ArtifactCreate), "/projects/{P}/repositories/app/artifacts?from=nothing", 400),
        row(GET, accessories, InProject(AccessoryList), "/projects/{P}/repositories/app/artifacts/1/accessories", 200),
        row(GET, addition, InProject(ArtifactAdditionRead), "/projects/{P}/repositories/app/artifacts/1/additions/build_history", 200),
        row(POST, on_artifact, InProject(ArtifactLabelCreate), "/projects/{P}/repositories/app/artifacts/1/labels", 404)
            .with(json!({ "id": 4711 })),
        row(DELETE, off_artifact, InProject(ArtifactLabelDelete), "/projects/{P}/repositories/app/artifacts/1/labels/4711", 404),
        row(GET, "/labels", NoMistake, "/labels?scope=g", 200),
        row(GET, "/labels", InProject(LabelList), "/labels?scope=p&project_id={N}", 200),
        row(POST, "/labels", OfSystem(SystemAction::LabelCreate), "/labels", 400).with(json!({ "name": "", "scope": "g" })),
        row(POST, "/labels", InProject(LabelCreate), "/labels", 400)
            .with(json!({ "name": "", "scope": "p", "project_id": "{N}" })),
        row(GET, label, InProject(LabelRead), "/labels/{L}", 200),
        row(PUT, label, InProject(LabelUpdate), "/labels/{L}", 400).with(json!({ "name": "" })),
        row(DELETE, label, InProject(LabelDelete), "/labels/{L}", 200),
        row(GET, label, OfSystem(SystemAction::LabelRead), "/labels/4711", 404),
        row(PUT, label, OfSystem(SystemAction::LabelUpdate), "/labels/4711", 404).with(json!({ "name": "new" })),
        row(DELETE, label, OfSystem(SystemAction::LabelDelete), "/labels/4711", 404),
        row(GET, "/statistics", OfSystem(SystemAction::StatisticsRead), "/statistics", 200),
        row(GET, "/icons/{digest}", Nothing, "/icons/{Z}", 404),
    ]
}

/// A policy that keeps what was pushed last, for the project of that number.
pub(super) fn a_retention(project: Value) -> Value {
    let all = |kind: &str| json!({ "kind": "doublestar", "decoration": kind, "pattern": "**" });
    json!({
        "algorithm": "or",
        "scope": { "level": "project", "ref": project },
        "trigger": { "kind": "Schedule", "settings": { "cron": "" } },
        "rules": [{
            "action": "retain",
            "template": "latestPushedK",
            "params": { "latestPushedK": 1 },
            "tag_selectors": [all("matches")],
            "scope_selectors": { "repository": [all("repoMatches")] },
        }],
    })
}

#[rustfmt::skip]
fn policies() -> Vec<Row> {
    use Action::*;
    use Needs::*;
    let retention = "/retentions/{id}";
    let quota = "/quotas/{id}";
    let immutable = "/projects/{project}/immutabletagrules";
    let rule = "/projects/{project}/immutabletagrules/{immutable_rule_id}";
    vec![
        row(GET, "/retentions/metadatas", SignIn, "/retentions/metadatas", 200),
        row(POST, "/retentions", InProject(TagRetentionCreate), "/retentions", 400)
            .with(json!({ "algorithm": "and", "scope": { "level": "project", "ref": "{N}" }, "rules": [] })),
        row(GET, retention, InProject(TagRetentionRead), "/retentions/{T}", 200),
        row(PUT, retention, InProject(TagRetentionUpdate), "/retentions/{T}", 400).with(a_retention(json!(4711))),
        row(DELETE, retention, InProject(TagRetentionDelete), "/retentions/{T}", 200),
        row(GET, retention, Administer, "/retentions/4711", 404),
        row(PUT, retention, Administer, "/retentions/4711", 404).with(a_retention(json!(4711))),
        row(DELETE, retention, Administer, "/retentions/4711", 404),
        row(GET, "/retentions/{id}/executions", InProject(TagRetentionList), "/retentions/{T}/executions", 200),
        row(POST, "/retentions/{id}/executions", InProject(TagRetentionOperate), "/retentions/{T}/executions", 201)
            .with(json!({ "dry_run": true })),
        row(PATCH, "/retentions/{id}/executions/{eid}", InProject(TagRetentionOperate), "/retentions/{T}/executions/4711", 400)
            .with(json!({ "action": "begin" })),
        row(GET, "/retentions/{id}/executions/{eid}/tasks", InProject(TagRetentionList), "/retentions/{T}/executions/4711/tasks", 404),
        row(GET, "/retentions/{id}/executions/{eid}/tasks/{tid}", InProject(TagRetentionRead), "/retentions/{T}/executions/4711/tasks/1", 404),
        row(GET, "/system/gc", OfSystem(SystemAction::GarbageCollectionList), "/system/gc", 200),
        row(GET, "/system/gc/{gc_id}", OfSystem(SystemAction::GarbageCollectionRead), "/system/gc/4711", 404),
        row(PUT, "/system/gc/{gc_id}", OfSystem(SystemAction::GarbageCollectionStop), "/system/gc/4711", 404),
        row(GET, "/system/gc/{gc_id}/log", OfSystem(SystemAction::GarbageCollectionRead), "/system/gc/4711/log", 404),
        row(GET, "/system/gc/schedule", OfSystem(SystemAction::GarbageCollectionRead), "/system/gc/schedule", 200),
        row(POST, "/system/gc/schedule", OfSystem(SystemAction::GarbageCollectionCreate), "/system/gc/schedule", 400).with(json!({})),
        row(PUT, "/system/gc/schedule", OfSystem(SystemAction::GarbageCollectionUpdate), "/system/gc/schedule", 400).with(json!({})),
        row(GET, immutable, InProject(ImmutableTagList), "/projects/{P}/immutabletagrules", 200),
        row(POST, immutable, InProject(ImmutableTagCreate), "/projects/{P}/immutabletagrules", 400).with(json!({})),
        row(PUT, rule, InProject(ImmutableTagUpdate), "/projects/{P}/immutabletagrules/4711", 400).with(json!({})),
        row(DELETE, rule, InProject(ImmutableTagDelete), "/projects/{P}/immutabletagrules/4711", 404),
        row(GET, "/quotas", OfSystem(SystemAction::QuotaList), "/quotas", 200),
        row(GET, quota, OfSystem(SystemAction::QuotaRead), "/quotas/4711", 404),
        row(PUT, quota, OfSystem(SystemAction::QuotaUpdate), "/quotas/4711", 400).with(json!({})),
        row(GET, "/configurations", OfSystem(SystemAction::ConfigurationRead), "/configurations", 200),
        row(PUT, "/configurations", OfSystem(SystemAction::ConfigurationUpdate), "/configurations", 400)
            .with(json!({ "token_expiration": -1 })),
        row(GET, "/schedules", OfSystem(SystemAction::JobServiceMonitorList), "/schedules", 200),
        row(GET, "/systeminfo/getcert", NoMistake, "/systeminfo/getcert", 404),
    ]
}

/// What Harbor has and this has not: it is nobody's to ask for without the right to what it would be.
#[rustfmt::skip]
fn absent() -> Vec<Row> {
    use Action::*;
    use Needs::*;
    use SystemAction as S;
    let none = |method, needs, asked, then| row(method, "", needs, asked, then);
    vec![
        none(GET, InProject(NotificationPolicyList), "/projects/{P}/webhook/policies", 200),
        none(POST, InProject(NotificationPolicyCreate), "/projects/{P}/webhook/policies", 501).with(json!({})),
        none(GET, InProject(NotificationPolicyRead), "/projects/{P}/webhook/policies/1", 404),
        none(PUT, InProject(NotificationPolicyUpdate), "/projects/{P}/webhook/policies/1", 501).with(json!({})),
        none(DELETE, InProject(NotificationPolicyDelete), "/projects/{P}/webhook/policies/1", 501),
        none(GET, InProject(NotificationPolicyRead), "/projects/{P}/webhook/policies/1/executions", 404),
        none(GET, InProject(NotificationPolicyRead), "/projects/{P}/webhook/policies/1/executions/1/tasks", 404),
        none(GET, InProject(NotificationPolicyRead), "/projects/{P}/webhook/policies/1/executions/1/tasks/1/log", 404),
        none(GET, InProject(NotificationPolicyRead), "/projects/{P}/webhook/lasttrigger", 200),
        none(GET, InProject(NotificationPolicyRead), "/projects/{P}/webhook/jobs", 200),
        none(GET, InProject(NotificationPolicyRead), "/projects/{P}/webhook/events", 200),
        none(GET, OfSystem(S::ScannerList), "/scanners", 200),
        none(POST, OfSystem(S::ScannerCreate), "/scanners", 501).with(json!({})),
        none(POST, OfSystem(S::ScannerRead), "/scanners/ping", 501).with(json!({})),
        none(GET, OfSystem(S::ScannerRead), "/scanners/x", 404),
        none(PUT, OfSystem(S::ScannerUpdate), "/scanners/x", 501).with(json!({})),
        none(DELETE, OfSystem(S::ScannerDelete), "/scanners/x", 501),
        none(PATCH, OfSystem(S::ScannerUpdate), "/scanners/x", 501).with(json!({})),
        none(GET, OfSystem(S::ScannerRead), "/scanners/x/metadata", 404),
        none(GET, InProject(ScannerRead), "/projects/{P}/scanner", 200),
        none(PUT, InProject(ScannerCreate), "/projects/{P}/scanner", 501).with(json!({})),
        none(GET, InProject(ScannerCreate), "/projects/{P}/scanner/candidates", 200),
        none(POST, InProject(ScanCreate), "/projects/{P}/repositories/app/artifacts/1/scan", 501),
        none(POST, InProject(ScanStop), "/projects/{P}/repositories/app/artifacts/1/scan/stop", 501),
        none(GET, InProject(ScanRead), "/projects/{P}/repositories/app/artifacts/1/scan/1/log", 404),
        none(GET, OfSystem(S::ScanAllRead), "/system/scanAll/schedule", 200),
        none(POST, OfSystem(S::ScanAllCreate), "/system/scanAll/schedule", 501).with(json!({})),
        none(PUT, OfSystem(S::ScanAllUpdate), "/system/scanAll/schedule", 501).with(json!({})),
        none(POST, OfSystem(S::ScanAllStop), "/system/scanAll/stop", 501),
        none(GET, OfSystem(S::ScanAllRead), "/scans/all/metrics", 200),
        none(GET, OfSystem(S::ScanAllRead), "/scans/schedule/metrics", 200),
        none(GET, SignIn, "/system/CVEAllowlist", 200),
        none(PUT, OfSystem(S::ConfigurationUpdate), "/system/CVEAllowlist", 501).with(json!({})),
        none(GET, OfSystem(S::SecurityHubRead), "/security/summary", 200),
        none(GET, OfSystem(S::SecurityHubList), "/security/vul", 200),
        none(POST, SignIn, "/export/cve", 501).with(json!({})),
        none(GET, SignIn, "/export/cve/executions", 200),
        none(GET, SignIn, "/export/cve/execution/1", 404),
        none(GET, SignIn, "/export/cve/download/1", 404),
        none(GET, OfSystem(S::ReplicationPolicyList), "/replication/policies", 200),
        none(POST, OfSystem(S::ReplicationPolicyCreate), "/replication/policies", 501).with(json!({})),
        none(GET, OfSystem(S::ReplicationPolicyRead), "/replication/policies/1", 404),
        none(PUT, OfSystem(S::ReplicationPolicyUpdate), "/replication/policies/1", 501).with(json!({})),
        none(DELETE, OfSystem(S::ReplicationPolicyDelete), "/replication/policies/1", 501),
        none(GET, OfSystem(S::ReplicationList), "/replication/executions", 200),
        none(POST, OfSystem(S::ReplicationCreate), "/replication/executions", 501).with(json!({})),
        none(GET, OfSystem(S::ReplicationRead), "/replication/executions/1", 404),
        none(PUT, OfSystem(S::ReplicationCreate), "/replication/executions/1", 501),
        none(GET, OfSystem(S::ReplicationList), "/replication/executions/1/tasks", 404),
        none(GET, OfSystem(S::ReplicationRead), "/replication/executions/1/tasks/1/log", 404),
        none(GET, OfSystem(S::PreheatInstanceList), "/p2p/preheat/providers", 200),
        none(POST, OfSystem(S::PreheatInstanceRead), "/p2p/preheat/instances/ping", 501).with(json!({})),
        none(GET, OfSystem(S::PreheatInstanceList), "/p2p/preheat/instances", 200),
        none(POST, OfSystem(S::PreheatInstanceCreate), "/p2p/preheat/instances", 501).with(json!({})),
        none(GET, OfSystem(S::PreheatInstanceRead), "/p2p/preheat/instances/x", 404),
        none(PUT, OfSystem(S::PreheatInstanceUpdate), "/p2p/preheat/instances/x", 501).with(json!({})),
        none(DELETE, OfSystem(S::PreheatInstanceDelete), "/p2p/preheat/instances/x", 501),
        none(GET, InProject(PreheatPolicyRead), "/projects/{P}/preheat/providers", 200),
        none(GET, InProject(PreheatPolicyList), "/projects/{P}/preheat/policies", 200),
        none(POST, InProject(PreheatPolicyCreate), "/projects/{P}/preheat/policies", 501).with(json!({})),
        none(GET, InProject(PreheatPolicyRead), "/projects/{P}/preheat/policies/x", 404),
        none(PUT, InProject(PreheatPolicyUpdate), "/projects/{P}/preheat/policies/x", 501).with(json!({})),
        none(POST, InProject(PreheatPolicyUpdate), "/projects/{P}/preheat/policies/x", 501).with(json!({})),
        none(DELETE, InProject(PreheatPolicyDelete), "/projects/{P}/preheat/policies/x", 501),
        none(GET, InProject(PreheatPolicyRead), "/projects/{P}/preheat/policies/x/executions", 404),
        none(GET, InProject(PreheatPolicyRead), "/projects/{P}/preheat/policies/x/executions/1", 404),
        none(PATCH, InProject(PreheatPolicyUpdate), "/projects/{P}/preheat/policies/x/executions/1", 501).with(json!({})),
        none(GET, InProject(PreheatPolicyRead), "/projects/{P}/preheat/policies/x/executions/1/tasks", 404),
        none(GET, InProject(PreheatPolicyRead), "/projects/{P}/preheat/policies/x/executions/1/tasks/1/logs", 404),
        none(GET, OfSystem(S::UserGroupList), "/usergroups", 200),
        none(POST, OfSystem(S::UserGroupCreate), "/usergroups", 501).with(json!({})),
        none(GET, SignIn, "/usergroups/search", 200),
        none(GET, OfSystem(S::UserGroupRead), "/usergroups/1", 404),
        none(PUT, OfSystem(S::UserGroupUpdate), "/usergroups/1", 501).with(json!({})),
        none(DELETE, OfSystem(S::UserGroupDelete), "/usergroups/1", 501),
        none(POST, OfSystem(S::ConfigurationRead), "/ldap/ping", 501).with(json!({})),
        none(GET, OfSystem(S::LdapUserList), "/ldap/users/search", 200),
        none(POST, OfSystem(S::LdapUserCreate), "/ldap/users/import", 501).with(json!({})),
        none(GET, OfSystem(S::LdapUserList), "/ldap/groups/search", 200),
        none(POST, OfSystem(S::ConfigurationUpdate), "/system/oidc/ping", 501).with(json!({})),
        none(GET, OfSystem(S::JobServiceMonitorList), "/jobservice/pools", 200),
        none(GET, OfSystem(S::JobServiceMonitorList), "/jobservice/pools/x/workers", 200),
        none(PUT, OfSystem(S::JobServiceMonitorStop), "/jobservice/jobs/x", 501),
        none(GET, OfSystem(S::JobServiceMonitorList), "/jobservice/jobs/x/log", 404),
        none(GET, OfSystem(S::JobServiceMonitorList), "/jobservice/queues", 200),
        none(PUT, OfSystem(S::JobServiceMonitorStop), "/jobservice/queues/x", 501).with(json!({})),
        none(GET, OfSystem(S::JobServiceMonitorList), "/schedules/x/paused", 200),
    ]
}

#[rustfmt::skip]
fn people() -> Vec<Row> {
    use Needs::*;
    use SystemAction::*;
    let robot = "/robots/{robot_id}";
    vec![
        row(GET, "/users", OfSystem(UserList), "/users", 200),
        row(POST, "/users", OfSystem(UserCreate), "/users", 400).with(json!({})),
        row(GET, "/users/search", OfSystem(UserSearch), "/users/search?username=a", 200),
        row(GET, "/users/current", BeUser, "/users/current", 200),
        row(PUT, "/users/{user_id}/sysadmin", Administer, "/users/4711/sysadmin", 404).with(json!({})),
        row(GET, "/users/{user_id}", OfSystem(UserRead), "/users/{U}", 200),
        row(PUT, "/users/{user_id}", OfSystem(UserUpdate), "/users/{U}", 400).with(json!({})),
        row(DELETE, "/users/{user_id}", OfSystem(UserDelete), "/users/4711", 404),
        row(PUT, "/users/{user_id}/password", OfSystem(UserUpdate), "/users/{U}/password", 400)
            .with(json!({ "new_password": "weak" })),
        row(PUT, "/users/{user_id}/cli_secret", SignIn, "/users/{U}/cli_secret", 412).with(json!({})),
        row(GET, "/users/current/permissions", SignIn, "/users/current/permissions?scope=/project/1", 200),
        row(GET, "/permissions", OfSystem(PermissionList), "/permissions", 200),
        row(GET, "/robots", OfSystem(RobotList), "/robots", 200),
        row(POST, "/robots", OfSystem(RobotCreate), "/robots", 400).with(json!({ "level": "system", "name": "Not+A+Name" })),
        row(GET, robot, OfSystem(RobotRead), "/robots/{S}", 200),
        row(PUT, robot, OfSystem(RobotUpdate), "/robots/{S}", 400).with(json!({})),
        row(PATCH, robot, OfSystem(RobotUpdate), "/robots/{S}", 400).with(json!({ "secret": "weak" })),
        row(DELETE, robot, OfSystem(RobotDelete), "/robots/{S}", 200),
        row(GET, robot, SignIn, "/robots/4711", 404),
        row(PUT, robot, SignIn, "/robots/4711", 404).with(json!({})),
        row(DELETE, robot, SignIn, "/robots/4711", 404),
    ]
}

#[rustfmt::skip]
fn system() -> Vec<Row> {
    use Needs::*;
    use SystemAction::*;
    let registry = "/registries/{id}";
    let drill = "/api/roadstead/v1/registries/{id}/drill";
    vec![
        row(GET, "/ping", Nothing, "/ping", 200),
        row(GET, "/health", Nothing, "/health", 200),
        row(GET, "/systeminfo", NoMistake, "/systeminfo", 200),
        row(GET, "/systeminfo/volumes", OfSystem(SystemVolumesRead), "/systeminfo/volumes", 200),
        row(GET, "/search", NoMistake, "/search?q=x", 200),
        row(GET, "/registries", OfSystem(RegistryList), "/registries", 200),
        row(POST, "/registries", OfSystem(RegistryCreate), "/registries", 400).with(json!({})),
        row(POST, "/registries/ping", OfSystem(RegistryRead), "/registries/ping", 400).with(json!({})),
        row(GET, registry, OfSystem(RegistryRead), "/registries/4711", 404),
        row(PUT, registry, OfSystem(RegistryUpdate), "/registries/4711", 404).with(json!({})),
        row(DELETE, registry, OfSystem(RegistryDelete), "/registries/4711", 404),
        row(GET, drill, OfSystem(RegistryRead), "/api/roadstead/v1/registries/4711/drill", 404),
        row(PUT, drill, OfSystem(RegistryUpdate), "/api/roadstead/v1/registries/4711/drill", 400).with(json!({ "until": "soon" })),
        row(DELETE, drill, OfSystem(RegistryUpdate), "/api/roadstead/v1/registries/4711/drill", 404),
        row(GET, "/registries/{id}/info", OfSystem(RegistryRead), "/registries/4711/info", 404),
        row(GET, "/replication/adapters", OfSystem(ReplicationAdapterList), "/replication/adapters", 200),
        row(GET, "/replication/adapterinfos", OfSystem(ReplicationAdapterList), "/replication/adapterinfos", 200),
    ]
}

#[rustfmt::skip]
fn log() -> Vec<Row> {
    use Needs::*;
    use SystemAction::*;
    let schedule = "/system/purgeaudit/schedule";
    let purge = "/system/purgeaudit/{purge_id}";
    vec![
        // Everybody reads what happened in the projects whose logs they may list, and be it in none.
        row(GET, "/audit-logs", SignIn, "/audit-logs", 200),
        row(GET, "/auditlog-exts", SignIn, "/auditlog-exts", 200),
        row(GET, "/auditlog-exts/events", SignIn, "/auditlog-exts/events", 200),
        row(GET, "/projects/{project}/logs", InProject(Action::LogList), "/projects/{P}/logs", 200),
        row(GET, "/projects/{project}/auditlog-exts", InProject(Action::LogList), "/projects/{P}/auditlog-exts", 200),
        row(GET, "/system/purgeaudit", OfSystem(PurgeAuditList), "/system/purgeaudit", 200),
        row(GET, purge, OfSystem(PurgeAuditRead), "/system/purgeaudit/4711", 404),
        row(PUT, purge, OfSystem(PurgeAuditStop), "/system/purgeaudit/4711", 404),
        row(GET, "/system/purgeaudit/{purge_id}/log", OfSystem(PurgeAuditRead), "/system/purgeaudit/4711/log", 404),
        row(GET, schedule, OfSystem(PurgeAuditRead), schedule, 200),
        row(POST, schedule, OfSystem(PurgeAuditCreate), schedule, 400).with(json!({})),
        row(PUT, schedule, OfSystem(PurgeAuditUpdate), schedule, 400).with(json!({})),
    ]
}

/// `/v2/` has no description of ours: the specification is it.
#[rustfmt::skip]
fn registry_api() -> Vec<Row> {
    use Action::*;
    use Needs::*;
    let v2 = |method, needs, asked, then| row(method, "", needs, asked, then);
    vec![
        v2(GET, SignIn, "/v2/", 200),
        v2(GET, ReadCatalog, "/v2/_catalog", 200),
        v2(GET, NoMistake, "/service/token?service=harbor-registry&scope=repository:{P}/app:pull", 200),
        v2(GET, InProject(Pull), "/v2/{P}/app/manifests/1", 200),
        v2(HEAD, InProject(Pull), "/v2/{P}/app/manifests/1", 200),
        v2(GET, InProject(Pull), "/v2/{P}/app/manifests/missing", 404),
        v2(GET, InProject(Pull), "/v2/{P}/app/blobs/{B}", 200),
        v2(HEAD, InProject(Pull), "/v2/{P}/app/blobs/{B}", 200),
        v2(GET, InProject(Pull), "/v2/{P}/app/blobs/{Z}", 404),
        v2(GET, InProject(Pull), "/v2/{P}/app/tags/list", 200),
        v2(GET, InProject(Pull), "/v2/{P}/app/referrers/{Z}", 200),
        v2(POST, InProject(Push), "/v2/{P}/app/blobs/uploads/", 202),
        v2(GET, InProject(Push), "/v2/{P}/app/blobs/uploads/missing", 404),
        v2(PATCH, InProject(Push), "/v2/{P}/app/blobs/uploads/missing", 404),
        v2(PUT, InProject(Push), "/v2/{P}/app/blobs/uploads/missing?digest={Z}", 404),
        v2(DELETE, InProject(Push), "/v2/{P}/app/blobs/uploads/missing", 404),
        v2(PUT, InProject(Push), "/v2/{P}/app/manifests/2", 400).with(json!("no manifest")),
        v2(DELETE, InProject(Delete), "/v2/{P}/app/manifests/missing", 404),
        v2(DELETE, InProject(Delete), "/v2/{P}/app/blobs/{Z}", 404),
    ]
}
