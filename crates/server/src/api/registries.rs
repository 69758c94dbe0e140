//! `/registries`: the endpoints that proxy projects pull from. "Registry" is Harbor's word for what is an upstream
//! everywhere else here. Secrets go in and never come out.

use auth::SystemAction;
use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use http::{StatusCode, Uri};
use metadata::{Filter, Test, Upstream};
use registry::{
    Registry, UpstreamBudget, UpstreamChange, UpstreamDraft, UpstreamOptions, UpstreamState,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::extract::{Asked, Body, Names};
use super::json::{Time, is_default};
use super::page::Paging;
use super::{Result, created};
use crate::error::{Error, harbor};
use crate::openapi::Created;

/// What is shown in place of a secret. Sent back, it means the one that is saved.
const HIDDEN: &str = "*****";

#[derive(Serialize, ToSchema)]
#[schema(as = Registry)]
pub(super) struct RegistryBody {
    id: i64,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<Credential>,
    #[serde(skip_serializing_if = "is_default")]
    insecure: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ca_certificate: Option<String>,
    #[serde(skip_serializing_if = "is_default")]
    description: String,
    #[serde(skip_serializing_if = "is_default")]
    status: String,
    /// Ours, as are those below: what Harbor's fields cannot say.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    options: Option<UpstreamOptions>,
    /// Why it is unhealthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
    /// When it was last looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    checked_at: Option<Time>,
    /// What its rate limits leave, one for each credential.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rate_limit: Vec<RateLimit>,
    /// The configuration file declares it.
    #[serde(skip_serializing_if = "is_default")]
    declared: bool,
    creation_time: Time,
    update_time: Time,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegistryCredential)]
struct Credential {
    #[serde(rename = "type")]
    kind: &'static str,
    access_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_secret: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
struct RateLimit {
    #[serde(skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    window_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    held_until: Option<Time>,
}

impl From<UpstreamBudget> for RateLimit {
    fn from(budget: UpstreamBudget) -> Self {
        Self {
            account: budget.account,
            limit: budget.limit,
            remaining: budget.remaining,
            window_seconds: budget.window.map(|window| window.as_secs()),
            held_until: budget.held_until.map(Time::from),
        }
    }
}

impl RegistryBody {
    fn of(registry: &Registry, upstream: &Upstream) -> Self {
        let secret = upstream.secret.as_ref().map(|_| HIDDEN);
        let credential = upstream.access_key.clone();
        let credential = credential.map(|access_key| Credential {
            kind: "basic",
            access_key,
            access_secret: secret,
        });
        let state = registry.upstream_state(upstream);
        Self {
            credential,
            options: registry.shown_options(upstream),
            status_reason: state.reason.clone(),
            checked_at: state.checked_at.map(Time::from),
            rate_limit: state.budgets.iter().cloned().map(RateLimit::from).collect(),
            ..Self::without_particulars(&state, upstream)
        }
    }

    /// For people who may see a project, but not how its endpoint is asked.
    pub(super) fn of_project(registry: &Registry, upstream: &Upstream) -> Self {
        Self::without_particulars(&registry.upstream_state(upstream), upstream)
    }

    fn without_particulars(state: &UpstreamState, upstream: &Upstream) -> Self {
        Self {
            id: upstream.id,
            name: upstream.name.clone(),
            kind: upstream.kind.clone(),
            url: upstream.url.clone(),
            credential: None,
            insecure: upstream.is_insecure,
            ca_certificate: upstream.ca_certificate.clone(),
            description: upstream.description.clone(),
            status: state.status.clone(),
            options: None,
            status_reason: None,
            checked_at: None,
            rate_limit: Vec::new(),
            declared: upstream.is_declared,
            creation_time: upstream.created_at.into(),
            update_time: upstream.updated_at.into(),
        }
    }
}

#[derive(Deserialize, ToSchema)]
#[schema(as = RegistryCredentialReq)]
struct NewCredential {
    access_key: Option<String>,
    access_secret: Option<String>,
}

/// The body of a `POST`, a `PUT` and a ping: any field may be missing, or null.
#[derive(Deserialize, ToSchema)]
#[schema(as = RegistryReq)]
pub(super) struct TypedRegistry {
    id: Option<i64>,
    #[serde(rename = "type")]
    kind: Option<String>,
    name: Option<String>,
    description: Option<String>,
    url: Option<String>,
    access_key: Option<String>,
    access_secret: Option<String>,
    insecure: Option<bool>,
    ca_certificate: Option<String>,
    /// Ours: see docs/guides/upstreams.md. Absent: unchanged; `{}`: none.
    #[schema(value_type = Option<Object>)]
    options: Option<Value>,
    /// The form of a `POST`. Clients that send back what they got use it in a `PUT` too. The flat fields win.
    credential: Option<NewCredential>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegistryInfo)]
