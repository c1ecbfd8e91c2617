//! The stages of a connection: each ends with its timeout, and none blocks other connections.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::floods::frames::{
    self, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, SETTINGS, frame,
};
use super::floods::head_to_github;
use super::running::{Folder, Gateway, borrowed, exchange_as, read_response, signed};
use super::tls::{SETTING, self_signed};

/// Timeouts of a second or two.
const SHORT: &str = "\n[limits]\nheader_timeout = \"1s\"\nidle_timeout = \"2s\"\nwrite_timeout = \"1s\"\nbody_timeout = \"2s\"\n";

/// Longer than any of these timeouts.
const MAX_WAIT: Duration = Duration::from_secs(15);

fn short_timeouts() -> (Folder, Gateway) {
    let folder = Folder::with_listener("");
    folder.settings(SHORT);
    let gateway = folder.serve();
    (folder, gateway)
}

fn connect(gateway: &Gateway, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(gateway.senders).unwrap();
    stream.write_all(bytes).unwrap();
    stream
}

/// Connects from an address of the loopback network.
pub(super) fn connect_from(from: [u8; 4], to: SocketAddr) -> Option<TcpStream> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((Ipv4Addr::from(from), 0).into()).unwrap();
        socket.connect(to).await.ok()
    });
    let stream = stream?.into_std().unwrap();
    stream.set_nonblocking(false).unwrap();
    Some(stream)
}

/// Returns true if the peer closes a connection within a time. Reads all received bytes.
fn closes_within(stream: &mut TcpStream, within: Duration) -> bool {
    let until = Instant::now() + within;
    stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let mut buffer = [0; 4096];
    while Instant::now() < until {
        match stream.read(&mut buffer) {
            Ok(0) => return true,
            Err(error) if error.kind() != ErrorKind::WouldBlock => return true,
            _ => {}
        }
    }
    false
}

/// Returns the number of open connections.
fn count_open(streams: &mut [TcpStream]) -> usize {
    std::thread::sleep(Duration::from_millis(300));
    let closed = streams.iter_mut().map(|stream| closes_within(stream, Duration::from_millis(1)));
    closed.filter(|closed| !closed).count()
}

fn is_served(gateway: &Gateway, delivery: &str) {
    let body = format!("{{\"delivery\":\"{delivery}\"}}");
    let answer = gateway.post(&borrowed(&signed(body.as_bytes(), delivery)), body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn every_stage_of_a_connection_has_a_row_with_a_test_and_is_documented() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = ["stages.rs", "floods/refused.rs"]
        .map(|file| std::fs::read_to_string(root.join("tests/it/gateway").join(file)).unwrap())
        .concat();
    let page = std::fs::read_to_string(root.join("docs/architecture.md")).unwrap();
    for row in hookgate::gateway::STAGES {
        assert!(tests.contains(&format!("fn {}(", row.test)), "no test `{}`", row.test);
        let line = format!("| {} | `{}` | {} | {} |", row.name, row.setting, row.default, row.doc);
        assert!(page.contains(&line), "docs/architecture.md needs the row\n{line}");
    }
}

#[test]
fn stages_before_the_first_request_end_with_the_header_timeout() {
    let (_folder, gateway) = short_timeouts();
    let settings = frame(SETTINGS, 0, 0, &[]);
    let open_block = frame(HEADERS, 0, 1, &frames::block_to("/x"));
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", Vec::new()),
        ("the beginning of a preface", b"PRI ".to_vec()),
        ("a preface without its last byte", PREFACE[..PREFACE.len() - 1].to_vec()),
        ("a preface", PREFACE.to_vec()),
        ("a preface and settings", [PREFACE, &settings].concat()),
        ("half of a frame's head", [PREFACE, &settings, b"\0\0"].concat()),
        ("half of a frame", [PREFACE, &settings, b"\0\0\x10\x01\x04\0\0\0\x01abc"].concat()),
        ("a header block without its end", [PREFACE, &settings, &open_block].concat()),
        ("half of a request line", b"POST /x".to_vec()),
        ("half of a head", b"POST /x HTTP/1.1\r\nHo".to_vec()),
    ];
    let mut open: Vec<_> =
        cases.iter().map(|(name, bytes)| (name, connect(&gateway, bytes))).collect();
    let until = Instant::now() + MAX_WAIT;
    for (name, stream) in &mut open {
        let left = until.saturating_duration_since(Instant::now());
        assert!(
            closes_within(stream, left.max(Duration::from_secs(1))),
            "{name}: the connection stays open"
        );
    }
    is_served(&gateway, "1");
}

#[test]
fn an_idle_http2_peer_that_answers_pings_is_closed() {
    let (_folder, gateway) = short_timeouts();
    let mut stream = frames::connect(gateway.senders).unwrap();
    let request = frame(HEADERS, END_HEADERS | END_STREAM, 1, &frames::block_to("/x"));
    stream.write_all(&request).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let until = Instant::now() + MAX_WAIT;
    let mut is_answered = false;
    loop {
        assert!(Instant::now() < until, "the connection stays open");
        // A PING from the client five times a second, beside its answers to the pings of the
        // server.
        if stream.write_all(&frame(PING, 0, 0, b"12345678")).is_err() {
            break;
        }
        match frames::read_frame(&mut stream) {
            Some((kind, _, 1)) => is_answered |= kind == HEADERS,
            Some(_) => std::thread::sleep(Duration::from_millis(100)),
            None => {}
        }
    }
    assert!(is_answered);
}

