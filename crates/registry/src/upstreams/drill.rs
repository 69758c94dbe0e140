//! Outage drills: an administrator treats an upstream as down until a time, to see what its projects do without it. Known
//! to this process alone: a restart ends them.

use std::time::Duration;

use auth::{SystemAccess, SystemAction};
use chrono::{DateTime, Utc};

use crate::demand::demand_system;
use crate::{Error, Registry, Result};

/// A drill that is forgotten must end by itself before it is a nuisance.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

impl Registry {
    /// Until when an endpoint is treated as down; `None` where it is not.
    pub async fn drill(
        &self,
        access: &SystemAccess,
        id: i64,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>> {
        demand_system(access, SystemAction::RegistryRead)?;
        self.saved_upstream(id).await?;
        Ok(self.0.clients.drill(id).filter(|until| now < *until))
    }

    /// Treats an endpoint as down from now on, for all that is asked of it: nothing is sent.
    pub async fn start_drill(
        &self,
        access: &SystemAccess,
        id: i64,
        until: DateTime<Utc>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_system(access, SystemAction::RegistryUpdate)?;
        let saved = self.saved_upstream(id).await?;
        if (until - now).to_std().is_err()
            || until - now > chrono::TimeDelta::from_std(LONGEST).unwrap_or_default()
        {
            return Err(Error::BadRequest(format!(
                "until must be a time within the next 7 days, not {}",
                until.to_rfc3339()
            )));
        }
        // There is a client from now on, so that the endpoint's state is told before its first pull.
        self.client(id).await?;
        self.0.clients.set_drill(id, Some(until));
        tracing::warn!(upstream = saved.name, %until, "an outage drill begins: the upstream is treated as down");
        Ok(())
    }

    /// Ends a drill, if there is one.
    pub async fn end_drill(&self, access: &SystemAccess, id: i64) -> Result<()> {
        demand_system(access, SystemAction::RegistryUpdate)?;
        let saved = self.saved_upstream(id).await?;
        if self.0.clients.set_drill(id, None).is_some() {
            tracing::info!(upstream = saved.name, "an outage drill has been ended");
            self.look_soon(id);
        }
        Ok(())
    }
}
