//! What a story's server is configured with: the file an operator would write.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use upstream::Names;

/// Endpoints and projects to declare, in a YAML file of their own.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    registries: String,
    projects: String,
    extra: String,
    is_without_password: bool,
    /// What names answer; the system's where there is nothing here.
    pub(crate) names: Option<Names>,
    /// Until an upstream must have answered where nothing is cached; else what an operator has.
    pub(crate) answer_timeout: Option<Duration>,
}

impl Setup {
    /// Nothing declared.
    pub fn new() -> Self {
        Self::default()
    }

    /// An endpoint without credentials.
    pub fn endpoint(mut self, name: &str, kind: &str, url: &str) -> Self {
        let _ = writeln!(
            self.registries,
            "  - {{name: {name}, type: {kind}, url: \"{url}\"}}"
        );
        self
    }

    /// An endpoint with whatever else an operator would write between the braces.
    pub fn endpoint_with(mut self, name: &str, kind: &str, url: &str, rest: &str) -> Self {
        let _ = writeln!(
            self.registries,
            "  - {{name: {name}, type: {kind}, url: \"{url}\", {rest}}}"
        );
        self
    }

    /// An endpoint with credentials.
    pub fn endpoint_as(
        mut self,
        name: &str,
        kind: &str,
        url: &str,
        user: &str,
        secret: &str,
    ) -> Self {
        let _ = writeln!(
            self.registries,
            "  - {{name: {name}, type: {kind}, url: \"{url}\", credential: {{access_key: {user}, access_secret: \"{secret}\"}}}}"
        );
        self
    }

    /// A public proxy cache project on an endpoint.
    pub fn proxy(self, name: &str, endpoint: &str) -> Self {
        self.project(&format!(
            "{{name: {name}, public: true, registry: {endpoint}}}"
        ))
    }

    /// A public endpoint and proxy cache project of the same name, on a generic registry at `url`.
    pub fn proxy_of(self, name: &str, url: &str) -> Self {
        self.endpoint(name, "docker-registry", url)
            .proxy(name, name)
    }

    /// A project by the text an operator would write, between braces.
    pub fn project(mut self, text: &str) -> Self {
        let _ = writeln!(self.projects, "  - {text}");
        self
    }

    /// Any other line of the file.
    pub fn line(mut self, text: &str) -> Self {
        let _ = writeln!(self.extra, "{text}");
        self
    }

    /// Has names answered by the story, as [`crate::TestServer`] can.
    pub fn names(mut self, names: Names) -> Self {
        self.names = Some(names);
        self
    }

    /// Waits less for upstreams, as [`crate::TestServer`] can.
    pub fn answer_timeout(mut self, limit: Duration) -> Self {
        self.answer_timeout = Some(limit);
        self
    }

    /// Leaves the first administrator's password to the server.
    pub fn without_password(mut self) -> Self {
        self.is_without_password = true;
        self
    }

    /// Writes the file into `folder`, for a server that keeps its data in `folder/data`.
    pub fn write(&self, folder: &Path) -> PathBuf {
        let mut text = format!(
            "http: {{address: 127.0.0.1, port: 0}}\ndata_volume: {}\nlog: {{level: warning}}\n",
            folder.join("data").display(),
        );
        if !self.is_without_password {
            let _ = writeln!(text, "harbor_admin_password: {}", crate::ADMIN_PASSWORD);
        }
        text.push_str(&self.extra);
        for (key, entries) in [
            ("registries", &self.registries),
            ("projects", &self.projects),
        ] {
            if !entries.is_empty() {
                let _ = writeln!(text, "{key}:\n{entries}");
            }
        }
        let file = folder.join("roadstead.yml");
        std::fs::write(&file, text).expect("the configuration file can be written");
        file
    }
}
