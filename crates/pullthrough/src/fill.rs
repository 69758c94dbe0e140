//! Fills: bring one upstream blob into storage, once, however many clients ask. Where a request gets its bytes
//! from is [`crate::blob`]'s question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use oci::{Digest, RepositoryName};
use storage::{FillWriter, Spool, Stopped};
use tokio::sync::watch;
use upstream::BlobBody as UpstreamBody;

use crate::{Engine, Error, Origin, manifest};

/// Fills in flight, by upstream as it is asked, and digest: what one credential fetches is joined by nobody who asks with
/// another.
#[derive(Default)]
pub(crate) struct Fills {
    running: Mutex<HashMap<Key, Arc<Fill>>>,
}

type Key = (i64, DateTime<Utc>, Digest);

fn key(origin: &Origin, digest: &Digest) -> Key {
    (origin.client.id(), origin.asked_since, digest.clone())
}

/// One upstream body on its way into storage.
pub(crate) struct Fill {
    /// The repository at the upstream that it is asked from.
    pub(crate) remote: String,
    /// When it was asked: what is fetched while its endpoint is edited was fetched before.
    asked_at: DateTime<Utc>,
    stage: watch::Receiver<Stage>,
    /// Repositories that will hold the blob once it is stored; `None` once they have been told.
    audience: Mutex<Option<Vec<(RepositoryName, i64)>>>,
}

/// How far a fill is, for those who wait for it.
#[derive(Clone)]
pub(crate) enum Stage {
    /// Upstream has been asked.
    Asking,
    /// Its headers are in: bytes can be read, up to `size` where it is known.
    Flowing { spool: Spool, size: Option<u64> },
    /// Another fill stored the blob meanwhile.
    Stored,
    /// There is no room for it here: each reader must ask for itself.
    NoSpace,
    /// It failed before the first byte.
    Failed(Error),
}

