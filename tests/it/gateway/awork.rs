//! Subscriptions as awork documents them, over HTTP.

use std::process::Command;

use serde_json::{Value, json};

use super::receiver::{Reaction, Receiver};
use super::running::is_installed;
use super::subscribed::Subscribed;

const NOTHING: Value = Value::Null;
const WEBHOOKS: &str = "/api/v1/webhooks";

/// The documented call as printed, with the host and a key of the test.
#[test]
fn the_documented_awork_call_works_as_printed() {
    if !is_installed("curl", "--version") {
        return;
    }
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let script = format!(
        r#"curl -s -X POST http://{}/api/v1/webhooks \
     -H "Authorization: Bearer {}" \
     -H "Content-Type: application/json" \
     -d '{{
  "name": "Post to Slack",
  "uri": "https://hooks.slack.com/services/T578C/EY8979",
  "events": "task_comment_added",
  "isActive": true,
  "authenticationType": "none"
}}'"#,
        gateway.management, subscribed.key
    );
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let names: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names,
        [
            "authentication",
            "authenticationType",
            "createdBy",
            "createdOn",
            "events",
            "id",
            "isActive",
            "language",
            "lastFailureReason",
            "name",
            "onlyTriggerForMainEntityChanges",
            "receiverType",
            "updatedBy",
            "updatedOn",
            "uri",
        ]
    );
    assert_eq!(answer["receiverType"], "slack");
    assert_eq!(answer["authentication"], NOTHING);
    assert_eq!(answer["lastFailureReason"], NOTHING);
    assert_eq!(answer["isActive"], true);
    assert_eq!(answer["uri"], "https://hooks.slack.com/services/T578C/EY8979");
}

fn form(url: &str) -> Value {
    json!({ "name": "n", "uri": url, "events": "thing.made", "isActive": true,
        "authenticationType": "none" })
}

#[test]
fn an_awork_webhook_is_created_replaced_and_deleted() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let mut given = form("https://example.com/");
    given["authenticationType"] = json!("header");
    given["authentication"] = json!("Authorization=Bearer abc==");
    given["language"] = json!("de-DE");
    given["onlyTriggerForMainEntityChanges"] = json!(true);
    let created = gateway.call_ok(key, "POST", WEBHOOKS, &given);
    assert_eq!(created["authentication"], "Authorization=********");
    assert_eq!(created["receiverType"], "custom");
    let path = format!("{WEBHOOKS}/{}", created["id"].as_str().unwrap());
    assert_eq!(gateway.call_ok(key, "GET", &path, &NOTHING), created);
    let changed = form("https://example.com/two");
    let put = gateway.call_ok(key, "PUT", &path, &changed);
    assert_eq!(put["authenticationType"], "none");
    assert_eq!((&put["authentication"], &put["language"]), (&NOTHING, &NOTHING));
    assert_eq!(put["createdOn"], created["createdOn"]);
    assert_ne!(put["updatedOn"], created["updatedOn"]);
    let short = gateway.call(key, "PUT", &path, &json!({ "name": "only" }));
    assert_eq!(short.status, 400);
    assert_eq!(gateway.call_ok(key, "GET", &path, &NOTHING), put);
    let deleted = gateway.call(key, "DELETE", &path, &NOTHING);
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    for (method, body) in [("GET", NOTHING), ("PUT", changed), ("DELETE", NOTHING)] {
        let gone = gateway.call(key, method, &path, &body);
        let body: Value = serde_json::from_slice(&gone.body).unwrap();
        assert_eq!((gone.status, &body["code"]), (404, &json!("not-found")));
    }
    assert_eq!(gateway.call(key, "GET", &format!("{WEBHOOKS}/none"), &NOTHING).status, 404);
}

