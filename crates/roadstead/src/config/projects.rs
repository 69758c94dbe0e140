//! Projects declared in the file: `projects`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::document::Value;
use super::freshness::{self, FRESHNESS};
use super::section::Section;
use super::value;
use super::{DeclaredProject, DeclaredUpstream};

/// The metadata key that `revalidate_after` becomes.
pub(super) const REVALIDATE_AFTER: &str = "revalidate_after_seconds";

/// Which repositories a project proxies; needs a kind beside it.
const PATTERN: &str = "proxy_cache_filter_pattern";
/// What a project allows and denies; a list, where the API takes the text of one.
const RULES: &str = "proxy_cache_rules";

pub(super) fn read(top: &mut Section<'_>, upstreams: &[DeclaredUpstream]) -> Vec<DeclaredProject> {
    let mut seen = Vec::new();
    top.sections("projects", |section| {
        let project = read_one(section, upstreams)?;
        if seen.contains(&project.name) {
            section.complain(
                "name",
                format!(
                    "expected a name of its own, found a second {:?}",
                    project.name
                ),
            );
        }
        seen.push(project.name.clone());
        Some(project)
    })
}

fn read_one(section: &mut Section<'_>, upstreams: &[DeclaredUpstream]) -> Option<DeclaredProject> {
    section.require(
        "name",
        "the project's name, the first part of its images' names",
    );
    let grammar =
        "a project name: lower-case letters and digits, with single `.`, `_` or `-` between them";
    let name = section.parsed("name", grammar, |text| {
        value::is_project_name(text).then(|| text.to_owned())
    });
    let is_public = section.boolean("public").unwrap_or(false);
    let upstream = section.text("registry");
    if let Some(wanted) = &upstream
        && !upstreams.iter().any(|upstream| upstream.name == *wanted)
    {
        let names: Vec<&str> = upstreams
            .iter()
            .map(|upstream| upstream.name.as_str())
            .collect();
        let hint = match (value::closest(wanted, &names), names.as_slice()) {
            (Some(near), _) => format!("did you mean {near:?}?"),
            (None, []) => "none is declared".to_owned(),
            (None, names) => format!("declared are {}", names.join(", ")),
        };
        section.complain(
            "registry",
            format!("expected the name of an entry of `registries`, found {wanted:?}; {hint}"),
        );
    }
    let is_proxy = upstream.is_some();
    let mut metadata = section
        .section("metadata", |metadata| read_metadata(metadata, is_proxy))
        .unwrap_or_default();
    if let Some(age) = section
        .duration("revalidate_after")
        .map(|age: Duration| age.as_secs())
    {
        if !is_proxy {
            section.complain("revalidate_after", NOT_A_PROXY);
        }
        metadata.insert(REVALIDATE_AFTER.to_owned(), age.to_string());
    }
    if let Some(text) = section.section("freshness", freshness::read) {
        let complaint = match registry::check_project_setting(FRESHNESS, &text) {
            _ if !is_proxy => Some(NOT_A_PROXY.to_owned()),
            _ if metadata.contains_key(FRESHNESS) => Some(format!(
                "stands beside metadata.{FRESHNESS}: write one of the two"
            )),
            // What the file lacks altogether has been told with its place.
            Err(error) if !error.to_string().contains("missing field") => {
                // The file's durations have units, and names without.
                Some(without_key(FRESHNESS, &error).replace("_seconds", ""))
            }
            _ => None,
        };
        match complaint {
            Some(complaint) => section.complain("freshness", complaint),
            None => _ = metadata.insert(FRESHNESS.to_owned(), text),
        }
    }
    metadata.insert("public".to_owned(), is_public.to_string());
    Some(DeclaredProject {
        name: name?,
        is_public,
        upstream,
        metadata,
    })
}

const NOT_A_PROXY: &str = "means nothing to a project without `registry`, which is no proxy cache";

