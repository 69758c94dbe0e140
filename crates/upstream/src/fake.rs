//! A small registry on a loopback socket, for the tests of this crate and of those above it. It keeps what is
//! pushed to it in memory, counts what it is asked and sends, and misbehaves on demand. It is no example of a
//! registry: it trusts its tests.

mod answer;
mod auth;
mod body;
pub mod cloud;
mod content;
mod hostile;
mod mode;
mod progress;
mod rate;
mod socket;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use oci::{Digest, Platform};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use self::auth::Auth;
pub use self::auth::Entry;
use self::content::Repository;
pub use self::content::{Content, Image};
pub use self::hostile::{Heard, HostileUpstream, Reply};
pub use self::mode::Mode;
use self::mode::Modes;
use self::progress::Progress;
use self::rate::Rate;
use self::socket::Door;
use crate::{Client, Config, Endpoint, Error, Kind, ProxyConfig};

/// A registry that lives as long as this value.
pub struct FakeUpstream {
    shared: Arc<Shared>,
    server: AbortHandle,
}

/// A request as it came, and how it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its path, without the query.
    pub path: String,
    /// Its query, empty where there is none.
    pub query: String,
    /// Its `Range`.
    pub range: Option<String>,
    /// Its `Authorization`.
    pub authorization: Option<String>,
    /// Its `Accept`.
    pub accept: Option<String>,
    /// Its `User-Agent`.
    pub user_agent: Option<String>,
    /// The status it got; `None` while it waits for one.
    pub status: Option<u16>,
}

pub(crate) struct Shared {
    state: Mutex<State>,
    door: Door,
    bytes_sent: AtomicU64,
    open_bodies: watch::Sender<usize>,
    released_bytes: watch::Sender<u64>,
    progress: Arc<watch::Sender<Progress>>,
}

#[derive(Default)]
struct State {
    repositories: HashMap<String, Repository>,
    modes: Modes,
    seen: Vec<Seen>,
    auth: Auth,
    redirect_blobs_to: Option<String>,
    denied: Vec<String>,
    rate: Option<Rate>,
}

