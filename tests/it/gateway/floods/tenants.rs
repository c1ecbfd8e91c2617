//! Floods of a tenant, with an API key or its own listener files, and their effect on another
//! tenant.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::sleep;

use super::client::{connect_counted, requests, run_clients, send};
use super::sender::Flood;
use super::target::{EVIL, Target, host, webhook};
use super::{OTHER, head, unauthenticated::Route};

/// A request to the management API.
pub(crate) fn managed(target: &Target, method: &str, path: &str, body: &Value) -> Vec<u8> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let (host, key) = (host(target.management), &target.evil);
    format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// An event of the tenant.
pub(crate) fn event(number: usize, length: usize) -> Vec<u8> {
    let text = "a".repeat(length);
    let body = format!("{{\"type\":\"t\",\"id\":{number},\"text\":\"{text}\"}}");
    let json = "Content-Type: application/json\r\n";
    let head = head(EVIL, &format!("{json}Content-Length: {}\r\n\r\n", body.len()));
    format!("{head}{body}").into_bytes()
}

/// Stores events of the tenant over one connection.
fn store_events(target: &Target, number: usize, length: usize) {
    let flood = Flood::default();
    let all: Vec<Vec<u8>> = (0..number).map(|at| event(at, length)).collect();
    let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let route = target.route(0);
        let mut stream = connect_counted(&flood, route.from, route.senders).await.unwrap();
        requests(&flood, &mut stream, &all).await;
    });
    assert_eq!(flood.statuses(), [200], "{}", flood.summary());
}

/// Webhooks with headers of 900 KB each, up to the limits, and events of 64 KB.
pub(crate) fn prepare_lists(target: &Target, flood: &Flood) {
    let form = json!({ "name": "logs", "uri": target.answering.url(), "events": "t",
        "isActive": true, "authenticationType": "none" });
    let created = target.call("POST", "/api/v1/webhooks", &form);
    assert_eq!(created.status, 200, "{}", created.text());
    store_events(target, flood.size(500, 50), 64_000);
    for number in 0..flood.size(20, 5) {
        let mut form = webhook(&format!("large {number}"), &target.answering.url(), "t");
        let values = vec!["v".repeat(8000); 110];
        form["endpoint"]["headers"] = json!({ "X-Large": values });
        let created = target.call("POST", "/event/evil/webhooks", &form);
        flood.count(&format!("webhook {}", created.status));
    }
    target.subscribe(flood.size(500, 20), &target.answering.url());
}

/// Several clients list everything, and as many unread event streams are open.
pub(crate) fn lists(target: &Target, flood: &Flood) {
    let webhooks = target.call("GET", "/api/v1/webhooks?pageSize=1000", &Value::Null);
    let webhooks: Value = serde_json::from_slice(&webhooks.body).unwrap();
    let wait_for_log =
        webhooks.as_array().unwrap().iter().find(|one| one["name"] == "logs").unwrap();
    let logs =
        format!("/api/v1/webhooks/{}/logs?pageSize=1000", wait_for_log["id"].as_str().unwrap());
    let paths = [
        "/event/evil/webhooks/list?count=1000",
        "/event/evil/events/list?count=1000",
        &logs,
        "/event/evil/webhooks/list?count=1",
    ];
    let lists = paths.map(|path| managed(target, "GET", path, &Value::Null));
    let begins = "/events/stream";
    let stream = managed(target, "GET", begins, &Value::Null);
    let next = AtomicUsize::new(0);
    run_clients(flood, flood.size(62, 12), |client| {
        let (lists, stream, next) = (&lists, &stream, &next);
        let route = target.route(client);
        async move {
            match client {
                0..8 => listed(flood, route, &lists[client % 4]).await,
                8..12 => {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    send_events(flood, route, &event(number, 60_000)).await;
                }
                _ => follow_unread(flood, route, stream).await,
            }
        }
    });
}

/// A list that is read only after a while.
pub(crate) async fn listed(flood: &Flood, route: Route, list: &[u8]) {
    let Some(mut stream) = connect_counted(flood, route.from, route.management).await else {
        return;
    };
    for _ in 0..4 {
        send(&mut stream, list).await;
    }
    sleep(Duration::from_millis(500)).await;
    requests(flood, &mut stream, &[list]).await;
}

/// An unread event stream.
pub(crate) async fn follow_unread(flood: &Flood, route: Route, request: &[u8]) {
    let Some(mut stream) = connect_counted(flood, route.from, route.management).await else {
        return;
    };
    send(&mut stream, request).await;
    let _holds = flood.count_open();
    sleep(Duration::from_secs(20)).await;
    flood.count("stream that is not read");
}

pub(crate) async fn send_events(flood: &Flood, route: Route, event: &[u8]) {
    if let Some(mut stream) = connect_counted(flood, route.from, route.senders).await {
        requests(flood, &mut stream, &[event]).await;
    }
    sleep(Duration::from_millis(20)).await;
}

