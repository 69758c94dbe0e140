//! The benchmark: Roadstead side by side, in one run on one machine, with what a user would pick instead.
//!
//! Started by `benches/run`, which builds everything and gives it a network of its own. It measures and tells;
//! it never judges: a slow machine is no reason for a red build.

mod content;
mod disk;
mod http;
mod lab;
mod many;
mod process;
mod registry;
mod relay;
mod report;
mod rows;
mod servers;
mod wrk;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use lab::{Lab, Sizes};
use report::Report;

const USAGE: &str = "benches [--quick] [--only ROWS] [--write FILE] [--roadstead BINARY]

  --quick             small sizes and one round: shows that the benchmark runs, not how fast anything is
  --only ROWS         a comma-separated choice of: cold, stampede, hot, manifests, audit, push, start,
                      bandwidth, slow-disk, lists
  --write FILE        put the tables between the two markers of this Markdown file
  --roadstead BINARY  the binary to measure (target/release/roadstead)
";

struct Options {
    is_quick: bool,
    only: Vec<String>,
    write: Option<PathBuf>,
    roadstead: PathBuf,
}

fn main() -> Result<()> {
    let options = parse(std::env::args().skip(1))?;
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .ok()
        .context("a second cryptography provider")?;
    // The client half: on a small machine it shares the cores with the server it measures, as a client on the same
    // host would. Both sides of every comparison pay the same for it.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(run(options))
}

async fn run(options: Options) -> Result<()> {
    let sizes = if options.is_quick {
        Sizes::quick()
    } else {
        Sizes::full()
    };
    let lab = Lab::open(options.roadstead, sizes)?;
    let mut report = Report::default();
    for (name, title) in ROWS {
        if !options.only.is_empty() && !options.only.iter().any(|wanted| wanted == name) {
            continue;
        }
        say(&format!("{title} ..."));
        let outcome = match name {
            "cold" => rows::cold::measure(&lab, &mut report).await,
            "stampede" => rows::stampede::measure(&lab, &mut report).await,
            "bandwidth" => rows::bandwidth::measure(&lab, &mut report).await,
            "hot" => rows::hot::measure(&lab, &mut report).await,
            "manifests" => rows::manifests::measure(&lab, &mut report).await,
            "audit" => rows::audit::measure(&lab, &mut report).await,
            "push" => rows::push::measure(&lab, &mut report).await,
            "start" => rows::start::measure(&lab, &mut report).await,
            "lists" => rows::lists::measure(&lab, &mut report).await,
            _ => rows::slow_disk::measure(&lab, &mut report).await,
        };
        outcome.with_context(|| format!("row `{name}`"))?;
        lab.sweep()?;
    }
    let text = report.markdown(&lab)?;
    writeln!(std::io::stdout(), "{text}")?;
    match options.write {
        Some(file) => report::write_between_markers(&file, &text),
        None => Ok(()),
    }
}

const ROWS: [(&str, &str); 10] = [
    ("cold", "cold pull against going direct"),
    ("stampede", "many clients, one cold blob"),
    ("bandwidth", "a bandwidth limit, and a hit beside it"),
    ("hot", "hot blobs, plain and TLS"),
    ("manifests", "manifest requests per second"),
    ("audit", "what 5,000 audited pulls a second write"),
    ("push", "push of one large blob"),
    ("start", "start to ready, idle memory"),
    (
        "slow-disk",
        "small requests beside cold files on a slow disk",
    ),
    ("lists", "lists, start and pulls with a million artifacts"),
];

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Options> {
    let mut options = Options {
        is_quick: false,
        only: Vec::new(),
        write: None,
        roadstead: PathBuf::from("target/release/roadstead"),
    };
    while let Some(argument) = arguments.next() {
        let mut value = || {
            arguments
                .next()
                .with_context(|| format!("{argument} needs a value\n{USAGE}"))
        };
        match argument.as_str() {
            "--quick" => options.is_quick = true,
            "--only" => options.only = value()?.split(',').map(str::to_owned).collect(),
            "--write" => options.write = Some(value()?.into()),
            "--roadstead" => options.roadstead = value()?.into(),
            _ => bail!("unknown argument {argument}\n{USAGE}"),
        }
    }
    let unknown = options
        .only
        .iter()
        .find(|wanted| !ROWS.iter().any(|(name, _)| name == wanted));
    match unknown {
        Some(unknown) => bail!("no row is called {unknown}\n{USAGE}"),
        None => Ok(options),
    }
}

/// Progress, for whoever waits; the tables go to standard output.
fn say(line: &str) {
    // Nobody listening is no reason to stop measuring.
    let _ = writeln!(std::io::stderr(), "{line}");
}
