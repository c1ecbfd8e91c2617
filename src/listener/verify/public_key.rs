//! Signatures that were made with the sender's private key, checked against a pinned public one.
//!
//! The verification itself is the language's: `$ED25519_VERIFY` and its like, run with the key,
//! the message and the signature as names.

use sha2::{Digest, Sha256};

use super::{Evidence, Found, Passed, Received, SignedTime};
use crate::engine::{Context, Program, Value};
use crate::listener::reason::{Failed, Finding};

/// A signature that was made with a private key.
#[derive(Debug)]
pub(in crate::listener) struct PublicKey {
    /// The name of the secret that holds the key.
    pub(in crate::listener) key: Box<str>,
    /// What it is called in words.
    pub(in crate::listener) algorithm: Box<str>,
    /// Reads `key`, `message` and `signature`.
    pub(in crate::listener) program: Program,
    pub(in crate::listener) payloads: Vec<Program>,
    pub(in crate::listener) received: Received,
    pub(in crate::listener) time: Option<SignedTime>,
}

impl PublicKey {
    pub(super) fn check(&self, evidence: &mut Evidence<'_, '_>) -> Found {
        let candidates = self.received.candidates(evidence)?;
        if let Some(time) = &self.time {
            time.check(evidence)?;
        }
        let mut refused = None;
        for payload in &self.payloads {
            let message = match evidence.machine.eval(payload, evidence.context) {
                Ok(value) => value.content().map(<[u8]>::to_vec),
                Err(trap) => {
                    refused = Some((Finding::NoPayload, trap.place_in(payload)));
                    continue;
                }
            };
            let Some(message) = message else {
                refused = Some((Finding::NoPayload, "what is signed is null".to_owned()));
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
            (Finding::SignatureWrong, message)
        }))
    }

    fn passed(&self, message: &[u8]) -> Passed {
        let signed = SignedTime::signed(self.time.as_ref(), Sha256::digest(message).into());
        Passed { message: format!("signed with `{}`", self.key), signed: Some(signed) }
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
            return Err((Finding::RuleError, message));
        }
        for key in keys {
            let mut context = Context::new();
            context
                .set("key", key)
                .set("message", Value::Bytes(message))
                .set("signature", Value::Bytes(signature));
            match evidence.machine.test(&self.program, &context) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(trap) => return Err((Finding::RuleError, trap.place_in(&self.program))),
            }
        }
        Ok(false)
    }
}
