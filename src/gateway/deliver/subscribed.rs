//! A subscription as it is used: what the store has of it, what it says, its programs compiled.

use std::sync::Arc;

use crate::delivery::{Definition, Programs};
use crate::gateway::patterns::Patterns;
use crate::gateway::seal::{Seal, SealError};
use crate::gateway::store::SubscriptionRecord;

/// A subscription.
#[derive(Debug, Clone)]
pub struct Subscribed {
    /// What the store has of it.
    pub record: SubscriptionRecord,
    /// What it says.
    pub definition: Arc<Definition>,
    /// Its programs.
    pub programs: Programs,
}

/// Why a subscription cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableSubscription {
    /// It was encrypted with another key.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// What was encrypted is none.
    #[error("what is stored of the subscription `{0}` cannot be read")]
    Damaged(String),
    /// Its filter or transform does not compile any more.
    #[error("the filter or transform of the subscription `{0}` does not compile: {1}")]
    Program(String, String),
}

impl Subscribed {
    /// Reads what the store has of a subscription.
    ///
    /// # Errors
    /// Where it was encrypted with another key, is damaged, or does not compile.
    pub fn open(
        seal: &Seal,
        patterns: &Patterns,
        record: SubscriptionRecord,
    ) -> Result<Self, UnreadableSubscription> {
        let definition = unsealed(seal, &record)?;
        let (filter, transform) = (definition.filter.as_deref(), definition.transform.as_deref());
        let share = patterns.share(&record.tenant);
        let programs = Programs::compile_in(&share, filter, transform).map_err(|faults| {
            UnreadableSubscription::Program(record.id.clone(), faults.to_string())
        })?;
        Ok(Self { record, definition: Arc::new(definition), programs })
    }
}

/// What a subscription says, from what is stored of it.
///
/// # Errors
/// Where it was encrypted with another key, or is damaged.
pub fn unsealed(
    seal: &Seal,
    record: &SubscriptionRecord,
) -> Result<Definition, UnreadableSubscription> {
    let json = zeroize::Zeroizing::new(seal.open(&record.sealed)?);
    serde_json::from_slice(&json).map_err(|_| UnreadableSubscription::Damaged(record.id.clone()))
}

/// What a subscription says, encrypted.
///
/// # Errors
/// Where the system gives no random bytes.
pub fn sealed(seal: &Seal, definition: &Definition) -> Result<Vec<u8>, SealError> {
    // Texts and lists of them always have a form as JSON.
    let json = zeroize::Zeroizing::new(serde_json::to_vec(definition).unwrap_or_default());
    seal.seal(&json)
}
