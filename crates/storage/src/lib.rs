//! Bytes by digest on a local disk: committed blobs, uploads on their way in, and fills that are read while
//! they grow. It knows digests, not repositories: who may see a blob is decided elsewhere.
//!
//! Three promises: what is found under a digest has that digest; what was acknowledged survives a power cut
//! (`commit`); a running hash, an offset and a file's length always agree (`ingest`).

mod commit;
mod disk;
mod error;
mod ingest;
mod layout;
mod read;
mod spool;
mod store;
#[cfg(test)]
mod testing;
mod upload;
mod usage;

pub use error::{AppendError, Error, Stopped};
pub use read::{Blob, ByteStream};
pub use spool::{FillWriter, Spool};
pub use store::{BlobStore, Config, Space, Stored};
pub use upload::UploadId;
