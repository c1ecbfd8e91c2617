//! Captured requests: complete requests that are stored encrypted, so that a replay can verify
//! their signature again. Does not encrypt or store them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::engine::Time;
use crate::gateway::ops::encryption::{AssociatedData, place};
use crate::gateway::store::SealedColumn;
use crate::listener::Request;

/// A complete request, as received.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedRequest {
    /// HTTP method.
    pub method: String,
    /// Public URL.
    pub url: String,
    /// Query as received.
    pub raw_query: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body as received, in Base64.
    body: String,
    /// Decompressed body, in Base64, if it differs from the body as received.
    unpacked: Option<String>,
    /// Address of the sender.
    pub remote_address: Option<std::net::IpAddr>,
    /// Time of arrival, RFC 3339.
    received_at: String,
}

impl CapturedRequest {
    /// Returns the associated data under which the captured request is encrypted.
    pub fn place<'a>(tenant: &'a str, request: &'a str) -> AssociatedData<'a> {
        place(SealedColumn::Originals, tenant, request)
    }

    /// Captures a request.
    pub fn of(request: &Request<'_>) -> Self {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let unpacked = (request.unpacked != request.raw_body).then_some(request.unpacked);
        Self {
            method: request.method.to_owned(),
            url: request.url.to_owned(),
            raw_query: request.raw_query.to_owned(),
            headers: request.headers.iter().map(owned).collect(),
            body: STANDARD.encode(request.raw_body),
            unpacked: unpacked.map(|bytes| STANDARD.encode(bytes)),
            remote_address: request.remote_address,
            received_at: request.received_at.to_string(),
        }
    }

    /// Serialises to JSON.
    pub fn to_json(&self) -> String {
        // Strings and lists of strings always serialise.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Parses JSON; `None` if the JSON is not a captured request.
    pub fn of_json(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Returns the body as received, and the decompressed body.
    pub fn bodies(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let body = STANDARD.decode(&self.body).ok()?;
        let unpacked = match &self.unpacked {
            Some(unpacked) => STANDARD.decode(unpacked).ok()?,
            None => body.clone(),
        };
        Some((body, unpacked))
    }

    /// Returns the time of arrival.
    pub fn received_at(&self) -> Option<Time> {
        self.received_at.parse().ok()
    }
}
