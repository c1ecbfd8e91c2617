//! Refusals of floods, with little of each; other requests are served meanwhile.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::sender::status;
use super::{OTHER, frames, head_to_github, payloads, with_other};
use crate::gateway::running::{self, Gateway, borrowed, signed};
use crate::gateway::subscribed::Subscribed;

/// Asserts that a signed delivery is accepted.
fn assert_accepted(gateway: &Gateway, delivery: &str) {
    let body = format!("{{\"delivery\":\"{delivery}\"}}");
    let answer = gateway.post(&borrowed(&signed(body.as_bytes(), delivery)), body.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
}

/// Posts to the listener that accepts any request.
fn post(gateway: &Gateway, query: &str, kind: &str, body: &[u8]) -> u16 {
    let path = format!("{}{query}", gateway.path(OTHER));
    gateway.request("POST", &path, &[("Content-Type", kind)], body).status
}

#[test]
fn slow_request_heads_end_with_the_header_timeout() {
    let (_folder, gateway) = with_other("\n[limits]\nheader_timeout = \"1s\"\n", "");
    let mut slow: Vec<TcpStream> =
        (0..50).map(|_| TcpStream::connect(gateway.senders).unwrap()).collect();
    let head = head_to_github("X-Slow: ");
    let began = Instant::now();
    // One byte each tenth of a second: no pause is long, and the whole head would take ten seconds.
    for byte in head.bytes().chain(std::iter::repeat(b'a')) {
        slow.retain_mut(|stream| stream.write_all(&[byte]).is_ok());
        if slow.is_empty() || began.elapsed() > Duration::from_secs(8) {
            break;
        }
        assert_accepted(&gateway, &began.elapsed().as_micros().to_string());
        std::thread::sleep(Duration::from_millis(100));
    }
    assert_eq!(slow.len(), 0, "slow connections are still open");
}

#[test]
fn an_endless_request_head_is_refused_without_buffering() {
    let (_folder, gateway) = with_other("", "");
    for line in ["X-Long: ", "X-Many: a\r\n", "X-Folded: a\r\n "] {
        let mut stream = TcpStream::connect(gateway.senders).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(head_to_github("").as_bytes()).unwrap();
        let more = line.repeat(10_000);
        let mut sent = 0;
        while sent < 64 << 20 && stream.write_all(more.as_bytes()).is_ok() {
            sent += more.len();
        }
        assert!(sent < 64 << 20, "{line}: everything was read");
        let answered = status(&stream);
        assert!(["431", "400", "closed"].contains(&answered.as_str()), "{line}: {answered}");
    }
    assert_accepted(&gateway, "1");
    assert!(gateway.peak_mib() < 128, "{} MiB", gateway.peak_mib());
}

#[test]
fn chunk_extensions_trailers_and_sizes_are_bounded() {
    let (_folder, gateway) = with_other("\n[limits]\nbody_timeout = \"2s\"\n", "");
    let chunks = "Transfer-Encoding: chunked\r\n\r\n";
    for (begins, is_running) in [
        // A chunk extension, trailers, an endless chunk size, tiny chunks.
        ("1;", "extension"),
        ("0\r\n", "X-Trailer: a\r\n"),
        ("0", "0"),
        ("", "1\r\na\r\n"),
    ] {
        let mut stream = TcpStream::connect(gateway.senders).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(format!("{}{begins}", head_to_github(chunks)).as_bytes()).unwrap();
        let more = is_running.repeat(10_000);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(20) && stream.write_all(more.as_bytes()).is_ok()
        {
        }
        assert!(
            began.elapsed() < Duration::from_secs(20),
            "{begins}{is_running}: everything was read"
        );
        let answered = status(&stream);
        assert!(
            ["400", "408", "413", "431", "closed"].contains(&answered.as_str()),
            "{begins}{is_running}: {answered}"
        );
    }
    assert_accepted(&gateway, "1");
    assert!(gateway.peak_mib() < 128, "{} MiB", gateway.peak_mib());
}

#[test]
fn gzip_bombs_are_refused_before_decompression_ends() {
    let (_folder, gateway) = with_other("", "");
    let bomb = payloads::bomb();
    let headers = [("Content-Encoding", "gzip"), ("Content-Type", "application/json")];
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..4 {
                    assert_eq!(gateway.post(&headers, &bomb).status, 413);
                }
            });
        }
    });
    assert_accepted(&gateway, "1");
    assert!(gateway.peak_mib() < 128, "{} MiB", gateway.peak_mib());
}

