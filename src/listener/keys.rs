//! Keys by URL: the key documents that a decision has, and those that it asks for.
//!
//! A decision is pure, so it fetches nothing. If it lacks a key document, it says so
//! ([`super::Decision::fetch`]); the caller fetches the document and decides again. Knows no network
//! and no clock.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::builtins::{Jwk, read_certificate, read_jwks};

/// The public keys of a key document: a JWK Set (RFC 7517), or an X.509 certificate in PEM.
///
/// Of a certificate, only the key counts. It is trusted because of the URL that it came from, so its
/// chain and its dates are not checked.
#[derive(Debug)]
pub struct KeySet(Vec<Jwk>);

impl KeySet {
    /// Reads a key document. The bytes decide on its form, not a content type.
    ///
    /// # Errors
    /// Returns a message if it is neither a JWK Set nor a certificate, or has no usable key.
    pub fn read(document: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(document).map_err(|_| NO_DOCUMENT.to_owned())?.trim();
        if text.starts_with('{') {
            return Self::read_jwks(text.as_bytes());
        }
        if text.contains("-----BEGIN CERTIFICATE-----") {
            return read_certificate(text).map(|key| Self(vec![key]));
        }
        Err(NO_DOCUMENT.to_owned())
    }

    /// Reads a JWK Set, or a single JWK.
    ///
    /// # Errors
    /// Returns a message if it is neither, or has no usable key or too many keys.
    pub(super) fn read_jwks(json: &[u8]) -> Result<Self, String> {
        read_jwks(json).map(Self)
    }

    /// Returns its keys.
    pub(super) fn keys(&self) -> &[Jwk] {
        &self.0
    }

    /// Returns true if it may have the key of an id.
    fn may_have(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.may_be(Some(id)))
    }
}

const NO_DOCUMENT: &str = "it is neither a JWK Set nor a certificate in PEM";

/// A key document, as the caller of a decision has it.
#[derive(Debug, Clone)]
pub enum KeyDocument {
    /// The keys of an earlier fetch. There may be newer ones.
    Cached(Arc<KeySet>),
    /// The newest keys that can be had at present.
    Current(Arc<KeySet>),
    /// No keys can be had at present, with the reason.
    Unavailable(String),
}

/// The key documents of the caller of a decision.
pub trait KeyDocuments {
    /// Returns the document of a URL; `None` if it has to be fetched first.
    fn find(&self, url: &str) -> Option<KeyDocument>;
}

/// No documents, for listeners whose keys are all in their configuration.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoKeys;

impl KeyDocuments for NoKeys {
    fn find(&self, _: &str) -> Option<KeyDocument> {
        None
    }
}

/// The key documents of a test, by URL. There is no network, so no other document can be had.
#[derive(Debug, Default)]
pub struct GivenKeys(BTreeMap<String, KeyDocument>);

impl GivenKeys {
    /// Reads documents with their URLs. The first one of a URL counts.
    pub fn new(documents: &[(String, String)]) -> Self {
        let read = |text: &str| match KeySet::read(text.as_bytes()) {
            Ok(keys) => KeyDocument::Current(Arc::new(keys)),
            Err(reason) => KeyDocument::Unavailable(reason),
        };
        Self(documents.iter().rev().map(|(url, text)| (url.clone(), read(text))).collect())
    }
}

impl KeyDocuments for GivenKeys {
    fn find(&self, url: &str) -> Option<KeyDocument> {
        let missing = || {
            KeyDocument::Unavailable(format!(
                "a test has no network, and `[keys]` has no document of this URL: write `\"{url}\" = {{ file = \"…\" }}`"
            ))
        };
        Some(self.0.get(url).cloned().unwrap_or_else(missing))
    }
}

/// A request to the network that a decision asks its caller for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetch {
    /// A key document. The caller fetches it and decides again.
    Key(NeedsKey),
    /// The URL that confirms a subscription. The caller fetches it once, before it answers.
    Confirmation(Box<str>),
}

/// A key document that a decision lacks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedsKey {
    /// The URL. The listener allows it.
    pub url: Box<str>,
    /// True if a document is there, and the request names a key that is not in it.
    pub unknown_key: bool,
    /// True if the request names the URL, within the host patterns of the listener.
    pub of_request: bool,
}

/// Returns the keys of a URL for the key id that a request names.
///
/// # Errors
/// Returns the document to fetch, or the reason why there is none.
pub(super) fn look_up(
    documents: &dyn KeyDocuments,
    url: &str,
    key_id: Option<&str>,
    of_request: bool,
) -> Result<Arc<KeySet>, NoKey> {
    let needs =
        |unknown_key: bool| NoKey::Needed(NeedsKey { url: url.into(), unknown_key, of_request });
    match documents.find(url) {
        None => Err(needs(false)),
        Some(KeyDocument::Unavailable(reason)) => Err(NoKey::Unavailable(reason)),
        Some(KeyDocument::Cached(set)) if key_id.is_some_and(|id| !set.may_have(id)) => {
            Err(needs(true))
        }
        Some(KeyDocument::Cached(set) | KeyDocument::Current(set)) => Ok(set),
    }
}

/// The reason why there are no keys.
#[derive(Debug)]
pub(super) enum NoKey {
    /// The document has to be fetched.
    Needed(NeedsKey),
    /// The document cannot be fetched at present.
    Unavailable(String),
}
