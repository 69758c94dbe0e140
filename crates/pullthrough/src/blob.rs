//! Where a blob's bytes come from: storage, a fill in flight, or one that starts now.

use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, Stream, StreamExt};
use metadata::BlobRight;
use oci::{Digest, Hasher};
use storage::{ByteStream, Spool, Stopped};

use crate::fill::{Stage, agree, blob_error};
use crate::through::Through;
use crate::{Engine, Error, Origin, Outcome, PullThrough, manifest};

/// A blob that can be read, perhaps while it is still arriving.
pub struct OpenedBlob {
    /// Its size; `None` where neither a manifest nor upstream has told it yet.
    pub size: Option<u64>,
    /// Its bytes.
    pub body: BlobBody,
    /// Where they come from.
    pub outcome: Outcome,
}

/// Something to read ranges of. Each stream reads on its own.
pub struct BlobBody(Source);

enum Source {
    Stored(storage::Blob),
    Filling {
        engine: Arc<Engine>,
        origin: Origin,
        digest: Digest,
        spool: Spool,
    },
    Through {
        engine: Arc<Engine>,
        origin: Origin,
        digest: Digest,
    },
}

impl BlobBody {
    /// A blob that is stored here.
    pub fn stored(blob: storage::Blob) -> Self {
        Self(Source::Stored(blob))
    }

    /// The bytes of `range`; `u64::MAX` as its end means the blob's.
    pub fn stream(self, range: Range<u64>) -> BlobStream {
        let reading = match self.0 {
            Source::Stored(blob) => {
                Reading::Plain(blob.stream(range.start..range.end.min(blob.size())))
            }
            Source::Filling {
                engine,
                origin,
                digest,
                spool,
            } => Reading::Filling {
                stream: spool.stream(range.clone()),
                next: Next {
                    engine,
                    origin,
                    digest,
                    spool: Some(spool),
                    start: range.start,
                    position: range.start,
                },
            },
            Source::Through {
                engine,
                origin,
                digest,
            } => {
                let next = Next {
                    engine,
                    origin,
                    digest,
                    spool: None,
                    start: range.start,
                    position: range.start,
                };
                Reading::Opening(next.open().boxed())
            }
        };
        BlobStream {
            reading,
            left: range.end - range.start,
        }
    }
}

impl PullThrough {
    /// Opens blob `digest` of a proxied repository: from storage where this repository may have it, else from
    /// the one fill of it. Returns as soon as upstream's headers are in.
    ///
    /// # Errors
    /// What upstream said.
    pub async fn blob(
        &self,
        origin: &Origin,
        digest: &Digest,
        now: DateTime<Utc>,
    ) -> Result<OpenedBlob, Error> {
        loop {
            let right = self
                .0
                .local
                .db()
                .blob_right(&origin.repository, digest)
                .await?;
            if let Some(fill) = self.0.fills.find(origin, digest) {
                // Its own upstream's word is asked for, unless a manifest has given it.
                if matches!(right, BlobRight::None) && fill.remote != origin.remote() {
                    self.vouched(origin, digest).await?;
                }
            } else if let Some(blob) = self.0.local.store().blob(digest).await? {
                let outcome = self.admit(origin, digest, &right, blob.size(), now).await?;
                return Ok(OpenedBlob {
                    size: Some(blob.size()),
                    body: BlobBody::stored(blob),
                    outcome,
                });
            }
            let size = named_size(&right);
            if let (Some(size), Some(limit)) = (size, origin.limit_bytes)
                && size > limit
            {
                // It fits nowhere, whatever else goes.
                return Ok(OpenedBlob {
                    size: Some(size),
                    body: BlobBody(Source::Through {
                        engine: self.0.clone(),
                        origin: origin.clone(),
                        digest: digest.clone(),
                    }),
                    outcome: Outcome::Filled,
                });
            }
            if let Some(opened) = self.join(origin, digest, size).await? {
                return Ok(opened);
            }
        }
    }

