//! An endpoint's options on their way into the database and out of it: sealed, merged with what is saved, and never with
//! a secret that was given for another address.

use metadata::Upstream;
use upstream::{AuthOptions, Options, Secret};

use crate::{Error, Registry, Result};

impl Registry {
    /// An endpoint's options, to be shown: without secrets. `None` where there are none, or where they were sealed with
    /// another key.
    pub fn shown_options(&self, saved: &Upstream) -> Option<Options> {
        let opened = self.opened_options(saved).ok()?;
        (opened != Options::default()).then(|| opened.redacted())
    }

    /// Whether `after` is another registry than `saved`, or is asked as somebody else: what came from the one is no sign
    /// of what may be had from the other.
    pub(crate) fn is_another_source(&self, saved: &Upstream, after: &Upstream) -> Result<bool> {
        let is_same_place = (&saved.kind, &saved.url, &saved.access_key)
            == (&after.kind, &after.url, &after.access_key);
        // A secret that cannot be opened, because the key is another, is nobody's.
        let (Ok(secret), Ok(options)) = (self.opened_secret(saved), self.opened_options(saved))
        else {
            return Ok(true);
        };
        Ok(!is_same_place
            || secret != self.opened_secret(after)?
            || !is_same_asker(&options, &self.opened_options(after)?))
    }

    /// What a change makes of the saved options; `None` where it leaves them alone.
    pub(crate) fn changed_options(
        &self,
        saved: &Upstream,
        given: Option<Options>,
        is_moved: bool,
    ) -> Result<Option<Option<Vec<u8>>>> {
        if given.is_none() && (!is_moved || saved.options.is_none()) {
            return Ok(None);
        }
        // What cannot be opened any more can still be replaced.
        let mut known = self.opened_options(saved).unwrap_or_default();
        if is_moved {
            known = without_secrets(known);
        }
        let options = match given {
            Some(given) => merged(given, &known),
            None => known,
        };
        self.sealed_options(&options).map(Some)
    }

    pub(crate) fn sealed_options(&self, options: &Options) -> Result<Option<Vec<u8>>> {
        if *options == Options::default() {
            return Ok(None);
        }
        let json = serde_json::to_vec(options).map_err(internal)?;
        Ok(Some(self.0.auth.seal(&json)))
    }

    pub(crate) fn opened_options(&self, saved: &Upstream) -> Result<Options> {
        let Some(sealed) = &saved.options else {
            return Ok(Options::default());
        };
        let opened = self.0.auth.unseal(sealed).map_err(internal)?;
        serde_json::from_slice(&opened).map_err(internal)
    }

    pub(crate) fn opened_secret(&self, saved: &Upstream) -> Result<Option<String>> {
        let Some(sealed) = &saved.secret else {
            return Ok(None);
        };
        let opened = self.0.auth.unseal(sealed).map_err(internal)?;
        String::from_utf8(opened).map(Some).map_err(internal)
    }
}

/// `given` with the hidden secrets that are known. What stays hidden is left out: an empty header or password in its
/// place would be sent.
pub(crate) fn merged(given: Options, known: &Options) -> Options {
    let mut options = given.with_secrets_of(known);
    let is_empty = |secret: &Secret| secret.expose().is_empty();
    options.headers.retain(|_, value| !is_empty(value));
    options
        .credentials
        .retain(|credential| !is_empty(&credential.access_secret));
    if options.client_key.as_ref().is_some_and(is_empty) {
        (options.client_certificate, options.client_key) = (None, None);
    }
    options.proxy = options.proxy.filter(|proxy| !is_empty(proxy));
    if let Some(AuthOptions::Aws(aws)) = &mut options.auth {
        aws.session_token = aws.session_token.take().filter(|token| !is_empty(token));
    }
    options
}

/// What may follow to another address. The proxy may: its account is shown to the proxy alone.
fn without_secrets(saved: Options) -> Options {
    let auth = saved.auth.map(|auth| match auth {
        AuthOptions::Aws(mut aws) => {
            aws.session_token = None;
            AuthOptions::Aws(aws)
        }
        other => other,
    });
    Options {
        auth,
        client_certificate: None,
        client_key: None,
        headers: Default::default(),
        credentials: Vec::new(),
        ..saved
    }
}

/// Whether a registry cannot tell the one from the other.
fn is_same_asker(one: &Options, other: &Options) -> bool {
    one.headers == other.headers
        && one.credentials == other.credentials
        && one.auth == other.auth
        && one.client_certificate == other.client_certificate
        && one.client_key == other.client_key
}

fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(text: &str) -> Options {
        serde_json::from_str(text).unwrap()
    }

    const ALL: &str = r#"{"proxy":"http://u:p@proxy:1","client_certificate":"cert","client_key":"key",
        "headers":{"x-a":"one"},"max_connections":3,"credentials":[{"access_key":"k","access_secret":"s"}],
        "auth":{"method":"aws","session_token":"t","role_arn":"arn"}}"#;

    #[test]
    fn another_address_gets_the_proxy_and_no_secret() {
        let left = r#"{"proxy":"http://u:p@proxy:1","max_connections":3,"auth":{"method":"aws","role_arn":"arn"}}"#;
        assert_eq!(without_secrets(options(ALL)), options(left));
        // What was shown comes back, and stands for what is no longer known.
        let shown = options(ALL).redacted();
        assert_eq!(merged(shown.clone(), &options(left)), options(left));
        assert_eq!(merged(shown, &options(ALL)), options(ALL));
    }

    #[test]
    fn a_limit_is_no_part_of_who_asks() {
        let all = options(ALL);
        let slower = Options {
            bandwidth_kb: Some(100),
            proxy: None,
            ..all.clone()
        };
        assert!(is_same_asker(&all, &slower));
        let other = Options {
            headers: [("x-a".to_owned(), "two".into())].into(),
            ..all.clone()
        };
        assert!(!is_same_asker(&all, &other));
    }
}
