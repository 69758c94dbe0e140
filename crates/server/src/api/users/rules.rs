//! What users may be called, and say about themselves: Harbor's rules, in its words where it has some.

use auth::Auth;

use super::super::Result;
use super::super::extract::Asked;
use super::{ProfileRequest, bad_request};
use crate::error::Error;

const MAX_NAME_CHARS: usize = 255;
const MAX_COMMENT_CHARS: usize = 30;

/// Harbor's rule, no colon, since Basic authentication ends the name with one, and no beginning that robots' names have.
pub(super) async fn check_username(asked: &Asked, name: &str) -> Result<()> {
    check_letters(name)?;
    let auth: &Auth = asked.state.auth();
    match auth.is_like_a_robots(name).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(bad_request(
            "username begins as robots' names do: choose another".to_owned(),
        )),
        Err(error) => Err(Error::of_auth_failure(error)),
    }
}

fn check_letters(name: &str) -> Result<()> {
    if !is_as_long(name, 1, MAX_NAME_CHARS) || name.trim() != name {
        return Err(bad_request(format!(
            "username with illegal length: it has 1 to {MAX_NAME_CHARS} characters, without space around them"
        )));
    }
    let is_illegal = |letter: char| ",\"~#%$:".contains(letter) || letter.is_control();
    if name.contains(is_illegal) {
        return Err(bad_request(
            "username contains illegal characters: none of , \" ~ # % $ : can be in it".to_owned(),
        ));
    }
    Ok(())
}

pub(super) fn check_profile(profile: &ProfileRequest) -> Result<()> {
    if profile.email.is_empty() {
        return Err(bad_request("email can't be empty".to_owned()));
    }
    let is_address = profile
        .email
        .split_once('@')
        .is_some_and(|(local, host)| !local.is_empty() && !host.is_empty());
    if !is_address
        || profile.email.contains(char::is_whitespace)
        || !is_as_long(&profile.email, 1, MAX_NAME_CHARS)
    {
        return Err(bad_request(
            "email with illegal format: it is local@host".to_owned(),
        ));
    }
    if !is_as_long(&profile.realname, 1, MAX_NAME_CHARS) {
        return Err(bad_request(format!(
            "realname with illegal length: it has 1 to {MAX_NAME_CHARS} characters"
        )));
    }
    if profile.realname.contains([',', '~', '#', '$', '%']) {
        return Err(bad_request(
            "realname contains illegal characters: none of , ~ # $ % can be in it".to_owned(),
        ));
    }
    if !is_as_long(&profile.comment, 0, MAX_COMMENT_CHARS) {
        return Err(bad_request(format!(
            "comment with illegal length: it has at most {MAX_COMMENT_CHARS} characters"
        )));
    }
    Ok(())
}

fn is_as_long(text: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&text.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_username_can_be_signed_in_with() {
        for name in ["anna", "anna@example.com", "Ünal O'Neil", &"a".repeat(255)] {
            assert!(check_letters(name).is_ok(), "{name}");
        }
        for name in [
            "",
            " anna",
            "a:b",
            "robot$x",
            "a,b",
            "a\nb",
            &"a".repeat(256),
        ] {
            assert!(check_letters(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_profile_has_an_address_and_a_name() {
        let profile = |email: &str, realname: &str, comment: &str| {
            check_profile(&ProfileRequest {
                email: email.into(),
                realname: realname.into(),
                comment: comment.into(),
            })
        };
        assert!(profile("anna@example.com", "Anna", "").is_ok());
        assert!(profile("anna", "Anna", "").is_err());
        assert!(profile("anna@", "Anna", "").is_err());
        assert!(profile("anna@example.com", "", "").is_err());
        assert!(profile("anna@example.com", "Anna", &"x".repeat(31)).is_err());
    }
}
