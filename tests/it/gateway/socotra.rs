//! Subscriptions as Socotra documents them, over HTTP.

use serde_json::{Value, json};

use super::subscribed::Subscribed;

const NOTHING: Value = Value::Null;

fn form() -> Value {
    json!({
        "name": "policies",
        "enabled": true,
        "endpoint": {
            "url": "https://example.com/hook",
            "headers": { "Authorization": ["Bearer one"], "X-Many": ["a", "b"] },
        },
        "failureHandling": {
            "triggers": ["404", "5xx", "timeout"],
            "retryStrategy": { "type": "exponential", "interval": 30, "attempts": 5 },
            "divert": true,
            "suspend": true,
            "alertEndpoint": { "url": "https://example.com/alert", "headers": {} },
        },
        "eventTypes": ["policy.quote.issue", "custom.event.type.a"],
    })
}

#[test]
fn a_socotra_webhook_is_created_read_and_deleted_as_documented() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let created = gateway.call_ok(key, "POST", "/event/acme/webhooks", &form());
    let locator = created["locator"].as_str().unwrap();
    assert_eq!(locator.len(), 26);
    let secret = created["endpoint"]["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"), "a fresh secret is shown once");
    let path = format!("/event/acme/webhooks/{locator}");
    let read = gateway.call_ok(key, "GET", &path, &NOTHING);
    assert_eq!(
        read,
        json!({
            "locator": locator,
            "name": "policies",
            "enabled": true,
            "endpoint": {
                "url": "https://example.com/hook",
                "headers": { "Authorization": ["********"], "X-Many": ["********", "********"] },
                "secureSsl": true,
                "hmacEnabled": true,
                "secret": "********",
                "tag": null,
            },
            "failureHandling": {
                "triggers": ["404", "5xx", "timeout"],
                "retryStrategy": { "type": "exponential", "interval": 30, "attempts": 5 },
                "alertEndpoint": {
                    "url": "https://example.com/alert", "headers": {}, "secureSsl": true,
                    "hmacEnabled": true, "secret": "********", "tag": null,
                },
                "divert": true,
                "suspend": true,
            },
            "suspended": false,
            "suspendedAt": null,
            "eventTypes": ["policy.quote.issue", "custom.event.type.a"],
        })
    );
    assert_eq!(gateway.call_ok(key, "GET", &path.to_lowercase(), &NOTHING), read);
    let deleted = gateway.call(key, "DELETE", &path, &NOTHING);
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    for method in ["GET", "DELETE"] {
        assert_eq!(gateway.call(key, method, &path, &NOTHING).status, 404);
    }
    let list = gateway.call_ok(key, "GET", "/event/acme/webhooks/list", &NOTHING);
    assert_eq!(list, json!([]));
    let stored = std::fs::read(subscribed.folder.path().join("hookgate.db")).unwrap();
    let wal = std::fs::read(subscribed.folder.path().join("hookgate.db-wal")).unwrap_or_default();
    for hidden in ["Bearer one", &secret[6..], "example.com/hook"] {
        let found =
            |bytes: &[u8]| bytes.windows(hidden.len()).any(|part| part == hidden.as_bytes());
        assert!(!found(&stored) && !found(&wal), "{hidden} is in the file of the store");
    }
}

#[test]
fn the_documented_failure_policy_is_the_default() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let form = json!({ "name": "n", "endpoint": { "url": "https://example.com/", "headers": { "X": [] } },
        "failureHandling": { "triggers": [] } });
    let created = gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
    assert_eq!(created["failureHandling"]["triggers"], json!(["4xx", "5xx", "timeout"]));
    assert_eq!(created["endpoint"]["headers"], json!({}));
    let form = json!({ "name": "n", "endpoint": { "url": "https://example.com/" } });
    let created = gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form);
    assert_eq!(created["enabled"], true);
    assert_eq!(created["eventTypes"], json!([]));
    assert_eq!(
        created["failureHandling"],
        json!({ "triggers": ["4xx", "5xx", "timeout"], "retryStrategy": null,
            "alertEndpoint": null, "divert": false, "suspend": false })
    );
}

