//! What can be watched from outside: `log` and `metric`.

use std::net::SocketAddr;

use tracing_subscriber::EnvFilter;

use super::section::Section;
use super::{Log, LogFormat, Metric, Sources};

/// Harbor's words for levels, and ours.
const LEVELS: [(&str, &str); 7] = [
    ("debug", "debug"),
    ("info", "info"),
    ("warning", "warn"),
    ("warn", "warn"),
    ("error", "error"),
    ("fatal", "error"),
    ("trace", "trace"),
];

pub(super) fn read_log(top: &mut Section<'_>, sources: &Sources<'_>) -> Log {
    let (level, format) = top
        .section("log", |log| {
            let level = log.parsed("level", LEVEL, filter);
            let format = log.choice("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
            for key in ["local", "external_endpoint"] {
                log.refuse(key, "not supported: Roadstead logs to standard error; let the service manager keep it");
            }
            (level, format)
        })
        .unwrap_or_default();
    let from_environment = sources.variable("ROADSTEAD_LOG", LEVEL, filter);
    Log {
        filter: from_environment
            .or(level)
            .unwrap_or_else(|| "info".to_owned()),
        format: format.unwrap_or_default(),
    }
}

const LEVEL: &str =
    "a level (debug, info, warning, error) or directives such as info,pullthrough=debug";

/// The filter's directive for a level, or for directives as they stand.
fn filter(text: &str) -> Option<String> {
    let level = LEVELS
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, level)| *level);
    // The filter's own grammar takes a bare word for a module's name, so a misspelt level would silence the log.
    let is_directives = || text.contains('=') && EnvFilter::try_new(text).is_ok();
    level
        .or_else(|| is_directives().then_some(text))
        .map(str::to_owned)
}

/// `None` unless enabled. Metrics have a port of their own, on the address the registry listens on.
pub(super) fn read_metric(top: &mut Section<'_>, listen: SocketAddr) -> Option<Metric> {
    top.section("metric", |metric| {
        let is_enabled = metric.boolean("enabled").unwrap_or(false);
        let port = metric.port_to_bind("port").unwrap_or(9090);
        let path = metric.parsed("path", "a path that starts with `/`", |text| {
            (text.starts_with('/') && text.chars().all(|c| c.is_ascii_graphic()))
                .then(|| text.to_owned())
        });
        if is_enabled && port == listen.port() && port != 0 {
            metric.complain(
                "port",
                format!("expected another port than the registry's own {port}"),
            );
        }
        is_enabled.then(|| Metric {
            listen: SocketAddr::new(listen.ip(), port),
            path: path.unwrap_or_else(|| "/metrics".to_owned()),
        })
    })
    .flatten()
}
