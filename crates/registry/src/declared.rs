//! What the configuration file declares: endpoints and projects, brought about at each start. Idempotent, and
//! asks no upstream: the process starts with every one of them out of reach.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use metadata::{NewUpstream, Page, Project, ProjectFilter, Upstream, UpstreamUpdate, Visibility};

use crate::projects::{FIRST_ADMINISTRATOR, ProjectDraft, new_project};
use crate::settings;
use crate::upstreams::{UpstreamDraft, UpstreamOptions, normal_url, updated};
use crate::{Error, Registry, Result};

const LIBRARY: &str = "library";
/// Set once there was a `library` project: one that was deleted afterwards does not come back.
const LIBRARY_WAS_MADE: &str = "library_project_was_made";

/// An endpoint, as the file has it. Without `Debug`: it has the secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct DeclaredRegistry {
    /// Its name.
    pub name: String,
    /// Harbor's type.
    pub kind: String,
    /// Its address; may be empty for Docker Hub.
    pub url: String,
    /// The user name, where it wants one.
    pub access_key: Option<String>,
    /// The password.
    pub access_secret: Option<String>,
    /// Whether its certificate goes unchecked.
    pub insecure: bool,
    /// A certificate authority to trust for it, in PEM.
    pub ca_certificate: Option<String>,
    /// What Harbor's fields cannot say.
    pub options: UpstreamOptions,
    /// What people say about it.
    pub description: String,
}

/// A project, as the file has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeclaredProject {
    /// Its name.
    pub name: String,
    /// Whether anyone may read it.
    pub is_public: bool,
    /// The name of the endpoint it pulls from, for a proxy project.
    pub registry: Option<String>,
    /// Its other settings, by Harbor's keys.
    pub metadata: BTreeMap<String, String>,
}

impl Registry {
    /// Creates or updates what is declared, and marks it so. What is declared no longer loses the mark and stays.
    /// The first start, on an empty database, also makes the public project `library`, as Harbor's does. The administrator must exist.
    ///
    /// # Errors
    /// [`Error::BadRequest`] and [`Error::Conflict`] with a sentence for the operator; what came before stays done.
    pub async fn apply_declared(
        &self,
        registries: &[DeclaredRegistry],
        projects: &[DeclaredProject],
        now: DateTime<Utc>,
    ) -> Result<()> {
        refuse_twice(
            "registry",
            registries.iter().map(|registry| registry.name.as_str()),
        )?;
        refuse_twice(
            "project",
            projects.iter().map(|project| project.name.as_str()),
        )?;
        self.ensure_library(projects, now).await?;
        self.apply_registries(registries, now).await?;
        self.apply_projects(projects, now).await
    }

    async fn ensure_library(&self, declared: &[DeclaredProject], now: DateTime<Utc>) -> Result<()> {
        if self.db().get_setting(LIBRARY_WAS_MADE).await?.is_some() {
            return Ok(());
        }
        let is_declared = declared.iter().any(|project| project.name == LIBRARY);
        if !is_declared && self.db().list_projects(&ALL, &Page::all()).await?.total == 0 {
            let metadata = BTreeMap::from([("public".to_owned(), "true".to_owned())]);
            let draft = ProjectDraft {
                name: LIBRARY.to_owned(),
                upstream_id: None,
                metadata,
                storage_limit: None,
            };
            let new = metadata::NewProject {
                limit_bytes: self.limit_of_new(None).await?,
                ..new_project(draft, FIRST_ADMINISTRATOR, now)?
            };
            self.add_project(new, now).await?;
        }
        Ok(self.db().put_setting(LIBRARY_WAS_MADE, "true").await?)
    }

    async fn apply_registries(
        &self,
        declared: &[DeclaredRegistry],
        now: DateTime<Utc>,
    ) -> Result<()> {
        let saved = self.db().list_upstreams(&Page::all()).await?.items;
        for registry in declared {
            let one = saved.iter().find(|saved| saved.name == registry.name);
            let applied = self.apply_registry(registry, one, now).await;
            applied.map_err(|error| in_file("registry", &registry.name, error))?;
        }
        for saved in saved.iter().filter(|saved| saved.is_declared) {
            if !declared.iter().any(|registry| registry.name == saved.name) {
                let update = UpstreamUpdate {
                    is_declared: Some(false),
                    ..UpstreamUpdate::default()
                };
                self.db().update_upstream(saved.id, update, now).await?;
            }
        }
        Ok(())
    }

    async fn apply_registry(
        &self,
        declared: &DeclaredRegistry,
        saved: Option<&Upstream>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        // Making a client takes its time, and a start has little: what is saved already was checked when it was.
        if let Some(saved) = saved
            && self.is_as_declared(saved, declared)?
        {
            return Ok(());
        }
        let new = self.checked_upstream(draft(declared), now)?;
        match saved {
            None => self
                .db()
                .create_upstream(
                    NewUpstream {
                        is_declared: true,
                        ..new
                    },
                    now,
                )
                .await
                .map(drop)?,
            Some(saved) => {
                let update = update(new);
                let update = UpstreamUpdate {
                    is_asked_anew: self.is_another_source(saved, &updated(saved, &update))?,
                    ..update
                };
                self.db().update_upstream(saved.id, update, now).await?;
            }
        }
        tracing::info!(registry = declared.name, "declared registry applied");
        Ok(())
    }

