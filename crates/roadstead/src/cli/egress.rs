//! `roadstead egress`: the hosts that a firewall must allow for the endpoints of the file and of the database, and the
//! proxy each is reached by. Nothing is asked of any of them.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use auth::Auth;
use metadata::{Db, Page};
use serde::Serialize;
use upstream::{Credential, Endpoint, Options};
use url::Url;

use crate::config::{Config, DeclaredUpstream, Environment, Flags};
use crate::wire;

/// What `egress` is told.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct EgressFlags {
    #[command(flatten)]
    config: Flags,
    /// Print a JSON list instead of a table
    #[arg(long)]
    json: bool,
}

/// A host, and the endpoint it is needed for.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Row {
    endpoint: String,
    host: String,
    port: u16,
    why: &'static str,
    /// The proxy's URL without its account; `None`: directly.
    proxy: Option<String>,
}

/// Prints the list. Status 1 when the configuration is wrong, or the list could not be made whole.
#[expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the list is this command's output"
)]
pub fn run(flags: &EgressFlags) -> ExitCode {
    let config = match Config::load(&flags.config, &Environment::of_process()) {
        Ok(config) => config,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::FAILURE;
        }
    };
    let (rows, mistakes) = list(&config);
    match flags.json {
        true => println!("{}", serde_json::json!(rows)),
        false => println!("{}", table(&rows)),
    }
    for mistake in &mistakes {
        eprintln!("the list is not whole: {mistake}");
    }
    if mistakes.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The rows, and what kept others from being among them.
fn list(config: &Config) -> (Vec<Row>, Vec<String>) {
    let mut mistakes = Vec::new();
    let mut rows = Vec::new();
    let stored = stored(config).unwrap_or_else(|error| {
        mistakes.push(format!("the database could not be read: {error:#}"));
        Vec::new()
    });
    let declared = config.upstreams.iter().map(of_declared);
    // What the file declares is what counts, also where the database has an older copy of it.
    let is_declared = |name: &str| config.upstreams.iter().any(|own| own.name == name);
    let others = stored
        .iter()
        .filter(|(saved, _)| !is_declared(&saved.name))
        .map(of_stored);
    for endpoint in declared.chain(others) {
        match endpoint.and_then(|endpoint| rows_of(&endpoint, config)) {
            Ok(found) => rows.extend(found),
            Err(mistake) => mistakes.push(mistake),
        }
    }
    (rows, mistakes)
}

fn rows_of(endpoint: &Endpoint, config: &Config) -> Result<Vec<Row>, String> {
    let named = |mistake: String| format!("endpoint {}: {mistake}", endpoint.name);
    let out = wire::upstream_config(config);
    let needed = upstream::hosts(endpoint);
    if needed.is_empty() {
        return Err(named("its URL makes no sense".to_owned()));
    }
    let rows = needed.into_iter().map(|needed| {
        let proxy = upstream::proxy_for(endpoint, &out, &needed);
        Ok(Row {
            endpoint: endpoint.name.clone(),
            proxy: proxy.map_err(|error| named(error.to_string()))?,
            host: needed.host,
            port: needed.port,
            why: needed.why,
        })
    });
    rows.collect()
}

/// The endpoints of the database, if there is one: none is made for this.
fn stored(config: &Config) -> anyhow::Result<Vec<Stored>> {
    let url = config.database_url.expose();
    if is_missing(url) {
        return Ok(Vec::new());
    }
    let read = async {
        let db = Db::connect(metadata::Config {
            url: url.to_owned(),
        })
        .await?;
        let found = db.list_upstreams(&Page::all()).await?;
        let auth = Auth::open(wire::auth_config(config), db).await?;
        let with_options = |saved: metadata::Upstream| {
            let options = opened(&auth, &saved);
            (saved, options)
        };
        anyhow::Ok(found.items.into_iter().map(with_options).collect())
    };
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no thread could be started")?
        .block_on(read)
}

/// An endpoint of the database, and its options or why they cannot be read.
type Stored = (metadata::Upstream, Result<Options, String>);

fn opened(auth: &Auth, saved: &metadata::Upstream) -> Result<Options, String> {
    let Some(sealed) = &saved.options else {
        return Ok(Options::default());
    };
    let unreadable = || {
        format!(
            "endpoint {}: its options cannot be read with this key",
            saved.name
        )
    };
    let text = auth.unseal(sealed).map_err(|_| unreadable())?;
    serde_json::from_slice(&text).map_err(|_| unreadable())
}

/// Whether a database is a file that is not there yet, or lives in memory alone.
pub(super) fn is_missing(database_url: &str) -> bool {
    let Some(rest) = database_url.strip_prefix("sqlite:") else {
        return false;
    };
    let path = rest.split('?').next().unwrap_or_default();
    let path = path.strip_prefix("//").unwrap_or(path);
    let escaped = Url::parse(&format!("file://{path}")).ok();
    let file = escaped
        .filter(|_| path.starts_with('/'))
        .and_then(|url| url.to_file_path().ok())
        .unwrap_or_else(|| PathBuf::from(path));
    !file.exists()
}

