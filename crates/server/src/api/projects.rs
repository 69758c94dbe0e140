//! `/projects`: the top-level namespaces, hosted or on an upstream.

use std::collections::BTreeMap;

use auth::{Action, Role, SystemAction};
use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use http::{HeaderMap, StatusCode, Uri};
use metadata::{Project, ProjectFilter};
use registry::ProjectDraft;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::{Asked, Body, Names, Parameters, is_true};
use super::json::{Time, is_default};
use super::page::Paging;
use super::quotas::Resources;
use super::registries::RegistryBody;
use super::{Result, created};
use crate::error::{Error, harbor};
use crate::openapi::Created;

#[derive(Serialize, ToSchema)]
#[schema(as = Project)]
pub(super) struct ProjectBody {
    project_id: i64,
    owner_id: i64,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry_id: Option<i64>,
    creation_time: Time,
    update_time: Time,
    owner_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_user_role_id: Option<i32>,
    current_user_role_ids: Vec<i32>,
    repo_count: u64,
    metadata: BTreeMap<String, String>,
    cve_allowlist: CveAllowlist,
    /// Ours: the configuration file declares it.
    #[serde(skip_serializing_if = "is_default")]
    declared: bool,
}

/// Always written by Harbor; always empty here.
#[derive(Serialize, ToSchema)]
#[schema(as = CVEAllowlist)]
struct CveAllowlist {
    project_id: i64,
    #[schema(value_type = Vec<Object>)]
    items: [(); 0],
    creation_time: Time,
    update_time: Time,
}

impl ProjectBody {
    /// As the caller sees it.
    pub(super) async fn of(asked: &Asked, project: &Project) -> Result<Self> {
        let db = asked.state.db();
        let role = match asked.caller.identity.user_id() {
            Some(user_id) => db
                .role_of(project.id, user_id)
                .await
                .map_err(Error::of_metadata)?,
            None => None,
        };
        Ok(Self {
            project_id: project.id,
            owner_id: project.owner_id,
            name: project.name.clone(),
            registry_id: project.upstream_id,
            creation_time: project.created_at.into(),
            update_time: project.updated_at.into(),
            owner_name: project.owner_name.clone(),
            current_user_role_id: role,
            current_user_role_ids: role.into_iter().collect(),
            repo_count: db
                .count_repositories(project.id)
                .await
                .map_err(Error::of_metadata)?,
            metadata: set_keys(project),
            cve_allowlist: CveAllowlist {
                project_id: project.id,
                items: [],
                creation_time: Time(None),
                update_time: Time(None),
            },
            declared: project.is_declared,
        })
    }
}

/// The settings that are set: an empty value means that the key is not. Filters are a proxy project's only.
pub(super) fn set_keys(project: &Project) -> BTreeMap<String, String> {
    let pairs = project
        .metadata
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .filter(|(key, _)| project.upstream_id.is_some() || !is_filter(key));
    pairs
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

fn is_filter(key: &str) -> bool {
    key.starts_with("proxy_cache_filter_") || key == "proxy_cache_rules"
}

#[derive(Deserialize, ToSchema)]
#[schema(as = ProjectReq)]
pub(super) struct ProjectRequest {
    #[serde(default)]
    project_name: String,
    public: Option<bool>,
    #[serde(default)]
    metadata: Option<BTreeMap<String, Option<String>>>,
    registry_id: Option<i64>,
    /// Bytes that it may hold, -1 for any number: heard when an administrator makes it.
    storage_limit: Option<i64>,
    cve_allowlist: Option<AllowlistRequest>,
}

/// Findings that do not count; there are none, so only an empty list is taken.
#[derive(Deserialize, ToSchema)]
#[schema(as = CVEAllowlistReq)]
struct AllowlistRequest {
    #[schema(value_type = Option<Vec<Object>>)]
    items: Option<Vec<serde_json::Value>>,
}

impl ProjectRequest {
    /// The settings asked for, with the old field for `public` where the new one is not given.
    fn settings(&mut self) -> Result<BTreeMap<String, String>> {
        let allowlist = self.cve_allowlist.take().and_then(|list| list.items);
        if allowlist.is_some_and(|items| !items.is_empty()) {
            // Dropped in silence, it would be missed whenever it is read again.
            return Err(Error::new(
                StatusCode::BAD_REQUEST,
                harbor::BAD_REQUEST,
                "cve_allowlist must be empty, because this version finds no vulnerabilities to allow",
            ));
        }
        let given = self.metadata.take().unwrap_or_default();
        let mut settings: BTreeMap<String, String> = given
            .into_iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        if let Some(is_public) = self.public {
            settings
                .entry("public".to_owned())
                .or_insert_with(|| is_public.to_string());
        }
        Ok(settings)
    }
}

/// The projects the caller may see.
#[utoipa::path(
    get,
    path = "/projects",
    operation_id = "listProjects",
    tag = "project",
    params(
        Paging,
        ("name" = Option<String>, Query, description = "A part of the name"),
        ("public" = Option<bool>, Query, description = "Those that are public, or those that are not"),
        ("owner" = Option<String>, Query, description = "The owner's name"),
    ),
    responses((status = 200, body = [ProjectBody])),
)]
pub(super) async fn list(asked: Asked, paging: Paging) -> Result {
    let visible_to = asked.visibility().await?;
    let filter = ProjectFilter {
        visible_to,
        name_contains: paging.parameters.text("name").map(str::to_owned),
        is_public: paging.parameters.flag("public")?,
        owner: paging.parameters.text("owner").map(str::to_owned),
    };
    let found = asked
        .state
        .db()
        .list_projects(&filter, &paging.page)
        .await
        .map_err(Error::of_metadata)?;
    let mut bodies = Vec::with_capacity(found.items.len());
    for project in &found.items {
        bodies.push(ProjectBody::of(&asked, project).await?);
    }
    Ok(paging.answer(&bodies, found.total))
}

