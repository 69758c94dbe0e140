//! A cold pull: how long an image takes that nobody pulled before, against pulling it from upstream directly.

use anyhow::Result;

use crate::content::Content;
use crate::http::Target;
use crate::lab::{Lab, MIB};
use crate::registry::{pull_image, push_image};
use crate::relay::Relay;
use crate::report::{Goal, Report, Samples, order};
use crate::say;
use crate::servers::{Role, Wire, docker_registry, roadstead};

/// About what a gigabit line carries.
pub(crate) const LINE_BYTES_PER_SECOND: u64 = 120 * MIB;
const LAYERS: u64 = 4;
const CONTENDERS: [&str; 3] = ["direct", "Roadstead", "docker-registry"];

pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let layers: Vec<Content> = (0..LAYERS)
        .map(|layer| Content::new(100 + layer, lab.sizes.layer_bytes))
        .collect();
    let upstream = docker_registry(
        lab,
        &lab.empty_folder("upstream")?,
        Role::Hosted,
        Wire::Plain,
    )
    .await?;
    push_image(&upstream.target, "bench/image", "1", &layers).await?;

    let mut rows = Vec::new();
    for (line, rate) in [
        ("120 MiB/s (about 1 Gbit/s)", Some(LINE_BYTES_PER_SECOND)),
        ("unthrottled loopback", None),
    ] {
        let relay = Relay::start(upstream.address(), rate).await?;
        let mut seconds = <[Samples; 3]>::default();
        for round in 0..lab.sizes.rounds {
            for contender in order(round, CONTENDERS.len()) {
                let took = pull_cold(lab, contender, &relay).await?;
                say(&format!("  {line}: {} {took:.2} s", CONTENDERS[contender]));
                seconds[contender].push(took);
            }
        }
        let [direct, ours, peer] = &seconds;
        let ratio = ours.median() / direct.median();
        rows.push(vec![
            line.to_owned(),
            direct.show(2),
            ours.show(2),
            peer.show(2),
            format!("{ratio:.2}x"),
            format!("{:.2}x", peer.median() / direct.median()),
        ]);
        if rate.is_some() {
            report.goal(
                "Cold pull, against direct",
                format!("{:.2} s, direct {:.2} s", ours.median(), direct.median()),
                ratio,
                "x",
                Goal::AtMost(1.05),
            );
        }
    }
    report.table(
        "Cold pull",
        &format!(
            "One image of {LAYERS} layers of {} MiB, pulled as docker does it (manifest, then three blobs at a time, \
             every digest checked), seconds. Each round starts with an empty cache. The unthrottled line is no network: \
             client, proxy, upstream and the counting relay share the cores, so it shows what each hop costs in CPU.",
            lab.sizes.layer_bytes / MIB
        ),
        &[
            "line to upstream",
            "direct, s",
            "Roadstead, s",
            "docker-registry, s",
            "Roadstead / direct",
            "docker-registry / direct",
        ],
        &rows,
    );
    Ok(())
}

async fn pull_cold(lab: &Lab, contender: usize, relay: &Relay) -> Result<f64> {
    let data = lab.empty_folder("proxy")?;
    let role = Role::Proxy(relay.address());
    let proxy = match CONTENDERS[contender] {
        "direct" => None,
        "Roadstead" => Some(roadstead(lab, &data, role, Wire::Plain).await?),
        _ => Some(docker_registry(lab, &data, role, Wire::Plain).await?),
    };
    // The last round's dirty pages would be written on this one's time.
    rustix::fs::sync();
    let took = match &proxy {
        None => pull_image(&Target::plain(relay.address()), "bench/image", "1").await?,
        Some(proxy) => pull_image(&proxy.target, &proxy.repository("bench/image"), "1").await?,
    };
    Ok(took.as_secs_f64())
}
