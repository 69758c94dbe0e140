//! A bandwidth limit: what many cold layers at once make an endpoint's line carry, and whether a hit notices them.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::content::Content;
use crate::lab::{GIB, Lab, MIB};
use crate::process::Server;
use crate::registry::{Upload, drain_blob, push_blob, push_image};
use crate::relay::Relay;
use crate::report::{Goal, Report, Samples};
use crate::rows::hot::read_until;
use crate::say;
use crate::servers::{Role, Wire, docker_registry, roadstead};

const LIMIT_KILOBITS: u64 = 8000;
const LAYERS: u64 = 10;
/// How often the line is looked at.
const TICK: Duration = Duration::from_millis(20);
const TICKS_PER_SECOND: usize = 50;

#[derive(Default)]
struct Figures {
    /// Of whole transfers, Mbit/s.
    uplink: Samples,
    /// Of each whole second of them, Mbit/s.
    of_a_second: Samples,
    seconds: Samples,
    /// A hit's GiB/s.
    alone: Samples,
    beside: Samples,
    /// The second as a share of the first, round by round: the machine is not the same from minute to minute.
    share: Samples,
}

pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let hot = Content::new(800, lab.sizes.stampede_bytes);
    let upstream = docker_registry(
        lab,
        &lab.empty_folder("upstream")?,
        Role::Hosted,
        Wire::Plain,
    )
    .await?;
    push_image(
        &upstream.target,
        "bench/hot",
        "1",
        std::slice::from_ref(&hot),
    )
    .await?;
    let relay = Relay::meter(upstream.address())?;
    let server = limited(lab, &hot, &relay).await?;
    let hit = format!(
        "/v2/{}/blobs/{}",
        server.repository("bench/hot"),
        hot.digest()
    );

    let mut figures = Figures::default();
    for round in 0..lab.sizes.rounds as u64 {
        let layers: Vec<Content> = (0..LAYERS)
            .map(|layer| Content::new(810 + round * LAYERS + layer, lab.sizes.limited_bytes))
            .collect();
        push_image(&upstream.target, "bench/cold", &round.to_string(), &layers).await?;
        let alone = read_hit(&server, &hit, lab.sizes.window * 2).await?;
        ask_manifest(&server, "bench/cold", &round.to_string()).await?;
        relay.take_bytes();
        let (ticks, beside) = tokio::join!(
            fill(&server, &layers, &relay),
            read_hit(&server, &hit, lab.sizes.window * 2)
        );
        let (ticks, beside) = (ticks?, beside?);
        let seconds = ticks.len() as f64 / TICKS_PER_SECOND as f64;
        let uplink = megabits(&ticks) / seconds;
        say(&format!(
            "  {uplink:.2} Mbit/s for {seconds:.1} s; a hit {alone:.2} GiB/s alone, {beside:.2} beside"
        ));
        figures.uplink.push(uplink);
        figures.seconds.push(seconds);
        for second in ticks.chunks_exact(TICKS_PER_SECOND) {
            figures.of_a_second.push(megabits(second));
        }
        figures.alone.push(alone);
        figures.beside.push(beside);
        figures.share.push(beside / alone);
    }
    tell(lab, report, &figures);
    Ok(())
}

/// Roadstead with a limit on its endpoint, and the hot layer in its cache already. It is pushed there: by the limited
/// line it would take minutes.
async fn limited(lab: &Lab, hot: &Content, relay: &Relay) -> Result<Server> {
    let data = lab.empty_folder("roadstead")?;
    let hosted = roadstead(lab, &data, Role::Hosted, Wire::Plain).await?;
    let repository = hosted.repository("bench/hot");
    push_blob(&hosted.target, &repository, hot, Upload::Put).await?;
    drop(hosted);
    let role = Role::Limited(relay.address(), LIMIT_KILOBITS);
    let server = roadstead(lab, &data, role, Wire::Plain).await?;
    // Upstream's word that the repository has it, and no more, makes it a hit.
    ask_manifest(&server, "bench/hot", "1").await?;
    relay.take_bytes();
    drain_blob(
        &server.target,
        &server.repository("bench/hot"),
        hot.digest(),
    )
    .await?;
    ensure!(relay.take_bytes() < MIB, "the hot layer was fetched");
    Ok(server)
}

