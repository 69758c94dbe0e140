//! The fake registry's socket: it can close and open again on its port, and cut what is connected to it.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Shared;

/// The listening socket, which a test may close while the server waits on it.
pub(super) struct Door {
    address: SocketAddr,
    listening: Mutex<Listening>,
    /// Connections end when this moves.
    cuts: watch::Sender<u64>,
}

struct Listening {
    listener: Option<TcpListener>,
    /// The server's, while the door is closed.
    waker: Option<Waker>,
}

impl Door {
    pub(super) fn open() -> Self {
        let listener = bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a loopback port");
        let address = listener.local_addr().expect("its address");
        let listening = Mutex::new(Listening {
            listener: Some(listener),
            waker: None,
        });
        Self {
            address,
            listening,
            cuts: watch::Sender::new(0),
        }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// From the return of this call on, connections are refused and those there were get no answer.
    pub(super) fn close(&self) {
        self.lock().listener = None;
        self.cut();
    }

    pub(super) fn open_again(&self) {
        let mut listening = self.lock();
        if listening.listener.is_none() {
            listening.listener = Some(bind(self.address).expect("the port it had before"));
            if let Some(waker) = listening.waker.take() {
                waker.wake();
            }
        }
    }

    pub(super) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    fn lock(&self) -> MutexGuard<'_, Listening> {
        self.listening
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<TcpStream> {
        let mut listening = self.lock();
        loop {
            let Some(listener) = &listening.listener else {
                listening.waker = Some(cx.waker().clone());
                return Poll::Pending;
            };
            match listener.poll_accept(cx) {
                Poll::Ready(Ok((stream, _))) => return Poll::Ready(stream),
                // One connection's failure is not the socket's.
                Poll::Ready(Err(_)) => {}
                Poll::Pending => {
                    // Closing must wake the server too: it would wait for the old socket for ever.
                    listening.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
            }
        }
    }
}

fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    // Standard library sockets on Unix set SO_REUSEADDR, so the port is free again at once.
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// What the server accepts from.
pub(super) struct Listener(Arc<Shared>);

impl Listener {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        let door = &self.0.door;
        let stream = std::future::poll_fn(|cx| door.poll_accept(cx)).await;
        // A test that measures times should not measure Nagle's algorithm.
        let _ = stream.set_nodelay(true);
        let mut cuts = door.cuts.subscribe();
        let cut = Box::pin(async move { drop(cuts.changed().await) });
        (
            Connection {
                stream,
                cut,
                is_cut: false,
            },
            door.address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.door.address)
    }
}

/// A connection that can be cut from outside.
pub(super) struct Connection {
    stream: TcpStream,
    cut: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_cut: bool,
}

impl Connection {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        self.is_cut = self.is_cut || self.cut.as_mut().poll(cx).is_ready();
        if self.is_cut {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
