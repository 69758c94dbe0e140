//! Schedules, in Harbor's form: six fields, the first of which is 0.

use chrono::{DateTime, Utc};
use croner::parser::{CronParser, Seconds};

use crate::{Error, Result};

/// When an expression comes true next, in UTC.
///
/// # Errors
/// [`Error::BadRequest`] says what is wrong with it.
pub(crate) fn next_after(cron: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>> {
    let bad = |what: &str| Error::BadRequest(format!("cron {cron:?} {what}"));
    let fields: Vec<&str> = cron.split_whitespace().collect();
    if fields.len() != 6 {
        return Err(bad(
            "does not have six fields: seconds, minutes, hours, day of the month, month, day of the week",
        ));
    }
    if fields[0] != "0" {
        return Err(bad(
            "does not begin with 0: the 1st field (indicating Seconds of time) of the cron setting must be 0",
        ));
    }
    let parser = CronParser::builder().seconds(Seconds::Required).build();
    let parsed = parser
        .parse(cron)
        .map_err(|error| bad(&format!("cannot be read: {error}")))?;
    parsed
        .find_next_occurrence(&now, false)
        .map_err(|_| bad("never comes true"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_fields_say_when() {
        let now: DateTime<Utc> = "2026-01-31T22:59:30Z".parse().unwrap();
        for (cron, next) in [
            ("0 0 0 * * *", "2026-02-01T00:00:00Z"),
            ("0 */15 * * * *", "2026-01-31T23:00:00Z"),
            ("0 0 0 29 2 ?", "2028-02-29T00:00:00Z"),
            ("0 30 1 * * MON", "2026-02-02T01:30:00Z"),
        ] {
            let expected: DateTime<Utc> = next.parse().unwrap();
            assert_eq!(next_after(cron, now).unwrap(), expected, "{cron}");
        }
        for cron in [
            "",
            "@daily",
            "* * * * *",
            "* * * * * *",
            "0 61 * * * *",
            "0 0 0 31 2 *",
        ] {
            let refused = next_after(cron, now);
            assert!(
                matches!(refused, Err(Error::BadRequest(_))),
                "{cron}: {refused:?}"
            );
        }
    }
}
