//! `roadstead completions`: what a shell needs to complete this command line, made of the command line's description.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap_complete::Shell;

/// Which shell asks.
#[derive(Debug, Clone, clap::Args)]
pub struct CompletionsFlags {
    /// The shell to write for
    shell: Shell,
}

/// Prints the script.
pub fn run(flags: &CompletionsFlags) -> ExitCode {
    let mut script = Vec::new();
    clap_complete::generate(flags.shell, &mut super::command(), "roadstead", &mut script);
    match io::stdout().write_all(&script) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}
