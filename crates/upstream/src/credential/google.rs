//! Google: an access token as the password of `oauth2accesstoken`, minted from a service account's key, by workload
//! identity federation, or by the metadata server. Without these options the key itself is shown as the password of
//! `_json_key`, and nothing here is asked.
//!
//! Follows <https://cloud.google.com/artifact-registry/docs/docker/authentication>,
//! <https://developers.google.com/identity/protocols/oauth2/service-account#httprest> and
//! <https://cloud.google.com/compute/docs/access/authenticate-workloads>.

mod federation;
mod jwt;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::Utc;
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use self::federation::Federation;
use self::jwt::Key;
use super::Made;
use super::ambient::{self, Environment};
use super::call::{self, Call, EXCHANGE_LIMIT, METADATA_LIMIT, ON_MACHINE, ON_NETWORK};
use crate::egress::Ways;
use crate::{Credential, Error, GoogleOptions};

/// Good for gcr.io and Artifact Registry; what it opens is decided by the account's roles.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// The user name that stands for "the password is an access token".
const NAME: &str = "oauth2accesstoken";
const METADATA: &str = "http://metadata.google.internal";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// As the services give, where an answer does not say.
const DEFAULT_LIFE: Duration = Duration::from_secs(3600);

const TOKENS: Call = Call {
    service: "Google's token service",
    limit: EXCHANGE_LIMIT,
    advice: "see that the service account and this key of it still exist, and that this machine's clock is right",
    reach: ON_NETWORK,
};
const SERVER: Call = Call {
    service: "Google's metadata server",
    limit: METADATA_LIMIT,
    advice: "give this machine or workload a service account",
    reach: ON_MACHINE,
};

/// Makes access tokens.
pub(super) struct Maker {
    ways: Arc<Ways>,
    source: Source,
    token_endpoint: Option<Url>,
}

enum Source {
    /// The endpoint's secret.
    Key(Box<Key>),
    /// A key or a configuration, read anew for every token.
    File(PathBuf),
    Metadata(Url),
}

struct Granted {
    token: String,
    life: Duration,
}

#[derive(Deserialize)]
struct TokenAnswer {
    #[serde(default)]
    access_token: String,
    expires_in: Option<Value>,
}

impl Maker {
    /// # Errors
    /// [`Error::Configuration`] where an address is none, [`Error::Credential`] where the endpoint's secret is no key.
    pub(super) fn new(
        options: GoogleOptions,
        credential: Option<&Credential>,
        ways: Arc<Ways>,
    ) -> Result<Self, Error> {
        let environment = ways.config().environment.clone();
        let variable = |name: &str| environment.var(name).map(str::to_owned);
        Self::within(&variable, options, credential, ways)
    }

    fn within(
        environment: Environment<'_>,
        options: GoogleOptions,
        credential: Option<&Credential>,
        ways: Arc<Ways>,
    ) -> Result<Self, Error> {
        let file = ambient::given_or(
            options.credential_file,
            environment,
            "GOOGLE_APPLICATION_CREDENTIALS",
        );
        let secret = credential.filter(|credential| !credential.secret.trim().is_empty());
        let source = match (secret, file) {
            (Some(credential), _) => Source::Key(Box::new(own_key(credential)?)),
            (None, Some(file)) => Source::File(file.into()),
            (None, None) => Source::Metadata(metadata(options.metadata_endpoint, environment)?),
        };
        let token_endpoint = call::filled(options.token_endpoint)
            .map(|url| call::address(&url, "token_endpoint"))
            .transpose()?;
        Ok(Self {
            ways,
            source,
            token_endpoint,
        })
    }

    /// # Errors
    /// [`Error::Credential`] where a service refuses, fails or is out of reach, or a file cannot be read.
    pub(super) async fn make(&self) -> Result<Made, Error> {
        let Granted { token, life } = match &self.source {
            Source::Key(key) => self.by_key(key).await?,
            Source::File(path) => self.by_file(path).await?,
            Source::Metadata(url) => self.by_metadata(url).await?,
        };
        Ok(Made {
            registry: None,
            credential: Credential {
                username: NAME.to_owned(),
                secret: token,
            },
            life: Some(life),
        })
    }

