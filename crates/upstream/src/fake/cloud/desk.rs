//! Where the fakes of clouds hand out credentials: a server on a loopback socket that counts what it is asked and
//! fails on demand. What is right and wrong to ask, each fake knows itself.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::Utc;
use http::{HeaderMap, Method, StatusCode, header};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

const MAX_REQUEST_BYTES: usize = 1024 * 1024;

/// A server for one cloud. Its parts are told apart by their paths; `""` is all of them.
#[derive(Debug)]
pub struct Desk {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    server: AbortHandle,
}

#[derive(Debug)]
struct State {
    seen: Vec<(Method, String)>,
    life: Duration,
    is_revoked: bool,
    era: u64,
    /// The registry behind the front.
    behind: Option<String>,
    /// Repositories whose names begin so are anybody's.
    public: Option<String>,
    faults: Vec<(String, Fault)>,
}

#[derive(Clone, Debug)]
enum Fault {
    Answer(StatusCode, String),
    Silence,
}

/// A request, as a fake looks at it.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    /// As it came.
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// How long what is made now lives.
    pub(super) life: Duration,
    /// Whether who asks is no longer known.
    pub(super) is_revoked: bool,
    /// What is made belongs to it, and dies with it.
    pub(super) era: u64,
    /// Whose names begin so are anybody's.
    pub(super) public: Option<String>,
}

/// What a fake answers: a status and JSON.
pub(super) struct Reply(pub(super) StatusCode, pub(super) Value);

/// What a fake knows.
pub(super) trait Cloud: Send + Sync + 'static {
    /// To a request for a credential or a token.
    fn answer(&self, asked: &Asked) -> Reply;

    /// What a request to the registry is answered with. `None`: it is let through.
    fn challenge(&self, asked: &Asked) -> Option<String>;
}

impl Desk {
    pub(super) async fn open(cloud: impl Cloud) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(Mutex::new(State {
            seen: Vec::new(),
            life: Duration::from_secs(3600),
            is_revoked: false,
            era: 0,
            behind: None,
            public: None,
            faults: Vec::new(),
        }));
        let (shared, cloud) = (Arc::clone(&state), Arc::new(cloud));
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            // Reading the system's takes longer than what is let through.
            .tls_certs_only([])
            .build()
            .expect("a client");
        let app = axum::Router::new().fallback(move |request: Request| {
            respond(
                Arc::clone(&shared),
                Arc::clone(&cloud),
                client.clone(),
                request,
            )
        });
        let server = tokio::spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            state,
            server: server.abort_handle(),
        }
    }

    /// `127.0.0.1:<port>`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What is made from now on lives so long; an hour unless told.
    pub fn set_life(&self, life: Duration) {
        lock(&self.state).life = life;
    }

    /// Whether the identity that asks has been deleted or locked.
    pub fn set_revoked(&self, is_revoked: bool) {
        lock(&self.state).is_revoked = is_revoked;
    }

    /// All that was made so far is refused from now on, as if its life were over.
    pub fn expire_all(&self) {
        lock(&self.state).era += 1;
    }

    /// Whether something that was made is still good.
    pub(super) fn is_alive(&self, claims: &Value) -> bool {
        is_alive(claims, lock(&self.state).era)
    }

    /// Lets what has a good token through to this registry, which needs no login.
    pub fn stand_before(&self, url: &str) {
        lock(&self.state).behind = Some(url.trim_end_matches('/').to_owned());
    }

    /// Makes registry tokens for strangers, good for repositories whose names begin so.
    pub fn publish(&self, prefix: &str) {
        lock(&self.state).public = Some(prefix.to_owned());
    }

    /// 500 for paths that contain `part`.
    pub fn fail(&self, part: &str) {
        self.answer_with(part, 500, "");
    }

    /// This, whatever is asked, for paths that contain `part`.
    ///
    /// # Panics
    /// Where `status` is none.
    pub fn answer_with(&self, part: &str, status: u16, text: &str) {
        let status = StatusCode::from_u16(status).expect("a status");
        let fault = Fault::Answer(status, text.to_owned());
        lock(&self.state).faults.push((part.to_owned(), fault));
    }

    /// No answer at all for paths that contain `part`.
    pub fn be_silent(&self, part: &str) {
        let silence = (part.to_owned(), Fault::Silence);
        lock(&self.state).faults.push(silence);
    }

    /// No faults any more.
    pub fn heal(&self) {
        lock(&self.state).faults.clear();
    }

    /// How many requests had a path that contains `part`.
    pub fn count(&self, part: &str) -> usize {
        self.count_of(|path| path.contains(part))
    }

    /// How many requests had such a path.
    pub fn count_of(&self, is_meant: impl Fn(&str) -> bool) -> usize {
        let state = lock(&self.state);
        state.seen.iter().filter(|(_, path)| is_meant(path)).count()
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Asked {
    /// A field of the form or of the query; empty where there is none.
    pub(super) fn field(&self, name: &str) -> String {
        self.fields(name).into_iter().next().unwrap_or_default()
    }

    /// All fields of this name.
    pub(super) fn fields(&self, name: &str) -> Vec<String> {
        let source: &[u8] = match self.method {
            Method::POST if !self.body.is_empty() => &self.body,
            _ => self.query.as_bytes(),
        };
        url::form_urlencoded::parse(source)
            .filter(|(field, _)| field == name)
            .map(|(_, value)| value.into_owned())
            .collect()
    }

    /// When what is made now dies, in seconds since 1970.
    pub(super) fn expiry(&self) -> i64 {
        Utc::now().timestamp() + i64::try_from(self.life.as_secs()).expect("a short life")
    }

    /// Whether something that was made is still good.
    pub(super) fn is_alive(&self, claims: &Value) -> bool {
        is_alive(claims, self.era)
    }

    /// A header's text, empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    pub(super) fn bearer(&self) -> &str {
        let authorization = self.header(header::AUTHORIZATION.as_str());
        authorization.strip_prefix("Bearer ").unwrap_or_default()
    }
}

