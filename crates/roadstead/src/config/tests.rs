//! What an operator sees: precedence, defaults, and one clear line for each mistake.

mod mistakes;

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use mistakes::MISTAKES;

/// Loads `yaml` as `roadstead.yml` of a folder of its own.
fn load_with(yaml: &str, flags: Flags, variables: &[(&str, &str)]) -> Result<Config, String> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("roadstead.yml");
    fs::write(&file, yaml).expect("the file");
    let flags = Flags {
        config: Some(file),
        ..flags
    };
    let loaded = Config::load(&flags, &Environment::of(variables));
    loaded.map_err(|problems| {
        problems
            .to_string()
            .replace(&format!("{}/", folder.path().display()), "")
    })
}

fn load(yaml: &str) -> Result<Config, String> {
    load_with(yaml, Flags::default(), &[])
}

fn valid(yaml: &str) -> Config {
    load(yaml).unwrap_or_else(|problems| panic!("{yaml}\n{problems}"))
}

/// The one complaint about `yaml`.
fn complaint(yaml: &str) -> String {
    let problems = load(yaml)
        .err()
        .unwrap_or_else(|| panic!("nothing is wrong with\n{yaml}"));
    assert_eq!(
        problems.lines().count(),
        1,
        "one complaint expected about\n{yaml}\nfound\n{problems}"
    );
    problems
}

#[test]
fn without_a_file_the_defaults_serve_this_machine_alone() {
    let config =
        Config::load(&Flags::default(), &Environment::of(&[])).expect("defaults are valid");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data, Path::new("./data"));
    assert_eq!(config.storage_root, Path::new("./data"));
    assert!(
        config.database_url.expose().starts_with("sqlite:///"),
        "{}",
        config.database_url.expose()
    );
    assert!(
        config
            .database_url
            .expose()
            .ends_with("/data/roadstead.db?mode=rwc")
    );
    assert_eq!(
        (config.tls, config.admin_password, config.metric),
        (None, None, None)
    );
    assert_eq!(config.drain_timeout, Duration::from_secs(30));
}

#[test]
fn flags_win_over_the_environment_which_wins_over_the_file() {
    let yaml = "http: {port: 1001}\ndata_volume: /file\nexternal_url: http://file\nlog: {level: error}\n\
                harbor_admin_password: file\ndatabase: {url: 'sqlite:///file.db'}\n";
    let config = valid(yaml);
    assert_eq!(config.listen.to_string(), "0.0.0.0:1001");
    assert_eq!(config.data, Path::new("/file"));

    let variables = [
        ("ROADSTEAD_LISTEN", "127.0.0.1:1002"),
        ("ROADSTEAD_DATA", "/environment"),
        ("ROADSTEAD_EXTERNAL_URL", "https://environment"),
        ("ROADSTEAD_LOG", "info,pullthrough=debug"),
        ("ROADSTEAD_ADMIN_PASSWORD", "environment"),
        ("ROADSTEAD_DATABASE_URL", "postgres://u:p@db/name"),
    ];
    let config = load_with(yaml, Flags::default(), &variables).expect("valid");
    assert_eq!(config.listen.to_string(), "127.0.0.1:1002");
    assert_eq!(config.data, Path::new("/environment"));
    assert_eq!(
        config.external_url.map(String::from).as_deref(),
        Some("https://environment/")
    );
    assert_eq!(config.log.filter, "info,pullthrough=debug");
    assert_eq!(config.admin_password, Some(Secret::new("environment")));
    assert_eq!(config.database_url.expose(), "postgres://u:p@db/name");

    let flags = Flags {
        config: None,
        listen: "[::1]:1003".parse().ok(),
        data: Some("/flag".into()),
    };
    let config = load_with(yaml, flags, &variables).expect("valid");
    assert_eq!(config.listen.to_string(), "[::1]:1003");
    assert_eq!(config.data, Path::new("/flag"));
}

