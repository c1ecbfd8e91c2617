//! Unauthenticated clients: client addresses behind proxies, challenges, credential lookups, and
//! the hashing cost of forged requests. Over real sockets and a real database.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::running::{
    Answer, Folder, Gateway, LISTENER, SECRET, exchange, hookgate_hmac, read_response, signed,
};

const TRUSTED: &str = "trusted_proxies = [\"127.0.0.1\"]\n";

/// Sends a request with headers of any bytes.
fn raw(gateway: &Gateway, path: &str, headers: &[u8], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(gateway.senders).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let head = format!("POST {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n");
    let rest = format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(&[head.as_bytes(), headers, rest.as_bytes(), body].concat()).unwrap();
    read_response(stream)
}

/// Returns the headers of a signed delivery, after other headers.
fn signed_with(before: &[u8], body: &[u8], delivery: &str) -> Vec<u8> {
    let mut headers = before.to_vec();
    for (name, value) in signed(body, delivery) {
        headers.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    headers
}

/// Returns the value of a counter.
fn counter(gateway: &Gateway, name: &str) -> u64 {
    let metrics = gateway.get_management("/metrics");
    let line = metrics.text().lines().find(|line| line.starts_with(name)).map(ToOwned::to_owned);
    line.map_or(0, |line| line.split(' ').nth(1).unwrap().parse().unwrap())
}

#[test]
fn an_unknown_client_address_behind_a_proxy_fails_address_verification() {
    let checks =
        "[[verify]]\nname = \"network\"\naddresses = [\"192.0.2.0/24\", \"127.0.0.0/8\"]\n";
    let folder = Folder::with_listener(checks);
    folder.settings(TRUSTED);
    let gateway = folder.serve();
    let cases: [(&[u8], u16); 11] = [
        (b"X-Forwarded-For: 192.0.2.7\r\n", 200),
        (b"X-Forwarded-For: \xff, 192.0.2.7\r\n", 200),
        (b"X-Forwarded-For: \xff\r\nX-Forwarded-For: 192.0.2.7\r\n", 200),
        // The proxy itself is in the allowed networks, and is not the client.
        (b"", 401),
        (b"X-Forwarded-For:\r\n", 401),
        (b"X-Forwarded-For: \xff\r\n", 401),
        (b"X-Forwarded-For: 192.0.2.7, \xff\r\n", 401),
        (b"X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-For: \xff\r\n", 401),
        (b"X-Forwarded-For: 127.0.0.1\r\n", 401),
        (b"X-Forwarded-For: 192.0.2.7, unknown\r\n", 401),
        (b"X-Forwarded-For: 192.0.2.7, 198.51.100.1\r\n", 401),
    ];
    for (at, (forwarded, status)) in cases.into_iter().enumerate() {
        let body = at.to_string();
        let headers = signed_with(forwarded, body.as_bytes(), &body);
        let answered = raw(&gateway, &gateway.path(LISTENER), &headers, body.as_bytes());
        assert_eq!(answered.status, status, "{}", forwarded.escape_ascii());
    }
    let log = gateway.wait_for_log("no IP address");
    assert!(log.contains("names no sender"), "{log}");
    assert!(log.contains("address_not_allowed: the sender's address is not known"), "{log}");
    let list = folder.stdout_of(&["requests", "list", "--format", "json"]);
    assert!(!list.contains("0.0.0.0"), "{list}");
}

#[test]
fn failure_rate_limit_counts_the_client_address_behind_a_proxy() {
    let folder = Folder::with_listener("");
    folder.settings(&format!("{TRUSTED}\n[limits]\nfailures_per_minute = 2\n"));
    let gateway = folder.serve();
    let form = b"grant_type=client_credentials&client_id=a&client_secret=b";
    let fails = |path: &str, forwarded: &[u8]| {
        let headers = [b"X-Forwarded-For: ".as_slice(), forwarded, b"\r\n"].concat();
        raw(&gateway, path, &headers, form).status
    };
    let listener = gateway.path(LISTENER);
    for path in ["/oauth/v1/token", &listener] {
        let attacker: Vec<u16> = (0..4).map(|_| fails(path, b"198.51.100.1")).collect();
        assert_eq!(attacker, [401, 401, 429, 429], "{path}");
        assert_eq!(
            fails(path, b"198.51.100.2"),
            401,
            "another client behind the same proxy: {path}"
        );
        // Hops left of the one that the proxy added have no effect.
        assert_eq!(fails(path, b"203.0.113.9, 198.51.100.1"), 429, "{path}");
        // Clients with an unknown address are counted together, and apart from the proxy.
        let unknown: Vec<u16> = (0..3).map(|_| fails(path, b"\xff")).collect();
        assert_eq!(unknown, [401, 401, 429], "{path}");
    }
}

#[test]
fn an_oauth_client_sends_its_credentials_exactly_once() {
    let folder = Folder::with_listener("");
    folder.stdout_of(&["tenants", "create", "acme"]);
    let created = folder
        .stdout_of(&["keys", "create", "--tenant", "acme", "--kind", "oauth", "--format", "json"]);
    let created: serde_json::Value = serde_json::from_str(&created).unwrap();
    let (id, secret) = (created["id"].as_str().unwrap(), created["clientSecret"].as_str().unwrap());
    let gateway = folder.serve();
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let bare = "grant_type=client_credentials";
    use base64::Engine as _;
    let basic = base64::engine::general_purpose::STANDARD.encode(format!("{id}:{secret}"));
    let basic = format!("Authorization: Basic {basic}\r\n");
    let long = format!("{form}&more={}", "a".repeat(20_000));
    let cases: Vec<(String, Vec<u8>, u16)> = vec![
        (form.clone(), b"".to_vec(), 200),
        (bare.to_owned(), basic.clone().into_bytes(), 200),
        (bare.to_owned(), format!("{basic}{basic}").into_bytes(), 401),
        (form.clone(), b"Authorization: Basic \xff\r\n".to_vec(), 401),
        (form.clone(), format!("{basic}{basic}").into_bytes(), 401),
        (format!("{form}&client_id=a"), b"".to_vec(), 400),
        (format!("{form}&grant_type=client_credentials"), b"".to_vec(), 400),
        (form.replace("client_secret=", "client_secret=%ff"), b"".to_vec(), 401),
        (long, b"".to_vec(), 413),
        (form.clone(), b"Content-Encoding: identity\r\n".to_vec(), 200),
        (form.clone(), b"Content-Encoding: gzip\r\n".to_vec(), 415),
    ];
    for (form, headers, status) in cases {
        let answered = raw(&gateway, "/oauth/v1/token", &headers, form.as_bytes());
        let shown: String = form.chars().take(100).collect();
        assert_eq!(answered.status, status, "{shown} {}", headers.escape_ascii());
    }
}

#[test]
fn credential_lookups_use_a_fixed_number_of_threads_and_connections() {
    let folder = Folder::with_listener("");
    folder.settings("\n[limits]\nfailures_per_minute = 1000000\n");
    let gateway = folder.serve();
    let key = format!("hg_0123456789abcdef_{}", "a".repeat(43));
    let form = format!("grant_type=client_credentials&client_id=a&client_secret={key}");
    let bearer = format!("Bearer {key}");
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                for _ in 0..5 {
                    let token = "/oauth/v1/token";
                    let answer = gateway.request("POST", token, &kind, form.as_bytes());
                    assert_eq!(answer.status, 401);
                    let (path, headers) = ("/event/acme/webhooks", [("Authorization", &*bearer)]);
                    let answer = exchange(gateway.management, "POST", path, &headers, b"");
                    assert_eq!(answer.status, 401);
                }
            });
        }
    });
    let of_process = |what: &str| std::fs::read_dir(format!("/proc/{}/{what}", gateway.pid()));
    let files = of_process("fd").unwrap().filter(|entry| {
        let target = std::fs::read_link(entry.as_ref().unwrap().path());
        target.is_ok_and(|target| target.to_string_lossy().ends_with(".db"))
    });
    let (files, threads) = (files.count(), of_process("task").unwrap().count());
    assert!(files <= 20, "{files} connections to the store");
    assert!(threads <= 48, "{threads} threads");
}

