//! Alibaba Cloud's signature, version 3 (`ACS3-HMAC-SHA256`), of requests without a body.
//!
//! Follows <https://www.alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature>.

use std::fmt::Write as _;

use aws_lc_rs::{digest, hmac};
use chrono::{DateTime, Utc};
use url::Url;

use crate::Credential;
use crate::credential::call;

const ALGORITHM: &str = "ACS3-HMAC-SHA256";

/// What is asked of the API.
pub(super) struct Operation<'a> {
    pub(super) method: &'a str,
    pub(super) action: &'a str,
    pub(super) version: &'a str,
}

/// The headers to send with the request, the signature among them. `url` has its query from [`with_query`].
pub(super) fn headers(
    operation: &Operation<'_>,
    url: &Url,
    key: &Credential,
    now: DateTime<Utc>,
    nonce: &str,
) -> Vec<(&'static str, String)> {
    let body_hash = sha256("");
    let mut headers = vec![
        ("host", call::host_of(url)),
        ("x-acs-action", operation.action.to_owned()),
        ("x-acs-content-sha256", body_hash.clone()),
        ("x-acs-date", now.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
        ("x-acs-signature-nonce", nonce.to_owned()),
        ("x-acs-version", operation.version.to_owned()),
    ];
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = headers
        .iter()
        .map(|(name, value)| format!("{name}:{}\n", value.trim()))
        .collect();
    let request = format!(
        "{}\n{}\n{}\n{lines}\n{names}\n{body_hash}",
        operation.method,
        url.path(),
        url.query().unwrap_or_default(),
    );
    let signed = format!("{ALGORITHM}\n{}", sha256(&request));
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.secret.as_bytes());
    let signature = hex(hmac::sign(&secret, signed.as_bytes()).as_ref());
    let id = &key.username;
    headers.push((
        "authorization",
        format!("{ALGORITHM} Credential={id},SignedHeaders={names},Signature={signature}"),
    ));
    // The client writes it itself, from the same URL.
    headers.retain(|(name, _)| *name != "host");
    headers
}

/// A query in the one form that is signed: by name, all but RFC 3986's unreserved characters escaped.
pub(super) fn with_query(mut url: Url, pairs: &[(&str, &str)]) -> Url {
    let mut sorted: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    sorted.sort();
    url.set_query((!sorted.is_empty()).then_some(&sorted.join("&")));
    url
}

pub(super) fn nonce() -> String {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives randomness");
    hex(&bytes)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                escaped.push(char::from(byte));
            }
            // Writing to a text does not fail.
            _ => _ = write!(escaped, "%{byte:02X}"),
        }
    }
    escaped
}

fn sha256(text: &str) -> String {
    hex(digest::digest(&digest::SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentations_example_has_the_documentations_signature() {
        let url: Url = "https://ecs.cn-shanghai.aliyuncs.com/".parse().unwrap();
        let image = "win2019_1809_x64_dtc_zh-cn_40G_alibase_20230811.vhd";
        let url = with_query(url, &[("RegionId", "cn-shanghai"), ("ImageId", image)]);
        let key = Credential {
            username: "YourAccessKeyId".into(),
            secret: "YourAccessKeySecret".into(),
        };
        let operation = Operation {
            method: "POST",
            action: "RunInstances",
            version: "2014-05-26",
        };
        let now = "2023-10-26T10:22:32Z".parse().unwrap();
        let headers = headers(
            &operation,
            &url,
            &key,
            now,
            "3156853299f313e23d1673dc12e1703d",
        );
        assert_eq!(
            headers.last().unwrap().1,
            "ACS3-HMAC-SHA256 Credential=YourAccessKeyId,SignedHeaders=host;x-acs-action;x-acs-content-sha256;\
             x-acs-date;x-acs-signature-nonce;x-acs-version,\
             Signature=06563a9e1b43f5dfe96b81484da74bceab24a1d853912eee15083a6f0f3283c0"
        );
    }

    #[test]
    fn a_query_has_one_form() {
        let url =
            |pairs: &[(&str, &str)]| with_query("http://h/p".parse().unwrap(), pairs).to_string();
        assert_eq!(
            url(&[("b", "1 *~"), ("a", "ü/")]),
            "http://h/p?a=%C3%BC%2F&b=1%20%2A~"
        );
        assert_eq!(url(&[]), "http://h/p");
    }
}
