//! A receiver for many deliveries: one thread, any number of connections.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The behaviour of an endpoint.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    /// Answers 200 and stores the body.
    Keeps,
    /// The same, but answers every seventh delivery with 500 and drops it.
    KeepsMost,
    /// Answers 200 and only counts.
    Counts,
    /// Reads the delivery and never answers.
    Hangs,
}

/// A received delivery.
#[derive(Clone)]
pub(crate) struct Received {
    pub(crate) at: Instant,
    /// The header `webhook-id`.
    pub(crate) id: String,
    pub(crate) body: Vec<u8>,
}

#[derive(Default)]
struct Log {
    count: AtomicUsize,
    stored: Mutex<Vec<Received>>,
}

/// An endpoint that listens until it is dropped.
pub(crate) struct Endpoint {
    address: SocketAddr,
    log: Arc<Log>,
    _stop: tokio::sync::oneshot::Sender<()>,
}

impl Endpoint {
    pub(crate) fn new(mode: Mode) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let log = Arc::<Log>::default();
        let shared = Arc::clone(&log);
        std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(&listener, mode, &shared) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, log, _stop: stop }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    /// Returns the number of deliveries that were received whole.
    pub(crate) fn count(&self) -> usize {
        self.log.count.load(Ordering::SeqCst)
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.log.stored.lock().unwrap().clone()
    }
}

async fn accept(listener: &TcpListener, mode: Mode, log: &Arc<Log>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            let log = Arc::clone(log);
            tokio::spawn(async move { serve(stream, mode, &log).await });
        }
    }
}

async fn serve(mut stream: TcpStream, mode: Mode, log: &Log) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        let received = read(&mut stream, &mut buffer).await?;
        let number = log.count.fetch_add(1, Ordering::SeqCst);
        match mode {
            Mode::KeepsMost if number % 7 == 6 => {
                stream.write_all(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n").await.ok()?;
                continue;
            }
            Mode::Keeps | Mode::KeepsMost => log.stored.lock().unwrap().push(received),
            Mode::Counts => {}
            // The client closes the connection at its timeout.
            Mode::Hangs => {
                let _ = stream.read(&mut [0; 1]).await;
                return None;
            }
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.ok()?;
    }
}

/// Reads one request. Bytes after it stay in the buffer.
async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    let head = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        fill(stream, buffer).await?;
    };
    let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
    let header = |name: &str| {
        let found = text.lines().filter_map(|line| line.split_once(": "));
        found.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    };
    let length: usize = header("content-length")?.parse().ok()?;
    while buffer.len() < head + length {
        fill(stream, buffer).await?;
    }
    let id = header("webhook-id").unwrap_or_default().to_owned();
    let body = buffer[head..head + length].to_vec();
    buffer.drain(..head + length);
    Some(Received { at: Instant::now(), id, body })
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(buffer).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(()),
    }
}
