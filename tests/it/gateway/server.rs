//! The server for senders and operators.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use super::running::{
    Folder, Gateway, LISTENER, borrowed, hookgate_hmac, is_installed, program, read_response,
    signed,
};
use super::tls::{SETTING, self_signed};

const BODY: &[u8] = br#"{"action":"opened","issue":{"title":"Found a bug"}}"#;

const MANY: &str = "[rate_limit]\nrequests = 100000\nburst = 100000\n";

#[test]
fn a_signed_request_becomes_an_event_and_a_forged_one_does_not() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    let accepted = gateway.post(&borrowed(&signed(BODY, "a")), BODY);
    assert_eq!(accepted.status, 200);
    assert_eq!(accepted.text(), r#"{"message":"Event received successfully","status":"RECEIVED"}"#);
    assert_eq!(accepted.header("x-content-type-options"), Some("nosniff"));
    let mut forged = signed(BODY, "b");
    forged[3].1 = format!("sha256={}", hookgate_hmac("another secret", BODY));
    let refused = gateway.post(&borrowed(&forged), BODY);
    assert_eq!(refused.status, 401);
    assert_eq!(
        refused.text(),
        r#"{"error":{"code":"ErrorSignatureVerificationFailed","message":"the request could not be verified"}}"#
    );
    gateway.wait_for_log("outcome=verification_failed");
    let log = gateway.wait_for_log("digest_differs");
    let right = hookgate_hmac(super::running::SECRET, BODY);
    assert!(!log.contains(&right), "the log contains the valid digest");
    assert!(gateway.stop().success());
    let list = folder.stdout_of(&["requests", "list"]);
    assert!(list.contains("verification_failed") && list.contains("accepted"), "{list}");
    assert!(!list.contains(&right), "{list}");
}

#[test]
fn requests_show_prints_the_documented_format() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    gateway.post(&borrowed(&signed(BODY, "a")), BODY);
    let list = folder.stdout_of(&["requests", "list", "--format", "json"]);
    let list: serde_json::Value = serde_json::from_str(&list).unwrap();
    let shown = folder.stdout_of(&["requests", "show", list[0]["id"].as_str().unwrap()]);
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let keys: Vec<&str> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "error_message",
            "event_id",
            "headers",
            "http_method",
            "listener_metadata",
            "outcome",
            "parsed_body",
            "query_params",
            "raw_body",
            "reasons",
            "received_at",
            "status",
        ]
    );
    assert_eq!(shown["parsed_body"]["issue"]["title"], "Found a bug");
    assert_eq!(shown["raw_body"].as_str().unwrap().as_bytes(), BODY);
    assert_eq!(shown["headers"]["map"]["x-github-delivery"], "a");
}

#[test]
fn unknown_listeners_and_paths_are_404_with_an_empty_body() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    for path in [
        gateway.path("00000000-0000-4000-8000-000000000000"),
        gateway.path("no-uuid"),
        "/".to_owned(),
        "/metrics".to_owned(),
        "/healthz".to_owned(),
    ] {
        let answer = gateway.request("POST", &path, &[], b"{}");
        assert_eq!((answer.status, answer.body.len()), (404, 0), "{path}");
    }
    assert_eq!(gateway.get_management("/healthz").status, 200);
    assert_eq!(gateway.get_management("/readyz").status, 200);
    assert_eq!(gateway.get_management(&gateway.path(LISTENER)).status, 404);
}

#[test]
fn other_methods_are_405_with_an_allow_header() {
    let gateway = Folder::with_listener("").serve_with_folder();
    let answer = gateway.0.request("GET", &gateway.0.path(LISTENER), &[], b"");
    assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
}

#[test]
fn a_repeated_request_is_answered_and_deduplicated() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    for _ in 0..3 {
        assert_eq!(gateway.post(&borrowed(&signed(BODY, "a")), BODY).status, 200);
    }
    let metrics = gateway.get_management("/metrics");
    let wanted = "hookgate_requests_total{listener=\"GitHub\",outcome=\"duplicate\"} 2";
    assert!(metrics.text().contains(wanted), "{}", metrics.text());
}

