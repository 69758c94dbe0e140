//! The environment: the `ROADSTEAD_…` variables, and the `${NAME}` references of the file. Read once, at start.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::problem::{Problem, Source};
use super::value::closest;

/// The variables that are settings, each with what it sets.
pub const VARIABLES: [(&str, &str); 7] = [
    ("ROADSTEAD_CONFIG", "the configuration file"),
    ("ROADSTEAD_LISTEN", "the address and port to listen on"),
    ("ROADSTEAD_DATA", "the data folder"),
    (
        "ROADSTEAD_ADMIN_PASSWORD",
        "the first administrator's password",
    ),
    ("ROADSTEAD_EXTERNAL_URL", "the URL clients use"),
    ("ROADSTEAD_LOG", "what is logged"),
    ("ROADSTEAD_DATABASE_URL", "the database"),
];

const PREFIX: &str = "ROADSTEAD_";

/// A copy of the process's environment; the only way a setting is read from it. The default is an empty one.
#[derive(Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Names of variables that are no text: an error only for those that would be settings.
    not_text: Vec<String>,
    /// What `${NAME}` in the file has asked for: such a variable is no stranger, whatever its name.
    referenced: RefCell<BTreeSet<String>>,
}

impl Environment {
    /// The environment this process was started with.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn of_process() -> Self {
        let mut variables = BTreeMap::new();
        let mut not_text = Vec::new();
        for (name, value) in std::env::vars_os() {
            let Ok(name) = name.into_string() else {
                continue;
            };
            match value.into_string() {
                Ok(value) => _ = variables.insert(name, value),
                Err(_) => not_text.push(name),
            }
        }
        Self {
            variables,
            not_text,
            referenced: RefCell::default(),
        }
    }

    /// An environment of exactly these variables, for tests.
    #[cfg(test)]
    pub(crate) fn of(variables: &[(&str, &str)]) -> Self {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        Self {
            variables,
            not_text: Vec::new(),
            referenced: RefCell::default(),
        }
    }

    /// A copy for those who follow other variables than ours: which ones, the clouds' tools have long decided.
    pub(super) fn for_clouds(&self) -> upstream::Environment {
        self.variables.clone().into_iter().collect()
    }

    /// A setting. An empty variable counts as not set: that is how compose files and scripts leave one out.
    pub(super) fn setting(&self, name: &str) -> Option<&str> {
        self.variables
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// What `${name}` in the file stands for.
    pub(super) fn reference(&self, name: &str) -> Option<&str> {
        self.referenced.borrow_mut().insert(name.to_owned());
        self.setting(name)
    }

    /// Complaints about `ROADSTEAD_…` variables that mean nothing; asked for once the file has been read.
    pub(super) fn strangers(&self) -> Vec<Problem> {
        let known = VARIABLES.map(|(name, _)| name);
        let referenced = self.referenced.borrow();
        let unknown = self.variables.iter().filter(|(name, value)| {
            name.starts_with(PREFIX)
                && !known.contains(&name.as_str())
                && !referenced.contains(*name)
                && !is_kubernetes_link(name, value)
        });
        let unknown = unknown.map(|(name, _)| {
            // Compared without the prefix, which would make every name look near.
            let settings = known.map(|name| name.trim_start_matches(PREFIX));
            let near = closest(name.trim_start_matches(PREFIX), &settings);
            let hint = near
                .map(|near| format!("; did you mean {PREFIX}{near}?"))
                .unwrap_or_default();
            problem(
                name,
                format!("unknown variable{hint} (known: {})", known.join(", ")),
            )
        });
        let unreadable = self.not_text.iter().filter(|name| name.starts_with(PREFIX));
        unknown
            .chain(unreadable.map(|name| problem(name, "expected UTF-8 text".to_owned())))
            .collect()
    }
}

/// Kubernetes announces each Service of a namespace to its pods as variables, so a Service named `roadstead` or
/// `roadstead-db` makes `ROADSTEAD_PORT=tcp://…` and the like. They are no settings, and no mistake.
fn is_kubernetes_link(name: &str, value: &str) -> bool {
    let is_port_part = || {
        let Some((_, tail)) = name.split_once("_PORT_") else {
            return false;
        };
        let mut parts = tail.split('_');
        parts.next().is_some_and(|port| port.parse::<u16>().is_ok())
            && matches!(parts.next(), Some("TCP" | "UDP" | "SCTP"))
    };
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && value.contains("://"))
        || is_port_part()
}

fn problem(name: &str, message: String) -> Problem {
    Problem {
        source: Source::Environment,
        key: name.to_owned(),
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_variables_are_named_with_what_was_probably_meant() {
        let environment = Environment::of(&[
            ("ROADSTEAD_LISEN", "x"),
            ("PATH", "/bin"),
            ("ROADSTEAD_DATA", "/data"),
        ]);
        let strangers = environment.strangers();
        assert_eq!(strangers.len(), 1);
        let text = strangers[0].to_string();
        assert!(
            text.starts_with(
                "environment: ROADSTEAD_LISEN: unknown variable; did you mean ROADSTEAD_LISTEN?"
            ),
            "{text}"
        );
    }

    #[test]
    fn what_kubernetes_announces_about_services_is_no_setting() {
        let environment = Environment::of(&[
            ("ROADSTEAD_SERVICE_HOST", "10.0.0.7"),
            ("ROADSTEAD_SERVICE_PORT", "80"),
            ("ROADSTEAD_SERVICE_PORT_HTTP", "80"),
            ("ROADSTEAD_PORT", "tcp://10.0.0.7:80"),
            ("ROADSTEAD_PORT_80_TCP", "tcp://10.0.0.7:80"),
            ("ROADSTEAD_PORT_80_TCP_ADDR", "10.0.0.7"),
            ("ROADSTEAD_DB_PORT_5432_TCP_PROTO", "tcp"),
        ]);
        assert_eq!(environment.strangers(), []);
    }

    #[test]
    fn a_variable_the_file_refers_to_is_no_stranger() {
        let environment = Environment::of(&[("ROADSTEAD_HUB_TOKEN", "t0ken")]);
        assert_eq!(environment.reference("ROADSTEAD_HUB_TOKEN"), Some("t0ken"));
        assert_eq!(environment.strangers(), []);
    }
}
