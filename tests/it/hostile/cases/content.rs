//! What is inside an answer: other bytes than were asked for, and manifests that are none.

use oci::{Digest, media_type};
use serde_json::json;
use tests::fake::Reply;

use super::super::{GOOD_LAYER, NEVER};
use super::{Ask, Case};

const JSON: &str = "content-type: application/json\r\n";
const PAGE: &str = "<html><script>alert(1)</script></html>";

/// 400 MB of zeros for who unpacks it: a gzip member of 102,400, again and again.
pub(super) fn zip_bomb() -> Vec<u8> {
    const MEMBER_BYTES: usize = 133;
    const BEGIN: [u8; 25] = [
        0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3, 0xed, 0xc1, 1, 1, 0, 0, 0, 0x82, 0x20, 0xff, 0xaf,
        0x6e, 0x48, 0x40, 1,
    ];
    const END: [u8; 10] = [0x7c, 0x18, 0x61, 0x85, 0xf8, 0x4a, 0, 0x90, 1, 0];
    let mut member = BEGIN.to_vec();
    member.resize(MEMBER_BYTES - END.len(), 0);
    member.extend_from_slice(&END);
    member.repeat(4000)
}

pub(super) fn bytes() -> Vec<Case> {
    let mut flipped = NEVER.to_vec();
    flipped[3] ^= 1;
    let zipped = format!("content-encoding: gzip\r\n{JSON}");
    let layers = [
        ("a layer with a flipped bit", Reply::ok("", flipped)),
        ("another layer", Reply::ok("", GOOD_LAYER)),
        (
            "a layer that was compressed",
            Reply::ok(&zipped, zip_bomb()),
        ),
        (
            "a page for a layer",
            Reply::ok("content-type: text/html\r\n", PAGE),
        ),
        (
            "a page said to be a layer",
            Reply::ok("content-type: application/octet-stream\r\n", PAGE),
        ),
    ];
    let layer = |(what, reply)| Case::at("/blobs/", what, Ask::Layer, reply);
    let mut cases: Vec<Case> = layers.into_iter().map(layer).collect();
    let size = Reply::ok("content-length: 7\r\n", "");
    let zipped = Reply::ok(&zipped, zip_bomb());
    cases.extend([
        goes_on_as_another(),
        moved_to_what_is_not(),
        Case::at("/blobs/", "another size of a layer", Ask::LayerSize, size),
        Case::always("a compressed manifest", Ask::Tag, zipped.clone()),
        Case::always("a compressed list of tags", Ask::Tags, zipped),
        Case::new("another manifest by digest", Ask::Digest, |world, _, _| {
            Some(Reply::ok(JSON, &world.manifest))
        }),
        Case::new(
            "a manifest with another's digest",
            Ask::Tag,
            |world, _, _| {
                let digest = Digest::sha256(b"another");
                let headers = format!("{JSON}docker-content-digest: {digest}\r\n");
                Some(Reply::ok(&headers, &world.manifest))
            },
        ),
    ]);
    cases
}

/// The layer breaks off, and its rest is that of another.
fn goes_on_as_another() -> Case {
    let what = "a layer that goes on as another";
    Case::new(what, Ask::Layer, |_, _, heard| {
        let (size, rest) = (NEVER.len(), NEVER.len() - 7);
        let length = format!("content-length: {size}\r\n");
        let range = format!(
            "content-range: bytes 7-{}/{size}\r\ncontent-length: {rest}\r\n",
            size - 1
        );
        heard
            .target
            .contains("/blobs/")
            .then(|| match heard.is_for_a_rest() {
                true => Reply::with("206 Partial Content", &range, "z".repeat(rest)),
                false => Reply::ok(&length, &NEVER[..7]),
            })
    })
}

/// The tag is said to have moved, to a digest for which other bytes come.
fn moved_to_what_is_not() -> Case {
    let what = "a tag that moved to what is not";
    Case::new(what, Ask::CachedTag, |world, _, heard| {
        let kind = format!("content-type: {}\r\n", media_type::OCI_MANIFEST);
        let digest = Digest::sha256(b"another");
        let moved = format!("{kind}docker-content-digest: {digest}\r\ncontent-length: 9\r\n");
        heard
            .target
            .contains("/manifests/")
            .then(|| match heard.method.as_str() {
                "HEAD" => Reply::ok(&moved, ""),
                _ => Reply::ok(&kind, format!("{} ", world.manifest)),
            })
    })
}

