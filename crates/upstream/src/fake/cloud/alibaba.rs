//! Alibaba Cloud: the API of the Container Registry, both editions, and a registry's challenge and tokens, on one
//! socket. The signature is worked out here anew, from the request as it came.
//!
//! Follows <https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature>,
//! <https://www.alibabacloud.com/help/doc-detail/72334.htm>,
//! <https://www.alibabacloud.com/help/en/acr/developer-reference/api-cr-2018-12-01-getauthorizationtoken> and the
//! error codes of <https://help.aliyun.com/en/document_detail/434846.html>.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::{digest, hmac};
use chrono::{DateTime, TimeDelta, Utc};
use http::StatusCode;
use serde_json::json;

use super::desk::{Asked, Cloud, Desk, Reply};
use super::jwt::Signer;
use super::registry::{self, Registry};
use crate::fake::Entry;

/// The access key's id.
pub const KEY_ID: &str = "LTAI5tRoadstead";
/// The access key's secret.
pub const KEY_SECRET: &str = "9f2c7ab0d1e84c53a6roadstead";
/// The region there is.
pub const REGION: &str = "cn-hangzhou";
/// The instance of the Enterprise Edition there is.
pub const INSTANCE: &str = "cri-kmsiwlxxdcvaduwb";

const ALGORITHM: &str = "ACS3-HMAC-SHA256";
const SIGNED: [&str; 6] = [
    "host",
    "x-acs-action",
    "x-acs-content-sha256",
    "x-acs-date",
    "x-acs-signature-nonce",
    "x-acs-version",
];
const MAX_SKEW: TimeDelta = TimeDelta::minutes(15);
const TEMPORARY_USER: &str = "cr_temp_user";

/// Alibaba Cloud, as long as this value lives. Its parts are at `/tokens` and `/` (the API), `/auth` and `/v2/` (the
/// registry).
pub struct Alibaba {
    desk: Desk,
    passwords: Arc<Signer>,
}

struct Shared {
    is_enterprise: bool,
    passwords: Arc<Signer>,
    registry: Registry,
    nonces: Mutex<HashSet<String>>,
}

impl Alibaba {
    /// With an access key and a registry of the Personal Edition.
    pub async fn start() -> Self {
        Self::open(false).await
    }

    /// With an access key and a registry of the Enterprise Edition.
    pub async fn start_enterprise() -> Self {
        Self::open(true).await
    }

    async fn open(is_enterprise: bool) -> Self {
        let passwords = Arc::new(Signer::new());
        let shared = Shared {
            is_enterprise,
            passwords: Arc::clone(&passwords),
            registry: Registry::new(),
            nonces: Mutex::default(),
        };
        Self {
            desk: Desk::open(shared).await,
            passwords,
        }
    }

    /// What a registry of Alibaba's makes of them.
    pub fn entry(&self, user: &str, password: &str) -> Entry {
        let claims = self.passwords.verify(password);
        let is_alive = claims.is_some_and(|claims| self.desk.is_alive(&claims));
        match user == TEMPORARY_USER && is_alive {
            true => Entry::Granted,
            false => Entry::Refused,
        }
    }

    /// Its socket, counts and faults.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }
}

impl std::fmt::Debug for Alibaba {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alibaba").finish_non_exhaustive()
    }
}

impl Cloud for Shared {
    fn answer(&self, asked: &Asked) -> Reply {
        match (asked.method.as_str(), asked.path.as_str()) {
            ("GET", "/tokens") => self.personal(asked),
            ("GET" | "POST", "/") => self.enterprise(asked),
            ("GET", "/auth") => self.registry_token(asked),
            _ => refusal(
                404,
                "InvalidApi.NotFound",
                "Specified api is not found, please check your url and method.",
            ),
        }
    }

    fn challenge(&self, asked: &Asked) -> Option<String> {
        let realm = format!("http://{}/auth", asked.header("host"));
        let service = match self.is_enterprise {
            true => format!("registry.aliyuncs.com:{REGION}:china:{INSTANCE}"),
            false => format!("registry.aliyuncs.com:{REGION}:26842"),
        };
        self.registry.challenge(asked, &realm, &service)
    }
}

impl Shared {
    fn personal(&self, asked: &Asked) -> Reply {
        if let Some(refused) = self.fault(asked, "2016-06-07") {
            return refused;
        }
        Reply(
            StatusCode::OK,
            json!({
                "data": {
                    "authorizationToken": self.password(asked),
                    "tempUserName": TEMPORARY_USER,
                    "expireDate": expiry_ms(asked),
                },
                "requestId": "94E89857-B994-44B6-9C4F-DBD200E9E272",
            }),
        )
    }

