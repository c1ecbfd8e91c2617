//! Bodies as documents: JSON, and forms with the JSON in their fields.

use form_urlencoded::{byte_serialize, parse};
use serde_json::{Map, Value};

/// The format of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Form,
    /// `multipart/form-data` with its delimiter: two hyphens and the boundary.
    Multipart(String),
}

/// Returns a body as a document, and its format. The fields of a form are the members of an object.
pub(super) fn read(body: &[u8]) -> Option<(Value, Format)> {
    if let Ok(document) = serde_json::from_slice(body) {
        return Some((document, Format::Json));
    }
    if body.starts_with(b"--") {
        return multipart(std::str::from_utf8(body).ok()?);
    }
    let is_form = body.contains(&b'=') && body.iter().all(u8::is_ascii_graphic);
    let fields = parse(body).map(|(name, text)| (name.into_owned(), field(&text)));
    (is_form && !body.starts_with(b"<")).then(|| (Value::Object(fields.collect()), Format::Form))
}

fn multipart(body: &str) -> Option<(Value, Format)> {
    let delimiter = body.lines().next()?;
    let mut fields = Map::new();
    for part in body.split(delimiter) {
        let Some((head, text)) = part.split_once("\r\n\r\n") else { continue };
        let name = head.split("name=\"").nth(1)?.split('"').next()?;
        fields.insert(name.to_owned(), field(text.strip_suffix("\r\n")?));
    }
    Some((Value::Object(fields), Format::Multipart(delimiter.to_owned())))
}

/// Returns the value of a field: an object if it has JSON, else a string.
fn field(text: &str) -> Value {
    let json = serde_json::from_str(text).ok().filter(Value::is_object);
    json.unwrap_or_else(|| text.into())
}

/// Returns the text of a field. `None` if the field is missing.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

impl Format {
    /// Returns the body of a document.
    pub(super) fn write(&self, document: &Value) -> Vec<u8> {
        let fields = document.as_object().into_iter().flatten();
        let fields = fields.filter_map(|(name, value)| Some((name, text(value)?)));
        let body = match self {
            Self::Json => document.to_string(),
            Self::Form => {
                let pairs =
                    fields.map(|(name, text)| format!("{}={}", escaped(name), escaped(&text)));
                pairs.collect::<Vec<_>>().join("&")
            }
            Self::Multipart(delimiter) => {
                let parts = fields.map(|(name, text)| {
                    let head = format!("Content-Disposition: form-data; name=\"{name}\"");
                    format!("{delimiter}\r\n{head}\r\n\r\n{text}\r\n")
                });
                format!("{}{delimiter}--\r\n", parts.collect::<String>())
            }
        };
        body.into_bytes()
    }
}

/// Returns a text as it stands in a form.
pub(super) fn escaped(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}
