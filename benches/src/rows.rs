//! What is measured: a file per row of the page, each told as what a user would notice.

pub(crate) mod audit;
pub(crate) mod bandwidth;
pub(crate) mod cold;
pub(crate) mod hot;
pub(crate) mod lists;
pub(crate) mod manifests;
pub(crate) mod push;
pub(crate) mod slow_disk;
pub(crate) mod stampede;
pub(crate) mod start;
