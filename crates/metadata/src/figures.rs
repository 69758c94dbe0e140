//! How much there is of everything, by project, for those who watch. Counting reads all of it: ask seldom.

use std::collections::BTreeMap;

use crate::{Db, Error, sql};

/// What a project has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProjectFigures {
    /// Its name.
    pub project: String,
    /// Whether anyone may read it.
    pub is_public: bool,
    /// Its repositories.
    pub repositories: u64,
    /// How often something was pulled from them.
    pub pulls: u64,
    /// Its members.
    pub members: u64,
    /// Its artifacts, by what they are called.
    pub artifacts: Vec<(String, u64)>,
}

impl Db {
    /// The figures of all projects, by name.
    pub async fn project_figures(&self) -> Result<Vec<ProjectFigures>, Error> {
        let mut by_id: BTreeMap<i64, ProjectFigures> = BTreeMap::new();
        let projects = "SELECT id, name, is_public FROM projects";
        for row in sql::all(self.read(), projects, []).await? {
            let figures = ProjectFigures {
                project: sql::get(&row, "name")?,
                is_public: sql::get(&row, "is_public")?,
                ..ProjectFigures::default()
            };
            by_id.insert(sql::get(&row, "id")?, figures);
        }
        let members = "SELECT project_id, COUNT(*) AS members FROM members GROUP BY project_id";
        for row in sql::all(self.read(), members, []).await? {
            if let Some(figures) = by_id.get_mut(&sql::get(&row, "project_id")?) {
                figures.members = sql::get_size(&row, "members")?;
            }
        }
        let repositories = "SELECT project_id, COUNT(*) AS repositories, CAST(SUM(pull_count) AS BIGINT) AS pulls \
                            FROM repositories GROUP BY project_id";
        for row in sql::all(self.read(), repositories, []).await? {
            if let Some(figures) = by_id.get_mut(&sql::get(&row, "project_id")?) {
                figures.repositories = sql::get_size(&row, "repositories")?;
                figures.pulls = sql::get_size(&row, "pulls")?;
            }
        }
        let artifacts = "SELECT a.project_id, y.kind, COUNT(*) AS artifacts \
                         FROM artifacts a JOIN artifact_types y ON y.id = a.type_id \
                         GROUP BY a.project_id, y.kind ORDER BY y.kind";
        for row in sql::all(self.read(), artifacts, []).await? {
            if let Some(figures) = by_id.get_mut(&sql::get(&row, "project_id")?) {
                let kind = sql::get(&row, "kind")?;
                let count = sql::get_size(&row, "artifacts")?;
                figures.artifacts.push((kind, count));
            }
        }
        let mut all: Vec<ProjectFigures> = by_id.into_values().collect();
        all.sort_by(|one, other| one.project.cmp(&other.project));
        Ok(all)
    }
}