impl FakeUpstream {
    /// A new one, empty and willing.
    ///
    /// # Panics
    /// Where no loopback socket can be had, as all of this module does where a test cannot go on.
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            door: Door::open(),
            bytes_sent: AtomicU64::new(0),
            open_bodies: watch::Sender::new(0),
            released_bytes: watch::Sender::new(0),
            progress: Arc::new(watch::Sender::new(Progress::default())),
        });
        let app = axum::Router::new()
            .fallback(answer::answer)
            .with_state(Arc::clone(&shared));
        let listener = socket::Listener::new(Arc::clone(&shared));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            shared,
            server: server.abort_handle(),
        }
    }

    /// `127.0.0.1:<port>`.
    pub fn host(&self) -> String {
        self.shared.door.address().to_string()
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.host())
    }

    /// This registry as an administrator would enter it, without a credential.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            id: 1,
            name: "fake".to_owned(),
            kind: Kind::DockerRegistry,
            url: self.url(),
            credential: None,
            is_insecure: false,
            ca_certificate: None,
            options: crate::Options::default(),
        }
    }

    /// A client for it that goes to it directly, whatever proxies the environment names.
    ///
    /// # Errors
    /// As [`Client::new`]; not for the endpoint above.
    pub fn client(&self) -> Result<Client, Error> {
        Client::new(
            self.endpoint(),
            &Config {
                proxy: Some(ProxyConfig::default()),
                ..Config::default()
            },
        )
    }

    /// An image with these layers and a configuration, tagged.
    pub fn push_image(&self, repository: &str, tag: &str, layers: &[Vec<u8>]) -> Image {
        self.push_image_for(
            repository,
            Some(tag),
            &content::platform("linux", "amd64"),
            layers,
        )
    }

    /// The same for a platform, and perhaps without a tag.
    pub fn push_image_for(
        &self,
        repository: &str,
        tag: Option<&str>,
        platform: &Platform,
        layers: &[Vec<u8>],
    ) -> Image {
        self.shared.repository(repository, |repository| {
            repository.push_image(tag, platform, layers)
        })
    }

    /// An index of images pushed before.
    pub fn push_index(
        &self,
        repository: &str,
        tag: &str,
        children: &[(Platform, Image)],
    ) -> Digest {
        self.shared.repository(repository, |repository| {
            repository.push_index(tag, children)
        })
    }

    /// Any bytes as a manifest; untagged where `tag` is empty.
    pub fn push_manifest(
        &self,
        repository: &str,
        tag: &str,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) -> Digest {
        let tag = Some(tag).filter(|tag| !tag.is_empty());
        self.shared.repository(repository, |repository| {
            repository.push_manifest(tag, media_type, bytes.into())
        })
    }

    /// Bytes as the manifest of any digest, right or wrong.
    pub fn push_manifest_under(
        &self,
        repository: &str,
        digest: Digest,
        media_type: &str,
        bytes: impl Into<Bytes>,
    ) {
        self.shared.repository(repository, |repository| {
            repository.push_manifest_under(digest, media_type, bytes.into());
        });
    }

    /// Bytes as a blob.
    pub fn push_blob(&self, repository: &str, bytes: impl Into<Bytes>) -> Digest {
        let bytes = bytes.into();
        let digest = Digest::sha256(&bytes);
        self.push_content(repository, digest, Content::Bytes(bytes))
    }

    /// A blob of any size that costs no memory: see [`Content::repeated`].
    pub fn push_large_blob(&self, repository: &str, size: u64, seed: u64) -> Digest {
        let content = Content::repeated(size, seed);
        let digest = content.digest();
        self.push_content(repository, digest, content)
    }

    /// Content under any digest, right or wrong.
    pub fn push_content(&self, repository: &str, digest: Digest, content: Content) -> Digest {
        self.shared.repository(repository, |repository| {
            repository.push_blob(digest.clone(), content)
        });
        digest
    }

    /// Forgets a tag; what it named stays.
    pub fn delete_tag(&self, repository: &str, tag: &str) {
        self.shared
            .repository(repository, |repository| repository.delete_tag(tag));
    }

    /// Forgets a blob.
    pub fn delete_blob(&self, repository: &str, digest: &Digest) {
        self.shared
            .repository(repository, |repository| repository.delete_blob(digest));
    }

    /// Behaves so from now on, everywhere, and in no other way. [`Mode::Normal`] is a return to health.
    pub fn set_mode(&self, mode: Mode) {
        self.shared.lock().modes.clear();
        self.add_mode(mode);
    }

    /// The same, for paths that contain `part` (`/token`, `/blobs/`, a digest); other parts go on as they did.
    pub fn set_mode_for(&self, part: &str, mode: Mode) {
        let mut state = self.shared.lock();
        state.modes.clear_part(part);
        state.modes.add(part, mode);
    }

    /// Behaves so too.
    pub fn add_mode(&self, mode: Mode) {
        let is_refusing = mode == Mode::RefuseConnections;
        self.shared.lock().modes.add("", mode);
        match is_refusing {
            true => self.shared.door.close(),
            false => self.shared.door.open_again(),
        }
    }

    /// Behaves so too, for paths that contain `part`.
    pub fn add_mode_for(&self, part: &str, mode: Mode) {
        self.shared.lock().modes.add(part, mode);
    }

    /// Takes connections again after [`Mode::RefuseConnections`], on the same port.
    pub fn start_again(&self) {
        self.set_mode(Mode::Normal);
    }

    /// Cuts all connections there are.
    pub fn cut_connections(&self) {
        self.shared.door.cut();
    }

    /// Under [`Mode::Gate`]: each body may send `bytes` more.
    pub fn release(&self, bytes: u64) {
        self.shared
            .released_bytes
            .send_modify(|released| *released = released.saturating_add(bytes));
    }

    /// Under [`Mode::Gate`]: all bodies may send all they have.
    pub fn release_all(&self) {
        self.release(u64::MAX);
    }

    /// Wants Basic authentication.
    pub fn require_basic(&self, user: &str, password: &str) {
        self.shared.lock().auth = Auth::basic(auth::door_for(user, password));
    }

    /// Wants Basic authentication, by what `door` makes of a user name and password.
    pub fn require_basic_by(&self, door: impl Fn(&str, &str) -> Entry + Send + Sync + 'static) {
        self.shared.lock().auth = Auth::basic(Arc::new(door));
    }

    /// Wants a token, made at `/token` (see [`Self::set_token_realm`]) for this user only.
    pub fn require_bearer(&self, user: &str, password: &str) {
        self.shared.lock().auth = Auth::bearer(Some(auth::door_for(user, password)));
    }

    /// Wants a token, made at `/token` for whom `door` lets in: by Basic, or in a form with an identity token, whose
    /// user is `<token>`.
    pub fn require_bearer_by(&self, door: impl Fn(&str, &str) -> Entry + Send + Sync + 'static) {
        self.shared.lock().auth = Auth::bearer(Some(Arc::new(door)));
    }

    /// Lets each account have so many manifests in a window, and says so, as Docker Hub does.
    pub fn limit_rate(&self, limit: u64, window: Duration) {
        self.shared.lock().rate = Some(Rate::new(limit, window));
    }

    /// Limits nobody's rate any more.
    pub fn lift_rate_limit(&self) {
        self.shared.lock().rate = None;
    }

    /// Wants a token, made at `/token` for anybody.
    pub fn require_anonymous_bearer(&self) {
        self.shared.lock().auth = Auth::bearer(None);
    }

    /// Makes tokens that live so long; without a call here tokens say nothing of it and live a minute.
    pub fn set_token_life(&self, life: Duration) {
        self.shared.lock().auth.token_life = Some(life);
    }

    /// Makes tokens for strangers too, good for repositories whose names begin so. They want a token all the same.
    pub fn publish(&self, prefix: &str) {
        self.shared.lock().auth.public = Some(prefix.to_owned());
    }

    /// Names this as the place where tokens are made; if it is here, they are made at its path.
    pub fn set_token_realm(&self, realm: &str) {
        self.shared.lock().auth.realm = Some(realm.to_owned());
    }

    /// Takes no token made so far.
    pub fn revoke_tokens(&self) {
        self.shared.lock().auth.revoke();
    }

    /// Makes tokens for this repository, but takes none: as Docker Hub does for what does not exist.
    pub fn deny(&self, repository: &str) {
        self.shared.lock().denied.push(repository.to_owned());
    }

    /// Answers blob requests with 307 to the same path there, with a signature in the query.
    pub fn redirect_blobs_to(&self, url: &str) {
        self.shared.lock().redirect_blobs_to = Some(url.trim_end_matches('/').to_owned());
    }

    /// All requests since the start or the last [`Self::clear`], in order.
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.lock().seen.clone()
    }

    /// How many of them had this method and a path that contains `part`.
    pub fn count(&self, method: &str, part: &str) -> usize {
        self.shared
            .lock()
            .seen
            .iter()
            .filter(|seen| seen.method == method && seen.path.contains(part))
            .count()
    }

    /// How many asked for a token.
    pub fn token_requests(&self) -> usize {
        let state = self.shared.lock();
        let path = state.auth.token_path();
        let asked = state.seen.iter().filter(|seen| seen.path == path);
        asked.count()
    }

    /// Bytes of blobs handed to the network.
    pub fn bytes_sent(&self) -> u64 {
        self.shared.bytes_sent.load(Ordering::SeqCst)
    }

    /// How many requests there have been under way at once, at most: from arrival to the answer's last byte.
    pub fn most_at_once(&self) -> usize {
        self.shared.progress.borrow().most
    }

    /// Forgets requests and bytes.
    pub fn clear(&self) {
        self.shared.lock().seen.clear();
        self.shared.bytes_sent.store(0, Ordering::SeqCst);
    }

    /// Waits until `count` blob bodies are on their way.
    pub async fn open_bodies_are(&self, count: usize) {
        let mut open_bodies = self.shared.open_bodies.subscribe();
        // The sender lives in `shared`, and so longer than this wait.
        let _ = open_bodies.wait_for(|open| *open == count).await;
    }

    /// Waits until `count` requests have this method and a path that contains `part`.
    pub async fn requests_are(&self, method: &str, part: &str, count: usize) {
        while self.count(method, part) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.server.abort();
        self.shared.door.close();
    }
}

impl std::fmt::Debug for FakeUpstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FakeUpstream")
            .field("host", &self.host())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere is to show its own message, not this one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn repository<T>(&self, name: &str, change: impl FnOnce(&mut Repository) -> T) -> T {
        change(self.lock().repositories.entry(name.to_owned()).or_default())
    }
}
