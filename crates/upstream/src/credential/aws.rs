//! Tokens for Amazon's registries: keys from the endpoint or the default chain, perhaps a role assumed with them, and
//! `GetAuthorizationToken` signed with what came out. The token is a password for the user `AWS`.
//! <https://docs.aws.amazon.com/AmazonECR/latest/APIReference/API_GetAuthorizationToken.html> and
//! <https://docs.aws.amazon.com/AmazonECRPublic/latest/APIReference/API_GetAuthorizationToken.html>

mod call;
mod chain;
mod host;
mod machine;
mod sign;
mod sts;
mod token;

use std::fmt;
use std::sync::Arc;

use url::Url;

use self::chain::Origin;
use self::host::{Host, PrivateHost};
use self::token::Registry;
use super::{Made, no_credential};
use crate::egress::Ways;
use crate::environment::Environment;
use crate::{AwsOptions, Credential, Endpoint, Error, Kind, provider};

/// The user that a token is the password of.
const TOKEN_USER: &str = "AWS";
/// The public gallery has its API in one region.
const PUBLIC_REGION: &str = "us-east-1";
const PUBLIC_ECR_URL: &str = "https://api.ecr-public.us-east-1.amazonaws.com";

/// Makes tokens for one registry with one set of keys.
pub(super) struct Maker {
    ways: Arc<Ways>,
    registry: Registry,
    region: String,
    ecr_url: Url,
    sts_url: Url,
    keys_from: Origin,
    role: Option<Role>,
}

/// What signs requests.
#[derive(Clone, PartialEq, Eq)]
struct Keys {
    access_key: String,
    secret_key: String,
    /// The token that belongs to keys of a session.
    session_token: Option<String>,
}

/// A role to assume.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Role {
    arn: String,
    external_id: Option<String>,
    session_name: String,
}

impl Maker {
    /// The maker for an endpoint of the kind `aws-ecr` that says nothing of its own. `None`: the credential is shown
    /// as it is (the public gallery serves strangers; the user `AWS` has a token already).
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn of_kind(
        endpoint: &Endpoint,
        credential: Option<&Credential>,
        ways: &Arc<Ways>,
    ) -> Result<Option<Self>, Error> {
        let is_kept = match credential {
            None => host_of(endpoint)? == Some(Host::Public),
            Some(credential) => credential.username == TOKEN_USER,
        };
        if is_kept {
            return Ok(None);
        }
        let options = AwsOptions::default();
        Self::new(endpoint, options, credential, Arc::clone(ways)).map(Some)
    }

    /// # Errors
    /// [`Error::Configuration`] where no region is known, or an address is no URL.
    pub(super) fn new(
        endpoint: &Endpoint,
        options: AwsOptions,
        credential: Option<&Credential>,
        ways: Arc<Ways>,
    ) -> Result<Self, Error> {
        let environment = ways.config().environment.clone();
        let host = host_of(endpoint)?;
        let (registry, services) = match host {
            Some(Host::Public) => (Registry::Public, PrivateHost::of_region(PUBLIC_REGION)),
            Some(Host::Private(own)) => (Registry::private(&own, endpoint.kind), own),
            None => {
                let region = region(&options, &environment).ok_or_else(unknown_region)?;
                (Registry::Own, PrivateHost::of_region(&region))
            }
        };
        let (variable, usual) = match registry {
            Registry::Public => ("AWS_ENDPOINT_URL_ECR_PUBLIC", PUBLIC_ECR_URL.to_owned()),
            _ => ("AWS_ENDPOINT_URL_ECR", services.ecr_url()),
        };
        let address = |given: &Option<String>, variable: &str, usual: String| {
            let given = given.as_deref().filter(|given| !given.trim().is_empty());
            let text = given.or_else(|| environment.var(variable));
            service_url(text.unwrap_or(&usual))
        };
        Ok(Self {
            registry,
            ecr_url: address(&options.ecr_endpoint, variable, usual)?,
            sts_url: address(
                &options.sts_endpoint,
                "AWS_ENDPOINT_URL_STS",
                services.sts_url(),
            )?,
            region: services.region,
            keys_from: chain::origin(credential, &options, &environment)?,
            role: role(&options, &environment),
            ways,
        })
    }

    /// # Errors
    /// [`Error::Credential`]: keys, role or token could not be had.
    pub(super) async fn make(&self) -> Result<Made, Error> {
        let mut keys = self.keys().await?;
        if let Some(role) = &self.role {
            keys =
                sts::assume_role(&self.cloud()?, &self.sts_url, &self.region, role, &keys).await?;
        }
        token::token(
            &self.cloud()?,
            &self.ecr_url,
            &self.region,
            &self.registry,
            &keys,
        )
        .await
    }

    async fn keys(&self) -> Result<Keys, Error> {
        match &self.keys_from {
            Origin::Given(keys) => Ok(keys.clone()),
            Origin::WebIdentity(identity) => {
                sts::assume_role_with_web_identity(&self.cloud()?, &self.sts_url, identity).await
            }
            Origin::Container(container) => {
                machine::container_keys(&self.ways.machine()?, container).await
            }
            Origin::Instance(url) => machine::instance_keys(&self.ways.machine()?, url).await,
            Origin::Nowhere => Err(no_credential(
                "the endpoint has no access key, and the environment names none (the instance metadata service is \
                 switched off by AWS_EC2_METADATA_DISABLED); give an access key, or a role to this machine",
            )),
        }
    }

    fn cloud(&self) -> Result<reqwest::Client, Error> {
        self.ways.cloud()
    }
}

fn host_of(endpoint: &Endpoint) -> Result<Option<Host>, Error> {
    let url = provider::data_url(endpoint)?;
    Ok(url.host_str().and_then(host::parse))
}

fn region(options: &AwsOptions, environment: &Environment) -> Option<String> {
    let given = options.region.as_deref().map(str::trim);
    given
        .filter(|region| !region.is_empty())
        .or_else(|| environment.var("AWS_REGION"))
        .or_else(|| environment.var("AWS_DEFAULT_REGION"))
        .map(str::to_owned)
}

fn unknown_region() -> Error {
    Error::Configuration {
        reason: "its host does not say which AWS region it is in: set auth.region".to_owned(),
    }
}

fn role(options: &AwsOptions, environment: &Environment) -> Option<Role> {
    let arn = options.role_arn.as_deref().map(str::trim)?;
    (!arn.is_empty()).then(|| Role {
        arn: arn.to_owned(),
        external_id: options.external_id.clone().filter(|id| !id.is_empty()),
        session_name: chain::session_name(environment),
    })
}

/// The address of a service, whose requests all go to `/`.
fn service_url(text: &str) -> Result<Url, Error> {
    let url: Option<Url> = text.trim().parse().ok();
    url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or_else(|| Error::Configuration {
            reason: format!("{text:?} is no http or https URL of an AWS service"),
        })
}

impl Registry {
    /// The registry that a private host names. A kind other than Amazon's has its data where its URL says.
    fn private(host: &PrivateHost, kind: Kind) -> Self {
        match &host.account {
            Some(account) => Self::Of(account.clone()),
            None if kind == Kind::AwsEcr => Self::Learned,
            None => Self::Own,
        }
    }
}

impl fmt::Debug for Keys {
    /// Without the secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys")
            .field("access_key", &self.access_key)
            .finish_non_exhaustive()
    }
}
