//! Answers of the management API that are sent back: nothing changes.

use serde_json::{Value, json};

use super::forms::Description;
use super::receiver::{Reaction, Receiver};
use super::running::Gateway;
use super::subscribed::Subscribed;

const NOTHING: Value = Value::Null;

/// An API with webhooks: its name for them, its paths, and the method of a change.
pub(crate) struct Resource {
    schema: &'static str,
    pub(crate) webhooks: &'static str,
    id: &'static str,
    pub(crate) method: &'static str,
    pub(crate) minimal: fn(&str) -> Value,
    pub(crate) full: fn(&str) -> Value,
}

pub(crate) const RESOURCES: [Resource; 2] = [
    Resource {
        schema: "WebhookResponse",
        webhooks: "/event/acme/webhooks",
        id: "locator",
        method: "PATCH",
        minimal: |url| json!({ "name": "n", "endpoint": { "url": url } }),
        full: |url| {
            json!({
                "name": "Policies: ü",
                "enabled": true,
                "endpoint": {
                    "url": url,
                    "headers": { "X-Many": ["a", "b"], "Authorization": ["Bearer one"] },
                    "secureSsl": false,
                    "hmacEnabled": false,
                    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                    "tag": "first",
                },
                "failureHandling": {
                    "triggers": ["404", "5xx", "timeout"],
                    "retryStrategy": { "type": "exponential", "interval": 30, "attempts": 5 },
                    "divert": true,
                    "suspend": true,
                    "alertEndpoint": {
                        "url": url, "headers": { "X-Alert": ["yes"] }, "secureSsl": true,
                        "secret": "a signing secret of 33 characters", "tag": "alert",
                    },
                },
                "eventTypes": ["thing.made", "other"],
                "filter": "event.type != \"ping\"",
                "transform": "{ \"a\": event.type }",
            })
        },
    },
    Resource {
        schema: "WebhookConfig",
        webhooks: "/api/v1/webhooks",
        id: "id",
        method: "PUT",
        minimal: |url| {
            json!({ "name": "n", "uri": url, "events": "thing.made", "isActive": true,
                "authenticationType": "none" })
        },
        full: |url| {
            json!({
                "name": "Tasks: ü", "uri": url, "events": "thing.made,task_added", "isActive": true,
                "authenticationType": "header", "authentication": "Authorization=Bearer abc==",
                "language": "de-DE", "onlyTriggerForMainEntityChanges": true,
                "filter": "event.type != \"ping\"", "transform": "{ \"a\": event.type }",
            })
        },
    },
];

impl Resource {
    pub(crate) fn create(&self, gateway: &Gateway, key: &str, form: &Value) -> (String, Value) {
        let created = gateway.call_ok(key, "POST", self.webhooks, form);
        let path = format!("{}/{}", self.webhooks, created[self.id].as_str().unwrap());
        (path, created)
    }

    /// Sends a document back, twice. The answers and the next `GET` are equal to it.
    fn send_back(&self, gateway: &Gateway, key: &str, path: &str, masked: &Value) {
        for _ in 0..2 {
            let read = gateway.call_ok(key, "GET", path, &NOTHING);
            assert_eq!(&read, masked);
            assert_eq!(gateway.call_ok(key, self.method, path, &read), read);
        }
        assert_eq!(&gateway.call_ok(key, "GET", path, &NOTHING), masked);
    }
}

#[test]
fn answer_of_every_webhook_api_can_be_sent_back_unchanged() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let description = Description::of(&gateway);
    for resource in &RESOURCES {
        for (form, is_full) in [(resource.minimal, false), (resource.full, true)] {
            let url = "https://bücher.example:18443/hook/%2F?a=b&c=%20d";
            let (path, created) = resource.create(&gateway, key, &form(url));
            // The answer to the creation can be sent back too; it may show a new secret.
            gateway.call_ok(key, resource.method, &path, &created);
            let read = gateway.call_ok(key, "GET", &path, &NOTHING);
            resource.send_back(&gateway, key, &path, &read);
            if is_full {
                let missing = description.null_members(resource.schema, &read);
                let of_failures = ["suspendedAt", "lastFailureReason"];
                let missing: Vec<_> =
                    missing.iter().filter(|name| !of_failures.contains(&name.as_str())).collect();
                assert!(missing.is_empty(), "the test gives no {missing:?}");
            }
        }
    }
}

