//! The harness of the stories in `it/`: a Roadstead on a socket, in this process or in one of its own, and
//! clients that speak to it as docker and curl do. Upstreams are [`upstream::fake`] registries.

mod artifact;
mod browser;
mod client;
mod config;
pub mod data;
mod process;
mod server;

pub use artifact::{Artifact, HELM_CONFIG};
pub use browser::Browser;
pub use client::{Answer, Client, Pulled};
pub use config::Setup;
pub use process::{Ended, Launch, ProcessServer, program};
pub use server::TestServer;
pub use upstream::{Kind, Names, fake};

/// The administrator's password in every story.
pub const ADMIN_PASSWORD: &str = "Berth-and-anchor-1";
