//! A registry that means harm: raw bytes on a socket, as a test scripts them. What HTTP allows it need not heed.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What it answers a request with, before it hangs up.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    once: Vec<u8>,
    for_ever: Vec<u8>,
}

/// A request's head, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// Its method.
    pub method: String,
    /// Its path, with the query.
    pub target: String,
    /// All of it.
    pub head: String,
}

type Script = dyn Fn(&Heard) -> Reply + Send + Sync;

/// A listening socket, its script, and what it heard. Dropping it closes it and all its connections.
pub struct HostileUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: JoinSet<()>,
}

struct Shared {
    script: Mutex<Arc<Script>>,
    heard: Mutex<Vec<Heard>>,
}

impl Reply {
    /// These bytes.
    pub fn raw(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            once: bytes.into(),
            for_ever: Vec::new(),
        }
    }

    /// A status line, header lines that each end with `\r\n`, and a body. No length is added: the end of the connection
    /// is the body's.
    pub fn with(status: &str, headers: &str, body: impl AsRef<[u8]>) -> Self {
        let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n{headers}\r\n");
        Self::raw([head.as_bytes(), body.as_ref()].concat())
    }

    /// The same with 200.
    pub fn ok(headers: &str, body: impl AsRef<[u8]>) -> Self {
        Self::with("200 OK", headers, body)
    }

    /// Another place.
    pub fn redirect(location: &str) -> Self {
        let headers = format!("content-length: 0\r\nlocation: {location}\r\n");
        Self::with("307 Temporary Redirect", &headers, "")
    }

    /// A demand for credentials.
    pub fn challenge(challenge: &str) -> Self {
        let headers = format!("content-length: 0\r\nwww-authenticate: {challenge}\r\n");
        Self::with("401 Unauthorized", &headers, "")
    }

    /// A demand for a token that is made at `realm`.
    pub fn realm(realm: &str) -> Self {
        Self::challenge(&format!("Bearer realm=\"{realm}\",service=\"hostile\""))
    }

    /// And then these bytes, over and over.
    #[must_use]
    pub fn for_ever(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.for_ever = bytes.into();
        self
    }
}

impl Heard {
    /// Whether it asks to go on where an earlier answer broke off.
    pub fn is_for_a_rest(&self) -> bool {
        self.head.to_ascii_lowercase().contains("\r\nrange:")
    }

    /// Whether it carries anything by which a server could know who asks, or one of these texts.
    pub fn tells(&self, secrets: &[&str]) -> bool {
        let head = self.head.to_ascii_lowercase();
        let is_header = |name: &str| head.contains(&format!("\r\n{name}:"));
        ["authorization", "proxy-authorization", "cookie"]
            .into_iter()
            .any(is_header)
            || secrets.iter().any(|secret| self.head.contains(secret))
    }
}

impl HostileUpstream {
    /// One on 127.0.0.1.
    ///
    /// # Panics
    /// Where no loopback socket can be had.
    pub async fn start(script: impl Fn(&Heard) -> Reply + Send + Sync + 'static) -> Self {
        Self::start_at(IpAddr::from([127, 0, 0, 1]), script).await
    }

    /// One on another of this machine's addresses.
    ///
    /// # Panics
    /// Where no socket can be had there.
    pub async fn start_at(
        address: IpAddr,
        script: impl Fn(&Heard) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((address, 0))
            .await
            .expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            script: Mutex::new(Arc::new(script)),
            heard: Mutex::default(),
        });
        let mut accepting = JoinSet::new();
        accepting.spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            _accepting: accepting,
        }
    }

    /// From now on another script holds.
    pub fn turn(&self, script: impl Fn(&Heard) -> Reply + Send + Sync + 'static) {
        *lock(&self.shared.script) = Arc::new(script);
    }

    /// `127.0.0.1:<port>`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// All that was asked, in order.
    pub fn heard(&self) -> Vec<Heard> {
        lock(&self.shared.heard).clone()
    }

    /// Forgets what was asked.
    pub fn clear(&self) {
        lock(&self.shared.heard).clear();
    }
}

impl std::fmt::Debug for HostileUpstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostileUpstream")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let shared = Arc::clone(&shared);
        // A peer that hangs up is what these tests are about.
        connections.spawn(async move { drop(answer(socket, &shared).await) });
    }
}

async fn answer(mut socket: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ').map(str::to_owned);
    let heard = Heard {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        head,
    };
    let script = Arc::clone(&lock(&shared.script));
    let reply = script(&heard);
    lock(&shared.heard).push(heard);
    socket.write_all(&reply.once).await?;
    while !reply.for_ever.is_empty() {
        socket.write_all(&reply.for_ever).await?;
    }
    socket.shutdown().await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A test that panicked elsewhere is to show its own message, not this one.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
