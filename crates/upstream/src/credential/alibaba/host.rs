//! What the names of Alibaba Cloud's registries say: the region, and which edition it is.
//!
//! Follows <https://www.alibabacloud.com/help/en/acr/user-guide/individual-edition-instance-independent-domain-name-capacity-limit>
//! (Personal Edition, older and newer names) and
//! <https://www.alibabacloud.com/help/en/acr/user-guide/configure-access-over-the-internet> (Enterprise Edition).

/// The two products, which have an API each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edition {
    Personal,
    Enterprise,
}

/// What a host's name says. `None`: it is not one of Alibaba Cloud's (a domain of one's own, or a test's).
pub(super) fn read_host(host: &str) -> Option<(Edition, &str)> {
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    let (edition, region) = match labels.as_slice() {
        // `cr` is the API's own name, which Harbor's form offers for the registry.
        [
            "registry" | "registry-vpc" | "registry-internal" | "cr" | "cr-vpc",
            region,
            "aliyuncs",
            "com",
        ] => (Edition::Personal, *region),
        [instance, region, "personal", "cr", "aliyuncs", "com"]
            if instance.starts_with("crpi-") =>
        {
            (Edition::Personal, *region)
        }
        [instance, region, "cr", "aliyuncs", "com"]
            if instance.ends_with("-registry") || instance.ends_with("-registry-vpc") =>
        {
            (Edition::Enterprise, *region)
        }
        _ => return None,
    };
    (!region.is_empty()).then_some((edition, region))
}

/// The region, and the instance where it is the Enterprise Edition, of a challenge's service:
/// `registry.aliyuncs.com:<region>:<number>[:cri-…]`.
pub(super) fn read_service(service: &str) -> Option<(&str, Option<&str>)> {
    let mut parts = service.split(':');
    if parts.next() != Some("registry.aliyuncs.com") {
        return None;
    }
    let region = parts.next().filter(|region| !region.is_empty())?;
    Some((region, parts.find(|part| part.starts_with("cri-"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_name_says_region_and_edition() {
        use Edition::{Enterprise, Personal};
        for (host, expected) in [
            (
                "registry.cn-hangzhou.aliyuncs.com",
                Some((Personal, "cn-hangzhou")),
            ),
            (
                "registry-vpc.cn-hangzhou.aliyuncs.com",
                Some((Personal, "cn-hangzhou")),
            ),
            (
                "registry-internal.ap-southeast-1.aliyuncs.com.",
                Some((Personal, "ap-southeast-1")),
            ),
            (
                "cr.eu-central-1.aliyuncs.com",
                Some((Personal, "eu-central-1")),
            ),
            (
                "crpi-ab1.cn-beijing.personal.cr.aliyuncs.com",
                Some((Personal, "cn-beijing")),
            ),
            (
                "crpi-ab1-vpc.cn-beijing.personal.cr.aliyuncs.com",
                Some((Personal, "cn-beijing")),
            ),
            (
                "corp-registry.cn-shanghai.cr.aliyuncs.com",
                Some((Enterprise, "cn-shanghai")),
            ),
            (
                "corp-registry-vpc.cn-shanghai.cr.aliyuncs.com",
                Some((Enterprise, "cn-shanghai")),
            ),
            ("corp.cn-shanghai.cr.aliyuncs.com", None),
            ("registry..aliyuncs.com", None),
            ("registry.cn-hangzhou.aliyuncs.com.evil.example", None),
            ("registry.aliyuncs.com", None),
            ("127.0.0.1", None),
            ("", None),
        ] {
            assert_eq!(read_host(host), expected, "{host}");
        }
    }

    #[test]
    fn a_challenges_service_says_region_and_instance() {
        for (service, expected) in [
            (
                "registry.aliyuncs.com:cn-hangzhou:26842",
                Some(("cn-hangzhou", None)),
            ),
            (
                "registry.aliyuncs.com:cn-hangzhou:china:cri-ab1",
                Some(("cn-hangzhou", Some("cri-ab1"))),
            ),
            ("registry.aliyuncs.com", None),
            ("registry.aliyuncs.com:", None),
            ("registry.docker.io:cn-hangzhou:1", None),
            ("", None),
        ] {
            assert_eq!(read_service(service), expected, "{service}");
        }
    }
}
