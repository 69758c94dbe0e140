//! Projects: made, changed, deleted. What their settings may say is [`crate::settings`], who is in them
//! [`crate::members`].

use std::collections::BTreeMap;
use std::sync::Arc;

use auth::{Access, Action, Role, SystemAccess, SystemAction};
use chrono::{DateTime, Utc};
use metadata::{NewProject, Project, Upstream};

use crate::demand::demand_one_of;
use crate::settings;
use crate::{Error, Registry, Result, RetentionPolicy};

/// Who owns what the configuration file declares, and what robots make.
pub(crate) const FIRST_ADMINISTRATOR: i64 = 1;
const MAX_NAME_CHARS: usize = 255;

/// A project as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectDraft {
    /// What it shall be called.
    pub name: String,
    /// Where it shall pull from; for ever.
    pub upstream_id: Option<i64>,
    /// Its settings, by Harbor's keys.
    pub metadata: BTreeMap<String, String>,
    /// Bytes that it may hold, in Harbor's numbers, where that is said.
    pub storage_limit: Option<i64>,
}

/// What lets somebody set one setting by itself.
const SETTINGS: [Action; 3] = [
    Action::MetadataCreate,
    Action::MetadataUpdate,
    Action::MetadataDelete,
];

impl Registry {
    /// Makes a project. Who asks owns it and is its first administrator.
    pub async fn create_project(
        &self,
        access: &SystemAccess,
        draft: ProjectDraft,
        now: DateTime<Utc>,
    ) -> Result<Project> {
        let is_proof = match draft.upstream_id {
            Some(_) => access.action() == SystemAction::ProxyProjectCreate,
            None => matches!(
                access.action(),
                SystemAction::ProjectCreate | SystemAction::ProxyProjectCreate
            ),
        };
        if !is_proof {
            return Err(Error::bug(format!(
                "access to {:?} used for a project",
                access.action()
            )));
        }
        // What a robot makes belongs to somebody, as in Harbor.
        let owner_id = access.caller().user_id().unwrap_or(FIRST_ADMINISTRATOR);
        if let Some(id) = draft.upstream_id {
            let unknown = || {
                Error::BadRequest(format!(
                    "registry {id} not found: a proxy cache project needs one that exists"
                ))
            };
            self.db().find_upstream(id).await?.ok_or_else(unknown)?;
        }
        // What others than administrators ask for is not heard, as in Harbor.
        let asked = draft.storage_limit;
        let asked = asked.filter(|_| access.caller().is_sysadmin());
        let limit_bytes = self.limit_of_new(asked).await?;
        let new = NewProject {
            limit_bytes,
            ..new_project(draft, owner_id, now)?
        };
        self.add_project(new, now).await
    }

    /// Changes the settings that are given and leaves the others.
    pub async fn update_project(
        &self,
        access: &Access,
        metadata: BTreeMap<String, String>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let project = editable(access, &[Action::ProjectUpdate])?;
        let changes =
            settings::checked(&project.metadata, metadata, project.upstream_id.is_some())?;
        if changes.is_empty() {
            return Ok(());
        }
        Ok(self.db().update_project(project.id, changes, now).await?)
    }

    /// Sets one setting by itself, by the rules Harbor has for that; an empty value unsets it.
    pub async fn update_project_setting(
        &self,
        access: &Access,
        key: &str,
        value: String,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let project = editable(access, &SETTINGS)?;
        let is_proxy = project.upstream_id.is_some();
        let changes = settings::checked_one(&project.metadata, key, value, is_proxy)?;
        if changes.is_empty() {
            return Ok(());
        }
        Ok(self.db().update_project(project.id, changes, now).await?)
    }

    /// Deletes a project that has no repositories.
    pub async fn delete_project(&self, access: &Access) -> Result<()> {
        let project = editable(access, &[Action::ProjectDelete])?;
        self.db()
            .delete_project(project.id)
            .await
            .map_err(|error| match error {
                metadata::Error::NotEmpty => Error::Precondition(NOT_EMPTY.to_owned()),
                metadata::Error::NotFound { .. } => {
                    Error::NotFound(format!("project {} not found", project.name))
                }
                error => error.into(),
            })
    }

