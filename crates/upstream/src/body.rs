//! Bodies: a blob's stream, and small documents read whole.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::Response;
use tokio::time::{Instant, Sleep};

use crate::figures::Counters;
use crate::request::Turn;
use crate::{Error, Limits, egress};

/// Fewer bytes than this within a stall time-out of waiting are as good as none: a body that drips would hold a
/// connection, a fill and its readers for ever.
const DRIP_BYTES: usize = 16 * 1024;

/// A blob's bytes as they come: one chunk at a time, none kept, none cut up. Dropping it closes the
/// connection it comes by. It may last as long as it likes, but not be silent, or drip, for longer than the stall
/// time-out while somebody waits for it.
pub struct BlobStream {
    chunks: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    /// Bytes to come, where the answer said how many.
    left: Option<u64>,
    pace: Pace,
    is_over: bool,
}

/// How fast a body may come, and how slowly.
pub(crate) struct Pace {
    limits: Vec<Limits>,
    counters: Arc<Counters>,
    /// Held while the body comes.
    turn: Turn,
    /// No chunk is read before it rings.
    pause: Option<Pin<Box<Sleep>>>,
    stall_timeout: Duration,
    /// The stall clock; made with the first wait, runs while waiting only: a reader that takes its time is not
    /// the registry's silence.
    clock: Option<Pin<Box<Sleep>>>,
    waiting_since: Option<Instant>,
    /// Time waited since that many bytes had come.
    waited: Duration,
    came: usize,
}

impl Pace {
    pub(crate) fn new(
        stall_timeout: Duration,
        limits: [Option<&Limits>; 2],
        counters: Arc<Counters>,
        turn: Turn,
    ) -> Self {
        Self {
            limits: limits.into_iter().flatten().cloned().collect(),
            counters,
            turn,
            pause: None,
            stall_timeout,
            clock: None,
            waiting_since: None,
            waited: Duration::ZERO,
            came: 0,
        }
    }

    /// Takes note of a chunk.
    ///
    /// # Errors
    /// [`Error::Stalled`] for a body that drips.
    fn note(&mut self, bytes: usize) -> Result<(), Error> {
        let now = Instant::now();
        self.counters.received(bytes);
        if let Some(since) = self.waiting_since.take() {
            self.waited += now - since;
        }
        self.came += bytes;
        if self.came >= DRIP_BYTES {
            (self.came, self.waited) = (0, Duration::ZERO);
        } else if self.waited >= self.stall_timeout {
            return Err(Error::Stalled);
        }
        let until = self
            .limits
            .iter()
            .filter_map(|limits| limits.took(bytes, now))
            .max();
        if let Some(until) = until.filter(|until| *until > now) {
            self.pause = Some(Box::pin(tokio::time::sleep_until(until)));
        }
        Ok(())
    }

    /// Ready once the line is free for this body.
    fn poll_pause(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(pause) = &mut self.pause {
            ready!(pause.as_mut().poll(cx));
            self.pause = None;
        }
        Poll::Ready(())
    }

    /// Ready once the body has been waited for too long.
    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let deadline = now + self.stall_timeout;
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if self.waiting_since.is_none() {
            clock.as_mut().reset(deadline);
            self.waiting_since = Some(now);
        }
        clock.as_mut().poll(cx)
    }
}

impl BlobStream {
    pub(crate) fn new(response: Response, left: Option<u64>, pace: Pace) -> Self {
        Self {
            chunks: Box::pin(response.bytes_stream()),
            left,
            pace,
            is_over: false,
        }
    }

    /// Takes note of a chunk.
    fn count(&mut self, chunk: Bytes) -> Result<Bytes, Error> {
        self.pace.note(chunk.len())?;
        let Some(left) = self.left else {
            return Ok(chunk);
        };
        let left = left.checked_sub(chunk.len() as u64);
        self.left = Some(left.ok_or_else(|| Error::bad_answer("more bytes than it said"))?);
        Ok(chunk)
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
        ready!(this.pace.poll_pause(cx));
        let item = match this.chunks.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => Some(this.count(chunk)),
            Poll::Ready(Some(Err(error))) => Some(Err(egress::of_transport(&error))),
            Poll::Ready(None) => match this.left {
                None | Some(0) => None,
                Some(left) => Some(Err(Error::Cut {
                    reason: format!("{left} bytes are missing"),
                })),
            },
            Poll::Pending => {
                ready!(this.pace.poll_clock(cx));
                Some(Err(Error::Stalled))
            }
        };
        if !matches!(item, Some(Ok(_))) {
            // After the end or a failure nothing comes; the connection and the turn need not wait for our drop.
            this.is_over = true;
            this.chunks = Box::pin(futures_util::stream::empty());
            this.pace.turn = Turn::default();
        }
        Poll::Ready(item)
    }
}

impl std::fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobStream")
            .field("left", &self.left)
            .field("is_over", &self.is_over)
            .finish_non_exhaustive()
    }
}

/// A document of at most `max_bytes`. The caller bounds the time.
pub(crate) async fn read_whole(mut response: Response, max_bytes: usize) -> Result<Bytes, Error> {
    let too_large = || Error::bad_answer(format!("a document of more than {max_bytes} bytes"));
    if response
        .content_length()
        .is_some_and(|length| length > max_bytes as u64)
    {
        return Err(too_large());
    }
    let mut whole = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| egress::of_transport(&error))?
    {
        if whole.len() + chunk.len() > max_bytes {
            return Err(too_large());
        }
        whole.extend_from_slice(&chunk);
    }
    // Copied even where it came as one chunk: a chunk keeps the connection's whole buffer alive, a cached
    // manifest of a kilobyte would hold hundreds.
    whole.shrink_to_fit();
    Ok(whole.into())
}
