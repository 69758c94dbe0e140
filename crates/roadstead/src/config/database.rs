//! Where the facts are kept: `database`, or Harbor's `external_database`.

use std::io;
use std::path::Path;

use url::Url;

use super::Sources;
use super::secret::Secret;
use super::section::Section;
use super::value;

const URL: &str = "sqlite:///path/to/file.db or postgresql://user:password@host:5432/name";

/// The URL the database is opened with.
pub(super) fn read(top: &mut Section<'_>, sources: &Sources<'_>, data: &Path) -> Secret {
    let own = top.section("database", read_database).flatten();
    let external = top.section("external_database", |external| {
        external.section("harbor", read_postgresql).flatten()
    });
    if top.is_given("database") && top.is_given("external_database") {
        top.complain(
            "external_database",
            "expected either `database` or `external_database`, found both",
        );
    }
    sources
        .variable("ROADSTEAD_DATABASE_URL", URL, |text| {
            is_database_url(text).then(|| Secret::new(text))
        })
        .or(own)
        .or(external.flatten())
        .unwrap_or_else(|| embedded(sources, data))
}

/// SQLite in the data folder.
fn embedded(sources: &Sources<'_>, data: &Path) -> Secret {
    let file = std::path::absolute(data.join("roadstead.db"));
    let url = file.and_then(|file| {
        Url::from_file_path(&file)
            .map_err(|()| io::Error::other(format!("{} is no file path", file.display())))
    });
    match url {
        // A path may hold `?` or `%`: the file URL has them escaped, as the SQLite URL wants them.
        Ok(url) => Secret::new(format!("sqlite://{}?mode=rwc", url.path())),
        // Only where there is no current folder to start from.
        Err(error) => {
            sources.complain(
                "current folder",
                format!("expected one, to find {}: {error}", data.display()),
            );
            Secret::new("sqlite::memory:")
        }
    }
}

fn read_database(database: &mut Section<'_>) -> Option<Secret> {
    let url = database.secret("url", "url_file");
    if let Some(url) = &url
        && !is_database_url(url.expose())
    {
        database.complain("url", format!("expected {URL}"));
    }
    let is_postgresql = database.choice("type", &[("sqlite", false), ("postgresql", true)]);
    if url.is_some() {
        for key in POSTGRESQL_KEYS.iter().chain(&["type"]) {
            if database.is_given(key) {
                database.complain(key, "expected nothing beside `url`, which says it all");
            }
            database.take(key);
        }
        refuse_pool_keys(database);
        return url;
    }
    if is_postgresql.unwrap_or(database.is_given("host")) {
        return read_postgresql(database);
    }
    for key in POSTGRESQL_KEYS {
        database.refuse(key, "means nothing to the embedded database; for PostgreSQL write `type: postgresql` and `host`");
    }
    refuse_pool_keys(database);
    None
}

const POSTGRESQL_KEYS: [&str; 7] = [
    "host",
    "port",
    "username",
    "password",
    "password_file",
    "db_name",
    "ssl_mode",
];

fn read_postgresql(database: &mut Section<'_>) -> Option<Secret> {
    for (key, expected) in [
        ("host", "the name of the database's host"),
        ("username", "the database user's name"),
    ] {
        database.require(key, expected);
    }
    let host = database.parsed("host", "a host name or address without port", value::host);
    let port = database.port("port").unwrap_or(5432);
    let username = database.text("username");
    let password = database.secret("password", "password_file");
    let db_name = database
        .text("db_name")
        .unwrap_or_else(|| "registry".to_owned());
    let modes = [
        "disable",
        "allow",
        "prefer",
        "require",
        "verify-ca",
        "verify-full",
    ];
    let ssl_mode = database.choice("ssl_mode", &modes.map(|mode| (mode, mode)));
    refuse_pool_keys(database);

    let mut url = Url::parse(&format!("postgresql://{}:{port}", host?)).ok()?;
    // Setting these fails only on URLs without a host.
    url.set_username(&username?).ok()?;
    url.set_password(password.as_ref().map(Secret::expose))
        .ok()?;
    url.path_segments_mut().ok()?.push(&db_name);
    if let Some(mode) = ssl_mode {
        url.query_pairs_mut().append_pair("sslmode", mode);
    }
    Some(Secret::new(url.as_str()))
}

fn refuse_pool_keys(database: &mut Section<'_>) {
    for key in [
        "max_idle_conns",
        "max_open_conns",
        "conn_max_lifetime",
        "conn_max_idle_time",
    ] {
        database.refuse(
            key,
            "not needed: Roadstead sizes its connections itself; remove the line",
        );
    }
}

fn is_database_url(text: &str) -> bool {
    if text.starts_with("sqlite:") {
        return text.len() > "sqlite:".len();
    }
    Url::parse(text)
        .is_ok_and(|url| matches!(url.scheme(), "postgres" | "postgresql") && url.has_host())
}
