//! Alibaba Cloud: a temporary user and its password, made by the registry's API with an access key. The Personal and
//! the Enterprise Edition have an API each; which it is, is told by the host's name or by the registry's challenge.
//!
//! Follows <https://www.alibabacloud.com/help/doc-detail/72334.htm> (Personal Edition, `GET /tokens`) and
//! <https://www.alibabacloud.com/help/en/acr/developer-reference/api-cr-2018-12-01-getauthorizationtoken>.

mod host;
mod sign;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use http::header;
use oci::Challenge;
use serde_json::Value;
use tokio::sync::OnceCell;
use url::Url;

use self::host::Edition;
use self::sign::Operation;
use super::Made;
use super::call::{self, Call, EXCHANGE_LIMIT, ON_NETWORK};
use crate::egress::{self, Ways};
use crate::{AlibabaOptions, Credential, Error};

/// As the API gives, where an answer does not say.
const DEFAULT_LIFE: Duration = Duration::from_secs(3600);

const API: Call = Call {
    service: "Alibaba Cloud's registry API",
    limit: EXCHANGE_LIMIT,
    advice: "check the AccessKey id and secret, that its user may call cr:GetAuthorizationToken, the instance id, and this machine's clock",
    reach: ON_NETWORK,
};

/// Makes temporary users.
pub(super) struct Maker {
    ways: Arc<Ways>,
    key: Credential,
    region: Option<String>,
    instance_id: Option<String>,
    api: Option<Url>,
    /// Asked of the registry at most once.
    place: OnceCell<Place>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    region: String,
    /// Of an Enterprise Edition registry.
    instance_id: Option<String>,
}

impl Maker {
    /// # Errors
    /// [`Error::Configuration`] without an access key, or where an address is none.
    pub(super) fn new(
        options: AlibabaOptions,
        credential: Option<&Credential>,
        ways: Arc<Ways>,
    ) -> Result<Self, Error> {
        let is_whole = |key: &&Credential| !key.username.is_empty() && !key.secret.is_empty();
        let key = credential.filter(is_whole).cloned();
        let key = key.ok_or_else(|| Error::Configuration {
            reason: "a temporary user of Alibaba Cloud's registry is made with an AccessKey; give its id as access_key and its secret as access_secret".to_owned(),
        })?;
        let api = call::filled(options.api_endpoint)
            .map(|url| call::address(&url, "api_endpoint"))
            .transpose()?;
        Ok(Self {
            ways,
            key,
            region: call::filled(options.region),
            instance_id: call::filled(options.instance_id),
            api,
            place: OnceCell::new(),
        })
    }

