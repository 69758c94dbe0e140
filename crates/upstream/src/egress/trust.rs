//! What an endpoint shows of itself and trusts: certificates, a client's certificate and key, headers of its own.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use reqwest::{Certificate, Identity};

use crate::{Endpoint, Error};

/// Headers that are the connection's or the request's own.
const NOT_OURS_TO_SET: [HeaderName; 11] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::RANGE,
    header::PROXY_AUTHORIZATION,
];

/// The endpoint's own certificates, trusted beside the system's.
///
/// # Errors
/// [`Error::Configuration`] where they cannot be read.
pub(super) fn certificates(endpoint: &Endpoint) -> Result<Vec<Certificate>, Error> {
    let Some(pem) = given(endpoint.ca_certificate.as_deref()) else {
        return Ok(Vec::new());
    };
    let found = Certificate::from_pem_bundle(pem.as_bytes())
        .map_err(|_| wrong("the CA certificate is no PEM certificate"))?;
    if found.is_empty() {
        return Err(wrong("the CA certificate holds no PEM certificate"));
    }
    Ok(found)
}

/// The certificate and key shown to a registry that asks for them.
///
/// # Errors
/// [`Error::Configuration`] where one is missing or cannot be read.
pub(super) fn identity(endpoint: &Endpoint) -> Result<Option<Identity>, Error> {
    let options = &endpoint.options;
    let certificate = given(options.client_certificate.as_deref());
    let key = given(options.client_key.as_ref().map(crate::Secret::expose));
    let (certificate, key) = match (certificate, key) {
        (None, None) => return Ok(None),
        (Some(certificate), Some(key)) => (certificate, key),
        (Some(_), None) => {
            return Err(wrong(
                "there is a client certificate without its key; give `client_key` too",
            ));
        }
        (None, Some(_)) => {
            return Err(wrong(
                "there is a client key without its certificate; give `client_certificate` too",
            ));
        }
    };
    // Where one holds what the other should, the two together would still be read.
    if !certificate.contains("-----BEGIN CERTIFICATE-----") {
        return Err(wrong("the client certificate is no PEM certificate"));
    }
    if !key.contains("PRIVATE KEY-----") {
        return Err(wrong("the client key is no PEM private key"));
    }
    if key.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || key.contains("Proc-Type: 4,ENCRYPTED")
    {
        return Err(wrong(
            "the client key is encrypted; give it without a passphrase",
        ));
    }
    Identity::from_pem(format!("{certificate}\n{key}\n").as_bytes())
        .map(Some)
        .map_err(|_| wrong("the client certificate and key cannot be read as PEM"))
}

/// The headers for the registry's own origin.
///
/// # Errors
/// [`Error::Configuration`] for names and values that are none, and for headers that are not to be set. Values are
/// not repeated: they may be secret.
pub(super) fn headers(endpoint: &Endpoint) -> Result<HeaderMap, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in &endpoint.options.headers {
        let parsed: HeaderName = name
            .parse()
            .map_err(|_| wrong(&format!("{name:?} is no name of a header")))?;
        if NOT_OURS_TO_SET.contains(&parsed) {
            return Err(wrong(&format!(
                "the header {parsed} belongs to the request itself and cannot be set"
            )));
        }
        let mut value: HeaderValue = value.expose().parse().map_err(|_| {
            wrong(&format!(
                "the header {parsed} has a value that cannot be sent"
            ))
        })?;
        value.set_sensitive(true);
        headers.insert(parsed, value);
    }
    Ok(headers)
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

fn wrong(reason: &str) -> Error {
    Error::Configuration {
        reason: reason.to_owned(),
    }
}
