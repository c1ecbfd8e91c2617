//! A subscription as it is used: what the store has of it, what it says, its programs compiled.

use std::sync::Arc;

use crate::delivery::{Definition, Programs};
use crate::gateway::encryption::{AssociatedData, EncryptionError, Keyring, place};
use crate::gateway::patterns::{CompileError, Patterns};
use crate::gateway::store::{SealedColumn, SubscriptionRecord};

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
    Encryption(#[from] EncryptionError),
    /// What was encrypted is none.
    #[error("what is stored of the subscription `{0}` cannot be read")]
    Damaged(String),
    /// Its filter or transform does not compile any more.
    #[error("the filter or transform of the subscription `{0}` does not compile: {1}")]
    Program(String, String),
    /// Its filter or transform is not compiled yet.
    #[error("the filter or transform of the subscription `{0}`: {1}")]
    NotCompiled(String, CompileError),
}

impl Subscribed {
    /// Reads what the store has of a subscription. Its programs are compiled beside the threads of
    /// the runtime.
    ///
    /// # Errors
    /// Where it was encrypted with another key, is damaged, or does not compile.
    pub(super) async fn open(
        keyring: &Keyring,
        patterns: &Patterns,
        record: SubscriptionRecord,
    ) -> Result<Self, UnreadableSubscription> {
        let definition = Arc::new(unsealed(keyring, &record)?);
        if definition.filter.is_none() && definition.transform.is_none() {
            return Ok(Self { record, definition, programs: Programs::default() });
        }
        let (share, texts) = (patterns.share(&record.tenant), Arc::clone(&definition));
        let work = move || {
            Programs::compile_in(&share, texts.filter.as_deref(), texts.transform.as_deref())
        };
        let compiled = patterns.compile(&record.tenant, work).await;
        let compiled = compiled
            .map_err(|error| UnreadableSubscription::NotCompiled(record.id.clone(), error))?;
        let programs = compiled.map_err(|faults| {
            UnreadableSubscription::Program(record.id.clone(), faults.to_string())
        })?;
        Ok(Self { record, definition, programs })
    }
}

/// What a subscription says, from what is stored of it.
///
/// # Errors
/// Where it was encrypted with another key, or is damaged.
pub fn unsealed(
    keyring: &Keyring,
    record: &SubscriptionRecord,
) -> Result<Definition, UnreadableSubscription> {
    let json = keyring.open(&place_of(&record.tenant, &record.id), &record.sealed)?;
    serde_json::from_slice(&json).map_err(|_| UnreadableSubscription::Damaged(record.id.clone()))
}

/// The place of a subscription's definition in the store.
fn place_of<'a>(tenant: &'a str, id: &'a str) -> AssociatedData<'a> {
    place(SealedColumn::Subscriptions, tenant, id)
}

/// The definition of a subscription of a tenant, encrypted for its row.
///
/// # Errors
/// Where there is no key to encrypt with, or the system gives no random bytes.
pub fn sealed(
    keyring: &Keyring,
    tenant: &str,
    id: &str,
    definition: &Definition,
) -> Result<Vec<u8>, EncryptionError> {
    // Texts and lists of them always have a form as JSON.
    let json = zeroize::Zeroizing::new(serde_json::to_vec(definition).unwrap_or_default());
    keyring.seal(&place_of(tenant, id), &json)
}