#[test]
fn requests_past_the_rate_limit_are_429_with_retry_after() {
    let folder = Folder::with_listener("[rate_limit]\nrequests = 1\nper = \"1h\"\nburst = 2\n");
    let gateway = folder.serve();
    let statuses: Vec<u16> = ["1", "2", "3"]
        .iter()
        .map(|delivery| {
            gateway
                .post(&borrowed(&signed(delivery.as_bytes(), delivery)), delivery.as_bytes())
                .status
        })
        .collect();
    assert_eq!(statuses, [200, 200, 429]);
    let refused = gateway.post(&borrowed(&signed(b"4", "d")), b"4");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((3500..=3600).contains(&wait), "{wait}");
    assert!(refused.header("ratelimit").unwrap().starts_with("limit=2, remaining=0"));
}

#[test]
fn repeated_verification_failures_are_429_for_that_sender_only() {
    let folder = Folder::with_listener("");
    folder.settings("\n[limits]\nfailures_per_minute = 3\n");
    let gateway = folder.serve();
    let forged = [("X-Hub-Signature-256", "sha256=00")];
    let statuses: Vec<u16> = (0..5).map(|_| gateway.post(&forged, b"{}").status).collect();
    assert_eq!(statuses, [401, 401, 401, 429, 429]);
    // The same address, with the secret.
    assert_eq!(gateway.post(&borrowed(&signed(BODY, "a")), BODY).status, 200);
}

#[test]
fn bodies_are_limited_before_and_after_decompression() {
    let folder = Folder::with_listener("");
    folder.settings("\n[limits]\nbody = 1000\n");
    let gateway = folder.serve();
    let large = vec![b' '; 1001];
    assert_eq!(gateway.post(&[], &large).status, 413);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![b' '; 1_000_000]).unwrap();
    let packed = packed.finish().unwrap();
    assert!(packed.len() < 1000 + 200);
    let bomb = packed.get(..packed.len().min(999)).unwrap();
    let answer = gateway.post(&[("Content-Encoding", "gzip")], bomb);
    assert!([413, 415].contains(&answer.status), "{}", answer.status);
    assert_eq!(gateway.post(&[("Content-Encoding", "br")], b"{}").status, 415);
    assert_eq!(gateway.post(&[("Content-Encoding", "gzip")], b"{}").status, 415);
}

#[test]
fn a_compressed_body_is_verified_compressed_and_parsed_decompressed() {
    let folder =
        Folder::with_listener("[filter]\nkeep_when = 'parsed_body.action == \"opened\"'\n");
    let gateway = folder.serve();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(BODY).unwrap();
    let packed = packed.finish().unwrap();
    let mut headers = signed(&packed, "a");
    headers.push(("Content-Encoding".to_owned(), "gzip".to_owned()));
    assert_eq!(gateway.post(&borrowed(&headers), &packed).status, 200);
    gateway.wait_for_log("outcome=accepted");
}

#[test]
fn too_many_or_too_large_headers_are_431() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    let names: Vec<String> = (0..200).map(|at| format!("X-{at}")).collect();
    let many: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(gateway.post(&many, b"{}").status, 431);
    let long = "a".repeat(100_000);
    assert_eq!(gateway.post(&[("X-Long", &long)], b"{}").status, 431);
}

#[test]
fn a_chunked_body_is_read_and_limited() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    let digest = hookgate_hmac(super::running::SECRET, b"{\"a\":1}");
    let mut stream = TcpStream::connect(gateway.senders).unwrap();
    write!(
        stream,
        "POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nX-Hub-Signature-256: sha256={digest}\r\n\r\n3\r\n{{\"a\r\n4\r\n\":1}}\r\n0\r\n\r\n",
        gateway.path(LISTENER)
    )
    .unwrap();
    assert_eq!(read_response(stream).status, 200);
    let mut stream = TcpStream::connect(gateway.senders).unwrap();
    stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(
        stream,
        "POST {} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n",
        gateway.path(LISTENER)
    )
    .unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    // The server stops reading at its limit.
    for _ in 0..64 {
        if stream.write_all(chunk.as_bytes()).is_err() {
            break;
        }
    }
    let mut reply = [0; 12];
    if stream.read_exact(&mut reply).is_ok() {
        assert_eq!(&reply, b"HTTP/1.1 413");
    }
    assert_eq!(gateway.post(&borrowed(&signed(BODY, "a")), BODY).status, 200);
}

