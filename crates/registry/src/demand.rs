//! That a proof proves what it is shown for. An access of another action, or in another project, is a bug of the caller's,
//! never a client's doing: the compiler has seen to it that there is one.

use auth::{Access, Action, SystemAccess, SystemAction};
use oci::RepositoryName;

use crate::{Error, Result};

/// Of `action`.
pub(crate) fn demand(access: &Access, action: Action) -> Result<()> {
    demand_one_of(access, &[action])
}

/// Of any of `actions`.
pub(crate) fn demand_one_of(access: &Access, actions: &[Action]) -> Result<()> {
    if actions.contains(&access.action()) {
        return Ok(());
    }
    Err(Error::bug(format!(
        "access to {:?} used for {actions:?}",
        access.action()
    )))
}

/// Of `action`, in the repository's project.
pub(crate) fn demand_in(access: &Access, action: Action, name: &RepositoryName) -> Result<()> {
    demand(access, action)?;
    if access.project().name == name.project() {
        return Ok(());
    }
    Err(Error::bug(format!(
        "access to {} used for {name}",
        access.project().name
    )))
}

/// Of `action`, which belongs to no project.
pub(crate) fn demand_system(access: &SystemAccess, action: SystemAction) -> Result<()> {
    if access.action() == action {
        return Ok(());
    }
    Err(Error::bug(format!(
        "access to {:?} used for {action:?}",
        access.action()
    )))
}
