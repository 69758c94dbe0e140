//! How Harbor writes values: times to the millisecond, what is empty left out.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

/// What Harbor writes for no time at all.
pub(super) const NO_TIME: &str = "0001-01-01T00:00:00.000Z";

/// A time, always written: `0001-01-01T00:00:00.000Z` is none at all.
#[derive(Clone, Copy, ToSchema)]
#[schema(value_type = String, format = DateTime)]
pub(super) struct Time(pub(super) Option<DateTime<Utc>>);

impl From<DateTime<Utc>> for Time {
    fn from(time: DateTime<Utc>) -> Self {
        Self(Some(time))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Some(time) => {
                serializer.serialize_str(&time.to_rfc3339_opts(SecondsFormat::Millis, true))
            }
            None => serializer.serialize_str(NO_TIME),
        }
    }
}

/// For `skip_serializing_if`: `false`, 0 and empty texts are left out.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// For `deserialize_with`: `null` is as good as nothing, as Go reads it.
pub(super) fn or_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_milliseconds_and_a_z() {
        let time = DateTime::from_timestamp_millis(1_790_000_000_007);
        assert_eq!(
            serde_json::to_string(&Time(time)).unwrap(),
            "\"2026-09-21T14:13:20.007Z\""
        );
        assert_eq!(
            serde_json::to_string(&Time(None)).unwrap(),
            format!("\"{NO_TIME}\"")
        );
    }
}
