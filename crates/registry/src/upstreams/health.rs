//! Whether an endpoint answers: asked for by people, after each edit and now and then; and told by its real traffic. It
//! is shown to people. Pulls find out for themselves, and nothing waits for it.

use std::time::Duration;

use chrono::{DateTime, Utc};
use metadata::{Page, Upstream};
use upstream::Client;

use crate::{Error, Registry, Result};

const HEALTHY: &str = "healthy";
const UNHEALTHY: &str = "unhealthy";
/// How long a test waits for an upstream to say that it is there: longer than its client waits for a connection, so that
/// the client can say which step failed.
const PING_PATIENCE: Duration = Duration::from_secs(10);
/// How often each upstream is looked at, as often as by Harbor.
const HEALTH_PERIOD: Duration = Duration::from_secs(300);
/// How long after the start they are looked at first.
const FIRST_HEALTH_CHECK: Duration = Duration::from_secs(30);

/// What is known of an endpoint now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamState {
    /// `healthy`, `unhealthy`, or nothing known: as its traffic says where that is broken off, else as it was when
    /// last looked at.
    pub status: String,
    /// Why it is unhealthy, where this process knows.
    pub reason: Option<String>,
    /// When it was last looked at, where this process did.
    pub checked_at: Option<DateTime<Utc>>,
    /// What its rate limits leave, as far as it has told.
    pub budgets: Vec<UpstreamBudget>,
}

/// What a registry's rate limit leaves one credential.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpstreamBudget {
    /// The credential's user name; `None` for nobody.
    pub account: Option<String>,
    /// How many requests it allows in `window`.
    pub limit: Option<u64>,
    /// How many of them are left.
    pub remaining: Option<u64>,
    /// How long the limit is for.
    pub window: Option<Duration>,
    /// Until when nobody asks, because it said so.
    pub held_until: Option<DateTime<Utc>>,
}

/// How an endpoint was when it was last looked at.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    pub(crate) at: DateTime<Utc>,
    /// Why it is unhealthy; `None` where it is healthy.
    pub(crate) trouble: Option<String>,
}

impl Registry {
    /// What is known of an endpoint, from memory: asks nobody.
    pub fn upstream_state(&self, saved: &Upstream) -> UpstreamState {
        let client = self.0.clients.made_for(saved);
        let outage = client
            .as_ref()
            .and_then(|client| client.breaker().outage(Utc::now()));
        let look = self.0.clients.look(saved.id);
        state(saved, look, outage, client.map(budgets).unwrap_or_default())
    }

    /// Looks at every upstream now and then, until the task is dropped.
    pub async fn run_health_checks(self) {
        // A start asks no upstream anything: pulls come first.
        tokio::time::sleep(FIRST_HEALTH_CHECK).await;
        loop {
            match self.db().list_upstreams(&Page::all()).await {
                Ok(upstreams) => {
                    let there: Vec<i64> = upstreams.items.iter().map(|saved| saved.id).collect();
                    // Another node may have deleted some.
                    self.0.clients.keep_only(&there);
                    for id in there {
                        self.note_health(id).await;
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "upstreams could not be looked at; it is tried again")
                }
            }
            tokio::time::sleep(HEALTH_PERIOD).await;
        }
    }

    /// Whether an endpoint as it stands in `upstream` answers.
    pub(super) async fn ping(&self, upstream: &Upstream) -> Result<()> {
        let client = self.make_client(upstream)?;
        let answer = answer_in_time(&client).await;
        answer.map_err(|why| Error::BadRequest(format!("the registry is unhealthy: {why}")))
    }

    /// Looks at an endpoint beside whoever saved it, who does not wait. The task ends within [`PING_PATIENCE`], or with
    /// [`Registry::drain`].
    pub(super) fn look_soon(&self, id: i64) {
        let registry = self.clone();
        self.0
            .clients
            .spawn(async move { registry.note_health(id).await });
    }

