//! Getting in at an upstream: a token per repository however many pull, renewed in time; a wrong password shown
//! once; and nothing of it to anybody else.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use http::Method;
use tests::fake::{FakeUpstream, Mode, Seen};
use tests::{ProcessServer, Setup, TestServer};

const USER: &str = "robot";
const SECRET: &str = "upstream-Secret-1";

fn hub(url: &str, secret: &str) -> Setup {
    Setup::new()
        .endpoint_as("up", "docker-registry", url, USER, secret)
        .proxy("hub", "up")
}

fn repositories() -> Vec<String> {
    (0..20).map(|number| format!("team/app{number}")).collect()
}

/// An upstream where each of the repositories has these tags, no two images alike.
async fn upstream_with(tags: &[&str]) -> FakeUpstream {
    let upstream = FakeUpstream::start().await;
    for repository in repositories() {
        for tag in tags {
            upstream.push_image(
                &repository,
                tag,
                &[format!("{repository}:{tag}").into_bytes()],
            );
        }
    }
    upstream
}

fn refused(upstream: &FakeUpstream) -> Vec<Seen> {
    let mut seen = upstream.requests();
    seen.retain(|seen| seen.status == Some(401));
    seen
}

fn shown(upstream: &FakeUpstream) -> Vec<Seen> {
    let mut seen = upstream.requests();
    seen.retain(|seen| seen.authorization.is_some());
    seen
}

