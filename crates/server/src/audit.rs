//! Who changed what through the management API, for the audit log. It is recorded here, by operation, in a layer around
//! all of them, rather than in each handler: so it is recorded when a request is refused, too, when its client has gone
//! before the answer, and when somebody forgets; a test holds the table against the API's description. What
//! only a handler knows, it says with `asked.about(…)`.
//!
//! Pulls and pushes are recorded where they are served, in [`crate::v2`]; sessions in [`crate::session`].

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auth::Identity;
use axum::RequestExt as _;
use axum::extract::{RawPathParams, Request, State as Extract};
use axum::middleware::Next;
use axum::response::Response;
use chrono::Utc;
use http::StatusCode;
use http::header::LOCATION;
use metadata::{AuditEntry, AuditEvent, Project};
use oci::Reference;
use percent_encoding::percent_decode_str;
use tracing::Instrument as _;

use crate::State;
use crate::requests::Operation;

/// Longer than any name there can be.
const MAX_NAME_BYTES: usize = 512;

/// What an operation is done to, and where its name is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    /// The handler says it, because it is in the body; else it is what the answer's `Location` ends with. What a handler
    /// says counts before what the path says.
    Told,
    /// The path's project.
    Project,
    /// The path's repository.
    Repository,
    /// The path's artifact.
    Artifact,
    /// The path's tag.
    Tag,
    /// The user whose number is in the path.
    User,
    /// The member whose number is in the path.
    Member,
    /// The endpoint whose number is in the path.
    Registry,
    /// The robot whose number is in the path.
    Robot,
}

/// What is recorded, by operation.
#[rustfmt::skip]
const RECORDED: [(&str, AuditEvent, Named); 46] = {
    use AuditEvent as E;
    [
        ("createProject",          E::CreateProject,    Named::Told),
        ("updateProject",          E::UpdateProject,    Named::Project),
        ("deleteProject",          E::DeleteProject,    Named::Project),
        ("addProjectMetadatas",    E::UpdateProject,    Named::Project),
        ("updateProjectMetadata",  E::UpdateProject,    Named::Project),
        ("deleteProjectMetadata",  E::UpdateProject,    Named::Project),
        ("createProjectMember",    E::CreateMember,     Named::Told),
        ("updateProjectMember",    E::UpdateMember,     Named::Member),
        ("deleteProjectMember",    E::DeleteMember,     Named::Member),
        ("updateRepository",       E::UpdateRepository, Named::Repository),
        ("deleteRepository",       E::DeleteRepository, Named::Repository),
        ("deleteArtifact",         E::DeleteArtifact,   Named::Artifact),
        ("CopyArtifact",           E::CreateArtifact,   Named::Told),
        ("addLabel",               E::UpdateArtifact,   Named::Artifact),
        ("removeLabel",            E::UpdateArtifact,   Named::Artifact),
        ("CreateLabel",            E::CreateLabel,      Named::Told),
        ("UpdateLabel",            E::UpdateLabel,      Named::Told),
        ("DeleteLabel",            E::DeleteLabel,      Named::Told),
        ("createTag",              E::CreateTag,        Named::Artifact),
        ("deleteTag",              E::DeleteTag,        Named::Tag),
        ("createUser",             E::CreateUser,       Named::Told),
        ("updateUserProfile",      E::UpdateUser,       Named::User),
        ("updateUserPassword",     E::UpdateUser,       Named::User),
        ("setUserSysAdmin",        E::UpdateUser,       Named::User),
        ("deleteUser",             E::DeleteUser,       Named::User),
        ("CreateRobot",            E::CreateRobot,      Named::Told),
        ("UpdateRobot",            E::UpdateRobot,      Named::Robot),
        ("RefreshSec",             E::UpdateRobot,      Named::Robot),
        ("DeleteRobot",            E::DeleteRobot,      Named::Robot),
        ("createRegistry",         E::CreateRegistry,   Named::Told),
        ("updateRegistry",         E::UpdateRegistry,   Named::Registry),
        ("deleteRegistry",         E::DeleteRegistry,   Named::Registry),
        ("startDrill",             E::UpdateRegistry,   Named::Registry),
        ("endDrill",               E::UpdateRegistry,   Named::Registry),
        ("updateConfigurations",   E::UpdateConfiguration, Named::Told),
        ("updateQuota",            E::UpdateProject,    Named::Told),
        ("createRetention",        E::UpdateProject,    Named::Told),
        ("updateRetention",        E::UpdateProject,    Named::Told),
        ("deleteRetention",        E::UpdateProject,    Named::Told),
        ("CreateImmuRule",         E::UpdateProject,    Named::Project),
        ("UpdateImmuRule",         E::UpdateProject,    Named::Project),
        ("DeleteImmuRule",         E::UpdateProject,    Named::Project),
        ("stopPurge",              E::StopPurgeAudit,   Named::Told),
        ("stopGC",                 E::StopGarbageCollection, Named::Told),
        ("triggerRetentionExecution", E::UpdateProject, Named::Told),
        ("operateRetentionExecution", E::UpdateProject, Named::Told),
    ]
};

