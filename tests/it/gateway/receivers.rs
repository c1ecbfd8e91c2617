//! Deliveries over real sockets: the behaviour of receivers, and its effects.

use std::time::{Duration, Instant};

use hookgate::gateway::store::{
    DeliveryFilter, DeliveryState, DeliveryStore, Mode, SqliteOptions, SqliteStore,
};
use serde_json::{Value, json};

use super::receiver::{Reaction, Receiver};
use super::subscribed::Subscribed;

const NOTHING: Value = Value::Null;

fn retries(attempts: u32) -> Value {
    json!({
        "triggers": ["4xx", "5xx", "timeout"],
        "retryStrategy": { "type": "linear", "interval": 1, "attempts": attempts },
        "divert": true,
    })
}

/// The path of a webhook.
fn path(locator: &str, rest: &str) -> String {
    format!("/event/acme/webhooks/{locator}{rest}")
}

#[test]
fn an_event_reaches_every_subscription_in_the_envelope_of_its_api() {
    let subscribed = Subscribed::new("actor_id = \"123e4567-e89b-12d3-a456-426614174000\"\n");
    let gateway = subscribed.serve();
    let (socotra, awork, other) = (Receiver::healthy(), Receiver::healthy(), Receiver::healthy());
    gateway.subscribe(&subscribed.key, &socotra.url(), &NOTHING);
    let form = json!({
        "name": "a", "uri": awork.url(), "events": "thing.made, task_added", "isActive": true,
        "authenticationType": "header", "authentication": "Authorization=Bearer abc==",
    });
    gateway.call_ok(&subscribed.key, "POST", "/api/v1/webhooks", &form);
    let form = json!({ "name": "o", "endpoint": { "url": other.url() }, "eventTypes": ["other"] });
    gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
    gateway.post_event("thing.made", "7");

    let got = &socotra.wait_for(1)[0];
    assert_eq!(got.line, "POST /hook HTTP/1.1");
    assert_eq!(got.header("content-type"), Some("application/json"));
    assert_eq!(got.header("host"), Some(socotra.address.to_string().as_str()));
    let body = got.json();
    assert_eq!(body["type"], "thing.made");
    assert_eq!(body["data"], json!({ "type": "thing.made", "id": "7" }));
    assert_eq!(body["userLocator"], "123e4567-e89b-12d3-a456-426614174000");
    assert_eq!(got.header("webhook-id"), body["locator"].as_str());
    let names: Vec<&str> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["data", "locator", "requestId", "timestamp", "type", "userLocator"]);

    let got = &awork.wait_for(1)[0];
    assert_eq!(got.header("authorization"), Some("Bearer abc=="));
    let body = got.json();
    assert_eq!(body["eventType"], "thing.made");
    assert_eq!(body["entity"], json!({ "type": "thing.made", "id": "7" }));
    assert_eq!(body["entityId"], "7");
    assert_eq!(body["triggeredBy"]["id"], "123e4567-e89b-12d3-a456-426614174000");
    let timestamp = body["timestamp"].as_str().unwrap();
    assert_eq!(timestamp.len(), "2026-01-02T03:04:05.6780000+00:00".len(), "{timestamp}");
    assert!(timestamp.ends_with("+00:00"));
    assert!(other.received().is_empty());
    assert!(gateway.stop().success());
}

#[test]
fn a_failed_delivery_is_retried_with_the_same_message() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let receiver = Receiver::new(|number, _| match number {
        0 => Reaction::Answers(503, "", "later"),
        1 => Reaction::Closes,
        _ => Reaction::Answers(204, "", ""),
    });
    let locator = gateway.subscribe(&subscribed.key, &receiver.url(), &retries(3));
    gateway.post_event("thing.made", "1");
    let got = receiver.wait_for(3);
    assert!(got.iter().all(|one| one.body == got[0].body));
    assert!(got.iter().all(|one| one.header("webhook-id") == got[0].header("webhook-id")));
    let waits: Vec<Duration> = got.windows(2).map(|two| two[1].at - two[0].at).collect();
    assert!(waits.iter().all(|wait| (900..3000).contains(&wait.as_millis())), "{waits:?}");
    let list = || {
        let list = subscribed.folder.stdout_of(&["deliveries", "list", "--format", "json"]);
        serde_json::from_str::<Value>(&list).unwrap()
    };
    let until = Instant::now() + Duration::from_secs(5);
    while list()[0]["state"] != "delivered" {
        assert!(Instant::now() < until, "{}", list());
    }
    assert_eq!(list()[0]["attempts"], 3);
    let number = list()[0]["id"].to_string();
    let shown = subscribed.folder.stdout_of(&["deliveries", "show", &number, "--format", "json"]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    let statuses: Vec<u64> = shown["attempts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [503, 0, 204]);
    assert_eq!(shown["body"], got[0].body);
    assert_eq!(shown["delivery"]["state"], "delivered");
    assert_eq!(
        gateway.call_ok(&subscribed.key, "GET", &path(&locator, "/diverted"), &NOTHING),
        json!([])
    );
    subscribed.folder.stdout_of(&["deliveries", "resend", &number]);
    assert_eq!(receiver.wait_for(4)[3].header("webhook-id"), got[0].header("webhook-id"));
}

/// A receiver that resets connections: it closes them with unread data.
fn resetting() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let _ = stream.peek(&mut [0]);
        }
    });
    format!("http://{address}/")
}

