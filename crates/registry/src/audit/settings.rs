//! The settings of the audit log, under Harbor's keys: what is not written, and where else it goes.

use std::collections::BTreeMap;

use metadata::AuditEvent;
use url::Url;

use crate::{Error, Result};

pub(crate) const ENDPOINT: &str = "audit_log_forward_endpoint";
pub(crate) const SKIP: &str = "skip_audit_log_database";
pub(crate) const DISABLED: &str = "disabled_audit_log_event_types";

/// Their keys.
pub const AUDIT_SETTINGS: [&str; 3] = [ENDPOINT, SKIP, DISABLED];

/// The port of syslog.
const PORT: u16 = 514;

/// What they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) endpoint: Option<Endpoint>,
    /// Only heeded where there is an endpoint: a log that goes nowhere is no log.
    pub(super) skips_database: bool,
    pub(super) disabled: Vec<AuditEvent>,
}

/// Where the log is forwarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    pub(super) is_udp: bool,
    pub(super) host: String,
    pub(super) port: u16,
}

impl Settings {
    /// Of the rows there are. What cannot be read was refused when it was set, and counts as not set.
    pub(super) fn of(rows: &BTreeMap<String, String>) -> Self {
        let text = |key| rows.get(key).map_or("", |value| value.trim());
        Self {
            endpoint: endpoint(text(ENDPOINT)).unwrap_or_default(),
            skips_database: text(SKIP) == "true",
            disabled: events(text(DISABLED)).unwrap_or_default(),
        }
    }
}

/// Whether these settings, all of them as they shall be, make sense together.
///
/// # Errors
/// [`Error::BadRequest`] says which does not, and what is expected.
pub fn check_audit_settings(rows: &BTreeMap<String, String>) -> Result<()> {
    let text = |key| rows.get(key).map_or("", |value| value.trim());
    let endpoint = endpoint(text(ENDPOINT))?;
    events(text(DISABLED))?;
    if text(SKIP) == "true" && endpoint.is_none() {
        return Err(Error::BadRequest(format!(
            "{SKIP} needs an {ENDPOINT}: without one the log would go nowhere"
        )));
    }
    Ok(())
}

/// `udp://host:514`, `tcp://host:514`, or as in Harbor `host:514`, which is TCP.
fn endpoint(text: &str) -> Result<Option<Endpoint>> {
    if text.is_empty() {
        return Ok(None);
    }
    let refused = || {
        Error::BadRequest(format!(
            "{ENDPOINT} {text:?} is not udp://host:port or tcp://host:port"
        ))
    };
    let with_scheme = match text.contains("://") {
        true => text.to_owned(),
        false => format!("tcp://{text}"),
    };
    let url: Url = with_scheme.parse().map_err(|_| refused())?;
    let is_bare = matches!(url.path(), "" | "/")
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty();
    let host = url.host_str().filter(|host| !host.is_empty() && is_bare);
    Ok(Some(Endpoint {
        is_udp: match url.scheme() {
            "udp" => true,
            "tcp" => false,
            _ => return Err(refused()),
        },
        host: host
            .ok_or_else(refused)?
            .trim_matches(['[', ']'])
            .to_owned(),
        port: url.port().unwrap_or(PORT),
    }))
}

/// Event types with commas between them.
pub(crate) fn events(text: &str) -> Result<Vec<AuditEvent>> {
    let words = text
        .split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty());
    words
        .map(|word| {
            word.parse().map_err(|()| {
                Error::BadRequest(format!(
                    "{word:?} is no event type of the audit log; those there are: {}",
                    AuditEvent::all()
                        .map(AuditEvent::as_str)
                        .collect::<Vec<_>>()
                        .join(", ")
                ))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_a_port() {
        let table = [
            (
                "udp://logs.example.com:5140",
                true,
                "logs.example.com",
                5140,
            ),
            ("tcp://192.0.2.1", false, "192.0.2.1", 514),
            ("logs:601", false, "logs", 601),
            ("udp://[2001:db8::1]:514", true, "2001:db8::1", 514),
        ];
        for (text, is_udp, host, port) in table {
            let expected = Endpoint {
                is_udp,
                host: host.to_owned(),
                port,
            };
            assert_eq!(endpoint(text).unwrap(), Some(expected), "{text}");
        }
        assert_eq!(endpoint("").unwrap(), None);
        for text in [
            "http://logs",
            "udp://",
            "tcp://logs/path",
            "tcp://me@logs",
            "logs:port",
            "tcp://logs:99999",
        ] {
            let refused = endpoint(text).unwrap_err();
            assert!(
                refused.to_string().contains("udp://host:port"),
                "{text}: {refused}"
            );
        }
    }

    #[test]
    fn a_log_that_would_go_nowhere_is_refused() {
        let rows = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect()
        };
        check_audit_settings(&rows(&[])).unwrap();
        check_audit_settings(&rows(&[(SKIP, "true"), (ENDPOINT, "udp://logs:514")])).unwrap();
        assert!(check_audit_settings(&rows(&[(SKIP, "true")])).is_err());
        assert!(check_audit_settings(&rows(&[(DISABLED, "pull_artifact, nothing")])).is_err());
        let read = Settings::of(&rows(&[(DISABLED, " pull_artifact,create_tag ")]));
        assert_eq!(
            read.disabled,
            [AuditEvent::PullArtifact, AuditEvent::CreateTag]
        );
    }
}
