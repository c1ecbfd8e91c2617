//! Verification of public-key signatures with a pinned key.
//!
//! The functions of the language, such as `$ED25519_VERIFY`, verify the signature. They run with
//! the key, the message and the signature as variables. Each of them hashes the whole message, so
//! only a few candidates of a plausible length are tried. Of the formats of keys it knows JWK Sets
//! only, because the request may name one of their keys.

use sha2::{Digest, Sha256};

use super::received::Candidate;
use super::{Evidence, PassedVerification, SignatureSource, SignedTime, VerificationResult};
use crate::builtins::{Jwk, KeyType, jwk_keys};
use crate::engine::{Context, Program, Value};
use crate::listener::reason::{Failed, ReasonCode};
use crate::value::read_json;

/// A public-key signature.
#[derive(Debug)]
pub(in crate::listener) struct PublicKey {
    /// The name of the secret that contains the key.
    pub(in crate::listener) key: Box<str>,
    /// The id of the key in a JWK Set, if the request names it.
    pub(in crate::listener) key_id: Option<Program>,
    /// The name of the algorithm in messages.
    pub(in crate::listener) algorithm: Box<str>,
    /// The type of its keys.
    pub(in crate::listener) kind: KeyType,
    /// The program with the variables `key`, `message` and `signature`.
    pub(in crate::listener) program: Program,
    pub(in crate::listener) payloads: Vec<Program>,
    pub(in crate::listener) received: SignatureSource,
    pub(in crate::listener) time: Option<SignedTime>,
}

/// Maximum number of signatures that are tried. A provider sends one, and a second one during a key
/// rotation.
const MAX_CANDIDATES: usize = 4;

/// Maximum number of keys of a JWK Set that are tried. Each adds one hash of a forged request.
const MAX_KEYS: usize = 16;

/// Accepted lengths of a signature, in bytes. Signatures of RSA with 8192 bits are the longest.
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=1024;

impl PublicKey {
    pub(super) fn check(&self, evidence: &mut Evidence<'_, '_>) -> VerificationResult {
        let candidates = self.plausible(self.received.candidates(evidence)?)?;
        if let Some(time) = &self.time {
            time.check(evidence)?;
        }
        let id = self.key_id(evidence)?;
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
                match self.verify(evidence, id.as_deref(), &message, &candidate.bytes) {
                    Ok(true) => return Ok(self.passed(&message)),
                    Ok(false) => {}
                    Err(failed) => refused = Some(failed),
                }
            }
        }
        Err(refused.unwrap_or_else(|| {
            let message = format!("not the {} signature of this request", self.algorithm);
            (ReasonCode::SignatureWrong, message)
        }))
    }

    /// Returns the candidates of a plausible length. Returns an error if it finds no candidate or
    /// too many.
    fn plausible(&self, candidates: Vec<Candidate>) -> Result<Vec<Candidate>, Failed> {
        let is_plausible = |candidate: &Candidate| LENGTHS.contains(&candidate.bytes.len());
        let plausible: Vec<_> = candidates.into_iter().filter(is_plausible).collect();
        if plausible.len() > MAX_CANDIDATES {
            let message = format!("the request has more than {MAX_CANDIDATES}");
            return Err((ReasonCode::TooManySignatures, message));
        }
        if plausible.is_empty() {
            let message = format!("not as long as a signature of {}", self.algorithm);
            return Err((ReasonCode::SignatureWrong, message));
        }
        Ok(plausible)
    }

    fn passed(&self, message: &[u8]) -> PassedVerification {
        let signed = SignedTime::signed(self.time.as_ref(), Sha256::digest(message).into());
        PassedVerification { message: format!("signed with `{}`", self.key), signed: Some(signed) }
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

    fn verify(
        &self,
        evidence: &mut Evidence<'_, '_>,
        id: Option<&str>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, Failed> {
        let secrets: Vec<Value<'_>> = evidence.context.secrets(&self.key).collect();
        if secrets.is_empty() {
            let message = format!("the public key `{}` is not set", self.key);
            return Err((ReasonCode::RuleError, message));
        }
        for secret in secrets {
            let Some(set) = jwks(secret) else {
                if self.verify_with(evidence, secret, message, signature)? {
                    return Ok(true);
                }
                continue;
            };
            let set = set.map_err(|reason| {
                (ReasonCode::RuleError, format!("the public key `{}`: {reason}", self.key))
            })?;
            let fits = |key: &&Jwk| key.kind == self.kind && key.may_be(id);
            for key in set.iter().filter(fits).take(MAX_KEYS) {
                if self.verify_with(evidence, Value::Bytes(&key.bytes), message, signature)? {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn verify_with(
        &self,
        evidence: &mut Evidence<'_, '_>,
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
        let verified = evidence.machine.test(&self.program, &context);
        verified.map_err(|trap| (ReasonCode::RuleError, trap.place_in(&self.program)))
    }
}

/// Returns the keys of a secret that is a JWK or a JWK Set. `None` for any other form of a key.
fn jwks(secret: Value<'_>) -> Option<Result<Vec<Jwk>, String>> {
    let json = secret.content()?.trim_ascii();
    if !json.starts_with(b"{") {
        return None;
    }
    let set = read_json(json).map_err(|error| format!("this is not JSON: {error}"));
    Some(set.and_then(|set| match set.borrow().as_object() {
        Some(object) => jwk_keys(object),
        None => Err("a JWK Set is an object".to_owned()),
    }))
}
