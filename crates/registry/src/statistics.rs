//! How much there is.

use auth::{SystemAccess, SystemAction};
use metadata::{ContentCounts, Visibility};

use crate::demand::demand_system;
use crate::{Registry, Result};

/// How much there is, as far as somebody may see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statistics {
    /// Projects and repositories.
    pub counts: ContentCounts,
    /// What all blobs come to on the disk; for administrators only.
    pub stored_bytes: Option<u64>,
}

impl Registry {
    /// How much there is, to these eyes.
    pub async fn statistics(
        &self,
        access: &SystemAccess,
        visible_to: &Visibility,
    ) -> Result<Statistics> {
        demand_system(access, SystemAction::StatisticsRead)?;
        let is_told_all = access.caller().is_sysadmin();
        Ok(Statistics {
            counts: self.db().count_content(visible_to).await?,
            stored_bytes: is_told_all.then(|| self.store().stored_bytes()),
        })
    }
}