fn is_alive(claims: &Value, era: u64) -> bool {
    let exp = claims["exp"].as_i64();
    let is_of_now = exp.is_some_and(|exp| exp > Utc::now().timestamp());
    is_of_now && claims["era"].as_u64().is_none_or(|own| own == era)
}

async fn respond(
    state: Arc<Mutex<State>>,
    cloud: Arc<impl Cloud>,
    client: reqwest::Client,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_REQUEST_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path().to_owned();
    let (fault, behind, asked) = {
        let mut state = lock(&state);
        state.seen.push((parts.method.clone(), path.clone()));
        let fault = state.faults.iter().find(|(part, _)| path.contains(part));
        let fault = fault.map(|(_, fault)| fault.clone());
        let asked = Asked {
            method: parts.method,
            path,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            headers: parts.headers,
            body,
            life: state.life,
            is_revoked: state.is_revoked,
            era: state.era,
            public: state.public.clone(),
        };
        (fault, state.behind.clone(), asked)
    };
    match fault {
        Some(Fault::Answer(status, text)) => return (status, text).into_response(),
        Some(Fault::Silence) => std::future::pending::<()>().await,
        None => {}
    }
    // Google makes a registry's tokens below the registry's own paths.
    let is_for_registry = asked.path.starts_with("/v2/") && asked.path != "/v2/token";
    if !is_for_registry {
        let Reply(status, json) = cloud.answer(&asked);
        return (status, axum::Json(json)).into_response();
    }
    match (cloud.challenge(&asked), behind) {
        (Some(challenge), _) => challenged(challenge),
        (None, Some(behind)) => let_through(&client, &behind, asked).await,
        (None, None) => axum::Json(json!({})).into_response(),
    }
}

fn challenged(challenge: String) -> Response {
    let said = json!({
        "errors": [{ "code": "UNAUTHORIZED", "message": "authentication required" }]
    });
    let headers = [(header::WWW_AUTHENTICATE, challenge)];
    (StatusCode::UNAUTHORIZED, headers, axum::Json(said)).into_response()
}

async fn let_through(client: &reqwest::Client, behind: &str, asked: Asked) -> Response {
    let query = Some(asked.query.as_str()).filter(|query| !query.is_empty());
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let mut headers = asked.headers;
    headers.remove(header::HOST);
    headers.remove(header::AUTHORIZATION);
    let request = client
        .request(asked.method, format!("{behind}{}{query}", asked.path))
        .headers(headers)
        .body(asked.body);
    let Ok(answer) = request.send().await else {
        return StatusCode::BAD_GATEWAY.into_response();
    };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    // Of the connection behind, not of ours.
    headers.remove(header::TRANSFER_ENCODING);
    headers.remove(header::CONNECTION);
    let body = axum::body::Body::from_stream(answer.bytes_stream());
    (status, headers, body).into_response()
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
