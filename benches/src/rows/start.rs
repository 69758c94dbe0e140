//! Start to ready on a folder with data in it, and the memory of a server nobody talks to.

use std::time::Duration;

use anyhow::Result;

use crate::content::Content;
use crate::lab::{Lab, MIB};
use crate::registry::push_image;
use crate::report::{Goal, Report, Samples};
use crate::servers::{Role, Wire, docker_registry, roadstead};

/// Long enough for what a server does after its first answer.
const SETTLED_AFTER: Duration = Duration::from_secs(2);

pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let folders = [
        lab.empty_folder("roadstead")?,
        lab.empty_folder("docker-registry")?,
    ];
    let mut ready_ms: [Samples; 2] = Default::default();
    let mut idle_mib: [Samples; 2] = Default::default();
    for start in 0..=lab.sizes.starts {
        for (place, folder) in folders.iter().enumerate() {
            let server = match place {
                0 => roadstead(lab, folder, Role::Hosted, Wire::Plain).await?,
                _ => docker_registry(lab, folder, Role::Hosted, Wire::Plain).await?,
            };
            if start == 0 {
                let layers = [Content::new(600, MIB), Content::new(601, MIB)];
                push_image(
                    &server.target,
                    &server.repository("bench/start"),
                    "1",
                    &layers,
                )
                .await?;
                continue;
            }
            ready_ms[place].push(server.ready_after.as_secs_f64() * 1000.0);
            tokio::time::sleep(SETTLED_AFTER).await;
            idle_mib[place].push(server.process.rss_mib()?);
        }
    }
    report.goal(
        "Start to ready, existing data",
        format!("docker-registry {:.0} ms", ready_ms[1].median()),
        ready_ms[0].median(),
        " ms",
        Goal::AtMost(200.0),
    );
    report.goal(
        "Memory idle",
        format!("docker-registry {:.0} MiB", idle_mib[1].median()),
        idle_mib[0].median(),
        " MiB",
        Goal::AtMost(40.0),
    );
    report.table(
        "Start and idle memory",
        &format!(
            "From starting the process to its first answer (`/api/v2.0/ping`; `/v2/`) on a folder with an image in it; resident \
             memory {} s later. {} starts.",
            SETTLED_AFTER.as_secs(),
            lab.sizes.starts
        ),
        &["", "Roadstead", "docker-registry"],
        &[
            vec!["ready, ms".to_owned(), ready_ms[0].show(0), ready_ms[1].show(0)],
            vec!["idle, MiB".to_owned(), idle_mib[0].show(0), idle_mib[1].show(0)],
        ],
    );
    Ok(())
}