impl Fills {
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }

    /// The fill in flight for `digest`, with its repository at the upstream.
    pub(crate) fn find(&self, origin: &Origin, digest: &Digest) -> Option<Arc<Fill>> {
        self.lock().get(&key(origin, digest)).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Arc<Fill>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fill {
    /// Makes `origin`'s repository hold the blob once it is stored. `false`: too late, it is stored already.
    pub(crate) fn attend(&self, origin: &Origin) -> bool {
        let mut audience = self.audience.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(audience) = audience.as_mut() else {
            return false;
        };
        let listener = (origin.repository.clone(), origin.project_id);
        if !audience.contains(&listener) {
            audience.push(listener);
        }
        true
    }

    /// Waits until it is over, and its rows are written.
    pub(crate) async fn ended(&self) {
        let mut stage = self.stage.clone();
        while stage.changed().await.is_ok() {}
    }

    /// Waits until there is something to read, or never will be.
    pub(crate) async fn started(&self) -> Stage {
        let mut stage = self.stage.clone();
        match stage
            .wait_for(|stage| !matches!(stage, Stage::Asking))
            .await
        {
            Ok(stage) => stage.clone(),
            Err(_) => Stage::Failed(Error::Abandoned),
        }
    }
}

impl Engine {
    /// Joins the fill in flight for `digest`, or begins one. The flag tells whether this call began it.
    pub(crate) fn join_or_start(
        self: &Arc<Self>,
        origin: &Origin,
        digest: &Digest,
        size: Option<u64>,
    ) -> (Arc<Fill>, bool) {
        let key = key(origin, digest);
        let mut running = self.fills.lock();
        if let Some(fill) = running.get(&key) {
            return (fill.clone(), false);
        }
        let (sender, stage) = watch::channel(Stage::Asking);
        let fill = Arc::new(Fill {
            remote: origin.remote().to_owned(),
            asked_at: Utc::now(),
            stage,
            audience: Mutex::new(Some(vec![(origin.repository.clone(), origin.project_id)])),
        });
        running.insert(key.clone(), fill.clone());
        let task = Task {
            engine: self.clone(),
            origin: origin.clone(),
            digest: digest.clone(),
            expected: size,
            key,
        };
        // The engine owns it: it goes on when its clients leave, and a shutdown waits for it.
        self.tasks.spawn(task.run(fill.clone(), sender));
        (fill, true)
    }
}

/// The work of one fill.
struct Task {
    engine: Arc<Engine>,
    origin: Origin,
    digest: Digest,
    /// The size a manifest gives for the blob.
    expected: Option<u64>,
    key: Key,
}

impl Drop for Task {
    /// However it ends, the next request must be able to start afresh.
    fn drop(&mut self) {
        self.engine.fills.lock().remove(&self.key);
    }
}

impl Task {
    async fn run(self, fill: Arc<Fill>, sender: watch::Sender<Stage>) {
        let (writer, body, size) = match self.begin(&sender).await {
            Ok(Some(begun)) => begun,
            Ok(None) => return,
            Err(error) => {
                // The table forgets the fill before its waiters learn of the failure, so that their next try is a new one.
                self.engine.fills.lock().remove(&self.key);
                sender.send_replace(Stage::Failed(error));
                return;
            }
        };
        let _landing = self.engine.local.landing(&self.digest);
        match self.pump(writer, body, size).await {
            Ok(stored) => {
                self.tell_audience(&fill, stored).await;
                tracing::info!(repository = %self.origin.repository, upstream = self.origin.client.name(), digest = %self.digest, size_bytes = stored, "blob filled");
            }
            Err(reason) => {
                tracing::error!(repository = %self.origin.repository, upstream = self.origin.client.name(), digest = %self.digest, reason, "fill failed");
            }
        }
    }

    /// Asks upstream and opens the spool. `None`: there is nothing to pump, and the waiters have been told why.
    async fn begin(
        &self,
        sender: &watch::Sender<Stage>,
    ) -> Result<Option<(FillWriter, UpstreamBody, Option<u64>)>, Error> {
        // A fill that ended between its last look and its start has left the bytes here.
        if self
            .engine
            .local
            .store()
            .size(&self.digest)
            .await?
            .is_some()
        {
            self.engine.fills.lock().remove(&self.key);
            sender.send_replace(Stage::Stored);
            return Ok(None);
        }
        let body = self.engine.ask(&self.origin, &self.digest, 0).await?;
        let size = agree(self.expected, body.total)
            .map_err(|reason| manifest::bad_answer(&self.origin, reason))?;
        let (writer, spool) = match self.engine.local.store().start_fill(&self.digest).await {
            Ok(opened) => opened,
            Err(error) => {
                tracing::error!(digest = %self.digest, %error, "no room for a fill: streaming through uncached");
                self.engine.fills.lock().remove(&self.key);
                sender.send_replace(Stage::NoSpace);
                return Ok(None);
            }
        };
        sender.send_replace(Stage::Flowing { spool, size });
        Ok(Some((writer, body, size)))
    }

    /// Moves the body into the spool, taking it up again where upstream cuts it, and commits it.
    async fn pump(
        &self,
        mut writer: FillWriter,
        mut body: UpstreamBody,
        size: Option<u64>,
    ) -> Result<u64, String> {
        let mut skip = 0_u64;
        let mut failures = 0;
        loop {
            let trouble = match body.stream.next().await {
                Some(Ok(chunk)) => {
                    let skipped = skip.min(chunk.len() as u64);
                    skip -= skipped;
                    let chunk = chunk.slice(usize::try_from(skipped).unwrap_or(chunk.len())..);
                    if chunk.is_empty() {
                        continue;
                    }
                    failures = 0;
                    if size.is_some_and(|size| writer.accepted() + chunk.len() as u64 > size) {
                        return fail(
                            writer,
                            format!(
                                "upstream sent more than the {} bytes it promised",
                                size.unwrap_or_default()
                            ),
                        )
                        .await;
                    }
                    if let Err(error) = writer.write(chunk).await {
                        let why = if matches!(error, storage::Error::NoSpace) {
                            Stopped::NoSpace
                        } else {
                            Stopped::Failed(error.to_string())
                        };
                        writer.stop(why).await;
                        return Err(error.to_string());
                    }
                    continue;
                }
                Some(Err(error)) => error.to_string(),
                None if size.is_none_or(|size| writer.accepted() == size) => break,
                None => "the body ended early".to_owned(),
            };
            match self.resume(writer.accepted(), &mut failures, trouble).await {
                Ok(resumed) => {
                    skip = writer.accepted() - resumed.start;
                    body = resumed;
                }
                Err(reason) => return fail(writer, reason).await,
            }
        }
        writer.commit().await.map_err(|error| error.to_string())
    }

    /// Asks for the rest from `offset`. An upstream without ranges starts again; what is here already is skipped.
    async fn resume(
        &self,
        offset: u64,
        failures: &mut u32,
        trouble: String,
    ) -> Result<UpstreamBody, String> {
        let mut trouble = trouble;
        while *failures < self.engine.config.resume_attempts {
            tracing::warn!(digest = %self.digest, upstream = self.origin.client.name(), offset, trouble, "taking a fill up again");
            tokio::time::sleep(Duration::from_millis(100) * 2_u32.pow((*failures).min(6))).await;
            *failures += 1;
            match self
                .origin
                .client
                .blob(self.origin.remote(), &self.digest, offset)
                .await
            {
                Ok(body) if body.start <= offset => return Ok(body),
                Ok(body) => {
                    trouble = format!(
                        "asked for byte {offset}, upstream sent from byte {}",
                        body.start
                    )
                }
                Err(error)
                    if error.is_outage()
                        || matches!(
                            error,
                            upstream::Error::Failed { .. } | upstream::Error::RateLimited { .. }
                        ) =>
                {
                    trouble = error.to_string();
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!(
            "upstream broke off at byte {offset} and could not go on: {trouble}"
        ))
    }

    /// The bytes are stored: now the rows that name them.
    async fn tell_audience(&self, fill: &Fill, size: u64) {
        let mut told = 0;
        loop {
            let next = {
                let mut audience = fill.audience.lock().unwrap_or_else(PoisonError::into_inner);
                let next = audience
                    .as_ref()
                    .and_then(|audience| audience.get(told).cloned());
                if next.is_none() {
                    // Whoever comes from here on finds the bytes in storage.
                    *audience = None;
                }
                next
            };
            let Some((repository, project_id)) = next else {
                return;
            };
            told += 1;
            let linked = self
                .engine
                .local
                .db()
                .link_blob(&repository, project_id, &self.digest, size, fill.asked_at)
                .await;
            match linked {
                Ok(()) => self.engine.local.note_growth(project_id),
                Err(error) => {
                    tracing::error!(%repository, digest = %self.digest, %error, "blob stored but not recorded");
                }
            }
        }
    }
}

impl Engine {
    /// One `GET` of a blob upstream, its failures in this crate's words.
    pub(crate) async fn ask(
        &self,
        origin: &Origin,
        digest: &Digest,
        offset: u64,
    ) -> Result<UpstreamBody, Error> {
        origin
            .client
            .blob(origin.remote(), digest, offset)
            .await
            .map_err(|error| blob_error(origin, digest, error))
    }
}

/// What upstream did, as an answer to the request for a blob.
pub(crate) fn blob_error(origin: &Origin, digest: &Digest, error: upstream::Error) -> Error {
    match error {
        upstream::Error::NotFound => Error::BlobUnknown {
            upstream: origin.client.name().to_owned(),
            repository: origin.remote().to_owned(),
            digest: digest.clone(),
        },
        error => Error::Upstream {
            upstream: origin.client.name().to_owned(),
            source: Arc::new(error),
        },
    }
}

/// The size that the manifest and upstream's header agree on, of those that are known.
pub(crate) fn agree(expected: Option<u64>, total: Option<u64>) -> Result<Option<u64>, String> {
    match (expected, total) {
        (Some(expected), Some(total)) if expected != total => Err(format!(
            "the blob should have {expected} bytes, but it offers {total}"
        )),
        (expected, total) => Ok(expected.or(total)),
    }
}

async fn fail(writer: FillWriter, reason: String) -> Result<u64, String> {
    writer.stop(Stopped::Failed(reason.clone())).await;
    Err(reason)
}
