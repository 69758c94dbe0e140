//! Google Cloud: the token endpoint, the security token service, the service accounts' credentials and a machine's
//! metadata server, on one socket.
//!
//! Follows <https://developers.google.com/identity/protocols/oauth2/service-account#httprest>,
//! <https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token>,
//! <https://cloud.google.com/iam/docs/reference/credentials/rest/v1/projects.serviceAccounts/generateAccessToken> and
//! <https://cloud.google.com/compute/docs/access/authenticate-workloads>.

mod key;

use std::sync::Arc;

use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{TimeDelta, Utc};
use http::StatusCode;
use serde_json::{Value, json};

use super::desk::{Asked, Cloud, Desk, Reply};
use super::jwt::{self, Signer};
use super::registry::{self, Registry};

/// The service account there is.
pub const ACCOUNT: &str = "puller@project.iam.gserviceaccount.com";
/// The provider of the workload identity pool there is.
pub const AUDIENCE: &str =
    "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/cluster";

const KEY_ID: &str = "4a8f3c0de1";
const CLOUD_PLATFORM: &str = "https://www.googleapis.com/auth/cloud-platform";
const SCOPES: [&str; 3] = [
    CLOUD_PLATFORM,
    "https://www.googleapis.com/auth/cloud-platform.read-only",
    "https://www.googleapis.com/auth/devstorage.read_only",
];
const ISSUER: &str = "https://oidc.example/cluster";
const IMPERSONATE: &str = ":generateAccessToken";
/// How far the clock of who asks may be ahead.
const SKEW_SECS: i64 = 300;

/// Google, as long as this value lives. Its parts are at `/token`, `/v1/token`,
/// `/v1/projects/-/serviceAccounts/…:generateAccessToken` and `/computeMetadata/`; its registry at `/v2/token` and `/v2/`; `/subject` gives a workload's own
/// token to whoever sends `x-secret: sesame`.
pub struct Google {
    desk: Desk,
    key: KeyPair,
    cluster: Arc<Signer>,
    tokens: Arc<Signer>,
}

struct Shared {
    /// As X.509 has it.
    public_key: Vec<u8>,
    /// Signs the tokens of workloads.
    cluster: Arc<Signer>,
    /// Signs access tokens.
    tokens: Arc<Signer>,
    registry: Registry,
}

impl Google {
    /// With one service account that has one key, and one workload identity pool.
    ///
    /// # Panics
    /// Where no key can be made.
    pub async fn start() -> Self {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        let (cluster, tokens) = (Arc::new(Signer::new()), Arc::new(Signer::new()));
        let shared = Shared {
            public_key: key.public_key().as_ref().to_vec(),
            cluster: Arc::clone(&cluster),
            tokens: Arc::clone(&tokens),
            registry: Registry::new(),
        };
        let desk = Desk::open(shared).await;
        Self {
            desk,
            key,
            cluster,
            tokens,
        }
    }

    /// Its socket, counts and faults.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// The service account's key, as the console gives it.
    pub fn key_json(&self) -> String {
        key::document(&self.key, &self.desk.url())
    }

    /// A key that the account no longer has.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn deleted_key_json(&self) -> String {
        let key = KeyPair::generate(KeySize::Rsa2048).expect("a key");
        key::document(&key, &self.desk.url())
    }

    /// A configuration of workload identity federation with this `credential_source`; `None` of an account: the
    /// federated token itself is used.
    pub fn federation_json(&self, source: &str, account: Option<&str>) -> String {
        let url = self.desk.url();
        let source: Value = serde_json::from_str(source).expect("JSON");
        let mut document = json!({
            "type": "external_account",
            "audience": AUDIENCE,
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
            "token_url": format!("{url}/v1/token"),
            "credential_source": source,
        });
        if let Some(account) = account {
            let impersonate = format!("{url}/v1/projects/-/serviceAccounts/{account}{IMPERSONATE}");
            document["service_account_impersonation_url"] = json!(impersonate);
        }
        document.to_string()
    }

    /// The workload's own token; dead after `life_secs`.
    pub fn workload_token(&self, life_secs: i64) -> String {
        workload_token(&self.cluster, life_secs)
    }

    /// Whether a registry of Google's would take this access token.
    pub fn is_access_token(&self, token: &str) -> bool {
        let claims = self.tokens.verify(token);
        claims.is_some_and(|claims| {
            claims["use"] == "access"
                && claims["exp"]
                    .as_i64()
                    .is_some_and(|exp| exp > Utc::now().timestamp())
        })
    }
}

