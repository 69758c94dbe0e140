//! A registry that means harm, as the client alone meets it: how often it asks before it gives up, and how long it waits.
//! That nothing wrong is kept and no credential leaves is told of the whole server: `tests/it/hostile.rs`.

use std::time::Duration;

use upstream::fake::{Heard, HostileUpstream, Reply};
use upstream::{Client, Credential, Endpoint, Error, Kind, Options, Patience};

use crate::{client_with, reference, soon};

/// One with this answer to everything but the greeting.
async fn hostile(reply: Reply) -> HostileUpstream {
    let script = move |heard: &Heard| match heard.target.as_str() {
        "/v2/" => Reply::challenge("Basic realm=\"x\""),
        _ => reply.clone(),
    };
    HostileUpstream::start(script).await
}

fn client(hostile: &HostileUpstream) -> Client {
    let endpoint = Endpoint {
        id: 1,
        name: "hostile".to_owned(),
        kind: Kind::DockerRegistry,
        url: hostile.url(),
        credential: Some(Credential {
            username: "robot".to_owned(),
            secret: "secret".to_owned(),
        }),
        is_insecure: false,
        ca_certificate: None,
        options: Options::default(),
    };
    client_with(endpoint, |config| {
        config.answer_timeout = Duration::from_secs(2);
        config.stall_timeout = Duration::from_millis(500);
    })
}

async fn pull(hostile: &HostileUpstream) -> Result<(), Error> {
    let (client, tag) = (client(hostile), reference("v1"));
    let pulled = client.manifest("a", &tag, Patience::Cold);
    soon(pulled).await.map(drop)
}

#[tokio::test]
async fn a_redirect_is_followed_five_times_and_a_lost_answer_asked_for_once_more() {
    let table = [
        // The greeting, the question, and the five.
        ("a ring", Reply::redirect("/v2/a/manifests/v1"), 7),
        ("a file", Reply::redirect("file:///etc/passwd"), 2),
        ("nowhere", Reply::redirect("http://"), 2),
        ("no answer", Reply::default(), 3),
        ("no HTTP", Reply::raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), 3),
        ("an error", Reply::with("500 Oh", "", "{}"), 2),
        (
            "a page",
            Reply::ok("content-type: text/html\r\n", "<html>"),
            2,
        ),
    ];
    for (what, reply, most) in table {
        let hostile = hostile(reply).await;
        let outcome = pull(&hostile).await;
        assert!(outcome.is_err(), "{what}");
        assert!(
            hostile.heard().len() <= most,
            "{what}: {:?}",
            hostile.heard()
        );
    }
}

#[tokio::test]
async fn what_says_nothing_and_does_not_end_is_given_up_in_time() {
    let drip = |head: &str| Reply::raw(format!("HTTP/1.1 {head}"));
    let table = [
        (
            "promises",
            drip("").for_ever("100 Continue\r\n\r\nHTTP/1.1 "),
        ),
        (
            "hints",
            drip("").for_ever("103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 "),
        ),
        ("empty lines", Reply::default().for_ever("\r\n")),
        ("white space", Reply::ok("", "").for_ever(" ")),
    ];
    for (what, reply) in table {
        let hostile = hostile(reply).await;
        let outcome = pull(&hostile).await;
        assert!(outcome.is_err(), "{what}");
    }
}

#[tokio::test]
async fn a_list_that_never_ends_is_ended() {
    let page = "{\"name\":\"a\",\"tags\":[\"x\"]}";
    let cases = [
        // The same page again, a page of another host, a page that says there are more of nothing.
        ("</v2/a/tags/list?n=1000>; rel=\"next\"", page, 3),
        ("<http://127.0.0.2:9/v2/a/tags/list>; rel=\"next\"", page, 2),
        ("</v2/a/tags/list?last=y>; rel=\"next\"", "{\"tags\":[]}", 2),
    ];
    for (link, body, most) in cases {
        let headers = format!("content-type: application/json\r\nlink: {link}\r\n");
        let hostile = hostile(Reply::ok(&headers, body)).await;
        let outcome = soon(client(&hostile).tags("a")).await;
        assert!(outcome.is_ok(), "{link}: {outcome:?}");
        assert!(
            hostile.heard().len() <= most,
            "{link}: {:?}",
            hostile.heard()
        );
    }
}
