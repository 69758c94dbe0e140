//! Azure's flows against its fake, on real sockets.

use std::io::Write as _;

use super::*;
use crate::credential::rig::{endpoint_at, opens_registry, reason, ways};
use crate::fake::cloud::azure::{Azure, CLIENT_ID, TENANT};

const NOTHING: Environment<'static> = &|_| None;

struct Workload {
    azure: Azure,
    file: tempfile::NamedTempFile,
}

impl Workload {
    async fn start() -> Self {
        let azure = Azure::start().await;
        let mut file = tempfile::NamedTempFile::new().unwrap();
        writeln!(file, "{}", azure.workload_token(600)).unwrap();
        Self { azure, file }
    }

    fn options(&self) -> AzureOptions {
        AzureOptions {
            tenant_id: Some(TENANT.into()),
            client_id: Some(CLIENT_ID.into()),
            token_file: Some(self.file.path().display().to_string()),
            authority_host: Some(self.azure.desk().url()),
            metadata_endpoint: None,
        }
    }

    async fn make(&self, options: AzureOptions) -> Result<Made, Error> {
        make(&self.azure, options).await
    }
}

async fn make(azure: &Azure, options: AzureOptions) -> Result<Made, Error> {
    maker(NOTHING, azure, options)?.make().await
}

fn maker(
    environment: Environment<'_>,
    azure: &Azure,
    options: AzureOptions,
) -> Result<Maker, Error> {
    let endpoint = endpoint_at(&azure.desk().url());
    let ways = ways(&endpoint);
    Maker::within(environment, options, None, ways)
}

fn at_machine(azure: &Azure) -> AzureOptions {
    AzureOptions {
        metadata_endpoint: Some(azure.desk().url()),
        ..AzureOptions::default()
    }
}

#[tokio::test]
async fn a_workload_gets_a_refresh_token_that_the_registry_takes() {
    let workload = Workload::start().await;
    workload.azure.desk().set_life(Duration::from_secs(10_800));
    let made = workload.make(workload.options()).await.unwrap();
    assert_eq!(made.credential.username, NO_NAME);
    let life = made.life.unwrap().as_secs();
    assert!((10_790..=10_800).contains(&life), "{life}");
    assert!(opens_registry(workload.azure.desk(), &made).await);
    assert_eq!(workload.azure.desk().count("/oauth2/v2.0/token"), 1);
    assert_eq!(workload.azure.desk().count("/oauth2/exchange"), 1);
}

#[tokio::test]
async fn the_environment_describes_the_workload_where_the_options_do_not() {
    let workload = Workload::start().await;
    let given = workload.options();
    let environment = |name: &str| match name {
        "AZURE_TENANT_ID" => given.tenant_id.clone(),
        "AZURE_CLIENT_ID" => given.client_id.clone(),
        "AZURE_FEDERATED_TOKEN_FILE" => given.token_file.clone(),
        "AZURE_AUTHORITY_HOST" => given.authority_host.clone().map(|host| host + "/"),
        _ => None,
    };
    let maker = maker(&environment, &workload.azure, AzureOptions::default()).unwrap();
    assert!(maker.make().await.is_ok());
}

#[tokio::test]
async fn a_rotated_token_file_is_read_anew() {
    let workload = Workload::start().await;
    std::fs::write(workload.file.path(), workload.azure.workload_token(-1)).unwrap();
    let maker = maker(NOTHING, &workload.azure, workload.options()).unwrap();
    let refused = reason(maker.make().await);
    assert!(refused.contains("AADSTS700024"), "{refused}");
    std::fs::write(workload.file.path(), workload.azure.workload_token(600)).unwrap();
    assert!(maker.make().await.is_ok());
}

#[tokio::test]
async fn what_entra_refuses_is_said_with_what_to_do_and_without_the_assertion() {
    let workload = Workload::start().await;
    let (options, path) = (workload.options(), workload.file.path());
    let stranger = workload.azure.workload_token_of("somebody else", 600);
    let own = workload.azure.workload_token(600);
    let other = |change: &dyn Fn(&mut AzureOptions)| {
        let mut options = options.clone();
        change(&mut options);
        options
    };
    let table = [
        (
            other(&|o| o.tenant_id = Some("other".into())),
            &own,
            "AADSTS90002",
        ),
        (
            other(&|o| o.client_id = Some("other".into())),
            &own,
            "AADSTS700016",
        ),
        (options.clone(), &stranger, "AADSTS700213"),
        (options.clone(), &format!("{own}x"), "AADSTS50027"),
    ];
    for (options, token, code) in table {
        std::fs::write(path, token).unwrap();
        let refused = reason(workload.make(options).await);
        assert!(
            refused.contains(code) && refused.contains("federated credential"),
            "{refused}"
        );
        assert!(!refused.contains(token.as_str()), "{refused}");
    }
    assert_eq!(workload.azure.desk().count("/oauth2/exchange"), 0);
}

