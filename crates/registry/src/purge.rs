//! Purges of the audit log. When and by whom they are run is [`crate::jobs`]'s; what a request means is [`request`]'s.

mod request;

use std::time::Duration;

use crate::jobs::{Ended, Job};
use crate::{Registry, Result};

pub use request::PurgeRequest;

/// Between two chunks, for writers that wait.
const BREATH: Duration = Duration::from_millis(5);

impl Registry {
    pub(crate) async fn purge(&self, mut job: Job<'_>) -> Result<Ended> {
        let request = PurgeRequest::of_json(&job.run.parameters)?;
        let before = job.run.created_at - request.retention();
        let events: Vec<&str> = request.events.iter().map(|event| event.as_str()).collect();
        let line = format!(
            "entries from before {} of {}{}\n",
            before.format("%Y-%m-%dT%H:%M:%SZ"),
            if events.is_empty() {
                "no event".to_owned()
            } else {
                events.join(", ")
            },
            if request.is_dry_run {
                ", counted only"
            } else {
                ""
            },
        );
        if !job.tell(&line).await? {
            return Ok(Ended::Stopped);
        }
        let mut all = 0;
        for event in &request.events {
            let mut gone = 0;
            if request.is_dry_run {
                gone = self.db().count_audit_before(*event, before).await?;
            } else {
                loop {
                    let deleted = self.db().purge_audit(*event, before).await?;
                    gone += deleted;
                    if deleted == 0 {
                        break;
                    }
                    if !job.goes_on().await? {
                        return Ok(Ended::Stopped);
                    }
                    tokio::time::sleep(BREATH).await;
                }
            }
            all += gone;
            if !job.tell(&format!("{}: {gone}\n", event.as_str())).await? {
                return Ok(Ended::Stopped);
            }
        }
        let done = if request.is_dry_run {
            "would be deleted"
        } else {
            "deleted"
        };
        tracing::info!(
            purge = job.run.id,
            entries = all,
            is_dry_run = request.is_dry_run,
            "audit log purged"
        );
        Ok(Ended::Done(format!("{all} entries {done}\n")))
    }
}
