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
    /// Below `/api/v2.0`, or whole. `{P}` is the project's name, `{N}` its number, `{R}` a robot of its, `{S}` one of the
    /// system's, `{U}` a user, `{B}` a blob and `{Z}` none.
    pub(super) asked: &'static str,
    pub(super) body: Option<Value>,
    /// What those who may are answered.
    pub(super) then: u16,
}

impl Row {
    /// Where it is asked what the project, whatever its name, is about.
    pub(super) fn is_of_project(&self) -> bool {
        ["{P}", "{N}", "{R}"].iter().any(|part| {
            let body = self.body.as_ref().map(ToString::to_string);
            self.asked.contains(part) || body.is_some_and(|body| body.contains(part))
        })
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
