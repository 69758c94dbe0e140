//! The system's settings, Harbor's "configurations": which keys there are, what they may say, and who may change them.
//! What a setting does is the business of whoever reads it. A project's own settings are [`crate::settings`].

mod banner;

use std::collections::BTreeMap;

use auth::settings::{
    PROJECT_CREATION, ROBOT_DURATION, ROBOT_NAME_PREFIX, SELF_REGISTRATION, SESSION_TIMEOUT,
    Setting, TOKEN_EXPIRATION,
};
use auth::{SystemAccess, SystemAction};
use serde_json::{Map, Value};

use crate::audit::{self, AUDIT_SETTINGS, check_audit_settings};
use crate::demand::demand_system;
use crate::{Error, Registry, Result};

/// What is shown to everybody, as JSON: `message`, `type`, `closable`, `fromDate`, `toDate`.
pub const BANNER_MESSAGE: Setting = of("banner_message", "");
/// Whether webhooks are called.
pub const NOTIFICATION_ENABLE: Setting = of("notification_enable", "true");
/// Whether projects have quotas.
pub const QUOTA_PER_PROJECT: Setting = of("quota_per_project_enable", "true");
/// Whether clients can change nothing.
pub const READ_ONLY: Setting = of("read_only", "false");
/// Bytes that a new project may hold; -1 for any number.
pub const STORAGE_PER_PROJECT: Setting = of("storage_per_project", "-1");

/// A setting as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct Configured {
    /// Harbor's key.
    pub key: &'static str,
    /// Text, a whole number, `true` or `false`.
    pub value: Value,
    /// Whether it can be changed.
    pub is_editable: bool,
}

impl Registry {
    /// All settings but the secret ones.
    pub async fn configuration(&self, access: &SystemAccess) -> Result<Vec<Configured>> {
        demand_system(access, SystemAction::ConfigurationRead)?;
        let stored = self.db().list_settings().await?;
        let shown = KEYS.iter().filter(|key| key.kind != Kind::Secret);
        Ok(shown.map(|key| key.shown(&stored)).collect())
    }

    /// Changes the settings that are given, all of them or, where one is refused, none. Keys that nobody knows are
    /// ignored, as by Harbor: newer clients send newer keys.
    pub async fn configure(&self, access: &SystemAccess, asked: &Map<String, Value>) -> Result<()> {
        demand_system(access, SystemAction::ConfigurationUpdate)?;
        let stored = self.db().list_settings().await?;
        let changes = checked(&stored, asked)?;
        if changes.is_empty() {
            return Ok(());
        }
        let changes = changes.iter().map(|(key, value)| (*key, value.as_str()));
        let changes: Vec<(&str, &str)> = changes.collect();
        Ok(self.db().put_settings(changes).await?)
    }

    /// Whether clients can change nothing; answered from memory.
    pub async fn is_read_only(&self) -> Result<bool> {
        self.is_set(READ_ONLY).await
    }

    /// Whether a setting says `true`; answered from memory.
    pub async fn is_set(&self, setting: Setting) -> Result<bool> {
        Ok(self.setting(setting).await? == "true")
    }

    /// What a setting says; answered from memory.
    pub async fn setting(&self, setting: Setting) -> Result<String> {
        let value = self.0.auth.setting(setting).await;
        value.map_err(|error| Error::Internal(error.into()))
    }
}

/// A key of the table.
struct Key {
    setting: Setting,
    kind: Kind,
    /// Why it stays as it is; `None` where it can be changed.
    fixed: Option<&'static str>,
}

/// What a value may be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Any text.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// What a robot's name can begin with.
    Prefix,
    /// What [`banner`] takes.
    Banner,
    /// Never shown.
    Secret,
    /// `true` or `false`.
    Flag,
    /// A whole number from the first to the second.
    Number(i64, i64),
    /// -1, or a count of bytes.
    Bytes,
}

/// Harbor's limit.
const MAX_MINUTES: i64 = 9_999_999_999;
/// A hundred years. Harbor takes ten digits here too, and more days than there are dates.
const MAX_DAYS: i64 = 36_500;
const MAX_CHARS: usize = 8_192;

const NO_LDAP: &str = "this version does not ask LDAP directories";
const NO_OIDC: &str = "this version does not ask OIDC providers";
const NO_UAA: &str = "UAA is not supported";
const NO_PROXY: &str = "authentication by an HTTP proxy is not supported";
const DB_ONLY: &str = "the users are those in the database, and no others";

