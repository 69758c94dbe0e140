//! Endpoints declared in the file: `registries`, in the words of Harbor's API.

use super::section::Section;
use super::{DeclaredUpstream, UpstreamCredential};
use super::{options, value};

pub(super) fn read(top: &mut Section<'_>) -> Vec<DeclaredUpstream> {
    let mut seen = Vec::new();
    top.sections("registries", |registry| {
        let upstream = read_one(registry)?;
        if seen.contains(&upstream.name) {
            registry.complain(
                "name",
                format!(
                    "expected a name of its own, found a second {:?}",
                    upstream.name
                ),
            );
        }
        seen.push(upstream.name.clone());
        Some(upstream)
    })
}

fn read_one(registry: &mut Section<'_>) -> Option<DeclaredUpstream> {
    registry.require("name", "a name for this endpoint");
    let types = upstream::Kind::ALL.map(upstream::Kind::as_str);
    registry.require("type", &format!("one of {}", types.join(", ")));
    let name = registry.parsed("name", "a name of at most 64 characters", |text| {
        (!text.trim().is_empty() && text.chars().count() <= 64).then(|| text.to_owned())
    });
    let kind = registry.text("type");
    let usual_url = kind.as_deref().and_then(usual_url);
    if usual_url.is_none() {
        registry.require(
            "url",
            "the registry's URL, such as https://registry.example.com",
        );
    }
    let url = registry.parsed(
        "url",
        "an http:// or https:// URL without an account in it",
        |text| value::http_url(text).map(|_| text.to_owned()),
    );
    if let Some(kind) = kind.as_deref().filter(|kind| !types.contains(kind)) {
        let hint = match value::closest(kind, &types) {
            Some(near) => format!("did you mean {near}?"),
            None => "any other registry is docker-registry".to_owned(),
        };
        registry.complain(
            "type",
            format!(
                "expected one of {}, found {kind:?}; {hint}",
                types.join(", ")
            ),
        );
    }
    let credential = registry.section("credential", read_credential).flatten();
    let is_insecure = registry.boolean("insecure").unwrap_or(false);
    let ca_certificate = read_ca_certificate(registry);
    let options = options::read(registry);
    let description = registry
        .parsed("description", "text", |text| Some(text.to_owned()))
        .unwrap_or_default();
    Some(DeclaredUpstream {
        name: name?,
        kind: kind?,
        url: url.or_else(|| usual_url.map(str::to_owned))?,
        credential,
        is_insecure,
        ca_certificate,
        options,
        description,
    })
}

/// The programs endpoints may use for credentials: `credential_helpers`.
pub(super) fn read_credential_helpers(top: &mut Section<'_>) -> Vec<String> {
    let names = top.texts("credential_helpers").unwrap_or_default();
    for name in &names {
        let is_name = !name.is_empty()
            && !name.starts_with("docker-credential-")
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'));
        if !is_name {
            top.complain(
                "credential_helpers",
                format!(
                    "expected names such as ecr-login, for the program docker-credential-ecr-login; found {name:?}"
                ),
            );
        }
    }
    names
}

/// Where a type's registry is when the file does not say.
fn usual_url(kind: &str) -> Option<&'static str> {
    match kind {
        "docker-hub" => Some("https://hub.docker.com"),
        "github-ghcr" => Some("https://ghcr.io"),
        "quay" => Some("https://quay.io"),
        _ => None,
    }
}

fn read_credential(credential: &mut Section<'_>) -> Option<UpstreamCredential> {
    credential.require("access_key", "the user name");
    if !credential.is_given("access_secret_file") {
        credential.require(
            "access_secret",
            "the password or token, `${VARIABLE}`, or a file named by `access_secret_file`",
        );
    }
    credential.choice("type", &[("basic", ())]);
    let access_key = credential.text("access_key");
    let access_secret = credential.secret("access_secret", "access_secret_file");
    Some(UpstreamCredential {
        access_key: access_key?,
        access_secret: access_secret?,
    })
}

fn read_ca_certificate(registry: &mut Section<'_>) -> Option<String> {
    let inline = registry.text("ca_certificate");
    let file = registry.path("ca_certificate_file");
    if inline.is_some() && file.is_some() {
        registry.complain(
            "ca_certificate_file",
            "expected either `ca_certificate` or `ca_certificate_file`, found both",
        );
    }
    let (key, pem) = match (inline, file) {
        (Some(pem), _) => ("ca_certificate", pem),
        (None, Some(path)) => (
            "ca_certificate_file",
            registry.file_text("ca_certificate_file", &path)?,
        ),
        (None, None) => return None,
    };
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        registry.complain(
            key,
            "expected a certificate in PEM form (-----BEGIN CERTIFICATE-----)",
        );
    }
    Some(pem)
}