    async fn by_key(&self, key: &Key) -> Result<Granted, Error> {
        let url = match &self.token_endpoint {
            Some(url) => url.clone(),
            None => call::address(&key.token_uri, "the token_uri of the service account's key")?,
        };
        let assertion = key.assertion(SCOPE, Utc::now())?;
        let form = [("grant_type", GRANT), ("assertion", assertion.as_str())];
        let request = call::post_form(&self.ways.cloud()?, url.clone(), &form);
        TOKENS
            .json::<TokenAnswer>(request)
            .await?
            .granted(&TOKENS, &url)
    }

    async fn by_file(&self, path: &std::path::Path) -> Result<Granted, Error> {
        let text = ambient::read_file(path).await?;
        let wrong = |what: &str| Error::Credential {
            reason: format!(
                "the file {} {what}; a service-account key and a configuration of workload identity federation can be used",
                path.display()
            ),
        };
        let document: Value = serde_json::from_str(&text).map_err(|_| wrong("is not JSON"))?;
        match document["type"].as_str() {
            Some("service_account") => self.by_key(&Key::parse(&document)?).await,
            Some("external_account") => {
                let federation = Federation::parse(&document)?;
                let endpoint = self.token_endpoint.as_ref();
                federation.grant(&self.ways, endpoint, Utc::now()).await
            }
            Some("authorized_user") => Err(wrong("is a person's login")),
            _ => Err(wrong("has a `type` that is not known")),
        }
    }

    async fn by_metadata(&self, metadata: &Url) -> Result<Granted, Error> {
        let path = [
            "computeMetadata",
            "v1",
            "instance",
            "service-accounts",
            "default",
            "token",
        ];
        let request = self.ways.machine()?.get(call::at(metadata, &path));
        let request = request.header("Metadata-Flavor", "Google");
        SERVER
            .json::<TokenAnswer>(request)
            .await?
            .granted(&SERVER, metadata)
    }
}

impl TokenAnswer {
    fn granted(self, from: &Call, at: &Url) -> Result<Granted, Error> {
        if self.access_token.is_empty() {
            return Err(from.no_answer(&call::host_of(at)));
        }
        Ok(Granted {
            token: self.access_token,
            life: call::life(self.expires_in.as_ref()).unwrap_or(DEFAULT_LIFE),
        })
    }
}

/// The key that was typed in: JSON, or, for the user `_json_key_base64`, its base64.
///
/// Nothing else is taken from there: a federation's configuration names files of this machine, which whoever may
/// enter a password need not be allowed to read.
fn own_key(credential: &Credential) -> Result<Key, Error> {
    let wrong = |what: &str| Error::Credential {
        reason: format!(
            "the endpoint's secret is {what}; give the service account's key, its whole JSON file"
        ),
    };
    let text = credential.secret.trim();
    let decoded = match credential.username.as_str() {
        "_json_key_base64" => STANDARD.decode(text).map_err(|_| wrong("no base64"))?,
        _ => text.as_bytes().to_vec(),
    };
    let document: Value = serde_json::from_slice(&decoded).map_err(|_| wrong("not JSON"))?;
    match document["type"].as_str() {
        Some("service_account") => Key::parse(&document),
        _ => Err(wrong("not of the type service_account")),
    }
}

fn metadata(given: Option<String>, environment: Environment<'_>) -> Result<Url, Error> {
    // The variable holds a host, the option an address.
    let host = || environment("GCE_METADATA_HOST").map(|host| format!("http://{host}"));
    let address = call::filled(given).or_else(host);
    call::address(address.as_deref().unwrap_or(METADATA), "metadata_endpoint")
}

#[cfg(test)]
mod tests;
