//! The client of each upstream endpoint: made when first needed, made anew when the endpoint is edited, dropped with it.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use metadata::Upstream;
use tokio::task::JoinSet;
use upstream::{Client, Credential, Endpoint};

use crate::upstreams::Look;
use crate::{Error, Registry, Result};

/// Clients by endpoint, and how each endpoint was when last looked at.
#[derive(Default)]
pub(crate) struct Clients {
    known: Mutex<Known>,
    /// Looks at endpoints that were just saved. Each ends by itself within seconds.
    looks: Mutex<JoinSet<()>>,
}

#[derive(Default)]
struct Known {
    /// Each with the time of the endpoint's last edit it was made for. Tokens, connections and the circuit breaker live
    /// in them.
    made: HashMap<i64, (DateTime<Utc>, Client)>,
    looks: HashMap<i64, Look>,
    /// Until when an endpoint is treated as down. Beside the clients: an edit of the endpoint ends no drill.
    drills: HashMap<i64, DateTime<Utc>>,
}

impl Clients {
    /// The client for an endpoint as it stands, where there is one already.
    pub(crate) fn made_for(&self, upstream: &Upstream) -> Option<Client> {
        let known = self.lock();
        let (at, client) = known.made.get(&upstream.id)?;
        (*at == upstream.updated_at).then(|| client.clone())
    }

    /// Keeps a new client, unless another request made one meanwhile: all must share one set of tokens and one breaker.
    fn keep(&self, upstream: &Upstream, client: Client) -> Client {
        let mut known = self.lock();
        client.set_drill(known.drills.get(&upstream.id).copied());
        let (at, kept) = known
            .made
            .entry(upstream.id)
            .or_insert_with(|| (upstream.updated_at, client.clone()));
        if *at != upstream.updated_at {
            (*at, *kept) = (upstream.updated_at, client);
        }
        kept.clone()
    }

    /// Forgets an endpoint that was deleted.
    pub(crate) fn forget(&self, id: i64) {
        let mut known = self.lock();
        known.made.remove(&id);
        known.looks.remove(&id);
        known.drills.remove(&id);
    }

    /// Forgets all endpoints but these.
    pub(crate) fn keep_only(&self, ids: &[i64]) {
        let mut known = self.lock();
        known.made.retain(|id, _| ids.contains(id));
        known.looks.retain(|id, _| ids.contains(id));
        known.drills.retain(|id, _| ids.contains(id));
    }

    pub(crate) fn look(&self, id: i64) -> Option<Look> {
        self.lock().looks.get(&id).cloned()
    }

    pub(crate) fn note(&self, id: i64, look: Look) {
        self.lock().looks.insert(id, look);
    }

    /// Until when an endpoint is treated as down.
    pub(crate) fn drill(&self, id: i64) -> Option<DateTime<Utc>> {
        self.lock().drills.get(&id).copied()
    }

    /// Treats an endpoint as down until then; `None` ends that. What was so before is returned.
    pub(crate) fn set_drill(&self, id: i64, until: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
        let mut known = self.lock();
        if let Some((_, client)) = known.made.get(&id) {
            client.set_drill(until);
        }
        match until {
            Some(until) => known.drills.insert(id, until),
            None => known.drills.remove(&id),
        }
    }

    /// Runs a look at an endpoint, which nobody waits for.
    pub(crate) fn spawn(&self, look: impl Future<Output = ()> + Send + 'static) {
        let mut looks = self.looks();
        while looks.try_join_next().is_some() {}
        looks.spawn(look);
    }

    /// For a shutdown: what these would find out is of no use any more.
    pub(crate) fn stop_looking(&self) {
        self.looks().abort_all();
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn looks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry {
    /// The client for an endpoint.
    pub(crate) async fn client(&self, upstream_id: i64) -> Result<Client> {
        let (client, _) = self.client_and_since(upstream_id).await?;
        Ok(client)
    }

    /// The client for an endpoint, and since when it is that registry, asked with that credential.
    pub(crate) async fn client_and_since(
        &self,
        upstream_id: i64,
    ) -> Result<(Client, DateTime<Utc>)> {
        let upstream = self.db().find_upstream(upstream_id).await?;
        let upstream =
            upstream.ok_or_else(|| Error::NotFound(format!("registry {upstream_id} not found")))?;
        let client = match self.0.clients.made_for(&upstream) {
            Some(client) => client,
            None => {
                let client = self.make_client(&upstream)?;
                self.0.clients.keep(&upstream, client)
            }
        };
        Ok((client, upstream.trusted_since))
    }

    /// The client for an endpoint, where one has been needed.
    pub(crate) fn made_client(&self, upstream_id: i64) -> Option<Client> {
        let known = self.0.clients.lock();
        known
            .made
            .get(&upstream_id)
            .map(|(_, client)| client.clone())
    }

    /// A client for an endpoint as it stands in `upstream`, with its secrets opened.
    pub(crate) fn make_client(&self, upstream: &Upstream) -> Result<Client> {
        let refused = |error: upstream::Error| {
            Error::BadRequest(format!("registry {} {error}", upstream.name))
        };
        let secret = self.opened_secret(upstream)?.unwrap_or_default();
        let credential = upstream
            .access_key
            .clone()
            .filter(|username| !username.is_empty())
            .map(|username| Credential { username, secret });
        let endpoint = Endpoint {
            id: upstream.id,
            name: upstream.name.clone(),
            kind: upstream.kind.parse().map_err(refused)?,
            url: upstream.url.clone(),
            credential,
            is_insecure: upstream.is_insecure,
            ca_certificate: upstream.ca_certificate.clone(),
            options: self.opened_options(upstream)?,
        };
        Client::new(endpoint, &self.0.config.upstream).map_err(refused)
    }
}
