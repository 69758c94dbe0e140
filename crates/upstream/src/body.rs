//! Bodies: a blob's stream, and small documents read whole.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::Stream;
use reqwest::Response;
use tokio::time::{Instant, Sleep};

use crate::{Error, egress};

/// A blob's bytes as they come: one chunk at a time, none kept, none cut up. Dropping it closes the
/// connection it comes by. It may last as long as it likes, but not be silent for longer than the stall time-out
/// while somebody waits for it.
pub struct BlobStream {
    chunks: Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>,
    /// Bytes to come, where the answer said how many.
    left: Option<u64>,
    stall_timeout: Duration,
    /// The stall clock; made with the first wait, runs while waiting only: a reader that takes its time is not
    /// the registry's silence.
    clock: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
    is_over: bool,
}

impl BlobStream {
    pub(crate) fn new(response: Response, left: Option<u64>, stall_timeout: Duration) -> Self {
        Self {
            chunks: Box::pin(response.bytes_stream()),
            left,
            stall_timeout,
            clock: None,
            is_waiting: false,
            is_over: false,
        }
    }

    /// Takes note of a chunk.
    fn count(&mut self, chunk: Bytes) -> Result<Bytes, Error> {
        let Some(left) = self.left else {
            return Ok(chunk);
        };
        let left = left.checked_sub(chunk.len() as u64);
        self.left = Some(left.ok_or_else(|| Error::bad_answer("more bytes than it said"))?);
        Ok(chunk)
    }

    fn poll_clock(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let deadline = Instant::now() + self.stall_timeout;
        let clock = self
            .clock
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
        if !self.is_waiting {
            clock.as_mut().reset(deadline);
            self.is_waiting = true;
        }
        clock.as_mut().poll(cx)
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
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
                ready!(this.poll_clock(cx));
                Some(Err(Error::Stalled))
            }
        };
        this.is_waiting = false;
        if !matches!(item, Some(Ok(_))) {
            // After the end or a failure nothing comes; the connection need not wait for our drop.
            this.is_over = true;
            this.chunks = Box::pin(futures_util::stream::empty());
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
