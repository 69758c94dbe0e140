//! Where the registry would send us: for a token, and for content.

use tests::fake::Reply;

use super::super::World;
use super::{Ask, Case};

/// Realms. `STRANGER` is the port of a listener on 127.0.0.2, `NEXT` of one on our host, `OWN` the registry's.
const REALMS: [(&str, &str); 18] = [
    ("at another host", "http://127.0.0.2:STRANGER/token"),
    ("in decimal", "http://2130706434:STRANGER/token"),
    ("in octal", "http://0177.0.0.2:STRANGER/token"),
    ("in hexadecimal", "http://0x7f000002:STRANGER/token"),
    ("in short", "http://127.2:STRANGER/token"),
    ("mapped to IPv6", "http://[::ffff:127.0.0.2]:STRANGER/token"),
    ("by this machine's name", "http://localhost:NEXT/token"),
    ("below its name", "http://a.localhost.:NEXT/token"),
    ("at IPv6 loopback", "http://[::1]:NEXT/token"),
    ("at no address", "http://0.0.0.0:NEXT/token"),
    (
        "behind the registry's name",
        "http://127.0.0.1:OWN@127.0.0.2:STRANGER/token",
    ),
    (
        "before a backslash",
        "http://127.0.0.2:STRANGER\\@127.0.0.1:OWN/token",
    ),
    ("without its scheme", "//127.0.0.2:STRANGER/token"),
    ("by https", "https://127.0.0.2:STRANGER/token"),
    ("at metadata", "http://169.254.169.254/latest/meta-data/"),
    ("at metadata in decimal", "http://2852039166/latest/"),
    ("at IPv6 metadata", "http://[fd00:ec2::254]/latest/"),
    ("in a file", "file:///etc/passwd"),
];

pub(super) fn realms() -> Vec<Case> {
    let mut cases: Vec<Case> = REALMS
        .into_iter()
        .map(|(what, realm)| {
            Case::new(
                format!("a realm {what}"),
                Ask::Tag,
                move |world, port, _| Some(Reply::realm(&placed(realm, world, port))),
            )
        })
        .collect();
    for ask in [Ask::CachedTag, Ask::Layer, Ask::LayerSize, Ask::Tags] {
        let what = format!("a realm at another host: {ask:?}");
        cases.push(Case::new(what, ask, |world, port, _| {
            Some(Reply::realm(&placed(REALMS[0].1, world, port)))
        }));
    }
    cases.push(Case::new(
        "a realm of two lines",
        Ask::Tag,
        |world, _, _| {
            let port = world.stranger.port();
            Some(Reply::realm(&format!(
                "http://127.0.0.1/\r\n 127.0.0.2:{port}/"
            )))
        },
    ));
    cases.push(Case::new(
        "an escaped line break",
        Ask::Tag,
        |_, port, _| {
            let realm = format!("http://127.0.0.1:{port}/token%0d%0aHost:%20127.0.0.2");
            Some(Reply::realm(&realm))
        },
    ));
    cases
}

/// Its own token service lies.
pub(super) fn tokens() -> Vec<Case> {
    let json = "content-type: application/json\r\n";
    let zipped = format!("{json}content-encoding: gzip\r\n");
    let long = "a".repeat(64 * 1024);
    let ok = |body: &str| Reply::ok(json, body);
    let replies = [
        ("without end", ok("{\"token\":\"").for_ever(long.clone())),
        (
            "refused without end",
            Reply::with("403 No", json, "").for_ever(long),
        ),
        (
            "that is a page",
            Reply::ok("content-type: text/html\r\n", "<html>token</html>"),
        ),
        ("with a line break", ok("{\"token\":\"a\\r\\nx-evil: 1\"}")),
        (
            "with control characters",
            ok("{\"token\":\"a\\u0000\\u001b[2J\"}"),
        ),
        (
            "that lives for ever",
            ok("{\"token\":\"a\",\"expires_in\":1e308}"),
        ),
        ("that is a number", ok("{\"token\":7}")),
        (
            "with nothing in it",
            ok("{\"token\":\"\",\"access_token\":null}"),
        ),
        (
            "that was compressed",
            Reply::ok(&zipped, super::content::zip_bomb()),
        ),
    ];
    let mut cases: Vec<Case> = replies
        .into_iter()
        .map(|(what, reply)| {
            Case::new(format!("a token {what}"), Ask::Tag, move |_, _, heard| {
                Some(match heard.target.starts_with("/token") {
                    true => reply.clone(),
                    false => Reply::realm("/token"),
                })
            })
        })
        .collect();
    cases.push(Case::new(
        "a realm that sends on",
        Ask::Tag,
        |world, _, heard| {
            Some(match heard.target.starts_with("/token") {
                true => Reply::redirect(&format!("{}/token", world.stranger.url())),
                false => Reply::realm("/token"),
            })
        },
    ));
    cases
}