#[test]
fn unclosed_deep_json_is_refused_with_and_without_a_signature() {
    let (_folder, gateway) = with_other("", "");
    let deep = payloads::deep();
    let objects = "{\"a\":".repeat(200_000);
    for body in [deep.as_slice(), objects.as_bytes(), &"[".repeat(129).into_bytes()] {
        assert_eq!(gateway.post(&[("Content-Type", "application/json")], body).status, 401);
        assert_eq!(gateway.post(&borrowed(&signed(body, "1")), body).status, 400);
        assert_eq!(post(&gateway, "", "application/json", body), 400);
        // Without a JSON content type the body is text.
        assert_eq!(post(&gateway, "", "text/plain", body), 200);
        let form = [b"payload=".as_slice(), body].concat();
        assert_eq!(post(&gateway, "", "application/x-www-form-urlencoded", &form), 200);
    }
    assert_accepted(&gateway, "2");
}

#[test]
fn empty_deflate_blocks_are_refused_at_the_processor_time_limit() {
    let (_folder, gateway) = with_other("", "");
    let began = Instant::now();
    let headers = [("Content-Encoding", "gzip")];
    let answer =
        gateway.request("POST", &gateway.path(OTHER), &headers, &payloads::empty_blocks(1_000_000));
    assert_eq!(answer.status, 415);
    // A build without optimisation takes some forty seconds for all of it.
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_accepted(&gateway, "1");
}

#[test]
fn colliding_hash_keys_take_no_longer_than_others() {
    let keys = payloads::colliding(1000);
    assert!(keys.iter().all(|key| payloads::hash(key) == payloads::hash(&keys[0])));
    let (_folder, gateway) = with_other(
        "",
        "\n[filter]\nkeep_when = '$KEYS(parsed_body).$LENGTH() > 1 OR $KEYS(query_params).$LENGTH() > 1'\n\
         [deduplicate]\nkeys = ['parsed_body.AaAaAaAaAaAaAa']\n",
    );
    let began = Instant::now();
    assert_eq!(post(&gateway, "", "application/json", &payloads::colliding_object()), 200);
    let form = payloads::colliding_form(10_000);
    assert_eq!(post(&gateway, "", "application/x-www-form-urlencoded", &form), 200);
    let form = payloads::colliding_form(28_000);
    assert_eq!(post(&gateway, "", "application/x-www-form-urlencoded", &form), 400);
    let query: Vec<String> =
        payloads::colliding(1000).iter().map(|key| format!("{key}=1")).collect();
    assert_eq!(post(&gateway, &format!("?{}", query.join("&")), "text/plain", b""), 200);
    let names = payloads::colliding(90);
    let headers: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(gateway.request("POST", &gateway.path(OTHER), &headers, b"").status, 200);
    // Comparing every pair would take three hundred million comparisons for each.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_accepted(&gateway, "1");
}

#[test]
fn rapid_reset_and_endless_continuation_close_the_connection() {
    let (_folder, gateway) = with_other("", "");
    let mut stream = frames::connect(gateway.senders).unwrap();
    let most = 200_000;
    assert!(frames::reset_rapidly(&mut stream, most) < most, "no limit was reached");
    let mut stream = frames::connect(gateway.senders).unwrap();
    let most = 64 << 20;
    assert!(frames::continue_headers(&mut stream, most) < most, "no limit was reached");
    assert_accepted(&gateway, "1");
    assert!(gateway.peak_mib() < 128, "{} MiB", gateway.peak_mib());
}

