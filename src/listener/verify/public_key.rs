//! Verification of public-key signatures with a pinned key.
//!
//! The functions of the language, such as `$ED25519_VERIFY`, verify the signature. They run with
//! the key, the message and the signature as variables. Each of them hashes the whole message, so
//! only a few candidates of a plausible length are tried. Knows no key formats.

use sha2::{Digest, Sha256};

use super::received::Candidate;
use super::{Evidence, PassedVerification, SignatureSource, SignedTime, VerificationResult};
use crate::engine::{Context, Program, Value};
use crate::listener::reason::{Failed, ReasonCode};

/// A public-key signature.
#[derive(Debug)]
pub(in crate::listener) struct PublicKey {
    /// The name of the secret that contains the key.
    pub(in crate::listener) key: Box<str>,
    /// The name of the algorithm in messages.
    pub(in crate::listener) algorithm: Box<str>,
    /// The program with the variables `key`, `message` and `signature`.
    pub(in crate::listener) program: Program,
    pub(in crate::listener) payloads: Vec<Program>,
    pub(in crate::listener) received: SignatureSource,
    pub(in crate::listener) time: Option<SignedTime>,
}

/// Maximum number of signatures that are tried. A provider sends one, and a second one during a key
/// rotation.
const MAX_CANDIDATES: usize = 4;

/// Accepted lengths of a signature, in bytes. Signatures of RSA with 8192 bits are the longest.
const LENGTHS: std::ops::RangeInclusive<usize> = 8..=1024;

impl PublicKey {
    pub(super) fn check(&self, evidence: &mut Evidence<'_, '_>) -> VerificationResult {
        let candidates = self.plausible(self.received.candidates(evidence)?)?;
        if let Some(time) = &self.time {
            time.check(evidence)?;
        }
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
                match self.verify(evidence, &message, &candidate.bytes) {
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

    fn verify(
        &self,
        evidence: &mut Evidence<'_, '_>,
        message: &[u8],
        signature: &[u8],
    ) -> Result<bool, Failed> {
        let keys: Vec<Value<'_>> = evidence.context.secrets(&self.key).collect();
        if keys.is_empty() {
            let message = format!("the public key `{}` is not set", self.key);
            return Err((ReasonCode::RuleError, message));
        }
        for key in keys {
            evidence.hashes(message);
            let mut context = Context::new();
            context
                .set("key", key)
                .set("message", Value::Bytes(message))
                .set("signature", Value::Bytes(signature));
            match evidence.machine.test(&self.program, &context) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(trap) => return Err((ReasonCode::RuleError, trap.place_in(&self.program))),
            }
        }
        Ok(false)
    }
}
