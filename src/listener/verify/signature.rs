//! Verification of HMAC signatures (RFC 2104) with a shared secret. Knows no headers.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::hash::{Hash, Signable, line_end};
use super::received::Candidate;
use super::{Evidence, PassedVerification, SignatureSource, SignedTime, VerificationResult};
use crate::engine::{Context, Program};
use crate::listener::reason::{Failed, ReasonCode};
use crate::listener::request::{Request, text_or_bytes};

/// A signature with its hash function.
type HashedSignature = (Hash, Vec<u8>);

/// The choice of the hash function.
#[derive(Debug)]
pub(in crate::listener) enum Hashing {
    /// A fixed hash function.
    Fixed(Hash),
    /// The hash function that the prefix names, out of these (WebSub, section 7).
    Inferred(Vec<Hash>),
}

/// A verification of an HMAC.
#[derive(Debug)]
pub(in crate::listener) struct Signature {
    pub(in crate::listener) secret: Box<str>,
    pub(in crate::listener) hashing: Hashing,
    /// The possible signed texts. One of them must match.
    pub(in crate::listener) payloads: Vec<Program>,
    pub(in crate::listener) received: SignatureSource,
    pub(in crate::listener) time: Option<SignedTime>,
}

impl Signature {
    pub(super) fn check(&self, evidence: &mut Evidence<'_, '_>) -> VerificationResult {
        let candidates = self.received.candidates(evidence)?;
        let hashed = self.hashed(candidates)?;
        if let Some(time) = &self.time {
            time.check(evidence)?;
        }
        let recognise = evidence.recognise.takes(SignedTime::is_held(self.time.as_ref()));
        let guards = evidence.tokens.iter().filter(|(secret, _)| *secret == self.secret);
        let compared = SignatureComparison {
            signature: self,
            hashed: &hashed,
            recognise,
            guards: guards.map(|(_, pattern)| pattern).collect(),
        };
        let mut hint = Hint::BodyNotSeen;
        if let Some(at) = compared.run(evidence, &mut hint)? {
            let signed = at.signed.map(|hash| SignedTime::signed(self.time.as_ref(), hash));
            return Ok(PassedVerification { message: self.matched(at.secret), signed });
        }
        let mut message = self.differs(&hashed);
        if hint == Hint::Matches || (hint == Hint::BodyNotSeen && compared.fits_trimmed(evidence)) {
            message.push_str("; it matches if the body's last line end is dropped");
        } else if compared.fits_unpacked(evidence) {
            message.push_str(
                "; it matches for the unpacked body: write `payload = [\"raw_body\", \"decoded_body\"]`",
            );
        }
        Err((ReasonCode::DigestDiffers, message))
    }

    /// Returns the candidates of the right length with their hash functions.
    fn hashed(&self, candidates: Vec<Candidate>) -> Result<Vec<HashedSignature>, Failed> {
        let known: Vec<(Hash, Vec<u8>)> = candidates
            .into_iter()
            .filter_map(|candidate| Some((self.hash_of(&candidate)?, candidate.bytes)))
            .collect();
        let Some((first, bytes)) = known.first().map(|(hash, bytes)| (*hash, bytes.len())) else {
            return Err((ReasonCode::UnknownHash, "no signature names an allowed hash".to_owned()));
        };
        let right: Vec<_> =
            known.into_iter().filter(|(hash, bytes)| bytes.len() == hash.length()).collect();
        if right.is_empty() {
            let encoding = self.received.encoding;
            let message = format!(
                "{} in {} has {} characters, and this has {}",
                first.name(),
                encoding.name(),
                encoding.length(first.length()),
                encoding.length(bytes)
            );
            return Err((ReasonCode::WrongLength, message));
        }
        Ok(right)
    }

    fn hash_of(&self, candidate: &Candidate) -> Option<Hash> {
        match &self.hashing {
            Hashing::Fixed(hash) => Some(*hash),
            Hashing::Inferred(allowed) => {
                let named = candidate.prefix.trim_end_matches('=');
                Hash::find(named).filter(|hash| allowed.contains(hash))
            }
        }
    }

    fn matched(&self, at: usize) -> String {
        match at {
            0 => format!("signed with `{}`", self.secret),
            _ => {
                format!("signed with `{}`, number {} of those that are active", self.secret, at + 1)
            }
        }
    }

    fn differs(&self, hashed: &[(Hash, Vec<u8>)]) -> String {
        let hash = hashed.first().map_or("", |(hash, _)| hash.name());
        let encoding = self.received.encoding.name();
        format!("an HMAC of {hash} in {encoding}, as it should be, but the digest is another")
    }
}

/// A match: the index of the active secret, and the hash of the signed text.
struct Matched {
    secret: usize,
    /// The hash of the signed text, if it is a deduplication key.
    signed: Option<[u8; 32]>,
}

/// Information about the messages without the last line break of the body, for the error message.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Hint {
    /// No message contains the body, or the body does not end in a line break.
    BodyNotSeen,
    /// No candidate is the digest of such a message.
    Differs,
    /// A candidate is the digest of such a message.
    Matches,
}

/// Maximum bytes that are processed again without the last line break of the body, for each
/// request.
const MAX_GUESSED: usize = 64 << 10;

/// The comparison of candidates with the digests of the secrets.
struct SignatureComparison<'s> {
    signature: &'s Signature,
    hashed: &'s [HashedSignature],
    /// True if the signed text is a deduplication key.
    recognise: bool,
    /// The patterns of tokens that any sender can have signed.
    guards: Vec<&'s regex::Regex>,
}

