//! Google's flows against its fake, on real sockets.

use super::*;
use crate::credential::rig::{endpoint_at, opens_registry, reason, ways};
use crate::fake::cloud::google::{ACCOUNT, Google};

const NOTHING: Environment<'static> = &|_| None;

fn json_key(secret: &str) -> Credential {
    Credential {
        username: "_json_key".into(),
        secret: secret.into(),
    }
}

fn maker(
    environment: Environment<'_>,
    options: GoogleOptions,
    credential: Option<&Credential>,
) -> Result<Maker, Error> {
    let endpoint = endpoint_at("https://europe-docker.pkg.dev");
    let ways = ways(&endpoint);
    Maker::within(environment, options, credential, ways)
}

async fn by_key(key: &str) -> Result<Made, Error> {
    maker(NOTHING, GoogleOptions::default(), Some(&json_key(key)))?
        .make()
        .await
}

async fn by_file(text: &str) -> Result<Made, Error> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let options = GoogleOptions {
        credential_file: Some(file.path().display().to_string()),
        ..GoogleOptions::default()
    };
    maker(NOTHING, options, None)?.make().await
}

fn with(key: &str, field: &str, value: &str) -> String {
    let mut key: Value = serde_json::from_str(key).unwrap();
    key[field] = value.into();
    key.to_string()
}

/// A `credential_source` with the workload's token in a file.
fn in_file(token: &str) -> (tempfile::NamedTempFile, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), format!("{token}\n")).unwrap();
    let source = serde_json::json!({ "file": file.path() }).to_string();
    (file, source)
}

#[tokio::test]
async fn the_endpoints_key_is_traded_for_an_access_token() {
    let google = Google::start().await;
    google.desk().set_life(Duration::from_secs(1800));
    let made = by_key(&google.key_json()).await.unwrap();
    assert_eq!(made.credential.username, "oauth2accesstoken");
    assert_eq!(made.life, Some(Duration::from_secs(1800)));
    assert_eq!(google.desk().count("/token"), 1);
    assert!(opens_registry(google.desk(), &made).await);
    google.desk().expire_all();
    assert!(!opens_registry(google.desk(), &made).await);
}

#[tokio::test]
async fn a_key_may_be_in_base64_or_in_a_file_that_the_environment_names() {
    let google = Google::start().await;
    let credential = Credential {
        username: "_json_key_base64".into(),
        secret: STANDARD.encode(google.key_json()),
    };
    let maker_of = maker(NOTHING, GoogleOptions::default(), Some(&credential)).unwrap();
    assert!(maker_of.make().await.is_ok());

    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().display().to_string();
    let environment = |name: &str| (name == "GOOGLE_APPLICATION_CREDENTIALS").then(|| path.clone());
    let maker = maker(&environment, GoogleOptions::default(), None).unwrap();
    // The key is replaced under way.
    std::fs::write(file.path(), google.deleted_key_json()).unwrap();
    assert!(maker.make().await.is_err());
    std::fs::write(file.path(), google.key_json()).unwrap();
    assert!(maker.make().await.is_ok());
}

#[tokio::test]
async fn a_token_endpoint_of_ones_own_is_asked_instead_of_the_keys() {
    let (google, other) = (Google::start().await, Google::start().await);
    let options = GoogleOptions {
        token_endpoint: Some(format!("{}/token", other.desk().url())),
        ..GoogleOptions::default()
    };
    let maker = maker(NOTHING, options, Some(&json_key(&google.key_json()))).unwrap();
    assert!(
        maker.make().await.is_err(),
        "another cloud knows no such key"
    );
    assert_eq!((google.desk().count(""), other.desk().count("")), (0, 1));
}

#[tokio::test]
async fn what_google_refuses_of_a_key_is_said_without_the_key() {
    let google = Google::start().await;
    let key = google.key_json();
    let private = "PRIVATE KEY";
    for (key, expected) in [
        (google.deleted_key_json(), "Invalid JWT Signature."),
        (with(&key, "client_email", "other@x"), "account not found"),
        (
            with(&key, "private_key_id", "other"),
            "Invalid JWT Signature.",
        ),
        (
            with(
                &key,
                "token_uri",
                &format!("{}/token?x", google.desk().url()),
            ),
            "Failed audience check.",
        ),
    ] {
        let refused = reason(by_key(&key).await);
        assert!(
            refused.contains(expected) && refused.contains("clock"),
            "{refused}"
        );
        assert!(!refused.contains(private), "{refused}");
    }
    google.desk().set_revoked(true);
    assert!(by_key(&key).await.is_err());
    google.desk().set_revoked(false);
    assert!(by_key(&key).await.is_ok());
}

#[tokio::test]
async fn an_assertion_of_another_time_is_refused() {
    let google = Google::start().await;
    let document: Value = serde_json::from_str(&google.key_json()).unwrap();
    let key = Key::parse(&document).unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url: Url = key.token_uri.parse().unwrap();
    for (skew_secs, is_taken) in [
        (0, true),
        (240, true),
        (-3500, true),
        (600, false),
        (-3700, false),
    ] {
        let now = Utc::now() + chrono::TimeDelta::seconds(skew_secs);
        let assertion = key.assertion(SCOPE, now).unwrap();
        let form = [("grant_type", GRANT), ("assertion", assertion.as_str())];
        let answer = call::post_form(&client, url.clone(), &form)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status() == 200, is_taken, "{skew_secs}");
    }
}

