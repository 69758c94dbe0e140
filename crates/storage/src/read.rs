//! Reading committed bytes, and the chunk reader that growing files use too.
//!
//! A chunk is read on the event loop with `preadv2(RWF_NOWAIT)`, which copies what is in the page cache and
//! refuses to wait for a disk; only what it refuses goes to the blocking pool. Most reads are of hot pages, and
//! a hop to the pool and back would cost more than the copy.

use std::fmt;
use std::fs::File;
use std::io::{self, IoSliceMut};
use std::ops::Range;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::{Errno, ReadWriteFlags, pread, preadv2};

use crate::Error;
use crate::store::blocking;

/// What one read asks for, and so what one reader holds in memory.
pub(crate) const CHUNK_BYTES: usize = 256 * 1024;

/// After a read that had to wait, this many go to the pool without a try: pages that are not there are rarely
/// followed by pages that are, and each try on the event loop may start read-ahead, which costs it time.
const POOL_RUN: u8 = 7;

/// A committed blob, held open: deleting it stops no reader.
#[derive(Clone)]
pub struct Blob {
    file: Arc<File>,
    path: Arc<Path>,
    size: u64,
}

impl Blob {
    /// Opens what is at `path`. `None` where nothing is.
    pub(crate) async fn open(path: &Path) -> Result<Option<Self>, Error> {
        let opened = match open_cached(path) {
            Some(opened) => opened,
            None => {
                let path = path.to_owned();
                blocking(move || Ok(File::open(path))).await?
            }
        };
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(Error::io(path, source)),
        };
        let size = file
            .metadata()
            .map_err(|source| Error::io(path, source))?
            .len();
        Ok(Some(Self {
            file: Arc::new(file),
            path: path.into(),
            size,
        }))
    }

    /// How many bytes it has.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The bytes of `range`, or of as much of it as there is.
    pub fn stream(&self, range: Range<u64>) -> ByteStream {
        let reader = ChunkReader::new(Arc::clone(&self.file), Arc::clone(&self.path));
        let end = range.end.min(self.size);
        ByteStream::new(stream::try_unfold(
            (reader, range.start),
            move |(mut reader, at)| async move {
                if at >= end {
                    return Ok(None);
                }
                let chunk = reader.read(at, end - at).await?;
                let next = at + chunk.len() as u64;
                Ok(Some((chunk, (reader, next))))
            },
        ))
    }

    /// The whole.
    pub(crate) async fn read(&self) -> Result<Bytes, Error> {
        let mut reader = ChunkReader::new(Arc::clone(&self.file), Arc::clone(&self.path));
        let mut whole = BytesMut::new();
        loop {
            let rest = self.size - whole.len() as u64;
            if rest == 0 {
                return Ok(whole.freeze());
            }
            let chunk = reader.read(whole.len() as u64, rest).await?;
            if chunk.len() as u64 == self.size {
                return Ok(chunk);
            }
            whole.extend_from_slice(&chunk);
        }
    }
}

impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blob")
            .field("path", &self.path)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Bytes of a blob or of a fill, in chunks of at most 256 KiB. It ends after the last byte asked for, or with an
/// error: what came before an error is good, but it is not all.
pub struct ByteStream(Pin<Box<dyn Stream<Item = Result<Bytes, Error>> + Send + Sync>>);

impl ByteStream {
    pub(crate) fn new(
        chunks: impl Stream<Item = Result<Bytes, Error>> + Send + Sync + 'static,
    ) -> Self {
        Self(Box::pin(chunks))
    }
}

impl Stream for ByteStream {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for ByteStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByteStream")
    }
}

/// Reads chunks of one file for one reader.
pub(crate) struct ChunkReader {
    file: Arc<File>,
    path: Arc<Path>,
    spare: Spare,
    /// Reads left that go to the pool at once.
    pool_run: u8,
}

impl ChunkReader {
    pub(crate) fn new(file: Arc<File>, path: Arc<Path>) -> Self {
        Self {
            file,
            path,
            spare: Spare::default(),
            pool_run: 0,
        }
    }

    /// At least one byte and at most `limit`, from `at`. The file must have bytes there.
    pub(crate) async fn read(&mut self, at: u64, limit: u64) -> Result<Bytes, Error> {
        let len = usize::try_from(limit)
            .unwrap_or(CHUNK_BYTES)
            .min(CHUNK_BYTES);
        let mut buffer = self.spare.take(len);
        let resident = match self.pool_run.checked_sub(1) {
            Some(left) => {
                self.pool_run = left;
                None
            }
            None => read_resident(&self.file, &mut buffer[..len], at),
        };
        let read = match resident {
            Some(read) => read,
            None => {
                if self.pool_run == 0 {
                    self.pool_run = POOL_RUN;
                }
                let file = Arc::clone(&self.file);
                let (read, back) = blocking(move || {
                    let read = read_waiting(&file, &mut buffer[..len], at);
                    Ok((read, buffer))
                })
                .await?;
                buffer = back;
                read.map_err(|errno| Error::errno(&self.path, errno))?
            }
        };
        if read == 0 {
            // Blobs are only ever unlinked, so somebody else has cut this one.
            return Err(Error::io(&self.path, io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(self.spare.lend(buffer, read))
    }
}

/// What is in the page cache, without waiting. `None`: it has to be waited for, or the file system cannot say.
/// Errors are left to the read that waits.
fn read_resident(file: &File, buffer: &mut [u8], at: u64) -> Option<usize> {
    preadv2(
        file,
        &mut [IoSliceMut::new(buffer)],
        at,
        ReadWriteFlags::NOWAIT,
    )
    .ok()
}

/// Fills the buffer unless the file ends before. Blocking.
fn read_waiting(file: &File, buffer: &mut [u8], at: u64) -> Result<usize, Errno> {
    let mut filled = 0;
    while filled < buffer.len() {
        match pread(file, &mut buffer[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(filled)
}

/// Opens a file whose path is in the kernel's directory cache, without waiting for a disk. `None`: it is not there
/// (`EAGAIN`), or this kernel or its sandbox does not know the call.
fn open_cached(path: &Path) -> Option<io::Result<File>> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    match openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED) {
        Ok(descriptor) => Some(Ok(descriptor.into())),
        Err(Errno::NOENT) => Some(Err(Errno::NOENT.into())),
        Err(_) => None,
    }
}

/// One reader's buffer, used again for its next chunk once the last one has been sent: a fresh one would have to
/// be zeroed, and its pages faulted in, for every chunk.
#[derive(Clone, Default)]
struct Spare(Arc<Mutex<Option<Vec<u8>>>>);

struct Lent {
    buffer: Vec<u8>,
    len: usize,
    spare: Spare,
}

impl Spare {
    fn take(&self, len: usize) -> Vec<u8> {
        let spare = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        spare
            .filter(|buffer| buffer.len() >= len)
            .unwrap_or_else(|| vec![0; len])
    }

    fn lend(&self, buffer: Vec<u8>, len: usize) -> Bytes {
        Bytes::from_owner(Lent {
            buffer,
            len,
            spare: self.clone(),
        })
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.len]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        *self.spare.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(buffer);
    }
}

#[cfg(test)]
mod tests;
