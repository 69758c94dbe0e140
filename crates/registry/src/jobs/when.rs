//! When a job is begun: what Harbor's API has as a schedule's type and cron expression.

use chrono::{DateTime, Utc};

use crate::cron::next_after;
use crate::{Error, Result};

/// When: the `schedule` of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// At once.
    Now,
    /// Not any more.
    Never,
    /// Again and again: Harbor's word for how often, and the cron expression.
    Every(String, String),
}

impl When {
    /// Of `type` and `cron`.
    ///
    /// # Errors
    /// [`Error::BadRequest`] for a type or an expression that means nothing.
    pub fn parse(kind: &str, cron: &str, now: DateTime<Utc>) -> Result<Self> {
        let usual = match kind {
            "Manual" => return Ok(Self::Now),
            "None" => return Ok(Self::Never),
            "Hourly" => "0 0 * * * *",
            "Daily" => "0 0 0 * * *",
            "Weekly" => "0 0 0 * * 0",
            "Custom" | "Schedule" => "",
            _ => {
                return Err(Error::BadRequest(format!(
                    "schedule type {kind:?} is not one of Hourly, Daily, Weekly, Custom, Manual, None, Schedule"
                )));
            }
        };
        let cron = if cron.trim().is_empty() {
            usual
        } else {
            cron.trim()
        };
        next_after(cron, now)?;
        Ok(Self::Every(kind.to_owned(), cron.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_comes_true_when_its_cron_does() {
        let now: DateTime<Utc> = "2026-01-31T22:59:30Z".parse().unwrap();
        let table = [
            ("Hourly", "", "2026-01-31T23:00:00Z"),
            ("Daily", "0 30 1 * * *", "2026-02-01T01:30:00Z"),
            // A Sunday.
            ("Weekly", "", "2026-02-01T00:00:00Z"),
            ("Custom", "0 */15 * * * *", "2026-01-31T23:00:00Z"),
            ("Custom", "0 0 0 29 2 *", "2028-02-29T00:00:00Z"),
        ];
        for (kind, cron, next) in table {
            let setting = When::parse(kind, cron, now).unwrap();
            let When::Every(every, cron) = setting else {
                panic!("{setting:?}");
            };
            assert_eq!(every, kind);
            assert_eq!(
                next_after(&cron, now).unwrap(),
                next.parse::<DateTime<Utc>>().unwrap(),
                "{cron}"
            );
        }
        assert_eq!(When::parse("None", "", now).unwrap(), When::Never);
        for (kind, cron) in [
            ("Custom", ""),
            ("Custom", "* * * * *"),
            ("Hourly", "* * * * * *"),
            ("Custom", "0 61 * * * *"),
            ("Custom", "0 0 0 31 2 *"),
            ("Monthly", "0 0 0 1 * *"),
        ] {
            let refused = When::parse(kind, cron, now);
            assert!(
                matches!(refused, Err(Error::BadRequest(_))),
                "{kind} {cron}: {refused:?}"
            );
        }
    }
}
