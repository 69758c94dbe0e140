//! Hot blobs: how fast a blob leaves that is here already, what that costs the server, and how much memory it takes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use tokio::io::AsyncWriteExt as _;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::content::Content;
use crate::http::Connection;
use crate::lab::{GIB, Lab, MIB};
use crate::process::Server;
use crate::registry::{Upload, push_blob};
use crate::report::{Goal, Report, Samples, order};
use crate::say;
use crate::servers::{NGINX, Role, Wire, docker_registry, nginx, roadstead};

const CONNECTIONS: [usize; 3] = [1, 8, 64];

#[derive(Clone, Default)]
struct Figures {
    gib_per_second: Samples,
    cpu_secs_per_gib: Samples,
    peak_mib: Samples,
}

pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let blob = Content::new(300, lab.sizes.large_bytes);
    let folders = Folders {
        roadstead: lab.empty_folder("roadstead")?,
        docker_registry: lab.empty_folder("docker-registry")?,
        nginx: lab.empty_folder("files")?,
    };
    write_file(&folders.nginx.join("blob"), &blob).await?;
    for (wire, title) in [
        (Wire::Plain, "plain HTTP"),
        (Wire::Tls, "TLS 1.3, AES-256-GCM"),
    ] {
        let servers = [
            roadstead(lab, &folders.roadstead, Role::Hosted, wire).await?,
            docker_registry(lab, &folders.docker_registry, Role::Hosted, wire).await?,
            nginx(lab, &folders.nginx, wire).await?,
        ];
        if wire == Wire::Plain {
            for registry in &servers[..2] {
                push_blob(
                    &registry.target,
                    &registry.repository("bench/large"),
                    &blob,
                    Upload::Put,
                )
                .await?;
            }
        }
        rustix::fs::sync();
        let figures = compare(lab, &servers, &blob).await?;
        tell(lab, report, wire, title, &figures);
    }
    Ok(())
}

struct Folders {
    roadstead: PathBuf,
    docker_registry: PathBuf,
    nginx: PathBuf,
}

/// Figures by number of connections, then by server.
async fn compare(lab: &Lab, servers: &[Server; 3], blob: &Content) -> Result<Vec<[Figures; 3]>> {
    let mut all = Vec::new();
    for connections in CONNECTIONS {
        let mut figures: [Figures; 3] = Default::default();
        for round in 0..lab.sizes.rounds {
            for place in order(round, servers.len()) {
                let server = &servers[place];
                let path = match server.name {
                    NGINX => "/blob".to_owned(),
                    _ => format!(
                        "/v2/{}/blobs/{}",
                        server.repository("bench/large"),
                        blob.digest()
                    ),
                };
                read_hot(
                    server,
                    &path,
                    connections,
                    lab.sizes.window,
                    &mut figures[place],
                )
                .await?;
            }
        }
        all.push(figures);
    }
    Ok(all)
}

async fn read_hot(
    server: &Server,
    path: &str,
    connections: usize,
    window: Duration,
    figures: &mut Figures,
) -> Result<()> {
    // Connecting, and TLS's handshake, is not what is measured.
    let mut opened = Vec::new();
    for _ in 0..connections {
        opened.push(server.target.connect().await?);
    }
    server.process.reset_peak()?;
    let cpu_before = server.process.cpu_secs()?;
    let started = Instant::now();
    let mut readers = JoinSet::new();
    for connection in opened {
        readers.spawn(read_until(
            connection,
            vec![path.to_owned()],
            started + window,
        ));
    }
    let mut bytes = 0;
    while let Some(read) = readers.join_next().await {
        bytes += read??;
    }
    let seconds = started.elapsed().as_secs_f64();
    let cpu = server.process.cpu_secs()? - cpu_before;
    let gib = bytes as f64 / GIB as f64;
    say(&format!(
        "  {connections} connections: {} {:.2} GiB/s, {:.3} CPU s/GiB",
        server.name,
        gib / seconds,
        cpu / gib
    ));
    figures.gib_per_second.push(gib / seconds);
    figures.cpu_secs_per_gib.push(cpu / gib);
    figures.peak_mib.push(server.process.peak_mib()?);
    Ok(())
}