#[test]
fn the_environment_names_the_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("r.yml");
    fs::write(&file, "http: {port: 81}").expect("the file");
    let environment = Environment::of(&[
        ("ROADSTEAD_CONFIG", file.to_str().expect("text")),
        ("ROADSTEAD_DATA", ""),
    ]);
    let config = Config::load(&Flags::default(), &environment).expect("valid");
    assert_eq!((config.listen.port(), config.file), (81, Some(file)));
    assert_eq!(
        config.data,
        Path::new("./data"),
        "an empty variable is none"
    );
}

#[test]
fn harbors_keys_have_harbors_meaning() {
    let config = valid(
        "hostname: reg.example.com\nhttp:\n  port: 8081\nharbor_admin_password: Harbor12345\ndata_volume: /srv/r\n\
         external_database:\n  harbor:\n    host: db\n    username: me\n    password: 'p@ss/1'\n    db_name: facts\n    ssl_mode: require\n\
         storage_service:\n  filesystem:\n    rootdirectory: /srv/blobs\n\
         proxy:\n  http_proxy:\n  https_proxy: http://u:p@proxy:3128\n  no_proxy: localhost, .internal,\n  components: [core, trivy]\n\
         log:\n  level: warning\nmetric:\n  enabled: true\n  port: 9091\n  path: /m\nupload_purging: {enabled: true, age: 168h}\n",
    );
    assert_eq!(config.listen.to_string(), "0.0.0.0:8081");
    assert_eq!(
        config.external_url.map(String::from).as_deref(),
        Some("http://reg.example.com:8081/")
    );
    assert_eq!(
        config.database_url.expose(),
        "postgresql://me:p%40ss%2F1@db:5432/facts?sslmode=require"
    );
    assert_eq!(config.storage_root, Path::new("/srv/blobs"));
    let proxy = config.outbound_proxy.expect("a proxy");
    assert_eq!(proxy.http, None, "a key without a value is no key");
    assert_eq!(proxy.https, Some(Secret::new("http://u:p@proxy:3128")));
    assert_eq!(
        proxy.no_proxy,
        Some(vec!["localhost".to_owned(), ".internal".to_owned()])
    );
    assert_eq!(config.log.filter, "warn");
    let metric = config.metric.expect("metrics");
    assert_eq!(
        (metric.listen.to_string().as_str(), metric.path.as_str()),
        ("0.0.0.0:9091", "/m")
    );
    assert_eq!(config.upload_expiry, Duration::from_secs(7 * 86_400));
    assert_eq!(
        valid("proxy: {https_proxy: 'http://p:1', components: [jobservice]}").outbound_proxy,
        None
    );
}

#[test]
fn https_takes_the_main_listener_and_http_sends_its_clients_there() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pem = folder.path().join("c.pem");
    fs::write(&pem, "").expect("the file");
    let https = format!(
        "https: {{certificate: {0}, private_key: {0}}}\nhostname: reg.example.com\n",
        pem.display()
    );
    let config = valid(&https);
    assert_eq!(
        (config.listen.to_string().as_str(), config.redirect_listen),
        ("0.0.0.0:443", None)
    );
    assert_eq!(
        config.url_at(config.listen).as_str(),
        "https://reg.example.com/"
    );
    let config = valid(&format!("{https}http: {{port: 80, address: '::'}}\n"));
    assert_eq!(config.listen.port(), 443);
    assert_eq!(
        config
            .redirect_listen
            .map(|address| address.to_string())
            .as_deref(),
        Some("[::]:80")
    );
    assert!(
        complaint(&format!("{https}http: {{port: 443}}"))
            .contains("https: expected another port than http's 443")
    );
}