    fn is_as_declared(&self, saved: &Upstream, declared: &DeclaredRegistry) -> Result<bool> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        // A secret that cannot be opened, because the key is another, is sealed anew.
        let secret = self.opened_secret(saved).ok();
        let options = self.opened_options(saved).ok();
        Ok(saved.is_declared
            && saved.kind == declared.kind
            && saved.url == normal_url(&declared.kind, &declared.url)?
            && saved.access_key == given(&declared.access_key)
            && secret == Some(given(&declared.access_secret))
            && options.as_ref() == Some(&declared.options)
            && saved.is_insecure == declared.insecure
            && saved.ca_certificate == given(&declared.ca_certificate)
            && saved.description == declared.description)
    }

    async fn apply_projects(&self, declared: &[DeclaredProject], now: DateTime<Utc>) -> Result<()> {
        for project in declared {
            let applied = self.apply_project(project, now).await;
            applied.map_err(|error| in_file("project", &project.name, error))?;
        }
        for saved in self.db().list_projects(&ALL, &Page::all()).await?.items {
            if saved.is_declared && !declared.iter().any(|project| project.name == saved.name) {
                self.db().set_project_declared(saved.id, false).await?;
            }
        }
        Ok(())
    }

    async fn apply_project(&self, declared: &DeclaredProject, now: DateTime<Utc>) -> Result<()> {
        if let Some(key) = settings::unknown_key(&declared.metadata) {
            return Err(Error::BadRequest(format!("there is no setting {key}")));
        }
        let upstream_id = match &declared.registry {
            Some(name) => {
                let unknown = || Error::BadRequest(format!("there is no registry {name}"));
                Some(
                    self.db()
                        .find_upstream_by_name(name)
                        .await?
                        .ok_or_else(unknown)?
                        .id,
                )
            }
            None => None,
        };
        let Some(saved) = self.db().find_project(&declared.name).await? else {
            let draft = ProjectDraft {
                name: declared.name.clone(),
                upstream_id,
                metadata: wanted(declared, None),
                storage_limit: None,
            };
            let new = metadata::NewProject {
                is_declared: true,
                limit_bytes: self.limit_of_new(None).await?,
                ..new_project(draft, FIRST_ADMINISTRATOR, now)?
            };
            self.add_project(new, now).await?;
            tracing::info!(project = declared.name, "declared project made");
            return Ok(());
        };
        if saved.upstream_id != upstream_id {
            return Err(self.other_origin(&saved, declared).await?);
        }
        let changes = settings::checked(
            &saved.metadata,
            wanted(declared, Some(&saved)),
            upstream_id.is_some(),
        )?;
        if !changes.is_empty() {
            self.db().update_project(saved.id, changes, now).await?;
            tracing::info!(project = declared.name, "declared project changed");
        }
        if !saved.is_declared {
            self.db().set_project_declared(saved.id, true).await?;
        }
        Ok(())
    }

    /// What a project holds came from where it came from: it is not given another origin.
    async fn other_origin(&self, saved: &Project, declared: &DeclaredProject) -> Result<Error> {
        let is = match saved.upstream_id {
            None => "takes pushes".to_owned(),
            Some(id) => {
                let upstream = self.db().find_upstream(id).await?;
                format!(
                    "pulls from the registry {}",
                    upstream.map_or_else(|| id.to_string(), |upstream| upstream.name.clone())
                )
            }
        };
        let shall = declared.registry.as_ref().map_or_else(
            || "take pushes".to_owned(),
            |name| format!("pull from the registry {name}"),
        );
        Ok(Error::Conflict(format!(
            "a project of that name exists already and {is}, but shall {shall}: declare another name, or delete the project first"
        )))
    }
}

const ALL: ProjectFilter = ProjectFilter {
    visible_to: Visibility::All,
    name_contains: None,
    is_public: None,
    owner: None,
};

/// All of a declared project's settings: those that are set but declared no longer are unset.
fn wanted(declared: &DeclaredProject, saved: Option<&Project>) -> BTreeMap<String, String> {
    let stored = saved
        .map(|saved| saved.metadata.keys())
        .into_iter()
        .flatten();
    // What the server sets itself is no declaration's business.
    let mut wanted: BTreeMap<String, String> = stored
        .filter(|key| *key != "retention_id")
        .map(|key| (key.clone(), String::new()))
        .collect();
    wanted.extend(declared.metadata.clone());
    wanted.insert("public".to_owned(), declared.is_public.to_string());
    wanted
}

fn draft(declared: &DeclaredRegistry) -> UpstreamDraft {
    let declared = declared.clone();
    UpstreamDraft {
        name: declared.name,
        kind: declared.kind,
        url: declared.url,
        access_key: declared.access_key,
        access_secret: declared.access_secret,
        is_insecure: declared.insecure,
        ca_certificate: declared.ca_certificate,
        options: Some(declared.options),
        description: declared.description,
    }
}

fn update(new: NewUpstream) -> UpstreamUpdate {
    UpstreamUpdate {
        name: None,
        kind: Some(new.kind),
        url: Some(new.url),
        access_key: Some(new.access_key),
        secret: Some(new.secret),
        is_insecure: Some(new.is_insecure),
        ca_certificate: Some(new.ca_certificate),
        options: Some(new.options),
        description: Some(new.description),
        is_declared: Some(true),
        is_asked_anew: false,
    }
}

fn refuse_twice<'a>(what: &str, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(Error::BadRequest(format!(
                "the {what} {name} is declared twice"
            )));
        }
    }
    Ok(())
}

/// Says which declaration an error is about.
fn in_file(what: &str, name: &str, error: Error) -> Error {
    let named = |text: String| format!("declared {what} {name}: {text}");
    match error {
        Error::BadRequest(text) => Error::BadRequest(named(text)),
        Error::Conflict(text) => Error::Conflict(named(text)),
        other => other,
    }
}
