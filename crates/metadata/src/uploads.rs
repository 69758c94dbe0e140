//! Uploads: which repository an unfinished push belongs to. Its bytes and offset are `storage`'s.

use chrono::{DateTime, Utc};
use oci::RepositoryName;

use crate::{Db, Error, sql};

impl Db {
    /// Records that the upload `id` is for `repository`.
    pub async fn start_upload(
        &self,
        id: &str,
        repository: &RepositoryName,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let insert = "INSERT INTO uploads (id, repository, started_at) VALUES ($1, $2, $3)";
        let values = [
            id.into(),
            repository.as_str().into(),
            sql::micros(now).into(),
        ];
        sql::execute(write.sql(), insert, values)
            .await
            .map_err(|error| error.or_conflict("upload"))?;
        write.commit().await
    }

    /// The repository the upload is for.
    pub async fn find_upload(&self, id: &str) -> Result<Option<String>, Error> {
        let row = sql::one(
            self.read(),
            "SELECT repository FROM uploads WHERE id = $1",
            [id.into()],
        )
        .await?;
        row.map(|row| sql::get(&row, "repository")).transpose()
    }

    /// All that were begun and have not ended: their ids.
    pub async fn list_uploads(&self) -> Result<Vec<String>, Error> {
        let rows = sql::all(self.read(), "SELECT id FROM uploads", []).await?;
        rows.iter().map(|row| sql::get(row, "id")).collect()
    }

    /// Forgets the upload, finished or not. One that is not there is no error.
    pub async fn end_upload(&self, id: &str) -> Result<(), Error> {
        let write = self.write().await?;
        sql::execute(
            write.sql(),
            "DELETE FROM uploads WHERE id = $1",
            [id.into()],
        )
        .await?;
        write.commit().await
    }
}
