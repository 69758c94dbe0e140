//! A server's process, or its group of them: started, watched through `/proc`, stopped.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::http::Target;

const READY_WITHIN: Duration = Duration::from_secs(20);
const STOPPED_WITHIN: Duration = Duration::from_secs(20);

/// A running server; dropping it stops it.
pub(crate) struct Process {
    child: Child,
    started: Instant,
    log: std::path::PathBuf,
}

impl Process {
    /// Starts a program whose output goes to a file, to be shown if it never gets ready.
    pub(crate) fn start(mut command: Command, log: &Path) -> Result<Self> {
        let output = fs::File::create(log)?;
        let started = Instant::now();
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
        Ok(Self {
            child,
            started,
            log: log.to_owned(),
        })
    }

    /// Waits until `GET path` is answered with 200; gives the time since the start.
    pub(crate) async fn ready(&mut self, target: &Target, path: &str) -> Result<Duration> {
        loop {
            if let Ok(mut connection) = target.connect().await
                && let Ok((head, _)) = connection.get(path, "").await
                && head.status == 200
            {
                return Ok(self.started.elapsed());
            }
            let is_gone = self.child.try_wait()?.is_some();
            if is_gone || self.started.elapsed() > READY_WITHIN {
                let log = fs::read_to_string(&self.log)?;
                bail!("no {path} from {}:\n{log}", target.address);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The process and its children (nginx does its work in them).
    pub(crate) fn pids(&self) -> Vec<u32> {
        let parent = self.child.id();
        let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children"))
            .unwrap_or_default();
        let children = children
            .split_whitespace()
            .filter_map(|pid| pid.parse().ok());
        [parent].into_iter().chain(children).collect()
    }

    /// User and system time spent so far.
    pub(crate) fn cpu_secs(&self) -> Result<f64> {
        let mut ticks = 0;
        for pid in self.pids() {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            // The command's name may hold anything; fields are counted from its closing parenthesis.
            let (_, fields) = stat.rsplit_once(')').context("an odd stat file")?;
            let fields: Vec<&str> = fields.split_whitespace().collect();
            for field in [11, 12] {
                ticks += fields
                    .get(field)
                    .context("a short stat file")?
                    .parse::<u64>()?;
            }
        }
        Ok(ticks as f64 / rustix::param::clock_ticks_per_second() as f64)
    }

    /// Resident memory now, in MiB.
    pub(crate) fn rss_mib(&self) -> Result<f64> {
        self.status_mib("VmRSS:")
    }

    /// The most memory that was resident since [`Self::reset_peak`], in MiB.
    pub(crate) fn peak_mib(&self) -> Result<f64> {
        self.status_mib("VmHWM:")
    }

    pub(crate) fn reset_peak(&self) -> Result<()> {
        for pid in self.pids() {
            fs::write(format!("/proc/{pid}/clear_refs"), "5")?;
        }
        Ok(())
    }

    fn status_mib(&self, key: &str) -> Result<f64> {
        let mut kib = 0.0;
        for pid in self.pids() {
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            let number = line.and_then(|line| line.split_whitespace().next());
            kib += number.context("no such line in status")?.parse::<f64>()?;
        }
        Ok(kib / 1024.0)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SIGTERM first: it is the only thing that takes nginx's workers with it.
        if let Some(pid) = Pid::from_raw(self.child.id().cast_signed()) {
            let _ = kill_process(pid, Signal::TERM);
        }
        let asked = Instant::now();
        while asked.elapsed() < STOPPED_WITHIN {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server of a run: what it is called in the tables, its process and its address.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) process: Process,
    pub(crate) target: Target,
    /// What stands before a repository's name here: Roadstead's project.
    pub(crate) prefix: &'static str,
    /// From start to the first answer.
    pub(crate) ready_after: Duration,
}

impl Server {
    pub(crate) fn repository(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.target.address
    }
}
