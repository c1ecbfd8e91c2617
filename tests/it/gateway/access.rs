//! Access control: a table of every API operation and every kind of key, and the visibility for a
//! key that is limited to listeners.

use std::path::Path;

use hookgate::gateway::store::{Key, KeyKind, KeyStore, Mode, Scope, SqliteOptions, SqliteStore};
use hookgate::gateway::{UnixMicros, make};
use serde_json::{Value, json};

use super::receiver::{Reaction, Receiver};
use super::running::{Answer, Gateway, LISTENER};
use super::store::run;
use super::subscribed::Subscribed;

const NOTHING: Value = Value::Null;
const OTHER: &str = "5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a11";
const KEYED: &str = "5b1f1f0c-8f6f-4e0b-9a53-0f8d0d2c7a12";
const FREE: &str = "[rate_limit]\nrequests = 100000\nburst = 100000\n\n";

/// An operation of the OpenAPI document, and its result for each kind of key.
struct Row {
    id: &'static str,
    path: &'static str,
    body: &'static str,
    /// The required permissions. Empty: every key except one that only sends.
    needs: &'static [&'static str],
    /// True if a key that is limited to listeners is accepted.
    limited: bool,
    /// The status for a key with the permission. Calls with effects name a missing object.
    open: u16,
    /// The status for a key that is limited to another listener.
    elsewhere: u16,
    /// The status for a key of another tenant.
    foreign: u16,
}

const fn row(id: &'static str, path: &'static str, needs: &'static [&'static str]) -> Row {
    Row { id, path, body: "", needs, limited: false, open: 200, elsewhere: 200, foreign: 403 }
}

const W: &str = "/event/acme/webhooks";
const A: &str = "/api/v1/webhooks";
const READ: &[&str] = &["workspace-manage-config:read"];
const WRITE: &[&str] = &["workspace-manage-config:write"];

/// Every operation: an operation without a row fails the test.
const ROWS: &[Row] = &[
    row("fetchWebhook", "/event/acme/webhooks/{webhook}", &["webhooks:read"]),
    row("fetchWebhooks", "/event/acme/webhooks/list", &["webhooks:read", "webhooks:list"]),
    Row { body: "{}", open: 400, ..row("createWebhook", W, &["webhooks:write"]) },
    Row {
        body: "{}",
        ..row("updateWebhook", "/event/acme/webhooks/{webhook}", &["webhooks:write"])
    },
    Row {
        open: 204,
        ..row("unsuspendWebhook", "/event/acme/webhooks/{webhook}/unsuspend", &["webhooks:write"])
    },
    Row { open: 404, ..row("deleteWebhook", "/event/acme/webhooks/{none}", &["webhooks:write"]) },
    Row {
        limited: true,
        open: 404,
        ..row(
            "fetchDivertedEvent",
            "/event/acme/webhooks/{webhook}/diverted/{none}",
            &["diverted-events:read"],
        )
    },
    Row {
        limited: true,
        ..row(
            "fetchMultipleDivertedEvents",
            "/event/acme/webhooks/{webhook}/diverted",
            &["diverted-events:read", "diverted-events:list"],
        )
    },
    Row {
        limited: true,
        open: 404,
        ..row(
            "resendDivertedEvent",
            "/event/acme/webhooks/{webhook}/diverted/{none}/resend",
            &["diverted-events:resend"],
        )
    },
    Row {
        limited: true,
        open: 404,
        ..row(
            "deleteDivertedEvent",
            "/event/acme/webhooks/{webhook}/diverted/{none}",
            &["diverted-events:delete"],
        )
    },
    Row {
        limited: true,
        elsewhere: 404,
        ..row("fetchEvent", "/event/acme/events/{event}", &["events:read"])
    },
    Row {
        limited: true,
        ..row("fetchEventsForARequest", "/event/acme/events/request/{request}", &["events:read"])
    },
    Row {
        limited: true,
        ..row("fetchMultipleEvents", "/event/acme/events/list", &["events:read", "events:list"])
    },
    Row { foreign: 200, ..row("GetWebhooks", A, READ) },
    Row { body: "{}", open: 400, foreign: 400, ..row("PostWebhook", A, WRITE) },
    Row {
        limited: true,
        foreign: 200,
        ..row("GetWebhookEventTypes", "/api/v1/webhooks/eventtypes", &[])
    },
    Row {
        limited: true,
        foreign: 200,
        ..row("GetSlackEventTypes", "/api/v1/webhooks/eventtypes/slack", &[])
    },
    Row { foreign: 404, ..row("GetWebhook", "/api/v1/webhooks/{awork}", READ) },
    Row {
        body: "{}",
        open: 400,
        foreign: 404,
        ..row("PutWebhook", "/api/v1/webhooks/{awork}", WRITE)
    },
    Row { open: 404, foreign: 404, ..row("DeleteWebhookConfig", "/api/v1/webhooks/{none}", WRITE) },
    Row {
        limited: true,
        foreign: 404,
        ..row("GetWebhookLogs", "/api/v1/webhooks/{awork}/logs", READ)
    },
    Row {
        limited: true,
        foreign: 200,
        ..row("streamEvents", "/events/stream", &["events:read", "events:list"])
    },
];

