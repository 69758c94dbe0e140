//! Azure: Entra's token endpoint, a machine's metadata service, and a registry's token endpoints, on one socket.
//!
//! Follows <https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow>,
//! <https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-use-vm-token> and
//! <https://azure.github.io/acr/AAD-OAuth.html>.

use std::sync::Arc;

use chrono::Utc;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::desk::{Asked, Cloud, Desk, Reply};
use super::jwt::Signer;
use super::registry::{self, Registry};

/// The directory there is.
pub const TENANT: &str = "72f988bf-0000-4000-8000-2d7cd011db47";
/// The identity there is: an application, and the machine's.
pub const CLIENT_ID: &str = "11111111-0000-4000-8000-222222222222";

const RESOURCE: &str = "https://containerregistry.azure.net";
const NO_NAME: &str = "00000000-0000-0000-0000-000000000000";
const ASSERTION_AUDIENCE: &str = "api://AzureADTokenExchange";
const SUBJECT: &str = "system:serviceaccount:roadstead:roadstead";

/// Azure, as long as this value lives. Its parts are at `/{tenant}/oauth2/v2.0/token`,
/// `/metadata/identity/oauth2/token`, `/oauth2/exchange`, `/oauth2/token`
/// and `/v2/`.
pub struct Azure {
    desk: Desk,
    cluster: Arc<Signer>,
}

struct Shared {
    /// Signs the tokens of workloads.
    cluster: Arc<Signer>,
    entra: Signer,
    /// Signs refresh tokens.
    refresh: Signer,
    registry: Registry,
}

impl Azure {
    /// With one tenant, one identity, and one registry at the socket's own address.
    pub async fn start() -> Self {
        let cluster = Arc::new(Signer::new());
        let shared = Shared {
            cluster: Arc::clone(&cluster),
            entra: Signer::new(),
            refresh: Signer::new(),
            registry: Registry::new(),
        };
        let desk = Desk::open(shared).await;
        Self { desk, cluster }
    }

    /// Its socket, counts and faults.
    pub fn desk(&self) -> &Desk {
        &self.desk
    }

    /// What the platform writes to the workload's token file; dead after `life_secs`.
    pub fn workload_token(&self, life_secs: i64) -> String {
        self.workload_token_of(SUBJECT, life_secs)
    }

    /// The same for another workload, which no federated credential names.
    pub fn workload_token_of(&self, subject: &str, life_secs: i64) -> String {
        self.cluster.sign(&json!({
            "iss": "https://oidc.example/cluster",
            "aud": [ASSERTION_AUDIENCE],
            "sub": subject,
            "exp": Utc::now().timestamp() + life_secs,
        }))
    }
}

impl std::fmt::Debug for Azure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Azure").finish_non_exhaustive()
    }
}

impl Cloud for Shared {
    fn answer(&self, asked: &Asked) -> Reply {
        let path: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
        match (asked.method.as_str(), path.as_slice()) {
            ("GET", ["metadata", "identity", "oauth2", "token"]) => self.metadata(asked),
            ("POST", ["oauth2", "exchange"]) => self.exchange(asked),
            ("GET" | "POST", ["oauth2", "token"]) => self.registry_token(asked),
            ("POST", [tenant, "oauth2", "v2.0", "token"]) => self.entra(tenant, asked),
            _ => Reply(StatusCode::NOT_FOUND, json!({})),
        }
    }

    fn challenge(&self, asked: &Asked) -> Option<String> {
        let host = asked.header("host");
        let realm = format!("http://{host}/oauth2/token");
        self.registry.challenge(asked, &realm, host)
    }
}

