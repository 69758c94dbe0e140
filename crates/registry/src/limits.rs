//! How much of its upstream a project may use: Harbor's `max_upstream_conn` and `proxy_speed_kb`. One allowance for
//! all of a project's requests, whoever sends them; what is cached is served without it.

use metadata::Project;
use upstream::Limits;

use crate::per_project::PerProject;

/// At most so many connections to the upstream; not positive: as many as there are. The rest wait for their turn.
pub(crate) const MAX_CONNECTIONS: &str = "max_upstream_conn";
/// Kilobits a second, for all fills of the project together; not positive: no limit.
pub(crate) const SPEED_KB: &str = "proxy_speed_kb";

/// The limits of projects that have any.
pub(crate) struct ProjectLimits(PerProject<Option<Limits>, 2>);

impl Default for ProjectLimits {
    fn default() -> Self {
        Self(PerProject::new([MAX_CONNECTIONS, SPEED_KB]))
    }
}

impl ProjectLimits {
    /// The limits that all requests of the project share, where it has any.
    pub(crate) fn of(&self, project: &Project) -> Option<Limits> {
        let make = |[connections, speed]: [&str; 2]| {
            let (connections, speed) = read(connections, speed);
            (connections.is_some() || speed.is_some()).then(|| Limits::new(connections, speed))
        };
        self.0.of(project, make).flatten()
    }
}

/// What the settings say. What cannot be read limits nothing, as in Harbor.
fn read(connections: &str, speed: &str) -> (Option<u32>, Option<u64>) {
    let positive = |text: &str| text.parse::<i32>().ok().filter(|number| *number > 0);
    (
        positive(connections).map(i32::unsigned_abs),
        positive(speed).map(|kilobits| u64::from(kilobits.unsigned_abs())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_positive_limits_nothing() {
        for (connections, speed, expected) in [
            ("", "", (None, None)),
            ("-1", "-1", (None, None)),
            ("0", "0", (None, None)),
            ("4", "", (Some(4), None)),
            ("-1", "8000", (None, Some(8000))),
            ("many", "4294967296", (None, None)),
        ] {
            assert_eq!(read(connections, speed), expected, "{connections} {speed}");
        }
    }
}
