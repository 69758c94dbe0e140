//! One binary for all stories: linking is what costs.

mod architecture;
mod crash;
mod fills;
mod hits;
mod hosted;
mod isolation;
mod management;
mod outage;
mod pull_through;
mod tokens;