/// The name of each kind of failure, and its message.
#[test]
fn each_receiver_failure_has_its_trigger_and_message() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cases: [(Reaction, &str, &str); 6] = [
        (Reaction::Answers(404, "", ""), "4xx", "the receiver answered 404"),
        (Reaction::Answers(500, "", "x"), "5xx", "the receiver answered 500"),
        (Reaction::Stalls, "timeout", "no answer within 1 s"),
        (Reaction::Closes, "timeout", "no answer: connection closed"),
        (Reaction::Breaks, "timeout", "no answer: connection closed"),
        (Reaction::Waits(Duration::from_millis(1500), 200), "timeout", "no answer within 1 s"),
    ];
    let mut expected = Vec::new();
    let receivers: Vec<Receiver> = cases
        .into_iter()
        .map(|(does, trigger, words)| {
            let receiver = Receiver::new(move |_, _| does.clone());
            let handling = json!({ "divert": true });
            let locator = gateway.subscribe(&subscribed.key, &receiver.url(), &handling);
            expected.push((locator, trigger, words));
            receiver
        })
        .collect();
    let locator = gateway.subscribe(&subscribed.key, &resetting(), &json!({ "divert": true }));
    expected.push((locator, "timeout", "no answer: "));
    let unreachable = format!("http://{nobody}/");
    let locator = gateway.subscribe(&subscribed.key, &unreachable, &json!({ "divert": true }));
    expected.push((locator, "timeout", "no connection: Connection refused"));
    let unknown = "http://nobody.invalid/";
    let locator = gateway.subscribe(&subscribed.key, unknown, &json!({ "divert": true }));
    expected.push((locator, "timeout", "the name `nobody.invalid` was not resolved"));
    gateway.post_event("thing.made", "1");
    for (locator, trigger, words) in &expected {
        let diverted = gateway
            .wait_until(&subscribed.key, &path(locator, "/diverted"), |list| list != &json!([]));
        assert_eq!(diverted[0]["failureTrigger"], *trigger, "{words}");
        let message = diverted[0]["failureMessage"].as_str().unwrap();
        assert!(message.starts_with(words), "{message}");
    }
    assert!(receivers.iter().all(|receiver| receiver.received().len() == 1));
}

#[test]
fn redirects_are_not_followed_and_match_no_failure_trigger() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let elsewhere = Receiver::healthy();
    let header: &'static str =
        Box::leak(format!("location: http://{}/\r\n", elsewhere.address).into_boxed_str());
    let receiver = Receiver::new(move |_, _| Reaction::Answers(302, header, ""));
    gateway.subscribe(&subscribed.key, &receiver.url(), &retries(3));
    gateway.post_event("thing.made", "1");
    receiver.wait_for(1);
    let list = || subscribed.folder.stdout_of(&["deliveries", "list"]);
    let until = Instant::now() + Duration::from_secs(5);
    while !list().contains("redirects are not followed") {
        assert!(Instant::now() < until, "{}", list());
    }
    assert!(list().contains("dropped"), "{}", list());
    assert!(elsewhere.received().is_empty());
}

#[test]
fn an_endless_response_body_counts_as_a_response_and_is_not_read() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let flood = Receiver::new(|_, _| Reaction::Floods);
    let stall = Receiver::new(|_, _| Reaction::StallsInBody);
    gateway.subscribe(&subscribed.key, &flood.url(), &retries(3));
    gateway.subscribe(&subscribed.key, &stall.url(), &retries(3));
    for number in 0..4 {
        gateway.post_event("thing.made", &number.to_string());
    }
    let list = || {
        let arguments = ["deliveries", "list", "--state", "delivered", "--format", "json"];
        serde_json::from_str::<Vec<Value>>(&subscribed.folder.stdout_of(&arguments)).unwrap()
    };
    let until = Instant::now() + Duration::from_secs(15);
    while list().len() < 8 {
        assert!(Instant::now() < until, "{:?}", list());
        std::thread::sleep(Duration::from_millis(50));
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", gateway.pid())).unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < 256 << 10, "{peak} KiB");
    assert_eq!((flood.received().len(), stall.received().len()), (4, 4));
}

