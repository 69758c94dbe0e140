//! Keys, sessions and roles; private and public registries.

use std::time::Duration;

use upstream::fake::cloud::{Account, Aws, AwsCall};
use upstream::{Credential, Endpoint, Error, Kind};

use super::{KEY, SECRET, account, config, endpoint, gets_in, sentence, with_key};

#[tokio::test]
async fn a_wrong_key_is_told_apart_from_a_wrong_secret_and_a_session_that_is_over() {
    let aws = Aws::start().await;
    aws.add_key(KEY, SECRET);
    aws.add_session("ASIAOVER", SECRET, "session-token", Duration::ZERO);
    let session = |token: &'static str| {
        move |options: &mut upstream::AwsOptions| options.session_token = Some(token.into())
    };
    let table = [
        (
            with_key(&aws, "AKIANOBODY", SECRET, |_| {}),
            "access key is not known",
        ),
        (
            with_key(&aws, KEY, "wrong-secret", |_| {}),
            "secret does not belong",
        ),
        (
            with_key(&aws, "ASIAOVER", SECRET, session("session-token")),
            "session has expired",
        ),
        (
            with_key(&aws, "ASIAOVER", SECRET, |_| {}),
            "access key is not known",
        ),
        // The service's own message repeats the token.
        (
            with_key(&aws, "ASIAOVER", "wrong-secret", session("session-token")),
            "secret does not",
        ),
    ];
    for (account, expected) in table {
        let reason = sentence(&account).await;
        assert!(reason.contains(expected), "{reason}");
        for secret in [SECRET, "wrong-secret", "session-token"] {
            assert!(!reason.contains(secret), "{reason}");
        }
    }
}

#[tokio::test]
async fn a_session_gets_in_while_it_lasts() {
    let aws = Aws::start().await;
    aws.add_session("ASIAONE", SECRET, "session-token", Duration::from_secs(900));
    let account = with_key(&aws, "ASIAONE", SECRET, |options| {
        options.session_token = Some("session-token".into());
    });
    gets_in(&aws, &account).await;
}

#[tokio::test]
async fn a_role_is_assumed_with_the_external_id_it_asks_for() {
    let aws = Aws::start().await;
    aws.add_key(KEY, SECRET);
    let arn = "arn:aws:iam::210987654321:role/pull";
    aws.add_role(arn, Some("partner & co"));
    let account_with = |id: Option<&str>| {
        with_key(&aws, KEY, SECRET, |options| {
            options.role_arn = Some(arn.to_owned());
            options.external_id = id.map(str::to_owned);
        })
    };
    gets_in(&aws, &account_with(Some("partner & co"))).await;
    assert_eq!(aws.calls(AwsCall::AssumeRole), 1);
    assert_eq!(aws.calls(AwsCall::GetAuthorizationToken), 1);
    for id in [None, Some("other")] {
        let reason = sentence(&account_with(id)).await;
        assert!(reason.contains("trust policy"), "{reason}");
    }
    let wrong = with_key(&aws, KEY, "wrong-secret", |options| {
        options.role_arn = Some(arn.to_owned());
    });
    assert!(sentence(&wrong).await.contains("SignatureDoesNotMatch"));
    assert_eq!(aws.calls(AwsCall::GetAuthorizationToken), 1);
}

#[tokio::test]
async fn a_url_of_the_api_learns_where_the_registry_is() {
    let aws = Aws::start().await;
    aws.add_key(KEY, SECRET);
    aws.set_registry("http://127.0.0.1:5000");
    let variables = [
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
    ];
    let registry_of = async |url: &str| {
        let endpoint = Endpoint {
            url: url.to_owned(),
            ..endpoint(&aws, |_| {})
        };
        gets_in(&aws, &account(&endpoint, &variables))
            .await
            .registry
    };
    assert_eq!(
        registry_of("https://api.ecr.eu-west-1.amazonaws.com")
            .await
            .as_deref(),
        Some("http://127.0.0.1:5000/")
    );
    let private = "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com";
    assert_eq!(registry_of(private).await, None);
    // A name of one's own, in the region of the options.
    assert_eq!(registry_of("https://mirror.example").await, None);
}

#[tokio::test]
async fn a_host_without_a_region_asks_for_one() {
    let plain = Endpoint {
        url: "https://mirror.example".to_owned(),
        ..endpoint(&Aws::start().await, |options| options.region = None)
    };
    let outcome = Account::new(&plain, &config(&[])).map(drop);
    let Err(Error::Configuration { reason }) = outcome else {
        panic!("{outcome:?}");
    };
    assert!(reason.contains("auth.region"), "{reason}");
    let region = [("AWS_REGION", "eu-west-1")];
    assert!(Account::new(&plain, &config(&region)).unwrap().is_some());
}

#[tokio::test]
async fn other_kinds_show_what_was_typed_in() {
    let aws = Aws::start().await;
    let typed = Credential {
        username: "robot".to_owned(),
        secret: "secret".to_owned(),
    };
    let plain = Endpoint {
        kind: Kind::DockerRegistry,
        credential: Some(typed.clone()),
        options: upstream::Options::default(),
        ..endpoint(&aws, |_| {})
    };
    let robot = account(&plain, &[]);
    let shown = robot.current().await.unwrap();
    assert_eq!((&shown.credential, shown.number), (&typed, 0));
    assert_eq!(robot.newer_than(&shown).await, Ok(None));
    // As a user who has run `aws ecr get-login-password`.
    let token = Endpoint {
        kind: Kind::AwsEcr,
        credential: Some(Credential {
            username: "AWS".to_owned(),
            ..typed
        }),
        ..plain
    };
    assert_eq!(account(&token, &[]).current().await.unwrap().number, 0);
    assert_eq!(aws.all_calls(), 0);
}
