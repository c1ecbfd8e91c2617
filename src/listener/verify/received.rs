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

/// Signatures that are looked at. A provider sends one for each active secret and each version of
/// its scheme; a request with more wants them compared, and fails before anything is hashed.
const MOST_CANDIDATES: usize = 16;

/// Parts that signatures are looked for in, with those that begin with no prefix of a signature:
/// times, ids, signatures of other versions.
const MOST_PARTS: usize = 128;

/// The parts of a request that may be signatures, as far as they were looked at.
#[derive(Default)]
struct Seen {
    parts: usize,
    prefixed: usize,
    decoded: Vec<Candidate>,
}

impl Received {
    /// The signatures of a request that are written as they should be, or why there is none.
    pub(super) fn candidates(
        &self,
        evidence: &mut Evidence<'_, '_>,
    ) -> Result<Vec<Candidate>, Failed> {
        let value = evidence
            .machine
            .eval(&self.place, evidence.context)
            .map_err(|trap| (Finding::MissingSignature, trap.place_in(&self.place)))?;
        let mut seen = Seen::default();
        match value {
            // What is no text in a list is no signature, and drops no other.
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

    /// Looks at the parts of a text.
    fn look_at(&self, text: &str, seen: &mut Seen) -> Result<(), Failed> {
        match &self.separator {
            Some(separator) => {
                text.split(&**separator).try_for_each(|part| self.look_at_part(part, seen))
            }
            None => self.look_at_part(text, seen),
        }
    }

    fn look_at_part(&self, part: &str, seen: &mut Seen) -> Result<(), Failed> {
        let part = part.trim();
        if part.is_empty() {
            return Ok(());
        }
        seen.parts += 1;
        let Some((prefix, text)) = self.strip(part) else {
            return within(seen.parts, MOST_PARTS);
        };
        seen.prefixed += 1;
        within(seen.prefixed, MOST_CANDIDATES)?;
        // One in another encoding is no signature, and drops no other.
        if let Some(bytes) = self.encoding.decode(text) {
            seen.decoded.push(Candidate { prefix: prefix.into(), bytes });
        }
        within(seen.parts, MOST_PARTS)
    }

    fn found(&self, seen: Seen) -> Result<Vec<Candidate>, Failed> {
        match seen {
            Seen { parts: 0, .. } => {
                Err((Finding::MissingSignature, "the request has no signature".to_owned()))
            }
            Seen { prefixed: 0, .. } => Err((Finding::WrongPrefix, self.wanted_prefix())),
            Seen { decoded, .. } if decoded.is_empty() => {
                let message = format!("the signature is not in {}", self.encoding.name());
                Err((Finding::WrongEncoding, message))
            }
            Seen { decoded, .. } => Ok(decoded),
        }
    }

    /// A signature without what it begins with.
    fn strip<'p, 't>(&'p self, text: &'t str) -> Option<(&'p str, &'t str)> {
        if self.prefixes.is_empty() {
            return Some(("", text));
        }
        // The longest first, so that an empty one takes only what no other does.
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

/// Refuses a request that has more of something than is looked at.
fn within(number: usize, most: usize) -> Result<(), Failed> {
    if number <= most {
        return Ok(());
    }
    Err((Finding::TooManySignatures, format!("the request has more than {most}")))
}
