//! Users: the people and programs kept in this database. User 1 is the first administrator.

use std::fmt;

use chrono::{DateTime, Utc};

use sea_orm::{QueryResult, Value};

use crate::cache::Forget;
use crate::select::{Column, Kind, List};
use crate::sql::Growing;
use crate::{Db, Error, Page, Paged, sql};

const FIRST: i64 = 1;

/// A user as they stand.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Their number, never given twice; 1 is `admin`.
    pub id: i64,
    /// The name they log in with.
    pub username: String,
    /// Their address, or nothing.
    pub email: String,
    /// The name they go by.
    pub realname: String,
    /// What people say about them.
    pub comment: String,
    /// What checks their password, made by `auth`.
    pub password_hash: String,
    /// Whether they may do everything.
    pub is_sysadmin: bool,
    /// When they came.
    pub created_at: DateTime<Utc>,
    /// When they last changed.
    pub updated_at: DateTime<Utc>,
}

/// What a new user needs.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NewUser {
    /// The name they log in with.
    pub username: String,
    /// Their address, or nothing.
    pub email: String,
    /// The name they go by.
    pub realname: String,
    /// What people say about them.
    pub comment: String,
    /// What checks their password.
    pub password_hash: String,
    /// Whether they may do everything.
    pub is_sysadmin: bool,
}

/// What users say about themselves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserProfile {
    /// Their address, or nothing.
    pub email: String,
    /// The name they go by.
    pub realname: String,
    /// What people say about them.
    pub comment: String,
}

impl Db {
    /// Makes a user; the very first gets the number 1. [`Error::Conflict`] when the name or address is taken.
    pub async fn create_user(&self, new: NewUser, now: DateTime<Utc>) -> Result<User, Error> {
        let now = sql::micros(now);
        let write = self.write().await?;
        let is_first = sql::count(
            write.sql(),
            "SELECT COUNT(*) FROM (SELECT 1 FROM users LIMIT 1) AS u",
            [],
        )
        .await?
            == 0;
        let (id_column, id_value) = if is_first { ("id, ", "1, ") } else { ("", "") };
        let insert = format!(
            "INSERT INTO users ({id_column}username, email, realname, comment, password_hash, is_sysadmin, \
             created_at, updated_at) VALUES ({id_value}$1, $2, $3, $4, $5, $6, $7, $7) RETURNING {COLUMNS}"
        );
        let values = [
            new.username.into(),
            email_value(new.email),
            new.realname.into(),
            new.comment.into(),
            new.password_hash.into(),
            new.is_sysadmin.into(),
            now.into(),
        ];
        let row = sql::one(write.sql(), &insert, values)
            .await
            .map_err(|error| error.or_conflict("user"))?;
        let user = user(&row.ok_or(Error::NotFound { what: "user" })?)?;
        write.commit().await?;
        Ok(user)
    }

    /// The user of that number.
    pub async fn find_user(&self, id: i64) -> Result<Option<User>, Error> {
        let select = format!("SELECT {COLUMNS} FROM users u WHERE id = $1");
        sql::one(self.read(), &select, [id.into()])
            .await?
            .as_ref()
            .map(user)
            .transpose()
    }

    /// The user of that name, else of that e-mail address.
    pub async fn find_user_by_name(&self, name: &str) -> Result<Option<User>, Error> {
        // A name that is another's address: the name wins.
        let select = format!(
            "SELECT {COLUMNS} FROM users u WHERE username = $1 OR email = $1 \
             ORDER BY CASE WHEN username = $1 THEN 0 ELSE 1 END LIMIT 1"
        );
        sql::one(self.read(), &select, [name.into()])
            .await?
            .as_ref()
            .map(user)
            .transpose()
    }

    /// A page of users: by name unless sorted otherwise.
    pub async fn list_users(&self, page: &Page) -> Result<Paged<User>, Error> {
        let list = List {
            select: COLUMNS,
            from: "users u",
            columns: LISTED,
            order: "u.username ASC",
            id: "u.id",
        };
        list.page(self.read(), Growing::default(), page)
            .await?
            .map(user)
    }

