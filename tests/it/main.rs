//! One binary for all stories: linking is what costs.

mod access;
mod architecture;
mod audit;
mod contract;
mod crash;
mod disk_full;
mod edited_endpoints;
mod fills;
mod filters;
mod freshness;
mod hits;
mod hosted;
mod hostile;
mod isolation;
mod limits;
mod management;
mod metrics;
mod outage;
mod portal;
mod process;
mod pull_through;
mod sessions;
mod tokens;
