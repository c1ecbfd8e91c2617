//! A request as it arrived, and what programs read of it.

use std::fmt;
use std::net::IpAddr;

use super::body::{self, Body};
use crate::engine::{Context, OwnedValue, Time, Value};
use crate::value::{OwnedObject, Projection};

/// A request as it arrived; what arrived is borrowed.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Its id, which logs and events name.
    pub id: &'a str,
    /// The method: `POST`.
    pub method: &'a str,
    /// The public URL with its raw query, as it is configured and signed; never from `Host`.
    pub url: &'a str,
    /// The query as it was sent, without the `?`.
    pub raw_query: &'a str,
    /// The headers in their order; a repeated one stands several times.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body as it was sent, which is what senders sign.
    pub raw_body: &'a [u8],
    /// The body without its content encoding.
    pub unpacked: &'a [u8],
    /// The address it came from, behind the proxies that are trusted.
    pub remote_address: Option<IpAddr>,
    /// When it arrived.
    pub received_at: Time,
}

impl<'a> Request<'a> {
    /// A header by its name in any case: the first of that name.
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers_named(name).next()
    }

    /// A header by its name in any case; none where it is repeated.
    pub fn only_header(&self, name: &str) -> Option<&'a str> {
        let mut values = self.headers_named(name);
        values.next().filter(|_| values.next().is_none())
    }

    /// The values of a header by its name in any case.
    pub fn headers_named(&self, name: &str) -> impl Iterator<Item = &'a str> {
        let named = self.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| *value)
    }
}

/// What programs read of a request: its parts as values.
pub struct Parts {
    pub(super) headers: OwnedValue,
    pub(super) query: OwnedValue,
    pub(super) body: Body,
    remote_address: OwnedValue,
    received_at: Box<str>,
    metadata: OwnedValue,
}

/// Without what was sent, which may hold anything.
impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { received_at, metadata, .. } = self;
        f.debug_struct("Parts")
            .field("received_at", received_at)
            .field("metadata", metadata)
            .finish_non_exhaustive()
    }
}

/// Without what was sent, which may hold anything.
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
    /// Takes a request apart, for a listener of this id and name; of a body in JSON only what is
    /// wanted.
    pub fn of(request: &Request<'_>, listener: (&str, &str), wanted: &Projection) -> Self {
        let text = |text: &str| OwnedValue::Text(text.into());
        let (id, name) = listener;
        let metadata = vec![
            ("request_id".into(), text(request.id)),
            ("listener_id".into(), text(id)),
            ("listener_name".into(), text(name)),
        ];
        Self {
            headers: joined(request.headers),
            query: body::form(request.raw_query.as_bytes()),
            body: body::parse(request, wanted),
            remote_address: request
                .remote_address
                .map_or(OwnedValue::Null, |address| text(&address.to_string())),
            received_at: request.received_at.to_string().into(),
            metadata: OwnedValue::Object(OwnedObject::new(metadata).0),
        }
    }

    /// The context that a listener's programs run against.
    pub fn context<'a>(&'a self, request: &Request<'a>, vars: &'a OwnedValue) -> Context<'a> {
        let mut context = Context::new();
        context
            .set("parsed_body", &self.body.parsed)
            .set("headers", &self.headers)
            .set("query_params", &self.query)
            .set("raw_body", text_or_bytes(request.raw_body))
            .set("http_method", request.method)
            .set("received_at", &*self.received_at)
            .set("listener_metadata", &self.metadata)
            .set("url", request.url)
            .set("raw_query", request.raw_query)
            .set("remote_address", &self.remote_address)
            .set("vars", vars);
        context
    }

    /// Everything that was parsed of the body; null where there is nothing.
    pub fn whole_body(request: &Request<'_>) -> OwnedValue {
        body::parse(request, &Projection::whole()).parsed
    }

    /// What was wanted of the parsed body; null where there is none.
    pub fn parsed_body(&self) -> &OwnedValue {
        &self.body.parsed
    }

    /// The headers as one object, a repeated one joined.
    pub fn headers(&self) -> &OwnedValue {
        &self.headers
    }

    /// The query as an object.
    pub fn query(&self) -> &OwnedValue {
        &self.query
    }

    /// When the request arrived, as text.
    pub fn received_at(&self) -> &str {
        &self.received_at
    }
}

/// A body is text where it is UTF-8, so that rules can read it; hashing either hashes its bytes.
pub(super) fn text_or_bytes(bytes: &[u8]) -> Value<'_> {
    std::str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text)
}

/// The headers as an object. A repeated one is joined by `, `, as RFC 9110, section 5.3 has it.
fn joined(headers: &[(&str, &str)]) -> OwnedValue {
    let mut entries: Vec<(Box<str>, String)> = Vec::with_capacity(headers.len());
    for (name, value) in headers {
        match entries.iter_mut().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
            Some((_, known)) => {
                known.push_str(", ");
                known.push_str(value);
            }
            None => entries.push(((*name).into(), (*value).to_owned())),
        }
    }
    let entries =
        entries.into_iter().map(|(name, value)| (name, OwnedValue::Text(value.into()))).collect();
    OwnedValue::Object(OwnedObject::new(entries).0)
}
