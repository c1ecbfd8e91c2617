//! Encryption at rest: secret values are encrypted before the store gets them.
//!
//! An encrypted value is `version ‖ key id ‖ nonce ‖ ciphertext ‖ tag`. The AEAD is
//! XChaCha20-Poly1305 with a random nonce. The associated data names the table, the column, the
//! tenant and the row, so a value opens only at its own place. The module does not know the meaning
//! of the values.

mod format;
mod key;
mod key_id;
mod reencryption;
mod rotation;
mod source;
mod unlock;

use ring::rand::{SecureRandom, SystemRandom};
use zeroize::Zeroizing;

pub use format::AssociatedData;
pub use key_id::KeyId;
pub use reencryption::Resealed;
pub(in crate::gateway) use reencryption::place;
pub use rotation::rotate_encryption;
pub use source::KEY_VARIABLE;
pub use unlock::unlock_for_command;
pub(in crate::gateway) use unlock::{HEARTBEAT, report_keys, token_key, unlock};

use self::format::Sealed;
use self::key::EncryptionKey;
use crate::gateway::store::StoreError;

/// Encryption keys: one seals new values, all open existing ones.
#[derive(Clone, Default)]
pub struct Keyring {
    keys: Vec<EncryptionKey>,
    /// The key that seals; `None` if the store has no key yet.
    sealing: Option<KeyId>,
    /// True if values of the format before version 1 are opened. This ends when all of them are
    /// converted.
    opens_legacy: bool,
}

/// Debug output with the ids of the keys, never with a key.
impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("keys", &self.ids()).finish_non_exhaustive()
    }
}

/// An error of encryption, or the reason why a store cannot be unlocked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncryptionError {
    /// A key is not 32 bytes in hex or base64.
    #[error(
        "{KEY_VARIABLE} holds something that is not 32 bytes in hex or base64; several keys are \
         separated by commas, and `openssl rand -hex 32` makes one"
    )]
    BadKey,
    /// The key file cannot be used.
    #[error("cannot use the key in {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// The reason.
        reason: String,
    },
    /// The system returned no random bytes.
    #[error("the system gave no random bytes")]
    NoRandom,
    /// The store needs keys that were not given.
    #[error(
        "the store is encrypted with {}, and {}: add the missing key to {KEY_VARIABLE} (several \
         are separated by commas, the first encrypts), or put back the file {file}",
        listed(.missing), presence(.given)
    )]
    MissingKeys {
        /// The keys that are needed and missing.
        missing: Vec<KeyId>,
        /// The keys that were given.
        given: Vec<KeyId>,
        /// The path of the key file, which may be missing.
        file: String,
    },
    /// No value of a store of an older version opens with the given keys.
    #[error(
        "no value of this store opens with the keys that were given ({}): it was encrypted by an \
         older version with another key; give that key in {KEY_VARIABLE}, or put back the file \
         {file}", presence(.given)
    )]
    WrongKey {
        /// The keys that were given.
        given: Vec<KeyId>,
        /// The path of the key file, which may be missing.
        file: String,
    },
    /// There is no key to seal with.
    #[error("the store has no encryption key yet: start the gateway once, which sets one up")]
    NoSealingKey,
    /// The key of a value is missing.
    #[error("this was encrypted with another key, {0}: add it to {KEY_VARIABLE}")]
    UnknownKey(KeyId),
    /// The value was changed, or it belongs to another row.
    #[error("this was encrypted with another key, or changed")]
    Damaged,
    /// The running gateway seals with another key.
    #[error(
        "the gateway that runs encrypts with the key {running}, and the first key given here is \
         {first}: restart the gateway with {KEY_VARIABLE} beginning with the new key, and the old \
         one behind it, then rotate"
    )]
    OtherSealingKey {
        /// The key of the gateway.
        running: KeyId,
        /// The first key of this process.
        first: KeyId,
    },
    /// Values of the format before version 1 remain.
    #[error("the store is of an older version: start the gateway once, which converts it")]
    NotConverted,
    /// The gateway or a command still wrote values with another key during the rotation.
    #[error("values were still written with another key while they were rotated; rotate again")]
    StillWritten,
    /// The store reported an error.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn listed(ids: &[KeyId]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
    let key = if ids.len() == 1 { "the key" } else { "the keys" };
    format!("{key} {}", ids.join(", "))
}

fn presence(ids: &[KeyId]) -> String {
    match ids {
        [] => "no key was given".to_owned(),
        ids => format!("only {} was given", listed(ids)),
    }
}

impl Keyring {
    /// Returns the ids of the keys, in order.
    pub fn ids(&self) -> Vec<KeyId> {
        self.keys.iter().map(EncryptionKey::id).collect()
    }

    fn key(&self, id: KeyId) -> Option<&EncryptionKey> {
        self.keys.iter().find(|key| key.id() == id)
    }

