//! When cached tags are checked and what is served where they cannot be, by a project's rules; and outage drills.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Method;
use tests::fake::{FakeUpstream, Image, Mode};
use tests::{Answer, Client, Setup, TestServer, data};

const HOUR_SECS: i64 = 3600;

fn layers(text: &str) -> Vec<Vec<u8>> {
    vec![text.as_bytes().to_vec()]
}

/// A proxy project of the endpoint `up` with these rules.
fn project(name: &str, rules: &str) -> String {
    format!("{{name: {name}, public: true, registry: up, freshness: {{{rules}}}}}")
}

fn setup(upstream: &FakeUpstream) -> Setup {
    Setup::new().endpoint("up", "docker-registry", &upstream.url())
}

/// The same server, for which all checks were so long ago; or are still to come, because the clock went back.
async fn aged(server: TestServer, secs: i64) -> TestServer {
    let micros = secs * 1_000_000;
    let server = server.restart().await;
    let statement = format!("UPDATE tags SET checked_at = checked_at - {micros}");
    data::change(&server.data(), &statement).await;
    // Who was asked then is who is asked now.
    let trusted = "UPDATE upstreams SET trusted_since = 0";
    data::change(&server.data(), trusted).await;
    server.restart().await
}

async fn pull(client: &Client, project: &str) -> Answer {
    client.manifest(&format!("{project}/app"), "latest").await
}

fn is_of(answer: &Answer, image: &Image) -> bool {
    answer.header("docker-content-digest") == image.manifest_digest.as_str()
}

/// Pulls until the answer is as wanted: what happens beside a pull is seen by the next ones.
async fn pulled_until(
    client: &Client,
    project: &str,
    is_wanted: impl Fn(&Answer) -> bool,
) -> Answer {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let answer = pull(client, project).await;
        if is_wanted(&answer) {
            return answer;
        }
        let (status, outcome) = (answer.status, answer.outcome());
        assert!(Instant::now() < deadline, "still {status} {outcome}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_pulls_of_a_tag_that_is_believed_for_a_minute_ask_once() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "latest", &layers("1"));
    let rules = "rules: [{tags: latest, revalidate: after, after: 60s}]";
    let setup = setup(&upstream).project(&project("hub", rules));
    let server = TestServer::start(setup).await;
    server.anonymous().pull("hub/app", "latest").await;
    let server = aged(server, HOUR_SECS).await;
    upstream.clear();
    let started = Instant::now();
    let client = server.anonymous();
    for _ in 0..10 {
        let answers = join_all((0..100).map(|_| pull(&client, "hub"))).await;
        assert!(answers.iter().all(|answer| is_of(answer, &image)));
    }
    assert!(
        started.elapsed() < Duration::from_secs(50),
        "too slow to tell"
    );
    assert_eq!(upstream.count("HEAD", "/manifests/latest"), 1);
    assert_eq!(upstream.count("GET", "/manifests/"), 0);
    let answer = pull(&client, "hub").await;
    assert_eq!(answer.outcome(), "hit");
    assert!(
        answer
            .header("age")
            .parse::<u64>()
            .is_ok_and(|age| age < 60)
    );
}

#[tokio::test]
async fn a_pull_beside_a_check_never_waits_for_upstream() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "latest", &layers("1"));
    let rules = "rules: [{tags: latest, revalidate: background, after: 60s}]";
    let setup = setup(&upstream).project(&project("hub", rules));
    let server = TestServer::start(setup).await;
    server.anonymous().pull("hub/app", "latest").await;
    let server = aged(server, HOUR_SECS).await;
    let client = server.anonymous();
    upstream.set_mode(Mode::Hang);
    upstream.clear();
    let first = pull(&client, "hub").await.expect(200);
    let reason = "hit; reason=\"being checked in the background\"";
    assert_eq!((first.outcome(), is_of(&first, &image)), (reason, true));
    let age: i64 = first.header("age").parse().expect("an age");
    assert!((HOUR_SECS..HOUR_SECS + 60).contains(&age), "{age}");
    let mut took = Vec::new();
    for _ in 0..51 {
        let started = Instant::now();
        let answer = pull(&client, "hub").await.expect(200);
        took.push(started.elapsed());
        assert!(is_of(&answer, &image));
        let outcome = answer.outcome();
        assert!(
            outcome == reason || outcome.starts_with("stale"),
            "{outcome}"
        );
    }
    took.sort();
    // The median: a busy machine may stop any single one for longer.
    assert!(took[25] < Duration::from_millis(50), "{took:?}");
    upstream.requests_are("HEAD", "/manifests/latest", 1).await;
    let is_unanswered = upstream.requests().iter().all(|seen| seen.status.is_none());
    assert!(is_unanswered, "no pull had an answer to wait for");
    // When it is back, a tag that has moved is found beside the pulls.
    let moved = upstream.push_image("app", "latest", &layers("2"));
    upstream.set_mode(Mode::Normal);
    let after = pulled_until(&client, "hub", |answer| is_of(answer, &moved)).await;
    assert_eq!(after.outcome(), "hit");
}

