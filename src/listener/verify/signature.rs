//! HMAC signatures (RFC 2104): one secret on both sides.

use hmac::{EagerHash, Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq;

use super::received::Candidate;
use super::{Evidence, Found, Passed, Received, SignedTime};
use crate::engine::{Context, Machine, Program};
use crate::listener::reason::{Failed, Finding};

/// A hash function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::listener) enum Hash {
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    pub(in crate::listener) fn find(name: &str) -> Option<Self> {
        Some(match name {
            "sha1" => Self::Sha1,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    pub(in crate::listener) fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    fn length(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The HMAC of a message. Nothing for a secret that is empty: anyone has that.
    pub(in crate::listener) fn sign(self, secret: &[u8], message: &[u8]) -> Option<Vec<u8>> {
        if secret.is_empty() {
            return None;
        }
        match self {
            Self::Sha1 => mac::<Sha1>(secret, message),
            Self::Sha256 => mac::<Sha256>(secret, message),
            Self::Sha384 => mac::<Sha384>(secret, message),
            Self::Sha512 => mac::<Sha512>(secret, message),
        }
    }
}

fn mac<D: EagerHash>(secret: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let mac = Hmac::<D>::new_from_slice(secret).ok()?;
    Some(mac.chain_update(message).finalize().into_bytes().to_vec())
}

/// A signature with the hash function it is of.
type Hashed = (Hash, Vec<u8>);

/// Which hash function a signature has.
#[derive(Debug)]
pub(in crate::listener) enum Hashing {
    /// This one.
    Fixed(Hash),
    /// The one that its prefix names, out of these (WebSub, section 7).
    Inferred(Vec<Hash>),
}

/// An HMAC of what the sender signed.
#[derive(Debug)]
pub(in crate::listener) struct Signature {
    pub(in crate::listener) secret: Box<str>,
    pub(in crate::listener) hashing: Hashing,
    /// What may have been signed; any of it.
    pub(in crate::listener) payloads: Vec<Program>,
    pub(in crate::listener) received: Received,
    pub(in crate::listener) time: Option<SignedTime>,
}

impl Signature {
    pub(super) fn check(&self, evidence: &mut Evidence<'_, '_>) -> Found {
        let candidates = self.received.candidates(evidence)?;
        let hashed = self.hashed(candidates)?;
        if let Some(time) = &self.time {
            time.check(evidence)?;
        }
        let recognise = evidence.recognise.takes(SignedTime::is_held(self.time.as_ref()));
        let compared = Compared { signature: self, hashed: &hashed, recognise };
        let guards = evidence.tokens.iter().filter(|(secret, _)| *secret == self.secret);
        let guards: Vec<&regex::Regex> = guards.map(|(_, pattern)| pattern).collect();
        let guards = guards.as_slice();
        if let Some(at) = compared.run(evidence.machine, evidence.context, guards)? {
            let signed = at.signed.map(|hash| SignedTime::signed(self.time.as_ref(), hash));
            return Ok(Passed { message: self.matched(at.secret), signed });
        }
        let mut message = self.differs(&hashed);
        if compared.holds_without_last_line_end(evidence, guards) {
            message.push_str("; it matches if the body's last line end is dropped");
        }
        Err((Finding::DigestDiffers, message))
    }

    /// The candidates with their hash functions, as far as their length is right.
    fn hashed(&self, candidates: Vec<Candidate>) -> Result<Vec<Hashed>, Failed> {
        let known: Vec<(Hash, Vec<u8>)> = candidates
            .into_iter()
            .filter_map(|candidate| Some((self.hash_of(&candidate)?, candidate.bytes)))
            .collect();
        let Some((first, bytes)) = known.first().map(|(hash, bytes)| (*hash, bytes.len())) else {
            return Err((Finding::UnknownHash, "no signature names an allowed hash".to_owned()));
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
            return Err((Finding::WrongLength, message));
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

/// What matched: which of the active secrets, and the hash of what was signed.
struct Matched {
    secret: usize,
    /// Where the request is to be recognised by that.
    signed: Option<[u8; 32]>,
}

/// Candidates that are compared with what the secrets make.
struct Compared<'s> {
    signature: &'s Signature,
    hashed: &'s [(Hash, Vec<u8>)],
    /// Whether repeats are recognised by what was signed.
    recognise: bool,
}

impl Compared<'_> {
    /// Which of the active secrets made one of the candidates of one of the payloads.
    fn run(
        &self,
        machine: &mut Machine,
        context: &Context<'_>,
        guards: &[&regex::Regex],
    ) -> Result<Option<Matched>, Failed> {
        let mut refused = None;
        for payload in &self.signature.payloads {
            let message = match machine.eval(payload, context) {
                Ok(value) => value.content(),
                Err(trap) => {
                    refused = Some((Finding::NoPayload, trap.place_in(payload)));
                    continue;
                }
            };
            let Some(message) = message else {
                refused = Some((Finding::NoPayload, "what is signed is null".to_owned()));
                continue;
            };
            // Anyone can have a token signed, by sending it as a challenge.
            if guards.iter().any(|guard| is_token(guard, message)) {
                refused = Some((Finding::TokenSigned, Finding::TokenSigned.doc().to_owned()));
                continue;
            }
            if let Some(secret) = self.matches(context, message) {
                let signed = self.recognise.then(|| Sha256::digest(message).into());
                return Ok(Some(Matched { secret, signed }));
            }
            refused = None;
        }
        refused.map_or(Ok(None), Err)
    }

    /// Compares with every secret, so that the time tells nothing of which one it was.
    fn matches(&self, context: &Context<'_>, message: &[u8]) -> Option<usize> {
        let mut matched = None;
        for (at, secret) in context.secrets(&self.signature.secret).enumerate() {
            let secret = secret.content().unwrap_or_default();
            for (hash, candidate) in self.hashed {
                let computed = hash.sign(secret, message).unwrap_or_default();
                // In constant time: leaving early would tell how much of it matched.
                if bool::from(computed.ct_eq(candidate)) {
                    matched = matched.or(Some(at));
                }
            }
        }
        matched
    }

    /// Whether the signature is that of the body without its last line end: proxies and tests
    /// add one.
    fn holds_without_last_line_end(
        &self,
        evidence: &mut Evidence<'_, '_>,
        guards: &[&regex::Regex],
    ) -> bool {
        let body = evidence.request.raw_body;
        let Some(trimmed) = body.strip_suffix(b"\n") else {
            return false;
        };
        let trimmed = trimmed.strip_suffix(b"\r").unwrap_or(trimmed);
        let mut context = evidence.context.clone();
        context.set("raw_body", crate::listener::request::text_or_bytes(trimmed));
        matches!(self.run(evidence.machine, &context, guards), Ok(Some(_)))
    }
}

/// Whether the whole of a message is a token.
pub(super) fn is_token(pattern: &regex::Regex, message: &[u8]) -> bool {
    std::str::from_utf8(message).is_ok_and(|text| pattern.is_match(text))
}
