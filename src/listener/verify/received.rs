//! Extraction of signatures from a request: position, prefix and encoding. Knows no secrets and no
//! hashes.

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{GeneralPurposeConfig, NO_PAD};
use base64::engine::{DecodePaddingMode, general_purpose::STANDARD_NO_PAD};

use super::Evidence;
use crate::engine::{Program, Value};
use crate::listener::reason::{Failed, ReasonCode};

/// The encoding of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::listener) enum Encoding {
    Hex,
    Base64,
    Base64Url,
}

/// Base64 in one alphabet, with or without padding. Unused bits must be zero. So each signature has
/// exactly one spelling and its padded form.
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
            // Incomplete padding is neither form.
            _ if text.ends_with('=') && !text.len().is_multiple_of(4) => None,
            Self::Base64 => STANDARD.decode(text).ok(),
            Self::Base64Url => URL_SAFE.decode(text).ok(),
        }
    }

    /// Encodes bytes as senders do.
    pub(in crate::listener) fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex::encode(bytes),
            Self::Base64 => base64::engine::general_purpose::STANDARD.encode(bytes),
            Self::Base64Url => {
                GeneralPurpose::new(&base64::alphabet::URL_SAFE, NO_PAD).encode(bytes)
            }
        }
    }

    /// Returns the length of encoded bytes in characters, without padding.
    pub(in crate::listener) fn length(self, bytes: usize) -> usize {
        match self {
            Self::Hex => bytes * 2,
            _ => STANDARD_NO_PAD.encode(vec![0; bytes]).len(),
        }
    }
}

/// The configuration for finding signatures in a request.
#[derive(Debug)]
pub(in crate::listener) struct SignatureSource {
    pub(in crate::listener) place: Program,
    /// The accepted prefixes of a signature. Empty if signatures have no prefix.
    pub(in crate::listener) prefixes: Vec<Box<str>>,
    pub(in crate::listener) separator: Option<Box<str>>,
    pub(in crate::listener) encoding: Encoding,
}

/// A signature in a request.
#[derive(Debug)]
pub(super) struct Candidate {
    /// The prefix of the signature.
    pub(super) prefix: Box<str>,
    pub(super) bytes: Vec<u8>,
}

/// Maximum number of signatures in a request. A provider sends one for each active secret and each
/// version of its scheme. A request with more fails before anything is hashed, because the sender
/// chooses the number of comparisons.
const MAX_CANDIDATES: usize = 16;

/// Maximum number of parts that are searched for signatures. It includes parts without the prefix
/// of a signature: times, ids, signatures of other versions.
const MAX_PARTS: usize = 128;

/// The parts of a request that were searched so far.
#[derive(Default)]
struct Searched {
    parts: usize,
    prefixed: usize,
    decoded: Vec<Candidate>,
}

impl SignatureSource {
    /// Returns the signatures of a request in the right encoding, or the reason of the failure.
    pub(super) fn candidates(
        &self,
        evidence: &mut Evidence<'_, '_>,
    ) -> Result<Vec<Candidate>, Failed> {
        let value = evidence
            .machine
            .eval(&self.place, evidence.context)
            .map_err(|trap| (ReasonCode::MissingSignature, trap.place_in(&self.place)))?;
        let mut seen = Searched::default();
        match value {
            // An item of a list that is not a string is not a signature. It does not invalidate the
            // other items.
            Value::List(list) => list
                .iter()
                .filter_map(Value::as_text)
                .try_for_each(|text| self.look_at(text, &mut seen))?,
            value => {
                value.as_text().into_iter().try_for_each(|text| self.look_at(text, &mut seen))?;
            }
        }
        self.found(seen)
    }

    /// Searches the parts of a text.
    fn look_at(&self, text: &str, seen: &mut Searched) -> Result<(), Failed> {
        match &self.separator {
            Some(separator) => {
                text.split(&**separator).try_for_each(|part| self.look_at_part(part, seen))
            }
            None => self.look_at_part(text, seen),
        }
    }

    fn look_at_part(&self, part: &str, seen: &mut Searched) -> Result<(), Failed> {
        let part = part.trim();
        if part.is_empty() {
            return Ok(());
        }
        seen.parts += 1;
        let Some((prefix, text)) = self.strip(part) else {
            return within(seen.parts, MAX_PARTS);
        };
        seen.prefixed += 1;
        within(seen.prefixed, MAX_CANDIDATES)?;
        // A part in another encoding is not a signature. It does not invalidate the other parts.
        if let Some(bytes) = self.encoding.decode(text) {
            seen.decoded.push(Candidate { prefix: prefix.into(), bytes });
        }
        within(seen.parts, MAX_PARTS)
    }

    fn found(&self, seen: Searched) -> Result<Vec<Candidate>, Failed> {
        match seen {
            Searched { parts: 0, .. } => {
                Err((ReasonCode::MissingSignature, "the request has no signature".to_owned()))
            }
            Searched { prefixed: 0, .. } => Err((ReasonCode::WrongPrefix, self.wanted_prefix())),
            Searched { decoded, .. } if decoded.is_empty() => {
                let message = format!("the signature is not in {}", self.encoding.name());
                Err((ReasonCode::WrongEncoding, message))
            }
            Searched { decoded, .. } => Ok(decoded),
        }
    }

    /// Removes the prefix of a signature. Returns the prefix and the rest.
    fn strip<'p, 't>(&'p self, text: &'t str) -> Option<(&'p str, &'t str)> {
        if self.prefixes.is_empty() {
            return Some(("", text));
        }
        // The longest prefix first, so that an empty one matches only if no other does.
        let mut prefixes: Vec<&str> = self.prefixes.iter().map(|prefix| &**prefix).collect();
        prefixes.sort_by_key(|prefix| std::cmp::Reverse(prefix.len()));
        prefixes.into_iter().find_map(|prefix| text.strip_prefix(prefix).map(|rest| (prefix, rest)))
    }

    fn wanted_prefix(&self) -> String {
        let prefixes: Vec<&str> = self.prefixes.iter().map(|prefix| &**prefix).collect();
        let wanted = crate::config::quoted_list(&prefixes);
        format!("no signature begins with {wanted}")
    }
}

/// Returns an error if a number exceeds its limit.
fn within(number: usize, most: usize) -> Result<(), Failed> {
    if number <= most {
        return Ok(());
    }
    Err((ReasonCode::TooManySignatures, format!("the request has more than {most}")))
}
