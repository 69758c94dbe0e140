//! Amazon's signature, version 4, for the one form of request that is sent here: a POST of a few bytes to `/`.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Keys;

/// A request to sign. Header names are in lower case.
pub(super) struct Unsigned<'a> {
    /// `ecr`, `sts`, …
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    /// With the port, where it is not the scheme's own.
    pub(super) host: &'a str,
    pub(super) headers: &'a [(&'static str, String)],
    pub(super) body: &'a str,
}

/// All headers the signed request carries beside `host`.
pub(super) fn signed_headers(
    request: &Unsigned<'_>,
    keys: &Keys,
    now: DateTime<Utc>,
) -> Vec<(&'static str, String)> {
    let time = now.format("%Y%m%dT%H%M%SZ").to_string();
    let mut headers = request.headers.to_vec();
    headers.push(("x-amz-date", time.clone()));
    if let Some(token) = &keys.session_token {
        headers.push(("x-amz-security-token", token.clone()));
    }
    let scope = format!(
        "{}/{}/{}/aws4_request",
        &time[..8],
        request.region,
        request.service
    );
    let (names, canonical) = canonical_request(request, &headers);
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex(&Sha256::digest(canonical))
    );
    let signature = hex(&hmac(&signing_key(request, keys, &time[..8]), &text));
    headers.push((
        "authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders={names}, Signature={signature}",
            keys.access_key
        ),
    ));
    headers
}

/// The names of the signed headers, and the text of the request.
fn canonical_request(
    request: &Unsigned<'_>,
    headers: &[(&'static str, String)],
) -> (String, String) {
    let mut all: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, value.trim()))
        .collect();
    all.push(("host", request.host));
    all.sort_unstable();
    let names: Vec<_> = all.iter().map(|(name, _)| *name).collect();
    let names = names.join(";");
    let lines: String = all
        .iter()
        .map(|(name, value)| format!("{name}:{value}\n"))
        .collect();
    let hash = hex(&Sha256::digest(request.body));
    let text = format!("POST\n/\n\n{lines}\n{names}\n{hash}");
    (names, text)
}

fn signing_key(request: &Unsigned<'_>, keys: &Keys, day: &str) -> Vec<u8> {
    let first = hmac(format!("AWS4{}", keys.secret_key).as_bytes(), day);
    [request.region, request.service, "aws4_request"]
        .iter()
        .fold(first, |key, part| hmac(&key, part))
}

fn hmac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `post-vanilla` and `post-header-key-sort` of Amazon's Signature Version 4 test suite.
    #[test]
    fn a_request_is_signed_as_in_amazons_own_test_suite() {
        let keys = Keys {
            access_key: "AKIDEXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            session_token: None,
        };
        let signature = |headers: &[(&'static str, String)]| {
            let request = Unsigned {
                service: "service",
                region: "us-east-1",
                host: "example.amazonaws.com",
                headers,
                body: "",
            };
            let now = "2015-08-30T12:36:00Z".parse().unwrap();
            signed_headers(&request, &keys, now).pop().unwrap().1
        };
        assert_eq!(
            signature(&[]),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, \
             Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
        );
        assert_eq!(
            signature(&[("my-header1", "value1".into())]),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;my-header1;x-amz-date, \
             Signature=c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"
        );
    }
}
