//! Writing at an offset: the one place that adds bytes to a file, and so the one place where a disk can be full.

use std::fs::File;
use std::io::IoSlice;

use bytes::Bytes;
use rustix::io::{Errno, pwritev};

/// Writes `chunks` one after the other from `offset`. On failure some of them may have been written: the caller
/// does not count them. Blocking.
pub(crate) fn write_all_at(
    file: &File,
    chunks: &[Bytes],
    mut offset: u64,
    room: &Room,
) -> Result<(), Errno> {
    let mut slices: Vec<IoSlice<'_>> = chunks.iter().map(|chunk| IoSlice::new(chunk)).collect();
    let mut rest = slices.as_mut_slice();
    IoSlice::advance_slices(&mut rest, 0); // drops leading empty slices
    while !rest.is_empty() {
        room.take(rest.iter().map(|slice| slice.len()).sum())?;
        let written = match pwritev(file, rest, offset) {
            // A regular file that takes nothing and gives no reason has nowhere to put it.
            Ok(0) => return Err(Errno::NOSPC),
            Ok(written) => written,
            Err(Errno::INTR) => continue,
            Err(errno) => return Err(errno),
        };
        offset += written as u64;
        IoSlice::advance_slices(&mut rest, written);
    }
    Ok(())
}

/// The space a store may use: all there is, but where a test has set a limit.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    #[cfg(any(test, feature = "fault"))]
    limit: std::sync::Arc<std::sync::Mutex<Option<usize>>>,
}

#[cfg(not(any(test, feature = "fault")))]
impl Room {
    fn take(&self, _bytes: usize) -> Result<(), Errno> {
        Ok(())
    }
}

#[cfg(any(test, feature = "fault"))]
impl Room {
    /// From now on only `bytes` more can be written; `None` lifts the limit.
    pub(crate) fn limit(&self, bytes: Option<usize>) {
        *self.lock() = bytes;
    }

    fn take(&self, bytes: usize) -> Result<(), Errno> {
        let mut limit = self.lock();
        if let Some(left) = limit.as_mut() {
            *left = left.checked_sub(bytes).ok_or(Errno::NOSPC)?;
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<usize>> {
        self.limit
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_full_device_says_so() {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let chunks = [Bytes::from_static(b"road")];
        let written = write_all_at(&full, &chunks, 0, &Room::default());
        assert_eq!(written, Err(Errno::NOSPC));
    }

    #[test]
    fn chunks_land_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = fs::File::create(&path).unwrap();
        let chunks =
            ["", "ro", "", "ad", "stead", ""].map(|text| Bytes::from_static(text.as_bytes()));
        write_all_at(&file, &chunks, 2, &Room::default()).unwrap();
        write_all_at(&file, &[], 0, &Room::default()).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"\0\0roadstead");
    }
}
