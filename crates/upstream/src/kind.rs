//! The kinds of registries, by the names Harbor gives them.

use std::fmt;
use std::str::FromStr;

use crate::Error;

/// What a registry is. It decides where the data is, how a credential is come by, and what a form suggests; how to
/// log in is learned from the registry's challenge, whatever its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `ali-acr`: Alibaba Cloud Container Registry.
    AliAcr,
    /// `aws-ecr`: Amazon Elastic Container Registry, private or public.
    AwsEcr,
    /// `azure-acr`: Azure Container Registry.
    AzureAcr,
    /// `docker-hub`.
    DockerHub,
    /// `docker-registry`: any registry.
    DockerRegistry,
    /// `github-ghcr`: GitHub's container registry.
    GithubGhcr,
    /// `google-gcr`: Google Container Registry and Artifact Registry.
    GoogleGcr,
    /// `harbor`: Harbor, and Roadstead.
    Harbor,
    /// `jfrog-artifactory`.
    JfrogArtifactory,
    /// `quay`: quay.io and Red Hat Quay.
    Quay,
}

impl Kind {
    /// All of them, by name.
    pub const ALL: [Self; 10] = [
        Self::AliAcr,
        Self::AwsEcr,
        Self::AzureAcr,
        Self::DockerHub,
        Self::DockerRegistry,
        Self::GithubGhcr,
        Self::GoogleGcr,
        Self::Harbor,
        Self::JfrogArtifactory,
        Self::Quay,
    ];

    /// Harbor's name for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AliAcr => "ali-acr",
            Self::AwsEcr => "aws-ecr",
            Self::AzureAcr => "azure-acr",
            Self::DockerHub => "docker-hub",
            Self::DockerRegistry => "docker-registry",
            Self::GithubGhcr => "github-ghcr",
            Self::GoogleGcr => "google-gcr",
            Self::Harbor => "harbor",
            Self::JfrogArtifactory => "jfrog-artifactory",
            Self::Quay => "quay",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Kind {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let known = Self::ALL.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| Error::Configuration {
            reason: format!(
                "{text:?} is not a kind of registry; there are {}. Any other registry is docker-registry",
                Self::ALL.map(Self::as_str).join(", ")
            ),
        })
    }
}