/// Those that change nothing, whatever their method is; and those whose event depends on what is asked, which the handler
/// says.
#[cfg(test)]
const NOT_RECORDED: [&str; 3] = ["pingRegistry", "tryFilter", "setCliSecret"];

/// Operations whose handler says which event they are.
const DEPENDING: [(&str, AuditEvent); 4] = [
    ("createGCSchedule", AuditEvent::UpdateGarbageCollection),
    ("updateGCSchedule", AuditEvent::UpdateGarbageCollection),
    ("createPurgeSchedule", AuditEvent::UpdatePurgeAudit),
    ("updatePurgeSchedule", AuditEvent::UpdatePurgeAudit),
];

/// Somebody signs in, or does not manage to.
pub(crate) async fn login(state: &State, username: &str, address: IpAddr, is_success: bool) {
    let entry = of_session(AuditEvent::LoginUser, username, address, is_success);
    if is_success {
        state.registry().record_audit(entry).await;
    } else {
        state.registry().note_audit(entry);
    }
}

/// Somebody signs out.
pub(crate) async fn logout(state: &State, username: &str, address: IpAddr) {
    let entry = of_session(AuditEvent::LogoutUser, username, address, true);
    state.registry().record_audit(entry).await;
}

fn of_session(event: AuditEvent, username: &str, address: IpAddr, is_success: bool) -> AuditEntry {
    let username: Box<str> = shortened(username.to_owned()).into();
    AuditEntry {
        at: Utc::now(),
        username: username.clone(),
        project: None,
        event,
        resource: username,
        description: "".into(),
        is_success,
        address: Some(address),
    }
}

/// What is learned of a request on its way through the handler.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail(Arc<Mutex<Told>>);

#[derive(Debug, Default)]
struct Told {
    /// Who asked; `None` while nobody has signed in.
    username: Option<String>,
    resource: Option<String>,
    project: Option<(i64, Box<str>)>,
    event: Option<AuditEvent>,
}

impl Trail {
    /// Somebody asks.
    pub(crate) fn by(&self, identity: &Identity) {
        if !identity.is_anonymous() {
            self.lock().username = Some(identity.name().to_owned());
        }
    }

    /// This is what it is about.
    pub(crate) fn about(&self, resource: &str) {
        self.lock().resource = Some(resource.to_owned());
    }

    /// It is done in this project, where the path does not say it.
    pub(crate) fn within(&self, project: &Project) {
        self.lock().project = Some((project.id, project.name.as_str().into()));
    }

    /// This is what is done, where the operation does not say it.
    pub(crate) fn is(&self, event: AuditEvent) {
        self.lock().event = Some(event);
    }