pub(crate) fn prepare_fan_out(target: &Target, flood: &Flood) {
    let created = target.subscribe(flood.size(10_000, 40), &target.answering.url());
    flood.count_many("subscriptions", created);
}

/// Events that each go to all subscriptions of the tenant, four at a time.
pub(crate) fn fan_out(target: &Target, flood: &Flood) {
    let next = AtomicUsize::new(0);
    run_clients(flood, 4, |client| {
        let event = event(next.fetch_add(1, Ordering::SeqCst), 10);
        let route = target.route(client);
        async move { send_events(flood, route, &event).await }
    });
    flood.count_many("delivered", target.answering.count());
}

pub(crate) fn prepare_hanging(target: &Target, flood: &Flood) {
    let created = target.subscribe(flood.size(1500, 60), &target.hanging.url());
    flood.count_many("subscriptions", created);
}

/// Events for receivers that never answer, five a second.
pub(crate) fn hanging(target: &Target, flood: &Flood) {
    let next = AtomicUsize::new(0);
    run_clients(flood, 1, |client| {
        let event = event(next.fetch_add(1, Ordering::SeqCst), 10);
        let route = target.route(client);
        async move {
            send_events(flood, route, &event).await;
            sleep(Duration::from_millis(200)).await;
        }
    });
    flood.count_many("attempts that hang", target.hanging.count());
}

/// Filters with 1,500 patterns that are costly to compile, three at a time.
pub(crate) fn filters(target: &Target, flood: &Flood) {
    let next = AtomicUsize::new(0);
    run_clients(flood, 3, |client| {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let patterns: Vec<String> = (0..1500)
            .map(|at| format!("$MATCH(event.type, \"\\\\w{{20}}y{number}_{at}\")"))
            .collect();
        let mut form = webhook("filter", &target.answering.url(), "t");
        form["filter"] = json!(patterns.join(" OR "));
        let request = managed(target, "POST", "/event/evil/webhooks", &form);
        let route = target.route(client);
        async move {
            if let Some(mut stream) = connect_counted(flood, route.from, route.management).await {
                requests(flood, &mut stream, &[&request]).await;
            }
            sleep(Duration::from_millis(50)).await;
        }
    });
}

/// Schemas that are saved beside a running gateway: a tree, a recursive union, a pattern with a
/// back reference, and a valid one.
const SCHEMAS: [&str; 4] = [
    r##"{"type":"object","properties":{"tree":{"$ref":"#/$defs/n"}},"$defs":{"n":{"type":"object","properties":{"l":{"$ref":"#/$defs/n"},"r":{"$ref":"#/$defs/n"}}}}}"##,
    r##"{"$ref":"#/$defs/e","$defs":{"e":{"oneOf":[{"type":"object","properties":{"k":{"const":"a"},"l":{"$ref":"#/$defs/e"},"r":{"$ref":"#/$defs/e"}},"required":["k","l"]},{"type":"object","properties":{"k":{"const":"b"},"l":{"$ref":"#/$defs/e"},"r":{"$ref":"#/$defs/e"}},"required":["k","l"]},{"type":"object","properties":{"k":{"const":"c"}},"required":["k"]}]}}}"##,
    r#"{"type":"object","properties":{"text":{"type":"string","pattern":"^(a+)+\\1$"}}}"#,
    r#"{"type":"object"}"#,
];

/// Saves one schema after the other, and sends costly bodies to each.
pub(crate) fn schemas(target: &Target, flood: &Flood) {
    let next = AtomicUsize::new(0);
    let nested = format!("{}1{}", "{\"k\":\"a\",\"l\":".repeat(40), "}".repeat(40));
    let text = format!("{{\"text\":\"{}\"}}", "a".repeat(40));
    run_clients(flood, 1, |client| {
        let number = next.fetch_add(1, Ordering::SeqCst);
        let schema = SCHEMAS[number % SCHEMAS.len()];
        target.folder.write(
            "listeners/other.toml",
            &format!(
                "id = \"{OTHER}\"\nname = \"other {number}\"\ntenant = \"acme\"\n\n\
                 [rate_limit]\nrequests = 1000000\nburst = 1000000\n\n[schema]\njson = '{schema}'\n"
            ),
        );
        flood.count("saved");
        let route = target.route(client);
        let all: Vec<Vec<u8>> = [&nested, &text].map(|body| to_other(body)).to_vec();
        async move {
            sleep(Duration::from_millis(1200)).await;
            let all: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
            if let Some(mut stream) = connect_counted(flood, route.from, route.senders).await {
                requests(flood, &mut stream, &all).await;
            }
        }
    });
}

fn to_other(body: &str) -> Vec<u8> {
    let json = "Content-Type: application/json\r\n";
    let head = head(OTHER, &format!("{json}Content-Length: {}\r\n\r\n", body.len()));
    format!("{head}{body}").into_bytes()
}
