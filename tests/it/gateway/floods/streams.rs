//! HTTP/2 floods: request heads, header blocks, HPACK tables, control frames. Memory is the peak of
//! the gateway.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::frames::{
    self, ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE,
};
use super::frames::{PRIORITY, RST_STREAM, SETTINGS, WINDOW_UPDATE, block_to, frame, literal};
use super::with_other;
use crate::gateway::running::{Gateway, borrowed, env_number, signed};

const TOKEN: &str = "/oauth/v1/token";

/// The number of streams of one connection.
const STREAMS: u32 = 50;

/// A field of one byte: an entry of the static table, `accept-language` with no value.
const INDEXED: u8 = 0x80 | 17;

fn assert_accepted(gateway: &Gateway, delivery: &str) {
    let body = format!("{{\"delivery\":\"{delivery}\"}}");
    let answer = gateway.post(&borrowed(&signed(body.as_bytes(), delivery)), body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// A connection with its settings acknowledged.
fn connect(to: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(to).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    let begins = [PREFACE, &frame(SETTINGS, 0, 0, &[]), &frame(SETTINGS, ACK, 0, &[])].concat();
    let _ = stream.write_all(&begins);
    stream
}

/// Heads with this number of one-byte fields, on fifty streams without bodies.
fn small_fields(path: &str, fields: usize) -> Vec<u8> {
    let mut block = block_to(path);
    block.extend(std::iter::repeat_n(INDEXED, fields));
    (0..STREAMS).flat_map(|at| frame(HEADERS, END_HEADERS, 2 * at + 1, &block)).collect()
}

/// Heads with 90 values of 150 bytes of invalid UTF-8.
fn no_texts(path: &str) -> Vec<u8> {
    let mut block = block_to(path);
    for at in 0..90 {
        // A length of 150 has a second byte (RFC 7541, section 5.1).
        let name = format!("x-{at}");
        block.extend([0, u8::try_from(name.len()).unwrap()]);
        block.extend(name.bytes());
        block.extend([127, 23]);
        block.extend([0xff; 150]);
    }
    (0..STREAMS)
        .flat_map(|at| {
            let (first, rest) = block.split_at(block.len().min(16_000));
            let flags = if rest.is_empty() { END_HEADERS } else { 0 };
            let mut both = frame(HEADERS, flags, 2 * at + 1, first);
            if !rest.is_empty() {
                both.extend(frame(CONTINUATION, END_HEADERS, 2 * at + 1, rest));
            }
            both
        })
        .collect()
}

/// An endless header block of small fields.
fn open_block(path: &str) -> Vec<u8> {
    let mut block = block_to(path);
    block.extend([INDEXED; 190]);
    frame(HEADERS, 0, 1, &block)
}

#[test]
fn http2_request_heads_share_one_memory_budget() {
    let (_folder, gateway) = with_other("", "");
    let path = gateway.path(crate::gateway::running::LISTENER);
    for (name, bytes) in [
        ("845 fields", small_fields(TOKEN, 845)),
        ("200 fields to nothing", small_fields("/unknown", 200)),
        ("90 fields", small_fields(TOKEN, 90)),
        ("no texts", no_texts(TOKEN)),
        ("no texts to a listener", no_texts(&path)),
        ("an open block", open_block(TOKEN)),
    ] {
        println!("{name}, {} bytes, after {} MiB", bytes.len(), gateway.peak_mib());
        let held: Vec<TcpStream> = (0..30)
            .map(|_| {
                let mut stream = connect(gateway.senders);
                let _ = stream.write_all(&bytes);
                stream
            })
            .collect();
        assert_accepted(&gateway, name);
        // Until all of it is read.
        std::thread::sleep(Duration::from_millis(1500));
        drop(held);
    }
    println!("{} MiB", gateway.peak_mib());
    assert!(gateway.peak_mib() < 150, "{} MiB", gateway.peak_mib());
}

#[test]
fn header_count_and_size_are_checked_at_every_route() {
    let (_folder, gateway) = with_other("", "");
    let names: Vec<String> = (0..99).map(|at| format!("X-{at}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    let unknown = gateway.path("00000000-0000-4000-8000-000000000000");
    for path in [TOKEN, "/nothing", unknown.as_str()] {
        assert_eq!(gateway.request("POST", path, &many, b"").status, 431, "{path}");
        let mut stream = connect(gateway.senders);
        let mut block = block_to(path);
        block.extend([INDEXED; 101]);
        stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).unwrap();
        assert_eq!(status(&mut stream), 431, "{path} over HTTP/2");
    }
    let address = gateway.management;
    for path in ["/readyz", "/metrics", "/nothing"] {
        let answer = crate::gateway::running::exchange(address, "GET", path, &many, b"");
        assert_eq!(answer.status, 431, "{path}");
    }
}

/// The status of the first response: a literal of three digits, or an entry of the static table.
fn status(stream: &mut TcpStream) -> u16 {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).unwrap();
        let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
        stream.read_exact(&mut payload).unwrap();
        if head[3] != HEADERS {
            continue;
        }
        // `:status` comes first: an entry of the static table (RFC 7541, appendix A), or its name
        // with a value in Huffman codes (appendix B).
        return match payload[..] {
            [0x88, ..] => 200,
            [0x8c, ..] => 400,
            [0x8d, ..] => 404,
            [0x08 | 0x48, 0x83, 0x69, 0x90, 0xff, ..] => 431,
            _ => panic!("the status of {payload:x?}"),
        };
    }
}

/// Sends frames. Returns true if the connection is closed for it.
fn closes_for(to: SocketAddr, begins: &[u8], frames: &[u8], number: usize) -> bool {
    let mut stream = connect(to);
    let mut reader = stream.try_clone().unwrap();
    reader.set_read_timeout(Some(Duration::from_secs(4))).unwrap();
    // Responses are read; otherwise the gateway stops reading.
    let reading = std::thread::spawn(move || {
        let mut buffer = [0; 65_536];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => return error.kind() != std::io::ErrorKind::WouldBlock,
            }
        }
    });
    let _ = stream.write_all(begins);
    let _ = stream.write_all(&frames.repeat(number));
    reading.join().unwrap()
}

