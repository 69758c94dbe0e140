//! Workload identity federation: a token of another platform, from a file or a URL, is traded at Google's STS for a
//! federated token and, where the configuration says so, that one for a service account's.
//!
//! Follows <https://google.aip.dev/auth/4117> (the configuration), RFC 8693 as
//! <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token> has it, and
//! <https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken>.
//! Tokens signed with an AWS key, by a program or with a certificate are not read.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use super::{Granted, SCOPE, TokenAnswer};
use crate::Error;
use crate::credential::ambient;
use crate::credential::call::{self, Call, EXCHANGE_LIMIT, ON_NETWORK};
use crate::egress::Ways;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const DEFAULT_LIFE_SECS: u32 = 3600;

const SUBJECT: Call = Call {
    service: "the source of the workload's own token",
    limit: EXCHANGE_LIMIT,
    advice: "check the URL and headers of `credential_source`",
    reach: ON_NETWORK,
};
const STS: Call = Call {
    service: "Google's security token service",
    limit: EXCHANGE_LIMIT,
    advice: "check the audience, and that the pool's provider takes this workload's issuer, audience and subject",
    reach: ON_NETWORK,
};
const IMPERSONATION: Call = Call {
    service: "Google's service-account credentials",
    limit: EXCHANGE_LIMIT,
    advice: "give the workload the role Workload Identity User on the service account of `service_account_impersonation_url`",
    reach: ON_NETWORK,
};

/// A configuration of type `external_account`.
#[derive(Deserialize)]
pub(super) struct Federation {
    audience: String,
    subject_token_type: String,
    token_url: String,
    credential_source: CredentialSource,
    service_account_impersonation_url: Option<String>,
    #[serde(default)]
    service_account_impersonation: Impersonation,
}

#[derive(Deserialize)]
struct CredentialSource {
    file: Option<String>,
    url: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    format: Format,
    environment_id: Option<String>,
}

#[derive(Default, Deserialize)]
struct Format {
    #[serde(default)]
    r#type: String,
    subject_token_field_name: Option<String>,
}

#[derive(Default, Deserialize)]
struct Impersonation {
    token_lifetime_seconds: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Impersonated {
    #[serde(default)]
    access_token: String,
    expire_time: Option<DateTime<Utc>>,
}

impl Federation {
    /// # Errors
    /// [`Error::Credential`] where the document is none, or has a source that is not read.
    pub(super) fn parse(document: &Value) -> Result<Self, Error> {
        let federation = Self::deserialize(document).map_err(|_| Error::Credential {
            reason: "the configuration of workload identity federation is not whole; make it anew with gcloud iam workload-identity-pools create-cred-config".to_owned(),
        })?;
        let source = &federation.credential_source;
        if source.environment_id.is_some() {
            return Err(unread("an AWS machine (`environment_id`)"));
        }
        if source.file.is_none() && source.url.is_none() {
            return Err(unread("a program or a certificate"));
        }
        Ok(federation)
    }

    /// # Errors
    /// [`Error::Credential`] where a service on the way refuses, fails or is out of reach.
    pub(super) async fn grant(
        &self,
        ways: &Ways,
        token_endpoint: Option<&Url>,
        now: DateTime<Utc>,
    ) -> Result<Granted, Error> {
        let subject = self.subject_token(ways).await?;
        let url = match token_endpoint {
            Some(url) => url.clone(),
            None => call::address(&self.token_url, "token_url")?,
        };
        let form = [
            ("grant_type", GRANT),
            ("audience", self.audience.as_str()),
            ("scope", SCOPE),
            ("requested_token_type", ACCESS_TOKEN),
            ("subject_token", subject.as_str()),
            ("subject_token_type", self.subject_token_type.as_str()),
        ];
        let request = call::post_form(&ways.cloud()?, url.clone(), &form);
        let federated = STS
            .json::<TokenAnswer>(request)
            .await?
            .granted(&STS, &url)?;
        match &self.service_account_impersonation_url {
            Some(url) => self.impersonate(ways, url, &federated.token, now).await,
            None => Ok(federated),
        }
    }

    async fn subject_token(&self, ways: &Ways) -> Result<String, Error> {
        let source = &self.credential_source;
        if let Some(file) = &source.file {
            let text = ambient::read_file(Path::new(file)).await?;
            return source.format.token_in(&text);
        }
        let url = source.url.as_deref().unwrap_or_default();
        let url = call::address(url, "the url of `credential_source`")?;
        // In the clear it is a metadata service of this machine, which no proxy reaches; else a service on the network.
        let client = match url.scheme() {
            "http" => ways.machine()?,
            _ => ways.cloud()?,
        };
        let mut request = client.get(url);
        for (name, value) in &source.headers {
            request = request.header(name, value);
        }
        let (host, bytes) = SUBJECT.text(request).await?;
        let text = std::str::from_utf8(&bytes).map_err(|_| SUBJECT.no_answer(&host))?;
        source.format.token_in(text)
    }

    async fn impersonate(
        &self,
        ways: &Ways,
        url: &str,
        federated: &str,
        now: DateTime<Utc>,
    ) -> Result<Granted, Error> {
        let url = call::address(url, "service_account_impersonation_url")?;
        let life = self.service_account_impersonation.token_lifetime_seconds;
        let life_secs = life.unwrap_or(DEFAULT_LIFE_SECS);
        let wish = json!({ "scope": [SCOPE], "lifetime": format!("{life_secs}s") });
        let request = ways.cloud()?.post(url.clone()).bearer_auth(federated);
        let answer: Impersonated = IMPERSONATION.json(request.json(&wish)).await?;
        if answer.access_token.is_empty() {
            return Err(IMPERSONATION.no_answer(&call::host_of(&url)));
        }
        let left = answer.expire_time.map(|end| end.signed_duration_since(now));
        Ok(Granted {
            token: answer.access_token,
            life: left
                .and_then(|left| left.to_std().ok())
                .unwrap_or(Duration::from_secs(life_secs.into())),
        })
    }
}

impl Format {
    /// Errors say nothing of what the text is: it is a token, or near one.
    fn token_in(&self, text: &str) -> Result<String, Error> {
        let wrong = |why: &str| Error::Credential {
            reason: format!(
                "the workload's own token {why}; check `format` of `credential_source`"
            ),
        };
        let token = match self.r#type.as_str() {
            "" | "text" => text.trim().to_owned(),
            "json" => {
                let json: Value =
                    serde_json::from_str(text).map_err(|_| wrong("is not in JSON"))?;
                let field = self.subject_token_field_name.as_deref();
                let token = field.and_then(|field| json.get(field)?.as_str());
                token
                    .ok_or_else(|| wrong("is not under `subject_token_field_name`"))?
                    .to_owned()
            }
            _ => return Err(wrong("has a form that is neither text nor json")),
        };
        if token.is_empty() {
            return Err(wrong("is empty"));
        }
        Ok(token)
    }
}

fn unread(source: &str) -> Error {
    Error::Credential {
        reason: format!(
            "the configuration of workload identity federation takes its token from {source}, which is not read here; use one with a file or url, or a service-account key"
        ),
    }
}
