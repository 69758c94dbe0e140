//! Where a run happens: its folder, its sizes, its certificate, and free loopback ports.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

pub(crate) const MIB: u64 = 1024 * 1024;
pub(crate) const GIB: u64 = 1024 * MIB;

/// What is sent, for how long, and how often.
#[derive(Clone, Copy)]
pub(crate) struct Sizes {
    pub(crate) is_quick: bool,
    pub(crate) rounds: usize,
    /// One of the four layers of a cold pull.
    pub(crate) layer_bytes: u64,
    /// The blob of a stampede.
    pub(crate) stampede_bytes: u64,
    /// One of the layers that come by a limited line.
    pub(crate) limited_bytes: u64,
    /// The blob that is read hot, and the blob that is pushed.
    pub(crate) large_bytes: u64,
    /// One of the four files on the slow disk.
    pub(crate) slow_bytes: u64,
    /// One window of reading hot blobs.
    pub(crate) window: Duration,
    /// One run of wrk, in whole seconds because it takes nothing finer.
    pub(crate) wrk_secs: u64,
    pub(crate) starts: usize,
}

impl Sizes {
    pub(crate) fn full() -> Self {
        Self {
            is_quick: false,
            rounds: 3,
            layer_bytes: 128 * MIB,
            stampede_bytes: 256 * MIB,
            limited_bytes: MIB,
            large_bytes: GIB,
            slow_bytes: 256 * MIB,
            window: Duration::from_secs(2),
            wrk_secs: 3,
            starts: 7,
        }
    }

    pub(crate) fn quick() -> Self {
        Self {
            is_quick: true,
            rounds: 1,
            layer_bytes: 8 * MIB,
            stampede_bytes: 16 * MIB,
            limited_bytes: MIB / 8,
            large_bytes: 64 * MIB,
            slow_bytes: 32 * MIB,
            window: Duration::from_millis(500),
            wrk_secs: 1,
            starts: 2,
        }
    }
}

/// The place and the means of one run. Its folder goes with it.
pub(crate) struct Lab {
    pub(crate) sizes: Sizes,
    pub(crate) roadstead: PathBuf,
    pub(crate) certificate: PathBuf,
    pub(crate) private_key: PathBuf,
    folder: PathBuf,
    tls: Arc<rustls::ClientConfig>,
}

impl Lab {
    /// A fresh folder beside the binary that is measured: on the disk of the build, which is a real one where
    /// `/tmp` may be memory.
    pub(crate) fn open(roadstead: PathBuf, sizes: Sizes) -> Result<Self> {
        let roadstead = fs::canonicalize(&roadstead)
            .with_context(|| format!("no binary at {}", roadstead.display()))?;
        let beside = roadstead.parent().unwrap_or(Path::new("."));
        let folder = beside.join("bench-data");
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::create_dir_all(&folder)?;
        let (certificate, private_key) = make_certificate(&folder)?;
        let tls = Arc::new(client_tls(&certificate)?);
        Ok(Self {
            sizes,
            roadstead,
            certificate,
            private_key,
            folder,
            tls,
        })
    }

    /// An empty folder under the run's own.
    pub(crate) fn empty_folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.folder.join(name);
        if path.exists() {
            fs::remove_dir_all(&path)?;
        }
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// Removes what a row left: the next one starts with an empty disk and nothing still being written.
    pub(crate) fn sweep(&self) -> Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            }
        }
        rustix::fs::sync();
        Ok(())
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn tls(&self) -> Arc<rustls::ClientConfig> {
        Arc::clone(&self.tls)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next run.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A loopback address nobody listens on. Another process could take it first; inside a network of our own none does.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn make_certificate(folder: &Path) -> Result<(PathBuf, PathBuf)> {
    let certificate = folder.join("server.crt");
    let private_key = folder.join("server.key");
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=127.0.0.1",
        ])
        .args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(&private_key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .context("cannot run openssl")?;
    ensure!(
        output.status.success(),
        "openssl: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok((certificate, private_key))
}

/// TLS 1.3 with AES-256-GCM alone: left to themselves the servers choose differently, and one cipher is not
/// another's speed.
fn client_tls(certificate: &Path) -> Result<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(certificate)?)?;
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider
        .cipher_suites
        .retain(|suite| suite.suite() == rustls::CipherSuite::TLS13_AES_256_GCM_SHA384);
    Ok(
        rustls::ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])?
            .with_root_certificates(roots)
            .with_no_client_auth(),
    )
}
