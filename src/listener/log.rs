//! The log entry of a request, in the format that the listener's documentation shows. Knows no log
//! files and no store.

use std::borrow::Cow;
use std::fmt;

use super::Listener;
use super::body::parse_as;
use super::decide::Decision;
use super::redact::{HIDDEN, NOT_SHOWN, Secret};
use super::request::Request;
use crate::engine::{OwnedValue, Value};
use crate::value::{JsonError, Number, Projection, RepeatedKeys, read_json_part};

/// The redacted log of a request, without the reasons, which are stored separately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The request as a JSON object. Contains the body only if the body cannot be stored
    /// separately.
    pub entry: String,
    /// The body, if no path of it is redacted. Known secrets in it are redacted. [`whole_log`] puts
    /// it back into the entry.
    pub body: Option<String>,
    /// True if the body is JSON and unchanged by redaction.
    pub verbatim_json: bool,
}

/// Formats the complete log as one JSON object.
impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut whole = read_log(&self.entry).unwrap_or(serde_json::Value::Null);
        whole_log(&mut whole, self.body.as_deref());
        whole.fmt(f)
    }
}

/// Builds the log of a request.
pub fn log_entry(listener: &Listener, request: &Request<'_>, decision: &Decision) -> Log {
    let apart = apart(listener, request);
    let entry = |secrets| Entry { listener, request, decision, secrets }.json(apart.is_none());
    // Almost no request contains a secret, so the whole entry is searched once.
    let mut json = entry(Secret::LookedForLater);
    if listener.redaction.is_in(&json) {
        json = entry(Secret::LeftOut);
    }
    let body = apart.map(|sent| listener.redaction.text(sent));
    let verbatim_json = decision.parts.body.as_sent && matches!(body, Some(Cow::Borrowed(_)));
    Log { entry: json, body: body.map(Cow::into_owned), verbatim_json }
}

/// The data for the JSON of a log entry.
struct Entry<'e> {
    listener: &'e Listener,
    request: &'e Request<'e>,
    decision: &'e Decision,
    secrets: Secret,
}

impl Entry<'_> {
    fn json(&self, with_body: bool) -> String {
        let Self { listener, request, decision, .. } = self;
        let parts = &decision.parts;
        let mut out = String::with_capacity(INITIAL_CAPACITY);
        let out = &mut out;
        self.text(out, "{\"error_message\":", &error_message(decision));
        out.push_str(",\"headers\":{\"map\":");
        self.value(out, "headers", parts.headers().borrow());
        self.text(out, "},\"http_method\":", request.method);
        self.text(out, ",\"listener_metadata\":{\"request_id\":", request.id);
        self.text(out, ",\"listener_id\":", &listener.id);
        self.text(out, ",\"listener_name\":", &listener.name);
        out.push_str("},\"query_params\":");
        self.value(out, "query_params", parts.query().borrow());
        self.text(out, ",\"received_at\":", parts.received_at());
        if with_body {
            self.body(out);
        }
        out.push('}');
        std::mem::take(out)
    }

    fn body(&self, out: &mut String) {
        let request = self.request;
        let kind = request.header("content-type");
        let whole = self.listener.body.without_files(kind, request.unpacked);
        out.push_str(",\"parsed_body\":");
        let before = out.len();
        let mut hidden = self.value(out, "parsed_body", whole.borrow());
        // A body in another format than the paths expect may contain redacted values at an
        // unexpected position, even in the name of a form field.
        if !hidden && !request.raw_body.is_empty() && self.is_in_another_form(whole.borrow()) {
            hidden = true;
            if !matches!(whole, OwnedValue::Null) {
                out.truncate(before);
                self.value(out, "", Value::Text(HIDDEN));
            }
        }
        self.text(out, ",\"raw_body\":", &raw_body(request, hidden));
    }

    /// Returns true if the redaction paths were written for another format than this body has.
    fn is_in_another_form(&self, body: Value<'_>) -> bool {
        let redaction = &self.listener.redaction;
        redaction.hides_below("parsed_body")
            && (!self.decision.parts.body.is_json() || redaction.misses("parsed_body", body))
    }

    fn value(&self, out: &mut String, root: &str, value: Value<'_>) -> bool {
        self.listener.redaction.write(out, root, value, self.secrets)
    }

    fn text(&self, out: &mut String, before: &str, text: &str) {
        out.push_str(before);
        self.value(out, "", Value::Text(text));
    }
}

/// Initial capacity of a log entry, in bytes. Most logs without their bodies are shorter.
const INITIAL_CAPACITY: usize = 1024;

/// Returns the body if it is text without content encoding and no path of it is redacted.
fn apart<'a>(listener: &Listener, request: &Request<'a>) -> Option<&'a str> {
    let as_sent = request.raw_body == request.unpacked;
    let shown = as_sent && !listener.redaction.hides_below("parsed_body");
    std::str::from_utf8(request.raw_body).ok().filter(|_| shown)
}

/// Reads the stored log of a request.
///
/// # Errors
/// Returns an error if it is not JSON: the store is damaged.
pub fn read_log(log: &str) -> Result<serde_json::Value, JsonError> {
    read_json_part(log.as_bytes(), &Projection::whole(), RepeatedKeys::LastCounts)
        .map(|log| shown(log.borrow()))
}

/// Returns a value for people. Numbers that JSON libraries would round are strings with their
/// digits.
fn shown(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => value.into(),
        Value::Number(Number::Int(number)) => number.into(),
        Value::Number(Number::Big(number)) => number.into(),
        Value::Number(Number::Decimal(number)) => number.into(),
        Value::BigNumber(number) => number.as_str().into(),
        Value::Opaque(_) => NOT_SHOWN.into(),
        Value::List(list) => list.iter().map(shown).collect(),
        Value::Object(object) => {
            object.iter().map(|(key, value)| (key.to_owned(), shown(value))).collect()
        }
        other => match other.as_text() {
            Some(text) => text.into(),
            None => other.to_string().into(),
        },
    }
}

/// Adds a separately stored body to a stored log, raw and parsed.
pub fn whole_log(log: &mut serde_json::Value, body: Option<&str>) {
    let (Some(log), Some(body)) = (log.as_object_mut(), body) else {
        return;
    };
    let headers = log.get("headers").and_then(|headers| headers.get("map")?.as_object());
    let kind = headers.into_iter().flatten();
    let kind = kind.filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let kind = kind.map(|(_, value)| value).next().and_then(serde_json::Value::as_str);
    let parsed = parse_as(kind, body.as_bytes());
    log.insert("parsed_body".to_owned(), shown(parsed.borrow()));
    log.insert("raw_body".to_owned(), body.into());
}

/// Returns the reasons that stopped the request in one line. Empty if the request was not stopped.
fn error_message(decision: &Decision) -> String {
    if !decision.outcome.is_rejected() {
        return String::new();
    }
    let passed = |code| code == super::ReasonCode::Passed;
    let told = decision.reasons.iter().filter(|one| one.enforced && !passed(one.code));
    told.map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Returns the body as sent. Returns a placeholder if a path of the body is redacted or could not
/// be found.
fn raw_body<'r>(request: &Request<'r>, hidden: bool) -> Cow<'r, str> {
    match std::str::from_utf8(request.raw_body) {
        _ if hidden => Cow::Borrowed(HIDDEN),
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::Owned(format!("<{} bytes>", request.raw_body.len())),
    }
}
