//! Single values as an operator writes them: durations, host names, project names, URLs.

use std::net::Ipv6Addr;
use std::time::Duration;

use url::Url;

/// What a duration looks like, for errors.
pub(super) const DURATION: &str = "a duration such as 30s, 5m, 1h30m or 0";

/// `30s`, `5m`, `1h30m`, `7d`, `0`. A number without a unit is refused: nobody knows whether it means seconds.
pub(super) fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut total: u64 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: u64 = rest[..digits].parse().ok()?;
        let unit_secs = match rest.as_bytes()[digits] {
            b's' => 1,
            b'm' => 60,
            b'h' => 3600,
            b'd' => 86_400,
            _ => return None,
        };
        total = total.checked_add(count.checked_mul(unit_secs)?)?;
        rest = &rest[digits + 1..];
    }
    // A hundred years: anything longer is a typing error, and would overflow a date further on.
    (!text.is_empty() && total <= 36_525 * 86_400).then(|| Duration::from_secs(total))
}

/// The shortest spelling that [`duration`] reads back.
pub(super) fn write_duration(value: Duration) -> String {
    let secs = value.as_secs();
    match secs {
        0 => "0".to_owned(),
        _ if secs.is_multiple_of(3600) => format!("{}h", secs / 3600),
        _ if secs.is_multiple_of(60) => format!("{}m", secs / 60),
        _ => format!("{secs}s"),
    }
}

/// A host name or address alone, without scheme, port or path; an IPv6 address comes back in brackets, as URLs want it.
pub(super) fn host(text: &str) -> Option<String> {
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some(format!("[{text}]"));
    }
    let is_name = !text.is_empty()
        && text.len() <= 253
        && text
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63)
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'));
    is_name.then(|| text.to_owned())
}

/// An `http://` or `https://` URL with a host, and without an account or query in it.
pub(super) fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.has_host()
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    is_plain.then_some(url)
}

/// Harbor's project name: `^[a-z0-9]+(?:[._-][a-z0-9]+)*$`, at most 255 characters.
pub(super) fn is_project_name(text: &str) -> bool {
    text.len() <= 255
        && text.split(['.', '_', '-']).all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// The closest of `candidates`, when it is close enough to be what was meant.
pub(super) fn closest<'a>(typed: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let (best, distance) = candidates
        .iter()
        .map(|candidate| {
            (
                *candidate,
                edit_distance(&typed.to_lowercase(), &candidate.to_lowercase()),
            )
        })
        .min_by_key(|(_, distance)| *distance)?;
    // A third of the word may be wrong: `lisen` is `listen`, `tls` is not `url`.
    (distance * 3 <= best.len().max(3)).then_some(best)
}

/// Levenshtein's distance, where exchanging two neighbours counts as one step.
fn edit_distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let is_change = usize::from(a[i - 1] != b[j - 1]);
            let mut cost = (last[j] + 1)
                .min(row[j - 1] + 1)
                .min(last[j - 1] + is_change);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                cost = cost.min(before_last[j - 2] + 1);
            }
            row.push(cost);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units_and_written_back() {
        let read = [
            ("0", 0),
            ("30s", 30),
            ("5m", 300),
            ("1h30m", 5400),
            ("24h", 86_400),
            ("7d", 604_800),
        ];
        for (text, secs) in read {
            let value = Duration::from_secs(secs);
            assert_eq!(duration(text), Some(value), "{text}");
            assert_eq!(duration(&write_duration(value)), Some(value), "{text}");
        }
        for text in [
            "",
            "30",
            "s",
            "5 m",
            "-1s",
            "1.5h",
            "1w",
            "99999999999999999999s",
            "40000000000s",
            "5µ",
        ] {
            assert_eq!(duration(text), None, "{text}");
        }
    }

    #[test]
    fn project_names_follow_harbors_grammar() {
        for name in [
            "dockerhub",
            "a",
            "0",
            "my-team",
            "a.b_c-d",
            &"x".repeat(255),
        ] {
            assert!(is_project_name(name), "{name}");
        }
        for name in [
            "",
            "A",
            "a--b",
            "-a",
            "a-",
            "a/b",
            "a b",
            "é",
            &"x".repeat(256),
        ] {
            assert!(!is_project_name(name), "{name}");
        }
    }

    #[test]
    fn hosts_have_neither_scheme_nor_port_nor_path() {
        assert_eq!(host("reg.example.com").as_deref(), Some("reg.example.com"));
        assert_eq!(host("::1").as_deref(), Some("[::1]"));
        for text in [
            "",
            "https://reg.example.com",
            "reg.example.com:8080",
            "reg/x",
            "a..b",
        ] {
            assert_eq!(host(text), None, "{text}");
        }
    }

    #[test]
    fn a_near_miss_is_recognised_and_a_stranger_is_not() {
        let keys = ["hostname", "http", "https", "listen", "url"];
        assert_eq!(closest("hostnme", &keys), Some("hostname"));
        assert_eq!(closest("lsiten", &keys), Some("listen"));
        assert_eq!(closest("HTTPS", &keys), Some("https"));
        assert_eq!(closest("tls", &keys), None);
        assert_eq!(closest("database", &keys), None);
    }
}
