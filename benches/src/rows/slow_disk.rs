//! Small requests beside large cold files on a slow disk: does one client's download stop everybody's manifests?

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::content::Content;
use crate::disk::{SlowDisk, evict};
use crate::lab::{Lab, MIB};
use crate::process::Server;
use crate::registry::push_image;
use crate::report::{Goal, Report};
use crate::rows::hot::{read_until, write_file};
use crate::say;
use crate::servers::{NGINX, Role, Wire, docker_registry, nginx, roadstead};
use crate::wrk::{Small, wrk};

const TITLE: &str = "Small requests beside cold files on a slow disk";
const DISK_BYTES_PER_SECOND: u64 = 60_000_000;
const DOWNLOADS: usize = 4;
const CONNECTIONS: usize = 8;
/// Downloads run this long before the first small request, so that all of them wait for the disk.
const LEAD: Duration = Duration::from_millis(500);

pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    if let Err(missing) = SlowDisk::new(lab.folder(), DISK_BYTES_PER_SECOND) {
        report.absent(TITLE, &format!("{missing:#}"));
        return Ok(());
    }
    let layers: Vec<Content> = (0..DOWNLOADS as u64)
        .map(|layer| Content::new(700 + layer, lab.sizes.slow_bytes))
        .collect();
    let folders = [
        lab.empty_folder("roadstead")?,
        lab.empty_folder("docker-registry")?,
        lab.empty_folder("files")?,
    ];
    for (number, layer) in layers.iter().enumerate() {
        write_file(&folders[2].join(number.to_string()), layer).await?;
    }
    std::fs::write(folders[2].join("manifest"), "x".repeat(2000))?;
    let servers = [
        roadstead(lab, &folders[0], Role::Hosted, Wire::Plain).await?,
        docker_registry(lab, &folders[1], Role::Hosted, Wire::Plain).await?,
        nginx(lab, &folders[2], Wire::Plain).await?,
    ];
    let mut rows = Vec::new();
    for (server, folder) in servers.iter().zip(&folders) {
        let (large, small) = match server.name {
            NGINX => (
                (0..DOWNLOADS).map(|number| format!("/{number}")).collect(),
                "/manifest".to_owned(),
            ),
            _ => {
                let repository = server.repository("bench/slow");
                push_image(&server.target, &repository, "1", &layers).await?;
                let large = layers
                    .iter()
                    .map(|layer| format!("/v2/{repository}/blobs/{}", layer.digest()));
                (
                    large.collect::<Vec<_>>(),
                    format!("/v2/{repository}/manifests/1"),
                )
            }
        };
        let (small, disk_rate) = beside_cold_files(lab, server, folder, &large, &small).await?;
        say(&format!(
            "  {}: p99 {:.1} ms, disk {disk_rate:.0} MB/s",
            server.name, small.p99_ms
        ));
        rows.push(vec![
            server.name.to_owned(),
            format!("{:.1}", small.p50_ms),
            format!("{:.1}", small.p99_ms),
            format!("{:.0}", small.requests_per_second),
            format!("{disk_rate:.0}"),
        ]);
        if server.name == crate::servers::ROADSTEAD {
            report.goal(
                "Small requests beside a slow disk: p99",
                format!("{:.0} requests/s", small.requests_per_second),
                small.p99_ms,
                " ms",
                Goal::AtMost(20.0),
            );
        }
    }
    report.table(
        TITLE,
        &format!(
            "The server may read {} MB/s from its disk (control group limit). {DOWNLOADS} downloads of files of {} MiB that are \
             not in memory, and wrk with {CONNECTIONS} connections on one manifest at the same time; one run of each. \
             nginx as packaged, without `aio threads`.",
            DISK_BYTES_PER_SECOND / 1_000_000,
            lab.sizes.slow_bytes / MIB
        ),
        &["server", "p50, ms", "p99, ms", "requests/s", "downloads together, MB/s"],
        &rows,
    );
    Ok(())
}

async fn beside_cold_files(
    lab: &Lab,
    server: &Server,
    folder: &Path,
    large: &[String],
    small: &str,
) -> Result<(Small, f64)> {
    evict(folder)?;
    // What is asked for all the time is in memory; the large files are not.
    let accept = format!("Accept: {}\r\n", oci::media_type::ACCEPT_MANIFESTS);
    let (head, _) = server.target.connect().await?.get(small, &accept).await?;
    head.expect(200, small)?;
    let disk = SlowDisk::new(folder, DISK_BYTES_PER_SECOND)?;
    disk.take(&server.process.pids())?;

    let seconds = lab.sizes.wrk_secs * 2;
    let started = Instant::now();
    let deadline = started + LEAD + Duration::from_secs(seconds);
    let mut downloads = JoinSet::new();
    for number in 0..DOWNLOADS {
        let mut paths = large.to_vec();
        paths.rotate_left(number);
        downloads.spawn(read_until(server.target.connect().await?, paths, deadline));
    }
    tokio::time::sleep(LEAD).await;
    let url = format!("http://{}{small}", server.address());
    let small = wrk(url, CONNECTIONS, seconds).await?;
    let mut bytes = 0;
    while let Some(read) = downloads.join_next().await {
        bytes += read?.context("a download beside small requests")?;
    }
    let rate = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
    Ok((small, rate))
}