/// THE table.
#[rustfmt::skip]
const KEYS: &[Key] = &[
    fixed("auth_mode", Kind::Text, "db_auth", DB_ONLY),
    fixed("primary_auth_mode", Kind::Flag, "false", DB_ONLY),
    key(PROJECT_CREATION, Kind::Word(&["everyone", "adminonly"])),
    key(SELF_REGISTRATION, Kind::Flag),
    key(READ_ONLY, Kind::Flag),
    key(TOKEN_EXPIRATION, Kind::Number(1, MAX_MINUTES)),
    key(SESSION_TIMEOUT, Kind::Number(1, MAX_MINUTES)),
    key(ROBOT_DURATION, Kind::Number(1, MAX_DAYS)),
    key(ROBOT_NAME_PREFIX, Kind::Prefix),
    key(NOTIFICATION_ENABLE, Kind::Flag),
    key(QUOTA_PER_PROJECT, Kind::Flag),
    key(STORAGE_PER_PROJECT, Kind::Bytes),
    key(of(audit::ENDPOINT, ""), Kind::Text),
    key(of(audit::SKIP, "false"), Kind::Flag),
    key(of(audit::DISABLED, ""), Kind::Text),
    key(of("scanner_skip_update_pulltime", "false"), Kind::Flag),
    key(BANNER_MESSAGE, Kind::Banner),
    fixed("ldap_url", Kind::Text, "", NO_LDAP),
    fixed("ldap_base_dn", Kind::Text, "", NO_LDAP),
    fixed("ldap_search_dn", Kind::Text, "", NO_LDAP),
    fixed("ldap_search_password", Kind::Secret, "", NO_LDAP),
    fixed("ldap_filter", Kind::Text, "", NO_LDAP),
    fixed("ldap_uid", Kind::Text, "cn", NO_LDAP),
    fixed("ldap_scope", Kind::Number(0, 2), "2", NO_LDAP),
    fixed("ldap_timeout", Kind::Number(0, i64::MAX), "5", NO_LDAP),
    fixed("ldap_verify_cert", Kind::Flag, "true", NO_LDAP),
    fixed("ldap_group_base_dn", Kind::Text, "", NO_LDAP),
    fixed("ldap_group_admin_dn", Kind::Text, "", NO_LDAP),
    fixed("ldap_group_attribute_name", Kind::Text, "", NO_LDAP),
    fixed("ldap_group_search_filter", Kind::Text, "", NO_LDAP),
    fixed("ldap_group_search_scope", Kind::Number(0, 2), "2", NO_LDAP),
    fixed("ldap_group_membership_attribute", Kind::Text, "memberof", NO_LDAP),
    fixed("ldap_group_attach_parallel", Kind::Flag, "false", NO_LDAP),
    fixed("oidc_name", Kind::Text, "", NO_OIDC),
    fixed("oidc_endpoint", Kind::Text, "", NO_OIDC),
    fixed("oidc_client_id", Kind::Text, "", NO_OIDC),
    fixed("oidc_client_secret", Kind::Secret, "", NO_OIDC),
    fixed("oidc_groups_claim", Kind::Text, "", NO_OIDC),
    fixed("oidc_admin_group", Kind::Text, "", NO_OIDC),
    fixed("oidc_group_filter", Kind::Text, "", NO_OIDC),
    fixed("oidc_scope", Kind::Text, "", NO_OIDC),
    fixed("oidc_user_claim", Kind::Text, "", NO_OIDC),
    fixed("oidc_verify_cert", Kind::Flag, "true", NO_OIDC),
    fixed("oidc_auto_onboard", Kind::Flag, "false", NO_OIDC),
    fixed("oidc_extra_redirect_parms", Kind::Text, "{}", NO_OIDC),
    fixed("oidc_logout", Kind::Flag, "false", NO_OIDC),
    fixed("uaa_client_id", Kind::Text, "", NO_UAA),
    fixed("uaa_client_secret", Kind::Secret, "", NO_UAA),
    fixed("uaa_endpoint", Kind::Text, "", NO_UAA),
    fixed("uaa_verify_cert", Kind::Flag, "false", NO_UAA),
    fixed("http_authproxy_endpoint", Kind::Text, "", NO_PROXY),
    fixed("http_authproxy_tokenreview_endpoint", Kind::Text, "", NO_PROXY),
    fixed("http_authproxy_admin_groups", Kind::Text, "", NO_PROXY),
    fixed("http_authproxy_admin_usernames", Kind::Text, "", NO_PROXY),
    fixed("http_authproxy_verify_cert", Kind::Flag, "true", NO_PROXY),
    fixed("http_authproxy_skip_search", Kind::Flag, "false", NO_PROXY),
    fixed("http_authproxy_server_certificate", Kind::Text, "", NO_PROXY),
];

const fn of(key: &'static str, default: &'static str) -> Setting {
    Setting { key, default }
}

