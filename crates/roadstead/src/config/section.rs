//! Reading one mapping of the file: each key is asked for by name and type, every mistake is noted, and what nobody
//! asked for is an unknown key. Asking goes on after a mistake, so that an operator sees all of them at once.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::document::{Entry, Node, Value};
use super::environment::Environment;
use super::problem::{At, Problem, Source};
use super::secret::Secret;
use super::value;

/// What is shared by all sections of one reading.
pub(super) struct Reader<'a> {
    file: &'a Path,
    environment: &'a Environment,
    problems: RefCell<Vec<Problem>>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(file: &'a Path, environment: &'a Environment) -> Self {
        Self {
            file,
            environment,
            problems: RefCell::default(),
        }
    }

    /// Reads the whole document with `read`, then complains about the keys it did not ask for.
    pub(super) fn document<T>(
        &'a self,
        root: &'a Node,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> Option<T> {
        self.mapping(root, String::new(), read)
    }

    pub(super) fn complain(&self, at: At, key: impl Into<String>, message: impl Into<String>) {
        let source = Source::File {
            at,
            path: self.file.to_owned(),
        };
        self.note(Problem {
            source,
            key: key.into(),
            message: message.into(),
        });
    }

    pub(super) fn note(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_inner()
    }

    fn mapping<T>(
        &'a self,
        node: &'a Node,
        path: String,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> Option<T> {
        let Value::Map(entries) = &node.value else {
            let found = node.value.describe();
            self.complain(
                node.at,
                path,
                format!("expected a mapping (lines of `key: value`), found {found}"),
            );
            return None;
        };
        let mut section = Section {
            reader: self,
            at: node.at,
            path,
            entries,
            asked: Vec::new(),
            refused: Vec::new(),
        };
        let result = read(&mut section);
        section.finish();
        Some(result)
    }
}