#[test]
fn a_repeated_or_invalid_hop_count_header_is_treated_as_a_loop() {
    let folder = Folder::with_listener("[rate_limit]\nrequests = 1000\nburst = 1000\n");
    let gateway = folder.serve();
    let cases: [(&[u8], i64); 9] = [
        (b"", 0),
        (b"hookgate-hops: 3\r\n", 3),
        (b"hookgate-hops: 1\r\nHookgate-Hops: 4\r\n", 4),
        (b"hookgate-hops: 2, 1\r\n", 2),
        (b"hookgate-hops: +1\r\n", u32::MAX.into()),
        (b"hookgate-hops: -1\r\n", u32::MAX.into()),
        (b"hookgate-hops: \xff\r\n", u32::MAX.into()),
        ("hookgate-hops: \u{0661}\r\n".as_bytes(), u32::MAX.into()),
        (b"hookgate-hops: 99999999999999999999\r\n", u32::MAX.into()),
    ];
    for (at, (header, _)) in cases.iter().enumerate() {
        let body = at.to_string();
        let headers = signed_with(header, body.as_bytes(), &body);
        let answered = raw(&gateway, &gateway.path(LISTENER), &headers, body.as_bytes());
        assert_eq!(answered.status, 200, "{}", header.escape_ascii());
    }
    assert!(gateway.stop().success());
    let store = rusqlite::Connection::open(folder.path().join("hookgate.db")).unwrap();
    let mut query = store.prepare("SELECT hops FROM events ORDER BY place").unwrap();
    let hops: Vec<i64> =
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let wanted: Vec<i64> = cases.iter().map(|(_, hops)| *hops).collect();
    assert_eq!(hops, wanted);
}