#[test]
fn endless_informational_responses_are_a_failure() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let receiver = Receiver::new(|_, _| Reaction::Continues);
    gateway.subscribe(&subscribed.key, &receiver.url(), &NOTHING);
    gateway.post_event("thing.made", "1");
    let list = || subscribed.folder.stdout_of(&["deliveries", "list", "--format", "json"]);
    let until = Instant::now() + Duration::from_secs(10);
    while !list().contains("the receiver sent more than 256 KiB") {
        assert!(Instant::now() < until, "{}", list());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn large_events_arrive_whole_at_each_attempt() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let fails_once = |number, _: &_| Reaction::Answers(if number == 0 { 503 } else { 200 }, "", "");
    let (plain, grown) = (Receiver::new(fails_once), Receiver::new(fails_once));
    let retries = json!({ "triggers": ["5xx"],
        "retryStrategy": { "type": "linear", "interval": 1, "attempts": 3 } });
    gateway.subscribe(&subscribed.key, &plain.url(), &retries);
    let form = json!({
        "name": "grows", "endpoint": { "url": grown.url() }, "eventTypes": ["thing.made"],
        "failureHandling": retries,
        // Larger than the event: the size is known only after the transform.
        "transform": "$MAP($RANGE(0, 20), at => event.data.text)",
    });
    gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
    for length in [10_000, 150_000] {
        let text: String = (0..length).map(|at| char::from(b'a' + (at % 23) as u8)).collect();
        let event = json!({ "type": "thing.made", "text": text });
        let headers = [("Content-Type", "application/json")];
        let before = (plain.received().len(), grown.received().len());
        assert_eq!(gateway.post(&headers, event.to_string().as_bytes()).status, 200);
        let attempts = if length == 10_000 { 2 } else { 1 };
        let got = plain.wait_for(before.0 + attempts);
        for got in &got[before.0..] {
            assert_eq!(got.json()["data"], event);
        }
        let got = grown.wait_for(before.1 + attempts);
        for got in &got[before.1..] {
            assert_eq!(got.json(), json!(vec![&text; 20]));
        }
    }
}

#[test]
fn retry_after_is_honoured() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let receiver = Receiver::new(|number, _| match number {
        0 => Reaction::Answers(429, "retry-after: 3\r\n", ""),
        _ => Reaction::Answers(200, "", ""),
    });
    gateway.subscribe(&subscribed.key, &receiver.url(), &retries(1));
    gateway.post_event("thing.made", "1");
    let got = receiver.wait_for(2);
    assert!(got[1].at - got[0].at >= Duration::from_millis(2900));
}

#[test]
fn a_suspended_webhook_dead_letters_alerts_once_and_can_be_resent() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let broken = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let state = std::sync::Arc::clone(&broken);
    let receiver = Receiver::new(move |_, _| {
        let broken = state.load(std::sync::atomic::Ordering::SeqCst);
        Reaction::Answers(if broken { 500 } else { 200 }, "", "")
    });
    let alert = Receiver::healthy();
    let handling = json!({
        "retryStrategy": { "type": "exponential", "interval": 1, "attempts": 1 },
        "alertEndpoint": { "url": alert.url(), "headers": { "X-Team": ["a"] } },
        "divert": true, "suspend": true,
    });
    let key = &subscribed.key;
    let locator = gateway.subscribe(key, &receiver.url(), &handling);
    gateway.post_event("thing.made", "1");
    let suspended =
        gateway.wait_until(key, &path(&locator, ""), |webhook| webhook["suspended"] == true);
    assert!(suspended["suspendedAt"].is_string());
    assert_eq!(suspended["enabled"], true);
    gateway.post_event("thing.made", "2");
    let diverted = gateway
        .wait_until(key, &path(&locator, "/diverted"), |list| list.as_array().unwrap().len() == 2);
    assert_eq!(diverted[0]["failureTrigger"], "5xx");
    assert_eq!(diverted[1]["failureTrigger"], "suspended");
    assert_eq!(receiver.received().len(), 2, "an attempt and a retry of the first event alone");
    let notice = &alert.wait_for(1)[0];
    assert_eq!(notice.header("x-team"), Some("a"));
    let notice = notice.json();
    assert_eq!(notice["webhookLocator"], locator.as_str());
    assert_eq!(notice["eventLocator"], diverted[0]["eventLocator"]);
    assert_eq!(notice["failureTrigger"], "5xx");
    assert_eq!((&notice["diverted"], &notice["suspended"]), (&json!(true), &json!(true)));
    assert_eq!(notice["attempts"], 2);

    let list = format!("{}?active=false&suspended=true", path("list", ""));
    assert_eq!(gateway.call_ok(key, "GET", &list, &NOTHING).as_array().unwrap().len(), 1);
    let lifted = gateway.call(key, "PATCH", &path(&locator, "/unsuspend"), &NOTHING);
    assert_eq!((lifted.status, lifted.body.len()), (204, 0));
    let webhook = gateway.call_ok(key, "GET", &path(&locator, ""), &NOTHING);
    assert_eq!((&webhook["suspended"], &webhook["suspendedAt"]), (&json!(false), &NOTHING));

    broken.store(false, std::sync::atomic::Ordering::SeqCst);
    let first = diverted[0]["eventLocator"].as_str().unwrap();
    let resend = path(&locator, &format!("/diverted/{first}/resend"));
    assert_eq!(gateway.call_ok(key, "POST", &resend, &NOTHING), json!({}));
    gateway
        .wait_until(key, &path(&locator, "/diverted"), |list| list.as_array().unwrap().len() == 1);
    assert_eq!(receiver.wait_for(3)[2].json()["data"]["id"], "1");
    let second = diverted[1]["eventLocator"].as_str().unwrap();
    let one = path(&locator, &format!("/diverted/{second}"));
    assert_eq!(gateway.call_ok(key, "GET", &one, &NOTHING), diverted[1]);
    subscribed.folder.stdout_of(&["diverted", "resend", &locator]);
    gateway.wait_until(key, &path(&locator, "/diverted"), |list| list == &json!([]));
    assert_eq!(gateway.call(key, "GET", &one, &NOTHING).status, 404);
    assert_eq!(gateway.call(key, "DELETE", &one, &NOTHING).status, 404);
    assert_eq!(alert.received().len(), 1);
}

