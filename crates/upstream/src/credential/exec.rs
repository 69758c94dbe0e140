//! Credentials from a program that speaks docker's credential-helper protocol: `docker-credential-<name> get`, with
//! the server's address on its standard input and a document on its standard output.
//! <https://github.com/docker/docker-credential-helpers#development>

use std::io;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use url::Url;

use super::{Made, no_credential};
use crate::egress::Ways;
use crate::environment::Environment;
use crate::{Credential, Error};

/// The protocol does not say how long a credential lives. Three quarters of this are five minutes: a program that
/// keeps credentials itself is asked no more often than that, and one that hands out the same each time costs little.
const LIFE: Duration = Duration::from_secs(400);
const LIMIT: Duration = Duration::from_secs(30);
const MAX_OUTPUT_BYTES: u64 = 64 * 1024;

/// Asks one program about one server.
pub(super) struct Maker {
    helper: String,
    server: String,
    /// On top of what the program inherits; `PATH` decides where it is looked for.
    environment: Environment,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Document {
    username: String,
    secret: String,
}

impl Maker {
    /// # Errors
    /// [`Error::Configuration`] where the configuration does not allow the program.
    pub(super) fn new(helper: &str, ways: &Arc<Ways>) -> Result<Self, Error> {
        let is_name = !helper.is_empty()
            && !helper.starts_with('.')
            && helper
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if !is_name {
            return Err(Error::Configuration {
                reason: format!(
                    "{helper:?} is no name of a credential helper (letters, digits, `.`, `_`, `-`)"
                ),
            });
        }
        if !ways
            .config()
            .credential_helpers
            .iter()
            .any(|allowed| allowed == helper)
        {
            return Err(Error::Configuration {
                reason: format!(
                    "the program docker-credential-{helper} is not allowed: list {helper:?} under credential_helpers \
                     in the server's configuration"
                ),
            });
        }
        Ok(Self {
            helper: helper.to_owned(),
            server: server_of(ways.upstream()),
            environment: ways.config().environment.clone(),
        })
    }

    /// # Errors
    /// [`Error::Credential`]: the program is missing, fails, is slow, or knows no credential.
    pub(super) async fn make(&self) -> Result<Made, Error> {
        let program = format!("docker-credential-{}", self.helper);
        let outcome = tokio::time::timeout(LIMIT, self.run(&program)).await;
        let output = outcome
            .map_err(|_| no_credential(format!("{program} did not end within 30 s")))?
            .map_err(|error| no_credential(format!("{program} cannot be run: {error}")))?;
        // Helpers say this on standard output, of all places.
        if contains(&output.stdout, "credentials not found in native keychain") {
            return Err(no_credential(format!(
                "{program} knows no credential for {}",
                self.server
            )));
        }
        if !output.status.success() {
            return Err(no_credential(format!(
                "{program} failed ({})",
                output.status
            )));
        }
        let document: Document = serde_json::from_slice(&output.stdout)
            .map_err(|_| no_credential(format!("{program} printed no credential document")))?;
        Ok(Made {
            credential: Credential {
                username: document.username,
                secret: document.secret,
            },
            life: Some(LIFE),
            registry: None,
        })
    }

    /// No shell is involved. The program is killed when nobody waits any more.
    async fn run(&self, program: &str) -> io::Result<Output> {
        let mut child = Command::new(program)
            .arg("get")
            .envs(self.environment.iter())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let mut stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let ask = async {
            if let Some(stdin) = &mut stdin {
                // A program that never reads is told apart by what it prints.
                let _ = stdin.write_all(self.server.as_bytes()).await;
            }
            drop(stdin.take());
        };
        let ((), stdout) = tokio::join!(ask, read_bounded(stdout));
        let stdout = stdout?;
        let status = child.wait().await?;
        Ok(Output {
            status,
            stdout,
            stderr: Vec::new(),
        })
    }
}

/// The registry as docker's own clients name it to their helpers: its host, and its port where it has one; Docker Hub
/// by the address it had first.
fn server_of(registry: &Url) -> String {
    let host = registry.host_str().unwrap_or_default();
    match registry.port() {
        _ if host == "docker.io" || host.ends_with(".docker.io") => {
            "https://index.docker.io/v1/".to_owned()
        }
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

async fn read_bounded(stream: Option<impl AsyncRead + Unpin>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream
            .take(MAX_OUTPUT_BYTES + 1)
            .read_to_end(&mut bytes)
            .await?;
    }
    match bytes.len() as u64 > MAX_OUTPUT_BYTES {
        true => Err(io::Error::other("it printed more than 64 KiB")),
        false => Ok(bytes),
    }
}

fn contains(bytes: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_named_as_docker_names_it() {
        let table = [
            (
                "https://registry-1.docker.io",
                "https://index.docker.io/v1/",
            ),
            ("https://ghcr.io/", "ghcr.io"),
            ("http://127.0.0.1:5000/prefix", "127.0.0.1:5000"),
        ];
        for (url, server) in table {
            assert_eq!(server_of(&url.parse().unwrap()), server);
        }
    }
}
