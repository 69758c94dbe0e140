//! Manifest requests per second: what a thousand nodes that check a tag do to a registry.

use anyhow::Result;

use crate::content::Content;
use crate::lab::{Lab, MIB};
use crate::process::Server;
use crate::registry::push_image;
use crate::relay::Relay;
use crate::report::{Goal, Report, Samples, order};
use crate::say;
use crate::servers::{Role, Wire, docker_registry, nginx, roadstead};
use crate::wrk::wrk;

const CONNECTIONS: usize = 64;
const REPOSITORY: &str = "bench/small";

#[derive(Clone, Default)]
struct Figures {
    requests_per_second: Samples,
    p99_ms: Samples,
    cpu_microseconds: Samples,
    upstream_bytes_per_request: Samples,
}

/// One kind of request, at Roadstead and at its peer.
struct Case<'a> {
    what: &'static str,
    reference: String,
    ours: (&'a Server, &'a str),
    peer: &'a Server,
}

pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let layers = [Content::new(400, MIB)];
    let peer_hosted = docker_registry(
        lab,
        &lab.empty_folder("peer-hosted")?,
        Role::Hosted,
        Wire::Plain,
    )
    .await?;
    let digest = push_image(&peer_hosted.target, REPOSITORY, "1", &layers).await?;
    let relay = Relay::start(peer_hosted.address(), None).await?;
    let role = Role::Proxy(relay.address());
    let peer_proxy =
        docker_registry(lab, &lab.empty_folder("peer-proxy")?, role, Wire::Plain).await?;
    let ours_data = lab.empty_folder("roadstead")?;
    let hosting = roadstead(lab, &ours_data, Role::Hosted, Wire::Plain).await?;
    push_image(
        &hosting.target,
        &hosting.repository(REPOSITORY),
        "1",
        &layers,
    )
    .await?;
    drop(hosting);
    let ours = roadstead(lab, &ours_data, role, Wire::Plain).await?;
    let files = lab.empty_folder("files")?;
    let (_, manifest) = peer_hosted
        .target
        .connect()
        .await?
        .get(
            &format!("/v2/{REPOSITORY}/manifests/1"),
            &format!("Accept: {}\r\n", oci::media_type::ACCEPT_MANIFESTS),
        )
        .await?;
    std::fs::write(files.join("manifest"), &manifest)?;
    let floor = nginx(lab, &files, Wire::Plain).await?;

    let cases = [
        ("hosted, by tag", "1", "hosted", &peer_hosted),
        ("hosted, by digest", digest.as_str(), "hosted", &peer_hosted),
        ("proxy cache, by tag", "1", "cache", &peer_proxy),
        (
            "proxy cache, by digest",
            digest.as_str(),
            "cache",
            &peer_proxy,
        ),
    ]
    .map(|(what, reference, project, peer)| Case {
        what,
        reference: reference.to_owned(),
        ours: (&ours, project),
        peer,
    });
    let mut rows = Vec::new();
    for case in &cases {
        let paths = [
            format!(
                "/v2/{}/{REPOSITORY}/manifests/{}",
                case.ours.1, case.reference
            ),
            format!("/v2/{REPOSITORY}/manifests/{}", case.reference),
        ];
        let servers = [case.ours.0, case.peer];
        let mut figures: [Figures; 2] = Default::default();
        for round in 0..lab.sizes.rounds {
            for place in order(round, servers.len()) {
                ask(
                    lab,
                    servers[place],
                    &paths[place],
                    &relay,
                    &mut figures[place],
                )
                .await?;
            }
        }
        rows.push(row(case.what, &figures));
        let [a, b] = figures
            .each_ref()
            .map(|figures| figures.requests_per_second.median());
        report.goal(
            &format!("Manifests, {}: against docker-registry", case.what),
            format!("{a:.0} and {b:.0} requests/s"),
            a / b,
            "x",
            Goal::AtLeast(15.0),
        );
    }
    let mut file = Figures::default();
    for _ in 0..lab.sizes.rounds {
        ask(lab, &floor, "/manifest", &relay, &mut file).await?;
    }
    rows.push(vec![
        "nginx: the same bytes as a file, descriptor cached".to_owned(),
        file.requests_per_second.show(0),
        String::new(),
        String::new(),
        file.p99_ms.show(1),
        format!("{:.0}", file.cpu_microseconds.median()),
        "0".to_owned(),
    ]);
    report.table(
        "Manifests",
        &format!(
            "`GET` of a manifest of {} bytes, wrk with 2 threads and {CONNECTIONS} connections. Roadstead / docker-registry where a \
             cell has two. The proxy project has `revalidate_after: 10m`, so a cached tag asks nothing upstream; \
             docker-registry's proxy has no such setting and asks each time by tag.",
            manifest.len()
        ),
        &[
            "request",
            "Roadstead, requests/s",
            "docker-registry, requests/s",
            "ratio",
            "p99, ms",
            "server CPU, µs a request",
            "upstream bytes a request",
        ],
        &rows,
    );
    Ok(())
}

async fn ask(
    lab: &Lab,
    server: &Server,
    path: &str,
    relay: &Relay,
    figures: &mut Figures,
) -> Result<()> {
    let accept = format!("Accept: {}\r\n", oci::media_type::ACCEPT_MANIFESTS);
    let (head, _) = server.target.connect().await?.get(path, &accept).await?;
    head.expect(200, path)?;
    relay.take_bytes();
    let cpu_before = server.process.cpu_secs()?;
    let url = format!("http://{}{path}", server.address());
    let small = wrk(url, CONNECTIONS, lab.sizes.wrk_secs).await?;
    let requests = small.requests_per_second * lab.sizes.wrk_secs as f64;
    let cpu = server.process.cpu_secs()? - cpu_before;
    say(&format!(
        "  {} {path}: {:.0} requests/s",
        server.name, small.requests_per_second
    ));
    figures.requests_per_second.push(small.requests_per_second);
    figures.p99_ms.push(small.p99_ms);
    figures.cpu_microseconds.push(cpu * 1e6 / requests);
    figures
        .upstream_bytes_per_request
        .push(relay.take_bytes() as f64 / requests);
    Ok(())
}

fn row(what: &str, [ours, peer]: &[Figures; 2]) -> Vec<String> {
    let ratio = ours.requests_per_second.median() / peer.requests_per_second.median();
    vec![
        what.to_owned(),
        ours.requests_per_second.show(0),
        peer.requests_per_second.show(0),
        format!("{ratio:.1}x"),
        format!("{:.1} / {:.1}", ours.p99_ms.median(), peer.p99_ms.median()),
        format!(
            "{:.0} / {:.0}",
            ours.cpu_microseconds.median(),
            peer.cpu_microseconds.median()
        ),
        format!(
            "{:.0} / {:.0}",
            ours.upstream_bytes_per_request.median(),
            peer.upstream_bytes_per_request.median()
        ),
    ]
}
