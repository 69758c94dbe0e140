//! Databases to tell stories on, and the images in them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use chrono::{DateTime, TimeDelta, Utc};
use metadata::{Config, Db, NewProject, NewUser, Project, RecordManifest, Recorded};
use oci::{Algorithm, Digest, Manifest, RepositoryName, Tag, media_type};
use sea_orm::{ConnectionTrait, Database};
use tempfile::TempDir;

/// Past the test's own capture: what was skipped must be seen.
pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("stderr");
}

/// A SQLite file that goes with this value.
pub(crate) struct Sqlite(TempDir);

impl Sqlite {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().expect("a temporary folder"))
    }

    pub(crate) fn url(&self) -> String {
        format!(
            "sqlite://{}?mode=rwc",
            self.0.path().join("roadstead.db").display()
        )
    }

    pub(crate) async fn connect(&self) -> Db {
        Db::connect(Config { url: self.url() })
            .await
            .expect("SQLite")
    }
}

/// A PostgreSQL server that stops with this value.
pub(crate) struct Postgres {
    bin: PathBuf,
    folder: TempDir,
}

impl Postgres {
    /// None, with a line that says so, where PostgreSQL is not installed.
    pub(crate) fn start() -> Option<Self> {
        let Some(bin) = find_binaries() else {
            say("skipped: PostgreSQL (initdb, pg_ctl) is not installed");
            return None;
        };
        let folder = TempDir::new().expect("a temporary folder");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()));
        }
        let server = Self { bin, folder };
        server.run(
            "initdb",
            &[
                "-D",
                &server.data(),
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--no-sync",
            ],
        );
        let options = format!(
            "-k {} -c listen_addresses= -c fsync=off -c max_connections=500",
            server.folder.path().display()
        );
        let log = server.folder.path().join("log").display().to_string();
        server.run(
            "pg_ctl",
            &[
                "start",
                "-w",
                "-D",
                &server.data(),
                "-l",
                &log,
                "-o",
                &options,
            ],
        );
        Some(server)
    }

    /// A database whose own order of names is not byte by byte.
    pub(crate) async fn create(&self, name: &str) -> String {
        let postgres = Database::connect(self.url("postgres"))
            .await
            .expect("PostgreSQL");
        let name = &name[..name.len().min(60)];
        let create = format!(
            "CREATE DATABASE {name} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'"
        );
        postgres
            .execute_unprepared(&create)
            .await
            .expect("a new database");
        self.url(name)
    }

    pub(crate) async fn connect(&self, name: &str) -> Db {
        Db::connect(Config {
            url: self.create(name).await,
        })
        .await
        .expect("PostgreSQL")
    }

    fn url(&self, database: &str) -> String {
        format!(
            "postgres:///{database}?host={}&user=postgres",
            self.folder.path().display()
        )
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    /// PostgreSQL refuses to run as root.
    fn run(&self, program: &str, arguments: &[&str]) {
        let program = self.bin.join(program);
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                .arg(program);
            command
        } else {
            Command::new(program)
        };
        run(command
            .args(arguments)
            .current_dir("/")
            .stdout(std::process::Stdio::null()));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.run("pg_ctl", &["stop", "-m", "immediate", "-D", &self.data()]);
    }
}

fn run(command: &mut Command) {
    let status = command.status().expect("a program that starts");
    assert!(status.success(), "{command:?}: {status}");
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").expect("/proc")) == 0
}

fn find_binaries() -> Option<PathBuf> {
    let debian = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let debian = debian.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all: Vec<PathBuf> = debian.chain(std::env::split_paths(&path)).collect();
    all.into_iter()
        .find(|folder| Path::new(folder).join("initdb").exists() && folder.join("pg_ctl").exists())
}

/// That many seconds after some moment; a database keeps microseconds.
pub(crate) fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 123_456_000).expect("a moment")
        + TimeDelta::seconds(seconds)
}

pub(crate) fn name(text: &str) -> RepositoryName {
    text.parse().expect("a repository name")
}

pub(crate) fn tag(text: &str) -> Tag {
    text.parse().expect("a tag")
}

/// The digest of a blob of that text.
pub(crate) fn blob(text: &str) -> Digest {
    Digest::sha256(text.as_bytes())
}

/// An image of one layer, as different from others as `text` is.
pub(crate) fn image(text: &str) -> Manifest {
    artifact(media_type::OCI_CONFIG, text, None)
}

/// An artifact whose configuration is of that type, about `subject`.
pub(crate) fn artifact(config_type: &str, text: &str, subject: Option<&Manifest>) -> Manifest {
    let document = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": media_type::OCI_MANIFEST,
        "config": {"mediaType": config_type, "digest": blob(&format!("config of {text}")), "size": 10},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": blob(text), "size": 1000}],
        "subject": subject.map(Manifest::descriptor),
        "annotations": subject.map(|_| serde_json::json!({"about": text})),
    });
    manifest(&document)
}

/// An index of these images, one for each architecture.
pub(crate) fn index(children: &[(&str, &Manifest)]) -> Manifest {
    let children: Vec<_> = children
        .iter()
        .map(|(architecture, child)| {
            let mut descriptor = child.descriptor();
            let platform = oci::Platform {
                architecture: (*architecture).into(),
                os: "linux".into(),
                ..Default::default()
            };
            descriptor.platform = Some(platform);
            descriptor
        })
        .collect();
    manifest(
        &serde_json::json!({"schemaVersion": 2, "mediaType": media_type::OCI_INDEX, "manifests": children}),
    )
}

pub(crate) fn manifest(document: &serde_json::Value) -> Manifest {
    let mut document = document.clone();
    let fields = document.as_object_mut().expect("an object");
    fields.retain(|_, value| !value.is_null());
    Manifest::parse(
        None,
        Algorithm::Sha256,
        document.to_string().into_bytes().into(),
    )
    .expect("a manifest")
}

/// The first administrator and a project of that name.
pub(crate) async fn project(db: &Db, name: &str) -> Project {
    if db.find_user(1).await.expect("users").is_none() {
        db.create_user(
            NewUser {
                username: "admin".into(),
                ..NewUser::default()
            },
            at(0),
        )
        .await
        .expect("admin");
    }
    db.create_project(new_project(name), at(0))
        .await
        .expect("a project")
}

pub(crate) fn new_project(name: &str) -> NewProject {
    NewProject {
        name: name.into(),
        owner_id: 1,
        upstream_id: None,
        metadata: Default::default(),
        is_declared: false,
        limit_bytes: None,
        retention: None,
    }
}

/// Records the manifest at that second.
pub(crate) async fn record(
    db: &Db,
    project: &Project,
    repository: &str,
    manifest: &Manifest,
    tag: Option<&str>,
    second: i64,
) -> Recorded {
    let repository = name(repository);
    let tag = tag.map(self::tag);
    let project_id = project.id;
    let record = RecordManifest {
        repository: &repository,
        project_id,
        manifest,
        tag: tag.as_ref(),
        is_tag_fixed: false,
        now: at(second),
    };
    db.record_manifest(record).await.expect("recorded")
}

/// What projects are said to hold is what they hold, whatever the story did. One that ends with the database has its say.
pub(crate) async fn is_counted(db: &Db) {
    if db.ping().await.is_err() {
        return;
    }
    assert_eq!(db.recount_usage().await.expect("a count"), 0, "bytes");
}