fn of_declared(declared: &DeclaredUpstream) -> Result<Endpoint, String> {
    let account = declared.credential.as_ref();
    endpoint(
        0,
        &declared.name,
        &declared.kind,
        &declared.url,
        account.map(|account| account.access_key.as_str()),
        declared.options.clone(),
    )
}

fn of_stored(saved: &Stored) -> Result<Endpoint, String> {
    let (saved, options) = saved;
    let options = options.clone()?;
    let account = saved.access_key.as_deref();
    endpoint(
        saved.id,
        &saved.name,
        &saved.kind,
        &saved.url,
        account,
        options,
    )
}

/// An endpoint without its password: which hosts it needs does not depend on them.
fn endpoint(
    id: i64,
    name: &str,
    kind: &str,
    url: &str,
    access_key: Option<&str>,
    options: Options,
) -> Result<Endpoint, String> {
    let kind = kind
        .parse()
        .map_err(|error| format!("endpoint {name}: {error}"))?;
    Ok(Endpoint {
        id,
        name: name.to_owned(),
        kind,
        url: url.to_owned(),
        credential: access_key.map(|username| Credential {
            username: username.to_owned(),
            secret: String::new(),
        }),
        is_insecure: false,
        ca_certificate: None,
        options,
    })
}

fn table(rows: &[Row]) -> String {
    let header = ["ENDPOINT", "HOST", "PORT", "BY", "FOR"].map(str::to_owned);
    let lines = rows.iter().map(|row| {
        [
            row.endpoint.clone(),
            row.host.clone(),
            row.port.to_string(),
            row.proxy.clone().unwrap_or_else(|| "directly".to_owned()),
            row.why.to_owned(),
        ]
    });
    let lines: Vec<_> = std::iter::once(header).chain(lines).collect();
    let width = |column: usize| {
        let widths = lines.iter().map(|line| line[column].chars().count());
        widths.max().unwrap_or_default()
    };
    let widths = [0, 1, 2, 3].map(width);
    let lines = lines.iter().map(|[endpoint, host, port, by, why]| {
        let [a, b, c, d] = widths;
        format!("{endpoint:a$}  {host:b$}  {port:>c$}  {by:d$}  {why}")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "
proxy: {https_proxy: 'http://me:secret@proxy.example:3128', no_proxy: .internal}
registries:
  - {name: hub, type: docker-hub}
  - {name: own, type: docker-registry, url: 'https://r.internal:5000'}
";

    fn config(folder: &std::path::Path, yaml: &str) -> Config {
        let file = folder.join("r.yml");
        std::fs::write(&file, yaml).unwrap();
        let flags = Flags {
            config: Some(file),
            data: Some(folder.to_owned()),
            ..Flags::default()
        };
        Config::load(&flags, &Environment::of(&[])).unwrap()
    }

    #[test]
    fn each_endpoint_of_the_file_has_its_hosts_and_their_proxy() {
        let folder = tempfile::tempdir().unwrap();
        let (rows, mistakes) = list(&config(folder.path(), FILE));
        assert_eq!(mistakes, Vec::<String>::new());
        let found = |host: &str| rows.iter().find(|row| row.host == host).unwrap();
        let proxy = Some("http://proxy.example:3128".to_owned());
        assert_eq!(found("registry-1.docker.io").proxy, proxy);
        assert_eq!(found("auth.docker.io").endpoint, "hub");
        let own = found("r.internal");
        assert_eq!((own.port, &own.proxy), (5000, &None));
        let text = table(&rows);
        assert!(text.starts_with("ENDPOINT  HOST"), "{text}");
        assert!(!text.contains("secret"), "{text}");
        assert!(!folder.path().join("roadstead.db").exists());
    }

    #[tokio::test]
    async fn endpoints_of_the_database_are_there_too_once() {
        let folder = tempfile::tempdir().unwrap();
        let config = config(folder.path(), FILE);
        let url = config.database_url.expose().to_owned();
        let db = Db::connect(metadata::Config { url }).await.unwrap();
        for (name, kind, url) in [
            ("hub", "docker-hub", "https://hub.docker.com"),
            ("quay", "quay", "https://quay.io"),
            ("old", "gitlab", "https://gitlab.example"),
        ] {
            let new = metadata::NewUpstream {
                name: name.into(),
                kind: kind.into(),
                url: url.into(),
                ..metadata::NewUpstream::default()
            };
            db.create_upstream(new, chrono::Utc::now()).await.unwrap();
        }
        let listed = tokio::task::spawn_blocking(move || list(&config));
        let (rows, mistakes) = listed.await.unwrap();
        let count = |host: &str| rows.iter().filter(|row| row.host == host).count();
        assert_eq!(
            [count("registry-1.docker.io"), count("cdn.quay.io")],
            [1, 1]
        );
        assert!(
            mistakes.len() == 1 && mistakes[0].contains("old"),
            "{mistakes:?}"
        );
    }
}
