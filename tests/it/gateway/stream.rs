//! The event stream.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};

use super::running::Gateway;
use super::subscribed::Subscribed;

/// A client of the event stream.
pub(super) struct Follower(BufReader<TcpStream>);

impl Follower {
    pub(super) fn new(gateway: &Gateway, key: &str, query: &str, last: Option<&str>) -> Self {
        let mut stream = TcpStream::connect(gateway.management).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let last = last.map(|id| format!("Last-Event-ID: {id}\r\n")).unwrap_or_default();
        let head = format!(
            "GET /events/stream{query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n{last}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut follower = Self(BufReader::new(stream));
        let head = follower.line();
        assert_eq!(head, "HTTP/1.1 200 OK");
        while follower.line() != ": hello" {}
        follower
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Returns the next event: its id, its type, its data.
    pub(super) fn next(&mut self) -> (String, String, Value) {
        let mut event = (String::new(), String::new(), Value::Null);
        loop {
            let line = self.line();
            match line.split_once(": ") {
                Some(("id", id)) => event.0 = id.to_owned(),
                Some(("event", kind)) => event.1 = kind.to_owned(),
                Some(("data", data)) => {
                    event.2 = serde_json::from_str(data).unwrap();
                    return event;
                }
                _ => {}
            }
        }
    }
}

#[test]
fn the_event_stream_sends_new_events_and_resumes_after_the_last_event_id() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    gateway.post_event("thing.made", "before");
    let mut follower = Follower::new(&gateway, key, "", None);
    let mut created =
        Follower::new(&gateway, key, "?types=thing.made&filter=event.data.id%20!=%20%272%27", None);
    for (kind, id) in
        [("thing.made", "1"), ("thing.gone", "x"), ("thing.made", "2"), ("thing.made", "3")]
    {
        gateway.post_event(kind, id);
    }
    let all: Vec<_> = (0..4).map(|_| follower.next()).collect();
    let ids: Vec<&str> = all.iter().map(|event| event.2["data"]["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["1", "x", "2", "3"]);
    assert_eq!(all[1].1, "thing.gone");
    assert_eq!(all[0].2["locator"], all[0].0.as_str());
    assert_eq!(created.next().2["data"]["id"], "1");
    assert_eq!(created.next().2["data"]["id"], "3");
    drop(follower);
    gateway.post_event("thing.made", "4");
    let mut again = Follower::new(&gateway, key, "", Some(&all[2].0));
    assert_eq!(again.next().2["data"]["id"], "3");
    assert_eq!(again.next().2["data"]["id"], "4");
    assert!(gateway.stop().success(), "an open stream does not block shutdown");
}

#[test]
fn the_event_stream_of_a_subscription_uses_its_types_and_transform() {
    let subscribed = Subscribed::new("");
    subscribed.folder.stdout_of(&["tenants", "create", "globex"]);
    let other = subscribed.other_key("globex", "admin");
    let gateway = subscribed.serve();
    let form = json!({ "name": "s", "enabled": false, "eventTypes": ["thing.made"],
        "endpoint": { "url": "https://example.com/" }, "transform": "{ \"id\": event.data.id }" });
    let created = gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
    let query = format!("?subscription={}", created["locator"].as_str().unwrap());
    let mut follower = Follower::new(&gateway, &subscribed.key, &query, None);
    gateway.post_event("thing.gone", "1");
    gateway.post_event("thing.made", "2");
    assert_eq!(follower.next().2, json!({ "id": "2" }));
    let path = format!("/events/stream{query}");
    assert_eq!(gateway.call(&other, "GET", &path, &Value::Null).status, 404);
    assert_eq!(gateway.call("", "GET", &path, &Value::Null).status, 401);
    let wrong = "/events/stream?filter=event.(";
    assert_eq!(gateway.call(&subscribed.key, "GET", wrong, &Value::Null).status, 400);
}

#[test]
fn the_openapi_document_has_every_route_and_the_sender_address() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let described = gateway.call_ok("", "GET", "/openapi.json", &Value::Null);
    let paths = described["paths"].as_object().unwrap();
    let methods = |path: &str| -> Vec<&str> {
        let known = ["get", "post", "put", "patch", "delete"];
        let path = paths.get(path).unwrap_or_else(|| panic!("{path} is not described"));
        path.as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .filter(|key| known.contains(key))
            .collect()
    };
    let webhook = "/event/{tenantLocator}/webhooks/{webhookLocator}";
    assert_eq!(methods(webhook), ["delete", "get", "patch"]);
    assert_eq!(methods(&format!("{webhook}/diverted/{{eventLocator}}")), ["delete", "get"]);
    assert_eq!(methods("/api/v1/webhooks/{webhookId}"), ["delete", "get", "put"]);
    assert_eq!(methods("/events/stream"), ["get"]);
    for path in ["/healthz", "/readyz", "/metrics", "/openapi.json"] {
        assert_eq!(methods(path), ["get"]);
    }
    let notify = &paths["/webhooks/v1/listeners/{id}/notify"];
    assert_eq!(notify["servers"][0]["url"], "https://hooks.example.com");
    for status in ["200", "401", "404", "413", "422", "429", "503"] {
        assert!(notify["post"]["responses"][status].is_object(), "{status}");
    }
    assert_eq!(methods("/oauth/v1/token"), ["post"]);
    assert_eq!(paths.len(), 22);
}

#[test]
fn event_streams_are_limited_by_tenant_and_end_when_the_key_is_revoked() {
    let subscribed = Subscribed::new("");
    let revoked = subscribed.other_key("acme", "events");
    subscribed.folder.stdout_of(&["tenants", "create", "globex"]);
    let other = subscribed.other_key("globex", "admin");
    let gateway = subscribed.serve();
    let mut ended = Follower::new(&gateway, &revoked, "", None);
    ended.0.get_ref().set_read_timeout(Some(Duration::from_secs(25))).unwrap();
    let open: Vec<Follower> =
        (1..50).map(|_| Follower::new(&gateway, &subscribed.key, "", None)).collect();
    let refused = gateway.call(&subscribed.key, "GET", "/events/stream", &Value::Null);
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")));
    drop(Follower::new(&gateway, &other, "", None));
    let id = revoked.split('_').nth(1).unwrap();
    subscribed.folder.stdout_of(&["keys", "revoke", id]);
    // Keys are checked again at the next heartbeat; an empty chunk ends a chunked response.
    while ended.line() != "0" {}
    drop(open);
    // A closed connection is also detected at the next heartbeat.
    let until = std::time::Instant::now() + Duration::from_secs(20);
    while gateway.call(&subscribed.key, "GET", "/events/stream", &Value::Null).status != 200 {
        assert!(std::time::Instant::now() < until);
        std::thread::sleep(Duration::from_millis(200));
    }
}
