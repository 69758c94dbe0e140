//! What some providers have that the table of all of them ([`crate::table`]) has no column for.

use upstream::fake::FakeUpstream;
use upstream::fake::cloud::Aws;
use upstream::{AuthOptions, Client, Credential, Endpoint, Error, Kind, Options, Patience};

use crate::{client, reference};

async fn pull(client: &Client) -> Result<(), Error> {
    let tag = reference("v1");
    client.manifest("a", &tag, Patience::Cold).await.map(drop)
}

#[tokio::test]
async fn a_test_of_a_wrong_amazon_key_says_that_it_is_the_key() {
    let (fake, aws) = (FakeUpstream::start().await, Aws::start().await);
    aws.add_key("AKIDRIGHT", "right");
    fake.require_basic("AWS", "what the key makes");
    let endpoint = Endpoint {
        kind: Kind::AwsEcr,
        credential: Some(Credential {
            username: "AKIDRIGHT".to_owned(),
            secret: "nonsense".to_owned(),
        }),
        options: Options {
            auth: Some(AuthOptions::Aws(Box::new(aws.options()))),
            ..Options::default()
        },
        ..fake.endpoint()
    };
    let told = client(endpoint).ping().await.unwrap_err().to_string();
    assert!(told.starts_with("credentials"), "{told}");
    assert!(!told.contains("nonsense"), "{told}");
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