/// The manifest first, as every client does: it is what gives the repository the right to its blobs.
async fn ask_manifest(server: &Server, repository: &str, tag: &str) -> Result<()> {
    let path = format!("/v2/{}/manifests/{tag}", server.repository(repository));
    let accept = format!("Accept: {}\r\n", oci::media_type::ACCEPT_MANIFESTS);
    let (head, _) = server.target.connect().await?.get(&path, &accept).await?;
    head.expect(200, "GET of a manifest").map(drop)
}

/// GiB per second of one connection that reads a cached layer again and again.
async fn read_hit(server: &Server, path: &str, window: Duration) -> Result<f64> {
    let connection = server.target.connect().await?;
    let started = Instant::now();
    let bytes = read_until(connection, vec![path.to_owned()], started + window).await?;
    Ok(bytes as f64 / GIB as f64 / started.elapsed().as_secs_f64())
}

/// Asks for all layers at once. The bytes that the line carried in each tick, from the asking to the last that came.
async fn fill(server: &Server, layers: &[Content], relay: &Relay) -> Result<Vec<u64>> {
    let mut pulls = JoinSet::new();
    for layer in layers {
        let (target, repository) = (server.target.clone(), server.repository("bench/cold"));
        let (digest, size) = (layer.digest().clone(), layer.size());
        pulls.spawn(async move {
            let came = drain_blob(&target, &repository, &digest).await?;
            ensure!(came == size, "a blob of another size");
            Ok(())
        });
    }
    let mut ticks = Vec::new();
    let mut clock = tokio::time::interval(TICK);
    clock.tick().await;
    while !pulls.is_empty() {
        clock.tick().await;
        ticks.push(relay.take_bytes());
        while let Some(pulled) = pulls.try_join_next() {
            pulled??;
        }
    }
    let last = ticks.iter().rposition(|bytes| *bytes > 0);
    ticks.truncate(last.context("nothing came by the line")? + 1);
    Ok(ticks)
}

fn megabits(ticks: &[u64]) -> f64 {
    ticks.iter().sum::<u64>() as f64 * 8.0 / 1e6
}

fn tell(lab: &Lab, report: &mut Report, figures: &Figures) {
    report.goal(
        &format!("Bandwidth limit of 8 Mbit/s, {LAYERS} cold layers: uplink"),
        format!("each second {} Mbit/s", figures.of_a_second.show(2)),
        figures.uplink.median(),
        " Mbit/s",
        Goal::Between(7.2, 8.8),
    );
    report.goal(
        "Bandwidth limit of 8 Mbit/s: a hit beside it, against the hit alone",
        format!(
            "{:.2} and {:.2} GiB/s",
            figures.beside.median(),
            figures.alone.median()
        ),
        figures.share.median(),
        "x",
        Goal::AtLeast(0.9),
    );
    report.table(
        "Bandwidth limit",
        &format!(
            "An endpoint with `options: {{bandwidth_kb: {LIMIT_KILOBITS}}}` (kilobits of 1024 bits, as Harbor's: \
             {:.2} Mbit/s). {LAYERS} clients ask at once for {LAYERS} cold layers of {} KiB, and a relay in front of \
             the upstream that holds nothing back counts what passes, headers too. Meanwhile one connection reads a \
             cached layer of {} MiB of the same project again and again for {} s, as it did alone just before.",
            (LIMIT_KILOBITS * 1024) as f64 / 1e6,
            lab.sizes.limited_bytes / 1024,
            lab.sizes.stampede_bytes / MIB,
            lab.sizes.window.as_secs_f64() * 2.0
        ),
        &[
            "uplink, whole transfer, Mbit/s",
            "uplink, single seconds, Mbit/s",
            "seconds",
            "hit alone, GiB/s",
            "hit beside, GiB/s",
            "beside / alone",
        ],
        &[vec![
            figures.uplink.show(2),
            figures.of_a_second.show(2),
            figures.seconds.show(1),
            figures.alone.show(2),
            figures.beside.show(2),
            figures.share.show(2),
        ]],
    );
}
