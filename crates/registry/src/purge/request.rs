//! What a purge is asked to do, and when: parameters and cron expressions as Harbor's API has them.

use chrono::TimeDelta;
use metadata::AuditEvent;
use serde_json::{Map, Value, json};

use crate::{Error, Result};

const RETENTION: &str = "audit_retention_hour";
const EVENTS: &str = "include_event_types";
/// Before Harbor 2.13: whole operations.
const OPERATIONS: &str = "include_operations";
const DRY_RUN: &str = "dry_run";
/// Harbor's word for the events that it does not list.
const OTHERS: &str = "other_events";
/// Harbor's own bound.
const MAX_HOURS: i64 = 240_000;

/// Which entries shall go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeRequest {
    /// Those older than so many hours.
    pub hours: i64,
    /// Those of these events.
    pub events: Vec<AuditEvent>,
    /// Only count them.
    pub is_dry_run: bool,
}

impl PurgeRequest {
    /// Of a request's `parameters`.
    ///
    /// # Errors
    /// [`Error::BadRequest`] says which is missing or wrong.
    pub fn parse(parameters: &Map<String, Value>) -> Result<Self> {
        let hours = parameters
            .get(RETENTION)
            .ok_or_else(|| bad(&format!("{RETENTION} should provide")))?;
        // Terraform's provider sends numbers as text.
        let hours = hours
            .as_i64()
            .or_else(|| hours.as_str()?.trim().parse().ok())
            .filter(|hours| (1..=MAX_HOURS).contains(hours))
            .ok_or_else(|| {
                bad(&format!(
                    "{RETENTION} is a number of hours from 1 to {MAX_HOURS}, not {hours}"
                ))
            })?;
        let text = |key: &str| match parameters.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.as_str())),
            Some(other) => Err(bad(&format!(
                "{key} is text with commas between its words, not {other}"
            ))),
        };
        let events = match (text(EVENTS)?, text(OPERATIONS)?) {
            (Some(text), _) => events(text)?,
            (None, Some(text)) => of_operations(text)?,
            (None, None) => return Err(bad(&format!("{EVENTS} should provide"))),
        };
        let is_dry_run = match parameters.get(DRY_RUN) {
            None | Some(Value::Null) => false,
            Some(Value::Bool(is_dry_run)) => *is_dry_run,
            Some(other) => return Err(bad(&format!("{DRY_RUN} is true or false, not {other}"))),
        };
        Ok(Self {
            hours,
            events,
            is_dry_run,
        })
    }

    pub(super) fn of_json(text: &str) -> Result<Self> {
        let parameters = serde_json::from_str(text).map_err(|error| bad(&error.to_string()))?;
        Self::parse(&parameters)
    }

    pub(crate) fn to_json(&self) -> String {
        let events: Vec<&str> = self.events.iter().map(|event| event.as_str()).collect();
        json!({ RETENTION: self.hours, EVENTS: events.join(","), DRY_RUN: self.is_dry_run })
            .to_string()
    }

    pub(super) fn retention(&self) -> TimeDelta {
        TimeDelta::hours(self.hours)
    }
}

/// Event types with commas between them, in the log's own order; none is none.
fn events(text: &str) -> Result<Vec<AuditEvent>> {
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    let named: Vec<&str> = words
        .iter()
        .copied()
        .filter(|word| *word != OTHERS)
        .collect();
    let mut chosen = crate::audit::events(&named.join(","))?;
    if named.len() < words.len() {
        chosen.extend(AuditEvent::all().filter(|event| !is_listed(*event)));
    }
    Ok(AuditEvent::all()
        .filter(|event| chosen.contains(event))
        .collect())
}

fn of_operations(text: &str) -> Result<Vec<AuditEvent>> {
    let words: Vec<String> = text
        .split(',')
        .map(|word| word.trim().to_ascii_lowercase())
        .filter(|word| !word.is_empty())
        .collect();
    let is_operation = |word: &str| AuditEvent::all().any(|event| event.operation() == word);
    if let Some(word) = words.iter().find(|word| !is_operation(word)) {
        return Err(bad(&format!(
            "{word:?} is no operation of the audit log: create, delete, pull, …"
        )));
    }
    let is_chosen = |event: &AuditEvent| words.iter().any(|word| word == event.operation());
    Ok(AuditEvent::all().filter(is_chosen).collect())
}

/// The events that Harbor lists by name.
fn is_listed(event: AuditEvent) -> bool {
    use AuditEvent as E;
    matches!(
        event,
        E::CreateArtifact
            | E::DeleteArtifact
            | E::PullArtifact
            | E::CreateProject
            | E::DeleteProject
            | E::DeleteRepository
            | E::LoginUser
            | E::LogoutUser
            | E::CreateUser
            | E::DeleteUser
            | E::UpdateUser
            | E::CreateRobot
            | E::DeleteRobot
            | E::UpdateConfiguration
    )
}

fn bad(text: &str) -> Error {
    Error::BadRequest(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(parameters: Value) -> Result<PurgeRequest> {
        PurgeRequest::parse(parameters.as_object().unwrap())
    }

    #[test]
    fn parameters_are_harbors_of_all_ages() {
        use AuditEvent::{CreateArtifact, PullArtifact};
        let asked = parse(
            json!({ RETENTION: 168, EVENTS: "pull_artifact, create_artifact", DRY_RUN: true }),
        )
        .unwrap();
        let expected = PurgeRequest {
            hours: 168,
            events: vec![PullArtifact, CreateArtifact],
            is_dry_run: true,
        };
        assert_eq!(asked, expected);
        assert_eq!(PurgeRequest::of_json(&asked.to_json()).unwrap(), expected);
        let old = parse(json!({ RETENTION: "24", OPERATIONS: "pull" })).unwrap();
        assert_eq!(
            (old.events, old.hours, old.is_dry_run),
            (vec![PullArtifact], 24, false)
        );
        assert_eq!(
            parse(json!({ RETENTION: 1, EVENTS: "" })).unwrap().events,
            []
        );
        let others = parse(json!({ RETENTION: 1, EVENTS: "other_events" }))
            .unwrap()
            .events;
        assert!(others.contains(&AuditEvent::DeleteTag) && !others.contains(&PullArtifact));
    }

    #[test]
    fn a_wrong_parameter_is_named() {
        let table = [
            (json!({ EVENTS: "" }), RETENTION),
            (json!({ RETENTION: 0, EVENTS: "" }), RETENTION),
            (json!({ RETENTION: -1, EVENTS: "" }), RETENTION),
            (json!({ RETENTION: 1.5, EVENTS: "" }), RETENTION),
            (json!({ RETENTION: 240_001, EVENTS: "" }), RETENTION),
            (json!({ RETENTION: 1 }), EVENTS),
            (json!({ RETENTION: 1, EVENTS: 7 }), EVENTS),
            (json!({ RETENTION: 1, EVENTS: "pull" }), "pull"),
            (json!({ RETENTION: 1, OPERATIONS: "push" }), "push"),
            (json!({ RETENTION: 1, EVENTS: "", DRY_RUN: "yes" }), DRY_RUN),
        ];
        for (parameters, named) in table {
            let error = parse(parameters.clone()).unwrap_err();
            assert!(matches!(error, Error::BadRequest(_)), "{parameters}");
            assert!(error.to_string().contains(named), "{error}");
        }
    }
}
