//! What a form for an endpoint suggests, as Harbor's `/replication/adapterinfos` has it. Nothing here limits what may be
//! typed.

use super::{alibaba, aws};
use crate::Kind;

/// What to suggest for a kind of registry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggestions {
    /// Where it is. `None`: any URL.
    pub endpoint: Option<EndpointPattern>,
    /// Who we are there. `None`: a user name and a password.
    pub credential: Option<CredentialPattern>,
}

/// The URLs of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointPattern {
    /// How they are meant.
    pub kind: PatternKind,
    /// What is shown, and the URL it stands for.
    pub endpoints: Vec<(String, String)>,
}

/// How an [`EndpointPattern`] is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatternKind {
    /// Any URL.
    Standard,
    /// This one and no other.
    Fix,
    /// One of these, or another.
    List,
}

/// The credentials of a kind, in Harbor's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialPattern {
    /// `AccessKeyTypeStandard` or `AccessKeyTypeFix`.
    pub access_key_type: &'static str,
    /// The access key, where it is fixed.
    pub access_key_data: &'static str,
    /// `AccessSecretTypeStandard` or `AccessSecretTypeFile`.
    pub access_secret_type: &'static str,
    /// What stands in the secret's place while it is not changed.
    pub access_secret_data: &'static str,
}

impl PatternKind {
    /// Harbor's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "EndpointPatternTypeStandard",
            Self::Fix => "EndpointPatternTypeFix",
            Self::List => "EndpointPatternTypeList",
        }
    }
}

/// What to suggest for `kind`.
pub fn suggestions(kind: Kind) -> Suggestions {
    let endpoint = |kind, endpoints| Some(EndpointPattern { kind, endpoints });
    match kind {
        Kind::DockerHub => Suggestions {
            endpoint: endpoint(
                PatternKind::Fix,
                vec![("hub.docker.com".into(), "https://hub.docker.com".into())],
            ),
            credential: None,
        },
        Kind::GithubGhcr => Suggestions {
            endpoint: endpoint(PatternKind::Fix, vec![of_host("ghcr.io")]),
            credential: None,
        },
        Kind::AwsEcr => Suggestions {
            endpoint: endpoint(PatternKind::List, aws::REGIONS.map(of_aws).to_vec()),
            credential: None,
        },
        Kind::AliAcr => Suggestions {
            endpoint: endpoint(
                PatternKind::List,
                alibaba::REGIONS.into_iter().flat_map(of_alibaba).collect(),
            ),
            credential: None,
        },
        Kind::GoogleGcr => Suggestions {
            endpoint: endpoint(
                PatternKind::List,
                ["gcr.io", "us.gcr.io", "eu.gcr.io", "asia.gcr.io"]
                    .map(of_host)
                    .to_vec(),
            ),
            credential: Some(key_file("_json_key", "No Change")),
        },
        Kind::Quay => Suggestions {
            endpoint: endpoint(PatternKind::Standard, Vec::new()),
            credential: Some(key_file("json_file", "")),
        },
        Kind::AzureAcr | Kind::DockerRegistry | Kind::Harbor | Kind::JfrogArtifactory => {
            Suggestions::default()
        }
    }
}

fn key_file(access_key: &'static str, access_secret: &'static str) -> CredentialPattern {
    CredentialPattern {
        access_key_type: "AccessKeyTypeFix",
        access_key_data: access_key,
        access_secret_type: "AccessSecretTypeFile",
        access_secret_data: access_secret,
    }
}

fn of_host(host: &str) -> (String, String) {
    (host.to_owned(), format!("https://{host}"))
}

fn of_aws(region: &str) -> (String, String) {
    let domain = aws::domain_of(region);
    (
        region.to_owned(),
        format!("https://api.ecr.{region}.{domain}"),
    )
}

/// Its personal edition by three ways, and enterprise instances by two: `instanceName` is for the user to replace.
fn of_alibaba(region: &str) -> [(String, String); 5] {
    let of = |suffix: &str, host: String| (format!("{region}{suffix}"), format!("https://{host}"));
    [
        of("", format!("registry.{region}.aliyuncs.com")),
        of("-vpc", format!("registry-vpc.{region}.aliyuncs.com")),
        of(
            "-internal",
            format!("registry-internal.{region}.aliyuncs.com"),
        ),
        of(
            "-ee-vpc",
            format!("instanceName-registry-vpc.{region}.cr.aliyuncs.com"),
        ),
        of(
            "-ee",
            format!("instanceName-registry.{region}.cr.aliyuncs.com"),
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_suggest_what_harbors_do() {
        let urls = |kind| {
            let endpoint = suggestions(kind).endpoint.unwrap();
            (endpoint.kind.as_str(), endpoint.endpoints)
        };
        let (kind, hub) = urls(Kind::DockerHub);
        assert_eq!(kind, "EndpointPatternTypeFix");
        assert_eq!(
            hub,
            [("hub.docker.com".into(), "https://hub.docker.com".into())]
        );
        let (kind, ecr) = urls(Kind::AwsEcr);
        assert_eq!((kind, ecr.len()), ("EndpointPatternTypeList", 38));
        assert!(ecr.contains(&(
            "cn-north-1".into(),
            "https://api.ecr.cn-north-1.amazonaws.com.cn".into()
        )));
        let (_, alibaba) = urls(Kind::AliAcr);
        assert_eq!(alibaba.len(), 23 * 5);
        assert!(alibaba.contains(&(
            "cn-hangzhou".into(),
            "https://registry.cn-hangzhou.aliyuncs.com".into()
        )));
        assert_eq!(urls(Kind::GoogleGcr).1.len(), 4);
        let google = suggestions(Kind::GoogleGcr).credential.unwrap();
        assert_eq!(google.access_key_data, "_json_key");
        assert_eq!(suggestions(Kind::Harbor), Suggestions::default());
    }
}
