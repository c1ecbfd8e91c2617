//! Memory of the management API: it is bounded for any stored data and any slow client. Pages end
//! at their size limit, and all responses and streams share one budget.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::receiver::Receiver;
use super::running::Gateway;
use super::subscribed::Subscribed;

const NOTHING: Value = Value::Null;
const WEBHOOKS: &str = "/event/acme/webhooks";
const AWORK: &str = "/api/v1/webhooks";

/// The size limit of a page: `PAGE_BYTES`, and the text around it.
const PAGE: usize = (2 << 20) + 200;

/// An HTTP/2 client (RFC 9113) that sends requests on many streams, with a flow-control window of
/// zero.
struct Unread(TcpStream);

impl Unread {
    fn ask(gateway: &Gateway, key: &str, path: &str, streams: u32) -> Self {
        let mut stream = TcpStream::connect(gateway.management).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        // SETTINGS_INITIAL_WINDOW_SIZE is 0.
        stream.write_all(&frame(4, 0, 0, &[0, 4, 0, 0, 0, 0])).unwrap();
        let mut head = Vec::new();
        let authorization = format!("Bearer {key}");
        for (name, value) in [
            (":method", "GET"),
            (":scheme", "http"),
            (":authority", "127.0.0.1"),
            (":path", path),
            ("authorization", &authorization),
        ] {
            // Literal header fields without indexing (RFC 7541, section 6.2.2).
            head.push(0);
            for text in [name, value] {
                assert!(text.len() < 127);
                head.push(text.len() as u8);
                head.extend_from_slice(text.as_bytes());
            }
        }
        for number in 0..streams {
            stream.write_all(&frame(1, 5, 2 * number + 1, &head)).unwrap();
        }
        Self(stream)
    }

    /// Returns the number of the next responses with status 200, by their heads.
    fn count_ok(&mut self, answers: usize) -> usize {
        let (mut seen, mut good) = (0, 0);
        while seen < answers {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).unwrap();
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).unwrap();
            if head[3] == 1 {
                seen += 1;
                // `:status: 200` is one byte (RFC 7541, appendix A).
                good += usize::from(payload[0] == 0x88);
            }
        }
        good
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Stores events with about 8 MB of data.
fn large_events(gateway: &Gateway) {
    for number in 0..12 {
        let body = json!({ "type": "thing.made", "id": number, "fill": "x".repeat(700_000) });
        let kind = [("Content-Type", "application/json")];
        assert_eq!(gateway.post(&kind, body.to_string().as_bytes()).status, 200);
    }
}

#[test]
fn unread_responses_share_one_memory_budget_by_tenant() {
    let subscribed = Subscribed::new("");
    subscribed.folder.settings(
        "[delivery]\nallow = [\"127.0.0.0/8\"]\n[limits]\nstreams_per_connection = 100\n\
         write_timeout = \"60s\"\n",
    );
    subscribed.folder.stdout_of(&["tenants", "create", "globex"]);
    let other = subscribed.other_key("globex", "admin");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    large_events(&gateway);
    let before = gateway.peak_mib();
    let list = "/event/acme/events/list?pageSize=1000";
    let mut unread = Unread::ask(&gateway, key, list, 60);
    // A tenant has 16 MiB: some responses fit, the others are refused with a retry.
    let good = unread.count_ok(60);
    assert!((2..=12).contains(&good), "{good} responses of 60");
    let held = gateway.peak_mib() - before;
    assert!(held < 80, "60 pages of 8 MB took {held} MiB");
    let refused = gateway.call(key, "GET", list, &NOTHING);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    assert!(refused.text().contains("limits.management_memory"), "{}", refused.text());
    gateway.call_ok(&other, "GET", "/event/globex/events/list", &NOTHING);
    drop(unread);
    let until = std::time::Instant::now() + Duration::from_secs(10);
    while gateway.call(key, "GET", list, &NOTHING).status != 200 {
        assert!(std::time::Instant::now() < until);
    }
}