/// Whether there is a project of that name.
///
/// Unlike in Harbor, names of projects that are closed to the caller are not told.
#[utoipa::path(
    head,
    path = "/projects",
    operation_id = "headProject",
    tag = "project",
    params(("project_name" = String, Query, description = "The whole name")),
    responses((status = 200), (status = 404)),
)]
pub(super) async fn exists(asked: Asked, parameters: Parameters) -> Result<StatusCode> {
    asked.signed_in()?;
    let name = parameters.required("project_name")?;
    let seen = asked.named_project(Action::ProjectRead, name).await;
    Ok(if seen.is_ok() {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    })
}

/// Adds a project: hosted, or with `registry_id` a proxy cache.
#[utoipa::path(
    post,
    path = "/projects",
    operation_id = "createProject",
    tag = "project",
    params(
        ("X-Resource-Name-In-Location" = Option<bool>, Header, description = "Answer with the name instead of the number"),
    ),
    request_body = ProjectRequest,
    responses(Created),
)]
pub(super) async fn create(
    asked: Asked,
    uri: Uri,
    headers: HeaderMap,
    Body(mut request): Body<ProjectRequest>,
) -> Result {
    asked.about(&request.project_name);
    let (action, refusal) = match request.registry_id {
        None => (
            SystemAction::ProjectCreate,
            "Only system admin can create project",
        ),
        Some(_) => (
            SystemAction::ProxyProjectCreate,
            "Only system admin can create proxy cache project",
        ),
    };
    let access = asked
        .state
        .auth()
        .authorize_system(&asked.caller, action)
        .await
        .map_err(|denied| match denied {
            auth::Denied::Forbidden => {
                Error::new(StatusCode::FORBIDDEN, harbor::FORBIDDEN, refusal)
            }
            denied => Error::of_denied_management(denied),
        })?;
    if let Some(id) = request.registry_id.filter(|id| *id <= 0) {
        let message = format!("{id} is invalid value of registry_id, it should be greater than 0");
        return Err(Error::new(
            StatusCode::BAD_REQUEST,
            harbor::BAD_REQUEST,
            message,
        ));
    }
    let metadata = request.settings()?;
    let draft = ProjectDraft {
        name: request.project_name,
        upstream_id: request.registry_id,
        metadata,
        storage_limit: request.storage_limit,
    };
    let project = asked
        .state
        .registry()
        .create_project(&access, draft, Utc::now())
        .await
        .map_err(Error::of_management)?;
    Ok(if is_true(&headers, "x-resource-name-in-location") {
        created(&uri, project.name)
    } else {
        created(&uri, project.id)
    })
}

/// A project.
#[utoipa::path(
    get,
    path = "/projects/{project}",
    operation_id = "getProject",
    tag = "project",
    responses((status = 200, body = ProjectBody)),
)]
pub(super) async fn get(asked: Asked, Names(project): Names<String>) -> Result {
    let access = asked.project(Action::ProjectRead, &project).await?;
    Ok(Json(ProjectBody::of(&asked, access.project()).await?).into_response())
}

