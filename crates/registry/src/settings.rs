//! A project's settings, Harbor's "metadata": which keys there are, what they may say, which projects have them.
//! Pure. All values are text; an empty one means that the key is not set.

use std::collections::BTreeMap;

use crate::{Error, Result};

/// Settings by key.
pub(crate) type Settings = BTreeMap<String, String>;

/// What a value may say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    /// `true` or `false`, and what Harbor takes for them.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number of 32 bits.
    Number,
    /// A whole number from 0.
    Count,
    /// `false`: a protection that nothing enforces yet. To promise it would be worse than to refuse.
    NotYet,
    /// Nothing: the same, for what is text.
    NotYetText,
    /// Set by the server alone.
    Fixed,
}

/// Which projects have a key. Others lose it without a word, as in Harbor.
#[derive(Clone, Copy, PartialEq, Eq)]
enum In {
    Every,
    Hosted,
    Proxy,
}

/// THE list of keys.
const KEYS: [(&str, Value, In); 16] = [
    ("public", Value::Flag, In::Every),
    ("enable_content_trust", Value::NotYet, In::Hosted),
    ("enable_content_trust_cosign", Value::NotYet, In::Every),
    ("prevent_vul", Value::NotYet, In::Every),
    (
        "severity",
        Value::Word(&["none", "low", "medium", "high", "critical"]),
        In::Every,
    ),
    ("auto_scan", Value::Flag, In::Every),
    ("auto_sbom_generation", Value::Flag, In::Every),
    ("reuse_sys_cve_allowlist", Value::Flag, In::Every),
    ("retention_id", Value::Fixed, In::Every),
    ("proxy_speed_kb", Value::Number, In::Proxy),
    ("max_upstream_conn", Value::Number, In::Proxy),
    ("proxy_cache_local_on_not_found", Value::Flag, In::Every),
    ("proxy_referrer_api", Value::Flag, In::Every),
    ("proxy_cache_filter_pattern", Value::NotYetText, In::Proxy),
    (
        "proxy_cache_filter_kind",
        Value::Word(&["doublestar", "regex"]),
        In::Proxy,
    ),
    // Ours: how long a cached tag is served without asking upstream. Harbor asks each time, which is 0.
    (REVALIDATE_AFTER, Value::Count, In::Proxy),
];

/// How long a cached tag is served without asking upstream, in seconds.
pub(crate) const REVALIDATE_AFTER: &str = "revalidate_after_seconds";

/// What `asked` changes of `stored`, checked and in its one spelling. Keys nobody knows are ignored: newer clients
/// send newer keys.
pub(crate) fn checked(stored: &Settings, asked: Settings, is_proxy: bool) -> Result<Settings> {
    let mut changes = Settings::new();
    for (key, value) in asked {
        let Some((_, rule, place)) = KEYS.into_iter().find(|(known, ..)| *known == key) else {
            continue;
        };
        let belongs = match place {
            In::Every => true,
            In::Hosted => !is_proxy,
            In::Proxy => is_proxy,
        };
        if !belongs {
            continue;
        }
        let value = value.trim();
        let was = stored.get(&key).map_or("", String::as_str);
        let value = if value.is_empty() && key != "public" {
            String::new()
        } else {
            normal(&key, rule, value, was)?
        };
        if value != was {
            changes.insert(key, value);
        }
    }
    Ok(changes)
}

/// Whether a project can have that key, and people can set it.
pub fn is_project_setting(key: &str) -> bool {
    KEYS.iter()
        .any(|(known, value, _)| *known == key && *value != Value::Fixed)
}

/// The first key that means nothing here, of what a configuration file declares: a typing error there is told.
pub(crate) fn unknown_key(asked: &Settings) -> Option<&str> {
    asked
        .keys()
        .map(String::as_str)
        .find(|key| !KEYS.iter().any(|(known, ..)| known == key))
}