#[test]
fn a_failure_without_a_matching_trigger_ends_only_its_delivery() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let receiver = Receiver::new(|_, _| Reaction::Answers(404, "", ""));
    let handling = json!({ "triggers": ["5xx"], "divert": true, "suspend": true,
        "retryStrategy": { "type": "linear", "interval": 1 } });
    let locator = gateway.subscribe(&subscribed.key, &receiver.url(), &handling);
    gateway.post_event("thing.made", "1");
    let until = Instant::now() + Duration::from_secs(5);
    while !subscribed.folder.stdout_of(&["deliveries", "list"]).contains("dropped") {
        assert!(Instant::now() < until);
    }
    let webhook = gateway.call_ok(&subscribed.key, "GET", &path(&locator, ""), &NOTHING);
    assert_eq!(webhook["suspended"], false);
    let diverted = gateway.call_ok(&subscribed.key, "GET", &path(&locator, "/diverted"), &NOTHING);
    assert_eq!(diverted, json!([]));
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn filters_evaluated_as_a_set_decide_each_subscription_separately() {
    const NUMBER: usize = 12;
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let receiver = Receiver::healthy();
    for to in 0..NUMBER {
        let form = json!({
            "name": to.to_string(), "endpoint": { "url": receiver.url() },
            "eventTypes": ["thing.made"],
            "filter": format!("event.data.id == '{to}'"),
            "transform": format!("{{ \"to\": '{to}', \"id\": event.data.id }}"),
        });
        gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
    }
    // The first round is filtered by the workers, which report the filters.
    for round in 1..=2 {
        for id in 0..NUMBER {
            gateway.post_event("thing.made", &format!("{id}"));
        }
        receiver.wait_for(NUMBER * round);
        std::thread::sleep(Duration::from_millis(400));
    }
    let got = receiver.received();
    assert_eq!(got.len(), NUMBER * 2);
    for one in got {
        assert_eq!(one.json()["to"], one.json()["id"]);
    }
    let path = subscribed.folder.path().join("hookgate.db");
    let store = SqliteStore::open(SqliteOptions::new(path, Mode::Command)).unwrap();
    let filter = DeliveryFilter {
        state: Some(DeliveryState::Filtered),
        limit: 10_000,
        ..DeliveryFilter::default()
    };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let filtered = runtime.block_on(store.deliveries(&filter)).unwrap();
    assert_eq!(filtered.len(), NUMBER * (NUMBER - 1) * 2);
    let at_once = filtered.iter().filter(|one| one.ended_at == Some(one.created_at)).count();
    assert!(at_once >= NUMBER * (NUMBER - 1), "{at_once} with the event");
}

#[test]
fn filter_and_transform_read_the_event_and_no_secret() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let receiver = Receiver::healthy();
    let mut form = json!({
        "name": "programs", "endpoint": { "url": receiver.url() }, "eventTypes": ["thing.made"],
        "filter": "event.data.id != '1'",
        "transform": "{ \"what\": event.type, \"which\": event.data.id }",
    });
    let created = gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
    assert_eq!(created["filter"], form["filter"]);
    gateway.post_event("thing.made", "1");
    gateway.post_event("thing.made", "2");
    assert_eq!(receiver.wait_for(1)[0].json(), json!({ "what": "thing.made", "which": "2" }));
    let list = subscribed.folder.stdout_of(&["deliveries", "list", "--state", "filtered"]);
    assert!(list.contains("the filter does not hold"), "{list}");
    for (program, code) in
        [("$SECRET('A') == 'b'", "E0"), ("headers.x == 1", "E0"), ("event. ==", "E0")]
    {
        form["filter"] = json!(program);
        let refused = gateway.call(&subscribed.key, "POST", "/event/acme/webhooks", &form);
        assert_eq!(refused.status, 400, "{program}");
        assert!(
            refused.text().contains(code) && refused.text().contains("filter"),
            "{}",
            refused.text()
        );
    }
    assert_eq!(receiver.received().len(), 1);
}

#[test]
fn a_transform_keeps_the_order_of_the_senders_keys() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let receiver = Receiver::healthy();
    let form = json!({
        "name": "order", "endpoint": { "url": receiver.url() }, "eventTypes": ["thing.made"],
        "transform": "{ \"z\": event.data.z, \"data\": event.data, \"a\": 1 }",
    });
    gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
    let body = br#"{"z":{"y":1,"b":2},"type":"thing.made","a":3}"#;
    assert_eq!(gateway.post(&[("Content-Type", "application/json")], body).status, 200);
    let data = std::str::from_utf8(body).unwrap();
    assert_eq!(
        receiver.wait_for(1)[0].body,
        format!(r#"{{"z":{{"y":1,"b":2}},"data":{data},"a":1}}"#)
    );
}

