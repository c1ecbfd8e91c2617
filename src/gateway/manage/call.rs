//! One call of an operation: its input, its answer and its faults. Knows no operation.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response as HttpResponse;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::budget::AnswerReservation;
use super::caller::Caller;
use super::fault::Fault;
use super::form::Form;
use crate::gateway::app::App;
use crate::gateway::http::body::Incoming;

/// A call from an authorised caller.
pub(super) struct Call {
    /// The form of the body, if the operation has one.
    pub form: Option<&'static Form>,
    pub app: Arc<App>,
    pub caller: Caller,
    pub path: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Incoming,
}

/// The answer to a call.
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub content: Content,
}

/// The content of an answer.
pub(super) enum Content {
    /// A complete body. Its memory comes from the reservation of the call.
    Bytes(Vec<u8>),
    /// A body in parts that are produced later, each with its own reservation.
    Stream(Body),
}

impl Answer {
    /// Returns an answer with a JSON body.
    pub(super) fn json(value: &impl Serialize) -> Result<Self, Fault> {
        let text = serde_json::to_vec(value).map_err(|error| Fault::Server(error.to_string()))?;
        Ok(Self::bytes(200, "application/json", text))
    }

    /// Returns an answer with a text body of a content type.
    pub(super) fn text(status: u16, kind: &str, text: String) -> Self {
        Self::bytes(status, kind, text.into_bytes())
    }

    /// Returns an answer with a body of a content type.
    pub(super) fn bytes(status: u16, kind: &str, bytes: Vec<u8>) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Self { status, headers, content: Content::Bytes(bytes) }
    }

    /// Returns an answer without a body: 204.
    pub(super) fn done() -> Self {
        Self { status: 204, headers: Vec::new(), content: Content::Bytes(Vec::new()) }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// Converts the answer to HTTP. Its bytes keep the memory that they need of the reservation.
    pub(super) fn into_http(self, reservation: Option<AnswerReservation>) -> HttpResponse {
        let body = match (self.content, reservation) {
            (Content::Bytes(bytes), _) if bytes.is_empty() => Body::empty(),
            (Content::Bytes(bytes), Some(reservation)) => Body::from(reservation.hold(bytes)),
            (Content::Bytes(bytes), None) => Body::from(bytes),
            (Content::Stream(body), _) => body,
        };
        let mut response = HttpResponse::new(body);
        if let Ok(status) = hyper::StatusCode::from_u16(self.status) {
            *response.status_mut() = status;
        }
        let headers = response.headers_mut();
        headers.insert("x-content-type-options", HeaderValue::from_static("nosniff"));
        headers.insert("cache-control", HeaderValue::from_static("no-store"));
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

impl Call {
    /// Returns a parameter of the path.
    pub(super) fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// Returns a parameter of the query; the first if it is repeated.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Returns all values of a parameter, split at commas.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let given = self
            .query
            .iter()
            .filter(|(key, _)| key == name || key.strip_suffix("[]") == Some(name));
        let parts = given.flat_map(|(_, value)| value.split(','));
        parts.map(str::trim).filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
    }

    /// Returns a number from the query; `usual` if the parameter is missing.
    pub(super) fn number(
        &self,
        name: &str,
        usual: usize,
        range: std::ops::RangeInclusive<usize>,
    ) -> Result<usize, Fault> {
        let Some(text) = self.parameter(name) else {
            return Ok(usual);
        };
        text.parse().ok().filter(|number| range.contains(number)).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            Fault::parameter(name, format!("has to be a whole number from {least} to {most}"))
        })
    }

    /// Returns a boolean from the query.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.parameter(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Fault::parameter(name, "has to be `true` or `false`")),
        }
    }

    /// Parses the body as the form of the operation.
    pub(super) fn form<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let form =
            self.form.ok_or_else(|| Fault::Server("the operation has no form".to_owned()))?;
        let value = form.parse(self.body.unpacked())?;
        serde_json::from_value(value).map_err(|error| Fault::Model(error.to_string()))
    }

    /// Returns the `Link` value (RFC 8288) of the next page: the same query with another offset.
    pub(super) fn next_page(&self, offset: usize) -> String {
        let others = self.query.iter().filter(|(name, _)| name != "offset");
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("offset", &offset.to_string())
            .extend_pairs(others)
            .finish();
        format!("<?{query}>; rel=\"next\"")
    }
}