struct KindBody {
    #[serde(rename = "type")]
    kind: String,
    supported_resource_filters: [FilterStyle; 2],
    supported_triggers: [&'static str; 2],
}

#[derive(Serialize, ToSchema)]
struct FilterStyle {
    #[serde(rename = "type")]
    kind: &'static str,
    style: &'static str,
    #[schema(value_type = Vec<String>)]
    values: [(); 0],
}

/// All endpoints that can be pulled from.
#[utoipa::path(
    get,
    path = "/registries",
    operation_id = "listRegistries",
    tag = "registry",
    params(Paging, ("name" = Option<String>, Query, description = "A part of the name")),
    responses((status = 200, body = [RegistryBody])),
)]
pub(super) async fn list(asked: Asked, mut paging: Paging) -> Result {
    let access = asked.system(SystemAction::RegistryList).await?;
    if let Some(name) = paging.parameters.text("name") {
        let test = Test::Contains(name.to_owned());
        paging.page.filter.push(Filter {
            key: "name".to_owned(),
            test,
        });
    }
    let found = asked
        .state
        .registry()
        .upstreams(&access, &paging.page)
        .await
        .map_err(Error::of_management)?;
    let bodies: Vec<RegistryBody> = found
        .items
        .iter()
        .map(|upstream| RegistryBody::of(asked.state.registry(), upstream))
        .collect();
    Ok(paging.answer(&bodies, found.total))
}

/// Adds an endpoint.
///
/// It need not answer yet: its `status` tells whether it does.
#[utoipa::path(
    post,
    path = "/registries",
    operation_id = "createRegistry",
    tag = "registry",
    request_body = TypedRegistry,
    responses(Created),
)]
pub(super) async fn create(asked: Asked, uri: Uri, Body(new): Body<TypedRegistry>) -> Result {
    asked.about(new.name.as_deref().unwrap_or_default());
    let access = asked.system(SystemAction::RegistryCreate).await?;
    let id = asked
        .state
        .registry()
        .create_upstream(&access, new.draft()?, Utc::now())
        .await;
    Ok(created(&uri, id.map_err(Error::of_management)?))
}

/// An endpoint, without its secrets.
#[utoipa::path(
    get,
    path = "/registries/{id}",
    operation_id = "getRegistry",
    tag = "registry",
    responses((status = 200, body = RegistryBody)),
)]
pub(super) async fn get(asked: Asked, Names(id): Names<i64>) -> Result {
    let access = asked.system(SystemAction::RegistryRead).await?;
    let upstream = asked
        .state
        .registry()
        .upstream(&access, id)
        .await
        .map_err(Error::of_management)?;
    Ok(Json(RegistryBody::of(asked.state.registry(), &upstream)).into_response())
}

