//! `/projects/{project}/immutabletagrules`: which tags stay as they are.

use auth::Action;
use axum::response::IntoResponse as _;
use chrono::Utc;
use http::{StatusCode, Uri};
use registry::ImmutabilityRule;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::extract::{Asked, Body, Names};
use super::json::is_default;
use super::page::Paging;
use super::selectors::{Scopes, SelectorBody, TAGS, repositories_of, scopes_of};
use super::{Result, created};
use crate::error::{Error, harbor};

const IMMUTABLE: &str = "immutable";
const TEMPLATE: &str = "immutable_template";

#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = ImmutableRule)]
pub(super) struct RuleBody {
    #[serde(default, skip_serializing_if = "is_default")]
    id: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    priority: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    disabled: bool,
    /// `immutable`, also where it is left out.
    #[serde(default)]
    action: String,
    /// `immutable_template`, also where it is left out.
    #[serde(default)]
    template: String,
    /// There are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    params: Option<Map<String, Value>>,
    #[serde(default)]
    #[schema(value_type = Vec<DescribedSelector>)]
    tag_selectors: Option<Vec<SelectorBody>>,
    /// Under `repository`.
    #[serde(default)]
    #[schema(value_type = std::collections::BTreeMap<String, Vec<DescribedSelector>>)]
    scope_selectors: Option<Scopes>,
}

/// What a rule is about.
#[derive(ToSchema)]
#[schema(as = ImmutableSelector)]
#[expect(dead_code, reason = "it is described, not made")]
struct DescribedSelector {
    /// `doublestar`.
    kind: String,
    /// `matches` or `excludes` for tags, `repoMatches` or `repoExcludes` for repositories.
    decoration: String,
    pattern: String,
    /// The text of JSON; it decides nothing here.
    extras: Option<String>,
}

/// A project's rules by which tags stay as they are.
#[utoipa::path(
    get,
    path = "/projects/{project}/immutabletagrules",
    operation_id = "ListImmuRules",
    tag = "immutable",
    params(Paging),
    responses((status = 200, body = [RuleBody])),
)]
pub(super) async fn list(asked: Asked, Names(project): Names<String>, paging: Paging) -> Result {
    let access = asked.project(Action::ImmutableTagList, &project).await?;
    let rules = asked.state.registry().immutability_rules(&access).await;
    let rules = rules.map_err(Error::of_management)?;
    let page = paging.part_of(&rules);
    let bodies: Vec<RuleBody> = page.iter().map(RuleBody::of).collect();
    Ok(paging.answer(&bodies, rules.len() as u64))
}

/// Gives a project one more rule by which tags stay as they are.
///
/// A tag that a rule is about is not moved and not deleted, nor is an artifact or repository that has it. In a proxy project
/// a cached one is served as it is, and its upstream is not asked about it any more. A project has 15 rules at most.
#[utoipa::path(
    post,
    path = "/projects/{project}/immutabletagrules",
    operation_id = "CreateImmuRule",
    tag = "immutable",
    request_body = RuleBody,
    responses(crate::openapi::Created),
)]
pub(super) async fn create(
    asked: Asked,
    Names(project): Names<String>,
    uri: Uri,
    Body(body): Body<RuleBody>,
) -> Result {
    let access = asked.project(Action::ImmutableTagCreate, &project).await?;
    let rule = body.parsed(0)?;
    let registry = asked.state.registry();
    let id = registry
        .create_immutability_rule(&access, &rule, Utc::now())
        .await;
    Ok(created(&uri, id.map_err(Error::of_management)?).into_response())
}

/// Replaces a rule by which tags stay as they are, or enables or disables it.
#[utoipa::path(
    put,
    path = "/projects/{project}/immutabletagrules/{immutable_rule_id}",
    operation_id = "UpdateImmuRule",
    tag = "immutable",
    request_body = RuleBody,
    responses((status = 200)),
)]
pub(super) async fn update(
    asked: Asked,
    Names((project, id)): Names<(String, String)>,
    Body(body): Body<RuleBody>,
) -> Result<StatusCode> {
    let access = asked.project(Action::ImmutableTagUpdate, &project).await?;
    let rule = body.parsed(number(&id)?)?;
    let registry = asked.state.registry();
    let replaced = registry.replace_immutability_rule(&access, &rule, Utc::now());
    replaced
        .await
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

/// Deletes a rule: the tags that it alone kept may move again.
#[utoipa::path(
    delete,
    path = "/projects/{project}/immutabletagrules/{immutable_rule_id}",
    operation_id = "DeleteImmuRule",
    tag = "immutable",
    responses((status = 200)),
)]
pub(super) async fn delete(
    asked: Asked,
    Names((project, id)): Names<(String, String)>,
) -> Result<StatusCode> {
    let access = asked.project(Action::ImmutableTagDelete, &project).await?;
    let registry = asked.state.registry();
    let deleted = registry.delete_immutability_rule(&access, number(&id)?);
    deleted
        .await
        .map(|()| StatusCode::OK)
        .map_err(Error::of_management)
}

impl RuleBody {
    fn of(rule: &ImmutabilityRule) -> Self {
        Self {
            id: rule.id,
            priority: rule.priority,
            disabled: rule.is_disabled,
            action: IMMUTABLE.to_owned(),
            template: TEMPLATE.to_owned(),
            params: None,
            tag_selectors: Some(SelectorBody::of_all(&rule.tags, TAGS)),
            scope_selectors: Some(scopes_of(&rule.repositories)),
        }
    }

    /// The rule of the number `id`; 0 for a new one, whatever it says of its own.
    fn parsed(&self, id: i64) -> Result<ImmutabilityRule> {
        if id != 0 && self.id != 0 && self.id != id {
            return Err(bad(
                "the immutable_rule_id doesn't match the id in the payload body of ImmutableRule",
            ));
        }
        for (key, text, known) in [
            ("action", &self.action, IMMUTABLE),
            ("template", &self.template, TEMPLATE),
        ] {
            if !text.is_empty() && text != known {
                return Err(bad(&format!("{key} must be {known:?}, not {text:?}")));
            }
        }
        let invalid = |what: String| bad(&format!("the immutability rule cannot be kept: {what}"));
        let tags = SelectorBody::parsed_all(self.tag_selectors.as_deref(), TAGS);
        let repositories = repositories_of(self.scope_selectors.as_ref());
        Ok(ImmutabilityRule {
            id,
            is_disabled: self.disabled,
            priority: self.priority,
            tags: tags.map_err(invalid)?,
            repositories: repositories.map_err(invalid)?,
        })
    }
}

fn number(id: &str) -> Result<i64> {
    id.parse().map_err(|_| {
        Error::invalid(&format!(
            "immutable_rule_id in path must be of type int64: {id:?}"
        ))
    })
}

fn bad(message: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
}
