//! Single flight: who asks for what is being fetched already waits for that fetch.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio_util::task::TaskTracker;

/// Fetches in flight by key. A value lives only as long as its fetch: this is no cache.
pub(crate) struct Flights<K, V> {
    running: Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self {
            running: Arc::default(),
        }
    }
}

/// Whether a caller began the fetch whose value it got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Leader,
    Follower,
}

impl<K, V> Flights<K, V>
where
    K: Clone + Eq + Hash + Send + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// The value for `key`: of the fetch in flight, or of `fetch`, which runs as a task of `tasks` and so goes
    /// on when its callers leave. `None` when the fetch panicked or the process is stopping.
    pub(crate) async fn join<F>(&self, tasks: &TaskTracker, key: K, fetch: F) -> (Role, Option<V>)
    where
        F: Future<Output = V> + Send + 'static,
    {
        let (role, mut receiver) = self.start(tasks, key, fetch);
        let value = receiver
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|value| value.clone());
        (role, value)
    }

    /// The same for who does not wait: where none is in flight, `fetch` is.
    pub(crate) fn start<F>(
        &self,
        tasks: &TaskTracker,
        key: K,
        fetch: F,
    ) -> (Role, watch::Receiver<Option<V>>)
    where
        F: Future<Output = V> + Send + 'static,
    {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(receiver) = running.get(&key) {
            return (Role::Follower, receiver.clone());
        }
        let (sender, receiver) = watch::channel(None);
        running.insert(key.clone(), receiver.clone());
        let landing = Landing {
            running: self.running.clone(),
            key,
        };
        tasks.spawn(async move {
            let value = fetch.await;
            // Later callers must start afresh, so the key goes before the value is told.
            drop(landing);
            sender.send_replace(Some(value));
        });
        (Role::Leader, receiver)
    }
}

/// Takes the key out of the table however the fetch ends.
struct Landing<K: Eq + Hash, V> {
    running: Arc<Mutex<HashMap<K, watch::Receiver<Option<V>>>>>,
    key: K,
}

impl<K: Eq + Hash, V> Drop for Landing<K, V> {
    fn drop(&mut self) {
        self.running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn many_callers_share_one_fetch_and_the_next_starts_afresh() {
        let (flights, tasks, fetches) = (
            Flights::default(),
            TaskTracker::new(),
            Arc::new(AtomicU32::new(0)),
        );
        let round = || {
            let fetches = fetches.clone();
            flights.join(&tasks, "key", async move {
                tokio::task::yield_now().await;
                fetches.fetch_add(1, Ordering::SeqCst)
            })
        };
        let answers = futures_util::future::join_all((0..50).map(|_| round())).await;
        assert!(answers.iter().all(|(_, value)| *value == Some(0)));
        assert_eq!(
            answers
                .iter()
                .filter(|(role, _)| *role == Role::Leader)
                .count(),
            1
        );
        assert_eq!(round().await.1, Some(1));
    }

    #[tokio::test]
    async fn a_fetch_outlives_its_caller_and_a_panic_frees_the_key() {
        let (flights, tasks) = (Flights::<_, u32>::default(), TaskTracker::new());
        let broken = flights.join(&tasks, 1, async { panic!("broken") }).await;
        assert_eq!(broken.1, None);
        let (release, released) = tokio::sync::oneshot::channel();
        {
            let leaving = flights.join(&tasks, 1, async move { released.await.unwrap() });
            tokio::pin!(leaving);
            assert!(futures_util::poll!(leaving.as_mut()).is_pending());
        }
        release.send(7).unwrap();
        tasks.close();
        tasks.wait().await;
        assert!(flights.running.lock().unwrap().is_empty());
    }
}
