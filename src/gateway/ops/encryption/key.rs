//! An encryption key. Knows no store.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_PAD_INDIFFERENT;
use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::format::{AssociatedData, NONCE, Sealed, header};
use super::key_id::KeyId;
use super::{EncryptionError, random};

/// Domain separation: the prefix that is hashed before a key for its id, so that the hash has no
/// other use.
const ID_DOMAIN: &[u8] = b"hookgate encryption key id, version 1\n";

/// An encryption key. Dropping it wipes its bytes.
#[derive(Clone)]
pub(in crate::gateway::ops::encryption) struct EncryptionKey {
    id: KeyId,
    bytes: Zeroizing<[u8; 32]>,
}

impl EncryptionKey {
    /// Returns a key with its id.
    pub(in crate::gateway::ops::encryption) fn new(bytes: [u8; 32]) -> Self {
        let bytes = Zeroizing::new(bytes);
        let digest = Sha256::new().chain_update(ID_DOMAIN).chain_update(bytes.as_slice());
        let digest: [u8; 32] = digest.finalize().into();
        let mut id = [0; KeyId::LENGTH];
        id.copy_from_slice(digest.split_at(KeyId::LENGTH).0);
        Self { id: KeyId::new(id), bytes }
    }

    /// Parses a key of 32 bytes in hex or base64.
    pub(in crate::gateway::ops::encryption) fn parse(text: &str) -> Option<Self> {
        let bytes = hex::decode(text).or_else(|_| STANDARD_PAD_INDIFFERENT.decode(text));
        let bytes = Zeroizing::new(bytes.ok()?);
        bytes.as_slice().try_into().ok().map(Self::new)
    }

    /// Returns the id of the key.
    pub(in crate::gateway::ops::encryption) fn id(&self) -> KeyId {
        self.id
    }

    /// Returns the cipher. Dropping it wipes its copy of the key.
    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(&(*self.bytes).into())
    }

    pub(in crate::gateway::ops::encryption) fn seal(
        &self,
        place: &AssociatedData<'_>,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, EncryptionError> {
        let nonce = random::<NONCE>()?;
        let header = header(self.id);
        let payload = Payload { msg: plaintext, aad: &place.bytes(&header) };
        // Fails for 256 GiB and more.
        let ciphertext = self.cipher().encrypt(&(*nonce).into(), payload);
        let ciphertext = ciphertext.map_err(|_| EncryptionError::Damaged)?;
        Ok([header.as_slice(), nonce.as_slice(), &ciphertext].concat())
    }

    pub(in crate::gateway::ops::encryption) fn open(
        &self,
        place: &AssociatedData<'_>,
        sealed: &Sealed<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, EncryptionError> {
        let payload = Payload { msg: sealed.ciphertext, aad: &place.bytes(&header(sealed.key)) };
        let opened = self.cipher().decrypt(&sealed.nonce.into(), payload);
        opened.map(Zeroizing::new).map_err(|_| EncryptionError::Damaged)
    }

    fn legacy_cipher(&self) -> Option<LessSafeKey> {
        UnboundKey::new(&AES_256_GCM, self.bytes.as_slice()).ok().map(LessSafeKey::new)
    }

    /// Opens a value of the format before version 1: a nonce and an AES-256-GCM ciphertext, without
    /// associated data.
    pub(in crate::gateway::ops::encryption) fn open_legacy(
        &self,
        sealed: &[u8],
    ) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, content) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut content = Zeroizing::new(content.to_vec());
        let length =
            self.legacy_cipher()?.open_in_place(nonce, Aad::empty(), &mut content).ok()?.len();
        content.truncate(length);
        Some(content)
    }

    /// Seals a value in the format before version 1.
    #[cfg(test)]
    pub(in crate::gateway::ops::encryption) fn seal_legacy(
        &self,
        plaintext: &[u8],
    ) -> Option<Vec<u8>> {
        let nonce = random::<NONCE_LEN>().ok()?;
        let mut sealed = plaintext.to_vec();
        let unique = Nonce::assume_unique_for_key(*nonce);
        self.legacy_cipher()?.seal_in_place_append_tag(unique, Aad::empty(), &mut sealed).ok()?;
        Some([nonce.as_slice(), &sealed].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_in_hex_and_base64_and_have_stable_ids() {
        let hex = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
        let base64 = "ABEiM0RVZneImaq7zN3u/wARIjNEVWZ3iJmqu8zd7v8=";
        let id = |text| EncryptionKey::parse(text).map(|key| key.id().to_string());
        assert_eq!(id(hex), id(base64));
        // Stores contain ids. If ids were computed in another way, existing stores could not be
        // unlocked.
        assert_eq!(id(hex).as_deref(), Some("0d17e8d67fe103e6"));
        for none in ["", "abc", "00112233", &hex[2..], "not a key"] {
            assert_eq!(id(none), None, "{none}");
        }
    }
}
