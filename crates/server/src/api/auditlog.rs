//! `/audit-logs` and `/auditlog-exts`: what was done, by whom. Harbor has two logs, of before and since 2.13; here is
//! one, in the shapes of both.

use auth::Action;
use axum::Json;
use metadata::{AuditEvent, AuditRow, Paged};
use serde::Serialize;
use utoipa::ToSchema;

use super::Result;
use super::extract::{Asked, Names};
use super::json::{Time, is_default};
use super::page::Paging;
use crate::error::Error;

#[derive(Serialize, ToSchema)]
#[schema(as = AuditLog)]
struct LegacyBody {
    id: i64,
    #[serde(skip_serializing_if = "is_default")]
    username: String,
    #[serde(skip_serializing_if = "is_default")]
    resource: String,
    resource_type: &'static str,
    operation: &'static str,
    op_time: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditLogExt)]
struct EntryBody {
    #[serde(flatten)]
    entry: LegacyBody,
    operation_description: String,
    /// Whether it was done.
    operation_result: bool,
    /// Ours: where the client was.
    #[serde(skip_serializing_if = "Option::is_none")]
    client_address: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AuditLogEventType)]
pub(super) struct EventBody {
    #[schema(example = "create_user")]
    event_type: &'static str,
}

impl From<AuditRow> for LegacyBody {
    fn from(AuditRow { id, entry }: AuditRow) -> Self {
        Self {
            id,
            username: entry.username.into(),
            resource: entry.resource.into(),
            resource_type: entry.event.resource_type(),
            operation: entry.event.operation(),
            op_time: entry.at.into(),
        }
    }
}

impl From<AuditRow> for EntryBody {
    fn from(row: AuditRow) -> Self {
        let entry = &row.entry;
        let kind = entry.event.resource_type().replace('_', " ");
        let mut description = format!("{} {kind}: {}", entry.event.operation(), entry.resource);
        if !entry.description.is_empty() {
            description += &format!(" ({})", entry.description);
        }
        Self {
            operation_description: description,
            operation_result: entry.is_success,
            client_address: entry.address.map(|address| address.to_string()),
            entry: row.into(),
        }
    }
}

/// The audit log, in the shape of before Harbor 2.13.
///
/// Administrators see all of it, others what happened in the projects whose logs they may list.
#[utoipa::path(
    get,
    path = "/audit-logs",
    operation_id = "listAuditLogs",
    tag = "auditlog",
    params(Paging),
    responses((status = 200, body = [LegacyBody])),
)]
pub(super) async fn list_legacy(asked: Asked, paging: Paging) -> Result {
    let found = readable(&asked, &paging).await?;
    Ok(answer::<LegacyBody>(&paging, found))
}

/// The audit log.
///
/// Administrators see all of it, others what happened in the projects whose logs they may list.
#[utoipa::path(
    get,
    path = "/auditlog-exts",
    operation_id = "listAuditLogExts",
    tag = "auditlog",
    params(Paging),
    responses((status = 200, body = [EntryBody])),
)]
pub(super) async fn list(asked: Asked, paging: Paging) -> Result {
    let found = readable(&asked, &paging).await?;
    Ok(answer::<EntryBody>(&paging, found))
}

/// The types of events that the audit log has.
#[utoipa::path(
    get,
    path = "/auditlog-exts/events",
    operation_id = "listAuditLogEventTypes",
    tag = "auditlog",
    responses((status = 200, body = [EventBody])),
)]
pub(super) async fn events(asked: Asked) -> Result<Json<Vec<EventBody>>> {
    asked.signed_in()?;
    let events = AuditEvent::all().map(|event| EventBody {
        event_type: event.as_str(),
    });
    Ok(Json(events.collect()))
}

/// A project's audit log, in the shape of before Harbor 2.13.
#[utoipa::path(
    get,
    path = "/projects/{project}/logs",
    operation_id = "getLogs",
    tag = "project",
    params(Paging),
    responses((status = 200, body = [LegacyBody])),
)]
pub(super) async fn list_legacy_in_project(
    asked: Asked,
    Names(project): Names<String>,
    paging: Paging,
) -> Result {
    let found = of_project(&asked, &project, &paging).await?;
    Ok(answer::<LegacyBody>(&paging, found))
}

/// A project's audit log.
#[utoipa::path(
    get,
    path = "/projects/{project}/auditlog-exts",
    operation_id = "getLogExts",
    tag = "project",
    params(Paging),
    responses((status = 200, body = [EntryBody])),
)]
pub(super) async fn list_in_project(
    asked: Asked,
    Names(project): Names<String>,
    paging: Paging,
) -> Result {
    let found = of_project(&asked, &project, &paging).await?;
    Ok(answer::<EntryBody>(&paging, found))
}

async fn readable(asked: &Asked, paging: &Paging) -> Result<Paged<AuditRow>> {
    let access = asked.state.auth().authorize_log(&asked.caller).await;
    let access = access.map_err(Error::of_denied_management)?;
    let found = asked
        .state
        .registry()
        .audit_log(&access, &paging.page)
        .await;
    found.map_err(Error::of_management)
}

async fn of_project(asked: &Asked, project: &str, paging: &Paging) -> Result<Paged<AuditRow>> {
    let access = asked.named_project(Action::LogList, project).await?;
    let found = asked
        .state
        .registry()
        .project_log(&access, &paging.page)
        .await;
    found.map_err(Error::of_management)
}

fn answer<T: From<AuditRow> + Serialize>(
    paging: &Paging,
    found: Paged<AuditRow>,
) -> axum::response::Response {
    let bodies: Vec<T> = found.items.into_iter().map(T::from).collect();
    paging.answer(&bodies, found.total)
}