const fn key(setting: Setting, kind: Kind) -> Key {
    Key {
        setting,
        kind,
        fixed: None,
    }
}

const fn fixed(name: &'static str, kind: Kind, default: &'static str, why: &'static str) -> Key {
    Key {
        fixed: Some(why),
        ..key(of(name, default), kind)
    }
}

/// What `asked` changes of `stored`, in its one spelling.
fn checked(
    stored: &BTreeMap<String, String>,
    asked: &Map<String, Value>,
) -> Result<BTreeMap<&'static str, String>> {
    let mut changes = BTreeMap::new();
    for (name, value) in asked.iter().filter(|(_, value)| !value.is_null()) {
        let Some(key) = KEYS.iter().find(|key| key.setting.key == name) else {
            continue;
        };
        let value = key.normal(value)?;
        if value != key.stored(stored) {
            changes.insert(key.setting.key, value);
        }
    }
    check_together(stored, &changes)?;
    Ok(changes)
}

/// Whether the settings go together after the changes.
fn check_together(
    stored: &BTreeMap<String, String>,
    changes: &BTreeMap<&str, String>,
) -> Result<()> {
    if !AUDIT_SETTINGS.iter().any(|key| changes.contains_key(key)) {
        return Ok(());
    }
    let after = AUDIT_SETTINGS.iter().filter_map(|key| {
        let value = changes.get(key).or_else(|| stored.get(*key));
        Some(((*key).to_owned(), value?.clone()))
    });
    check_audit_settings(&after.collect())
}

impl Key {
    fn stored<'a>(&self, stored: &'a BTreeMap<String, String>) -> &'a str {
        let value = stored
            .get(self.setting.key)
            .filter(|_| self.fixed.is_none());
        value.map_or(self.setting.default, String::as_str)
    }

    fn shown(&self, stored: &BTreeMap<String, String>) -> Configured {
        let text = self.stored(stored);
        Configured {
            key: self.setting.key,
            value: match self.kind {
                Kind::Flag => (text == "true").into(),
                Kind::Number(..) | Kind::Bytes => text.parse::<i64>().unwrap_or_default().into(),
                _ => text.into(),
            },
            is_editable: self.fixed.is_none(),
        }
    }

    /// A value as it is stored. What is refused is not repeated: it may be a secret, sent under the wrong key.
    fn normal(&self, value: &Value) -> Result<String> {
        let key = self.setting.key;
        let normal = self.kind.normal(value);
        if let Some(why) = self.fixed {
            return match normal {
                Ok(value) if value == self.setting.default => Ok(value),
                _ => Err(Error::BadRequest(format!(
                    "{key} can only be {:?}: {why}",
                    self.setting.default
                ))),
            };
        }
        normal.map_err(|expected| Error::BadRequest(format!("{key} must be {expected}")))
    }
}

impl Kind {
    /// # Errors
    /// What is expected.
    fn normal(self, value: &Value) -> std::result::Result<String, String> {
        match self {
            Self::Text | Self::Secret => text(value).map(str::to_owned),
            Self::Word(words) => match value.as_str() {
                Some(word) if words.contains(&word) => Ok(word.to_owned()),
                _ => Err(words.join(" or ")),
            },
            Self::Prefix => match value.as_str() {
                Some(prefix) if is_prefix(prefix) => Ok(prefix.to_owned()),
                _ => Err(format!(
                    "1 to {MAX_PREFIX_CHARS} printable characters without blanks, colons and slashes"
                )),
            },
            Self::Banner => banner::check(text(value)?).map(str::to_owned),
            Self::Flag => match value.as_bool() {
                Some(flag) => Ok(flag.to_string()),
                None => Err("true or false".to_owned()),
            },
            Self::Number(least, most) => match whole(value) {
                Some(number) if (least..=most).contains(&number) => Ok(number.to_string()),
                _ => Err(format!("a whole number from {least} to {most}")),
            },
            Self::Bytes => match whole(value) {
                Some(bytes) if bytes == -1 || bytes > 0 => Ok(bytes.to_string()),
                _ => Err("-1, for no limit, or a number of bytes from 1".to_owned()),
            },
        }
    }
}

const MAX_PREFIX_CHARS: usize = 64;

/// A colon ends a name where it is sent with a password, and a robot's own name goes on after the prefix.
fn is_prefix(text: &str) -> bool {
    let is_fit = |letter: char| letter.is_ascii_graphic() && !matches!(letter, ':' | '/' | '\\');
    (1..=MAX_PREFIX_CHARS).contains(&text.len()) && text.chars().all(is_fit)
}

fn text(value: &Value) -> std::result::Result<&str, String> {
    let text = value.as_str().map(str::trim);
    text.filter(|text| text.chars().count() <= MAX_CHARS)
        .ok_or_else(|| format!("text of at most {MAX_CHARS} characters"))
}

