//! Verification of public-key signatures with a pinned key, or with keys of a URL.
//!
//! The functions of the language, such as `$ED25519_VERIFY`, verify the signature. They run with
//! the key, the message and the signature as variables. Each of them hashes the whole message, so
//! only a few candidates of a plausible length are tried. Of the formats of keys it knows JWK Sets
//! only, because the request may name one of their keys.

use sha2::{Digest, Sha256};

use super::received::Candidate;
use super::{
    Evidence, KeyUrl, PassedVerification, SignatureSource, SignedTime, VerificationResult,
};
use crate::builtins::{Jwk, KeyType, read_jwks};
use crate::engine::{Context, Program, Value};
use crate::listener::reason::{Failed, ReasonCode};

/// A public-key signature.
#[derive(Debug)]
pub(in crate::listener) struct PublicKey {
    pub(in crate::listener) key: KeySource,
    /// The id of the key in a JWK Set, if the request names it.
    pub(in crate::listener) key_id: Option<Program>,
    pub(in crate::listener) algorithms: SignatureAlgorithms,
    pub(in crate::listener) payloads: Vec<Program>,
    pub(in crate::listener) received: SignatureSource,
    pub(in crate::listener) time: Option<SignedTime>,
}

/// The source of a public key.
#[derive(Debug)]
pub(in crate::listener) enum KeySource {
    /// The name of the secret that contains the key.
    Secret(Box<str>),
    /// A URL.
    Url(KeyUrl),
}

/// The algorithm of a signature.
#[derive(Debug)]
pub(in crate::listener) enum SignatureAlgorithms {
    /// Always the same.
    One(SignatureAlgorithm),
    /// The one that the request names.
    Named {
        /// The expression for the name.
        name: Program,
        /// The algorithms by name. A request cannot add to them.
        all: Vec<(Box<str>, SignatureAlgorithm)>,
    },
}

/// A signature algorithm.
#[derive(Debug)]
pub(in crate::listener) struct SignatureAlgorithm {
    /// The name in messages.
    pub(in crate::listener) shown: &'static str,
    /// Its name in a JWK (`alg`). Empty if it has none: then a JWK with `alg` is not used.
    pub(in crate::listener) jose: &'static str,
    /// The type of its keys.
    pub(in crate::listener) kind: KeyType,
    /// The program with the variables `key`, `message` and `signature`.
    pub(in crate::listener) program: Program,
}

impl SignatureAlgorithms {
    /// Returns the algorithm of a request.
    fn of(&self, evidence: &mut Evidence<'_, '_>) -> Result<&SignatureAlgorithm, Failed> {
        let (name, all) = match self {
            Self::One(algorithm) => return Ok(algorithm),
            Self::Named { name, all } => (name, all),
        };
        let named = evidence.machine.eval(name, evidence.context);
        let named = named.map_err(|trap| (ReasonCode::RuleError, trap.place_in(name)))?;
        let found = all.iter().find(|(known, _)| named.as_text() == Some(known));
        found.map(|(_, algorithm)| algorithm).ok_or_else(|| {
            let message = "the request names no algorithm of `algorithm`".to_owned();
            (ReasonCode::UnknownHash, message)
        })
    }

    fn program(&self) -> Option<&Program> {
        match self {
            Self::One(_) => None,
            Self::Named { name, .. } => Some(name),
        }
    }
}

/// Maximum number of signatures that are tried. A provider sends one, and a second one during a key
/// rotation.
const MAX_CANDIDATES: usize = 4;

/// Maximum number of keys of a JWK Set that are tried. Each adds one hash of a forged request.
const MAX_KEYS: usize = 16;

/// Accepted lengths of a signature, in bytes. Signatures of RSA with 8192 bits are the longest.
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=1024;

impl PublicKey {
    /// Returns the programs that read the request.
    pub(super) fn programs(&self) -> Vec<&Program> {
        let Self { key, key_id, algorithms, payloads, received, time } = self;
        let url = match key {
            KeySource::Url(url) => url.program(),
            KeySource::Secret(_) => None,
        };
        let time = time.as_ref().map(|time| &time.program);
        let beside = [key_id.as_ref(), url, algorithms.program(), time];
        payloads.iter().chain([&received.place]).chain(beside.into_iter().flatten()).collect()
    }

    pub(super) fn check(&self, evidence: &mut Evidence<'_, '_>) -> VerificationResult {
        let algorithm = self.algorithms.of(evidence)?;
        let candidates = plausible(algorithm, self.received.candidates(evidence)?)?;
        if let Some(time) = &self.time {
            time.check(evidence)?;
        }
        let (keys, owner) = self.keys(evidence, algorithm)?;
        let mut refused = None;
        for payload in &self.payloads {
            let message = match evidence.machine.eval(payload, evidence.context) {
                Ok(value) => value.content().map(<[u8]>::to_vec),
                Err(trap) => {
                    refused = Some((ReasonCode::NoPayload, trap.place_in(payload)));
                    continue;
                }
            };
            let Some(message) = message else {
                refused = Some((ReasonCode::NoPayload, "the signed payload is null".to_owned()));
                continue;
            };
            for candidate in &candidates {
                match verify(evidence, algorithm, &keys, &message, &candidate.bytes) {
                    Ok(true) => return Ok(self.passed(&message, &owner)),
                    Ok(false) => {}
                    Err(failed) => refused = Some(failed),
                }
            }
        }
        Err(refused.unwrap_or_else(|| {
            let message = format!("not the {} signature of this request", algorithm.shown);
            (ReasonCode::SignatureWrong, message)
        }))
    }