#[test]
fn unread_event_streams_buffer_few_events_and_are_bounded_in_number() {
    let subscribed = Subscribed::new("");
    subscribed.folder.settings(
        "[delivery]\nallow = [\"127.0.0.0/8\"]\n[limits]\nstreams = 45\nstreams_per_tenant = 40\n\
         streams_per_connection = 100\nwrite_timeout = \"60s\"\n",
    );
    subscribed.folder.stdout_of(&["tenants", "create", "globex"]);
    let other = subscribed.other_key("globex", "admin");
    let gateway = subscribed.serve();
    large_events(&gateway);
    let before = gateway.peak_mib();
    let all = "/events/stream?after=00000000000000000000000000";
    let mut unread = Unread::ask(&gateway, &subscribed.key, all, 41);
    assert_eq!(unread.count_ok(41), 40);
    std::thread::sleep(Duration::from_secs(1));
    let held = gateway.peak_mib() - before;
    assert!(held < 80, "40 streams of 8 MB took {held} MiB");
    let mut others = Unread::ask(&gateway, &other, "/events/stream", 6);
    assert_eq!(others.count_ok(6), 5, "45 in all");
}

#[test]
fn the_size_of_every_subscription_member_is_limited() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let long = "v".repeat(8000);
    let form = |more: Value| {
        let mut form = json!({ "name": "n", "endpoint": { "url": "https://example.com/" } });
        for (path, value) in more.as_object().unwrap() {
            let (parent, name) = path.rsplit_once('/').unwrap();
            form.pointer_mut(parent).unwrap()[name] = value.clone();
        }
        form
    };
    let filter = format!("event.type == \"{}\"", "x".repeat(70_000));
    let half = format!("event.type == \"{}\"", "x".repeat(40_000));
    let headers: Value = (0..5).map(|n| (format!("X-{n}"), json!([long]))).collect();
    for (more, named) in [
        (json!({ "/endpoint/headers": { "X": vec!["v"; 21] } }), "at most 20 items"),
        (json!({ "/endpoint/headers": headers }), "more than 32768 bytes"),
        (json!({ "/endpoint/secret": "s".repeat(600) }), "at most 512 characters"),
        (
            json!({ "/endpoint/secret": "s", "/endpoint/tag": "t".repeat(300) }),
            "at most 256 characters",
        ),
        (json!({ "/name": "n".repeat(300) }), "1 to 256 characters"),
        (json!({ "/filter": filter }), "more than 65536 bytes"),
        (json!({ "/transform": filter }), "more than 65536 bytes"),
        (json!({ "/filter": half, "/transform": half }), "at most 65536 are kept"),
        (json!({ "/eventTypes": vec!["t"; 1001] }), "at most 1000 items"),
        (json!({ "/eventTypes": ["*".repeat(100_000)] }), "is no type of an event"),
        (json!({ "/failureHandling": { "triggers": ["9".repeat(100_000)] } }), "is none of"),
    ] {
        let answer = gateway.call(key, "POST", WEBHOOKS, &form(more));
        assert_eq!(answer.status, 400, "{named}");
        let text = answer.text().replace('…', "");
        assert!(text.contains(named) || text.len() > 500, "{named}: {text}");
        assert!(
            answer.body.len() < 4096,
            "the response quotes the request: {} bytes",
            answer.body.len()
        );
    }
    let created = gateway.call_ok(key, "POST", WEBHOOKS, &form(json!({})));
    let path = format!("{WEBHOOKS}/{}", created["locator"].as_str().unwrap());
    for number in 0..8 {
        let change = json!({ "endpoint": { "addHeaders": { format!("X-{number}"): [long] } } });
        let status = gateway.call(key, "PATCH", &path, &change).status;
        assert_eq!(status, if number < 4 { 200 } else { 400 }, "header {number}");
    }
    for change in [
        json!({ "removeEventTypes": vec!["t"; 1001] }),
        json!({ "endpoint": { "removeHeaders": vec!["t"; 51] } }),
    ] {
        assert_eq!(gateway.call(key, "PATCH", &path, &change).status, 400);
    }
    let large = json!({ "name": "n".repeat(600_000) });
    for (method, path) in [("POST", WEBHOOKS), ("PATCH", &path), ("POST", AWORK)] {
        assert_eq!(gateway.call(key, method, path, &large).status, 413, "{method} {path}");
    }
    let events = vec!["nothing"; 8000].join(",");
    let form = json!({ "name": "n", "uri": "https://example.com/", "events": events,
        "isActive": true, "authenticationType": "none" });
    let answer = gateway.call(key, "POST", AWORK, &form);
    let report: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(report["validationErrors"].as_array().unwrap().len(), 20);
    let member = json!({ "m".repeat(100_000): 1 });
    for path in [WEBHOOKS, AWORK] {
        let answer = gateway.call(key, "POST", path, &member);
        assert!(answer.status == 400 && answer.body.len() < 4096, "{path}");
    }
}