/// A gateway with a listener for Zoom, whose challenges need no signature.
fn zoom(limits: &str) -> (Folder, Gateway) {
    let folder = Folder::with_listener("");
    folder.settings(&format!("{TRUSTED}\n[limits]\n{limits}"));
    folder.write("secrets/zoom", SECRET);
    folder.write(
        "listeners/zoom.toml",
        &format!(
            "id = \"{ZOOM}\"\nname = \"Zoom\"\ntenant = \"acme\"\nprovider = \"zoom\"\n\n\
             [secrets]\nZOOM = {{ file = \"secrets/zoom\" }}\n"
        ),
    );
    let gateway = folder.serve();
    (folder, gateway)
}

const ZOOM: &str = "9f1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a13";

/// Sends a validation challenge from an address, with a longer body.
fn validate(gateway: &Gateway, address: &str, more: &str) -> u16 {
    let body = format!(
        r#"{{"event":"endpoint.url_validation","payload":{{"plainToken":"abc"}},"more":"{more}"}}"#
    );
    let headers = format!("Content-Type: application/json\r\nX-Forwarded-For: {address}\r\n");
    raw(gateway, &gateway.path(ZOOM), headers.as_bytes(), body.as_bytes()).status
}

#[test]
fn unverified_challenges_are_truncated_and_sampled_in_the_rejected_request_log() {
    let (folder, gateway) =
        zoom("challenges_per_minute = 1000000\nchallenges_per_minute_per_address = 1000000\n");
    let more = "x".repeat(100_000);
    for _ in 0..60 {
        assert_eq!(validate(&gateway, "198.51.100.1", &more), 200);
    }
    assert!(gateway.stop().success());
    let store = rusqlite::Connection::open(folder.path().join("hookgate.db")).unwrap();
    let number = |sql: &str| store.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("SELECT count(*) FROM requests"), 0);
    let stored = number("SELECT count(*) FROM refused WHERE outcome = 'challenged'");
    assert!((1..=60).contains(&stored), "{stored}");
    let bytes =
        number("SELECT coalesce(max(length(log) + coalesce(length(body), 0)), 0) FROM refused");
    assert!(bytes <= 2 * 4096, "{bytes}");
    assert_eq!(number("SELECT count(*) FROM challenges"), stored, "their history is logged too");
    let list = folder.stdout_of(&["requests", "list", "--outcome", "challenged"]);
    assert!(list.contains("challenged"), "{list}");
}

#[test]
fn challenges_of_one_address_do_not_block_those_of_the_provider() {
    let (_folder, gateway) = zoom("");
    let foreign: Vec<u16> = (0..60).map(|_| validate(&gateway, "198.51.100.1", "")).collect();
    assert!(foreign.contains(&200) && foreign.contains(&429), "{foreign:?}");
    let provider: Vec<u16> = (0..20).map(|_| validate(&gateway, "203.0.113.5", "")).collect();
    assert_eq!(provider, [200; 20]);
    // All addresses of an IPv6 site count as one client.
    let networks: Vec<u16> =
        (0..60).map(|at| validate(&gateway, &format!("2001:db8:5:{at:x}::1"), "")).collect();
    assert!(networks.contains(&429), "{networks:?}");
}

