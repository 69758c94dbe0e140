//! Who is it? Users and their passwords, from the first administrator on. How a password is hashed is
//! [`crate::password`].

use std::net::IpAddr;

use chrono::{DateTime, Utc};
use metadata::NewUser;

use crate::password::{check_rule, generate_password};
use crate::{Auth, Error, Identity, robot};

/// The first administrator's row and name.
const ADMIN_ID: i64 = 1;
const ADMIN_NAME: &str = "admin";
/// No account has this name.
const NOBODY: &str = "";

impl Auth {
    /// The user whose name, or e-mail address, and password these are, or the robot whose name and secret.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`], after the same time whether the account exists or not; [`Error::TooManyTries`] where
    /// `from`, the client's address, has brought too many wrong ones; [`Error::Busy`].
    pub async fn login(
        &self,
        username: &str,
        password: &str,
        from: IpAddr,
        now: DateTime<Utc>,
    ) -> Result<Identity, Error> {
        let admit = || self.throttle().admit(from, username, now);
        if let Some(robot) = self.find_robot(username).await? {
            let account = Some((robot.id, robot.secret_hash.as_str()));
            let is_right = self.passwords().is_right(account, password, admit, now);
            return match is_right.await? && robot::is_alive(&robot, now) {
                true => self.robot_identity(&robot).await,
                false => Err(Error::WrongCredentials),
            };
        }
        let found = self.db().find_user_by_name(username).await?;
        // A user without an e-mail address must not be found by an empty one.
        let found = found.filter(|_| !username.is_empty());
        let account = found
            .as_ref()
            .map(|user| (user.id, user.password_hash.as_str()));
        let is_right = self.passwords().is_right(account, password, admit, now);
        match (is_right.await?, found) {
            (true, Some(user)) => Ok(Identity::User {
                id: user.id,
                name: user.username,
                is_sysadmin: user.is_sysadmin,
            }),
            _ => Err(Error::WrongCredentials),
        }
    }

    /// Lets a stranger do what costs a hash, or tells something about others, as often as it may try passwords.
    ///
    /// # Errors
    /// [`Error::TooManyTries`]
    pub fn admit_stranger(&self, from: IpAddr, now: DateTime<Utc>) -> Result<(), Error> {
        match self.throttle().admit(from, NOBODY, now) {
            Ok(_) => Ok(()),
            Err(retry_after) => Err(Error::TooManyTries { retry_after }),
        }
    }

    /// Makes the user `admin` with the password `initial`, or a generated one, which is returned. Does nothing
    /// where there is one: its password is never changed here. A process killed between this and showing the
    /// generated password leaves an administrator nobody knows the password of; to be safe from that, keep
    /// the result of [`crate::generate_password`] first and give it as `initial`, if [`Auth::has_admin`] says no.
    ///
    /// # Errors
    /// [`Error::EmptyPassword`]
    pub async fn ensure_admin(
        &self,
        initial: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, Error> {
        if self.has_admin().await? {
            return Ok(None);
        }
        let generated = initial.is_none().then(generate_password);
        let password = initial.or(generated.as_deref()).unwrap_or_default();
        if password.is_empty() {
            return Err(Error::EmptyPassword);
        }
        let admin = NewUser {
            username: ADMIN_NAME.to_owned(),
            email: String::new(),
            realname: "system admin".to_owned(),
            comment: "admin user".to_owned(),
            password_hash: self.passwords().hash(password).await?,
            is_sysadmin: true,
        };
        match self.db().create_user(admin, now).await {
            Ok(_) => Ok(generated),
            // Another node was faster.
            Err(metadata::Error::Conflict { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether the first administrator exists.
    ///
    /// # Errors
    /// [`Error::Metadata`]
    pub async fn has_admin(&self) -> Result<bool, Error> {
        Ok(self.db().find_user(ADMIN_ID).await?.is_some())
    }

    /// The hash to store for a new user's password.
    ///
    /// # Errors
    /// [`Error::WeakPassword`], [`Error::Busy`]
    pub async fn hash_password(&self, password: &str) -> Result<String, Error> {
        check_rule(password)?;
        self.passwords().hash(password).await
    }

    /// Gives a user another password; the old one is wrong from then on.
    ///
    /// # Errors
    /// [`Error::WeakPassword`], [`Error::Busy`], [`Error::Metadata`] where there is no such user.
    pub async fn set_password(
        &self,
        user_id: i64,
        password: &str,
        now: DateTime<Utc>,
    ) -> Result<(), Error> {
        let hash = self.hash_password(password).await?;
        Ok(self.db().set_password_hash(user_id, &hash, now).await?)
    }
}
