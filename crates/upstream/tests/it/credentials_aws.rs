//! Credentials that are made: Amazon's tokens, from each source of keys there is, against services that check
//! signatures; and programs that are asked.

mod amazon;
mod chain;
mod program;
mod renewal;

use upstream::fake::cloud::{Account, Aws, Shown};
use upstream::{
    AuthOptions, AwsOptions, Config, Credential, Endpoint, Environment, Error, Kind, ProxyConfig,
};

const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// A registry of Amazon's whose services are `aws`.
fn endpoint(aws: &Aws, change: impl FnOnce(&mut AwsOptions)) -> Endpoint {
    let mut options = aws.options();
    change(&mut options);
    Endpoint {
        id: 1,
        name: "ecr".to_owned(),
        kind: Kind::AwsEcr,
        url: "https://123456789012.dkr.ecr.eu-west-1.amazonaws.com".to_owned(),
        credential: None,
        is_insecure: false,
        ca_certificate: None,
        options: upstream::Options {
            auth: Some(AuthOptions::Aws(Box::new(options))),
            ..upstream::Options::default()
        },
    }
}

fn with_key(aws: &Aws, key: &str, secret: &str, change: impl FnOnce(&mut AwsOptions)) -> Account {
    let endpoint = Endpoint {
        credential: Some(Credential {
            username: key.to_owned(),
            secret: secret.to_owned(),
        }),
        ..endpoint(aws, change)
    };
    account(&endpoint, &[])
}

fn in_environment(aws: &Aws, variables: &[(&str, &str)]) -> Account {
    account(&endpoint(aws, |_| {}), variables)
}

fn account(endpoint: &Endpoint, variables: &[(&str, &str)]) -> Account {
    Account::new(endpoint, &config(variables)).unwrap().unwrap()
}

fn config(variables: &[(&str, &str)]) -> Config {
    Config {
        proxy: Some(ProxyConfig::default()),
        environment: variables.iter().copied().collect::<Environment>(),
        ..Config::default()
    }
}

/// Gets in: the registry takes what is shown.
async fn gets_in(aws: &Aws, account: &Account) -> Shown {
    let shown = account.current().await.unwrap();
    let Credential { username, secret } = &shown.credential;
    assert!(aws.accepts(username, secret), "{shown:?}");
    shown
}

/// The sentence that an operator reads instead.
async fn sentence(account: &Account) -> String {
    match account.current().await {
        Err(Error::Credential { reason }) => reason,
        other => panic!("{other:?}"),
    }
}