/// Creates keys in the store of a gateway.
struct Keys(SqliteStore);

impl Keys {
    fn of(folder: &Path) -> Self {
        let options = SqliteOptions::new(folder.join("hookgate.db"), Mode::Command);
        Self(SqliteStore::open(options).unwrap())
    }

    fn make(&self, scopes: &[&str], change: impl FnOnce(&mut Key)) -> String {
        let created = make().unwrap();
        let owned = scopes.iter().map(|scope| Scope::find(scope).unwrap()).collect();
        let mut key = Key {
            id: created.id.clone(),
            tenant: "acme".into(),
            kind: KeyKind::Api,
            hash: created.hash,
            scopes: owned,
            listeners: Vec::new(),
            label: String::new(),
            created_at: UnixMicros::new(1),
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        };
        change(&mut key);
        run(self.0.create_key(key)).unwrap();
        created.shown
    }

    fn key(&self, scopes: &[&str]) -> String {
        self.make(scopes, |_| {})
    }

    fn limited(&self, scopes: &[&str], listener: &str) -> String {
        self.make(scopes, |key| key.listeners = vec![listener.into()])
    }

    fn client(&self, scopes: &[&str]) -> String {
        self.make(scopes, |key| key.kind = KeyKind::OAuthClient)
    }
}

/// Returns the access token of a client.
fn token(gateway: &Gateway, secret: &str) -> String {
    let id = secret.split('_').nth(1).unwrap();
    let form = format!("grant_type=client_credentials&client_id={id}&client_secret={secret}");
    let kind = [("Content-Type", "application/x-www-form-urlencoded")];
    let answer = gateway.request("POST", "/oauth/v1/token", &kind, form.as_bytes());
    assert_eq!(answer.status, 200, "{}", answer.text());
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    answer["access_token"].as_str().unwrap().to_owned()
}

/// Three listeners of one tenant: two accept any request, one requires a credential.
fn three_listeners() -> Subscribed {
    let subscribed = Subscribed::new("");
    let listener = |id: &str, name: &str, more: &str| {
        let text = format!(
            "id = \"{id}\"\nname = \"{name}\"\ntenant = \"acme\"\n\n{FREE}{more}[event]\n\
             type = 'parsed_body.type'\ntypes = [\"{name}.made\"]\n"
        );
        subscribed.folder.write(&format!("listeners/{name}.toml"), &text);
    };
    listener(OTHER, "other", "");
    listener(KEYED, "keyed", "[[verify]]\nname = \"key\"\n[verify.credential]\n\n");
    subscribed.folder.stdout_of(&["tenants", "create", "globex"]);
    subscribed
}

fn send(gateway: &Gateway, listener: &str, id: &str) -> Answer {
    let body = json!({ "type": "thing.made", "id": id }).to_string();
    let kind = [("Content-Type", "application/json")];
    gateway.request("POST", &gateway.path(listener), &kind, body.as_bytes())
}

fn list(value: &Value, path: &str) -> Vec<Value> {
    value.pointer(path).unwrap().as_array().unwrap().clone()
}

/// Returns true if scopes include a permission. Independent of the tested code.
fn includes(scopes: &[&str], permission: &str) -> bool {
    let group = permission.split(':').next().unwrap();
    scopes.iter().any(|scope| [permission, group, "admin"].contains(scope))
}

