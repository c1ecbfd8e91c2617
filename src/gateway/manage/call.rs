//! One call of an operation: what was given, and what is answered.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response as HttpResponse;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::budget::Reservation;
use super::caller::Caller;
use crate::gateway::app::App;
use crate::gateway::http::body::Incoming;
use crate::gateway::store::StoreError;

/// A call, by someone who may.
pub(super) struct Call {
    pub app: Arc<App>,
    pub caller: Caller,
    pub path: Vec<(String, String)>,
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Incoming,
}

/// What is answered.
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub content: Content,
}

/// The content of an answer.
pub(super) enum Content {
    /// All of it, which takes the memory that was reserved for the call.
    Bytes(Vec<u8>),
    /// Parts that come later, each with the memory that it takes.
    Stream(Body),
}

/// Bytes of a message about what is wrong, and of the name of a member: what was sent must not
/// come back whole.
const MESSAGE_BYTES: usize = 512;

/// Members that an answer tells about.
const MEMBERS: usize = 20;

/// Why a call is not answered as it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// There is no key, or none that is good.
    #[error("a key that is known and good is needed: `Authorization: Bearer hg_…`")]
    Unauthenticated,
    /// The key does not allow it.
    #[error("{0}")]
    Forbidden(String),
    /// What is asked for is not there, or another tenant's.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// The body cannot be read.
    #[error("{0}")]
    Model(String),
    /// Members of the body are wrong.
    #[error("{}", .0.iter().map(|(property, wrong)| format!("{property}: {wrong}")).collect::<Vec<_>>().join("; "))]
    Members(Vec<(String, String)>),
    /// A filter or an order is none.
    #[error("{0}")]
    Filter(String),
    /// The body is too large, or comes too slowly.
    #[error("{1}")]
    Body(u16, &'static str),
    /// Someone else changed it at the same time, again and again.
    #[error("it was changed by someone else at the same time; try again")]
    Changed,
    /// The tenant has as much of something as it may.
    #[error("{0}")]
    Quota(String),
    /// Too many do the same.
    #[error("{0}")]
    Many(&'static str),
    /// The store does not do its work.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Something is wrong here.
    #[error("{0}")]
    Server(String),
}

impl Fault {
    /// Something about one member of a body or a query.
    pub(super) fn member(property: &str, wrong: impl Into<String>) -> Self {
        Self::Members(vec![(property.to_owned(), wrong.into())])
    }

    /// What is wrong with members, as far as an answer tells it.
    pub(super) fn members(&self) -> Option<Vec<(String, String)>> {
        let Self::Members(members) = self else {
            return None;
        };
        let shown = members.iter().take(MEMBERS);
        Some(shown.map(|(name, wrong)| (excerpt(name), excerpt(wrong))).collect())
    }

    /// What is wrong in words, as far as an answer tells it.
    pub(super) fn message(&self) -> String {
        excerpt(&self.to_string())
    }

    /// Its HTTP status.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Unauthenticated => 401,
            Self::Forbidden(_) => 403,
            Self::NotFound(_) => 404,
            Self::Model(_) | Self::Members(_) | Self::Filter(_) => 400,
            Self::Body(status, _) => *status,
            Self::Changed | Self::Quota(_) => 409,
            Self::Many(_) | Self::Store(_) => 503,
            Self::Server(_) => 500,
        }
    }
}

impl Answer {
    /// JSON.
    pub(super) fn json(value: &impl Serialize) -> Result<Self, Fault> {
        let text = serde_json::to_vec(value).map_err(|error| Fault::Server(error.to_string()))?;
        Ok(Self::bytes(200, "application/json", text))
    }

    /// A body of a kind.
    pub(super) fn text(status: u16, kind: &str, text: String) -> Self {
        Self::bytes(status, kind, text.into_bytes())
    }

    /// The bytes of a body of a kind.
    pub(super) fn bytes(status: u16, kind: &str, bytes: Vec<u8>) -> Self {
        let headers = vec![("content-type", kind.to_owned())];
        Self { status, headers, content: Content::Bytes(bytes) }
    }

    /// Nothing: it is done.
    pub(super) fn done() -> Self {
        Self { status: 204, headers: Vec::new(), content: Content::Bytes(Vec::new()) }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl ToString) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    /// The answer as HTTP has it, with the memory that was reserved for the call.
    pub(super) fn into_http(self, reservation: Option<Reservation>) -> HttpResponse {
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

/// A fault in the form that Hookgate's own routes and those of Socotra have: Socotra documents
/// none.
pub(super) fn plain_fault(fault: &Fault) -> Answer {
    let code = match fault {
        Fault::Unauthenticated => "ErrorUnauthenticated",
        Fault::Forbidden(_) => "ErrorForbidden",
        Fault::NotFound(_) => "ErrorNotFound",
        Fault::Model(_) | Fault::Members(_) | Fault::Filter(_) | Fault::Body(..) => "ErrorRequest",
        Fault::Changed => "ErrorChanged",
        Fault::Quota(_) => "ErrorQuotaExceeded",
        Fault::Many(_) | Fault::Store(_) => "ErrorUnavailable",
        Fault::Server(_) => "ErrorServer",
    };
    let message = fault.message();
    let error = match fault.members() {
        Some(members) => {
            let details: Vec<_> = members
                .iter()
                .map(|(property, message)| json!({ "property": property, "message": message }))
                .collect();
            json!({ "code": code, "message": message, "details": details })
        }
        None => json!({ "code": code, "message": message }),
    };
    Answer::text(fault.status(), "application/json", json!({ "error": error }).to_string())
}

/// A text of an answer about what is wrong: the beginning of a long one.
fn excerpt(text: &str) -> String {
    match text.len() > MESSAGE_BYTES {
        true => format!("{}…", first_bytes(text, MESSAGE_BYTES)),
        false => text.to_owned(),
    }
}

/// The first bytes of a text, as far as whole characters go.
pub(super) fn first_bytes(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
}

impl Call {
    /// A part of the path.
    pub(super) fn part(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// A parameter of the query; of several the first.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter, with those apart that commas divide.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let given = self
            .query
            .iter()
            .filter(|(key, _)| key == name || key.strip_suffix("[]") == Some(name));
        let parts = given.flat_map(|(_, value)| value.split(','));
        parts.map(str::trim).filter(|part| !part.is_empty()).map(ToOwned::to_owned).collect()
    }

    /// A number in the query, from one to another.
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
            Fault::member(name, format!("has to be a whole number from {least} to {most}"))
        })
    }

    /// A truth value in the query.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.parameter(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Fault::member(name, "has to be `true` or `false`")),
        }
    }

    /// The body as JSON of a form; members that it does not have are refused.
    pub(super) fn form<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let body = self.body.unpacked();
        if body.is_empty() {
            return Err(Fault::Model("a body of JSON is needed".to_owned()));
        }
        serde_json::from_slice(body).map_err(|error| Fault::Model(error.to_string()))
    }

    /// The same query with another offset, as `Link` has it (RFC 8288): where a list goes on.
    pub(super) fn next_page(&self, offset: usize) -> String {
        let others = self.query.iter().filter(|(name, _)| name != "offset");
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("offset", &offset.to_string())
            .extend_pairs(others)
            .finish();
        format!("<?{query}>; rel=\"next\"")
    }
}