/// Reads Harbor's metadata keys. A key whose feature this version lacks is accepted only with the value that asks for
/// nothing: `prevent_vul: true` that prevents nothing would be worse than an error.
fn read_metadata(section: &mut Section<'_>, is_proxy: bool) -> BTreeMap<String, String> {
    let mut metadata = BTreeMap::new();
    for &(key, ref rule) in METADATA {
        let Some(node) = section.take(key) else {
            continue;
        };
        // As in Harbor's API, where every value is text.
        let text = match &node.value {
            Value::Bool(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::Text(text) => text.clone(),
            list @ Value::List(_) if key == RULES => json(list).to_string(),
            other => {
                section.complain(
                    key,
                    format!(
                        "expected text, a number or a boolean, found {}",
                        other.describe()
                    ),
                );
                continue;
            }
        };
        let complaint = match rule {
            Rule::Flag(_) if !matches!(text.as_str(), "true" | "false") => {
                Some(format!("expected true or false, found {text:?}"))
            }
            Rule::Flag(Side::ProxyOnly) if !is_proxy => Some(NOT_A_PROXY.to_owned()),
            Rule::Flag(_) => None,
            Rule::NotYet(neutral) if neutral.contains(&text.as_str()) => None,
            Rule::NotYet(neutral) => Some(format!(
                "not supported in this version: expected {} or no such line",
                neutral.join(" or ")
            )),
            Rule::Elsewhere(hint) => Some((*hint).to_owned()),
            Rule::AsInApi if !is_proxy => Some(NOT_A_PROXY.to_owned()),
            Rule::AsInApi => registry::check_project_setting(key, &text)
                .err()
                .map(|error| without_key(key, &error)),
        };
        match complaint {
            Some(complaint) => section.complain(key, complaint),
            None => _ = metadata.insert(key.to_owned(), text),
        }
    }
    if let Err(error) = registry::check_project_filter(&metadata) {
        section.complain(PATTERN, without_key(PATTERN, &error));
    }
    metadata
}

/// What the API would say, less the key, which the place says already.
fn without_key(key: &str, error: &registry::Error) -> String {
    let text = error.to_string();
    let said = match text.strip_prefix(key) {
        Some(rest) => rest.trim_start_matches([':', ' ']),
        None => text.as_str(),
    };
    said.strip_prefix("must be ")
        .map_or_else(|| said.to_owned(), |wanted| format!("expected {wanted}"))
}

/// A list as the API takes it: the text of a JSON list.
fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Integer(value) => value.to_string().into(),
        Value::Float(value) => value.to_string().into(),
        Value::Text(text) => text.as_str().into(),
        Value::List(items) => items.iter().map(|item| json(&item.value)).collect(),
        Value::Map(entries) => {
            let pairs = entries
                .iter()
                .map(|entry| (entry.key.clone(), json(&entry.node.value)));
            serde_json::Value::Object(pairs.collect())
        }
    }
}

enum Rule {
    /// True or false, and this version acts on it.
    Flag(Side),
    /// Asks for something this version does not do, unless it is one of these.
    NotYet(&'static [&'static str]),
    /// A proxy project's, checked as the API checks it.
    AsInApi,
    /// Belongs somewhere else.
    Elsewhere(&'static str),
}

enum Side {
    Any,
    ProxyOnly,
}

const METADATA: &[(&str, Rule)] = &[
    (
        "public",
        Rule::Elsewhere("write `public` in the project itself, not in its metadata"),
    ),
    (
        REVALIDATE_AFTER,
        Rule::Elsewhere("write `revalidate_after` in the project itself, with a unit"),
    ),
    (
        "retention_id",
        Rule::Elsewhere("not to be set: the server gives this number"),
    ),
    (
        "proxy_cache_local_on_not_found",
        Rule::Flag(Side::ProxyOnly),
    ),
    ("proxy_referrer_api", Rule::Flag(Side::ProxyOnly)),
    ("reuse_sys_cve_allowlist", Rule::Flag(Side::Any)),
    ("proxy_speed_kb", Rule::AsInApi),
    ("max_upstream_conn", Rule::AsInApi),
    (PATTERN, Rule::AsInApi),
    ("proxy_cache_filter_kind", Rule::AsInApi),
    (RULES, Rule::AsInApi),
    (FRESHNESS, Rule::AsInApi),
    ("enable_content_trust", Rule::NotYet(&["false"])),
    ("enable_content_trust_cosign", Rule::NotYet(&["false"])),
    ("prevent_vul", Rule::NotYet(&["false"])),
    ("severity", Rule::NotYet(&["none"])),
    ("auto_scan", Rule::NotYet(&["false"])),
    ("auto_sbom_generation", Rule::NotYet(&["false"])),
];