/// A whole number, also where a client has written it as `3e3` or `3000.0`.
fn whole(value: &Value) -> Option<i64> {
    let exact = |number: f64| {
        let is_exact = number.fract() == 0.0 && number.abs() < 9_007_199_254_740_992.0;
        #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
        is_exact.then_some(number as i64)
    };
    value.as_i64().or_else(|| exact(value.as_f64()?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn changes(stored: &[(&str, &str)], asked: Value) -> Result<BTreeMap<&'static str, String>> {
        let stored = stored
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        checked(&stored.collect(), asked.as_object().unwrap())
    }

    #[test]
    fn every_default_is_a_value_that_can_be_set_and_no_key_is_there_twice() {
        let none = BTreeMap::new();
        for (index, key) in KEYS.iter().enumerate() {
            let name = key.setting.key;
            let shown = key.shown(&none).value;
            assert_eq!(key.normal(&shown).unwrap(), key.setting.default, "{name}");
            assert!(
                KEYS[..index].iter().all(|other| other.setting.key != name),
                "{name}"
            );
        }
    }

    #[test]
    fn only_what_differs_is_changed_and_what_nobody_knows_is_ignored() {
        let asked = json!({
            "token_expiration": 30, "session_timeout": 15, "read_only": true, "colour": "red",
            "robot_name_prefix": null, "ldap_url": "", "auth_mode": "db_auth", "storage_per_project": 1e9,
        });
        let expected = [
            ("read_only", "true"),
            ("session_timeout", "15"),
            ("storage_per_project", "1000000000"),
        ];
        let expected = expected.map(|(key, value)| (key, value.to_owned())).into();
        assert_eq!(changes(&[], asked.clone()).unwrap(), expected);
        let stored = [
            ("read_only", "true"),
            ("session_timeout", "15"),
            ("token_expiration", "5"),
        ];
        let changed = changes(&stored, asked).unwrap();
        assert_eq!(
            changed.keys().collect::<Vec<_>>(),
            [&"storage_per_project", &"token_expiration"]
        );
    }

    #[test]
    fn a_bad_value_is_refused_with_what_is_expected() {
        let table = [
            (json!({ "token_expiration": 0 }), "from 1 to 9999999999"),
            (json!({ "token_expiration": 2.5 }), "a whole number"),
            (json!({ "session_timeout": "60" }), "a whole number"),
            (
                json!({ "robot_token_duration": -1 }),
                "a whole number from 1",
            ),
            (json!({ "read_only": "yes" }), "true or false"),
            (
                json!({ "project_creation_restriction": "nobody" }),
                "everyone or adminonly",
            ),
            (json!({ "robot_name_prefix": "" }), "1 to 64"),
            (json!({ "robot_name_prefix": "a:b" }), "colons"),
            (json!({ "storage_per_project": 0 }), "-1, for no limit"),
            (json!({ "storage_per_project": -2 }), "-1, for no limit"),
            (json!({ "banner_message": "hello" }), "JSON"),
            (json!({ "audit_log_forward_endpoint": 7 }), "text"),
            (
                json!({ "disabled_audit_log_event_types": "x".repeat(9000) }),
                "8192",
            ),
            (json!({ "auth_mode": "oidc_auth" }), "db_auth"),
            (json!({ "ldap_url": "ldaps://directory" }), "LDAP"),
            (json!({ "primary_auth_mode": true }), "in the database"),
            (
                json!({ "skip_audit_log_database": true }),
                "audit_log_forward_endpoint",
            ),
            (
                json!({ "disabled_audit_log_event_types": "nothing" }),
                "event type",
            ),
        ];
        for (asked, expected) in table {
            let refused = changes(&[], asked.clone()).unwrap_err();
            assert!(matches!(refused, Error::BadRequest(_)), "{asked}");
            assert!(refused.to_string().contains(expected), "{asked}: {refused}");
        }
        let secret = changes(&[], json!({ "oidc_client_secret": "hunter2" })).unwrap_err();
        assert!(!secret.to_string().contains("hunter2"), "{secret}");
    }

    #[test]
    fn a_log_that_would_go_nowhere_is_refused_whichever_comes_last() {
        let both = [
            ("skip_audit_log_database", "true"),
            ("audit_log_forward_endpoint", "logs:514"),
        ];
        assert!(changes(&both, json!({ "audit_log_forward_endpoint": "" })).is_err());
        assert!(changes(&both[1..], json!({ "skip_audit_log_database": true })).is_ok());
        assert!(changes(&both, json!({ "read_only": true })).is_ok());
    }
}
