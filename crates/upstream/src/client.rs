//! A registry's questions and answers, as the rest of the program asks them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chrono::{DateTime, Utc};
use http::Method;
use oci::{Digest, MAX_MANIFEST_BYTES, Reference, Scope, media_type};
use url::Url;

use crate::account::Accounts;
use crate::body::Pace;
use crate::budget::Budget;
use crate::egress::Ways;
use crate::front::Front;
use crate::part::Rest;
use crate::provider::{self, docker_hub};
use crate::request::{Answer, Request, Sender, Turn};
use crate::{
    Ask, BlobStream, Breaker, Config, Diagnosis, Endpoint, Error, Figures, Kind, Limits, Patience,
    PingStep, body, ping,
};

/// How long a check of a cached tag waits for a free connection: the copy is at hand.
const REVALIDATE_QUEUE_TIME: Duration = Duration::from_secs(1);

/// A registry, for one endpoint and its credential. Clones share connections, tokens and breaker. When the
/// endpoint changes a new client is made, and nothing of the old credential lives on in it.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    /// What the project allows that asks, beside what the endpoint does.
    project: Option<Limits>,
}

struct Inner {
    id: i64,
    name: String,
    is_docker_hub: bool,
    has_credential: bool,
    config: Config,
    base: Url,
    sender: Sender,
    /// What stands before the registry, where the endpoint's URL is not the registry's.
    front: Option<Front>,
}

/// What a registry says of a manifest without sending it. A registry need not say any of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestHead {
    /// Which bytes the reference names now.
    pub digest: Option<Digest>,
    /// Their type, without parameters.
    pub media_type: Option<String>,
    /// Their count.
    pub size: Option<u64>,
}

/// A manifest as it came. Where it was asked for by digest, its bytes have that digest.
#[derive(Clone, Debug)]
pub struct FetchedManifest {
    /// The bytes.
    pub bytes: Bytes,
    /// The type the registry gives them, without parameters.
    pub media_type: Option<String>,
    /// The digest the registry gives them; not checked against the bytes.
    pub digest_header: Option<Digest>,
}

/// What a registry says of a blob without sending it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobHead {
    /// Its size, where the registry says.
    pub size: Option<u64>,
}

/// A blob on its way.
#[derive(Debug)]
pub struct BlobBody {
    /// The offset of the stream's first byte: the one asked for, or 0 where the registry knows no ranges.
    pub start: u64,
    /// The size of the whole blob, where the registry says.
    pub total: Option<u64>,
    /// The bytes from `start` to the end.
    pub stream: BlobStream,
}

impl Client {
    /// A client for `endpoint`. Nothing is sent: a program starts with all its registries out of reach.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a URL, certificate or proxy that cannot be read.
    pub fn new(endpoint: Endpoint, config: &Config) -> Result<Self, Error> {
        let base = provider::data_url(&endpoint)?;
        let is_docker_hub = endpoint.kind == Kind::DockerHub
            || base.host_str().is_some_and(docker_hub::is_name_of_it);
        let options = &endpoint.options;
        let limits = Limits::new(options.max_connections, options.bandwidth_kb);
        let ways = Arc::new(Ways::new(endpoint.clone(), base.clone(), config.clone()));
        ways.check()?;
        let accounts = Accounts::of(&endpoint, &ways)?;
        let has_credential = accounts.have_credentials();
        let front = Front::of(&endpoint, config, &ways)?;
        let inner = Inner {
            id: endpoint.id,
            name: endpoint.name,
            is_docker_hub,
            has_credential,
            config: config.clone(),
            base,
            sender: Sender::new(ways, accounts, limits, is_docker_hub),
            front,
        };
        Ok(Self {
            inner: Arc::new(inner),
            project: None,
        })
    }

