//! Random bytes, and the key files that outlive the process. What the keys are for is [`crate::token`] and
//! [`crate::secret`].

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tracing::{info, warn};

use crate::Error;

/// Bytes of a key.
pub(crate) const KEY_LEN: usize = 32;

/// Random bytes from the system's generator.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    // The generator is seeded by the kernel once at start and does not fail after; nothing safe could be
    // done without it.
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random generator works");
    bytes
}

/// Sixteen random characters that may stand in a URL.
pub(crate) fn random_id() -> String {
    URL_SAFE_NO_PAD.encode(random::<12>())
}

/// The key in `dir/name`, made if there is none: 32 random bytes as one line of base64, so that it can be
/// pasted into a secret store. Blocks.
pub(crate) fn read_or_create(dir: &Path, name: &str) -> Result<[u8; KEY_LEN], Error> {
    let path = dir.join(name);
    let failed = |source| Error::KeyFile {
        path: path.clone(),
        source,
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            create(dir, name).map_err(failed)?;
            info!(path = %path.display(), "key created; keep a copy with the database's backups");
            fs::read_to_string(&path).map_err(failed)?
        }
        Err(error) => return Err(failed(error)),
    };
    let mode = fs::metadata(&path).map_err(failed)?.permissions().mode();
    if mode & 0o077 != 0 {
        // No refusal: orchestrators mount secrets readable by a group.
        warn!(path = %path.display(), mode = format!("{:o}", mode & 0o777), "key file is readable by others");
    }
    let key = STANDARD
        .decode(text.trim())
        .ok()
        .and_then(|bytes| bytes.try_into().ok());
    key.ok_or_else(|| Error::BadKeyFile { path: path.clone() })
}

/// Written aside and linked into place: the file is whole or absent after a crash, and of two processes
/// that start at once on one folder both end up with the same key.
fn create(dir: &Path, name: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let aside = dir.join(format!("{name}.{}", random_id()));
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&aside)?;
    let written =
        writeln!(file, "{}", STANDARD.encode(random::<KEY_LEN>())).and_then(|()| file.sync_all());
    let linked = written.and_then(|()| match fs::hard_link(&aside, dir.join(name)) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        // Some network file systems have no hard links.
        Err(_) => fs::rename(&aside, dir.join(name)),
        Ok(()) => Ok(()),
    });
    match fs::remove_file(&aside) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => linked?,
    }
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_only_its_owner_reads_it() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("deep/keys");
        let key = read_or_create(&dir, "a.key").unwrap();
        assert_eq!(read_or_create(&dir, "a.key").unwrap(), key);
        assert_ne!(read_or_create(&dir, "b.key").unwrap(), key);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join("a.key")), 0o600);
        assert_eq!(
            fs::read_dir(&dir).unwrap().count(),
            2,
            "nothing is left beside the keys"
        );
    }

    #[test]
    fn processes_that_start_at_once_share_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let keys = std::thread::scope(|scope| {
            let starts: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| read_or_create(dir.path(), "k").unwrap()))
                .collect();
            starts
                .into_iter()
                .map(|start| start.join().unwrap())
                .collect::<Vec<_>>()
        });
        assert!(keys.iter().all(|key| *key == keys[0]));
    }

    #[test]
    fn a_damaged_key_is_an_error_and_is_not_replaced() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "AAAA", "not base64 at all"] {
            fs::write(dir.path().join("k"), text).unwrap();
            assert!(
                matches!(
                    read_or_create(dir.path(), "k"),
                    Err(Error::BadKeyFile { .. })
                ),
                "{text}"
            );
            assert_eq!(fs::read_to_string(dir.path().join("k")).unwrap(), text);
        }
    }
}
