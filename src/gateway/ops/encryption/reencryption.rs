//! Re-encryption: values that were encrypted with another key or format are encrypted again. Does not
//! know the meaning of the values.

use zeroize::Zeroizing;

use super::format::{AssociatedData, Sealed};
use super::key_id::KeyId;
use super::{EncryptionError, Keyring};
use crate::gateway::store::{EncryptionStore, Replacement, SealedColumn, SealedValue};

/// Length of the token key that older versions stored in plain text, in bytes.
const LEGACY_SERVER_SECRET: usize = 32;

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
    pub(in crate::gateway::ops::encryption) fn open_value(
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
pub(in crate::gateway::ops::encryption) async fn reseal(
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
            after = last.sequence;
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
        replacements.push(Replacement { sequence: value.sequence, old: value.sealed.clone(), new });
    }
    Ok(replacements)
}
