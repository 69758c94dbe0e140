//! The log forwarded to a syslog server, and what settings leave out of it.

use std::time::Duration;

use serde_json::{Value, json};
use tests::{Setup, TestServer};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::{TcpListener, UdpSocket};
use tokio::time::timeout;

use super::{LOG, log, log_with};

const PATIENCE: Duration = Duration::from_secs(20);

async fn set(server: &TestServer, key: &str, value: &str) {
    server
        .database()
        .put_setting(key, value)
        .await
        .expect("written");
}

/// The message of an RFC 5424 line, whose header is held against the event's.
fn message(line: &str, event: &str) -> Value {
    let words: Vec<&str> = line.splitn(8, ' ').collect();
    let [priority, at, host, app, _, id, data, message] = words[..] else {
        panic!("{line}");
    };
    assert_eq!(
        (priority, host, app, id, data),
        ("<110>1", "localhost", "roadstead", event, "-"),
        "{line}"
    );
    assert!(at.ends_with('Z'), "{line}");
    serde_json::from_str(message).expect("JSON")
}

#[tokio::test]
async fn entries_go_to_a_log_server_over_udp() {
    let receiver = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
    let server = TestServer::start(Setup::new().project("{name: hosted, public: true}")).await;
    let to = format!("udp://{}", receiver.local_addr().expect("an address"));
    // Before the setting, which may be heeded at once: the push is not to be told of.
    server.admin().push_image("hosted/app", "v1", &[b"x"]).await;
    set(&server, "audit_log_forward_endpoint", &to).await;
    let mut buffer = [0; 4096];
    // From a second on, the setting is heeded.
    let told = async {
        loop {
            server
                .anonymous()
                .manifest("hosted/app", "v1")
                .await
                .expect(200);
            if let Ok(received) =
                timeout(Duration::from_millis(50), receiver.recv(&mut buffer)).await
            {
                let line = String::from_utf8_lossy(&buffer[..received.expect("a datagram")]);
                return message(&line, "pull_artifact");
            }
        }
    };
    let told = timeout(PATIENCE, told).await.expect("in time");
    let expected = json!({
        "username": "anonymous", "operation": "pull", "resource_type": "artifact", "resource": "hosted/app:v1",
        "project": "hosted", "operation_result": true, "operation_description": "", "client_address": "127.0.0.1",
    });
    assert_eq!(told, expected);
    log_with(
        &server.admin(),
        LOG,
        "anonymous pull artifact hosted/app:v1",
    )
    .await;
}

#[tokio::test]
async fn a_log_server_that_was_away_gets_what_waited_and_the_database_can_be_left_out() {
    let receiver = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    let address = receiver.local_addr().expect("an address");
    drop(receiver);
    let server = TestServer::start(Setup::new().project("{name: hosted, public: true}")).await;
    let admin = server.admin();
    admin.push_image("hosted/app", "v1", &[b"x"]).await;
    let pushed = "admin create artifact hosted/app:v1";
    log_with(&admin, LOG, pushed).await;
    // Without an endpoint the log is kept whatever is said.
    set(&server, "skip_audit_log_database", "true").await;
    set(&server, "disabled_audit_log_event_types", "delete_tag").await;
    set(
        &server,
        "audit_log_forward_endpoint",
        &format!("tcp://{address}"),
    )
    .await;
    server.database().flush().await.expect("written");
    // Until the settings are heeded, entries go into the database: a tag that can be deleted is none of them then.
    let made = async |tag: &str| {
        let body = json!({ "name": tag });
        let tags = "/api/v2.0/projects/hosted/repositories/app/artifacts/v1/tags";
        admin.post(tags, &body).await.expect(201);
    };
    let mut number = 0;
    let skipped = async {
        loop {
            number += 1;
            let tag = format!("t{number}");
            made(&tag).await;
            let line = format!("admin create tag hosted/app:{tag}");
            if !log(&admin, LOG).await.contains(&line) {
                return tag;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let first = timeout(PATIENCE, skipped).await.expect("in time");
    admin
        .delete(&format!("/v2/hosted/app/manifests/{first}"))
        .await
        .expect(202);
    made("last").await;
    // The log server comes back.
    let receiver = TcpListener::bind(address).await.expect("the same address");
    let (stream, _) = timeout(PATIENCE, receiver.accept())
        .await
        .expect("in time")
        .expect("a connection");
    let mut lines = BufReader::new(stream).lines();
    let mut told = Vec::new();
    while told.last().is_none_or(|last| last != "hosted/app:last") {
        let line = timeout(PATIENCE, lines.next_line())
            .await
            .expect("in time")
            .expect("text")
            .expect("a line");
        // Whatever was forwarded was no deletion of a tag: those are disabled.
        told.push(
            message(&line, "create_tag")["resource"]
                .as_str()
                .expect("text")
                .to_owned(),
        );
    }
    assert!(told.contains(&format!("hosted/app:{first}")), "{told:?}");
    let kept = log(&admin, LOG).await;
    assert!(
        !kept.iter().any(|line| line.ends_with("hosted/app:last")),
        "{kept:?}"
    );
    assert!(
        !kept.iter().any(|line| line.contains("delete tag")),
        "{kept:?}"
    );
}
