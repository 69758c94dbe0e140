//! The pieces of the `roadstead` program: what it is told, and how its parts are put together.

pub mod cli;
pub mod config;
pub mod wire;
