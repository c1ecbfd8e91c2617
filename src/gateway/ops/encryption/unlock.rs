//! Unlocking a store: checks its keys before anything is served, creates a key for a new store, and
//! converts values of older versions. Knows nothing of requests.

use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use super::format::AssociatedData;
use super::key_id::KeyId;
use super::reencryption::{place, reseal};
use super::source::key_file;
use super::{EncryptionError, Keyring, random};
use crate::gateway::ops::clock::UnixMicros;
use crate::gateway::store::{
    EncryptionState, EncryptionStore, KeyHolder, RegisteredKey, SealedColumn, Store,
};

/// The plaintext of a check value.
const CHECK_CONTENT: &[u8] = b"hookgate key check";

/// Interval at which a gateway records its sealing key.
pub(in crate::gateway) const HEARTBEAT: Duration = Duration::from_secs(60);

/// Time without such a record after which a gateway counts as stopped.
pub(in crate::gateway::ops::encryption) const HOLDER_TIMEOUT: Duration = Duration::from_secs(180);

/// Returns the associated data of the check value of a key.
fn check_place(id: &str) -> AssociatedData<'_> {
    AssociatedData { table: "encryption_keys", column: "check_value", tenant: "", row: id }
}

/// Returns the path of the key file, for messages.
pub(in crate::gateway::ops::encryption) fn key_file_name(store: &Path) -> String {
    key_file(store).display().to_string()
}

/// Returns the keys of a store, for the gateway that runs on it. Creates the key file for a new
/// store if no key was given.
///
/// # Errors
/// Returns an error if keys of the store are missing, or if the store fails.
pub(in crate::gateway) async fn unlock(
    store: &(impl EncryptionStore + ?Sized),
    path: &Path,
    now: UnixMicros,
) -> Result<Keyring, EncryptionError> {
    let mut keyring = Keyring::read(path)?;
    let state = store.encryption_state().await?;
    if keyring.keys.is_empty() && state.keys.is_empty() && !state.has_sealed_values {
        keyring.make_file(path)?;
    }
    check(&keyring, &state, &key_file_name(path))?;
    keyring.sealing = keyring.ids().first().copied();
    keyring.opens_legacy = state.legacy;
    if state.legacy && state.keys.is_empty() {
        probe(store, &keyring, path).await?;
    }
    register(store, &keyring, &state, now).await?;
    match report_keys(store, &keyring, now).await {
        // A full store is served anyway. Pruning frees space later.
        Err(EncryptionError::Store(error)) if error.passes() => {
            tracing::warn!(%error, "the encryption key in use was not recorded");
        }
        reported => reported?,
    }
    if state.legacy {
        convert(store, &mut keyring).await?;
    }
    Ok(keyring)
}

/// Returns the keys of a store, for a command beside the gateway. It seals with a key that is
/// registered in the store, so a running gateway can open the values.
///
/// # Errors
/// Returns an error if keys of the store are missing, or if the store fails.
pub async fn unlock_for_command(
    store: &(impl EncryptionStore + ?Sized),
    path: &Path,
) -> Result<Keyring, EncryptionError> {
    let mut keyring = Keyring::read(path)?;
    let state = store.encryption_state().await?;
    check(&keyring, &state, &key_file_name(path))?;
    let known = |id: &KeyId| state.keys.iter().any(|key| key.id == *id.bytes());
    keyring.sealing = keyring.ids().into_iter().find(known);
    keyring.opens_legacy = state.legacy;
    Ok(keyring)
}

/// Checks that every registered key is present and right.
pub(in crate::gateway::ops::encryption) fn check(
    keyring: &Keyring,
    state: &EncryptionState,
    file: &str,
) -> Result<(), EncryptionError> {
    let given = keyring.ids();
    let mut missing = Vec::new();
    for registered in &state.keys {
        let id = KeyId::new(registered.id);
        match keyring.key(id) {
            None => missing.push(id),
            Some(_) => {
                let content =
                    keyring.open(&check_place(&id.to_string()), &registered.check_value)?;
                if content.as_slice() != CHECK_CONTENT {
                    return Err(EncryptionError::Damaged);
                }
            }
        }
    }
    if !missing.is_empty() {
        return Err(EncryptionError::MissingKeys { missing, given, file: file.to_owned() });
    }
    let unlocked = !given.is_empty() || !state.has_sealed_values;
    match unlocked {
        true => Ok(()),
        false => Err(EncryptionError::WrongKey { given, file: file.to_owned() }),
    }
}

