//! Upstream endpoints as administrators keep them: saved, changed, tested, told healthy or not. How their content
//! is asked for is the pull's business; Harbor's API calls them registries.

mod address;
mod drill;
mod health;
mod options;
mod suggestions;

use std::sync::Arc;

use auth::{SystemAccess, SystemAction};
use chrono::{DateTime, Utc};
use metadata::{NewUpstream, Page, Paged, Upstream, UpstreamUpdate};

pub use health::{UpstreamBudget, UpstreamState};
pub use suggestions::{UpstreamSuggestions, upstream_suggestions};
pub use upstream::Options as UpstreamOptions;

pub(crate) use address::normal_url;
pub(crate) use health::Look;

use crate::demand::demand_system;
use crate::{Error, Registry, Result};

const MAX_NAME_CHARS: usize = 64;

/// An endpoint as it was typed in. Without `Debug`: it has the secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UpstreamDraft {
    /// What it shall be called.
    pub name: String,
    /// Harbor's type.
    pub kind: String,
    /// Its address.
    pub url: String,
    /// The user name, where it wants one.
    pub access_key: Option<String>,
    /// The password.
    pub access_secret: Option<String>,
    /// Whether its certificate goes unchecked.
    pub is_insecure: bool,
    /// A certificate authority to trust for it, in PEM.
    pub ca_certificate: Option<String>,
    /// What Harbor's fields cannot say.
    pub options: Option<UpstreamOptions>,
    /// What people say about it.
    pub description: String,
}

/// What to change of an endpoint; `None` leaves a field alone, an empty text empties it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UpstreamChange {
    /// Its name.
    pub name: Option<String>,
    /// Harbor's type.
    pub kind: Option<String>,
    /// Its address. A new one loses every secret that is not given again.
    pub url: Option<String>,
    /// The user name.
    pub access_key: Option<String>,
    /// The password.
    pub access_secret: Option<String>,
    /// Whether its certificate goes unchecked.
    pub is_insecure: Option<bool>,
    /// A certificate authority to trust for it, in PEM.
    pub ca_certificate: Option<String>,
    /// What Harbor's fields cannot say: all of it, with secrets that are [`upstream::HIDDEN`] standing for those saved.
    pub options: Option<UpstreamOptions>,
    /// What people say about it.
    pub description: Option<String>,
}

/// The kinds of registries that can be an upstream, by Harbor's names.
pub fn upstream_kinds() -> impl Iterator<Item = &'static str> {
    upstream::Kind::ALL.into_iter().map(upstream::Kind::as_str)
}

impl Registry {
    /// A page of the endpoints.
    pub async fn upstreams(&self, access: &SystemAccess, page: &Page) -> Result<Paged<Upstream>> {
        demand_system(access, SystemAction::RegistryList)?;
        Ok(self.db().list_upstreams(page).await?)
    }

    /// One endpoint.
    pub async fn upstream(&self, access: &SystemAccess, id: i64) -> Result<Arc<Upstream>> {
        demand_system(access, SystemAction::RegistryRead)?;
        self.saved_upstream(id).await
    }

    /// Saves a new endpoint, whether it answers or not; that is asked afterwards and noted.
    pub async fn create_upstream(
        &self,
        access: &SystemAccess,
        draft: UpstreamDraft,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        demand_system(access, SystemAction::RegistryCreate)?;
        let new = self.checked_upstream(draft, now)?;
        let name = new.name.clone();
        let saved = self
            .db()
            .create_upstream(new, now)
            .await
            .map_err(|error| or_taken(&name, error))?;
        self.look_soon(saved.id);
        Ok(saved.id)
    }

    /// Changes an endpoint, whether it answers or not.
    pub async fn update_upstream(
        &self,
        access: &SystemAccess,
        id: i64,
        change: UpstreamChange,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_system(access, SystemAction::RegistryUpdate)?;
        let saved = self.editable_upstream(id).await?;
        let update = self.update_of(&saved, change)?;
        let after = updated(&saved, &update);
        self.make_client(&after)?;
        let update = UpstreamUpdate {
            is_asked_anew: self.is_another_source(&saved, &after)?,
            ..update
        };
        let name = update.name.clone().unwrap_or_default();
        self.db()
            .update_upstream(id, update, now)
            .await
            .map_err(|error| or_taken(&name, error))?;
        self.look_soon(id);
        Ok(())
    }

    /// Deletes an endpoint that no project pulls from.
    pub async fn delete_upstream(&self, access: &SystemAccess, id: i64) -> Result<()> {
        demand_system(access, SystemAction::RegistryDelete)?;
        self.editable_upstream(id).await?;
        self.db()
            .delete_upstream(id)
            .await
            .map_err(|error| match error {
                metadata::Error::InUse { by } => Error::Precondition(format!(
                    "the registry {id} is referenced by proxy cache {by}, cannot delete it"
                )),
                metadata::Error::NotFound { .. } => not_found(id),
                error => error.into(),
            })?;
        self.0.clients.forget(id);
        Ok(())
    }

    /// Whether an endpoint that is not saved, or not yet, would answer.
    pub async fn ping_draft(
        &self,
        access: &SystemAccess,
        draft: UpstreamDraft,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_system(access, SystemAction::RegistryRead)?;
        if draft.kind.is_empty() && draft.url.trim().is_empty() {
            return Err(Error::BadRequest("type or url cannot be empty".to_owned()));
        }
        let name = if draft.name.is_empty() {
            "to test".to_owned()
        } else {
            draft.name
        };
        let new = self.checked_upstream(UpstreamDraft { name, ..draft }, now)?;
        self.ping(&unsaved(new, now)).await
    }

