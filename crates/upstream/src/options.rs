//! What an endpoint can be told beyond Harbor's fields. One shape for the API, the configuration file and the database.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What stands in place of a secret wherever options are shown; sent back, it means the one that is saved.
pub const HIDDEN: &str = "*****";

/// A text that is not shown.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// The particulars of one endpoint. The default is what Harbor does.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Options {
    /// The way out for this endpoint alone: a proxy's URL (`http`, `https`, `socks5`, `socks5h`; with an account where
    /// it wants one), or `direct`. Wins over the configuration and the environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Secret>,
    /// The certificate chain shown to the registry, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<String>,
    /// Its private key, PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_key: Option<Secret>,
    /// Headers sent with each request to the registry itself, and nowhere else.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, Secret>,
    /// How many requests may be under way at once; more wait for their turn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_connections: Option<u32>,
    /// Kilobits per second for all blobs together, as in Harbor's `proxy_speed_kb`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bandwidth_kb: Option<u64>,
    /// The only addresses to connect to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip_family: Option<IpFamily>,
    /// `false`: HTTP/1.1 even where the registry offers more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub http2: Option<bool>,
    /// Other hosts (`host` or `host:port`) that credentials may go to for a token, private ones too.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_hosts: Vec<String>,
    /// More accounts of the same registry, used in turn with the endpoint's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<FurtherCredential>,
    /// How the credential is come by. `None`: as the endpoint's kind does by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth: Option<AuthOptions>,
}

/// A user name and its secret, beside the endpoint's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FurtherCredential {
    /// The name.
    pub access_key: String,
    /// The password.
    pub access_secret: Secret,
}

/// Which addresses of a host are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IpFamily {
    /// IPv4 only.
    Ipv4,
    /// IPv6 only.
    Ipv6,
}

/// How a credential is come by, and where the services that make it are. Every address has its provider's own as the
/// default; others are for private clouds and for tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "kebab-case", deny_unknown_fields)]
pub enum AuthOptions {
    /// Amazon's tokens for ECR: with the endpoint's access key, or, without one, by the default chain (environment, web
    /// identity, container credentials, instance metadata).
    Aws(Box<AwsOptions>),
    /// A refresh token of Azure's registry, for a workload or managed identity.
    Azure(Box<AzureOptions>),
    /// An access token of Google's: from the service-account key that is the endpoint's secret, from workload identity
    /// federation, or from the metadata server.
    Google(Box<GoogleOptions>),
    /// A temporary user of Alibaba Cloud's registry, made with the endpoint's access key.
    Alibaba(Box<AlibabaOptions>),
    /// A program that speaks docker's credential-helper protocol.
    Exec {
        /// Its name without `docker-credential-`. The server's configuration must allow it.
        helper: String,
    },
}

/// See [`AuthOptions::Aws`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AwsOptions {
    /// The token that belongs to a temporary access key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_token: Option<Secret>,
    /// A role to assume with what the rest gives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// The external id the role asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Where the registry's host does not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Instead of `https://api.ecr.<region>.amazonaws.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ecr_endpoint: Option<String>,
    /// Instead of `https://sts.<region>.amazonaws.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sts_endpoint: Option<String>,
    /// Instead of `http://169.254.169.254`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_endpoint: Option<String>,
}

/// See [`AuthOptions::Azure`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AzureOptions {
    /// The directory; `AZURE_TENANT_ID` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The identity; `AZURE_CLIENT_ID` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// The file with the workload's token; `AZURE_FEDERATED_TOKEN_FILE` unless given. Neither: a managed identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// Instead of `https://login.microsoftonline.com`; `AZURE_AUTHORITY_HOST` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authority_host: Option<String>,
    /// Instead of `http://169.254.169.254`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_endpoint: Option<String>,
}

/// See [`AuthOptions::Google`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GoogleOptions {
    /// A file with the configuration of workload identity federation (`external_account`) or a service-account key;
    /// `GOOGLE_APPLICATION_CREDENTIALS` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credential_file: Option<String>,
    /// Instead of the address in the key or the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// Instead of `http://metadata.google.internal`; `GCE_METADATA_HOST` unless given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata_endpoint: Option<String>,
}

