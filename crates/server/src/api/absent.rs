//! Operations of Harbor's contract that have nothing behind them here: THE table of them, and their answers. Whoever may do
//! such a thing in Harbor reads that there is none of it, and is told that it cannot be made or changed. What has come to be
//! loses its rows, and gets a file.

use std::collections::HashMap;

use auth::{Action, Denied, SystemAction};
use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::{MethodFilter, on};
use http::header::CONTENT_TYPE;
use http::{StatusCode, Uri};

use super::Result;
use super::extract::{Asked, Names};
use super::page::Paging;
use crate::State;
use crate::error::{Error, harbor};

/// Everything in the table.
pub(super) fn routes() -> Router<State> {
    TABLE.iter().fold(Router::new(), |router, row| {
        let answer = move |asked: Asked, Names(names): Names<Found>, uri: Uri| async move {
            row.answer(&asked, &names, &uri).await
        };
        router.route(row.1, on(row.0, answer))
    })
}

/// What a path's `{names}` stand for.
type Found = HashMap<String, String>;

/// An operation: its method, its path, who may ask, and what they are told.
struct Row(MethodFilter, &'static str, Who, Told);

/// Who may ask.
#[derive(Clone, Copy)]
enum Who {
    /// Whoever signed in.
    SignedIn,
    /// Whoever may do this outside any project.
    System(SystemAction),
    /// Whoever may do this in `{project}`, which is a name or a number.
    Project(Action),
    /// Whoever may do this in `{project}`, which is a name.
    Named(Action),
    /// No client: it is for Harbor's own parts.
    Nobody,
}

/// What they are told.
#[derive(Clone, Copy)]
enum Told {
    /// A list with no rows.
    Empty,
    /// This JSON.
    Json(&'static str),
    /// That there is none of that kind, by the last name of the path.
    No(&'static str),
    /// Why it cannot be done.
    Cannot(&'static str),
}

use SystemAction as S;
use Told::{Cannot, Empty, Json, No};
use Who::{Named, Nobody, Project, SignedIn, System};

const GET: MethodFilter = MethodFilter::GET;
const POST: MethodFilter = MethodFilter::POST;
const PUT: MethodFilter = MethodFilter::PUT;
const PATCH: MethodFilter = MethodFilter::PATCH;
const DELETE: MethodFilter = MethodFilter::DELETE;

const NO_WEBHOOKS: &str = "this version calls no webhooks yet";
const NO_SCANS: &str = "this version scans no artifacts: there are no scanners";
const NO_ALLOWLIST: &str = "this version scans no artifacts: an allowlist would have no effect";
const NO_EXPORT: &str = "this version scans no artifacts: there is nothing to export";
const NO_REPLICATION: &str =
    "this version does not replicate: projects on a registry endpoint pull what is asked for";
const NO_PREHEAT: &str = "this version does not preheat peer-to-peer networks";
const NO_GROUPS: &str = "this version has no user groups, which come from LDAP and OIDC";
const NO_LDAP: &str = "this version does not ask LDAP directories";
const NO_OIDC: &str = "this version does not ask OIDC providers";
const NO_JOBS: &str =
    "this version has no job service: there are no queues to pause and no jobs to stop";

const NO_FINDINGS: &str = r#"{"critical_cnt":0,"high_cnt":0,"medium_cnt":0,"low_cnt":0,"none_cnt":0,"unknown_cnt":0,"total_vuls":0,"scanned_cnt":0,"total_artifact":0,"fixable_cnt":0,"dangerous_cves":[],"dangerous_artifacts":[]}"#;
const NO_CVES: &str = r#"{"items":[],"creation_time":"0001-01-01T00:00:00.000Z","update_time":"0001-01-01T00:00:00.000Z"}"#;
const NO_EVENTS: &str = r#"{"event_type":[],"notify_type":[],"payload_formats":[]}"#;
const NO_METRICS: &str = r#"{"total":0,"completed":0,"metrics":{},"ongoing":false}"#;

/// THE table.
#[rustfmt::skip]
const TABLE: &[Row] = &[

    // Webhooks.
    Row(GET, "/projects/{project}/webhook/policies", Project(Action::NotificationPolicyList), Empty),
    Row(POST, "/projects/{project}/webhook/policies", Project(Action::NotificationPolicyCreate), Cannot(NO_WEBHOOKS)),
    Row(GET, "/projects/{project}/webhook/policies/{webhook_policy_id}", Project(Action::NotificationPolicyRead), No("webhook policy")),
    Row(PUT, "/projects/{project}/webhook/policies/{webhook_policy_id}", Project(Action::NotificationPolicyUpdate), Cannot(NO_WEBHOOKS)),
    Row(DELETE, "/projects/{project}/webhook/policies/{webhook_policy_id}", Project(Action::NotificationPolicyDelete), Cannot(NO_WEBHOOKS)),
    Row(GET, "/projects/{project}/webhook/policies/{webhook_policy_id}/executions", Project(Action::NotificationPolicyRead), No("webhook policy")),
    Row(GET, "/projects/{project}/webhook/policies/{webhook_policy_id}/executions/{execution_id}/tasks", Project(Action::NotificationPolicyRead), No("execution")),
    Row(GET, "/projects/{project}/webhook/policies/{webhook_policy_id}/executions/{execution_id}/tasks/{task_id}/log", Project(Action::NotificationPolicyRead), No("task")),
    Row(GET, "/projects/{project}/webhook/lasttrigger", Project(Action::NotificationPolicyRead), Empty),
    Row(GET, "/projects/{project}/webhook/jobs", Project(Action::NotificationPolicyRead), Empty),
    Row(GET, "/projects/{project}/webhook/events", Project(Action::NotificationPolicyRead), Json(NO_EVENTS)),

    // Scanners, scans, and what they would find.
    Row(GET, "/scanners", System(S::ScannerList), Empty),
    Row(POST, "/scanners", System(S::ScannerCreate), Cannot(NO_SCANS)),
    Row(POST, "/scanners/ping", System(S::ScannerRead), Cannot(NO_SCANS)),
    Row(GET, "/scanners/{registration_id}", System(S::ScannerRead), No("scanner")),
    Row(PUT, "/scanners/{registration_id}", System(S::ScannerUpdate), Cannot(NO_SCANS)),
    Row(DELETE, "/scanners/{registration_id}", System(S::ScannerDelete), Cannot(NO_SCANS)),
    Row(PATCH, "/scanners/{registration_id}", System(S::ScannerUpdate), Cannot(NO_SCANS)),
    Row(GET, "/scanners/{registration_id}/metadata", System(S::ScannerRead), No("scanner")),
    Row(GET, "/projects/{project}/scanner", Project(Action::ScannerRead), Json("{}")),
    Row(PUT, "/projects/{project}/scanner", Project(Action::ScannerCreate), Cannot(NO_SCANS)),
    Row(GET, "/projects/{project}/scanner/candidates", Project(Action::ScannerCreate), Empty),
    Row(POST, "/projects/{project}/repositories/{repository}/artifacts/{reference}/scan", Named(Action::ScanCreate), Cannot(NO_SCANS)),
    Row(POST, "/projects/{project}/repositories/{repository}/artifacts/{reference}/scan/stop", Named(Action::ScanStop), Cannot(NO_SCANS)),
    Row(GET, "/projects/{project}/repositories/{repository}/artifacts/{reference}/scan/{report_id}/log", Named(Action::ScanRead), No("scan report")),
    Row(GET, "/system/scanAll/schedule", System(S::ScanAllRead), Json("{}")),
    Row(POST, "/system/scanAll/schedule", System(S::ScanAllCreate), Cannot(NO_SCANS)),
    Row(PUT, "/system/scanAll/schedule", System(S::ScanAllUpdate), Cannot(NO_SCANS)),
    Row(POST, "/system/scanAll/stop", System(S::ScanAllStop), Cannot(NO_SCANS)),
    Row(GET, "/scans/all/metrics", System(S::ScanAllRead), Json(NO_METRICS)),
    Row(GET, "/scans/schedule/metrics", System(S::ScanAllRead), Json(NO_METRICS)),
    Row(GET, "/system/CVEAllowlist", SignedIn, Json(NO_CVES)),
    Row(PUT, "/system/CVEAllowlist", System(S::ConfigurationUpdate), Cannot(NO_ALLOWLIST)),
    Row(GET, "/security/summary", System(S::SecurityHubRead), Json(NO_FINDINGS)),
    Row(GET, "/security/vul", System(S::SecurityHubList), Empty),
    Row(POST, "/export/cve", SignedIn, Cannot(NO_EXPORT)),
    Row(GET, "/export/cve/executions", SignedIn, Json(r#"{"items":[]}"#)),
    Row(GET, "/export/cve/execution/{execution_id}", SignedIn, No("execution")),
    Row(GET, "/export/cve/download/{execution_id}", SignedIn, No("execution")),

    // Replication.
    Row(GET, "/replication/policies", System(S::ReplicationPolicyList), Empty),
    Row(POST, "/replication/policies", System(S::ReplicationPolicyCreate), Cannot(NO_REPLICATION)),
    Row(GET, "/replication/policies/{id}", System(S::ReplicationPolicyRead), No("replication policy")),
    Row(PUT, "/replication/policies/{id}", System(S::ReplicationPolicyUpdate), Cannot(NO_REPLICATION)),
    Row(DELETE, "/replication/policies/{id}", System(S::ReplicationPolicyDelete), Cannot(NO_REPLICATION)),
    Row(GET, "/replication/executions", System(S::ReplicationList), Empty),
    Row(POST, "/replication/executions", System(S::ReplicationCreate), Cannot(NO_REPLICATION)),
    Row(GET, "/replication/executions/{id}", System(S::ReplicationRead), No("execution")),
    Row(PUT, "/replication/executions/{id}", System(S::ReplicationCreate), Cannot(NO_REPLICATION)),
    Row(GET, "/replication/executions/{id}/tasks", System(S::ReplicationList), No("execution")),
    Row(GET, "/replication/executions/{id}/tasks/{task_id}/log", System(S::ReplicationRead), No("task")),

    // Peer-to-peer preheating.
    Row(GET, "/p2p/preheat/providers", System(S::PreheatInstanceList), Empty),
    Row(POST, "/p2p/preheat/instances/ping", System(S::PreheatInstanceRead), Cannot(NO_PREHEAT)),
    Row(GET, "/p2p/preheat/instances", System(S::PreheatInstanceList), Empty),
    Row(POST, "/p2p/preheat/instances", System(S::PreheatInstanceCreate), Cannot(NO_PREHEAT)),
    Row(GET, "/p2p/preheat/instances/{preheat_instance_name}", System(S::PreheatInstanceRead), No("preheat instance")),
    Row(PUT, "/p2p/preheat/instances/{preheat_instance_name}", System(S::PreheatInstanceUpdate), Cannot(NO_PREHEAT)),
    Row(DELETE, "/p2p/preheat/instances/{preheat_instance_name}", System(S::PreheatInstanceDelete), Cannot(NO_PREHEAT)),
    Row(GET, "/projects/{project}/preheat/providers", Named(Action::PreheatPolicyRead), Empty),
    Row(GET, "/projects/{project}/preheat/policies", Named(Action::PreheatPolicyList), Empty),
    Row(POST, "/projects/{project}/preheat/policies", Named(Action::PreheatPolicyCreate), Cannot(NO_PREHEAT)),
    Row(GET, "/projects/{project}/preheat/policies/{preheat_policy_name}", Named(Action::PreheatPolicyRead), No("preheat policy")),
    Row(PUT, "/projects/{project}/preheat/policies/{preheat_policy_name}", Named(Action::PreheatPolicyUpdate), Cannot(NO_PREHEAT)),
    Row(POST, "/projects/{project}/preheat/policies/{preheat_policy_name}", Named(Action::PreheatPolicyUpdate), Cannot(NO_PREHEAT)),
    Row(DELETE, "/projects/{project}/preheat/policies/{preheat_policy_name}", Named(Action::PreheatPolicyDelete), Cannot(NO_PREHEAT)),
    Row(GET, "/projects/{project}/preheat/policies/{preheat_policy_name}/executions", Named(Action::PreheatPolicyRead), No("preheat policy")),
    Row(GET, "/projects/{project}/preheat/policies/{preheat_policy_name}/executions/{execution_id}", Named(Action::PreheatPolicyRead), No("execution")),
    Row(PATCH, "/projects/{project}/preheat/policies/{preheat_policy_name}/executions/{execution_id}", Named(Action::PreheatPolicyUpdate), Cannot(NO_PREHEAT)),
    Row(GET, "/projects/{project}/preheat/policies/{preheat_policy_name}/executions/{execution_id}/tasks", Named(Action::PreheatPolicyRead), No("execution")),
    Row(GET, "/projects/{project}/preheat/policies/{preheat_policy_name}/executions/{execution_id}/tasks/{task_id}/logs", Named(Action::PreheatPolicyRead), No("task")),

    // People from elsewhere.
    Row(GET, "/usergroups", System(S::UserGroupList), Empty),
    Row(POST, "/usergroups", System(S::UserGroupCreate), Cannot(NO_GROUPS)),
    Row(GET, "/usergroups/search", SignedIn, Empty),
    Row(GET, "/usergroups/{group_id}", System(S::UserGroupRead), No("user group")),
    Row(PUT, "/usergroups/{group_id}", System(S::UserGroupUpdate), Cannot(NO_GROUPS)),
    Row(DELETE, "/usergroups/{group_id}", System(S::UserGroupDelete), Cannot(NO_GROUPS)),
    Row(POST, "/ldap/ping", System(S::ConfigurationRead), Cannot(NO_LDAP)),
    Row(GET, "/ldap/users/search", System(S::LdapUserList), Empty),
    Row(POST, "/ldap/users/import", System(S::LdapUserCreate), Cannot(NO_LDAP)),
    Row(GET, "/ldap/groups/search", System(S::LdapUserList), Empty),
    Row(POST, "/system/oidc/ping", System(S::ConfigurationUpdate), Cannot(NO_OIDC)),

    // Harbor's job service, and its parts' own configuration.
    Row(GET, "/jobservice/pools", System(S::JobServiceMonitorList), Empty),
    Row(GET, "/jobservice/pools/{pool_id}/workers", System(S::JobServiceMonitorList), Empty),
    Row(PUT, "/jobservice/jobs/{job_id}", System(S::JobServiceMonitorStop), Cannot(NO_JOBS)),
    Row(GET, "/jobservice/jobs/{job_id}/log", System(S::JobServiceMonitorList), No("job")),
    Row(GET, "/jobservice/queues", System(S::JobServiceMonitorList), Empty),
    Row(PUT, "/jobservice/queues/{job_type}", System(S::JobServiceMonitorStop), Cannot(NO_JOBS)),
    Row(GET, "/schedules/{job_type}/paused", System(S::JobServiceMonitorList), Json(r#"{"paused":false}"#)),
    Row(GET, "/internalconfig", Nobody, Empty),
];

impl Row {
    async fn answer(&self, asked: &Asked, names: &Found, uri: &Uri) -> Result {
        self.2.authorize(asked, names).await?;
        match self.3 {
            Empty => {
                let paging = Paging::of(uri.path(), uri.query())?;
                Ok(paging.answer::<()>(&[], 0))
            }
            Json(text) => Ok(([(CONTENT_TYPE, "application/json")], text).into_response()),
            No(kind) => {
                let name = names_in(self.1).last().and_then(|name| names.get(name));
                let message = format!("{kind} {} not found", name.map_or("", String::as_str));
                Err(Error::new(
                    StatusCode::NOT_FOUND,
                    harbor::NOT_FOUND,
                    message,
                ))
            }
            Cannot(why) => Err(not_implemented(why)),
        }
    }
}

impl Who {
    async fn authorize(self, asked: &Asked, names: &Found) -> Result<()> {
        let name = |name: &str| names.get(name).map_or("", String::as_str);
        match self {
            SignedIn => asked.signed_in(),
            System(action) => asked.system(action).await.map(drop),
            Project(action) => asked.project(action, name("project")).await.map(drop),
            Named(action) => asked.named_project(action, name("project")).await.map(drop),
            Nobody => {
                asked.signed_in()?;
                Err(Error::of_denied_management(Denied::Forbidden))
            }
        }
    }
}

/// 501: the request is fine, and nothing here can do it.
fn not_implemented(why: &str) -> Error {
    Error::new(StatusCode::NOT_IMPLEMENTED, harbor::NOT_IMPLEMENTED, why)
}

/// The `{names}` of a path, in order.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_names_that_it_asks_for_and_json_where_it_says_so() {
        for Row(_, path, who, told) in TABLE {
            let has = |wanted| names_in(path).any(|name| name == wanted);
            match who {
                Project(_) | Named(_) => assert!(has("project"), "{path}"),
                SignedIn | System(_) | Nobody => {}
            }
            match told {
                Json(text) => assert!(
                    serde_json::from_str::<serde_json::Value>(text).is_ok(),
                    "{path}"
                ),
                No(_) => assert!(names_in(path).next().is_some(), "{path}"),
                Empty | Cannot(_) => {}
            }
        }
    }

    #[test]
    fn what_is_read_is_answered_and_what_is_written_is_not() {
        for Row(method, path, _, told) in TABLE {
            let is_read = *method == GET;
            assert_eq!(is_read, !matches!(told, Cannot(_)), "{path}");
        }
    }
}
