//! `roadstead`: parses what was typed and runs it.

use std::process::ExitCode;

use roadstead::cli::{self, Command};

fn main() -> ExitCode {
    match cli::parse() {
        Command::Serve(flags) => cli::serve::run(&flags),
        Command::CheckConfig(flags) => cli::check_config::run(&flags),
        Command::Healthcheck(flags) => cli::healthcheck::run(&flags),
        Command::Admin(command) => cli::admin::run(&command),
        Command::Egress(flags) => cli::egress::run(&flags),
        Command::Openapi => cli::openapi::run(),
        Command::Completions(flags) => cli::completions::run(&flags),
        Command::Man => cli::man::run(),
    }
}
