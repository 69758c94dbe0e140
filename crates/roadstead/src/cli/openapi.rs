//! `roadstead openapi`: the management API's description, for client generators and for `docs/reference`.

use std::process::ExitCode;

/// Prints it.
#[expect(
    clippy::print_stdout,
    reason = "the description is this command's output"
)]
pub fn run() -> ExitCode {
    print!("{}", server::openapi());
    ExitCode::SUCCESS
}