impl std::fmt::Debug for Google {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Google").finish_non_exhaustive()
    }
}

impl Cloud for Shared {
    fn answer(&self, asked: &Asked) -> Reply {
        match (asked.method.as_str(), asked.path.as_str()) {
            ("POST", "/token") => self.token(asked),
            ("POST", "/v1/token") => self.exchange(asked),
            ("POST", path) if path.ends_with(IMPERSONATE) => self.impersonate(asked),
            ("GET", "/computeMetadata/v1/instance/service-accounts/default/token") => {
                self.metadata(asked)
            }
            ("GET", "/v2/token") => self.registry_token(asked),
            ("GET", "/subject") => self.subject(asked),
            _ => status_error(404, "NOT_FOUND", "not found"),
        }
    }

    fn challenge(&self, asked: &Asked) -> Option<String> {
        let host = asked.header("host");
        let realm = format!("http://{host}/v2/token");
        self.registry.challenge(asked, &realm, host)
    }
}

impl Shared {
    fn token(&self, asked: &Asked) -> Reply {
        if asked.field("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
            return oauth("unsupported_grant_type", "Invalid grant_type: ");
        }
        let assertion = asked.field("assertion");
        let audience = format!("http://{}/token", asked.header("host"));
        let Some((head, claims)) = parts(&assertion) else {
            return oauth("invalid_grant", "Bad Request");
        };
        if claims["iss"] != ACCOUNT || asked.is_revoked {
            return oauth("invalid_grant", "Invalid grant: account not found");
        }
        if head["alg"] != "RS256" || head["kid"] != KEY_ID || !self.has_signed(&assertion) {
            return oauth("invalid_grant", "Invalid JWT Signature.");
        }
        if claims["aud"] != audience {
            return oauth("invalid_grant", "Failed audience check.");
        }
        if !is_of_now(&claims) {
            let said = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your iat and exp values in the JWT claim.";
            return oauth("invalid_grant", said);
        }
        let scopes = claims["scope"].as_str().unwrap_or_default();
        if scopes.is_empty() || !scopes.split(' ').all(|scope| SCOPES.contains(&scope)) {
            return oauth(
                "invalid_scope",
                "Invalid OAuth scope or ID token audience provided.",
            );
        }
        self.access_token(asked, ACCOUNT, json!({}))
    }