#[test]
fn an_update_removes_before_it_adds() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let created = gateway.call_ok(key, "POST", "/event/acme/webhooks", &form());
    let path = format!("/event/acme/webhooks/{}", created["locator"].as_str().unwrap());
    let update = |form: Value| gateway.call_ok(key, "PATCH", &path, &form);
    let same = update(json!({}));
    assert_eq!(same["name"], "policies");
    assert_eq!(
        same["failureHandling"],
        gateway.call_ok(key, "GET", &path, &NOTHING)["failureHandling"]
    );

    let changed = update(json!({
        "addEventTypes": ["policy.quote.issue", "new"],
        "removeEventTypes": ["policy.quote.issue", "custom.event.type.a", "unknown"],
        "endpoint": {
            "removeHeaders": ["x-many", "authorization"],
            "addHeaders": { "Authorization": ["Bearer two"] },
        },
        "name": "renamed",
        "enabled": false,
    }));
    assert_eq!(changed["eventTypes"], json!(["policy.quote.issue", "new"]));
    assert_eq!(changed["endpoint"]["headers"], json!({ "Authorization": ["********"] }));
    assert_eq!((&changed["name"], &changed["enabled"]), (&json!("renamed"), &json!(false)));

    let changed = update(json!({ "failureHandling": {
        "removeTriggers": ["404", "timeout"], "addTriggers": ["timeout", "4xx"],
        "retryStrategy": { "attempts": 2 }, "removeAlertEndpoint": true, "divert": false,
    } }));
    let handling = &changed["failureHandling"];
    assert_eq!(handling["triggers"], json!(["5xx", "timeout", "4xx"]));
    let retry = json!({ "type": "exponential", "interval": 30, "attempts": 2 });
    assert_eq!(handling["retryStrategy"], retry);
    assert_eq!(handling["alertEndpoint"], NOTHING);
    assert_eq!((&handling["divert"], &handling["suspend"]), (&json!(false), &json!(true)));

    let changed = update(json!({
        "removeFailureHandling": true, "failureHandling": { "divert": true },
    }));
    assert_eq!(changed["failureHandling"]["triggers"], json!(["4xx", "5xx", "timeout"]));
    assert_eq!(changed["failureHandling"]["divert"], true);
    assert_eq!(changed["failureHandling"]["retryStrategy"], NOTHING);
    let changed = update(json!({ "failureHandling": { "removeRetryStrategy": true,
        "retryStrategy": { "type": "linear", "interval": 5 } } }));
    let retry = json!({ "type": "linear", "interval": 5, "attempts": 3 });
    assert_eq!(changed["failureHandling"]["retryStrategy"], retry);
}

#[test]
fn a_masked_secret_in_an_update_keeps_the_stored_value() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let receiver = super::receiver::Receiver::healthy();
    let form = json!({ "name": "n", "eventTypes": ["thing.made"], "endpoint": {
        "url": receiver.url(), "headers": { "X-Key": ["one", "two"] }, "secret": "a plain text of 29 characters" } });
    let created = gateway.call_ok(key, "POST", "/event/acme/webhooks", &form);
    assert_eq!(created["endpoint"]["secret"], "********", "a given secret is masked");
    let path = format!("/event/acme/webhooks/{}", created["locator"].as_str().unwrap());
    let change = json!({ "endpoint": { "addHeaders": { "X-Key": ["********", "three"] },
        "removeHeaders": ["x-key"], "secret": "********" } });
    gateway.call_ok(key, "PATCH", &path, &change);
    gateway.post_event("thing.made", "1");
    let got = &receiver.wait_for(1)[0];
    let values: Vec<&str> = got
        .headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("x-key"))
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(values, ["one", "three"]);
    let signature = got.header("webhook-signature").unwrap();
    let secret = hookgate::delivery::SigningSecret::read("a plain text of 29 characters").unwrap();
    let seconds = got.header("webhook-timestamp").unwrap().parse().unwrap();
    let id = got.header("webhook-id").unwrap();
    assert_eq!(signature, secret.sign(id, seconds, got.body.as_bytes()));

    let change =
        json!({ "endpoint": { "secret": "another text of 31 characters !", "tag": "second" } });
    gateway.call_ok(key, "PATCH", &path, &change);
    gateway.post_event("thing.made", "2");
    let got = &receiver.wait_for(2)[1];
    let (new, old) = got.header("webhook-signature").unwrap().split_once(' ').unwrap();
    let seconds = got.header("webhook-timestamp").unwrap().parse().unwrap();
    let sign = |secret: &str| {
        let secret = hookgate::delivery::SigningSecret::read(secret).unwrap();
        secret.sign(got.header("webhook-id").unwrap(), seconds, got.body.as_bytes())
    };
    assert_eq!(
        (new, old),
        (
            sign("another text of 31 characters !").as_str(),
            sign("a plain text of 29 characters").as_str()
        )
    );
    let off = json!({ "endpoint": { "hmacEnabled": false } });
    gateway.call_ok(key, "PATCH", &path, &off);
    gateway.post_event("thing.made", "3");
    assert_eq!(receiver.wait_for(3)[2].header("webhook-signature"), None);
}

