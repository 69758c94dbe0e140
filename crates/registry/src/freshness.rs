//! When a proxy project's cached tags are checked, and what is served where they cannot be: `proxy_cache_freshness`, read
//! from its text, beside the older settings it builds on. What follows for a pull is decided in
//! [`pullthrough::freshness`].

use std::sync::Arc;
use std::time::Duration;

use metadata::Project;
use oci::Reference;
use pullthrough::freshness::{Policy, Revalidate, Stale};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::filter::Glob;
use crate::per_project::PerProject;
use crate::settings::REVALIDATE_AFTER;

/// Ours: rules for tags and for failures, as the text of a JSON object.
pub(crate) const FRESHNESS: &str = "proxy_cache_freshness";
/// Harbor's: whether what is gone upstream is served from here.
const SERVE_GONE: &str = "proxy_cache_local_on_not_found";
/// More than people can keep in their heads; and each is tried for each pull by tag.
const MAX_RULES: usize = 200;

/// A project's rules, ready to be asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Freshness {
    rules: Vec<(Glob, Revalidate)>,
    stale: WrittenStale,
}

/// Read as such first: `serde` takes a list for a struct, too.
type Object = serde_json::Map<String, Value>;

/// The rules before they are read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    #[serde(default)]
    rules: Vec<Object>,
    #[serde(default)]
    stale: Object,
}

/// The rules as they are written.
#[derive(Serialize)]
struct Written {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rules: Vec<WrittenRule>,
    #[serde(skip_serializing_if = "WrittenStale::is_empty")]
    stale: WrittenStale,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRule {
    tags: String,
    revalidate: Mode,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after_seconds: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    Always,
    After,
    Background,
    Never,
}

/// What is left out is as it is without rules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct WrittenStale {
    #[serde(skip_serializing_if = "Option::is_none")]
    unreachable: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erring: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rate_limited: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gone: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age_seconds: Option<u32>,
}

impl Freshness {
    /// Reads the text of `proxy_cache_freshness`; and gives it in its one spelling, empty where it says nothing.
    ///
    /// # Errors
    /// What is wrong with it and what is expected, in a sentence without an end.
    pub(crate) fn parse(text: &str) -> Result<(Self, String), String> {
        if text.trim().is_empty() {
            return Ok((Self::default(), String::new()));
        }
        let no_object =
            |error| format!("it is not a JSON object with rules, stale or both: {error}");
        let object: Object = serde_json::from_str(text).map_err(no_object)?;
        let raw: Raw = serde_json::from_value(Value::Object(object)).map_err(no_object)?;
        if raw.rules.len() > MAX_RULES {
            return Err(format!("it has more than {MAX_RULES} rules"));
        }
        let mut rules = Vec::with_capacity(raw.rules.len());
        let mut written = Written {
            rules: Vec::with_capacity(raw.rules.len()),
            stale: WrittenStale::read(raw.stale)?,
        };
        for (index, object) in raw.rules.into_iter().enumerate() {
            let in_rule = |error: String| format!("rule {}: {error}", index + 1);
            let rule: WrittenRule = serde_json::from_value(Value::Object(object))
                .map_err(|error| in_rule(error.to_string()))?;
            rules.push(rule.read().map_err(in_rule)?);
            written.rules.push(rule);
        }
        let text = match written.rules.is_empty() && written.stale.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&written).map_err(|error| error.to_string())?,
        };
        let stale = written.stale;
        Ok((Self { rules, stale }, text))
    }

    /// The rules for what is asked for, on top of the project's other settings: the first rule that the tag matches
    /// decides, or else those do. What of them cannot be read means the default, as in Harbor.
    fn policy(&self, project: &Project, reference: &Reference) -> Policy {
        let setting = |key| project.metadata.get(key).map(String::as_str);
        let by_rule = match reference {
            Reference::Tag(tag) => self
                .rules
                .iter()
                .find(|(tags, _)| tags.matches(tag.as_str())),
            Reference::Digest(_) => None,
        };
        let seconds = setting(REVALIDATE_AFTER).and_then(|text| text.parse().ok());
        let (serve, stale) = (Stale::default(), self.stale);
        Policy {
            revalidate: match by_rule {
                Some((_, revalidate)) => *revalidate,
                None => Revalidate::After(Duration::from_secs(seconds.unwrap_or(0))),
            },
            stale: Stale {
                unreachable: stale.unreachable.unwrap_or(serve.unreachable),
                refused: stale.refused.unwrap_or(serve.refused),
                erring: stale.erring.unwrap_or(serve.erring),
                rate_limited: stale.rate_limited.unwrap_or(serve.rate_limited),
                gone: stale.gone.unwrap_or(setting(SERVE_GONE) == Some("true")),
                max_age: stale
                    .max_age_seconds
                    .map(|secs| Duration::from_secs(secs.into())),
            },
        }
    }
}

impl WrittenStale {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    fn read(object: Object) -> Result<Self, String> {
        let stale: Self = serde_json::from_value(Value::Object(object))
            .map_err(|error| format!("stale: {error}"))?;
        match stale.max_age_seconds {
            Some(0) => Err(
                "stale: max_age_seconds must be a whole number from 1; to serve nothing stale, set each failure to false"
                    .to_owned(),
            ),
            _ => Ok(stale),
        }
    }
}

impl WrittenRule {
    fn read(&self) -> Result<(Glob, Revalidate), String> {
        if self.tags.is_empty() {
            return Err("tags is empty: write * for all".to_owned());
        }
        if self.tags.contains('/') {
            return Err(format!("tags {:?}: a tag has no slash", self.tags));
        }
        let tags =
            Glob::new(&self.tags).map_err(|error| format!("tags {:?}: {error}", self.tags))?;
        let after = self
            .after_seconds
            .map(|secs| Duration::from_secs(secs.into()));
        let revalidate = match (self.revalidate, after) {
            (Mode::Always, None) => Revalidate::After(Duration::ZERO),
            (Mode::Never, None) => Revalidate::Never,
            (Mode::Background, after) => Revalidate::Background(after.unwrap_or_default()),
            (Mode::After, Some(after)) if !after.is_zero() => Revalidate::After(after),
            (Mode::After, _) => {
                return Err("revalidate after needs after_seconds, from 1".to_owned());
            }
            (Mode::Always | Mode::Never, Some(_)) => {
                return Err("after_seconds goes with after or background: leave it out".to_owned());
            }
        };
        Ok((tags, revalidate))
    }
}

/// The rules of projects, read once until they change.
pub(crate) struct AllFreshness(PerProject<Arc<Freshness>, 1>);

impl Default for AllFreshness {
    fn default() -> Self {
        Self(PerProject::new([FRESHNESS]))
    }
}

impl AllFreshness {
    /// A project's rules for what is asked for.
    pub(crate) fn of(&self, project: &Project, reference: &Reference) -> Policy {
        let read = |[text]: [&str; 1]| match Freshness::parse(text) {
            Ok((freshness, _)) => Arc::new(freshness),
            Err(error) => {
                // It was checked when it was written, so somebody wrote past us.
                tracing::error!(
                    project = project.name,
                    error,
                    "{FRESHNESS} cannot be read and is not heeded"
                );
                Arc::default()
            }
        };
        let freshness = self.0.of(project, read).unwrap_or_default();
        freshness.policy(project, reference)
    }
}

#[cfg(test)]
mod tests;