/// See [`AuthOptions::Alibaba`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AlibabaOptions {
    /// Where the registry's host does not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The instance of an Enterprise Edition registry (`cri-…`), where its challenge does not name it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instance_id: Option<String>,
    /// Instead of `https://cr.<region>.aliyuncs.com`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_endpoint: Option<String>,
}

impl Options {
    /// As it may be shown: every secret is [`HIDDEN`].
    #[must_use]
    pub fn redacted(mut self) -> Self {
        for secret in self.secrets_mut() {
            if !secret.0.is_empty() {
                HIDDEN.clone_into(&mut secret.0);
            }
        }
        self
    }

    /// Takes the secrets that came back [`HIDDEN`] from `saved`: the proxy and key from their place, a header by its
    /// name, a credential by its access key. One that has no match is emptied.
    #[must_use]
    pub fn with_secrets_of(mut self, saved: &Self) -> Self {
        let saved_session = match &saved.auth {
            Some(AuthOptions::Aws(aws)) => aws.session_token.clone(),
            _ => None,
        };
        for (name, value) in &mut self.headers {
            value.fill(saved.headers.get(name));
        }
        for own in &mut self.credentials {
            let same = saved
                .credentials
                .iter()
                .find(|other| other.access_key == own.access_key);
            own.access_secret
                .fill(same.map(|other| &other.access_secret));
        }
        if let Some(proxy) = &mut self.proxy {
            proxy.fill(saved.proxy.as_ref());
        }
        if let Some(key) = &mut self.client_key {
            key.fill(saved.client_key.as_ref());
        }
        if let Some(AuthOptions::Aws(aws)) = &mut self.auth
            && let Some(token) = &mut aws.session_token
        {
            token.fill(saved_session.as_ref());
        }
        self
    }

    fn secrets_mut(&mut self) -> impl Iterator<Item = &mut Secret> {
        let session = match &mut self.auth {
            Some(AuthOptions::Aws(aws)) => aws.session_token.as_mut(),
            _ => None,
        };
        let further = self
            .credentials
            .iter_mut()
            .map(|credential| &mut credential.access_secret);
        self.proxy
            .iter_mut()
            .chain(self.client_key.as_mut())
            .chain(self.headers.values_mut())
            .chain(further)
            .chain(session)
    }
}

impl Secret {
    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn fill(&mut self, saved: Option<&Self>) {
        if self.0 == HIDDEN {
            *self = saved.cloned().unwrap_or_default();
        }
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"proxy":"http://u:p@proxy:1","headers":{"x-a":"one"},
        "credentials":[{"access_key":"k","access_secret":"s"}],
        "auth":{"method":"aws","session_token":"t","role_arn":"arn"}}"#;

    #[test]
    fn what_is_shown_has_no_secret_and_comes_back_whole() {
        let options: Options = serde_json::from_str(TEXT).unwrap();
        let shown = serde_json::to_string(&options.clone().redacted()).unwrap();
        for secret in ["u:p", "one", "\"s\"", "\"t\""] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        let back: Options = serde_json::from_str(&shown).unwrap();
        assert_eq!(back.with_secrets_of(&options), options);
    }

    #[test]
    fn a_secret_follows_to_no_other_name() {
        let saved: Options = serde_json::from_str(TEXT).unwrap();
        let other = r#"{"headers":{"x-b":"*****"},"credentials":[{"access_key":"z","access_secret":"*****"}]}"#;
        let other: Options = serde_json::from_str(other).unwrap();
        let filled = other.with_secrets_of(&saved);
        assert_eq!(filled.headers["x-b"].expose(), "");
        assert_eq!(filled.credentials[0].access_secret.expose(), "");
    }

    #[test]
    fn a_word_nobody_knows_is_an_error() {
        for text in [
            r#"{"colour":1}"#,
            r#"{"auth":{"method":"magic"}}"#,
            r#"{"auth":{"method":"aws","x":1}}"#,
        ] {
            assert!(serde_json::from_str::<Options>(text).is_err(), "{text}");
        }
        assert_eq!(
            serde_json::from_str::<Options>("{}").unwrap(),
            Options::default()
        );
    }
}
