//! Azure: a refresh token of the registry, for a workload or a managed identity. Entra makes an access token for the
//! registry (or this machine's metadata service does), the registry trades it for a refresh token of its own, and
//! that is shown as the password of an account without a name.
//!
//! Follows <https://azure.github.io/acr/AAD-OAuth.html> (the exchange),
//! <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow> (third case: a federated
//! credential) and <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token>.
//! An admin user, a service principal's secret and a repository token need none of it: they are passwords already.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Made;
use super::ambient::{self, Environment};
use super::call::{self, Call, EXCHANGE_LIMIT, METADATA_LIMIT, ON_MACHINE, ON_NETWORK};
use crate::egress::Ways;
use crate::{AzureOptions, Credential, Error};

/// The registry's name among the resources of all of Azure's clouds. Tokens for `https://management.azure.com`, which
/// older clients ask for, are refused where a registry's `authentication-as-arm` is off.
const RESOURCE: &str = "https://containerregistry.azure.net";
/// The user name that stands for "the password is a refresh token".
const NO_NAME: &str = "00000000-0000-0000-0000-000000000000";
const AUTHORITY: &str = "https://login.microsoftonline.com";
const METADATA: &str = "http://169.254.169.254";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

const ENTRA: Call = Call {
    service: "Azure's token service",
    limit: EXCHANGE_LIMIT,
    advice: "check the tenant, the client id, and that its federated credential names this workload's issuer and subject",
    reach: ON_NETWORK,
};
const IMDS: Call = Call {
    service: "Azure's metadata service",
    limit: METADATA_LIMIT,
    advice: "give this machine a managed identity or, where it has several, name one by its client id",
    reach: ON_MACHINE,
};
const REGISTRY: Call = Call {
    service: "the registry's token exchange",
    limit: EXCHANGE_LIMIT,
    advice: "give the identity the role AcrPull (or Container Registry Repository Reader) on this registry",
    reach: ON_NETWORK,
};

/// Makes refresh tokens of one registry.
pub(super) struct Maker {
    ways: Arc<Ways>,
    tenant: Option<String>,
    identity: Identity,
}

enum Identity {
    /// A token that the platform writes to a file stands for the workload.
    Workload {
        client_id: String,
        token_file: PathBuf,
        token_url: Url,
    },
    /// The machine itself.
    Managed {
        client_id: Option<String>,
        metadata: Url,
    },
}

#[derive(Deserialize)]
struct AccessToken {
    #[serde(default)]
    access_token: String,
    expires_in: Option<Value>,
}

#[derive(Deserialize)]
struct RefreshToken {
    refresh_token: Option<String>,
}

impl AccessToken {
    fn checked(self, from: &Call, at: &Url) -> Result<Self, Error> {
        if self.access_token.is_empty() {
            return Err(from.no_answer(&call::host_of(at)));
        }
        Ok(self)
    }
}

impl Maker {
    /// # Errors
    /// [`Error::Configuration`] where the identity is described in part, or an address is none.
    pub(super) fn new(
        options: AzureOptions,
        credential: Option<&Credential>,
        ways: Arc<Ways>,
    ) -> Result<Self, Error> {
        let environment = ways.config().environment.clone();
        let variable = |name: &str| environment.var(name).map(str::to_owned);
        Self::within(&variable, options, credential, ways)
    }

    fn within(
        environment: Environment<'_>,
        options: AzureOptions,
        credential: Option<&Credential>,
        ways: Arc<Ways>,
    ) -> Result<Self, Error> {
        if credential.is_some_and(|credential| !credential.secret.is_empty()) {
            return Err(Error::Configuration {
                reason: "an endpoint has a password or an Azure identity, not both; remove one"
                    .to_owned(),
            });
        }
        let given = |option, name| ambient::given_or(option, environment, name);
        let tenant = given(options.tenant_id, "AZURE_TENANT_ID");
        let client_id = given(options.client_id, "AZURE_CLIENT_ID");
        let identity = match given(options.token_file, "AZURE_FEDERATED_TOKEN_FILE") {
            Some(token_file) => {
                let authority = given(options.authority_host, "AZURE_AUTHORITY_HOST");
                let authority = authority.as_deref().unwrap_or(AUTHORITY);
                let authority = call::address(authority, "authority_host")?;
                let tenant = tenant.as_deref().ok_or_else(|| missing("tenant_id"))?;
                Identity::Workload {
                    client_id: client_id.ok_or_else(|| missing("client_id"))?,
                    token_file: token_file.into(),
                    token_url: call::at(&authority, &[tenant, "oauth2", "v2.0", "token"]),
                }
            }
            None => Identity::Managed {
                client_id,
                metadata: call::address(
                    options.metadata_endpoint.as_deref().unwrap_or(METADATA),
                    "metadata_endpoint",
                )?,
            },
        };
        Ok(Self {
            ways,
            tenant,
            identity,
        })
    }

