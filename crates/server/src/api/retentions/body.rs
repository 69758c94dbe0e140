//! Retention policies in Harbor's form, and what that can say.

use http::StatusCode;
use metadata::RetentionRow;
use registry::{Keep, RetentionPolicy, RetentionRule};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::Result;
use crate::api::json::is_default;
use crate::api::selectors::{
    DOUBLESTAR, REPOSITORIES, Scopes, SelectorBody, TAGS, repositories_of, scopes_of,
};
use crate::error::{Error, harbor};

const RETAIN: &str = "retain";
const SCHEDULE: &str = "Schedule";
const PROJECT: &str = "project";
/// Harbor's limit of a parameter.
const MOST: u64 = 20_190_904;

/// A kind of rule: its name, which is its parameter's too, what people are shown, and what it counts.
struct Template(&'static str, &'static str, Option<Counted>);

/// The unit of a parameter, and what a number of them keeps.
type Counted = (&'static str, fn(u32) -> Keep);

const ALWAYS: &str = "always";
const TEMPLATES: [Template; 5] = [
    Template(
        "latestPushedK",
        "the most recently pushed # artifacts",
        Some(("COUNT", Keep::LatestPushed)),
    ),
    Template(
        "latestPulledN",
        "the most recently pulled # artifacts",
        Some(("COUNT", Keep::LatestPulled)),
    ),
    Template(
        "nDaysSinceLastPush",
        "pushed within the last # days",
        Some(("DAYS", Keep::PushedWithinDays)),
    ),
    Template(
        "nDaysSinceLastPull",
        "pulled within the last # days",
        Some(("DAYS", Keep::PulledWithinDays)),
    ),
    Template(ALWAYS, "always", None),
];

#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = RetentionPolicy)]
pub(in crate::api) struct PolicyBody {
    #[serde(default, skip_serializing_if = "is_default")]
    id: i64,
    /// `or`.
    #[serde(default)]
    algorithm: String,
    #[serde(default)]
    rules: Option<Vec<RuleBody>>,
    #[serde(default)]
    trigger: Option<TriggerBody>,
    scope: Option<ScopeBody>,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = RetentionPolicyScope)]
struct ScopeBody {
    /// `project`.
    #[serde(default)]
    level: String,
    /// The project's number.
    #[serde(default)]
    r#ref: i64,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = RetentionRuleTrigger)]
struct TriggerBody {
    /// `Schedule`.
    #[serde(default)]
    kind: String,
    /// `cron`: six fields, of which the first is 0; empty where it only runs by hand.
    #[serde(default)]
    settings: Option<Map<String, Value>>,
}

#[derive(Serialize, Deserialize, ToSchema)]
#[schema(as = RetentionRule)]
struct RuleBody {
    #[serde(default, skip_serializing_if = "is_default")]
    id: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    priority: i64,
    #[serde(default, skip_serializing_if = "is_default")]
    disabled: bool,
    /// `retain`.
    #[serde(default)]
    action: String,
    /// What it keeps: see `GET /retentions/metadatas`.
    #[serde(default)]
    template: String,
    /// How many, under the template's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    params: Option<Map<String, Value>>,
    #[serde(default)]
    tag_selectors: Option<Vec<SelectorBody>>,
    /// Under `repository`.
    #[serde(default)]
    scope_selectors: Option<Scopes>,
}

impl PolicyBody {
    /// As Harbor writes it.
    pub(super) fn of(row: &RetentionRow, policy: &RetentionPolicy) -> Self {
        let cron = policy.cron.clone().unwrap_or_default();
        let settings = Map::from_iter([("cron".to_owned(), cron.into())]);
        Self {
            id: row.id,
            algorithm: "or".to_owned(),
            rules: Some(policy.rules.iter().map(RuleBody::of).collect()),
            trigger: Some(TriggerBody {
                kind: SCHEDULE.to_owned(),
                settings: Some(settings),
            }),
            scope: Some(ScopeBody {
                level: PROJECT.to_owned(),
                r#ref: row.project_id,
            }),
        }
    }

