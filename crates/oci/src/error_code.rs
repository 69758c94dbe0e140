//! The error codes a registry may answer with.

use std::fmt;

/// The specification's codes ("Error Codes"), and Harbor's `PRECONDITION`, which docker shows too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCode {
    /// No such blob here.
    BlobUnknown,
    /// The upload went wrong, or its parts do not fit.
    BlobUploadInvalid,
    /// No such upload.
    BlobUploadUnknown,
    /// The bytes do not have the digest given, or it is no digest.
    DigestInvalid,
    /// A manifest names a blob this repository does not hold.
    ManifestBlobUnknown,
    /// Not a manifest.
    ManifestInvalid,
    /// No such manifest here.
    ManifestUnknown,
    /// Not a repository name.
    NameInvalid,
    /// No such repository.
    NameUnknown,
    /// The length does not fit the bytes.
    SizeInvalid,
    /// Who are you?
    Unauthorized,
    /// You may not.
    Denied,
    /// Something stands against it that must change first.
    Precondition,
    /// Not something this registry does.
    Unsupported,
    /// Too often.
    TooManyRequests,
    /// It went wrong here or upstream.
    Unknown,
}

impl ErrorCode {
    /// The code as it stands in the body.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BlobUnknown => "BLOB_UNKNOWN",
            Self::BlobUploadInvalid => "BLOB_UPLOAD_INVALID",
            Self::BlobUploadUnknown => "BLOB_UPLOAD_UNKNOWN",
            Self::DigestInvalid => "DIGEST_INVALID",
            Self::ManifestBlobUnknown => "MANIFEST_BLOB_UNKNOWN",
            Self::ManifestInvalid => "MANIFEST_INVALID",
            Self::ManifestUnknown => "MANIFEST_UNKNOWN",
            Self::NameInvalid => "NAME_INVALID",
            Self::NameUnknown => "NAME_UNKNOWN",
            Self::SizeInvalid => "SIZE_INVALID",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Denied => "DENIED",
            Self::Precondition => "PRECONDITION",
            Self::Unsupported => "UNSUPPORTED",
            Self::TooManyRequests => "TOOMANYREQUESTS",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
