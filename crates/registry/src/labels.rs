//! Labels as people manage them, and the artifacts they are put on.

use auth::{Access, Action, SystemAccess, SystemAction};
use chrono::{DateTime, Utc};
use metadata::{Label, LabelDraft, Page, Paged};
use oci::{Reference, RepositoryName};

use crate::demand::{demand, demand_in, demand_system};
use crate::{Error, Registry, Result};

const MAX_NAME_CHARS: usize = 128;
const MAX_COLOR_CHARS: usize = 16;
const MAX_DESCRIPTION_CHARS: usize = 4096;

/// The proof for a label: global ones belong to no project.
#[derive(Clone, Copy, Debug)]
pub enum LabelAccess<'a> {
    /// For a global label.
    Global(&'a SystemAccess),
    /// For a label of this project.
    Project(&'a Access),
}

impl LabelAccess<'_> {
    fn demand(self, global: SystemAction, of_project: Action) -> Result<()> {
        match self {
            Self::Global(access) => demand_system(access, global),
            Self::Project(access) => demand(access, of_project),
        }
    }

    fn project_id(self) -> Option<i64> {
        match self {
            Self::Global(_) => None,
            Self::Project(access) => Some(access.project().id),
        }
    }
}

impl Registry {
    /// A page of a project's labels.
    pub async fn project_labels(&self, access: &Access, page: &Page) -> Result<Paged<Label>> {
        demand(access, Action::LabelList)?;
        let project_id = Some(access.project().id);
        Ok(self.db().list_labels(project_id, page).await?)
    }

    /// Makes a label; its number.
    pub async fn create_label(
        &self,
        access: LabelAccess<'_>,
        draft: &LabelDraft,
        now: DateTime<Utc>,
    ) -> Result<i64> {
        access.demand(SystemAction::LabelCreate, Action::LabelCreate)?;
        check(draft)?;
        let created = self.db().create_label(access.project_id(), draft, now);
        created.await.map_err(|error| taken(draft, error))
    }

    /// A label.
    pub async fn label(&self, access: LabelAccess<'_>, id: i64) -> Result<Label> {
        access.demand(SystemAction::LabelRead, Action::LabelRead)?;
        self.find_label(access, id).await
    }

    /// Changes a label.
    pub async fn update_label(
        &self,
        access: LabelAccess<'_>,
        id: i64,
        draft: &LabelDraft,
        now: DateTime<Utc>,
    ) -> Result<()> {
        access.demand(SystemAction::LabelUpdate, Action::LabelUpdate)?;
        self.find_label(access, id).await?;
        check(draft)?;
        let updated = self.db().update_label(id, draft, now).await;
        updated.map_err(|error| match error {
            metadata::Error::NotFound { .. } => not_found(id),
            error => taken(draft, error),
        })
    }

    /// Deletes a label, off every artifact too.
    pub async fn delete_label(&self, access: LabelAccess<'_>, id: i64) -> Result<()> {
        access.demand(SystemAction::LabelDelete, Action::LabelDelete)?;
        self.find_label(access, id).await?;
        let deleted = self.db().delete_label(id).await;
        deleted.map_err(|error| match error {
            metadata::Error::NotFound { .. } => not_found(id),
            error => error.into(),
        })
    }

    /// Puts a label on an artifact: a global one, or one of the artifact's own project.
    pub async fn label_artifact(
        &self,
        access: &Access,
        name: &RepositoryName,
        reference: &Reference,
        label_id: i64,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_in(access, Action::ArtifactLabelCreate, name)?;
        let label = self.db().find_label(label_id).await?;
        let is_ours = |label: &Label| label.project_id.is_none_or(|id| id == access.project().id);
        label.filter(is_ours).ok_or_else(|| not_found(label_id))?;
        let artifact = self.find_artifact(name, reference).await?;
        let put = self.db().put_label(artifact.id, label_id, now).await;
        put.map_err(|error| match error {
            metadata::Error::Conflict { .. } => Error::Conflict(format!(
                "label {label_id} is already added to the artifact {}",
                artifact.id
            )),
            metadata::Error::NotFound { .. } => not_found(label_id),
            error => error.into(),
        })
    }

    /// Takes a label off an artifact.
    pub async fn unlabel_artifact(
        &self,
        access: &Access,
        name: &RepositoryName,
        reference: &Reference,
        label_id: i64,
    ) -> Result<()> {
        demand_in(access, Action::ArtifactLabelDelete, name)?;
        let artifact = self.find_artifact(name, reference).await?;
        if self.db().take_label(artifact.id, label_id).await? {
            return Ok(());
        }
        Err(Error::NotFound(format!(
            "reference with label {label_id} and artifact {} not found",
            artifact.id
        )))
    }

    /// A label that the proof is for.
    async fn find_label(&self, access: LabelAccess<'_>, id: i64) -> Result<Label> {
        let label = self.db().find_label(id).await?;
        label
            .filter(|label| label.project_id == access.project_id())
            .ok_or_else(|| not_found(id))
    }
}

fn check(draft: &LabelDraft) -> Result<()> {
    let refuse = |what: String| Err(Error::BadRequest(what));
    if draft.name.is_empty() {
        return refuse("a label needs a name: it cannot be empty".to_owned());
    }
    for (what, text, most) in [
        ("name", &draft.name, MAX_NAME_CHARS),
        ("color", &draft.color, MAX_COLOR_CHARS),
        ("description", &draft.description, MAX_DESCRIPTION_CHARS),
    ] {
        if text.chars().count() > most {
            return refuse(format!("a label's {what} has at most {most} characters"));
        }
    }
    Ok(())
}

fn taken(draft: &LabelDraft, error: metadata::Error) -> Error {
    match error {
        metadata::Error::Conflict { .. } => {
            Error::Conflict(format!("label {} already exists", draft.name))
        }
        error => error.into(),
    }
}

fn not_found(id: i64) -> Error {
    Error::NotFound(format!("label {id} not found"))
}