#[test]
fn webhook_lists_are_filtered_and_paged() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    for (name, enabled, types) in [
        ("a", true, vec!["x"]),
        ("b", false, vec!["x", "y"]),
        ("c", true, vec!["z"]),
        ("a", true, vec![]),
    ] {
        let form = json!({ "name": name, "enabled": enabled, "eventTypes": types,
            "endpoint": { "url": "https://example.com/" } });
        gateway.call_ok(key, "POST", "/event/acme/webhooks", &form);
    }
    let names = |query: &str| {
        let list =
            gateway.call_ok(key, "GET", &format!("/event/acme/webhooks/list{query}"), &NOTHING);
        let items = list.as_array().unwrap();
        items.iter().map(|one| one["name"].as_str().unwrap()).collect::<String>()
    };
    assert_eq!(names(""), "abca");
    assert_eq!(names("?name=a"), "aa");
    assert_eq!(names("?enabled=false"), "b");
    assert_eq!(names("?active=true&eventTypes=x&eventTypes=z"), "ac");
    assert_eq!(names("?eventTypes=y,z"), "bc");
    assert_eq!(names("?suspended=true"), "");
    assert_eq!(names("?offset=1&count=2"), "bc");
    assert_eq!(names("?offset=9"), "");
    let extended = |query: &str| {
        gateway.call_ok(
            key,
            "GET",
            &format!("/event/acme/webhooks/list?extended=true{query}"),
            &NOTHING,
        )
    };
    assert_eq!(extended("&count=3")["listCompleted"], false);
    assert_eq!(extended("&count=4")["listCompleted"], true);
    assert_eq!(extended("&count=1")["items"].as_array().unwrap().len(), 1);
    for wrong in
        ["?count=0", "?count=1001", "?offset=-1", "?enabled=maybe", "?extended=1", "?count=x"]
    {
        let answer =
            gateway.call(key, "GET", &format!("/event/acme/webhooks/list{wrong}"), &NOTHING);
        assert_eq!(answer.status, 400, "{wrong}");
    }
}

