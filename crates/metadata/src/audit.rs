//! The audit log: what was done, by whom, with what result. How it is [listed](list) and [purged](purge) has files of
//! its own; entries that may wait a second are batched with the pull counts, in [`crate::notes`].

mod list;
mod purge;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, Value};

use crate::sql::{self, Growing};
use crate::{Db, Error};

pub use list::{AuditRow, AuditScope};

/// What can happen, under Harbor's names: an operation and the kind of thing it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "each is what its name says")]
pub enum AuditEvent {
    PullArtifact,
    CreateArtifact,
    DeleteArtifact,
    CreateTag,
    DeleteTag,
    UpdateRepository,
    DeleteRepository,
    CreateProject,
    UpdateProject,
    DeleteProject,
    CreateMember,
    UpdateMember,
    DeleteMember,
    CreateUser,
    UpdateUser,
    DeleteUser,
    LoginUser,
    LogoutUser,
    CreateRobot,
    UpdateRobot,
    DeleteRobot,
    CreateRegistry,
    UpdateRegistry,
    DeleteRegistry,
    UpdateConfiguration,
    CreatePurgeAudit,
    UpdatePurgeAudit,
    StopPurgeAudit,
    CreateLabel,
    UpdateLabel,
    DeleteLabel,
    UpdateArtifact,
    CreateGarbageCollection,
    UpdateGarbageCollection,
    StopGarbageCollection,
}

/// Each in its own place, so that an event's number is its index.
const NAMES: [(AuditEvent, &str); 35] = {
    use AuditEvent as E;
    [
        (E::PullArtifact, "pull_artifact"),
        (E::CreateArtifact, "create_artifact"),
        (E::DeleteArtifact, "delete_artifact"),
        (E::CreateTag, "create_tag"),
        (E::DeleteTag, "delete_tag"),
        (E::UpdateRepository, "update_repository"),
        (E::DeleteRepository, "delete_repository"),
        (E::CreateProject, "create_project"),
        (E::UpdateProject, "update_project"),
        (E::DeleteProject, "delete_project"),
        (E::CreateMember, "create_member"),
        (E::UpdateMember, "update_member"),
        (E::DeleteMember, "delete_member"),
        (E::CreateUser, "create_user"),
        (E::UpdateUser, "update_user"),
        (E::DeleteUser, "delete_user"),
        (E::LoginUser, "login_user"),
        (E::LogoutUser, "logout_user"),
        (E::CreateRobot, "create_robot"),
        (E::UpdateRobot, "update_robot"),
        (E::DeleteRobot, "delete_robot"),
        (E::CreateRegistry, "create_registry"),
        (E::UpdateRegistry, "update_registry"),
        (E::DeleteRegistry, "delete_registry"),
        (E::UpdateConfiguration, "update_configuration"),
        (E::CreatePurgeAudit, "create_purge_audit"),
        (E::UpdatePurgeAudit, "update_purge_audit"),
        (E::StopPurgeAudit, "stop_purge_audit"),
        (E::CreateLabel, "create_label"),
        (E::UpdateLabel, "update_label"),
        (E::DeleteLabel, "delete_label"),
        (E::UpdateArtifact, "update_artifact"),
        (E::CreateGarbageCollection, "create_garbage_collection"),
        (E::UpdateGarbageCollection, "update_garbage_collection"),
        (E::StopGarbageCollection, "stop_garbage_collection"),
    ]
};

impl AuditEvent {
    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        NAMES.iter().map(|(event, _)| *event)
    }

    /// `<operation>_<resource type>`, as the API has it.
    pub fn as_str(self) -> &'static str {
        NAMES[self as usize].1
    }

    /// `pull`, `create`, …
    pub fn operation(self) -> &'static str {
        self.as_str()
            .split_once('_')
            .map_or(self.as_str(), |(operation, _)| operation)
    }

    /// `artifact`, `project`, …
    pub fn resource_type(self) -> &'static str {
        self.as_str()
            .split_once('_')
            .map_or("", |(_, resource_type)| resource_type)
    }
}

/// The event of that name; an error where there is none.
impl FromStr for AuditEvent {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let found = NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(event, _)| *event).ok_or(())
    }
}

/// Something that was done, or refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When.
    pub at: DateTime<Utc>,
    /// By whom; `anonymous` for those who did not sign in.
    pub username: Box<str>,
    /// The project it belongs to, with its name then.
    pub project: Option<(i64, Box<str>)>,
    /// What.
    pub event: AuditEvent,
    /// To what: `project/repository:tag`, a name, …
    pub resource: Box<str>,
    /// More about it, where operation and resource do not say everything.
    pub description: Box<str>,
    /// Whether it was done.
    pub is_success: bool,
    /// Where the client is.
    pub address: Option<IpAddr>,
}

impl Db {
    /// Writes an entry at once.
    pub async fn record_audit(&self, entry: &AuditEntry) -> Result<(), Error> {
        let write = self.write().await?;
        insert(write.sql(), std::slice::from_ref(entry)).await?;
        write.commit().await
    }
}

/// Writes entries, and counts them.
pub(crate) async fn insert<C: ConnectionTrait>(
    on: &C,
    entries: &[AuditEntry],
) -> Result<(), Error> {
    let mut added: BTreeMap<i64, i64> = BTreeMap::new();
    for chunk in entries.chunks(sql::CHUNK) {
        let mut insert = Growing::new(
            "INSERT INTO audit_log (at, username, project_id, project, event, resource, description, is_success, address) \
             VALUES ",
        );
        insert.bind_rows(chunk.iter().map(row));
        insert.execute(on).await?;
        for entry in chunk {
            let project_id = entry.project.as_ref().map_or(NO_PROJECT, |(id, _)| *id);
            *added.entry(project_id).or_default() += 1;
        }
    }
    count(on, &added).await
}

/// Where entries of no project are counted.
const NO_PROJECT: i64 = 0;

/// Adds to the counts of projects; in the order of their numbers, so that two nodes never wait in a ring.
async fn count<C: ConnectionTrait>(on: &C, added: &BTreeMap<i64, i64>) -> Result<(), Error> {
    let rows: Vec<[Value; 2]> = added
        .iter()
        .map(|(project_id, entries)| [(*project_id).into(), (*entries).into()])
        .collect();
    for chunk in rows.chunks(sql::CHUNK) {
        let mut upsert = Growing::new("INSERT INTO audit_counts (project_id, entries) VALUES ");
        upsert.bind_rows(chunk.iter().cloned()).push(
            " ON CONFLICT (project_id) DO UPDATE SET entries = audit_counts.entries + excluded.entries",
        );
        upsert.execute(on).await?;
    }
    Ok(())
}

fn row(entry: &AuditEntry) -> [Value; 9] {
    let project = entry.project.as_ref();
    [
        sql::micros(entry.at).into(),
        entry.username.as_ref().into(),
        project.map(|(id, _)| *id).into(),
        project.map(|(_, name)| name.as_ref()).into(),
        entry.event.as_str().into(),
        entry.resource.as_ref().into(),
        entry.description.as_ref().into(),
        entry.is_success.into(),
        entry.address.map(|address| address.to_string()).into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_found_by_its_own_name() {
        for (index, event) in AuditEvent::all().enumerate() {
            assert_eq!(event as usize, index);
            assert_eq!(event.as_str().parse(), Ok(event));
            let joined = format!("{}_{}", event.operation(), event.resource_type());
            assert_eq!(joined, event.as_str());
        }
        assert_eq!("pull_artifacts".parse::<AuditEvent>(), Err(()));
    }
}
