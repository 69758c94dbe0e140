//! The connection to SQLite or PostgreSQL: how it is set up, read from and written to.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbErr,
    SqliteTransactionMode, TransactionOptions, TransactionTrait,
};

use crate::Error;
use crate::cache::{Forget, Hot};
use crate::migrations;
use crate::notes::Notes;
use crate::sql;

const SQLITE_READERS: u32 = 4;
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a statement waits for a connection, or for another process that holds SQLite's lock.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an unused connection, with its page and statement caches, is kept.
const IDLE: Duration = Duration::from_secs(60);
/// What another node has written is seen after at most this long.
const SHARED_CACHE_LIFE: Duration = Duration::from_secs(5);

/// Where the facts are kept.
#[derive(Clone)]
pub struct Config {
    /// `sqlite:///path/roadstead.db?mode=rwc` or `postgres://…`
    pub url: String,
}

/// What Roadstead knows. Cloning is cheap: all clones are one.
#[derive(Clone)]
pub struct Db {
    reader: DatabaseConnection,
    writer: DatabaseConnection,
    pub(crate) hot: Arc<Hot>,
    pub(crate) notes: Arc<Notes>,
    /// Transactions that were committed.
    writes: Arc<AtomicU64>,
}

impl Db {
    /// Connects and brings the schema up to date. [`Error::NewerSchema`] when that would be down.
    pub async fn connect(config: Config) -> Result<Self, Error> {
        let (reader, writer, hot) = if config.url.starts_with("sqlite:") {
            let writer = connect_sqlite(&config.url, 1).await?;
            let is_in_memory =
                config.url.contains(":memory:") || config.url.contains("mode=memory");
            let reader = if is_in_memory {
                writer.clone()
            } else {
                connect_sqlite(&config.url, SQLITE_READERS).await?
            };
            (reader, writer, Hot::alone())
        } else if config.url.starts_with("postgres:") || config.url.starts_with("postgresql:") {
            let pool = connect_postgres(&config.url).await?;
            (pool.clone(), pool, Hot::shared(SHARED_CACHE_LIFE))
        } else {
            let expected = "the database's address must begin with sqlite:// or postgres://";
            return Err(Error::Configuration(expected.to_owned()));
        };
        let db = Self {
            reader,
            writer,
            hot: Arc::new(hot),
            notes: Arc::default(),
            writes: Arc::default(),
        };
        let write = db.write().await?;
        migrations::run(write.sql()).await?;
        write.commit().await?;
        Ok(db)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        sql::one(self.read(), "SELECT 1", []).await.map(drop)
    }

    /// How many transactions that may write have been committed since the start.
    pub fn write_transactions(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Writes the notes, then closes every connection once its work is done.
    pub async fn close(self) {
        if let Err(error) = self.flush().await {
            tracing::warn!(%error, "pull counts and audit entries of the last moments are lost");
        }
        for pool in [self.reader, self.writer] {
            // A pool that is closed already has nothing more to say.
            pool.close().await.unwrap_or_default();
        }
    }

    /// What to read from outside of a transaction.
    pub(crate) fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Begins a transaction that may write. On SQLite it takes the lock at once (and there is one writing connection,
    /// so that writers queue fairly in this process): a transaction that read first and could not write
    /// after would have to be tried again.
    pub(crate) async fn write(&self) -> Result<Write, Error> {
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..Default::default()
        };
        let transaction = self.writer.begin_with_options(immediate).await?;
        Ok(Write {
            transaction,
            hot: self.hot.clone(),
            writes: self.writes.clone(),
            forget: Vec::new(),
        })
    }
}

/// A transaction that may write. Dropped before [`Write::commit`], it never was.
pub(crate) struct Write {
    transaction: DatabaseTransaction,
    hot: Arc<Hot>,
    writes: Arc<AtomicU64>,
    forget: Vec<Forget>,
}

impl Write {
    /// What to run statements on.
    pub(crate) fn sql(&self) -> &DatabaseTransaction {
        &self.transaction
    }

    /// What readers have in memory and must ask for again once this is committed.
    pub(crate) fn forget(&mut self, what: Forget) {
        self.forget.push(what);
    }