/// In a process of its own: five hundred clients and all that is behind them are more files than one process may
/// open on most machines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_parallel_cold_pulls_from_twenty_repositories_take_twenty_tokens() {
    const TAGS: [&str; 5] = ["v1", "v2", "v3", "v4", "v5"];
    let upstream = upstream_with(&TAGS).await;
    upstream.require_bearer(USER, SECRET);
    upstream.set_token_life(Duration::from_secs(3600));
    // So slow that everybody is waiting before the first token comes.
    upstream.set_mode_for("/token", Mode::Delay(Duration::from_millis(500)));
    let server = ProcessServer::start(hub(&upstream.url(), SECRET)).await;
    let client = server.anonymous();
    let pull_all = |tags: &'static [&'static str], times: usize| {
        let pulls = repositories().into_iter().flat_map(|repository| {
            let pairs = tags
                .iter()
                .map(move |tag| (format!("hub/{repository}"), *tag));
            pairs.collect::<Vec<_>>()
        });
        let pulls = pulls.cycle().take(times).map(|(repository, tag)| {
            let client = client.clone();
            tokio::spawn(async move { client.pull(&repository, tag).await })
        });
        join_all(pulls.collect::<Vec<_>>())
    };
    for pulled in pull_all(&TAGS, 500).await {
        pulled.expect("no panic");
    }
    assert_eq!(upstream.token_requests(), 20);
    assert_eq!(upstream.count("GET", "/manifests/"), 100);

    // While they are valid nobody asks for more, for what is cached or for what is new.
    upstream.clear();
    for repository in repositories() {
        upstream.push_image(&repository, "new", &[b"new".to_vec()]);
    }
    for pulled in pull_all(&["v1", "new"], 40).await {
        pulled.expect("no panic");
    }
    assert!(upstream.count("HEAD", "/manifests/") >= 20);
    assert_eq!((upstream.token_requests(), refused(&upstream)), (0, vec![]));
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends_and_no_pull_is_refused() {
    let life = Duration::from_secs(8);
    let upstream = FakeUpstream::start().await;
    upstream.push_image("app", "v1", &[b"layer".to_vec()]);
    upstream.require_bearer(USER, SECRET);
    upstream.set_token_life(life);
    let server = TestServer::start(hub(&upstream.url(), SECRET)).await;
    let client = server.anonymous();
    let started = Instant::now();
    client.pull("hub/app", "v1").await;
    assert_eq!(upstream.token_requests(), 1);
    while upstream.token_requests() == 1 {
        assert!(started.elapsed() < life, "not renewed");
        let answer = client.manifest("hub/app", "v1").await.expect(200);
        assert_eq!(answer.outcome(), "revalidated");
        // A client's pace.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(started.elapsed() > life / 2, "renewed far too early");
    client.manifest("hub/app", "v1").await.expect(200);
    let last = shown(&upstream).pop().expect("it was asked");
    assert_eq!(last.authorization.as_deref(), Some("Bearer token-2"));
    let paths: Vec<_> = refused(&upstream)
        .into_iter()
        .map(|seen| seen.path)
        .collect();
    assert_eq!(paths, ["/v2/"], "refused once, to learn how to get in");
}

#[tokio::test]
async fn a_wrong_password_is_shown_once_however_many_pull_until_it_is_changed() {
    type Require = fn(&FakeUpstream);
    let schemes: [Require; 2] = [
        |upstream| upstream.require_bearer(USER, SECRET),
        |upstream| upstream.require_basic(USER, SECRET),
    ];
    for require in schemes {
        let upstream = upstream_with(&["v1", "v2", "v3", "v4", "v5"]).await;
        require(&upstream);
        let server = TestServer::start(hub(&upstream.url(), "wrong")).await;
        let client = server.anonymous();
        for _ in 0..2 {
            let pulls = (0..100).map(|turn| {
                let (client, repository) = (client.clone(), format!("hub/team/app{}", turn % 20));
                async move {
                    client
                        .manifest(&repository, &format!("v{}", turn / 20 + 1))
                        .await
                }
            });
            for answer in join_all(pulls).await {
                assert_eq!(answer.expect(403).code(), "DENIED");
            }
        }
        // An account may be locked after a few.
        assert_eq!(shown(&upstream).len(), 1);

        let server = server.restart_as(hub(&upstream.url(), SECRET)).await;
        server.anonymous().pull("hub/team/app7", "v1").await;
    }
}

#[tokio::test]
async fn neither_token_nor_password_follows_a_blob_to_another_host() {
    type Require = fn(&FakeUpstream);
    let schemes: [Require; 2] = [
        |upstream| upstream.require_bearer(USER, SECRET),
        |upstream| upstream.require_basic(USER, SECRET),
    ];
    for require in schemes {
        let (upstream, content) = (FakeUpstream::start().await, FakeUpstream::start().await);
        require(&upstream);
        let layer = vec![7; 4 * 1024 * 1024];
        let image = upstream.push_image("app", "v1", std::slice::from_ref(&layer));
        content.push_image("app", "v1", &[layer]);
        upstream.redirect_blobs_to(&content.url());
        // The layer breaks off once, so that its rest is asked for by the same way.
        let layer = image.layer_digests[0].as_str();
        content.set_mode_for(layer, Mode::CutOnce(3 * 1024 * 1024));
        let server = TestServer::start(hub(&upstream.url(), SECRET)).await;
        let client = server.anonymous();
        client
            .head(&format!("/v2/hub/app/blobs/{layer}"))
            .await
            .expect(200);
        client.pull("hub/app", "v1").await;

        let there = content.requests();
        assert!(there.iter().any(|seen| seen.method == Method::HEAD));
        assert!(there.iter().any(|seen| seen.range.is_some()));
        for seen in there {
            assert_eq!(
                (seen.authorization.as_deref(), seen.query.as_str()),
                (None, "signature=secret"),
                "{} {}",
                seen.method,
                seen.path
            );
        }
        let here = shown(&upstream);
        assert!(
            here.iter()
                .filter(|seen| seen.path.ends_with(layer))
                .count()
                >= 3
        );
    }
}

#[tokio::test]
async fn a_token_realm_on_another_private_host_gets_no_credentials() {
    let elsewhere = FakeUpstream::start().await;
    elsewhere.require_bearer(USER, SECRET);
    let (_, port) = elsewhere.url().rsplit_once(':').map(own).expect("a port");
    for realm in [
        format!("http://localhost:{port}/token"),
        format!("http://127.0.0.2:{port}/token"),
        format!("https://localhost:{port}/token"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://10.255.255.1/token".to_owned(),
        "http://[fd00:ec2::254]/token".to_owned(),
    ] {
        let upstream = FakeUpstream::start().await;
        upstream.push_image("app", "v1", &[]);
        upstream.require_bearer(USER, SECRET);
        upstream.set_token_realm(&realm);
        let server = TestServer::start(hub(&upstream.url(), SECRET)).await;
        let started = Instant::now();
        let answer = server
            .anonymous()
            .manifest("hub/app", "v1")
            .await
            .expect(502);
        assert!(
            answer.message().contains("its tokens are made at"),
            "{realm}: {}",
            answer.message()
        );
        // Nobody was dialled: an address that swallows packets would have been waited for.
        assert!(started.elapsed() < Duration::from_secs(4), "{realm}");
        assert_eq!(shown(&upstream), [], "{realm}");
    }
    // Nor does a realm send them on.
    let upstream = FakeUpstream::start().await;
    upstream.push_image("app", "v1", &[]);
    upstream.require_bearer(USER, SECRET);
    let location = ("location".to_owned(), format!("{}/token", elsewhere.url()));
    upstream.set_mode_for("/token", Mode::Status(307, vec![location]));
    let server = TestServer::start(hub(&upstream.url(), SECRET)).await;
    server
        .anonymous()
        .manifest("hub/app", "v1")
        .await
        .expect(502);
    assert_eq!(elsewhere.requests(), []);
}

fn own((left, right): (&str, &str)) -> (String, String) {
    (left.to_owned(), right.to_owned())
}

#[tokio::test]
async fn a_token_realm_over_plain_http_works_on_this_machine_by_number_and_by_name() {
    let upstream = FakeUpstream::start().await;
    let image = upstream.push_image("app", "v1", &[b"layer".to_vec()]);
    upstream.require_bearer(USER, SECRET);
    let by_name = upstream.url().replace("127.0.0.1", "localhost");
    for url in [upstream.url(), by_name] {
        upstream.clear();
        upstream.set_token_realm(&format!("{url}/token"));
        let server = TestServer::start(hub(&url, SECRET)).await;
        let pulled = server.anonymous().pull("hub/app", "v1").await;
        assert_eq!(pulled.digest, image.manifest_digest);
        let asked: Vec<_> = shown(&upstream)
            .into_iter()
            .filter(|seen| seen.path == "/token")
            .collect();
        assert_eq!(asked.len(), 1, "{url}");
        assert!(
            asked[0]
                .authorization
                .as_ref()
                .is_some_and(|header| header.starts_with("Basic "))
        );
    }
}
