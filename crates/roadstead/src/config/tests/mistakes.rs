//! Mistakes an operator can make in the file, each with what its one line must say: place, key, expectation.

/// The file's text, and the parts of the complaint.
pub(super) const MISTAKES: &[(&str, &[&str])] = &[
    (
        "htpp: {port: 80}",
        &[
            "roadstead.yml:1:1: htpp: ",
            "unknown key; did you mean `http`?",
        ],
    ),
    (
        "a: 1",
        &[
            "roadstead.yml:1:1: a: ",
            "unknown key; expected one of hostname, http, ",
        ],
    ),
    (
        "http:\n  prot: 80",
        &["roadstead.yml:2:3: http.prot: ", "did you mean `port`?"],
    ),
    (
        "http: 8080",
        &[
            "roadstead.yml:1:7: http: ",
            "expected a mapping",
            "found the number 8080",
        ],
    ),
    (
        "- a",
        &["roadstead.yml:1:1: ", "expected a mapping", "found a list"],
    ),
    (
        "http: {port: eighty}",
        &[
            "1:14: http.port: ",
            "expected a port between 1 and 65535, found the text \"eighty\"",
        ],
    ),
    (
        "database: {host: h, username: u, port: 0}",
        &[
            "database.port: ",
            "expected a port between 1 and 65535, found the number 0",
        ],
    ),
    (
        "http: {port: 65536}",
        &["http.port: ", "found the number 65536"],
    ),
    (
        "http: {address: localhost}",
        &["http.address: ", "expected an IP address"],
    ),
    (
        "hostname: https://reg.example.com",
        &[
            "1:11: hostname: ",
            "expected a host name or address without scheme and port",
        ],
    ),
    ("hostname: 5", &["hostname: ", "found the number 5"]),
    (
        "external_url: reg.example.com",
        &[
            "external_url: ",
            "expected an http:// or https:// URL without a path",
        ],
    ),
    (
        "external_url: https://reg.example.com/x",
        &["external_url: ", "without a path"],
    ),
    (
        "external_url: ftp://reg.example.com",
        &["external_url: ", "expected an http:// or https:// URL"],
    ),
    (
        "https: {certificate: /dev/null}",
        &[
            "1:8: https.private_key: ",
            "missing: expected the path of a PEM file",
        ],
    ),
    (
        "https: {certificate: /no/such.pem, private_key: /dev/null}",
        &[
            "1:22: https.certificate: ",
            "cannot read the file /no/such.pem: No such file",
        ],
    ),
    (
        "data_volume: [a]",
        &["data_volume: ", "expected a path, found a list"],
    ),
    (
        "drain_timeout: 30",
        &[
            "1:16: drain_timeout: ",
            "expected a duration such as 30s",
            "found the number 30 (which unit?)",
        ],
    ),
    (
        "janitor_period: 0",
        &["janitor_period: ", "expected more than 0"],
    ),
    (
        "janitor_period: often",
        &["janitor_period: ", "expected a duration", "\"often\""],
    ),
    (
        "database: {type: mysql}",
        &[
            "1:18: database.type: ",
            "expected one of sqlite, postgresql, found the text \"mysql\"",
        ],
    ),
    (
        "database: {password: root123}",
        &[
            "database.password: ",
            "for PostgreSQL write `type: postgresql`",
        ],
    ),
    (
        "database: {type: postgresql, username: u}",
        &[
            "database.host: ",
            "missing: expected the name of the database's host",
        ],
    ),
    (
        "database: {max_open_conns: 9}",
        &["database.max_open_conns: ", "not needed"],
    ),
    (
        "database: {url: 'mysql://h/d'}",
        &[
            "database.url: ",
            "expected sqlite:///path/to/file.db or postgresql://",
        ],
    ),
    (
        "database: {url: 'sqlite:///f', host: h}",
        &["database.host: ", "expected nothing beside `url`"],
    ),
    (
        "database: {host: h, username: u, ssl_mode: on}",
        &[
            "database.ssl_mode: ",
            "expected one of disable, allow, prefer",
        ],
    ),
    (
        "database: {}\nexternal_database: {harbor: {host: h, username: u}}",
        &[
            "2:20: external_database: ",
            "expected either `database` or `external_database`",
        ],
    ),
    (
        "storage_service: {s3: {bucket: b}}",
        &[
            "1:19: storage_service.s3: ",
            "not supported in this version",
        ],
    ),
    (
        "storage_service: {gcs: {}}",
        &["storage_service.gcs: ", "not supported in this version"],
    ),
    (
        "storage_service: {azure: {}}",
        &["storage_service.azure: ", "not supported in this version"],
    ),
    (
        "proxy: {https_proxy: proxy}",
        &[
            "proxy.https_proxy: ",
            "expected a proxy's URL, such as http://proxy.example.com:3128",
        ],
    ),
    (
        "proxy: {components: [core, clair]}",
        &[
            "proxy.components: ",
            "core, jobservice, registry, trivy, found \"clair\"",
        ],
    ),
    (
        "log: {level: loud}",
        &[
            "log.level: ",
            "expected a level (debug, info, warning, error)",
            "\"loud\"",
        ],
    ),
    (
        "log: {format: xml}",
        &["log.format: ", "expected one of text, json"],
    ),
    (
        "log: {local: {rotate_count: 50}}",
        &["log.local: ", "logs to standard error"],
    ),
    (
        "metric: {enabled: maybe}",
        &[
            "metric.enabled: ",
            "expected true or false, found the text \"maybe\"",
        ],
    ),
    (
        "metric: {enabled: true, port: 8080}",
        &[
            "metric.port: ",
            "expected another port than the registry's own 8080",
        ],
    ),
    (
        "metric: {path: metrics}",
        &["metric.path: ", "expected a path that starts with `/`"],
    ),
    (
        "upload_purging: {enabled: false}",
        &["upload_purging.enabled: ", "expected true"],
    ),
    (
        "jobservice: {max_job_workers: 10}",
        &[
            "1:1: jobservice: ",
            "not needed: there is no separate job service",
        ],
    ),
    (
        "notification: {}",
        &["notification: ", "not supported in this version"],
    ),
    ("trivy: {}", &["trivy: ", "no scanner yet"]),
    (
        "internal_tls: {enabled: true}",
        &["internal_tls: ", "Roadstead is one process"],
    ),
    ("_version: 2.15.0", &["_version: ", "remove the line"]),
    (
        "external_redis: {host: r}",
        &["external_redis: ", "uses no Redis"],
    ),
    (
        "harbor_admin_password: 12345678",
        &["harbor_admin_password: ", "expected text", "in quotes"],
    ),
    (
        "harbor_admin_password: ''",
        &["harbor_admin_password: ", "expected text, found none"],
    ),
    (
        "harbor_admin_password: ${NOT_THERE}",
        &[
            "harbor_admin_password: ",
            "environment variable NOT_THERE, which is not set",
        ],
    ),
    (
        "harbor_admin_password_file: /no/such",
        &[
            "harbor_admin_password_file: ",
            "cannot read the file /no/such",
        ],
    ),
    (
        "harbor_admin_password_file: /dev/null",
        &[
            "harbor_admin_password_file: ",
            "the file /dev/null is empty",
        ],
    ),
    (
        "registries: {name: hub}",
        &[
            "registries: ",
            "expected a list (lines starting with `- `), found a mapping",
        ],
    ),
    (
        "registries: [{type: docker-hub}]",
        &["1:14: registries[0].name: ", "missing: expected a name"],
    ),
    (
        "registries: [{name: r}]\n#",
        &["registries[0].type: ", "registries[0].url"],
    ),
    (
        "registries: [{name: r, type: docker-registry}]",
        &[
            "registries[0].url: ",
            "missing: expected the registry's URL",
        ],
    ),
    (
        "registries: [{name: r, type: harbor}]",
        &[
            "registries[0].url: ",
            "missing: expected the registry's URL",
        ],
    ),
    (
        "registries: [{name: r, type: dockerhub, url: 'https://h'}]",
        &[
            "registries[0].type: ",
            "expected one of ali-acr, aws-ecr",
            "did you mean docker-hub?",
        ],
    ),
    (
        "registries: [{name: r, type: gitlab, url: 'https://h'}]",
        &[
            "registries[0].type: ",
            "any other registry is docker-registry",
        ],
    ),
    (
        "registries: [{name: r, type: quay, options: [1]}]",
        &[
            "registries[0].options: ",
            "expected a mapping, found a list",
        ],
    ),
    (
        "registries:\n- name: r\n  type: quay\n  options:\n    max_conections: 3\n",
        &[
            "5:5: registries[0].options.max_conections: ",
            "unknown field `max_conections`",
            "`max_connections`",
        ],
    ),
    (
        "registries: [{name: r, type: quay, options: {max_connections: hunter2}}]",
        &[
            "registries[0].options.max_connections: ",
            "expected u32, found a value of the type string",
        ],
    ),
    (
        "registries: [{name: r, type: quay, options: {proxy: '${NOWHERE}'}}]",
        &[
            "registries[0].options.proxy: ",
            "names the environment variable NOWHERE, which is not set",
        ],
    ),
    (
        "registries: [{name: r, type: quay, options: {credentials: [{access_key: k, access_secret_file: /no/such}]}}]",
        &[
            "registries[0].options.credentials[0].access_secret_file: ",
            "cannot read the file /no/such",
        ],
    ),
    (
        "credential_helpers: [docker-credential-ecr-login]",
        &["credential_helpers: ", "expected names such as ecr-login"],
    ),
    (
        "credential_helpers: ['../sh']",
        &["credential_helpers: ", "found \"../sh\""],
    ),
    (
        "registries: [{name: r, type: quay}]\nprojects: [{name: p, registry: r, metadata: {max_upstream_conn: many}}]",
        &["metadata.max_upstream_conn: ", "expected -1, for no limit"],
    ),
    (
        "projects: [{name: p, metadata: {proxy_speed_kb: 5}}]",
        &["metadata.proxy_speed_kb: ", "no proxy cache"],
    ),
    (
        "registries: [{name: r, type: docker-registry, url: ghcr.io}]",
        &["registries[0].url: ", "expected an http:// or https:// URL"],
    ),
    (
        "registries: [{name: r, type: docker-hub, url: 'https://u:p@h'}]",
        &["registries[0].url: ", "without an account in it"],
    ),
    (
        "registries: [{name: r, type: docker-hub}, {name: r, type: docker-hub}]",
        &[
            "1:50: registries[1].name: ",
            "expected a name of its own, found a second \"r\"",
        ],
    ),
    (
        "registries: [{name: r, type: docker-hub, credential: {access_key: k}}]",
        &[
            "registries[0].credential.access_secret: ",
            "missing: expected the password or token",
        ],
    ),
    (
        "registries: [{name: r, type: docker-hub, ca_certificate: x}]",
        &["registries[0].ca_certificate: ", "in PEM form"],
    ),
    (
        "registries: [{name: r, type: docker-hub, insecure: 1}]",
        &["registries[0].insecure: ", "expected true or false"],
    ),
    (
        "registries: [{name: r, type: docker-hub, accesskey: k}]",
        &["registries[0].accesskey: ", "unknown key"],
    ),
    (
        "projects: [{name: My-Project}]",
        &[
            "1:19: projects[0].name: ",
            "expected a project name: lower-case letters",
        ],
    ),
    (
        "projects: [{name: a--b}]",
        &["projects[0].name: ", "expected a project name"],
    ),
    (
        "projects: [{name: p}, {name: p}]",
        &["projects[1].name: ", "found a second \"p\""],
    ),
    (
        "projects: [{name: p, registry: hub}]",
        &[
            "projects[0].registry: ",
            "expected the name of an entry of `registries`",
            "none is declared",
        ],
    ),
    (
        "registries: [{name: dockerhub, type: docker-hub}]\nprojects: [{name: p, registry: dokerhub}]",
        &[
            "2:32: projects[0].registry: ",
            "did you mean \"dockerhub\"?",
        ],
    ),
    (
        "projects: [{name: p, revalidate_after: 30s}]",
        &["projects[0].revalidate_after: ", "no proxy cache"],
    ),
    (
        "projects: [{name: p, public: sure}]",
        &["projects[0].public: ", "expected true or false"],
    ),
    (
        "projects: [{name: p, metadata: {public: true}}]",
        &["projects[0].metadata.public: ", "in the project itself"],
    ),
    (
        "projects: [{name: p, metadata: {prevent_vul: true}}]",
        &[
            "metadata.prevent_vul: ",
            "not supported in this version: expected false",
        ],
    ),
    (
        "projects: [{name: p, metadata: {proxy_referrer_api: true}}]",
        &["metadata.proxy_referrer_api: ", "no proxy cache"],
    ),
    (
        "projects: [{name: p, metadata: {retention: 5}}]",
        &["metadata.retention: ", "unknown key"],
    ),
    (
        "registries: [{name: r, type: docker-hub}]\nprojects: [{name: p, registry: r, metadata: {max_upstream_conn: 0}}]",
        &["metadata.max_upstream_conn: ", "expected -1, for no limit"],
    ),
    (
        "registries: [{name: r, type: docker-hub}]\nprojects: [{name: p, registry: r, metadata: {proxy_cache_filter_pattern: 'a/**'}}]",
        &[
            "metadata.proxy_cache_filter_pattern: ",
            "proxy_cache_filter_kind is needed",
        ],
    ),
    (
        "registries: [{name: r, type: docker-hub}]\nprojects: [{name: p, registry: r, metadata: {proxy_cache_filter_pattern: '(', proxy_cache_filter_kind: regex}}]",
        &["metadata.proxy_cache_filter_pattern: ", "is invalid"],
    ),
    (
        "registries: [{name: r, type: docker-hub}]\nprojects: [{name: p, registry: r, metadata: {proxy_cache_rules: [{action: forbid}]}}]",
        &["metadata.proxy_cache_rules: ", "rule 1: unknown variant"],
    ),
    (
        "registries: [{name: r, type: docker-hub}]\nprojects: [{name: p, registry: r, freshness: {rules: [{tags: v1}]}}]",
        &[
            "projects[0].freshness.rules[0].revalidate: ",
            "missing: expected one of always, after",
        ],
    ),
    (
        "registries: [{name: r, type: docker-hub}]\nprojects: [{name: p, registry: r, freshness: {rules: [{tags: v1, revalidate: after}]}}]",
        &[
            "projects[0].freshness: ",
            "rule 1: revalidate after needs after, from 1",
        ],
    ),
    (
        "registries: [{name: r, type: docker-hub}]\nprojects: [{name: p, registry: r, freshness: {stale: {max_age: soon}}}]",
        &["projects[0].freshness.stale.max_age: "],
    ),
    (
        "projects: [{name: p, freshness: {stale: {gone: true}}}]",
        &["projects[0].freshness: ", "no proxy cache"],
    ),
    (
        "projects: [{name: p, metadata: {proxy_speed_kb: 8}}]",
        &["metadata.proxy_speed_kb: ", "no proxy cache"],
    ),
    ("a: [", &["roadstead.yml:", "not valid YAML"]),
    (
        "http: {port: 80}\nhttp: {port: 81}",
        &["roadstead.yml:2:1: ", "not valid YAML", "duplicate"],
    ),
    (
        "hostname: a\n---\nhostname: b",
        &["not valid YAML", "multiple"],
    ),
];