#[test]
fn the_client_address_is_the_right_most_that_is_not_a_trusted_proxy() {
    let checks = "[[verify]]\nname = \"network\"\naddresses = [\"192.0.2.0/24\"]\n";
    let folder = Folder::with_listener(checks);
    let forwarded = |gateway: &Gateway, value: &str, delivery: &str| {
        let body = delivery.as_bytes();
        let mut headers = signed(body, delivery);
        headers.push(("X-Forwarded-For".to_owned(), value.to_owned()));
        gateway.post(&borrowed(&headers), body).status
    };
    let gateway = folder.serve();
    assert_eq!(forwarded(&gateway, "192.0.2.7", "1"), 401, "no proxy is trusted");
    drop(gateway);
    folder.settings("trusted_proxies = [\"127.0.0.1\"]\n");
    let gateway = folder.serve();
    assert_eq!(forwarded(&gateway, "192.0.2.7", "2"), 200);
    assert_eq!(
        forwarded(&gateway, "192.0.2.7, 198.51.100.1", "3"),
        401,
        "the left hop comes from the sender"
    );
    assert_eq!(forwarded(&gateway, "192.0.2.7, nonsense", "4"), 401);
}

#[test]
fn revoked_keys_and_keys_of_other_listeners_are_refused_with_401() {
    let folder = Folder::with_listener("");
    let inner = "9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11";
    folder.write(
        "listeners/inner.toml",
        &format!("id = \"{inner}\"\nname = \"Inner\"\ntenant = \"acme\"\n\n[[verify]]\nname = \"credential\"\ncredential = {{ header = \"X-Webhook-Token\" }}\n"),
    );
    folder.write(
        "listeners/other.toml",
        "id = \"9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a12\"\nname = \"Other\"\ntenant = \"acme\"\n\n[[verify]]\nname = \"credential\"\ncredential = {}\n",
    );
    folder.stdout_of(&["tenants", "create", "acme"]);
    folder.stdout_of(&["tenants", "create", "rival"]);
    let create = |arguments: &[&str]| folder.stdout_of(arguments).trim().to_owned();
    let right = create(&["keys", "create", "--tenant", "acme", "--listener", "Inner"]);
    let elsewhere = create(&["keys", "create", "--tenant", "acme", "--listener", "Other"]);
    let rival = create(&["keys", "create", "--tenant", "rival"]);
    let gateway = folder.serve();
    let post = |key: &str, body: &str| {
        gateway
            .request("POST", &gateway.path(inner), &[("X-Webhook-Token", key)], body.as_bytes())
            .status
    };
    assert_eq!(post(&right, "1"), 200);
    assert_eq!(post(&elsewhere, "2"), 401);
    assert_eq!(post(&rival, "3"), 401);
    assert_eq!(post(&format!("{right}x"), "4"), 401);
    assert_eq!(post("", "5"), 401);
    let listed = folder.stdout_of(&["keys", "list"]);
    assert!(!listed.contains(&right), "{listed}");
    // The key of a tenant, revoked by its id, and a key revoked by its full text.
    folder.stdout_of(&["keys", "revoke", elsewhere.split('_').nth(1).unwrap()]);
    let secret = right.splitn(3, '_').nth(2).unwrap();
    for success in [true, false] {
        let output = folder.command(&["keys", "revoke", &right]);
        assert_eq!(output.status.success(), success);
        let message = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!message.contains(secret), "a key is in a message: {message}");
        assert!(message.contains(right.split('_').nth(1).unwrap()), "{message}");
    }
    assert_eq!(post(&right, "6"), 401);
    let log = gateway.wait_for_log("wrong_credential");
    assert!(!log.contains(&right) && !log.contains(&rival), "a key is in the log");
}

