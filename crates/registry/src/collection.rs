//! Garbage collection, as people ask for it and schedule it: what the janitor does every hour, now, with a log and with what
//! it freed. It runs beside pushes and pulls, and what it removes is needed by nothing: no manifest, no hold of a push or a
//! fill in progress, nothing younger than the grace time.

use chrono::{DateTime, TimeDelta, Utc};
use metadata::Located;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::janitor::{Sweep, Swept, prefixes};
use crate::jobs::{Ended, Job};
use crate::{Error, Registry, Result};

/// Harbor's bounds.
const MAX_WORKERS: i64 = 10;
/// An artifact without a tag is left alone for so long: a push may be about to tag it, or to name it in an index. Harbor's.
const UNTAGGED_GRACE: TimeDelta = TimeDelta::hours(2);
/// Artifacts without tags that are looked up at once.
const UNTAGGED_AT_ONCE: u64 = 500;

/// What a collection is asked to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CollectionRequest {
    /// Artifacts of hosted projects that have no tag go first. A proxy cache's are its retention policy's: they are pulled
    /// by digest, day by day.
    #[serde(default)]
    pub delete_untagged: bool,
    /// Only count what would go.
    #[serde(default)]
    pub dry_run: bool,
    /// Harbor's; collections here do not wait for workers. Kept to be shown.
    #[serde(default = "one")]
    pub workers: i64,
}

fn one() -> i64 {
    1
}

impl CollectionRequest {
    /// Of a request's `parameters`; what is not said is Harbor's default.
    ///
    /// # Errors
    /// [`Error::BadRequest`] says which is wrong.
    pub fn parse(parameters: &Map<String, Value>) -> Result<Self> {
        let flag = |key: &str| match parameters.get(key) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(value)) => Ok(*value),
            Some(other) => Err(bad(&format!("{key} is true or false, not {other}"))),
        };
        let workers = match parameters.get("workers") {
            None | Some(Value::Null) => 1,
            // Terraform's provider sends numbers as they are, the portal of some versions as text.
            Some(value) => value
                .as_i64()
                .or_else(|| value.as_str()?.trim().parse().ok())
                .filter(|workers| (1..=MAX_WORKERS).contains(workers))
                .ok_or_else(|| {
                    bad(&format!(
                        "workers is a number from 1 to {MAX_WORKERS}, not {value}"
                    ))
                })?,
        };
        Ok(Self {
            delete_untagged: flag("delete_untagged")?,
            dry_run: flag("dry_run")?,
            workers,
        })
    }

    pub(crate) fn to_json(self) -> Value {
        json!({ "delete_untagged": self.delete_untagged, "dry_run": self.dry_run, "workers": self.workers })
    }

    fn of_json(text: &str) -> Result<Self> {
        serde_json::from_str(text).map_err(|error| Error::Internal(error.into()))
    }
}

impl Registry {
    pub(crate) async fn collect(&self, mut job: Job<'_>) -> Result<Ended> {
        let request = CollectionRequest::of_json(&job.run.parameters)?;
        let now = Utc::now();
        let begun = match request.dry_run {
            true => "a dry run: nothing is removed\n",
            false => "looking for what nothing needs\n",
        };
        if !job.tell(begun).await? {
            return Ok(Ended::Stopped);
        }
        let mut untagged = 0;
        if request.delete_untagged {
            match self
                .collect_untagged(&mut job, request.dry_run, now)
                .await?
            {
                Some(count) => untagged = count,
                None => return Ok(Ended::Stopped),
            }
        }
        let mut swept = Swept::default();
        let sweep = match request.dry_run {
            true => Sweep::Count,
            false => {
                self.sweep_holds(now, &mut swept).await?;
                Sweep::Remove
            }
        };
        for (algorithm, prefix) in prefixes() {
            self.sweep_prefix(algorithm, prefix, now, sweep, &mut swept)
                .await?;
            if !job.goes_on().await? {
                return Ok(Ended::Stopped);
            }
        }
        // Harbor's portal and clients read what was freed from here.
        let mut parameters = request.to_json();
        parameters["freed_space"] = json!(swept.bytes);
        parameters["purged_blobs"] = json!(swept.blobs);
        parameters["purged_manifests"] = json!(untagged);
        let parameters = parameters.to_string();
        self.db()
            .describe_execution(job.run.id, &parameters)
            .await?;
        let would = match request.dry_run {
            true => "would be ",
            false => "",
        };
        tracing::info!(
            collection = job.run.id,
            blobs = swept.blobs,
            size_bytes = swept.bytes,
            is_dry_run = request.dry_run,
            "garbage collected"
        );
        Ok(Ended::Done(format!(
            "{untagged} artifacts without tags and {} blobs {would}removed, {} bytes {would}freed, {} uploads {would}given up\n",
            swept.blobs, swept.bytes, swept.uploads
        )))
    }

    /// How many there were; `None`: it was stopped.
    async fn collect_untagged(
        &self,
        job: &mut Job<'_>,
        is_dry_run: bool,
        now: DateTime<Utc>,
    ) -> Result<Option<u64>> {
        let (mut count, mut after) = (0, 0);
        loop {
            let before = now - UNTAGGED_GRACE;
            let found = self
                .db()
                .untagged_of_hosted(before, after, UNTAGGED_AT_ONCE)
                .await?;
            let Some(last) = found.last() else {
                return Ok(Some(count));
            };
            after = last.id;
            for artifact in &found {
                let line = format!("{}@{}: no tag\n", artifact.repository, artifact.digest);
                if !job.tell(&line).await? {
                    return Ok(None);
                }
                let is_gone = is_dry_run || self.collect_artifact(artifact, now).await?;
                count += u64::from(is_gone);
            }
        }
    }

    /// Whether it went. It stays where a signature of its has a tag that must.
    async fn collect_artifact(&self, artifact: &Located, now: DateTime<Utc>) -> Result<bool> {
        let Located {
            repository, digest, ..
        } = artifact;
        let Some(project) = self.db().find_project(repository.project()).await? else {
            return Ok(false);
        };
        let immutability = self.immutability_of(project.id).await?;
        let is_kept = immutability.within(repository);
        let deleted = self
            .db()
            .delete_artifact_and_children(repository, digest, &is_kept, now);
        match deleted.await {
            Err(metadata::Error::TagKept { .. }) => Ok(false),
            deleted => Ok(deleted?),
        }
    }
}

fn bad(message: &str) -> Error {
    Error::BadRequest(message.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_as_harbors_clients_send_them() {
        let parse = |value: Value| CollectionRequest::parse(value.as_object().unwrap());
        let asked = parse(json!({ "delete_untagged": true, "workers": "3", "redis_url_reg": "x" }));
        let expected = CollectionRequest {
            delete_untagged: true,
            dry_run: false,
            workers: 3,
        };
        assert_eq!(asked.unwrap(), expected);
        assert_eq!(parse(json!({})).unwrap().workers, 1);
        for wrong in [
            json!({ "workers": 0 }),
            json!({ "workers": 11 }),
            json!({ "dry_run": "yes" }),
        ] {
            assert!(matches!(parse(wrong), Err(Error::BadRequest(_))));
        }
        let kept = CollectionRequest::of_json(&expected.to_json().to_string());
        assert_eq!(kept.unwrap(), expected);
    }
}
