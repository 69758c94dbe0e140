//! What a filter would do to what is cached, before it is set. Changes nothing, asks no upstream.

use auth::{Access, Action};
use metadata::KnownTag;
use oci::{Reference, RepositoryName, media_type};

use super::{Filter, KIND, PATTERN, RULES, Reason, Refusal};
use crate::demand::demand;
use crate::{Error, Registry, Result};

/// Tags looked at for one report.
const MAX_TAGS: usize = 10_000;
/// Names that may be tried with one report.
const MAX_NAMES: usize = 1_000;

/// A filter to try. What is not given is as the project has it.
#[derive(Clone, Debug, Default)]
pub struct FilterDraft {
    /// Harbor's `proxy_cache_filter_pattern`.
    pub pattern: Option<String>,
    /// Harbor's `proxy_cache_filter_kind`.
    pub kind: Option<String>,
    /// The text of `proxy_cache_rules`.
    pub rules: Option<String>,
    /// Names to try beside what is cached: `repository`, `repository:tag` or `repository@digest`, as at the upstream.
    pub names: Vec<String>,
}

/// What the filter would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FilterReport {
    /// What is cached, by repository.
    pub repositories: Vec<FilteredRepository>,
    /// The names that were to be tried, in their order.
    pub names: Vec<Filtered>,
    /// How many cached tags would be allowed.
    pub allowed: usize,
    /// How many cached tags would be denied.
    pub denied: usize,
    /// Whether there are more cached tags than were looked at.
    pub is_cut: bool,
}

/// A cached repository, as the filter sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilteredRepository {
    /// Its name at the upstream, and whether anything of it may be asked for.
    pub repository: Filtered,
    /// Its cached tags.
    pub tags: Vec<Filtered>,
}

/// What the filter says of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filtered {
    /// The repository's, the tag's, or what was to be tried.
    pub name: String,
    /// Whether it may be pulled.
    pub is_allowed: bool,
    /// The rule that says so, counted from 1.
    pub rule: Option<usize>,
    /// What says so, in words.
    pub by: String,
}

impl Registry {
    /// What `draft` would do to a proxy project. Whoever may set the filter may try it.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a filter that cannot be read, a name that is none, or a project that proxies nothing.
    pub async fn try_filter(&self, access: &Access, draft: FilterDraft) -> Result<FilterReport> {
        demand(access, Action::ProjectUpdate)?;
        let project = access.project();
        let Some(upstream_id) = project.upstream_id else {
            return Err(Error::BadRequest(format!(
                "project {} proxies nothing, so it has no filter",
                project.name
            )));
        };
        if draft.names.len() > MAX_NAMES {
            return Err(Error::BadRequest(format!(
                "at most {MAX_NAMES} names can be tried at once"
            )));
        }
        let mut settings = project.metadata.clone();
        for (key, value) in [
            (PATTERN, draft.pattern),
            (KIND, draft.kind),
            (RULES, draft.rules),
        ] {
            settings.extend(value.map(|value| (key.to_owned(), value)));
        }
        let filter = Filter::new(&settings).map_err(Error::BadRequest)?;
        let is_docker_hub = self.client(upstream_id).await?.is_docker_hub();
        let mut report = self.try_cached(&project.name, project.id, &filter).await?;
        for name in draft.names {
            let tried = self
                .try_name(&project.name, &filter, is_docker_hub, name)
                .await?;
            report.names.push(tried);
        }
        Ok(report)
    }

    async fn try_cached(
        &self,
        project: &str,
        project_id: i64,
        filter: &Filter,
    ) -> Result<FilterReport> {
        let limit = MAX_TAGS as u64 + 1;
        let mut tags = self.db().list_known_tags(project_id, None, limit).await?;
        let mut report = FilterReport {
            is_cut: tags.len() > MAX_TAGS,
            ..FilterReport::default()
        };
        tags.truncate(MAX_TAGS);
        for known in tags {
            let Ok(repository) = known.repository.parse::<RepositoryName>() else {
                return Err(Error::bug(format!(
                    "{} of project {project} is no name",
                    known.repository
                )));
            };
            let path = repository.path();
            let is_another = |last: &FilteredRepository| last.repository.name != path;
            if report.repositories.last().is_none_or(is_another) {
                let decided = filter.decide_all(&repository, &[], &[]);
                report.repositories.push(FilteredRepository {
                    repository: filtered(path.to_owned(), decided),
                    tags: Vec::new(),
                });
            }
            let tag = self.try_tag(filter, &repository, known).await?;
            match tag.is_allowed {
                true => report.allowed += 1,
                false => report.denied += 1,
            }
            if let Some(last) = report.repositories.last_mut() {
                last.tags.push(tag);
            }
        }
        Ok(report)
    }

    async fn try_tag(
        &self,
        filter: &Filter,
        repository: &RepositoryName,
        known: KnownTag,
    ) -> Result<Filtered> {
        let platforms = match media_type::is_index(&known.media_type) {
            true => Vec::new(),
            false => self.platforms(filter, repository, &known.digest).await?,
        };
        let names = [Some(known.tag.clone())];
        let decided = filter.decide_all(repository, &names, &platforms);
        Ok(filtered(known.tag, decided))
    }

    /// A name as somebody would pull it.
    async fn try_name(
        &self,
        project: &str,
        filter: &Filter,
        is_docker_hub: bool,
        name: String,
    ) -> Result<Filtered> {
        let unreadable = || {
            Error::BadRequest(format!(
                "{name:?} is no repository, repository:tag or repository@digest"
            ))
        };
        let (path, reference) = match name.split_once('@').or_else(|| name.split_once(':')) {
            Some((path, reference)) => {
                let reference: Reference = reference.parse().map_err(|_| unreadable())?;
                (path, Some(reference))
            }
            None => (name.as_str(), None),
        };
        let path = match is_docker_hub && !path.contains('/') {
            true => format!("library/{path}"),
            false => path.to_owned(),
        };
        let repository = RepositoryName::new(project, &path).map_err(|_| unreadable())?;
        let (names, digest) = match &reference {
            Some(Reference::Tag(tag)) => {
                let held = self.0.local.tag(&repository, tag).await?;
                (vec![Some(tag.to_string())], held.map(|held| held.digest))
            }
            Some(Reference::Digest(digest)) => (
                self.db().names_of(&repository, digest).await?,
                Some(digest.clone()),
            ),
            None => (Vec::new(), None),
        };
        let platforms = match digest {
            Some(digest) => self.platforms(filter, &repository, &digest).await?,
            None => Vec::new(),
        };
        let decided = filter.decide_all(&repository, &names, &platforms);
        Ok(filtered(name, decided))
    }
}

fn filtered(name: String, decided: std::result::Result<Reason, Refusal>) -> Filtered {
    let (is_allowed, rule, by) = match decided {
        Ok(Reason { rule: Some(rule) }) => (true, Some(rule), format!("rule {rule}")),
        Ok(Reason { rule: None }) => (true, None, "no rule denies it".to_owned()),
        Err(Refusal::Pattern { .. }) => (false, None, PATTERN.to_owned()),
        Err(Refusal::Rule {
            rule: Some(rule), ..
        }) => (false, Some(rule), format!("rule {rule}")),
        Err(Refusal::Rule { rule: None, .. }) => (false, None, "no rule allows it".to_owned()),
        Err(Refusal::Broken { error }) => (false, None, error),
    };
    Filtered {
        name,
        is_allowed,
        rule,
        by,
    }
}