    /// Changes what they say about themselves. [`Error::Conflict`] when the address is taken.
    pub async fn update_user_profile(
        &self,
        id: i64,
        profile: UserProfile,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let update = "UPDATE users SET email = $2, realname = $3, comment = $4, updated_at = $5 WHERE id = $1";
        let values = [
            id.into(),
            email_value(profile.email),
            profile.realname.into(),
            profile.comment.into(),
            sql::micros(now).into(),
        ];
        sql::change(write.sql(), "user", update, values)
            .await
            .map_err(|error| error.or_conflict("user"))?;
        write.commit().await
    }

    /// Changes what checks their password, and ends their sessions.
    pub async fn set_password_hash(
        &self,
        id: i64,
        password_hash: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let update = "UPDATE users SET password_hash = $2, updated_at = $3 WHERE id = $1";
        sql::change(
            write.sql(),
            "user",
            update,
            [id.into(), password_hash.into(), sql::micros(now).into()],
        )
        .await?;
        let end = "DELETE FROM sessions WHERE user_id = $1";
        sql::execute(write.sql(), end, [id.into()]).await?;
        write.commit().await
    }

    /// Makes them an administrator, or no longer.
    pub async fn set_sysadmin(
        &self,
        id: i64,
        is_sysadmin: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let write = self.write().await?;
        let update = "UPDATE users SET is_sysadmin = $2, updated_at = $3 WHERE id = $1";
        sql::change(
            write.sql(),
            "user",
            update,
            [id.into(), is_sysadmin.into(), sql::micros(now).into()],
        )
        .await?;
        write.commit().await
    }

    /// Deletes a user with their memberships; the projects they own become the first administrator's,
    /// who is refused with [`Error::FirstAdministrator`].
    pub async fn delete_user(&self, id: i64) -> Result<(), Error> {
        if id == FIRST {
            return Err(Error::FirstAdministrator);
        }
        let mut write = self.write().await?;
        let inherit = "UPDATE projects SET owner_id = $2 WHERE owner_id = $1";
        sql::execute(write.sql(), inherit, [id.into(), FIRST.into()]).await?;
        sql::change(
            write.sql(),
            "user",
            "DELETE FROM users WHERE id = $1",
            [id.into()],
        )
        .await?;
        write.forget(Forget::AllProjects);
        write.forget(Forget::AllRoles);
        write.commit().await
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

const COLUMNS: &str =
    "id, username, email, realname, comment, password_hash, is_sysadmin, created_at, updated_at";

const LISTED: &[Column] = &[
    Column {
        keys: &["user_id", "id"],
        sql: "u.id",
        kind: Kind::Number,
    },
    Column {
        keys: &["username"],
        sql: "u.username",
        kind: Kind::Text,
    },
    Column {
        keys: &["email"],
        sql: "u.email",
        kind: Kind::Text,
    },
    Column {
        keys: &["realname"],
        sql: "u.realname",
        kind: Kind::Text,
    },
    Column {
        keys: &["comment"],
        sql: "u.comment",
        kind: Kind::Text,
    },
    Column {
        keys: &["sysadmin_flag"],
        sql: "u.is_sysadmin",
        kind: Kind::Truth,
    },
    Column {
        keys: &["creation_time"],
        sql: "u.created_at",
        kind: Kind::Time,
    },
    Column {
        keys: &["update_time"],
        sql: "u.updated_at",
        kind: Kind::Time,
    },
];

fn user(row: &QueryResult) -> Result<User, Error> {
    Ok(User {
        id: sql::get(row, "id")?,
        username: sql::get(row, "username")?,
        email: sql::get::<Option<String>>(row, "email")?.unwrap_or_default(),
        realname: sql::get(row, "realname")?,
        comment: sql::get(row, "comment")?,
        password_hash: sql::get(row, "password_hash")?,
        is_sysadmin: sql::get(row, "is_sysadmin")?,
        created_at: sql::get_time(row, "created_at")?,
        updated_at: sql::get_time(row, "updated_at")?,
    })
}

/// No address is NULL: two users may have none, no two the same.
fn email_value(email: String) -> Value {
    Some(email).filter(|email| !email.is_empty()).into()
}
