//! `roadstead healthcheck`: ask the server that this configuration starts how it is. For containers, which have no curl;
//! what is asked about is in `registry::health`.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme, StreamOwned};
use serde::Deserialize;

use crate::config::{Config, Environment, Flags};

/// What does not answer for so long is not well. Each step of the conversation has it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Far more than an answer is long.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;
/// In HTTP/1.0 an answer ends with its connection, and comes in one piece.
const REQUEST: &[u8] = b"GET /api/v2.0/health HTTP/1.0\r\nHost: localhost\r\n\r\n";

/// Says `healthy` and ends with 0, or says what is wrong on standard error and ends with 1.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the verdict is this command's output"
)]
pub fn run(flags: &Flags) -> ExitCode {
    let config = match Config::load(flags, &Environment::of_process()) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::FAILURE;
        }
    };
    let address = reachable(config.listen);
    match ask(address, config.tls.is_some()) {
        Ok(()) => {
            println!("healthy");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("unhealthy: {address}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Where a listener on all interfaces is found from this machine.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn ask(address: SocketAddr, is_tls: bool) -> anyhow::Result<()> {
    if address.port() == 0 {
        bail!("a listener on port 0 cannot be found; configure a port");
    }
    let stream = TcpStream::connect_timeout(&address, PATIENCE).context("nothing listens there")?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let answer = if is_tls {
        let name = ServerName::from(address.ip());
        let connection = ClientConnection::new(Arc::new(believing_anyone()?), name)?;
        converse(StreamOwned::new(connection, stream))
    } else {
        converse(stream)
    };
    verdict(&answer.context("no answer")?)
}

fn converse(mut stream: impl Read + Write) -> io::Result<Vec<u8>> {
    stream.write_all(REQUEST)?;
    let mut answer = Vec::new();
    match stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer) {
        // Without TLS's own goodbye; whether the answer is whole, its JSON says.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(answer),
        read => read.map(|_| answer),
    }
}

/// The part of the answer that counts.
#[derive(Deserialize)]
struct Health {
    status: String,
    #[serde(default)]
    components: Vec<Component>,
}

#[derive(Deserialize)]
struct Component {
    name: String,
    #[serde(default)]
    error: String,
}

fn verdict(answer: &[u8]) -> anyhow::Result<()> {
    let answer = String::from_utf8_lossy(answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .context("what listens there does not speak HTTP")?;
    let status = head.lines().next().unwrap_or_default();
    if status.split(' ').nth(1) != Some("200") {
        bail!("it answered {status:?}");
    }
    let health: Health = serde_json::from_str(body).context("the answer is not Roadstead's")?;
    if health.status == "healthy" {
        return Ok(());
    }
    let troubles = health.components.iter().filter(|one| !one.error.is_empty());
    let troubles: Vec<String> = troubles
        .map(|one| format!("{}: {}", one.name, one.error))
        .collect();
    bail!("{}", troubles.join("; "))
}

/// The server's certificate has the name that clients use, not this machine's address; and nothing is told to it that
/// nobody else may hear.
fn believing_anyone() -> anyhow::Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    Ok(config)
}

#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_healthy_answer_is_one() {
        let answer = |status: &str, body: &str| format!("HTTP/1.0 {status}\r\na: b\r\n\r\n{body}");
        let of = |answer: String| verdict(answer.as_bytes()).map_err(|error| error.to_string());
        assert_eq!(of(answer("200 OK", r#"{"status":"healthy"}"#)), Ok(()));
        let sick = r#"{"status":"unhealthy","components":[
            {"name":"core","status":"healthy"},
            {"name":"database","status":"unhealthy","error":"the database does not answer"}]}"#;
        assert_eq!(
            of(answer("200 OK", sick)),
            Err("database: the database does not answer".to_owned())
        );
        for (wrong, why) in [
            (answer("503 Away", "{}"), "503 Away"),
            (answer("200 OK", "<html>"), "not Roadstead's"),
            ("SSH-2.0-OpenSSH".to_owned(), "does not speak HTTP"),
        ] {
            let said = of(wrong).unwrap_err();
            assert!(said.contains(why), "{why:?} in {said:?}");
        }
    }

    #[test]
    fn a_listener_on_all_interfaces_is_found_at_loopback() {
        for (listen, expected) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("10.0.0.7:80", "10.0.0.7:80"),
        ] {
            let found = reachable(listen.parse().unwrap());
            assert_eq!(found, expected.parse().unwrap());
        }
    }
}
