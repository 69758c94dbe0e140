//! `roadstead serve`: run the registry until told to stop. How its parts are put together is [`crate::wire`].

use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::info;
use tracing_subscriber::EnvFilter;
use url::Url;

use crate::config::{Config, Environment, Flags, Log, LogFormat};
use crate::wire::App;

/// Runs until SIGTERM or Ctrl-C. Status 1 when the configuration is wrong or the server cannot start.
#[expect(
    clippy::print_stderr,
    reason = "there is no log yet, or the start has failed before anyone could read one"
)]
pub fn run(flags: &Flags) -> ExitCode {
    let config = match Config::load(flags, &Environment::of_process()) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::FAILURE;
        }
    };
    start_log(&config.log);
    // Fails only when there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let served = runtime
        .context("no threads could be started")
        .and_then(|runtime| runtime.block_on(serve(&config)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("roadstead cannot start: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[expect(
    clippy::print_stdout,
    reason = "whoever starts it by hand wants to know where it is and how to sign in"
)]
async fn serve(config: &Config) -> anyhow::Result<()> {
    // Listened for before anything is started, so that no signal is ever lost.
    let terminated = signal(SignalKind::terminate()).context("SIGTERM cannot be listened for")?;
    let interrupted = signal(SignalKind::interrupt()).context("SIGINT cannot be listened for")?;
    let app = App::start(config).await?;
    println!("{}", welcome(config, app.address()?));
    if let Some(generated) = app.generated_password() {
        let file = generated.file.display();
        println!(
            "  sign in  as admin, password {} (shown once; kept in {file})",
            generated.password
        );
    }
    app.run(told_to_stop(terminated, interrupted)).await;
    info!("stopped");
    Ok(())
}

async fn told_to_stop(mut terminated: Signal, mut interrupted: Signal) {
    tokio::select! {
        _ = terminated.recv() => info!("stopping on SIGTERM"),
        _ = interrupted.recv() => info!("stopping on SIGINT"),
    }
}

/// Events go to standard error: standard output belongs to the lines for whoever starts it.
fn start_log(log: &Log) {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&log.filter))
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal());
    match log.format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
}

/// The lines printed at the start: where it listens, the portal, and a first pull that works.
pub fn welcome(config: &Config, bound: SocketAddr) -> String {
    let url = config.url_at(bound);
    let mut lines = vec![
        format!(
            "Roadstead {} is listening on {bound}",
            env!("CARGO_PKG_VERSION")
        ),
        format!("  portal   {url}"),
    ];
    lines.extend(first_pull(config, &url).map(|pull| format!("  pull     {pull}")));
    if config.admin_password.is_some() {
        lines.push("  sign in  as admin, with the password you configured".to_owned());
    }
    lines.join("\n")
}

/// A pull through the first public proxy cache: an image everyone has heard of where it is Docker Hub's.
fn first_pull(config: &Config, url: &Url) -> Option<String> {
    let is_docker_hub = |name: &str| {
        config
            .upstreams
            .iter()
            .any(|upstream| upstream.name == name && upstream.kind == "docker-hub")
    };
    let mut public = config.projects.iter().filter(|project| project.is_public);
    let from_docker_hub = public
        .clone()
        .find(|project| project.upstream.as_deref().is_some_and(is_docker_hub));
    let host = url.as_str().trim_end_matches('/').split("//").nth(1)?;
    match from_docker_hub {
        Some(project) => Some(format!(
            "docker pull {host}/{}/library/alpine",
            project.name
        )),
        None => {
            let project = public.find(|project| project.upstream.is_some())?;
            Some(format!("docker pull {host}/{}/<repository>", project.name))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Environment, Flags};

    #[test]
    fn the_welcome_says_where_it_listens_and_a_pull_to_copy() {
        let example = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../deploy/roadstead.example.yml"
        );
        let flags = Flags {
            config: Some(example.into()),
            ..Flags::default()
        };
        let config = Config::load(&flags, &Environment::of(&[])).expect("the example is valid");
        let text = welcome(&config, "127.0.0.1:8080".parse().expect("an address"));
        for part in [
            "listening on 127.0.0.1:8080",
            "portal   http://localhost:8080/",
            "docker pull localhost:8080/dockerhub/library/alpine",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
    }
}