#[tokio::test]
async fn a_machine_gets_a_refresh_token_by_its_managed_identity() {
    let azure = Azure::start().await;
    let made = make(&azure, at_machine(&azure)).await.unwrap();
    assert!(opens_registry(azure.desk(), &made).await);
    let named = |id: &str| AzureOptions {
        client_id: Some(id.into()),
        ..at_machine(&azure)
    };
    assert!(make(&azure, named(CLIENT_ID)).await.is_ok());
    let refused = reason(make(&azure, named("other")).await);
    assert!(
        refused.contains("Identity not found") && refused.contains("client id"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_registry_that_refuses_the_identity_names_the_role_it_lacks() {
    let azure = Azure::start().await;
    azure.desk().answer_with(
        "/oauth2/exchange",
        401,
        r#"{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}"#,
    );
    let refused = reason(make(&azure, at_machine(&azure)).await);
    assert!(
        refused.contains("AcrPull") && refused.contains("status 401"),
        "{refused}"
    );
}

#[tokio::test]
async fn services_that_fail_or_babble_are_no_outage_of_the_registry() {
    let workload = Workload::start().await;
    let azure = &workload.azure;
    for part in ["/oauth2/v2.0/token", "/oauth2/exchange"] {
        for (status, text, expected) in [
            (500, "", "status 500"),
            (302, "", "redirects are not followed"),
            (200, "<html>", "without a credential"),
            (
                200,
                r#"{"access_token":"","refresh_token":""}"#,
                "without a credential",
            ),
        ] {
            azure.desk().answer_with(part, status, text);
            let failed = reason(workload.make(workload.options()).await);
            assert!(
                failed.contains(expected),
                "{part} {status} {text}: {failed}"
            );
            azure.desk().heal();
        }
    }
    azure.desk().set_revoked(true);
    assert!(workload.make(workload.options()).await.is_err());
    azure.desk().set_revoked(false);
    assert!(workload.make(workload.options()).await.is_ok());
}

#[tokio::test]
async fn a_silent_metadata_service_costs_two_seconds() {
    let azure = Azure::start().await;
    azure.desk().be_silent("/metadata");
    let start = std::time::Instant::now();
    let failed = reason(make(&azure, at_machine(&azure)).await);
    assert!(failed.contains("did not answer in time"), "{failed}");
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn half_an_identity_or_two_of_them_are_not_set_up_right() {
    let workload = Workload::start().await;
    for (missing, change) in [
        (
            "AZURE_TENANT_ID",
            &(|o: &mut AzureOptions| o.tenant_id = None) as &dyn Fn(&mut AzureOptions),
        ),
        ("AZURE_CLIENT_ID", &|o| o.client_id = None),
        ("authority_host", &|o| {
            o.authority_host = Some("login".into())
        }),
    ] {
        let mut options = workload.options();
        change(&mut options);
        let error = maker(NOTHING, &workload.azure, options).err().unwrap();
        assert!(
            matches!(&error, Error::Configuration { reason } if reason.contains(missing)),
            "{error}"
        );
    }
    let endpoint = endpoint_at(&workload.azure.desk().url());
    let credential = Credential {
        username: "admin".into(),
        secret: "hunter2".into(),
    };
    let both = Maker::new(workload.options(), Some(&credential), ways(&endpoint));
    let error = both.err().unwrap();
    assert!(matches!(error, Error::Configuration { .. }));
    assert!(!error.to_string().contains("hunter2"));
}

#[test]
fn a_tokens_life_is_what_is_left_of_it() {
    let now = DateTime::from_timestamp(1_000, 0).unwrap();
    let token = |claims: &str| format!("h.{}.s", URL_SAFE_NO_PAD.encode(claims));
    for (token, expected) in [
        (token(r#"{"exp":1300}"#), Some(300)),
        (token(r#"{"exp":1000}"#), None),
        (token(r#"{"exp":-9223372036854775808}"#), None),
        (token("{}"), None),
        ("opaque".to_owned(), None),
    ] {
        let life = life_of(&token, now).map(|life| life.as_secs());
        assert_eq!(life, expected, "{token}");
    }
}

#[tokio::test]
async fn a_refresh_token_whose_life_is_over_opens_nothing_and_the_next_one_does() {
    let azure = Azure::start().await;
    let maker = maker(NOTHING, &azure, at_machine(&azure)).unwrap();
    let old = maker.make().await.unwrap();
    azure.desk().expire_all();
    assert!(!opens_registry(azure.desk(), &old).await);
    let new = maker.make().await.unwrap();
    assert!(opens_registry(azure.desk(), &new).await);
}
