//! wrk: many small requests over keep-alive connections, and how long they took.

use std::process::Command;

use anyhow::{Context as _, Result, ensure};

/// What one run of wrk said.
#[derive(Clone, Copy)]
pub(crate) struct Small {
    pub(crate) requests_per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
}

/// `wrk -t2` on one URL. Any answer that is not a success fails the run: errors are quick to serve.
pub(crate) async fn wrk(url: String, connections: usize, seconds: u64) -> Result<Small> {
    let output = tokio::task::spawn_blocking(move || {
        Command::new("wrk")
            .args(["-t2", "--latency", "--timeout", "20s"])
            .arg(format!("-c{connections}"))
            .arg(format!("-d{seconds}s"))
            .args([
                "-H",
                &format!("Accept: {}", oci::media_type::ACCEPT_MANIFESTS),
            ])
            .arg(url)
            .output()
    })
    .await?
    .context("cannot run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "wrk: {text}");
    ensure!(!text.contains("Non-2xx"), "wrk met errors:\n{text}");
    Ok(Small {
        requests_per_second: after(&text, "Requests/sec:")?.parse()?,
        p50_ms: milliseconds(after(&text, "50%")?)?,
        p99_ms: milliseconds(after(&text, "99%")?)?,
    })
}

fn after<'a>(text: &'a str, label: &str) -> Result<&'a str> {
    let line = text
        .lines()
        .map(str::trim)
        .find_map(|line| line.strip_prefix(label));
    line.map(str::trim)
        .with_context(|| format!("wrk said nothing about {label}:\n{text}"))
}

fn milliseconds(value: &str) -> Result<f64> {
    for (unit, factor) in [("us", 0.001), ("ms", 1.0), ("s", 1000.0), ("m", 60_000.0)] {
        if let Some(number) = value.strip_suffix(unit) {
            return Ok(number.parse::<f64>()? * factor);
        }
    }
    anyhow::bail!("wrk's time {value}")
}
