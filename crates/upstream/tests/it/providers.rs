//! Pulls with what the providers' token services make, and what that costs in calls.

use std::sync::Arc;

use upstream::fake::cloud::{Aws, AwsCall};
use upstream::fake::{Entry, FakeUpstream};
use upstream::{AuthOptions, Client, Credential, Endpoint, Error, Kind, Options, Patience};

use crate::{client, reference};

async fn pull(client: &Client) -> Result<(), Error> {
    let tag = reference("v1");
    client.manifest("a", &tag, Patience::Cold).await.map(drop)
}

/// A registry that takes what `aws` makes, and the endpoint for it at `url` with this access key.
async fn ecr(url: Option<&str>, key: &str, secret: &str) -> (FakeUpstream, Arc<Aws>, Client) {
    let (fake, aws) = (FakeUpstream::start().await, Arc::new(Aws::start().await));
    fake.push_image("a", "v1", &[]);
    aws.add_key("AKIDRIGHT", "right");
    aws.set_registry(&fake.url());
    let door = Arc::clone(&aws);
    fake.require_basic_by(move |user, password| match door.accepts(user, password) {
        true => Entry::Granted,
        false => Entry::Forbidden,
    });
    let options = upstream::AwsOptions {
        region: Some("eu-west-1".to_owned()),
        ..aws.options()
    };
    let endpoint = Endpoint {
        kind: Kind::AwsEcr,
        url: url.map_or_else(|| fake.url(), str::to_owned),
        credential: Some(Credential {
            username: key.to_owned(),
            secret: secret.to_owned(),
        }),
        options: Options {
            auth: Some(AuthOptions::Aws(Box::new(options))),
            ..Options::default()
        },
        ..fake.endpoint()
    };
    let client = client(endpoint);
    (fake, aws, client)
}

#[tokio::test]
async fn ecr_is_pulled_from_with_one_token_however_many_pulls() {
    for url in [None, Some("https://api.ecr.eu-west-1.amazonaws.com")] {
        let (_fake, aws, client) = ecr(url, "AKIDRIGHT", "right").await;
        for _ in 0..20 {
            pull(&client).await.unwrap();
        }
        client.ping().await.unwrap();
        let calls = aws.calls(AwsCall::GetAuthorizationToken);
        // Where the registry is costs one more, once.
        assert_eq!(calls, if url.is_some() { 2 } else { 1 }, "{url:?}");
    }
}

#[tokio::test]
async fn an_ecr_token_that_is_refused_is_replaced_within_the_pull() {
    let (fake, aws, client) = ecr(None, "AKIDRIGHT", "right").await;
    pull(&client).await.unwrap();
    // A fresh token that is refused is not to blame; an older one is.
    tokio::time::sleep(std::time::Duration::from_millis(10_100)).await;
    aws.revoke_tokens();
    fake.clear();
    pull(&client).await.unwrap();
    assert_eq!(aws.calls(AwsCall::GetAuthorizationToken), 2);
}

#[tokio::test]
async fn a_wrong_amazon_key_is_told_as_such_and_never_reaches_the_registry() {
    let (fake, _aws, client) = ecr(None, "AKIDRIGHT", "nonsense").await;
    let error = pull(&client).await.unwrap_err();
    assert!(matches!(error, Error::Credential { .. }), "{error:?}");
    let told = client.ping().await.unwrap_err().to_string();
    assert!(told.starts_with("credentials"), "{told}");
    assert!(!told.contains("nonsense"), "{told}");
    assert_eq!(fake.count("GET", "/manifests/"), 0);
    assert_eq!(client.breaker().outage(), None);
}

#[tokio::test]
async fn quay_takes_a_robot_or_harbors_file() {
    let fake = FakeUpstream::start().await;
    fake.push_image("a", "v1", &[]);
    fake.require_bearer("team+robot", "token");
    let file = r#"{"account_name": "team+robot", "docker_cli_password": "token"}"#;
    for (username, secret) in [("team+robot", "token"), ("json_file", file)] {
        let endpoint = Endpoint {
            kind: Kind::Quay,
            credential: Some(Credential {
                username: username.to_owned(),
                secret: secret.to_owned(),
            }),
            ..fake.endpoint()
        };
        pull(&client(endpoint)).await.unwrap();
    }
    let broken = Endpoint {
        kind: Kind::Quay,
        credential: Some(Credential {
            username: "json_file".to_owned(),
            secret: "token".to_owned(),
        }),
        ..fake.endpoint()
    };
    let error = Client::new(broken, &upstream::Config::default()).unwrap_err();
    assert!(error.to_string().contains("docker_cli_password"), "{error}");
}
