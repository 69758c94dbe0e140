//! The default chain: where keys come from when the endpoint has none.

use std::time::{Duration, Instant};

use upstream::Endpoint;
use upstream::fake::cloud::{Aws, AwsCall};

use super::{KEY, SECRET, account, endpoint, gets_in, in_environment, sentence};

const ROLE: &str = "arn:aws:iam::123456789012:role/pod";

#[tokio::test]
async fn keys_come_from_the_environment() {
    let aws = Aws::start().await;
    aws.add_session(KEY, SECRET, "session-token", Duration::from_secs(900));
    let account = in_environment(
        &aws,
        &[
            ("AWS_ACCESS_KEY_ID", KEY),
            ("AWS_SECRET_ACCESS_KEY", SECRET),
            ("AWS_SESSION_TOKEN", "session-token"),
        ],
    );
    gets_in(&aws, &account).await;
    assert_eq!(aws.all_calls(), 1);
}

#[tokio::test]
async fn a_service_account_trades_its_token_for_a_role() {
    let aws = Aws::start().await;
    aws.add_web_identity(ROLE, "web-token");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "web-token\n").unwrap();
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ROLE_ARN", ROLE),
    ];
    gets_in(&aws, &in_environment(&aws, &variables)).await;
    assert_eq!(aws.calls(AwsCall::AssumeRoleWithWebIdentity), 1);
    assert_eq!(aws.all_calls(), 2);

    let other_role = [variables[0], ("AWS_ROLE_ARN", "arn:aws:iam::1:role/other")];
    let reason = sentence(&in_environment(&aws, &other_role)).await;
    assert!(reason.contains("trust policy"), "{reason}");
    std::fs::write(&file, "another-token").unwrap();
    let reason = sentence(&in_environment(&aws, &variables)).await;
    assert!(reason.contains("identity provider"), "{reason}");
    assert!(!reason.contains("another-token"), "{reason}");
    std::fs::remove_file(&file).unwrap();
    let reason = sentence(&in_environment(&aws, &variables)).await;
    assert!(reason.contains("cannot be read"), "{reason}");
}

#[tokio::test]
async fn a_service_account_may_assume_another_role() {
    let aws = Aws::start().await;
    aws.add_web_identity(ROLE, "web-token");
    let other = "arn:aws:iam::210987654321:role/shared";
    aws.add_role(other, None);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "web-token").unwrap();
    let endpoint = endpoint(&aws, |options| options.role_arn = Some(other.to_owned()));
    let variables = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", file.to_str().unwrap()),
        ("AWS_ROLE_ARN", ROLE),
    ];
    gets_in(&aws, &account(&endpoint, &variables)).await;
    assert_eq!(aws.calls(AwsCall::AssumeRole), 1);
    assert_eq!(aws.all_calls(), 3);
}

#[tokio::test]
async fn a_pod_identity_shows_the_agent_its_token() {
    let aws = Aws::start().await;
    aws.set_container_token("pod-token");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    std::fs::write(&file, "pod-token\n").unwrap();
    let url = aws.container_url();
    let variables = [
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", url.as_str()),
        (
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            file.to_str().unwrap(),
        ),
    ];
    gets_in(&aws, &in_environment(&aws, &variables)).await;
    assert_eq!(aws.calls(AwsCall::ContainerKeys), 1);
    assert_eq!(aws.all_calls(), 2);

    std::fs::write(&file, "another-token").unwrap();
    let reason = sentence(&in_environment(&aws, &variables)).await;
    assert!(reason.contains("agent answered 401"), "{reason}");
    assert!(!reason.contains("another-token"), "{reason}");
}

#[tokio::test]
async fn an_instance_has_its_role_from_the_metadata_service() {
    let aws = Aws::start().await;
    aws.set_instance_role(Some("node"));
    gets_in(&aws, &in_environment(&aws, &[])).await;
    let calls = [
        AwsCall::MetadataToken,
        AwsCall::MetadataRole,
        AwsCall::MetadataKeys,
        AwsCall::GetAuthorizationToken,
    ];
    assert_eq!(calls.map(|call| aws.calls(call)), [1; 4]);

    aws.set_instance_role(None);
    let reason = sentence(&in_environment(&aws, &[])).await;
    assert!(reason.contains("this instance has no role"), "{reason}");
}

#[tokio::test]
async fn an_endpoint_of_the_kind_uses_the_chain_by_itself() {
    let aws = Aws::start().await;
    aws.add_key(KEY, SECRET);
    let url = aws.url();
    let bare = Endpoint {
        options: upstream::Options::default(),
        ..endpoint(&aws, |_| {})
    };
    let variables = [
        ("AWS_ACCESS_KEY_ID", KEY),
        ("AWS_SECRET_ACCESS_KEY", SECRET),
        ("AWS_ENDPOINT_URL_ECR", url.as_str()),
    ];
    gets_in(&aws, &account(&bare, &variables)).await;
}

#[tokio::test]
async fn nothing_configured_is_a_sentence_about_what_to_configure() {
    let aws = Aws::start().await;
    let off = [("AWS_EC2_METADATA_DISABLED", "true")];
    let reason = sentence(&in_environment(&aws, &off)).await;
    assert!(reason.contains("give an access key"), "{reason}");
    assert_eq!(aws.all_calls(), 0);
}

#[tokio::test]
async fn a_metadata_service_that_never_answers_is_not_waited_for() {
    let aws = Aws::start().await;
    // Connections are taken by the system; nobody reads them.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = endpoint(&aws, |options| {
        options.metadata_endpoint = Some(format!("http://{}", silent.local_addr().unwrap()));
    });
    let account = account(&endpoint, &[]);
    let started = Instant::now();
    let reason = sentence(&account).await;
    assert!(started.elapsed() < Duration::from_secs(2));
    assert!(reason.contains("give an access key"), "{reason}");
    // And is left alone for a while.
    let started = Instant::now();
    assert_eq!(sentence(&account).await, reason);
    assert!(started.elapsed() < Duration::from_millis(900));
}
