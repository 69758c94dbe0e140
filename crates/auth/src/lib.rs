//! Who is asking, and what they may do: sign-in, tokens, roles, and the [`Access`] that proves a right.
//!
//! Nothing here knows HTTP: which status a [`Denied`] becomes, and which header brings a token, is the
//! server's. Users, members and projects are rows of [`metadata`].

mod access;
mod caller;
mod keys;
mod login;
mod password;
mod rbac;
mod robot;
mod secret;
mod session;
pub mod settings;
#[cfg(test)]
mod tests;
mod throttle;
mod token;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use metadata::Db;
use moka::sync::Cache;
use oci::Scope;

pub use access::{Access, Denied, LogAccess, SystemAccess};
pub use caller::{Caller, Identity};
pub use password::{check_rule as check_password_rule, generate_password, generate_robot_secret};
pub use rbac::{Action, Permission, Role, SystemAction, may, may_every_user};
pub use token::{SERVICE, Token};

use aws_lc_rs::hmac;
use password::Passwords;
use secret::SecretBox;
use throttle::Throttle;
use token::Tokens;

/// What must be known to start.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where `token.key` and `secret.key` are, or are made. Not in the database: a copy of the database alone
    /// opens no upstream and signs no token. Nodes that share a database need the same keys.
    pub keys_dir: PathBuf,
}

/// Everything about identity and rights. Cheap to clone.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    db: Db,
    passwords: Passwords,
    throttle: Throttle,
    csrf_key: hmac::Key,
    tokens: Tokens,
    secrets: SecretBox,
    /// Whether users whose tokens call them administrators still are.
    sysadmins: Cache<i64, bool>,
}

/// How long a former administrator's token may still be taken for an administrator's.
const SYSADMIN_REMEMBERED: Duration = Duration::from_secs(1);

impl Auth {
    /// Reads the keys, or makes them on the first start.
    ///
    /// # Errors
    /// [`Error::KeyFile`], [`Error::BadKeyFile`]
    pub async fn open(config: Config, db: Db) -> Result<Self, Error> {
        let dir = config.keys_dir;
        let reading = tokio::task::spawn_blocking(move || {
            Ok::<_, Error>((
                keys::read_or_create(&dir, "token.key")?,
                keys::read_or_create(&dir, "secret.key")?,
            ))
        });
        let (token_key, secret_key) = reading.await.map_err(|_| Error::Busy)??;
        Ok(Self(Arc::new(Inner {
            db,
            passwords: Passwords::new(),
            throttle: Throttle::new(),
            csrf_key: session::csrf_key(&token_key),
            tokens: Tokens::new(&token_key),
            secrets: SecretBox::new(&secret_key),
            sysadmins: Cache::builder()
                .max_capacity(1_000)
                .time_to_live(SYSADMIN_REMEMBERED)
                .build(),
        })))
    }

    /// A token by which `identity` may come again, to do no more than `scopes`, which [`Auth::grant`] gave.
    ///
    /// # Errors
    /// [`Error::Metadata`] where it could not be looked up how long tokens live.
    pub async fn issue_token(
        &self,
        identity: &Identity,
        scopes: &[Scope],
        now: DateTime<Utc>,
    ) -> Result<Token, Error> {
        let life = self.minutes(settings::TOKEN_EXPIRATION).await?;
        Ok(self.0.tokens.issue(identity, scopes, life, now))
    }

    /// Who comes with this token.
    ///
    /// # Errors
    /// [`Error::InvalidToken`]
    pub fn caller_from_token(&self, token: &str, now: DateTime<Utc>) -> Result<Caller, Error> {
        self.0.tokens.read(token, now)
    }

    /// Makes a secret fit to be stored.
    pub fn seal(&self, secret: &[u8]) -> Vec<u8> {
        self.0.secrets.seal(secret)
    }

    /// The secret that was sealed.
    ///
    /// # Errors
    /// [`Error::Unsealable`]
    pub fn unseal(&self, sealed: &[u8]) -> Result<Vec<u8>, Error> {
        self.0.secrets.unseal(sealed)
    }

    fn db(&self) -> &Db {
        &self.0.db
    }

    fn sysadmins(&self) -> &Cache<i64, bool> {
        &self.0.sysadmins
    }

    fn passwords(&self) -> &Passwords {
        &self.0.passwords
    }

    fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    fn csrf_key(&self) -> &hmac::Key {
        &self.0.csrf_key
    }
}

/// What went wrong, by what can be done about it. The texts may be shown to clients, except for
/// [`Error::KeyFile`], [`Error::BadKeyFile`] and [`Error::Metadata`], which are for operators.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The user name or the password is wrong; which of them is not said.
    #[error("the user name or the password is wrong")]
    WrongCredentials,
    /// Too many wrong passwords from this address: wait.
    #[error("too many wrong passwords from this address, try again in {} s", retry_after.as_secs().max(1))]
    TooManyTries {
        /// How long.
        retry_after: Duration,
    },
    /// The token is not ours or has ended: ask for another.
    #[error("the token is not valid, or no longer")]
    InvalidToken,
    /// The new password breaks the rule.
    #[error(
        "the password or secret must be 8-128, inclusively, characters long with at least 1 uppercase letter, 1 lowercase letter and 1 number"
    )]
    WeakPassword,
    /// The administrator cannot have an empty password.
    #[error("the administrator's initial password is empty")]
    EmptyPassword,
    /// Too many sign-ins at once: try again in a few seconds.
    #[error("too many sign-ins at once, try again in a few seconds")]
    Busy,
    /// Sealed with another key, or damaged: the secret has to be entered again.
    #[error("the stored secret cannot be opened with this server's secret.key; enter it again")]
    Unsealable,
    /// A key could not be read or made.
    #[error("key file {path}: {source}")]
    KeyFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// There is a key file, but no key in it. It is not replaced: what was sealed with it would be lost.
    #[error(
        "key file {path} does not hold 32 bytes in base64; restore it from a backup, or remove it to lose what it sealed"
    )]
    BadKeyFile {
        /// Which.
        path: PathBuf,
    },
    /// The database did not answer, or has no such row.
    #[error(transparent)]
    Metadata(#[from] metadata::Error),
}
