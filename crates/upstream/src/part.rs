//! Parts of a blob: which is asked for, and which came.
//!
//! On a limited line a blob is asked for in slices. Reading slowly would not do: what has been asked for comes as fast as
//! the network has it, and waits in the system's buffers, megabytes of it for each connection.

use std::sync::Arc;

use http::{Method, StatusCode};
use oci::Digest;
use reqwest::Response;

use crate::request::{Answer, Turn};
use crate::{Ask, Client, Error};

/// A part on its way.
pub(crate) struct Part {
    pub(crate) response: Response,
    /// Where it begins: where it was asked to, or at 0 where the registry knows no ranges.
    pub(crate) start: u64,
    /// How long it is, where the answer says.
    pub(crate) left: Option<u64>,
    /// The size of the whole blob, where the answer says.
    pub(crate) total: Option<u64>,
}

/// Whom to ask for what a part leaves out.
pub(crate) struct Rest {
    client: Client,
    repository: String,
    digest: Digest,
}

impl Client {
    /// One `GET` of a blob from `offset` on, of `length` bytes at most.
    pub(crate) async fn part(
        &self,
        repository: &str,
        digest: &Digest,
        offset: u64,
        length: Option<u64>,
        turn: &Turn,
    ) -> Result<Part, Error> {
        let request = self.blob_request(Method::GET, repository, digest)?;
        let request = request.of_part(offset, length);
        let sender = self.sender();
        let asked = sender.send(&request);
        let limit = self.answer_timeout();
        let answer = sender.within(Ask::Blob, limit, turn, asked).await?;
        Part::of(answer, offset, length)
    }
}

impl Part {
    fn of(answer: Answer, offset: u64, length: Option<u64>) -> Result<Self, Error> {
        if answer.response.status() != StatusCode::PARTIAL_CONTENT {
            let total = answer.content_length();
            return Ok(Self {
                response: answer.response,
                start: 0,
                left: total,
                total,
            });
        }
        let wrong = || Error::bad_answer("another range than the one asked for");
        // `bytes first-last/total`, or `/*` (RFC 9110, 14.4).
        let range = answer
            .header("content-range")
            .and_then(|header| header.strip_prefix("bytes "));
        let (range, total) = range
            .and_then(|range| range.split_once('/'))
            .ok_or_else(wrong)?;
        let (first, last) = range.split_once('-').ok_or_else(wrong)?;
        let (first, last): (u64, u64) = (
            first.parse().map_err(|_| wrong())?,
            last.parse().map_err(|_| wrong())?,
        );
        let total: Option<u64> = total.parse().ok();
        let is_end_right = match (length, total) {
            (None, None) => true,
            (None, Some(total)) => last.checked_add(1) == Some(total),
            // Less than was asked for is as good; where it ends must be known.
            (Some(length), Some(total)) => last < total && last - first < length,
            (Some(_), None) => false,
        };
        if first != offset || last < first || !is_end_right {
            return Err(wrong());
        }
        Ok(Self {
            response: answer.response,
            start: first,
            left: Some(last - first + 1),
            total,
        })
    }

    /// Where it ends, and where the blob does, if that is further on.
    pub(crate) fn gap(&self) -> Option<(u64, u64)> {
        let (end, total) = (self.start.checked_add(self.left?)?, self.total?);
        (end < total).then_some((end, total))
    }
}

impl Rest {
    pub(crate) fn new(client: &Client, repository: &str, digest: &Digest) -> Self {
        Self {
            client: client.clone(),
            repository: repository.to_owned(),
            digest: digest.clone(),
        }
    }

    /// The next slice of a blob of `total` bytes.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::Cut`] where it is not the part asked for, which another request may be.
    pub(crate) async fn slice(
        self: Arc<Self>,
        offset: u64,
        length: u64,
        total: u64,
    ) -> Result<Part, Error> {
        let (client, turn) = (&self.client, Turn::default());
        let part = client.part(&self.repository, &self.digest, offset, Some(length), &turn);
        let part = part.await?;
        match part.start == offset && part.total == Some(total) {
            true => Ok(part),
            false => Err(Error::Cut {
                reason: "its next part is not of the same blob".to_owned(),
            }),
        }
    }
}
