//! Endpoints declared in the file: `registries`, in the words of Harbor's API.

use super::section::Section;
use super::value;
use super::{DeclaredUpstream, UpstreamCredential};

/// Harbor's names of the endpoint types this version can pull from.
const TYPES: [&str; 2] = ["docker-hub", "docker-registry"];

/// Types Harbor knows and this version does not.
const TYPES_TO_COME: [&str; 12] = [
    "ali-acr",
    "aws-ecr",
    "azure-acr",
    "dtr",
    "github-ghcr",
    "gitlab",
    "google-gcr",
    "harbor",
    "huawei-SWR",
    "jfrog-artifactory",
    "quay",
    "tencent-tcr",
];

const DOCKER_HUB_URL: &str = "https://hub.docker.com";

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
    registry.require("type", &format!("one of {}", TYPES.join(", ")));
    let name = registry.parsed("name", "a name of at most 64 characters", |text| {
        (!text.trim().is_empty() && text.chars().count() <= 64).then(|| text.to_owned())
    });
    let kind = registry.text("type");
    let is_docker_hub = kind.as_deref() == Some("docker-hub");
    if !is_docker_hub {
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
    match kind.as_deref() {
        Some(kind) if TYPES_TO_COME.contains(&kind) => registry.complain(
            "type",
            format!(
                "{kind:?} is not supported in this version; docker-registry works with every registry that \
                 speaks the standard protocol and needs at most a user name and password"
            ),
        ),
        Some(kind) if !TYPES.contains(&kind) => {
            registry.complain("type", format!("expected one of {}, found {kind:?}", TYPES.join(", ")));
        }
        _ => {}
    }
    let credential = registry.section("credential", read_credential).flatten();
    let is_insecure = registry.boolean("insecure").unwrap_or(false);
    let ca_certificate = read_ca_certificate(registry);
    let description = registry
        .parsed("description", "text", |text| Some(text.to_owned()))
        .unwrap_or_default();
    Some(DeclaredUpstream {
        name: name?,
        kind: kind?,
        url: url.or_else(|| is_docker_hub.then(|| DOCKER_HUB_URL.to_owned()))?,
        credential,
        is_insecure,
        ca_certificate,
        description,
    })
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
