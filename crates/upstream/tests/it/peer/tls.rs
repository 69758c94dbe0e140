//! TLS in front of a registry that knows none.

use std::sync::{Arc, Mutex};

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_rustls::TlsAcceptor;

use super::Authority;
use super::certificates::Pair;

pub(crate) struct TlsFront {
    /// `127.0.0.1:<port>`.
    pub(crate) host: String,
    pub(crate) port: u16,
    protocols: Arc<Mutex<Vec<String>>>,
    server: AbortHandle,
}

/// Which clients a server lets in.
pub(crate) enum ClientCertificates<'a> {
    Unasked,
    SignedBy(&'a Authority),
}

impl TlsFront {
    /// Passes what comes by TLS on to `behind` (`host:port`).
    pub(crate) async fn start(own: &Pair, clients: ClientCertificates<'_>, behind: String) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config(own, clients)));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let protocols = Arc::new(Mutex::new(Vec::new()));
        let server = tokio::spawn({
            let protocols = Arc::clone(&protocols);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let (acceptor, behind) = (acceptor.clone(), behind.clone());
                    let protocols = Arc::clone(&protocols);
                    tokio::spawn(async move {
                        let Ok(mut stream) = acceptor.accept(stream).await else {
                            return;
                        };
                        let protocol = stream.get_ref().1.alpn_protocol().unwrap_or_default();
                        let protocol = String::from_utf8_lossy(protocol).into_owned();
                        protocols.lock().unwrap().push(protocol);
                        let mut onward = TcpStream::connect(behind).await.unwrap();
                        // How it ends is the client's matter.
                        let _ = copy_bidirectional(&mut stream, &mut onward).await;
                    });
                }
            }
        });
        Self {
            host: address.to_string(),
            port: address.port(),
            protocols,
            server: server.abort_handle(),
        }
    }

    /// What was agreed on by ALPN, for each connection.
    pub(crate) fn protocols(&self) -> Vec<String> {
        self.protocols.lock().unwrap().clone()
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn config(own: &Pair, clients: ClientCertificates<'_>) -> ServerConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        ClientCertificates::Unasked => builder.with_no_client_auth(),
        ClientCertificates::SignedBy(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(certificates(&authority.certificate));
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap();
    let mut config = builder
        .with_single_cert(certificates(&own.certificate), key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config
}

fn certificates(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap()
}
