//! Certificates for these tests, made by `openssl`.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// A certificate authority that nobody knows but who is given its certificate.
pub(crate) struct Authority {
    folder: TempDir,
    /// PEM.
    pub(crate) certificate: String,
}

/// A certificate and its key, PEM.
pub(crate) struct Pair {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

const CONFIG: &str = "[ca]\ndefault_ca = d\n[d]\ndatabase = index.txt\nnew_certs_dir = .\nrand_serial = yes\n\
                      default_md = sha256\npolicy = p\ndefault_days = 2\nunique_subject = no\n[p]\n\
                      commonName = supplied\n";
const NEW_KEY: [&str; 5] = [
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:P-256",
    "-nodes",
];

impl Authority {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.cnf"), CONFIG).unwrap();
        fs::write(folder.path().join("index.txt"), "").unwrap();
        let subject = ["-subj", "/CN=authority", "-days", "2"];
        let files = ["-keyout", "ca.key", "-out", "ca.pem"];
        openssl(
            folder.path(),
            &[&["req", "-x509"], &NEW_KEY[..], &subject, &files],
        );
        let certificate = fs::read_to_string(folder.path().join("ca.pem")).unwrap();
        Self {
            folder,
            certificate,
        }
    }

    /// For a server called `name`.
    pub(crate) fn server(&self, name: &str) -> Pair {
        self.sign("serverAuth", name, &[])
    }

    /// For a server called `name`, of years ago.
    pub(crate) fn expired_server(&self, name: &str) -> Pair {
        let dates = [
            "-startdate",
            "20200101000000Z",
            "-enddate",
            "20200201000000Z",
        ];
        self.sign("serverAuth", name, &dates)
    }

    pub(crate) fn client(&self) -> Pair {
        self.sign("clientAuth", "client", &[])
    }

    fn sign(&self, usage: &str, name: &str, dates: &[&str]) -> Pair {
        let folder = self.folder.path();
        let extensions = format!(
            "basicConstraints = critical,CA:FALSE\nsubjectAltName = DNS:{name}\nextendedKeyUsage = {usage}\n"
        );
        fs::write(folder.join("leaf.cnf"), extensions).unwrap();
        let files = ["-keyout", "leaf.key", "-out", "leaf.csr"];
        let subject = ["-subj", "/CN=leaf"];
        openssl(folder, &[&["req", "-new"], &NEW_KEY[..], &subject, &files]);
        let signed = [
            "ca", "-batch", "-notext", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile",
            "ca.key", "-extfile", "leaf.cnf", "-in", "leaf.csr", "-out", "leaf.pem",
        ];
        openssl(folder, &[&signed, dates]);
        Pair {
            certificate: fs::read_to_string(folder.join("leaf.pem")).unwrap(),
            key: fs::read_to_string(folder.join("leaf.key")).unwrap(),
        }
    }
}

fn openssl(folder: &Path, arguments: &[&[&str]]) {
    let done = Command::new("openssl")
        .current_dir(folder)
        .args(arguments.concat())
        .output()
        .expect("these tests need the program openssl");
    let complaint = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "openssl {arguments:?}: {complaint}");
}