    /// Why the project cannot be deleted; `None` where it can.
    pub async fn why_not_deletable(&self, access: &Access) -> Result<Option<String>> {
        match editable(access, &[Action::ProjectDelete]) {
            Ok(project) if self.db().count_repositories(project.id).await? > 0 => {
                Ok(Some(NOT_EMPTY.to_owned()))
            }
            Ok(_) => Ok(None),
            Err(Error::Precondition(why)) => Ok(Some(why)),
            Err(error) => Err(error),
        }
    }

    /// Where the project pulls from.
    pub async fn project_upstream(&self, access: &Access) -> Result<Option<Arc<Upstream>>> {
        match access.project().upstream_id {
            Some(id) => Ok(self.db().find_upstream(id).await?),
            None => Ok(None),
        }
    }

    /// Makes the row and its owner's membership.
    pub(crate) async fn add_project(&self, new: NewProject, now: DateTime<Utc>) -> Result<Project> {
        let (name, owner_id) = (new.name.clone(), new.owner_id);
        let project = self
            .db()
            .create_project(new, now)
            .await
            .map_err(|error| match error {
                metadata::Error::Conflict { .. } => {
                    Error::Conflict(format!("The project named {name} already exists"))
                }
                metadata::Error::NotFound { .. } => {
                    Error::BadRequest("the owner or the registry is gone meanwhile".to_owned())
                }
                error => error.into(),
            })?;
        match self
            .db()
            .add_member(project.id, owner_id, Role::ProjectAdmin.id(), now)
            .await
        {
            Ok(_) | Err(metadata::Error::Conflict { .. }) => Ok(project),
            Err(error) => Err(error.into()),
        }
    }
}

const NOT_EMPTY: &str = "the project contains repositories, can not be deleted";

/// A draft, checked, as a row to be. How much it may hold is said elsewhere.
pub(crate) fn new_project(
    draft: ProjectDraft,
    owner_id: i64,
    now: DateTime<Utc>,
) -> Result<NewProject> {
    check_name(&draft.name)?;
    let retention = match draft.upstream_id {
        Some(_) => Some(RetentionPolicy::of_proxy().to_row(now)?),
        None => None,
    };
    Ok(NewProject {
        metadata: settings::checked(
            &BTreeMap::new(),
            draft.metadata,
            draft.upstream_id.is_some(),
        )?,
        name: draft.name,
        owner_id,
        upstream_id: draft.upstream_id,
        is_declared: false,
        limit_bytes: None,
        retention,
    })
}

fn editable<'a>(access: &'a Access, actions: &[Action]) -> Result<&'a Arc<Project>> {
    demand_one_of(access, actions)?;
    let project = access.project();
    if project.is_declared {
        return Err(Error::Precondition(format!(
            "the project {} is declared in the configuration file: change it there and start again",
            project.name
        )));
    }
    Ok(project)
}

/// Harbor's rule: `[a-z0-9]+(?:[._-][a-z0-9]+)*`, at most 255 characters.
fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.len() > MAX_NAME_CHARS {
        return Err(Error::BadRequest(format!(
            "project name {name} is illegal in length: it has 1 to {MAX_NAME_CHARS} characters"
        )));
    }
    match is_name(name) {
        true => Ok(()),
        false => Err(Error::BadRequest(
            "project name is not in lower case or contains illegal characters".to_owned(),
        )),
    }
}

/// Whether it is words of lower-case letters and digits with one separator between two. Robots have such names too.
pub(crate) fn is_name(name: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.split(['.', '_', '-'])
        .all(|word| !word.is_empty() && word.bytes().all(is_word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_is_named_by_harbors_rule() {
        for name in ["library", "a", "0", "a.b_c-d9", &"a".repeat(255)] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "A",
            "a..b",
            "-a",
            "a-",
            "a/b",
            "a b",
            "é",
            "a__b",
            "_catalog",
            &"a".repeat(256),
        ] {
            assert!(
                matches!(check_name(name), Err(Error::BadRequest(_))),
                "{name}"
            );
        }
    }
}
