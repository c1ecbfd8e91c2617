//! The edges of HTTP: the status of a request that is refused before its body was read, `Expect`,
//! ALPN, the body limit of a listener, and requests that reach no listener.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::running::{
    Folder, Gateway, LISTENER, borrowed, env_number, is_installed, read_response, signed,
};
use super::tls::{SETTING, self_signed};

const UNKNOWN: &str = "00000000-0000-0000-0000-000000000000";

/// Creates a certificate for 127.0.0.1. Returns false if a tool is missing.
fn with_certificate(folder: &Folder, limits: &str) -> bool {
    let names = ["subjectAltName=IP:127.0.0.1"];
    if !is_installed("curl", "--version") || !self_signed(folder.path(), "edges", &names) {
        return false;
    }
    folder.settings(&format!("{SETTING}{limits}"));
    true
}

/// Posts a file with curl. Returns the exit code, the HTTP version and the status.
fn curl(gateway: &Gateway, path: &str, body: &Path, more: &[&str]) -> (i32, String) {
    let output = Command::new("curl")
        .args(["-sk", "--max-time", "30", "-o", "/dev/null", "-w", "%{http_version} %{http_code}"])
        .args(more)
        .arg("--data-binary")
        .arg(format!("@{}", body.display()))
        .arg(format!("https://{}{path}", gateway.senders))
        .output()
        .unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_request_refused_before_its_body_was_read_gets_its_status_over_http2_and_http1() {
    let folder = Folder::with_listener("");
    if !with_certificate(&folder, "[limits]\nbody = 100\n") {
        return;
    }
    let gateway = folder.serve();
    for (name, length) in [("small", 1), ("large", 1 << 20)] {
        let body = folder.path().join(name);
        std::fs::write(&body, vec![b'x'; length]).unwrap();
        let (unknown, known) = (gateway.path(UNKNOWN), gateway.path(LISTENER));
        let encoding = "Content-Encoding: br";
        for _ in 0..env_number("EDGE_REQUESTS", 15) {
            let http2 = |path: &str, more: &[&str]| {
                curl(&gateway, path, &body, &[&["--http2"], more].concat())
            };
            assert_eq!(http2(&unknown, &[]), (0, "2 404".to_owned()), "{name}");
            assert_eq!(http2("/nowhere", &[]), (0, "2 404".to_owned()), "{name}");
            let refused = if length > 100 { "2 413" } else { "2 415" };
            assert_eq!(http2(&known, &["-H", encoding]), (0, refused.to_owned()), "{name}");
            let http1 = curl(&gateway, &unknown, &body, &["--http1.1", "-H", "Expect:"]);
            assert_eq!(http1, (0, "1.1 404".to_owned()), "{name}");
        }
    }
}

#[test]
fn a_body_that_is_not_read_is_discarded_within_limits() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    let mut stream = TcpStream::connect(gateway.senders).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n",
        gateway.path(UNKNOWN)
    );
    stream.write_all(head.as_bytes()).unwrap();
    let answer = read_response(stream.try_clone().unwrap());
    assert_eq!(answer.status, 404);
    // The gateway reads a few megabytes and closes the connection.
    let part = vec![b'x'; 1 << 20];
    let written = (0..1000).take_while(|_| stream.write_all(&part).is_ok()).count();
    assert!(written < 100, "{written} MiB");
    assert!(gateway.peak_mib() < 256, "{} MiB", gateway.peak_mib());
}

/// Sends a head that expects `100 Continue`. Returns the stream and the first line of the answer.
fn expect(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(gateway.senders).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    let mut line = Vec::new();
    while !line.ends_with(b"\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        line.extend_from_slice(&byte);
    }
    (stream, String::from_utf8(line).unwrap())
}

#[test]
fn expect_100_continue_is_answered_before_an_accepted_body_only() {
    let folder = Folder::with_listener("");
    folder.settings("[limits]\nbody = 100\n");
    let gateway = folder.serve();
    let body = b"{\"action\":\"opened\"}";
    let mut headers = signed(body, "expected");
    headers.push(("Content-Length".to_owned(), body.len().to_string()));
    let (mut stream, first) = expect(&gateway, &gateway.path(LISTENER), &borrowed(&headers));
    assert_eq!(first, "HTTP/1.1 100 Continue\r\n");
    let mut end = [0; 2];
    stream.read_exact(&mut end).unwrap();
    stream.write_all(body).unwrap();
    assert_eq!(read_response(stream).status, 200);
    // The head alone refuses these.
    for (path, header, status) in [
        (gateway.path(UNKNOWN), ("Content-Length", "5"), "404"),
        ("/nowhere".to_owned(), ("Content-Length", "5"), "404"),
        (gateway.path(LISTENER), ("Content-Length", "101"), "413"),
        (gateway.path(LISTENER), ("Content-Encoding", "br"), "415"),
    ] {
        let (mut stream, first) = expect(&gateway, &path, &[("Transfer", "x"), header]);
        assert!(first.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {first}");
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest);
        assert!(!String::from_utf8_lossy(&rest).contains("100 Continue"), "{path}");
    }
}

#[test]
fn curl_with_expect_100_continue_gets_the_final_status() {
    let folder = Folder::with_listener("");
    if !with_certificate(&folder, "") {
        return;
    }
    let gateway = folder.serve();
    let body = folder.path().join("body");
    std::fs::write(&body, vec![b' '; 1 << 20]).unwrap();
    let expect = ["--http1.1", "-H", "Expect: 100-continue"];
    for (path, status) in [(gateway.path(UNKNOWN), "1.1 404"), (gateway.path(LISTENER), "1.1 401")]
    {
        for _ in 0..env_number("EDGE_REQUESTS", 3) {
            assert_eq!(curl(&gateway, &path, &body, &expect), (0, status.to_owned()), "{path}");
        }
    }
}

