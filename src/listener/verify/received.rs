//! Signatures as they are received: where they stand, what they begin with, how they are
//! written.

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, NO_PAD};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD_NO_PAD};

use super::Evidence;
use crate::engine::{Program, Value};
use crate::listener::reason::{Failed, Finding};

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::listener) enum Encoding {
    Hex,
    Base64,
    Base64Url,
}

/// Base64 in one alphabet, padded or not, without bits that say nothing: a signature has one
/// spelling and its padded form.
const fn lenient(alphabet: &base64::alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent);
    GeneralPurpose::new(alphabet, config)
}

const STANDARD: GeneralPurpose = lenient(&base64::alphabet::STANDARD);
const URL_SAFE: GeneralPurpose = lenient(&base64::alphabet::URL_SAFE);

impl Encoding {
    pub(in crate::listener) fn find(name: &str) -> Option<Self> {
        Some(match name {
            "hex" => Self::Hex,
            "base64" => Self::Base64,
            "base64url" => Self::Base64Url,
            _ => return None,
        })
    }

    pub(in crate::listener) fn name(self) -> &'static str {
        match self {
            Self::Hex => "hex",
            Self::Base64 => "base64",
            Self::Base64Url => "base64url",
        }
    }

    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => hex::decode(text).ok(),
            // A half of the padding is neither form.
            _ if text.ends_with('=') && !text.len().is_multiple_of(4) => None,
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Base64Url => URL_SAFE.decode(text).ok(),
        }
    }

    /// Bytes written so, as senders write them.
    pub(in crate::listener) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => base64::engine::general_purpose::STANDARD.encode(bytes),
            Self::Base64Url => {
                GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD).encode(bytes)
            }
        }
    }

    /// How many characters so many bytes come to, without padding.
    pub(in crate::listener) fn length(self, bytes: usize) -> usize {
        match self {
            Self::Hex => bytes * 2,
            _ => STANDARD_NO_PAD.encode(vec![0; bytes]).len(),
        }
    }
}

/// Where signatures stand in a request.
#[derive(Debug)]
pub(in crate::listener) struct Received {
    pub(in crate::listener) place: Program,
    /// What a signature may begin with; empty where it begins with nothing.
    pub(in crate::listener) prefixes: Vec<Box<str>>,
    pub(in crate::listener) separator: Option<Box<str>>,
    pub(in crate::listener) encoding: Encoding,
}

/// A signature that a request has.
#[derive(Debug)]
pub(super) struct Candidate {
    /// What it began with.
    pub(super) prefix: Box<str>,
    pub(super) bytes: Vec<u8>,
}

/// A request has few signatures; whoever sends thousands wants them compared.
const MOST: usize = 128;

impl Received {
    /// The signatures of a request that are written as they should be, or why there is none.
    pub(super) fn candidates(
        &self,
        evidence: &mut Evidence<'_, '_>,
    ) -> Result<Vec<Candidate>, Failed> {
        let texts = self.texts(evidence)?;
        let split = |text: &str| -> Vec<String> {
            let parts: Vec<&str> = match &self.separator {
                Some(separator) => text.split(&**separator).collect(),
                None => vec![text],
            };
            parts.into_iter().map(|part| part.trim().to_owned()).collect()
        };
        let written: Vec<String> =
            texts.iter().flat_map(|text| split(text)).filter(|part| !part.is_empty()).collect();
        if written.is_empty() {
            return Err((Finding::MissingSignature, "the request has no signature".to_owned()));
        }
        let stripped: Vec<(Box<str>, &str)> =
            written.iter().take(MOST).filter_map(|text| self.strip(text)).collect();
        if stripped.is_empty() {
            return Err((Finding::WrongPrefix, self.wanted_prefix()));
        }
        let decoded: Vec<Candidate> = stripped
            .into_iter()
            .filter_map(|(prefix, text)| {
                self.encoding.decode(text).map(|bytes| Candidate { prefix, bytes })
            })
            .collect();
        if decoded.is_empty() {
            let message = format!("the signature is not in {}", self.encoding.name());
            return Err((Finding::WrongEncoding, message));
        }
        Ok(decoded)
    }

    fn texts(&self, evidence: &mut Evidence<'_, '_>) -> Result<Vec<String>, Failed> {
        match evidence.machine.eval(&self.place, evidence.context) {
            Ok(Value::List(list)) => {
                Ok(list.iter().filter_map(Value::as_text).map(ToOwned::to_owned).collect())
            }
            Ok(value) => Ok(value.as_text().map(ToOwned::to_owned).into_iter().collect()),
            Err(trap) => Err((Finding::MissingSignature, trap.place_in(&self.place))),
        }
    }

    /// A signature without what it begins with.
    fn strip<'t>(&self, text: &'t str) -> Option<(Box<str>, &'t str)> {
        if self.prefixes.is_empty() {
            return Some(("".into(), text));
        }
        // The longest first, so that an empty one takes only what no other does.
        let mut prefixes: Vec<&str> = self.prefixes.iter().map(|prefix| &**prefix).collect();
        prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        prefixes
            .into_iter()
            .find_map(|prefix| text.strip_prefix(prefix).map(|rest| (prefix.into(), rest)))
    }

    fn wanted_prefix(&self) -> String {
        let prefixes: Vec<&str> = self.prefixes.iter().map(|prefix| &**prefix).collect();
        let wanted = crate::config::quoted_list(&prefixes);
        format!("no signature begins with {wanted}")
    }
}
