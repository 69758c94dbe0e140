//! How a fake registry misbehaves.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

/// A way to answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mode {
    /// As it should.
    Normal,
    /// This status, with these headers, to everything.
    Status(u16, Vec<(String, String)>),
    /// These headers, beside what else is answered.
    Headers(Vec<(String, String)>),
    /// Connections are taken and requests read; no answer comes.
    Hang,
    /// Answers come so much later.
    Delay(Duration),
    /// Nothing listens. For all paths only.
    RefuseConnections,
    /// 200 with a page for people.
    Html,
    /// The first byte of each blob's body is another.
    WrongBytes,
    /// Each blob body breaks off after so many bytes.
    CutEvery(u64),
    /// The next blob body breaks off after so many bytes; those after it are whole.
    CutOnce(u64),
    /// Each blob body comes at so many bytes a second.
    Throttle(u64),
    /// `Range` is ignored.
    NoRange,
    /// No `Docker-Content-Digest`.
    NoDigestHeader,
    /// No `Content-Length`.
    NoContentLength,
    /// Blob bodies wait for [`super::FakeUpstream::release`]; their headers do not.
    Gate,
}

#[derive(Default)]
pub(super) struct Modes(Vec<(String, Mode)>);

impl Modes {
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn clear_part(&mut self, part: &str) {
        self.0.retain(|(other, _)| other != part);
    }

    pub(super) fn add(&mut self, part: &str, mode: Mode) {
        self.0.push((part.to_owned(), mode));
    }

    /// What holds for a path. For the blob at it, [`Mode::CutOnce`] is spent by this call.
    pub(super) fn of(&mut self, path: &str, is_blob_get: bool) -> Behaviour {
        let mut behaviour = Behaviour::default();
        let mut spent = None;
        for (at, (part, mode)) in self.0.iter().enumerate() {
            if !path.contains(part.as_str()) {
                continue;
            }
            match mode {
                Mode::Normal | Mode::RefuseConnections => {}
                Mode::Status(status, headers) => {
                    behaviour.status = Some((*status, header_map(headers)))
                }
                Mode::Headers(headers) => behaviour.headers.extend(header_map(headers)),
                Mode::Hang => behaviour.hangs = true,
                Mode::Delay(delay) => behaviour.delay = Some(*delay),
                Mode::Html => behaviour.is_html = true,
                Mode::WrongBytes => behaviour.is_wrong = true,
                Mode::CutEvery(bytes) => behaviour.cut_after = Some(*bytes),
                Mode::CutOnce(bytes) if is_blob_get && spent.is_none() => {
                    behaviour.cut_after = Some(*bytes);
                    spent = Some(at);
                }
                Mode::CutOnce(_) => {}
                Mode::Throttle(bytes) => behaviour.bytes_per_second = Some(*bytes),
                Mode::NoRange => behaviour.ignores_range = true,
                Mode::NoDigestHeader => behaviour.hides_digest = true,
                Mode::NoContentLength => behaviour.hides_length = true,
                Mode::Gate => behaviour.is_gated = true,
            }
        }
        if let Some(at) = spent {
            self.0.remove(at);
        }
        behaviour
    }
}

/// All the modes of one answer.
#[derive(Clone, Default)]
pub(super) struct Behaviour {
    pub(super) status: Option<(u16, HeaderMap)>,
    pub(super) headers: HeaderMap,
    pub(super) hangs: bool,
    pub(super) delay: Option<Duration>,
    pub(super) is_html: bool,
    pub(super) is_wrong: bool,
    pub(super) cut_after: Option<u64>,
    pub(super) bytes_per_second: Option<u64>,
    pub(super) ignores_range: bool,
    pub(super) hides_digest: bool,
    pub(super) hides_length: bool,
    pub(super) is_gated: bool,
}

fn header_map(headers: &[(String, String)]) -> HeaderMap {
    let parsed = headers.iter().filter_map(|(name, value)| {
        Some((
            HeaderName::from_bytes(name.as_bytes()).ok()?,
            HeaderValue::from_str(value).ok()?,
        ))
    });
    parsed.collect()
}
