//! Entries of the audit log as lines of syslog (RFC 5424), and the socket they leave by. When to try again is
//! [`super::forward`]'s.

use std::io;
use std::time::Duration;

use chrono::SecondsFormat;
use metadata::AuditEntry;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpStream, UdpSocket};

use super::settings::Endpoint;

/// Whoever takes nothing for so long is not there.
const PATIENCE: Duration = Duration::from_secs(5);
/// Facility "log audit", severity "informational".
const DONE: u8 = 13 * 8 + 6;
/// The same, severity "warning".
const REFUSED: u8 = 13 * 8 + 4;

/// One line, without its end. The message is JSON: names come from clients, and must not look like more than they are.
pub(super) fn line(entry: &AuditEntry, host: &str) -> String {
    let priority = if entry.is_success { DONE } else { REFUSED };
    let at = entry.at.to_rfc3339_opts(SecondsFormat::Micros, true);
    let event = entry.event;
    let message = json!({
        "username": entry.username,
        "operation": event.operation(),
        "resource_type": event.resource_type(),
        "resource": entry.resource,
        "project": entry.project.as_ref().map(|(_, name)| name),
        "operation_result": entry.is_success,
        "operation_description": entry.description,
        "client_address": entry.address,
    });
    format!(
        "<{priority}>1 {at} {host} roadstead {} {} - {message}",
        std::process::id(),
        event.as_str()
    )
}

/// A way out.
pub(super) enum Socket {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Socket {
    pub(super) async fn open(endpoint: &Endpoint) -> io::Result<Self> {
        let open = async {
            let address = (endpoint.host.as_str(), endpoint.port);
            if !endpoint.is_udp {
                return TcpStream::connect(address).await.map(Self::Tcp);
            }
            let mut last = io::Error::from(io::ErrorKind::NotFound);
            for address in tokio::net::lookup_host(address).await? {
                let any: std::net::IpAddr = match address.is_ipv4() {
                    true => std::net::Ipv4Addr::UNSPECIFIED.into(),
                    false => std::net::Ipv6Addr::UNSPECIFIED.into(),
                };
                let opened = UdpSocket::bind((any, 0)).await?;
                match opened.connect(address).await {
                    Ok(()) => return Ok(Self::Udp(opened)),
                    Err(error) => last = error,
                }
            }
            Err(last)
        };
        in_time(open).await
    }

    /// Sends one line: a datagram, or what ends with a newline (RFC 6587, 3.4.2).
    pub(super) async fn send(&mut self, line: &str) -> io::Result<()> {
        match self {
            Self::Udp(socket) => in_time(socket.send(line.as_bytes())).await.map(drop),
            Self::Tcp(stream) => {
                // A write into a connection that the other side has closed succeeds once, into nothing.
                match stream.try_read(&mut [0; 64]) {
                    Ok(0) => return Err(io::ErrorKind::ConnectionReset.into()),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
                in_time(stream.write_all(format!("{line}\n").as_bytes())).await
            }
        }
    }
}

async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    match tokio::time::timeout(PATIENCE, work).await {
        Ok(done) => done,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use metadata::AuditEvent;

    use super::*;

    #[test]
    fn a_line_is_a_header_and_a_message_that_stays_within_it() {
        let entry = AuditEntry {
            at: DateTime::from_timestamp_micros(1_790_000_000_000_007).unwrap(),
            username: "bob\n<110>1 forged".into(),
            project: Some((7, "hub".into())),
            event: AuditEvent::PullArtifact,
            resource: "hub/app:v1".into(),
            description: "".into(),
            is_success: true,
            address: Some([192, 0, 2, 1].into()),
        };
        let told = line(&entry, "registry.example.com");
        let header = format!(
            "<110>1 2026-09-21T14:13:20.000007Z registry.example.com roadstead {} pull_artifact - ",
            std::process::id()
        );
        let message = told.strip_prefix(&header).expect(&told);
        assert!(!told.contains('\n'));
        let message: serde_json::Value = serde_json::from_str(message).unwrap();
        assert_eq!(message["username"], "bob\n<110>1 forged");
        assert_eq!(
            (&message["operation"], &message["client_address"]),
            (&json!("pull"), &json!("192.0.2.1"))
        );
        let refused = AuditEntry {
            is_success: false,
            ..entry
        };
        assert!(line(&refused, "x").starts_with("<108>1 "));
    }
}