    /// # Errors
    /// [`Error::Credential`] where the API refuses, fails or is out of reach. Where the registry had to be asked what
    /// it is and did not answer, its own error.
    pub(super) async fn make(&self) -> Result<Made, Error> {
        let place = self.place.get_or_try_init(|| self.find_place()).await?;
        let (operation, url) = self.request(place)?;
        let method = match operation.method {
            "GET" => http::Method::GET,
            _ => http::Method::POST,
        };
        let headers = sign::headers(&operation, &url, &self.key, Utc::now(), &sign::nonce());
        let mut request = self.ways.cloud()?.request(method, url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.header(header::ACCEPT, "application/json");
        let (host, bytes) = API.text(request).await?;
        read(&bytes, Utc::now()).ok_or_else(|| API.no_answer_of(&host, &bytes))
    }

    fn request(&self, place: &Place) -> Result<(Operation<'static>, Url), Error> {
        let api = match &self.api {
            Some(url) => url.clone(),
            None => call::address(
                &format!("https://cr.{}.aliyuncs.com", place.region),
                "the API's address made of the region",
            )?,
        };
        let action = "GetAuthorizationToken";
        Ok(match &place.instance_id {
            None => {
                let operation = Operation {
                    method: "GET",
                    action,
                    version: "2016-06-07",
                };
                (
                    operation,
                    sign::with_query(call::at(&api, &["tokens"]), &[]),
                )
            }
            Some(id) => {
                let operation = Operation {
                    method: "POST",
                    action,
                    version: "2018-12-01",
                };
                (operation, sign::with_query(api, &[("InstanceId", id)]))
            }
        })
    }

    /// What the options and the host's name leave open, the registry's challenge tells.
    async fn find_place(&self) -> Result<Place, Error> {
        let host = self.ways.upstream().host_str().unwrap_or_default();
        let known = host::read_host(host);
        let region = self.region.as_deref();
        let region = region.or(known.map(|(_, region)| region));
        let is_personal = known.is_some_and(|(edition, _)| edition == Edition::Personal);
        if let Some(region) = region
            && (is_personal || self.instance_id.is_some())
        {
            return Ok(self.place(region, None));
        }
        let service = self.service().await?;
        let told = service.as_deref().and_then(host::read_service);
        let instance = told.and_then(|(_, instance)| instance);
        match region.or(told.map(|(region, _)| region)) {
            Some(_) if instance.is_none() && self.lacks_instance(known) => {
                Err(untold("instance_id"))
            }
            Some(region) => Ok(self.place(region, instance)),
            None => Err(untold("region")),
        }
    }

    fn lacks_instance(&self, known: Option<(Edition, &str)>) -> bool {
        let is_enterprise = known.is_some_and(|(edition, _)| edition == Edition::Enterprise);
        is_enterprise && self.instance_id.is_none()
    }

    fn place(&self, region: &str, told_instance: Option<&str>) -> Place {
        let own = self.instance_id.as_deref();
        Place {
            region: region.to_owned(),
            instance_id: own.or(told_instance).map(str::to_owned),
        }
    }

    /// The service that the registry's challenge names.
    ///
    /// # Errors
    /// The registry's own: it is the one that is asked here.
    async fn service(&self) -> Result<Option<String>, Error> {
        let request = self.ways.data()?.get(self.ways.v2_url()).send();
        let response = tokio::time::timeout(EXCHANGE_LIMIT, request)
            .await
            .map_err(|_| Error::Timeout)?
            .map_err(|error| egress::of_transport(&error))?;
        let challenges = response.headers().get_all(header::WWW_AUTHENTICATE);
        let mut challenges = challenges
            .iter()
            .filter_map(|value| Challenge::parse(value.to_str().ok()?));
        Ok(challenges.find_map(|challenge| match challenge {
            Challenge::Bearer { service, .. } => service,
            Challenge::Basic { .. } => None,
        }))
    }
}

fn untold(option: &str) -> Error {
    Error::Configuration {
        reason: format!(
            "neither its host's name nor its challenge says which {option} of Alibaba Cloud it is; give {option}"
        ),
    }
}

/// The user in an answer of either edition. `None`: there is none.
fn read(bytes: &[u8], now: DateTime<Utc>) -> Option<Made> {
    let whole: Value = serde_json::from_slice(bytes).ok()?;
    let data = whole.get("data").unwrap_or(&whole);
    let first = |names: &[&str]| names.iter().find_map(|name| data.get(*name));
    let text = |names: &[&str]| {
        let text = first(names).and_then(Value::as_str);
        call::filled(text.map(str::to_owned))
    };
    let end = first(&["ExpireTime", "expireTime", "expireDate"]).and_then(Value::as_i64);
    let end = end.and_then(DateTime::from_timestamp_millis);
    let left = end.map(|end| end.signed_duration_since(now).to_std().unwrap_or_default());
    Some(Made {
        registry: None,
        credential: Credential {
            username: text(&["TempUsername", "tempUserName"])?,
            secret: text(&["AuthorizationToken", "authorizationToken"])?,
        },
        life: Some(left.unwrap_or(DEFAULT_LIFE)),
    })
}

#[cfg(test)]
mod tests;