    /// The size of blob `digest`, without fetching it: one `HEAD` upstream where it is not held.
    ///
    /// # Errors
    /// What upstream said.
    pub async fn blob_size(
        &self,
        origin: &Origin,
        digest: &Digest,
        now: DateTime<Utc>,
    ) -> Result<(Option<u64>, Outcome), Error> {
        let right = self
            .0
            .local
            .db()
            .blob_right(&origin.repository, digest)
            .await?;
        if let Some(size) = self.0.local.store().size(digest).await? {
            let outcome = self.admit(origin, digest, &right, size, now).await?;
            return Ok((Some(size), outcome));
        }
        let size = self.vouched(origin, digest).await?;
        let size = agree(named_size(&right), size)
            .map_err(|reason| manifest::bad_answer(origin, reason))?;
        Ok((size, Outcome::Revalidated))
    }

    /// Whether the stored bytes of `digest` may be served from this repository. A digest is not a right to its
    /// bytes: the repository must hold it, or its own upstream must answer for it.
    async fn admit(
        &self,
        origin: &Origin,
        digest: &Digest,
        right: &BlobRight,
        size: u64,
        now: DateTime<Utc>,
    ) -> Result<Outcome, Error> {
        let db = self.0.local.db();
        let outcome = match right {
            BlobRight::Held { .. } => return Ok(Outcome::Hit),
            BlobRight::Named { .. }
                if db.is_blob_from_upstream(digest, origin.client.id()).await? =>
            {
                Outcome::Hit
            }
            _ => {
                let vouched = self.vouched(origin, digest).await?;
                agree(Some(size), vouched)
                    .map_err(|reason| manifest::bad_answer(origin, reason))?;
                Outcome::Revalidated
            }
        };
        // Written once in the life of a blob in a repository, not once a hit.
        let _relying = self.0.local.relying_on_bytes().await;
        // What was opened can be served to its end; what was deleted meanwhile is not relied on.
        if self.0.local.store().size(digest).await?.is_none() {
            return Ok(outcome);
        }
        if let Err(error) = db
            .link_blob(&origin.repository, origin.project_id, digest, size, now)
            .await
        {
            tracing::error!(repository = %origin.repository, %digest, %error, "blob served but not recorded");
        } else {
            self.0.local.note_growth(origin.project_id);
        }
        Ok(outcome)
    }

    /// Upstream's word that this repository has the blob: one `HEAD`.
    async fn vouched(&self, origin: &Origin, digest: &Digest) -> Result<Option<u64>, Error> {
        let head = origin.client.head_blob(origin.remote(), digest).await;
        head.map(|head| head.size)
            .map_err(|error| blob_error(origin, digest, error))
    }

    /// Joins the fill, or begins it. `None`: it ended meanwhile; look again.
    async fn join(
        &self,
        origin: &Origin,
        digest: &Digest,
        size: Option<u64>,
    ) -> Result<Option<OpenedBlob>, Error> {
        let (fill, is_new) = self.0.join_or_start(origin, digest, size);
        if !is_new && !fill.attend(origin) {
            // Stored, and its rows are being written: the next look finds them.
            fill.ended().await;
            return Ok(None);
        }
        let outcome = if is_new {
            Outcome::Filled
        } else {
            Outcome::Joined
        };
        let (engine, origin, digest) = (self.0.clone(), origin.clone(), digest.clone());
        match fill.started().await {
            // It has failed, and its readers know: whoever comes now starts afresh.
            Stage::Flowing { spool, .. }
                if !is_new && matches!(spool.stopped(), Some(Stopped::Failed(_))) =>
            {
                fill.ended().await;
                Ok(None)
            }
            Stage::Flowing { spool, size } => Ok(Some(OpenedBlob {
                size,
                body: BlobBody(Source::Filling {
                    engine,
                    origin,
                    digest,
                    spool,
                }),
                outcome,
            })),
            Stage::NoSpace => Ok(Some(OpenedBlob {
                size,
                body: BlobBody(Source::Through {
                    engine,
                    origin,
                    digest,
                }),
                outcome: Outcome::Filled,
            })),
            Stage::Stored | Stage::Asking => Ok(None),
            Stage::Failed(error) => Err(error),
        }
    }
}

