//! Tokens with claims, signed with a secret: what the fakes of clouds hand out and know again.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::desk::Asked;

/// A signer of HS256 tokens with a key nobody else has.
pub(super) struct Signer(hmac::Key);

impl Signer {
    pub(super) fn new() -> Self {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).expect("randomness");
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }

    pub(super) fn sign(&self, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let head = serde_json::json!({ "alg": "HS256", "typ": "JWT" });
        let signed = format!("{}.{}", part(&head), part(claims));
        let tag = hmac::sign(&self.0, signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// The same, with the life that what is made now has.
    pub(super) fn sign_for(&self, asked: &Asked, mut claims: Value) -> String {
        claims["exp"] = json!(asked.expiry());
        claims["era"] = json!(asked.era);
        self.sign(&claims)
    }

    /// The claims of a token that this signer made.
    pub(super) fn verify(&self, token: &str) -> Option<Value> {
        let (signed, signature) = token.rsplit_once('.')?;
        let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
        hmac::verify(&self.0, signed.as_bytes(), &signature).ok()?;
        claims(token)
    }
}

/// A token's claims, whoever made it.
pub(super) fn claims(token: &str) -> Option<Value> {
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&claims).ok()
}
