//! Settings: text by key, for what the whole installation shares.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::cache::Forget;
use crate::{Db, Error, sql};

impl Db {
    /// The value of that key; answered from memory.
    pub async fn get_setting(&self, key: &str) -> Result<Option<Arc<str>>, Error> {
        let load = async {
            let select = "SELECT value FROM settings WHERE key = $1";
            let row = sql::one(self.read(), select, [key.into()]).await?;
            let value: Option<String> = row.map(|row| sql::get(&row, "value")).transpose()?;
            // That it is not set is a value too, remembered like others: most settings are asked for and never set.
            Ok(Some(value.map(Arc::from)))
        };
        let known = self.hot.settings.get_or_load(&key.into(), load).await?;
        Ok(known.flatten())
    }

    /// All that are set.
    pub async fn list_settings(&self) -> Result<BTreeMap<String, String>, Error> {
        let rows = sql::all(self.read(), "SELECT key, value FROM settings", []).await?;
        rows.iter()
            .map(|row| Ok((sql::get(row, "key")?, sql::get(row, "value")?)))
            .collect()
    }

    /// Sets the value of that key.
    pub async fn put_setting(&self, key: &str, value: &str) -> Result<(), Error> {
        self.put_settings([(key, value)]).await
    }

    /// Sets the values of these keys, all or none.
    pub async fn put_settings<'a>(
        &self,
        settings: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), Error> {
        let mut write = self.write().await?;
        let upsert = "INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        for (key, value) in settings {
            sql::execute(write.sql(), upsert, [key.into(), value.into()]).await?;
            write.forget(Forget::Setting(key.into()));
        }
        write.commit().await
    }
}
