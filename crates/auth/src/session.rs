//! Sessions: people who signed in with a browser, known by what it holds, and the token that shows a change was asked for
//! by a page of ours. Which cookie and header carry them is the server's business.

use aws_lc_rs::{constant_time, digest, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};

use crate::keys::{KEY_LEN, random};
use crate::settings::SESSION_TIMEOUT;
use crate::{Auth, Caller, Error, Identity};

/// How far apart a session's uses are noted: a page asks many things at once.
const NOTED_EACH: TimeDelta = TimeDelta::seconds(60);

impl Auth {
    /// Begins a session for a user who has just signed in: what their browser shall hold. Robots get none.
    ///
    /// # Errors
    /// [`Error::WrongCredentials`] for anybody but a user, [`Error::Metadata`].
    pub async fn open_session(
        &self,
        identity: &Identity,
        now: DateTime<Utc>,
    ) -> Result<String, Error> {
        let user_id = identity.user_id().ok_or(Error::WrongCredentials)?;
        let session = URL_SAFE_NO_PAD.encode(random::<32>());
        self.db()
            .create_session(&hash(&session), user_id, now)
            .await?;
        Ok(session)
    }

    /// Who holds this session, with the rights they have now; `None` where it has ended.
    ///
    /// # Errors
    /// [`Error::Metadata`]
    pub async fn caller_from_session(
        &self,
        session: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Caller>, Error> {
        let hash = hash(session);
        let Some(found) = self.db().find_session(&hash).await? else {
            return Ok(None);
        };
        let timeout =
            TimeDelta::from_std(self.minutes(SESSION_TIMEOUT).await?).unwrap_or(TimeDelta::MAX);
        if now - found.seen_at >= timeout {
            return Ok(None);
        }
        if now - found.seen_at >= NOTED_EACH {
            self.db().see_session(&hash, now).await?;
        }
        let user = self.db().find_user(found.user_id).await?;
        Ok(user.map(|user| {
            Caller::of(Identity::User {
                id: user.id,
                name: user.username,
                is_sysadmin: user.is_sysadmin,
            })
        }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// [`Error::Metadata`]
    pub async fn close_session(&self, session: &str) -> Result<(), Error> {
        Ok(self.db().end_session(&hash(session)).await?)
    }

    /// Forgets sessions that have ended.
    ///
    /// # Errors
    /// [`Error::Metadata`]
    pub async fn forget_ended_sessions(&self, now: DateTime<Utc>) -> Result<u64, Error> {
        let timeout =
            TimeDelta::from_std(self.minutes(SESSION_TIMEOUT).await?).unwrap_or(TimeDelta::MAX);
        let Some(then) = now.checked_sub_signed(timeout) else {
            return Ok(0);
        };
        Ok(self.db().end_sessions_unseen_since(then).await?)
    }

    /// What the cookie beside [`Auth::csrf_token`] holds: any random text.
    pub fn csrf_cookie() -> String {
        URL_SAFE_NO_PAD.encode(random::<32>())
    }

    /// What a page of ours can know and another site's cannot: made of a cookie that other sites can have sent but not
    /// read, with a key of ours, so that no cookie of theirs makes one either.
    pub fn csrf_token(&self, cookie: &str) -> String {
        let tag = hmac::sign(self.csrf_key(), cookie.as_bytes());
        URL_SAFE_NO_PAD.encode(tag)
    }

    /// Whether `token` was made of `cookie`.
    pub fn is_csrf_token(&self, cookie: &str, token: &str) -> bool {
        let expected = self.csrf_token(cookie);
        !cookie.is_empty()
            && constant_time::verify_slices_are_equal(expected.as_bytes(), token.as_bytes()).is_ok()
    }
}

/// The key of CSRF tokens, made of the one that signs registry tokens: nodes that share that one share this.
pub(crate) fn csrf_key(token_key: &[u8; KEY_LEN]) -> hmac::Key {
    let tag = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, token_key),
        b"roadstead csrf 1",
    );
    hmac::Key::new(hmac::HMAC_SHA256, tag.as_ref())
}

/// What of a session is stored: a copy of the database opens none.
fn hash(session: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, session.as_bytes()))
}
