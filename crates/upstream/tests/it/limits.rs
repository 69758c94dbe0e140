//! How much of a registry is used at once, and what it lets us ask.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use oci::Digest;
use upstream::fake::{Entry, FakeUpstream, Mode};
use upstream::{Client, Endpoint, Error, FurtherCredential, Kind, Limits, Options, Patience};

use crate::{client, client_with, drain, reference, soon};

fn with_options(fake: &FakeUpstream, options: Options) -> Endpoint {
    Endpoint {
        options,
        ..fake.endpoint()
    }
}

fn blobs(fake: &FakeUpstream, count: usize, size: usize) -> Vec<Digest> {
    (0..count)
        .map(|number| fake.push_blob("a", vec![u8::try_from(number).unwrap(); size]))
        .collect()
}

async fn fetch(client: &Client, digest: &Digest) -> usize {
    let body = client.blob("a", digest, 0).await.unwrap();
    let (bytes, error) = drain(body).await;
    assert_eq!(error, None);
    bytes.len()
}

async fn check(client: &Client, tag: &str, patience: Patience) -> Result<(), Error> {
    let tag = reference(tag);
    client.head_manifest("a", &tag, patience).await.map(drop)
}

async fn pull(client: &Client, tag: &str) -> Result<(), Error> {
    let tag = reference(tag);
    client.manifest("a", &tag, Patience::Cold).await.map(drop)
}

#[tokio::test]
async fn no_more_requests_than_allowed_are_under_way_and_all_of_them_end_well() {
    let fake = FakeUpstream::start().await;
    let all = blobs(&fake, 40, 64 * 1024);
    fake.set_mode(Mode::Throttle(1024 * 1024));
    let options = Options {
        max_connections: Some(4),
        ..Options::default()
    };
    let client = client(with_options(&fake, options));
    for bytes in join_all(all.iter().map(|digest| fetch(&client, digest))).await {
        assert_eq!(bytes, 64 * 1024);
    }
    assert_eq!(fake.most_at_once(), 4);
}

#[tokio::test]
async fn a_project_has_its_own_limit_within_the_endpoints() {
    let fake = FakeUpstream::start().await;
    let all = blobs(&fake, 12, 64 * 1024);
    fake.set_mode(Mode::Throttle(1024 * 1024));
    let client = client(fake.endpoint()).within_limits(Limits::new(Some(2), None));
    join_all(all.iter().map(|digest| fetch(&client, digest))).await;
    assert_eq!(fake.most_at_once(), 2);
}

#[tokio::test]
async fn who_waits_too_long_for_a_turn_is_told_and_the_registry_is_not_blamed() {
    let fake = FakeUpstream::start().await;
    let all = blobs(&fake, 2, 1000);
    fake.set_mode(Mode::Gate);
    let options = Options {
        max_connections: Some(1),
        ..Options::default()
    };
    let client = client_with(with_options(&fake, options), |config| {
        config.queue_timeout = Duration::from_millis(50);
    });
    let first = client.blob("a", &all[0], 0).await.unwrap();
    let second = client.blob("a", &all[1], 0).await;
    assert_eq!(second.unwrap_err(), Error::Busy { limit: 1 });
    assert_eq!(client.breaker().outage(chrono::Utc::now()), None);
    fake.release_all();
    assert_eq!(drain(first).await.1, None);
    assert_eq!(fetch(&client, &all[1]).await, 1000);
}

#[tokio::test]
async fn many_bodies_share_the_bandwidth_of_their_endpoint() {
    let fake = FakeUpstream::start().await;
    let all = blobs(&fake, 8, 256 * 1024);
    // 2 MiB at 16 Mbit/s take a second; less the burst.
    let options = Options {
        bandwidth_kb: Some(16 * 1024),
        ..Options::default()
    };
    let client = client(with_options(&fake, options));
    let start = Instant::now();
    join_all(all.iter().map(|digest| fetch(&client, digest))).await;
    // The last chunk is handed over before its time is waited for, so only a lower bound is certain.
    assert!(
        start.elapsed() > Duration::from_millis(500),
        "{:?}",
        start.elapsed()
    );
}

/// A client of a line that carries a mebibyte in a second.
fn limited(fake: &FakeUpstream) -> Client {
    let options = Options {
        bandwidth_kb: Some(8192),
        ..Options::default()
    };
    client(with_options(fake, options))
}

/// The ranges of blobs that were asked for, in order.
fn ranges(fake: &FakeUpstream) -> Vec<Option<String>> {
    let seen = fake.requests().into_iter();
    let blobs = seen.filter(|seen| seen.path.contains("/blobs/"));
    blobs.map(|seen| seen.range).collect()
}