/// Returns the OpenAPI document as methods by operation. Asserts that the rows agree with it.
fn methods(gateway: &Gateway) -> Vec<(String, String)> {
    let described = gateway.call_ok("", "GET", "/openapi.json", &NOTHING);
    let mut methods = Vec::new();
    for path in described["paths"].as_object().unwrap().values() {
        for (method, operation) in path.as_object().unwrap() {
            let Some(permissions) = operation.get("x-permissions") else {
                continue;
            };
            let id = operation["operationId"].as_str().unwrap();
            let row = ROWS.iter().find(|row| row.id == id);
            let row = row.unwrap_or_else(|| panic!("the table has no row for `{id}`"));
            assert_eq!(*permissions, json!(row.needs), "{id}");
            let limit = if row.limited { "applied" } else { "refused" };
            assert_eq!(operation["x-listener-limit"], limit, "{id}");
            methods.push((id.to_owned(), method.to_uppercase()));
        }
    }
    assert_eq!(methods.len(), ROWS.len(), "the table has rows of unknown operations");
    methods
}

#[test]
fn every_api_operation_enforces_the_scopes_of_its_table_row() {
    let subscribed = three_listeners();
    let keys = Keys::of(subscribed.folder.path());
    let gateway = subscribed.serve();
    let admin = &subscribed.key;
    let webhook = gateway.subscribe(admin, "https://example.com/", &json!({}));
    let form = json!({ "name": "n", "uri": "https://example.com/", "events": "thing.gone",
        "isActive": true, "authenticationType": "none" });
    let awork = gateway.call_ok(admin, "POST", A, &form)["id"].as_str().unwrap().to_owned();
    gateway.post_event("other", "1");
    let events = gateway.call_ok(admin, "GET", "/event/acme/events/list", &NOTHING);
    let event = events.pointer("/events/0/locator").unwrap().as_str().unwrap();
    let request = events.pointer("/events/0/requestId").unwrap().as_str().unwrap();
    let methods = methods(&gateway);
    let call = |row: &Row, key: &str| {
        let none = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        let path = [("webhook", &*webhook), ("awork", &awork), ("event", event), ("none", none)]
            .into_iter()
            .chain([("request", request)])
            .fold(row.path.to_owned(), |path, (name, id)| path.replace(&format!("{{{name}}}"), id));
        let method = &methods.iter().find(|(id, _)| id == row.id).unwrap().1;
        let headers = [("Authorization", format!("Bearer {key}"))];
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
        let body = row.body.as_bytes();
        super::running::exchange(gateway.management, method, &path, &headers, body).status
    };
    let denied = |row: &Row| if row.path.starts_with("/api/v1/") { 401 } else { 403 };
    let expired = keys.make(&["admin"], |key| key.expires_at = Some(UnixMicros::new(2)));
    let revoked = keys.make(&["admin"], |key| key.revoked_at = Some(UnixMicros::new(2)));
    let client = keys.client(&["admin"]);
    let foreign = keys.make(&["admin"], |key| key.tenant = "globex".into());
    let here = keys.limited(&["admin"], LISTENER);
    let shouted = keys.limited(&["admin"], &LISTENER.to_uppercase());
    let elsewhere = keys.limited(&["admin"], OTHER);
    let both = [keys.key(&["send", "events"]), token(&gateway, &keys.client(&["send", "events"]))];
    let forged = format!("{}x", token(&gateway, &client));
    let bad = ["", "hg_none_none", &expired, &revoked, &client, &forged];
    for row in ROWS {
        for (number, key) in bad.iter().enumerate() {
            assert_eq!(call(row, key), 401, "{} with bad key {number}", row.id);
        }
        let exact = if row.needs.is_empty() { &["webhooks:read"] } else { row.needs };
        assert_eq!(call(row, &keys.key(exact)), row.open, "{} with {exact:?}", row.id);
        assert_eq!(call(row, &foreign), row.foreign, "{} of another tenant", row.id);
        for (key, accepted) in
            [(&here, row.open), (&shouted, row.open), (&elsewhere, row.elsewhere)]
        {
            let accepted = if row.elsewhere == 200 { row.open } else { accepted };
            let wanted = if row.limited { accepted } else { denied(row) };
            assert_eq!(call(row, key), wanted, "{} limited to a listener", row.id);
        }
        for key in &both {
            let open = row.needs.iter().all(|needed| includes(&["send", "events"], needed));
            assert_eq!(call(row, key), if open { row.open } else { denied(row) }, "{}", row.id);
        }
    }
    for scope in Scope::ALL.iter().map(|scope| scope.name()) {
        let of_client = token(&gateway, &keys.client(&[scope]));
        for (kind, key) in [("key", keys.key(&[scope])), ("token", of_client)] {
            for row in ROWS {
                let needed = row.needs.iter().all(|needed| includes(&[scope], needed));
                let open = scope != "send" && needed;
                let wanted = if open { row.open } else { denied(row) };
                assert_eq!(call(row, &key), wanted, "{} with a {kind} for `{scope}`", row.id);
            }
        }
    }
}