    /// Asks an upstream whether it is there, and notes the answer. A failure to note it is for the log alone.
    async fn note_health(&self, id: i64) {
        let Ok(Some(asked)) = self.db().find_upstream(id).await else {
            return;
        };
        let trouble = match self.client(id).await {
            // Nothing is to be learned, and what was known is true again when the drill ends.
            Ok(client) if client.breaker().drill(Utc::now()).is_some() => return,
            Ok(client) => answer_in_time(&client).await.err(),
            Err(error) => Some(error.to_string()),
        };
        // Edited meanwhile, it is looked at again; deleted, it is nobody's business.
        let now = self.db().find_upstream(id).await.ok().flatten();
        if now.is_none_or(|now| now.updated_at != asked.updated_at) {
            return;
        }
        let status = match &trouble {
            Some(why) => {
                tracing::info!(upstream = asked.name, why, "upstream is unhealthy");
                UNHEALTHY
            }
            None => HEALTHY,
        };
        let at = Utc::now();
        self.0.clients.note(id, Look { at, trouble });
        if asked.status == status {
            return;
        }
        match self.db().set_upstream_status(id, status).await {
            Ok(()) | Err(metadata::Error::NotFound { .. }) => {}
            Err(error) => {
                tracing::warn!(upstream = id, %error, "the status of an upstream could not be noted")
            }
        }
    }
}

fn state(
    saved: &Upstream,
    look: Option<Look>,
    outage: Option<String>,
    budgets: Vec<UpstreamBudget>,
) -> UpstreamState {
    let checked_at = look.as_ref().map(|look| look.at);
    // What was noted is in the database, where other nodes note too: a reason belongs to the trouble noted last.
    let is_unhealthy = outage.is_some() || saved.status == UNHEALTHY;
    let status = if is_unhealthy {
        UNHEALTHY
    } else {
        &saved.status
    };
    UpstreamState {
        status: status.to_owned(),
        reason: outage
            .or_else(|| look.and_then(|look| look.trouble))
            .filter(|_| is_unhealthy),
        checked_at: checked_at.filter(|_| !saved.status.is_empty()),
        budgets,
    }
}

fn budgets(client: Client) -> Vec<UpstreamBudget> {
    // What nothing is known of is not worth a line.
    let known = client.budgets().into_iter();
    let known = known.filter(|budget| budget.remaining.is_some() || budget.held_until.is_some());
    known
        .map(|budget| UpstreamBudget {
            account: budget.account,
            limit: budget.limit,
            remaining: budget.remaining,
            window: budget.window,
            held_until: budget.held_until,
        })
        .collect()
}

async fn answer_in_time(client: &Client) -> std::result::Result<(), String> {
    match tokio::time::timeout(PING_PATIENCE, client.ping()).await {
        Ok(answer) => answer.map_err(|error| error.to_string()),
        Err(_) => Err(format!(
            "it did not answer within {} seconds: see whether a firewall or proxy on the way swallows the connection",
            PING_PATIENCE.as_secs()
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_traffic_wins_over_the_last_look() {
        let look = |trouble: Option<&str>| Look {
            at: DateTime::UNIX_EPOCH,
            trouble: trouble.map(str::to_owned),
        };
        // Status noted, last look, outage: status and reason shown.
        let table = [
            ("", None, None, "", None),
            ("healthy", None, None, "healthy", None),
            ("healthy", Some(look(None)), None, "healthy", None),
            (
                "healthy",
                Some(look(None)),
                Some("down"),
                "unhealthy",
                Some("down"),
            ),
            (
                "unhealthy",
                Some(look(Some("dns"))),
                None,
                "unhealthy",
                Some("dns"),
            ),
            (
                "unhealthy",
                Some(look(Some("dns"))),
                Some("down"),
                "unhealthy",
                Some("down"),
            ),
            ("unhealthy", None, None, "unhealthy", None),
            // Another node found it well since.
            ("healthy", Some(look(Some("dns"))), None, "healthy", None),
        ];
        for (noted, look, outage, status, reason) in table {
            let saved = saved(noted);
            let shown = state(&saved, look, outage.map(str::to_owned), Vec::new());
            assert_eq!(
                (shown.status.as_str(), shown.reason.as_deref()),
                (status, reason)
            );
        }
    }

    fn saved(status: &str) -> Upstream {
        Upstream {
            id: 1,
            name: "up".to_owned(),
            kind: "quay".to_owned(),
            url: "https://quay.io".to_owned(),
            access_key: None,
            secret: None,
            is_insecure: false,
            ca_certificate: None,
            options: None,
            description: String::new(),
            status: status.to_owned(),
            is_declared: false,
            created_at: DateTime::UNIX_EPOCH,
            updated_at: DateTime::UNIX_EPOCH,
            trusted_since: DateTime::UNIX_EPOCH,
        }
    }
}
