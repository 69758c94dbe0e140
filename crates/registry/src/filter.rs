//! What a proxy project may proxy: Harbor's repository pattern, and ordered rules of our own. Decided before an
//! upstream is asked, for what is cached too. What a request is about is looked up in [`check`]; the decision itself
//! is [`rules`] and [`pattern`], and pure.

mod check;
mod dry_run;
mod pattern;
mod rules;

use std::sync::Arc;

use metadata::Project;
use oci::{Platform, RepositoryName};

use crate::per_project::PerProject;
use crate::settings::Settings;
pub use dry_run::{FilterDraft, FilterReport, Filtered, FilteredRepository};
pub(crate) use pattern::{Glob, Pattern};
pub(crate) use rules::{Rules, Subject, Verdict};

/// Harbor's allow-pattern for repositories of the upstream.
pub(crate) const PATTERN: &str = "proxy_cache_filter_pattern";
/// In which language that is written.
pub(crate) const KIND: &str = "proxy_cache_filter_kind";
/// Ours: ordered rules, as the text of a JSON list.
pub(crate) const RULES: &str = "proxy_cache_rules";

/// A project's filter, ready to decide.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pattern: Option<Pattern>,
    pub(crate) rules: Rules,
    /// Why it cannot be read: it was checked when it was written, so somebody wrote past us. Refuses everything.
    broken: Option<String>,
}

/// Why something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reason {
    /// The rule that allows it, counted from 1.
    pub(crate) rule: Option<usize>,
}

/// Why something is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The repository does not match the pattern.
    Pattern { repository: String },
    /// A rule denies it; without a number: rules allow other things, and none allows this.
    Rule { rule: Option<usize>, what: String },
    /// The filter cannot be read.
    Broken { error: String },
}

impl Filter {
    /// Of a project's settings.
    ///
    /// # Errors
    /// What of it cannot be read, in a sentence.
    pub(crate) fn new(settings: &Settings) -> std::result::Result<Self, String> {
        let text = |key| settings.get(key).map_or("", |text| text.trim());
        let pattern = match text(PATTERN) {
            "" => None,
            pattern => Some(
                Pattern::new(pattern, text(KIND))
                    .map_err(|error| format!("{PATTERN} {pattern:?} is invalid: {error}"))?,
            ),
        };
        let (rules, _) = Rules::parse(text(RULES)).map_err(|error| format!("{RULES}: {error}"))?;
        Ok(Self {
            pattern,
            rules,
            broken: None,
        })
    }

    /// The same for what is stored, which was checked when it was written: what cannot be read refuses everything.
    pub(crate) fn stored(settings: &Settings) -> Self {
        Self::new(settings).unwrap_or_else(|error| Self {
            broken: Some(error),
            ..Self::default()
        })
    }

    /// Whether this may be proxied: by the pattern, then by the rules.
    pub(crate) fn decide(&self, subject: Subject<'_>) -> std::result::Result<Reason, Refusal> {
        if let Some(error) = &self.broken {
            return Err(Refusal::Broken {
                error: error.clone(),
            });
        }
        let repository = subject.repository;
        if self
            .pattern
            .as_ref()
            .is_some_and(|pattern| !pattern.matches(repository))
        {
            return Err(Refusal::Pattern {
                repository: repository.to_owned(),
            });
        }
        match self.rules.verdict(subject) {
            Verdict::Allowed { rule } => Ok(Reason { rule }),
            Verdict::Denied { rule } => Err(Refusal::Rule {
                rule,
                what: subject.to_string(),
            }),
        }
    }

    /// The same for what has several names and platforms: allowed if it is under one of each. None is: not known.
    pub(crate) fn decide_all(
        &self,
        repository: &RepositoryName,
        names: &[Option<String>],
        platforms: &[Platform],
    ) -> std::result::Result<Reason, Refusal> {
        let names: Vec<Option<&str>> = match names {
            [] => vec![None],
            names => names.iter().map(Option::as_deref).collect(),
        };
        let platforms: Vec<Option<&Platform>> = match platforms {
            [] => vec![None],
            platforms => platforms.iter().map(Some).collect(),
        };
        let mut first = None;
        for (tag, platform) in names
            .into_iter()
            .flat_map(|tag| platforms.iter().map(move |platform| (tag, *platform)))
        {
            let repository = repository.path();
            match self.decide(Subject {
                repository,
                tag,
                platform,
            }) {
                Ok(reason) => return Ok(reason),
                Err(refusal) => first = first.or(Some(refusal)),
            }
        }
        Err(first.unwrap_or(Refusal::Pattern {
            repository: repository.path().to_owned(),
        }))
    }
}

/// The filters of projects, compiled once until their settings change.
pub(crate) struct Filters(PerProject<Arc<Filter>, 3>);

impl Default for Filters {
    fn default() -> Self {
        Self(PerProject::new([PATTERN, KIND, RULES]))
    }
}

impl Filters {
    /// A project's filter.
    pub(crate) fn of(&self, project: &Project) -> Arc<Filter> {
        let compiled = |_: [&str; 3]| Arc::new(Filter::stored(&project.metadata));
        self.0.of(project, compiled).unwrap_or_default()
    }
}