#[test]
fn without_a_name_the_url_follows_the_bound_address() {
    let config = valid("");
    let at = |bound: &str| {
        config
            .url_at(bound.parse().expect("an address"))
            .to_string()
    };
    assert_eq!(at("127.0.0.1:40001"), "http://localhost:40001/");
    assert_eq!(at("0.0.0.0:80"), "http://localhost/");
    assert_eq!(at("192.0.2.7:8080"), "http://192.0.2.7:8080/");
    assert_eq!(at("[2001:db8::1]:8080"), "http://[2001:db8::1]:8080/");
}

#[test]
fn declared_endpoints_and_projects_are_read_with_their_secrets() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let secret = folder.path().join("secret");
    fs::write(&secret, "from file\n").expect("the file");
    let yaml = format!(
        "registries:\n- {{name: hub, type: docker-hub, credential: {{access_key: me, access_secret: '${{HUB_TOKEN}}'}}}}\n\
         - {{name: lab, type: docker-registry, url: 'https://lab:5000/x', insecure: true, description: d,\n   \
         credential: {{type: basic, access_key: me, access_secret_file: '{}'}}}}\n\
         projects:\n- {{name: dockerhub, public: true, registry: hub, revalidate_after: 5m, freshness: {{rules: [{{tags: 'v*', revalidate: never}}, {{tags: latest, revalidate: background, after: 1m}}], stale: {{gone: true, max_age: 7d}}}},\n   \
         metadata: {{proxy_cache_local_on_not_found: true, prevent_vul: 'false', max_upstream_conn: 4, proxy_cache_rules: [{{action: deny, tag: latest}}]}}}}\n- name: team\n",
        secret.display()
    );
    let config = load_with(
        &yaml,
        Flags::default(),
        &[("HUB_TOKEN", "from environment")],
    )
    .expect("valid");
    let secrets: Vec<_> = config
        .upstreams
        .iter()
        .filter_map(|upstream| {
            upstream
                .credential
                .as_ref()
                .map(|credential| credential.access_secret.expose())
        })
        .collect();
    assert_eq!(secrets, ["from environment", "from file"]);
    assert_eq!(config.upstreams[0].url, "https://hub.docker.com");
    assert!(config.upstreams[1].is_insecure);
    let [hub, team] = config.projects.as_slice() else {
        panic!("two projects")
    };
    assert_eq!(
        (hub.upstream.as_deref(), hub.is_public),
        (Some("hub"), true)
    );
    let metadata: Vec<_> = hub
        .metadata
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let expected = [
        "max_upstream_conn=4",
        "prevent_vul=false",
        r#"proxy_cache_freshness={"rules":[{"revalidate":"never","tags":"v*"},{"after_seconds":60,"revalidate":"background","tags":"latest"}],"stale":{"gone":true,"max_age_seconds":604800}}"#,
        "proxy_cache_local_on_not_found=true",
        r#"proxy_cache_rules=[{"action":"deny","tag":"latest"}]"#,
        "public=true",
        "revalidate_after_seconds=300",
    ];
    assert_eq!(metadata, expected);
    assert_eq!((team.upstream.as_deref(), team.is_public), (None, false));

    let shown = format!("{config:?}{}", config.effective());
    assert!(
        !shown.contains("from file") && !shown.contains("from environment"),
        "{shown}"
    );
}

