//! A client so small that little of what is measured is the client: HTTP/1.1 over one socket, plain or TLS.
//!
//! It knows what the servers of a run send: `Content-Length` bodies. Anything else is an error, not a guess.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Larger reads were not faster, smaller ones were slower (measured for plain and TLS).
const BUFFER_BYTES: usize = 256 * 1024;

/// Where requests go, and with what right.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) authorization: Option<String>,
}

impl Target {
    pub(crate) fn plain(address: SocketAddr) -> Self {
        Self {
            address,
            tls: None,
            authorization: None,
        }
    }

    pub(crate) async fn connect(&self) -> Result<Connection> {
        let socket = TcpStream::connect(self.address)
            .await
            .with_context(|| format!("cannot connect to {}", self.address))?;
        socket.set_nodelay(true)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(socket),
            Some(config) => {
                let name = ServerName::IpAddress(self.address.ip().into());
                Box::new(
                    TlsConnector::from(Arc::clone(config))
                        .connect(name, socket)
                        .await?,
                )
            }
        };
        Ok(Connection {
            stream,
            target: self.clone(),
            buffer: vec![0; BUFFER_BYTES],
            filled: 0,
        })
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// One keep-alive connection.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    target: Target,
    buffer: Vec<u8>,
    /// Bytes at the buffer's start that were read with an answer's head and belong to its body.
    filled: usize,
}

/// Status line and headers.
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) content_length: u64,
    headers: String,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    pub(crate) fn expect(self, status: u16, what: &str) -> Result<Self> {
        match self.status == status {
            true => Ok(self),
            false => bail!(
                "{what}: {} instead of {status}\n{}",
                self.status,
                self.headers
            ),
        }
    }
}

impl Connection {
    /// Sends a request without a body, or only the head of one whose body follows with [`Self::send`].
    pub(crate) async fn request(&mut self, method: &str, path: &str, headers: &str) -> Result<()> {
        let authorization = match &self.target.authorization {
            Some(value) => format!("Authorization: {value}\r\n"),
            None => String::new(),
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nUser-Agent: bench\r\n{authorization}{headers}\r\n",
            self.target.address
        );
        self.send(head.as_bytes()).await?;
        Ok(self.stream.flush().await?)
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.stream.write_all(bytes).await?)
    }

    pub(crate) async fn flush(&mut self) -> Result<()> {
        Ok(self.stream.flush().await?)
    }

    /// Reads an answer's head.
    pub(crate) async fn head(&mut self) -> Result<Head> {
        self.filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[self.filled..]).await?;
            if read == 0 {
                bail!("the connection ended before an answer");
            }
            self.filled += read;
            let Some(end) = find(&self.buffer[..self.filled], b"\r\n\r\n") else {
                continue;
            };
            let headers = String::from_utf8_lossy(&self.buffer[..end]).into_owned();
            self.buffer.copy_within(end + 4..self.filled, 0);
            self.filled -= end + 4;
            let status = headers
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok())
                .context("no status")?;
            let mut head = Head {
                status,
                content_length: 0,
                headers,
            };
            if head.header("transfer-encoding").is_some() {
                bail!("a chunked answer\n{}", head.headers);
            }
            if let Some(length) = head.header("content-length") {
                head.content_length = length.parse()?;
            }
            return Ok(head);
        }
    }

    /// Reads an answer's body to its end, handing each piece to `sink`.
    pub(crate) async fn body(&mut self, length: u64, mut sink: impl FnMut(&[u8])) -> Result<()> {
        let mut left = length;
        if self.filled > 0 {
            sink(&self.buffer[..self.filled]);
            left = left
                .checked_sub(self.filled as u64)
                .context("more bytes than announced")?;
            self.filled = 0;
        }
        while left > 0 {
            let wanted = left.min(BUFFER_BYTES as u64) as usize;
            let read = self.stream.read(&mut self.buffer[..wanted]).await?;
            if read == 0 {
                bail!("the body ended {left} bytes early");
            }
            sink(&self.buffer[..read]);
            left -= read as u64;
        }
        Ok(())
    }

    /// `GET`, whole, into memory: for small answers.
    pub(crate) async fn get(&mut self, path: &str, headers: &str) -> Result<(Head, Vec<u8>)> {
        self.request("GET", path, headers).await?;
        let head = self.head().await?;
        let mut bytes = Vec::new();
        self.body(head.content_length, |piece| bytes.extend_from_slice(piece))
            .await?;
        Ok((head, bytes))
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
