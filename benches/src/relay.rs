//! The wire to upstream: a TCP relay on loopback that counts what comes back and can be as slow as a real network.
//!
//! An unthrottled loopback is no network: pulls over it measure who copies memory fastest on two cores.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::Instant;

const PIECE_BYTES: usize = 128 * 1024;
/// All that a meter holds back of a connection, or little more: the kernel doubles it.
const METER_BUFFER_BYTES: u32 = 4 * 1024;
/// Time that was not used may be made up for, up to this: tokio's timer wakes a millisecond late.
const BURST: Duration = Duration::from_millis(10);

/// A relay in front of one upstream. Dropping it closes the listener; running connections end with their peers.
pub(crate) struct Relay {
    address: SocketAddr,
    wire: Arc<Wire>,
    accepting: JoinHandle<()>,
}

struct Wire {
    bytes_per_second: Option<u64>,
    piece_bytes: usize,
    /// When the wire is free again; all connections share it.
    free_at: Mutex<Instant>,
    bytes: AtomicU64,
}

impl Relay {
    pub(crate) async fn start(upstream: SocketAddr, bytes_per_second: Option<u64>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Self::on(listener, upstream, bytes_per_second, PIECE_BYTES)
    }

    /// One that holds nothing back itself. What another has counted may wait in its own buffers, a megabyte and more
    /// for each connection; what this has counted is at the other end of the wire, or nearly.
    pub(crate) fn meter(upstream: SocketAddr) -> Result<Self> {
        let socket = TcpSocket::new_v4()?;
        // Accepted sockets have it from their listener.
        socket.set_send_buffer_size(METER_BUFFER_BYTES)?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Self::on(
            socket.listen(1024)?,
            upstream,
            None,
            METER_BUFFER_BYTES as usize,
        )
    }

    fn on(
        listener: TcpListener,
        upstream: SocketAddr,
        bytes_per_second: Option<u64>,
        piece_bytes: usize,
    ) -> Result<Self> {
        let address = listener.local_addr()?;
        let wire = Arc::new(Wire {
            bytes_per_second,
            piece_bytes,
            free_at: Mutex::new(Instant::now()),
            bytes: AtomicU64::new(0),
        });
        let shared = Arc::clone(&wire);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let wire = Arc::clone(&shared);
                // Owned by its two sockets: it ends when either side does.
                tokio::spawn(async move { wire.carry(client, upstream).await });
            }
        });
        Ok(Self {
            address,
            wire,
            accepting,
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Bytes that came from upstream since this was last asked.
    pub(crate) fn take_bytes(&self) -> u64 {
        self.wire.bytes.swap(0, Ordering::Relaxed)
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Wire {
    async fn carry(&self, client: TcpStream, upstream: SocketAddr) {
        let Ok(upstream) = TcpStream::connect(upstream).await else {
            return;
        };
        // A relay that waits to fill packets would charge its own delay to whoever is behind it.
        let _ = (client.set_nodelay(true), upstream.set_nodelay(true));
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_upstream, mut to_upstream) = upstream.into_split();
        let up = async move {
            let _ = tokio::io::copy(&mut from_client, &mut to_upstream).await;
            let _ = to_upstream.shutdown().await;
        };
        let down = async {
            let mut piece = vec![0; self.piece_bytes];
            while let Ok(read @ 1..) = from_upstream.read(&mut piece).await {
                self.pass(read as u64).await;
                if to_client.write_all(&piece[..read]).await.is_err() {
                    break;
                }
            }
            let _ = to_client.shutdown().await;
        };
        tokio::select! {
            () = down => (),
            () = async { up.await; std::future::pending().await } => (),
        }
    }

    async fn pass(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let Some(rate) = self.bytes_per_second else {
            return;
        };
        let until = {
            let Ok(mut free_at) = self.free_at.lock() else {
                return;
            };
            let now = Instant::now();
            let earliest = now.checked_sub(BURST).unwrap_or(now);
            *free_at =
                (*free_at).max(earliest) + Duration::from_secs_f64(bytes as f64 / rate as f64);
            *free_at
        };
        tokio::time::sleep_until(until).await;
    }
}
