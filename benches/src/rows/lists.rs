//! A registry with a million artifacts: what the portal lists, how soon it starts, and whether pulls notice.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::content::Content;
use crate::http::Connection;
use crate::lab::{Lab, MIB};
use crate::many::{self, Many};
use crate::process::Server;
use crate::registry::push_image;
use crate::report::{Goal, Report, Samples};
use crate::say;
use crate::servers::{Role, Wire, roadstead};

/// A page that is asked for again and again.
const CALLS: usize = 15;
/// Images with bytes, which pulls are counted of.
const PULLED: u64 = 1000;
const API: &str = "/api/v2.0";

#[derive(Clone, Copy, Default)]
struct Pulls {
    /// A pull of each image by its tag, none of which the server has looked up since it started.
    cold_ms: f64,
    /// The same again.
    hot_ms: f64,
}

pub(crate) async fn measure(lab: &Lab, report: &mut Report) -> Result<()> {
    let many = if lab.sizes.is_quick {
        Many::quick()
    } else {
        Many::full()
    };
    let data = lab.empty_folder("roadstead")?;
    let server = roadstead(lab, &data, Role::Hosted, Wire::Plain).await?;
    let layer = [Content::new(700, MIB)];
    for number in 0..PULLED {
        push_image(&server.target, &pulled(&server, number), "1", &layer).await?;
    }
    drop(server);
    let mut few = Vec::new();
    for _ in 0..lab.sizes.rounds {
        let server = roadstead(lab, &data, Role::Hosted, Wire::Plain).await?;
        few.push(pull(&server).await?);
    }

    say(&format!("  filling with {} artifacts", many.artifacts()));
    let started = Instant::now();
    many::fill(&data, many).await?;
    say(&format!(
        "  filled in {:.0} s",
        started.elapsed().as_secs_f64()
    ));
    let mut ready_ms = Samples::default();
    let mut lots = Vec::new();
    for _ in 0..lab.sizes.rounds {
        let server = roadstead(lab, &data, Role::Hosted, Wire::Plain).await?;
        ready_ms.push(server.ready_after.as_secs_f64() * 1000.0);
        lots.push(pull(&server).await?);
    }
    for _ in lab.sizes.rounds..lab.sizes.starts {
        let server = roadstead(lab, &data, Role::Hosted, Wire::Plain).await?;
        ready_ms.push(server.ready_after.as_secs_f64() * 1000.0);
    }

    let server = roadstead(lab, &data, Role::Hosted, Wire::Plain).await?;
    let mut rows = Vec::new();
    let mut slowest = (f64::NEG_INFINITY, String::new());
    let mut connection = server.target.connect().await?;
    for (what, path) in pages(many) {
        let (times, total) = ask(&mut connection, &path).await?;
        let most = times.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mut samples = Samples::default();
        times.into_iter().for_each(|time| samples.push(time));
        let median = samples.median();
        say(&format!("  {median:8.1} ms, {most:8.1} at most: {what}"));
        if median > slowest.0 {
            slowest = (median, what.clone());
        }
        rows.push(vec![
            what,
            total,
            format!("{median:.1}"),
            format!("{most:.1}"),
        ]);
    }
    let memory = server.process.rss_mib()?;
    report.goal(
        "A million artifacts: the slowest page of a list",
        slowest.1,
        slowest.0,
        " ms",
        Goal::AtMost(50.0),
    );
    report.goal(
        "A million artifacts: start to ready",
        format!("{} artifacts", many.artifacts()),
        ready_ms.median(),
        " ms",
        Goal::AtMost(300.0),
    );
    let median = |all: &[Pulls], figure: fn(&Pulls) -> f64| {
        let mut samples = Samples::default();
        all.iter().for_each(|pulls| samples.push(figure(pulls)));
        samples.median()
    };
    let mut pulls = Vec::new();
    let figures: [(&str, fn(&Pulls) -> f64); 2] = [
        ("first pull of each tag after a start", |it| it.cold_ms),
        ("second pull of each tag", |it| it.hot_ms),
    ];
    for (what, figure) in figures {
        let (with_few, with_lots) = (median(&few, figure), median(&lots, figure));
        report.goal(
            &format!("A million artifacts: {what}, against a thousand"),
            format!("{with_lots:.3} and {with_few:.3} ms"),
            with_lots / with_few,
            "x",
            Goal::AtMost(1.2),
        );
        pulls.push(vec![
            format!("{what}, ms"),
            format!("{with_few:.3}"),
            format!("{with_lots:.3}"),
        ]);
    }
    report.table(
        "Lists of a million artifacts",
        &format!(
            "{} artifacts in {} repositories of {} projects: the first project has {} of the repositories and {} artifacts, its \
             first repository {} artifacts, every other one twenty (images, charts, an index with its children, a \
             signature). {CALLS} calls of each page, one after the other; ten entries a page where nothing else is said. \
             The process has {memory:.0} MiB after all of them. Ready after {} ms.",
            many.artifacts(),
            many.repositories,
            many.projects,
            many.large_project,
            many.large_project_artifacts(),
            many.large_repository,
            ready_ms.show(0),
        ),
        &["page", "entries in all", "median, ms", "most, ms"],
        &rows,
    );
    report.table(
        "Pulls beside a million artifacts",
        &format!("`GET` of the manifest of each of {PULLED} images by its tag, one after the other; the median of each round."),
        &["", "a thousand artifacts", "a million"],
        &pulls,
    );
    Ok(())
}