#[tokio::test]
async fn a_secret_that_is_no_key_is_refused_at_once_and_not_repeated() {
    let google = Google::start().await;
    let key = google.key_json();
    let federation = google.federation_json(r#"{"file":"/etc/passwd"}"#, None);
    for secret in [
        "hunter2".to_owned(),
        r#"{"hunter2":1}"#.to_owned(),
        federation,
        with(
            &key,
            "private_key",
            "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----",
        ),
        with(&key, "private_key", ""),
    ] {
        let endpoint = endpoint_at("https://europe-docker.pkg.dev");
        let options = GoogleOptions::default();
        let made = Maker::new(options, Some(&json_key(&secret)), ways(&endpoint));
        let error = made.err().unwrap();
        assert!(matches!(error, Error::Credential { .. }), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_workload_gets_a_token_by_federation_with_and_without_a_service_account() {
    let google = Google::start().await;
    let (_file, source) = in_file(&google.workload_token(600));
    let made = by_file(&google.federation_json(&source, None))
        .await
        .unwrap();
    assert!(google.is_access_token(&made.credential.secret));
    assert_eq!(google.desk().count("generateAccessToken"), 0);

    google.desk().set_life(Duration::from_secs(900));
    let made = by_file(&google.federation_json(&source, Some(ACCOUNT)))
        .await
        .unwrap();
    assert!(google.is_access_token(&made.credential.secret));
    let life = made.life.unwrap().as_secs();
    assert!((890..=900).contains(&life), "{life}");
    assert_eq!(google.desk().count("generateAccessToken"), 1);
}

#[tokio::test]
async fn a_workloads_own_token_may_come_from_a_url_in_json() {
    let google = Google::start().await;
    let source = |secret: &str, field: &str| {
        serde_json::json!({
            "url": format!("{}/subject", google.desk().url()),
            "headers": { "x-secret": secret },
            "format": { "type": "json", "subject_token_field_name": field },
        })
        .to_string()
    };
    let config = |secret: &str, field: &str| google.federation_json(&source(secret, field), None);
    assert!(by_file(&config("sesame", "id_token")).await.is_ok());
    let refused = reason(by_file(&config("hunter2", "id_token")).await);
    assert!(
        refused.contains("status 401") && !refused.contains("hunter2"),
        "{refused}"
    );
    let missing = reason(by_file(&config("sesame", "other")).await);
    assert!(missing.contains("subject_token_field_name"), "{missing}");
}

#[tokio::test]
async fn what_federation_refuses_is_said_with_what_to_do() {
    let google = Google::start().await;
    let (_expired, expired) = in_file(&google.workload_token(-1));
    let refused = reason(by_file(&google.federation_json(&expired, None)).await);
    assert!(
        refused.contains("expired") && refused.contains("audience"),
        "{refused}"
    );

    let (_good, good) = in_file(&google.workload_token(600));
    let stranger = google.federation_json(&good, Some("other@x"));
    let refused = reason(by_file(&stranger).await);
    assert!(refused.contains("Workload Identity User"), "{refused}");

    let audience = with(&google.federation_json(&good, None), "audience", "other");
    let refused = reason(by_file(&audience).await);
    assert!(refused.contains("audience"), "{refused}");
}

#[tokio::test]
async fn a_file_that_is_of_no_use_says_why() {
    let google = Google::start().await;
    let aws = google.federation_json(r#"{"environment_id":"aws1","url":"http://x"}"#, None);
    let program = google.federation_json(r#"{"executable":{"command":"x"}}"#, None);
    for (text, expected) in [
        ("hunter2", "not JSON"),
        (r#"{"type":"authorized_user"}"#, "a person's login"),
        (r#"{"type":"magic"}"#, "not known"),
        (r#"{"type":"external_account"}"#, "not whole"),
        (aws.as_str(), "AWS"),
        (program.as_str(), "a program"),
        ("", "is empty"),
    ] {
        let failed = reason(by_file(text).await);
        assert!(
            failed.contains(expected) && !failed.contains("hunter2"),
            "{failed}"
        );
    }
    let options = GoogleOptions {
        credential_file: Some("/nonexistent/key.json".into()),
        ..GoogleOptions::default()
    };
    let failed = reason(maker(NOTHING, options, None).unwrap().make().await);
    assert!(failed.contains("/nonexistent/key.json"), "{failed}");
}

#[tokio::test]
async fn a_machine_asks_its_metadata_server() {
    let google = Google::start().await;
    let host = google.desk().host();
    let environment = |name: &str| (name == "GCE_METADATA_HOST").then(|| host.clone());
    let maker = maker(&environment, GoogleOptions::default(), None).unwrap();
    let made = maker.make().await.unwrap();
    assert!(google.is_access_token(&made.credential.secret));

    google.desk().set_revoked(true);
    let refused = reason(maker.make().await);
    assert!(refused.contains("give this machine"), "{refused}");

    google.desk().be_silent("/computeMetadata");
    let start = std::time::Instant::now();
    assert!(reason(maker.make().await).contains("did not answer in time"));
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn services_that_fail_or_babble_are_no_outage_of_the_registry() {
    let google = Google::start().await;
    let (_file, source) = in_file(&google.workload_token(600));
    let federation = google.federation_json(&source, Some(ACCOUNT));
    for (status, text, expected) in [
        (500, "", "status 500"),
        (429, "", "limits the rate"),
        (200, "<html>", "without a credential"),
        (200, r#"{"access_token":""}"#, "without a credential"),
    ] {
        google.desk().answer_with("oken", status, text);
        for made in [by_key(&google.key_json()).await, by_file(&federation).await] {
            let failed = reason(made);
            assert!(failed.contains(expected), "{status} {text}: {failed}");
        }
        google.desk().heal();
    }
    google.desk().answer_with("generateAccessToken", 200, "{}");
    assert!(reason(by_file(&federation).await).contains("without a credential"));

    let gone = google.key_json();
    drop(google);
    let failed = reason(by_key(&gone).await);
    assert!(
        failed.contains("firewall") && failed.contains("127.0.0.1"),
        "{failed}"
    );
}
