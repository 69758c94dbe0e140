//! Docker Hub: one registry under many names, none of which serves its data.

/// The host that serves manifests and blobs.
const DATA_HOST: &str = "registry-1.docker.io";
/// Where its `/v2/` is.
pub(super) const URL: &str = "https://registry-1.docker.io";

/// Whether `host` is what people write for it.
pub(crate) fn is_name_of_it(host: &str) -> bool {
    let names = [
        "docker.io",
        "www.docker.io",
        "index.docker.io",
        "registry.hub.docker.com",
        "hub.docker.com",
        DATA_HOST,
    ];
    names.iter().any(|name| name.eq_ignore_ascii_case(host))
}
