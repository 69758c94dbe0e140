//! `/replication/adapters` and `/replication/adapterinfos`: the kinds of registries there can be endpoints for, and
//! what a form should suggest for each. Nothing is replicated yet.

use std::collections::BTreeMap;

use auth::SystemAction;
use axum::Json;
use axum::response::{IntoResponse, Response};
use registry::{upstream_kinds, upstream_suggestions};
use serde::Serialize;
use utoipa::ToSchema;

use super::Result;
use super::extract::Asked;

/// What a form should suggest.
#[derive(Serialize, ToSchema)]
#[schema(as = RegistryProviderInfo)]
struct ProviderBody {
    endpoint_pattern: EndpointPattern,
    credential_pattern: CredentialPattern,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegistryProviderEndpointPattern)]
struct EndpointPattern {
    endpoint_type: &'static str,
    endpoints: Vec<SuggestedEndpoint>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegistryEndpoint)]
struct SuggestedEndpoint {
    key: String,
    value: String,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RegistryProviderCredentialPattern)]
struct CredentialPattern {
    access_key_type: &'static str,
    access_key_data: &'static str,
    access_secret_type: &'static str,
    access_secret_data: &'static str,
}

/// The types that endpoints can have.
#[utoipa::path(
    get,
    path = "/replication/adapters",
    operation_id = "listRegistryProviderTypes",
    tag = "registry",
    responses((status = 200, body = [String])),
)]
pub(super) async fn adapters(asked: Asked) -> Result<Response> {
    asked.system(SystemAction::ReplicationAdapterList).await?;
    Ok(Json(upstream_kinds().collect::<Vec<_>>()).into_response())
}

/// The types, each with the addresses it usually has.
#[utoipa::path(
    get,
    path = "/replication/adapterinfos",
    operation_id = "listRegistryProviderInfos",
    tag = "registry",
    responses((status = 200, body = BTreeMap<String, ProviderBody>)),
)]
pub(super) async fn adapter_infos(asked: Asked) -> Result<Response> {
    asked.system(SystemAction::ReplicationAdapterList).await?;
    Ok(Json(
        upstream_kinds()
            .map(|kind| (kind, info(kind)))
            .collect::<BTreeMap<_, _>>(),
    )
    .into_response())
}

fn info(kind: &str) -> ProviderBody {
    let suggestions = upstream_suggestions(kind);
    let endpoints = suggestions.endpoints.into_iter();
    ProviderBody {
        endpoint_pattern: EndpointPattern {
            endpoint_type: suggestions.endpoint_type,
            endpoints: endpoints
                .map(|(key, value)| SuggestedEndpoint { key, value })
                .collect(),
        },
        credential_pattern: CredentialPattern {
            access_key_type: suggestions.access_key_type,
            access_key_data: suggestions.access_key_data,
            access_secret_type: suggestions.access_secret_type,
            access_secret_data: suggestions.access_secret_data,
        },
    }
}
