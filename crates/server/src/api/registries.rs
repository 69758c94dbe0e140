//! `/registries`: the endpoints that proxy projects pull from. "Registry" is Harbor's word for what is an upstream
//! everywhere else here. Secrets go in and never come out.

use auth::SystemAction;
use axum::Json;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use http::{StatusCode, Uri};
use metadata::{Filter, Test, Upstream};
use registry::{UpstreamChange, UpstreamDraft};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::extract::{Asked, Body, Names};
use super::json::{Time, is_default};
use super::page::Paging;
use super::{Result, created};
use crate::error::Error;

/// What is shown in place of a secret. Sent back, it means the one that is saved.
const HIDDEN: &str = "*****";

#[derive(Serialize)]
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
    /// Ours: the configuration file declares it.
    #[serde(skip_serializing_if = "is_default")]
    declared: bool,
    creation_time: Time,
    update_time: Time,
}

#[derive(Serialize)]
struct Credential {
    #[serde(rename = "type")]
    kind: &'static str,
    access_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_secret: Option<&'static str>,
}

impl RegistryBody {
    fn of(upstream: &Upstream) -> Self {
        let secret = upstream.secret.as_ref().map(|_| HIDDEN);
        let credential = upstream.access_key.clone();
        let credential = credential.map(|access_key| Credential {
            kind: "basic",
            access_key,
            access_secret: secret,
        });
        Self {
            credential,
            ..Self::without_credential(upstream)
        }
    }

    /// For people who may see a project, but not its endpoint's user.
    pub(super) fn without_credential(upstream: &Upstream) -> Self {
        Self {
            id: upstream.id,
            name: upstream.name.clone(),
            kind: upstream.kind.clone(),
            url: upstream.url.clone(),
            credential: None,
            insecure: upstream.is_insecure,
            ca_certificate: upstream.ca_certificate.clone(),
            description: upstream.description.clone(),
            status: upstream.status.clone(),
            declared: upstream.is_declared,
            creation_time: upstream.created_at.into(),
            update_time: upstream.updated_at.into(),
        }
    }
}

#[derive(Deserialize)]
pub(super) struct NewRegistry {
    #[serde(default)]
    name: String,
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    url: String,
    credential: Option<NewCredential>,
    #[serde(default)]
    insecure: bool,
    ca_certificate: Option<String>,
    #[serde(default)]
    description: String,
}

#[derive(Deserialize)]
struct NewCredential {
    access_key: Option<String>,
    access_secret: Option<String>,
}

/// Also the body of a ping: both have these fields, and any of them may be missing.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct RegistryChange {
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
}

/// `GET /registries`
pub(super) async fn list(asked: Asked, mut paging: Paging) -> Result {
    let access = asked.system(SystemAction::ManageUpstreams).await?;
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
    let bodies: Vec<RegistryBody> = found.items.iter().map(RegistryBody::of).collect();
    Ok(paging.answer(&bodies, found.total))
}

/// `POST /registries`
pub(super) async fn create(asked: Asked, uri: Uri, Body(new): Body<NewRegistry>) -> Result {
    let access = asked.system(SystemAction::ManageUpstreams).await?;
    let id = asked
        .state
        .registry()
        .create_upstream(&access, new.into(), Utc::now())
        .await;
    Ok(created(&uri, id.map_err(Error::of_management)?))
}

/// `GET /registries/{id}`
pub(super) async fn get(asked: Asked, Names(id): Names<i64>) -> Result {
    let access = asked.system(SystemAction::ManageUpstreams).await?;
    let upstream = asked
        .state
        .registry()
        .upstream(&access, id)
        .await
        .map_err(Error::of_management)?;
    Ok(Json(RegistryBody::of(&upstream)).into_response())
}

/// `PUT /registries/{id}`
pub(super) async fn update(
    asked: Asked,
    Names(id): Names<i64>,
    Body(change): Body<RegistryChange>,
) -> Result<StatusCode> {
    let access = asked.system(SystemAction::ManageUpstreams).await?;
    let updated = asked
        .state
        .registry()
        .update_upstream(&access, id, change.into(), Utc::now())
        .await;
    updated
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// `DELETE /registries/{id}`
pub(super) async fn delete(asked: Asked, Names(id): Names<i64>) -> Result<StatusCode> {
    let access = asked.system(SystemAction::ManageUpstreams).await?;
    let deleted = asked.state.registry().delete_upstream(&access, id).await;
    deleted
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// `POST /registries/ping`: whether an endpoint answers, a saved one or one as described.
pub(super) async fn ping(asked: Asked, Body(ping): Body<RegistryChange>) -> Result<StatusCode> {
    let access = asked.system(SystemAction::ManageUpstreams).await?;
    let registry = asked.state.registry();
    let answer = match ping.id {
        Some(id) => {
            let change = UpstreamChange::from(ping);
            registry
                .ping_upstream(&access, id, change.access_key, change.access_secret)
                .await
        }
        None => registry.ping_draft(&access, ping.into(), Utc::now()).await,
    };
    answer
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// `GET /registries/{id}/info`: what its kind can do.
pub(super) async fn info(asked: Asked, Names(id): Names<i64>) -> Result<Response> {
    let access = asked.system(SystemAction::ManageUpstreams).await?;
    let upstream = asked
        .state
        .registry()
        .upstream(&access, id)
        .await
        .map_err(Error::of_management)?;
    let filters =
        ["name", "tag"].map(|kind| json!({ "type": kind, "style": "input", "values": [] }));
    Ok(Json(json!({
        "type": upstream.kind,
        "supported_resource_filters": filters,
        "supported_triggers": ["manual", "scheduled"],
    }))
    .into_response())
}

impl From<NewRegistry> for UpstreamDraft {
    fn from(new: NewRegistry) -> Self {
        let (access_key, access_secret) = new.credential.map_or((None, None), |credential| {
            (credential.access_key, credential.access_secret)
        });
        Self {
            name: new.name,
            kind: new.kind,
            url: new.url,
            access_key,
            access_secret,
            is_insecure: new.insecure,
            ca_certificate: new.ca_certificate,
            description: new.description,
        }
    }
}

impl From<RegistryChange> for UpstreamChange {
    fn from(change: RegistryChange) -> Self {
        Self {
            name: change.name,
            url: change.url,
            access_key: change.access_key,
            access_secret: change.access_secret.filter(|secret| secret != HIDDEN),
            is_insecure: change.insecure,
            ca_certificate: change.ca_certificate,
            description: change.description,
        }
    }
}

impl From<RegistryChange> for UpstreamDraft {
    fn from(ping: RegistryChange) -> Self {
        Self {
            name: ping.name.unwrap_or_default(),
            kind: ping.kind.unwrap_or_default(),
            url: ping.url.unwrap_or_default(),
            access_key: ping.access_key,
            access_secret: ping.access_secret,
            is_insecure: ping.insecure.unwrap_or_default(),
            ca_certificate: ping.ca_certificate,
            description: String::new(),
        }
    }
}
