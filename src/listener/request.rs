//! A received request, and the values that programs read from it. Knows no sockets.

use std::fmt;
use std::net::IpAddr;

use super::Listener;
use super::body::{Body, query};
use crate::engine::{Context, OwnedValue, Time, Value};
use crate::value::{OwnedObject, Projection};

/// A received request. Its data is borrowed.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// The id in logs and events.
    pub id: &'a str,
    /// The method: `POST`.
    pub method: &'a str,
    /// The public URL with its raw query, from the configuration, as senders sign it; never from
    /// `Host`.
    pub url: &'a str,
    /// The query as sent, without the `?`.
    pub raw_query: &'a str,
    /// The headers in order. A repeated header occurs several times.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body as sent. Senders sign this form.
    pub raw_body: &'a [u8],
    /// The body without its content encoding.
    pub unpacked: &'a [u8],
    /// The client address behind the trusted proxies.
    pub remote_address: Option<IpAddr>,
    /// The time of receipt.
    pub received_at: Time,
}

impl<'a> Request<'a> {
    /// Returns the path of the public URL, without the query: `/hook`.
    pub fn path(&self) -> &'a str {
        let (_, rest) = self.url.split_once("://").unwrap_or(("", self.url));
        let rest = rest.split(['?', '#']).next().unwrap_or("");
        rest.find('/').and_then(|at| rest.get(at..)).unwrap_or("/")
    }

    /// Returns the first header with a name. Names are case-insensitive.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers_named(name).next()
    }

    /// Returns the header with a name, or `None` if it is repeated. Names are case-insensitive.
    pub fn only_header(&self, name: &str) -> Option<&'a str> {
        let mut values = self.headers_named(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// Returns all values of a header. Names are case-insensitive.
    pub fn headers_named(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| *value)
    }
}

/// The parts of a request as values for programs.
pub struct Parts {
    pub(super) headers: OwnedValue,
    pub(super) query: OwnedValue,
    pub(super) body: Body,
    remote_address: OwnedValue,
    received_at: Box<str>,
    metadata: OwnedValue,
}

/// Omits the sent data, which may contain anything.
impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { received_at, metadata, .. } = self;
        f.debug_struct("Parts")
            .field("received_at", received_at)
            .field("metadata", metadata)
            .finish_non_exhaustive()
    }
}

/// Omits the sent data, which may contain anything.
impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, method, remote_address, received_at, .. } = self;
        f.debug_struct("Request")
            .field("id", id)
            .field("method", method)
            .field("remote_address", remote_address)
            .field("received_at", received_at)
            .finish_non_exhaustive()
    }
}

impl Parts {
    /// Parses a request for a listener. Builds only the wanted parts of a JSON body.
    pub(super) fn of(request: &Request<'_>, listener: &Listener, wanted: &Projection) -> Self {
        let text = |text: &str| OwnedValue::Text(text.into());
        let metadata = vec![
            ("request_id".into(), text(request.id)),
            ("listener_id".into(), text(&listener.id)),
            ("listener_name".into(), text(&listener.name)),
        ];
        Self {
            headers: joined(request.headers),
            // Null for too many fields: a rule that reads the query then does not hold.
            query: query(request.raw_query.as_bytes()).unwrap_or(OwnedValue::Null),
            body: listener.body.parse(request.header("content-type"), request.unpacked, wanted),
            remote_address: request
                .remote_address
                .map_or(OwnedValue::Null, |address| text(&address.to_string())),
            received_at: request.received_at.to_string().into(),
            metadata: OwnedValue::Object(OwnedObject::new(metadata).0),
        }
    }

    /// Returns the context in which the programs of a listener run.
    pub fn context<'a>(&'a self, request: &Request<'a>, vars: &'a OwnedValue) -> Context<'a> {
        let raw = text_or_bytes(request.raw_body);
        // Most bodies have no content encoding, and are looked through once.
        let is_packed = !std::ptr::eq(request.raw_body, request.unpacked);
        let decoded = if is_packed { text_or_bytes(request.unpacked) } else { raw };
        let mut context = Context::new();
        context
            .set("parsed_body", &self.body.parsed)
            .set("headers", &self.headers)
            .set("query_params", &self.query)
            .set("raw_body", raw)
            .set("decoded_body", decoded)
            .set("http_method", request.method)
            .set("received_at", &*self.received_at)
            .set("listener_metadata", &self.metadata)
            .set("url", request.url)
            .set("path", request.path())
            .set("raw_query", request.raw_query)
            .set("remote_address", &self.remote_address)
            .set("vars", vars);
        context
    }

    /// Returns the wanted parts of the parsed body. Null if they are missing.
    pub fn parsed_body(&self) -> &OwnedValue {
        &self.body.parsed
    }

    /// Returns the headers as an object. Repeated headers are joined.
    pub fn headers(&self) -> &OwnedValue {
        &self.headers
    }

    /// Returns the query as an object.
    pub fn query(&self) -> &OwnedValue {
        &self.query
    }

    /// Returns the time of receipt as text.
    pub fn received_at(&self) -> &str {
        &self.received_at
    }
}

/// Returns a body as a string if it is UTF-8, so that rules can read it, otherwise as bytes. Both
/// hash to the same digest.
pub(super) fn text_or_bytes(bytes: &[u8]) -> Value<'_> {
    std::str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text)
}

/// Converts headers to an object, with their names in lower case, in which HTTP/2 sends them. A
/// repeated header is joined by `, `, as in RFC 9110, section 5.3.
fn joined(headers: &[(&str, &str)]) -> OwnedValue {
    let mut entries: Vec<(Box<str>, String)> = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        match entries.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => {
                known.push_str(", ");
                known.push_str(value);
            }
            None => entries.push((name.to_ascii_lowercase().into(), (*value).to_owned())),
        }
    }
    let entries =
        entries.into_iter().map(|(name, value)| (name, OwnedValue::Text(value.into()))).collect();
    OwnedValue::Object(OwnedObject::new(entries).0)
}