#[test]
fn invalid_webhooks_are_refused_with_a_message_and_change_nothing() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let created = gateway.call_ok(key, "POST", "/event/acme/webhooks", &form());
    let path = format!("/event/acme/webhooks/{}", created["locator"].as_str().unwrap());
    let before = gateway.call_ok(key, "GET", &path, &NOTHING);
    let endpoint = |url: &str| json!({ "name": "n", "endpoint": { "url": url } });
    let with = |what: &str, value: Value| {
        let mut form = form();
        *form.pointer_mut(what).unwrap_or_else(|| panic!("no {what}")) = value;
        form
    };
    for (form, words) in [
        (json!({ "name": "n" }), "endpoint"),
        (json!({ "name": "n", "endpoint": {}, "eventTypes": [] }), "url"),
        (json!({ "name": "n", "endpoint": { "url": "https://a/" }, "surprise": 1 }), "surprise"),
        (
            json!({ "name": "n", "endpoint": { "url": "https://a/", "tag": "t" } }),
            "labels a secret",
        ),
        (
            json!({ "name": "n", "endpoint": { "url": "https://a/", "secret": "whsec_!" } }),
            "Base64",
        ),
        (
            json!({ "name": "n", "endpoint": { "url": "https://a/", "secret": "v1,whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" } }),
            "begin with `whsec_`",
        ),
        (
            json!({ "name": "n", "endpoint": { "url": "https://a/", "secret": "x" } }),
            "24 to 512 bytes",
        ),
        (
            json!({ "name": "n", "endpoint": { "url": "https://a/", "secret": "whsec_YQ==" } }),
            "24 to 64 bytes",
        ),
        (json!({ "name": "n", "endpoint": { "url": "https://a/", "secret": "********" } }), "mask"),
        (json!([]), "an object, not an array"),
        (endpoint(""), "URL"),
        (endpoint("nonsense"), "URL"),
        (with("/name", json!("")), "name"),
        (with("/name", json!(7)), "has to be"),
        (with("/enabled", json!("yes")), "has to be"),
        (with("/eventTypes", json!([""])), "eventTypes"),
        (with("/eventTypes", json!(["*"])), "eventTypes"),
        (with("/eventTypes", json!("a")), "has to be"),
        (with("/endpoint/headers", json!({ "X": ["a\r\nHost: b"] })), "one line"),
        (with("/endpoint/headers", json!({ "Host": ["b"] })), "set by the gateway"),
        (with("/endpoint/headers", json!({ "X Y": ["b"] })), "name"),
        (with("/endpoint/headers", json!({ "X": ["********"] })), "mask"),
        (with("/failureHandling/triggers", json!(["200"])), "200"),
        (with("/failureHandling/triggers", json!(["6xx"])), "6xx"),
        (with("/failureHandling/retryStrategy/attempts", json!(11)), "1 to 10"),
        (with("/failureHandling/retryStrategy/attempts", json!(0)), "1 to 10"),
        (with("/failureHandling/retryStrategy/interval", json!(-1)), "interval"),
        (with("/failureHandling/retryStrategy/type", json!("random")), "random"),
        (with("/failureHandling/alertEndpoint/url", json!("http://127.0.0.1.nip/ x")), "URL"),
    ] {
        let refused = gateway.call(key, "POST", "/event/acme/webhooks", &form);
        assert_eq!(refused.status, 400, "{form}: {}", refused.text());
        assert!(refused.text().contains(words), "{words}: {}", refused.text());
        assert_eq!(refused.header("content-type"), Some("application/json"));
    }
    for (form, words) in [
        (json!({ "surprise": 1 }), "surprise"),
        (json!({ "name": "" }), "name"),
        (json!({ "endpoint": { "url": "ftp://a/" } }), "URL"),
        (json!({ "name": "changed", "filter": "event.(" }), "filter"),
        (json!({ "failureHandling": { "addTriggers": ["x"] } }), "x"),
        (json!({ "endpoint": { "secret": "whsec_YQ==" } }), "endpoint.secret"),
        (
            json!({ "failureHandling": { "alertEndpoint": { "secret": "v1,whsec_YQ==" } } }),
            "failureHandling.alertEndpoint.secret",
        ),
        (
            json!({ "failureHandling": { "alertEndpoint": {} , "removeAlertEndpoint": true } }),
            "url",
        ),
    ] {
        let refused = gateway.call(key, "PATCH", &path, &form);
        assert_eq!(refused.status, 400, "{form}: {}", refused.text());
        assert!(refused.text().contains(words), "{words}: {}", refused.text());
    }
    assert_eq!(gateway.call(key, "POST", "/event/acme/webhooks", &NOTHING).status, 400);
    assert_eq!(gateway.call_ok(key, "GET", &path, &NOTHING), before);
    let list = gateway.call_ok(key, "GET", "/event/acme/webhooks/list", &NOTHING);
    assert_eq!(list.as_array().unwrap().len(), 1);
}

