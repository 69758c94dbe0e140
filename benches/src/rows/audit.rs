//! The audit log under load: 5,000 pulls of a manifest by tag every second, each of which is an entry of the log and a
//! count, and how many transactions that makes.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};

use crate::content::Content;
use crate::http::Target;
use crate::lab::{Lab, MIB, free_address};
use crate::process::Server;
use crate::registry::push_image;
use crate::report::{Goal, Report, Samples};
use crate::say;
use crate::servers::watched_roadstead;

const CONNECTIONS: u64 = 16;
const PER_SECOND: u64 = 5_000;
/// Requests are sent in small groups: no timer is exact enough for one at a time.
const TICK: Duration = Duration::from_millis(8);
const REPOSITORY: &str = "bench/small";
const WRITES: &str = "roadstead_database_write_transactions_total";
const DROPPED: &str = "roadstead_audit_dropped_total{destination=\"database\"}";

#[derive(Default)]
struct Figures {
    pulls_per_second: Samples,
    writes_per_second: Samples,
    cpu_microseconds: Samples,
    peak_mib: Samples,
}

pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let metrics = free_address()?;
    let server = watched_roadstead(lab, &lab.empty_folder("roadstead")?, metrics).await?;
    let repository = server.repository(REPOSITORY);
    push_image(&server.target, &repository, "1", &[Content::new(450, MIB)]).await?;
    let mut figures = Figures::default();
    let mut all = 0;
    for _ in 0..lab.sizes.rounds {
        all += round(lab, &server, metrics, &repository, &mut figures).await?;
    }
    // What was written at the end of the last round.
    sleep(Duration::from_secs(2)).await;
    let log = "/api/v2.0/auditlog-exts?q=operation%3Dpull&page_size=1";
    let project = "/api/v2.0/projects/hosted/auditlog-exts?page_size=1";
    let (head, _) = server.target.connect().await?.get(project, "").await?;
    let entries = head
        .header("x-total-count")
        .context("no total")?
        .parse::<u64>()?;
    // The push is an entry, too.
    ensure!(entries == all + 1, "{entries} entries of {all} pulls");
    let started = Instant::now();
    let (head, _) = server.target.connect().await?.get(log, "").await?;
    head.expect(200, log)?;
    let page = started.elapsed();
    ensure!(
        value(metrics, DROPPED).await? == 0.0,
        "entries were dropped"
    );
    report.goal(
        "Audit: write transactions at 5,000 pulls a second",
        format!("{:.0} pulls/s", figures.pulls_per_second.median()),
        figures.writes_per_second.median(),
        "/s",
        Goal::AtMost(10.0),
    );
    report.table(
        "Audit log",
        &format!(
            "`GET` of a manifest by tag over {CONNECTIONS} connections, {PER_SECOND} a second for {} s, all of them in the audit log \
             and counted. Transactions are the server's own count of commits. Of the {entries} entries afterwards, a page of \
             pulls took {:.1} ms.",
            seconds(lab),
            page.as_secs_f64() * 1000.0
        ),
        &["pulls/s", "write transactions/s", "server CPU, µs a pull", "peak MiB"],
        &[vec![
            figures.pulls_per_second.show(0),
            figures.writes_per_second.show(1),
            figures.cpu_microseconds.show(0),
            format!("{:.0}", figures.peak_mib.median()),
        ]],
    );
    Ok(())
}

fn seconds(lab: &Lab) -> u64 {
    lab.sizes.wrk_secs * 4
}

/// How many pulls were made.
async fn round(
    lab: &Lab,
    server: &Server,
    metrics: SocketAddr,
    repository: &str,
    figures: &mut Figures,
) -> Result<u64> {
    let path = format!("/v2/{repository}/manifests/1");
    let anonymous = Target::plain(server.address());
    let ticks = seconds(lab) * 1000 / TICK.as_millis() as u64;
    let mut pullers = JoinSet::new();
    server.process.reset_peak()?;
    let (writes, cpu) = (value(metrics, WRITES).await?, server.process.cpu_secs()?);
    let started = Instant::now();
    for number in 0..CONNECTIONS {
        pullers.spawn(pull(anonymous.clone(), path.clone(), number, ticks));
    }
    let mut pulls = 0;
    while let Some(pulled) = pullers.join_next().await {
        pulls += pulled??;
    }
    let took = started.elapsed().as_secs_f64();
    let cpu = server.process.cpu_secs()? - cpu;
    // What is still to be flushed counts as well.
    sleep(Duration::from_millis(1500)).await;
    let writes = value(metrics, WRITES).await? - writes;
    say(&format!(
        "  {:.0} pulls/s: {:.1} transactions/s",
        pulls as f64 / took,
        writes / took
    ));
    figures.pulls_per_second.push(pulls as f64 / took);
    figures.writes_per_second.push(writes / took);
    figures.cpu_microseconds.push(cpu * 1e6 / pulls as f64);
    figures.peak_mib.push(server.process.peak_mib()?);
    Ok(pulls)
}

/// One connection's share of every tick.
async fn pull(target: Target, path: String, number: u64, ticks: u64) -> Result<u64> {
    let accept = format!("Accept: {}\r\n", oci::media_type::ACCEPT_MANIFESTS);
    let mut connection = target.connect().await?;
    let mut timer = interval(TICK);
    timer.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut pulls = 0;
    for tick in 1..=ticks {
        timer.tick().await;
        let due = PER_SECOND * TICK.as_millis() as u64 * tick / 1000;
        // Spread over the connections, so that all of them together keep the rate.
        while pulls * CONNECTIONS + number < due {
            let (head, _) = connection.get(&path, &accept).await?;
            head.expect(200, &path)?;
            pulls += 1;
        }
    }
    Ok(pulls)
}

async fn value(metrics: SocketAddr, name: &str) -> Result<f64> {
    let mut connection = Target::plain(metrics).connect().await?;
    let (head, body) = connection.get("/metrics", "").await?;
    head.expect(200, "metrics")?;
    let text = String::from_utf8(body)?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.with_context(|| format!("no {name} in the metrics"))?;
    Ok(value.trim().parse()?)
}
