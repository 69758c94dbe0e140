//! Whether what the registry stands on is there: its database and its disk. Upstreams are no part of it: a cache
//! is well while they are not.

use std::future::Future;
use std::time::Duration;

use auth::{SystemAccess, SystemAction};

use crate::demand::demand_system;
use crate::{Registry, Result};

/// What does not answer for so long is not there.
const PATIENCE: Duration = Duration::from_secs(5);

/// Something the registry stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Component {
    /// What people call it.
    pub name: &'static str,
    /// What is wrong with it, in a sentence anyone may read; the cause is in the log.
    pub trouble: Option<&'static str>,
}

/// The disk that blobs are on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Its size.
    pub total_bytes: u64,
    /// What may still be written.
    pub free_bytes: u64,
}

impl Registry {
    /// How the database and the storage are, asked now.
    pub async fn health(&self) -> [Component; 2] {
        let database = self.db().ping();
        let storage = self.store().space();
        let (database, storage) = tokio::join!(
            look("database", "the database does not answer", database),
            look("registry", "the storage cannot be read", storage),
        );
        [database, storage]
    }

    /// How much room there is for blobs.
    pub async fn room(&self, access: &SystemAccess) -> Result<Room> {
        demand_system(access, SystemAction::SystemVolumesRead)?;
        let space = self.store().space().await?;
        Ok(Room {
            total_bytes: space.total_bytes,
            free_bytes: space.free_bytes,
        })
    }
}

async fn look<T, E: std::fmt::Display>(
    name: &'static str,
    trouble: &'static str,
    asked: impl Future<Output = std::result::Result<T, E>>,
) -> Component {
    let cause = match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(_)) => {
            return Component {
                name,
                trouble: None,
            };
        }
        Ok(Err(error)) => error.to_string(),
        Err(_) => "no answer in time".to_owned(),
    };
    tracing::error!(component = name, cause, "unhealthy");
    Component {
        name,
        trouble: Some(trouble),
    }
}