#[test]
fn oauth_clients_get_access_tokens_that_end_when_the_client_is_revoked() {
    let folder = Folder::with_listener("");
    let inner = "9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11";
    folder.write(
        "listeners/inner.toml",
        &format!("id = \"{inner}\"\nname = \"Inner\"\ntenant = \"acme\"\n\n[[verify]]\nname = \"credential\"\ncredential = {{}}\n"),
    );
    folder.stdout_of(&["tenants", "create", "acme"]);
    let client = folder
        .stdout_of(&["keys", "create", "--tenant", "acme", "--kind", "oauth", "--format", "json"]);
    let client: serde_json::Value = serde_json::from_str(&client).unwrap();
    let (id, secret) = (client["id"].as_str().unwrap(), client["clientSecret"].as_str().unwrap());
    let gateway = folder.serve();
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let token = |body: String| gateway.request("POST", "/oauth/v1/token", &form, body.as_bytes());
    let granted =
        token(format!("grant_type=client_credentials&client_id={id}&client_secret={secret}"));
    assert_eq!(granted.status, 200);
    let granted: serde_json::Value = serde_json::from_slice(&granted.body).unwrap();
    assert_eq!(
        (granted["token_type"].as_str(), granted["expires_in"].as_i64()),
        (Some("Bearer"), Some(3600))
    );
    let access = granted["access_token"].as_str().unwrap().to_owned();
    let post = |token: &str, body: &str| {
        let bearer = format!("Bearer {token}");
        gateway
            .request("POST", &gateway.path(inner), &[("Authorization", &bearer)], body.as_bytes())
            .status
    };
    assert_eq!(post(&access, "1"), 200);
    assert_eq!(post(secret, "2"), 401, "a client's secret is no token");
    let (head, _) = access.rsplit_once('.').unwrap();
    assert_eq!(post(&format!("{head}.AAAA"), "3"), 401);
    let none = "eyJhbGciOiJub25lIn0";
    let claims = access.split('.').nth(1).unwrap();
    assert_eq!(post(&format!("{none}.{claims}."), "4"), 401);
    for (body, status) in [
        (format!("grant_type=client_credentials&client_id={id}&client_secret=wrong"), 401),
        (format!("grant_type=password&client_id={id}&client_secret={secret}"), 400),
        (String::new(), 400),
    ] {
        assert_eq!(token(body.clone()).status, status, "{body}");
    }
    folder.stdout_of(&["keys", "revoke", id]);
    assert_eq!(post(&access, "5"), 401);
    assert!(!gateway.wait_for_log("wrong_credential").contains(&access));
}

#[test]
fn hot_reload_applies_a_valid_file_and_refuses_an_invalid_one() {
    let folder = Folder::with_listener(MANY);
    let gateway = folder.serve();
    let path = folder.path().join("listeners/github.toml");
    let good = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{good}\n[filter]\nkeep_when = 'parsed_body.action ==='\n"))
        .unwrap();
    gateway.wait_for_log("the old configuration stays");
    assert_eq!(gateway.post(&borrowed(&signed(BODY, "a")), BODY).status, 200);
    std::fs::write(
        &path,
        format!("{good}\n[filter]\nkeep_when = 'parsed_body.action == \"closed\"'\n"),
    )
    .unwrap();
    gateway.wait_for_log("config reloaded");
    gateway.post(&borrowed(&signed(BODY, "b")), BODY);
    gateway.wait_for_log("outcome=filtered");
    std::fs::write(&path, &good).unwrap();
    gateway.signal("-HUP");
    let until = Instant::now() + Duration::from_secs(5);
    while gateway.wait_for_log("config reloaded").matches("config reloaded").count() < 2 {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(20));
    }
    gateway.post(&borrowed(&signed(b"{\"c\":1}", "c")), b"{\"c\":1}");
    let list = folder.stdout_of(&["requests", "list", "--outcome", "accepted"]);
    assert_eq!(list.lines().filter(|line| line.contains("accepted")).count(), 2, "{list}");
}

