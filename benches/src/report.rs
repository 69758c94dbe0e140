//! What came out: samples and their medians, targets and whether they were reached, and the Markdown of it.

use std::fmt::Write as _;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::lab::Lab;

const BEGIN: &str = "<!-- measured: begin (written by benches/run; changes by hand are lost) -->";
const END: &str = "<!-- measured: end -->";

/// One figure's rounds.
#[derive(Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn push(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        match sorted.len() {
            0 => f64::NAN,
            odd if odd % 2 == 1 => sorted[odd / 2],
            even => (sorted[even / 2 - 1] + sorted[even / 2]) / 2.0,
        }
    }

    /// The median, and the range where there was more than one round.
    pub(crate) fn show(&self, decimals: usize) -> String {
        let median = self.median();
        if self.0.len() < 2 {
            return format!("{median:.decimals$}");
        }
        let least = self.0.iter().copied().fold(f64::INFINITY, f64::min);
        let most = self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        format!("{median:.decimals$} ({least:.decimals$}–{most:.decimals$})")
    }
}

/// Which server goes first changes from round to round, so that no one always follows the same other.
pub(crate) fn order(round: usize, count: usize) -> impl Iterator<Item = usize> {
    (0..count).map(move |place| (place + round) % count)
}

/// What a figure is meant to be.
#[derive(Clone, Copy)]
pub(crate) enum Goal {
    AtMost(f64),
    AtLeast(f64),
    Between(f64, f64),
}

/// Everything a run found.
#[derive(Default)]
pub(crate) struct Report {
    goals: Vec<[String; 5]>,
    tables: String,
}

impl Report {
    /// A line of the summary: `value` against its goal, with the two figures it comes from.
    pub(crate) fn goal(&mut self, what: &str, figures: String, value: f64, unit: &str, goal: Goal) {
        let (wanted, is_reached) = match goal {
            Goal::AtMost(most) => (format!("at most {most}{unit}"), value <= most),
            Goal::AtLeast(least) => (format!("at least {least}{unit}"), value >= least),
            Goal::Between(least, most) => (
                format!("{least} to {most}{unit}"),
                (least..=most).contains(&value),
            ),
        };
        let verdict = if is_reached { "reached" } else { "**missed**" };
        let digits = if value.abs() < 100.0 { 2 } else { 0 };
        self.goals.push([
            what.to_owned(),
            figures,
            format!("{value:.digits$}{unit}"),
            wanted,
            verdict.to_owned(),
        ]);
    }

    /// A section with one table.
    pub(crate) fn table(
        &mut self,
        title: &str,
        says: &str,
        columns: &[&str],
        rows: &[Vec<String>],
    ) {
        let header: Vec<String> = columns.iter().map(|&column| column.to_owned()).collect();
        let _ = write!(self.tables, "### {title}\n\n{says}\n\n");
        write_table(&mut self.tables, &header, rows);
        self.tables.push('\n');
    }

    /// A section that could not be measured here, and why.
    pub(crate) fn absent(&mut self, title: &str, why: &str) {
        let _ = write!(
            self.tables,
            "### {title}\n\nCould not be run here: {why}.\n\n"
        );
    }

    pub(crate) fn markdown(&self, lab: &Lab) -> Result<String> {
        let mut text = format!("{}\n", machine(lab)?);
        if lab.sizes.is_quick {
            text.push_str("**A quick run: small sizes, one round. No figure below says how fast anything is.**\n\n");
        }
        text.push_str("### Goals\n\n");
        let header = ["what", "figures", "ratio or value", "goal", ""].map(str::to_owned);
        let rows: Vec<Vec<String>> = self.goals.iter().map(|goal| goal.to_vec()).collect();
        write_table(&mut text, &header, &rows);
        text.push('\n');
        text.push_str(&self.tables);
        Ok(text.trim_end().to_owned())
    }
}

fn write_table(text: &mut String, header: &[String], rows: &[Vec<String>]) {
    let mut line = |cells: &[String]| {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    line(header);
    line(&vec!["---".to_owned(); header.len()]);
    for row in rows {
        line(row);
    }
}

/// Replaces what is between the markers of a Markdown file.
pub(crate) fn write_between_markers(file: &Path, text: &str) -> Result<()> {
    let page = fs::read_to_string(file).with_context(|| format!("no page {}", file.display()))?;
    let begin = page.find(BEGIN).context("no begin marker")? + BEGIN.len();
    let end = page.find(END).context("no end marker")?;
    let page = format!("{}\n\n{text}\n\n{}", &page[..begin], &page[end..]);
    Ok(fs::write(file, page)?)
}

fn machine(lab: &Lab) -> Result<String> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism()?;
    let memory = fs::read_to_string("/proc/meminfo")?;
    let memory_kib: u64 = memory
        .split_whitespace()
        .nth(1)
        .context("an odd meminfo")?
        .parse()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let kernel = kernel.split(['-', '+']).next().unwrap_or_default().trim();
    let load = fs::read_to_string("/proc/loadavg")?;
    let own_network = match std::env::var("BENCH_NETWORK").as_deref() {
        Ok("private") => "in a network namespace of its own",
        _ => "on the machine's own loopback",
    };
    Ok(format!(
        "Measured on {cores} vCPU ({model}), {} GiB of memory, Linux {kernel}; loopback TCP with {} congestion control, \
         {own_network}. {}, {}, {}. Median of {} rounds, least and most in brackets. \
         One-minute load when the run ended: {}.\n",
        memory_kib.div_ceil(1024 * 1024),
        congestion_control()?,
        version(Command::new(&lab.roadstead).arg("--version")),
        version(Command::new("docker-registry").arg("--version")),
        version(Command::new("nginx").arg("-v")),
        lab.sizes.rounds,
        load.split(' ').next().unwrap_or_default(),
    ))
}

/// What a connection over loopback really uses: a route may say otherwise than the system's default.
fn congestion_control() -> Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let socket = std::net::TcpStream::connect(listener.local_addr()?)?;
    Ok(rustix::net::sockopt::tcp_congestion(&socket)?)
}

fn version(command: &mut Command) -> String {
    let Ok(output) = command.output() else {
        return "unknown version".to_owned();
    };
    // nginx tells its version on standard error.
    let text = if output.stdout.is_empty() {
        output.stderr
    } else {
        output.stdout
    };
    String::from_utf8_lossy(&text)
        .lines()
        .next()
        .unwrap_or_default()
        .replace("nginx version: nginx/", "nginx ")
        .replace("github.com/docker/distribution ", "")
}