    fn enterprise(&self, asked: &Asked) -> Reply {
        if let Some(refused) = self.fault(asked, "2018-12-01") {
            return refused;
        }
        match asked.field("InstanceId").as_str() {
            INSTANCE => {}
            "" => {
                return refusal(
                    400,
                    "MissingInstanceId",
                    "InstanceId is mandatory for this action.",
                );
            }
            _ => {
                // A refusal that the gateway lets through as a success.
                let answer = json!({
                    "IsSuccess": false,
                    "Code": "INSTANCE_NOT_EXIST",
                    "Message": "instance is not exist",
                });
                return Reply(StatusCode::OK, answer);
            }
        }
        Reply(
            StatusCode::OK,
            json!({
                "RequestId": "E069EB86-E6AD-4A98-ADDE-0E993390239A",
                "Code": "success",
                "IsSuccess": true,
                "TempUsername": TEMPORARY_USER,
                "AuthorizationToken": self.password(asked),
                "ExpireTime": expiry_ms(asked),
            }),
        )
    }

    fn registry_token(&self, asked: &Asked) -> Reply {
        let shown = registry::basic(asked).filter(|(user, _)| user == TEMPORARY_USER);
        let claims = shown.and_then(|(_, secret)| self.passwords.verify(&secret));
        let is_known = claims.is_some_and(|claims| asked.is_alive(&claims)) && !asked.is_revoked;
        let token = match is_known {
            true => Some(self.registry.token(asked)),
            false => self.registry.token_for_stranger(asked),
        };
        let Some(token) = token else {
            return refusal(401, "UNAUTHORIZED", "authentication required");
        };
        let answer =
            json!({ "token": token, "access_token": token, "expires_in": asked.life.as_secs() });
        Reply(StatusCode::OK, answer)
    }

    fn password(&self, asked: &Asked) -> String {
        self.passwords
            .sign_for(asked, json!({ "use": "temporary" }))
    }

    /// What is wrong with a request to the API, if anything is.
    fn fault(&self, asked: &Asked, version: &str) -> Option<Reply> {
        let refuse = |status, code, said| Some(refusal(status, code, said));
        if asked.header("x-acs-version") != version
            || asked.header("x-acs-action") != "GetAuthorizationToken"
        {
            return refuse(
                404,
                "InvalidApi.NotFound",
                "Specified api is not found, please check your url and method.",
            );
        }
        let Some((id, names, signature)) = authorization(asked.header("authorization")) else {
            return refuse(
                400,
                "IncompleteSignature",
                "The request signature does not conform to Aliyun standards.",
            );
        };
        if id != KEY_ID || asked.is_revoked {
            return refuse(
                404,
                "InvalidAccessKeyId.NotFound",
                "Specified access key is not found.",
            );
        }
        let Ok(date) = asked.header("x-acs-date").parse::<DateTime<Utc>>() else {
            return refuse(
                400,
                "InvalidTimeStamp.Format",
                "Specified time stamp or date value is not well formatted.",
            );
        };
        if (Utc::now() - date).abs() > MAX_SKEW {
            return refuse(
                400,
                "InvalidTimeStamp.Expired",
                "Specified time stamp or date value is expired.",
            );
        }
        let has_all = SIGNED.iter().all(|name| names.contains(name));
        let is_whole = asked.header("x-acs-content-sha256") == sha256(&asked.body);
        if !has_all || !is_whole || signature != signature_of(asked, &names) {
            let said = "Specified signature is not matched with our calculation. server string to sign is:...";
            return refuse(400, "SignatureDoesNotMatch", said);
        }
        let nonce = asked.header("x-acs-signature-nonce").to_owned();
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        if nonce.is_empty() || !nonces.insert(nonce) {
            return refuse(
                400,
                "SignatureNonceUsed",
                "Specified signature nonce was used already.",
            );
        }
        None
    }
}

/// The id, the names of the signed headers, and the signature.
fn authorization(value: &str) -> Option<(&str, Vec<&str>, &str)> {
    let mut fields = value.strip_prefix(ALGORITHM)?.trim().split(',');
    let mut field = |name: &str| fields.next()?.trim().strip_prefix(name)?.strip_prefix('=');
    let id = field("Credential")?;
    let names = field("SignedHeaders")?.split(';').collect();
    Some((id, names, field("Signature")?))
}

fn signature_of(asked: &Asked, names: &[&str]) -> String {
    let mut text = format!("{}\n{}\n", asked.method, asked.path);
    let mut query: Vec<&str> = asked.query.split('&').collect();
    query.sort_unstable();
    text += &query.join("&");
    text.push('\n');
    for name in names {
        text += &format!("{name}:{}\n", asked.header(name).trim());
    }
    text += &format!("\n{}\n{}", names.join(";"), sha256(&asked.body));
    let signed = format!("{ALGORITHM}\n{}", sha256(text.as_bytes()));
    let key = hmac::Key::new(hmac::HMAC_SHA256, KEY_SECRET.as_bytes());
    hex(hmac::sign(&key, signed.as_bytes()).as_ref())
}

fn expiry_ms(asked: &Asked) -> i64 {
    asked.expiry() * 1000
}

fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        // Writing to a text does not fail.
        _ = write!(text, "{byte:02x}");
    }
    text
}

fn refusal(status: u16, code: &str, said: &str) -> Reply {
    let answer = json!({
        "RequestId": "7AE63638-5420-56DC-B7B3-2E7B3A3C3F2C",
        "HostId": "cr.cn-hangzhou.aliyuncs.com",
        "Code": code,
        "Message": said,
    });
    Reply(StatusCode::from_u16(status).expect("a status"), answer)
}
