//! Clients of a flood: many concurrent connections, from many addresses of the loopback network.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::sender::Flood;

/// The timeout of one step of a session.
pub(crate) const STEP_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns the address of a client: one of 60,000.
pub(crate) fn address(client: usize) -> Ipv4Addr {
    let [high, low] = [client / 250 % 240, client % 250 + 1];
    Ipv4Addr::new(127, 1, u8::try_from(high).unwrap(), u8::try_from(low).unwrap())
}

/// Connects from an address of this machine.
pub(crate) async fn connect(from: Ipv4Addr, to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((from, 0).into())?;
    let stream = timeout(STEP_TIMEOUT, socket.connect(to)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The same, for blocking code.
pub(crate) fn connect_blocking(from: Ipv4Addr, to: SocketAddr) -> io::Result<std::net::TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let stream = runtime.block_on(connect(from, to))?.into_std()?;
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// Runs clients on two threads until the flood ends, one session after the other for each client.
pub(crate) fn run_clients<C, F>(flood: &Flood, count: usize, session: C)
where
    C: Fn(usize) -> F + Sync,
    F: Future<Output = ()>,
{
    let session = &session;
    std::thread::scope(|scope| {
        for thread in 0..2.min(count) {
            scope.spawn(move || {
                let clients = (thread..count).step_by(2).map(|client| async move {
                    loop {
                        session(client).await;
                        // One client must not block the others of its thread.
                        tokio::time::sleep(flood.pause()).await;
                    }
                });
                let runtime =
                    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                runtime.block_on(async {
                    tokio::select! {
                        _ = join_all(clients) => {}
                        () = wait_for_end(flood) => {}
                    }
                });
            });
        }
    });
}

/// Waits until the flood ends.
async fn wait_for_end(flood: &Flood) {
    while flood.is_running() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Connects. On a failure the flood counts it, and the client pauses.
pub(crate) async fn connect_counted(
    flood: &Flood,
    from: Ipv4Addr,
    to: SocketAddr,
) -> Option<TcpStream> {
    match connect(from, to).await {
        Ok(stream) => Some(stream),
        Err(_) => {
            flood.count("no connection");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

/// Writes bytes. Returns true if the connection accepted them.
pub(crate) async fn send(stream: &mut TcpStream, bytes: &[u8]) -> bool {
    matches!(timeout(STEP_TIMEOUT, stream.write_all(bytes)).await, Ok(Ok(())))
}

/// Reads and drops bytes until the connection ends or the time is over. Returns true if it ended.
pub(crate) async fn drain(stream: &mut TcpStream, time: Duration) -> bool {
    let all = async {
        let mut buffer = vec![0; 16_384];
        while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    timeout(time, all).await.is_ok()
}

/// Sends requests over one connection, one after the other, and counts the statuses.
pub(crate) async fn requests(flood: &Flood, stream: &mut TcpStream, all: &[&[u8]]) {
    let mut buffer = Vec::new();
    for request in all {
        // A response may come before the end of the request, so it is read after a failed write
        // too.
        let sent = send(stream, request).await;
        match timeout(STEP_TIMEOUT, status(stream, &mut buffer)).await {
            Ok(Some(status)) => flood.count(&status),
            Ok(None) => return flood.count("closed"),
            Err(_) => return flood.count("silence"),
        }
        if !sent {
            return;
        }
    }
}

/// Reads one HTTP/1.1 response and returns its status.
async fn status(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    let head = loop {
        if let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
    let status = text.get(9..12)?.to_owned();
    let chunked = text.contains("transfer-encoding: chunked");
    let length = text.lines().find_map(|line| line.strip_prefix("content-length: "));
    let length = length.and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    buffer.drain(..head);
    match chunked {
        true => skip_chunks(stream, buffer).await?,
        false => skip(stream, buffer, length).await?,
    }
    Some(status)
}

/// Reads and drops a body of a known length.
async fn skip(stream: &mut TcpStream, buffer: &mut Vec<u8>, length: usize) -> Option<()> {
    let mut missing = length;
    loop {
        let accepted = missing.min(buffer.len());
        buffer.drain(..accepted);
        missing -= accepted;
        if missing == 0 {
            return Some(());
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// Reads and drops a chunked body up to its last chunk.
async fn skip_chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    loop {
        if let Some(at) = buffer.windows(5).position(|five| five == b"0\r\n\r\n") {
            buffer.drain(..at + 5);
            return Some(());
        }
        buffer.drain(..buffer.len().saturating_sub(4));
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}