#[test]
fn scopes_are_enforced_and_tenants_are_isolated() {
    let subscribed = Subscribed::new("");
    subscribed.folder.stdout_of(&["tenants", "create", "globex"]);
    let other = subscribed.other_key("globex", "admin");
    let reads = subscribed.other_key("acme", "webhooks:read");
    let sends = subscribed.other_key("acme", "send");
    let group = subscribed.other_key("acme", "webhooks");
    let gateway = subscribed.serve();
    let created = gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form());
    let locator = created["locator"].as_str().unwrap();
    let path = format!("/event/acme/webhooks/{locator}");
    let status =
        |key: &str, method: &str, path: &str| gateway.call(key, method, path, &json!({})).status;
    assert_eq!(status("", "GET", &path), 401);
    assert_eq!(status("hg_0123456789abcdef_nothing", "GET", &path), 401);
    assert_eq!(status(&reads, "GET", &path), 200);
    assert_eq!(status(&reads, "GET", "/event/acme/webhooks/list"), 403);
    assert_eq!(status(&reads, "PATCH", &path), 403);
    assert_eq!(status(&reads, "DELETE", &path), 403);
    assert_eq!(status(&sends, "GET", &path), 403);
    assert_eq!(status(&group, "PATCH", &path), 200);
    assert_eq!(status(&group, "GET", &format!("{path}/diverted")), 403);
    for (method, rest) in [("GET", ""), ("PATCH", ""), ("DELETE", ""), ("PATCH", "/unsuspend")] {
        assert_eq!(status(&other, method, &format!("{path}{rest}")), 403);
        let theirs = format!("/event/globex/webhooks/{locator}{rest}");
        assert_eq!(status(&other, method, &theirs), 404, "{method} {rest}");
        assert_eq!(status(&subscribed.key, method, &theirs), 403);
    }
    assert_eq!(status(&subscribed.key, "GET", "/event/nobody/webhooks/list"), 403);
    gateway.post_event("policy.quote.issue", "1");
    let events = gateway.call_ok(&subscribed.key, "GET", "/event/acme/events/list", &NOTHING);
    let event = events["events"][0]["locator"].as_str().unwrap();
    assert_eq!(status(&other, "GET", &format!("/event/globex/events/{event}")), 404);
    let theirs = gateway.call_ok(&other, "GET", "/event/globex/events/list", &NOTHING);
    assert_eq!(theirs["events"], json!([]));
    assert_eq!(gateway.call(&subscribed.key, "GET", &path, &NOTHING).status, 200);
    let audits = subscribed.folder.stdout_of(&["keys", "list", "--tenant", "acme"]);
    let id = sends.split('_').nth(1).unwrap();
    assert!(audits.contains(id));
    subscribed.folder.stdout_of(&["keys", "revoke", id]);
    assert_eq!(status(&sends, "GET", &path), 401);
}

#[test]
fn a_tenant_is_addressed_by_name_or_uuid() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let tenants = subscribed.folder.stdout_of(&["tenants", "list", "--format", "json"]);
    let tenants: Value = serde_json::from_str(&tenants).unwrap();
    let locator = tenants[0]["locator"].as_str().unwrap();
    let path = format!("/event/{locator}/webhooks/list");
    assert_eq!(gateway.call_ok(&subscribed.key, "GET", &path, &NOTHING), json!([]));
}

#[test]
fn events_are_listed_in_pages() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    for number in 0..5 {
        gateway
            .post_event(if number == 2 { "thing.gone" } else { "thing.made" }, &number.to_string());
    }
    let ids = |page: &Value| {
        let events = page["events"].as_array().unwrap();
        events.iter().map(|event| event["data"]["id"].as_str().unwrap()).collect::<String>()
    };
    let get = |query: &str| {
        gateway.call_ok(key, "GET", &format!("/event/acme/events/list{query}"), &NOTHING)
    };
    let first = get("?pageSize=3&type=thing.made");
    assert_eq!(ids(&first), "013");
    let next = get(&format!("?pagingToken={}", first["pagingToken"].as_str().unwrap()));
    assert_eq!(ids(&next), "4");
    gateway.post_event("thing.made", "5");
    let last = get(&format!("?pagingToken={}", next["pagingToken"].as_str().unwrap()));
    assert_eq!(ids(&last), "5");
    assert_eq!(ids(&get("?startTimestamp=2000-01-01T00:00:00Z")), "012345");
    assert_eq!(ids(&get("?endTimestamp=2000-01-01T00:00:00Z")), "");
    assert_eq!(ids(&get("?startTimestamp=2990-01-01T00:00:00%2B01:00")), "");
    let event = &first["events"][0];
    let path =
        |rest: &str, id: &Value| format!("/event/acme/events/{rest}{}", id.as_str().unwrap());
    assert_eq!(gateway.call_ok(key, "GET", &path("", &event["locator"]), &NOTHING), *event);
    let of_request = gateway.call_ok(key, "GET", &path("request/", &event["requestId"]), &NOTHING);
    assert_eq!(of_request, json!([event]));
    let token = first["pagingToken"].as_str().unwrap();
    for wrong in [
        "?pageSize=0",
        "?startTimestamp=yesterday",
        "?pagingToken=x",
        &format!("?pagingToken={token}&type=a"),
    ] {
        let path = format!("/event/acme/events/list{wrong}");
        assert_eq!(gateway.call(key, "GET", &path, &NOTHING).status, 400, "{wrong}");
    }
    assert_eq!(gateway.call(key, "GET", "/event/acme/events/nothing", &NOTHING).status, 404);
}