#[test]
fn awork_errors_have_the_documented_format() {
    let subscribed = Subscribed::new("");
    let reads = subscribed.other_key("acme", "workspace-manage-config:read");
    subscribed.folder.stdout_of(&["tenants", "create", "globex"]);
    let other = subscribed.other_key("globex", "admin");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let code = |key: &str, method: &str, path: &str, body: &Value| {
        let answer = gateway.call(key, method, path, body);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        for member in ["code", "description", "link"] {
            assert!(body[member].is_string(), "{body}");
        }
        (answer.status, body["code"].as_str().unwrap().to_owned(), body)
    };
    let (status, name, body) =
        code(key, "POST", WEBHOOKS, &json!({ "name": "", "isActive": true }));
    assert_eq!((status, name.as_str()), (400, "validation-failed"));
    let wrong = body["validationErrors"].as_array().unwrap().iter();
    let mut wrong: Vec<&str> = wrong.map(|one| one["message"].as_str().unwrap()).collect();
    wrong.sort_unstable();
    assert_eq!(
        wrong,
        [
            "'AuthenticationType' is required.",
            "'Events' is required.",
            "'Name' should not be empty.",
            "'Uri' is required.",
        ]
    );
    for (change, wanted, property) in [
        (json!({ "events": "nothing_like_it" }), "validation-failed", "Events"),
        (json!({ "events": "thing.made,,task_added" }), "validation-failed", "Events"),
        (json!({ "uri": "ftp://a/" }), "validation-failed", "Uri"),
        (json!({ "authenticationType": "basic" }), "validation-failed", "AuthenticationType"),
        (json!({ "authenticationType": "header" }), "validation-failed", "Authentication"),
        (
            json!({ "authenticationType": "header", "authentication": "none" }),
            "validation-failed",
            "Authentication",
        ),
        (
            json!({ "authenticationType": "header", "authentication": "X=a\nb" }),
            "validation-failed",
            "Authentication",
        ),
        (json!({ "surprise": 1 }), "validation-failed", "Surprise"),
        (json!({ "isActive": "yes" }), "validation-failed", "IsActive"),
        (json!({ "id": "7" }), "validation-failed", "Id"),
    ] {
        let mut form = form("https://example.com/");
        for (name, value) in change.as_object().unwrap() {
            form[name] = value.clone();
        }
        let (status, name, body) = code(key, "POST", WEBHOOKS, &form);
        assert_eq!((status, name.as_str()), (400, wanted), "{form}");
        assert_eq!(body["validationErrors"][0]["property"], property);
    }
    let mut wrong = form("https://example.com/");
    wrong["events"] = "thing.maed".into();
    let message = code(key, "POST", WEBHOOKS, &wrong).2["validationErrors"][0]["message"].clone();
    let message = message.as_str().unwrap();
    assert!(message.contains("Did you mean 'thing.made'?"), "{message}");
    assert!(message.contains("GET /api/v1/webhooks/eventtypes"), "{message}");
    assert_eq!(code(key, "POST", WEBHOOKS, &NOTHING).1, "invalid-model");
    assert_eq!(code("", "GET", WEBHOOKS, &NOTHING).0, 401);
    let (status, name, _) = code(&reads, "POST", WEBHOOKS, &form("https://example.com/"));
    assert_eq!((status, name.as_str()), (401, "unauthorized"));
    assert_eq!(gateway.call_ok(&reads, "GET", WEBHOOKS, &NOTHING), json!([]));
    let created = gateway.call_ok(key, "POST", WEBHOOKS, &form("https://example.com/"));
    let path = format!("{WEBHOOKS}/{}", created["id"].as_str().unwrap());
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(code(&other, method, &path, &form("https://example.com/")).0, 404);
    }
    assert_eq!(code(&other, "GET", &format!("{path}/logs"), &NOTHING).0, 404);
    assert_eq!(gateway.call_ok(&other, "GET", WEBHOOKS, &NOTHING), json!([]));
}