    fn has_signed(&self, assertion: &str) -> bool {
        let Some((signed, signature)) = assertion.rsplit_once('.') else {
            return false;
        };
        let Ok(signature) = URL_SAFE_NO_PAD.decode(signature) else {
            return false;
        };
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.public_key)
            .verify(signed.as_bytes(), &signature)
            .is_ok()
    }

    fn exchange(&self, asked: &Asked) -> Reply {
        for (field, value) in [
            (
                "grant_type",
                "urn:ietf:params:oauth:grant-type:token-exchange",
            ),
            ("audience", AUDIENCE),
            ("scope", CLOUD_PLATFORM),
            (
                "requested_token_type",
                "urn:ietf:params:oauth:token-type:access_token",
            ),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
        ] {
            if asked.field(field) != value {
                return oauth(
                    "invalid_request",
                    &format!("Invalid value for \"{field}\"."),
                );
            }
        }
        let subject = self.cluster.verify(&asked.field("subject_token"));
        let Some(subject) = subject.filter(|claims| claims["iss"] == ISSUER && !asked.is_revoked)
        else {
            return oauth(
                "invalid_grant",
                "Error connecting to the given credential's issuer.",
            );
        };
        if !asked.is_alive(&subject) {
            return oauth(
                "invalid_grant",
                "ID Token issued at an invalid time: the token is expired.",
            );
        }
        let more = json!({
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        });
        self.access_token(asked, "federated", more)
    }

    fn impersonate(&self, asked: &Asked) -> Reply {
        let federated = self.tokens.verify(asked.bearer());
        if !federated.is_some_and(|claims| claims["sub"] == "federated" && asked.is_alive(&claims))
        {
            let said = "Request had invalid authentication credentials.";
            return status_error(401, "UNAUTHENTICATED", said);
        }
        if !asked
            .path
            .ends_with(&format!("/serviceAccounts/{ACCOUNT}{IMPERSONATE}"))
        {
            let said = "Permission 'iam.serviceAccounts.getAccessToken' denied on resource (or it may not exist).";
            return status_error(403, "PERMISSION_DENIED", said);
        }
        let wish: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let has_life = wish["lifetime"]
            .as_str()
            .is_some_and(|life| life.ends_with('s'));
        if wish["scope"][0] != CLOUD_PLATFORM || !has_life {
            return status_error(
                400,
                "INVALID_ARGUMENT",
                "Request contains an invalid argument.",
            );
        }
        let life = TimeDelta::from_std(asked.life).expect("a short life");
        let end = (Utc::now() + life).to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let token = self.signed(asked, ACCOUNT);
        Reply(
            StatusCode::OK,
            json!({ "accessToken": token, "expireTime": end }),
        )
    }

    fn metadata(&self, asked: &Asked) -> Reply {
        if asked.header("metadata-flavor") != "Google" {
            let said = "Your client does not have permission to get URL: missing Metadata-Flavor:Google header.";
            return status_error(403, "FORBIDDEN", said);
        }
        if asked.is_revoked {
            return status_error(404, "NOT_FOUND", "Could not find the service account.");
        }
        self.access_token(asked, ACCOUNT, json!({}))
    }

    fn subject(&self, asked: &Asked) -> Reply {
        if asked.header("x-secret") != "sesame" {
            return status_error(401, "UNAUTHENTICATED", "not you");
        }
        let token = workload_token(&self.cluster, 600);
        Reply(StatusCode::OK, json!({ "id_token": token }))
    }

    fn access_token(&self, asked: &Asked, subject: &str, mut more: Value) -> Reply {
        more["access_token"] = json!(self.signed(asked, subject));
        more["expires_in"] = json!(asked.life.as_secs());
        more["token_type"] = json!("Bearer");
        Reply(StatusCode::OK, more)
    }

    fn signed(&self, asked: &Asked, subject: &str) -> String {
        let claims = json!({ "use": "access", "sub": subject });
        self.tokens.sign_for(asked, claims)
    }

    /// For an access token, or for the service account's key itself; for strangers, what is public.
    fn registry_token(&self, asked: &Asked) -> Reply {
        let answer = |token: Value| json!({ "token": token, "expires_in": asked.life.as_secs() });
        if let Some(token) = self.registry.token_for_stranger(asked) {
            return Reply(StatusCode::OK, answer(token));
        }
        let is_good = match registry::basic(asked) {
            Some((user, secret)) if user == "oauth2accesstoken" => self
                .tokens
                .verify(&secret)
                .is_some_and(|claims| claims["use"] == "access" && asked.is_alive(&claims)),
            Some((user, secret)) if user == "_json_key" => key::is_of(&secret, &self.public_key),
            _ => false,
        };
        if !is_good || asked.is_revoked {
            let said = json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "authentication failed" }] });
            return Reply(StatusCode::UNAUTHORIZED, said);
        }
        Reply(StatusCode::OK, answer(self.registry.token(asked)))
    }
}

fn workload_token(cluster: &Signer, life_secs: i64) -> String {
    cluster.sign(&json!({
        "iss": ISSUER,
        "sub": "system:serviceaccount:roadstead:roadstead",
        "exp": Utc::now().timestamp() + life_secs,
    }))
}

fn parts(token: &str) -> Option<(Value, Value)> {
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    let head = serde_json::from_slice(&head).ok()?;
    Some((head, jwt::claims(token)?))
}

fn is_of_now(claims: &Value) -> bool {
    let (Some(iat), Some(exp)) = (claims["iat"].as_i64(), claims["exp"].as_i64()) else {
        return false;
    };
    let now = Utc::now().timestamp();
    iat <= now + SKEW_SECS && exp > now && exp - iat <= 3600
}

fn oauth(error: &str, said: &str) -> Reply {
    let answer = json!({ "error": error, "error_description": said });
    Reply(StatusCode::BAD_REQUEST, answer)
}

fn status_error(code: u16, status: &str, said: &str) -> Reply {
    let answer = json!({ "error": { "code": code, "message": said, "status": status } });
    Reply(StatusCode::from_u16(code).expect("a status"), answer)
}