#[test]
fn an_access_token_has_the_scopes_of_its_client_until_it_is_revoked() {
    let subscribed = Subscribed::new("");
    let folder = &subscribed.folder;
    let arguments = [
        "keys",
        "create",
        "--tenant",
        "acme",
        "--kind",
        "oauth",
        "--scope",
        "webhooks:read",
        "--format",
        "json",
    ];
    let client: Value = serde_json::from_str(&folder.stdout_of(&arguments)).unwrap();
    let (id, secret) = (client["id"].as_str().unwrap(), client["clientSecret"].as_str().unwrap());
    let gateway = subscribed.serve();
    let created = gateway.call_ok(&subscribed.key, "POST", "/event/acme/webhooks", &form());
    let path = format!("/event/acme/webhooks/{}", created["locator"].as_str().unwrap());
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let granted = gateway.request("POST", "/oauth/v1/token", &kind, form.as_bytes());
    let granted: Value = serde_json::from_slice(&granted.body).unwrap();
    let token = granted["access_token"].as_str().unwrap();
    assert_eq!(gateway.call(token, "GET", &path, &NOTHING).status, 200);
    assert_eq!(gateway.call(token, "DELETE", &path, &NOTHING).status, 403);
    assert_eq!(gateway.call(secret, "GET", &path, &NOTHING).status, 401, "a secret is no token");
    let forged = format!("{}x", token);
    assert_eq!(gateway.call(&forged, "GET", &path, &NOTHING).status, 401);
    folder.stdout_of(&["keys", "revoke", id]);
    assert_eq!(gateway.call(token, "GET", &path, &NOTHING).status, 401);
}

#[test]
fn changes_are_written_to_the_audit_log_with_their_key() {
    use hookgate::gateway::store::{AuditStore, Mode, SqliteOptions, SqliteStore};
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let created = gateway.call_ok(key, "POST", "/event/acme/webhooks", &form());
    let path = format!("/event/acme/webhooks/{}", created["locator"].as_str().unwrap());
    gateway.call_ok(key, "PATCH", &path, &json!({ "name": "b" }));
    gateway.call(key, "PATCH", &path, &json!({ "name": "" }));
    gateway.call(key, "DELETE", &path, &NOTHING);
    gateway.call(key, "DELETE", &path, &NOTHING);
    let file = subscribed.folder.path().join("hookgate.db");
    let store = SqliteStore::open(SqliteOptions::new(file, Mode::Command)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let audits = runtime.block_on(store.audits(3)).unwrap();
    let report: Vec<_> = audits.iter().rev().map(|one| one.action.name()).collect();
    assert_eq!(report, ["subscriptions.create", "subscriptions.update", "subscriptions.delete"]);
    let id = key.split('_').nth(1).unwrap();
    assert!(audits.iter().all(|one| one.actor == id && !one.detail.contains("Bearer one")));
}

/// A webhook with a header, a secret and an alert endpoint for one destination.
fn with_values(gateway: &super::running::Gateway, key: &str, url: &str) -> String {
    let values = json!({ "Authorization": ["Bearer secret value"], "X-Two": ["a", "b"] });
    let endpoint = |url: &str| json!({ "url": url, "headers": values, "secret": "signing secret of 30 characters" });
    let form = json!({ "name": "n", "eventTypes": ["thing.made"], "endpoint": endpoint(url),
        "failureHandling": { "triggers": ["4xx"], "alertEndpoint": endpoint(url) } });
    let created = gateway.call_ok(key, "POST", "/event/acme/webhooks", &form);
    format!("/event/acme/webhooks/{}", created["locator"].as_str().unwrap())
}

#[test]
fn write_only_values_are_removed_when_the_destination_changes() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.other_key("acme", "webhooks");
    let old = "https://example.com:8443/hooks/T1?a=b";
    for (change, dropped) in [
        (json!({ "url": "https://example.com:8443/hooks/T1?c=d" }), false),
        (json!({ "url": "https://example.com:8443/hooks/T1" }), false),
        (json!({ "url": old, "secureSsl": true, "hmacEnabled": false }), false),
        (json!({ "url": "https://example.com:8443/hooks/T2?a=b" }), true),
        (json!({ "url": "https://example.com:8443/hooks/T1/?a=b" }), true),
        (json!({ "url": "https://example.com:8443/hooks/%541?a=b" }), true),
        (json!({ "url": "https://example.com:9443/hooks/T1?a=b" }), true),
        (json!({ "url": "https://example.com/hooks/T1?a=b" }), true),
        (json!({ "url": "https://example.com.evil.example:8443/hooks/T1?a=b" }), true),
        (json!({ "url": "https://evil.example:8443/hooks/T1?a=b" }), true),
        (json!({ "url": "http://example.com:8443/hooks/T1?a=b" }), true),
        (json!({ "secureSsl": false }), true),
        (json!({ "url": old, "secureSsl": false }), true),
    ] {
        for alert in [false, true] {
            let path = with_values(&gateway, key, old);
            let wrap = |endpoint: &Value| match alert {
                true => json!({ "failureHandling": { "alertEndpoint": endpoint } }),
                false => json!({ "endpoint": endpoint }),
            };
            let part = |webhook: &Value| match alert {
                true => webhook["failureHandling"]["alertEndpoint"].clone(),
                false => webhook["endpoint"].clone(),
            };
            // A mask in the request does not keep a value either.
            for masked in [
                json!({ "addHeaders": { "Authorization": ["********"] } }),
                json!({ "addHeaders": { "x-two": ["c", "********"] }, "removeHeaders": ["X-Two"] }),
                json!({ "secret": "********" }),
            ] {
                let mut both = change.clone();
                both.as_object_mut().unwrap().extend(masked.as_object().unwrap().clone());
                let answer = gateway.call(key, "PATCH", &path, &wrap(&both));
                let before = part(&gateway.call_ok(key, "GET", &path, &NOTHING));
                assert_eq!(answer.status, if dropped { 400 } else { 200 }, "{both}");
                if dropped {
                    let report = answer.text();
                    assert!(report.contains("mask") && report.contains("destination"), "{report}");
                    assert_eq!(before["url"], old, "a refused change changes nothing");
                }
            }
            let now = part(&gateway.call_ok(key, "PATCH", &path, &wrap(&change)));
            let fresh = now["secret"].as_str().unwrap();
            assert_eq!(now["headers"].as_object().unwrap().is_empty(), dropped, "{change}");
            assert_eq!(fresh.starts_with("whsec_"), dropped, "{change}: {now}");
            let read = gateway.call_ok(key, "GET", &path, &NOTHING);
            assert_eq!(part(&read)["secret"], "********");
            let other =
                if alert { &read["endpoint"] } else { &read["failureHandling"]["alertEndpoint"] };
            assert!(
                !other["headers"].as_object().unwrap().is_empty(),
                "the other webhook is unchanged"
            );
        }
    }
}