#[test]
fn awork_event_types_are_the_documented_and_the_declared_ones() {
    let subscribed = Subscribed::new("");
    let any = subscribed.other_key("acme", "events:read");
    let sends = subscribed.other_key("acme", "send");
    let gateway = subscribed.serve();
    let refused = gateway.call(&sends, "GET", "/api/v1/webhooks/eventtypes", &NOTHING);
    assert_eq!(refused.status, 401, "a sender key is for listeners only");
    let types = gateway.call_ok(&any, "GET", "/api/v1/webhooks/eventtypes", &NOTHING);
    let types = types.as_array().unwrap();
    assert_eq!(types.len(), 37);
    assert!(types.contains(&json!("task_comment_added")) && types.contains(&json!("thing.gone")));
    let again = gateway.call_ok(&any, "GET", "/api/v1/webhooks/eventTypes", &NOTHING);
    assert_eq!(again.as_array().unwrap(), types);
    let slack = gateway.call_ok(&any, "GET", "/api/v1/webhooks/eventtypes/slack", &NOTHING);
    assert!(slack.as_array().unwrap().contains(&json!("task_comment_added")));
    assert_eq!(gateway.call("", "GET", "/api/v1/webhooks/eventtypes", &NOTHING).status, 401);
}

#[test]
fn awork_lists_are_paged_sorted_and_filtered() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    for (name, active) in [("b", true), ("a", false), ("c", true)] {
        let mut form = form("https://example.com/");
        form["name"] = json!(name);
        form["isActive"] = json!(active);
        gateway.call_ok(key, "POST", WEBHOOKS, &form);
    }
    let list = |query: &str| {
        let query = query.replace(' ', "%20").replace('\'', "%27");
        let answer = gateway.call(key, "GET", &format!("{WEBHOOKS}?{query}"), &NOTHING);
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        let items: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
        let names: String = items.iter().map(|one| one["name"].as_str().unwrap()).collect();
        let number = |name: &str| answer.header(name).unwrap().parse::<usize>().unwrap();
        (names, ["aw-page", "aw-pagesize", "aw-items", "aw-totalitems"].map(number))
    };
    assert_eq!(list(""), ("bac".to_owned(), [1, 10, 3, 3]));
    assert_eq!(list("orderby=Name"), ("abc".to_owned(), [1, 10, 3, 3]));
    assert_eq!(list("orderby=isActive desc,name desc"), ("cba".to_owned(), [1, 10, 3, 3]));
    assert_eq!(list("page=2&pageSize=2&orderby=name"), ("c".to_owned(), [2, 2, 1, 3]));
    assert_eq!(list("filterby=isActive eq true&pageSize=1"), ("b".to_owned(), [1, 1, 1, 2]));
    assert_eq!(list("filterby=createdOn gt datetime'2000-01-01T00:00'").0, "bac");
    assert_eq!(list("filterby=not (name in ('a','c'))").0, "b");
    for wrong in [
        "filterby=name%20eq",
        "filterby=secret%20eq%20%27a%27",
        "filterby=authentication%20eq%20null",
        "orderby=authentication",
        "orderby=name%20up",
        "filterby=name",
    ] {
        let answer = gateway.call(key, "GET", &format!("{WEBHOOKS}?{wrong}"), &NOTHING);
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(
            (answer.status, &body["code"]),
            (400, &json!("invalid-filter-or-order")),
            "{wrong}"
        );
    }
    for wrong in ["page=0", "pageSize=0", "pageSize=1001", "page=x"] {
        let answer = gateway.call(key, "GET", &format!("{WEBHOOKS}?{wrong}"), &NOTHING);
        assert_eq!(answer.status, 400, "{wrong}");
    }
}