#[test]
fn ssrf_protection_blocks_deliveries_to_forbidden_addresses() {
    let subscribed = Subscribed::new("");
    subscribed.folder.settings("[delivery]\nallow = []\n");
    let gateway = subscribed.serve();
    let receiver = Receiver::healthy();
    for url in [
        receiver.url(),
        "http://169.254.169.254/latest/meta-data".to_owned(),
        "http://[::ffff:127.0.0.1]/".to_owned(),
        "ftp://example.com/".to_owned(),
        "http://user:pass@example.com/".to_owned(),
        "/hook".to_owned(),
        "file:///etc/passwd".to_owned(),
        "http://example.com:65536/".to_owned(),
        "http://example.com:/".to_owned(),
        "http://[2001:4860:4860::8888]:99999/".to_owned(),
        "http://[fe80::1%25eth0]/".to_owned(),
        "http://[v1.a]/".to_owned(),
        "http://0x7f.1/".to_owned(),
        "http://2130706433/".to_owned(),
    ] {
        let form = json!({ "name": "x", "endpoint": { "url": url }, "eventTypes": [] });
        let refused = gateway.call(&subscribed.key, "POST", "/event/acme/webhooks", &form);
        assert_eq!(refused.status, 400, "{url}");
        assert!(refused.text().contains("endpoint.url"), "{}", refused.text());
    }
    // A valid host name; the address that it resolves to is forbidden.
    let url = format!("http://localhost:{}/", receiver.address.port());
    let handling = json!({ "divert": true, "retryStrategy": { "type": "linear", "interval": 1 } });
    let locator = gateway.subscribe(&subscribed.key, &url, &handling);
    gateway.post_event("thing.made", "1");
    let diverted = gateway
        .wait_until(&subscribed.key, &path(&locator, "/diverted"), |list| list != &json!([]));
    let message = diverted[0]["failureMessage"].as_str().unwrap();
    assert!(message.contains("a loopback address"), "{message}");
    assert!(receiver.received().is_empty());
}

#[test]
fn a_slack_webhook_gets_a_slack_message() {
    let event = json!({ "name": "Write <docs>", "id": 7 });
    let message = hookgate::delivery::slack_message("task_added", &event);
    assert_eq!(message, json!({ "text": "*Task added*: Write &lt;docs&gt;" }));
}

#[test]
fn a_delivery_loop_of_gateways_ends_at_the_hop_limit() {
    let subscribed = Subscribed::new("hops = 3\n");
    let gateway = subscribed.serve();
    let own = format!("http://{}{}", gateway.senders, gateway.path(super::running::LISTENER));
    let form = json!({
        "name": "loop", "endpoint": { "url": own }, "eventTypes": ["thing.made"],
        "transform": "{ \"type\": event.type, \"id\": event.data.id }",
    });
    gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
    gateway.post_event("thing.made", "1");
    let until = Instant::now() + Duration::from_secs(10);
    while !subscribed.folder.stdout_of(&["deliveries", "list"]).contains("goes round in a loop") {
        assert!(Instant::now() < until);
    }
    let events = gateway.call_ok(&subscribed.key, "GET", "/event/acme/events/list", &NOTHING);
    assert_eq!(events["events"].as_array().unwrap().len(), 4);
}

