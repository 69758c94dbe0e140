//! The client of each upstream endpoint: made when first needed, made anew when the endpoint is edited.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};
use metadata::Upstream;
use upstream::{Client, Credential, Endpoint};

use crate::{Error, Registry, Result};

/// Clients by endpoint, each with the time of the endpoint's last edit it was made for. Tokens, connections and
/// the circuit breaker live in them.
#[derive(Default)]
pub(crate) struct Clients {
    made: Mutex<HashMap<i64, (DateTime<Utc>, Client)>>,
}

impl Registry {
    /// The client for an endpoint.
    pub(crate) async fn client(&self, upstream_id: i64) -> Result<Client> {
        let upstream = self.db().find_upstream(upstream_id).await?;
        let upstream =
            upstream.ok_or_else(|| Error::NotFound(format!("registry {upstream_id} not found")))?;
        let made = |clients: &Clients| {
            let made = clients.made.lock().unwrap_or_else(PoisonError::into_inner);
            made.get(&upstream_id)
                .filter(|(at, _)| *at == upstream.updated_at)
                .map(|(_, client)| client.clone())
        };
        if let Some(client) = made(&self.0.clients) {
            return Ok(client);
        }
        let client = self.make_client(&upstream)?;
        let mut clients = self
            .0
            .clients
            .made
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let (at, kept) = clients
            .entry(upstream_id)
            .or_insert_with(|| (upstream.updated_at, client.clone()));
        // Another request may have made one meanwhile: all must share one set of tokens and one breaker.
        if *at != upstream.updated_at {
            (*at, *kept) = (upstream.updated_at, client);
        }
        Ok(kept.clone())
    }

    /// A client for an endpoint as it stands in `upstream`, with its secret opened.
    pub(crate) fn make_client(&self, upstream: &Upstream) -> Result<Client> {
        let secret = match &upstream.secret {
            Some(sealed) => {
                let opened = self
                    .0
                    .auth
                    .unseal(sealed)
                    .map_err(|error| Error::Internal(Box::new(error)))?;
                String::from_utf8(opened).map_err(|error| Error::Internal(Box::new(error)))?
            }
            None => String::new(),
        };
        let credential = upstream
            .access_key
            .clone()
            .filter(|username| !username.is_empty())
            .map(|username| Credential { username, secret });
        let kind = upstream.kind.parse().map_err(|_| {
            Error::BadRequest(format!(
                "unsupported registry type {}: use docker-hub or docker-registry",
                upstream.kind
            ))
        })?;
        let endpoint = Endpoint {
            id: upstream.id,
            name: upstream.name.clone(),
            kind,
            url: upstream.url.clone(),
            credential,
            is_insecure: upstream.is_insecure,
            ca_certificate: upstream.ca_certificate.clone(),
            options: upstream::Options::default(),
        };
        Client::new(endpoint, &self.0.config.upstream)
            .map_err(|error| Error::BadRequest(format!("registry {}: {error}", upstream.name)))
    }
}
