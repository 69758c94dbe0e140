//! The house's arrows: which crate may know which, and which outside library has its home where.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// What each crate of the product may depend on, of the product's own.
const ARROWS: [(&str, &[&str]); 9] = [
    ("oci", &[]),
    ("storage", &["oci"]),
    ("metadata", &["oci"]),
    ("upstream", &["oci"]),
    ("auth", &["oci", "metadata"]),
    ("pullthrough", &["oci", "storage", "metadata", "upstream"]),
    (
        "registry",
        &[
            "oci",
            "storage",
            "metadata",
            "upstream",
            "pullthrough",
            "auth",
        ],
    ),
    ("server", &["oci", "metadata", "auth", "registry"]),
    (
        "roadstead",
        &[
            "oci",
            "storage",
            "metadata",
            "upstream",
            "pullthrough",
            "auth",
            "registry",
            "server",
        ],
    ),
];

/// Libraries with one home; the others must not name them, tests aside.
const HOMES: [(&str, &[&str]); 8] = [
    ("axum", &["server", "upstream"]), // upstream: its fake registry, a feature for tests
    ("hyper", &["server"]),
    ("sea-orm", &["metadata"]),
    ("sqlx", &["metadata"]),
    ("reqwest", &["upstream"]),
    ("argon2", &["auth"]),
    ("jsonwebtoken", &["auth"]),
    ("clap", &["roadstead"]),
];

fn dependencies(name: &str) -> BTreeSet<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../crates")
        .join(name)
        .join("Cargo.toml");
    let text =
        fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut is_dependencies = false;
    let mut names = BTreeSet::new();
    for line in text.lines() {
        if line.starts_with('[') {
            is_dependencies = line == "[dependencies]";
        } else if is_dependencies && let Some((name, _)) = line.split_once(['.', '=', ' ']) {
            names.insert(name.trim().to_owned());
        }
    }
    names
}

#[test]
fn every_arrow_points_down() {
    let own: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    for (name, allowed) in ARROWS {
        for dependency in dependencies(name)
            .iter()
            .filter(|dependency| own.contains_key(dependency.as_str()))
        {
            assert!(
                allowed.contains(&dependency.as_str()),
                "{name} must not know {dependency}"
            );
        }
    }
}

#[test]
fn every_library_has_one_home() {
    for (name, _) in ARROWS {
        let dependencies = dependencies(name);
        for (library, homes) in HOMES {
            assert!(
                !dependencies.contains(library) || homes.contains(&name),
                "{library} is not {name}'s to use"
            );
        }
    }
}

#[test]
fn no_file_outgrows_its_thought() {
    fn visit(folder: &Path, long: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                visit(&path, long);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let lines = fs::read_to_string(&path).map_or(0, |text| text.lines().count());
                if lines > 600 {
                    long.push(format!("{}: {lines} lines", path.display()));
                }
            }
        }
    }
    let mut long = Vec::new();
    visit(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates"),
        &mut long,
    );
    assert!(long.is_empty(), "files over 600 lines: {long:?}");
}