#[tokio::test]
async fn a_tag_that_never_moves_is_never_asked_about() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "latest", &layers("1"));
    let rules =
        "rules: [{tags: '{v*,latest}', revalidate: never}, {tags: latest, revalidate: always}]";
    let setup = setup(&upstream).project(&project("hub", rules));
    let server = TestServer::start(setup).await;
    server.anonymous().pull("hub/app", "latest").await;
    let server = aged(server, 30 * 24 * HOUR_SECS).await;
    upstream.push_image("app", "latest", &layers("2"));
    upstream.clear();
    let answer = pull(&server.anonymous(), "hub").await.expect(200);
    assert_eq!((answer.outcome(), is_of(&answer, &image)), ("hit", true));
    assert!(upstream.requests().is_empty());
}

#[tokio::test]
async fn a_clock_that_moved_by_a_day_loses_nothing() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "latest", &layers("1"));
    let stale = "stale: {max_age: 2d}";
    let setup = setup(&upstream)
        .project(&project("asks", stale))
        .project(&project(
            "beside",
            &format!("rules: [{{tags: '*', revalidate: background, after: 60s}}], {stale}"),
        ));
    let mut server = TestServer::start(setup).await;
    for project in ["asks", "beside"] {
        pull(&server.anonymous(), project).await.expect(200);
    }
    for day in [24 * HOUR_SECS, -24 * HOUR_SECS] {
        server = aged(server, day).await;
        let client = server.anonymous();
        upstream.set_mode(Mode::RefuseConnections);
        for project in ["beside", "asks", "beside"] {
            let answer = pull(&client, project).await.expect(200);
            assert!(is_of(&answer, &image), "{project} {day}");
        }
        upstream.set_mode(Mode::Normal);
        let answer = pulled_until(&client, "asks", |answer| answer.outcome() == "revalidated");
        assert!(is_of(&answer.await, &image));
    }
}

/// What each class of failure is called in the rules, what makes it, and what is answered where no copy may be served.
/// Once the breaker knows of an outage, the one who needs an answer gets it from upstream's silence.
const FAILURES: [(&str, &str, &[u16]); 8] = [
    ("unreachable", "refused connection", &[502]),
    ("unreachable", "no answer", &[504]),
    ("refused", "401", &[403]),
    ("refused", "403", &[403]),
    ("erring", "503", &[502]),
    ("erring", "a web page", &[502]),
    ("rate_limited", "429", &[429]),
    ("gone", "404", &[404]),
];
const CLASSES: [&str; 5] = ["unreachable", "refused", "erring", "rate_limited", "gone"];

fn fail(upstream: &FakeUpstream, failure: &str) {
    upstream.set_mode(match failure {
        "refused connection" => Mode::RefuseConnections,
        "no answer" => Mode::Hang,
        "a web page" => Mode::Html,
        "429" => Mode::Status(429, vec![("retry-after".to_owned(), "1".to_owned())]),
        status => Mode::Status(status.parse().expect("a status"), Vec::new()),
    });
}

