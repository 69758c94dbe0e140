//! A stampede: many clients want one blob that is not here yet. What it costs upstream, and how long the last waits.

use anyhow::Result;
use oci::Digest;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::content::Content;
use crate::lab::{Lab, MIB};
use crate::process::Server;
use crate::registry::{drain_blob, push_image};
use crate::relay::Relay;
use crate::report::{Goal, Report, Samples, order};
use crate::rows::cold::LINE_BYTES_PER_SECOND;
use crate::say;
use crate::servers::{DOCKER_REGISTRY, ROADSTEAD, Role, Wire, docker_registry, roadstead};

const CONTENDERS: [&str; 2] = [ROADSTEAD, DOCKER_REGISTRY];

#[derive(Clone, Default)]
struct Figures {
    /// Upstream's bytes as a multiple of the blob.
    multiple: Samples,
    seconds: Samples,
    /// Memory at the peak above idle, MiB.
    grown_mib: Samples,
}

pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let layer = Content::new(200, lab.sizes.stampede_bytes);
    let upstream = docker_registry(
        lab,
        &lab.empty_folder("upstream")?,
        Role::Hosted,
        Wire::Plain,
    )
    .await?;
    push_image(
        &upstream.target,
        "bench/one",
        "1",
        std::slice::from_ref(&layer),
    )
    .await?;

    let mut rows = Vec::new();
    for (clients, line, rate) in [
        (8, "120 MiB/s", Some(LINE_BYTES_PER_SECOND)),
        (8, "unthrottled", None),
        (64, "unthrottled", None),
    ] {
        let relay = Relay::start(upstream.address(), rate).await?;
        let mut figures = vec![Figures::default(); CONTENDERS.len()];
        for round in 0..lab.sizes.rounds {
            for contender in order(round, CONTENDERS.len()) {
                // It fetches the blob once per client: one round of that is enough for everybody.
                if CONTENDERS[contender] == DOCKER_REGISTRY && clients == 64 && round > 0 {
                    continue;
                }
                let data = lab.empty_folder("proxy")?;
                let role = Role::Proxy(relay.address());
                let server = match CONTENDERS[contender] {
                    ROADSTEAD => roadstead(lab, &data, role, Wire::Plain).await?,
                    _ => docker_registry(lab, &data, role, Wire::Plain).await?,
                };
                stampede(&server, &layer, &relay, clients, &mut figures[contender]).await?;
            }
        }
        let [ours, peer] = &figures[..] else { continue };
        rows.push(vec![
            format!("{clients} clients, {line}"),
            format!("{:.2}x", ours.multiple.median()),
            format!("{:.2}x", peer.multiple.median()),
            ours.seconds.show(2),
            peer.seconds.show(2),
            ours.grown_mib.show(0),
            peer.grown_mib.show(0),
        ]);
        if rate.is_none() {
            report.goal(
                &format!("Stampede of {clients}: bytes from upstream"),
                format!("docker-registry {:.1}x", peer.multiple.median()),
                ours.multiple.median(),
                "x",
                Goal::AtMost(1.01),
            );
        }
        if clients == 64 {
            report.goal(
                "Stampede of 64: memory above idle",
                format!("docker-registry {:.0} MiB", peer.grown_mib.median()),
                ours.grown_mib.median(),
                " MiB",
                Goal::AtMost(64.0),
            );
        }
    }
    report.table(
        "Stampede",
        &format!(
            "All clients ask at once for one blob of {} MiB that is not cached. Upstream's bytes as a multiple of the blob; \
             seconds until the last client has it; peak memory above idle. docker-registry's 64 clients ran once.",
            lab.sizes.stampede_bytes / MIB
        ),
        &[
            "clients, line to upstream",
            "Roadstead, bytes",
            "docker-registry, bytes",
            "Roadstead, s",
            "docker-registry, s",
            "Roadstead, MiB",
            "docker-registry, MiB",
        ],
        &rows,
    );
    Ok(())
}

async fn stampede(
    server: &Server,
    layer: &Content,
    relay: &Relay,
    clients: usize,
    figures: &mut Figures,
) -> Result<()> {
    let repository = server.repository("bench/one");
    // The manifest first, as every client does: it is what gives the repository the right to the blob.
    let mut connection = server.target.connect().await?;
    let accept = format!("Accept: {}\r\n", oci::media_type::ACCEPT_MANIFESTS);
    let (head, _) = connection
        .get(&format!("/v2/{repository}/manifests/1"), &accept)
        .await?;
    head.expect(200, "GET of a manifest")?;
    rustix::fs::sync();
    relay.take_bytes();
    server.process.reset_peak()?;
    let idle_mib = server.process.rss_mib()?;

    let started = Instant::now();
    let mut pulls = JoinSet::new();
    for _ in 0..clients {
        let (target, repository) = (server.target.clone(), repository.clone());
        let digest: Digest = layer.digest().clone();
        pulls.spawn(async move { drain_blob(&target, &repository, &digest).await });
    }
    while let Some(pulled) = pulls.join_next().await {
        anyhow::ensure!(pulled?? == layer.size(), "a blob of another size");
    }
    let seconds = started.elapsed().as_secs_f64();
    let multiple = relay.take_bytes() as f64 / layer.size() as f64;
    say(&format!(
        "  {clients} clients: {} {seconds:.2} s, {multiple:.2}x",
        server.name
    ));
    figures.seconds.push(seconds);
    figures.multiple.push(multiple);
    figures
        .grown_mib
        .push(server.process.peak_mib()? - idle_mib);
    Ok(())
}
