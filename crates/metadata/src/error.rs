//! What can go wrong with a fact: each variant names what the caller can do about it.

use sea_orm::{DbErr, RuntimeErr, SqlErr};

/// Why a method of [`crate::Db`] failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Something of that name is there already.
    #[error("a {what} of that name exists already")]
    Conflict {
        /// The noun: `project`, `upstream`, `user`, `member`.
        what: &'static str,
    },
    /// There are as many as there may be.
    #[error("there are {most} of the kind {what} already, which is the most there may be")]
    TooMany {
        /// The noun.
        what: &'static str,
        /// How many.
        most: usize,
    },
    /// The tag must stay as it is: nothing was changed.
    #[error("the tag {tag} must stay as it is")]
    TagKept {
        /// Its name.
        tag: String,
    },
    /// It is not there (any more).
    #[error("the {what} does not exist")]
    NotFound {
        /// The noun.
        what: &'static str,
    },
    /// It cannot go while something else needs it.
    #[error("in use by {by}")]
    InUse {
        /// What needs it, as a person would say it: `project hub`.
        by: String,
    },
    /// A hosted project may not hold so much.
    #[error(
        "adding {adding_bytes} bytes to the {used_bytes} that are used is more than the {limit_bytes} allowed"
    )]
    OverQuota {
        /// Bytes that would come.
        adding_bytes: u64,
        /// Bytes that are there.
        used_bytes: u64,
        /// Bytes that may be there.
        limit_bytes: u64,
    },
    /// The project cannot go while it has repositories.
    #[error("the project still has repositories")]
    NotEmpty,
    /// The first administrator cannot be deleted.
    #[error("the first administrator cannot be deleted")]
    FirstAdministrator,
    /// The database was last opened by a newer Roadstead.
    #[error(
        "the database was written by a newer Roadstead (it has the migration {found}, this program knows {known} \
         migrations): start that version, or restore a copy of the database from before the upgrade"
    )]
    NewerSchema {
        /// The first migration this program does not know.
        found: String,
        /// How many it does know.
        known: usize,
    },
    /// The address of the database cannot be used.
    #[error("{0}")]
    Configuration(String),
    /// The database's disk is full: nothing was written.
    #[error("the database has no space left")]
    Full,
    /// The database failed.
    #[error("database: {0}")]
    Database(DbErr),
    /// A stored value cannot be understood: the database was changed by something else.
    #[error("the database holds a value that cannot be right: {0}")]
    Corrupt(String),
}

impl Error {
    /// Takes a broken unique constraint for what it means where it happened.
    pub(crate) fn or_conflict(self, what: &'static str) -> Self {
        match self {
            Self::Database(error)
                if matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))) =>
            {
                Self::Conflict { what }
            }
            other => other,
        }
    }

    /// Takes a broken foreign key for what it means where it happened.
    pub(crate) fn or_missing(self, what: &'static str) -> Self {
        match self {
            Self::Database(error)
                if matches!(
                    error.sql_err(),
                    Some(SqlErr::ForeignKeyConstraintViolation(_))
                ) =>
            {
                Self::NotFound { what }
            }
            other => other,
        }
    }
}

impl From<DbErr> for Error {
    fn from(error: DbErr) -> Self {
        if is_full(&error) {
            Self::Full
        } else {
            Self::Database(error)
        }
    }
}

/// SQLite: SQLITE_FULL, and SQLITE_IOERR_SHMSIZE when the WAL's index cannot grow. PostgreSQL: disk_full.
fn is_full(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(error))
    | DbErr::Query(RuntimeErr::SqlxError(error))
    | DbErr::Conn(RuntimeErr::SqlxError(error))) = error
    else {
        return false;
    };
    let sqlx::Error::Database(error) = error.as_ref() else {
        return false;
    };
    matches!(error.code().as_deref(), Some("13" | "4874" | "53100"))
}
