//! Pushes into hosted projects: uploads in every form the specification has, mounts, manifests.

use auth::Access;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures_util::Stream;
use metadata::{BlobRight, RecordManifest};
use oci::{Algorithm, Descriptor, Digest, Manifest, Reference, RepositoryName, Tag, media_type};
use storage::{AppendError, UploadId};

use crate::{Error, Registry, Result};

/// How a push of a blob began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// Send the bytes to this upload.
    Upload(String),
    /// The blob was here already and is held by the repository now.
    Mounted(Digest),
}

/// A manifest as it is sent.
#[derive(Clone, Debug)]
pub struct NewManifest<'a> {
    /// What it is sent as: its tag, or the digest it must have.
    pub reference: &'a Reference,
    /// More tags for it.
    pub tags: &'a [Tag],
    /// What the client says it is.
    pub content_type: Option<&'a str>,
    /// Its bytes.
    pub bytes: Bytes,
}

/// A manifest that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushedManifest {
    /// What it is called.
    pub digest: Digest,
    /// The manifest it is about.
    pub subject: Option<Digest>,
    /// The tags that point at it now.
    pub tags: Vec<Tag>,
}

impl Registry {
    /// Begins an upload.
    pub async fn start_upload(
        &self,
        access: &Access,
        name: &RepositoryName,
        now: DateTime<Utc>,
    ) -> Result<String> {
        Self::require_hosted(access, name)?;
        let id = self.store().start_upload().await?.to_string();
        self.db().start_upload(&id, name, now).await?;
        Ok(id)
    }

    /// Mounts `digest` from another repository, or, where none is named, from any that the caller may pull from;
    /// begins an upload where that is not to be had. `source` is the proof that the caller may pull from the other's project.
    pub async fn mount(
        &self,
        access: &Access,
        name: &RepositoryName,
        digest: &Digest,
        from: Option<(&RepositoryName, &Access)>,
        now: DateTime<Utc>,
    ) -> Result<Start> {
        Self::require_hosted(access, name)?;
        let holder = match from {
            Some((from, source)) if source.project().name == from.project() => Some(from.clone()),
            Some(_) => None,
            None => {
                let visible_to = self.0.auth.sight(access.caller()).await;
                let visible_to = visible_to.map_err(|error| Error::Internal(Box::new(error)))?;
                let holder = self.db().find_blob_holder(digest, visible_to).await?;
                holder.and_then(|holder| holder.parse().ok())
            }
        };
        let _relying = self.0.local.relying_on_bytes().await;
        let size = match &holder {
            Some(holder)
                if matches!(
                    self.db().blob_right(holder, digest).await?,
                    BlobRight::Held { .. }
                ) =>
            {
                self.store().size(digest).await?
            }
            _ => None,
        };
        let Some(size) = size else {
            return self
                .start_upload(access, name, now)
                .await
                .map(Start::Upload);
        };
        self.db()
            .link_blob(name, access.project().id, digest, size, now)
            .await?;
        Ok(Start::Mounted(digest.clone()))
    }

    /// How many bytes an upload has.
    pub async fn upload_offset(
        &self,
        access: &Access,
        name: &RepositoryName,
        id: &str,
    ) -> Result<u64> {
        let id = self.upload(access, name, id).await?;
        self.store()
            .upload_offset(&id)
            .await
            .map_err(|error| upload_error(&id, error))
    }

    /// Appends `body` to an upload, at `at` where the client says where it thinks the upload stands. What arrives
    /// before the body breaks off is kept.
    pub async fn append<S, E>(
        &self,
        access: &Access,
        name: &RepositoryName,
        id: &str,
        at: Option<u64>,
        body: S,
    ) -> Result<u64>
    where
        S: Stream<Item = std::result::Result<Bytes, E>> + Send + Unpin,
        E: std::fmt::Display,
    {
        let id = self.upload(access, name, id).await?;
        self.store()
            .append(&id, at, body)
            .await
            .map_err(|error| match error {
                AppendError::OutOfOrder { offset } => Error::ChunkOutOfOrder { offset },
                AppendError::Body(error) => Error::BodyBroken(error.to_string()),
                AppendError::Store(error) => upload_error(&id, error),
            })
    }

