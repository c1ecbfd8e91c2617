//! Originals of requests: what is kept, encrypted, so that a signature can be checked again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::encryption::{AssociatedData, place};
use super::store::SealedColumn;
use crate::engine::Time;
use crate::listener::Request;

/// A request as it arrived, with nothing left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original {
    /// The method.
    pub method: String,
    /// The public URL.
    pub url: String,
    /// The raw query.
    pub raw_query: String,
    /// The headers.
    pub headers: Vec<(String, String)>,
    /// The body in base64.
    body: String,
    /// The body without its encoding, in base64, where it differs.
    unpacked: Option<String>,
    /// The sender's address.
    pub remote_address: Option<std::net::IpAddr>,
    /// When it arrived, RFC 3339.
    received_at: String,
}

impl Original {
    /// The place of the original of a request in the store.
    pub fn place<'a>(tenant: &'a str, request: &'a str) -> AssociatedData<'a> {
        place(SealedColumn::Originals, tenant, request)
    }

    /// The original of a request.
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

    /// As JSON.
    pub fn to_json(&self) -> String {
        // Texts and lists of texts always have JSON.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// From JSON; nothing where it is none of ours.
    pub fn of_json(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// The body as it was sent, and without its encoding.
    pub fn bodies(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let body = STANDARD.decode(&self.body).ok()?;
        let unpacked = match &self.unpacked {
            Some(unpacked) => STANDARD.decode(unpacked).ok()?,
            None => body.clone(),
        };
        Some((body, unpacked))
    }

    /// When it arrived.
    pub fn received_at(&self) -> Option<Time> {
        self.received_at.parse().ok()
    }
}
