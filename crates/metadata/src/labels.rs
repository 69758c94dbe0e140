//! Labels: names with a colour that people put on artifacts. A global one can be put on any, a project's on its own.

use chrono::{DateTime, Utc};
use sea_orm::QueryResult;

use crate::select::{Column, Kind, List};
use crate::sql::Growing;
use crate::{Db, Error, Page, Paged, sql};

/// A label as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Its number, never given twice.
    pub id: i64,
    /// Its name, one in its project or among the global ones.
    pub name: String,
    /// What people say about it.
    pub description: String,
    /// As clients write it: `#61717D`.
    pub color: String,
    /// The project it belongs to; `None` for a global one.
    pub project_id: Option<i64>,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// What people say of a label, new or changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelDraft {
    /// Its name.
    pub name: String,
    /// What it means.
    pub description: String,
    /// Its colour.
    pub color: String,
}

impl Db {
    /// Makes a label, of a project or global. [`Error::Conflict`] when the name is taken there.
    pub async fn create_label(
        &self,
        project_id: Option<i64>,
        draft: &LabelDraft,
        now: DateTime<Utc>,
    ) -> Result<i64, Error> {
        let write = self.write().await?;
        let insert = "INSERT INTO labels (name, description, color, project_id, created_at, updated_at) \
                      VALUES ($1, $2, $3, $4, $5, $5) RETURNING id";
        let values = [
            draft.name.as_str().into(),
            draft.description.as_str().into(),
            draft.color.as_str().into(),
            project_id.into(),
            sql::micros(now).into(),
        ];
        let row = sql::one(write.sql(), insert, values).await;
        let row = row.map_err(|error| error.or_conflict("label").or_missing("project"))?;
        let id = sql::get(&row.ok_or(Error::NotFound { what: "label" })?, "id")?;
        write.commit().await?;
        Ok(id)
    }

    /// The label of that number.
    pub async fn find_label(&self, id: i64) -> Result<Option<Label>, Error> {
        let select = format!("SELECT {COLUMNS} FROM labels l WHERE l.id = $1");
        let row = sql::one(self.read(), &select, [id.into()]).await?;
        row.as_ref().map(label).transpose()
    }

    /// A page of a project's labels, or of the global ones: the newest first unless sorted otherwise.
    pub async fn list_labels(
        &self,
        project_id: Option<i64>,
        page: &Page,
    ) -> Result<Paged<Label>, Error> {
        let mut conditions = Growing::default();
        match project_id {
            Some(id) => conditions.push(" AND l.project_id = ").bind(id),
            None => conditions.push(" AND l.project_id IS NULL"),
        };
        let list = List {
            select: COLUMNS,
            from: "labels l",
            columns: LISTED,
            order: "l.created_at DESC",
            id: "l.id",
        };
        list.page(self.read(), conditions, page).await?.map(label)
    }

    /// Changes what is said of a label. [`Error::Conflict`] when the name is taken.
    pub async fn update_label(
        &self,
        id: i64,
        draft: &LabelDraft,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let update = "UPDATE labels SET name = $2, description = $3, color = $4, updated_at = $5 WHERE id = $1";
        let values = [
            id.into(),
            draft.name.as_str().into(),
            draft.description.as_str().into(),
            draft.color.as_str().into(),
            sql::micros(now).into(),
        ];
        let changed = sql::change(write.sql(), "label", update, values).await;
        changed.map_err(|error| error.or_conflict("label"))?;
        write.commit().await
    }

    /// Deletes a label, off every artifact too.
    pub async fn delete_label(&self, id: i64) -> Result<(), Error> {
        let write = self.write().await?;
        let delete = "DELETE FROM labels WHERE id = $1";
        sql::change(write.sql(), "label", delete, [id.into()]).await?;
        write.commit().await
    }

    /// Puts a label on an artifact. [`Error::Conflict`] when it is on it, [`Error::NotFound`] when either is gone.
    pub async fn put_label(
        &self,
        artifact_id: i64,
        label_id: i64,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let insert =
            "INSERT INTO artifact_labels (artifact_id, label_id, created_at) VALUES ($1, $2, $3)";
        let values = [artifact_id.into(), label_id.into(), sql::micros(now).into()];
        let put = sql::execute(write.sql(), insert, values).await;
        put.map_err(|error| error.or_conflict("label").or_missing("label or artifact"))?;
        write.commit().await
    }

    /// Takes a label off an artifact; whether it was on it.
    pub async fn take_label(&self, artifact_id: i64, label_id: i64) -> Result<bool, Error> {
        let write = self.write().await?;
        let delete = "DELETE FROM artifact_labels WHERE artifact_id = $1 AND label_id = $2";
        let values = [artifact_id.into(), label_id.into()];
        let taken = sql::execute(write.sql(), delete, values).await?;
        write.commit().await?;
        Ok(taken > 0)
    }
}

pub(crate) const COLUMNS: &str =
    "l.id, l.name, l.description, l.color, l.project_id, l.created_at, l.updated_at";

const LISTED: &[Column] = &[
    Column {
        keys: &["id"],
        sql: "l.id",
        kind: Kind::Number,
    },
    Column {
        keys: &["name"],
        sql: "l.name",
        kind: Kind::Text,
    },
    Column {
        keys: &["description"],
        sql: "l.description",
        kind: Kind::Text,
    },
    Column {
        keys: &["color"],
        sql: "l.color",
        kind: Kind::Text,
    },
    Column {
        keys: &["creation_time"],
        sql: "l.created_at",
        kind: Kind::Time,
    },
    Column {
        keys: &["update_time"],
        sql: "l.updated_at",
        kind: Kind::Time,
    },
];

pub(crate) fn label(row: &QueryResult) -> Result<Label, Error> {
    Ok(Label {
        id: sql::get(row, "id")?,
        name: sql::get(row, "name")?,
        description: sql::get(row, "description")?,
        color: sql::get(row, "color")?,
        project_id: sql::get(row, "project_id")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}