/// Changes a project's settings; the name and the registry stay what they are.
#[utoipa::path(
    put,
    path = "/projects/{project}",
    operation_id = "updateProject",
    tag = "project",
    request_body = ProjectRequest,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Names(project): Names<String>,
    Body(mut request): Body<ProjectRequest>,
) -> Result<StatusCode> {
    let access = asked.project(Action::ProjectUpdate, &project).await?;
    let settings = request.settings()?;
    let updated = asked
        .state
        .registry()
        .update_project(&access, settings, Utc::now())
        .await;
    updated
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// Removes a project that is empty.
#[utoipa::path(
    delete,
    path = "/projects/{project}",
    operation_id = "deleteProject",
    tag = "project",
    responses((status = 200)),
)]
pub(super) async fn delete(asked: Asked, Names(project): Names<String>) -> Result<StatusCode> {
    let access = asked.project(Action::ProjectDelete, &project).await?;
    let deleted = asked.state.registry().delete_project(&access).await;
    deleted
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

#[derive(Serialize, ToSchema)]
#[schema(as = ProjectDeletable)]
struct DeletableBody {
    #[serde(skip_serializing_if = "is_default")]
    deletable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

/// Whether a project can be removed, and if not, why.
#[utoipa::path(
    get,
    path = "/projects/{project}/_deletable",
    operation_id = "getProjectDeletable",
    tag = "project",
    responses((status = 200, body = DeletableBody)),
)]
pub(super) async fn deletable(asked: Asked, Names(project): Names<String>) -> Result<Response> {
    let access = asked.project(Action::ProjectDelete, &project).await?;
    let message = asked
        .state
        .registry()
        .why_not_deletable(&access)
        .await
        .map_err(Error::of_management)?;
    Ok(Json(DeletableBody {
        deletable: message.is_none(),
        message,
    })
    .into_response())
}

#[derive(Serialize, ToSchema)]
#[schema(as = ProjectSummary)]
struct SummaryBody {
    repo_count: u64,
    #[serde(flatten)]
    members: MemberCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<QuotaBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    registry: Option<RegistryBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = ProjectSummaryQuota)]
struct QuotaBody {
    hard: Resources,
    used: Resources,
}

#[derive(Default, Serialize, ToSchema)]
struct MemberCounts {
    #[serde(skip_serializing_if = "is_default")]
    project_admin_count: u64,
    #[serde(skip_serializing_if = "is_default")]
    maintainer_count: u64,
    #[serde(skip_serializing_if = "is_default")]
    developer_count: u64,
    #[serde(skip_serializing_if = "is_default")]
    guest_count: u64,
    #[serde(skip_serializing_if = "is_default")]
    limited_guest_count: u64,
}

/// A project in figures.
#[utoipa::path(
    get,
    path = "/projects/{project}/summary",
    operation_id = "getProjectSummary",
    tag = "project",
    responses((status = 200, body = SummaryBody)),
)]
pub(super) async fn summary(asked: Asked, Names(project): Names<String>) -> Result<Response> {
    let access = asked.project(Action::ProjectRead, &project).await?;
    let project = access.project();
    let upstream = asked
        .state
        .registry()
        .project_upstream(&access)
        .await
        .map_err(Error::of_management)?;
    let body = SummaryBody {
        repo_count: asked
            .state
            .db()
            .count_repositories(project.id)
            .await
            .map_err(Error::of_metadata)?,
        members: member_counts(&asked, &project.name).await?,
        quota: quota(&asked, &project.name).await?,
        registry: upstream
            .as_deref()
            .map(|upstream| RegistryBody::of_project(asked.state.registry(), upstream)),
    };
    Ok(Json(body).into_response())
}

/// How much it may hold, and does, for those who may see that.
async fn quota(asked: &Asked, project: &str) -> Result<Option<QuotaBody>> {
    let Ok(access) = asked.named_project(Action::QuotaRead, project).await else {
        return Ok(None);
    };
    let quota = asked.state.registry().project_quota(&access).await;
    let quota = quota.map_err(Error::of_management)?;
    Ok(quota.map(|quota| {
        let (hard, used) = Resources::of(&quota);
        QuotaBody { hard, used }
    }))
}

/// How many members have which role, for those who may see the members.
async fn member_counts(asked: &Asked, project: &str) -> Result<MemberCounts> {
    let mut counts = MemberCounts::default();
    let Ok(access) = asked.named_project(Action::MemberList, project).await else {
        return Ok(counts);
    };
    for member in asked
        .state
        .registry()
        .members(&access)
        .await
        .map_err(Error::of_management)?
    {
        let count = match Role::from_id(member.role) {
            Some(Role::ProjectAdmin) => &mut counts.project_admin_count,
            Some(Role::Maintainer) => &mut counts.maintainer_count,
            Some(Role::Developer) => &mut counts.developer_count,
            Some(Role::Guest) => &mut counts.guest_count,
            Some(Role::LimitedGuest) => &mut counts.limited_guest_count,
            None => continue,
        };
        *count += 1;
    }
    Ok(counts)
}
