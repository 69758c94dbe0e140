//! Bytes straight from upstream to one client, for when there is no room to keep them. Still verified: the
//! last byte is given out only when the digest is right.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use oci::{Digest, Hasher};
use upstream::BlobBody as UpstreamBody;

use crate::Error;

/// A blob's bytes from some offset to its end, hashed on the way.
pub(crate) struct Through {
    body: UpstreamBody,
    /// Bytes to discard first: upstream began before where it was asked to.
    skip: u64,
    hasher: Option<Hasher>,
    digest: Digest,
    upstream: String,
    /// The last chunk that came; given out when the next has come, or the digest is right.
    held: Option<Bytes>,
    is_done: bool,
}

impl Through {
    /// `body` from byte `offset` on, where `hasher` stands. Without a hasher (a range) nothing can be verified.
    pub(crate) fn new(
        upstream: &str,
        digest: &Digest,
        body: UpstreamBody,
        offset: u64,
        hasher: Option<Hasher>,
    ) -> Self {
        let skip = offset.saturating_sub(body.start);
        Self {
            body,
            skip,
            hasher,
            digest: digest.clone(),
            upstream: upstream.to_owned(),
            held: None,
            is_done: false,
        }
    }

    fn finish(&mut self) -> Option<Result<Bytes, Error>> {
        self.is_done = true;
        let actual = self.hasher.take().map(Hasher::finish);
        if actual.is_some_and(|actual| actual != self.digest) {
            let reason = format!("the bytes it sent as {} have another digest", self.digest);
            return Some(Err(self.error(upstream::Error::BadAnswer { reason })));
        }
        self.held.take().map(Ok)
    }

    fn error(&self, source: upstream::Error) -> Error {
        Error::Upstream {
            upstream: self.upstream.clone(),
            source: source.into(),
        }
    }
}

impl Stream for Through {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while !self.is_done {
            let mut chunk = match ready!(self.body.stream.poll_next_unpin(cx)) {
                Some(Ok(chunk)) => chunk,
                Some(Err(error)) => {
                    self.is_done = true;
                    return Poll::Ready(Some(Err(self.error(error))));
                }
                None => return Poll::Ready(self.finish()),
            };
            let skipped = usize::try_from(self.skip)
                .unwrap_or(usize::MAX)
                .min(chunk.len());
            self.skip -= skipped as u64;
            let chunk = chunk.split_off(skipped);
            if chunk.is_empty() {
                continue;
            }
            if let Some(hasher) = &mut self.hasher {
                hasher.update(&chunk);
            }
            if let Some(ready) = self.held.replace(chunk) {
                return Poll::Ready(Some(Ok(ready)));
            }
        }
        Poll::Ready(None)
    }
}