/// Registers the sealing key, unless it is registered already.
pub(in crate::gateway::ops::encryption) async fn register(
    store: &(impl EncryptionStore + ?Sized),
    keyring: &Keyring,
    state: &EncryptionState,
    now: UnixMicros,
) -> Result<(), EncryptionError> {
    let id = keyring.sealing().ok_or(EncryptionError::NoSealingKey)?;
    if state.keys.iter().any(|key| key.id == *id.bytes()) {
        return Ok(());
    }
    let check_value = keyring.seal(&check_place(&id.to_string()), CHECK_CONTENT)?;
    let key = RegisteredKey { id: *id.bytes(), check_value };
    Ok(store.register_key(key, now).await?)
}

/// Records the sealing key of the gateway, for a rotation that runs beside it.
pub(in crate::gateway) async fn report_keys(
    store: &(impl EncryptionStore + ?Sized),
    keyring: &Keyring,
    now: UnixMicros,
) -> Result<(), EncryptionError> {
    let id = keyring.sealing().ok_or(EncryptionError::NoSealingKey)?;
    let holder = KeyHolder { sealing: *id.bytes(), seen_at: now };
    Ok(store.record_key_holder(Some(holder)).await?)
}

/// Checks the keys of a store of an older version, which has no check value. In the first page of
/// each column, some value must open.
async fn probe(
    store: &(impl EncryptionStore + ?Sized),
    keyring: &Keyring,
    path: &Path,
) -> Result<(), EncryptionError> {
    for column in SealedColumn::ALL {
        let page = store.sealed_values(column, i64::MIN).await?;
        let opens = |value| keyring.open_value(column, value).is_ok();
        if !page.is_empty() && !page.iter().any(opens) {
            let (given, file) = (keyring.ids(), key_file_name(path));
            return Err(EncryptionError::WrongKey { given, file });
        }
    }
    Ok(())
}

/// Converts the values of an older version. Values that do not open are not changed, and are tried
/// again at the next start.
async fn convert(
    store: &(impl EncryptionStore + ?Sized),
    keyring: &mut Keyring,
) -> Result<(), EncryptionError> {
    tracing::info!("converting the encryption of the store: this happens once");
    let all = reseal(store, keyring).await?;
    for one in &all {
        let (table, resealed, unreadable) = (one.column.table(), one.resealed, one.unreadable);
        match unreadable {
            0 => tracing::info!(table, resealed, "encryption converted"),
            _ => tracing::error!(
                table,
                resealed,
                unreadable,
                "encrypted with another key, or changed"
            ),
        }
    }
    if all.iter().all(|one| one.unreadable == 0) {
        let id = keyring.sealing().ok_or(EncryptionError::NoSealingKey)?;
        store.retire_keys_except(id.bytes().to_vec()).await?;
        keyring.opens_legacy = false;
    }
    Ok(())
}

/// Returns the key that signs access tokens. Creates it at the first start, and stores it
/// encrypted.
///
/// # Errors
/// Returns an error if the key does not open, or if the store fails.
pub(in crate::gateway) async fn token_key(
    store: &(impl Store + ?Sized),
    keyring: &Keyring,
) -> Result<Zeroizing<[u8; 32]>, EncryptionError> {
    let place = place(SealedColumn::ServerSecrets, "", "token");
    let fresh = keyring.seal(&place, random::<32>()?.as_slice())?;
    let sealed = store.server_secret("token", fresh).await?;
    let opened = keyring.open(&place, &sealed)?;
    let key = opened.as_slice().try_into().map_err(|_| EncryptionError::Damaged)?;
    Ok(Zeroizing::new(key))
}
