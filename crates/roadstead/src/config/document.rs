//! The configuration file as a tree of values that remember their line and column.
//!
//! A tree rather than derived structs, because an operator wants every mistake at once, each with its place and its
//! key path; a derived `Deserialize` stops at the first and knows no path. What the keys mean is [`super::section`]'s
//! callers' business.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::problem::At;

/// A value and where it stands.
pub(super) struct Node {
    pub(super) at: At,
    pub(super) value: Value,
}

/// A YAML value.
pub(super) enum Value {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// One `key: value` line of a mapping.
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: At,
    pub(super) node: Node,
}

/// Parses a file's text. An empty file is an empty mapping; the error says what is wrong with the YAML itself.
pub(super) fn parse(text: &str) -> Result<Node, (At, String)> {
    match serde_saphyr::from_str::<Option<Node>>(text) {
        Ok(Some(node)) => Ok(node),
        Ok(None) => Ok(Node {
            at: At::default(),
            value: Value::Map(Vec::new()),
        }),
        Err(error) => {
            // Without its snippet: the lines around a mistake may hold a password.
            let error = error.without_snippet();
            let at = error.location().map(place).unwrap_or_default();
            Err((at, format!("not valid YAML: {error}")))
        }
    }
}

impl Value {
    /// How the value is called in an error: `the text "abc"`, `the number 5`, `a list`.
    pub(super) fn describe(&self) -> String {
        match self {
            Self::Null => "nothing".to_owned(),
            Self::Bool(value) => format!("the boolean {value}"),
            Self::Integer(value) => format!("the number {value}"),
            Self::Float(value) => format!("the number {value}"),
            Self::Text(value) => format!("the text {value:?}"),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) => "a mapping".to_owned(),
        }
    }
}

fn place(location: Location) -> At {
    At {
        line: location.line(),
        column: location.column(),
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<Value>::deserialize(deserializer)?;
        Ok(Self {
            at: place(spanned.referenced),
            value: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Float(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some((key, node)) = map.next_entry::<Spanned<String>, Node>()? {
            entries.push(Entry {
                at: place(key.referenced),
                key: key.value,
                node,
            });
        }
        Ok(Value::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_knows_its_line_and_column() {
        let node = parse("a: 1\nb:\n  c: [x, yes, 1.5, ~]\n")
            .unwrap_or_else(|(_, error)| panic!("{error}"));
        let Value::Map(entries) = &node.value else {
            panic!("a mapping")
        };
        assert_eq!(
            (entries[1].key.as_str(), entries[1].at),
            ("b", At { line: 2, column: 1 })
        );
        let Value::Map(inner) = &entries[1].node.value else {
            panic!("a mapping")
        };
        assert_eq!(inner[0].node.at, At { line: 3, column: 6 });
        let Value::List(items) = &inner[0].node.value else {
            panic!("a list")
        };
        let described: Vec<_> = items.iter().map(|item| item.value.describe()).collect();
        assert_eq!(
            described,
            [
                "the text \"x\"",
                "the boolean true",
                "the number 1.5",
                "nothing"
            ]
        );
        assert_eq!(
            items[1].at,
            At {
                line: 3,
                column: 10
            }
        );
    }

    #[test]
    fn an_empty_file_is_an_empty_mapping() {
        for text in ["", "\n", "# nothing but a comment\n", "---\n"] {
            let Ok(Node {
                value: Value::Map(entries),
                ..
            }) = parse(text)
            else {
                panic!("{text:?}")
            };
            assert!(entries.is_empty());
        }
    }

    #[test]
    fn broken_yaml_is_told_with_its_place_and_without_its_content() {
        let Err((at, message)) = parse("password: hunter2\nhttp: {port: [}\n") else {
            panic!("it is broken")
        };
        assert_eq!(at.line, 2);
        assert!(
            message.starts_with("not valid YAML: ") && !message.contains("hunter2"),
            "{message}"
        );
        let Err((at, message)) = parse("a: 1\nb: 2\na: 3\n") else {
            panic!("a key stands there twice")
        };
        assert_eq!(at.line, 3);
        assert!(message.contains("duplicate"), "{message}");
    }
}
