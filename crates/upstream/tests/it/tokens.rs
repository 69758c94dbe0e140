//! Getting in: once per repository, whoever waits; and a wrong password is not tried again and again.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use upstream::fake::{FakeUpstream, Mode};
use upstream::{Client, Error, Patience};

use crate::{client_as, reference, soon};

async fn pull(client: &Client, repository: &str) -> Result<(), Error> {
    client
        .manifest(repository, &reference("v1"), Patience::Cold)
        .await
        .map(drop)
}

fn unauthorized(fake: &FakeUpstream) -> usize {
    fake.requests()
        .iter()
        .filter(|seen| seen.status == Some(401))
        .count()
}

#[tokio::test]
async fn five_hundred_pulls_of_twenty_repositories_take_twenty_tokens() {
    let fake = FakeUpstream::start().await;
    fake.require_bearer("robot", "secret");
    let repositories: Vec<_> = (0..20).map(|number| format!("team/app{number}")).collect();
    for repository in &repositories {
        fake.push_image(repository, "v1", &[]);
    }
    let client = client_as(&fake, "robot", "secret");
    let pulls = (0..500).map(|number| pull(&client, &repositories[number % 20]));
    for outcome in join_all(pulls).await {
        outcome.unwrap();
    }
    assert_eq!(fake.token_requests(), 20);
    // Warm: no token, no 401.
    fake.clear();
    for repository in &repositories {
        pull(&client, repository).await.unwrap();
    }
    assert_eq!(fake.requests().len(), 20);
}

#[tokio::test]
async fn what_one_repository_taught_the_next_need_not_learn() {
    let fake = FakeUpstream::start().await;
    fake.require_anonymous_bearer();
    for repository in ["a", "b"] {
        fake.push_image(repository, "v1", &[]);
    }
    let client = fake.client().unwrap();
    pull(&client, "a").await.unwrap();
    assert_eq!((unauthorized(&fake), fake.token_requests()), (1, 1));
    pull(&client, "b").await.unwrap();
    assert_eq!((unauthorized(&fake), fake.token_requests()), (1, 2));
    let token = &fake.requests()[1];
    assert_eq!(token.query, "service=fake&scope=repository%3Aa%3Apull");
    assert_eq!(token.authorization, None);
}

#[tokio::test]
async fn a_token_is_renewed_before_it_ends() {
    let fake = FakeUpstream::start().await;
    fake.require_anonymous_bearer();
    fake.set_token_life(Duration::from_secs(2));
    fake.push_image("a", "v1", &[]);
    let client = fake.client().unwrap();
    pull(&client, "a").await.unwrap();
    // Past three quarters of its life, before its end.
    tokio::time::sleep(Duration::from_millis(1600)).await;
    pull(&client, "a").await.unwrap();
    assert_eq!((unauthorized(&fake), fake.token_requests()), (1, 2));
}

#[tokio::test]
async fn what_does_not_exist_behind_tokens_costs_one_token() {
    let fake = FakeUpstream::start().await;
    fake.require_anonymous_bearer();
    fake.deny("library/typo");
    let client = fake.client().unwrap();
    for _ in 0..5 {
        assert_eq!(
            pull(&client, "library/typo").await,
            Err(Error::Refused { status: 401 })
        );
    }
    assert_eq!(fake.token_requests(), 1);
}

#[tokio::test]
async fn a_waiter_that_leaves_takes_no_token_from_the_others() {
    let fake = FakeUpstream::start().await;
    fake.require_anonymous_bearer();
    for repository in ["a", "b"] {
        fake.push_image(repository, "v1", &[]);
    }
    let client = fake.client().unwrap();
    // The client knows the way in, so that both go for a token before anything else.
    pull(&client, "b").await.unwrap();
    fake.clear();
    fake.set_mode_for("/token", Mode::Delay(Duration::from_millis(300)));
    let mut first = Box::pin(pull(&client, "a"));
    let mut second = Box::pin(pull(&client, "a"));
    tokio::select! {
        outcome = &mut first => panic!("before its token was made: {outcome:?}"),
        () = fake.requests_are("GET", "/token", 1) => {}
    }
    assert_eq!((&mut second).now_or_never(), None);
    drop(first);
    soon(second).await.unwrap();
    assert_eq!(
        (fake.token_requests(), fake.count("GET", "/manifests/")),
        (1, 1)
    );

    // And when all have left, the next begins anew.
    fake.push_image("c", "v1", &[]);
    let mut alone = Box::pin(pull(&client, "c"));
    tokio::select! {
        outcome = &mut alone => panic!("before its token was made: {outcome:?}"),
        () = fake.requests_are("GET", "/token", 2) => {}
    }
    drop(alone);
    soon(pull(&client, "c")).await.unwrap();
}

#[tokio::test]
async fn a_credential_is_used_where_strangers_are_served_too() {
    let fake = FakeUpstream::start().await;
    fake.push_image("public", "v1", &[]);
    fake.require_bearer("robot", "secret");
    fake.add_mode_for("/v2/public/", Mode::Status(404, vec![]));
    let client = client_as(&fake, "robot", "secret");
    pull(&client, "public").await.unwrap_err();
    let asked = fake.requests();
    let paths: Vec<_> = asked.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(paths, ["/v2/", "/token", "/v2/public/manifests/v1"]);
    assert!(
        asked[2]
            .authorization
            .as_ref()
            .unwrap()
            .starts_with("Bearer ")
    );
}

#[tokio::test]
async fn a_token_service_fails_in_its_own_words() {
    let fake = FakeUpstream::start().await;
    fake.require_anonymous_bearer();
    let table = [
        (404, Error::Failed { status: 404 }),
        (403, Error::Refused { status: 403 }),
        (429, Error::RateLimited { retry_after: None }),
        (500, Error::Failed { status: 500 }),
        (302, Error::Failed { status: 302 }),
    ];
    for (status, expected) in table {
        fake.set_mode_for("/token", Mode::Status(status, vec![]));
        assert_eq!(
            pull(&fake.client().unwrap(), "a").await,
            Err(expected),
            "{status}"
        );
    }
    fake.set_mode_for("/token", Mode::Html);
    assert!(matches!(
        pull(&fake.client().unwrap(), "a").await,
        Err(Error::BadAnswer { .. })
    ));
    fake.set_mode_for("/token", Mode::Hang);
    let client = fake.client().unwrap();
    let outcome = client
        .head_manifest("a", &reference("v1"), Patience::Revalidate)
        .await;
    assert_eq!(outcome, Err(Error::Timeout));
}

#[tokio::test]
async fn a_ping_tells_a_wrong_credential_from_none() {
    let fake = FakeUpstream::start().await;
    type Require = fn(&FakeUpstream);
    let schemes: [Require; 2] = [
        |fake| fake.require_basic("u", "p"),
        |fake| fake.require_bearer("u", "p"),
    ];
    for require in schemes {
        require(&fake);
        client_as(&fake, "u", "p").ping().await.unwrap();
        fake.client().unwrap().ping().await.unwrap();
        assert_eq!(
            client_as(&fake, "u", "wrong")
                .ping()
                .await
                .map_err(|failed| failed.error),
            Err(Error::Refused { status: 401 })
        );
    }
    fake.set_mode(Mode::Status(500, vec![]));
    assert_eq!(
        fake.client()
            .unwrap()
            .ping()
            .await
            .map_err(|failed| failed.error),
        Err(Error::Failed { status: 500 })
    );
}
