//! Alibaba Cloud Container Registry: the hosts of its regions.

const DOMAIN: &str = ".aliyuncs.com";

/// The regions Harbor's form lists.
pub(super) const REGIONS: [&str; 23] = [
    "cn-qingdao",
    "cn-beijing",
    "cn-zhangjiakou",
    "cn-huhehaote",
    "cn-wulanchabu",
    "cn-hangzhou",
    "cn-shanghai",
    "cn-shenzhen",
    "cn-heyuan",
    "cn-guangzhou",
    "cn-chengdu",
    "cn-hongkong",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-5",
    "ap-south-1",
    "ap-northeast-1",
    "us-west-1",
    "us-east-1",
    "eu-central-1",
    "eu-west-1",
    "me-east-1",
];

/// The registry's host where `host` is that of its interface, which people type too: `cr.<region>.aliyuncs.com`.
pub(super) fn registry_of(host: &str) -> Option<String> {
    let region = host.strip_prefix("cr.")?.strip_suffix(DOMAIN)?;
    (!region.contains('.')).then(|| format!("registry.{region}{DOMAIN}"))
}

/// The region that a registry's host is in: `registry[-vpc|-internal|-intl].<region>.aliyuncs.com`, or below
/// `<region>.cr.aliyuncs.com` and `<region>.personal.cr.aliyuncs.com`.
pub(super) fn region_of(registry: &str) -> Option<&str> {
    let name = registry.strip_suffix(DOMAIN)?;
    let (first, region) = name.split_once('.')?;
    match region.strip_suffix(".cr") {
        Some(region) => Some(region.strip_suffix(".personal").unwrap_or(region)),
        None => (first == "registry" || first.starts_with("registry-")).then_some(region),
    }
    .filter(|region| !region.contains('.'))
}

/// Whether `host` is a token service of the registry at `registry`: `dockerauth[-…].<region>.aliyuncs.com`. Some regions
/// use Hangzhou's, or the one without a region. Other names below the domain belong to customers, such as
/// `<bucket>.oss-<region>.aliyuncs.com`.
pub(super) fn is_token_host(registry: &str, host: &str) -> bool {
    let (Some(region), Some(service)) = (region_of(registry), host.strip_suffix(DOMAIN)) else {
        return false;
    };
    let (service, place) = match service.split_once('.') {
        Some((service, place)) => (service, Some(place)),
        None => (service, None),
    };
    let is_place = place.is_none_or(|place| place == region || place == "cn-hangzhou");
    let kind = service.strip_prefix("dockerauth");
    is_place && kind.is_some_and(|kind| kind.is_empty() || kind.starts_with('-'))
}