#[test]
fn unknown_query_parameter_is_refused_with_the_known_parameters() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    for (id, method) in methods(&gateway) {
        let row = ROWS.iter().find(|row| row.id == id).unwrap();
        let path = format!("{}?bogus=1", row.path.replace(['{', '}'], ""));
        let answer = gateway.call(key, &method, &path, &json!({}));
        assert_eq!(answer.status, 400, "{id}: {}", answer.text());
        let message = answer.text();
        assert!(
            message.contains("bogus") && message.contains("is no parameter"),
            "{id}: {message}"
        );
    }
    for (path, hint) in [
        ("/events/stream?type=thing.made", "did you mean `types`?"),
        ("/event/acme/events/list?pagesize=1", "did you mean `pageSize`?"),
        ("/event/acme/webhooks/list?extend=true", "did you mean `extended`?"),
        ("/api/v1/webhooks?x=1", "`page`, `pageSize`, `orderby` or `filterby`"),
        ("/openapi.json?x=1", "this operation has none"),
    ] {
        let answer = gateway.call(key, "GET", path, &NOTHING);
        assert_eq!(answer.status, 400, "{path}: {}", answer.text());
        assert!(answer.text().contains(hint), "{path}: {}", answer.text());
    }
    // A list may have brackets, as many clients write them.
    let path = "/event/acme/webhooks/list?eventTypes[]=thing.made";
    assert_eq!(gateway.call(key, "GET", path, &NOTHING).status, 200);
}

#[test]
fn subscription_program_with_an_unknown_event_member_is_refused() {
    let subscribed = Subscribed::new("");
    let gateway = subscribed.serve();
    let key = &subscribed.key;
    for (member, program, hint) in [
        ("filter", "event.typ == \"a\"", "did you mean `type`?"),
        ("transform", "{ \"a\": event.dat.b }", "did you mean `data`?"),
    ] {
        let mut form = json!({
            "name": "test", "endpoint": { "url": "http://127.0.0.1:9/" }, "eventTypes": ["thing.made"],
        });
        form[member] = program.into();
        let answer = gateway.call(key, "POST", W, &form);
        assert_eq!(answer.status, 400, "{member}: {}", answer.text());
        assert!(
            answer.text().contains("W0102") && answer.text().contains(hint),
            "{}",
            answer.text()
        );
    }
    let path = "/events/stream?filter=event.locater%20!=%20NULL";
    let answer = gateway.call(key, "GET", path, &NOTHING);
    assert!(answer.text().contains("did you mean `locator`?"), "{}", answer.text());
}

#[test]
fn credential_verification_requires_the_scope_send() {
    let subscribed = three_listeners();
    let keys = Keys::of(subscribed.folder.path());
    let gateway = subscribed.serve();
    let notify = |key: &str| {
        let headers = [("Authorization", &*format!("Bearer {key}"))];
        gateway.request("POST", &gateway.path(KEYED), &headers, b"{}").status
    };
    for scope in Scope::ALL.iter().map(|scope| scope.name()) {
        let wanted = if ["send", "admin"].contains(&scope) { 200 } else { 401 };
        assert_eq!(notify(&keys.key(&[scope])), wanted, "{scope}");
        let client = keys.client(&[scope]);
        assert_eq!(notify(&token(&gateway, &client)), wanted, "a client with {scope}");
    }
    gateway.wait_for_log("missing_scope");
    for (listener, wanted) in [(KEYED, 200), (OTHER, 401)] {
        assert_eq!(notify(&keys.limited(&["events", "send"], listener)), wanted);
    }
    // Scopes are read at each use, and unreadable scopes give no access.
    let (key, client) = (keys.key(&["send"]), keys.client(&["send"]));
    let access = token(&gateway, &client);
    let connection =
        rusqlite::Connection::open(subscribed.folder.path().join("hookgate.db")).unwrap();
    for (column, text, wanted) in [
        ("scopes", "[\"events:read\"]", 401),
        ("scopes", "[\"send\",\"events:read\"]", 200),
        ("listeners", "nonsense", 503),
        ("listeners", "[]", 200),
        ("kind", "nonsense", 503),
    ] {
        connection.execute(&format!("UPDATE keys SET {column} = ?1"), [text]).unwrap();
        assert_eq!(notify(&key), wanted, "{column} = {text}");
        connection.execute("UPDATE keys SET kind = 'oauth'", []).unwrap();
        assert_eq!(notify(&access), if column == "kind" { 200 } else { wanted });
        connection.execute("UPDATE keys SET kind = 'api'", []).unwrap();
    }
}