    /// Makes it a fact. On a task of its own: a caller that leaves in the middle would else leave
    /// the old fact in memory beside the new one in the database.
    pub(crate) async fn commit(self) -> Result<(), Error> {
        let Self {
            transaction,
            hot,
            writes,
            forget,
        } = self;
        let task = tokio::spawn(async move {
            let outcome = transaction.commit().await;
            writes.fetch_add(1, Ordering::Relaxed);
            // Also after a failure: the connection may have been lost after the database had agreed.
            for what in forget {
                hot.forget(what);
            }
            outcome
        });
        match task.await {
            Ok(outcome) => outcome.map_err(Error::from),
            Err(error) => Err(Error::Database(DbErr::Custom(error.to_string()))),
        }
    }
}

async fn connect_sqlite(url: &str, connections: u32) -> Result<DatabaseConnection, Error> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .min_connections(1)
        .sqlx_logging(false)
        .test_before_acquire(false);
    options
        .acquire_timeout(PATIENCE)
        .max_lifetime(None::<Duration>);
    options.idle_timeout((connections > 1).then_some(IDLE));
    options.map_sqlx_sqlite_opts(|sqlite| {
        // WAL: readers and the writer do not wait for each other. NORMAL: a power cut may cost the last facts, never
        // the file; bytes without a fact are garbage, and are swept.
        let sqlite = sqlite
            .pragma("journal_mode", "WAL")
            .pragma("synchronous", "NORMAL");
        sqlite
            .foreign_keys(true)
            .busy_timeout(PATIENCE)
            .statement_cache_capacity(64)
    });
    options.map_sqlx_sqlite_pool_opts(|pool| {
        // A full disk makes SQLite roll back by itself, which the driver does not see: it would take the next transaction
        // for an inner one of that. Such a connection is not used again.
        pool.after_release(|connection, _| {
            Box::pin(async move {
                sqlx::Connection::ping(&mut *connection).await?;
                Ok(!sqlx::Connection::is_in_transaction(connection))
            })
        })
    });
    Database::connect(options).await.map_err(Error::from)
}

async fn connect_postgres(url: &str) -> Result<DatabaseConnection, Error> {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(POSTGRES_CONNECTIONS)
        .min_connections(1)
        .sqlx_logging(false);
    options
        .acquire_timeout(PATIENCE)
        .idle_timeout(IDLE)
        .set_application_name("roadstead");
    Database::connect(options).await.map_err(Error::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_disk_is_said_and_costs_nothing_that_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!(
            "sqlite://{}?mode=rwc",
            folder.path().join("roadstead.db").display()
        );
        let db = Db::connect(Config { url }).await.unwrap();
        let large = "x".repeat(100_000);
        // SQLite's own limit gives the same error as a disk without space. It lasts as long as its connection,
        // which is given up after the failure: so every attempt sets it anew.
        let put = async |key: &str, value: &str| {
            sql::execute(&db.writer, "PRAGMA max_page_count = 60", [])
                .await
                .unwrap();
            db.put_setting(key, value).await
        };
        put("before", "kept").await.unwrap();
        for attempt in 0..3 {
            let refused = put("large", &large.repeat(3)).await;
            assert!(
                matches!(refused, Err(Error::Full)),
                "attempt {attempt}: {refused:?}"
            );
            // A transaction that is given up: taken for an inner one, it would leave the next ones uncommitted.
            let unknown = db.set_upstream_status(99, "healthy").await;
            assert!(
                matches!(unknown, Err(Error::NotFound { .. })),
                "{unknown:?}"
            );
        }
        put("after", "kept").await.unwrap();
        sql::execute(&db.writer, "PRAGMA max_page_count = 100000", [])
            .await
            .unwrap();
        db.put_setting("large", &large).await.unwrap();
        // What another connection sees is what was committed.
        for key in ["before", "after"] {
            assert_eq!(db.get_setting(key).await.unwrap().as_deref(), Some("kept"));
        }
        assert_eq!(
            db.get_setting("large")
                .await
                .unwrap()
                .map(|value| value.len()),
            Some(large.len())
        );
    }
}
