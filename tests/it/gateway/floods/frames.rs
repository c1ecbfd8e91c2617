//! HTTP/2 frames, for traffic that no well-behaved client sends.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::gateway::running::LISTENER;

pub(in crate::gateway) const DATA: u8 = 0;
pub(in crate::gateway) const HEADERS: u8 = 1;
pub(in crate::gateway) const PRIORITY: u8 = 2;
pub(in crate::gateway) const RST_STREAM: u8 = 3;
pub(in crate::gateway) const SETTINGS: u8 = 4;
pub(in crate::gateway) const PING: u8 = 6;
pub(in crate::gateway) const WINDOW_UPDATE: u8 = 8;
pub(in crate::gateway) const CONTINUATION: u8 = 9;

pub(in crate::gateway) const ACK: u8 = 1;
pub(in crate::gateway) const END_STREAM: u8 = 1;
pub(in crate::gateway) const END_HEADERS: u8 = 4;

/// The bytes that an HTTP/2 connection begins with.
pub(in crate::gateway) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// A frame (RFC 9113, section 4.1).
pub(in crate::gateway) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut frame = length[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A literal header field with a new name (RFC 7541, section 6.2.2), name and value under 127
/// bytes.
pub(in crate::gateway) fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        field.push(u8::try_from(text.len()).unwrap());
        field.extend(text.as_bytes());
    }
    field
}

/// The head of a request to the listener, as a header block.
fn block() -> Vec<u8> {
    block_to(&format!("/webhooks/v1/listeners/{LISTENER}/notify"))
}

/// The head of a request to a path, as a header block.
pub(in crate::gateway) fn block_to(path: &str) -> Vec<u8> {
    [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", path)]
        .iter()
        .flat_map(|(name, value)| literal(name, value))
        .collect()
}

/// Opens a connection that speaks HTTP/2 from its first byte.
pub(in crate::gateway) fn connect(address: std::net::SocketAddr) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.write_all(PREFACE).ok()?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).ok()?;
    Some(stream)
}

/// Sends requests and resets each at once, until the connection ends or the limit is reached.
/// Returns the number sent.
pub(in crate::gateway) fn reset_rapidly(stream: &mut TcpStream, most: u32) -> u32 {
    for number in 0..most {
        let id = 2 * number + 1;
        let mut both = frame(HEADERS, END_HEADERS, id, &block());
        both.extend(frame(RST_STREAM, 0, id, &8_u32.to_be_bytes()));
        if stream.write_all(&both).is_err() {
            return number;
        }
    }
    most
}

/// Sends one request with endless headers, until the connection ends or the limit of bytes is
/// reached. Returns the bytes sent.
pub(in crate::gateway) fn continue_headers(stream: &mut TcpStream, most: usize) -> usize {
    if stream.write_all(&frame(HEADERS, END_STREAM, 1, &block())).is_err() {
        return 0;
    }
    let more: Vec<u8> = (0..150).flat_map(|_| literal("x-more", &"a".repeat(90))).collect();
    let mut sent = 0;
    while sent < most {
        if stream.write_all(&frame(CONTINUATION, 0, 1, &more)).is_err() {
            break;
        }
        sent += more.len();
    }
    sent
}

/// Sends a request with an unfinished body, as much as the initial flow-control window allows.
/// Returns true if the connection accepted it.
pub(in crate::gateway) fn stall(stream: &mut TcpStream, bytes: usize) -> bool {
    // The SETTINGS of the server give the window.
    std::thread::sleep(std::time::Duration::from_millis(200));
    let mut all = frame(SETTINGS, ACK, 0, &[]);
    all.extend(frame(HEADERS, END_HEADERS, 1, &block()));
    for _ in 0..bytes / 16_384 {
        all.extend(frame(DATA, 0, 1, &[b' '; 16_384]));
    }
    stream.write_all(&all).is_ok()
}

/// A received frame: its type, its flags, its stream. `None` if the connection ended.
pub(in crate::gateway) fn read_frame(stream: &mut TcpStream) -> Option<(u8, u8, u32)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).ok()?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).ok()?;
    if head[3] == PING && head[4] & ACK == 0 {
        let _ = stream.write_all(&frame(PING, ACK, 0, &payload));
    }
    Some((head[3], head[4], u32::from_be_bytes([head[5], head[6], head[7], head[8]])))
}