#[test]
fn http2_control_frame_floods_close_the_connection() {
    let (_folder, gateway) = with_other("", "");
    let body = frame(HEADERS, END_HEADERS, 1, &block_to(TOKEN));
    let open = frame(HEADERS, 0, 1, &block_to(TOKEN));
    for (name, begins, flood) in [
        ("SETTINGS", &[][..], frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])),
        ("PING", &[], frame(PING, 0, 0, b"12345678")),
        ("answers to PING", &[], frame(PING, ACK, 0, b"12345678")),
        ("PRIORITY", &[], frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16])),
        ("WINDOW_UPDATE", &[], frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("RST_STREAM", &body, frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])),
        ("unknown frames", &[], frame(77, 0, 0, &[])),
        ("empty DATA", &body, frame(DATA, 0, 1, &[])),
        ("empty CONTINUATION", &open, frame(CONTINUATION, 0, 1, &[])),
    ] {
        assert!(
            closes_for(gateway.senders, begins, &flood, 5000),
            "{name}: the connection stays open"
        );
    }
    assert_accepted(&gateway, "1");
}

#[test]
fn a_well_behaved_http2_client_is_not_closed_as_a_flood() {
    let (_folder, gateway) = with_other("", "");
    let mut stream = connect(gateway.senders);
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut block = block_to(TOKEN);
    // The table size is set to zero, so an inserted field uses no memory.
    block.insert(0, 0x20);
    block.extend([0x40, 3]);
    block.extend(b"x-a\x01b");
    for at in 0..500 {
        let id = 2 * at + 1;
        let mut request = frame(HEADERS, END_HEADERS, id, &block);
        request.extend(frame(DATA, END_STREAM, id, b"grant_type=x"));
        request.extend(frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 100]));
        request.extend(frame(PING, 0, 0, b"12345678"));
        stream.write_all(&request).unwrap();
        loop {
            let (kind, flags, stream) =
                frames::read_frame(&mut stream).expect("the connection is closed");
            if stream == id && kind == DATA && flags & END_STREAM != 0 {
                break;
            }
            assert_ne!(kind, RST_STREAM);
        }
    }
}