fn normal(key: &str, rule: Value, value: &str, was: &str) -> Result<String> {
    let refused = |expected: &str| {
        Err(Error::BadRequest(format!(
            "{key} must be {expected}, not {value:?}"
        )))
    };
    match rule {
        Value::Flag => match truth(value) {
            Some(flag) => Ok(flag.to_string()),
            None => refused("true or false"),
        },
        Value::NotYet if truth(value) == Some(false) => Ok("false".to_owned()),
        Value::NotYet => refused("false, because this version does not enforce it"),
        Value::NotYetText => refused("left out, because this version does not enforce it"),
        Value::Word(words) => {
            let word = value.to_ascii_lowercase();
            if words.contains(&word.as_str()) {
                Ok(word)
            } else {
                refused(&format!("one of {}", words.join(", ")))
            }
        }
        Value::Number => match value.parse::<i32>() {
            Ok(number) => Ok(number.to_string()),
            Err(_) => refused("a whole number"),
        },
        Value::Count => match value.parse::<u32>() {
            Ok(number) => Ok(number.to_string()),
            Err(_) => refused("a whole number from 0"),
        },
        Value::Fixed if value == was => Ok(was.to_owned()),
        Value::Fixed => Err(Error::BadRequest(format!(
            "{key} is set by the server and cannot be changed"
        ))),
    }
}

/// A truth, in the spellings Go takes.
fn truth(text: &str) -> Option<bool> {
    match text {
        "true" | "TRUE" | "True" | "t" | "T" | "1" => Some(true),
        "false" | "FALSE" | "False" | "f" | "F" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings<const N: usize>(pairs: [(&str, &str); N]) -> Settings {
        pairs
            .into_iter()
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect()
    }

    fn new_proxy<const N: usize>(pairs: [(&str, &str); N]) -> Result<Settings> {
        checked(&Settings::new(), settings(pairs), true)
    }

    #[test]
    fn values_get_their_one_spelling_and_nonsense_is_refused() {
        let asked = [
            ("public", "True"),
            ("severity", "High"),
            ("proxy_speed_kb", "-1"),
            ("revalidate_after_seconds", "060"),
        ];
        let expected = [
            ("public", "true"),
            ("severity", "high"),
            ("proxy_speed_kb", "-1"),
            ("revalidate_after_seconds", "60"),
        ];
        assert_eq!(new_proxy(asked).unwrap(), settings(expected));
        for (key, value) in [
            ("public", "yes"),
            ("public", ""),
            ("severity", "bad"),
            ("max_upstream_conn", "many"),
            ("proxy_speed_kb", "4294967296"),
            ("revalidate_after_seconds", "-1"),
            ("retention_id", "7"),
            ("proxy_cache_filter_kind", "glob"),
            ("proxy_cache_filter_pattern", "library/**"),
        ] {
            assert!(
                matches!(new_proxy([(key, value)]), Err(Error::BadRequest(_))),
                "{key}={value}"
            );
        }
    }

    #[test]
    fn a_protection_that_nothing_enforces_is_not_promised() {
        for key in ["prevent_vul", "enable_content_trust_cosign"] {
            assert_eq!(
                new_proxy([(key, "false")]).unwrap(),
                settings([(key, "false")])
            );
            assert!(
                matches!(new_proxy([(key, "true")]), Err(Error::BadRequest(_))),
                "{key}"
            );
        }
    }

    #[test]
    fn a_project_gets_the_keys_of_its_kind_only() {
        let asked = settings([
            ("enable_content_trust", "0"),
            ("proxy_speed_kb", "1"),
            ("colour", "red"),
        ]);
        let none = Settings::new();
        assert_eq!(
            checked(&none, asked.clone(), false).unwrap(),
            settings([("enable_content_trust", "false")])
        );
        assert_eq!(
            checked(&none, asked.clone(), true).unwrap(),
            settings([("proxy_speed_kb", "1")])
        );
        assert_eq!(unknown_key(&asked), Some("colour"));
    }

    #[test]
    fn only_what_differs_is_changed_and_an_empty_value_unsets() {
        let stored = settings([
            ("public", "true"),
            ("auto_scan", "true"),
            ("retention_id", "4"),
        ]);
        let asked = settings([
            ("public", "1"),
            ("auto_scan", ""),
            ("retention_id", "4"),
            ("severity", ""),
        ]);
        assert_eq!(
            checked(&stored, asked, false).unwrap(),
            settings([("auto_scan", "")])
        );
    }
}