#[tokio::test]
async fn by_a_limited_line_no_more_is_asked_for_than_it_carries() {
    let fake = FakeUpstream::start().await;
    let bytes: Vec<u8> = (0..300 * 1024_u32).map(|at| (at % 251) as u8).collect();
    let digest = fake.push_blob("a", bytes.clone());
    let start = Instant::now();
    let body = limited(&fake).blob("a", &digest, 0).await.unwrap();
    assert_eq!((body.start, body.total), (0, Some(300 * 1024)));
    let (came, error) = drain(body).await;
    assert_eq!((came == bytes, error), (true, None));
    let asked = ["bytes=0-65535", "bytes=65536-196607", "bytes=196608-307199"];
    assert_eq!(ranges(&fake), asked.map(|range| Some(range.to_owned())));
    // The first two take 192 ms of the line, and it had saved up 250.
    assert!(start.elapsed() < Duration::from_secs(1));
    fake.clear();
    let body = limited(&fake).blob("a", &digest, 200_000).await.unwrap();
    let (came, error) = drain(body).await;
    assert_eq!((came == bytes[200_000..], error), (true, None));
    let asked = ["bytes=200000-265535", "bytes=265536-307199"];
    assert_eq!(ranges(&fake), asked.map(|range| Some(range.to_owned())));
}

#[tokio::test]
async fn a_registry_without_ranges_is_read_slowly_instead() {
    let fake = FakeUpstream::start().await;
    let digest = blobs(&fake, 1, 1024 * 1024).remove(0);
    fake.set_mode(Mode::NoRange);
    let start = Instant::now();
    assert_eq!(fetch(&limited(&fake), &digest).await, 1024 * 1024);
    assert_eq!(ranges(&fake).len(), 1);
    // All but the burst and the last chunk.
    assert!(start.elapsed() > Duration::from_millis(400));
}

#[tokio::test]
async fn of_nothing_there_are_no_slices() {
    let fake = FakeUpstream::start().await;
    let digest = fake.push_blob("a", Vec::new());
    assert_eq!(fetch(&limited(&fake), &digest).await, 0);
}

#[tokio::test]
async fn slices_that_stop_coming_are_an_error_and_no_shorter_blob() {
    let fake = FakeUpstream::start().await;
    let digest = blobs(&fake, 1, 1024 * 1024).remove(0);
    let client = limited(&fake);
    let body = client.blob("a", &digest, 0).await.unwrap();
    fake.delete_blob("a", &digest);
    let (came, error) = drain(body).await;
    assert_eq!((came.len(), error), (64 * 1024, Some(Error::NotFound)));
}

#[tokio::test]
async fn a_body_that_drips_is_given_up() {
    let fake = FakeUpstream::start().await;
    let digest = blobs(&fake, 1, 1024 * 1024).remove(0);
    // A few bytes twenty times a second: never silent.
    fake.set_mode(Mode::Throttle(100));
    let client = client_with(fake.endpoint(), |config| {
        config.stall_timeout = Duration::from_millis(500);
    });
    let body = client.blob("a", &digest, 0).await.unwrap();
    let (bytes, error) = soon(drain(body)).await;
    assert_eq!(error, Some(Error::Stalled));
    assert!(bytes.len() < 16 * 1024);
}

#[tokio::test]
async fn after_a_429_nobody_asks_until_it_is_over() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let retry = vec![("retry-after".to_owned(), "2".to_owned())];
    fake.set_mode(Mode::Status(429, retry));
    let client = client(fake.endpoint());
    assert!(matches!(
        pull(&client, "v1").await,
        Err(Error::RateLimited { .. })
    ));
    fake.set_mode(Mode::Normal);
    fake.clear();
    for patience in [Patience::Cold, Patience::Revalidate] {
        let outcome = check(&client, "v1", patience).await;
        let Err(Error::RateLimited {
            retry_after: Some(left),
        }) = outcome
        else {
            panic!("{outcome:?}")
        };
        assert!(left <= Duration::from_secs(2));
    }
    assert_eq!(fake.requests().len(), 0);
    assert!(client.budgets()[0].held_until.is_some());
    tokio::time::sleep(Duration::from_millis(2050)).await;
    pull(&client, "v1").await.unwrap();
    assert_eq!(client.budgets()[0].held_until, None);
}

#[tokio::test]
async fn at_docker_hub_a_limit_on_manifests_is_none_on_blobs() {
    let fake = FakeUpstream::start().await;
    let digest = blobs(&fake, 1, 1000).remove(0);
    for (kind, is_fetched) in [(Kind::DockerHub, true), (Kind::DockerRegistry, false)] {
        let client = client(Endpoint {
            kind,
            ..fake.endpoint()
        });
        fake.set_mode(Mode::Status(429, vec![]));
        pull(&client, "v1").await.unwrap_err();
        fake.set_mode(Mode::Normal);
        assert_eq!(
            client.blob("a", &digest, 0).await.is_ok(),
            is_fetched,
            "{kind}"
        );
    }
}

