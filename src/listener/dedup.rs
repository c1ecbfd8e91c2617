//! Deduplication: the keys that identify an event. Knows no deduplication index; the store has it.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::reason::{Reason, ReasonCode};
use super::verify::{BySignature, SignedContent};
use crate::engine::{Context, Machine, Program};

/// The deduplication settings of a listener.
#[derive(Debug, Default)]
pub(super) struct Dedup {
    pub(super) keys: Vec<(Box<str>, Program)>,
    pub(super) window: Duration,
    pub(super) by_signature: BySignature,
}

/// The deduplication keys of an event. A repeat has at least one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupKeys {
    /// Hashes: one of the listener's keys, one of the signed content.
    pub hashes: Vec<[u8; 32]>,
    /// The time for which the keys are kept.
    pub window: Duration,
}

impl Dedup {
    /// Returns the deduplication keys of a request, or `None` if it has none.
    pub(super) fn keys_of(
        &self,
        machine: &mut Machine,
        context: &Context<'_>,
        signed: Option<SignedContent>,
        reasons: &mut Vec<Reason>,
    ) -> Option<DedupKeys> {
        let by_keys = self.key(machine, context, reasons);
        let by_signature = signed.filter(|signed| self.by_signature.takes(signed.timed));
        let by_signature = by_signature.map(|signed| signed.hash);
        let hashes: Vec<[u8; 32]> = by_keys.into_iter().chain(by_signature).collect();
        (!hashes.is_empty()).then_some(DedupKeys { hashes, window: self.window })
    }

    /// Returns the hash of the configured keys, or `None` if all of them are null.
    fn key(
        &self,
        machine: &mut Machine,
        context: &Context<'_>,
        reasons: &mut Vec<Reason>,
    ) -> Option<[u8; 32]> {
        if self.keys.is_empty() {
            return None;
        }
        let mut hash = Sha256::new();
        let mut found = false;
        for (name, program) in &self.keys {
            let value = match machine.eval(program, context) {
                Ok(value) => {
                    found |= !value.is_null();
                    value.to_string()
                }
                Err(trap) => {
                    let reason =
                        Reason::new("deduplicate", ReasonCode::DedupError, trap.place_in(program));
                    reasons.push(reason.of(name.clone()));
                    "null".to_owned()
                }
            };
            // The length precedes each value, so that `a` and `bc` differ from `ab` and `c`.
            hash.update((value.len() as u64).to_le_bytes());
            hash.update(value.as_bytes());
        }
        if !found {
            let message = "all keys are null, so repeats are not recognised";
            reasons.push(Reason::new("deduplicate", ReasonCode::DedupMissing, message));
            return None;
        }
        Some(hash.finalize().into())
    }
}
