//! The audit log: which events are written, and where to. What an entry says is up to whoever was asked; that none of
//! a pull's costs the pull anything, and that none is lost when the database fails for a moment, is kept here.

mod forward;
mod settings;
mod syslog;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use auth::{Access, Action, Identity, LogAccess};
use chrono::{DateTime, Utc};
use metadata::{AuditEntry, AuditEvent, AuditRow, AuditScope, Page, Paged};
use oci::Reference;

use crate::demand::demand;
use crate::{PulledManifest, Registry, Result};

use forward::Forward;

pub use settings::{AUDIT_SETTINGS, check_audit_settings};
pub(crate) use settings::{DISABLED, ENDPOINT, SKIP, events};

/// Harbor's name for those who did not sign in.
const ANONYMOUS: &str = "anonymous";

/// What the settings say, in a form that a pull can afford to ask.
#[derive(Default)]
pub(crate) struct Audit {
    /// A bit for each event that is not written.
    disabled: AtomicU64,
    skips_database: AtomicBool,
    pub(crate) forward: Forward,
}

impl Audit {
    fn is_on(&self, event: AuditEvent) -> bool {
        self.disabled.load(Ordering::Relaxed) & (1 << event as u64) == 0
    }
}

impl Registry {
    /// Notes an entry: on its way to where the log is forwarded at once, in the database after the next flush.
    pub fn note_audit(&self, entry: AuditEntry) {
        let audit = &self.0.audit;
        if !audit.is_on(entry.event) {
            return;
        }
        audit.forward.send(&entry);
        if !audit.skips_database.load(Ordering::Relaxed) {
            self.db().note_audit(entry);
        }
    }

    /// Writes an entry before it returns. What cannot be written now is noted, and tried again with every flush.
    pub async fn record_audit(&self, entry: AuditEntry) {
        let audit = &self.0.audit;
        if !audit.is_on(entry.event) {
            return;
        }
        audit.forward.send(&entry);
        if audit.skips_database.load(Ordering::Relaxed) {
            return;
        }
        if let Err(error) = self.db().record_audit(&entry).await {
            tracing::error!(%error, event = entry.event.as_str(), "an audit entry could not be written yet");
            self.db().note_audit(entry);
        }
    }

    /// Counts a pull of what `reference` meant, and notes it: in memory now, in the database with the next flush.
    pub fn note_pull(
        &self,
        access: &Access,
        pulled: &PulledManifest,
        reference: &Reference,
        address: Option<IpAddr>,
        now: DateTime<Utc>,
    ) {
        if let Some(artifact_id) = pulled.artifact_id {
            self.db()
                .note_pull(artifact_id, reference.tag(), &pulled.repository, now);
        }
        if self.0.audit.is_on(AuditEvent::PullArtifact) {
            let resource = named(&pulled.repository, reference);
            let entry = entry_of(access, AuditEvent::PullArtifact, resource, address, now);
            self.note_audit(entry);
        }
    }

    /// Writes down that something was done to an artifact or tag of a repository.
    pub async fn record_content(
        &self,
        access: &Access,
        event: AuditEvent,
        repository: &oci::RepositoryName,
        reference: &Reference,
        address: Option<IpAddr>,
        now: DateTime<Utc>,
    ) {
        let resource = named(repository, reference);
        self.record_audit(entry_of(access, event, resource, address, now))
            .await;
    }

    /// A page of what somebody may read of the log.
    pub async fn audit_log(&self, access: &LogAccess, page: &Page) -> Result<Paged<AuditRow>> {
        Ok(self.db().list_audit(access.scope(), page).await?)
    }

    /// A page of a project's log.
    pub async fn project_log(&self, access: &Access, page: &Page) -> Result<Paged<AuditRow>> {
        demand(access, Action::LogList)?;
        let scope = AuditScope::Projects(vec![access.project().id]);
        Ok(self.db().list_audit(&scope, page).await?)
    }

    /// Reads the settings of the log anew; they are believed until the next time. Called every second: they are
    /// answered from memory.
    pub async fn refresh_audit(&self) {
        let mut rows = BTreeMap::new();
        for key in AUDIT_SETTINGS {
            match self.db().get_setting(key).await {
                Ok(value) => rows.extend(value.map(|value| (key.to_owned(), value.to_string()))),
                Err(error) => {
                    tracing::error!(%error, "the audit log's settings could not be read; they stay as they were");
                    return;
                }
            }
        }
        let settings = settings::Settings::of(&rows);
        let audit = &self.0.audit;
        let disabled = settings.disabled.iter();
        let disabled = disabled.fold(0, |bits, event| bits | 1_u64 << *event as u64);
        audit.disabled.store(disabled, Ordering::Relaxed);
        let skips = settings.skips_database && settings.endpoint.is_some();
        audit.skips_database.store(skips, Ordering::Relaxed);
        audit.forward.set(settings.endpoint);
    }

    /// Sends the log to where it is forwarded, if anywhere, until [`Registry::drain`] has been called and all is sent.
    pub async fn run_audit_forwarding(self) {
        self.0.audit.forward.run(&self.0.config.host).await;
    }

    /// How many entries of the log were dropped because they came faster than they could be written, and sent.
    pub fn audit_dropped(&self) -> (u64, u64) {
        (self.db().audit_dropped(), self.0.audit.forward.dropped())
    }
}

/// Who it was, as the log has it.
pub fn audit_name(identity: &Identity) -> &str {
    match identity.name() {
        "" => ANONYMOUS,
        name => name,
    }
}

fn entry_of(
    access: &Access,
    event: AuditEvent,
    resource: String,
    address: Option<IpAddr>,
    now: DateTime<Utc>,
) -> AuditEntry {
    let project = access.project();
    AuditEntry {
        at: now,
        username: audit_name(access.caller()).into(),
        project: Some((project.id, project.name.as_str().into())),
        event,
        resource: resource.into(),
        description: "".into(),
        is_success: true,
        address,
    }
}

/// `project/repository:tag` or `project/repository@digest`.
pub fn named(repository: &oci::RepositoryName, reference: &Reference) -> String {
    let joint = match reference {
        Reference::Tag(_) => ':',
        Reference::Digest(_) => '@',
    };
    format!("{repository}{joint}{reference}")
}
