//! A project's settings, Harbor's "metadata": which keys there are, what they may say, which projects have them.
//! Pure. All values are text; an empty one means that the key is not set.

use std::collections::BTreeMap;

use crate::filter::{self, Pattern, Rules};
use crate::freshness::{self, Freshness};
use crate::{Error, Result, limits};

/// Settings by key.
pub(crate) type Settings = BTreeMap<String, String>;

/// What a value may say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Value {
    /// `true` or `false`, and what Harbor takes for them.
    Flag,
    /// One of these words.
    Word(&'static [&'static str]),
    /// One of these words, spelled so.
    Exactly(&'static [&'static str]),
    /// A whole number of 32 bits.
    Number,
    /// A count of connections: from 1, or -1 for as many as there are.
    Connections,
    /// A whole number from 0.
    Count,
    /// `false`: a protection that nothing enforces yet. To promise it would be worse than to refuse.
    NotYet,
    /// What a filter's pattern may be, by itself; with its kind it is checked afterwards.
    Pattern,
    /// Rules of a filter.
    Rules,
    /// When tags are checked, and what is served where they cannot be.
    Freshness,
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
const KEYS: [(&str, Value, In); 18] = [
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
    (limits::SPEED_KB, Value::Number, In::Proxy),
    (limits::MAX_CONNECTIONS, Value::Connections, In::Proxy),
    ("proxy_cache_local_on_not_found", Value::Flag, In::Every),
    ("proxy_referrer_api", Value::Flag, In::Every),
    (filter::PATTERN, Value::Pattern, In::Proxy),
    (
        filter::KIND,
        Value::Exactly(&["doublestar", "regex"]),
        In::Proxy,
    ),
    // Ours: what is allowed and what is denied, in order.
    (filter::RULES, Value::Rules, In::Proxy),
    // Ours: how long a cached tag is served without asking upstream. Harbor asks each time, which is 0.
    (REVALIDATE_AFTER, Value::Count, In::Proxy),
    // Ours: the same for some tags, and what is served where upstream cannot say.
    (freshness::FRESHNESS, Value::Freshness, In::Proxy),
];

/// How long a cached tag is served without asking upstream, in seconds.
pub(crate) const REVALIDATE_AFTER: &str = "revalidate_after_seconds";

/// What `asked` changes of `stored`, checked and in its one spelling. Keys nobody knows are ignored: newer clients
/// send newer keys.
pub(crate) fn checked(stored: &Settings, asked: Settings, is_proxy: bool) -> Result<Settings> {
    let changes = changed(stored, asked, is_proxy)?;
    check_filter(stored, &changes, NoKind::IsRefused)?;
    Ok(changes)
}

/// The same for one key by itself, as Harbor's metadata API sets it: a pattern without a kind is a `doublestar` there,
/// and filters of projects that proxy nothing are an error.
pub(crate) fn checked_one(
    stored: &Settings,
    key: &str,
    value: String,
    is_proxy: bool,
) -> Result<Settings> {
    if !is_proxy && [filter::PATTERN, filter::KIND, filter::RULES].contains(&key) {
        return Err(Error::BadRequest(
            "can not update the normal project with proxy cache filter metadata".to_owned(),
        ));
    }
    let changes = changed(stored, Settings::from([(key.to_owned(), value)]), is_proxy)?;
    let is_unset = changes.get(filter::KIND).is_some_and(String::is_empty);
    let no_kind = if is_unset {
        NoKind::IsRefused
    } else {
        NoKind::IsDoublestar
    };
    check_filter(stored, &changes, no_kind)?;
    Ok(changes)
}

/// What a pattern without a kind is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum NoKind {
    IsRefused,
    IsDoublestar,
}

/// Whether pattern and kind go together after the changes.
fn check_filter(stored: &Settings, changes: &Settings, no_kind: NoKind) -> Result<()> {
    if !changes.contains_key(filter::PATTERN) && !changes.contains_key(filter::KIND) {
        return Ok(());
    }
    let after = |key| {
        let value = changes.get(key).or_else(|| stored.get(key));
        value.map_or("", String::as_str)
    };
    let (pattern, kind) = (after(filter::PATTERN), after(filter::KIND));
    if pattern.is_empty() {
        return Ok(());
    }
    if kind.is_empty() && no_kind == NoKind::IsRefused {
        return Err(Error::BadRequest(format!(
            "{} is needed with {}: doublestar or regex",
            filter::KIND,
            filter::PATTERN
        )));
    }
    match Pattern::new(pattern, kind) {
        Ok(_) => Ok(()),
        Err(error) => Err(Error::BadRequest(format!(
            "{} {pattern:?} is invalid: {error}",
            filter::PATTERN
        ))),
    }
}

