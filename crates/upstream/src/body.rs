//! Bodies: a blob's stream, and small documents read whole.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream};
use reqwest::Response;
use tokio::time::{Instant, Sleep};

use crate::figures::Counters;
use crate::part::{Part, Rest};
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
    /// Bytes to come of this part, where the answer said how many.
    left: Option<u64>,
    /// Where the next part begins, and the blob's end.
    gap: Option<(u64, u64)>,
    rest: Arc<Rest>,
    /// How long the next part will be, once there is time for it.
    planned: Option<u64>,
    /// The next part, asked for.
    opening: Option<BoxFuture<'static, Result<Part, Error>>>,
    pace: Pace,
    /// Held while the body comes.
    turn: Turn,
    is_over: bool,
}

/// How fast a body may come, and how slowly.
pub(crate) struct Pace {
    limits: Vec<Limits>,
    counters: Arc<Counters>,
    /// What was asked for last, where a blob is asked for in slices.
    slice: Option<u64>,
    /// Bytes to come that the limits know of already.
    prepaid: u64,
    /// No more is asked for, nor read beyond what is paid for, before it rings.
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
    ) -> Self {
        Self {
            limits: limits.into_iter().flatten().cloned().collect(),
            counters,
            slice: None,
            prepaid: 0,
            pause: None,
            stall_timeout,
            clock: None,
            waiting_since: None,
            waited: Duration::ZERO,
            came: 0,
        }
    }

    /// How much to ask for first, and at once: most blobs are no larger. `None`: there is no limit.
    pub(crate) fn first_slice(&mut self) -> Option<u64> {
        let slice = self.next_slice(u64::MAX);
        self.pause = None;
        slice
    }

    /// How much to ask for next of the `left` bytes, once the line has time for it.
    fn next_slice(&mut self, left: u64) -> Option<u64> {
        let slices = self.limits.iter();
        let slice = slices.filter_map(|limits| limits.slice(self.slice)).min()?;
        self.slice = Some(slice);
        let asked = slice.min(left);
        self.prepaid += asked;
        self.pay(asked, |slot| slot.start);
        Some(asked)
    }

    /// Of what is paid for, no more than `bytes` will come.
    pub(crate) fn settle(&mut self, bytes: u64) {
        let unused = self.prepaid.saturating_sub(bytes);
        self.prepaid -= unused;
        for limits in &self.limits {
            limits.give_back(unused);
        }
    }

    /// Pays for bytes, and pauses up to a moment of their slots on the lines.
    fn pay(&mut self, bytes: u64, moment: fn(Range<Instant>) -> Instant) {
        let now = Instant::now();
        let slots = self.limits.iter();
        let slots = slots.filter_map(|limits| limits.took(bytes, now));
        let until = slots.map(moment).max();
        if let Some(until) = until.filter(|until| *until > now) {
            self.pause = Some(Box::pin(tokio::time::sleep_until(until)));
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
        let owed = (bytes as u64).saturating_sub(self.prepaid);
        self.prepaid = self.prepaid.saturating_sub(bytes as u64);
        if owed > 0 {
            self.pay(owed, |slot| slot.end);
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
    pub(crate) fn new(part: Part, rest: Rest, pace: Pace, turn: Turn) -> Self {
        let mut stream = Self {
            chunks: Box::pin(futures_util::stream::empty()),
            left: None,
            gap: None,
            rest: Arc::new(rest),
            planned: None,
            opening: None,
            pace,
            turn,
            is_over: false,
        };
        stream.go_on(part);
        stream
    }

    fn go_on(&mut self, part: Part) {
        (self.left, self.gap) = (part.left, part.gap());
        if let Some(left) = part.left {
            self.pace.settle(left);
        }
        self.chunks = Box::pin(part.response.bytes_stream());
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

    /// The next chunk of this part; `None` at its end.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        if self.pace.prepaid == 0 && self.left != Some(0) {
            ready!(self.pace.poll_pause(cx));
        }
        Poll::Ready(match self.chunks.as_mut().poll_next(cx) {
            Poll::Ready(Some(Ok(chunk))) => Some(self.count(chunk)),
            Poll::Ready(Some(Err(error))) => Some(Err(egress::of_transport(&error))),
            Poll::Ready(None) => match self.left {
                None | Some(0) => None,
                Some(left) => Some(Err(Error::Cut {
                    reason: format!("{left} bytes are missing"),
                })),
            },
            Poll::Pending => {
                ready!(self.pace.poll_clock(cx));
                Some(Err(Error::Stalled))
            }
        })
    }

    /// Ready once the next part is on its way; `None`: there is none.
    fn poll_gap(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<(), Error>>> {
        let opening = match (&mut self.opening, self.gap) {
            (Some(opening), _) => opening,
            (None, None) => return Poll::Ready(None),
            (None, Some((offset, total))) => {
                let left = total - offset;
                let pace = &mut self.pace;
                let length = *self
                    .planned
                    .get_or_insert_with(|| pace.next_slice(left).unwrap_or(left));
                ready!(pace.poll_pause(cx));
                self.planned = None;
                let slice = Arc::clone(&self.rest).slice(offset, length, total);
                self.opening.insert(slice.boxed())
            }
        };
        let part = ready!(opening.as_mut().poll(cx));
        self.opening = None;
        Poll::Ready(Some(part.map(|part| self.go_on(part))))
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
        let item = loop {
            if this.opening.is_none()
                && let Some(item) = ready!(this.poll_part(cx))
            {
                break Some(item);
            }
            match ready!(this.poll_gap(cx)) {
                Some(Ok(())) => {}
                Some(Err(error)) => break Some(Err(error)),
                None => break None,
            }
        };
        if !matches!(item, Some(Ok(_))) {
            // After the end or a failure nothing comes; the connection and the turn need not wait for our drop.
            this.is_over = true;
            this.chunks = Box::pin(futures_util::stream::empty());
            this.opening = None;
            this.pace.settle(0);
            this.turn = Turn::default();
        }
        Poll::Ready(item)
    }
}

impl std::fmt::Debug for BlobStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobStream")
            .field("left", &self.left)
            .field("gap", &self.gap)
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