#[test]
fn a_sink_gets_one_line_for_each_event_and_is_rotated() {
    let subscribed = Subscribed::new("");
    let sink = "[[sink]]\nname = \"all\"\ntenant = \"acme\"\npath = \"out/events.jsonl\"\n\
        bytes = 1024\nfiles = 3\ntransform = '{ \"id\": event.data.id, \"pad\": event.data.pad }'\n";
    subscribed.folder.settings(sink);
    let gateway = subscribed.serve();
    for number in 0..6 {
        let body = json!({ "type": "any", "id": number, "pad": "x".repeat(400) }).to_string();
        gateway.post(&[("Content-Type", "application/json")], body.as_bytes());
    }
    let read = |name: &str| {
        std::fs::read_to_string(subscribed.folder.path().join("out").join(name)).unwrap_or_default()
    };
    let until = Instant::now() + Duration::from_secs(10);
    while read("events.jsonl.2").is_empty() || read("events.jsonl").lines().count() < 2 {
        assert!(Instant::now() < until, "{}", read("events.jsonl"));
        std::thread::sleep(Duration::from_millis(20));
    }
    let all: Vec<u64> = ["events.jsonl.2", "events.jsonl.1", "events.jsonl"]
        .iter()
        .flat_map(|name| {
            let lines: Vec<Value> =
                read(name).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            lines.into_iter().map(|line| line["id"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(all, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_slow_receiver_does_not_delay_others() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let slow = Receiver::new(|_, _| Reaction::Stalls);
    let good = Receiver::healthy();
    gateway.subscribe(&subscribed.key, &slow.url(), &retries(3));
    gateway.subscribe(&subscribed.key, &good.url(), &NOTHING);
    let began = Instant::now();
    for number in 0..50 {
        gateway.post_event("thing.made", &number.to_string());
    }
    good.wait_for(50);
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}

#[test]
fn waiting_retries_resume_after_a_restart() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let receiver = Receiver::new(|number, _| match number {
        0 => Reaction::Answers(500, "", ""),
        _ => Reaction::Answers(200, "", ""),
    });
    gateway.subscribe(&subscribed.key, &receiver.url(), &retries(2));
    gateway.post_event("thing.made", "1");
    receiver.wait_for(1);
    assert!(gateway.stop().success());
    let gateway = subscribed.serve();
    receiver.wait_for(2);
    assert!(gateway.stop().success());
}

/// Verifies a delivery with an external program. Returns true if the signature is valid.
fn verifies(program: &mut std::process::Command, delivery: &Value) -> bool {
    use std::io::Write;
    use std::process::Stdio;
    let mut child =
        program.stdin(Stdio::piped()).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(delivery.to_string().as_bytes()).unwrap();
    child.wait().unwrap().success()
}

#[test]
fn signatures_verify_with_the_official_packages_during_secret_rotation() {
    let (python, node) = ("target/clients/python/bin/python", "target/clients/node");
    let installed = super::running::is_installed(python, "--version")
        && super::running::is_installed("node", "--version")
        && std::path::Path::new(node).join("node_modules/standardwebhooks").exists();
    assert!(installed || std::env::var_os("CI_TOOLS").is_none(), "the packages are not installed");
    if !installed {
        return;
    }
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let receiver = Receiver::healthy();
    let form =
        json!({ "name": "s", "endpoint": { "url": receiver.url() }, "eventTypes": ["thing.made"] });
    let created = gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
    let old = created["endpoint"]["secret"].as_str().unwrap().to_owned();
    gateway.post_event("thing.made", "é ü 🎉");
    receiver.wait_for(1);
    let locator = created["locator"].as_str().unwrap();
    let new = subscribed.folder.stdout_of(&["subscriptions", "rotate", locator]).trim().to_owned();
    gateway.post_event("thing.made", "2");
    let got = receiver.wait_for(2);
    let delivery = |place: usize, secret: &str, body: &str| {
        let headers: serde_json::Map<String, Value> =
            got[place].headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        json!({ "secret": secret, "headers": headers, "body": body })
    };
    let holds = |delivery: &Value| {
        let mut by_python = std::process::Command::new(python);
        let mut by_node = std::process::Command::new("node");
        let folder = std::path::absolute(node).unwrap();
        let holds = [
            verifies(by_python.arg("tests/clients/verify.py"), delivery),
            verifies(by_node.arg("tests/clients/verify.mjs").arg(folder), delivery),
        ];
        assert_eq!(holds[0], holds[1], "the verifiers disagree");
        holds[0]
    };
    assert!(holds(&delivery(0, &old, &got[0].body)));
    assert!(!holds(&delivery(0, &new, &got[0].body)));
    assert!(!holds(&delivery(0, &old, &got[1].body)));
    assert!(holds(&delivery(1, &old, &got[1].body)));
    assert!(holds(&delivery(1, &new, &got[1].body)));
}

/// Measures the delivery latency of a healthy receiver, alone and beside receivers that hang, fail,
/// answer slowly and flood. Run by hand, in a release build; the results are in
/// `docs/performance.md`.
#[test]
#[ignore = "measures, and promises nothing"]
fn measure_latency_of_a_healthy_receiver_beside_failing_ones() {
    let subscribed = Subscribed::new("rate = 10000\n");
    let gateway = subscribed.serve();
    let measure = |label: &str| {
        let healthy = Receiver::healthy();
        let locator = gateway.subscribe(&subscribed.key, &healthy.url(), &NOTHING);
        let mut sent = Vec::new();
        for number in 0..1000 {
            gateway.post_event("thing.made", &number.to_string());
            sent.push(Instant::now());
            std::thread::sleep(Duration::from_millis(4));
        }
        let got = healthy.wait_for(1000);
        let mut took = vec![Duration::ZERO; 1000];
        for one in &got {
            let number: usize = one.json()["data"]["id"].as_str().unwrap().parse().unwrap();
            took[number] = one.at.saturating_duration_since(sent[number]);
        }
        took.sort();
        println!("{label}: p50 {:?}, p99 {:?}, most {:?}", took[500], took[990], took[999]);
        gateway.call(&subscribed.key, "DELETE", &path(&locator, ""), &NOTHING);
        took[990]
    };
    let alone = measure("alone");
    let bad = [
        Receiver::new(|_, _| Reaction::Stalls),
        Receiver::new(|_, _| Reaction::Closes),
        Receiver::new(|_, _| Reaction::Answers(503, "", "")),
        Receiver::new(|_, _| Reaction::Waits(Duration::from_millis(700), 200)),
        Receiver::new(|_, _| Reaction::Floods),
    ];
    for receiver in &bad {
        gateway.subscribe(&subscribed.key, &receiver.url(), &retries(5));
    }
    let beside = measure("beside bad ones");
    println!("ratio of p99: {:.2}", beside.as_secs_f64() / alone.as_secs_f64());
}

#[test]
fn tls_certificates_of_receivers_are_verified_unless_disabled() {
    use super::running::{Folder, LISTENER};
    use super::tls::{SERVER, SETTING, self_signed};
    let far = Folder::with_listener("");
    if !self_signed(far.path(), "receiver", SERVER) {
        return;
    }
    far.settings(SETTING);
    std::fs::remove_file(far.path().join("listeners/github.toml")).unwrap();
    far.write(
        "listeners/open.toml",
        &format!(
            "id = \"{LISTENER}\"\nname = \"Open\"\ntenant = \"acme\"\n\n[rate_limit]\nrequests = 100\n"
        ),
    );
    let receiver = far.serve();
    let url = format!("https://{}{}", receiver.senders, receiver.path(LISTENER));
    let outcome = |delivery: &str, verify: bool| {
        let subscribed = Subscribed::new(delivery);
        let gateway = subscribed.serve();
        let form = json!({ "name": "tls", "endpoint": { "url": url, "secureSsl": verify },
            "failureHandling": { "divert": true }, "eventTypes": ["thing.made"] });
        let created = gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
        assert_eq!(created["endpoint"]["secureSsl"], verify);
        gateway.post_event("thing.made", "1");
        let list = || subscribed.folder.stdout_of(&["deliveries", "list"]);
        let until = Instant::now() + Duration::from_secs(10);
        while list().contains("waiting") {
            assert!(Instant::now() < until, "{}", list());
        }
        list()
    };
    let trusted = format!("ca_file = \"{}\"\n", far.path().join("cert.pem").display());
    let refused = outcome("", true);
    assert!(refused.contains("no TLS: no trusted authority issued"), "{refused}");
    assert!(outcome(&trusted, true).contains("delivered"));
    assert!(outcome("", false).contains("delivered"));
}

#[test]
fn an_event_with_line_breaks_is_written_on_one_line() {
    let subscribed = Subscribed::new("");
    subscribed
        .folder
        .settings("[[sink]]\nname = \"all\"\ntenant = \"acme\"\npath = \"events.jsonl\"\n");
    let gateway = subscribed.serve();
    let body = b"{\n  \"type\": \"a\",\r\n\n  \"text\": \"b\\nc\"\n}";
    assert_eq!(gateway.post(&[("Content-Type", "application/json")], body).status, 200);
    let read = || {
        let file = subscribed.folder.path().join("events.jsonl");
        std::fs::read_to_string(file).unwrap_or_default()
    };
    let until = Instant::now() + Duration::from_secs(5);
    while !read().ends_with('\n') {
        assert!(Instant::now() < until);
    }
    assert_eq!(read().lines().count(), 1);
    let line: Value = serde_json::from_str(read().trim_end()).unwrap();
    assert_eq!(line["data"], json!({ "type": "a", "text": "b\nc" }));
}

#[test]
fn a_subscription_that_fails_to_decrypt_is_retried_later() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    gateway.subscribe(&subscribed.key, "http://127.0.0.1:9/", &retries(3));
    gateway.post_event("thing.made", "1");
    gateway.stop();
    let key = subscribed.folder.path().join("hookgate.db.key");
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600, "only the owner can read the key");
    let database =
        rusqlite::Connection::open(subscribed.folder.path().join("hookgate.db")).unwrap();
    // The last byte of its authentication tag.
    let damage = "UPDATE subscriptions SET sealed = CAST(substr(sealed, 1, length(sealed) - 1)
         || x'00' AS BLOB)";
    database.execute_batch(damage).unwrap();
    let gateway = subscribed.serve();
    gateway.wait_for_log("nothing is delivered");
    std::thread::sleep(Duration::from_secs(2));
    let log = gateway.wait_for_log("nothing is delivered");
    assert_eq!(log.matches("nothing is delivered").count(), 1, "{log}");
    let answer = gateway.call(&subscribed.key, "GET", "/event/acme/webhooks/list", &NOTHING);
    assert_eq!(answer.status, 500);
    assert!(answer.text().contains("encrypted with another key"), "{}", answer.text());
}

#[test]
fn an_alert_to_slack_is_a_slack_message() {
    let notice = hookgate::delivery::Notice {
        webhook_locator: "a".to_owned(),
        webhook_name: "orders".to_owned(),
        event_locator: "b".to_owned(),
        event_type: "thing.made".to_owned(),
        failure_timestamp: "c".to_owned(),
        failure_trigger: "5xx".to_owned(),
        failure_message: "the receiver answered 500".to_owned(),
        attempts: 3,
        diverted: true,
        suspended: false,
    };
    let words = "`orders` did not get an event of type `thing.made` after 3 attempts: the receiver \
        answered 500, and it is kept to be sent again.";
    let message: Value =
        serde_json::from_str(&notice.body(hookgate::delivery::Receiver::Slack)).unwrap();
    assert_eq!(message, json!({ "text": words }));
}

#[test]
fn deliveries_to_a_receiver_respect_rate_and_concurrency_limits() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let subscribed = Subscribed::new("rate = 20\nconcurrency = 3\n");
    let gateway = subscribed.serve();
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (inside, highest) = (Arc::clone(&now), Arc::clone(&most));
    let receiver = Receiver::new(move |_, _| {
        let current = inside.fetch_add(1, Ordering::SeqCst) + 1;
        highest.fetch_max(current, Ordering::SeqCst);
        std::thread::sleep(Duration::from_millis(40));
        inside.fetch_sub(1, Ordering::SeqCst);
        Reaction::Answers(200, "", "")
    });
    gateway.subscribe(&subscribed.key, &receiver.url(), &NOTHING);
    let began = Instant::now();
    for number in 0..60 {
        gateway.post_event("thing.made", &number.to_string());
    }
    receiver.wait_for(60);
    // Twenty at once, and forty more in two seconds.
    assert!(began.elapsed() >= Duration::from_millis(1900), "{:?}", began.elapsed());
    assert_eq!(most.load(Ordering::SeqCst), 3);
}