    /// Ends an upload: its bytes must have the digest given, and are held by the repository from then on.
    pub async fn finish_upload(
        &self,
        access: &Access,
        name: &RepositoryName,
        id: &str,
        digest: &Digest,
        now: DateTime<Utc>,
    ) -> Result<()> {
        let id = self.upload(access, name, id).await?;
        let _landing = self.0.local.landing(digest);
        let finished = self.store().finish_upload(&id, digest).await;
        if matches!(finished, Ok(_) | Err(storage::Error::DigestMismatch { .. })) {
            self.db().end_upload(&id.to_string()).await?;
        }
        let size = finished.map_err(|error| match error {
            storage::Error::DigestMismatch { actual } => Error::DigestMismatch {
                expected: digest.clone(),
                actual,
            },
            error => upload_error(&id, error),
        })?;
        self.db()
            .link_blob(name, access.project().id, digest, size, now)
            .await?;
        Ok(())
    }

    /// Gives an upload up.
    pub async fn cancel_upload(
        &self,
        access: &Access,
        name: &RepositoryName,
        id: &str,
    ) -> Result<()> {
        let id = self.upload(access, name, id).await?;
        self.store()
            .cancel_upload(&id)
            .await
            .map_err(|error| upload_error(&id, error))?;
        self.db().end_upload(&id.to_string()).await?;
        Ok(())
    }

    /// An upload belongs to the repository it was begun in.
    async fn upload(&self, access: &Access, name: &RepositoryName, id: &str) -> Result<UploadId> {
        Self::require_hosted(access, name)?;
        let unknown = || Error::UploadUnknown(id.to_owned());
        let parsed: UploadId = id.parse().map_err(|_| unknown())?;
        match self.db().find_upload(id).await? {
            Some(repository) if repository == name.as_str() => Ok(parsed),
            _ => Err(unknown()),
        }
    }

    /// Takes a manifest whose blobs and children this repository holds, and points its tags at it.
    pub async fn put_manifest(
        &self,
        access: &Access,
        name: &RepositoryName,
        new: NewManifest<'_>,
        now: DateTime<Utc>,
    ) -> Result<PushedManifest> {
        let NewManifest {
            reference,
            tags,
            content_type,
            bytes,
        } = new;
        Self::require_hosted(access, name)?;
        let algorithm = reference
            .digest()
            .map_or(Algorithm::Sha256, Digest::algorithm);
        let manifest = Manifest::parse(content_type, algorithm, bytes)?;
        if let Some(expected) = reference
            .digest()
            .filter(|digest| *digest != manifest.digest())
        {
            return Err(Error::DigestMismatch {
                expected: expected.clone(),
                actual: manifest.digest().clone(),
            });
        }
        let all: Vec<Tag> = reference.tag().into_iter().chain(tags).cloned().collect();
        let project_id = access.project().id;
        let immutability = self.immutability_of(project_id).await?;
        let is_kept = immutability.within(name);
        self.admit_tags(name, manifest.digest(), all.iter(), &is_kept)
            .await?;
        let relying = self.0.local.relying_on_bytes().await;
        let missing = self.missing(name, &manifest).await?;
        if !missing.is_empty() {
            return Err(Error::ManifestBlobUnknown {
                repository: name.to_string(),
                digests: missing,
            });
        }
        let tags = all.iter().map(Some);
        // One that is pushed by digest has none.
        let untagged = (tags.len() == 0).then_some(None);
        for tag in tags.chain(untagged) {
            let record = RecordManifest {
                repository: name,
                project_id,
                manifest: &manifest,
                tag,
                is_tag_fixed: tag.is_some_and(|tag| is_kept(tag.as_str())),
                now,
            };
            self.0.local.keep(&relying, record).await?;
        }
        let subject = manifest.subject().map(|subject| subject.digest.clone());
        Ok(PushedManifest {
            digest: manifest.digest().clone(),
            subject,
            tags: all,
        })
    }

    /// What `manifest` names and this repository does not hold. Non-distributable layers need not be here.
    async fn missing(&self, name: &RepositoryName, manifest: &Manifest) -> Result<Vec<Digest>> {
        let mut missing = Vec::new();
        let demanded = |blob: &&Descriptor| !media_type::is_nondistributable(&blob.media_type);
        for blob in manifest.blobs().filter(demanded) {
            if !matches!(
                self.db().blob_right(name, &blob.digest).await?,
                BlobRight::Held { .. }
            ) {
                missing.push(blob.digest.clone());
            }
        }
        for child in manifest.children() {
            if self
                .db()
                .find_manifest(name, &child.digest)
                .await?
                .is_none()
            {
                missing.push(child.digest.clone());
            }
        }
        Ok(missing)
    }
}

fn upload_error(id: &UploadId, error: storage::Error) -> Error {
    match error {
        storage::Error::UploadUnknown => Error::UploadUnknown(id.to_string()),
        error => error.into(),
    }
}