#[test]
fn an_endpoint_has_the_options_of_the_api_with_secrets_from_elsewhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let secret = folder.path().join("secret");
    fs::write(&secret, "from file\n").expect("the file");
    let file = secret.display();
    let yaml = format!(
        "registries:\n- name: ecr\n  type: aws-ecr\n  url: https://x.dkr.ecr.eu-west-1.amazonaws.com\n  options:\n    \
         proxy: '${{WAY_OUT}}'\n    max_connections: 4\n    ip_family: ipv4\n    headers: {{x-tenant: '${{TENANT}}'}}\n    \
         client_key_file: '{file}'\n    auth: {{method: aws, session_token_file: '{file}', role_arn: arn}}\n    \
         credentials:\n    - {{access_key: k, access_secret_file: '{file}'}}\n"
    );
    let variables = [("WAY_OUT", "http://u:variable@p:1"), ("TENANT", "variable")];
    let config = load_with(&yaml, Flags::default(), &variables).expect("valid");
    let expected = serde_json::json!({
        "proxy": "http://u:variable@p:1", "max_connections": 4, "ip_family": "ipv4", "headers": { "x-tenant": "variable" },
        "client_key": "from file", "auth": { "method": "aws", "session_token": "from file", "role_arn": "arn" },
        "credentials": [{ "access_key": "k", "access_secret": "from file" }],
    });
    let options = &config.upstreams[0].options;
    assert_eq!(serde_json::to_value(options).expect("JSON"), expected);
    let shown = format!("{config:?}{}", config.effective());
    for secret in ["variable", "from file"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(
        shown.contains("x-tenant") && shown.contains("role_arn: arn"),
        "{shown}"
    );
}

#[test]
fn types_with_one_public_registry_need_no_address() {
    let types = ["docker-hub", "github-ghcr", "quay"];
    for (kind, url) in types.into_iter().zip([
        "https://hub.docker.com",
        "https://ghcr.io",
        "https://quay.io",
    ]) {
        let config = valid(&format!("registries: [{{name: r, type: {kind}}}]"));
        assert_eq!(config.upstreams[0].url, url);
    }
    for kind in upstream::Kind::ALL {
        let config = valid(&format!(
            "registries: [{{name: r, type: {kind}, url: 'https://r.example'}}]"
        ));
        assert_eq!(config.upstreams[0].kind, kind.as_str());
    }
}

#[test]
fn what_check_config_shows_is_a_configuration_with_the_same_meaning() {
    let config = valid(
        "hostname: r.example.com\nhttp: {port: 81}\ndata_volume: /d\nmetric: {enabled: true}\nlog: {format: json}\n\
         drain_timeout: 90s\njanitor_period: 2h\nproxy: {https_proxy: 'http://p:1', no_proxy: a}\n\
         credential_helpers: [ecr-login]\nregistries: [{name: hub, type: docker-hub}, {name: q, type: quay, options: {http2: false,\n\
         token_hosts: [a.example], auth: {method: google, token_endpoint: 'http://t'}}}]\n\
         projects: [{name: hub, registry: hub, revalidate_after: 0, freshness: {rules: [{tags: v1, revalidate: never}]}, metadata: {proxy_referrer_api: true, proxy_speed_kb: 800, max_upstream_conn: -1}}]\n",
    );
    let again = valid(&config.effective());
    assert_eq!(
        Config {
            file: None,
            ..config
        },
        Config {
            file: None,
            ..again
        }
    );
}

#[test]
fn passwords_are_never_shown() {
    let yaml = "harbor_admin_password: hunter1\ndatabase: {host: db, username: me, password: hunter2}\n\
                proxy: {http_proxy: 'http://me:hunter3@p:1'}\nregistries:\n\
                - {name: hub, type: docker-hub, credential: {access_key: me, access_secret: hunter4},\n   \
                options: {proxy: 'http://me:hunter6@p:1', client_key: hunter7}}\n";
    let config = valid(yaml);
    let shown = format!("{config:?}{}", config.effective());
    assert!(!shown.contains("hunter"), "{shown}");
    let mistakes = "harbor_admin_password: {hunter1: hunter2}\ndatabase: {url: 'mysql://me:hunter2@db/x'}\n\
                    proxy: {http_proxy: 'ftp://me:hunter3@p:1'}\n\
                    registries: [{name: r, type: quay, options: {client_key: {a: hunter6}, headers: hunter7}}]\n";
    let variables = [("ROADSTEAD_DATABASE_URL", "hunter5://")];
    let problems =
        load_with(mistakes, Flags::default(), &variables).expect_err("all of it is wrong");
    assert_eq!(problems.lines().count(), 6, "{problems}");
    assert!(!problems.contains("hunter"), "{problems}");
}

