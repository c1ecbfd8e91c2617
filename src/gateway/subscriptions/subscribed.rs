//! A subscription in use: its record, its decrypted definition and its compiled programs. Sends
//! nothing.

use std::sync::Arc;

use super::patterns::{CompileError, Patterns};
use crate::delivery::{Definition, Programs};
use crate::gateway::ids::{SubscriptionId, TenantId};
use crate::gateway::ops::encryption::{AssociatedData, EncryptionError, Keyring, place};
use crate::gateway::store::{SealedColumn, SubscriptionRecord};

/// A subscription in use.
#[derive(Debug, Clone)]
pub struct Subscribed {
    /// The stored record.
    pub record: SubscriptionRecord,
    /// The decrypted definition.
    pub definition: Arc<Definition>,
    /// The compiled filter and transform.
    pub programs: Programs,
}

/// The reason why a subscription cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum UnreadableSubscription {
    /// The definition cannot be decrypted, for example because another key encrypted it.
    #[error(transparent)]
    Encryption(#[from] EncryptionError),
    /// The decrypted definition cannot be parsed.
    #[error("the stored subscription `{0}` cannot be read")]
    Damaged(SubscriptionId),
    /// The filter or transform no longer compiles.
    #[error("the filter or transform of the subscription `{0}` does not compile: {1}")]
    Program(SubscriptionId, String),
    /// The filter or transform could not be compiled yet.
    #[error("the filter or transform of the subscription `{0}`: {1}")]
    NotCompiled(SubscriptionId, CompileError),
}

impl Subscribed {
    /// Decrypts and compiles a subscription. Compilation runs outside the threads of the runtime.
    ///
    /// # Errors
    /// Returns an error if the definition cannot be decrypted or parsed, or if a program does not
    /// compile.
    pub(in crate::gateway) async fn open(
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

/// Decrypts the definition of a subscription.
///
/// # Errors
/// Returns an error if another key encrypted it, or if it is damaged.
pub fn unsealed(
    keyring: &Keyring,
    record: &SubscriptionRecord,
) -> Result<Definition, UnreadableSubscription> {
    let json = keyring.open(&place_of(&record.tenant, &record.id), &record.sealed)?;
    serde_json::from_slice(&json).map_err(|_| UnreadableSubscription::Damaged(record.id.clone()))
}

/// Returns the associated data of a definition in the store.
fn place_of<'a>(tenant: &'a TenantId, id: &'a SubscriptionId) -> AssociatedData<'a> {
    place(SealedColumn::Subscriptions, tenant, id)
}

/// Encrypts the definition of a subscription for its row.
///
/// # Errors
/// Returns an error if there is no key to encrypt with, or if the system returns no random bytes.
pub fn sealed(
    keyring: &Keyring,
    tenant: &TenantId,
    id: &SubscriptionId,
    definition: &Definition,
) -> Result<Vec<u8>, EncryptionError> {
    // Strings and lists of strings always have a form as JSON.
    let json = zeroize::Zeroizing::new(serde_json::to_vec(definition).unwrap_or_default());
    keyring.seal(&place_of(tenant, id), &json)
}