impl Shared {
    fn entra(&self, tenant: &str, asked: &Asked) -> Reply {
        if tenant != TENANT {
            let said = format!(
                "AADSTS90002: Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
            );
            return oauth(400, "invalid_request", &said);
        }
        if asked.field("grant_type") != "client_credentials" {
            return oauth(
                400,
                "unsupported_grant_type",
                "AADSTS70003: The app requested an unsupported grant type.",
            );
        }
        if asked.field("client_id") != CLIENT_ID || asked.is_revoked {
            let said =
                "AADSTS700016: Application with this identifier was not found in the directory.";
            return oauth(400, "unauthorized_client", said);
        }
        if asked.field("scope") != format!("{RESOURCE}/.default") {
            let said = "AADSTS1002012: The provided value for scope is not valid.";
            return oauth(400, "invalid_scope", said);
        }
        if asked.field("client_assertion_type")
            != "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        {
            return oauth(
                400,
                "invalid_request",
                "AADSTS900144: The request body must contain 'client_assertion_type'.",
            );
        }
        match self.assertion_fault(asked) {
            Some((error, said)) => oauth(401, error, said),
            None => self.access_token(asked, json!(asked.life.as_secs())),
        }
    }

    fn assertion_fault(&self, asked: &Asked) -> Option<(&'static str, &'static str)> {
        let Some(claims) = self.cluster.verify(&asked.field("client_assertion")) else {
            return Some((
                "invalid_client",
                "AADSTS50027: JWT token is invalid or malformed.",
            ));
        };
        if claims["aud"][0] != ASSERTION_AUDIENCE || claims["sub"] != SUBJECT {
            return Some((
                "invalid_client",
                "AADSTS700213: No matching federated identity record found for presented assertion subject.\r\nTrace ID: 0",
            ));
        }
        (!asked.is_alive(&claims)).then_some((
            "invalid_client",
            "AADSTS700024: Client assertion is not within its valid time range.",
        ))
    }

    fn metadata(&self, asked: &Asked) -> Reply {
        if asked.header("metadata") != "true" {
            return oauth(
                400,
                "bad_request_102",
                "Required metadata header not specified",
            );
        }
        if asked.field("api-version") != "2018-02-01" {
            return oauth(
                400,
                "bad_request",
                "Required query variable 'api-version' is missing",
            );
        }
        if asked.field("resource") != RESOURCE {
            return oauth(
                400,
                "invalid_resource",
                "AADSTS500011: The resource principal was not found.",
            );
        }
        let client_id = asked.field("client_id");
        if asked.is_revoked || !(client_id.is_empty() || client_id == CLIENT_ID) {
            return oauth(400, "invalid_request", "Identity not found");
        }
        // Text, where Entra itself writes a number.
        self.access_token(asked, json!(asked.life.as_secs().to_string()))
    }

    fn access_token(&self, asked: &Asked, expires_in: Value) -> Reply {
        let claims = json!({ "aud": RESOURCE, "tid": TENANT });
        let token = self.entra.sign_for(asked, claims);
        let answer =
            json!({ "token_type": "Bearer", "expires_in": expires_in, "access_token": token });
        Reply(StatusCode::OK, answer)
    }

    fn exchange(&self, asked: &Asked) -> Reply {
        if asked.field("grant_type") != "access_token" {
            return registry_error(400, "grant_type is not supported");
        }
        if asked.field("service") != asked.header("host") {
            return registry_error(400, "service does not match the registry");
        }
        let tenant = asked.field("tenant");
        let is_ours = tenant.is_empty() || tenant == TENANT;
        let access = self.entra.verify(&asked.field("access_token"));
        let is_good =
            access.is_some_and(|claims| claims["aud"] == RESOURCE && asked.is_alive(&claims));
        if !is_good || !is_ours || asked.is_revoked {
            return registry_error(
                401,
                "authentication required, visit https://aka.ms/acr/authorization",
            );
        }
        let claims = json!({ "aud": asked.header("host"), "grant_type": "refresh_token" });
        let token = self.refresh.sign_for(asked, claims);
        Reply(StatusCode::OK, json!({ "refresh_token": token }))
    }

    /// `GET` with Basic or, where a registry lets strangers pull, without; `POST` with the refresh token in a form.
    fn registry_token(&self, asked: &Asked) -> Reply {
        if let Some(token) = self.registry.token_for_stranger(asked) {
            return Reply(StatusCode::OK, json!({ "access_token": token }));
        }
        let refresh = match asked.method {
            Method::POST => asked.field("refresh_token"),
            _ => registry::basic(asked)
                .filter(|(user, _)| user == NO_NAME)
                .map(|(_, secret)| secret)
                .unwrap_or_default(),
        };
        let claims = self.refresh.verify(&refresh);
        let is_good = claims.is_some_and(|claims| {
            claims["grant_type"] == "refresh_token" && asked.is_alive(&claims)
        });
        if !is_good || asked.is_revoked {
            return registry_error(
                401,
                "authentication required, visit https://aka.ms/acr/authorization",
            );
        }
        let token = self.registry.token(asked);
        Reply(StatusCode::OK, json!({ "access_token": token }))
    }
}

fn oauth(status: u16, error: &str, said: &str) -> Reply {
    let status = StatusCode::from_u16(status).expect("a status");
    Reply(status, json!({ "error": error, "error_description": said }))
}

fn registry_error(status: u16, said: &str) -> Reply {
    let status = StatusCode::from_u16(status).expect("a status");
    Reply(
        status,
        json!({ "errors": [{ "code": "UNAUTHORIZED", "message": said }] }),
    )
}
