//! Requests of a fake registry that are under way: from their arrival to their answers' last bytes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use tokio::sync::watch;

/// How many there are, and how many there have been at most.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    pub(super) now: usize,
    pub(super) most: usize,
}

/// Counts one, for as long as it lives.
pub(super) struct UnderWay(Arc<watch::Sender<Progress>>);

impl UnderWay {
    pub(super) fn begin(progress: &Arc<watch::Sender<Progress>>) -> Self {
        progress.send_modify(|progress| {
            progress.now += 1;
            progress.most = progress.most.max(progress.now);
        });
        Self(Arc::clone(progress))
    }

    /// Lasts until the answer's body is gone.
    pub(super) fn until_sent(self, response: Response) -> Response {
        response.map(|body| {
            Body::new(Counted {
                body,
                _under_way: self,
            })
        })
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|progress| progress.now -= 1);
    }
}

struct Counted {
    body: Body,
    _under_way: UnderWay,
}

impl HttpBody for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
