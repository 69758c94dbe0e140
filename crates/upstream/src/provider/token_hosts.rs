//! Registries whose tokens are made on another host of theirs. Most make them on their own (GHCR, Quay, GCR and Artifact
//! Registry, ACR, ECR Public, IBM's, Red Hat's) and need no entry; any other is listed by the endpoint's `token_hosts`.

use super::alibaba;

/// Registry and token service, as the registries' challenges name them.
const PAIRS: [(&str, &str); 5] = [
    ("registry-1.docker.io", "auth.docker.io"),
    ("registry.gitlab.com", "gitlab.com"),
    ("docker.elastic.co", "docker-auth.elastic.co"),
    ("registry.digitalocean.com", "api.digitalocean.com"),
    // After a token of `nvcr.io/proxy_auth` has expired, the challenge names this one.
    ("nvcr.io", "authn.nvidia.com"),
];

pub(super) fn is_known(registry: &str, host: &str) -> bool {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let (registry, host) = (plain(registry), plain(host));
    PAIRS.contains(&(registry.as_str(), host.as_str())) || alibaba::is_token_host(&registry, &host)
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
