//! Registries whose tokens are made on another host of theirs. Most make them on their own (GHCR, Quay, GCR and Artifact
//! Registry, ACR, ECR Public, IBM's, Red Hat's) and need no entry; any other is listed by the endpoint's `token_hosts`.

/// Registry and token service, as the registries' challenges name them.
const PAIRS: [(&str, &str); 5] = [
    ("registry-1.docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
    ("docker.elastic.co", "docker-auth.elastic.co"),
    ("registry.digitalocean.com", "api.digitalocean.com"),
    // After a token of `nvcr.io/proxy_auth` has expired, the challenge names this one.
    ("nvcr.io", "authn.nvidia.com"),
];

const ALIBABA: &str = ".aliyuncs.com";

pub(super) fn is_known(registry: &str, host: &str) -> bool {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let (registry, host) = (plain(registry), plain(host));
    PAIRS.contains(&(registry.as_str(), host.as_str())) || is_alibabas(&registry, &host)
}

/// `registry[-vpc|-internal|-intl].<region>.aliyuncs.com` and `<instance>-registry[-vpc].<region>.cr.aliyuncs.com`
/// name `dockerauth[-…].<region>.aliyuncs.com`; some of the former name Hangzhou's, or the one without a region. Other
/// names below the domain belong to its customers, such as `<bucket>.oss-<region>.aliyuncs.com`.
fn is_alibabas(registry: &str, host: &str) -> bool {
    let (Some(region), Some(service)) = (alibaba_region(registry), host.strip_suffix(ALIBABA))
    else {
        return false;
    };
    let (service, place) = match service.split_once('.') {
        Some((service, place)) => (service, Some(place)),
        None => (service, None),
    };
    let is_place = place.is_none_or(|place| place == region || place == "cn-hangzhou");
    let kind = service.strip_prefix("dockerauth");
    let is_service = kind.is_some_and(|kind| kind.is_empty() || kind.starts_with('-'));
    is_service && is_place
}

/// The region of Alibaba Cloud that a registry's host is in.
pub(super) fn alibaba_region(registry: &str) -> Option<&str> {
    let name = registry.strip_suffix(ALIBABA)?;
    let (first, region) = name.split_once('.')?;
    match region.strip_suffix(".cr") {
        // `<instance>.<region>.personal.cr.aliyuncs.com` too.
        Some(region) => Some(region.strip_suffix(".personal").unwrap_or(region)),
        None => (first == "registry" || first.starts_with("registry-")).then_some(region),
    }
    .filter(|region| !region.contains('.'))
}

#[cfg(test)]
mod tests {
    #[test]
    fn known_registries_have_their_tokens_made_elsewhere() {
        let table = [
            ("registry-1.docker.io", "auth.docker.io", true),
            ("Registry.GitLab.com", "gitlab.com.", true),
            ("nvcr.io", "authn.nvidia.com", true),
            ("r.example", "auth.docker.io", false),
            ("gitlab.com", "registry.gitlab.com", false),
            (
                "registry.cn-shanghai.aliyuncs.com",
                "dockerauth.cn-shanghai.aliyuncs.com",
                true,
            ),
            (
                "registry.cn-shenzhen.aliyuncs.com",
                "dockerauth.cn-hangzhou.aliyuncs.com",
                true,
            ),
            (
                "registry-vpc.cn-shanghai.aliyuncs.com",
                "dockerauth-vpc.cn-shanghai.aliyuncs.com",
                true,
            ),
            (
                "registry.cn-hangzhou.aliyuncs.com",
                "dockerauth.aliyuncs.com",
                true,
            ),
            (
                "x-registry.eu-west-1.cr.aliyuncs.com",
                "dockerauth-ee.eu-west-1.aliyuncs.com",
                true,
            ),
            (
                "crpi-1.cn-hangzhou.personal.cr.aliyuncs.com",
                "dockerauth.cn-hangzhou.aliyuncs.com",
                true,
            ),
            (
                "registry.cn-shanghai.aliyuncs.com",
                "dockerauth.eu-west-1.aliyuncs.com",
                false,
            ),
            (
                "registry.cn-hangzhou.aliyuncs.com",
                "dockerauth.oss-cn-hangzhou.aliyuncs.com",
                false,
            ),
            (
                "registry.cn-hangzhou.aliyuncs.com",
                "dockerauthx.cn-hangzhou.aliyuncs.com",
                false,
            ),
            ("r.example", "dockerauth.cn-hangzhou.aliyuncs.com", false),
        ];
        for (registry, host, is_known) in table {
            assert_eq!(
                super::is_known(registry, host),
                is_known,
                "{registry} {host}"
            );
        }
    }
}
