//! What an Amazon registry's host says: account, region, and where the services beside it are.
//! <https://docs.aws.amazon.com/AmazonECR/latest/userguide/Registries.html> and
//! <https://docs.aws.amazon.com/general/latest/gr/ecr.html>.

/// A host that is Amazon's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Host {
    /// A private registry, or the API of all of them in a region.
    Private(PrivateHost),
    /// The public gallery.
    Public,
}

/// See [`Host::Private`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PrivateHost {
    /// `None`: the host is the API's, and the registry is the account's own.
    pub(super) account: Option<String>,
    pub(super) region: String,
    is_fips: bool,
    is_dual_stack: bool,
    suffix: String,
}

/// The partitions' domains, and those of their dual-stack hosts.
const SUFFIXES: [&str; 7] = [
    "amazonaws.com",
    "amazonaws.com.cn",
    "amazonaws.eu",
    "c2s.ic.gov",
    "sc2s.sgov.gov",
    "cloud.adc-e.uk",
    "csp.hci.ic.gov",
];
const DUAL_STACK_SUFFIXES: [&str; 2] = ["on.aws", "on.amazonwebservices.com.cn"];

/// What `host` says. `None`: it is not Amazon's, or of a form not known here.
pub(super) fn parse(host: &str) -> Option<Host> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    if matches!(host.as_str(), "public.ecr.aws" | "ecr-public.aws.com") {
        return Some(Host::Public);
    }
    registry(&host).or_else(|| api(&host)).map(Host::Private)
}

/// `<account>.dkr.ecr[-fips].<region>.<suffix>` and `<account>.dkr-ecr[-fips].<region>.<suffix>`.
fn registry(host: &str) -> Option<PrivateHost> {
    let (account, rest) = host.split_once('.')?;
    if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let forms = [
        ("dkr.ecr.", false, false),
        ("dkr.ecr-fips.", true, false),
        ("dkr-ecr.", false, true),
        ("dkr-ecr-fips.", true, true),
    ];
    forms
        .into_iter()
        .find_map(|(form, is_fips, is_dual_stack)| {
            let found = private(rest.strip_prefix(form)?, is_fips, is_dual_stack)?;
            Some(PrivateHost {
                account: Some(account.to_owned()),
                ..found
            })
        })
}

/// `api.ecr.<region>.<suffix>`, as Harbor's forms have it, and `ecr-fips.<region>.<suffix>`.
fn api(host: &str) -> Option<PrivateHost> {
    let plain = host
        .strip_prefix("api.ecr.")
        .and_then(|rest| private(rest, false, false));
    plain.or_else(|| private(host.strip_prefix("ecr-fips.")?, true, false))
}

fn private(region_and_suffix: &str, is_fips: bool, is_dual_stack: bool) -> Option<PrivateHost> {
    let (region, suffix) = region_and_suffix.split_once('.')?;
    let known = match is_dual_stack {
        true => &DUAL_STACK_SUFFIXES[..],
        false => &SUFFIXES[..],
    };
    let is_region = region.starts_with(|first: char| first.is_ascii_lowercase())
        && region
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_region && known.contains(&suffix)).then(|| PrivateHost {
        account: None,
        region: region.to_owned(),
        is_fips,
        is_dual_stack,
        suffix: suffix.to_owned(),
    })
}

impl PrivateHost {
    /// The usual hosts of a region, for a registry under a name of its own (VPC endpoints, private names).
    pub(super) fn of_region(region: &str) -> Self {
        let suffix = match region {
            _ if region.starts_with("cn-") => "amazonaws.com.cn",
            _ if region.starts_with("us-isob-") => "sc2s.sgov.gov",
            _ if region.starts_with("us-isof-") => "csp.hci.ic.gov",
            _ if region.starts_with("us-iso-") => "c2s.ic.gov",
            _ if region.starts_with("eu-isoe-") => "cloud.adc-e.uk",
            _ if region.starts_with("eusc-") => "amazonaws.eu",
            _ => "amazonaws.com",
        };
        Self {
            account: None,
            region: region.to_owned(),
            is_fips: false,
            is_dual_stack: false,
            suffix: suffix.to_owned(),
        }
    }

    /// Where tokens for the registry are made.
    pub(super) fn ecr_url(&self) -> String {
        let Self { region, suffix, .. } = self;
        match (self.is_dual_stack, self.is_fips) {
            (true, is_fips) => {
                let name = if is_fips { "ecr-fips" } else { "ecr" };
                let domain = match suffix.strip_prefix("on.") {
                    Some("aws") | None => "api.aws".to_owned(),
                    Some(domain) => format!("api.{domain}"),
                };
                format!("https://{name}.{region}.{domain}")
            }
            (false, true) => format!("https://ecr-fips.{region}.{suffix}"),
            (false, false) => format!("https://api.ecr.{region}.{suffix}"),
        }
    }