/// Rules that serve after this class of failure alone, or after all others.
fn only(class: &str, is_served: bool) -> String {
    let flags = CLASSES.map(|other| format!("{other}: {}", (other == class) == is_served));
    flags.join(", ")
}

#[tokio::test]
async fn each_failure_is_served_through_by_the_rule_for_it_and_no_other() {
    let all = "unreachable: true, refused: true, erring: true, rate_limited: true, gone: true";
    let beside = "rules: [{tags: '*', revalidate: background}]";
    let mut fakes = Vec::new();
    let mut setup = Setup::new().answer_timeout(Duration::from_secs(5));
    for (number, (class, ..)) in FAILURES.iter().enumerate() {
        let upstream = FakeUpstream::start().await;
        upstream.push_image("app", "latest", &layers("1"));
        let up = format!("up{number}");
        setup = setup.endpoint(&up, "docker-registry", &upstream.url());
        for (name, rules) in [
            ("serve", format!("stale: {{{}}}", only(class, true))),
            ("refuse", format!("stale: {{{}}}", only(class, false))),
            ("young", format!("stale: {{{all}, max_age: 2h}}")),
            ("old", format!("stale: {{{all}, max_age: 30m}}")),
            (
                "besideserve",
                format!("{beside}, stale: {{{}}}", only(class, true)),
            ),
            (
                "besiderefuse",
                format!("{beside}, stale: {{{}}}", only(class, false)),
            ),
            (
                "besideold",
                format!("{beside}, stale: {{{all}, max_age: 30m}}"),
            ),
        ] {
            setup = setup.project(&format!(
                "{{name: {name}{number}, public: true, registry: {up}, freshness: {{{rules}}}}}"
            ));
        }
        fakes.push(upstream);
    }
    let server = TestServer::start(setup).await;
    let client = server.anonymous();
    for number in 0..FAILURES.len() {
        for name in [
            "serve",
            "refuse",
            "young",
            "old",
            "besideserve",
            "besiderefuse",
            "besideold",
        ] {
            pull(&client, &format!("{name}{number}")).await.expect(200);
        }
    }
    let server = aged(server, HOUR_SECS).await;
    let client = server.anonymous();
    let rows = FAILURES.iter().zip(&fakes).enumerate().map(
        |(number, ((class, failure, refused), upstream))| {
            let client = &client;
            async move {
                let mut wrong = Vec::new();
                let check = |name: &str, answer: &Answer, is_served: bool| {
                    let (status, outcome) = (answer.status.as_u16(), answer.outcome());
                    let age = answer.header("age").parse::<i64>();
                    let is_right = match is_served {
                        true => {
                            status == 200
                                && outcome.starts_with("stale; reason=")
                                && age.as_ref().is_ok_and(|age| *age >= HOUR_SECS)
                        }
                        false => refused.contains(&status),
                    };
                    let told = format!("{class}, {failure}, {name}: {status} {outcome} {age:?}");
                    (!is_right).then_some(told)
                };
                fail(upstream, failure);
                for (name, is_served) in [
                    ("serve", true),
                    ("refuse", false),
                    ("young", true),
                    ("old", false),
                ] {
                    let answer = pull(client, &format!("{name}{number}")).await;
                    wrong.extend(check(name, &answer, is_served));
                }
                // Beside a check, the first pull cannot know; those after it do.
                let first = pull(client, &format!("besideserve{number}")).await;
                if first.status != 200 {
                    wrong.push(format!("{class}, {failure}, beside: {}", first.status));
                }
                let name = format!("besideserve{number}");
                let next = pulled_until(client, &name, |answer| {
                    answer.outcome().starts_with("stale")
                })
                .await;
                wrong.extend(check("besideserve", &next, true));
                let name = format!("besiderefuse{number}");
                let next = pulled_until(client, &name, |answer| answer.status != 200).await;
                wrong.extend(check("besiderefuse", &next, false));
                // What is too old is not served while it is asked about.
                let answer = pull(client, &format!("besideold{number}")).await;
                wrong.extend(check("besideold", &answer, false));
                // Nothing of this has removed anything.
                upstream.set_mode(Mode::Normal);
                let name = format!("refuse{number}");
                pulled_until(client, &name, |answer| answer.status == 200).await;
                wrong
            }
        },
    );
    let wrong = join_all(rows).await.concat();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn in_an_outage_drill_an_upstream_is_down_until_it_ends() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "latest", &layers("1"));
    upstream.push_image("app", "other", &layers("2"));
    let setup = setup(&upstream)
        .project("{name: hub, public: true, registry: up}")
        .line("metric: {enabled: true, port: 0}");
    let server = TestServer::start(setup).await;
    let (client, admin) = (server.anonymous(), server.admin());
    pull(&client, "hub").await.expect(200);
    let listed = admin.get("/api/v2.0/registries").await.expect(200).json();
    let id = listed[0]["id"].as_i64().expect("a number");
    let drill = format!("/api/roadstead/v1/registries/{id}/drill");
    for (until, told) in [
        ("soon".to_owned(), "such as 2026-01-31T12:00:00Z"),
        ("2020-01-01T00:00:00Z".to_owned(), "within the next 7 days"),
        ("2200-01-01T00:00:00Z".to_owned(), "within the next 7 days"),
    ] {
        let body = serde_json::json!({ "until": until });
        let refused = admin.put(&drill, &body).await.expect(400);
        assert!(refused.message().contains(told), "{}", refused.message());
    }
    let until = chrono::Utc::now() + chrono::TimeDelta::hours(1);
    let body = serde_json::json!({ "until": until.to_rfc3339() });
    upstream.clear();
    let begun = admin.put(&drill, &body).await.expect(200).json();
    assert_eq!(begun["survives_restart"], false);
    let told = admin.get(&drill).await.expect(200).json();
    assert_eq!(told["until"], begun["until"]);
    let endpoint = admin.get(&format!("/api/v2.0/registries/{id}")).await;
    let endpoint = endpoint.expect(200).json();
    assert_eq!(endpoint["status"], "unhealthy");
    let reason = endpoint["status_reason"].as_str().expect("a reason");
    assert!(reason.starts_with("treated as down until "), "{reason}");

    let served = pull(&client, "hub").await.expect(200);
    assert!(is_of(&served, &image));
    assert_eq!(served.outcome(), format!("stale; reason=\"{reason}\""));
    let refused = client.manifest("hub/app", "other").await.expect(502);
    assert!(
        refused.message().contains("outage drill"),
        "{}",
        refused.message()
    );
    let layer = format!("/v2/hub/app/blobs/{}", image.layer_digests[0]);
    client.get(&layer).await.expect(502);
    assert!(upstream.requests().is_empty(), "nothing is sent");
    let metrics = Client::new(server.metrics_url().expect("metrics"), None);
    let scraped = metrics.get("/metrics").await.expect(200);
    let text = String::from_utf8_lossy(&scraped.body).into_owned();
    assert!(
        text.contains("roadstead_upstream_breaker_open{upstream=\"up\"} 1"),
        "{text}"
    );
    let is_counted =
        |line: &str| line.contains("upstream=\"up\"") && line.contains("\"unreachable\"");
    assert!(text.lines().any(is_counted), "{text}");

    admin.delete(&drill).await.expect(200);
    assert!(admin.get(&drill).await.expect(200).json()["until"].is_null());
    let answer = pull(&client, "hub").await.expect(200);
    assert_eq!(answer.outcome(), "revalidated");
    client
        .send(client.request(Method::GET, &layer))
        .await
        .expect(200);
    // It is not saved: who has locked himself out starts again.
    admin.put(&drill, &body).await.expect(200);
    let server = server.restart().await;
    let answer = pull(&server.anonymous(), "hub").await.expect(200);
    assert_eq!(answer.outcome(), "revalidated");
}