    fn passed(&self, message: &[u8], owner: &str) -> PassedVerification {
        let signed = SignedTime::signed(self.time.as_ref(), Sha256::digest(message).into());
        PassedVerification { message: format!("signed with `{owner}`"), signed: Some(signed) }
    }

    /// Returns the id of the key that the request names, if the listener has an expression for it.
    fn key_id(&self, evidence: &mut Evidence<'_, '_>) -> Result<Option<String>, Failed> {
        let Some(program) = &self.key_id else {
            return Ok(None);
        };
        match evidence.machine.eval(program, evidence.context) {
            Ok(value) => match value.as_text() {
                Some(id) => Ok(Some(id.to_owned())),
                None => {
                    let message = "the request names no key: its key id is not a string";
                    Err((ReasonCode::MissingSignature, message.to_owned()))
                }
            },
            Err(trap) => Err((ReasonCode::RuleError, trap.place_in(program))),
        }
    }

    /// Returns the keys to try, each parsed once for a request, and the name of their source.
    fn keys<'c>(
        &self,
        evidence: &mut Evidence<'c, '_>,
        algorithm: &SignatureAlgorithm,
    ) -> Result<(Vec<CandidateKey<'c>>, Box<str>), Failed> {
        let id = self.key_id(evidence)?;
        let fits = |key: &Jwk| {
            key.kind == algorithm.kind && key.allows(algorithm.jose) && key.may_be(id.as_deref())
        };
        let (keys, owner) = match &self.key {
            KeySource::Secret(name) => (of_secret(evidence, name, fits)?, name.clone()),
            KeySource::Url(url) => {
                let (set, url) = url.keys(evidence, id.as_deref())?;
                let keys = set.keys().iter().filter(|key| fits(key)).cloned();
                (keys.map(CandidateKey::OfSet).collect(), url)
            }
        };
        if keys.iter().filter(|key| matches!(key, CandidateKey::OfSet(_))).count() > MAX_KEYS {
            let reason = "more than 16 keys fit; `key_id` chooses one by the id in the request";
            return Err(fault(&owner, reason));
        }
        Ok((keys, owner))
    }
}

/// Returns the candidates of a plausible length. Returns an error if it finds no candidate or too
/// many.
fn plausible(
    algorithm: &SignatureAlgorithm,
    candidates: Vec<Candidate>,
) -> Result<Vec<Candidate>, Failed> {
    let is_plausible = |candidate: &Candidate| LENGTHS.contains(&candidate.bytes.len());
    let plausible: Vec<_> = candidates.into_iter().filter(is_plausible).collect();
    if plausible.len() > MAX_CANDIDATES {
        let message = format!("the request has more than {MAX_CANDIDATES}");
        return Err((ReasonCode::TooManySignatures, message));
    }
    if plausible.is_empty() {
        let message = format!("not as long as a signature of {}", algorithm.shown);
        return Err((ReasonCode::SignatureWrong, message));
    }
    Ok(plausible)
}

/// Returns the keys of a secret: each of its active values is a key, a JWK or a JWK Set.
fn of_secret<'c>(
    evidence: &Evidence<'c, '_>,
    name: &str,
    fits: impl Fn(&Jwk) -> bool,
) -> Result<Vec<CandidateKey<'c>>, Failed> {
    let mut keys = Vec::new();
    let mut is_set = false;
    for secret in evidence.context.secrets(name) {
        is_set = true;
        match jwks(secret) {
            None => keys.push(CandidateKey::Whole(secret)),
            Some(set) => {
                let set = set.map_err(|reason| fault(name, &reason))?;
                keys.extend(set.into_iter().filter(&fits).map(CandidateKey::OfSet));
            }
        }
    }
    if !is_set {
        return Err(fault(name, "it is not set"));
    }
    Ok(keys)
}

fn fault(owner: &str, reason: &str) -> Failed {
    (ReasonCode::RuleError, format!("the public key `{owner}`: {reason}"))
}

fn verify(
    evidence: &mut Evidence<'_, '_>,
    algorithm: &SignatureAlgorithm,
    keys: &[CandidateKey<'_>],
    message: &[u8],
    signature: &[u8],
) -> Result<bool, Failed> {
    for key in keys {
        if verify_with(evidence, &algorithm.program, key.value(), message, signature)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn verify_with(
    evidence: &mut Evidence<'_, '_>,
    program: &Program,
    key: Value<'_>,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, Failed> {
    evidence.hashes(message);
    let mut context = Context::new();
    context
        .set("key", key)
        .set("message", Value::Bytes(message))
        .set("signature", Value::Bytes(signature));
    let verified = evidence.machine.test(program, &context);
    verified.map_err(|trap| (ReasonCode::RuleError, trap.place_in(program)))
}

/// A key to try.
enum CandidateKey<'k> {
    /// A secret that is one key.
    Whole(Value<'k>),
    /// A key of a JWK Set.
    OfSet(Jwk),
}

impl CandidateKey<'_> {
    fn value(&self) -> Value<'_> {
        match self {
            Self::Whole(secret) => *secret,
            Self::OfSet(key) => Value::Bytes(&key.bytes),
        }
    }
}

/// Returns the keys of a secret that is a JWK or a JWK Set. `None` for any other form of a key.
fn jwks(secret: Value<'_>) -> Option<Result<Vec<Jwk>, String>> {
    // The bytes of a raw key may begin with a brace too.
    let json = std::str::from_utf8(secret.content()?).ok()?.trim();
    if !json.starts_with('{') {
        return None;
    }
    Some(read_jwks(json.as_bytes()))
}