    fn lock(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The layer. What strangers are refused is not recorded: anyone could fill the log with it.
pub(crate) async fn record(
    Extract(state): Extract<State>,
    mut request: Request,
    next: Next,
) -> Response {
    let operation = request.extensions().get::<Operation>().copied();
    let operation = operation.map(|operation| state.requests().name_of(operation));
    let Some((event, named)) = operation.and_then(recorded) else {
        return next.run(request).await;
    };
    let trail = Trail::default();
    request.extensions_mut().insert(trail.clone());
    let about = About::find(&state, named, &mut request).await;
    let address = crate::client::address(request.extensions());
    // A client that leaves must not leave something done that is not recorded.
    let finishing = state.clone();
    let work = async move {
        let response = next.run(request).await;
        let status = response.status();
        let made = location(&response);
        write_down(&finishing, event, about.or(made), &trail, address, status).await;
        response
    };
    state.finish(work.in_current_span()).await
}

fn recorded(operation: &str) -> Option<(AuditEvent, Named)> {
    let fixed = RECORDED.iter().find(|(id, ..)| *id == operation);
    let depending = DEPENDING.iter().find(|(id, _)| *id == operation);
    fixed
        .map(|(_, event, named)| (*event, *named))
        .or_else(|| depending.map(|(_, event)| (*event, Named::Told)))
}

async fn write_down(
    state: &State,
    event: AuditEvent,
    about: About,
    trail: &Trail,
    address: IpAddr,
    status: StatusCode,
) {
    let (username, told, within, event) = {
        let mut facts = trail.lock();
        (
            facts.username.take(),
            facts.resource.take(),
            facts.project.take(),
            facts.event.unwrap_or(event),
        )
    };
    let Some(username) = username else {
        return;
    };
    let is_success = status.is_success();
    let resource = shortened(told.or(about.resource).unwrap_or_default());
    let mut project = within.or(about.project);
    if event == AuditEvent::CreateProject && is_success {
        let made = state.db().find_project(&resource).await.ok().flatten();
        project = made.map(|made| (made.id, made.name.as_str().into()));
    }
    let entry = AuditEntry {
        at: Utc::now(),
        username: username.into(),
        project,
        event,
        resource: resource.into(),
        description: refusal(status).into(),
        is_success,
        address: Some(address),
    };
    if is_success {
        state.registry().record_audit(entry).await;
    } else {
        // Nothing has changed: it can wait for its second, and so costs those who only try no transaction each.
        state.registry().note_audit(entry);
    }
}

/// What a client may have written into a body is not kept at any length.
fn shortened(mut text: String) -> String {
    let mut end = text.len().min(MAX_NAME_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

fn refusal(status: StatusCode) -> String {
    match status.is_success() {
        true => String::new(),
        false => status.to_string(),
    }
}

fn location(response: &Response) -> Option<String> {
    let location = response.headers().get(LOCATION)?.to_str().ok()?;
    location.rsplit('/').next().map(str::to_owned)
}

/// What the path says, looked up before the handler deletes it.
#[derive(Default)]
struct About {
    project: Option<(i64, Box<str>)>,
    resource: Option<String>,
}

impl About {
    /// The same, or `resource` where the path says nothing.
    fn or(self, resource: Option<String>) -> Self {
        Self {
            resource: self.resource.or(resource),
            ..self
        }
    }

    async fn find(state: &State, named: Named, request: &mut Request) -> Self {
        let Ok(parameters) = request.extract_parts::<RawPathParams>().await else {
            return Self::default();
        };
        let text = |name: &str| {
            let found = parameters.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| value.to_owned())
        };
        let number = |name: &str| text(name)?.parse::<i64>().ok();
        let db = state.db();
        let project = match text("project") {
            Some(project) => {
                let by_number = match project.parse::<i64>() {
                    Ok(id) => db.find_project_by_id(id).await.ok().flatten(),
                    Err(_) => None,
                };
                match by_number {
                    Some(found) => Some(found),
                    None => db.find_project(&project).await.ok().flatten(),
                }
            }
            None => None,
        };
        let project: Option<(i64, Box<str>)> =
            project.map(|project| (project.id, project.name.as_str().into()));
        let project_name = || match &project {
            Some((_, name)) => Some(name.to_string()),
            None => text("project"),
        };
        let repository = || {
            let path = text("repository")?;
            let path = percent_decode_str(&path).decode_utf8_lossy().into_owned();
            Some(format!("{}/{path}", project_name()?))
        };
        let resource = match named {
            Named::Told => None,
            Named::Project => project_name(),
            Named::Repository => repository(),
            Named::Artifact => repository()
                .zip(text("reference"))
                .map(|(repository, text)| {
                    // What is no reference is none to the handler either.
                    match text.parse::<Reference>() {
                        Ok(Reference::Digest(digest)) => format!("{repository}@{digest}"),
                        _ => format!("{repository}:{text}"),
                    }
                }),
            Named::Tag => repository()
                .zip(text("tag_name"))
                .map(|(repository, tag)| format!("{repository}:{tag}")),
            Named::User => match number("user_id") {
                Some(id) => {
                    let user = db.find_user(id).await.ok().flatten();
                    Some(user.map_or_else(|| id.to_string(), |user| user.username))
                }
                None => text("user_id"),
            },
            Named::Member => match (&project, number("mid")) {
                (Some((project, _)), Some(id)) => {
                    let member = db.find_member(*project, id).await.ok().flatten();
                    Some(member.map_or_else(|| id.to_string(), |member| member.username))
                }
                _ => text("mid"),
            },
            Named::Robot => match number("robot_id") {
                Some(id) => Some(
                    robot_name(state, id)
                        .await
                        .unwrap_or_else(|| id.to_string()),
                ),
                None => text("robot_id"),
            },
            Named::Registry => match number("id") {
                Some(id) => {
                    let upstream = db.find_upstream(id).await.ok().flatten();
                    Some(upstream.map_or_else(|| id.to_string(), |upstream| upstream.name.clone()))
                }
                None => text("id"),
            },
        };
        Self { project, resource }
    }
}

async fn robot_name(state: &State, id: i64) -> Option<String> {
    let robot = state.db().find_robot(id).await.ok().flatten()?;
    state.auth().robot_name(&robot).await.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_that_may_change_something_is_recorded_or_known_not_to() {
        let mut ids = Vec::new();
        for (path, item) in crate::api::described().paths.paths {
            for operation in [item.post, item.put, item.delete, item.patch]
                .into_iter()
                .flatten()
            {
                let id = operation.operation_id.unwrap_or_default();
                let is_known = recorded(&id).is_some() || NOT_RECORDED.contains(&&*id);
                assert!(
                    is_known,
                    "{path}: {id} needs a row in RECORDED, or in NOT_RECORDED"
                );
                ids.push(id);
            }
        }
        let rows = RECORDED.iter().map(|(id, ..)| *id);
        let rows = rows
            .chain(DEPENDING.iter().map(|(id, _)| *id))
            .chain(NOT_RECORDED);
        for row in rows {
            assert!(
                ids.iter().any(|id| id == row),
                "there is no operation {row}"
            );
        }
    }
}
