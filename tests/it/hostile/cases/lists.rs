//! Lists of tags and of referrers: names that are none, and pages that lead nowhere.

use oci::Digest;
use serde_json::json;
use tests::fake::Reply;

use super::super::World;
use super::{Ask, Case};

const JSON: &str = "content-type: application/json\r\n";
const ONE_TAG: &str = "{\"tags\":[\"v1\"]}";

pub(super) fn lists() -> Vec<Case> {
    let mut cases = within_one_page();
    cases.extend(page_after_page());
    cases
}

fn within_one_page() -> Vec<Case> {
    let names = [
        "v1",
        "../../etc/passwd",
        "/etc/passwd",
        "a\0b",
        "a\r\nlink: <http://127.0.0.2/>",
        "",
        ".hidden",
        "a b",
        &"a".repeat(100_000),
    ];
    let small = ",\"\"".repeat(5_000_000);
    // All of these can be tags, as long as tags can be.
    let long: String = (0..100_000)
        .map(|number| format!(",\"{number:0>128}\""))
        .collect();
    let tags = [
        (
            "names that are no tags",
            json!({ "tags": names }).to_string(),
        ),
        (
            "five million names of nothing",
            format!("{{\"tags\":[\"v1\"{small}]}}"),
        ),
        (
            "a hundred thousand long names",
            format!("{{\"tags\":[\"v1\"{long}]}}"),
        ),
        ("tags that are numbers", "{\"tags\":[1,2]}".to_owned()),
        ("tags that are no list", "{\"tags\":{\"a\":1}}".to_owned()),
    ];
    let referrers = [
        (
            "referrers that are no list",
            "{\"manifests\":{\"a\":1}}".to_owned(),
        ),
        (
            "referrers of no name",
            "{\"manifests\":[{\"mediaType\":\"a/b\",\"digest\":\"sha256:../x\",\"size\":1}]}"
                .to_owned(),
        ),
        ("four megabytes of strings", a_page(0, 1_300_000)),
    ];
    let mut cases: Vec<Case> = tags
        .into_iter()
        .map(|(what, body)| Case::at("/tags/", what, Ask::Tags, Reply::ok(JSON, body)))
        .collect();
    cases.extend(
        referrers.into_iter().map(|(what, body)| {
            Case::at("/referrers/", what, Ask::Referrers, Reply::ok(JSON, body))
        }),
    );
    let page = Reply::ok("content-type: text/html\r\n", "<html>");
    cases.push(Case::at("/tags/", "a page for tags", Ask::Tags, page));
    cases
}

fn page_after_page() -> Vec<Case> {
    let one = |_| ONE_TAG.to_owned();
    let tags = |page| format!("/v2/app/tags/list?page={}", page + 1);
    let referrers = |page| format!("/v2/app/referrers/x?page={}", page + 1);
    vec![
        paged("tags at another host", Ask::Tags, one, |world, _| {
            format!("{}/v2/app/tags/list", world.stranger.url())
        }),
        paged("tags at another port", Ask::Tags, one, |world, _| {
            format!("{}/v2/app/tags/list", world.next_door.url())
        }),
        paged("tags at metadata", Ask::Tags, one, |_, _| {
            "http://169.254.169.254/latest/".to_owned()
        }),
        paged("tags that go on as before", Ask::Tags, one, |_, _| {
            "/v2/app/tags/list?n=1000".to_owned()
        }),
        paged("two pages of tags in a ring", Ask::Tags, one, |_, page| {
            format!("/v2/app/tags/list?page={}", 1 - page.min(1))
        }),
        paged("tags for ever", Ask::Tags, one, move |_, page| tags(page)),
        paged(
            "long names for ever",
            Ask::Tags,
            |page| format!("{{\"tags\":[\"v1\",\"{page}{}\"]}}", "a".repeat(8 << 20)),
            move |_, page| tags(page),
        ),
        paged(
            "referrers at another host",
            Ask::Referrers,
            |page| a_page(page, 1),
            |world, _| format!("{}/v2/app/referrers/x", world.stranger.url()),
        ),
        paged(
            "referrers for ever",
            Ask::Referrers,
            |page| a_page(page, 1),
            move |_, page| referrers(page),
        ),
        paged(
            "long referrers for ever",
            Ask::Referrers,
            |page| a_page(page, 1_300_000),
            move |_, page| referrers(page),
        ),
    ]
}

/// One referrer, with so many strings in it.
fn a_page(page: u32, strings: usize) -> String {
    let digest = Digest::sha256(&page.to_be_bytes());
    let urls = vec!["\"\""; strings].join(",");
    format!(
        "{{\"manifests\":[{{\"mediaType\":\"a/b\",\"digest\":\"{digest}\",\"size\":1,\"urls\":[{urls}]}}]}}"
    )
}

/// A list whose pages are numbered in their query, and say where the next one is.
fn paged(
    what: &'static str,
    ask: Ask,
    body: impl Fn(u32) -> String + Send + Sync + 'static,
    next: impl Fn(&World, u32) -> String + Send + Sync + 'static,
) -> Case {
    Case::new(what, ask, move |world, _, heard| {
        let is_list = heard.target.contains("/tags/") || heard.target.contains("/referrers/");
        let number = heard.target.split_once("page=");
        let page = number.and_then(|(_, page)| page.parse().ok());
        let page: u32 = page.unwrap_or_default();
        is_list.then(|| {
            let headers = format!("{JSON}link: <{}>; rel=\"next\"\r\n", next(world, page));
            Reply::ok(&headers, body(page))
        })
    })
}
