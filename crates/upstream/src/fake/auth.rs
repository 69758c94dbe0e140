//! How a fake registry lets requests in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oci::Challenge;
use serde_json::{Value, json};

/// What the specification says where a token says nothing.
const DEFAULT_LIFE: Duration = Duration::from_secs(60);
const TOKEN_PATH: &str = "/token";

#[derive(Default)]
pub(super) struct Auth {
    scheme: Scheme,
    pub(super) realm: Option<String>,
    pub(super) token_life: Option<Duration>,
    /// Repositories whose names begin so are anybody's.
    pub(super) public: Option<String>,
    tokens: HashMap<String, Token>,
    last_number: u64,
}

/// What a registry makes of a user name and password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// They are right.
    Granted,
    /// They are wrong: 401.
    Refused,
    /// 403: so ECR says that they were right once, and GitHub that they are wrong.
    Forbidden,
    /// They are wrong, and nobody says so: whoever shows them is a stranger, as to Harbor's token service.
    Ignored,
}

/// Says it.
pub(super) type Door = Arc<dyn Fn(&str, &str) -> Entry + Send + Sync>;

#[derive(Default)]
enum Scheme {
    #[default]
    Open,
    Basic(Door),
    /// Whom the token service makes tokens for; `None`: for anybody.
    Bearer(Option<Door>),
}

struct Token {
    user: Option<String>,
    scopes: Vec<String>,
    ends_at: Instant,
}

/// Who was let in; nobody in particular, where all are.
pub(super) type Visitor = Option<String>;

/// Why somebody was not.
pub(super) enum Refusal {
    Challenge(Challenge),
    Forbidden,
}

impl Auth {
    pub(super) fn basic(door: Door) -> Self {
        Self {
            scheme: Scheme::Basic(door),
            ..Self::default()
        }
    }

    pub(super) fn bearer(door: Option<Door>) -> Self {
        Self {
            scheme: Scheme::Bearer(door),
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
    ) -> Result<Visitor, Refusal> {
        match &self.scheme {
            Scheme::Open => Ok(None),
            Scheme::Basic(door) => {
                let pair = authorization.and_then(basic_pair);
                let entry = pair
                    .as_ref()
                    .map_or(Entry::Refused, |(user, password)| door(user, password));
                match entry {
                    Entry::Granted => Ok(pair.map(|(user, _)| user)),
                    Entry::Forbidden => Err(Refusal::Forbidden),
                    Entry::Refused | Entry::Ignored => Err(Refusal::Challenge(Challenge::Basic {
                        realm: "fake".to_owned(),
                    })),
                }
            }
            Scheme::Bearer(_) => {
                let token = authorization.and_then(|header| header.strip_prefix("Bearer "));
                let token = token
                    .and_then(|token| self.tokens.get(token))
                    .filter(|token| Instant::now() < token.ends_at)
                    .filter(|token| {
                        scope.is_empty() || token.scopes.iter().any(|own| own == scope)
                    });
                match token {
                    Some(token) => Ok(token.user.clone()),
                    None => Err(Refusal::Challenge(self.bearer_challenge(scope, own_url))),
                }
            }
        }
    }

    fn bearer_challenge(&self, scope: &str, own_url: &str) -> Challenge {
        let realm = self.realm.clone();
        Challenge::Bearer {
            realm: realm.unwrap_or_else(|| format!("{own_url}{TOKEN_PATH}")),
            service: Some("fake".to_owned()),
            scope: Some(scope)
                .filter(|scope| !scope.is_empty())
                .map(str::to_owned),
        }
    }

    /// Where tokens are made: where the realm says, whoever's host that is.
    pub(super) fn token_path(&self) -> String {
        let realm = self.realm.as_ref().and_then(|realm| realm.parse().ok());
        realm.map_or_else(
            || TOKEN_PATH.to_owned(),
            |realm: url::Url| realm.path().to_owned(),
        )
    }

    /// A token's document, or the status of a refusal. A form asks with an identity token, a query with a password.
    pub(super) fn make_token(
        &mut self,
        authorization: Option<&str>,
        identity_token: Option<&str>,
        scopes: Vec<String>,
    ) -> Result<Value, u16> {
        let pair = match identity_token {
            Some(token) => Some(("<token>".to_owned(), token.to_owned())),
            None => authorization.and_then(basic_pair),
        };
        let scopes = match &self.scheme {
            Scheme::Bearer(Some(door)) => {
                let entry = pair.as_ref().map(|(user, password)| door(user, password));
                self.granted(entry, scopes)?
            }
            _ => scopes,
        };
        self.last_number += 1;
        let token = format!("token-{}", self.last_number);
        let life = self.token_life.unwrap_or(DEFAULT_LIFE);
        let made = Token {
            user: pair.map(|(user, _)| user),
            scopes,
            ends_at: Instant::now() + life,
        };
        self.tokens.insert(token.clone(), made);
        Ok(match self.token_life {
            Some(life) => json!({ "token": token, "expires_in": life.as_secs() }),
            None => json!({ "access_token": token }),
        })
    }

    /// What of `scopes` is granted to somebody, or to a stranger.
    fn granted(&self, entry: Option<Entry>, scopes: Vec<String>) -> Result<Vec<String>, u16> {
        let public = || {
            let mut scopes = scopes.clone();
            scopes.retain(|scope| self.is_public(scope));
            scopes
        };
        match entry {
            Some(Entry::Granted) => Ok(scopes),
            Some(Entry::Ignored) => Ok(public()),
            Some(Entry::Forbidden) => Err(403),
            Some(Entry::Refused) => Err(401),
            None => Some(public()).filter(|all| !all.is_empty()).ok_or(401),
        }
    }

    fn is_public(&self, scope: &str) -> bool {
        let name = scope.strip_prefix("repository:");
        self.public
            .as_ref()
            .is_some_and(|prefix| name.is_some_and(|name| name.starts_with(prefix)))
    }
}

/// One account.
pub(super) fn door_for(user: &str, password: &str) -> Door {
    let (user, password) = (user.to_owned(), password.to_owned());
    Arc::new(
        move |name, secret| match (name, secret) == (&user, &password) {
            true => Entry::Granted,
            false => Entry::Refused,
        },
    )
}

fn basic_pair(header: &str) -> Option<(String, String)> {
    let pair = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
