//! Settings: text by key, for what the whole installation shares.

use crate::{Db, Error, sql};

impl Db {
    /// The value of that key.
    pub async fn get_setting(&self, key: &str) -> Result<Option<String>, Error> {
        let row = sql::one(
            self.read(),
            "SELECT value FROM settings WHERE key = $1",
            [key.into()],
        )
        .await?;
        row.map(|row| sql::get(&row, "value")).transpose()
    }

    /// Sets the value of that key.
    pub async fn put_setting(&self, key: &str, value: &str) -> Result<(), Error> {
        let write = self.write().await?;
        let upsert = "INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        sql::execute(write.sql(), upsert, [key.into(), value.into()]).await?;
        write.commit().await
    }
}