#[test]
fn a_peer_that_fills_the_hpack_table_is_closed() {
    let (_folder, gateway) = with_other("", "");
    let mut block = block_to(TOKEN);
    block.extend([0x40, 3]);
    block.extend(b"x-a\x01b");
    let mut stream = connect(gateway.senders);
    stream.write_all(&frame(HEADERS, END_HEADERS | END_STREAM, 1, &block)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let frames: Vec<_> = std::iter::from_fn(|| frames::read_frame(&mut stream)).collect();
    assert!(!frames.iter().any(|(kind, ..)| *kind == HEADERS), "a response: {frames:?}");
    assert!(matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_)));
    // Trailers with many fields are held beside an unread body.
    let mut stream = connect(gateway.senders);
    let mut both = frame(HEADERS, END_HEADERS, 1, &block_to(TOKEN));
    both.extend(frame(HEADERS, END_HEADERS | END_STREAM, 1, &literal("x", "y").repeat(100)));
    stream.write_all(&both).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let frames: Vec<_> = std::iter::from_fn(|| frames::read_frame(&mut stream)).collect();
    assert!(!frames.iter().any(|(kind, ..)| *kind == HEADERS), "a response: {frames:?}");
    assert_accepted(&gateway, "1");
}

/// Opens `FLOOD_CONNECTIONS` hostile connections of every kind in turn; only kinds with `FLOOD` in
/// their name.
#[test]
#[ignore = "measures, and needs 25,000 open files"]
fn measure_peak_memory_under_12000_hostile_connections() {
    let number = env_number("FLOOD_CONNECTIONS", 12_000);
    let wanted = std::env::var("FLOOD").unwrap_or_default();
    let path = format!("/webhooks/v1/listeners/{}/notify", crate::gateway::running::LISTENER);
    let head = super::head_to_github(&format!("X-Long: {}", "a".repeat(30_000)));
    let body = super::head_to_github("Content-Length: 1000000\r\n\r\n{");
    let trailers = super::head_to_github("Transfer-Encoding: chunked\r\n\r\n0\r\n");
    let data: Vec<u8> = (0..2)
        .flat_map(|at| {
            let id = 2 * at + 1;
            let begins = frame(HEADERS, END_HEADERS, id, &block_to(&path));
            [begins, frame(DATA, 0, id, &[b' '; 16_000]), frame(DATA, 0, id, &[b' '; 16_000])]
                .concat()
        })
        .collect();
    let kinds: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("unfinished HTTP/1.1 heads of 30 KB", head.into_bytes()),
        ("stalled bodies", body.into_bytes()),
        (
            "unfinished trailers of 15 KB",
            format!("{trailers}X: {}", "a".repeat(15_000)).into_bytes(),
        ),
        ("streams with heads of 845 fields", small_fields(TOKEN, 845)),
        ("streams with heads of 90 fields", small_fields(TOKEN, 90)),
        ("streams with heads of 13 KB of invalid UTF-8", no_texts(&path)),
        ("endless header blocks", open_block(TOKEN)),
        ("half of a frame", [&b"\0\x3f\xff\x00\x00\0\0\0\x01"[..], &[0; 16_000]].concat()),
        ("windows full of bodies", data),
    ];
    println!("| what {number} connections send | connected in s | p99 ms | lost | peak MiB |");
    println!("|---|---|---|---|---|");
    for (name, bytes) in kinds.iter().filter(|(name, _)| name.contains(&wanted)) {
        let (_folder, gateway) = with_other("", "");
        let is_http2 = !name.contains("HTTP/1.1")
            && !name.contains("bodies that")
            && !name.contains("trailers");
        let address = gateway.senders;
        let began = Instant::now();
        let state = super::sender::Flood::default();
        let latencies = super::sender::run(address, &state, None, |_| {
            let mut held = Vec::new();
            for at in 0..number {
                // Sixteen addresses: one alone has at most `limits.connections_per_address`.
                let Some(mut stream) = from(at % 16, address) else {
                    continue;
                };
                let _ = stream.set_write_timeout(Some(Duration::from_millis(200)));
                if is_http2 && !bytes.is_empty() {
                    let begins = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
                    let _ = stream.write_all(&begins);
                }
                let _ = stream.write_all(bytes);
                held.push(stream);
            }
            std::thread::sleep(Duration::from_secs(2));
        });
        let p99 = latencies.percentile(99).as_secs_f64() * 1000.0;
        let took = began.elapsed().as_secs();
        let lost = latencies.lost.len();
        println!("| {name} | {took} | {p99:.1} | {lost} | {} |", gateway.peak_mib());
        assert_eq!(lost, 0, "{:?}", latencies.lost);
        assert!(gateway.peak_mib() < 512, "{} MiB", gateway.peak_mib());
    }
}

/// Connects from one of the addresses of the loopback network.
fn from(address: usize, to: SocketAddr) -> Option<TcpStream> {
    let last = u8::try_from(address + 10).ok()?;
    crate::gateway::stages::connect_from([127, 0, 1, last], to)
}
