//! `/projects/{project}/filter`: what a project may proxy, tried before it is set.

use auth::Action;
use axum::Json;
use axum::response::IntoResponse;
use registry::{FilterDraft, FilterReport, Filtered, FilteredRepository};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::api::Result;
use crate::api::extract::{Asked, Body, Names};
use crate::error::Error;

#[derive(Deserialize, ToSchema)]
#[schema(as = FilterDraft)]
pub(super) struct Draft {
    proxy_cache_filter_pattern: Option<String>,
    proxy_cache_filter_kind: Option<String>,
    /// As text, as the setting has it, or as the list itself.
    #[schema(value_type = Option<Value>)]
    proxy_cache_rules: Option<Value>,
    #[serde(default)]
    names: Vec<String>,
}

/// What a filter and rules would let through, tried before they are set.
///
/// Changes nothing and asks no upstream.
#[utoipa::path(
    post,
    path = "/projects/{project}/filter/dry-run",
    operation_id = "tryFilter",
    tag = "filter",
    request_body = Draft,
    responses((status = 200, body = ReportBody)),
)]
pub(super) async fn dry_run(
    asked: Asked,
    Names(project): Names<String>,
    Body(draft): Body<Draft>,
) -> Result {
    let access = asked.project(Action::ProjectUpdate, &project).await?;
    let draft = FilterDraft {
        pattern: draft.proxy_cache_filter_pattern,
        kind: draft.proxy_cache_filter_kind,
        rules: draft.proxy_cache_rules.map(|rules| match rules {
            Value::String(text) => text,
            list => list.to_string(),
        }),
        names: draft.names,
    };
    let report = asked
        .state
        .registry()
        .try_filter(&access, draft)
        .await
        .map_err(Error::of_management)?;
    Ok(Json(ReportBody::from(report)).into_response())
}

#[derive(Serialize, ToSchema)]
#[schema(as = FilterReport)]
struct ReportBody {
    /// Counts of cached tags.
    allowed: usize,
    denied: usize,
    /// There are more cached tags than this report tells of.
    cut: bool,
    repositories: Vec<RepositoryBody>,
    names: Vec<DecisionBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FilteredRepository)]
struct RepositoryBody {
    #[serde(flatten)]
    repository: DecisionBody,
    tags: Vec<DecisionBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = FilterDecision)]
struct DecisionBody {
    name: String,
    allowed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<usize>,
    by: String,
}

impl From<FilterReport> for ReportBody {
    fn from(report: FilterReport) -> Self {
        Self {
            allowed: report.allowed,
            denied: report.denied,
            cut: report.is_cut,
            repositories: report.repositories.into_iter().map(Into::into).collect(),
            names: report.names.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<FilteredRepository> for RepositoryBody {
    fn from(repository: FilteredRepository) -> Self {
        Self {
            repository: repository.repository.into(),
            tags: repository.tags.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Filtered> for DecisionBody {
    fn from(decision: Filtered) -> Self {
        Self {
            name: decision.name,
            allowed: decision.is_allowed,
            rule: decision.rule,
            by: decision.by,
        }
    }
}