#[test]
fn a_new_destination_gets_only_the_secrets_sent_with_it() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    let (old, new) = (super::receiver::Receiver::healthy(), super::receiver::Receiver::healthy());
    let path = with_values(&gateway, key, &old.url());
    gateway.post_event("thing.made", "1");
    assert_eq!(old.wait_for(1)[0].header("authorization"), Some("Bearer secret value"));
    let turned = json!({ "endpoint": { "url": new.url() } });
    let fresh = gateway.call_ok(key, "PATCH", &path, &turned)["endpoint"]["secret"].clone();
    gateway.post_event("thing.made", "2");
    let got = new.wait_for(1).remove(0);
    assert_eq!((got.header("authorization"), got.header("x-two")), (None, None));
    let signs = |got: &super::receiver::ReceivedRequest, secret: &str| {
        let secret = hookgate::delivery::SigningSecret::read(secret).unwrap();
        let seconds = got.header("webhook-timestamp").unwrap().parse().unwrap();
        let signature =
            secret.sign(got.header("webhook-id").unwrap(), seconds, got.body.as_bytes());
        got.header("webhook-signature").unwrap() == signature
    };
    assert!(
        signs(&got, fresh.as_str().unwrap()),
        "the old secret does not sign for the new destination"
    );
    let back = json!({ "endpoint": { "url": old.url(), "secret": "another text of 31 characters !",
        "addHeaders": { "X-Two": ["c"] } } });
    let report = gateway.call_ok(key, "PATCH", &path, &back);
    assert_eq!(report["endpoint"]["secret"], "********", "a given secret is masked");
    gateway.post_event("thing.made", "3");
    let got = old.wait_for(2).remove(1);
    assert_eq!((got.header("authorization"), got.header("x-two")), (None, Some("c")));
    assert!(signs(&got, "another text of 31 characters !"), "no earlier secret signs too");
}