    /// Returns the id of the key that seals.
    pub fn sealing(&self) -> Option<KeyId> {
        self.sealing
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// Returns an error if there is no key to seal with, or if the system returns no random bytes.
    pub fn seal(
        &self,
        place: &AssociatedData<'_>,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, EncryptionError> {
        let id = self.sealing.ok_or(EncryptionError::NoSealingKey)?;
        self.key(id).ok_or(EncryptionError::NoSealingKey)?.seal(place, plaintext)
    }

    /// Opens a value at its place.
    ///
    /// # Errors
    /// Returns an error if the key is missing, or if the value was changed or belongs to another
    /// place.
    pub fn open(
        &self,
        place: &AssociatedData<'_>,
        sealed: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, EncryptionError> {
        let opened = Sealed::parse(sealed).ok_or(EncryptionError::Damaged).and_then(|sealed| {
            let key = self.key(sealed.key).ok_or(EncryptionError::UnknownKey(sealed.key))?;
            key.open(place, &sealed)
        });
        match opened {
            Err(error) if self.opens_legacy => self.open_legacy(sealed).ok_or(error),
            opened => opened,
        }
    }

    /// Opens a value of the format before version 1, with any of the keys.
    fn open_legacy(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        self.keys.iter().find_map(|key| key.open_legacy(sealed))
    }
}

/// Returns random bytes.
fn random<const N: usize>() -> Result<Zeroizing<[u8; N]>, EncryptionError> {
    let mut bytes = Zeroizing::new([0; N]);
    SystemRandom::new().fill(bytes.as_mut()).map_err(|_| EncryptionError::NoRandom)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keyring(bytes: &[u8]) -> Keyring {
        let keys: Vec<EncryptionKey> =
            bytes.iter().map(|byte| EncryptionKey::new([*byte; 32])).collect();
        let sealing = keys.first().map(EncryptionKey::id);
        Keyring { keys, sealing, opens_legacy: false }
    }

    const PLACE: AssociatedData<'static> =
        AssociatedData { table: "subscriptions", column: "sealed", tenant: "acme", row: "1" };

    #[test]
    fn encrypted_values_decrypt_only_with_their_associated_data() {
        let keyring = keyring(&[1]);
        let sealed = keyring.seal(&PLACE, b"a secret").unwrap();
        assert_eq!(keyring.open(&PLACE, &sealed).unwrap().as_slice(), b"a secret");
        let others = [
            AssociatedData { table: "originals", ..PLACE },
            AssociatedData { column: "content", ..PLACE },
            AssociatedData { tenant: "other", ..PLACE },
            AssociatedData { row: "2", ..PLACE },
            // The same bytes, divided in another way.
            AssociatedData { tenant: "acme1", row: "", ..PLACE },
            AssociatedData { tenant: "acm", row: "e1", ..PLACE },
        ];
        for other in others {
            assert_eq!(keyring.open(&other, &sealed), Err(EncryptionError::Damaged), "{other:?}");
        }
    }

    #[test]
    fn encrypted_values_with_any_changed_byte_do_not_decrypt() {
        let keyring = keyring(&[1]);
        let sealed = keyring.seal(&PLACE, b"a secret").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(keyring.open(&PLACE, &changed).is_err(), "byte {at}");
        }
        for length in 0..sealed.len() {
            assert!(keyring.open(&PLACE, &sealed[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn the_first_key_encrypts_and_all_keys_decrypt() {
        let (old, both) = (keyring(&[1]), keyring(&[2, 1]));
        let sealed = old.seal(&PLACE, b"a secret").unwrap();
        assert_eq!(both.open(&PLACE, &sealed).unwrap().as_slice(), b"a secret");
        let fresh = both.seal(&PLACE, b"a secret").unwrap();
        assert_eq!(
            old.open(&PLACE, &fresh),
            Err(EncryptionError::UnknownKey(both.sealing().unwrap()))
        );
        assert_ne!(fresh, both.seal(&PLACE, b"a secret").unwrap(), "a nonce is used once");
    }

    #[test]
    fn debug_output_of_a_keyring_shows_only_key_ids() {
        let keyring = keyring(&[0xab]);
        let shown = format!("{keyring:?}");
        assert!(!shown.contains("abab") && !shown.contains("171"), "{shown}");
        assert!(shown.contains(&keyring.sealing().unwrap().to_string()), "{shown}");
    }

    #[test]
    fn values_of_the_legacy_encryption_decrypt_only_until_the_migration() {
        let key = EncryptionKey::new([7; 32]);
        let sealed = key.seal_legacy(b"a secret").unwrap();
        let keyring = keyring(&[7]);
        // The random nonce may begin like a value of version 1 with another key.
        let refused = keyring.open(&PLACE, &sealed);
        assert!(
            matches!(refused, Err(EncryptionError::Damaged | EncryptionError::UnknownKey(_))),
            "{refused:?}"
        );
        let converting = Keyring { opens_legacy: true, ..keyring };
        assert_eq!(converting.open(&PLACE, &sealed).unwrap().as_slice(), b"a secret");
    }
}
