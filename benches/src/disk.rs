//! The disk under a server: files put out of memory, and a server made to read slowly.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use rustix::fs::{Advice, fadvise, major, minor};

/// Takes every file under a folder out of the page cache.
pub(crate) fn evict(folder: &Path) -> Result<()> {
    // Pages that are not yet on disk cannot be dropped.
    rustix::fs::sync();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()? {
                kind if kind.is_dir() => folders.push(entry.path()),
                kind if kind.is_file() => {
                    fadvise(File::open(entry.path())?, 0, None, Advice::DontNeed)?
                }
                _ => (),
            }
        }
    }
    Ok(())
}

/// A control group whose members read at most so many bytes per second from one disk. Dropping it lets them go.
pub(crate) struct SlowDisk {
    group: PathBuf,
    parent: PathBuf,
}

impl SlowDisk {
    /// Needs the right to make control groups and a file system on one block device; says what is missing.
    pub(crate) fn new(folder: &Path, bytes_per_second: u64) -> Result<Self> {
        let device = block_device(folder)?;
        let root = Path::new("/sys/fs/cgroup");
        let is_unified = root.join("cgroup.controllers").exists();
        let parent = match is_unified {
            true => {
                fs::write(root.join("cgroup.subtree_control"), "+io")
                    .context("no io controller to hand down")?;
                root.to_owned()
            }
            false => own_blkio_group(root)?,
        };
        let group = parent.join(format!("slow-disk-{}", std::process::id()));
        fs::create_dir(&group).context("no right to make a control group")?;
        let slow = Self { group, parent };
        let (file, line) = match is_unified {
            true => ("io.max", format!("{device} rbps={bytes_per_second}")),
            false => (
                "blkio.throttle.read_bps_device",
                format!("{device} {bytes_per_second}"),
            ),
        };
        fs::write(slow.group.join(file), line)
            .with_context(|| format!("cannot set {file} for {device}"))?;
        Ok(slow)
    }

    pub(crate) fn take(&self, pids: &[u32]) -> Result<()> {
        for pid in pids {
            fs::write(self.group.join("cgroup.procs"), pid.to_string())
                .with_context(|| format!("cannot move {pid} to a control group"))?;
        }
        Ok(())
    }
}

impl Drop for SlowDisk {
    fn drop(&mut self) {
        let members = fs::read_to_string(self.group.join("cgroup.procs")).unwrap_or_default();
        for pid in members.lines() {
            let _ = fs::write(self.parent.join("cgroup.procs"), pid);
        }
        let _ = fs::remove_dir(&self.group);
    }
}

fn own_blkio_group(root: &Path) -> Result<PathBuf> {
    let groups = fs::read_to_string("/proc/self/cgroup")?;
    let own = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        parts
            .next()?
            .split(',')
            .any(|name| name == "blkio")
            .then(|| parts.next())?
    });
    let own = own.context("no blkio control group")?;
    Ok(root.join("blkio").join(own.trim_start_matches('/')))
}

/// `major:minor` of the whole disk under a folder: limits are per disk, not per partition.
fn block_device(folder: &Path) -> Result<String> {
    let device = fs::metadata(folder)?.dev();
    let number = format!("{}:{}", major(device), minor(device));
    let entry = Path::new("/sys/dev/block").join(&number);
    if !entry.exists() {
        bail!(
            "the file system of {} is not on one block device",
            folder.display()
        );
    }
    if entry.join("partition").exists() {
        let disk = fs::canonicalize(&entry)?.join("../dev");
        return Ok(fs::read_to_string(disk)?.trim().to_owned());
    }
    Ok(number)
}