fn tell(lab: &Lab, report: &mut Report, wire: Wire, title: &str, all: &[[Figures; 3]]) {
    let mut rows = Vec::new();
    for (connections, [ours, peer, files]) in CONNECTIONS.into_iter().zip(all) {
        let speed = [ours, peer, files].map(|figures| figures.gib_per_second.median());
        let cpu = [ours, peer, files].map(|figures| figures.cpu_secs_per_gib.median());
        rows.push(vec![
            connections.to_string(),
            ours.gib_per_second.show(2),
            peer.gib_per_second.show(2),
            files.gib_per_second.show(2),
            ours.cpu_secs_per_gib.show(2),
            peer.cpu_secs_per_gib.show(2),
            files.cpu_secs_per_gib.show(2),
            format!(
                "{:.0} / {:.0} / {:.0}",
                ours.peak_mib.median(),
                peer.peak_mib.median(),
                files.peak_mib.median()
            ),
        ]);
        match wire {
            Wire::Plain => {
                report.goal(
                    &format!("Hot blob, plain, {connections} connections: throughput against docker-registry"),
                    format!("{:.2} and {:.2} GiB/s", speed[0], speed[1]),
                    speed[0] / speed[1],
                    "x",
                    Goal::AtLeast(1.8),
                );
                report.goal(
                    &format!(
                        "Hot blob, plain, {connections} connections: CPU against docker-registry"
                    ),
                    format!("{:.2} and {:.2} CPU s/GiB", cpu[0], cpu[1]),
                    cpu[0] / cpu[1],
                    "x",
                    Goal::AtMost(0.5),
                );
            }
            Wire::Tls => report.goal(
                &format!("Hot blob, TLS, {connections} connections: CPU against nginx"),
                format!("{:.2} and {:.2} CPU s/GiB", cpu[0], cpu[2]),
                cpu[0] / cpu[2],
                "x",
                Goal::AtMost(0.6),
            ),
        }
    }
    if let Some([ours, peer, _]) = all.last() {
        report.goal(
            &format!(
                "Memory with 64 streams, {}",
                if wire == Wire::Tls { "TLS" } else { "plain" }
            ),
            format!("docker-registry {:.0} MiB", peer.peak_mib.median()),
            ours.peak_mib.median(),
            " MiB",
            Goal::AtMost(100.0),
        );
    }
    report.table(
        &format!("Hot blob, {title}"),
        &format!(
            "One blob of {} MiB, in the page cache, read again and again for {} s. GiB/s at the client; user and system time \
             of the server's processes per GiB; peak resident memory (Roadstead / docker-registry / nginx). The client \
             has the same cores.",
            lab.sizes.large_bytes / MIB,
            lab.sizes.window.as_secs_f64()
        ),
        &[
            "connections",
            "Roadstead, GiB/s",
            "docker-registry, GiB/s",
            "nginx, GiB/s",
            "Roadstead, CPU s/GiB",
            "docker-registry, CPU s/GiB",
            "nginx, CPU s/GiB",
            "peak MiB",
        ],
        &rows,
    );
}

/// Writes a content as a plain file.
pub(crate) async fn write_file(path: &Path, content: &Content) -> Result<()> {
    let mut file = tokio::fs::File::create(path).await?;
    for chunk in content.chunks() {
        file.write_all(&chunk).await?;
    }
    Ok(file.flush().await?)
}

/// Reads files in turn until `deadline`; gives the bytes that came.
pub(crate) async fn read_until(
    mut connection: Connection,
    paths: Vec<String>,
    deadline: Instant,
) -> Result<u64> {
    let mut bytes = 0;
    let reading = async {
        for path in paths.iter().cycle() {
            connection.request("GET", path, "").await?;
            let head = connection.head().await?.expect(200, "GET of a file")?;
            connection
                .body(head.content_length, |piece| bytes += piece.len() as u64)
                .await?;
        }
        anyhow::Ok(())
    };
    if let Ok(ended) = tokio::time::timeout_at(deadline, reading).await {
        ended?;
    }
    Ok(bytes)
}
