//! The description is whole, and is the one that is committed.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const COMMITTED: &str = include_str!("../../../../docs/reference/openapi.json");

#[test]
fn the_committed_description_is_the_codes() {
    let generated = openapi();
    let differs = COMMITTED
        .lines()
        .zip(generated.lines())
        .find(|(old, new)| old != new);
    assert!(
        COMMITTED == generated,
        "docs/reference/openapi.json is not what the code says, from here on: {differs:?}; \
         `make reference` rewrites it"
    );
}

#[test]
fn every_operation_says_what_a_reader_and_a_generator_need() {
    let mut ids = BTreeSet::new();
    for (path, mut item) in described().paths.paths {
        for operation in operations_of(&mut item) {
            let id = operation.operation_id.clone().unwrap_or_default();
            let summary = operation.summary.as_deref().unwrap_or_default();
            assert!(
                summary.ends_with('.'),
                "{path} {id}: a doc comment is its summary"
            );
            let tags = operation.tags.as_deref().unwrap_or_default();
            let is_known = |tag: &String| TAGS.iter().any(|(known, _)| known == tag);
            assert!(
                tags.len() == 1 && is_known(&tags[0]),
                "{path} {id}: one tag of TAGS, not {tags:?}"
            );
            for parameter in operation.parameters.as_deref().unwrap_or_default() {
                let RefOr::T(parameter) = parameter else {
                    panic!("{path} {id}: parameters stand where they are used")
                };
                let name = &parameter.name;
                assert!(
                    parameter.description.is_some(),
                    "{path} {id}: describe {name}, in PATH_PARAMETERS if it is the path's"
                );
            }
            assert!(
                ids.insert(id.clone()),
                "{path}: there is another operation {id}"
            );
        }
    }
    assert!(
        ids.contains("listProjects") && ids.contains("tryFilter"),
        "{ids:?}"
    );
}

#[test]
fn no_two_types_have_one_name() {
    let mut seen = BTreeMap::new();
    for (name, schema) in api::schemas() {
        let same = *seen.entry(name.clone()).or_insert(schema.clone()) == schema;
        assert!(
            same,
            "two types are described as {name}: give one another name, `#[schema(as = …)]`"
        );
    }
}
