//! `/replication/adapters` and `/replication/adapterinfos`: the kinds of registries there can be endpoints for, and
//! what a form should suggest for each. Nothing is replicated yet.

use std::collections::BTreeMap;

use auth::SystemAction;
use axum::Json;
use axum::response::{IntoResponse, Response};
use registry::{upstream_kinds, upstream_suggestions};
use serde_json::{Value, json};

use super::Result;
use super::extract::Asked;

/// The kinds.
pub(super) async fn adapters(asked: Asked) -> Result<Response> {
    asked.system(SystemAction::ReplicationAdapterList).await?;
    Ok(Json(upstream_kinds().collect::<Vec<_>>()).into_response())
}

/// The kinds, each with the addresses it usually has.
pub(super) async fn adapter_infos(asked: Asked) -> Result<Response> {
    asked.system(SystemAction::ReplicationAdapterList).await?;
    Ok(Json(
        upstream_kinds()
            .map(|kind| (kind, info(kind)))
            .collect::<BTreeMap<_, _>>(),
    )
    .into_response())
}

fn info(kind: &str) -> Value {
    let suggestions = upstream_suggestions(kind);
    let endpoints = suggestions.endpoints.iter();
    let endpoints: Vec<Value> = endpoints
        .map(|(key, value)| json!({ "key": key, "value": value }))
        .collect();
    json!({
        "endpoint_pattern": { "endpoint_type": suggestions.endpoint_type, "endpoints": endpoints },
        "credential_pattern": {
            "access_key_type": suggestions.access_key_type,
            "access_key_data": suggestions.access_key_data,
            "access_secret_type": suggestions.access_secret_type,
            "access_secret_data": suggestions.access_secret_data,
        },
    })
}