/// A rule of about this number of bytes.
fn filter(bytes: usize) -> String {
    format!("event.type != \"{}\"", "x".repeat(bytes))
}

#[test]
fn a_page_of_webhooks_ends_at_the_page_limit_with_a_next_link() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let mut created = BTreeSet::new();
    for number in 0..45 {
        let form = json!({ "name": if number % 3 == 0 { "third" } else { "n" },
            "endpoint": { "url": "https://example.com/" },
            "filter": filter(60_000) });
        let one = gateway.call_ok(key, "POST", WEBHOOKS, &form);
        created.insert(one["locator"].as_str().unwrap().to_owned());
    }
    for (query, wanted, least_pages) in
        [("count=1000", 45, 2), ("count=7", 45, 7), ("count=1000&name=third", 15, 1)]
    {
        for extended in [false, true] {
            let mut next = format!("?{query}{}", if extended { "&extended=true" } else { "" });
            let (mut seen, mut pages) = (BTreeSet::new(), 0);
            loop {
                let answer = gateway.call(key, "GET", &format!("{WEBHOOKS}/list{next}"), &NOTHING);
                assert!(answer.status == 200 && answer.body.len() <= PAGE, "{next}");
                let body: Value = serde_json::from_slice(&answer.body).unwrap();
                let link = answer.header("link").map(ToOwned::to_owned);
                if extended {
                    assert_eq!(body["listCompleted"], link.is_none());
                }
                let items = if extended { &body["items"] } else { &body };
                for item in items.as_array().unwrap() {
                    assert!(seen.insert(item["locator"].as_str().unwrap().to_owned()), "twice");
                }
                pages += 1;
                let Some(link) = link else { break };
                let target = link.strip_prefix('<').unwrap().split_once('>').unwrap();
                assert_eq!(target.1, "; rel=\"next\"");
                next = target.0.to_owned();
            }
            assert!(seen.len() == wanted && seen.is_subset(&created), "{query}");
            assert!(pages >= least_pages, "{pages} pages for {query}");
        }
    }
}

