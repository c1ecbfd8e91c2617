//! Bodies: what a content type makes of bytes.

use super::request::Request;
use crate::engine::OwnedValue;
use crate::value::{JsonError, OwnedObject, Projection, read_json, read_json_part};

/// A body that was looked at.
#[derive(Debug)]
pub(super) struct Body {
    /// What rules read as `parsed_body`; null where there is nothing to parse, or it does not.
    pub parsed: OwnedValue,
    /// Whether it was JSON.
    pub(super) is_json: bool,
    /// Why a body that is declared as JSON is none.
    pub malformed: Option<JsonError>,
}

/// What a content type says of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It is JSON: what does not parse is an error.
    Json,
    /// It may be JSON: many senders declare text, or nothing.
    Perhaps,
    /// Keys and values, as a web form sends them.
    Form,
    /// Something that is not parsed.
    Other,
}

/// Parses the body as its content type says. Of JSON, only what is wanted is built.
pub(super) fn parse(request: &Request<'_>, wanted: &Projection) -> Body {
    parsed(request.header("content-type"), request.unpacked, wanted)
}

fn parsed(content_type: Option<&str>, bytes: &[u8], wanted: &Projection) -> Body {
    let none = Body { parsed: OwnedValue::Null, is_json: false, malformed: None };
    let json = |parsed| Body { parsed, is_json: true, malformed: None };
    match kind(content_type) {
        Kind::Other => none,
        Kind::Form => Body { parsed: with_payload(form(bytes)), ..none },
        _ if bytes.is_empty() => none,
        Kind::Perhaps => read_json_part(bytes, wanted).map_or(none, json),
        Kind::Json => match read_json_part(bytes, wanted) {
            Ok(parsed) => json(parsed),
            Err(error) => Body { malformed: Some(error), ..none },
        },
    }
}

/// What a content type makes of a body, where that is anything.
pub(super) fn parse_as(content_type: Option<&str>, bytes: &[u8]) -> OwnedValue {
    parsed(content_type, bytes, &Projection::whole()).parsed
}

/// The kind that a `Content-Type` means: its parameters do not count, nor does its case.
fn kind(content_type: Option<&str>) -> Kind {
    let Some(declared) = content_type else {
        return Kind::Perhaps;
    };
    let essence = declared.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/json" => Kind::Json,
        "application/x-www-form-urlencoded" => Kind::Form,
        "" => Kind::Perhaps,
        text if text.ends_with("+json") => Kind::Json,
        text if text.starts_with("text/") => Kind::Perhaps,
        _ => Kind::Other,
    }
}

/// A form, or a query, as an object: a key that is repeated has a list.
pub(super) fn form(bytes: &[u8]) -> OwnedValue {
    let mut entries: Vec<(Box<str>, Vec<OwnedValue>)> = Vec::new();
    let mut places = std::collections::HashMap::new();
    for (key, value) in form_urlencoded::parse(bytes) {
        let at = *places.entry(key.clone()).or_insert_with(|| {
            entries.push((key.into(), Vec::new()));
            entries.len() - 1
        });
        if let Some((_, values)) = entries.get_mut(at) {
            values.push(OwnedValue::Text(value.into()));
        }
    }
    let entries = entries.into_iter().map(|(key, mut values)| {
        let only = if values.len() == 1 { values.pop() } else { None };
        (key, only.unwrap_or(OwnedValue::List(values)))
    });
    OwnedValue::Object(OwnedObject::new(entries.collect()).0)
}

/// Slack and others send JSON in a form's field `payload`: rules read what is in it.
fn with_payload(form: OwnedValue) -> OwnedValue {
    let OwnedValue::Object(object) = &form else {
        return form;
    };
    let Some(OwnedValue::Text(payload)) = object.get("payload") else {
        return form;
    };
    let Ok(parsed) = read_json(payload.as_bytes()) else {
        return form;
    };
    let entries = object.iter().map(|(key, value)| match &**key {
        "payload" => (key.clone(), parsed.clone()),
        _ => (key.clone(), value.clone()),
    });
    OwnedValue::Object(OwnedObject::new(entries.collect()).0)
}
