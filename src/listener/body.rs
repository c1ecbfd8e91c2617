//! Parsing of bodies by their content type. Knows no listeners.

use crate::engine::OwnedValue;
use crate::value::{JsonError, OwnedObject, Projection, RepeatedKeys, read_json, read_json_part};

/// Maximum number of fields of a form.
pub(super) const MAX_FORM_FIELDS: usize = 10_000;

/// A parsed body.
#[derive(Debug)]
pub(super) struct Body {
    /// The value of `parsed_body`. Null if there is nothing to parse or the body is not valid.
    pub parsed: OwnedValue,
    /// True if the body was parsed as JSON.
    pub(super) is_json: bool,
    /// The error of a body that is not what its content type declares.
    pub malformed: Option<Malformed>,
}

/// The error of a body that cannot be parsed.
#[derive(Debug)]
pub(super) enum Malformed {
    /// A body that is declared as JSON but is not valid JSON.
    Json(JsonError),
    /// A form with more than `MAX_FORM_FIELDS` fields.
    TooManyFields,
}

/// The format that a content type declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// JSON. An invalid body is an error.
    Json,
    /// Possibly JSON: many senders declare text, or no content type.
    Perhaps,
    /// A web form of keys and values.
    Form,
    /// A format that is not parsed.
    Other,
}

/// Parses the body by its content type. Builds only the wanted parts of a JSON body.
pub(super) fn parse(content_type: Option<&str>, bytes: &[u8], wanted: &Projection) -> Body {
    let none = Body { parsed: OwnedValue::Null, is_json: false, malformed: None };
    let json = |parsed| Body { parsed, is_json: true, malformed: None };
    match kind(content_type) {
        Kind::Other => none,
        Kind::Form => match form(bytes) {
            Some(form) => Body { parsed: with_payload(form), ..none },
            None => Body { malformed: Some(Malformed::TooManyFields), ..none },
        },
        _ if bytes.is_empty() => none,
        Kind::Perhaps => read_json_part(bytes, wanted, RepeatedKeys::Refuse).map_or(none, json),
        Kind::Json => match read_json_part(bytes, wanted, RepeatedKeys::Refuse) {
            Ok(parsed) => json(parsed),
            Err(error) => Body { malformed: Some(Malformed::Json(error)), ..none },
        },
    }
}

/// Parses a body by its content type. Returns null if there is nothing to parse.
pub(super) fn parse_as(content_type: Option<&str>, bytes: &[u8]) -> OwnedValue {
    parse(content_type, bytes, &Projection::whole()).parsed
}

/// Returns the format of a `Content-Type`. Ignores its parameters and its case.
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

/// Parses a form or a query to an object. The value of a repeated key is a list.
///
/// Returns `None` for more than `MAX_FORM_FIELDS` fields: each field costs far more memory than its
/// bytes, before the sender is verified.
pub(super) fn form(bytes: &[u8]) -> Option<OwnedValue> {
    if memchr::memchr_iter(b'&', bytes).count() >= MAX_FORM_FIELDS {
        return None;
    }
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
    Some(OwnedValue::Object(OwnedObject::new(entries.collect()).0))
}

/// Parses JSON in the form field `payload`, which Slack and others send, so that rules can read its
/// content.
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

#[cfg(test)]
mod tests {
    use super::{MAX_FORM_FIELDS, form};
    use crate::engine::OwnedValue;

    #[test]
    fn a_form_with_too_many_fields_is_not_parsed() {
        let fields = |count: usize| vec!["a=1"; count].join("&");
        assert!(matches!(form(fields(MAX_FORM_FIELDS).as_bytes()), Some(OwnedValue::Object(_))));
        assert!(form(fields(MAX_FORM_FIELDS + 1).as_bytes()).is_none());
    }
}
