//! A service account's assertion of who it is: claims, signed with its key (RS256, RFC 7515 and 7523).

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Error;

/// The longest an assertion may live.
const LIFE_SECS: i64 = 3600;

/// A service account's key, as Google Cloud gives it out: a JSON document.
pub(super) struct Key {
    email: String,
    key_id: Option<String>,
    /// Where it is traded for a token, and whom its assertions are for.
    pub(super) token_uri: String,
    pair: KeyPair,
}

#[derive(Deserialize)]
struct Document {
    client_email: String,
    private_key_id: Option<String>,
    private_key: String,
    #[serde(default = "default_token_uri")]
    token_uri: String,
}

fn default_token_uri() -> String {
    "https://oauth2.googleapis.com/token".to_owned()
}

impl Key {
    /// # Errors
    /// [`Error::Credential`], without a word of the document, where it is none or its key cannot be read.
    pub(super) fn parse(document: &Value) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Credential {
            reason: format!(
                "the service account's key {why}; give the JSON file that Google Cloud made for it, whole"
            ),
        };
        let Document {
            client_email,
            private_key_id,
            private_key,
            token_uri,
        } = Document::deserialize(document)
            .map_err(|_| wrong("lacks `client_email` or `private_key`"))?;
        let pair = pair(&private_key).ok_or_else(|| wrong("has a `private_key` that is none"))?;
        Ok(Self {
            email: client_email,
            key_id: private_key_id,
            token_uri,
            pair,
        })
    }

    /// # Errors
    /// [`Error::Credential`] where the key cannot sign.
    pub(super) fn assertion(&self, scope: &str, now: DateTime<Utc>) -> Result<String, Error> {
        let mut head = json!({ "alg": "RS256", "typ": "JWT" });
        if let Some(id) = &self.key_id {
            head["kid"] = json!(id);
        }
        let claims = json!({
            "iss": self.email,
            "scope": scope,
            "aud": self.token_uri,
            "iat": now.timestamp(),
            "exp": now.timestamp() + LIFE_SECS,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&head), part(&claims));
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &random,
                signed.as_bytes(),
                &mut signature,
            )
            .map_err(|_| Error::Credential {
                reason: "the service account's key cannot sign; make a new one".to_owned(),
            })?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

/// A key in PEM: PKCS#8, as Google writes it, or PKCS#1.
fn pair(pem: &str) -> Option<KeyPair> {
    let body: String = pem
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let der = STANDARD.decode(body).ok()?;
    KeyPair::from_pkcs8(&der)
        .or_else(|_| KeyPair::from_der(&der))
        .ok()
}
