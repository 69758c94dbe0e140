//! A proxy on a loopback socket: plain requests, `CONNECT` and SOCKS 5 (RFC 1928, 1929), each written down. It knows
//! names by a table of its own, as a proxy in a company's network does.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

pub(crate) struct TestProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: AbortHandle,
}

#[derive(Default)]
struct Shared {
    /// `host:port` as asked for, and where that is.
    table: Mutex<HashMap<String, String>>,
    account: Mutex<Option<(String, String)>>,
    log: Mutex<Vec<String>>,
}

impl TestProxy {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let server = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move {
                while let Ok((stream, _)) = listener.accept().await {
                    let shared = Arc::clone(&shared);
                    // A connection that breaks is the client's matter.
                    tokio::spawn(async move { drop(serve(&shared, stream).await) });
                }
            }
        });
        Self {
            address,
            shared,
            server: server.abort_handle(),
        }
    }

    /// Makes `place` (`host:port`) known to it, at `address`.
    pub(crate) fn knows(&self, place: &str, address: &str) {
        let mut table = self.shared.table.lock().unwrap();
        table.insert(place.to_owned(), address.to_owned());
    }

    pub(crate) fn wants(&self, user: &str, password: &str) {
        *self.shared.account.lock().unwrap() = Some((user.to_owned(), password.to_owned()));
    }

    pub(crate) fn url(&self, scheme: &str, account: &str) -> String {
        format!("{scheme}://{account}{}", self.address)
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What it was asked for: `GET http://…`, `CONNECT host:port`, `SOCKS host:port`; refused ones too.
    pub(crate) fn log(&self) -> Vec<String> {
        self.shared.log.lock().unwrap().clone()
    }
}

impl Drop for TestProxy {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Shared {
    fn write_down(&self, line: String) {
        self.log.lock().unwrap().push(line);
    }

    async fn connect(&self, place: &str) -> Option<TcpStream> {
        let address = self.table.lock().unwrap().get(place).cloned()?;
        TcpStream::connect(address).await.ok()
    }
}

async fn serve(shared: &Shared, stream: TcpStream) -> io::Result<()> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    match first[0] {
        5 => serve_socks(shared, stream).await,
        _ => serve_http(shared, stream).await,
    }
}

async fn serve_http(shared: &Shared, mut stream: TcpStream) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap());
    shared.write_down(format!("{method} {target}"));
    let account = shared.account.lock().unwrap().clone();
    let wanted = account.map(|(user, password)| {
        let account = BASE64_STANDARD.encode(format!("{user}:{password}"));
        format!("proxy-authorization: basic {account}")
    });
    let is_known = wanted.is_none_or(|wanted| {
        let mut lines = head.lines();
        lines.any(|line| line.eq_ignore_ascii_case(&wanted))
    });
    if !is_known {
        return answer(&mut stream, "407 Proxy Authentication Required").await;
    }
    let place = match method {
        "CONNECT" => target.to_owned(),
        _ => {
            let url: reqwest::Url = target.parse().unwrap();
            format!(
                "{}:{}",
                url.host_str().unwrap(),
                url.port_or_known_default().unwrap()
            )
        }
    };
    let Some(mut onward) = shared.connect(&place).await else {
        return answer(
            &mut stream,
            "403 Forbidden\r\nx-squid-error: ERR_ACCESS_DENIED 0",
        )
        .await;
    };
    if method == "CONNECT" {
        stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        // One request for each connection, so that each is written down.
        let head = head.replacen("\r\n", "\r\nconnection: close\r\n", 1);
        onward.write_all(head.as_bytes()).await?;
    }
    copy_bidirectional(&mut stream, &mut onward).await.map(drop)
}

async fn answer(stream: &mut TcpStream, status: &str) -> io::Result<()> {
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await
}

async fn serve_socks(shared: &Shared, mut stream: TcpStream) -> io::Result<()> {
    stream.read_u8().await?;
    let mut methods = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut methods).await?;
    let account = shared.account.lock().unwrap().clone();
    let method = if account.is_some() { 2 } else { 0 };
    if !methods.contains(&method) {
        return stream.write_all(&[5, 0xff]).await;
    }
    stream.write_all(&[5, method]).await?;
    if let Some(account) = account {
        stream.read_u8().await?;
        let given = (read_text(&mut stream).await?, read_text(&mut stream).await?);
        let is_right = given == account;
        stream.write_all(&[1, u8::from(!is_right)]).await?;
        if !is_right {
            return Ok(());
        }
    }
    let mut request = [0; 4];
    stream.read_exact(&mut request).await?;
    let host = match request[3] {
        3 => read_text(&mut stream).await?,
        _ => return stream.write_all(&[5, 8, 0, 1, 0, 0, 0, 0, 0, 0]).await,
    };
    let place = format!("{host}:{}", stream.read_u16().await?);
    shared.write_down(format!("SOCKS {place}"));
    let Some(mut onward) = shared.connect(&place).await else {
        return stream.write_all(&[5, 2, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    };
    stream.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut stream, &mut onward).await.map(drop)
}

async fn read_text(stream: &mut TcpStream) -> io::Result<String> {
    let mut text = vec![0; usize::from(stream.read_u8().await?)];
    stream.read_exact(&mut text).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