/// What is asked, and by which path.
fn pages(many: Many) -> Vec<(String, String)> {
    let large = many::project(0);
    let repositories = format!("/projects/{large}/repositories");
    let of_repository = |number: u64| {
        let name = many::repository(number).replace('/', "%252F");
        format!("{repositories}/{name}/artifacts")
    };
    let (crowded, ordinary) = (of_repository(0), of_repository(1));
    let of_project = format!("/projects/{large}/artifacts");
    let last = |entries: u64| format!("page={}", (entries / 10).max(1));
    let half = |entries: u64| format!("page={}", (entries / 20).max(1));
    let listed = |artifacts: u64| artifacts / 20 * 17;
    let in_project = listed(many.large_project_artifacts());
    let in_repository = listed(many.large_repository);
    let config = "media_type%3Dapplication/vnd.oci.image.config.v1%252Bjson";
    let rare = many.repositories - 1;
    let mut pages = Vec::new();
    let mut add = |noun: &str, path: &str, kinds: &[(&str, String)]| {
        for (kind, query) in kinds {
            pages.push((format!("{noun}: {kind}"), format!("{API}{path}?{query}")));
        }
    };
    add(
        "all repositories",
        "/repositories",
        &[
            ("first page", String::new()),
            ("last page", last(many.repositories)),
            ("a hundred a page", "page_size=100".into()),
            ("by name", "sort=name".into()),
            (
                "by name, half-way",
                format!("sort=name&{}", half(many.repositories)),
            ),
            ("by last change", "sort=-update_time".into()),
            (
                "by last change, half-way",
                format!("sort=-update_time&{}", half(many.repositories)),
            ),
            ("most pulled", "sort=-pull_count".into()),
            ("name contains, one", format!("q=name%3D~app-{rare:05}")),
            ("name contains, many", "q=name%3D~team-1".into()),
            ("name contains, none", "q=name%3D~nothing".into()),
        ],
    );
    add(
        "a project's repositories",
        &repositories,
        &[
            ("first page", String::new()),
            ("last page", last(many.large_project)),
            ("by last change", "sort=-update_time".into()),
            (
                "most pulled, half-way",
                format!("sort=-pull_count&{}", half(many.large_project)),
            ),
            ("name contains, many", "q=name%3D~team-1".into()),
            ("name contains, none", "q=name%3D~nothing".into()),
        ],
    );
    add(
        "a repository's artifacts",
        &ordinary,
        &[("first page", String::new())],
    );
    add(
        "a crowded repository's artifacts",
        &crowded,
        &[
            ("first page", String::new()),
            ("last page", last(in_repository)),
            (
                "a hundred a page, with labels",
                "page_size=100&with_label=true".into(),
            ),
            ("largest first", "sort=-size".into()),
            (
                "last pulled, half-way",
                format!("sort=-pull_time&{}", half(in_repository)),
            ),
            ("charts", "q=type%3DCHART".into()),
            ("untagged", "q=tags%3Dnil".into()),
            ("tag contains", "q=tags%3D~v3.1".into()),
            ("with a label", "q=labels%3D(1001)".into()),
            ("children too", "q=base%3D*".into()),
        ],
    );
    add(
        "a project's artifacts",
        &of_project,
        &[
            ("first page", String::new()),
            ("half-way", half(in_project)),
            ("last page", last(in_project)),
            ("largest first", "sort=-size".into()),
            ("last pulled", "sort=-pull_time".into()),
            ("charts", "q=type%3DCHART".into()),
            ("images", "q=type%3DIMAGE".into()),
            ("of a media type", format!("q={config}")),
            ("tagged", "q=tags%3D*".into()),
            ("untagged", "q=tags%3Dnil".into()),
            ("tag contains", "q=tags%3D~v3.1999".into()),
            ("with a label", "q=labels%3D(1001)".into()),
            (
                "the newest of each repository",
                format!("latest_in_repository=true&q={config}"),
            ),
        ],
    );
    add(
        "search",
        "/search",
        &[
            ("one", format!("q=app-{rare:05}")),
            ("many", "q=team-1".into()),
            ("none", "q=nothing".into()),
        ],
    );
    add(
        "projects",
        "/projects",
        &[
            ("first page", String::new()),
            ("a hundred a page", "page_size=100&page=2".into()),
            ("name contains", "name=many-00".into()),
        ],
    );
    add("statistics", "/statistics", &[("all", String::new())]);
    pages
}

/// The times of all calls, in milliseconds, and how many entries there are in all.
async fn ask(connection: &mut Connection, path: &str) -> Result<(Vec<f64>, String)> {
    let mut times = Vec::new();
    let mut total = String::new();
    for _ in 0..CALLS {
        let started = Instant::now();
        let (head, body) = connection.get(path, "").await?;
        times.push(milliseconds(started.elapsed()));
        let head = head
            .expect(200, path)
            .with_context(|| String::from_utf8_lossy(&body).into_owned())?;
        total = head.header("x-total-count").unwrap_or_default().to_owned();
    }
    Ok((times, total))
}

/// On a server that has just started.
async fn pull(server: &Server) -> Result<Pulls> {
    let accept = format!("Accept: {}\r\n", oci::media_type::ACCEPT_MANIFESTS);
    let mut connection = server.target.connect().await?;
    let mut rounds = [0.0; 2];
    for round in &mut rounds {
        let mut samples = Samples::default();
        for number in 0..PULLED {
            let path = format!("/v2/{}/manifests/1", pulled(server, number));
            let started = Instant::now();
            let (head, _) = connection.get(&path, &accept).await?;
            samples.push(milliseconds(started.elapsed()));
            head.expect(200, &path)?;
        }
        *round = samples.median();
    }
    let [cold_ms, hot_ms] = rounds;
    Ok(Pulls { cold_ms, hot_ms })
}

fn pulled(server: &Server, number: u64) -> String {
    server.repository(&format!("pulled/image-{number:04}"))
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
