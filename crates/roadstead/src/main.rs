//! `roadstead`: parses what was typed and runs it.

use std::process::ExitCode;

use roadstead::cli::{self, Command};

/// Its freed memory goes back to the system, and it is quick to build.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::parse() {
        Command::Serve(flags) => cli::serve::run(&flags),
        Command::CheckConfig(flags) => cli::check_config::run(&flags),
    }
}
