use super::*;
use crate::{AzureOptions, Credential, Options};

fn endpoint(kind: Kind, url: &str) -> Endpoint {
    Endpoint {
        id: 1,
        name: "one".into(),
        kind,
        url: url.into(),
        credential: None,
        is_insecure: false,
        ca_certificate: None,
        options: Options::default(),
    }
}

fn listed(endpoint: &Endpoint) -> Vec<String> {
    let found = hosts(endpoint).into_iter();
    found
        .map(|one| format!("{}:{}", one.host, one.port))
        .collect()
}

#[test]
fn each_provider_needs_its_registry_its_tokens_and_its_storage() {
    let table = [
        (
            Kind::DockerHub,
            "",
            "registry-1.docker.io:443 auth.docker.io:443 production.cloudflare.docker.com:443",
        ),
        (
            Kind::DockerRegistry,
            "https://docker.io",
            "registry-1.docker.io:443 auth.docker.io:443",
        ),
        (
            Kind::GithubGhcr,
            "",
            "ghcr.io:443 pkg-containers.githubusercontent.com:443",
        ),
        (
            Kind::Quay,
            "",
            "quay.io:443 cdn.quay.io:443 cdn01.quay.io:443",
        ),
        (
            Kind::GoogleGcr,
            "https://eu.gcr.io",
            "eu.gcr.io:443 storage.googleapis.com:443",
        ),
        (
            Kind::DockerRegistry,
            "https://us-docker.pkg.dev",
            "us-docker.pkg.dev:443 storage.googleapis.com:443",
        ),
        (
            Kind::AwsEcr,
            "https://1.dkr.ecr.eu-west-1.amazonaws.com",
            "1.dkr.ecr.eu-west-1.amazonaws.com:443 \
             prod-eu-west-1-starport-layer-bucket.s3.eu-west-1.amazonaws.com:443 \
             api.ecr.eu-west-1.amazonaws.com:443 sts.eu-west-1.amazonaws.com:443",
        ),
        (
            Kind::AwsEcr,
            "https://api.ecr.cn-north-1.amazonaws.com.cn",
            "api.ecr.cn-north-1.amazonaws.com.cn:443 \
             prod-cn-north-1-starport-layer-bucket.s3.cn-north-1.amazonaws.com.cn:443 \
             *.dkr.ecr.cn-north-1.amazonaws.com.cn:443 sts.cn-north-1.amazonaws.com.cn:443",
        ),
        (
            Kind::AwsEcr,
            "https://public.ecr.aws",
            "public.ecr.aws:443 d5l0dvt14r5h8.cloudfront.net:443",
        ),
        (
            Kind::AzureAcr,
            "https://x.azurecr.io",
            "x.azurecr.io:443 *.blob.core.windows.net:443",
        ),
        (
            Kind::AliAcr,
            "https://cr.cn-hangzhou.aliyuncs.com",
            "registry.cn-hangzhou.aliyuncs.com:443 dockerauth.cn-hangzhou.aliyuncs.com:443",
        ),
        (
            Kind::DockerRegistry,
            "https://mcr.microsoft.com",
            "mcr.microsoft.com:443 *.data.mcr.microsoft.com:443",
        ),
        (
            Kind::DockerRegistry,
            "https://registry.k8s.io",
            "registry.k8s.io:443 *.pkg.dev:443",
        ),
        (Kind::Harbor, "http://[fd00::1]:8080", "fd00::1:8080"),
        (Kind::DockerRegistry, "http://notgcr.io", "notgcr.io:80"),
        (Kind::DockerRegistry, "ftp://x", ""),
    ];
    for (kind, url, expected) in table {
        let found = listed(&endpoint(kind, url));
        let expected: Vec<_> = expected.split_whitespace().collect();
        assert_eq!(
            found.iter().take(expected.len()).collect::<Vec<_>>(),
            expected,
            "{url}"
        );
        assert_eq!(found.is_empty(), expected.is_empty(), "{url}");
    }
}

#[test]
fn what_makes_the_credential_is_needed_too_wherever_the_options_say_it_is() {
    let mut google = endpoint(Kind::GoogleGcr, "https://gcr.io");
    google.credential = Some(Credential {
        username: "_json_key".into(),
        secret: "{}".into(),
    });
    assert!(listed(&google).contains(&"oauth2.googleapis.com:443".to_owned()));

    let mut azure = endpoint(Kind::AzureAcr, "https://x.azurecr.io");
    let options = AzureOptions {
        authority_host: Some("https://login.example:8443/".into()),
        ..AzureOptions::default()
    };
    azure.options.auth = Some(AuthOptions::Azure(Box::new(options)));
    azure.options.token_hosts = vec!["auth.example:9".into(), "auth2.example".into()];
    let found = listed(&azure);
    for host in ["login.example:8443", "auth.example:9", "auth2.example:443"] {
        assert!(found.contains(&host.to_owned()), "{host} in {found:?}");
    }
}
