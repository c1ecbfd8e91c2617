//! Deduplication: the keys that identify an event. Knows no deduplication index; the store has it.

use std::time::Duration;

use sha2::{Digest, Sha256};

use super::reason::{Reason, ReasonCode};
use super::verify::{BySignature, SignedContent};
use crate::engine::{Context, Machine, Program};
use crate::value::{Fault, Value, write_key_form};

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
    /// A hash in the form of an older version. It is looked up, and not stored.
    pub former: Option<[u8; 32]>,
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
        let former = by_keys.as_ref().and_then(|keys| keys.former);
        let by_keys = by_keys.map(|keys| keys.hash);
        let by_signature = signed.filter(|signed| self.by_signature.takes(signed.timed));
        let by_signature = by_signature.map(|signed| signed.hash);
        let hashes: Vec<[u8; 32]> = by_keys.into_iter().chain(by_signature).collect();
        (!hashes.is_empty()).then_some(DedupKeys { hashes, former, window: self.window })
    }

    /// Returns the hash of the configured keys. The body is the key if all of them are null, and if
    /// one has an error: the others alone could be the same in another event. `None` without keys, or
    /// without a body.
    fn key(
        &self,
        machine: &mut Machine,
        context: &Context<'_>,
        reasons: &mut Vec<Reason>,
    ) -> Option<KeyHash> {
        if self.keys.is_empty() {
            return None;
        }
        let mut hash = Sha256::new_with_prefix(VERSION);
        let mut former = Sha256::new();
        let (mut found, mut failed) = (false, false);
        for (name, program) in &self.keys {
            let value = machine.eval(program, context).map_err(|trap| trap.place_in(program));
            // The faults of a key's form quote no values.
            match value.and_then(|value| key_of(value).map_err(|fault| fault.to_string())) {
                Ok(key) => {
                    found |= !key.is_null;
                    hash.update(&key.form);
                    former.update((key.text.len() as u64).to_le_bytes());
                    former.update(key.text.as_bytes());
                }
                Err(message) => {
                    failed = true;
                    let reason = Reason::new("deduplicate", ReasonCode::DedupError, message);
                    reasons.push(reason.of(name.clone()));
                }
            }
        }
        match (failed, found) {
            (false, true) => {
                let former = Some(former.finalize().into());
                Some(KeyHash { hash: hash.finalize().into(), former })
            }
            (false, false) => {
                let message = match body(context) {
                    Some(_) => "all keys are null, so the whole body is the key",
                    None => "all keys are null and there is no body, so repeats are accepted",
                };
                reasons.push(Reason::new("deduplicate", ReasonCode::DedupMissing, message));
                body_key(context)
            }
            (true, _) => body_key(context),
        }
    }
}

/// The value of one key in both forms.
struct KeyValue {
    is_null: bool,
    form: Vec<u8>,
    /// The JSON text: the form of version 1.
    text: String,
}

fn key_of(value: Value<'_>) -> Result<KeyValue, Fault> {
    let mut form = Vec::new();
    write_key_form(value, &mut |piece| form.extend_from_slice(piece))?;
    Ok(KeyValue { is_null: value.is_null(), form, text: value.to_string() })
}

/// The hash of the keys of a request.
struct KeyHash {
    hash: [u8; 32],
    /// The hash in the form of version 1, which compared the JSON text of the keys.
    former: Option<[u8; 32]>,
}

/// The start of every hash of keys: the version of their form.
const VERSION: &[u8] = b"hookgate deduplication key 2\0";

/// Returns the hash of the body, for a request without usable keys: the sender wrote it in a form
/// that the keys do not expect, and sends it again in the same form. The body counts without its
/// content encoding: where a sender signs before it compresses, anyone can compress it again.
fn body_key(context: &Context<'_>) -> Option<KeyHash> {
    let hash =
        Sha256::new_with_prefix(VERSION).chain_update(b"body\0").chain_update(body(context)?);
    Some(KeyHash { hash: hash.finalize().into(), former: None })
}

fn body<'c>(context: &Context<'c>) -> Option<&'c [u8]> {
    context.get("decoded_body").content().filter(|body| !body.is_empty())
}
