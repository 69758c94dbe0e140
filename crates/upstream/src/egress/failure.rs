//! What a request failed of that got no answer, in plain words. The client's own messages hold URLs, and those may
//! hold signatures; only causes known here, and the system's words, are passed on.

use std::error::Error as Cause;
use std::io::{self, ErrorKind};

use rustls::{AlertDescription, CertificateError};

use super::guard::Refusal;
use crate::{Error, Step};

/// 407, as an answer or instead of a tunnel.
pub(super) const PROXY_WANTS_PASSWORD: &str =
    "the proxy wants a user name and password, or others than these (407)";

/// What a request that got no answer, or a body that broke, failed of.
pub(crate) fn of_transport(error: &reqwest::Error) -> Error {
    let causes: Vec<_> = std::iter::successors(error.source(), |cause| (*cause).source()).collect();
    if let Some(refusal) = causes.iter().find_map(|cause| cause.downcast_ref()) {
        return of_refusal(refusal);
    }
    let unreachable = |step: Step, reason: String| Error::Unreachable { step, reason };
    if let Some(reason) = causes.iter().find_map(|cause| of_proxy(&cause.to_string())) {
        return unreachable(Step::Proxy, with_detail(reason, &causes));
    }
    if let Some(reason) = causes.iter().find_map(|cause| of_tls(*cause)) {
        return unreachable(Step::Tls, reason);
    }
    if error.is_timeout() {
        return match error.is_connect() {
            true => unreachable(
                Step::Tcp,
                "no connection in time, as behind a firewall that drops packets".to_owned(),
            ),
            false => Error::Timeout,
        };
    }
    let reason = causes
        .iter()
        .rev()
        .find_map(|cause| cause.downcast_ref().map(of_io))
        .or_else(|| causes.last().map(ToString::to_string))
        .unwrap_or_else(|| "no connection".to_owned());
    if error.is_body() || error.is_decode() {
        Error::Cut { reason }
    } else if error.is_connect() {
        unreachable(Step::Tcp, reason)
    } else {
        unreachable(Step::Http, reason)
    }
}

fn of_refusal(refusal: &Refusal) -> Error {
    match refusal {
        Refusal::Unknown { is_proxy, .. } => Error::Unreachable {
            step: if *is_proxy { Step::Proxy } else { Step::Dns },
            reason: refusal.to_string(),
        },
        _ => Error::Configuration {
            reason: refusal.to_string(),
        },
    }
}

/// The words of the client's tunnels and SOCKS connections, whose types it keeps to itself.
fn of_proxy(cause: &str) -> Option<&'static str> {
    if let Some(tunnel) = cause.strip_prefix("tunnel error: ") {
        return Some(match tunnel {
            "proxy authorization required" => PROXY_WANTS_PASSWORD,
            "unsuccessful" => {
                "the proxy refused to connect to it (403 or the like): it must allow the host, and be able to reach it"
            }
            "failed to create underlying connection" => "the proxy cannot be reached",
            _ => "the proxy broke the connection",
        });
    }
    let socks = cause.strip_prefix("SOCKS error: ")?;
    Some(match socks {
        "failed to create underlying connection" => "the SOCKS proxy cannot be reached",
        "credentials not accepted" => "the SOCKS proxy does not accept the user name and password",
        "server does not support user/pass authentication" => {
            "the SOCKS proxy takes no user name and password"
        }
        "server implements authentication incorrectly" => {
            "the SOCKS proxy wants another kind of authentication; give it a user name and password"
        }
        "io error during SOCKS handshake" => "the SOCKS proxy broke the connection",
        _ => {
            "the SOCKS proxy did not connect to it: it must allow the host, and be able to reach it"
        }
    })
}

/// Why the proxy's own connection failed, where that is known.
fn with_detail(reason: &str, causes: &[&(dyn Cause + 'static)]) -> String {
    let tls = causes.iter().find_map(|cause| of_tls(*cause));
    let io = || {
        let mut innermost = causes.iter().rev();
        innermost.find_map(|cause| cause.downcast_ref().map(of_io))
    };
    match tls.or_else(io) {
        Some(detail) => format!("{reason}: {detail}"),
        None => reason.to_owned(),
    }
}

fn of_tls(cause: &(dyn Cause + 'static)) -> Option<String> {
    Some(match rustls_error(cause)? {
        rustls::Error::InvalidCertificate(error) => of_certificate(error),
        rustls::Error::AlertReceived(alert) => of_alert(*alert),
        rustls::Error::InvalidMessage(_) => "it does not speak TLS; is it http?".to_owned(),
        rustls::Error::PeerIncompatible(_) => {
            "it offers no TLS version or cipher that is safe to use".to_owned()
        }
        error => error.to_string(),
    })
}

/// The error within `cause`, which the layers below wrap once or twice without naming it as their source.
fn rustls_error<'a>(cause: &'a (dyn Cause + 'static)) -> Option<&'a rustls::Error> {
    match cause.downcast_ref::<io::Error>() {
        Some(io) => rustls_error(io.get_ref()?),
        None => cause.downcast_ref(),
    }
}

fn of_certificate(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "the certificate is signed by an unknown authority".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the certificate is expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet; is this machine's clock right?".to_owned()
        }
        CertificateError::NotValidForName => {
            "the certificate is not valid for this name".to_owned()
        }
        CertificateError::NotValidForNameContext { presented, .. } => {
            let most: Vec<_> = presented.iter().take(5).map(String::as_str).collect();
            format!(
                "the certificate is not valid for this name, but for {}",
                most.join(", ")
            )
        }
        CertificateError::Revoked => "the certificate is revoked".to_owned(),
        error => format!("the certificate is not valid: {error}"),
    }
}

fn of_alert(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::CertificateRequired => {
            "it wants a client certificate; give the endpoint one".to_owned()
        }
        AlertDescription::BadCertificate
        | AlertDescription::UnsupportedCertificate
        | AlertDescription::CertificateUnknown
        | AlertDescription::CertificateExpired
        | AlertDescription::CertificateRevoked
        | AlertDescription::AccessDenied
        | AlertDescription::UnknownCA => {
            format!("it does not accept our client certificate ({alert:?})")
        }
        AlertDescription::ProtocolVersion => {
            "it offers no TLS version that is safe to use".to_owned()
        }
        alert => format!("it ended the handshake ({alert:?})"),
    }
}

fn of_io(error: &io::Error) -> String {
    match error.kind() {
        ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        ErrorKind::ConnectionReset => "connection reset".to_owned(),
        ErrorKind::HostUnreachable => "no route to the host".to_owned(),
        ErrorKind::NetworkUnreachable => "no route to its network".to_owned(),
        ErrorKind::TimedOut => "no answer in time".to_owned(),
        ErrorKind::UnexpectedEof => "the connection was closed".to_owned(),
        _ => error.to_string(),
    }
}
