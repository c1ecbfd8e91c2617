//! Malformed bytes over real sockets: each input has an expected response, none is a 500, and none
//! becomes an event.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::running::{Folder, Gateway, LISTENER, borrowed, signed};

/// The bytes of a sender, and the expected statuses of the responses. Empty if the connection is
/// closed.
struct Input {
    name: String,
    bytes: Vec<u8>,
    answers: Vec<u16>,
}

fn input(name: impl Into<String>, bytes: impl AsRef<[u8]>, answers: &[u16]) -> Input {
    Input { name: name.into(), bytes: bytes.as_ref().to_vec(), answers: answers.to_vec() }
}

const PATH: &str = "/webhooks/v1/listeners/5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a10/notify";
const BODY: &str = r#"{"action":"opened"}"#;

/// A request line, with a valid head and body.
fn line(line: impl AsRef<[u8]>) -> Vec<u8> {
    let rest =
        format!("\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len());
    [line.as_ref(), rest.as_bytes()].concat()
}

/// A request with one more header.
fn with(header: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n");
    let rest = format!("\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len());
    [head.as_bytes(), header.as_ref(), rest.as_bytes()].concat()
}

/// A head with a body length, and the bytes after it.
fn framed(header: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let head = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{header}\r\n\r\n");
    [head.as_bytes(), body.as_ref()].concat()
}

/// Other ways to write a request.
trait Rewritten {
    /// With another `Host`.
    fn replace_host(self, host: &str) -> Vec<u8>;
    /// Without a request to close the connection.
    fn keep_alive(self) -> Vec<u8>;
}

impl Rewritten for Vec<u8> {
    fn replace_host(self, host: &str) -> Vec<u8> {
        String::from_utf8(self).unwrap().replace("Host: x", &format!("Host: {host}")).into_bytes()
    }

    fn keep_alive(self) -> Vec<u8> {
        String::from_utf8(self).unwrap().replace("Connection: close\r\n", "").into_bytes()
    }
}

fn lines() -> Vec<Input> {
    let post = |target: &str| line(format!("POST {target} HTTP/1.1"));
    let mut all = vec![
        input("nothing but line ends", "\r\n\r\n\r\n", &[]),
        input("one word", "GARBAGE\r\n\r\n", &[400]),
        input("a method alone", line("POST"), &[400]),
        input("no version", line(format!("POST {PATH}")), &[400]),
        input("two spaces", line(format!("POST  {PATH} HTTP/1.1")), &[400]),
        input("tabs", line(format!("POST\t{PATH}\tHTTP/1.1")), &[400]),
        input("a space before", line(format!(" POST {PATH} HTTP/1.1")), &[400]),
        input("a word behind the version", line(format!("POST {PATH} HTTP/1.1 x")), &[400]),
        input("a path with a space", post(&PATH.replace("notify", "no tify")), &[400]),
        input("a zero byte in the path", post(&format!("{PATH}\0")), &[400]),
        input("a zero byte in the query", post(&format!("{PATH}?\0")), &[400]),
        input("a zero byte in the method", line(format!("PO\0ST {PATH} HTTP/1.1")), &[400]),
        input("a control character in the path", post(&format!("{PATH}\x07")), &[400]),
        input("the version 1.0", line(format!("POST {PATH} HTTP/1.0")), &[401]),
        input("an address for a path", post(&format!("http://evil.example{PATH}")), &[401]),
        input("an address of HTTPS", post(&format!("https://evil.example:1{PATH}")), &[401]),
        input("an address with a user", post(&format!("http://a:b@evil.example{PATH}")), &[401]),
        input("an address without a path", post("http://evil.example"), &[404]),
        input("an address of FTP", post(&format!("ftp://evil.example{PATH}")), &[401]),
        input("a script", post("javascript:alert(1)"), &[404]),
        input("a host for a path", post("evil.example:80"), &[404]),
        input("a path without its slash", post(&PATH[1..]), &[400]),
        input("a star", post("*"), &[404]),
        input("the options of the server", line("OPTIONS * HTTP/1.1"), &[404]),
        input("a tunnel", line("CONNECT evil.example:443 HTTP/1.1"), &[404]),
        input("a tunnel to a path", line(format!("CONNECT {PATH} HTTP/1.1")), &[405]),
        input("a target of 70,000 bytes", post(&format!("{PATH}?{}", "a".repeat(70_000))), &[431]),
        input("a path of 60,000 bytes", post(&format!("/{}", "a/".repeat(30_000))), &[431]),
    ];
    for version in ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "HTTP/3", "http/1.1", "HTTP/1.1.1", "HTP"] {
        all.push(input(
            format!("the version {version}"),
            line(format!("POST {PATH} {version}")),
            &[400],
        ));
    }
    for method in [
        "post",
        "Post",
        "GET",
        "HEAD",
        "PUT",
        "PATCH",
        "DELETE",
        "OPTIONS",
        "TRACE",
        "BREW",
        "M-SEARCH",
        "PROPFIND",
        &"X".repeat(2_000),
    ] {
        let short: String = method.chars().take(9).collect();
        all.push(input(
            format!("the method {short}"),
            line(format!("{method} {PATH} HTTP/1.1")),
            &[405],
        ));
    }
    for method in ["PO(ST", "P\u{f6}ST", "POST,", "\"POST\""] {
        all.push(input(
            format!("the method {method}"),
            line(format!("{method} {PATH} HTTP/1.1")),
            &[400],
        ));
    }
    all
}

fn targets() -> Vec<Input> {
    let post = |target: &[u8]| line([b"POST ", target, b" HTTP/1.1"].concat());
    let id = LISTENER;
    let mut all = Vec::new();
    for (path, status) in [
        (format!("{PATH}/"), 404),
        (format!("/{PATH}"), 404),
        (PATH.replace("/v1/", "//v1/"), 404),
        (PATH.replace("/v1/", "/v1/./"), 404),
        (PATH.replace("/v1/", "/v1/../v1/"), 404),
        (PATH.replace("/v1/", "/v1%2f"), 404),
        (PATH.replace("/v1/", "/%76%31/"), 404),
        (PATH.replace("notify", "NOTIFY"), 404),
        (PATH.replace("notify", "notify;a=b"), 404),
        (PATH.replace("notify", "notify%00"), 404),
        (PATH.replace("notify", "notify%20"), 404),
        (PATH.replace(id, ""), 404),
        (PATH.replace(id, "%"), 404),
        (PATH.replace(id, "%zz"), 404),
        (PATH.replace(id, "%00"), 404),
        (PATH.replace(id, "%ff%fe"), 404),
        (PATH.replace(id, "%c0%ae%c0%ae"), 404),
        (PATH.replace(id, "..%2f..%2fetc%2fpasswd"), 404),
        (PATH.replace(id, &format!("{id}%00")), 404),
        (PATH.replace(id, &format!("{id}%20")), 404),
        (PATH.replace(id, &format!("{{{id}}}")), 404),
        (PATH.replace(id, &id.replace('-', "")), 404),
        (PATH.replace(id, &format!("urn:uuid:{id}")), 404),
        (PATH.replace(id, "' OR 1=1 --").replace(' ', "%20"), 404),
        (PATH.replace(id, &"a".repeat(10_000)), 404),
        // The same listener, in another notation.
        (PATH.replace(id, &id.to_uppercase()), 401),
        (PATH.replace(id, &id.replace('5', "%35")), 401),
        (format!("{PATH}?"), 401),
        (format!("{PATH}?%"), 401),
        (format!("{PATH}?%zz=%"), 401),
        (format!("{PATH}?a=%ff%fe&%00=%00"), 401),
        (format!("{PATH}?&&&==&=&"), 401),
        (format!("{PATH}?a[b][c]=1&a[]=2&__proto__=3"), 401),
        (format!("{PATH}?{}", "a=1&".repeat(5_000)), 401),
        (format!("{PATH}?a?b?c"), 401),
        (format!("{PATH}#fragment"), 401),
    ] {
        let short: String =
            path.chars().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect();
        all.push(input(format!("the target …{short}"), post(path.as_bytes()), &[status]));
    }
    let raw = [PATH.as_bytes(), b"?a=\xff\xfe"].concat();
    all.push(input("a query that is no UTF-8", post(&raw), &[400]));
    let raw = [b"/\xff".as_slice(), PATH.as_bytes()].concat();
    all.push(input("a path that is no UTF-8", post(&raw), &[400]));
    let raw = format!("{PATH}?\u{e9}");
    all.push(input("a query that is not ASCII", post(raw.as_bytes()), &[401]));
    all
}

fn headers() -> Vec<Input> {
    let bare = format!("POST {PATH} HTTP/1.1\nHost: x\nConnection: close\nContent-Length: 0\n\n");
    let alone = format!("POST {PATH} HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    let endless = format!("POST {PATH} HTTP/1.1\r\nX: {}", "a".repeat(2_000_000));
    let many: Vec<String> = (0..120).map(|at| format!("X-{at}: 1")).collect();
    vec![
        input("no host", alone, &[400]),
        input("line ends of one byte", bare, &[401]),
        input("no colon", with("Nonsense"), &[400]),
        input("no name", with(": 1"), &[400]),
        input("a name with a space", with("X Y: 1"), &[400]),
        input("a space before the colon", with("X-Y : 1"), &[400]),
        input("a name that is no ASCII", with("X-\u{e9}: 1"), &[400]),
        input("a name with a zero byte", with("X-\0: 1"), &[400]),
        input("a value with a zero byte", with("X-Y: \0"), &[400]),
        input("a value with a carriage return", with("X-Y: a\rb"), &[400]),
        input("a value with a control character", with("X-Y: a\x07"), &[400]),
        input("a folded value", with("X-Y: a\r\n b"), &[400]),
        input("a value that is no UTF-8", with(b"X-Y: \xff\xfe"), &[401]),
        input(
            "a signature that is no UTF-8",
            with(b"X-Hub-Signature-256: sha256=\xff\xfe"),
            &[401],
        ),
        input("two hosts", with("Host: x"), &[400]),
        input("two hosts in one value", line("POST / HTTP/1.1").replace_host("x, y"), &[400]),
        input("a host with a user", line("POST / HTTP/1.1").replace_host("a@x"), &[400]),
        input("a host that is none", line("POST / HTTP/1.1").replace_host("\"\""), &[400]),
        input("120 headers", with(many.join("\r\n")), &[431]),
        input("a header of 100,000 bytes", with(format!("X-Y: {}", "a".repeat(100_000))), &[431]),
        input("a name of 100,000 bytes", with(format!("{}: 1", "a".repeat(100_000))), &[431]),
        input("a header without end", endless, &[431]),
        input("a head without end", format!("POST {PATH} HTTP/1.1\r\nHost: x\r\n"), &[]),
        input(
            "an upgrade to HTTP/2",
            with("Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__"),
            &[401],
        ),
        input(
            "an upgrade to a socket",
            with("Upgrade: websocket\r\nSec-WebSocket-Key: eA=="),
            &[401],
        ),
        input("an expectation", with("Expect: 100-continue"), &[100, 401]),
        input("an expectation that is none", with("Expect: the unexpected"), &[401]),
        input("an address that is none", with("X-Forwarded-For: ', ,,\0x"), &[400]),
        input("a forged address", with("X-Forwarded-For: 127.0.0.1, ::1, unknown, \"_x\""), &[401]),
        input("a method in a header", with("X-HTTP-Method-Override: GET"), &[401]),
        input(
            "a path in a header",
            with("X-CapturedRequest-URL: /metrics\r\nX-Rewrite-URL: /metrics"),
            &[401],
        ),
        input("a content type that is none", with("Content-Type: ;;;=/"), &[401]),
        input("a hundred cookies", with(format!("Cookie: {}", "a=b; ".repeat(100))), &[401]),
        input("the hello of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &[400]),
        input(
            "the preface of HTTP/2 and nonsense",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\xff\xff\xff\xff\xff\xff",
            &[],
        ),
        input("zero bytes", [0; 200], &[400]),
        input("high bytes", [0xff; 200], &[400]),
    ]
}

/// A body that ends early, or has an invalid chunked encoding, counts as a body that did not come
/// in time.
fn bodies() -> Vec<Input> {
    let length = |value: &str| framed(&format!("Content-Length: {value}"), BODY);
    let chunked = |body: &str| framed("Transfer-Encoding: chunked", body);
    let coded = |coding: &str| {
        framed(
            &format!("Transfer-Encoding: {coding}"),
            format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len()),
        )
    };
    let mut all = Vec::new();
    for value in [
        "-1",
        "+19",
        "abc",
        "1e1",
        "0x13",
        "19.0",
        "19, 20",
        "99999999999999999999",
        "19 19",
        "\u{661}",
    ] {
        all.push(input(format!("a length of {value}"), length(value), &[400]));
    }
    all.extend([
        input("no length", framed("X: y", ""), &[401]),
        input("an empty length", length(""), &[400]),
        input("two lengths", framed("Content-Length: 19\r\nContent-Length: 20", BODY), &[400]),
        input("a length of a gibibyte", length("1073741824"), &[413]),
        input("a length of all there is", length("18446744073709551615"), &[431]),
        input("a body that ends too soon", length("1000"), &[408]),
        input("a body and a second request", {
            let second = framed("Content-Length: 0", "");
            let first = format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 19\r\n\r\n{BODY}");
            [first.as_bytes(), &second].concat()
        }, &[401, 401]),
        input("nonsense behind a body", {
            format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 19\r\n\r\n{BODY}\0\0\0\r\n\r\n")
        }, &[401, 400]),
        input("a length and chunks", framed("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\nGET / HTTP/1.1\r\n\r\n"), &[401]),
        input("chunks and a length", framed("Transfer-Encoding: chunked\r\nContent-Length: 5", "0\r\n\r\nGET / HTTP/1.1\r\n\r\n"), &[401]),
        input("chunks of HTTP/1.0", format!("POST {PATH} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), &[400]),
        input("good chunks", chunked("3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n"), &[401]),
        input("chunks in hex of both cases", chunked("A\r\n0123456789\r\nb\r\n01234567890\r\n0\r\n\r\n"), &[401]),
        input("a chunk whose size is none", chunked("zz\r\nab\r\n0\r\n\r\n"), &[408]),
        input("a chunk of a negative size", chunked("-2\r\nab\r\n0\r\n\r\n"), &[408]),
        input("a chunk of a size too large", chunked("fffffffffffffffff\r\nab\r\n"), &[408]),
        input("a chunk of all there is", chunked("ffffffffffffffff\r\nab\r\n"), &[408]),
        input("a chunk with an extension", chunked("2;a=b\r\nab\r\n0\r\n\r\n"), &[401]),
        input("a chunk with a large extension", chunked(&format!("2;{}\r\nab\r\n0\r\n\r\n", "a".repeat(100_000))), &[408]),
        input("a chunk that is too short", chunked("5\r\nab\r\n0\r\n\r\n"), &[408]),
        input("a chunk that is too long", chunked("1\r\nabc\r\n0\r\n\r\n"), &[408]),
        input("chunks without end", chunked("2\r\nab\r\n"), &[408]),
        input("chunks with a trailer", chunked("2\r\nab\r\n0\r\nX-Hub-Signature-256: sha256=00\r\n\r\n"), &[401]),
        input("chunks with a large trailer", chunked(&format!("2\r\nab\r\n0\r\nX: {}\r\n\r\n", "a".repeat(100_000))), &[408]),
        input("chunks with many trailers", chunked(&format!("2\r\nab\r\n0\r\n{}\r\n", "X: y\r\n".repeat(5_000))), &[408]),
        input("a coding twice", coded("chunked, chunked"), &[400]),
        input("a coding before", coded("gzip, chunked"), &[501]),
        input("a coding behind", coded("chunked, identity"), &[400]),
        input("a coding that is none", coded("xchunked"), &[400]),
        input("a coding in capitals", coded("Chunked"), &[401]),
        input("a coding twice in two headers", framed("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), &[400]),
        input("a coding before in a header of its own", framed("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", "0\r\n\r\n"), &[501]),
        input("a length and chunks, and a second request", framed("Content-Length: 5\r\nTransfer-Encoding: chunked", "0\r\n\r\nPOST / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").keep_alive(), &[401]),
        input("a coding in two headers", framed("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "0\r\n\r\n"), &[400]),
        input("an empty coding", coded(""), &[400]),
    ]);
    all
}

/// Returns the statuses of all responses. A connection that stays open past the timeouts of the
/// server is a fault.
fn answers(gateway: &Gateway, bytes: &[u8]) -> Vec<u16> {
    let mut stream = TcpStream::connect(gateway.senders).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    // A server that refuses early closes while the client still writes.
    let _ = stream.write_all(bytes);
    let mut received = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => received.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("{error}: {:?}", String::from_utf8_lossy(bytes)),
        }
    }
    let text = String::from_utf8_lossy(&received);
    text.split("HTTP/1.").skip(1).map(|rest| rest[2..5].parse().unwrap()).collect()
}

/// Asserts that no event was stored, and no 5xx was sent.
fn assert_no_event_and_no_5xx(gateway: &Gateway, folder: &Folder) {
    let metrics = gateway.get_management("/metrics");
    for outcome in
        ["accepted", "duplicate", "filtered", "challenged", "unavailable", "challenge_failed"]
    {
        let count = format!("outcome=\"{outcome}\"}}");
        assert!(!metrics.text().contains(&count), "{outcome}: {}", metrics.text());
    }
    let list = folder.stdout_of(&["requests", "list", "--outcome", "accepted"]);
    assert!(!list.contains("accepted"), "{list}");
    // A sender with the secret is served as before.
    let body = BODY.as_bytes();
    assert_eq!(gateway.post(&borrowed(&signed(body, "last")), body).status, 200);
}

fn test_folder() -> Folder {
    let folder = Folder::with_listener("[rate_limit]\nrequests = 100000\nburst = 100000\n");
    folder.settings("\n[limits]\nheader_timeout = \"1s\"\nbody_timeout = \"1s\"\nfailures_per_minute = 1000000\n");
    folder
}

/// A body, its content type and encoding, and the status for a sender with the secret; others get
/// less information.
struct Hostile {
    name: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    body: Vec<u8>,
    status: u16,
}

fn json(name: &'static str, body: impl AsRef<[u8]>) -> Hostile {
    let headers = vec![("Content-Type", "application/json")];
    Hostile { name, headers, body: body.as_ref().to_vec(), status: 400 }
}

fn coded(name: &'static str, coding: &'static str, body: Vec<u8>, status: u16) -> Hostile {
    let headers = vec![("Content-Type", "application/json"), ("Content-Encoding", coding)];
    Hostile { name, headers, body, status }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

fn documents() -> Vec<Hostile> {
    let nested = |open: &str, deep: usize| open.repeat(deep);
    let utf16: Vec<u8> = BODY.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut all = vec![
        json("an open brace", "{"),
        json("a comma too many", r#"{"action":1,}"#),
        json("single quotes", "{'action':1}"),
        json("no quotes", "{action:1}"),
        json("a comment", "{} // x"),
        json("two documents", r#"{"action":1}{"action":2}"#),
        json("a word behind", r#"{"action":1} x"#),
        json("no number", r#"{"action":NaN}"#),
        json("infinity", r#"{"action":Infinity}"#),
        json("a plus", r#"{"action":+1}"#),
        json("a zero before", r#"{"action":01}"#),
        json("a point behind", r#"{"action":1.}"#),
        json("a half escape", r#"{"action":"\u12"}"#),
        json("an escape that is none", r#"{"action":"\x41"}"#),
        json("a line end in a text", "{\"action\":\"a\nb\"}"),
        json("a zero byte in a text", "{\"action\":\"a\0b\"}"),
        json("a zero byte behind", "{\"action\":1}\0"),
        json("another width of characters", utf16),
        json("no UTF-8", b"{\"action\":\"\xff\"}"),
        json("UTF-8 that is too long", b"{\"action\":\"\xc0\xaf\"}"),
        json("a surrogate in UTF-8", b"{\"action\":\"\xed\xa0\x80\"}"),
        json("a key twice", r#"{"action":1,"action":2}"#),
        json("a key twice, escaped", r#"{"action":1,"\u0061ction":2}"#),
        json("lists without end", nested("[", 100_000)),
        json("objects without end", nested("{\"a\":", 100_000)),
        json("a text without end", format!("{{\"action\":\"{}", "a".repeat(1_000_000))),
    ];
    let good = gzip(BODY.as_bytes());
    let mut sum = good.clone();
    let at = sum.len() - 8;
    sum[at] ^= 1;
    // Half a gibibyte, in members of a mebibyte each.
    let bomb = gzip(&vec![b' '; 1 << 20]).repeat(500);
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    all.extend([
        coded("no gzip", "gzip", BODY.as_bytes().to_vec(), 415),
        coded("no bytes of gzip", "gzip", Vec::new(), 415),
        coded("half of gzip", "gzip", good[..good.len() / 2].to_vec(), 415),
        coded("gzip with another sum", "gzip", sum, 415),
        coded("gzip and more", "gzip", [&good, b"more".as_slice()].concat(), 415),
        coded("a bomb", "gzip", bomb.clone(), 413),
        coded("a bomb by its old name", "x-gzip", bomb, 413),
        coded("a list of codings", "gzip, gzip", good.clone(), 415),
        coded("brotli", "br", good.clone(), 415),
        coded("deflate", "deflate", good.clone(), 415),
        coded("a coding that is none", "\u{e9}", good.clone(), 415),
        json("too much", " ".repeat((1 << 20) + 1)),
    ]);
    all.last_mut().unwrap().status = 413;
    let mut twice = coded("two codings", "gzip", good, 415);
    twice.headers.push(("Content-Encoding", "identity"));
    all.push(twice);
    all
}

#[test]
fn malformed_bodies_are_refused_with_and_without_the_secret() {
    let folder = test_folder();
    let listener = std::fs::read_to_string(folder.path().join("listeners/github.toml")).unwrap();
    // A program has to read the body.
    let reads = "\n[filter]\nkeep_when = 'parsed_body.action'\n";
    folder.write("listeners/github.toml", &format!("{listener}{reads}"));
    let gateway = folder.serve();
    let all = documents();
    println!("{} bodies, each with a good signature, a wrong one and none", all.len());
    let mut wrong_ones = Vec::new();
    for one in &all {
        let mut good = signed(&one.body, one.name);
        good.retain(|(name, _)| name != "Content-Type");
        let own = one.headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        good.extend(own);
        let mut wrong = good.clone();
        for (name, value) in &mut wrong {
            if name == "X-Hub-Signature-256" {
                *value = format!("sha256={}", "0".repeat(64));
            }
        }
        let mut none = good.clone();
        none.retain(|(name, _)| name != "X-Hub-Signature-256");
        // Only a verified sender gets a message about the body.
        let foreign = if one.status == 400 { 401 } else { one.status };
        for (headers, status) in [(good, one.status), (wrong, foreign), (none, foreign)] {
            let answer = gateway.post(&borrowed(&headers), &one.body);
            if answer.status != status {
                wrong_ones.push(format!("{}: {}, not {status}", one.name, answer.status));
            }
        }
    }
    assert!(wrong_ones.is_empty(), "{}", wrong_ones.join("\n"));
    assert!(all.len() >= 38, "{}", all.len());
    assert_no_event_and_no_5xx(&gateway, &folder);
}

#[test]
fn malformed_http_is_answered_without_a_5xx_and_never_becomes_an_event() {
    let folder = test_folder();
    let gateway = folder.serve();
    let inputs: Vec<Input> =
        [lines(), targets(), headers(), bodies()].into_iter().flatten().collect();
    println!("{} inputs", inputs.len());
    assert!(inputs.len() >= 160, "{}", inputs.len());
    let wrong: Vec<String> = std::thread::scope(|scope| {
        // Some responses come at a timeout, so several inputs run at once.
        let shares = inputs.chunks(inputs.len().div_ceil(16));
        let tried: Vec<_> = shares
            .map(|share| {
                let gateway = &gateway;
                scope.spawn(move || {
                    let tried = share.iter().map(|one| (one, answers(gateway, &one.bytes)));
                    let wrong = tried.filter(|(one, received)| one.answers != *received);
                    wrong
                        .map(|(one, received)| {
                            format!("{}: {received:?}, not {:?}", one.name, one.answers)
                        })
                        .collect::<Vec<_>>()
                })
            })
            .collect();
        tried.into_iter().flat_map(|one| one.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
    assert_no_event_and_no_5xx(&gateway, &folder);
}
