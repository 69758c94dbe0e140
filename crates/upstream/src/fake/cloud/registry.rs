//! The front of a cloud's registry: its challenge, and the tokens that answer it. What is behind it needs no login
//! and may be a [`crate::fake::FakeUpstream`].

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde_json::{Value, json};

use super::desk::Asked;
use super::jwt::Signer;

/// Makes and knows a registry's tokens.
pub(super) struct Registry(Signer);

impl Registry {
    pub(super) fn new() -> Self {
        Self(Signer::new())
    }

    /// A token for the scopes that are asked for.
    pub(super) fn token(&self, asked: &Asked) -> Value {
        let scopes = asked.fields("scope").join(" ");
        let claims = json!({ "use": "registry", "scope": scopes });
        json!(self.0.sign_for(asked, claims))
    }

    /// The same for somebody who shows nothing. `None`: not everything that is asked for is anybody's.
    pub(super) fn token_for_stranger(&self, asked: &Asked) -> Option<Value> {
        let (public, scopes) = (asked.public.as_ref()?, asked.fields("scope"));
        let is_public = |scope: &String| {
            let name = scope.strip_prefix("repository:");
            name.is_some_and(|name| name.starts_with(public))
        };
        let is_stranger = asked.method == Method::GET && asked.header("authorization").is_empty();
        let is_open = is_stranger && !scopes.is_empty() && scopes.iter().all(is_public);
        is_open.then(|| self.token(asked))
    }

    /// What a request must be answered with before it is let through. `None`: nothing.
    pub(super) fn challenge(&self, asked: &Asked, realm: &str, service: &str) -> Option<String> {
        let scope = scope_of(&asked.path);
        let claims = self.0.verify(asked.bearer());
        let is_good = claims.is_some_and(|claims| {
            let granted = claims["scope"].as_str().unwrap_or_default();
            let has_scope = scope
                .as_ref()
                .is_none_or(|scope| granted.split(' ').any(|granted| granted == scope));
            claims["use"] == "registry" && has_scope && asked.is_alive(&claims)
        });
        if is_good && !asked.is_revoked {
            return None;
        }
        let scope = scope.map_or_else(String::new, |scope| format!(",scope=\"{scope}\""));
        Some(format!(
            "Bearer realm=\"{realm}\",service=\"{service}\"{scope}"
        ))
    }
}

/// The user and secret of `Authorization: Basic`.
pub(super) fn basic(asked: &Asked) -> Option<(String, String)> {
    let encoded = asked.header("authorization").strip_prefix("Basic ")?;
    let decoded = STANDARD.decode(encoded).ok()?;
    let (user, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((user.to_owned(), secret.to_owned()))
}

fn scope_of(path: &str) -> Option<String> {
    let rest = path.strip_prefix("/v2/")?;
    let parts = ["/manifests/", "/blobs/", "/tags/", "/referrers/"];
    let end = parts.iter().find_map(|part| rest.rfind(part))?;
    Some(format!("repository:{}:pull", &rest[..end]))
}
