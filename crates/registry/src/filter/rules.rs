//! Ordered rules of a project: what it may proxy and what not, by repository, tag and platform. Pure.

use std::fmt;

use oci::Platform;
use serde::{Deserialize, Serialize};

use super::pattern::Glob;

/// More than people can keep in their heads; and each is tried for each pull.
const MAX_RULES: usize = 200;

/// What a rule says of what it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Allow,
    Deny,
}

/// A rule as it is written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    action: Action,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    repository: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    platform: Option<String>,
}

#[derive(Clone, Debug)]
struct Rule {
    action: Action,
    repository: Option<Glob>,
    tag: Option<Glob>,
    platform: Option<Glob>,
}

/// A project's rules, in their order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(Vec<Rule>);

/// What is asked for, as far as it is known. `None`: a digest names it, and nothing here tells the tag or platform.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Subject<'a> {
    pub(crate) repository: &'a str,
    pub(crate) tag: Option<&'a str>,
    pub(crate) platform: Option<&'a Platform>,
}

/// What the rules say of something, and which one does, counted from 1. Where none matches, none does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed { rule: Option<usize> },
    Denied { rule: Option<usize> },
}

impl fmt::Display for Subject<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.repository)?;
        if let Some(tag) = self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(platform) = self.platform {
            write!(f, " for {}/{}", platform.os, platform.architecture)?;
            if let Some(variant) = &platform.variant {
                write!(f, "/{variant}")?;
            }
        }
        Ok(())
    }
}

impl Rules {
    /// Reads the text of `proxy_cache_rules`, a JSON list; and the text in its one spelling, empty for an empty list.
    ///
    /// # Errors
    /// Which rule is wrong and how, in a sentence without an end.
    pub(crate) fn parse(text: &str) -> Result<(Self, String), String> {
        if text.trim().is_empty() {
            return Ok((Self::default(), String::new()));
        }
        let values: Vec<serde_json::Value> = serde_json::from_str(text)
            .map_err(|error| format!("it is not a JSON list of rules: {error}"))?;
        if values.len() > MAX_RULES {
            return Err(format!("it has more than {MAX_RULES} rules"));
        }
        let mut rules = Vec::with_capacity(values.len());
        let mut written = Vec::with_capacity(values.len());
        for (index, value) in values.into_iter().enumerate() {
            let in_rule = |error: String| format!("rule {}: {error}", index + 1);
            let one: Written =
                serde_json::from_value(value).map_err(|error| in_rule(error.to_string()))?;
            rules.push(Rule::new(&one).map_err(in_rule)?);
            written.push(one);
        }
        let spelled = match written.is_empty() {
            true => String::new(),
            false => serde_json::to_string(&written).map_err(|error| error.to_string())?,
        };
        Ok((Self(rules), spelled))
    }

    /// The first rule that matches decides. Where none does, a list that allows something allows nothing else.
    ///
    /// What is not known counts in favour of the pull: a rule that denies needs to know all it asks for, a rule that
    /// allows is only kept from it by what is known to be something else.
    pub(crate) fn verdict(&self, subject: Subject<'_>) -> Verdict {
        let matching = |(index, rule): (usize, &Rule)| rule.matches(subject).then_some(index);
        if let Some(index) = self.0.iter().enumerate().find_map(matching) {
            let rule = Some(index + 1);
            return match self.0[index].action {
                Action::Allow => Verdict::Allowed { rule },
                Action::Deny => Verdict::Denied { rule },
            };
        }
        match self.0.iter().any(|rule| rule.action == Action::Allow) {
            true => Verdict::Denied { rule: None },
            false => Verdict::Allowed { rule: None },
        }
    }

    /// Whether a digest's tags must be looked up.
    pub(crate) fn ask_for_tags(&self) -> bool {
        self.0.iter().any(|rule| rule.tag.is_some())
    }

    /// Whether a manifest's platform must be looked up.
    pub(crate) fn ask_for_platforms(&self) -> bool {
        self.0.iter().any(|rule| rule.platform.is_some())
    }
}

impl Rule {
    fn new(written: &Written) -> Result<Self, String> {
        let glob = |field: &str, text: &Option<String>| match text.as_deref() {
            None => Ok(None),
            Some("") => Err(format!("{field} is empty: leave it out to mean any")),
            Some(text) => Glob::new(text)
                .map(Some)
                .map_err(|error| format!("{field} {text:?}: {error}")),
        };
        if let Some(platform) = &written.platform
            && !platform.contains('/')
        {
            return Err(format!(
                "platform {platform:?} is not written os/architecture or os/architecture/variant"
            ));
        }
        if let Some(tag) = written.tag.as_ref().filter(|tag| tag.contains('/')) {
            return Err(format!("tag {tag:?}: a tag has no slash"));
        }
        Ok(Self {
            action: written.action,
            repository: glob("repository", &written.repository)?,
            tag: glob("tag", &written.tag)?,
            platform: glob("platform", &written.platform)?,
        })
    }