#[test]
fn an_idle_connection_and_a_slow_second_head_are_closed() {
    let (_folder, gateway) = short_timeouts();
    for more in ["", "POST /x HTTP/1.1\r\nHo"] {
        let mut stream =
            connect(&gateway, b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(read_response(stream.try_clone().unwrap()).status, 404);
        stream.write_all(more.as_bytes()).unwrap();
        assert!(closes_within(&mut stream, MAX_WAIT), "`{more}`: the connection stays open");
    }
}

#[test]
fn an_unread_response_ends_with_the_write_timeout() {
    let (_folder, gateway) = short_timeouts();
    // An HTTP/2 flow-control window of zero: the response of the token endpoint has a body.
    let mut stream = TcpStream::connect(gateway.senders).unwrap();
    let no_window = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]);
    let token = frames::block_to("/oauth/v1/token");
    let request = frame(HEADERS, END_HEADERS | END_STREAM, 1, &token);
    stream.write_all(&[PREFACE, &no_window, &request].concat()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let until = Instant::now() + MAX_WAIT;
    let mut is_reset = false;
    while Instant::now() < until && !is_reset {
        let received = frames::read_frame(&mut stream);
        is_reset = matches!(received, Some((frames::RST_STREAM, _, 1)));
        assert!(
            !matches!(received, Some((frames::DATA, _, _))),
            "the flow-control window is closed"
        );
    }
    assert!(is_reset, "the stream stays open");
    // HTTP/1.1 responses that fill the socket buffers.
    let mut stream = TcpStream::connect(gateway.senders).unwrap();
    stream.set_write_timeout(Some(MAX_WAIT)).unwrap();
    let many = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".repeat(1000);
    let ended = loop {
        if let Err(error) = stream.write_all(many.as_bytes()) {
            break error;
        }
    };
    assert_ne!(ended.kind(), ErrorKind::WouldBlock, "the connection stays open");
    assert!(gateway.peak_mib() < 128, "{} MiB", gateway.peak_mib());
}

