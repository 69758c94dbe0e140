//! Immutability: rules by which tags stay as they are. A tag under one is not moved and not deleted, nor is what would
//! take it along; a proxy project's is not asked about upstream any more. Tags that come to be are none of its business.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use auth::{Access, Action};
use chrono::{DateTime, Utc};
use metadata::ImmutabilityRow;
use oci::{Digest, Reference, RepositoryName, Tag};
use serde::{Deserialize, Serialize};

use crate::demand::{demand, demand_one_of};
use crate::selector::{Choice, Selector};
use crate::{Error, Registry, Result};

/// Harbor's limit.
const MAX_RULES: usize = 15;

/// Keeps the tags that its selectors choose as they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImmutabilityRule {
    /// Its number; of a new one, nothing.
    #[serde(skip)]
    pub id: i64,
    /// Whether it counts for nothing.
    #[serde(skip)]
    pub is_disabled: bool,
    /// Harbor's; it decides nothing.
    pub priority: i64,
    /// Which tags.
    pub tags: Vec<Selector>,
    /// In which repositories.
    pub repositories: Vec<Selector>,
}

/// A project's rules, ready to decide.
#[derive(Clone, Debug, Default)]
pub struct Immutability(Vec<Choice>);

/// The rules of projects, compiled once until they change.
#[derive(Default)]
pub(crate) struct ImmutabilityRules(Mutex<HashMap<i64, Compiled>>);

/// Rules as they are kept, and ready to decide.
type Compiled = (Arc<[ImmutabilityRow]>, Arc<Immutability>);

impl ImmutabilityRule {
    /// # Errors
    /// What is wrong with it, in a sentence without an end.
    fn choice(&self) -> std::result::Result<Choice, String> {
        Choice::new(&self.repositories, &self.tags)
    }

    fn to_json(&self) -> Result<String> {
        let invalid =
            |what| Error::BadRequest(format!("the immutability rule cannot be kept: {what}"));
        self.choice().map_err(invalid)?;
        serde_json::to_string(self).map_err(|error| Error::Internal(error.into()))
    }

    fn of_row(row: &ImmutabilityRow) -> Result<Self> {
        let rule: Self =
            serde_json::from_str(&row.rule).map_err(|error| Error::Internal(error.into()))?;
        Ok(Self {
            id: row.id,
            is_disabled: row.is_disabled,
            ..rule
        })
    }
}

impl Immutability {
    /// Of rules as they are kept. They were checked when they were written: what cannot be read was written past us, and
    /// fails what asks for it rather than letting a tag go.
    fn of_rows(rows: &[ImmutabilityRow]) -> Result<Self> {
        let enabled = rows.iter().filter(|row| !row.is_disabled);
        let choices =
            enabled.map(|row| ImmutabilityRule::of_row(row)?.choice().map_err(Error::bug));
        Ok(Self(choices.collect::<Result<_>>()?))
    }

    /// Whether no tag of the project is kept.
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Tells of the tags of one repository, by name, whether they stay as they are.
    pub fn within<'a>(
        &'a self,
        repository: &RepositoryName,
    ) -> impl Fn(&str) -> bool + Send + Sync + use<'a> {
        let path = repository.path();
        let choices: Vec<&Choice> = self
            .0
            .iter()
            .filter(|choice| choice.chooses_repository(path))
            .collect();
        move |tag| choices.iter().any(|choice| choice.chooses_tag(tag))
    }
}

impl ImmutabilityRules {
    fn of(&self, project_id: i64, rows: Arc<[ImmutabilityRow]>) -> Result<Arc<Immutability>> {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if rows.is_empty() {
            made.remove(&project_id);
            return Ok(Arc::default());
        }
        if let Some((of, immutability)) = made.get(&project_id)
            && *of == rows
        {
            return Ok(immutability.clone());
        }
        let immutability = Arc::new(Immutability::of_rows(&rows)?);
        made.insert(project_id, (rows, immutability.clone()));
        Ok(immutability)
    }
}

impl Registry {
    /// The project's rules, in the order they were made.
    pub async fn immutability_rules(&self, access: &Access) -> Result<Vec<ImmutabilityRule>> {
        demand(access, Action::ImmutableTagList)?;
        let rows = self.db().immutability_rules(access.project().id).await?;
        rows.iter().map(ImmutabilityRule::of_row).collect()
    }

    /// Gives the project one more rule; the number that it has from now on.
    pub async fn create_immutability_rule(
        &self,
        access: &Access,
        rule: &ImmutabilityRule,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        demand(access, Action::ImmutableTagCreate)?;
        let text = rule.to_json()?;
        let project_id = access.project().id;
        let created =
            self.db()
                .create_immutability_rule(project_id, &text, rule.is_disabled, MAX_RULES, now);
        created.await.map_err(|error| refusal(error, rule.id))
    }

    /// Has the project's rule of that number say something else.
    pub async fn replace_immutability_rule(
        &self,
        access: &Access,
        rule: &ImmutabilityRule,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand(access, Action::ImmutableTagUpdate)?;
        let text = rule.to_json()?;
        let project_id = access.project().id;
        let updated =
            self.db()
                .update_immutability_rule(rule.id, project_id, &text, rule.is_disabled, now);
        updated.await.map_err(|error| refusal(error, rule.id))
    }

