//! Byte ranges of a request (RFC 9110, section 14) and of an upload's chunk.

use std::ops::Range;

/// One range as it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=first-last`, `last` included.
    Bounded(u64, u64),
    /// `bytes=first-`.
    From(u64),
    /// `bytes=-count`: the last `count` bytes.
    Last(u64),
}

/// A range held against the bytes there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Satisfied {
    /// Serve these bytes, end excluded, with 206.
    Partial(Range<u64>),
    /// 416.
    Unsatisfiable,
}

impl ByteRange {
    /// Reads a `Range` header. `None` where it is to be ignored and the whole served: another unit, several
    /// ranges, or no valid range at all (RFC 9110, 14.2 lets a server ignore what it does not support).
    pub fn parse(header: &str) -> Option<Self> {
        let (first, last) = header
            .trim()
            .strip_prefix("bytes=")?
            .trim()
            .split_once('-')?;
        match (first.trim(), last.trim()) {
            ("", "") => None,
            ("", count) => number(count).map(Self::Last),
            (first, "") => number(first).map(Self::From),
            (first, last) => Some(Self::Bounded(number(first)?, number(last)?)),
        }
    }

    /// The bytes meant, of `size` there are. A last byte beyond the end means the end; a last byte before the
    /// first is unsatisfiable, as the conformance suite wants it.
    pub fn of(self, size: u64) -> Satisfied {
        let range = match self {
            Self::Bounded(first, last) if last < first => return Satisfied::Unsatisfiable,
            Self::Bounded(first, last) => first..last.saturating_add(1).min(size),
            Self::From(first) => first..size,
            Self::Last(count) => size.saturating_sub(count)..size,
        };
        if range.start >= range.end {
            Satisfied::Unsatisfiable
        } else {
            Satisfied::Partial(range)
        }
    }
}

/// The first byte of a chunk by its `Content-Range: <first>-<last>` (distribution specification, "Pushing a
/// blob in chunks"); RFC 9110's `bytes first-last/size` is read too. `None` where it is neither.
pub fn content_range_start(header: &str) -> Option<u64> {
    let header = header.trim();
    let range = header
        .strip_prefix("bytes")
        .map_or(header, |rest| rest.trim_start_matches([' ', '=']));
    let (first, last) = range.split('/').next()?.split_once('-')?;
    let (first, last) = (number(first.trim())?, number(last.trim())?);
    (first <= last).then_some(first)
}

/// Digits only: `u64::from_str` takes a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_held_against_the_size() {
        let table = [
            ("bytes=0-0", Satisfied::Partial(0..1)),
            ("bytes=500-1499", Satisfied::Partial(500..1000)),
            ("bytes=500-", Satisfied::Partial(500..1000)),
            ("bytes=-500", Satisfied::Partial(500..1000)),
            ("bytes=-5000", Satisfied::Partial(0..1000)),
            ("bytes=1000-", Satisfied::Unsatisfiable),
            ("bytes=-0", Satisfied::Unsatisfiable),
            ("bytes=500-0", Satisfied::Unsatisfiable),
            ("bytes=0-18446744073709551615", Satisfied::Partial(0..1000)),
        ];
        for (header, expected) in table {
            assert_eq!(
                ByteRange::parse(header).unwrap().of(1000),
                expected,
                "{header}"
            );
        }
        assert_eq!(ByteRange::From(0).of(0), Satisfied::Unsatisfiable);
    }

    #[test]
    fn what_is_no_single_range_is_ignored() {
        for header in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "items=0-1",
            "bytes=0-1,5-6",
            "bytes=+1-2",
            "bytes=a-b",
        ] {
            assert_eq!(ByteRange::parse(header), None, "{header}");
        }
    }

    #[test]
    fn a_chunk_says_where_it_starts() {
        assert_eq!(content_range_start("0-9"), Some(0));
        assert_eq!(content_range_start("bytes 10-19/20"), Some(10));
        for header in ["", "-", "9-0", "x-1", "-5"] {
            assert_eq!(content_range_start(header), None, "{header}");
        }
    }
}
