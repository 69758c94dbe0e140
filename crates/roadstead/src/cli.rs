//! The command line: what can be typed. What a configuration may say is [`crate::config`].

pub mod admin;
pub mod check_config;
pub mod completions;
pub mod egress;
pub mod healthcheck;
pub mod man;
pub mod openapi;
pub mod serve;

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::config::{Flags, VARIABLES};

/// What the user asked for.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the registry until SIGTERM or Ctrl-C
    Serve(Flags),
    /// Check the configuration as `serve` would read it, show it with its defaults, and stop
    CheckConfig(Flags),
    /// Ask the server that this configuration starts whether it is well
    Healthcheck(Flags),
    /// Do what cannot be done through the API
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// List the hosts a firewall must allow for the endpoints of the file and the database
    Egress(egress::EgressFlags),
    /// Print the description of the management API (OpenAPI 3.1), as the server has it at /api/openapi.json
    Openapi,
    /// Print a script that lets a shell complete this command line
    Completions(completions::CompletionsFlags),
    /// Print the manual page
    Man,
}

/// A container registry whose first job is the proxy cache.
#[derive(Debug, Parser)]
#[command(name = "roadstead", version, after_help = after_help())]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

/// The command that was typed. Ends the process with status 2 when it makes no sense, and with 0 after `--help`.
pub fn parse() -> Command {
    Arguments::parse().command
}

/// The command line's description, for what is made of it.
fn command() -> clap::Command {
    Arguments::command()
}

fn after_help() -> String {
    let width = VARIABLES
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    let variables: Vec<String> = VARIABLES
        .iter()
        .map(|(name, what)| format!("  {name:width$}  {what}"))
        .collect();
    format!(
        "Environment (flags win over it, it wins over the file):\n{}\n\n\
         Exit status:\n  0  stopped as asked, the configuration is valid, or the server is well\n  \
         1  the configuration is wrong, or the server could not start or go on, or is not well\n  \
         2  the command line is wrong",
        variables.join("\n")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn serve_takes_a_file_an_address_and_a_folder() {
        let typed = [
            "roadstead",
            "serve",
            "--config",
            "r.yml",
            "--listen",
            "[::1]:80",
            "--data",
            "/data",
        ];
        let Ok(Arguments {
            command: Command::Serve(flags),
        }) = Arguments::try_parse_from(typed)
        else {
            panic!("that is `serve`")
        };
        assert_eq!(flags.config.as_deref(), Some("r.yml".as_ref()));
        assert_eq!(flags.listen.map(|address| address.port()), Some(80));
        assert_eq!(flags.data.as_deref(), Some("/data".as_ref()));
    }

    #[test]
    fn a_wrong_address_is_a_usage_error_that_names_the_flag() {
        let Err(error) = Arguments::try_parse_from(["roadstead", "serve", "--listen", "localhost"])
        else {
            panic!("an address needs a port")
        };
        assert_eq!(error.exit_code(), 2);
        assert!(
            error.to_string().contains("--listen <ADDR:PORT>"),
            "{error}"
        );
    }
}
