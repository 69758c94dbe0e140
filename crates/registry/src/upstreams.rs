//! Upstream endpoints as administrators keep them: saved, changed, tested, told healthy or not. How their content
//! is asked for is the pull's business; Harbor's API calls them registries.

use std::sync::Arc;
use std::time::Duration;

use auth::{SystemAccess, SystemAction};
use chrono::{DateTime, Utc};
use metadata::{NewUpstream, Page, Paged, Upstream, UpstreamUpdate};
use url::Url;

use crate::{Error, Registry, Result};

const HEALTHY: &str = "healthy";
const UNHEALTHY: &str = "unhealthy";
/// How long a save or a test waits for an upstream to say that it is there.
const PING_PATIENCE: Duration = Duration::from_secs(5);
/// How often each upstream is looked at, as often as by Harbor.
const HEALTH_PERIOD: Duration = Duration::from_secs(300);
/// How long after the start they are looked at first.
const FIRST_HEALTH_CHECK: Duration = Duration::from_secs(30);
const MAX_NAME_CHARS: usize = 64;
const MAX_URL_BYTES: usize = 256;
const DOCKER_HUB: &str = "docker-hub";
const DOCKER_HUB_URL: &str = "https://hub.docker.com";

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
    /// What people say about it.
    pub description: String,
}

/// What to change of an endpoint; `None` leaves a field alone, an empty text empties it. Its kind stays.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct UpstreamChange {
    /// Its name.
    pub name: Option<String>,
    /// Its address. A new one loses the secret, unless that is given again.
    pub url: Option<String>,
    /// The user name.
    pub access_key: Option<String>,
    /// The password.
    pub access_secret: Option<String>,
    /// Whether its certificate goes unchecked.
    pub is_insecure: Option<bool>,
    /// A certificate authority to trust for it, in PEM.
    pub ca_certificate: Option<String>,
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
        demand(access)?;
        Ok(self.db().list_upstreams(page).await?)
    }

    /// One endpoint.
    pub async fn upstream(&self, access: &SystemAccess, id: i64) -> Result<Arc<Upstream>> {
        demand(access)?;
        self.saved_upstream(id).await
    }

    /// Saves a new endpoint, whether it answers or not; that is asked afterwards and noted.
    pub async fn create_upstream(
        &self,
        access: &SystemAccess,
        draft: UpstreamDraft,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        demand(access)?;
        let new = self.checked_upstream(draft, now)?;
        let name = new.name.clone();
        let saved = self
            .db()
            .create_upstream(new, now)
            .await
            .map_err(|error| or_taken(&name, error))?;
        self.note_health(saved.id).await;
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
        demand(access)?;
        let saved = self.editable_upstream(id).await?;
        let update = self.update_of(&saved, change)?;
        self.make_client(&updated(&saved, &update))?;
        let name = update.name.clone().unwrap_or_default();
        self.db()
            .update_upstream(id, update, now)
            .await
            .map_err(|error| or_taken(&name, error))?;
        self.note_health(id).await;
        Ok(())
    }

    /// Deletes an endpoint that no project pulls from.
    pub async fn delete_upstream(&self, access: &SystemAccess, id: i64) -> Result<()> {
        demand(access)?;
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
            })
    }

    /// Whether an endpoint that is not saved, or not yet, would answer.
    pub async fn ping_draft(
        &self,
        access: &SystemAccess,
        draft: UpstreamDraft,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand(access)?;
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
        demand(access)?;
        let saved = self.saved_upstream(id).await?;
        let change = UpstreamChange {
            access_key,
            access_secret,
            ..UpstreamChange::default()
        };
        let update = self.update_of(&saved, change)?;
        self.ping(&updated(&saved, &update)).await
    }

    /// Looks at every upstream now and then, until the task is dropped. What it finds is shown to people; pulls find
    /// out for themselves.
    pub async fn run_health_checks(self) {
        // A start asks no upstream anything: pulls come first.
        tokio::time::sleep(FIRST_HEALTH_CHECK).await;
        loop {
            match self.db().list_upstreams(&Page::all()).await {
                Ok(upstreams) => {
                    for upstream in upstreams.items {
                        self.note_health(upstream.id).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "upstreams could not be looked at; it is tried again")
                }
            }
            tokio::time::sleep(HEALTH_PERIOD).await;
        }
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
        let new = NewUpstream {
            url: normal_url(&draft.kind, &draft.url)?,
            name: draft.name,
            kind: draft.kind,
            secret: self.sealed(draft.access_secret),
            access_key: filled(draft.access_key),
            is_insecure: draft.is_insecure,
            ca_certificate: filled(draft.ca_certificate),
            description: draft.description,
            is_declared: false,
        };
        self.make_client(&unsaved(new.clone(), now))?;
        Ok(new)
    }

    fn update_of(&self, saved: &Upstream, change: UpstreamChange) -> Result<UpstreamUpdate> {
        change.name.as_deref().map(check_name).transpose()?;
        let url = change
            .url
            .map(|url| normal_url(&saved.kind, &url))
            .transpose()?;
        let is_moved = url.as_ref().is_some_and(|url| *url != saved.url);
        let secret = match change.access_secret {
            Some(secret) => Some(self.sealed(Some(secret))),
            // Nobody's secret follows to an address it was not given for.
            None => is_moved.then_some(None),
        };
        Ok(UpstreamUpdate {
            name: change.name,
            kind: None,
            url,
            access_key: change.access_key.map(|key| filled(Some(key))),
            secret,
            is_insecure: change.is_insecure,
            ca_certificate: change
                .ca_certificate
                .map(|certificate| filled(Some(certificate))),
            description: change.description,
            is_declared: None,
        })
    }

    pub(crate) fn sealed(&self, secret: Option<String>) -> Option<Vec<u8>> {
        filled(secret).map(|secret| self.0.auth.seal(secret.as_bytes()))
    }

    async fn ping(&self, upstream: &Upstream) -> Result<()> {
        let client = self.make_client(upstream)?;
        let answer = answer_in_time(&client).await;
        answer.map_err(|why| Error::BadRequest(format!("the registry is unhealthy: it {why}")))
    }

    /// Asks an upstream whether it is there, and notes the answer. A failure to note it is for the log alone.
    async fn note_health(&self, id: i64) {
        let (status, why) = match self.client(id).await {
            Ok(client) => match answer_in_time(&client).await {
                Ok(()) => (HEALTHY, None),
                Err(why) => (UNHEALTHY, Some(why)),
            },
            Err(error) => (UNHEALTHY, Some(error.to_string())),
        };
        if let Some(why) = why {
            tracing::info!(upstream = id, why, "upstream is unhealthy");
        }
        match self.db().set_upstream_status(id, status).await {
            // Deleted meanwhile.
            Ok(()) | Err(metadata::Error::NotFound { .. }) => {}
            Err(error) => {
                tracing::warn!(upstream = id, %error, "the status of an upstream could not be noted")
            }
        }
    }
}