/// A rule with the maximum cost, for a body that causes it.
pub(super) const HEAVY: &str = "\n[filter]\nkeep_when = '''\
    $RANGE(3000).$ANY(i => $MATCH(raw_body, \"(a|aa|aaa)*(b|ab|aab){1,30}c${i}\"))'''\n";

#[test]
fn a_rule_past_the_step_limit_is_stopped_and_delays_no_other_listener() {
    let (_folder, gateway) = with_other("", HEAVY);
    let body = "a".repeat(1_000_000);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            // An error in a filter keeps the event.
            scope.spawn(|| assert_eq!(post(&gateway, "", "text/plain", body.as_bytes()), 200));
        }
        for at in 0..5 {
            assert_accepted(&gateway, &at.to_string());
        }
    });
    gateway.wait_for_log("filter_error");
    gateway.wait_for_log("E0401");
}

#[test]
fn stalled_bodies_release_the_memory_budget_to_others() {
    let (_folder, gateway) =
        with_other("\n[limits]\nmemory = 4194304\nbody_timeout = \"60s\"\n", "");
    // Twice the memory budget, and each body lacks one byte.
    let head = head_to_github("Content-Length: 1048576\r\n\r\n");
    let unfinished = [head.into_bytes(), vec![b' '; 1_048_575]].concat();
    let _stalling: Vec<TcpStream> = std::thread::scope(|scope| {
        let stalling = |_| {
            scope.spawn(|| {
                let mut stream = TcpStream::connect(gateway.senders).unwrap();
                let _ = stream.write_all(&unfinished);
                stream
            })
        };
        let stalling: Vec<_> = (0..8).map(stalling).collect();
        for at in 0..5 {
            assert_accepted(&gateway, &at.to_string());
        }
        let large = format!("{{\"text\":\"{}\"}}", "a".repeat(300_000));
        assert_eq!(post(&gateway, "", "application/json", large.as_bytes()), 200);
        stalling.into_iter().map(|one| one.join().unwrap()).collect()
    });
}

#[test]
fn many_large_bodies_wait_for_the_memory_budget_and_are_accepted() {
    let (_folder, gateway) = with_other("\n[limits]\nmemory = 4194304\n", "");
    let packed = {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&payloads::noise(700_000)).unwrap();
        packed.finish().unwrap()
    };
    std::thread::scope(|scope| {
        for at in 0..16 {
            let (gateway, packed) = (&gateway, &packed);
            scope.spawn(move || {
                let path = gateway.path(OTHER);
                let plain = payloads::noise(1_000_000);
                let (body, headers): (&[u8], &[(&str, &str)]) = match at % 2 {
                    0 => (&plain, &[]),
                    _ => (packed, &[("Content-Encoding", "gzip")]),
                };
                assert_eq!(gateway.request("POST", &path, headers, body).status, 200);
            });
        }
    });
}

#[test]
fn compressed_bodies_are_decompressed_for_listeners_only_and_refusals_are_counted() {
    let subscribed = Subscribed::new("");
    subscribed.folder.settings("\n[limits]\nfailures_per_minute = 20\n");
    let gateway = subscribed.serve();
    let blocks = payloads::empty_blocks(16_000);
    let gzip = ("Content-Encoding", "gzip");
    let key = format!("Bearer {}", subscribed.key);
    let path = "/event/acme/webhooks";
    let headers = [gzip, ("Authorization", key.as_str())];
    let managed = running::exchange(gateway.management, "POST", path, &headers, &blocks);
    assert_eq!(managed.status, 415, "{}", managed.text());
    let token = || gateway.request("POST", "/oauth/v1/token", &[gzip], &blocks).status;
    let statuses: Vec<u16> = (0..100).map(|_| token()).collect();
    assert!(statuses[..10].iter().all(|status| *status == 415), "{statuses:?}");
    assert!(statuses[60..].iter().all(|status| *status == 429), "{statuses:?}");
}
