//! A registry that means harm: raw answers on a socket, each a case. Whatever it sends, the client answers soon, with an
//! error, and its credential goes nowhere but to it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use upstream::{Client, Credential, Endpoint, Error, Kind, Options, Patience};

use crate::{client_with, reference, soon};

/// Answers every request but the one for `/v2/` with `answer`, over and over where it is `endless`.
struct Hostile {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Hostile {
    async fn start(answer: &str, endless: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (answer, endless) = (
            answer.replace("PORT", &port.to_string()),
            endless.to_owned(),
        );
        let seen = Arc::clone(&heads);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (answer, endless, seen) = (answer.clone(), endless.clone(), Arc::clone(&seen));
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        match socket.read_u8().await {
                            Ok(byte) => head.push(byte),
                            Err(_) => return,
                        }
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let is_greeting = head.starts_with("GET /v2/ ");
                    seen.lock().unwrap().push(head);
                    if is_greeting {
                        let wants = "HTTP/1.1 401 Unauthorized\r\nwww-authenticate: Basic realm=\"x\"\r\n\
                                     content-length: 0\r\nconnection: close\r\n\r\n";
                        let _ = socket.write_all(wants.as_bytes()).await;
                        return;
                    }
                    if socket.write_all(answer.as_bytes()).await.is_err() {
                        return;
                    }
                    while !endless.is_empty() {
                        if socket.write_all(endless.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, heads }
    }

    fn client(&self) -> Client {
        let endpoint = Endpoint {
            id: 1,
            name: "hostile".to_owned(),
            kind: Kind::DockerRegistry,
            url: format!("http://127.0.0.1:{}", self.port),
            credential: Some(Credential {
                username: "robot".to_owned(),
                secret: "secret".to_owned(),
            }),
            is_insecure: false,
            ca_certificate: None,
            options: Options::default(),
        };
        client_with(endpoint, |config| {
            config.answer_timeout = Duration::from_secs(5);
        })
    }

    fn requests(&self) -> usize {
        self.heads.lock().unwrap().len()
    }
}

fn ok(headers: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nconnection: close\r\n{headers}\r\n{body}")
}

fn to(location: &str) -> String {
    format!(
        "HTTP/1.1 307 Away\r\nconnection: close\r\ncontent-length: 0\r\nlocation: {location}\r\n\r\n"
    )
}

#[tokio::test]
async fn no_answer_to_a_manifest_does_harm() {
    let many = "x-bomb: 1\r\n".repeat(5000);
    let long = format!("x-bomb: {}\r\n", "a".repeat(2 * 1024 * 1024));
    let megabyte = "a".repeat(1024 * 1024);
    let cases = [
        ("five thousand headers", ok(&many, "{}"), ""),
        ("a header of two megabytes", ok(&long, "{}"), ""),
        (
            "headers without end",
            "HTTP/1.1 200 OK\r\n".to_owned(),
            "x: y\r\n",
        ),
        ("a body without end", ok("", ""), megabyte.as_str()),
        (
            "five megabytes announced",
            ok("content-length: 5242880\r\n", ""),
            "",
        ),
        (
            "a length that is none",
            ok("content-length: -1\r\n", "{}"),
            "",
        ),
        (
            "two lengths",
            ok("content-length: 2\r\ncontent-length: 3\r\n", "{}"),
            "",
        ),
        ("less than it said", ok("content-length: 100\r\n", "{}"), ""),
        (
            "chunks without end",
            ok("transfer-encoding: chunked\r\n", ""),
            "4\r\naaaa\r\n",
        ),
        (
            "a chunk that is no chunk",
            ok("transfer-encoding: chunked\r\n", "zz\r\n"),
            "",
        ),
        (
            "no HTTP at all",
            "SSH-2.0-OpenSSH_9.2\r\n\r\n".to_owned(),
            "",
        ),
        ("a page", ok("content-type: text/html\r\n", "<html>"), ""),
        ("a redirect to itself", to("/v2/a/manifests/v1"), ""),
        ("a redirect to a file", to("file:///etc/passwd"), ""),
        (
            "a redirect to metadata",
            to("http://169.254.169.254/latest/meta-data/"),
            "",
        ),
        (
            "a redirect to metadata by number",
            to("http://2852039166/"),
            "",
        ),
        (
            "a redirect to IPv6 metadata",
            to("http://[fd00:ec2::254]/"),
            "",
        ),
        ("a redirect to the link", to("http://[fe80::1]/"), ""),
        ("a redirect to nowhere", to("http://"), ""),
        (
            "a redirect without end of header",
            "HTTP/1.1 307 Away\r\nlocation: ".to_owned(),
            "a",
        ),
    ];
    for (what, answer, endless) in cases {
        let hostile = Hostile::start(&answer, endless).await;
        let client = hostile.client();
        let tag = reference("v1");
        let outcome = soon(client.manifest("a", &tag, Patience::Cold)).await;
        assert!(outcome.is_err(), "{what}: {outcome:?}");
        // The greeting, and no more than five redirects; once more where a kept connection could be to blame.
        assert!(hostile.requests() <= 14, "{what}: {}", hostile.requests());
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
        let headers = format!(
            "content-type: application/json\r\ncontent-length: {}\r\nlink: {link}\r\n",
            body.len()
        );
        let hostile = Hostile::start(&ok(&headers, body), "").await;
        let outcome = soon(hostile.client().tags("a")).await;
        assert!(outcome.is_ok(), "{link}: {outcome:?}");
        assert!(hostile.requests() <= most, "{link}: {}", hostile.requests());
    }
}

#[tokio::test]
async fn a_redirect_takes_no_credential_along() {
    let thief = Hostile::start(&ok("content-length: 2\r\n", "{}"), "").await;
    let hostile = Hostile::start(&to(&format!("http://127.0.0.1:{}/x", thief.port)), "").await;
    let outcome = hostile
        .client()
        .manifest("a", &reference("v1"), Patience::Cold)
        .await;
    assert!(!matches!(outcome, Err(Error::Timeout)), "{outcome:?}");
    assert_eq!(thief.requests(), 1);
    let head = thief.heads.lock().unwrap()[0].to_ascii_lowercase();
    assert!(
        !head.contains("authorization") && !head.contains("cookie"),
        "{head}"
    );
    let own = hostile.heads.lock().unwrap().join("");
    assert!(
        own.to_ascii_lowercase().contains("authorization: basic"),
        "{own}"
    );
}
