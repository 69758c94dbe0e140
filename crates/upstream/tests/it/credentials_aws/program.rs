//! Programs in docker's credential-helper protocol.

use upstream::fake::cloud::{Account, Aws};
use upstream::{AuthOptions, Config, Endpoint, Error};

use super::{config, endpoint, sentence};
use crate::soon;

const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/bin");

fn asking(helper: &str) -> Endpoint {
    Endpoint {
        id: 1,
        name: "helped".to_owned(),
        kind: upstream::Kind::DockerRegistry,
        url: "https://registry.example:5000/prefix".to_owned(),
        credential: None,
        is_insecure: false,
        ca_certificate: None,
        options: upstream::Options {
            auth: Some(AuthOptions::Exec {
                helper: helper.to_owned(),
            }),
            ..upstream::Options::default()
        },
    }
}

fn behaving(behaviour: &str, more: &[(&str, &str)]) -> Account {
    let path = format!("{DIRECTORY}:/usr/bin:/bin");
    let mut variables = vec![("PATH", path.as_str()), ("FAKE_HELPER", behaviour)];
    variables.extend_from_slice(more);
    let config = Config {
        credential_helpers: vec!["fake".to_owned()],
        ..config(&variables)
    };
    Account::new(&asking("fake"), &config).unwrap().unwrap()
}

#[tokio::test]
async fn a_program_is_asked_for_the_server_and_its_answer_is_shown() {
    let shown = behaving("good", &[]).current().await.unwrap();
    assert_eq!(shown.credential.username, "robot");
    assert_eq!(shown.credential.secret, "secret of registry.example:5000");
}

#[tokio::test]
async fn a_program_is_asked_once() {
    let directory = tempfile::tempdir().unwrap();
    let count = directory.path().join("count");
    let account = behaving("counting", &[("FAKE_COUNT", count.to_str().unwrap())]);
    for _ in 0..3 {
        let shown = account.current().await.unwrap();
        assert_eq!(shown.credential.username, "<token>");
        assert_eq!(account.newer_than(&shown).await, Ok(None));
    }
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
}

#[tokio::test]
async fn each_way_a_program_fails_is_told_apart_and_shows_nothing_it_printed() {
    let table = [
        ("unknown", "knows no credential for registry.example:5000"),
        ("failing", "failed (exit status: 3)"),
        ("garbage", "printed no credential document"),
        ("endless", "more than 64 KiB"),
    ];
    for (behaviour, expected) in table {
        let reason = soon(sentence(&behaving(behaviour, &[]))).await;
        assert!(reason.contains(expected), "{reason}");
        assert!(!reason.contains("secret words"), "{reason}");
    }
    let nowhere = Config {
        credential_helpers: vec!["fake".to_owned()],
        ..config(&[("PATH", "/nonexistent")])
    };
    let account = Account::new(&asking("fake"), &nowhere).unwrap().unwrap();
    let reason = sentence(&account).await;
    assert!(
        reason.contains("docker-credential-fake cannot be run"),
        "{reason}"
    );
}

#[tokio::test]
async fn only_a_program_that_the_configuration_allows_is_run() {
    let aws = Aws::start().await;
    let allowed = Config {
        credential_helpers: vec!["fake".to_owned(), "../bin/fake".to_owned()],
        ..config(&[])
    };
    for helper in ["other", "../bin/fake", "fake;reboot", "", ".fake", "fake "] {
        let outcome = Account::new(&asking(helper), &allowed).map(drop);
        assert!(
            matches!(outcome, Err(Error::Configuration { .. })),
            "{helper}"
        );
    }
    let outcome = Account::new(&asking("other"), &config(&[])).map(drop);
    let reason = outcome.unwrap_err().to_string();
    assert!(reason.contains("credential_helpers"), "{reason}");
    // Amazon's endpoints need no such permission.
    assert!(Account::new(&endpoint(&aws, |_| {}), &config(&[])).is_ok());
}
