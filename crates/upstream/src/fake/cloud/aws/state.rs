//! What the fake services know.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, SecondsFormat, Utc};

use super::{ACCOUNT, Call};

pub(super) struct State {
    keys: HashMap<String, Key>,
    pub(super) roles: Vec<Role>,
    pub(super) instance_role: Option<String>,
    pub(super) container_token: Option<String>,
    /// Sessions with the metadata service, and when each ends.
    pub(super) metadata_tokens: HashMap<String, SystemTime>,
    /// Passwords for the registry, and when each ends.
    pub(super) tokens: HashMap<String, SystemTime>,
    pub(super) token_life: Duration,
    pub(super) session_life: Duration,
    pub(super) registry: Option<String>,
    pub(super) is_down: bool,
    pub(super) calls: HashMap<Call, usize>,
    last_number: u64,
}

/// Keys that may sign.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) secret: String,
    /// The session's token, and when it ends.
    pub(super) session: Option<(String, SystemTime)>,
    is_roles: bool,
}

pub(super) struct Role {
    pub(super) arn: String,
    pub(super) external_id: Option<String>,
    /// The token that gets its keys; `None`: keys of others do.
    pub(super) web_identity: Option<String>,
}

/// Keys as they are given to who may have a role.
pub(super) struct RoleKeys {
    pub(super) access_key: String,
    pub(super) secret: String,
    pub(super) token: String,
    /// As it is written in all answers.
    pub(super) expiration: String,
}

impl Default for State {
    fn default() -> Self {
        Self {
            keys: HashMap::new(),
            roles: Vec::new(),
            instance_role: None,
            container_token: None,
            metadata_tokens: HashMap::new(),
            tokens: HashMap::new(),
            token_life: Duration::from_secs(12 * 3600),
            session_life: Duration::from_secs(3600),
            registry: None,
            is_down: false,
            calls: HashMap::new(),
            last_number: 0,
        }
    }
}

impl State {
    pub(super) fn count(&mut self, call: Call) {
        *self.calls.entry(call).or_default() += 1;
    }

    pub(super) fn key(&self, access_key: &str) -> Option<&Key> {
        self.keys.get(access_key)
    }

    pub(super) fn add_key(
        &mut self,
        access_key: &str,
        secret: &str,
        session: Option<(String, SystemTime)>,
    ) {
        let key = Key {
            secret: secret.to_owned(),
            session,
            is_roles: false,
        };
        self.keys.insert(access_key.to_owned(), key);
    }

    pub(super) fn remove_key(&mut self, access_key: &str) {
        self.keys.remove(access_key);
    }

    pub(super) fn forget_role_keys(&mut self) {
        self.keys.retain(|_, key| !key.is_roles);
    }

    pub(super) fn role_keys(&mut self, now: SystemTime) -> RoleKeys {
        let number = self.next_number();
        let ends_at = now + self.session_life;
        let keys = RoleKeys {
            access_key: format!("ASIA{number:016}"),
            // With every character that real ones have.
            secret: format!("role/secret+{number:028}"),
            token: format!("IQoJb3JpZ2luX2VjE+/{number}=="),
            expiration: DateTime::<Utc>::from(ends_at).to_rfc3339_opts(SecondsFormat::Secs, true),
        };
        let key = Key {
            secret: keys.secret.clone(),
            session: Some((keys.token.clone(), ends_at)),
            is_roles: true,
        };
        self.keys.insert(keys.access_key.clone(), key);
        keys
    }

    pub(super) fn make_token(&mut self, now: SystemTime) -> (String, SystemTime) {
        let token = format!("eyJwYXlsb2FkIjoi{}", self.next_number());
        let ends_at = now + self.token_life;
        self.tokens.insert(token.clone(), ends_at);
        (token, ends_at)
    }

    pub(super) fn is_token(&self, token: &str, now: SystemTime) -> bool {
        self.tokens.get(token).is_some_and(|ends_at| now < *ends_at)
    }

    pub(super) fn next_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(super) fn registry_url(&self, account: &str) -> String {
        self.registry.clone().unwrap_or_else(|| {
            let account = if account.is_empty() { ACCOUNT } else { account };
            format!("https://{account}.dkr.ecr.{}.amazonaws.com", super::REGION)
        })
    }
}