async fn answer_in_time(client: &upstream::Client) -> std::result::Result<(), String> {
    match tokio::time::timeout(PING_PATIENCE, client.ping()).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(upstream::Error::Timeout.to_string()),
    }
}

fn demand(access: &SystemAccess) -> Result<()> {
    match access.action() {
        SystemAction::ManageUpstreams => Ok(()),
        other => Err(Error::bug(format!(
            "access to {other:?} used for upstreams"
        ))),
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
fn updated(saved: &Upstream, update: &UpstreamUpdate) -> Upstream {
    let update = update.clone();
    Upstream {
        name: update.name.unwrap_or_else(|| saved.name.clone()),
        url: update.url.unwrap_or_else(|| saved.url.clone()),
        access_key: update
            .access_key
            .unwrap_or_else(|| saved.access_key.clone()),
        secret: update.secret.unwrap_or_else(|| saved.secret.clone()),
        is_insecure: update.is_insecure.unwrap_or(saved.is_insecure),
        ca_certificate: update
            .ca_certificate
            .unwrap_or_else(|| saved.ca_certificate.clone()),
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
        description: new.description,
        status: String::new(),
        is_declared: new.is_declared,
        created_at: now,
        updated_at: now,
    }
}

/// An address as Harbor keeps it: no white space or slash at its ends, `http://` where there is no scheme, a path
/// prefix kept, a query dropped. One with a user and password in it is refused, because addresses are shown.
pub(crate) fn normal_url(kind: &str, typed: &str) -> Result<String> {
    let typed = typed.trim();
    if typed.is_empty() && kind == DOCKER_HUB {
        return Ok(DOCKER_HUB_URL.to_owned());
    }
    let refused = |why: &str| Error::BadRequest(format!("the registry's url {why}"));
    let whole = if typed.contains("://") {
        typed.to_owned()
    } else {
        format!("http://{typed}")
    };
    let mut url: Url = whole.parse().map_err(|_| refused("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err(refused("must be an http or https URL with a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refused(
            "must not hold credentials: put them into access_key and access_secret",
        ));
    }
    url.set_query(None);
    url.set_fragment(None);
    let url = url.as_str().trim_end_matches('/').to_owned();
    if url.len() > MAX_URL_BYTES {
        return Err(refused(&format!(
            "is longer than {MAX_URL_BYTES} characters"
        )));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_kept_as_harbor_keeps_it() {
        let table = [
            (
                "docker-registry",
                " https://r.example/ ",
                "https://r.example",
            ),
            ("docker-registry", "r.example:5000", "http://r.example:5000"),
            (
                "docker-registry",
                "https://r.example/a/b//?x=y#z",
                "https://r.example/a/b",
            ),
            ("docker-hub", "", "https://hub.docker.com"),
            (
                "docker-hub",
                "http://127.0.0.1:5000/",
                "http://127.0.0.1:5000",
            ),
        ];
        for (kind, typed, expected) in table {
            assert_eq!(normal_url(kind, typed).unwrap(), expected, "{typed}");
        }
        let long = format!("https://r.example/{}", "a".repeat(300));
        for typed in [
            "",
            "https://",
            "ftp://r.example",
            "http://a b",
            "https://user:secret@r.example",
            &long,
        ] {
            assert!(
                matches!(
                    normal_url("docker-registry", typed),
                    Err(Error::BadRequest(_))
                ),
                "{typed}"
            );
        }
    }

    #[test]
    fn a_name_has_up_to_64_characters() {
        assert!(check_name("Docker Hub").is_ok() && check_name(&"é".repeat(64)).is_ok());
        assert!(check_name(" ").is_err() && check_name(&"a".repeat(65)).is_err());
    }
}
