//! The settings that decide about people and programs, by Harbor's keys. All settings, and who may change them, are
//! `registry`'s.

use std::time::Duration;

use crate::{Auth, Error};

/// A setting: its key, and its value where nobody has set it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Harbor's.
    pub key: &'static str,
    /// Harbor's.
    pub default: &'static str,
}

/// Who may make projects: `everyone` or `adminonly`.
pub const PROJECT_CREATION: Setting = Setting {
    key: "project_creation_restriction",
    default: "everyone",
};
/// Days that a robot lasts for which nothing is said.
pub const ROBOT_DURATION: Setting = Setting {
    key: "robot_token_duration",
    default: "30",
};
/// What robots' names begin with.
pub const ROBOT_NAME_PREFIX: Setting = Setting {
    key: "robot_name_prefix",
    default: "robot$",
};
/// Whether strangers may make themselves users.
pub const SELF_REGISTRATION: Setting = Setting {
    key: "self_registration",
    default: "false",
};
/// Minutes that a session lasts unused.
pub const SESSION_TIMEOUT: Setting = Setting {
    key: "session_timeout",
    default: "60",
};
/// Minutes that a registry token lives.
pub const TOKEN_EXPIRATION: Setting = Setting {
    key: "token_expiration",
    default: "30",
};

impl Auth {
    /// A setting's value; answered from memory.
    ///
    /// # Errors
    /// [`Error::Metadata`]
    pub async fn setting(&self, setting: Setting) -> Result<String, Error> {
        let value = self.db().get_setting(setting.key).await?;
        Ok(value.map_or_else(|| setting.default.to_owned(), |value| (*value).to_owned()))
    }

    /// A setting in minutes. One that is no number, which nothing lets in, is the default.
    pub(crate) async fn minutes(&self, setting: Setting) -> Result<Duration, Error> {
        let value = self.setting(setting).await?;
        let minutes: u64 = value
            .parse()
            .or_else(|_| setting.default.parse())
            .unwrap_or(0);
        Ok(Duration::from_secs(minutes.saturating_mul(60)))
    }
}
