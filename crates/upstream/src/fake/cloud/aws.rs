//! Amazon, as far as a registry's client meets it: ECR and ECR Public, STS, the instance metadata service and a
//! container's credential agent, all behind one port. What each follows is said where it answers.

mod ecr;
mod machine;
mod signature;
mod state;
mod sts;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::task::AbortHandle;

use self::state::{Role, State};
use crate::AwsOptions;
use crate::fake::Entry;

/// Where everything happens, but for the public gallery.
const REGION: &str = "eu-west-1";
/// Whose everything is.
const ACCOUNT: &str = "123456789012";

/// Amazon's services, for as long as this value lives.
pub struct Aws {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    server: AbortHandle,
}

/// What can be asked of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// ECR's or ECR Public's `GetAuthorizationToken`.
    GetAuthorizationToken,
    /// STS's `AssumeRole`.
    AssumeRole,
    /// STS's `AssumeRoleWithWebIdentity`.
    AssumeRoleWithWebIdentity,
    /// A session with the metadata service.
    MetadataToken,
    /// The role of the instance.
    MetadataRole,
    /// The keys of that role.
    MetadataKeys,
    /// The keys of a container's role.
    ContainerKeys,
}

impl Aws {
    /// New ones, which know nobody.
    ///
    /// # Panics
    /// Where no loopback socket can be had.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let app = axum::Router::new()
            .fallback(answer)
            .with_state(Arc::clone(&state));
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            state,
            address,
            server: server.abort_handle(),
        }
    }

    /// `http://127.0.0.1:<port>`: ECR, ECR Public, STS and the metadata service.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `AWS_CONTAINER_CREDENTIALS_FULL_URI` for the agent of containers.
    pub fn container_url(&self) -> String {
        format!("{}/v1/credentials", self.url())
    }

    /// The options that point an endpoint here.
    pub fn options(&self) -> AwsOptions {
        AwsOptions {
            region: Some(REGION.to_owned()),
            ecr_endpoint: Some(self.url()),
            sts_endpoint: Some(self.url()),
            metadata_endpoint: Some(self.url()),
            ..AwsOptions::default()
        }
    }

    /// A user's keys, which stay.
    pub fn add_key(&self, access_key: &str, secret_key: &str) {
        self.lock().add_key(access_key, secret_key, None);
    }

    /// The keys of a session that lasts so long.
    pub fn add_session(&self, access_key: &str, secret_key: &str, token: &str, life: Duration) {
        let session = (token.to_owned(), SystemTime::now() + life);
        self.lock().add_key(access_key, secret_key, Some(session));
    }

    /// A role that any of the keys here may assume, with this external id where one is named.
    pub fn add_role(&self, arn: &str, external_id: Option<&str>) {
        self.lock().roles.push(Role {
            arn: arn.to_owned(),
            external_id: external_id.map(str::to_owned),
            web_identity: None,
        });
    }

    /// A role for whoever has this web identity's token.
    pub fn add_web_identity(&self, arn: &str, token: &str) {
        self.lock().roles.push(Role {
            arn: arn.to_owned(),
            external_id: None,
            web_identity: Some(token.to_owned()),
        });
    }

    /// The role that the metadata service gives keys for; none at the start.
    pub fn set_instance_role(&self, name: Option<&str>) {
        self.lock().instance_role = name.map(str::to_owned);
    }

    /// What the agent of containers wants as `Authorization`; without a call here it serves nobody.
    pub fn set_container_token(&self, token: &str) {
        self.lock().container_token = Some(token.to_owned());
    }

    /// All keys given to roles so far are refused from now on; there are new ones for who asks. Keys of
    /// [`Self::add_key`] and [`Self::add_session`] stay.
    pub fn rotate_keys(&self) {
        self.lock().forget_role_keys();
    }

    /// Refuses these keys from now on.
    pub fn remove_key(&self, access_key: &str) {
        self.lock().remove_key(access_key);
    }

    /// How long registry tokens made from now on live. Amazon's twelve hours without a call here.
    pub fn set_token_life(&self, life: Duration) {
        self.lock().token_life = life;
    }

    /// How long keys of roles live. Amazon's hour without a call here.
    pub fn set_session_life(&self, life: Duration) {
        self.lock().session_life = life;
    }

    /// The `proxyEndpoint` that comes with tokens.
    pub fn set_registry(&self, url: &str) {
        self.lock().registry = Some(url.to_owned());
    }

    /// Answers everything with 503, or no more.
    pub fn set_down(&self, is_down: bool) {
        self.lock().is_down = is_down;
    }

    /// Whether a registry of Amazon's would take this user and password now.
    pub fn accepts(&self, user: &str, password: &str) -> bool {
        user == "AWS" && self.lock().is_token(password, SystemTime::now())
    }

    /// What a registry of Amazon's makes of them: a token that has ended is told from what is none.
    pub fn entry(&self, user: &str, password: &str) -> Entry {
        let state = self.lock();
        match state.tokens.contains_key(password) && user == "AWS" {
            true if state.is_token(password, SystemTime::now()) => Entry::Granted,
            true => Entry::Forbidden,
            false => Entry::Refused,
        }
    }

    /// A registry token for whoever types it in.
    pub fn make_token(&self) -> String {
        self.lock().make_token(SystemTime::now()).0
    }

    /// Ends all registry tokens made so far.
    pub fn revoke_tokens(&self) {
        let now = SystemTime::now();
        self.lock().tokens.values_mut().for_each(|end| *end = now);
    }

    /// How often this was asked, whatever the answer.
    pub fn calls(&self, call: Call) -> usize {
        self.lock().calls.get(&call).copied().unwrap_or(0)
    }

    /// How often anything was asked.
    pub fn all_calls(&self) -> usize {
        self.lock().calls.values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl std::fmt::Debug for Aws {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Aws")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // A test that panicked elsewhere is to show its own message, not this one.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request as it came.
struct Request {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

async fn answer(Shared(state): Shared<Arc<Mutex<State>>>, parts: Parts, body: Bytes) -> Response {
    let request = Request {
        method: parts.method,
        uri: parts.uri,
        headers: parts.headers,
        body,
    };
    let mut state = lock(&state);
    let now = SystemTime::now();
    if let Some(answer) = machine::answer(&mut state, &request, now) {
        return answer;
    }
    if request.method != Method::POST || request.uri.path() != "/" {
        return StatusCode::NOT_FOUND.into_response();
    }
    match request.header("x-amz-target") {
        Some(target) => ecr::answer(&mut state, &request, target, now),
        None => sts::answer(&mut state, &request, now),
    }
}