pub(super) fn manifests() -> Vec<Case> {
    let image = |text: &str| {
        let kind = format!("content-type: {}\r\n", media_type::OCI_MANIFEST);
        Reply::ok(&kind, text)
    };
    let config = json!({ "mediaType": "a/b", "digest": Digest::sha256(b"{}"), "size": 2 });
    let with_layer = |digest: &str, size: &str| {
        image(&format!(
            "{{\"config\":{config},\"layers\":[{{\"mediaType\":\"a/b\",\"digest\":\"{digest}\",\"size\":{size}}}]}}"
        ))
    };
    let index = json!({ "mediaType": media_type::OCI_INDEX, "manifests": [] }).to_string();
    let (hex, brackets) = ("a".repeat(64), "[".repeat(100_000));
    let digest = format!("sha256:{hex}");
    let error = Reply::ok(JSON, "{\"errors\":[{\"code\":\"UNKNOWN\"}]}");
    let mut replies = vec![
        (
            "a page for a manifest".to_owned(),
            Reply::ok("content-type: text/html\r\n", PAGE),
        ),
        ("a page said to be a manifest".to_owned(), image(PAGE)),
        ("a page said to be nothing".to_owned(), Reply::ok("", PAGE)),
        ("an error for a manifest".to_owned(), error.clone()),
        (
            "a document that calls itself a page".to_owned(),
            Reply::ok("", "{\"mediaType\":\"text/html\",\"x\":\"<script>\"}"),
        ),
        (
            "a document whose type breaks the line".to_owned(),
            Reply::ok("", "{\"mediaType\":\"a/b\\r\\nset-cookie: x=1\"}"),
        ),
        ("an index said to be an image".to_owned(), image(&index)),
        (
            "an image without layers".to_owned(),
            image(&format!("{{\"config\":{config}}}")),
        ),
        (
            "an image with two configurations".to_owned(),
            image(&format!(
                "{{\"config\":{config},\"config\":{config},\"layers\":[]}}"
            )),
        ),
        ("a hundred thousand brackets".to_owned(), image(&brackets)),
        (
            "a hundred thousand brackets within".to_owned(),
            image(&format!("{{\"annotations\":{brackets}")),
        ),
        (
            "a layer of less than nothing".to_owned(),
            with_layer(&digest, "-1"),
        ),
        (
            "a layer of more than there is".to_owned(),
            with_layer(&digest, "18446744073709551616"),
        ),
    ];
    for (what, digest) in [
        ("upwards", "sha256:../../../../../etc/passwd".to_owned()),
        ("from the root", "sha256:/etc/passwd".to_owned()),
        ("with a NUL", format!("sha256:{}\\u0000", &hex[1..])),
        ("without end", format!("sha256:{}", "a".repeat(1_000_000))),
        ("of another kind", format!("../{digest}")),
    ] {
        let child = format!(
            "{{\"manifests\":[{{\"mediaType\":\"a/b\",\"digest\":\"{digest}\",\"size\":1}}]}}"
        );
        let kind = format!("content-type: {}\r\n", media_type::OCI_INDEX);
        replies.push((format!("a layer named {what}"), with_layer(&digest, "1")));
        replies.push((format!("a child named {what}"), Reply::ok(&kind, child)));
    }
    let mut cases: Vec<Case> = replies
        .into_iter()
        .map(|(what, reply)| Case::always(what, Ask::Tag, reply))
        .collect();
    cases.push(Case::always(
        "an error for a cached manifest",
        Ask::CachedTag,
        error,
    ));
    // No document can name itself by digest, but one can be sent for every digest that it names.
    cases.push(Case::new(
        "an index that is its own child",
        Ask::Digest,
        |world, _, heard| {
            let child =
                json!({ "mediaType": media_type::OCI_INDEX, "digest": world.never, "size": 300 });
            let index = json!({ "mediaType": media_type::OCI_INDEX, "manifests": [child] });
            let is_asked = heard.target.ends_with(world.never.as_str());
            is_asked.then(|| Reply::ok(JSON, index.to_string()))
        },
    ));
    cases
}