    /// The same client, for requests that heed these limits too.
    #[must_use]
    pub fn within_limits(&self, limits: Limits) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            project: Some(limits),
        }
    }

    /// What its accounts may still ask, as far as the registry says.
    pub fn budgets(&self) -> Vec<Budget> {
        self.known().sender.accounts().budgets(Utc::now())
    }

    /// What has been counted about it, for metrics.
    pub fn figures(&self) -> Figures {
        self.known().sender.figures(Utc::now())
    }

    /// Where what is asked is counted.
    fn known(&self) -> &Inner {
        let behind = self.inner.front.as_ref().and_then(Front::known);
        behind.map_or(&self.inner, |client| &client.inner)
    }

    /// The client to ask in this one's stead, where the endpoint's URL is not the registry's.
    pub(crate) async fn behind(&self) -> Result<Option<Self>, Error> {
        let Some(front) = &self.inner.front else {
            return Ok(None);
        };
        self.inner.sender.breaker().refuse_in_drill(Utc::now())?;
        let client = front.registry().await?;
        Ok(Some(Self {
            inner: Arc::clone(&client.inner),
            project: self.project.clone(),
        }))
    }

    /// The endpoint's number.
    pub fn id(&self) -> i64 {
        self.inner.id
    }

    /// The endpoint's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// Whether `nginx` means `library/nginx` there.
    pub fn is_docker_hub(&self) -> bool {
        self.inner.is_docker_hub
    }

    /// Whether a question that a cached copy can answer is worth asking.
    pub fn breaker(&self) -> &Breaker {
        self.known().sender.breaker()
    }

    /// Treats the registry as down until then, for everything that is asked of it; `None` ends that.
    pub fn set_drill(&self, until: Option<DateTime<Utc>>) {
        // What stands before the registry is not asked either, so nothing becomes known of it meanwhile.
        self.inner.sender.breaker().set_drill(until);
        self.breaker().set_drill(until);
    }

    /// Which manifest `reference` names now.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn head_manifest(
        &self,
        repository: &str,
        reference: &Reference,
        patience: Patience,
    ) -> Result<ManifestHead, Error> {
        if let Some(behind) = self.behind().await? {
            return Box::pin(behind.head_manifest(repository, reference, patience)).await;
        }
        let request = self.manifest_request(Method::HEAD, repository, reference)?;
        if patience == Patience::Revalidate {
            self.inner.sender.spare(Utc::now())?;
        }
        let turn = self.turn(patience).await?;
        let asked = async {
            match self.inner.sender.send(&request).await {
                Ok(answer) => Ok(ManifestHead {
                    digest: digest_header(&answer),
                    media_type: answer.media_type(),
                    size: answer.content_length(),
                }),
                // It takes no HEAD. That is no failure of the manifest: the caller will GET it.
                Err(Error::Failed { status: 405 | 501 }) => Ok(ManifestHead::default()),
                Err(error) => Err(error),
            }
        };
        let limit = self.limit(patience);
        let sender = &self.inner.sender;
        sender.within(Ask::Manifest, limit, &turn, asked).await
    }

    /// The manifest `reference` names now, whole and byte for byte.
    ///
    /// # Errors
    /// Any [`Error`]; [`Error::BadAnswer`] for a web page, for more than 4 MiB, and for bytes that do not have
    /// the digest asked for.
    pub async fn manifest(
        &self,
        repository: &str,
        reference: &Reference,
        patience: Patience,
    ) -> Result<FetchedManifest, Error> {
        if let Some(behind) = self.behind().await? {
            return Box::pin(behind.manifest(repository, reference, patience)).await;
        }
        let request = self.manifest_request(Method::GET, repository, reference)?;
        let turn = self.turn(patience).await?;
        let asked = async {
            let answer = self.inner.sender.send(&request).await?;
            let (media_type, digest_header) = (answer.media_type(), digest_header(&answer));
            let bytes = body::read_whole(answer.response, MAX_MANIFEST_BYTES).await?;
            Ok(FetchedManifest {
                bytes,
                media_type,
                digest_header,
            })
        };
        let limit = self.limit(patience);
        let sender = &self.inner.sender;
        let fetched = sender.within(Ask::Manifest, limit, &turn, asked).await?;
        match reference.digest() {
            Some(digest) if Digest::of(digest.algorithm(), &fetched.bytes) != *digest => Err(
                Error::bad_answer(format!("the manifest it sent is not {digest}")),
            ),
            _ => Ok(fetched),
        }
    }

    /// Whether the registry has a blob, and its size.
    ///
    /// # Errors
    /// Any [`Error`].
    pub async fn head_blob(&self, repository: &str, digest: &Digest) -> Result<BlobHead, Error> {
        if let Some(behind) = self.behind().await? {
            return Box::pin(behind.head_blob(repository, digest)).await;
        }
        let request = self.blob_request(Method::HEAD, repository, digest)?;
        let turn = self.turn(Patience::Cold).await?;
        let asked = async {
            let answer = self.inner.sender.send_head(&request).await?;
            Ok(BlobHead {
                size: answer.and_then(|answer| answer.content_length()),
            })
        };
        let limit = self.answer_timeout();
        self.inner
            .sender
            .within(Ask::Blob, limit, &turn, asked)
            .await
    }

    /// A blob from `offset` on, or from its start where the registry knows no ranges. Its bytes are not
    /// checked against the digest here: whoever stores them hashes them on the way.
    ///
    /// # Errors
    /// Any [`Error`] before the first byte; the stream has its own.
    pub async fn blob(
        &self,
        repository: &str,
        digest: &Digest,
        offset: u64,
    ) -> Result<BlobBody, Error> {
        if let Some(behind) = self.behind().await? {
            return Box::pin(behind.blob(repository, digest, offset)).await;
        }
        let turn = self.turn(Patience::Cold).await?;
        let sender = &self.inner.sender;
        let limits = [Some(sender.limits()), self.project.as_ref()];
        let stall_timeout = self.inner.config.stall_timeout;
        let mut pace = Pace::new(stall_timeout, limits, Arc::clone(sender.counters()));
        let part = match pace.first_slice() {
            None => self.part(repository, digest, offset, None, &turn).await,
            slice => match self.part(repository, digest, offset, slice, &turn).await {
                // Of nothing there is no part.
                Err(Error::Failed { status: 416 }) => {
                    self.part(repository, digest, offset, None, &turn).await
                }
                part => part,
            },
        };
        let part = part.inspect_err(|_| pace.settle(0))?;
        Ok(BlobBody {
            start: part.start,
            total: part.total,
            stream: BlobStream::new(part, Rest::new(self, repository, digest), pace, turn),
        })
    }

    /// Whether the registry answers, and takes the credential where there is one. Without one, a demand for it
    /// is as good an answer as any. Some registries have no `/v2/` worth the name, and serve all the same: what this
    /// finds is for people, and no pull waits for it.
    ///
    /// # Errors
    /// What failed, at which step, and what to do.
    pub async fn ping(&self) -> Result<(), Diagnosis> {
        match self.behind().await {
            Ok(Some(behind)) => return Box::pin(behind.ping()).await,
            Ok(None) => {}
            Err(error) => {
                let endpoint = self.inner.sender.endpoint();
                return Err(ping::diagnose(&error, PingStep::Credentials, endpoint));
            }
        }
        let sender = &self.inner.sender;
        let request = Request::new(Method::GET, sender.v2_url(), String::new());
        // How far it came, for whoever is told that it failed.
        let reached = Mutex::new(PingStep::Challenge);
        let asked = async {
            // Nobody's first question is the whole test.
            if self.inner.has_credential {
                let next = match sender.is_token_wanted().await? {
                    true => PingStep::Token,
                    false => PingStep::Answer,
                };
                *reached.lock().unwrap_or_else(PoisonError::into_inner) = next;
            }
            match sender.send(&request).await {
                Ok(_) => Ok(()),
                Err(Error::Refused { .. }) if !self.inner.has_credential => Ok(()),
                Err(error) => Err(error),
            }
        };
        let turn = Turn::default();
        let outcome = sender.within(Ask::Ping, self.answer_timeout(), &turn, asked);
        let outcome = outcome.await;
        let reached = reached.into_inner().unwrap_or_else(PoisonError::into_inner);
        outcome.map_err(|error| ping::diagnose(&error, reached, sender.endpoint()))
    }

    /// Asks the registry for any answer at all, on the breaker's behalf: see [`crate::Verdict::SkipAndProbe`].
    pub async fn probe(&self) {
        self.inner
            .sender
            .probe(self.inner.config.connect_timeout)
            .await;
    }

    pub(crate) fn sender(&self) -> &Sender {
        &self.inner.sender
    }

    /// The right to one request.
    pub(crate) async fn turn(&self, patience: Patience) -> Result<Turn, Error> {
        let limit = match patience {
            Patience::Revalidate => REVALIDATE_QUEUE_TIME,
            Patience::Cold => self.inner.config.queue_timeout,
        };
        self.inner.sender.turn(self.project.as_ref(), limit).await
    }

    pub(crate) fn answer_timeout(&self) -> Duration {
        self.inner.config.answer_timeout
    }

    /// `/v2/<repository>/<noun>/<last>`.
    pub(crate) fn url(&self, repository: &str, noun: &str, last: &str) -> Result<Url, Error> {
        let mut url = self.inner.base.clone();
        // A name that is no name is not there; a `..` in it would ask for something else.
        let is_name = repository
            .split('/')
            .all(|segment| !segment.trim_matches('.').is_empty());
        let mut segments = url.path_segments_mut().map_err(|()| Error::NotFound)?;
        if !is_name {
            return Err(Error::NotFound);
        }
        segments
            .pop_if_empty()
            .push("v2")
            .extend(repository.split('/'))
            .push(noun)
            .push(last);
        drop(segments);
        Ok(url)
    }

    fn manifest_request(
        &self,
        method: Method,
        repository: &str,
        reference: &Reference,
    ) -> Result<Request, Error> {
        let url = self.url(repository, "manifests", &reference.to_string())?;
        Ok(Request::new(method, url, pull_scope(repository)).accept(media_type::ACCEPT_MANIFESTS))
    }

    pub(crate) fn blob_request(
        &self,
        method: Method,
        repository: &str,
        digest: &Digest,
    ) -> Result<Request, Error> {
        let url = self.url(repository, "blobs", digest.as_str())?;
        Ok(Request::new(method, url, pull_scope(repository))
            .accept("*/*")
            .for_blob())
    }

    fn limit(&self, patience: Patience) -> Duration {
        match patience {
            Patience::Revalidate => self.inner.config.revalidate_timeout,
            Patience::Cold => self.inner.config.answer_timeout,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.inner.base.as_str();
        f.debug_struct("Client")
            .field("name", &self.inner.name)
            .field("base", &base)
            .finish_non_exhaustive()
    }
}

pub(crate) fn pull_scope(repository: &str) -> String {
    Scope::pull(repository).to_string()
}

fn digest_header(answer: &Answer) -> Option<Digest> {
    answer.header("docker-content-digest")?.parse().ok()
}
