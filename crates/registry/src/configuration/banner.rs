//! The banner: a message that everybody who opens the portal is shown, in Harbor's form. Whether it is shown today is the
//! reader's business.

use chrono::{DateTime, NaiveDate};
use serde::Deserialize;

const EXPECTED: &str = "empty, or a JSON object: {\"message\": text, \"type\": \"success\", \"info\", \"warning\" or \"danger\", \
                        \"closable\": true or false, \"fromDate\" and \"toDate\": MM/DD/YYYY}, the dates in order";
const TYPES: [&str; 4] = ["success", "info", "warning", "danger"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(
    dead_code,
    reason = "that they can be read is all that is asked of them"
)]
struct Banner {
    message: Option<String>,
    r#type: Option<String>,
    closable: Option<bool>,
    from_date: Option<String>,
    to_date: Option<String>,
}

/// The text, where it is a banner or none.
///
/// # Errors
/// What is expected.
pub(super) fn check(text: &str) -> Result<&str, String> {
    if text.is_empty() || is_banner(text).unwrap_or(false) {
        return Ok(text);
    }
    Err(EXPECTED.to_owned())
}

/// `None` where it cannot be read.
fn is_banner(text: &str) -> Option<bool> {
    let banner: Banner = serde_json::from_str(text).ok()?;
    let is_known = |kind: &String| TYPES.contains(&kind.as_str());
    let day = |date: Option<String>| match date.filter(|date| !date.is_empty()) {
        Some(date) => day(&date).map(Some),
        None => Some(None),
    };
    let days = day(banner.from_date)?.zip(day(banner.to_date)?);
    let is_in_order = days.is_none_or(|(from, to)| from <= to);
    Some(banner.r#type.as_ref().is_none_or(is_known) && is_in_order)
}

/// As Harbor's description writes dates, or as browsers do.
fn day(text: &str) -> Option<NaiveDate> {
    let moment = || DateTime::parse_from_rfc3339(text).map(|time| time.date_naive());
    let day = NaiveDate::parse_from_str(text, "%m/%d/%Y");
    day.or_else(|_| NaiveDate::parse_from_str(text, "%Y-%m-%d"))
        .or_else(|_| moment())
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_banner_has_harbors_form() {
        for text in [
            "",
            "{}",
            r#"{"message":""}"#,
            r#"{"closable":true,"message":"Moving on Friday","type":"warning","fromDate":"06/19/2023","toDate":"06/21/2023"}"#,
            r#"{"message":"m","type":"danger","fromDate":"2023-06-19T16:00:00.000Z","toDate":null}"#,
            r#"{"message":"m","fromDate":"","toDate":"2023-06-19"}"#,
        ] {
            assert_eq!(check(text), Ok(text));
        }
        for text in [
            "hello",
            "[]",
            "7",
            r#"{"message":7}"#,
            r#"{"message":"m","type":"loud"}"#,
            r#"{"message":"m","closable":"yes"}"#,
            r#"{"message":"m","fromDate":"soon"}"#,
            r#"{"message":"m","fromDate":"06/21/2023","toDate":"06/19/2023"}"#,
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