#[test]
fn a_client_that_offers_only_http_1_0_by_alpn_is_served() {
    let folder = Folder::with_listener("");
    if !with_certificate(&folder, "") {
        return;
    }
    let gateway = folder.serve();
    for (offer, chosen) in [("http/1.0", "http/1.0"), ("http/1.0,http/1.1", "http/1.1")] {
        let mut client = Command::new("openssl")
            .args(["s_client", "-alpn", offer, "-connect", &gateway.senders.to_string()])
            .args(["-ign_eof"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let request = format!("POST {} HTTP/1.0\r\n\r\n", gateway.path(UNKNOWN));
        client.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
        let output = client.wait_with_output().unwrap();
        let shown = String::from_utf8_lossy(&output.stdout);
        assert!(shown.contains(&format!("ALPN protocol: {chosen}")), "{offer}: {shown}");
        assert!(shown.contains("HTTP/1.0 404"), "{offer}: {shown}");
    }
}

#[test]
fn a_listener_has_a_body_limit_of_its_own() {
    let folder = Folder::with_listener("[body]\nmax_size = 50\n");
    let gateway = folder.serve();
    let post = |length: usize| {
        let body = format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
        let headers = signed(body.as_bytes(), &length.to_string());
        gateway.post(&borrowed(&headers), body.as_bytes()).status
    };
    assert_eq!(post(50), 200);
    assert_eq!(post(51), 413);
    gateway.wait_for_log("outcome=body_too_large");
    // Unpacked, it is a hundred bytes.
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&[b' '; 100]).unwrap();
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 50);
    assert_eq!(gateway.post(&[("Content-Encoding", "gzip")], &packed).status, 413);
}

#[test]
fn a_body_limit_above_that_of_the_gateway_is_refused_by_check() {
    let folder = Folder::with_listener("[body]\nmax_size = 101\n");
    folder.settings("[limits]\nbody = 100\n");
    let output = folder.command(&["check"]);
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    assert!(
        report.contains("`body.max_size` is 101, and `limits.body` of the gateway is 100"),
        "{report}"
    );
    assert!(report.contains("listeners/github.toml:10:12"), "{report}");
    folder.settings("[limits]\nbody = 101\n");
    assert!(folder.command(&["check"]).status.success());
}

#[test]
fn requests_without_a_listener_are_in_the_log_and_in_the_list_of_rejected_requests() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    let slash = format!("{}/", gateway.path(LISTENER));
    let token = "/bot123456789:AAF-abcdefghijklmnop/notify?token=Zebra";
    let secret = "/It%27s a Secret to Everybody".replace(' ', "%20");
    for path in [&*gateway.path(UNKNOWN), &slash, "/webhooks", token, &secret] {
        let agent = [("User-Agent", "Hookshot/1\tx"), ("Authorization", "Bearer Yak")];
        let answer = gateway.request("POST", path, &agent, b"{}");
        assert_eq!((answer.status, answer.body.len()), (404, 0), "{path}");
    }
    let log = gateway.wait_for_log("path=\"/<36 characters>\"");
    assert!(log.contains(UNKNOWN) && log.contains("no listener has this id"), "{log}");
    let right = format!("`{}`, without a slash at the end", gateway.path(LISTENER));
    assert!(log.contains(&right), "{log}");
    std::thread::sleep(Duration::from_millis(1500));
    let list = folder.stdout_of(&["requests", "list", "--rejected"]);
    assert_eq!(list.matches("unknown_listener").count(), 5, "{list}");
    assert!(list.contains("unknown_id: no listener has this id"), "{list}");
    assert!(list.contains("wrong_path") && list.contains(&right), "{list}");
    let json = folder.stdout_of(&["requests", "list", "--rejected", "--format", "json"]);
    let ids = json.split("\"id\":\"").skip(1);
    let shown: String = ids
        .map(|rest| folder.stdout_of(&["requests", "show", rest.split('"').next().unwrap()]))
        .collect();
    assert!(
        shown.contains("/webhooks/v1/listeners/00000000") && shown.contains("Hookshot/1?x"),
        "{shown}"
    );
    for hidden in ["Zebra", "Yak", "AAF-abc", "Everybody"] {
        for (place, text) in
            [("log", &gateway.wait_for_log("")), ("store", &shown), ("list", &list)]
        {
            assert!(!text.contains(hidden), "{hidden} is in the {place}: {text}");
        }
    }
}

#[test]
fn rejected_requests_are_listed_apart_from_accepted_ones() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    let body = b"{}";
    assert_eq!(gateway.post(&borrowed(&signed(body, "one")), body).status, 200);
    assert_eq!(gateway.post(&[], body).status, 401);
    std::thread::sleep(Duration::from_millis(1500));
    let list = folder.stdout_of(&["requests", "list", "--rejected"]);
    assert!(list.contains("verification_failed") && !list.contains(" accepted"), "{list}");
    assert!(folder.stdout_of(&["requests", "list"]).contains(" accepted"));
}

#[test]
fn a_flood_without_a_listener_has_few_log_lines_and_rows() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    for at in 0..400 {
        let path = gateway.path(&format!("00000000-0000-0000-0000-{at:012}"));
        assert_eq!(gateway.request("POST", &path, &[], b"{}").status, 404);
    }
    std::thread::sleep(Duration::from_millis(1500));
    let list = folder.stdout_of(&["requests", "list", "--rejected", "--limit", "1000"]);
    let rows = list.matches(" unknown_listener ").count();
    assert!((20..=60).contains(&rows), "{rows} rows");
}