impl SignatureComparison<'_> {
    /// Returns the active secret that matches a candidate for one of the payloads. Sets the hint if
    /// a candidate matches a payload without the last line break of the body.
    fn run(
        &self,
        evidence: &mut Evidence<'_, '_>,
        hint: &mut Hint,
    ) -> Result<Option<Matched>, Failed> {
        let mut refused = None;
        for payload in &self.signature.payloads {
            let message = match evidence.machine.eval(payload, evidence.context) {
                Ok(value) => value.content(),
                Err(trap) => {
                    refused = Some((ReasonCode::NoPayload, trap.place_in(payload)));
                    continue;
                }
            };
            let Some(message) = message else {
                refused = Some((ReasonCode::NoPayload, "the signed payload is null".to_owned()));
                continue;
            };
            // Any sender can have a token signed by sending it as a challenge.
            if self.guards.iter().any(|guard| is_token(guard, message)) {
                refused = Some((ReasonCode::TokenSigned, ReasonCode::TokenSigned.doc().to_owned()));
                continue;
            }
            let signable = Signable::with_body(message, evidence.request.raw_body);
            if signable.is_some() && *hint == Hint::BodyNotSeen {
                *hint = Hint::Differs;
            }
            let signable = signable.unwrap_or_else(|| Signable::whole(message));
            let found = self.compare(evidence.context, &signable);
            evidence.hashed_bytes = evidence.hashed_bytes.saturating_add(found.hashed_bytes);
            if found.without_line_end {
                *hint = Hint::Matches;
            }
            if let Some(secret) = found.secret {
                let signed = self.recognise.then(|| Sha256::digest(message).into());
                return Ok(Some(Matched { secret, signed }));
            }
            refused = None;
        }
        refused.map_or(Ok(None), Err)
    }

    /// Compares every candidate with every secret, so that the time does not reveal which one
    /// matched. A message is hashed once for each secret and each hash function that a candidate
    /// names. The number of candidates has no influence, because the sender chooses it.
    fn compare(&self, context: &Context<'_>, message: &Signable<'_>) -> Comparison {
        let mut comparison = Comparison::default();
        for (at, secret) in context.secrets(&self.signature.secret).enumerate() {
            let secret = secret.content().unwrap_or_default();
            for hash in Hash::ALL.into_iter().filter(|hash| self.names(*hash)) {
                comparison.hashed_bytes += message.len();
                let Some(digests) = hash.digests(secret, message) else {
                    continue;
                };
                if self.is_candidate(hash, &digests.whole) {
                    comparison.secret = comparison.secret.or(Some(at));
                }
                let shorter = digests.without_line_end;
                comparison.without_line_end |=
                    shorter.is_some_and(|digest| self.is_candidate(hash, &digest));
            }
        }
        comparison
    }

    /// Returns true if a candidate matches a short body without its last line break. Used if the
    /// messages do not contain the body itself, for example if they contain its digest.
    fn fits_trimmed(&self, evidence: &mut Evidence<'_, '_>) -> bool {
        let body = evidence.request.raw_body;
        let Some(line_end) = line_end(body) else {
            return false;
        };
        self.fits(evidence, body.get(..body.len() - line_end).unwrap_or_default())
    }

    /// Returns true if a candidate matches the body without its content encoding. Some senders sign
    /// a body before they compress it.
    fn fits_unpacked(&self, evidence: &mut Evidence<'_, '_>) -> bool {
        let Request { raw_body, unpacked, .. } = evidence.request;
        !std::ptr::eq(*raw_body, *unpacked) && self.fits(evidence, unpacked)
    }

    /// Returns true if a candidate matches with another body in place of `raw_body`. At most
    /// [`MAX_GUESSED`] bytes of a request are processed for this, over all verifications.
    fn fits(&self, evidence: &mut Evidence<'_, '_>, body: &[u8]) -> bool {
        if body.len() > MAX_GUESSED {
            return false;
        }
        let mut context = evidence.context.clone();
        context.set("raw_body", text_or_bytes(body));
        self.signature.payloads.iter().any(|payload| {
            // Computing the message may hash the body too.
            evidence.guessed_bytes += body.len();
            if evidence.guessed_bytes > MAX_GUESSED {
                return false;
            }
            let message = evidence.machine.eval(payload, &context).ok();
            let Some(message) = message.and_then(|message| message.content()) else {
                return false;
            };
            let found = self.compare(&context, &Signable::whole(message));
            evidence.hashed_bytes += found.hashed_bytes;
            evidence.guessed_bytes += message.len();
            found.secret.is_some()
        })
    }

    /// Returns true if a candidate has this hash function.
    fn names(&self, hash: Hash) -> bool {
        self.hashed.iter().any(|(named, _)| *named == hash)
    }

    /// Returns true if a digest equals one of the candidates.
    fn is_candidate(&self, hash: Hash, digest: &[u8]) -> bool {
        let candidates = self.hashed.iter().filter(|(named, _)| *named == hash);
        // In constant time and over all candidates: an early exit would reveal the length of a
        // matching prefix.
        candidates.fold(false, |found, (_, candidate)| found | bool::from(digest.ct_eq(candidate)))
    }
}

/// The result of comparing the candidates with the digests of one message.
#[derive(Default)]
struct Comparison {
    /// The index of the secret that matches a candidate.
    secret: Option<usize>,
    /// True if a candidate is the digest of the message without the last line break of the body.
    without_line_end: bool,
    hashed_bytes: u64,
}

/// Returns true if a whole message is a token.
pub(super) fn is_token(pattern: &regex::Regex, message: &[u8]) -> bool {
    std::str::from_utf8(message).is_ok_and(|text| pattern.is_match(text))
}
