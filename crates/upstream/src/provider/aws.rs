//! Amazon Elastic Container Registry: its hosts.

/// The public registry, which has one place for all regions.
pub(super) const PUBLIC_REGISTRY: &str = "public.ecr.aws";

/// The regions Harbor's form lists.
pub(super) const REGIONS: [&str; 38] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-south-1",
    "ap-south-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eu-south-1",
    "eu-south-2",
    "eu-north-1",
    "il-central-1",
    "me-south-1",
    "me-central-1",
    "mx-central-1",
    "sa-east-1",
    "us-gov-east-1",
    "us-gov-west-1",
];

/// A private registry's host, `<account>.dkr.ecr[-fips].<region>.<domain>`, or its interface's,
/// `api.ecr[-fips].<region>.<domain>`.
pub(super) struct PrivateHost<'a> {
    pub(super) region: &'a str,
    /// `amazonaws.com`, `amazonaws.com.cn`, or that of a partition without a connection to the internet.
    pub(super) domain: &'a str,
}

impl<'a> PrivateHost<'a> {
    pub(super) fn parse(host: &'a str) -> Option<Self> {
        let rest = match host.split_once(".dkr.") {
            Some((_, rest)) => rest,
            None => host.strip_prefix("api.")?,
        };
        let rest = rest
            .strip_prefix("ecr.")
            .or_else(|| rest.strip_prefix("ecr-fips."))?;
        let (region, domain) = rest.split_once('.')?;
        Some(Self { region, domain })
    }
}

/// The registry's host where `host` is that of the public registry's interface. A private registry's has no such
/// rule: the account's number is not in it.
pub(super) fn registry_of(host: &str) -> Option<String> {
    (host.starts_with("api.ecr-public.") || host.starts_with("ecr-public."))
        .then(|| PUBLIC_REGISTRY.to_owned())
}

/// The domain of the services in a region.
pub(super) fn domain_of(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "amazonaws.com.cn"
    } else {
        "amazonaws.com"
    }
}
