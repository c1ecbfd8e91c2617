//! What is written of a request, in the shape that the listener's documentation prints.

use std::fmt;

use super::body::parse_as;
use super::decide::Decision;
use super::redact::HIDDEN;
use super::request::{Parts, Request};
use super::{Listener, Outcome};
use crate::engine::{OwnedValue, Value};
use crate::value::OwnedObject;

/// What is written of a request: redacted, and without the reasons, which stand beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct Log {
    /// The request without its body, or with it, where it cannot stand apart.
    pub entry: OwnedValue,
    /// The body as it was sent, where nothing in it is left out by its path: it says everything,
    /// and [`whole_log`] puts it back.
    pub body: Option<String>,
    /// Whether the body is the sender's to the letter, and JSON.
    pub verbatim_json: bool,
}

/// As it is shown: one JSON object with everything in it.
impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.entry.to_string();
        let mut whole = serde_json::from_str(&entry).unwrap_or(serde_json::Value::Null);
        whole_log(&mut whole, self.body.as_deref());
        whole.fmt(f)
    }
}

/// The log of a request.
pub fn log_entry(listener: &Listener, request: &Request<'_>, decision: &Decision) -> Log {
    let text = |text: &str| OwnedValue::Text(text.into());
    let redaction = &listener.redaction;
    let parts = &decision.parts;
    let (query, _) = redaction.value("query_params", parts.query().borrow());
    let metadata = object(vec![
        ("request_id", text(request.id)),
        ("listener_id", text(&listener.id)),
        ("listener_name", text(&listener.name)),
    ]);
    let mut entries = vec![
        ("error_message", text(&redaction.text(&error_message(decision)))),
        ("headers", object(vec![("map", headers(listener, parts.headers().borrow()))])),
        ("http_method", text(request.method)),
        ("listener_metadata", metadata),
        ("query_params", query),
        ("received_at", text(parts.received_at())),
    ];
    if let Some(sent) = apart(listener, request) {
        let body = redaction.text(sent).into_owned();
        let verbatim_json = parts.body.is_json && body == sent;
        return Log { entry: object(entries), body: Some(body), verbatim_json };
    }
    let whole = Parts::whole_body(request);
    let (body, hidden) = redaction.value("parsed_body", whole.borrow());
    // What could not be parsed may hold what a path leaves out, at a place that nobody found.
    let unread = matches!(whole, OwnedValue::Null)
        && !request.raw_body.is_empty()
        && redaction.hides_below("parsed_body");
    entries.push(("parsed_body", body));
    entries.push(("raw_body", text(&raw_body(listener, request, hidden || unread))));
    Log { entry: object(entries), body: None, verbatim_json: false }
}

/// The body, where it is a text as it was sent and no path of it is left out.
fn apart<'a>(listener: &Listener, request: &Request<'a>) -> Option<&'a str> {
    let as_sent = request.raw_body == request.unpacked;
    let shown = as_sent && !listener.redaction.hides_below("parsed_body");
    std::str::from_utf8(request.raw_body).ok().filter(|_| shown)
}

/// A stored log with the body that was stored apart, raw and parsed.
pub fn whole_log(log: &mut serde_json::Value, body: Option<&str>) {
    let (Some(log), Some(body)) = (log.as_object_mut(), body) else {
        return;
    };
    let headers = log.get("headers").and_then(|headers| headers.get("map")?.as_object());
    let kind = headers.into_iter().flatten();
    let kind = kind.filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let kind = kind.map(|(_, value)| value).next().and_then(serde_json::Value::as_str);
    let parsed = parse_as(kind, body.as_bytes()).to_string();
    let parsed = serde_json::from_str(&parsed).unwrap_or(serde_json::Value::Null);
    log.insert("parsed_body".to_owned(), parsed);
    log.insert("raw_body".to_owned(), body.into());
}

fn object(entries: Vec<(&str, OwnedValue)>) -> OwnedValue {
    let entries = entries.into_iter().map(|(key, value)| (key.into(), value)).collect();
    OwnedValue::Object(OwnedObject::new(entries).0)
}

/// What stopped the request, in one line; empty where nothing did.
fn error_message(decision: &Decision) -> String {
    let fine = [Outcome::Accepted, Outcome::Challenged, Outcome::Filtered, Outcome::Duplicate];
    if fine.contains(&decision.outcome) {
        return String::new();
    }
    let passed = |finding| finding == super::Finding::Passed;
    let told = decision.reasons.iter().filter(|one| one.enforced && !passed(one.finding));
    told.map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn headers(listener: &Listener, headers: Value<'_>) -> OwnedValue {
    let (shown, _) = listener.redaction.value("headers", headers);
    let OwnedValue::Object(shown) = shown else {
        return shown;
    };
    let mut entries = shown.into_entries();
    for (name, value) in &mut entries {
        if listener.redaction.hides_header(name) {
            *value = OwnedValue::Text(HIDDEN.into());
        }
    }
    OwnedValue::Object(OwnedObject::new(entries).0)
}

/// The body as it was sent. Where a path of it is not shown, or could not be found, none of it is.
fn raw_body(listener: &Listener, request: &Request<'_>, hidden: bool) -> String {
    match std::str::from_utf8(request.raw_body) {
        _ if hidden => HIDDEN.to_owned(),
        Ok(text) => listener.redaction.text(text).into_owned(),
        Err(_) => format!("<{} bytes>", request.raw_body.len()),
    }
}
