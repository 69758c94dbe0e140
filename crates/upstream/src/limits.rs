//! How much of an upstream is used at once: requests under way, and bytes per second. One set for an endpoint, one
//! for a project; a request heeds both. What is served from the cache knows of neither.

use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::Error;

/// What an idle line may catch up with at once: enough to keep it busy between two chunks, too little to notice.
const BURST: Duration = Duration::from_millis(250);
/// What is asked for of a blob first on a limited line: the whole of most configurations, and little of a layer.
const FIRST_SLICE: u64 = 64 * 1024;
/// And at least, however slow the line is.
const LEAST_SLICE: u64 = 16 * 1024;
/// A semaphore's own bound, in what a configuration can hold.
const MOST_SLOTS: u32 = 100_000;

/// Limits that their clones share.
#[derive(Clone)]
pub struct Limits(Arc<Inner>);

struct Inner {
    slots: Option<Slots>,
    bucket: Option<Bucket>,
}

struct Slots {
    limit: u32,
    free: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// The right to have one request under way.
pub(crate) type Slot = OwnedSemaphorePermit;

/// How many requests are under way, and how many wait for their turn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// Under way.
    pub running: usize,
    /// Waiting.
    pub waiting: usize,
}

impl Limits {
    /// At most `max_connections` requests at once, and `bandwidth_kb` kilobits per second (of 1024 bits, as Harbor
    /// counts them) for the bodies of blobs together. `None` and 0 are no limit.
    pub fn new(max_connections: Option<u32>, bandwidth_kb: Option<u64>) -> Self {
        let slots = max_connections.filter(|limit| *limit > 0).map(|limit| {
            let limit = limit.min(MOST_SLOTS);
            Slots {
                limit,
                free: Arc::new(Semaphore::new(limit as usize)),
                waiting: AtomicUsize::new(0),
            }
        });
        let bucket = bandwidth_kb.filter(|kb| *kb > 0).map(Bucket::new);
        Self(Arc::new(Inner { slots, bucket }))
    }

    /// Waits for a turn: first come, first served.
    ///
    /// # Errors
    /// [`Error::Busy`] once `deadline` has passed.
    pub(crate) async fn slot(&self, deadline: Instant) -> Result<Option<Slot>, Error> {
        let Some(slots) = &self.0.slots else {
            return Ok(None);
        };
        if let Ok(slot) = Arc::clone(&slots.free).try_acquire_owned() {
            return Ok(Some(slot));
        }
        let _waiting = Waiting::new(&slots.waiting);
        let acquired =
            tokio::time::timeout_at(deadline, Arc::clone(&slots.free).acquire_owned()).await;
        match acquired {
            Ok(Ok(slot)) => Ok(Some(slot)),
            // The semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Error::Busy { limit: slots.limit }),
        }
    }

    /// Takes note of bytes that came, or will be asked for: when the line has time for them, and until when.
    pub(crate) fn took(&self, bytes: u64, now: Instant) -> Option<Range<Instant>> {
        self.0.bucket.as_ref().map(|bucket| bucket.take(bytes, now))
    }

    /// Of what was asked for, so much will not come.
    pub(crate) fn give_back(&self, bytes: u64) {
        if let Some(bucket) = &self.0.bucket {
            bucket.give_back(bytes);
        }
    }

    /// How much of a blob to ask for at once, after `before`. `None`: all of it.
    pub(crate) fn slice(&self, before: Option<u64>) -> Option<u64> {
        self.0.bucket.as_ref().map(|bucket| bucket.slice(before))
    }

    pub(crate) fn in_use(&self) -> InUse {
        let Some(slots) = &self.0.slots else {
            return InUse::default();
        };
        InUse {
            running: slots.limit as usize - slots.free.available_permits(),
            waiting: slots.waiting.load(Ordering::Relaxed),
        }
    }
}

impl std::fmt::Debug for Limits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits")
            .field("in_use", &self.in_use())
            .finish_non_exhaustive()
    }
}

/// Counts one who waits, for as long as it does.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A line of so many bytes per second. What is asked for takes its time on it, one after the other, so that many
/// streams share it evenly.
struct Bucket {
    bytes_per_second: f64,
    /// When the line is free again.
    free_at: Mutex<Option<Instant>>,
}

