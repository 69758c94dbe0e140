//! `/retentions/{id}/executions`: a policy carried out, and what that did.

use auth::Action;
use chrono::{SecondsFormat, Utc};
use http::{StatusCode, Uri};
use metadata::{Execution, Task};
use registry::RetentionRequest;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access;
use crate::api::extract::{Asked, Body, Names};
use crate::api::page::Paging;
use crate::api::{Result, created, runs};
use crate::error::Error;
use crate::openapi::Created;

#[derive(Deserialize, ToSchema)]
#[schema(as = RetentionExecutionRequest)]
pub(in crate::api) struct TriggerBody {
    /// Only tell what would go.
    #[serde(default)]
    dry_run: bool,
}

#[derive(Deserialize, ToSchema)]
#[schema(as = RetentionExecutionAction)]
pub(in crate::api) struct OperateBody {
    /// `stop`.
    #[serde(default)]
    action: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RetentionExecution)]
struct ExecutionBody {
    id: i64,
    policy_id: i64,
    start_time: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    end_time: String,
    /// `Running`, `Succeed`, `Failed`, `Stopped` or `InProgress`, as Harbor's executions have it.
    status: &'static str,
    /// `MANUAL` or `SCHEDULE`.
    trigger: String,
    dry_run: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RetentionExecutionTask)]
struct TaskBody {
    id: i64,
    execution_id: i64,
    repository: String,
    job_id: String,
    status: &'static str,
    status_code: i64,
    start_time: String,
    end_time: String,
    total: u64,
    retained: u64,
}

impl From<Execution> for ExecutionBody {
    fn from(run: Execution) -> Self {
        let is_over = run.status.is_final();
        Self {
            id: run.id,
            policy_id: run.subject,
            dry_run: RetentionRequest::of(&run).dry_run,
            start_time: text(run.created_at),
            end_time: if is_over {
                text(run.updated_at)
            } else {
                String::new()
            },
            status: run.status.as_str(),
            trigger: run.begun_by,
        }
    }
}

impl From<Task> for TaskBody {
    fn from(task: Task) -> Self {
        Self {
            id: task.id,
            execution_id: task.execution_id,
            repository: task.name,
            job_id: task.id.to_string(),
            status: "Success",
            status_code: 3,
            start_time: text(task.began_at),
            end_time: text(task.ended_at),
            total: task.total,
            retained: task.kept,
        }
    }
}

fn text(at: chrono::DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A policy's runs, the newest first.
#[utoipa::path(
    get,
    path = "/retentions/{id}/executions",
    operation_id = "listRetentionExecutions",
    tag = "retention",
    params(Paging),
    responses((status = 200, body = [ExecutionBody])),
)]
pub(in crate::api) async fn list(asked: Asked, Names(id): Names<String>, paging: Paging) -> Result {
    let (access, row) = access(&asked, Action::TagRetentionList, &id).await?;
    let registry = asked.state.registry();
    let found = registry.retention_runs(&access, &row, &paging.page).await;
    let found = found.map_err(Error::of_management)?;
    let bodies: Vec<ExecutionBody> = found.items.into_iter().map(ExecutionBody::from).collect();
    Ok(paging.answer(&bodies, found.total))
}

/// Carries a policy out at once.
#[utoipa::path(
    post,
    path = "/retentions/{id}/executions",
    operation_id = "triggerRetentionExecution",
    tag = "retention",
    request_body = TriggerBody,
    responses(Created),
)]
pub(in crate::api) async fn trigger(
    asked: Asked,
    Names(id): Names<String>,
    uri: Uri,
    Body(body): Body<TriggerBody>,
) -> Result {
    let (access, row) = access(&asked, Action::TagRetentionOperate, &id).await?;
    asked.about(&access.project().name);
    let request = RetentionRequest {
        dry_run: body.dry_run,
    };
    let registry = asked.state.registry();
    let begun = registry
        .retain_now(&access, &row, request, Utc::now())
        .await;
    Ok(created(&uri, begun.map_err(Error::of_management)?))
}

/// Stops a run; what it has deleted stays so.
#[utoipa::path(
    patch,
    path = "/retentions/{id}/executions/{eid}",
    operation_id = "operateRetentionExecution",
    tag = "retention",
    request_body = OperateBody,
    responses((status = 200)),
)]
pub(in crate::api) async fn operate(
    asked: Asked,
    Names((id, eid)): Names<(String, i64)>,
    Body(body): Body<OperateBody>,
) -> Result<StatusCode> {
    let (access, row) = access(&asked, Action::TagRetentionOperate, &id).await?;
    asked.about(&access.project().name);
    if body.action != "stop" {
        let message = format!("action, which is {:?}, should be stop", body.action);
        return Err(runs::bad(&message));
    }
    let registry = asked.state.registry();
    let stopped = registry
        .stop_retention(&access, &row, eid, Utc::now())
        .await;
    stopped
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// What a run did, repository by repository.
#[utoipa::path(
    get,
    path = "/retentions/{id}/executions/{eid}/tasks",
    operation_id = "listRetentionTasks",
    tag = "retention",
    params(Paging),
    responses((status = 200, body = [TaskBody])),
)]
pub(in crate::api) async fn tasks(
    asked: Asked,
    Names((id, eid)): Names<(String, i64)>,
    paging: Paging,
) -> Result {
    let (access, row) = access(&asked, Action::TagRetentionList, &id).await?;
    let registry = asked.state.registry();
    let found = registry.retention_tasks(&access, &row, eid, &paging.page);
    let found = found.await.map_err(Error::of_management)?;
    let bodies: Vec<TaskBody> = found.items.into_iter().map(TaskBody::from).collect();
    Ok(paging.answer(&bodies, found.total))
}

/// What a run did with one repository: each artifact, and whether it stays.
#[utoipa::path(
    get,
    path = "/retentions/{id}/executions/{eid}/tasks/{tid}",
    operation_id = "getRetentionTaskLog",
    tag = "retention",
    responses((status = 200, body = String, content_type = "text/plain")),
)]
pub(in crate::api) async fn log(
    asked: Asked,
    Names((id, eid, tid)): Names<(String, i64, i64)>,
) -> Result {
    let (access, row) = access(&asked, Action::TagRetentionRead, &id).await?;
    let registry = asked.state.registry();
    let found = registry.retention_task(&access, &row, eid, tid).await;
    runs::log(found.map_err(Error::of_management)?.log)
}