/// Two accounts, each with a password of its own name.
fn two_accounts(fake: &FakeUpstream) -> Client {
    fake.require_bearer_by(|user, password| match user == password {
        true => Entry::Granted,
        false => Entry::Refused,
    });
    let mut endpoint = with_options(
        fake,
        Options {
            credentials: vec![FurtherCredential {
                access_key: "two".to_owned(),
                access_secret: "two".into(),
            }],
            ..Options::default()
        },
    );
    endpoint.credential = Some(upstream::Credential {
        username: "one".to_owned(),
        secret: "one".to_owned(),
    });
    client(endpoint)
}

#[tokio::test]
async fn accounts_are_used_in_turn_and_the_next_steps_in_for_one_that_is_limited() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let client = two_accounts(&fake);
    fake.limit_rate(3, Duration::from_secs(60));
    for _ in 0..6 {
        pull(&client, "v1").await.unwrap();
    }
    let names: Vec<_> = client
        .budgets()
        .into_iter()
        .map(|budget| (budget.account, budget.remaining))
        .collect();
    assert_eq!(
        names,
        [
            (Some("one".to_owned()), Some(0)),
            (Some("two".to_owned()), Some(0))
        ]
    );
    // Both are spent: each is told so once, and then nobody asks.
    assert!(matches!(
        pull(&client, "v1").await,
        Err(Error::RateLimited { .. })
    ));
    fake.clear();
    let outcome = pull(&client, "v1").await;
    assert!(
        matches!(
            outcome,
            Err(Error::RateLimited {
                retry_after: Some(_)
            })
        ),
        "{outcome:?}"
    );
    assert_eq!(fake.requests().len(), 0);
}

#[tokio::test]
async fn an_account_with_a_wrong_password_hides_no_good_one() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let client = two_accounts(&fake);
    fake.require_bearer("two", "two");
    for _ in 0..4 {
        pull(&client, "v1").await.unwrap();
    }
    // The wrong one is not shown again for each.
    let refused = fake
        .requests()
        .into_iter()
        .filter(|seen| seen.path == "/token" && seen.status == Some(401));
    assert_eq!(refused.count(), 1);
}

#[tokio::test]
async fn near_the_end_of_a_budget_checks_are_spared_and_pulls_are_not() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let client = client(fake.endpoint());
    fake.limit_rate(100, Duration::from_secs(21600));
    check(&client, "v1", Patience::Revalidate).await.unwrap();
    for _ in 0..95 {
        pull(&client, "v1").await.unwrap();
    }
    fake.clear();
    check(&client, "v1", Patience::Revalidate).await.unwrap();
    for _ in 0..10 {
        let outcome = check(&client, "v1", Patience::Revalidate).await;
        assert!(matches!(outcome, Err(Error::Resting { .. })), "{outcome:?}");
    }
    assert_eq!(fake.requests().len(), 1);
    pull(&client, "v1").await.unwrap();
    assert_eq!(client.breaker().outage(chrono::Utc::now()), None);
}

#[tokio::test]
async fn a_403_to_a_token_that_had_worked_is_answered_with_a_new_one_once() {
    let fake = FakeUpstream::start().await;
    fake.require_bearer("robot", "secret");
    fake.push_image("a", "v1", &[]);
    let client = crate::client_as(&fake, "robot", "secret");
    pull(&client, "v1").await.unwrap();
    fake.set_mode_for("/manifests/", Mode::Status(403, vec![]));
    fake.clear();
    assert_eq!(
        pull(&client, "v1").await,
        Err(Error::Refused { status: 403 })
    );
    assert_eq!(fake.token_requests(), 1);
    // The new one never worked: it is its rights, not its age.
    assert_eq!(
        pull(&client, "v1").await,
        Err(Error::Refused { status: 403 })
    );
    assert_eq!(fake.token_requests(), 1);
}

#[tokio::test]
async fn an_identity_token_is_traded_in_a_form() {
    let fake = FakeUpstream::start().await;
    fake.require_bearer_by(|user, password| match (user, password) {
        ("<token>", "identity") => Entry::Granted,
        _ => Entry::Refused,
    });
    fake.push_image("a", "v1", &[]);
    let client = crate::client_as(&fake, "<token>", "identity");
    pull(&client, "v1").await.unwrap();
    assert_eq!(fake.count("POST", "/token"), 1);
    assert!(
        fake.requests()
            .iter()
            .all(|seen| !seen.query.contains("identity"))
    );
}

#[tokio::test]
async fn what_was_asked_can_be_counted() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let digest = blobs(&fake, 1, 1000).remove(0);
    let client = client(fake.endpoint());
    pull(&client, "v1").await.unwrap();
    pull(&client, "gone").await.unwrap_err();
    fetch(&client, &digest).await;
    let figures = client.figures();
    assert_eq!(
        figures.requests,
        [
            ("manifest", "ok", 1),
            ("manifest", "not_found", 1),
            ("blob", "ok", 1)
        ]
    );
    assert_eq!((figures.bytes, figures.is_open), (1000, false));
    assert_eq!(figures.latency.iter().sum::<u64>(), 3);
}
