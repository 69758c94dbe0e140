//! How an answer is framed: its head, its length, its end.

use tests::fake::Reply;

use super::super::NEVER;
use super::{Ask, Case};

const JSON: &str = "content-type: application/json\r\n";

pub(super) fn heads() -> Vec<Case> {
    let two_megabytes = "a".repeat(2 * 1024 * 1024);
    let begun = |text: &str| Reply::raw(format!("HTTP/1.1 {text}"));
    let replies = [
        (
            "five thousand headers",
            Reply::ok(&"x-bomb: 1\r\n".repeat(5000), "{}"),
        ),
        (
            "a header of two megabytes",
            Reply::ok(&format!("x-bomb: {two_megabytes}\r\n"), "{}"),
        ),
        (
            "headers without end",
            begun("200 OK\r\n").for_ever("x: y\r\n".repeat(1000)),
        ),
        (
            "a header without end",
            begun("200 OK\r\nx: ").for_ever("y".repeat(1000)),
        ),
        (
            "a status without end",
            begun("200 ").for_ever("O".repeat(1000)),
        ),
        (
            "a challenge of two megabytes",
            Reply::challenge(&format!(
                "Bearer realm=\"/token\",scope=\"{two_megabytes}\""
            )),
        ),
        ("no HTTP", Reply::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n")),
        ("nothing", Reply::default()),
        (
            "a header of two lines",
            Reply::ok("x-a: 1\r\n b: 2\r\n", "{}"),
        ),
        ("a header with a NUL", Reply::ok("x-a: 1\x002\r\n", "{}")),
        (
            "another protocol",
            begun("101 Switching\r\nupgrade: evil\r\nconnection: upgrade\r\n\r\n"),
        ),
    ];
    let always = |(what, reply)| Case::always(what, Ask::Tag, reply);
    replies.into_iter().map(always).collect()
}

/// What never ends, and what ends early.
pub(super) fn bodies() -> Vec<Case> {
    let megabyte = "a".repeat(1024 * 1024);
    let endless = |headers: &str| Reply::ok(headers, "").for_ever(megabyte.clone());
    let error = Reply::with("500 Oh", JSON, "{\"errors\":[").for_ever(megabyte.clone());
    let chunks = |first: &str| Reply::ok("transfer-encoding: chunked\r\n", first);
    let length =
        |length: &str, body: &str| Reply::ok(&format!("content-length: {length}\r\n"), body);
    let part = |headers: &str| {
        let headers = format!("{headers}content-length: 5\r\n");
        Reply::with("206 Partial Content", &headers, "abcde")
    };
    let empty = Reply::with("204 No Content", "", "");
    let most = "18446744073709551615";
    let tags = Reply::ok(JSON, "{\"tags\":[\"v1\"").for_ever(",\"v1\"".repeat(10_000));
    let documents = [
        ("a manifest without end", endless("")),
        ("a manifest of five megabytes", length("5242880", "")),
        ("a manifest of all bytes there are", length(most, "{}")),
        ("an error without end", error.clone()),
        ("less of a manifest than it said", length("100", "{}")),
        ("a length that is none", length("-1", "{}")),
        ("two lengths", length("2\r\ncontent-length: 3", "{}")),
        (
            "a length and chunks",
            length("2\r\ntransfer-encoding: chunked", "{}"),
        ),
        ("a chunk that is none", chunks("zz\r\n{}")),
        (
            "a chunk of all bytes there are",
            chunks("ffffffffffffffff\r\n{}"),
        ),
        (
            "a chunk's extension without end",
            chunks("2;").for_ever("a".repeat(1000)),
        ),
        ("a manifest of no content", empty.clone()),
    ];
    let layers = [
        ("a layer without end", endless("")),
        (
            "a layer in chunks without end",
            chunks("").for_ever("4\r\naaaa\r\n".repeat(1000)),
        ),
        (
            "a layer longer than its manifest says",
            length("1000000000000", "").for_ever(megabyte.clone()),
        ),
        ("an error for a layer without end", error),
        (
            "a layer in broken chunks",
            chunks("5\r\nabcdefghijkl\r\n0\r\n\r\n"),
        ),
        ("a layer of no content", empty),
        (
            "a part that nobody asked for",
            part("content-range: bytes 5-9/33\r\n"),
        ),
        ("a part without its place", part("")),
    ];
    let document = |(what, reply)| Case::always(what, Ask::Tag, reply);
    let layer = |(what, reply)| Case::at("/blobs/", what, Ask::Layer, reply);
    let mut cases: Vec<Case> = documents.into_iter().map(document).collect();
    cases.extend(layers.into_iter().map(layer));
    let size = length("7", "").for_ever(megabyte.clone());
    cases.extend([
        Case::at("/blobs/", "a size and a body", Ask::LayerSize, size),
        Case::always("a digest without end", Ask::Digest, endless("")),
        Case::always("a list of tags without end", Ask::Tags, tags),
        Case::always(
            "a list of referrers without end",
            Ask::Referrers,
            endless(JSON),
        ),
        short_layer(),
    ]);
    cases
}

/// It breaks off, and the rest is refused.
fn short_layer() -> Case {
    let what = "less of a layer than it said";
    Case::new(what, Ask::Layer, |_, _, heard| {
        let length = format!("content-length: {}\r\n", NEVER.len());
        heard
            .target
            .contains("/blobs/")
            .then(|| match heard.is_for_a_rest() {
                true => Reply::with("403 Forbidden", "content-length: 0\r\n", ""),
                false => Reply::ok(&length, &NEVER[..7]),
            })
    })
}
