//! The accept loop: plain or TLS, a bound on how long headers may take, and a drain that ends what is running.
//!
//! Not `axum::serve`: it has no TLS, no header timeout and no say over how bodies are written.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use crate::client::Peer;

/// How long a client may take to send its request's headers, or to shake hands.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// What hyper may hold of a response before the socket has taken it. A chunk of a blob is larger, so each connection
/// holds one chunk and reads the next when it has been sent: 64 downloads cost 64 chunks, not 64 times hyper's 400 KiB.
/// It bounds a request's headers too.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// Where the certificate chain and its key are, in PEM.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, and those above it.
    pub certificate: PathBuf,
    /// Its private key.
    pub private_key: PathBuf,
}

/// A bound socket, ready to serve.
pub struct Listener {
    socket: TcpListener,
    tls: Option<TlsAcceptor>,
}

impl Listener {
    /// Binds `address`, with TLS where files are given.
    ///
    /// # Errors
    /// When the address cannot be bound, or the files hold no certificate and key that belong together.
    pub async fn bind(address: SocketAddr, tls: Option<&TlsFiles>) -> io::Result<Self> {
        let tls = tls.map(acceptor).transpose()?;
        let socket = TcpListener::bind(address).await?;
        Ok(Self { socket, tls })
    }

    /// The address bound: the real port where 0 was asked for.
    ///
    /// # Errors
    /// When the system does not know it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves `app` until `stop` is ready; then takes no new connections and gives those that are open
    /// `drain` to end what they do.
    pub async fn serve(self, app: crate::App, stop: impl Future<Output = ()>, drain: Duration) {
        let connections = GracefulShutdown::new();
        tokio::pin!(stop);
        loop {
            let accepted = tokio::select! {
                accepted = self.socket.accept() => accepted,
                () = &mut stop => break,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.spawn(stream, Peer(peer), app.0.clone(), &connections);
                }
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end free some.
                    tracing::error!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
        }
        drop(self.socket);
        if tokio::time::timeout(drain, connections.shutdown())
            .await
            .is_err()
        {
            tracing::warn!(
                drain_secs = drain.as_secs(),
                "transfers still running after the drain were cut off"
            );
        }
    }

    /// Each connection is a task; the graceful shutdown owns it.
    fn spawn(&self, stream: TcpStream, peer: Peer, router: Router, connections: &GracefulShutdown) {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "no TCP_NODELAY");
        }
        let watcher = connections.watcher();
        match self.tls.clone() {
            None => {
                tokio::spawn(async move { watched(stream, peer, router, watcher).await });
            }
            Some(tls) => {
                tokio::spawn(async move {
                    match tokio::time::timeout(HEADER_TIMEOUT, tls.accept(stream)).await {
                        Ok(Ok(stream)) => watched(stream, peer, router, watcher).await,
                        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
                        Err(_) => tracing::debug!("TLS handshake took too long"),
                    }
                });
            }
        }
    }
}

async fn watched<S>(stream: S, peer: Peer, router: Router, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(MAX_BUFFER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(HEADER_TIMEOUT);
    let router = router.map_request(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(peer);
        request
    });
    let service = TowerToHyperService::new(router);
    let connection = builder
        .serve_connection(TokioIo::new(stream), service)
        .into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(error = &*error, "connection ended");
    }
}

fn acceptor(files: &TlsFiles) -> io::Result<TlsAcceptor> {
    let broken = |what: &PathBuf, error: &dyn std::fmt::Display| {
        io::Error::other(format!("{}: {error}", what.display()))
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| broken(&files.certificate, &error))?;
    let key = PrivateKeyDer::from_pem_file(&files.private_key)
        .map_err(|error| broken(&files.private_key, &error))?;
    let mut config = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| broken(&files.certificate, &error))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}