#[test]
fn a_rotated_secret_signs_until_the_rotation_period_ends() {
    let subscribed = Subscribed::new("rotation = \"1s\"\n");
    let gateway = subscribed.serve();
    let receiver = Receiver::healthy();
    let locator = gateway.subscribe(&subscribed.key, &receiver.url(), &NOTHING);
    subscribed.folder.stdout_of(&["subscriptions", "rotate", &locator]);
    gateway.post_event("thing.made", "1");
    assert_eq!(receiver.wait_for(1)[0].header("webhook-signature").unwrap().split(' ').count(), 2);
    std::thread::sleep(Duration::from_millis(1100));
    gateway.post_event("thing.made", "2");
    assert_eq!(receiver.wait_for(2)[1].header("webhook-signature").unwrap().split(' ').count(), 1);
}

#[test]
fn commands_list_and_resend_deliveries_for_an_operator() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let (receiver, alert) =
        (Receiver::new(|_, _| Reaction::Answers(500, "", "")), Receiver::healthy());
    let handling =
        json!({ "divert": true, "suspend": true, "alertEndpoint": { "url": alert.url() } });
    let locator = gateway.subscribe(&subscribed.key, &receiver.url(), &handling);
    gateway.post_event("thing.made", "1");
    gateway
        .wait_until(&subscribed.key, &path(&locator, ""), |webhook| webhook["suspended"] == true);
    let folder = &subscribed.folder;
    let listed = folder.stdout_of(&["subscriptions", "list"]);
    assert!(listed.contains(&locator) && listed.contains("suspended"), "{listed}");
    let shown = folder.stdout_of(&["subscriptions", "show", &locator]);
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["id"], &shown["failures"]), (&json!(locator), &json!(1)));
    assert!(!shown.to_string().contains("whsec_"), "{shown}");
    folder.stdout_of(&["subscriptions", "unsuspend", &locator]);
    let webhook = gateway.call_ok(&subscribed.key, "GET", &path(&locator, ""), &NOTHING);
    assert_eq!(webhook["suspended"], false);

    let stored =
        folder.stdout_of(&["diverted", "list", "--subscription", &locator, "--format", "json"]);
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let event = stored[0]["event"].as_str().unwrap();
    folder.stdout_of(&["diverted", "resend", &locator, event]);
    assert_eq!(receiver.wait_for(2)[1].header("webhook-id"), Some(event));
    let before = alert.wait_for(2)[1].header("webhook-signature").unwrap().to_owned();
    let fresh = folder.stdout_of(&["subscriptions", "rotate", "--alert", &locator]);
    assert!(fresh.starts_with("whsec_"), "{fresh}");
    folder.stdout_of(&["diverted", "resend", &locator, event]);
    let signed = alert.wait_for(3)[2].header("webhook-signature").unwrap().to_owned();
    assert!(signed.contains(' ') && !before.contains(' '), "{before} {signed}");

    let notice = folder.stdout_of(&["deliveries", "list", "--limit", "1000", "--format", "json"]);
    let notice: Vec<Value> = serde_json::from_str(&notice).unwrap();
    let notice = notice.iter().find(|one| one["notice"] == true).unwrap()["id"].to_string();
    for (arguments, words) in [
        (vec!["deliveries", "resend", notice.as_str()], "is a notice of a failure"),
        (vec!["diverted", "resend", "01J9ZQ7K8M4T2V6X0Y3B5C7D9E"], "there is no subscription"),
        (vec!["diverted", "resend", &locator, "01J9ZQ7K8M4T2V6X0Y3B5C7D9E"], "no event"),
        (vec!["subscriptions", "show", "nonsense"], "`nonsense` is no id"),
        (vec!["deliveries", "list", "--state", "gone"], "no state of a delivery"),
    ] {
        let refused = folder.command(&arguments);
        let report = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(2), "{arguments:?}: {report}");
        assert!(report.contains(words), "{report}");
    }
}

#[test]
fn backoff_slows_attempts_to_a_failing_receiver_until_it_recovers() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let began = Instant::now();
    let receiver = Receiver::new(move |_, _| {
        let recovered = began.elapsed() > Duration::from_secs(4);
        Reaction::Answers(if recovered { 200 } else { 500 }, "", "")
    });
    gateway.subscribe(&subscribed.key, &receiver.url(), &NOTHING);
    for number in 0..200 {
        gateway.post_event("thing.made", &number.to_string());
    }
    std::thread::sleep(Duration::from_secs(3).saturating_sub(began.elapsed()));
    let failed = receiver.received().len();
    assert!((5..=20).contains(&failed), "{failed} attempts in three seconds");
    // The first success ends the backoff: the rest comes within moments.
    receiver.wait_for(200);
    assert!(began.elapsed() < Duration::from_secs(9), "{:?}", began.elapsed());
}
