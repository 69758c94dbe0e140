//! A fake registry's blob bodies: counted, and slow, gated, cut or wrong where told so.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, stream};
use tokio::sync::watch;

use super::Shared;
use super::content::Content;
use super::mode::Behaviour;

const CHUNK_BYTES: u64 = 256 * 1024;

/// The bytes of `range`, as `behaviour` will have them.
pub(super) fn stream(
    shared: Arc<Shared>,
    content: Content,
    range: Range<u64>,
    behaviour: Behaviour,
) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
    let body = Body {
        released: shared.released_bytes.subscribe(),
        _open: Open::new(Arc::clone(&shared)),
        shared,
        content,
        at: range.start,
        range,
        behaviour,
    };
    stream::try_unfold(body, Body::next)
}

struct Body {
    shared: Arc<Shared>,
    content: Content,
    range: Range<u64>,
    at: u64,
    behaviour: Behaviour,
    released: watch::Receiver<u64>,
    _open: Open,
}

impl Body {
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        let sent = self.at - self.range.start;
        let mut end = self.range.end.min(self.at + CHUNK_BYTES);
        if self.at == self.range.end {
            return Ok(None);
        }
        if let Some(cut_after) = self.behaviour.cut_after {
            if sent >= cut_after {
                return Err(io::ErrorKind::ConnectionReset.into());
            }
            end = end.min(self.range.start.saturating_add(cut_after));
        }
        if self.behaviour.is_gated {
            let released = self
                .released
                .wait_for(|released| *released > sent)
                .await
                .map(|released| *released);
            end = end.min(
                self.range
                    .start
                    .saturating_add(released.map_err(io::Error::other)?),
            );
        }
        if let Some(bytes_per_second) = self.behaviour.bytes_per_second.filter(|rate| *rate > 0) {
            // Twenty steps a second: what a slow line is about, not a test's synchronisation.
            end = end.min(self.at + (bytes_per_second / 20).max(1));
            tokio::time::sleep(Duration::from_secs_f64(
                (end - self.at) as f64 / bytes_per_second as f64,
            ))
            .await;
        }
        let mut chunk = self.content.chunk(self.at..end);
        if self.behaviour.is_wrong && self.at == 0 {
            let mut wrong = BytesMut::from(chunk);
            wrong[0] ^= 0xff;
            chunk = wrong.freeze();
        }
        self.at += chunk.len() as u64;
        self.shared
            .bytes_sent
            .fetch_add(chunk.len() as u64, Ordering::SeqCst);
        Ok(Some((chunk, self)))
    }
}

/// Counts a body as open while it lives.
struct Open(Arc<Shared>);

impl Open {
    fn new(shared: Arc<Shared>) -> Self {
        shared.open_bodies.send_modify(|open| *open += 1);
        Self(shared)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open_bodies.send_modify(|open| *open -= 1);
    }
}
