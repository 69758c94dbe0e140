//! Copies: an artifact with its children and with what is about it, put into another repository. No byte moves: the other
//! repository comes to hold the same blobs, and gets rows of its own.

use std::collections::BTreeSet;

use auth::{Access, Action};
use chrono::{DateTime, Utc};
use metadata::{Artifact, BlobRight, RecordManifest};
use oci::{Digest, Manifest, Reference, RepositoryName, Tag, media_type};

use crate::demand::demand_in;
use crate::{Error, Kind, Registry, Result};

/// Manifests in one copy: an index of many platforms with their signatures has a few hundred.
const MAX_MANIFESTS: usize = 10_000;
/// Blobs in one copy.
const MAX_BLOBS: usize = 100_000;

/// What is copied from where.
#[derive(Clone, Copy, Debug)]
pub struct CopySource<'a> {
    /// The proof that the caller may pull from it.
    pub access: &'a Access,
    /// The repository.
    pub repository: &'a RepositoryName,
    /// The artifact.
    pub reference: &'a Reference,
}

impl Registry {
    /// Copies an artifact into a repository of a hosted project, with all its tags. Where the artifact is there already,
    /// it gets the tags and what is about it. From a proxy project what is cached completely can be copied.
    pub async fn copy_artifact(
        &self,
        access: &Access,
        name: &RepositoryName,
        source: CopySource<'_>,
        now: DateTime<Utc>,
    ) -> Result<()> {
        demand_in(access, Action::ArtifactCreate, name)?;
        demand_in(source.access, Action::Pull, source.repository)?;
        Self::require_hosted(access, name)?;
        let artifact = self
            .find_artifact(source.repository, source.reference)
            .await?;
        self.admit_copy(&source, &artifact).await?;
        let mut plan = Plan::default();
        self.plan_copy(&source, artifact, &mut plan).await?;
        let project_id = access.project().id;
        let immutability = self.immutability_of(project_id).await?;
        let is_kept = immutability.within(name);
        for (digest, tags) in &plan.manifests {
            self.admit_tags(name, digest, tags.iter(), &is_kept).await?;
        }
        // Nothing is swept from the check that all is here until all rows are written.
        let relying = self.0.local.relying_on_bytes().await;
        let mut blobs = Vec::new();
        for (digest, _) in &plan.manifests {
            let manifest = self.whole(&source, digest).await?;
            blobs.extend(self.held_blobs(&source, &manifest).await?);
            if blobs.len() > MAX_BLOBS {
                return Err(too_much(digest));
            }
        }
        self.db().link_blobs(name, project_id, &blobs, now).await?;
        for (digest, tags) in &plan.manifests {
            let manifest = self.whole(&source, digest).await?;
            let tags = tags.iter().map(Some);
            // One that has no tag is kept all the same.
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
        }
        Ok(())
    }

    /// What must hold of the artifact that was named. A proxy project's rules hold for what is copied out of it.
    async fn admit_copy(&self, source: &CopySource<'_>, artifact: &Artifact) -> Result<()> {
        if let Some(about) = &artifact.about
            && self
                .db()
                .find_manifest(source.repository, about)
                .await?
                .is_some()
        {
            return Err(Error::Precondition(format!(
                "{} is about {about} and is copied with it: copy that one",
                artifact.digest
            )));
        }
        if let (Kind::Proxied(origin), Reference::Tag(tag)) = (
            self.kind(source.access, source.repository).await?,
            source.reference,
        ) {
            let filter = self.filter(source.access, &origin)?;
            self.admit_tag(source.access, &filter, source.repository, tag.as_str())?;
        }
        Ok(())
    }

    /// Lists all manifests to copy, each after those it needs.
    async fn plan_copy(
        &self,
        source: &CopySource<'_>,
        artifact: Artifact,
        plan: &mut Plan,
    ) -> Result<()> {
        let filter = match self.kind(source.access, source.repository).await? {
            Kind::Hosted(_) => None,
            Kind::Proxied(origin) => Some(self.filter(source.access, &origin)?),
        };
        let root = artifact.digest;
        let mut waiting = vec![Step::Look(root.clone())];
        while let Some(step) = waiting.pop() {
            let digest = match step {
                Step::Look(digest) => digest,
                Step::Copy(digest, tags) => {
                    plan.manifests.push((digest, tags));
                    continue;
                }
            };
            if !plan.seen.insert(digest.clone()) {
                continue;
            }
            if plan.seen.len() > MAX_MANIFESTS {
                return Err(too_much(&root));
            }
            if let Some(filter) = &filter {
                self.admit_digest(source.access, filter, source.repository, &digest)
                    .await?;
            }
            let found = self.db().find_artifact(source.repository, &digest).await?;
            let artifact = found.ok_or_else(|| incomplete(source, "manifest", &digest))?;
            // What is pushed last is taken first: children before their index, what is about it after it.
            let about = artifact.accessories.iter().rev();
            waiting.extend(about.map(|about| Step::Look(about.digest.clone())));
            let tags = tags_to_copy(&artifact, digest == root);
            waiting.push(Step::Copy(digest, tags));
            let children = artifact.references.into_iter().rev();
            waiting.extend(children.map(|child| Step::Look(child.child_digest)));
        }
        Ok(())
    }

    async fn whole(&self, source: &CopySource<'_>, digest: &Digest) -> Result<Manifest> {
        let found = self.stored_manifest(source.repository, digest).await?;
        found.ok_or_else(|| incomplete(source, "manifest", digest))
    }

    /// The blobs that `manifest` needs, all of which the source holds. Non-distributable layers need not be here.
    async fn held_blobs(
        &self,
        source: &CopySource<'_>,
        manifest: &Manifest,
    ) -> Result<Vec<(Digest, u64)>> {
        let mut held = Vec::new();
        for blob in manifest.blobs() {
            match self
                .db()
                .blob_right(source.repository, &blob.digest)
                .await?
            {
                BlobRight::Held { size } => held.push((blob.digest.clone(), size)),
                _ if media_type::is_nondistributable(&blob.media_type) => {}
                _ => return Err(incomplete(source, "blob", &blob.digest)),
            }
        }
        Ok(held)
    }
}

/// The manifests to copy, in this order, with the tags each gets.
#[derive(Default)]
struct Plan {
    manifests: Vec<(Digest, Vec<Tag>)>,
    seen: BTreeSet<Digest>,
}

enum Step {
    /// Find out what it needs.
    Look(Digest),
    /// All it needs is in the plan.
    Copy(Digest, Vec<Tag>),
}

/// All of the artifact that was named; of others, those that say what they are about.
fn tags_to_copy(artifact: &Artifact, is_root: bool) -> Vec<Tag> {
    let is_about = artifact.about.is_some();
    let names = artifact.tags.iter().map(|tag| tag.name.as_str());
    names
        .filter(|name| is_root || (is_about && name.starts_with("sha256-")))
        .filter_map(|name| name.parse().ok())
        .collect()
}

fn too_much(digest: &Digest) -> Error {
    Error::BadRequest(format!(
        "{digest} has more than {MAX_MANIFESTS} manifests or {MAX_BLOBS} blobs: too much for one copy"
    ))
}

fn incomplete(source: &CopySource<'_>, what: &str, digest: &Digest) -> Error {
    let CopySource {
        repository,
        reference,
        ..
    } = source;
    Error::Precondition(format!(
        "{repository} does not have all of {reference}: the {what} {digest} is missing; pull it whole, then copy it"
    ))
}
