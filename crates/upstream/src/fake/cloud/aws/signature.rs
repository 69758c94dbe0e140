//! The other end of a signature: what came in is put together again as the documentation says, signed with the secret
//! that is known here, and compared. Shares nothing with the client's own.
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html> and, for the errors,
//! <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html>.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use chrono::{DateTime, NaiveDateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use super::Request;
use super::state::State;

/// How far a request's time may be from ours.
const SKEW: Duration = Duration::from_secs(300);

/// Why a request is not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    Missing,
    Incomplete,
    UnknownKey,
    Signature,
    Expired,
}

/// Whether `request` was signed for this service by keys that are good now.
pub(super) fn check(
    state: &State,
    request: &Request,
    (service, region): (&str, &str),
    now: SystemTime,
) -> Result<(), Wrong> {
    let header = request.header("authorization").ok_or(Wrong::Missing)?;
    let fields: BTreeMap<&str, &str> = header
        .strip_prefix("AWS4-HMAC-SHA256 ")
        .ok_or(Wrong::Incomplete)?
        .split(',')
        .filter_map(|field| field.trim().split_once('='))
        .collect();
    let field = |name: &str| fields.get(name).copied().ok_or(Wrong::Incomplete);
    let (credential, names, signature) = (
        field("Credential")?,
        field("SignedHeaders")?,
        field("Signature")?,
    );
    let time = request.header("x-amz-date").ok_or(Wrong::Incomplete)?;
    let day = time.get(..8).ok_or(Wrong::Incomplete)?;
    let (access_key, scope) = credential.split_once('/').ok_or(Wrong::Incomplete)?;
    if scope != format!("{day}/{region}/{service}/aws4_request") || !is_near(time, now) {
        return Err(Wrong::Signature);
    }
    let key = state.key(access_key).ok_or(Wrong::UnknownKey)?;
    let own_token = key.session.as_ref().map(|(token, _)| token.as_str());
    if request.header("x-amz-security-token") != own_token {
        return Err(Wrong::UnknownKey);
    }
    let text = format!(
        "AWS4-HMAC-SHA256\n{time}\n{scope}\n{}",
        hex(&Sha256::digest(canonical(request, names)?))
    );
    let mut secret = format!("AWS4{}", key.secret).into_bytes();
    for part in scope.split('/') {
        secret = mac(&secret, part);
    }
    if hex(&mac(&secret, &text)) != signature {
        return Err(Wrong::Signature);
    }
    match &key.session {
        Some((_, ends_at)) if now >= *ends_at => Err(Wrong::Expired),
        _ => Ok(()),
    }
}

fn is_near(time: &str, now: SystemTime) -> bool {
    let Ok(time) = NaiveDateTime::parse_from_str(time, "%Y%m%dT%H%M%SZ") else {
        return false;
    };
    let apart = DateTime::<Utc>::from(now) - time.and_utc();
    apart.abs().to_std().is_ok_and(|apart| apart <= SKEW)
}

/// The request as both ends write it. The host and all of Amazon's own headers must be among the signed ones.
fn canonical(request: &Request, names: &str) -> Result<String, Wrong> {
    let listed: Vec<&str> = names.split(';').collect();
    let must_be_signed = |name: &str| name == "host" || name.starts_with("x-amz-");
    let all_are = request
        .headers
        .keys()
        .filter(|name| must_be_signed(name.as_str()))
        .all(|name| listed.contains(&name.as_str()));
    if !all_are || !listed.is_sorted() {
        return Err(Wrong::Incomplete);
    }
    let mut out = format!("{}\n{}\n", request.method, request.uri.path());
    let mut query: Vec<&str> = request.uri.query().unwrap_or_default().split('&').collect();
    query.sort_unstable();
    out += &query.join("&");
    out.push('\n');
    for name in &listed {
        let value = request.header(name).ok_or(Wrong::Incomplete)?;
        let value: Vec<&str> = value.split_ascii_whitespace().collect();
        out += &format!("{name}:{}\n", value.join(" "));
    }
    out += &format!("\n{names}\n{}", hex(&Sha256::digest(&request.body)));
    Ok(out)
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac: Hmac<Sha256> = Hmac::new_from_slice(key).expect("a key of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::{HeaderMap, Method, Uri};

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    /// `post-vanilla` of Amazon's Signature Version 4 test suite.
    fn vanilla() -> (State, Request, SystemTime) {
        let mut state = State::default();
        state.add_key("AKIDEXAMPLE", SECRET, None);
        let mut headers = HeaderMap::new();
        headers.insert("host", "example.amazonaws.com".parse().unwrap());
        headers.insert("x-amz-date", "20150830T123600Z".parse().unwrap());
        let authorization = "AWS4-HMAC-SHA256 \
            Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
            SignedHeaders=host;x-amz-date, \
            Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b";
        headers.insert("authorization", authorization.parse().unwrap());
        let request = Request {
            method: Method::POST,
            uri: Uri::from_static("/"),
            headers,
            body: Bytes::new(),
        };
        let now: DateTime<Utc> = "2015-08-30T12:40:00Z".parse().unwrap();
        (state, request, now.into())
    }

    #[test]
    fn a_signature_of_amazons_test_suite_is_taken_and_no_other() {
        let service = ("service", "us-east-1");
        let (state, request, now) = vanilla();
        assert_eq!(check(&state, &request, service, now), Ok(()));

        let late = now + Duration::from_secs(61);
        assert_eq!(
            check(&state, &request, service, late),
            Err(Wrong::Signature)
        );
        for other in [("service", "us-west-1"), ("ecr", "us-east-1")] {
            assert_eq!(check(&state, &request, other, now), Err(Wrong::Signature));
        }
        assert_eq!(
            check(&State::default(), &request, service, now),
            Err(Wrong::UnknownKey)
        );
        let (_, mut changed, _) = vanilla();
        changed.body = Bytes::from_static(b"x");
        assert_eq!(check(&state, &changed, service, now), Err(Wrong::Signature));
        let (_, mut unsigned, _) = vanilla();
        unsigned
            .headers
            .insert("x-amz-target", "t".parse().unwrap());
        assert_eq!(
            check(&state, &unsigned, service, now),
            Err(Wrong::Incomplete)
        );
        let (_, mut bare, _) = vanilla();
        bare.headers.remove("authorization");
        assert_eq!(check(&state, &bare, service, now), Err(Wrong::Missing));
    }
}
