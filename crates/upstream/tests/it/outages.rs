//! Outages: noticed in time, remembered, and over by themselves.

use std::time::{Duration, Instant};

use chrono::Utc;
use upstream::fake::{FakeUpstream, Mode};
use upstream::{Client, Error, Patience, Verdict};

use crate::{client, reference, soon};

async fn revalidate(client: &Client) -> Result<(), Error> {
    client
        .head_manifest("a", &reference("v1"), Patience::Revalidate)
        .await
        .map(drop)
}

fn is_skip(verdict: &Verdict) -> bool {
    matches!(verdict, Verdict::Skip { .. })
}

/// Waits out the breaker's pause, whatever it is.
async fn until_probe(client: &Client) {
    while !matches!(
        client.breaker().allows(Utc::now()),
        Verdict::SkipAndProbe { .. }
    ) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn a_registry_that_never_answers_costs_two_seconds_once() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    fake.set_mode(Mode::Hang);
    let client = fake.client().unwrap();
    assert_eq!(client.breaker().allows(Utc::now()), Verdict::Ask);
    let start = Instant::now();
    assert_eq!(revalidate(&client).await, Err(Error::Timeout));
    assert!(
        start.elapsed() < Duration::from_secs(3),
        "{:?}",
        start.elapsed()
    );
    assert!(is_skip(&client.breaker().allows(Utc::now())));

    // Healthy again: the probe finds out, no request of anybody's is risked.
    fake.set_mode(Mode::Normal);
    soon(until_probe(&client)).await;
    assert!(is_skip(&client.breaker().allows(Utc::now())));
    client.probe().await;
    assert_eq!(client.breaker().allows(Utc::now()), Verdict::Ask);
    revalidate(&client).await.unwrap();
}

#[tokio::test]
async fn a_closed_port_is_noticed_at_once_and_its_return_too() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let client = fake.client().unwrap();
    revalidate(&client).await.unwrap();
    fake.set_mode(Mode::RefuseConnections);
    let error = revalidate(&client).await.unwrap_err();
    assert!(
        matches!(&error, Error::Unreachable { reason, .. } if reason.contains("refused")),
        "{error:?}"
    );
    assert!(is_skip(&client.breaker().allows(Utc::now())));
    fake.start_again();
    // A request that has no copy to serve is sent all the same, and closes the breaker.
    client
        .manifest("a", &reference("v1"), Patience::Cold)
        .await
        .unwrap();
    assert_eq!(client.breaker().allows(Utc::now()), Verdict::Ask);
}

#[tokio::test]
async fn a_client_is_made_while_its_registry_is_away() {
    let fake = FakeUpstream::start().await;
    fake.set_mode(Mode::RefuseConnections);
    let client = fake.client().unwrap();
    assert!(matches!(
        client.ping().await.map_err(|failed| failed.error),
        Err(Error::Unreachable { .. })
    ));
}

#[tokio::test]
async fn no_tls_where_tls_was_expected_is_an_outage() {
    let fake = FakeUpstream::start().await;
    let mut endpoint = fake.endpoint();
    endpoint.url = format!("https://{}", fake.host());
    let client = client(endpoint);
    let error = revalidate(&client).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.is_outage());
    assert!(is_skip(&client.breaker().allows(Utc::now())));
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_an_outage() {
    let fake = FakeUpstream::start().await;
    let mut endpoint = fake.endpoint();
    endpoint.url = "https://registry.invalid".to_owned();
    let error = revalidate(&client(endpoint)).await.unwrap_err();
    assert!(error.is_outage(), "{error:?}");
}

#[tokio::test]
async fn a_kept_connection_that_was_closed_is_nobodys_failure() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    let client = fake.client().unwrap();
    for _ in 0..20 {
        revalidate(&client).await.unwrap();
        fake.cut_connections();
    }
}

#[tokio::test]
async fn a_rate_limit_is_passed_on_and_kept_to() {
    let fake = FakeUpstream::start().await;
    let client = fake.client().unwrap();
    fake.set_mode(Mode::Status(429, vec![("retry-after".into(), "7".into())]));
    let error = revalidate(&client).await.unwrap_err();
    assert_eq!(
        error,
        Error::RateLimited {
            retry_after: Some(Duration::from_secs(7))
        }
    );
    let now = Utc::now();
    assert!(is_skip(
        &client.breaker().allows(now + Duration::from_secs(6))
    ));
    assert_eq!(
        client.breaker().allows(now + Duration::from_secs(8)),
        Verdict::Ask
    );
}

#[tokio::test]
async fn three_server_errors_pause_the_questions_and_a_refusal_does_not() {
    let fake = FakeUpstream::start().await;
    let client = fake.client().unwrap();
    fake.set_mode(Mode::Status(403, vec![]));
    for _ in 0..5 {
        revalidate(&client).await.unwrap_err();
    }
    assert_eq!(client.breaker().allows(Utc::now()), Verdict::Ask);
    fake.set_mode(Mode::Status(502, vec![]));
    for _ in 0..3 {
        assert_eq!(client.breaker().allows(Utc::now()), Verdict::Ask);
        revalidate(&client).await.unwrap_err();
    }
    assert!(is_skip(&client.breaker().allows(Utc::now())));
}