    /// Deletes the project's rule of that number.
    pub async fn delete_immutability_rule(&self, access: &Access, id: i64) -> Result<()> {
        demand(access, Action::ImmutableTagDelete)?;
        let project_id = access.project().id;
        let deleted = self.db().delete_immutability_rule(id, project_id);
        deleted.await.map_err(|error| refusal(error, id))
    }

    /// What stays as it is of a project, for whoever is shown its tags.
    pub async fn immutability(&self, access: &Access) -> Result<Arc<Immutability>> {
        let shown = [Action::ArtifactList, Action::ArtifactRead, Action::TagList];
        demand_one_of(access, &shown)?;
        self.immutability_of(access.project().id).await
    }

    /// The same for whoever changes something, or lets go of it by itself; answered from memory.
    pub(crate) async fn immutability_of(&self, project_id: i64) -> Result<Arc<Immutability>> {
        let rows = self.db().immutability_rules(project_id).await?;
        self.0.immutability.of(project_id, rows)
    }

    /// The digest that a cached tag of a proxy project keeps, if a rule says so.
    pub(crate) async fn immutable_digest(
        &self,
        access: &Access,
        repository: &RepositoryName,
        reference: &Reference,
    ) -> Result<Option<Digest>> {
        let Reference::Tag(tag) = reference else {
            return Ok(None);
        };
        let immutability = self.immutability_of(access.project().id).await?;
        if immutability.is_empty() || !immutability.within(repository)(tag.as_str()) {
            return Ok(None);
        }
        let entry = self.0.local.tag(repository, tag).await?;
        Ok(entry.map(|entry| entry.digest))
    }

    /// Refuses a push that would move a tag that `is_kept`. Asked first, so that nothing is written then; what comes in
    /// between is refused where the tag is written.
    pub(crate) async fn admit_tags(
        &self,
        name: &RepositoryName,
        digest: &Digest,
        tags: impl Iterator<Item = &Tag>,
        is_kept: impl Fn(&str) -> bool,
    ) -> Result<()> {
        for tag in tags.filter(|tag| is_kept(tag.as_str())) {
            let entry = self.db().find_tag(name, tag).await?;
            if entry.is_some_and(|entry| entry.digest != *digest) {
                return Err(Error::Immutable(format!(
                    "Failed to process request due to '{}:{tag}' configured as immutable.",
                    name.path()
                )));
            }
        }
        Ok(())
    }
}

/// In Harbor's words.
pub(crate) fn not_deleted(tag: impl std::fmt::Display) -> Error {
    Error::Immutable(format!(
        "the tag {tag} configured as immutable, cannot be deleted"
    ))
}

/// The same for a tag that would have moved.
pub(crate) fn not_updated(tag: impl std::fmt::Display) -> Error {
    Error::Immutable(format!(
        "the tag {tag} configured as immutable, cannot be updated"
    ))
}

fn refusal(error: metadata::Error, id: i64) -> Error {
    match error {
        metadata::Error::NotFound { what: "project" } => {
            Error::NotFound("project not found".to_owned())
        }
        metadata::Error::NotFound { .. } => {
            Error::NotFound(format!("immutable rule {id} not found"))
        }
        metadata::Error::Conflict { .. } => {
            Error::Conflict("immutable rule already exists".to_owned())
        }
        metadata::Error::TooMany { most, .. } => Error::BadRequest(format!(
            "only {most} immutability rules are allowed at most: delete one, or have one say more"
        )),
        error => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: i64, tags: &str, repositories: &str, is_disabled: bool) -> ImmutabilityRow {
        let selector = |pattern: &str| Selector {
            pattern: pattern.to_owned(),
            ..Selector::everything()
        };
        let rule = ImmutabilityRule {
            id: 0,
            is_disabled,
            priority: 0,
            tags: vec![selector(tags)],
            repositories: vec![selector(repositories)],
        };
        ImmutabilityRow {
            id,
            rule: rule.to_json().unwrap(),
            is_disabled,
        }
    }

    #[test]
    fn any_rule_that_is_not_disabled_keeps_a_tag() {
        let rows = [
            row(1, "v*", "app", false),
            row(2, "stable", "team/**", false),
            row(3, "**", "**", true),
        ];
        let immutability = Immutability::of_rows(&rows).unwrap();
        for (repository, tag, expected) in [
            ("p/app", "v1", true),
            ("p/app", "stable", false),
            ("p/team/app", "stable", true),
            ("p/team/app", "v1", false),
            ("p/other", "v1", false),
        ] {
            let is_kept = immutability.within(&repository.parse().unwrap());
            assert_eq!(is_kept(tag), expected, "{repository}:{tag}");
        }
    }

    #[test]
    fn rules_are_compiled_until_they_change() {
        let rules = ImmutabilityRules::default();
        let of = |rows: &[ImmutabilityRow]| rules.of(7, rows.into()).unwrap();
        let first = of(&[row(1, "v*", "**", false)]);
        assert!(Arc::ptr_eq(&first, &of(&[row(1, "v*", "**", false)])));
        let second = of(&[row(1, "w*", "**", false)]);
        let app = "p/app".parse().unwrap();
        assert!(first.within(&app)("v1") && !second.within(&app)("v1"));
        assert!(of(&[]).is_empty());
    }

    #[test]
    fn what_was_written_past_us_lets_no_tag_go() {
        let broken = ImmutabilityRow {
            id: 1,
            rule: "{}".to_owned(),
            is_disabled: false,
        };
        assert!(Immutability::of_rows(&[broken]).is_err());
    }
}