impl Bucket {
    #[expect(clippy::cast_precision_loss, reason = "no line is that fast")]
    fn new(kilobits: u64) -> Self {
        Self {
            bytes_per_second: kilobits.saturating_mul(128) as f64,
            free_at: Mutex::default(),
        }
    }

    fn take(&self, bytes: u64, now: Instant) -> Range<Instant> {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let earliest = now.checked_sub(BURST).unwrap_or(now);
        let start = free_at.map_or(earliest, |free_at| free_at.max(earliest));
        let end = start + self.time_of(bytes);
        *free_at = Some(end);
        start..end
    }

    fn give_back(&self, bytes: u64) {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        *free_at = free_at.and_then(|free_at| free_at.checked_sub(self.time_of(bytes)));
    }

    /// Twice as much each time, up to what the line carries in a second: fewer requests than one a second would not
    /// hide how long each takes to be answered.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "it was made of a whole number"
    )]
    fn slice(&self, before: Option<u64>) -> u64 {
        let most = (self.bytes_per_second as u64).max(LEAST_SLICE);
        before
            .map_or(FIRST_SLICE, |before| before.saturating_mul(2))
            .min(most)
    }

    #[expect(clippy::cast_precision_loss, reason = "less than a second's bytes")]
    fn time_of(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.bytes_per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_streams_share_a_line_evenly() {
        // 8 Mbit/s: a mebibyte takes a second.
        let bucket = Bucket::new(8192);
        let start = Instant::now();
        let mut now = start;
        for chunk in 1..=40u32 {
            now = now.max(bucket.take(256 * 1024, now).end);
            let expected = Duration::from_millis(250) * chunk - BURST;
            assert!(
                (now - start).abs_diff(expected) < Duration::from_millis(1),
                "{chunk}"
            );
        }
    }

    #[test]
    fn an_idle_line_saves_up_no_more_than_a_burst() {
        let bucket = Bucket::new(8192);
        let start = Instant::now();
        bucket.take(1024 * 1024, start);
        let later = start + Duration::from_secs(100);
        let slot = bucket.take(1024 * 1024, later);
        assert_eq!(slot.start, later - BURST);
        assert_eq!(slot.end, later + Duration::from_secs(1) - BURST);
    }

    #[test]
    fn slices_grow_to_what_the_line_carries_in_a_second() {
        let slices = |kilobits: u64| {
            let bucket = Bucket::new(kilobits);
            let next = |before: &u64| Some(bucket.slice(Some(*before)));
            let first = Some(bucket.slice(None));
            let all = std::iter::successors(first, next).map(|bytes| bytes / 1024);
            all.take(6).collect::<Vec<_>>()
        };
        assert_eq!(slices(8192), [64, 128, 256, 512, 1024, 1024]);
        assert_eq!(slices(256), [32, 32, 32, 32, 32, 32]);
        assert_eq!(slices(1), [16, 16, 16, 16, 16, 16]);
    }

    #[test]
    fn what_does_not_come_costs_nothing() {
        let bucket = Bucket::new(8192);
        let start = Instant::now();
        bucket.take(1024 * 1024, start);
        bucket.give_back(512 * 1024);
        let slot = bucket.take(512 * 1024, start);
        assert_eq!(slot.end, start + Duration::from_secs(1) - BURST);
    }

    #[tokio::test(start_paused = true)]
    async fn who_waits_too_long_is_told_that_it_is_busy() {
        let limits = Limits::new(Some(1), None);
        let deadline = || Instant::now() + Duration::from_secs(1);
        let first = limits.slot(deadline()).await.unwrap();
        assert!(first.is_some());
        assert_eq!(
            limits.slot(deadline()).await.unwrap_err(),
            Error::Busy { limit: 1 }
        );
        assert_eq!(
            limits.in_use(),
            InUse {
                running: 1,
                waiting: 0
            }
        );
        drop(first);
        assert!(limits.slot(deadline()).await.is_ok());
        assert!(
            Limits::new(Some(0), Some(0))
                .slot(deadline())
                .await
                .unwrap()
                .is_none()
        );
    }
}