#[test]
fn a_key_limited_to_listeners_sees_only_their_events() {
    let subscribed = three_listeners();
    let keys = Keys::of(subscribed.folder.path());
    let gateway = subscribed.serve();
    let admin = &subscribed.key;
    let receiver = Receiver::new(|_, _| Reaction::Answers(404, "", ""));
    let webhook = gateway.subscribe(admin, &receiver.url(), &json!({ "divert": true }));
    let form = json!({ "name": "n", "uri": receiver.url(), "events": "thing.made",
        "isActive": true, "authenticationType": "none" });
    let awork = gateway.call_ok(admin, "POST", A, &form)["id"].as_str().unwrap().to_owned();
    let diverted = format!("{W}/{webhook}/diverted");
    let logs = format!("{A}/{awork}/logs");
    let events = "/event/acme/events/list";
    for (listener, id) in [(LISTENER, "mine"), (OTHER, "theirs")] {
        assert_eq!(send(&gateway, listener, id).status, 200);
    }
    gateway.wait_until(admin, &diverted, |all| list(all, "").len() == 2);
    gateway.wait_until(admin, &logs, |all| list(all, "").len() == 2);
    let all = list(&gateway.call_ok(admin, "GET", events, &NOTHING), "/events");
    let theirs = all.iter().find(|event| event["data"]["id"] == "theirs").unwrap();
    let (event, request) = (theirs["locator"].as_str().unwrap(), &theirs["requestId"]);
    let key = keys.limited(&["admin"], LISTENER);
    let seen = |path: &str| gateway.call_ok(&key, "GET", path, &NOTHING);
    let mine = list(&seen(events), "/events");
    assert_eq!((mine.len(), &mine[0]["data"]["id"]), (1, &json!("mine")));
    let of_request = format!("/event/acme/events/request/{}", request.as_str().unwrap());
    assert_eq!(seen(&of_request), json!([]));
    let stored = list(&seen(&diverted), "");
    assert_eq!((stored.len(), &stored[0]["eventLocator"]), (1, &mine[0]["locator"]));
    for (method, path) in [
        ("GET", format!("/event/acme/events/{event}")),
        ("GET", format!("{diverted}/{event}")),
        ("POST", format!("{diverted}/{event}/resend")),
        ("DELETE", format!("{diverted}/{event}")),
    ] {
        assert_eq!(gateway.call(&key, method, &path, &NOTHING).status, 404, "{method} {path}");
    }
    let answer = gateway.call(&key, "GET", &logs, &NOTHING);
    assert_eq!(answer.header("aw-totalitems"), Some("1"));
    assert!(answer.text().contains("mine") && !answer.text().contains("theirs"));
    let filtered = format!("{logs}?filterby=isSuccessful%20eq%20false&orderby=createdOn");
    assert_eq!(list(&seen(&filtered), "").len(), 1);
    let types = seen("/api/v1/webhooks/eventtypes").to_string();
    assert!(types.contains("thing.made") && !types.contains("other.made"), "{types}");
    let stream = format!("/events/stream?subscription={webhook}");
    let refused = gateway.call(&key, "GET", &stream, &NOTHING);
    assert_eq!(refused.status, 403);
    assert!(refused.text().contains("limited to listeners"), "{}", refused.text());
    // From the first event on: events of other listeners are skipped without a message.
    let mut follower =
        super::stream::Follower::new(&gateway, &key, "?after=00000000000000000000000000", None);
    send(&gateway, OTHER, "theirs again");
    send(&gateway, LISTENER, "mine again");
    let ids = [follower.next(), follower.next()].map(|event| event.2["data"]["id"].clone());
    assert_eq!(ids, ["mine", "mine again"]);
}