/// Changes an endpoint: the fields that are given.
#[utoipa::path(
    put,
    path = "/registries/{id}",
    operation_id = "updateRegistry",
    tag = "registry",
    request_body = TypedRegistry,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Names(id): Names<i64>,
    Body(change): Body<TypedRegistry>,
) -> Result<StatusCode> {
    let access = asked.system(SystemAction::RegistryUpdate).await?;
    let updated = asked
        .state
        .registry()
        .update_upstream(&access, id, change.change()?, Utc::now())
        .await;
    updated
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// Removes an endpoint that no project uses.
#[utoipa::path(
    delete,
    path = "/registries/{id}",
    operation_id = "deleteRegistry",
    tag = "registry",
    responses((status = 200)),
)]
pub(super) async fn delete(asked: Asked, Names(id): Names<i64>) -> Result<StatusCode> {
    let access = asked.system(SystemAction::RegistryDelete).await?;
    let deleted = asked.state.registry().delete_upstream(&access, id).await;
    deleted
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// Whether an endpoint answers: the saved one of that `id`, or one as described.
#[utoipa::path(
    post,
    path = "/registries/ping",
    operation_id = "pingRegistry",
    tag = "registry",
    request_body = TypedRegistry,
    responses((status = 200)),
)]
pub(super) async fn ping(asked: Asked, Body(ping): Body<TypedRegistry>) -> Result<StatusCode> {
    let access = asked.system(SystemAction::RegistryRead).await?;
    let registry = asked.state.registry();
    let answer = match ping.id {
        Some(id) => {
            let change = ping.change()?;
            registry
                .ping_upstream(&access, id, change.access_key, change.access_secret)
                .await
        }
        None => {
            registry
                .ping_draft(&access, ping.draft()?, Utc::now())
                .await
        }
    };
    answer
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// What an endpoint's type can do.
#[utoipa::path(
    get,
    path = "/registries/{id}/info",
    operation_id = "getRegistryInfo",
    tag = "registry",
    responses((status = 200, body = KindBody)),
)]
pub(super) async fn info(asked: Asked, Names(id): Names<i64>) -> Result<Response> {
    let access = asked.system(SystemAction::RegistryRead).await?;
    let upstream = asked
        .state
        .registry()
        .upstream(&access, id)
        .await
        .map_err(Error::of_management)?;
    let filter = |kind| FilterStyle {
        kind,
        style: "input",
        values: [],
    };
    Ok(Json(KindBody {
        kind: upstream.kind.clone(),
        supported_resource_filters: ["name", "tag"].map(filter),
        supported_triggers: ["manual", "scheduled"],
    })
    .into_response())
}

impl NewCredential {
    /// Key and secret, of which a hidden one says nothing.
    fn parts(credential: Option<Self>) -> (Option<String>, Option<String>) {
        credential.map_or((None, None), |credential| {
            let secret = credential.access_secret.filter(|secret| secret != HIDDEN);
            (credential.access_key, secret)
        })
    }
}

impl TypedRegistry {
    fn change(mut self) -> Result<UpstreamChange> {
        let (access_key, access_secret) = self.credential();
        Ok(UpstreamChange {
            name: self.name,
            kind: self.kind,
            url: self.url,
            access_key,
            access_secret,
            is_insecure: self.insecure,
            ca_certificate: self.ca_certificate,
            options: options(self.options)?,
            description: self.description,
        })
    }

    fn draft(mut self) -> Result<UpstreamDraft> {
        let (access_key, access_secret) = self.credential();
        Ok(UpstreamDraft {
            name: self.name.unwrap_or_default(),
            kind: self.kind.unwrap_or_default(),
            url: self.url.unwrap_or_default(),
            access_key,
            access_secret,
            is_insecure: self.insecure.unwrap_or_default(),
            ca_certificate: self.ca_certificate,
            options: options(self.options)?,
            description: self.description.unwrap_or_default(),
        })
    }

    fn credential(&mut self) -> (Option<String>, Option<String>) {
        let (key, secret) = NewCredential::parts(self.credential.take());
        let given = self.access_secret.take();
        let is_hidden = given.as_deref() == Some(HIDDEN);
        (
            self.access_key.take().or(key),
            given.filter(|_| !is_hidden).or(secret),
        )
    }
}

/// Options as they were typed in: a mistake is told by its key.
fn options(typed: Option<Value>) -> Result<Option<UpstreamOptions>> {
    let parsed = typed.map(UpstreamOptions::deserialize).transpose();
    parsed.map_err(|error| {
        let message = format!("options: {error}");
        Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
    })
}
