//! One call of an operation: its input, its answer and its faults. Knows no operation.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response as HttpResponse;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::caller::Caller;
use crate::gateway::app::App;
use crate::gateway::http::body::Incoming;
use crate::gateway::management_budget::{BudgetError, Reservation};
use crate::gateway::store::StoreError;

/// A call from an authorised caller.
pub(super) struct Call {
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

/// Longest error message, and longest name of a member in it, in bytes. An answer must not echo a
/// whole request.
const MESSAGE_BYTES: usize = 512;

/// Invalid members that an answer lists.
const MEMBERS: usize = 20;

/// The reason why a call fails.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    /// No key, or a key that is unknown or invalid.
    #[error("a key that is known and good is needed: `Authorization: Bearer hg_…`")]
    Unauthenticated,
    /// A key without the needed permission.
    #[error("{0}")]
    Forbidden(String),
    /// An object that does not exist or belongs to another tenant.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A body that cannot be parsed.
    #[error("{0}")]
    Model(String),
    /// Invalid members of the body or parameters of the query, with their errors.
    #[error("{}", .0.iter().map(|(property, wrong)| format!("{property}: {wrong}")).collect::<Vec<_>>().join("; "))]
    Members(Vec<(String, String)>),
    /// An invalid filter or order, or one that selects too many rows.
    #[error("{0}")]
    Filter(String),
    /// A body that is too large, too slow or cannot be decompressed: the status and the message.
    #[error("{1}")]
    Body(u16, &'static str),
    /// Concurrent changes by others, in every attempt.
    #[error("it was changed by someone else at the same time; try again")]
    Changed,
    /// A quota of the tenant that is used up.
    #[error("{0}")]
    Quota(String),
    /// Too many concurrent calls or streams.
    #[error("{0}")]
    Many(String),
    /// A failure of the store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An internal error.
    #[error("{0}")]
    Server(String),
}

impl From<BudgetError> for Fault {
    fn from(error: BudgetError) -> Self {
        Self::Many(error.to_string())
    }
}

impl Fault {
    /// Returns a fault about one member of a body or parameter of a query.
    pub(super) fn member(property: &str, wrong: impl Into<String>) -> Self {
        Self::Members(vec![(property.to_owned(), wrong.into())])
    }

    /// Returns the invalid members with their errors, shortened for an answer.
    pub(super) fn members(&self) -> Option<Vec<(String, String)>> {
        let Self::Members(members) = self else {
            return None;
        };
        let shown = members.iter().take(MEMBERS);
        Some(shown.map(|(name, wrong)| (excerpt(name), excerpt(wrong))).collect())
    }

    /// Returns the error message, shortened for an answer.
    pub(super) fn message(&self) -> String {
        excerpt(&self.to_string())
    }

    /// Returns the HTTP status.
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

/// Returns a fault in the format of Hookgate's own routes. The Socotra routes use it too, because
/// Socotra documents no error format.
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

/// Returns a string for an error message, shortened to `MESSAGE_BYTES`.
fn excerpt(text: &str) -> String {
    match text.len() > MESSAGE_BYTES {
        true => format!("{}…", first_bytes(text, MESSAGE_BYTES)),
        false => text.to_owned(),
    }
}

/// Returns at most the first `most` bytes of a string, without splitting a character.
pub(super) fn first_bytes(text: &str, most: usize) -> &str {
    text.get(..text.floor_char_boundary(most)).unwrap_or_default()
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
            Fault::member(name, format!("has to be a whole number from {least} to {most}"))
        })
    }

    /// Returns a boolean from the query.
    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, Fault> {
        match self.parameter(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Fault::member(name, "has to be `true` or `false`")),
        }
    }

    /// Parses the body as a JSON form. Forms refuse unknown members.
    pub(super) fn form<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let body = self.body.unpacked();
        if body.is_empty() {
            return Err(Fault::Model("a body of JSON is needed".to_owned()));
        }
        serde_json::from_slice(body).map_err(|error| Fault::Model(error.to_string()))
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
