//! Deduplication: what tells one event from another.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::reason::{Finding, Reason};
use super::verify::Signed;
use crate::engine::{Context, Machine, Program};

/// How repeats of one event are recognised.
#[derive(Debug)]
pub(super) struct Dedup {
    pub(super) keys: Vec<(Box<str>, Program)>,
    pub(super) window: Duration,
    pub(super) by_signature: BySignature,
}

/// Which requests are recognised by what was signed, too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum BySignature {
    None,
    /// Those without a signed time.
    #[default]
    Timeless,
    All,
}

impl BySignature {
    /// What a listener's file says.
    pub(super) fn of(set: Option<bool>) -> Self {
        match set {
            None => Self::default(),
            Some(true) => Self::All,
            Some(false) => Self::None,
        }
    }

    /// Whether one is, whose signed time is held to the clock or not.
    pub(super) fn takes(self, timed: bool) -> bool {
        match self {
            Self::None => false,
            Self::Timeless => !timed,
            Self::All => true,
        }
    }
}

impl Default for Dedup {
    fn default() -> Self {
        Self { keys: Vec::new(), window: WINDOW, by_signature: BySignature::default() }
    }
}

/// What an event is recognised by: any of these keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DedupKeys {
    /// Hashes: of the listener's keys, of what was signed.
    pub hashes: Vec<[u8; 32]>,
    /// How long they are remembered.
    pub window: Duration,
}

/// How long keys are remembered where the listener does not say.
pub(super) const WINDOW: Duration = Duration::from_secs(600);

impl Dedup {
    /// What a request is recognised by; nothing where it is not.
    pub(super) fn keys_of(
        &self,
        machine: &mut Machine,
        context: &Context<'_>,
        signed: Option<Signed>,
        reasons: &mut Vec<Reason>,
    ) -> Option<DedupKeys> {
        let by_keys = self.key(machine, context, reasons);
        let by_signature = signed.filter(|signed| self.by_signature.takes(signed.timed));
        let by_signature = by_signature.map(|signed| signed.hash);
        let hashes: Vec<[u8; 32]> = by_keys.into_iter().chain(by_signature).collect();
        (!hashes.is_empty()).then_some(DedupKeys { hashes, window: self.window })
    }

    /// The hash of a request's keys; none where all of them are null.
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
                        Reason::new("deduplicate", Finding::DedupError, trap.place_in(program));
                    reasons.push(reason.of(name.clone()));
                    "null".to_owned()
                }
            };
            // Each with its length: `a` and `bc` must not be `ab` and `c`.
            hash.update((value.len() as u64).to_le_bytes());
            hash.update(value.as_bytes());
        }
        if !found {
            let message = "all keys are null, so repeats are not recognised";
            reasons.push(Reason::new("deduplicate", Finding::DedupMissing, message));
            return None;
        }
        Some(hash.finalize().into())
    }
}
