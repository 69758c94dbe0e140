//! Selectors: which names of repositories and of tags a policy or rule is about, as people write it and ready to choose.

use serde::{Deserialize, Serialize};

use crate::filter::Pattern;

const DOUBLESTAR: &str = "doublestar";

/// A pattern that names are held against.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Selector {
    /// Whether it chooses the names that do not match.
    pub is_excluding: bool,
    /// A doublestar pattern.
    pub pattern: String,
    /// Whether artifacts without a tag are chosen too, where that is said.
    pub is_with_untagged: Option<bool>,
}

/// Selectors of repositories and of tags, ready to choose: what all of them choose.
#[derive(Clone, Debug)]
pub(crate) struct Choice {
    repositories: Vec<Chooser>,
    tags: Vec<Chooser>,
}

/// One selector, ready to choose.
#[derive(Clone, Debug)]
pub(crate) struct Chooser {
    is_excluding: bool,
    pattern: Pattern,
}

impl Selector {
    /// Chooses every name.
    pub(crate) fn everything() -> Self {
        Self {
            is_excluding: false,
            pattern: "**".to_owned(),
            is_with_untagged: None,
        }
    }

    /// # Errors
    /// What is wrong with it, in a sentence without an end.
    pub(crate) fn compile(&self) -> Result<Chooser, String> {
        let pattern = &self.pattern;
        if pattern.trim().is_empty() {
            return Err("a selector's pattern is missing: ** is every name".to_owned());
        }
        let pattern = Pattern::new(pattern, DOUBLESTAR)
            .map_err(|error| format!("the pattern {pattern:?} is invalid: {error}"))?;
        Ok(Chooser {
            is_excluding: self.is_excluding,
            pattern,
        })
    }
}

impl Chooser {
    pub(crate) fn chooses(&self, name: &str) -> bool {
        self.pattern.matches(name) != self.is_excluding
    }
}

impl Choice {
    /// # Errors
    /// What is wrong with the selectors, in a sentence without an end.
    pub(crate) fn new(repositories: &[Selector], tags: &[Selector]) -> Result<Self, String> {
        if tags.is_empty() {
            return Err("tag_selectors are missing, such as {\"kind\": \"doublestar\", \"decoration\": \"matches\", \"pattern\": \"**\"}".to_owned());
        }
        if repositories.is_empty() {
            return Err("scope_selectors are missing, such as {\"repository\": [{\"kind\": \"doublestar\", \"decoration\": \"repoMatches\", \"pattern\": \"**\"}]}".to_owned());
        }
        Ok(Self {
            repositories: compiled(repositories)?,
            tags: compiled(tags)?,
        })
    }

    /// Whether it is about that repository, named without its project.
    pub(crate) fn chooses_repository(&self, path: &str) -> bool {
        all_choose(&self.repositories, path)
    }

    /// Whether it is about a tag of that name, in a repository that it is about.
    pub(crate) fn chooses_tag(&self, name: &str) -> bool {
        all_choose(&self.tags, name)
    }
}

fn compiled(selectors: &[Selector]) -> Result<Vec<Chooser>, String> {
    selectors.iter().map(Selector::compile).collect()
}

fn all_choose(choosers: &[Chooser], name: &str) -> bool {
    choosers.iter().all(|chooser| chooser.chooses(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selector(text: &str) -> Selector {
        let (is_excluding, pattern) = match text.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, text),
        };
        Selector {
            is_excluding,
            pattern: pattern.to_owned(),
            ..Selector::everything()
        }
    }

    #[test]
    fn what_all_selectors_choose_is_chosen() {
        for (repositories, tags, repository, tag, expected) in [
            (&["**"][..], &["**"][..], "a/b", "v1", true),
            (&["*"], &["**"], "a/b", "v1", false),
            (&["a/**"], &["v*"], "a/b", "v1", true),
            (&["a/**"], &["v*"], "a/b", "w1", false),
            (&["!a/**"], &["v*"], "a/b", "v1", false),
            (&["!a/**"], &["v*"], "b", "v1", true),
            (&["**"], &["!{latest,dev-*}"], "b", "latest", false),
            (&["**"], &["!{latest,dev-*}"], "b", "dev-1", false),
            (&["**"], &["!{latest,dev-*}"], "b", "1.0", true),
            (&["**", "!a/tmp"], &["v*", "!*-rc*"], "a/b", "v1", true),
            (&["**", "!a/tmp"], &["v*", "!*-rc*"], "a/b", "v1-rc2", false),
            (&["**", "!a/tmp"], &["v*", "!*-rc*"], "a/tmp", "v1", false),
        ] {
            let of = |texts: &[&str]| texts.iter().map(|text| selector(text)).collect::<Vec<_>>();
            let choice = Choice::new(&of(repositories), &of(tags)).unwrap();
            let chosen = choice.chooses_repository(repository) && choice.chooses_tag(tag);
            assert_eq!(
                chosen, expected,
                "{repositories:?} {tags:?} {repository}:{tag}"
            );
        }
    }

    #[test]
    fn selectors_that_cannot_choose_say_why() {
        let (all, none) = ([Selector::everything()], []);
        for (repositories, tags, why) in [
            (&none[..], &all[..], "scope_selectors"),
            (&all, &none, "tag_selectors"),
            (&all, &[selector("{a")], "\"{a\" is invalid"),
            (&[selector(" ")], &all, "pattern is missing"),
        ] {
            let error = Choice::new(repositories, tags).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
