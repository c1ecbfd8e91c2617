//! Key rotation: values that were encrypted with another key or format are encrypted again.
//!
//! Runs while the gateway runs, one page of values in a transaction. It can be stopped and started
//! again at any time: values with the right key are not changed. Does not know the meaning of the
//! values.

use super::key_id::KeyId;
use super::reencryption::{Resealed, reseal};
use super::unlock::{HOLDER_TIMEOUT, check, key_file_name, register};
use super::{EncryptionError, Keyring};
use crate::gateway::ops::clock::{UnixMicros, micros_in};
use crate::gateway::store::{EncryptionState, EncryptionStore};

/// Maximum passes over all values, until none is encrypted with another key.
const MAX_PASSES: usize = 5;

/// Encrypts all values with the first key of the environment, then deletes the other keys from the
/// store.
///
/// # Errors
/// Returns an error if the store is not converted, if keys are missing, if the running gateway
/// seals with another key, or if the store fails. If some values do not open, no key is deleted.
pub async fn rotate_encryption(
    store: &(impl EncryptionStore + ?Sized),
    path: &std::path::Path,
    now: UnixMicros,
) -> Result<(KeyId, Vec<Resealed>), EncryptionError> {
    let mut keyring = Keyring::read(path)?;
    let state = store.encryption_state().await?;
    if state.legacy {
        return Err(EncryptionError::NotConverted);
    }
    check(&keyring, &state, &key_file_name(path))?;
    let first = keyring.ids().first().copied().ok_or(EncryptionError::NoSealingKey)?;
    allowed_beside(&state, first, now)?;
    keyring.sealing = Some(first);
    register(store, &keyring, &state, now).await?;
    let mut total = reseal(store, &keyring).await?;
    for _ in 1..MAX_PASSES {
        let again = reseal(store, &keyring).await?;
        let settled = again.iter().all(|one| one.resealed == 0);
        for (sum, one) in total.iter_mut().zip(again) {
            sum.resealed += one.resealed;
            (sum.values, sum.unreadable) = (one.values, one.unreadable);
        }
        if settled {
            allowed_beside(&store.encryption_state().await?, first, now)?;
            if total.iter().all(|one| one.unreadable == 0) {
                store.retire_keys_except(first.bytes().to_vec()).await?;
            }
            return Ok((first, total));
        }
    }
    Err(EncryptionError::StillWritten)
}

/// Returns an error if a running gateway seals with another key. It would continue to do so, and
/// could not open the rotated values.
fn allowed_beside(
    state: &EncryptionState,
    first: KeyId,
    now: UnixMicros,
) -> Result<(), EncryptionError> {
    let Some(holder) = &state.holder else {
        return Ok(());
    };
    let running = KeyId::new(holder.sealing);
    let is_live = now.since(holder.seen_at) < micros_in(HOLDER_TIMEOUT);
    match is_live && running != first {
        true => Err(EncryptionError::OtherSealingKey { running, first }),
        false => Ok(()),
    }
}