#[test]
fn a_numbered_page_is_whole_or_asks_for_a_smaller_page_size() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    for number in 0..40 {
        let form = json!({ "name": format!("{number:02}"), "uri": "https://example.com/",
            "events": "thing.made", "isActive": number % 2 == 0, "authenticationType": "none",
            "filter": filter(60_000) });
        gateway.call_ok(key, "POST", AWORK, &form);
    }
    let large = gateway.call(key, "GET", &format!("{AWORK}?pageSize=1000"), &NOTHING);
    assert_eq!(large.status, 400);
    assert!(large.text().contains("pageSize"), "{}", large.text());
    for (query, total) in [
        ("", 40),
        ("&orderby=name%20desc", 40),
        ("&filterby=isActive%20eq%20true", 20),
        ("&filterby=isActive%20eq%20true&orderby=name%20desc", 20),
    ] {
        let mut names = Vec::new();
        for page in 1.. {
            let path = format!("{AWORK}?pageSize=7&page={page}{query}");
            let answer = gateway.call(key, "GET", &path, &NOTHING);
            let number = |name: &str| answer.header(name).unwrap().parse::<usize>().unwrap();
            assert_eq!((number("aw-totalitems"), number("aw-page")), (total, page), "{query}");
            let items: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
            assert_eq!(number("aw-items"), items.len());
            if items.is_empty() {
                break;
            }
            names.extend(items.iter().map(|one| one["name"].as_str().unwrap().to_owned()));
        }
        assert_eq!(names.len(), total, "{query}");
        let mut sorted = names.clone();
        sorted.sort();
        if query.contains("desc") {
            sorted.reverse();
        }
        assert_eq!(names, sorted, "{query}");
    }
}

#[test]
fn a_page_of_logs_shares_the_page_limit_between_its_messages() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let receiver = Receiver::healthy();
    let form = json!({ "name": "n", "uri": receiver.url(), "events": "thing.made",
        "isActive": true, "authenticationType": "none" });
    let created = gateway.call_ok(key, "POST", AWORK, &form);
    for number in 0..20 {
        let body = json!({ "type": "thing.made", "id": number, "fill": "\"\u{1}".repeat(50_000) });
        let kind = [("Content-Type", "application/json")];
        assert_eq!(gateway.post(&kind, body.to_string().as_bytes()).status, 200);
    }
    let logs = format!("{AWORK}/{}/logs", created["id"].as_str().unwrap());
    receiver.wait_for(20);
    gateway.wait_until(key, &format!("{logs}?pageSize=100"), |logs| {
        logs.as_array().unwrap().len() == 20
    });
    for (size, share) in [(10, 64 << 10), (20, (1 << 20) / 20), (1000, (1 << 20) / 1000)] {
        let answer = gateway.call(key, "GET", &format!("{logs}?pageSize={size}"), &NOTHING);
        assert!(answer.status == 200 && answer.body.len() <= PAGE, "{size}");
        assert_eq!(answer.header("aw-totalitems"), Some("20"));
        let logs: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(logs.len(), size.min(20));
        for log in logs {
            let message = serde_json::to_string(&log["message"]).unwrap().len();
            assert!((share / 2..=share + 2).contains(&message), "{size}: {message}");
        }
    }
}

#[test]
fn command_line_lists_are_read_in_pages_and_complete() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let receiver = Receiver::healthy();
    let locator = gateway.subscribe(&subscribed.key, &receiver.url(), &json!({}));
    for number in 0..510 {
        gateway.post_event("thing.made", &number.to_string());
    }
    receiver.wait_for(510);
    let folder = &subscribed.folder;
    for what in ["requests", "deliveries"] {
        for (limit, wanted) in [("505", 505), ("1000", 510), ("0", 0)] {
            let list = [what, "list", "--limit", limit];
            let json = folder.stdout_of(&[list.as_slice(), &["--format", "json"]].concat());
            let items: Vec<Value> = serde_json::from_str(&json).unwrap();
            let ids: BTreeSet<String> = items.iter().map(|one| one["id"].to_string()).collect();
            assert_eq!((items.len(), ids.len()), (wanted, wanted), "{what} {limit}");
            let header = usize::from(wanted > 0);
            let lines = folder.stdout_of(&list).lines().count();
            assert_eq!(lines, wanted + header, "{what} {limit}");
        }
    }
    let all = folder.stdout_of(&["subscriptions", "list", "--format", "json"]);
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    assert_eq!((all.len(), &all[0]["id"]), (1, &json!(locator)));
    assert_eq!(folder.stdout_of(&["diverted", "list", "--format", "json"]).trim(), "[]");
}
