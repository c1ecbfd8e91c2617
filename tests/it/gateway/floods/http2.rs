//! Hostile HTTP/2 peers: compressed request heads, control frames, unread responses.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::client::{STEP_TIMEOUT, connect_counted, send};
use super::frames::{END_HEADERS, END_STREAM, frame};
use super::sender::Flood;

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;

/// Returns an HPACK integer (RFC 7541, section 5.1) after the bits of its representation.
fn integer(number: usize, prefix: u32, kind: u8) -> Vec<u8> {
    let most = (1_usize << prefix) - 1;
    if number < most {
        return vec![kind | u8::try_from(number).unwrap()];
    }
    let mut bytes = vec![kind | u8::try_from(most).unwrap()];
    let mut rest = number - most;
    while rest >= 128 {
        bytes.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    bytes.push(u8::try_from(rest).unwrap());
    bytes
}

fn text(text: &[u8]) -> Vec<u8> {
    [integer(text.len(), 7, 0), text.to_vec()].concat()
}

/// A field with a name in the static table; `indexed` inserts it into the dynamic table.
fn field(name: usize, value: &[u8], indexed: bool) -> Vec<u8> {
    let name = if indexed { integer(name, 6, 0x40) } else { integer(name, 4, 0) };
    [name, text(value)].concat()
}

/// The first fields of each request: `:method: POST`, `:scheme: http`, path and host.
fn begins(path: &str) -> Vec<u8> {
    [vec![0x83, 0x86], field(4, path.as_bytes(), false), field(1, b"127.0.0.1", false)].concat()
}

/// A head of some 900 bytes with 845 fields when it is decoded, 32 KiB as HPACK counts.
fn many_fields(path: &str) -> Vec<u8> {
    [begins(path), vec![0x80 | 19; 845]].concat()
}

/// A head with a value of 3.9 KB, sent once for all streams, and seven references to it.
fn long_values(path: &str, first: bool) -> Vec<u8> {
    let mut block = begins(path);
    if first {
        // `cookie` fields could be joined; `user-agent` fields are not.
        block.extend(field(58, &[b'a'; 3900], true));
    }
    block.extend([0x80 | 62; 7]);
    block
}

/// A peer that speaks HTTP/2 from its first byte.
pub(crate) struct Peer {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Peer {
    pub(crate) async fn connect(flood: &Flood, from: Ipv4Addr, to: SocketAddr) -> Option<Self> {
        let mut stream = connect_counted(flood, from, to).await?;
        let begins = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
        if !send(&mut stream, &begins).await {
            flood.count("closed");
            return None;
        }
        Some(Self { stream, buffer: Vec::new() })
    }

    /// Acknowledges SETTINGS and PING, like a live peer, until the connection ends or the time is
    /// over. Returns true if it ended.
    async fn stay_alive(&mut self, time: Duration) -> bool {
        let answering = async { while self.acknowledge().await.is_some() {} };
        timeout(time, answering).await.is_ok()
    }

    /// Reads a frame, and answers it if required.
    async fn acknowledge(&mut self) -> Option<()> {
        let head = self.take(9).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let payload = self.take(usize::try_from(length).unwrap()).await?;
        let (kind, flags) = (head[3], head[4]);
        match kind {
            SETTINGS if flags & ACK == 0 => {
                self.stream.write_all(&frame(SETTINGS, ACK, 0, &[])).await.ok()
            }
            PING if flags & ACK == 0 => {
                self.stream.write_all(&frame(PING, ACK, 0, &payload)).await.ok()
            }
            _ => Some(()),
        }
    }

    async fn take(&mut self, length: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < length {
            if self.stream.read_buf(&mut self.buffer).await.ok()? == 0 {
                return None;
            }
        }
        Some(self.buffer.drain(..length).collect())
    }
}

/// A hundred streams with an endless head that decodes to 32 KiB each. One client in two sends many
/// short fields, the other a few long ones.
pub(crate) async fn heads(
    flood: &Flood,
    from: Ipv4Addr,
    to: SocketAddr,
    path: &str,
    client: usize,
) {
    let Some(mut peer) = Peer::connect(flood, from, to).await else {
        return;
    };
    let mut all = Vec::new();
    for stream in 0..100 {
        let block = match client % 2 {
            0 => many_fields(path),
            _ => long_values(path, stream == 0),
        };
        all.extend(frame(HEADERS, END_HEADERS, 2 * stream + 1, &block));
    }
    let sent = send(&mut peer.stream, &all).await;
    let _holds = flood.count_open();
    let ended = peer.stay_alive(Duration::from_secs(20)).await;
    flood.count(if ended || !sent { "closed" } else { "held for 20 s" });
}

/// A peer without a request: it acknowledges SETTINGS and PING, and sends pings.
pub(crate) async fn pings(flood: &Flood, from: Ipv4Addr, to: SocketAddr) {
    let Some(mut peer) = Peer::connect(flood, from, to).await else {
        return;
    };
    let _holds = flood.count_open();
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(60) {
        if peer.stay_alive(Duration::from_secs(1)).await
            || !send(&mut peer.stream, &frame(PING, 0, 0, b"12345678")).await
        {
            return flood.count("closed");
        }
    }
    flood.count("held for 60 s");
}

/// A flood of control frames of one type, over one connection, with the responses read.
pub(crate) async fn control(flood: &Flood, from: Ipv4Addr, to: SocketAddr, client: usize) {
    let path = super::github();
    let (begins, repeated) = control_frames(&path, client);
    let Some(Peer { stream, .. }) = Peer::connect(flood, from, to).await else {
        return;
    };
    let (mut reads, mut writes) = stream.into_split();
    let began = Instant::now();
    let write = async {
        writes.write_all(&begins).await?;
        while began.elapsed() < STEP_TIMEOUT {
            writes.write_all(&repeated).await?;
        }
        Ok::<(), std::io::Error>(())
    };
    let read = async {
        let mut buffer = vec![0; 65_536];
        while reads.read(&mut buffer).await.is_ok_and(|read| read > 0) {}
    };
    tokio::select! {
        wrote = write => flood.count(if wrote.is_ok() { "accepted for 30 s" } else { "closed" }),
        () = read => flood.count("closed"),
    }
}

/// The frames of a flood: the first frames, and the repeated ones.
fn control_frames(path: &str, client: usize) -> (Vec<u8>, Vec<u8>) {
    let settings = frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100]);
    let update = frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes());
    let head = begins(path);
    match client % 7 {
        0 => (Vec::new(), settings.repeat(200)),
        1 => (Vec::new(), frame(PING, 0, 0, b"12345678").repeat(200)),
        2 => (Vec::new(), frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16]).repeat(300)),
        3 => (Vec::new(), update.repeat(200)),
        4 => (Vec::new(), frame(GOAWAY, 0, 0, &[0; 8]).repeat(200)),
        // An empty body frame, and an empty head fragment: neither ends.
        5 => (frame(HEADERS, END_HEADERS, 1, &head), frame(DATA, 0, 1, &[]).repeat(300)),
        _ => (frame(HEADERS, 0, 1, &head), frame(CONTINUATION, 0, 1, &[]).repeat(300)),
    }
}

/// Requests with unread responses: the flow-control window is zero.
pub(crate) async fn unread(flood: &Flood, from: Ipv4Addr, to: SocketAddr) {
    let Some(mut stream) = connect_counted(flood, from, to).await else {
        return;
    };
    // A window of zero bytes for response bodies.
    let no_window = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let mut all = [PREFACE, &no_window].concat();
    let head = begins("/webhooks/v1/listeners/none/notify");
    for stream in 0..2000 {
        all.extend(frame(HEADERS, END_HEADERS | END_STREAM, 2 * stream + 1, &head));
    }
    let accepted = send(&mut stream, &all).await;
    let _holds = flood.count_open();
    // The peer reads nothing, and only tests if the connection is closed.
    let began = Instant::now();
    while began.elapsed() < Duration::from_secs(20) {
        tokio::time::sleep(Duration::from_millis(500)).await;
        if stream.write_all(&frame(PING, ACK, 0, &[0; 8])).await.is_err() {
            return flood.count("closed");
        }
    }
    flood.count(if accepted { "accepted" } else { "refused" });
}
