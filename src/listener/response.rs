//! Responses to senders, built from programs of the listener. Knows no sockets.

use crate::engine::{Context, Machine, Program, Value};

/// A response to a sender.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The configuration of a response.
#[derive(Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(Box<str>, Program)>,
    pub(super) body: Option<Program>,
}

impl Response {
    /// Creates a JSON response.
    pub fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::written(status, body.to_string())
    }

    /// Creates a response from serialized JSON.
    pub(super) fn written(status: u16, json: impl Into<String>) -> Self {
        let headers = vec![content_type("application/json")];
        Self { status, headers, body: json.into().into_bytes() }
    }

    /// Creates a response without a body.
    pub fn empty(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Returns a header. Names are case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Sets a header and replaces an existing one.
    pub fn set_header(&mut self, name: &str, value: String) {
        self.headers.retain(|(key, _)| !key.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value));
    }
}

fn content_type(value: &str) -> (String, String) {
    ("Content-Type".to_owned(), value.to_owned())
}

impl Reply {
    /// Returns the programs of the response.
    pub(super) fn programs(&self) -> impl Iterator<Item = &Program> {
        self.headers.iter().map(|(_, program)| program).chain(&self.body)
    }

    /// Builds the response to a request.
    pub(super) fn make(
        &self,
        machine: &mut Machine,
        context: &Context<'_>,
    ) -> Result<Response, String> {
        let mut response = Response::empty(self.status);
        if let Some(body) = &self.body {
            let value = machine.eval(body, context).map_err(|trap| trap.place_in(body))?;
            set_body(&mut response, value)?;
        }
        for (name, program) in &self.headers {
            let value = machine.eval(program, context).map_err(|trap| trap.place_in(program))?;
            if let Some(value) = header_value(name, value)? {
                response.set_header(name, value);
            }
        }
        refuse_html(&mut response);
        Ok(response)
    }
}

/// Sets the body. A string is sent unchanged. A structured value is sent as JSON, so that data of
/// the sender stays inside its quotes.
fn set_body(response: &mut Response, value: Value<'_>) -> Result<(), String> {
    let (kind, body) = match value {
        Value::Null => return Ok(()),
        Value::Text(text) | Value::Encoded(text) => {
            ("text/plain; charset=utf-8", text.as_bytes().to_vec())
        }
        Value::Bytes(bytes) => ("application/octet-stream", bytes.to_vec()),
        other => ("application/json", other.to_string().into_bytes()),
    };
    response.headers.push(content_type(kind));
    response.body = body;
    Ok(())
}

fn header_value(name: &str, value: Value<'_>) -> Result<Option<String>, String> {
    let text = match value {
        Value::Null => return Ok(None),
        Value::Number(number) => number.to_string(),
        Value::BigNumber(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        other => match other.as_text() {
            Some(text) => text.to_owned(),
            None => return Err(format!("the header `{name}` is {}", other.kind().phrase())),
        },
    };
    // A line break would end the header and start another one that the sender controls.
    if text.chars().any(|c| c.is_control() && c != '\t') {
        return Err(format!("the header `{name}` would have a control character in it"));
    }
    Ok(Some(text))
}

/// Prevents that data of the sender is rendered as HTML.
fn refuse_html(response: &mut Response) {
    // Clients use the last of several types and skip invalid ones.
    let is_html = |value: &str| {
        let pages = ["text/html", "application/xhtml+xml", "image/svg+xml"];
        value
            .split([';', ','])
            .any(|part| pages.iter().any(|page| part.trim().eq_ignore_ascii_case(page)))
    };
    if response.header("content-type").is_some_and(is_html) {
        response.set_header("Content-Type", "text/plain; charset=utf-8".to_owned());
    }
}