    /// The project it is for.
    pub(super) fn project_id(&self) -> Result<i64> {
        let scope = self.scope.as_ref().ok_or_else(|| {
            bad("scope is missing: {\"level\": \"project\", \"ref\": the project's number}")
        })?;
        if scope.level != PROJECT {
            return Err(bad(&format!("scope {} is not support", scope.level)));
        }
        if scope.r#ref <= 0 {
            return Err(bad(&format!("invalid Project id {}", scope.r#ref)));
        }
        Ok(scope.r#ref)
    }

    /// What it says.
    pub(super) fn parsed(&self) -> Result<RetentionPolicy> {
        if !matches!(self.algorithm.as_str(), "or" | "") {
            return Err(bad(&format!(
                "algorithm must be \"or\", not {:?}",
                self.algorithm
            )));
        }
        let rules = self
            .rules
            .iter()
            .flatten()
            .enumerate()
            .map(|(index, rule)| {
                rule.parsed().map_err(|what| {
                    bad(&format!(
                        "rule {} of the retention policy: {what}",
                        index + 1
                    ))
                })
            });
        Ok(RetentionPolicy {
            rules: rules.collect::<Result<_>>()?,
            cron: self.cron()?,
        })
    }

    fn cron(&self) -> Result<Option<String>> {
        let Some(trigger) = &self.trigger else {
            return Err(bad(
                "trigger is missing: {\"kind\": \"Schedule\", \"settings\": {\"cron\": \"\"}}",
            ));
        };
        if trigger.kind != SCHEDULE {
            return Err(bad(&format!(
                "trigger.kind must be {SCHEDULE:?}, not {:?}",
                trigger.kind
            )));
        }
        match trigger
            .settings
            .as_ref()
            .and_then(|settings| settings.get("cron"))
        {
            Some(Value::String(cron)) => {
                Ok(Some(cron.trim().to_owned()).filter(|cron| !cron.is_empty()))
            }
            _ => Err(bad(
                "trigger.settings.cron must be text, empty where nothing runs by itself",
            )),
        }
    }
}

impl RuleBody {
    fn of(rule: &RetentionRule) -> Self {
        let (template, count) = match rule.keep {
            Keep::LatestPushed(count) => ("latestPushedK", Some(count)),
            Keep::LatestPulled(count) => ("latestPulledN", Some(count)),
            Keep::PushedWithinDays(days) => ("nDaysSinceLastPush", Some(days)),
            Keep::PulledWithinDays(days) => ("nDaysSinceLastPull", Some(days)),
            Keep::Always => (ALWAYS, None),
        };
        Self {
            id: rule.id,
            priority: rule.priority,
            disabled: rule.is_disabled,
            action: RETAIN.to_owned(),
            template: template.to_owned(),
            params: count.map(|count| Map::from_iter([(template.to_owned(), count.into())])),
            tag_selectors: Some(SelectorBody::of_all(&rule.tags, TAGS)),
            scope_selectors: Some(scopes_of(&rule.repositories)),
        }
    }

    fn parsed(&self) -> std::result::Result<RetentionRule, String> {
        if self.action != RETAIN {
            return Err(format!("action must be {RETAIN:?}, not {:?}", self.action));
        }
        Ok(RetentionRule {
            id: self.id,
            priority: self.priority,
            is_disabled: self.disabled,
            keep: self.keep()?,
            tags: SelectorBody::parsed_all(self.tag_selectors.as_deref(), TAGS)?,
            repositories: repositories_of(self.scope_selectors.as_ref())?,
        })
    }

    fn keep(&self) -> std::result::Result<Keep, String> {
        let known = TEMPLATES
            .iter()
            .find(|template| template.0 == self.template);
        let Some(Template(name, _, parameter)) = known else {
            let names = TEMPLATES.map(|template| template.0);
            return Err(format!(
                "template must be one of {}, not {:?}",
                names.join(", "),
                self.template
            ));
        };
        let Some((_, keep)) = parameter else {
            return Ok(Keep::Always);
        };
        let given = self.params.as_ref().and_then(|params| params.get(*name));
        let count = given.and_then(whole).filter(|count| *count <= MOST);
        let count = count.and_then(|count| u32::try_from(count).ok());
        count
            .map(keep)
            .ok_or_else(|| format!("params.{name} must be a whole number from 0 to {MOST}"))
    }
}

/// A whole number, also where it is written `7.0`.
fn whole(value: &Value) -> Option<u64> {
    let exact = |number: f64| {
        let is_exact = number.fract() == 0.0 && (0.0..1e9).contains(&number);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "whole, small, and not negative"
        )]
        is_exact.then_some(number as u64)
    };
    value.as_u64().or_else(|| exact(value.as_f64()?))
}

fn bad(message: &str) -> Error {
    Error::new(StatusCode::BAD_REQUEST, harbor::BAD_REQUEST, message)
}

#[derive(Serialize, ToSchema)]
#[schema(as = RetentionMetadata)]
pub(in crate::api) struct MetadataBody {
    templates: Vec<TemplateBody>,
    scope_selectors: [SelectorKindBody; 1],
    tag_selectors: [SelectorKindBody; 1],
}

#[derive(Serialize, ToSchema)]
#[schema(as = RetentionRuleMetadata)]
struct TemplateBody {
    rule_template: &'static str,
    display_text: &'static str,
    action: &'static str,
    params: Vec<ParameterBody>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RetentionRuleParamMetadata)]
struct ParameterBody {
    r#type: &'static str,
    unit: &'static str,
    required: bool,
}

#[derive(Serialize, ToSchema)]
#[schema(as = RetentionSelectorMetadata)]
struct SelectorKindBody {
    display_text: &'static str,
    kind: &'static str,
    decorations: [&'static str; 2],
}

impl MetadataBody {
    /// All there is to say.
    pub(super) fn new() -> Self {
        let template = |template: &Template| TemplateBody {
            rule_template: template.0,
            display_text: template.1,
            action: RETAIN,
            params: template
                .2
                .iter()
                .map(|(unit, _)| ParameterBody {
                    r#type: "int",
                    unit,
                    required: true,
                })
                .collect(),
        };
        let selectors = |display_text, decorations| SelectorKindBody {
            display_text,
            kind: DOUBLESTAR,
            decorations,
        };
        Self {
            templates: TEMPLATES.iter().map(template).collect(),
            scope_selectors: [selectors("Repositories", REPOSITORIES)],
            tag_selectors: [selectors("Tags", TAGS)],
        }
    }
}