#[test]
fn challenges_of_a_botnet_do_not_block_signed_ones_of_the_provider() {
    let (_folder, gateway) =
        zoom("challenges_per_minute = 5\nchallenges_per_minute_per_address = 2\n");
    for at in 0..40 {
        validate(&gateway, &format!("198.51.100.{at}"), "");
    }
    assert_eq!(validate(&gateway, "203.0.113.5", ""), 429, "the botnet has used all tokens");
    let body = r#"{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}"#;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let digest = hookgate_hmac(SECRET, format!("v0:{now}:{body}").as_bytes());
    let headers = format!(
        "Content-Type: application/json\r\nX-Forwarded-For: 203.0.113.5\r\n\
         X-Zm-Request-Timestamp: {now}\r\nX-Zm-Signature: v0={digest}\r\n"
    );
    let answered = raw(&gateway, &gateway.path(ZOOM), headers.as_bytes(), body.as_bytes());
    assert_eq!(answered.status, 200, "{}", answered.text());
}

#[test]
fn a_forged_request_hashes_its_body_once_for_any_number_of_signatures() {
    let folder = Folder::with_listener("");
    let gateway = folder.serve();
    let body = vec![b'a'; 100_000];
    let before = counter(&gateway, "hookgate_verification_hashed_bytes_total");
    let many = vec![format!("sha256={}", "0".repeat(64)); 128].join(",");
    assert_eq!(gateway.post(&[("X-Hub-Signature-256", &many)], &body).status, 401);
    let one = format!("sha256={}", "0".repeat(64));
    assert_eq!(gateway.post(&[("X-Hub-Signature-256", &one)], &body).status, 401);
    let hashed = counter(&gateway, "hookgate_verification_hashed_bytes_total") - before;
    assert_eq!(hashed, 100_000);
}

#[test]
fn a_failing_sender_delays_no_other_and_its_valid_requests_are_accepted() {
    let folder = Folder::with_listener("[rate_limit]\nrequests = 1000\nburst = 1000\n");
    folder.settings(&format!("{TRUSTED}\n[limits]\nfailures_per_minute = 2\n"));
    let gateway = folder.serve();
    let large = vec![b'a'; 1_000_000];
    let path = gateway.path(LISTENER);
    let forge = || {
        let headers = format!(
            "X-Forwarded-For: 198.51.100.1\r\nX-Hub-Signature-256: sha256={}\r\n",
            "0".repeat(64)
        );
        raw(&gateway, &path, headers.as_bytes(), &large).status
    };
    assert_eq!([forge(), forge(), forge()], [401, 401, 429]);
    std::thread::scope(|scope| {
        let forgers: Vec<_> = (0..8).map(|_| scope.spawn(|| (forge(), forge()))).collect();
        // A valid request from another address, and one from the same.
        for (at, address) in ["203.0.113.5", "198.51.100.1"].into_iter().enumerate() {
            let body = at.to_string();
            let forwarded = format!("X-Forwarded-For: {address}\r\n");
            let headers = signed_with(forwarded.as_bytes(), body.as_bytes(), &body);
            let began = Instant::now();
            let answered = raw(&gateway, &path, &headers, body.as_bytes());
            assert_eq!(answered.status, 200, "{address} after {:?}", began.elapsed());
        }
        for forger in forgers {
            let (first, second) = forger.join().unwrap();
            assert!([401, 429].contains(&first) && [401, 429].contains(&second));
        }
    });
}

#[test]
fn log_lines_of_rejected_requests_are_rate_limited_and_suppressed_ones_counted() {
    let folder = Folder::with_listener("");
    folder.settings("\n[limits]\nfailures_per_minute = 1000000\n");
    let gateway = folder.serve();
    let began = Instant::now();
    for _ in 0..400 {
        assert_eq!(gateway.post(&[], b"forged").status, 401);
    }
    let seconds = usize::try_from(began.elapsed().as_secs()).unwrap() + 2;
    let lines = |log: &str| log.matches("outcome=verification_failed").count();
    assert!(lines(&gateway.wait_for_log("verification_failed")) <= 20 * seconds);
    // The next second has log lines again, and the metrics count every request.
    std::thread::sleep(Duration::from_millis(1100));
    assert_eq!(gateway.post(&[], b"forged").status, 401);
    gateway.wait_for_log("suppressed=");
    let metrics = gateway.get_management("/metrics");
    let counted = "outcome=\"verification_failed\"} 401";
    assert!(metrics.text().contains(counted), "{}", metrics.text());
}