#[test]
fn half_open_connections_are_closed_for_new_ones() {
    let folder = Folder::with_listener("");
    folder.settings("\n[limits]\nconnections = 20\nheader_timeout = \"60s\"\n");
    let gateway = folder.serve();
    // A connection with a request in progress stays open.
    let mut busy = connect(&gateway, head_to_github("Content-Length: 2\r\n\r\n{").as_bytes());
    std::thread::sleep(Duration::from_millis(200));
    let mut silent: Vec<TcpStream> =
        (0..60).map(|at| connect(&gateway, if at % 2 == 0 { b"" } else { b"PRI " })).collect();
    let began = Instant::now();
    for at in 0..10 {
        is_served(&gateway, &at.to_string());
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(closes_within(&mut silent[0], MAX_WAIT), "the oldest connection is still open");
    assert!(count_open(&mut silent) <= 20);
    busy.write_all(b"}").unwrap();
    assert_eq!(read_response(busy).status, 401);
}

#[test]
fn an_address_with_many_connections_without_a_request_is_still_served() {
    let folder = Folder::with_listener("");
    folder.settings("\n[limits]\nheader_timeout = \"60s\"\n");
    let gateway = folder.serve();
    let mut silent: Vec<TcpStream> = (0..300).map(|_| connect(&gateway, b"")).collect();
    for at in 0..5 {
        is_served(&gateway, &at.to_string());
    }
    assert_eq!(count_open(&mut silent), 300, "a connection below the limit was closed");
}

#[test]
fn connections_are_limited_by_address_with_a_separate_limit_for_proxies() {
    let folder = Folder::with_listener("");
    folder.settings(
        "trusted_proxies = [\"127.0.0.9\"]\n\n[limits]\nheader_timeout = \"60s\"\n\
         connections_per_address = 10\nconnections_per_proxy = 15\n",
    );
    let gateway = folder.serve();
    let connect = |from: [u8; 4], number: usize| -> Vec<TcpStream> {
        (0..number).filter_map(|_| connect_from(from, gateway.senders)).collect()
    };
    let mut other = connect([127, 0, 0, 3], 5);
    let mut many = connect([127, 0, 0, 2], 40);
    let mut proxy = connect([127, 0, 0, 9], 40);
    assert_eq!(count_open(&mut many), 10);
    assert_eq!(count_open(&mut proxy), 15);
    assert_eq!(count_open(&mut other), 5, "a connection of another address was closed");
    is_served(&gateway, "1");
}

#[test]
fn shutdown_does_not_wait_for_connections_without_a_request() {
    let folder = Folder::with_listener("");
    folder.settings("\n[limits]\nheader_timeout = \"60s\"\n");
    let gateway = folder.serve();
    let settings = frame(SETTINGS, 0, 0, &[]);
    let mut stored = Vec::new();
    for bytes in [b"".as_slice(), b"PRI ", b"POST /x HTTP/1.1\r\n", &[PREFACE, &settings].concat()]
    {
        stored.extend((0..10).map(|_| connect(&gateway, bytes)));
    }
    let idle = connect(&gateway, b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
    assert_eq!(read_response(idle.try_clone().unwrap()).status, 404);
    let began = Instant::now();
    assert!(gateway.stop().success());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

#[test]
fn readiness_is_503_while_requests_are_drained() {
    let folder = Folder::with_listener("");
    folder.settings("shutdown_delay = \"2s\"\n");
    let gateway = folder.serve();
    assert_eq!(gateway.get_management("/readyz").status, 200);
    let mut busy = connect(&gateway, head_to_github("Content-Length: 2\r\n\r\n{").as_bytes());
    std::thread::sleep(Duration::from_millis(200));
    gateway.signal("-TERM");
    gateway.wait_for_log("shutdown started");
    let draining = gateway.get_management("/readyz");
    assert_eq!((draining.status, draining.text()), (503, "draining\n"));
    // Senders are accepted until `shutdown_delay` is over.
    is_served(&gateway, "1");
    let until = Instant::now() + MAX_WAIT;
    while TcpStream::connect(gateway.senders).is_ok() {
        assert!(Instant::now() < until, "senders are still accepted");
        std::thread::sleep(Duration::from_millis(100));
    }
    // The request in progress finishes, and the management address stays open until then.
    assert_eq!(gateway.get_management("/readyz").status, 503);
    busy.write_all(b"}").unwrap();
    assert_eq!(read_response(busy).status, 401);
    gateway.wait_for_log("stopped");
}

#[test]
fn readiness_is_checked_once_a_second_at_most() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    assert_eq!(gateway.get_management("/readyz").status, 200);
    let writes = || {
        let io = std::fs::read_to_string(format!("/proc/{}/io", gateway.pid())).unwrap();
        let line = io.lines().find_map(|line| line.strip_prefix("wchar: ")).unwrap();
        line.parse::<u64>().unwrap()
    };
    let before = writes();
    let began = Instant::now();
    for _ in 0..200 {
        assert_eq!(gateway.get_management("/readyz").status, 200);
    }
    let seconds = began.elapsed().as_secs() + 1;
    let wrote = writes() - before;
    // A response has some 200 bytes; a readiness check writes at least a page of 4 KiB.
    assert!(wrote < 200 * 1024 + seconds * 131_072, "{wrote} bytes in {seconds} s");
}

#[test]
fn the_management_address_accepts_only_configured_hosts() {
    let folder = Folder::with_listener("");
    folder.settings("management_hosts = [\"hookgate.internal\"]\n");
    let gateway = folder.serve();
    for path in ["/metrics", "/readyz", "/healthz", "/openapi.json", "/api/v1/webhooks"] {
        let status =
            |host: &str| exchange_as(host, gateway.management, "GET", path, &[], b"").status;
        for host in [
            "rebound.example",
            "rebound.example:8081",
            "localhost.evil.example",
            "",
            "127.0.0.1.evil.example",
        ] {
            assert_eq!(status(host), 421, "{path} {host}");
        }
        let usual = if path.starts_with("/api") { 401 } else { 200 };
        for host in [
            "127.0.0.1",
            "10.0.0.7:8081",
            "[::1]:8081",
            "LOCALHOST",
            "localhost:9",
            "Hookgate.Internal:1",
        ] {
            assert_eq!(status(host), usual, "{path} {host}");
        }
    }
    let refused = exchange_as("rebound.example", gateway.management, "GET", "/metrics", &[], b"");
    assert!(refused.text().contains("server.management_hosts"), "{}", refused.text());
    assert!(!refused.text().contains("GitHub"));
}

#[test]
fn a_tls_handshake_that_stalls_or_is_too_large_is_closed() {
    let folder = Folder::with_listener("");
    if !self_signed(folder.path(), "a", &[]) {
        return;
    }
    folder.settings(&format!("{SETTING}\n[limits]\nheader_timeout = \"5s\"\n"));
    let gateway = folder.serve();
    // A ClientHello with a length of 60,000 bytes, in records of 4 KiB, without its rest.
    let mut hello = vec![1, 0, 0xea, 0x60];
    hello.resize(20_000, 0);
    let record = |part: &[u8]| {
        let length = u16::try_from(part.len()).unwrap().to_be_bytes();
        [[22, 3, 1].as_slice(), &length, part].concat()
    };
    let large: Vec<u8> = hello.chunks(4096).flat_map(record).collect();
    let mut large = connect(&gateway, &large);
    let mut stalls = connect(&gateway, &record(&hello[..100]));
    assert!(closes_within(&mut large, Duration::from_secs(4)), "the ClientHello was not refused");
    assert!(closes_within(&mut stalls, MAX_WAIT), "the handshake has no timeout");
}
