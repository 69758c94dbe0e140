//! A Roadstead in a process of its own: for stories about signals, memory and crashes.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use crate::{Client, Setup};

/// A running `roadstead serve`. Dropping it kills it.
pub struct ProcessServer {
    child: Child,
    url: String,
    folder: TempDir,
    setup: Setup,
    printed: JoinHandle<Vec<String>>,
    /// From the start of the process to its line that says where it listens.
    pub ready_after: Duration,
}

/// How a process is started, where that is not plain.
#[derive(Clone, Copy, Debug, Default)]
pub struct Launch<'a> {
    /// The program that runs it: `strace …`.
    pub wrapper: &'a [&'a str],
    /// What is typed after `serve --config FILE`.
    pub arguments: &'a [&'a str],
    /// Its environment, beside `PATH`.
    pub environment: &'a [(&'a str, &'a str)],
}

/// How a process came to its end.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; `None` after a kill.
    pub code: Option<i32>,
    /// All it has printed.
    pub printed: Vec<String>,
    /// Its folder.
    pub folder: TempDir,
}

impl ProcessServer {
    /// Starts one on an empty folder.
    pub async fn start(setup: Setup) -> Self {
        Self::start_in(setup, tempfile::tempdir().expect("a temporary folder"), &[]).await
    }

    /// Starts one on `folder`, run by `wrapper` (`strace …`) where that is not empty.
    pub async fn start_in(setup: Setup, folder: TempDir, wrapper: &[&str]) -> Self {
        let launch = Launch {
            wrapper,
            ..Launch::default()
        };
        Self::launch(setup, folder, &launch).await
    }

    /// Starts one on `folder` in a way of its own.
    pub async fn launch(setup: Setup, folder: TempDir, launch: &Launch<'_>) -> Self {
        let started = Instant::now();
        let config = setup.write(folder.path());
        let program = binary();
        let mut words = launch.wrapper.iter().map(Path::new).chain([&*program]);
        let first = words.next().expect("the program at least");
        let mut child = Command::new(first)
            .args(words)
            .arg("serve")
            .arg("--config")
            .arg(config)
            .args(launch.arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(launch.environment.iter().copied())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{}: {error}; build the workspace first", first.display())
            });
        let mut lines = BufReader::new(child.stdout.take().expect("a piped stdout")).lines();
        let mut printed = Vec::new();
        let address = loop {
            let line = lines
                .next_line()
                .await
                .expect("text")
                .expect("roadstead ended before it listened");
            printed.push(line.clone());
            if let Some((_, address)) = line.split_once("is listening on ") {
                break address.trim().to_owned();
            }
        };
        let ready_after = started.elapsed();
        // What it prints later must not fill the pipe. Ends with the process.
        let printed = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                printed.push(line);
            }
            printed
        });
        Self {
            child,
            url: format!("http://{address}"),
            folder,
            setup,
            printed,
            ready_after,
        }
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A client without credentials.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.url, None)
    }

    /// The administrator.
    pub fn admin(&self) -> Client {
        Client::new(&self.url, Some(("admin", crate::ADMIN_PASSWORD)))
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// A figure of `/proc/<pid>/status`, in KiB: `VmRSS`, `RssAnon`, `VmHWM`.
    pub fn memory_kib(&self, figure: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))
            .expect("a running process");
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(figure)?.strip_prefix(':'))
            .expect("the figure");
        line.trim()
            .trim_end_matches(" kB")
            .parse()
            .expect("a number")
    }

    /// `kill -9`; it has ended on return.
    pub async fn kill(&mut self) {
        self.child.kill().await.expect("it runs");
    }

    /// A new process on the folder of one that has ended.
    pub async fn start_again(self) -> Self {
        Self::start_in(self.setup, self.folder, &[]).await
    }

    /// `kill -9`, then a new process on the same folder.
    pub async fn kill_and_restart(mut self) -> Self {
        self.kill().await;
        self.start_again().await
    }

    /// SIGTERM, without waiting.
    pub fn terminate(&self) {
        let pid = self.pid().to_string();
        let sent = std::process::Command::new("kill")
            .args(["-TERM", &pid])
            .status();
        assert!(sent.is_ok_and(|status| status.success()));
    }

    /// Waits for its end and tells its exit code.
    pub async fn wait(&mut self) -> Option<i32> {
        self.child.wait().await.expect("it was started").code()
    }

    /// SIGTERM, and how it then ends.
    pub async fn stop(mut self) -> Ended {
        self.terminate();
        let code = self.wait().await;
        Ended {
            code,
            printed: self.printed.await.expect("reading lines does not panic"),
            folder: self.folder,
        }
    }
}

/// The program, to be run with arguments of the story's own, in an empty environment.
pub fn program() -> Command {
    let mut command = Command::new(binary());
    command.env_clear().kill_on_drop(true);
    command
}

/// The program that the workspace builds beside the tests: `target/<profile>/roadstead`.
fn binary() -> PathBuf {
    let mut path = std::env::current_exe().expect("this test's path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path.join("roadstead")
}
