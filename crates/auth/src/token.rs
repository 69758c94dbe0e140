//! The registry's tokens (distribution's token specification, Harbor's claims): signed here, read here. What
//! they let their bearer do is bounded once more by what the bearer may do when they come: [`crate::access`].

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use oci::Scope;
use serde::{Deserialize, Serialize};

use crate::keys::{KEY_LEN, random_id};
use crate::{Caller, Error, Identity};

/// Who tokens are for: the `service` of the challenge and of a token request.
pub const SERVICE: &str = "harbor-registry";
const ISSUER: &str = "harbor-token-issuer";
/// Clocks of nodes differ a little.
const LEEWAY_SECS: i64 = 60;

/// A token as it is answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The signed text.
    pub token: String,
    /// Its life.
    pub expires_in_secs: u64,
    /// When it began.
    pub issued_at: DateTime<Utc>,
}

/// The key, and how long tokens live.
pub(crate) struct Tokens {
    sign: EncodingKey,
    verify: DecodingKey,
    validation: Validation,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    /// The user name; empty for nobody.
    sub: String,
    aud: String,
    exp: i64,
    nbf: i64,
    iat: i64,
    jti: String,
    access: Vec<Scope>,
    /// The user's number, ours: a name may be given to somebody else later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    uid: Option<i64>,
    /// The robot's number, for a robot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rid: Option<i64>,
    /// Whether the user was a system administrator; asked again whenever it would matter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    admin: bool,
}

