//! Key rotation: values that were encrypted with another key or format are encrypted again.
//!
//! Runs while the gateway runs, one page of values in a transaction. It can be stopped and started
//! again at any time: values with the right key are not changed. Does not know the meaning of the
//! values.

use zeroize::Zeroizing;

use super::format::{AssociatedData, Sealed};
use super::key::KeyId;
use super::unlock::{HOLDER_TIMEOUT, check, key_file_name, register};
use super::{EncryptionError, Keyring};
use crate::gateway::clock::micros_in;
use crate::gateway::store::{
    EncryptionState, EncryptionStore, Replacement, SealedColumn, SealedValue,
};

/// Length of the token key that older versions stored in plain text, in bytes.
const LEGACY_SERVER_SECRET: usize = 32;

/// Maximum passes over all values, until none is encrypted with another key.
const MAX_PASSES: usize = 5;

/// The result of a rotation for one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resealed {
    /// The column.
    pub column: SealedColumn,
    /// Values that were encrypted again.
    pub resealed: usize,
    /// Values in the column.
    pub values: usize,
    /// Values that do not open. They were not changed.
    pub unreadable: usize,
}

impl Keyring {
    /// Opens a value that the store listed.
    pub(super) fn open_value(
        &self,
        column: SealedColumn,
        value: &SealedValue,
    ) -> Result<Zeroizing<Vec<u8>>, EncryptionError> {
        let bare = column == SealedColumn::ServerSecrets
            && value.sealed.len() == LEGACY_SERVER_SECRET
            && self.opens_legacy;
        match bare {
            true => Ok(Zeroizing::new(value.sealed.clone())),
            false => self.open(&place(column, &value.tenant, &value.row), &value.sealed),
        }
    }
}

/// Returns the associated data of a value.
pub(in crate::gateway) fn place<'a>(
    column: SealedColumn,
    tenant: &'a str,
    row: &'a str,
) -> AssociatedData<'a> {
    AssociatedData { table: column.table(), column: column.column(), tenant, row }
}

/// Encrypts again all values that the sealing key did not seal.
///
/// # Errors
/// Returns an error if the store fails, or if there is no key to seal with.
pub(super) async fn reseal(
    store: &(impl EncryptionStore + ?Sized),
    keyring: &Keyring,
) -> Result<Vec<Resealed>, EncryptionError> {
    let target = keyring.sealing().ok_or(EncryptionError::NoSealingKey)?;
    let mut all = Vec::new();
    for column in SealedColumn::ALL {
        let mut done = Resealed { column, resealed: 0, values: 0, unreadable: 0 };
        let mut after = i64::MIN;
        loop {
            let page = store.sealed_values(column, after).await?;
            let Some(last) = page.last() else {
                break;
            };
            after = last.rowid;
            let replacements = replacements(keyring, target, &page, &mut done)?;
            if !replacements.is_empty() {
                done.resealed += store.replace_sealed(column, replacements).await?;
            }
        }
        all.push(done);
    }
    Ok(all)
}

/// Encrypts again the values of a page that another key or format sealed.
fn replacements(
    keyring: &Keyring,
    target: KeyId,
    page: &[SealedValue],
    done: &mut Resealed,
) -> Result<Vec<Replacement>, EncryptionError> {
    let mut replacements = Vec::new();
    for value in page {
        done.values += 1;
        if Sealed::parse(&value.sealed).is_some_and(|sealed| sealed.key == target) {
            continue;
        }
        let Ok(plaintext) = keyring.open_value(done.column, value) else {
            done.unreadable += 1;
            continue;
        };
        let place = place(done.column, &value.tenant, &value.row);
        let new = keyring.seal(&place, &plaintext)?;
        replacements.push(Replacement { rowid: value.rowid, old: value.sealed.clone(), new });
    }
    Ok(replacements)
}

/// Encrypts all values with the first key of the environment, then deletes the other keys from the
/// store.
///
/// # Errors
/// Returns an error if the store is not converted, if keys are missing, if the running gateway
/// seals with another key, or if the store fails. If some values do not open, no key is deleted.
pub async fn rotate_encryption(
    store: &(impl EncryptionStore + ?Sized),
    path: &std::path::Path,
    now: i64,
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
fn allowed_beside(state: &EncryptionState, first: KeyId, now: i64) -> Result<(), EncryptionError> {
    let Some(holder) = &state.holder else {
        return Ok(());
    };
    let running = holder.sealing.as_slice().try_into().map(KeyId::new).unwrap_or(first);
    let is_live = now.saturating_sub(holder.seen_at) < micros_in(HOLDER_TIMEOUT);
    match is_live && running != first {
        true => Err(EncryptionError::OtherSealingKey { running, first }),
        false => Ok(()),
    }
}