#[test]
fn a_second_gateway_on_the_same_store_is_refused_with_the_lock_file() {
    let folder = Folder::with_listener("");
    let _gateway = folder.serve();
    let output = program().args(["serve", "-C", folder.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(report.contains("hookgate.db.lock is locked: another gateway runs"), "{report}");
}

#[test]
fn an_empty_secret_refuses_to_start() {
    let folder = Folder::with_listener("");
    folder.write("secrets/github", "\n");
    let output = program().args(["serve", "-C", folder.path().to_str().unwrap()]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8(output.stderr).unwrap();
    assert!(report.contains("error[E0606]: the secret `GITHUB` is empty"), "{report}");
}

#[test]
fn requests_in_flight_finish_during_shutdown() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    let digest = hookgate_hmac(super::running::SECRET, b"{}");
    let mut stream = TcpStream::connect(gateway.senders).unwrap();
    write!(
        stream,
        "POST {} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nX-Hub-Signature-256: sha256={digest}\r\n\r\n{{",
        gateway.path(LISTENER)
    )
    .unwrap();
    std::thread::sleep(Duration::from_millis(100));
    gateway.signal("-TERM");
    gateway.wait_for_log("shutdown started");
    std::thread::sleep(Duration::from_millis(100));
    assert!(TcpStream::connect(gateway.senders).is_err(), "a new connection was accepted");
    stream.write_all(b"}").unwrap();
    assert_eq!(read_response(stream).status, 200);
    gateway.wait_for_log("stopped");
}

#[test]
fn acknowledged_requests_are_stored_after_a_kill() {
    let folder = Folder::with_listener(MANY);
    let gateway = folder.serve();
    let accepted: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8)
            .map(|worker| {
                let gateway = &gateway;
                scope.spawn(move || {
                    let mut accepted = Vec::new();
                    for at in 0..20 {
                        let delivery = format!("{worker}-{at}");
                        let body = format!("{{\"delivery\":\"{delivery}\"}}");
                        let headers = signed(body.as_bytes(), &delivery);
                        if gateway.post(&borrowed(&headers), body.as_bytes()).status == 200 {
                            accepted.push(delivery);
                        }
                    }
                    accepted
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    gateway.kill();
    assert_eq!(accepted.len(), 160);
    let again = folder.serve();
    for delivery in accepted.iter().step_by(13) {
        let body = format!("{{\"delivery\":\"{delivery}\"}}");
        again.post(&borrowed(&signed(body.as_bytes(), delivery)), body.as_bytes());
    }
    let metrics = again.get_management("/metrics");
    let wanted = "hookgate_requests_total{listener=\"GitHub\",outcome=\"duplicate\"} 13";
    assert!(metrics.text().contains(wanted), "{}", metrics.text());
}

#[test]
fn the_store_is_synced_before_the_answer_is_written() {
    // A machine may have strace and forbid tracing.
    let traces = Command::new("strace").args(["-o", "/dev/null", "true"]).status();
    if !is_installed("strace", "-V") || !traces.is_ok_and(|status| status.success()) {
        return;
    }
    let folder = Folder::with_listener("");
    let trace = folder.path().join("trace");
    let mut traced = Command::new("strace");
    // As a grandchild, so that the kill at the end hits the gateway.
    traced
        .args(["-D", "-f", "-tt", "-s", "64", "-e", "trace=fsync,fdatasync,write,writev,sendto"])
        .args(["-o", trace.to_str().unwrap(), &super::running::binary()]);
    let gateway = Gateway::start(folder.path(), traced);
    let before = std::fs::read_to_string(&trace).unwrap().lines().count();
    assert_eq!(gateway.post(&borrowed(&signed(BODY, "a")), BODY).status, 200);
    std::thread::sleep(Duration::from_millis(200));
    let calls = std::fs::read_to_string(&trace).unwrap();
    let calls: Vec<&str> = calls.lines().skip(before).collect();
    let at = |what: &str| calls.iter().position(|line| line.contains(what));
    let synced = at("sync(").unwrap_or_else(|| panic!("no sync in {calls:#?}"));
    let answered = at("HTTP/1.1 200 OK").unwrap_or_else(|| panic!("no answer in {calls:#?}"));
    assert!(synced < answered, "{calls:#?}");
}

/// The number of idle connections that the open-file limit of this machine allows two processes.
fn idle_connections() -> usize {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let limit = line.split_whitespace().nth(3).unwrap().parse::<usize>().unwrap_or(usize::MAX);
    if limit >= 16_000 { 10_000 } else { limit / 4 }
}

#[test]
fn slow_and_large_senders_do_not_block_others() {
    let folder = Folder::with_listener(MANY);
    folder.settings("\n[limits]\nheader_timeout = \"60s\"\nbody_timeout = \"2s\"\n");
    let gateway = folder.serve();
    let path = gateway.path(LISTENER);
    let idle: Vec<TcpStream> =
        (0..idle_connections()).map(|_| TcpStream::connect(gateway.senders).unwrap()).collect();
    // A gigabyte each, as fast as it is read.
    let large: Vec<_> = (0..64)
        .map(|_| {
            let (address, path) = (gateway.senders, path.clone());
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(address).unwrap();
                stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
                let head = format!(
                    "POST {path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                );
                let chunk = format!("100000\r\n{}\r\n", " ".repeat(0x10_0000));
                let _ = stream.write_all(head.as_bytes());
                for _ in 0..1024 {
                    if stream.write_all(chunk.as_bytes()).is_err() {
                        return;
                    }
                }
                panic!("a gigabyte was accepted");
            })
        })
        .collect();
    // One byte of a body, and no more.
    let slow: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(gateway.senders).unwrap();
            write!(stream, "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{{")
                .unwrap();
            stream
        })
        .collect();
    let began = Instant::now();
    for at in 0..20 {
        let delivery = at.to_string();
        let accepted =
            gateway.post(&borrowed(&signed(delivery.as_bytes(), &delivery)), delivery.as_bytes());
        assert_eq!(accepted.status, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for sender in large {
        sender.join().unwrap();
    }
    let mut stream = slow.into_iter().next().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut reply = [0; 12];
    stream.read_exact(&mut reply).unwrap();
    assert_eq!(&reply, b"HTTP/1.1 408");
    assert!(gateway.peak_mib() < 256, "{} MiB", gateway.peak_mib());
    drop(idle);
}

#[test]
fn a_tls_certificate_is_served_and_reloaded_when_it_changes() {
    let folder = Folder::with_listener("");
    let make = |name: &str| self_signed(folder.path(), name, &["subjectAltName=IP:127.0.0.1"]);
    if !is_installed("curl", "--version") || !make("first") {
        return;
    }
    folder.settings(SETTING);
    let gateway = folder.serve();
    let url = format!("https://{}{}", gateway.senders, gateway.path(LISTENER));
    let curl = |version: &str| {
        let headers = signed(BODY, version);
        let mut command = Command::new("curl");
        command.args(["-s", "-o", "-", "-w", " %{http_version} %{http_code}", version]);
        command.arg("--cacert").arg(folder.path().join("cert.pem"));
        for (name, value) in &headers {
            command.args(["-H", &format!("{name}: {value}")]);
        }
        let output = command
            .arg("--data-binary")
            .arg(std::str::from_utf8(BODY).unwrap())
            .arg(&url)
            .output()
            .unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(curl("--http1.1").ends_with(" 1.1 200"));
    assert!(curl("--http2").ends_with(" 2 200"), "{}", curl("--http2"));
    assert!(make("second"));
    gateway.wait_for_log("config reloaded");
    let until = Instant::now() + Duration::from_secs(5);
    while !curl("--http1.1").ends_with(" 1.1 200") {
        assert!(Instant::now() < until, "the new certificate is not served");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn send_signs_an_accepted_request_and_replay_shows_the_effect_of_a_change() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    folder.write("body.json", std::str::from_utf8(BODY).unwrap());
    let to = format!("http://{}", gateway.senders);
    let body = folder.path().join("body.json");
    let sent = folder.stdout_of(&["send", "GitHub", "--body", body.to_str().unwrap(), "--to", &to]);
    assert!(sent.contains("RECEIVED"), "{sent}");
    let same = folder.command(&["replay"]);
    assert_eq!(same.status.code(), Some(0));
    let listener = std::fs::read_to_string(folder.path().join("listeners/github.toml")).unwrap();
    folder.write(
        "changed.toml",
        &format!("{listener}\n[filter]\ndrop_when = 'parsed_body.action == \"opened\"'\n"),
    );
    let changed = folder.path().join("changed.toml");
    let output = folder.command(&["replay", "--against", changed.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("accepted -> filtered"), "{report}");
    let own = ["send", "GitHub", "--body", body.to_str().unwrap(), "-H", "X-GitHub-Event: issues"];
    let shown = folder.stdout_of(&[&own[..], &["--dry-run"]].concat()).to_lowercase();
    assert_eq!(shown.matches("x-github-event: ").count(), 1, "{shown}");
    assert!(shown.contains("x-github-event: issues"), "{shown}");
}

/// A revoked key, or the unread part of a request, cannot be judged again.
#[test]
fn replay_keeps_outcomes_that_cannot_be_decided_again() {
    let folder = Folder::with_listener("");
    folder.settings("[limits]\nbody = 100\n");
    let inner = "9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11";
    folder.write(
        "listeners/inner.toml",
        &format!("id = \"{inner}\"\nname = \"Inner\"\ntenant = \"acme\"\ncapture = true\n\n[[verify]]\nname = \"credential\"\ncredential = {{ header = \"X-Webhook-Token\" }}\n"),
    );
    folder.stdout_of(&["tenants", "create", "acme"]);
    let key = folder.stdout_of(&["keys", "create", "--tenant", "acme", "--listener", "Inner"]);
    let gateway = folder.serve();
    let headers = [("X-Webhook-Token", key.trim())];
    let path = gateway.path(inner);
    assert_eq!(gateway.request("POST", &path, &headers, b"{}").status, 200);
    assert_eq!(gateway.request("POST", &path, &headers, &[b' '; 200]).status, 413);
    assert_eq!(gateway.request("POST", &path, &[], b"[]").status, 401);
    gateway.wait_for_log("outcome=verification_failed");
    folder.stdout_of(&["keys", "revoke", key.trim()]);
    let output = folder.command(&["replay"]);
    let message = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{message}");
    assert!(!message.contains(" -> "), "{message}");
}

#[test]
fn a_reload_names_the_settings_that_need_a_restart() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    folder.settings("[store]\npath = \"other.db\"\n[limits]\nfailures_per_minute = 7\n");
    let log = gateway.wait_for_log("changed settings that apply at the next start");
    let line = log.lines().find(|line| line.contains("at the next start")).unwrap();
    assert!(line.contains("store.path"), "{line}");
    assert!(!line.contains("limits") && !line.contains("listen"), "{line}");
}

#[test]
fn lists_refuse_a_tenant_that_does_not_exist() {
    let folder = Folder::with_listener("");
    folder.stdout_of(&["tenants", "create", "rival"]);
    for list in ["keys", "subscriptions", "deliveries"] {
        for tenant in ["acme", "rival"] {
            folder.stdout_of(&[list, "list", "--tenant", tenant]);
        }
        let output = folder.command(&[list, "list", "--tenant", "amce"]);
        assert_eq!(output.status.code(), Some(2), "{list}");
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(
            message.contains("`amce`") && message.contains("did you mean `acme`?"),
            "{message}"
        );
    }
}

#[test]
fn a_captured_request_is_verified_again_and_encrypted_in_the_store() {
    let folder = Folder::with_listener("capture = true\n");
    // The key of a table comes before the tables.
    let file = folder.path().join("listeners/github.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("capture = true\n", "");
    std::fs::write(&file, text.replace("tenant = \"acme\"", "tenant = \"acme\"\ncapture = true"))
        .unwrap();
    let key = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    let mut keyed = program();
    keyed.env("HOOKGATE_KEY", key);
    let gateway = Gateway::start(folder.path(), keyed);
    let body = br#"{"needle":"a text that nobody else writes"}"#;
    let mut headers = signed(body, "a");
    headers.push(("Authorization".to_owned(), "Bearer another needle".to_owned()));
    assert_eq!(gateway.post(&borrowed(&headers), body).status, 200);
    assert!(gateway.stop().success());
    folder.write("secrets/github", "another secret\n");
    let mut replay = program();
    replay.env("HOOKGATE_KEY", key);
    let output = replay.args(["replay", "-C", folder.path().to_str().unwrap()]).output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.contains("accepted -> verification_failed"), "{report}");
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let content = std::fs::read(entry.unwrap().path()).unwrap_or_default();
        let has = |needle: &[u8]| content.windows(needle.len()).any(|part| part == needle);
        assert!(!has(b"another needle"), "a credential is in a file");
    }
}

impl Folder {
    /// Starts the gateway, and keeps the folder while it runs.
    fn serve_with_folder(self) -> (Gateway, Self) {
        (self.serve(), self)
    }
}