impl Tokens {
    pub(crate) fn new(key: &[u8; KEY_LEN]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        validation.set_audience(&[SERVICE]);
        validation.set_issuer(&[ISSUER]);
        // Against the caller's `now`, below.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        Self {
            sign: EncodingKey::from_secret(key),
            verify: DecodingKey::from_secret(key),
            validation,
        }
    }

    /// For `life`, but no longer than its bearer's own.
    pub(crate) fn issue(
        &self,
        identity: &Identity,
        scopes: &[Scope],
        life: Duration,
        now: DateTime<Utc>,
    ) -> Token {
        let end = TimeDelta::from_std(life)
            .ok()
            .and_then(|life| now.checked_add_signed(life))
            .unwrap_or(DateTime::<Utc>::MAX_UTC);
        let (robot_id, end) = match identity {
            Identity::Robot { id, ends_at, .. } => {
                (Some(*id), ends_at.map_or(end, |ends_at| end.min(ends_at)))
            }
            _ => (None, end),
        };
        let claims = Claims {
            iss: ISSUER.to_owned(),
            sub: identity.name().to_owned(),
            aud: SERVICE.to_owned(),
            exp: end.timestamp(),
            nbf: now.timestamp(),
            iat: now.timestamp(),
            jti: random_id(),
            access: scopes.to_vec(),
            uid: identity.user_id(),
            rid: robot_id,
            admin: identity.is_sysadmin(),
        };
        let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.sign)
            .expect("claims are JSON and the key fits the algorithm");
        Token {
            token,
            expires_in_secs: (end - now).num_seconds().unsigned_abs(),
            issued_at: now,
        }
    }

    /// # Errors
    /// [`Error::InvalidToken`] where the token is not ours, not for us, or not of this time.
    pub(crate) fn read(&self, token: &str, now: DateTime<Utc>) -> Result<Caller, Error> {
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verify, &self.validation)
            .map_err(|_| Error::InvalidToken)?
            .claims;
        let now = now.timestamp();
        if claims.exp + LEEWAY_SECS <= now || claims.nbf - LEEWAY_SECS > now {
            return Err(Error::InvalidToken);
        }
        let identity = match (claims.uid, claims.rid) {
            (Some(id), _) => Identity::User {
                id,
                name: claims.sub,
                is_sysadmin: claims.admin,
            },
            // The token does not outlive the robot, so its end need not be known.
            (None, Some(id)) => Identity::Robot {
                id,
                name: claims.sub,
                ends_at: None,
            },
            (None, None) => Identity::Anonymous,
        };
        Ok(Caller::with_token(identity, claims.access))
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::{Value, json};

    use super::*;
    use crate::Action;

    const LIFE: Duration = Duration::from_secs(1800);

    fn tokens() -> Tokens {
        Tokens::new(&[7; KEY_LEN])
    }

    fn ada() -> Identity {
        Identity::User {
            id: 7,
            name: "ada".into(),
            is_sysadmin: false,
        }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_000, 0).unwrap()
    }

    fn part(token: &str, index: usize) -> Value {
        let part = token.split('.').nth(index).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    }

    #[test]
    fn claims_are_harbors() {
        let token = tokens().issue(&ada(), &[Scope::pull("hub/alpine")], LIFE, now());
        let mut claims = part(&token.token, 1);
        assert_eq!(claims["jti"].take().as_str().map(str::len), Some(16));
        let expected = json!({
            "iss": "harbor-token-issuer", "sub": "ada", "aud": "harbor-registry",
            "exp": 1_700_001_800, "nbf": 1_700_000_000, "iat": 1_700_000_000, "jti": null,
            "access": [{"type": "repository", "name": "hub/alpine", "actions": ["pull"]}],
            "uid": 7,
        });
        assert_eq!(claims, expected);
        assert_eq!((token.expires_in_secs, token.issued_at), (1800, now()));
    }

    #[test]
    fn a_token_brings_back_who_and_what() {
        let tokens = tokens();
        let caller = tokens
            .read(
                &tokens
                    .issue(&ada(), &[Scope::pull("hub/a")], LIFE, now())
                    .token,
                now(),
            )
            .unwrap();
        assert_eq!(caller.identity, ada());
        assert!(
            caller.is_in_reach(Action::Pull, "hub") && !caller.is_in_reach(Action::Push, "hub")
        );
        let caller = tokens
            .read(
                &tokens.issue(&Identity::Anonymous, &[], LIFE, now()).token,
                now(),
            )
            .unwrap();
        assert!(caller.identity.is_anonymous() && caller.has_token());
    }

    #[test]
    fn a_token_lives_its_time_and_a_minute() {
        let tokens = tokens();
        let token = tokens.issue(&ada(), &[], LIFE, now()).token;
        for (secs, is_valid) in [
            (-61, false),
            (-60, true),
            (0, true),
            (1859, true),
            (1860, false),
        ] {
            assert_eq!(
                tokens
                    .read(&token, now() + TimeDelta::seconds(secs))
                    .is_ok(),
                is_valid,
                "{secs} s"
            );
        }
    }

    #[test]
    fn a_token_that_is_not_ours_is_refused() {
        let tokens = tokens();
        let valid = tokens.issue(&ada(), &[], LIFE, now()).token;
        let encode = |header: &Header, claims: &Value| {
            jsonwebtoken::encode(header, claims, &EncodingKey::from_secret(&[7; KEY_LEN])).unwrap()
        };
        let claims = part(&valid, 1);
        assert!(
            tokens
                .read(&encode(&Header::default(), &claims), now())
                .is_ok()
        );
        let without = |claim: &str| {
            let mut claims = claims.clone();
            claims.as_object_mut().unwrap().remove(claim);
            encode(&Header::default(), &claims)
        };
        let with = |claim: &str, value: &str| {
            let mut claims = claims.clone();
            claims[claim] = value.into();
            encode(&Header::default(), &claims)
        };
        let unsigned = URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        let unsigned = format!("{unsigned}.{}.", valid.split('.').nth(1).unwrap());
        let bad = [
            String::new(),
            "a.b.c".into(),
            unsigned,
            valid[..valid.len() - 2].to_owned(),
            Tokens::new(&[8; KEY_LEN])
                .issue(&ada(), &[], LIFE, now())
                .token,
            encode(&Header::new(Algorithm::HS512), &claims),
            with("aud", "another-service"),
            with("iss", "another-issuer"),
            without("aud"),
            without("iss"),
            without("exp"),
            without("iat"),
        ];
        for token in bad {
            assert!(
                matches!(tokens.read(&token, now()), Err(Error::InvalidToken)),
                "{token}"
            );
        }
    }
}