/// Locations, and whether they are good enough to be followed, without a credential.
const LOCATIONS: [(&str, &str, bool); 20] = [
    ("to another host", "http://127.0.0.2:STRANGER/x", true),
    ("to another port", "http://127.0.0.1:NEXT/x", true),
    (
        "with a credential in it",
        "http://robot:Keep-this-1@127.0.0.2:STRANGER/x",
        true,
    ),
    (
        "behind the registry's name",
        "http://127.0.0.1:OWN@127.0.0.2:STRANGER/x",
        true,
    ),
    ("without its scheme", "//127.0.0.2:STRANGER/x", true),
    (
        "to who asks for a credential",
        "http://127.0.0.2:STRANGER/ask",
        true,
    ),
    (
        "to metadata",
        "http://169.254.169.254/latest/meta-data/iam/",
        false,
    ),
    ("to metadata in decimal", "http://2852039166/latest/", false),
    (
        "to metadata in octal",
        "http://0251.0376.0251.0376/latest/",
        false,
    ),
    (
        "to mapped metadata",
        "http://[::ffff:169.254.169.254]/latest/",
        false,
    ),
    ("to IPv6 metadata", "http://[fd00:ec2::254]/latest/", false),
    ("to the link", "http://[fe80::1]/", false),
    (
        "to another cloud's metadata",
        "http://100.100.100.200/latest/",
        false,
    ),
    ("to a file", "file:///etc/passwd", false),
    ("to a socket", "unix:///var/run/docker.sock", false),
    (
        "to an old protocol",
        "gopher://127.0.0.2:STRANGER/_QUIT",
        false,
    ),
    ("to nowhere", "http://", false),
    ("that is no URL", "http://[::1", false),
    ("to itself", "?", false),
    ("upwards", "../../../../../../etc/passwd", false),
];

pub(super) fn redirects() -> Vec<Case> {
    let mut cases = Vec::new();
    for (what, location, is_followed) in LOCATIONS {
        for (ask, part) in [(Ask::Tag, "/manifests/v2"), (Ask::Layer, "/blobs/")] {
            let what = format!("a redirect {what}: {ask:?}");
            let case = Case::new(what, ask, move |world, port, heard| {
                let is_asked = heard.target.contains(part);
                is_asked.then(|| Reply::redirect(&placed(location, world, port)))
            });
            cases.push(if is_followed { case.followed() } else { case });
        }
    }
    cases.push(hops());
    let begun =
        |head: &str| Reply::raw(format!("HTTP/1.1 302 Away\r\nconnection: close\r\n{head}"));
    let endless = "a".repeat(64 * 1024);
    let garbage = b"HTTP/1.1 302 Away\r\nlocation: \xff\xfe\x80\r\ncontent-length: 0\r\n\r\n";
    let long = format!("http://127.0.0.2:1/{}", "a".repeat(300_000));
    for (what, reply) in [
        ("without a place", begun("content-length: 0\r\n\r\n")),
        ("in no alphabet", Reply::raw(*garbage)),
        ("of 300,000 characters", Reply::redirect(&long)),
        (
            "without end",
            begun("location: /").for_ever(endless.clone()),
        ),
        (
            "with a body without end",
            begun("location: /v2/app/manifests/v2\r\n\r\n").for_ever(endless),
        ),
    ] {
        cases.push(Case::always(format!("a redirect {what}"), Ask::Tag, reply));
    }
    cases
}

/// Each hop is another place, so that nothing short of counting ends it.
fn hops() -> Case {
    Case::new("a hundred redirects", Ask::Tag, |_, _, heard| {
        let last = heard.target.rsplit('/').next();
        let hop: u32 = last.and_then(|hop| hop.parse().ok()).unwrap_or_default();
        let is_part = heard.target.contains("/v2") || heard.target.contains("/hop/");
        (is_part && hop < 100).then(|| Reply::redirect(&format!("/hop/{}", hop + 1)))
    })
}

fn placed(text: &str, world: &World, port: u16) -> String {
    text.replace("STRANGER", &world.stranger.port().to_string())
        .replace("NEXT", &world.next_door.port().to_string())
        .replace("OWN", &port.to_string())
}