    /// # Errors
    /// [`Error::Credential`] where one of the services refuses, fails or is out of reach.
    pub(super) async fn make(&self) -> Result<Made, Error> {
        let token = match &self.identity {
            Identity::Workload {
                client_id,
                token_file,
                token_url,
            } => {
                let assertion = ambient::read_file(token_file).await?;
                self.for_workload(client_id, &assertion, token_url).await?
            }
            Identity::Managed {
                client_id,
                metadata,
            } => self.for_machine(client_id.as_deref(), metadata).await?,
        };
        self.exchange(token).await
    }

    async fn for_workload(
        &self,
        client_id: &str,
        assertion: &str,
        token_url: &Url,
    ) -> Result<AccessToken, Error> {
        let scope = format!("{RESOURCE}/.default");
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", assertion),
            ("scope", scope.as_str()),
        ];
        let request = call::post_form(&self.ways.cloud()?, token_url.clone(), &form);
        ENTRA
            .json::<AccessToken>(request)
            .await?
            .checked(&ENTRA, token_url)
    }

    async fn for_machine(
        &self,
        client_id: Option<&str>,
        metadata: &Url,
    ) -> Result<AccessToken, Error> {
        let mut url = call::at(metadata, &["metadata", "identity", "oauth2", "token"]);
        url.query_pairs_mut()
            .append_pair("api-version", "2018-02-01")
            .append_pair("resource", RESOURCE)
            .extend_pairs(client_id.map(|id| ("client_id", id)));
        let request = self.ways.machine()?.get(url).header("Metadata", "true");
        IMDS.json::<AccessToken>(request)
            .await?
            .checked(&IMDS, metadata)
    }

    /// At the registry's own host: its challenge has no part in where this token goes.
    async fn exchange(&self, token: AccessToken) -> Result<Made, Error> {
        let mut url = self.ways.upstream().clone();
        url.set_path("/oauth2/exchange");
        let service = call::host_of(&url);
        let mut form = vec![
            ("grant_type", "access_token"),
            ("service", service.as_str()),
            ("access_token", token.access_token.as_str()),
        ];
        form.extend(self.tenant.as_deref().map(|tenant| ("tenant", tenant)));
        let request = call::post_form(&self.ways.credentialed()?, url.clone(), &form);
        let answer: RefreshToken = REGISTRY.json(request).await?;
        let secret =
            call::filled(answer.refresh_token).ok_or_else(|| REGISTRY.no_answer(&service))?;
        let life = life_of(&secret, Utc::now()).or_else(|| call::life(token.expires_in.as_ref()));
        Ok(Made {
            registry: None,
            credential: Credential {
                username: NO_NAME.to_owned(),
                secret,
            },
            // The service's shortest, where neither token says.
            life: life.or(Some(Duration::from_secs(3600))),
        })
    }
}

fn missing(option: &str) -> Error {
    Error::Configuration {
        reason: format!(
            "a workload's identity in Azure needs {option}; give it, or AZURE_{} in the environment",
            option.to_ascii_uppercase()
        ),
    }
}

/// What is left of a JWT's life. Its signature is the registry's business: a wrong time costs a request, no more.
fn life_of(token: &str, now: DateTime<Utc>) -> Option<Duration> {
    #[derive(Deserialize)]
    struct Claims {
        exp: i64,
    }
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let Claims { exp } = serde_json::from_slice(&claims).ok()?;
    let left = u64::try_from(exp.checked_sub(now.timestamp())?).ok()?;
    (left > 0).then(|| Duration::from_secs(left))
}

#[cfg(test)]
mod tests;
