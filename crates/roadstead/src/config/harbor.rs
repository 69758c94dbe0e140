//! Keys of harbor.yml that mean nothing here. They are refused by name, because a setting that is read and then
//! ignored is a promise nobody keeps.

use super::section::Section;

/// Refuses what Harbor's top level knows and Roadstead does not.
pub(super) fn refuse_top_level(top: &mut Section<'_>) {
    for (key, why) in TOP_LEVEL {
        top.refuse(key, why);
    }
}

const TOP_LEVEL: [(&str, &str); 19] = [
    (
        "_version",
        "not needed: the file has no versions; remove the line",
    ),
    (
        "cache",
        "not needed: what is asked for often is always kept in memory; remove the section",
    ),
    (
        "chartmuseum",
        "not supported: charts are stored as OCI artifacts; remove the section",
    ),
    ("clair", NO_SCANNER),
    (
        "core",
        "not supported in this version: there is no separate core to set up; remove the section",
    ),
    ("external_redis", NO_REDIS),
    (
        "internal_tls",
        "not needed: Roadstead is one process, nothing inside it speaks TLS; remove the section",
    ),
    (
        "ip_family",
        "not supported: write `http.address` or `https.address` instead, for example \"::\"",
    ),
    (
        "jobservice",
        "not needed: there is no separate job service to set up; remove the section",
    ),
    (
        "network",
        "not supported: write `http.address` or `https.address` instead, for example \"::\"",
    ),
    (
        "notary",
        "not supported: signatures are stored as OCI artifacts; remove the section",
    ),
    (
        "notification",
        "not supported in this version: there are no webhooks yet; remove the section",
    ),
    (
        "quota_update_provider",
        "not supported in this version: there are no quotas yet; remove the line",
    ),
    ("redis", NO_REDIS),
    (
        "registry",
        "not needed: the registry is part of this process; upstream endpoints are declared under `registries`",
    ),
    (
        "trace",
        "not supported in this version: no traces are exported yet; remove the section",
    ),
    ("trivy", NO_SCANNER),
    ("trivy_adapter", NO_SCANNER),
    ("uaa", "not supported: remove the section"),
];

const NO_SCANNER: &str =
    "not supported in this version: there is no scanner yet; remove the section";
const NO_REDIS: &str = "not needed: Roadstead uses no Redis; remove the section";
