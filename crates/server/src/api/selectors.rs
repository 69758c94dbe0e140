//! Selectors in Harbor's form: which repositories and tags a retention or immutability rule is about.

use std::collections::BTreeMap;

use registry::Selector;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::json::is_default;

pub(super) const DOUBLESTAR: &str = "doublestar";
const REPOSITORY: &str = "repository";
/// What a selector of tags says, and one of repositories: the names that match, or the others.
pub(super) const TAGS: [&str; 2] = ["matches", "excludes"];
pub(super) const REPOSITORIES: [&str; 2] = ["repoMatches", "repoExcludes"];

/// Selectors by what they are of, which is `repository`.
pub(super) type Scopes = BTreeMap<String, Vec<SelectorBody>>;

#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = RetentionSelector)]
pub(super) struct SelectorBody {
    /// `doublestar`.
    #[serde(default)]
    kind: String,
    /// `matches` or `excludes` for tags, `repoMatches` or `repoExcludes` for repositories.
    #[serde(default)]
    decoration: String,
    #[serde(default)]
    pattern: String,
    /// The text of JSON: `{"untagged": true}`.
    #[serde(default, skip_serializing_if = "is_default")]
    extras: String,
}

/// The selectors of repositories, as Harbor writes them.
pub(super) fn scopes_of(repositories: &[Selector]) -> Scopes {
    let bodies = SelectorBody::of_all(repositories, REPOSITORIES);
    BTreeMap::from([(REPOSITORY.to_owned(), bodies)])
}

/// What the selectors of repositories say.
pub(super) fn repositories_of(scopes: Option<&Scopes>) -> Result<Vec<Selector>, String> {
    let bodies = scopes.and_then(|scopes| scopes.get(REPOSITORY));
    SelectorBody::parsed_all(bodies.map(Vec::as_slice), REPOSITORIES)
}

impl SelectorBody {
    /// All of them, as Harbor writes them.
    pub(super) fn of_all(selectors: &[Selector], words: [&str; 2]) -> Vec<Self> {
        let bodies = selectors.iter().map(|selector| Self::of(selector, words));
        bodies.collect()
    }

    /// What all of them say.
    pub(super) fn parsed_all(
        bodies: Option<&[Self]>,
        words: [&str; 2],
    ) -> Result<Vec<Selector>, String> {
        let bodies = bodies.into_iter().flatten();
        bodies.map(|body| body.parsed(words)).collect()
    }

    fn of(selector: &Selector, [matches, excludes]: [&str; 2]) -> Self {
        let decoration = if selector.is_excluding {
            excludes
        } else {
            matches
        };
        let extras = selector.is_with_untagged;
        Self {
            kind: DOUBLESTAR.to_owned(),
            decoration: decoration.to_owned(),
            pattern: selector.pattern.clone(),
            extras: extras.map_or_else(String::new, |untagged| {
                format!("{{\"untagged\":{untagged}}}")
            }),
        }
    }

    fn parsed(&self, [matches, excludes]: [&str; 2]) -> Result<Selector, String> {
        if self.kind != DOUBLESTAR {
            return Err(format!(
                "a selector's kind must be {DOUBLESTAR:?}, not {:?}",
                self.kind
            ));
        }
        let is_excluding = self.decoration == excludes;
        if !is_excluding && self.decoration != matches {
            return Err(format!(
                "a selector's decoration must be {matches:?} or {excludes:?}, not {:?}",
                self.decoration
            ));
        }
        Ok(Selector {
            is_excluding,
            pattern: self.pattern.clone(),
            is_with_untagged: self.is_with_untagged()?,
        })
    }

    fn is_with_untagged(&self) -> Result<Option<bool>, String> {
        #[derive(Deserialize)]
        struct Extras {
            untagged: Option<bool>,
        }
        if self.extras.is_empty() {
            return Ok(None);
        }
        let extras: Result<Extras, _> = serde_json::from_str(&self.extras);
        extras.map(|extras| extras.untagged).map_err(|_| {
            format!(
                "a selector's extras must be like {{\"untagged\": true}}, not {:?}",
                self.extras
            )
        })
    }
}
