//! `options` of an endpoint declared in the file: the shape the API has, with secrets that may come from elsewhere.

use std::fs;

use serde::Deserialize as _;
use serde_json::{Map, Value as Json};
use upstream::Options;

use super::document::{Entry, Node, Value};
use super::problem::At;
use super::section::Section;

const KEY: &str = "options";

/// Texts that may be the content of a file: `<key>_file` names it.
const FROM_FILE: [&str; 5] = [
    "access_secret",
    "client_certificate",
    "client_key",
    "proxy",
    "session_token",
];

/// Reads the mapping, and complains of each of its keys that is no option.
pub(super) fn read(registry: &mut Section<'_>) -> Options {
    let Some(node) = registry.take(KEY) else {
        return Options::default();
    };
    let Value::Map(entries) = &node.value else {
        let found = node.value.describe();
        registry.complain(KEY, format!("expected a mapping, found {found}"));
        return Options::default();
    };
    let mut whole = Map::new();
    for entry in entries {
        let below = format!(".{}", entry.key);
        let Some((key, value)) = pair(registry, entry, &below) else {
            continue;
        };
        // One by one, so that each mistake is told, with its line.
        let alone = Json::Object(Map::from_iter([(key.clone(), value.clone())]));
        match Options::deserialize(alone) {
            Ok(_) => _ = whole.insert(key, value),
            Err(error) => {
                let message = without_values(&error.to_string());
                registry.complain_below(KEY, &below, entry.at, &message);
            }
        }
    }
    Options::deserialize(Json::Object(whole)).unwrap_or_default()
}

/// A key and its value as JSON has them; `None` where that has been complained about.
fn pair(registry: &Section<'_>, entry: &'_ Entry, below: &str) -> Option<(String, Json)> {
    let complain = |at: At, message: &str| registry.complain_below(KEY, below, at, message);
    if let Some(stem) = entry.key.strip_suffix("_file")
        && FROM_FILE.contains(&stem)
    {
        let Value::Text(path) = &entry.node.value else {
            complain(entry.node.at, "expected a path");
            return None;
        };
        return match fs::read_to_string(path) {
            Ok(text) => {
                let text = text.trim_end_matches(['\r', '\n']);
                Some((stem.to_owned(), Json::String(text.to_owned())))
            }
            Err(error) => {
                complain(
                    entry.node.at,
                    &format!("cannot read the file {path}: {error}"),
                );
                None
            }
        };
    }
    json(registry, &entry.node, below).map(|value| (entry.key.clone(), value))
}

fn json(registry: &Section<'_>, node: &'_ Node, below: &str) -> Option<Json> {
    Some(match &node.value {
        Value::Null => Json::Null,
        Value::Bool(value) => Json::Bool(*value),
        Value::Integer(value) => i64::try_from(*value).map_or(Json::Null, Json::from),
        Value::Float(value) => Json::from(*value),
        Value::Text(text) => match registry.resolve(text) {
            Ok(text) => Json::String(text.to_owned()),
            Err(message) => {
                registry.complain_below(KEY, below, node.at, &message);
                return None;
            }
        },
        Value::List(items) => {
            let items = items.iter().enumerate();
            let items =
                items.map(|(index, item)| json(registry, item, &format!("{below}[{index}]")));
            Json::Array(items.collect::<Option<_>>()?)
        }
        Value::Map(entries) => {
            let pairs = entries
                .iter()
                .map(|entry| pair(registry, entry, &format!("{below}.{}", entry.key)));
            Json::Object(pairs.collect::<Option<_>>()?)
        }
    })
}

/// A complaint that does not repeat what stands there, for it may be a password: ``invalid type: string "x", expected
/// u32`` becomes `expected u32, found a string`.
fn without_values(message: &str) -> String {
    let Some((found, expected)) = message
        .strip_prefix("invalid type: ")
        .or_else(|| message.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    else {
        return message.to_owned();
    };
    let found = found.split([' ', '"', '`']).next().unwrap_or_default();
    format!("expected {expected}, found a value of the type {found}")
}
