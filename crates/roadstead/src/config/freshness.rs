//! `freshness` of a project in the file: what the API takes as the text of `proxy_cache_freshness`, with durations that
//! have units.

use serde_json::{Map, Value};

use super::section::Section;

/// The metadata key that the section becomes.
pub(super) const FRESHNESS: &str = "proxy_cache_freshness";

const MODES: [(&str, &str); 4] = [
    ("always", "always"),
    ("after", "after"),
    ("background", "background"),
    ("never", "never"),
];
const FAILURES: [&str; 5] = ["unreachable", "refused", "erring", "rate_limited", "gone"];

/// The text that the API would take.
pub(super) fn read(section: &mut Section<'_>) -> String {
    let rules = section.sections("rules", |rule| Some(read_rule(rule)));
    let stale = section.section("stale", read_stale).unwrap_or_default();
    let object: Map<String, Value> = [
        ("rules".to_owned(), Value::Array(rules)),
        ("stale".to_owned(), Value::Object(stale)),
    ]
    .into_iter()
    .collect();
    Value::Object(object).to_string()
}

fn read_rule(section: &mut Section<'_>) -> Value {
    section.require("tags", "a pattern for tags, such as `v*`");
    section.require("revalidate", "one of always, after, background, never");
    let mut rule = Map::new();
    let tags = section.text("tags");
    rule.extend(tags.map(|tags| ("tags".to_owned(), tags.into())));
    let mode = section.choice("revalidate", &MODES);
    rule.extend(mode.map(|mode| ("revalidate".to_owned(), mode.into())));
    let after = section.duration("after").map(|after| after.as_secs());
    rule.extend(after.map(|secs| ("after_seconds".to_owned(), secs.into())));
    Value::Object(rule)
}

fn read_stale(section: &mut Section<'_>) -> Map<String, Value> {
    let mut stale = Map::new();
    for failure in FAILURES {
        let is_served = section.boolean(failure);
        stale.extend(is_served.map(|is_served| (failure.to_owned(), is_served.into())));
    }
    let max_age = section.duration("max_age").map(|age| age.as_secs());
    stale.extend(max_age.map(|secs| ("max_age_seconds".to_owned(), secs.into())));
    stale
}