#[test]
fn awork_logs_list_each_attempt_and_repeated_failures_suspend_the_webhook() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let receiver = Receiver::new(|_, _| Reaction::Answers(500, "", ""));
    let created = gateway.call_ok(key, "POST", WEBHOOKS, &form(&receiver.url()));
    let path = format!("{WEBHOOKS}/{}", created["id"].as_str().unwrap());
    // The retries of one event begin after ten seconds, so eleven events fail once each.
    for number in 0..11 {
        gateway.post_event("thing.made", &number.to_string());
    }
    let paused = gateway.wait_until(key, &path, |webhook| webhook["isActive"] == false);
    assert_eq!(paused["lastFailureReason"], "the receiver answered 500");
    let logs = gateway.call_ok(key, "GET", &format!("{path}/logs?pageSize=100"), &NOTHING);
    let logs = logs.as_array().unwrap();
    assert_eq!(logs.len(), 11);
    let log = &logs[0];
    let names: Vec<&str> = log.as_object().unwrap().keys().map(String::as_str).collect();
    let documented =
        ["createdOn", "isSuccessful", "message", "reason", "responseCode", "webhookId"];
    assert_eq!(names, documented);
    assert_eq!((&log["responseCode"], &log["isSuccessful"]), (&json!(500), &json!(false)));
    let message: Value = serde_json::from_str(log["message"].as_str().unwrap()).unwrap();
    assert_eq!(message["eventType"], "thing.made");
    let filtered = format!("{path}/logs?filterby=isSuccessful%20eq%20true");
    assert_eq!(gateway.call_ok(key, "GET", &filtered, &NOTHING), json!([]));
    gateway.post_event("thing.made", "while paused");
    let before = receiver.received().len();
    let active = gateway.call_ok(key, "PUT", &path, &form(&receiver.url()));
    assert_eq!(active["isActive"], true);
    gateway.post_event("thing.made", "after");
    receiver.wait_for(before + 1);
    let bodies: Vec<String> = receiver.received().into_iter().map(|got| got.body).collect();
    assert!(!bodies.iter().any(|body| body.contains("while paused")));
}

#[test]
fn awork_authentication_is_removed_when_the_destination_changes() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let (old, new) = (Receiver::healthy(), Receiver::healthy());
    let with = |url: &str, authentication: &str| {
        let mut form = form(url);
        form["authenticationType"] = json!("header");
        form["authentication"] = json!(authentication);
        form
    };
    let masked = "Authorization=********";
    let created =
        gateway.call_ok(key, "POST", WEBHOOKS, &with(&old.url(), "Authorization=Bearer abc"));
    let path = format!("{WEBHOOKS}/{}", created["id"].as_str().unwrap());
    let query = format!("{}?a=b", old.url());
    gateway.call_ok(key, "PUT", &path, &with(&query, masked));
    gateway.post_event("thing.made", "1");
    let first = old.wait_for(1).remove(0);
    assert_eq!(first.header("authorization"), Some("Bearer abc"));
    let refused = gateway.call(key, "PUT", &path, &with(&new.url(), masked));
    let report: Value = serde_json::from_slice(&refused.body).unwrap();
    assert_eq!((refused.status, &report["code"]), (400, &json!("validation-failed")));
    assert_eq!(report["validationErrors"][0]["property"], "Authentication");
    assert!(refused.text().contains("destination"), "{}", refused.text());
    gateway.call_ok(key, "PUT", &path, &with(&new.url(), "Authorization=Bearer new"));
    gateway.post_event("thing.made", "2");
    let second = new.wait_for(1).remove(0);
    assert_eq!(second.header("authorization"), Some("Bearer new"));
    // An update without a header drops the credential too.
    gateway.call_ok(key, "PUT", &path, &form(&old.url()));
    assert_eq!(gateway.call(key, "PUT", &path, &with(&old.url(), masked)).status, 400);
    gateway.post_event("thing.made", "3");
    assert_eq!(old.wait_for(2)[1].header("authorization"), None);
    // One signature each: the new secret signs alone, without one of another destination.
    for got in old.received().iter().chain(&new.received()) {
        assert_eq!(got.header("webhook-signature").unwrap().split(' ').count(), 1);
    }
}