#[test]
fn answer_of_a_suspended_webhook_can_be_sent_back_and_it_stays_suspended() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let receiver = Receiver::new(|_, _| Reaction::Answers(500, "", ""));
    let form = json!({ "name": "n", "endpoint": { "url": receiver.url() },
        "eventTypes": ["thing.made"], "failureHandling": { "suspend": true } });
    let (path, _) = RESOURCES[0].create(&gateway, key, &form);
    gateway.post_event("thing.made", "1");
    let suspended = gateway.wait_until(key, &path, |webhook| webhook["suspended"] == true);
    assert!(suspended["suspendedAt"].is_string());
    RESOURCES[0].send_back(&gateway, key, &path, &suspended);
    let refused = gateway.call(key, "PATCH", &path, &json!({ "suspended": false }));
    assert_eq!(refused.status, 400, "{}", refused.text());
    assert!(refused.text().contains("unsuspend"), "{}", refused.text());
}

#[test]
fn read_only_member_with_another_value_is_refused_by_its_name() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let description = Description::of(&gateway);
    let others = |name: &str, stored: &Value| match name {
        "suspended" => json!(!stored.as_bool().unwrap()),
        "receiverType" => json!("slack"),
        name if name.ends_with("On") || name.ends_with("At") => json!("2020-01-02T03:04:05Z"),
        "lastFailureReason" => json!("none"),
        _ => json!("01890a5d-ac96-774b-bcce-b302099a8057"),
    };
    for resource in &RESOURCES {
        let form = (resource.full)("https://example.com/hook");
        let (path, _) = resource.create(&gateway, key, &form);
        let read = gateway.call_ok(key, "GET", &path, &NOTHING);
        let members = description.read_only(resource.schema);
        assert!(members.len() >= 3, "{members:?}");
        for name in members {
            let mut form = read.clone();
            form[&name] = others(&name, &read[&name]);
            form["name"] = "changed".into();
            let refused = gateway.call(key, resource.method, &path, &form);
            assert_eq!(refused.status, 400, "{name}: {}", refused.text());
            let message = refused.text().to_lowercase();
            assert!(
                message.contains("read-only") && message.contains(&name.to_lowercase()),
                "{message}"
            );
            // Null, and no member at all, leave the choice to the gateway.
            form[&name] = NOTHING;
            form["name"] = read["name"].clone();
            gateway.call_ok(key, resource.method, &path, &form);
        }
        assert_eq!(gateway.call_ok(key, "GET", &path, &NOTHING), read);
    }
    let mut form = (RESOURCES[1].minimal)("https://example.com/hook");
    form["id"] = "01890a5d-ac96-774b-bcce-b302099a8057".into();
    let refused = gateway.call(key, "POST", RESOURCES[1].webhooks, &form);
    assert!(refused.status == 400 && refused.text().contains("leave it out"), "{}", refused.text());
}

#[test]
fn times_and_ids_are_compared_by_value_not_by_spelling() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let form = (RESOURCES[1].full)("https://example.com/hook");
    let (path, created) = RESOURCES[1].create(&gateway, key, &form);
    let mut form = created.clone();
    let time = created["createdOn"].as_str().unwrap();
    // As a client in JavaScript and one in Python write it.
    let milliseconds = format!("{}Z", &time[..23.min(time.len() - 1)]);
    for (created_on, id) in [
        (milliseconds, created["id"].as_str().unwrap().to_uppercase()),
        (time.replace('Z', "+00:00"), created["id"].as_str().unwrap().to_owned()),
    ] {
        form["createdOn"] = created_on.into();
        form["id"] = id.into();
        assert_eq!(gateway.call_ok(key, "PUT", &path, &form), created);
    }
}

#[test]
fn whole_lists_in_an_update_replace_the_stored_ones() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let (path, _) =
        RESOURCES[0].create(&gateway, key, &(RESOURCES[0].full)("https://example.com/hook"));
    let change = json!({
        "eventTypes": ["other", "new"],
        "endpoint": { "headers": { "x-many": ["********", "c"], "X-New": ["d"] } },
        "failureHandling": { "triggers": ["4xx"] },
    });
    let changed = gateway.call_ok(key, "PATCH", &path, &change);
    assert_eq!(changed["eventTypes"], json!(["other", "new"]));
    let names: Vec<&String> = changed["endpoint"]["headers"].as_object().unwrap().keys().collect();
    assert_eq!(names, ["X-New", "x-many"]);
    assert_eq!(changed["failureHandling"]["triggers"], json!(["4xx"]));
    // An empty collection changes nothing, as everywhere in this API.
    let empty = json!({ "eventTypes": [], "endpoint": { "headers": {} },
        "failureHandling": { "triggers": [] } });
    assert_eq!(gateway.call_ok(key, "PATCH", &path, &empty), changed);
    // A mask keeps a value of the same header only.
    let mask = json!({ "endpoint": { "headers": { "X-Other": ["********"] } } });
    let refused = gateway.call(key, "PATCH", &path, &mask);
    assert!(refused.status == 400 && refused.text().contains("mask"), "{}", refused.text());
    assert_eq!(gateway.call_ok(key, "GET", &path, &NOTHING), changed);
}