    /// Whether a saved endpoint answers, with other credentials where they are given. Its address is the saved one:
    /// the saved secret is not to be sent wherever somebody says.
    pub async fn ping_upstream(
        &self,
        access: &SystemAccess,
        id: i64,
        access_key: Option<String>,
        access_secret: Option<String>,
    ) -> Result<()> {
        demand_system(access, SystemAction::RegistryRead)?;
        let saved = self.saved_upstream(id).await?;
        let change = UpstreamChange {
            access_key,
            access_secret,
            ..UpstreamChange::default()
        };
        let update = self.update_of(&saved, change)?;
        self.ping(&updated(&saved, &update)).await
    }

    async fn saved_upstream(&self, id: i64) -> Result<Arc<Upstream>> {
        self.db()
            .find_upstream(id)
            .await?
            .ok_or_else(|| not_found(id))
    }

    async fn editable_upstream(&self, id: i64) -> Result<Arc<Upstream>> {
        let saved = self.saved_upstream(id).await?;
        if saved.is_declared {
            return Err(Error::Precondition(format!(
                "the registry {} is declared in the configuration file: change it there and start again",
                saved.name
            )));
        }
        Ok(saved)
    }

    /// What is to be saved of a draft. It must be possible to make a client of it; it need not answer.
    pub(crate) fn checked_upstream(
        &self,
        draft: UpstreamDraft,
        now: DateTime<Utc>,
    ) -> Result<NewUpstream> {
        check_name(&draft.name)?;
        let options = draft.options.unwrap_or_default();
        let new = NewUpstream {
            url: normal_url(&draft.kind, &draft.url)?,
            name: draft.name,
            kind: draft.kind,
            secret: self.sealed(draft.access_secret),
            access_key: filled(draft.access_key),
            is_insecure: draft.is_insecure,
            ca_certificate: filled(draft.ca_certificate),
            options: self.sealed_options(&options::merged(options, &UpstreamOptions::default()))?,
            description: draft.description,
            is_declared: false,
        };
        self.make_client(&unsaved(new.clone(), now))?;
        Ok(new)
    }

    fn update_of(&self, saved: &Upstream, change: UpstreamChange) -> Result<UpstreamUpdate> {
        change.name.as_deref().map(check_name).transpose()?;
        let kind = change.kind.as_ref().unwrap_or(&saved.kind);
        let url = change.url.map(|url| normal_url(kind, &url)).transpose()?;
        let is_moved = url.as_ref().is_some_and(|url| *url != saved.url);
        let secret = match change.access_secret {
            Some(secret) => Some(self.sealed(Some(secret))),
            // Nobody's secret follows to an address it was not given for.
            None => is_moved.then_some(None),
        };
        let options = self.changed_options(saved, change.options, is_moved)?;
        Ok(UpstreamUpdate {
            name: change.name,
            kind: change.kind,
            url,
            access_key: change.access_key.map(|key| filled(Some(key))),
            secret,
            is_insecure: change.is_insecure,
            ca_certificate: change
                .ca_certificate
                .map(|certificate| filled(Some(certificate))),
            options,
            description: change.description,
            is_declared: None,
            is_asked_anew: false,
        })
    }

    pub(crate) fn sealed(&self, secret: Option<String>) -> Option<Vec<u8>> {
        filled(secret).map(|secret| self.0.auth.seal(secret.as_bytes()))
    }
}

fn or_taken(name: &str, error: metadata::Error) -> Error {
    match error {
        metadata::Error::Conflict { .. } => {
            Error::Conflict(format!("registry {name} already exists"))
        }
        error => error.into(),
    }
}

fn not_found(id: i64) -> Error {
    Error::NotFound(format!("registry {id} not found"))
}

fn check_name(name: &str) -> Result<()> {
    if name.trim().is_empty() || name.chars().count() > MAX_NAME_CHARS {
        return Err(Error::BadRequest(format!(
            "a registry's name has 1 to {MAX_NAME_CHARS} characters"
        )));
    }
    Ok(())
}

fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

/// The endpoint as it would be once `update` is saved.
pub(crate) fn updated(saved: &Upstream, update: &UpstreamUpdate) -> Upstream {
    let update = update.clone();
    Upstream {
        name: update.name.unwrap_or_else(|| saved.name.clone()),
        kind: update.kind.unwrap_or_else(|| saved.kind.clone()),
        url: update.url.unwrap_or_else(|| saved.url.clone()),
        access_key: update
            .access_key
            .unwrap_or_else(|| saved.access_key.clone()),
        secret: update.secret.unwrap_or_else(|| saved.secret.clone()),
        is_insecure: update.is_insecure.unwrap_or(saved.is_insecure),
        ca_certificate: update
            .ca_certificate
            .unwrap_or_else(|| saved.ca_certificate.clone()),
        options: update.options.unwrap_or_else(|| saved.options.clone()),
        ..saved.clone()
    }
}

/// A draft in the shape of a row, to make a client of.
fn unsaved(new: NewUpstream, now: DateTime<Utc>) -> Upstream {
    Upstream {
        id: 0,
        name: new.name,
        kind: new.kind,
        url: new.url,
        access_key: new.access_key,
        secret: new.secret,
        is_insecure: new.is_insecure,
        ca_certificate: new.ca_certificate,
        options: new.options,
        description: new.description,
        status: String::new(),
        is_declared: new.is_declared,
        created_at: now,
        updated_at: now,
        trusted_since: now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_up_to_64_characters() {
        assert!(check_name("Docker Hub").is_ok() && check_name(&"é".repeat(64)).is_ok());
        assert!(check_name(" ").is_err() && check_name(&"a".repeat(65)).is_err());
    }
}