fn changed(stored: &Settings, asked: Settings, is_proxy: bool) -> Result<Settings> {
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
        if rule == Value::Fixed && value.is_empty() {
            continue;
        }
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

/// Whether a project may have that value: for those who read settings before there is a project. A pattern is
/// checked with its kind, by [`check_project_filter`].
///
/// # Errors
/// [`Error::BadRequest`] with a sentence that begins with the key.
pub fn check_project_setting(key: &str, value: &str) -> Result<()> {
    match KEYS.into_iter().find(|(known, ..)| *known == key) {
        Some((_, rule, _)) => normal(key, rule, value.trim(), "").map(drop),
        None => Err(Error::BadRequest(format!("{key} is no setting"))),
    }
}

/// Whether the pattern among these settings goes with the kind among them.
///
/// # Errors
/// [`Error::BadRequest`] with a sentence that begins with the key at fault.
pub fn check_project_filter(settings: &BTreeMap<String, String>) -> Result<()> {
    check_filter(&Settings::new(), settings, NoKind::IsRefused)
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
        // Whether it can be read depends on its kind: see `check_filter`.
        Value::Pattern => Ok(value.to_owned()),
        Value::Rules => match Rules::parse(value) {
            Ok((_, spelled)) => Ok(spelled),
            Err(error) => Err(Error::BadRequest(format!("{key}: {error}"))),
        },
        Value::Freshness => match Freshness::parse(value) {
            Ok((_, spelled)) => Ok(spelled),
            Err(error) => Err(Error::BadRequest(format!("{key}: {error}"))),
        },
        Value::Exactly(words) if words.contains(&value) => Ok(value.to_owned()),
        Value::Exactly(words) => refused(&format!("one of {}", words.join(", "))),
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
        Value::Connections => match value.parse::<i32>() {
            Ok(number) if number == -1 || number >= 1 => Ok(number.to_string()),
            _ => refused("-1, for no limit, or a whole number from 1"),
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
            ("max_upstream_conn", "0"),
            ("max_upstream_conn", "-2"),
            ("proxy_cache_filter_kind", "glob"),
            ("proxy_cache_filter_kind", "Regex"),
            ("proxy_cache_filter_pattern", "library/**"),
            ("proxy_cache_rules", "[{}]"),
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

    #[test]
    fn a_filter_is_checked_with_what_is_set_already() {
        let (pattern, kind) = ("proxy_cache_filter_pattern", "proxy_cache_filter_kind");
        let both = [(pattern, "*/nginx"), (kind, "doublestar")];
        assert_eq!(new_proxy(both).unwrap(), settings(both));
        let regex = new_proxy([(pattern, " (a|b)/.* "), (kind, "regex")]).unwrap();
        assert_eq!(regex[pattern], "(a|b)/.*");
        assert_eq!(new_proxy([(kind, "regex")]).unwrap().len(), 1);
        let broken = new_proxy([(pattern, "a("), (kind, "regex")]).unwrap_err();
        assert!(broken.to_string().contains("is invalid"), "{broken}");
        let stored = settings(both);
        let set = |key: &str, value: &str| checked_one(&stored, key, value.to_owned(), true);
        assert!(set(pattern, "a/*").is_ok() && set(kind, "regex").is_err());
        assert!(set(kind, "").is_err() && set(pattern, "").is_ok());
        let none = Settings::new();
        let alone = checked_one(&none, pattern, "a/*".to_owned(), true).unwrap();
        assert_eq!(alone, settings([(pattern, "a/*")]));
        // What was set so is left alone by changes of other keys.
        assert!(checked(&alone, settings([("auto_scan", "true")]), true).is_ok());
        for key in [pattern, kind, "proxy_cache_rules"] {
            let refused = checked_one(&none, key, "a".to_owned(), false).unwrap_err();
            assert!(refused.to_string().contains("normal project"), "{refused}");
            assert!(
                checked(&none, settings([(key, "a")]), false)
                    .unwrap()
                    .is_empty()
            );
        }
    }
}