    fn matches(&self, subject: Subject<'_>) -> bool {
        let in_doubt = self.action == Action::Allow;
        let holds = |glob: &Option<Glob>, known: Option<bool>| match glob {
            None => true,
            Some(_) => known.unwrap_or(in_doubt),
        };
        let repository = self
            .repository
            .as_ref()
            .is_none_or(|glob| glob.matches(subject.repository));
        let tag = self.tag.as_ref().zip(subject.tag);
        let platform = self.platform.as_ref().zip(subject.platform);
        repository
            && holds(&self.tag, tag.map(|(glob, tag)| glob.matches(tag)))
            && holds(
                &self.platform,
                platform.map(|(glob, platform)| is_on(glob, platform)),
            )
    }
}

/// A rule without a variant is about all of them.
fn is_on(glob: &Glob, platform: &Platform) -> bool {
    let machine = format!("{}/{}", platform.os, platform.architecture);
    glob.matches(&machine)
        || platform
            .variant
            .as_ref()
            .is_some_and(|variant| glob.matches(&format!("{machine}/{variant}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        let mut words = text.split('/').map(str::to_owned);
        Platform {
            os: words.next().unwrap_or_default(),
            architecture: words.next().unwrap_or_default(),
            variant: words.next(),
            ..Platform::default()
        }
    }

    /// `""`: not known.
    fn verdict(rules: &str, repository: &str, tag: &str, on: &str) -> Verdict {
        let on = (!on.is_empty()).then(|| platform(on));
        let subject = Subject {
            repository,
            tag: Some(tag).filter(|tag| !tag.is_empty()),
            platform: on.as_ref(),
        };
        Rules::parse(rules).unwrap().0.verdict(subject)
    }

    const ALLOWED: Verdict = Verdict::Allowed { rule: None };
    const DENIED: Verdict = Verdict::Denied { rule: None };

    fn allowed(rule: usize) -> Verdict {
        Verdict::Allowed { rule: Some(rule) }
    }

    fn denied(rule: usize) -> Verdict {
        Verdict::Denied { rule: Some(rule) }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let no_latest = r#"[{"action":"deny","tag":"latest"}]"#;
        let library = r#"[{"action":"deny","repository":"library/vim"},{"action":"allow","repository":"library/**"}]"#;
        let both = r#"[{"action":"allow","repository":"a/*","tag":"v*"},{"action":"deny","repository":"a/*"}]"#;
        let amd = r#"[{"action":"allow","platform":"linux/amd64"},{"action":"allow","platform":"linux/arm"}]"#;
        let no_arm = r#"[{"action":"deny","platform":"{linux/arm/v6,windows/*}"}]"#;
        for (rules, repository, tag, on, expected) in [
            ("", "a", "b", "", ALLOWED),
            ("[]", "a", "b", "", ALLOWED),
            (no_latest, "a", "latest", "", denied(1)),
            (no_latest, "a", "1", "", ALLOWED),
            (no_latest, "a", "", "", ALLOWED),
            (library, "library/nginx", "1", "", allowed(2)),
            (library, "library/vim", "1", "", denied(1)),
            (library, "library/vim", "", "", denied(1)),
            (library, "other/nginx", "1", "", DENIED),
            (both, "a/b", "v1", "", allowed(1)),
            (both, "a/b", "1", "", denied(2)),
            (both, "a/b", "", "", allowed(1)),
            (both, "c/b", "v1", "", DENIED),
            (amd, "a", "1", "", allowed(1)),
            (amd, "a", "1", "linux/amd64", allowed(1)),
            (amd, "a", "1", "linux/arm/v7", allowed(2)),
            (amd, "a", "1", "windows/amd64", DENIED),
            (no_arm, "a", "", "linux/arm/v6", denied(1)),
            (no_arm, "a", "", "linux/arm/v7", ALLOWED),
            (no_arm, "a", "", "windows/amd64", denied(1)),
            (no_arm, "a", "", "", ALLOWED),
        ] {
            assert_eq!(
                verdict(rules, repository, tag, on),
                expected,
                "{rules} {repository} {tag} {on}"
            );
        }
    }

    #[test]
    fn what_is_wrong_names_its_rule() {
        for (text, part) in [
            ("deny", "not a JSON list"),
            ("{}", "not a JSON list"),
            (
                r#"[{"action":"deny"},{"action":"forbid"}]"#,
                "rule 2: unknown variant `forbid`",
            ),
            (r#"[{"repository":"a"}]"#, "rule 1: missing field `action`"),
            (
                r#"[{"action":"deny","tags":"a"}]"#,
                "rule 1: unknown field `tags`",
            ),
            (
                r#"[{"action":"deny","repository":"a["}]"#,
                "rule 1: repository \"a[\": ",
            ),
            (r#"[{"action":"deny","tag":""}]"#, "rule 1: tag is empty"),
            (r#"[{"action":"deny","tag":"a/b"}]"#, "a tag has no slash"),
            (
                r#"[{"action":"deny","platform":"amd64"}]"#,
                "os/architecture",
            ),
        ] {
            let error = Rules::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
        let many = format!("[{}]", [r#"{"action":"deny"}"#; 201].join(","));
        assert!(Rules::parse(&many).unwrap_err().contains("200 rules"));
    }

    #[test]
    fn rules_have_one_spelling() {
        let (_, spelled) = Rules::parse(" [ {\"tag\": \"a\", \"action\": \"deny\"} ] ").unwrap();
        assert_eq!(spelled, r#"[{"action":"deny","tag":"a"}]"#);
        assert_eq!(Rules::parse("[]").unwrap().1, "");
    }
}
