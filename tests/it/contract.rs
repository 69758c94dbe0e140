//! Harbor's contract: every operation of it is answered here, and has its row in docs/compatibility.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use http::Method;
use tests::{Setup, TestServer};

/// The operations of Harbor's API v2.0: `METHOD /path`, a line each.
const OPERATIONS: &str = include_str!("../../docs/reference/harbor-operations.txt");

fn operations() -> impl Iterator<Item = (&'static str, &'static str)> {
    OPERATIONS
        .lines()
        .map(|line| line.split_once(' ').expect("METHOD /path"))
}

#[tokio::test]
async fn every_operation_of_the_contract_is_answered() {
    let server = TestServer::start(Setup::new()).await;
    let nobody = server.anonymous();
    let mut missing = BTreeSet::new();
    for (method, path) in operations() {
        let filled = path.split('/').map(|part| match part.strip_prefix('{') {
            Some(name) if name.contains("id}") && !name.contains("name") => "1",
            Some(_) => "some",
            None => part,
        });
        let filled = filled.collect::<Vec<_>>().join("/");
        let method: Method = method.parse().expect("a method");
        let request = nobody.request(method.clone(), &format!("/api/v2.0{filled}"));
        let answer = nobody.send(request).await;
        // A path that is not there is told from a project that is not.
        let text = String::from_utf8_lossy(&answer.body);
        if answer.status == 405 || text.contains("was not found") {
            missing.insert(format!("{method} {path}"));
        }
        assert!(!answer.status.is_server_error(), "{method} {path}: {text}");
    }
    assert_eq!(operations().count(), 203);
    assert!(missing.is_empty(), "not routed: {missing:?}");
}

#[test]
fn every_operation_of_the_contract_has_its_row() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compatibility.md");
    let page = fs::read_to_string(file).expect("docs/compatibility.md");
    let rows: BTreeSet<String> = page
        .lines()
        .filter(|line| line.starts_with('|'))
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .flat_map(told)
        .collect();
    let missing: Vec<String> = operations()
        .map(|(method, path)| format!("{method} {}", plain(path)))
        .filter(|operation| !rows.contains(operation))
        .collect();
    assert!(
        missing.is_empty(),
        "without a row in docs/compatibility.md: {missing:#?}"
    );
}

/// `GET PUT /users/{id}` tells of two operations.
fn told(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split(' ').collect();
    match words.split_last() {
        Some((path, methods)) if path.starts_with('/') => methods
            .iter()
            .map(|method| format!("{method} {}", plain(path)))
            .collect(),
        _ => Vec::new(),
    }
}

/// A path whatever its variable parts are called.
fn plain(path: &str) -> String {
    let parts = path.trim_end_matches('/').split('/');
    let parts = parts.map(|part| if part.starts_with('{') { "{}" } else { part });
    parts.collect::<Vec<_>>().join("/")
}
