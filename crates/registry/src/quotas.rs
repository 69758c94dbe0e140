//! Quotas: how much each project may hold, and does. The limits are kept and shown; nothing holds a push or a fill to them
//! yet.

use auth::{Access, Action, SystemAccess, SystemAction};
use chrono::{DateTime, Utc};
use metadata::{Page, Paged, Quota};

use crate::configuration::{QUOTA_PER_PROJECT, STORAGE_PER_PROJECT};
use crate::demand::{demand, demand_system};
use crate::{Error, Registry, Result};

impl Registry {
    /// A page of quotas, or the one of that project.
    pub async fn quotas(
        &self,
        access: &SystemAccess,
        project_id: Option<i64>,
        page: &Page,
    ) -> Result<Paged<Quota>> {
        demand_system(access, SystemAction::QuotaList)?;
        Ok(self.db().list_quotas(project_id, page).await?)
    }

    /// The quota of that number, which is its project's.
    pub async fn quota(&self, access: &SystemAccess, id: i64) -> Result<Quota> {
        demand_system(access, SystemAction::QuotaRead)?;
        let found = self.db().find_quota(id).await?;
        found.ok_or_else(|| missing(id))
    }

    /// Changes how much a project may hold, in Harbor's numbers.
    pub async fn set_quota(
        &self,
        access: &SystemAccess,
        id: i64,
        storage: i64,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_system(access, SystemAction::QuotaUpdate)?;
        let set = self.db().set_quota(id, limit(storage)?, now).await;
        set.map_err(|error| match error {
            metadata::Error::NotFound { .. } => missing(id),
            error => error.into(),
        })
    }

    /// The project's own quota; `None` where projects have none.
    pub async fn project_quota(&self, access: &Access) -> Result<Option<Quota>> {
        demand(access, Action::QuotaRead)?;
        match self.is_set(QUOTA_PER_PROJECT).await? {
            true => Ok(self.db().find_quota(access.project().id).await?),
            false => Ok(None),
        }
    }

    /// What a new project may hold: what was `asked`, or what all are given. 0 asks for nothing, as in Harbor.
    pub(crate) async fn limit_of_new(&self, asked: Option<i64>) -> Result<Option<u64>> {
        if !self.is_set(QUOTA_PER_PROJECT).await? {
            return Ok(None);
        }
        match asked.filter(|storage| *storage != 0) {
            Some(storage) => limit(storage),
            // What is no number was never let in.
            None => limit(
                self.setting(STORAGE_PER_PROJECT)
                    .await?
                    .parse()
                    .unwrap_or(-1),
            ),
        }
    }
}

/// Harbor's number as a limit: -1 is none.
fn limit(storage: i64) -> Result<Option<u64>> {
    match u64::try_from(storage) {
        Ok(bytes) if bytes > 0 => Ok(Some(bytes)),
        Err(_) if storage == -1 => Ok(None),
        _ => Err(Error::BadRequest(format!(
            "storage must be -1, for no limit, or a number of bytes from 1, not {storage}"
        ))),
    }
}

fn missing(id: i64) -> Error {
    Error::NotFound(format!("quota {id} not found"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_more_than_nothing_or_none() {
        assert_eq!(limit(-1).unwrap(), None);
        assert_eq!(limit(1).unwrap(), Some(1));
        assert_eq!(limit(i64::MAX).unwrap(), Some(i64::MAX as u64));
        for storage in [0, -2, i64::MIN] {
            assert!(
                matches!(limit(storage), Err(Error::BadRequest(_))),
                "{storage}"
            );
        }
    }
}