    /// Where roles are assumed. FIPS has hosts of its own in the commercial regions of the United States alone; in
    /// GovCloud every host is one, elsewhere there are none.
    pub(super) fn sts_url(&self) -> String {
        let region = &self.region;
        let suffix = match self.suffix.as_str() {
            "on.aws" => "amazonaws.com",
            "on.amazonwebservices.com.cn" => "amazonaws.com.cn",
            suffix => suffix,
        };
        let has_fips_host = self.is_fips && region.starts_with("us-") && !region.contains("-gov-");
        let name = if has_fips_host { "sts-fips" } else { "sts" };
        format!("https://{name}.{region}.{suffix}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_host_says_account_region_and_services() {
        let table = [
            (
                "123456789012.dkr.ecr.us-west-2.amazonaws.com",
                "123456789012 us-west-2",
                "https://api.ecr.us-west-2.amazonaws.com",
                "https://sts.us-west-2.amazonaws.com",
            ),
            (
                "123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn",
                "123456789012 cn-north-1",
                "https://api.ecr.cn-north-1.amazonaws.com.cn",
                "https://sts.cn-north-1.amazonaws.com.cn",
            ),
            (
                "123456789012.dkr.ecr-fips.us-east-1.amazonaws.com",
                "123456789012 us-east-1",
                "https://ecr-fips.us-east-1.amazonaws.com",
                "https://sts-fips.us-east-1.amazonaws.com",
            ),
            (
                "123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com",
                "123456789012 us-gov-west-1",
                "https://ecr-fips.us-gov-west-1.amazonaws.com",
                "https://sts.us-gov-west-1.amazonaws.com",
            ),
            (
                "123456789012.dkr-ecr.eu-central-1.on.aws",
                "123456789012 eu-central-1",
                "https://ecr.eu-central-1.api.aws",
                "https://sts.eu-central-1.amazonaws.com",
            ),
            (
                "123456789012.dkr-ecr-fips.us-east-2.on.aws",
                "123456789012 us-east-2",
                "https://ecr-fips.us-east-2.api.aws",
                "https://sts-fips.us-east-2.amazonaws.com",
            ),
            (
                "123456789012.dkr-ecr.cn-northwest-1.on.amazonwebservices.com.cn",
                "123456789012 cn-northwest-1",
                "https://ecr.cn-northwest-1.api.amazonwebservices.com.cn",
                "https://sts.cn-northwest-1.amazonaws.com.cn",
            ),
            (
                "123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov",
                "123456789012 us-iso-east-1",
                "https://api.ecr.us-iso-east-1.c2s.ic.gov",
                "https://sts.us-iso-east-1.c2s.ic.gov",
            ),
            (
                "123456789012.dkr.ecr.us-isob-east-1.sc2s.sgov.gov",
                "123456789012 us-isob-east-1",
                "https://api.ecr.us-isob-east-1.sc2s.sgov.gov",
                "https://sts.us-isob-east-1.sc2s.sgov.gov",
            ),
            (
                "API.ECR.us-west-1.amazonaws.com.",
                "- us-west-1",
                "https://api.ecr.us-west-1.amazonaws.com",
                "https://sts.us-west-1.amazonaws.com",
            ),
        ];
        for (host, says, ecr, sts) in table {
            let Some(Host::Private(found)) = parse(host) else {
                panic!("{host}");
            };
            let account = found.account.as_deref().unwrap_or("-");
            assert_eq!(format!("{account} {}", found.region), says, "{host}");
            assert_eq!((found.ecr_url(), found.sts_url()), (ecr.into(), sts.into()));
        }
    }

    #[test]
    fn the_gallery_is_public_and_other_hosts_are_nobodys() {
        assert_eq!(parse("public.ecr.aws"), Some(Host::Public));
        for host in [
            "",
            "registry.example",
            "amazonaws.com",
            "12345.dkr.ecr.us-west-2.amazonaws.com",
            "12345678901x.dkr.ecr.us-west-2.amazonaws.com",
            "123456789012.dkr.ecr.us-west-2.amazonaws.com.evil.example",
            "123456789012.dkr.ecr.amazonaws.com",
            "123456789012.dkr.ecr.us-west-2.on.aws",
            "123456789012.dkr-ecr.us-west-2.amazonaws.com",
            "api.ecr.us_west.amazonaws.com",
            "evil.public.ecr.aws",
        ] {
            assert_eq!(parse(host), None, "{host}");
        }
    }

    #[test]
    fn a_region_alone_has_the_hosts_of_its_partition() {
        let url = |region| PrivateHost::of_region(region).ecr_url();
        assert_eq!(url("eu-west-1"), "https://api.ecr.eu-west-1.amazonaws.com");
        assert_eq!(
            url("cn-north-1"),
            "https://api.ecr.cn-north-1.amazonaws.com.cn"
        );
        assert_eq!(
            url("us-isob-east-1"),
            "https://api.ecr.us-isob-east-1.sc2s.sgov.gov"
        );
    }
}