/// One mapping of the file while it is being read.
pub(super) struct Section<'a> {
    reader: &'a Reader<'a>,
    at: At,
    /// `projects[2]`; empty at the top.
    path: String,
    entries: &'a [Entry],
    asked: Vec<&'static str>,
    refused: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// Text, as it stands.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.read(key, "text", |value| match value {
            Value::Text(text) if !text.is_empty() => Some(text.clone()),
            _ => None,
        })
    }

    /// Text that `parse` makes something of; `expected` says what it should look like.
    pub(super) fn parsed<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        self.read(key, expected, |value| match value {
            Value::Text(text) => parse(text),
            _ => None,
        })
    }

    pub(super) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.read(key, "true or false", |value| match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        })
    }

    /// A port of someone else's.
    pub(super) fn port(&mut self, key: &'static str) -> Option<u16> {
        self.read(key, "a port between 1 and 65535", |value| match value {
            Value::Integer(number) => u16::try_from(*number).ok().filter(|port| *port > 0),
            _ => None,
        })
    }

    /// A port of our own: 0 lets the system choose one that is free.
    pub(super) fn port_to_bind(&mut self, key: &'static str) -> Option<u16> {
        self.read(key, "a port between 1 and 65535", |value| match value {
            Value::Integer(number) => u16::try_from(*number).ok(),
            _ => None,
        })
    }

    pub(super) fn duration(&mut self, key: &'static str) -> Option<Duration> {
        self.read(key, value::DURATION, |value| match value {
            Value::Text(text) => value::duration(text),
            Value::Integer(0) => Some(Duration::ZERO),
            _ => None,
        })
    }

    pub(super) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.parsed(key, "a path", |text| {
            (!text.is_empty()).then(|| PathBuf::from(text))
        })
    }

    /// One of a few words; the answer is the pair's second half.
    pub(super) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        let expected = match words.as_slice() {
            [only] => format!("`{only}`"),
            words => format!("one of {}", words.join(", ")),
        };
        self.parsed(key, &expected, |text| {
            choices
                .iter()
                .find(|(word, _)| *word == text)
                .map(|(_, choice)| *choice)
        })
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, key: &'static str) -> Option<Vec<String>> {
        self.read(key, "a list of texts", |value| {
            let Value::List(items) = value else {
                return None;
            };
            let texts = items.iter().map(|item| match &item.value {
                Value::Text(text) => Some(text.clone()),
                _ => None,
            });
            texts.collect()
        })
    }

    /// A secret: `key` itself, `key` as `${VARIABLE}`, or `key_file` naming a file that holds it.
    pub(super) fn secret(&mut self, key: &'static str, key_file: &'static str) -> Option<Secret> {
        let inline = self.take(key);
        let file = self.path(key_file);
        match (inline, file) {
            (Some(_), Some(_)) => {
                self.complain(
                    key_file,
                    format!("expected either `{key}` or `{key_file}`, found both"),
                );
                None
            }
            (Some(node), None) => self.inline_secret(key, node),
            (None, Some(path)) => {
                let text = self.file_text(key_file, &path)?;
                let text = text.trim_end_matches(['\r', '\n']);
                if text.is_empty() {
                    self.complain(key_file, format!("the file {} is empty", path.display()));
                    return None;
                }
                Some(Secret::new(text))
            }
            (None, None) => None,
        }
    }

    /// The text of a file that `key` has named.
    pub(super) fn file_text(&self, key: &str, path: &Path) -> Option<String> {
        fs::read_to_string(path)
            .map_err(|error| {
                self.complain(
                    key,
                    format!("cannot read the file {}: {error}", path.display()),
                )
            })
            .ok()
    }

    /// A mapping below this one.
    pub(super) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> Option<T> {
        let node = self.take(key)?;
        self.reader.mapping(node, self.key_path(key), read)
    }

    /// A list of mappings below this one; what `read` could not make sense of is left out (and has been complained about).
    pub(super) fn sections<T>(
        &mut self,
        key: &'static str,
        mut read: impl FnMut(&mut Section<'a>) -> Option<T>,
    ) -> Vec<T> {
        let Some(node) = self.take(key) else {
            return Vec::new();
        };
        let Value::List(items) = &node.value else {
            self.complain(
                key,
                format!(
                    "expected a list (lines starting with `- `), found {}",
                    node.value.describe()
                ),
            );
            return Vec::new();
        };
        let items = items.iter().enumerate();
        items
            .filter_map(|(index, item)| {
                self.reader
                    .mapping(item, format!("{}[{index}]", self.key_path(key)), &mut read)?
            })
            .collect()
    }

    /// The value of `key` whatever its type; absent and null are the same, as harbor.yml has `http_proxy:` without a value.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.find(key)
            .map(|entry| &entry.node)
            .filter(|node| !matches!(node.value, Value::Null))
    }

    /// Whether the file says anything about `key`.
    pub(super) fn is_given(&self, key: &str) -> bool {
        self.find(key)
            .is_some_and(|entry| !matches!(entry.node.value, Value::Null))
    }

    /// A key that this version knows and refuses: the message says why, and what to do instead.
    pub(super) fn refuse(&mut self, key: &'static str, why: &str) {
        if let Some(entry) = self.find(key) {
            self.reader.complain(entry.at, self.key_path(key), why);
        }
        self.refused.push(key);
    }

    /// A key that must be there: complains when it is not.
    pub(super) fn require(&mut self, key: &str, expected: &str) {
        if !self.is_given(key) {
            self.reader.complain(
                self.at,
                self.key_path(key),
                format!("missing: expected {expected}"),
            );
        }
    }

    /// A complaint about the value of `key`.
    pub(super) fn complain(&self, key: &str, message: impl Into<String>) {
        let at = self.find(key).map_or(self.at, |entry| entry.node.at);
        self.reader.complain(at, self.key_path(key), message);
    }

    /// A complaint about something `below` the value of `key`.
    pub(super) fn complain_below(&self, key: &str, below: &str, at: At, message: &str) {
        let path = format!("{}{below}", self.key_path(key));
        self.reader.complain(at, path, message);
    }

    /// What a text stands for: itself, or the environment variable that `${VARIABLE}` names.
    ///
    /// # Errors
    /// What is wrong with the reference.
    pub(super) fn resolve(&self, text: &'a str) -> Result<&'a str, String> {
        let Some(variable) = text
            .strip_prefix("${")
            .and_then(|rest| rest.strip_suffix('}'))
        else {
            return Ok(text);
        };
        let found = self.reader.environment.reference(variable);
        found.ok_or_else(|| format!("names the environment variable {variable}, which is not set"))
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let node = self.take(key)?;
        let result = read(&node.value);
        if result.is_none() {
            let hint = match node.value {
                Value::Bool(_) | Value::Integer(_) | Value::Float(_) if expected == "text" => {
                    " (put it in quotes)"
                }
                Value::Integer(_) if expected == value::DURATION => " (which unit?)",
                _ => "",
            };
            self.complain(
                key,
                format!("expected {expected}, found {}{hint}", node.value.describe()),
            );
        }
        result
    }

    fn inline_secret(&self, key: &str, node: &'a Node) -> Option<Secret> {
        // What stands here is not repeated in the complaint: it may well be the password.
        let Value::Text(text) = &node.value else {
            self.complain(
                key,
                "expected text, found something else (put a secret of digits in quotes)",
            );
            return None;
        };
        if text.is_empty() {
            self.complain(
                key,
                "expected text, found none (leave the key out, or name a file or `${VARIABLE}`)",
            );
            return None;
        }
        self.resolve(text)
            .map(Secret::new)
            .map_err(|message| self.complain(key, message))
            .ok()
    }

    fn find(&self, key: &str) -> Option<&'a Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn key_path(&self, key: &str) -> String {
        if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        }
    }

    fn finish(self) {
        for entry in self.entries {
            let key = entry.key.as_str();
            let known = [self.asked.as_slice(), self.refused.as_slice()].concat();
            if known.contains(&key) {
                continue;
            }
            let hint = match value::closest(key, &known) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("expected one of {}", self.asked.join(", ")),
            };
            self.reader
                .complain(entry.at, self.key_path(key), format!("unknown key; {hint}"));
        }
    }
}
