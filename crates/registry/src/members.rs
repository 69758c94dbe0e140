//! Members: who has which role in a project. What a role may do is `auth`'s table.

use auth::{Access, Action, Role};
use chrono::{DateTime, Utc};
use metadata::Member;

use crate::demand::demand;
use crate::{Error, Registry, Result};

/// A user, by what people know of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// By number.
    Id(i64),
    /// By user name.
    Name(String),
}

impl Registry {
    /// The members, by name.
    pub async fn members(&self, access: &Access) -> Result<Vec<Member>> {
        demand(access, Action::MemberList)?;
        Ok(self.db().list_members(access.project().id).await?)
    }

    /// One membership.
    pub async fn member(&self, access: &Access, id: i64) -> Result<Member> {
        demand(access, Action::MemberRead)?;
        self.db()
            .find_member(access.project().id, id)
            .await?
            .ok_or_else(|| not_found(id))
    }

    /// Makes a user a member; the membership's number.
    pub async fn add_member(
        &self,
        access: &Access,
        who: &Who,
        role: i32,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        demand(access, Action::MemberCreate)?;
        let role = checked(role)?;
        let (user, named) = match who {
            Who::Id(id) => (self.db().find_user(*id).await?, id.to_string()),
            Who::Name(name) => (self.db().find_user_by_name(name).await?, name.clone()),
        };
        // By name a user is meant, not by whoever has the name for an e-mail address.
        let user = user.filter(|user| matches!(who, Who::Id(_)) || user.username == named);
        let user = user.ok_or_else(|| Error::NotFound(format!("user {named} not found")))?;
        self.db()
            .add_member(access.project().id, user.id, role, now)
            .await
            .map_err(|error| match error {
                metadata::Error::Conflict { .. } => Error::Conflict(format!(
                    "The project member specified already exist: {} in project {}",
                    user.username,
                    access.project().name
                )),
                metadata::Error::NotFound { .. } => {
                    Error::NotFound("the project or the user is gone meanwhile".to_owned())
                }
                error => error.into(),
            })
    }

    /// Gives a member another role.
    pub async fn change_member(
        &self,
        access: &Access,
        id: i64,
        role: i32,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand(access, Action::MemberUpdate)?;
        let changed = self
            .db()
            .update_member(access.project().id, id, checked(role)?, now)
            .await;
        changed.map_err(|error| missing(id, error))
    }

    /// Ends a membership.
    pub async fn remove_member(&self, access: &Access, id: i64) -> Result<()> {
        demand(access, Action::MemberDelete)?;
        self.db()
            .remove_member(access.project().id, id)
            .await
            .map_err(|error| missing(id, error))
    }
}

fn checked(role: i32) -> Result<i32> {
    match Role::from_id(role) {
        Some(role) => Ok(role.id()),
        None => Err(Error::BadRequest(format!(
            "invalid role: {role} is none of 1 (project admin), 2 (developer), 3 (guest), 4 (maintainer), 5 (limited guest)"
        ))),
    }
}

fn missing(id: i64, error: metadata::Error) -> Error {
    match error {
        metadata::Error::NotFound { .. } => not_found(id),
        error => error.into(),
    }
}

fn not_found(id: i64) -> Error {
    Error::NotFound(format!("project member {id} not found"))
}
