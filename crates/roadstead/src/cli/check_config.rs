//! `roadstead check-config`: read the configuration as `serve` would, and say what is wrong with it or what it amounts to.

use std::process::ExitCode;

use crate::config::{Config, Environment, Flags};

/// Prints the verdict: the effective values on standard output, or every mistake on standard error and status 1.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the verdict is this command's output"
)]
pub fn run(flags: &Flags) -> ExitCode {
    match Config::load(flags, &Environment::of_process()) {
        Ok(config) => {
            println!(
                "# configuration is valid\n{}",
                config.effective().trim_end()
            );
            ExitCode::SUCCESS
        }
        Err(problems) => {
            eprintln!("{problems}");
            ExitCode::FAILURE
        }
    }
}
