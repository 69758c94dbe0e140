//! Sessions: people signed in with a browser. What the browser holds, and for how long it counts, is `auth`'s business.

use chrono::{DateTime, Utc};

use crate::{Db, Error, sql};

/// A session as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Whose.
    pub user_id: i64,
    /// When they signed in.
    pub started_at: DateTime<Utc>,
    /// When it was last noted in use.
    pub seen_at: DateTime<Utc>,
}

impl Db {
    /// Begins a session, known by `hash`. [`Error::NotFound`] for an unknown user.
    pub async fn create_session(
        &self,
        hash: &str,
        user_id: i64,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let insert =
            "INSERT INTO sessions (hash, user_id, started_at, seen_at) VALUES ($1, $2, $3, $3)";
        let values = [hash.into(), user_id.into(), sql::micros(now).into()];
        sql::execute(write.sql(), insert, values)
            .await
            .map_err(|error| error.or_missing("user"))?;
        write.commit().await
    }

    /// The session known by `hash`.
    pub async fn find_session(&self, hash: &str) -> Result<Option<Session>, Error> {
        let select = "SELECT user_id, started_at, seen_at FROM sessions WHERE hash = $1";
        let row = sql::one(self.read(), select, [hash.into()]).await?;
        let session = |row| {
            Ok(Session {
                user_id: sql::get(&row, "user_id")?,
                started_at: sql::get_time(&row, "started_at")?,
                seen_at: sql::get_time(&row, "seen_at")?,
            })
        };
        row.map(session).transpose()
    }

    /// Says that it is in use.
    pub async fn see_session(&self, hash: &str, now: DateTime<Utc>) -> Result<(), Error> {
        let write = self.write().await?;
        let update = "UPDATE sessions SET seen_at = $2 WHERE hash = $1";
        sql::execute(write.sql(), update, [hash.into(), sql::micros(now).into()]).await?;
        write.commit().await
    }

    /// Ends it, if it is there.
    pub async fn end_session(&self, hash: &str) -> Result<(), Error> {
        let write = self.write().await?;
        let delete = "DELETE FROM sessions WHERE hash = $1";
        sql::execute(write.sql(), delete, [hash.into()]).await?;
        write.commit().await
    }

    /// Ends those not seen since `then`; how many.
    pub async fn end_sessions_unseen_since(&self, then: DateTime<Utc>) -> Result<u64, Error> {
        let write = self.write().await?;
        let delete = "DELETE FROM sessions WHERE seen_at < $1";
        let ended = sql::execute(write.sql(), delete, [sql::micros(then).into()]).await?;
        write.commit().await?;
        Ok(ended)
    }
}
