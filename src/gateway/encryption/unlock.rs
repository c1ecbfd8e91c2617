//! Unlocking a store: its keys are checked before anything is served, set up where the store is
//! new, and what an older version sealed is converted.

use std::path::Path;
use std::time::Duration;

use zeroize::Zeroizing;

use super::format::AssociatedData;
use super::key::KeyId;
use super::rotation::{place, reseal};
use super::source::key_file;
use super::{EncryptionError, Keyring, random};
use crate::gateway::store::{
    EncryptionState, EncryptionStore, KeyHolder, RegisteredKey, SealedColumn, Store,
};

/// The content of a check value.
const CHECK_CONTENT: &[u8] = b"hookgate key check";

/// How often a gateway records the key that it seals with.
pub(in crate::gateway) const HEARTBEAT: Duration = Duration::from_secs(60);

/// A gateway that did not record its key for so long does not run.
pub(super) const HOLDER_TIMEOUT: Duration = Duration::from_secs(180);

/// The place of the check value of a key, which is named by its id.
fn check_place(id: &str) -> AssociatedData<'_> {
    AssociatedData { table: "encryption_keys", column: "check_value", tenant: "", row: id }
}

/// The name of the file that may hold a key, for messages.
pub(super) fn key_file_name(store: &Path) -> String {
    key_file(store).display().to_string()
}

/// The keys of a store, for the gateway that runs on it. In a new store that was given no key, the
/// file of a key is made.
///
/// # Errors
/// Where the keys that the store needs were not given, or the store does not answer.
pub(in crate::gateway) async fn unlock(
    store: &(impl EncryptionStore + ?Sized),
    path: &Path,
    now: i64,
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
        // A store that is full is served all the same, and has space again when it was pruned.
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

/// The keys of a store, for a command beside the gateway: it seals with a key that the store
/// knows already, so that a gateway that runs opens what it seals.
///
/// # Errors
/// Where the keys that the store needs were not given, or the store does not answer.
pub async fn unlock_for_command(
    store: &(impl EncryptionStore + ?Sized),
    path: &Path,
) -> Result<Keyring, EncryptionError> {
    let mut keyring = Keyring::read(path)?;
    let state = store.encryption_state().await?;
    check(&keyring, &state, &key_file_name(path))?;
    let known = |id: &KeyId| state.keys.iter().any(|key| key.id == id.bytes());
    keyring.sealing = keyring.ids().into_iter().find(known);
    keyring.opens_legacy = state.legacy;
    Ok(keyring)
}

/// Checks that every key is there that the store may need, and is the right one.
pub(super) fn check(
    keyring: &Keyring,
    state: &EncryptionState,
    file: &str,
) -> Result<(), EncryptionError> {
    let given = keyring.ids();
    let mut missing = Vec::new();
    for registered in &state.keys {
        let id: [u8; KeyId::LENGTH] =
            registered.id.as_slice().try_into().map_err(|_| EncryptionError::Damaged)?;
        let id = KeyId::new(id);
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

/// Registers the key that seals, unless the store knows it.
pub(super) async fn register(
    store: &(impl EncryptionStore + ?Sized),
    keyring: &Keyring,
    state: &EncryptionState,
    now: i64,
) -> Result<(), EncryptionError> {
    let id = keyring.sealing().ok_or(EncryptionError::NoSealingKey)?;
    if state.keys.iter().any(|key| key.id == id.bytes()) {
        return Ok(());
    }
    let check_value = keyring.seal(&check_place(&id.to_string()), CHECK_CONTENT)?;
    let key = RegisteredKey { id: id.bytes().to_vec(), check_value };
    Ok(store.register_key(key, now).await?)
}

/// Records which key the gateway seals with, for those who rotate beside it.
pub(in crate::gateway) async fn report_keys(
    store: &(impl EncryptionStore + ?Sized),
    keyring: &Keyring,
    now: i64,
) -> Result<(), EncryptionError> {
    let id = keyring.sealing().ok_or(EncryptionError::NoSealingKey)?;
    let holder = KeyHolder { sealing: id.bytes().to_vec(), seen_at: now };
    Ok(store.record_key_holder(Some(holder)).await?)
}

/// Checks that the keys are those of a store of an older version, which has no check value: of the
/// first values of each kind some have to open.
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

/// Seals again what an older version sealed. Values that do not open stay as they are, and are
/// tried again at the next start.
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

/// The key that access tokens are signed with: made at the first start, and sealed in the store.
///
/// # Errors
/// Where it does not open, or the store does not answer.
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
