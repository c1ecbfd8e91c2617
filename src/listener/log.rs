//! What is written of a request, in the shape that the listener's documentation prints.

use super::decide::Decision;
use super::redact::HIDDEN;
use super::request::Request;
use super::{Listener, Outcome};
use crate::engine::{OwnedValue, Value};
use crate::value::OwnedObject;

/// The log of a request: redacted, and without the reasons, which stand beside it.
pub fn log_entry(listener: &Listener, request: &Request<'_>, decision: &Decision) -> OwnedValue {
    let text = |text: &str| OwnedValue::Text(text.into());
    let redaction = &listener.redaction;
    let parts = &decision.parts;
    let (body, hidden) = redaction.value("parsed_body", parts.parsed_body().borrow());
    let (query, _) = redaction.value("query_params", parts.query().borrow());
    let metadata = object(vec![
        ("request_id", text(request.id)),
        ("listener_id", text(&listener.id)),
        ("listener_name", text(&listener.name)),
    ]);
    object(vec![
        ("error_message", text(&redaction.text(&error_message(decision)))),
        ("headers", object(vec![("map", headers(listener, parts.headers().borrow()))])),
        ("http_method", text(request.method)),
        ("listener_metadata", metadata),
        ("parsed_body", body),
        ("query_params", query),
        ("raw_body", text(&raw_body(listener, request, hidden))),
        ("received_at", text(parts.received_at())),
    ])
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
    let entries = shown.iter().map(|(name, value)| {
        let hidden = listener.redaction.hides_header(name);
        (name.clone(), if hidden { OwnedValue::Text(HIDDEN.into()) } else { value.clone() })
    });
    OwnedValue::Object(OwnedObject::new(entries.collect()).0)
}

/// The body as it was sent. Where a path of it is not shown, none of it is.
fn raw_body(listener: &Listener, request: &Request<'_>, hidden: bool) -> String {
    if hidden {
        return HIDDEN.to_owned();
    }
    match std::str::from_utf8(request.raw_body) {
        Ok(text) => listener.redaction.text(text),
        Err(_) => format!("<{} bytes>", request.raw_body.len()),
    }
}
