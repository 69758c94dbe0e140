//! `roadstead admin`: what nobody could do through the API any more. So far that is getting back in.

use std::io::{self, BufRead as _};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use auth::Auth;
use chrono::Utc;
use metadata::Db;

use super::egress::is_missing;
use crate::config::{Config, Environment, Flags};
use crate::wire;

/// What can be done.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum AdminCommand {
    /// Give a user another password, with the server running or stopped; the user's sessions end
    ResetPassword(ResetPasswordFlags),
}

/// Whose password, and which.
#[derive(Debug, Clone, clap::Args)]
pub struct ResetPasswordFlags {
    #[command(flatten)]
    config: Flags,
    /// Whose password
    #[arg(long, value_name = "NAME", default_value = "admin")]
    username: String,
    /// Read the password from standard input (its first line), instead of making one and printing it
    #[arg(long)]
    password_stdin: bool,
}

/// Does it. Status 1 when the configuration is wrong, or it could not be done.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "whoever typed it wants to know the password, or why there is none"
)]
pub fn run(command: &AdminCommand) -> ExitCode {
    let AdminCommand::ResetPassword(flags) = command;
    let config = match Config::load(&flags.config, &Environment::of_process()) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::FAILURE;
        }
    };
    match reset_password(&config, flags) {
        Ok(Some(generated)) => println!("{generated}"),
        Ok(None) => {}
        Err(error) => {
            eprintln!("the password was not changed: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// The password, where it had to be made.
fn reset_password(config: &Config, flags: &ResetPasswordFlags) -> anyhow::Result<Option<String>> {
    let url = config.database_url.expose();
    if is_missing(url) {
        bail!(
            "there is no database in {}; name the configuration that the server has",
            config.data.display()
        );
    }
    let given = flags.password_stdin.then(first_line).transpose()?;
    let generated = given.is_none().then(auth::generate_password);
    let password = given.as_ref().or(generated.as_ref());
    let password = password.map(String::as_str).unwrap_or_default();
    let change = async {
        let db = Db::connect(metadata::Config {
            url: url.to_owned(),
        })
        .await
        .context("the database could not be opened")?;
        let user = db.find_user_by_name(&flags.username).await?;
        let user = user.with_context(|| format!("there is no user {}", flags.username))?;
        let auth = Auth::open(wire::auth_config(config), db).await?;
        auth.set_password(user.id, password, Utc::now()).await?;
        anyhow::Ok(())
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no thread could be started")?
        .block_on(change)?;
    Ok(generated)
}

fn first_line() -> anyhow::Result<String> {
    let mut line = String::new();
    let read = io::stdin().lock().read_line(&mut line);
    read.context("standard input could not be read")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}
