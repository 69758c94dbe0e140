//! How a fake registry lets requests in.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::Challenge;
use serde_json::{Value, json};

/// What the specification says where a token says nothing.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);

#[derive(Default)]
pub(super) struct Auth {
    scheme: Scheme,
    pub(super) realm: Option<String>,
    pub(super) token_life: Option<Duration>,
    tokens: HashMap<String, Token>,
    last_number: u64,
}

#[derive(Default)]
enum Scheme {
    #[default]
    Open,
    /// The whole header.
    Basic(String),
    /// The whole header the token service wants, if any.
    Bearer(Option<String>),
}

struct Token {
    scopes: Vec<String>,
    ends_at: Instant,
}

impl Auth {
    pub(super) fn basic(user: &str, password: &str) -> Self {
        Self {
            scheme: Scheme::Basic(basic_header(user, password)),
            ..Self::default()
        }
    }

    pub(super) fn bearer(credential: Option<(&str, &str)>) -> Self {
        let wanted = credential.map(|(user, password)| basic_header(user, password));
        Self {
            scheme: Scheme::Bearer(wanted),
            ..Self::default()
        }
    }

    pub(super) fn revoke(&mut self) {
        self.tokens.clear();
    }

    /// Lets a request in, or says what it should have carried. `scope` is empty for `/v2/`.
    pub(super) fn check(
        &self,
        authorization: Option<&str>,
        scope: &str,
        own_url: &str,
    ) -> Result<(), Challenge> {
        match &self.scheme {
            Scheme::Open => Ok(()),
            Scheme::Basic(wanted) if authorization == Some(wanted) => Ok(()),
            Scheme::Basic(_) => Err(Challenge::Basic {
                realm: "fake".to_owned(),
            }),
            Scheme::Bearer(_) => {
                let token = authorization.and_then(|header| header.strip_prefix("Bearer "));
                let token = token
                    .and_then(|token| self.tokens.get(token))
                    .filter(|token| Instant::now() < token.ends_at);
                let is_good = token.is_some_and(|token| {
                    scope.is_empty() || token.scopes.iter().any(|own| own == scope)
                });
                if is_good {
                    return Ok(());
                }
                let realm = self
                    .realm
                    .clone()
                    .unwrap_or_else(|| format!("{own_url}/token"));
                let scope = Some(scope)
                    .filter(|scope| !scope.is_empty())
                    .map(str::to_owned);
                Err(Challenge::Bearer {
                    realm,
                    service: Some("fake".to_owned()),
                    scope,
                })
            }
        }
    }

    /// `/token`: its document, or `None` for 401.
    pub(super) fn make_token(
        &mut self,
        authorization: Option<&str>,
        scopes: Vec<String>,
    ) -> Option<Value> {
        if let Scheme::Bearer(Some(wanted)) = &self.scheme
            && authorization != Some(wanted)
        {
            return None;
        }
        self.last_number += 1;
        let token = format!("token-{}", self.last_number);
        let life = self.token_life.unwrap_or(DEFAULT_LIFE);
        self.tokens.insert(
            token.clone(),
            Token {
                scopes,
                ends_at: Instant::now() + life,
            },
        );
        Some(match self.token_life {
            Some(life) => json!({ "token": token, "expires_in": life.as_secs() }),
            None => json!({ "access_token": token }),
        })
    }
}

fn basic_header(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}
