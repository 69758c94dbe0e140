//! A service account's key as a document, the way the console gives it out.

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{ACCOUNT, KEY_ID};

/// The document for a key of the account at this address.
pub(super) fn document(key: &KeyPair, url: &str) -> String {
    let der: Pkcs8V1Der<'_> = key.as_der().expect("a key that can be written");
    let body = STANDARD.encode(der.as_ref());
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("base64"))
        .collect();
    let lines = lines.join("\n");
    let document = json!({
        "type": "service_account",
        "project_id": "project",
        "private_key_id": KEY_ID,
        "private_key": format!("-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"),
        "client_email": ACCOUNT,
        "client_id": "100000000000000000000",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": format!("{url}/token"),
        "universe_domain": "googleapis.com",
    });
    document.to_string()
}

/// Whether a document holds the account's key, by its public half.
pub(super) fn is_of(document: &str, public_key: &[u8]) -> bool {
    let document: Value = serde_json::from_str(document).unwrap_or_default();
    let body: String = document["private_key"]
        .as_str()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let der = STANDARD.decode(body).unwrap_or_default();
    let key = KeyPair::from_pkcs8(&der);
    document["client_email"] == ACCOUNT
        && key.is_ok_and(|key| key.public_key().as_ref() == public_key)
}