#[test]
fn every_mistake_is_told_with_file_key_and_expectation() {
    for (yaml, expected) in MISTAKES {
        // `#` marks the one mistake that two keys share.
        let message = if yaml.ends_with('#') {
            load(yaml).expect_err(yaml)
        } else {
            complaint(yaml)
        };
        for part in *expected {
            assert!(
                message.contains(part),
                "about\n{yaml}\nexpected {part:?} in\n{message}"
            );
        }
    }
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_file() {
    let yaml = "trivy: {}\nhttp: {port: x}\nprojects:\n- name: A\n- nam: b\n";
    let problems =
        load_with(yaml, Flags::default(), &[("ROADSTEAD_LISTEN", "80")]).expect_err("it is wrong");
    let keys: Vec<_> = problems
        .lines()
        .filter_map(|line| line.split(": ").nth(1))
        .collect();
    let expected = [
        "trivy",
        "http.port",
        "projects[0].name",
        "projects[1].name",
        "projects[1].nam",
        "ROADSTEAD_LISTEN",
    ];
    assert_eq!(keys, expected, "{problems}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let flags = Flags {
        config: Some("/no/such.yml".into()),
        ..Flags::default()
    };
    let problems = Config::load(&flags, &Environment::of(&[]))
        .expect_err("it is not there")
        .to_string();
    assert!(
        problems.starts_with("/no/such.yml: cannot read this configuration file: No such file"),
        "{problems}"
    );
}

#[test]
fn a_wrong_variable_is_named_with_what_was_expected() {
    let mistakes = [
        (
            "ROADSTEAD_LISTEN",
            "8080",
            "environment: ROADSTEAD_LISTEN: expected ADDR:PORT, such as 127.0.0.1:8080",
        ),
        (
            "ROADSTEAD_EXTERNAL_URL",
            "here",
            "environment: ROADSTEAD_EXTERNAL_URL: expected an http:// or https:// URL",
        ),
        (
            "ROADSTEAD_LOG",
            "loud",
            "environment: ROADSTEAD_LOG: expected a level",
        ),
        (
            "ROADSTEAD_DATABASE_URL",
            "mysql://x",
            "environment: ROADSTEAD_DATABASE_URL: expected sqlite:///",
        ),
        (
            "ROADSTEAD_PASSWORD",
            "x",
            "environment: ROADSTEAD_PASSWORD: unknown variable",
        ),
    ];
    for (name, value, expected) in mistakes {
        let problems = load_with("", Flags::default(), &[(name, value)]).expect_err(name);
        assert!(problems.starts_with(expected), "{problems}");
    }
}

#[test]
fn the_example_file_is_valid_and_declares_the_six_public_caches() {
    let example = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/roadstead.example.yml"
    );
    let flags = Flags {
        config: Some(example.into()),
        ..Flags::default()
    };
    let config =
        Config::load(&flags, &Environment::of(&[])).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    let caches: Vec<_> = config
        .projects
        .iter()
        .map(|project| {
            let upstream = config
                .upstreams
                .iter()
                .find(|upstream| Some(&upstream.name) == project.upstream.as_ref());
            let upstream = upstream.unwrap_or_else(|| panic!("{} is a proxy cache", project.name));
            assert!(project.is_public, "{} is public", project.name);
            (
                project.name.as_str(),
                upstream.kind.as_str(),
                upstream.url.as_str(),
            )
        })
        .collect();
    let expected = [
        ("dockerhub", "docker-hub", "https://hub.docker.com"),
        ("ghcr", "github-ghcr", "https://ghcr.io"),
        ("quay", "quay", "https://quay.io"),
        ("k8s", "docker-registry", "https://registry.k8s.io"),
        ("mcr", "docker-registry", "https://mcr.microsoft.com"),
        ("gcr", "google-gcr", "https://gcr.io"),
    ];
    assert_eq!(caches, expected);
}
