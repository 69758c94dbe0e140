//! A push: one large blob on its way in, hashed, written, and on disk before the answer.

use anyhow::Result;

use crate::content::Content;
use crate::lab::{Lab, MIB};
use crate::registry::{Upload, push_blob};
use crate::report::{Goal, Report, Samples, order};
use crate::say;
use crate::servers::{Role, Wire, docker_registry, roadstead};

#[derive(Clone, Default)]
struct Figures {
    seconds: Samples,
    cpu_secs: Samples,
}

pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let folders = [
        lab.empty_folder("roadstead")?,
        lab.empty_folder("docker-registry")?,
    ];
    let servers = [
        roadstead(lab, &folders[0], Role::Hosted, Wire::Plain).await?,
        docker_registry(lab, &folders[1], Role::Hosted, Wire::Plain).await?,
    ];
    let mut rows = Vec::new();
    let mut seed = 500;
    for (how, upload) in [
        ("docker: POST, PATCH (chunk-encoded), PUT", Upload::Patch),
        ("containerd: POST, PUT", Upload::Put),
    ] {
        let mut figures: [Figures; 2] = Default::default();
        for round in 0..lab.sizes.rounds {
            for place in order(round, servers.len()) {
                // New bytes each time: a blob that is there already may be taken more lightly.
                seed += 1;
                let blob = Content::new(seed, lab.sizes.large_bytes);
                let server = &servers[place];
                rustix::fs::sync();
                let cpu_before = server.process.cpu_secs()?;
                let took = push_blob(
                    &server.target,
                    &server.repository("bench/push"),
                    &blob,
                    upload,
                )
                .await?;
                let cpu = server.process.cpu_secs()? - cpu_before;
                let took = took.as_secs_f64();
                say(&format!("  {how}: {} {took:.2} s", server.name));
                figures[place].seconds.push(took);
                figures[place].cpu_secs.push(cpu);
            }
        }
        let [ours, peer] = &figures;
        rows.push(vec![
            how.to_owned(),
            ours.seconds.show(2),
            peer.seconds.show(2),
            format!("{:.1}x", peer.seconds.median() / ours.seconds.median()),
            ours.cpu_secs.show(2),
            peer.cpu_secs.show(2),
        ]);
        report.goal(
            &format!("Push, {}", how.split(':').next().unwrap_or(how)),
            format!(
                "{:.2} s, docker-registry {:.2} s",
                ours.seconds.median(),
                peer.seconds.median()
            ),
            peer.seconds.median() / ours.seconds.median(),
            "x",
            Goal::AtLeast(2.5),
        );
    }
    report.table(
        "Push",
        &format!(
            "One new blob of {} MiB, seconds until the registry has answered. Both have the file on disk by then (fsync), Roadstead \
             its folder too. CPU seconds are the server's.",
            lab.sizes.large_bytes / MIB
        ),
        &[
            "how",
            "Roadstead, s",
            "docker-registry, s",
            "faster by",
            "Roadstead, CPU s",
            "docker-registry, CPU s",
        ],
        &rows,
    );
    Ok(())
}