fn named_size(right: &BlobRight) -> Option<u64> {
    match right {
        BlobRight::Held { size } | BlobRight::Named { size } => Some(*size),
        BlobRight::None => None,
    }
}

/// A range of a blob's bytes, as they come. An error in it means that the response must be cut off.
pub struct BlobStream {
    reading: Reading,
    left: u64,
}

enum Reading {
    Plain(ByteStream),
    Filling { stream: ByteStream, next: Next },
    Opening(BoxFuture<'static, Result<Through, Error>>),
    Through(Box<Through>),
    Done,
}

/// What is needed to go on without the spool, should the disk fill up under it.
struct Next {
    engine: Arc<Engine>,
    origin: Origin,
    digest: Digest,
    spool: Option<Spool>,
    start: u64,
    position: u64,
}

impl Next {
    /// Opens an upstream body of this reader's own, from where it stands.
    async fn open(self) -> Result<Through, Error> {
        let hasher = match &self.spool {
            // A reader that was given all the spool has stands where the spool's hash stands.
            Some(spool) if self.position == 0 || self.position > self.start => {
                spool.hasher_at_stop().await
            }
            None if self.position == 0 => Some(Hasher::new(self.digest.algorithm())),
            _ => None,
        };
        let body = self
            .engine
            .ask(&self.origin, &self.digest, self.position)
            .await?;
        Ok(Through::new(
            self.origin.client.name(),
            &self.digest,
            body,
            self.position,
            hasher,
        ))
    }
}

impl Stream for BlobStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            let chunk = match &mut this.reading {
                Reading::Done => return Poll::Ready(None),
                Reading::Plain(stream) => {
                    ready!(stream.poll_next_unpin(cx)).map(|chunk| chunk.map_err(Error::from))
                }
                Reading::Filling { stream, next } => match ready!(stream.poll_next_unpin(cx)) {
                    Some(Ok(chunk)) => {
                        next.position += chunk.len() as u64;
                        Some(Ok(chunk))
                    }
                    Some(Err(storage::Error::Stopped(Stopped::NoSpace))) => {
                        let Reading::Filling { next, .. } =
                            std::mem::replace(&mut this.reading, Reading::Done)
                        else {
                            return Poll::Ready(None);
                        };
                        this.reading = Reading::Opening(next.open().boxed());
                        continue;
                    }
                    other => other.map(|chunk| chunk.map_err(Error::from)),
                },
                Reading::Opening(opening) => match ready!(opening.poll_unpin(cx)) {
                    Ok(through) => {
                        this.reading = Reading::Through(Box::new(through));
                        continue;
                    }
                    Err(error) => Some(Err(error)),
                },
                Reading::Through(through) => ready!(through.poll_next_unpin(cx)),
            };
            return Poll::Ready(match chunk {
                Some(Ok(chunk)) => Some(Ok(this.take(chunk))),
                Some(Err(error)) => {
                    this.reading = Reading::Done;
                    Some(Err(error))
                }
                None => {
                    this.reading = Reading::Done;
                    None
                }
            });
        }
    }
}

impl BlobStream {
    /// Counts `chunk` down, and cuts what is beyond the range.
    fn take(&mut self, mut chunk: Bytes) -> Bytes {
        if chunk.len() as u64 >= self.left {
            chunk.truncate(usize::try_from(self.left).unwrap_or(chunk.len()));
            self.reading = Reading::Done;
        }
        self.left -= chunk.len() as u64;
        chunk
    }
}
