//! Repositories as people see them: listed, described, deleted with all they have. What is in them is
//! [`crate::artifacts`].

use auth::{Access, Action, SystemAccess, SystemAction};
use chrono::{DateTime, Utc};
use metadata::{Page, Paged, Repository, RepositoryFilter, Visibility};
use oci::RepositoryName;

use crate::demand::{demand, demand_in, demand_system};
use crate::{Error, Registry, Result};

/// As many as a database can count.
const ALL: u64 = u32::MAX as u64;

impl Registry {
    /// Names of all repositories after `after`, at most `limit` of them, and whether there are more.
    pub async fn catalog(
        &self,
        access: &SystemAccess,
        after: Option<&str>,
        limit: Option<u64>,
    ) -> Result<(Vec<String>, bool)> {
        demand_system(access, SystemAction::CatalogRead)?;
        let limit = limit.unwrap_or(ALL).min(ALL);
        // One more than asked for tells whether there is a next page.
        let mut names = self
            .db()
            .list_repository_names(Visibility::All, after, limit + 1)
            .await?;
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let has_more = names.len() > limit;
        names.truncate(limit);
        Ok((names, has_more))
    }

    /// A page of the project's repositories.
    pub async fn repositories(&self, access: &Access, page: &Page) -> Result<Paged<Repository>> {
        demand(access, Action::RepositoryList)?;
        let project = access.project();
        // Who may list this project's content sees all of it: there is nothing left to hide.
        let filter = RepositoryFilter {
            project_id: Some(project.id),
            visible_to: Visibility::All,
        };
        Ok(self.db().list_repositories(&filter, page).await?)
    }

    /// One repository.
    pub async fn find_repository(
        &self,
        access: &Access,
        name: &RepositoryName,
    ) -> Result<Repository> {
        demand_in(access, Action::RepositoryRead, name)?;
        self.db()
            .find_repository(name)
            .await?
            .ok_or_else(|| not_found(name))
    }

    /// Changes what people say about a repository.
    pub async fn describe_repository(
        &self,
        access: &Access,
        name: &RepositoryName,
        description: &str,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_in(access, Action::RepositoryUpdate, name)?;
        self.db()
            .update_repository_description(name, description, now)
            .await
            .map_err(|error| match error {
                metadata::Error::NotFound { .. } => not_found(name),
                error => error.into(),
            })
    }

    /// Deletes a repository with its artifacts and tags. In a proxy project it was a copy, and may come again.
    pub async fn delete_repository(&self, access: &Access, name: &RepositoryName) -> Result<()> {
        demand_in(access, Action::Delete, name)?;
        let immutability = self.immutability_of(access.project().id).await?;
        let is_kept = immutability.within(name);
        if self.db().delete_repository(name, &is_kept).await? {
            Ok(())
        } else {
            Err(not_found(name))
        }
    }
}

fn not_found(name: &RepositoryName) -> Error {
    Error::NotFound(format!("repository {name} not found"))
}
