//! The protocol's words: digests, names, references, descriptors, manifests, routes, ranges, scopes, errors.
//!
//! Each word is parsed once, at the edge, and trusted after. Nothing here does I/O, knows a runtime,
//! or panics on hostile input. Follows the OCI distribution specification 1.1 and image specification 1.1.

mod challenge;
mod descriptor;
mod digest;
mod error_code;
mod manifest;
pub mod media_type;
mod name;
mod range;
mod route;
mod scope;

pub use challenge::Challenge;
pub use descriptor::{Descriptor, Platform};
pub use digest::{Algorithm, Digest, DigestError, Hasher};
pub use error_code::ErrorCode;
pub use manifest::{MAX_MANIFEST_BYTES, Manifest, ManifestError, ManifestKind, check_parts};
pub use name::{NameError, Reference, RepositoryName, Tag};
pub use range::{ByteRange, Satisfied, content_range_start};
pub use route::{Route, RouteError};
pub use scope::Scope;
