//! Forwarding: a queue between those who do things and a log server that may be slow or away. Nobody ever waits for
//! it: what does not fit is dropped, and counted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use metadata::AuditEntry;
use tokio::sync::{mpsc, watch};

use super::settings::Endpoint;
use super::syslog::{Socket, line};

/// Entries that wait to be sent, of a quarter of a KiB each.
const QUEUE: usize = 10_000;
/// Between two attempts to reach the log server, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(10));

/// See the module.
pub(crate) struct Forward {
    is_on: AtomicBool,
    /// `None` once nothing more is taken.
    queue: RwLock<Option<mpsc::Sender<AuditEntry>>>,
    /// Taken by whoever sends.
    waiting: Mutex<Option<mpsc::Receiver<AuditEntry>>>,
    endpoint: watch::Sender<Option<Endpoint>>,
    dropped: AtomicU64,
}

impl Default for Forward {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(QUEUE);
        Self {
            is_on: AtomicBool::new(false),
            queue: RwLock::new(Some(sender)),
            waiting: Mutex::new(Some(receiver)),
            endpoint: watch::Sender::new(None),
            dropped: AtomicU64::new(0),
        }
    }
}

impl Forward {
    /// Puts an entry into the queue, if the log is forwarded at all.
    pub(super) fn send(&self, entry: &AuditEntry) {
        if !self.is_on.load(Ordering::Relaxed) {
            return;
        }
        let queue = self.queue.read().unwrap_or_else(PoisonError::into_inner);
        let is_taken = queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(entry.clone()).is_ok());
        if !is_taken {
            self.drop_one();
        }
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Where to from now on.
    pub(super) fn set(&self, endpoint: Option<Endpoint>) {
        self.is_on.store(endpoint.is_some(), Ordering::Relaxed);
        self.endpoint.send_if_modified(|known| {
            let is_other = *known != endpoint;
            *known = endpoint;
            is_other
        });
    }

    /// Takes nothing more: [`Forward::run`] ends once it has sent what is there.
    pub(crate) fn close(&self) {
        let mut queue = self.queue.write().unwrap_or_else(PoisonError::into_inner);
        queue.take();
    }

    /// Sends what is put into the queue, one after the other, under the name of `host`.
    pub(super) async fn run(&self, host: &str) {
        let taken = self
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(mut waiting) = taken else {
            return;
        };
        let mut endpoint = self.endpoint.subscribe();
        let mut open = None;
        while let Some(entry) = waiting.recv().await {
            self.deliver(&line(&entry, host), &mut endpoint, &mut open)
                .await;
        }
    }

    /// Sends one line, however long that takes. Where the log is forwarded no longer, it is dropped.
    async fn deliver(
        &self,
        line: &str,
        endpoint: &mut watch::Receiver<Option<Endpoint>>,
        open: &mut Option<(Endpoint, Socket)>,
    ) {
        let mut pause = PAUSE.0;
        loop {
            let Some(to) = endpoint.borrow_and_update().clone() else {
                return self.drop_one();
            };
            let known = open.take().filter(|(known, _)| *known == to);
            let is_new = known.is_none();
            let opened = match known {
                Some((_, socket)) => Ok(socket),
                None => Socket::open(&to).await,
            };
            let sent = match opened {
                Ok(mut socket) => socket.send(line).await.map(|()| socket),
                Err(error) => Err(error),
            };
            let error = match sent {
                Ok(socket) => {
                    *open = Some((to, socket));
                    return;
                }
                Err(error) => error,
            };
            // One that has been open for a while is opened anew at once.
            if !is_new {
                continue;
            }
            tracing::warn!(host = to.host, port = to.port, %error, "the audit log cannot be forwarded; trying again");
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                _ = endpoint.changed() => {}
            }
            pause = (pause * 2).min(PAUSE.1);
        }
    }

    fn drop_one(&self) {
        let before = self.dropped.fetch_add(1, Ordering::Relaxed);
        if before.is_multiple_of(1000) {
            tracing::error!(
                dropped = before + 1,
                "the audit log cannot be forwarded as fast as it grows: entries are dropped"
            );
        }
    }
}
