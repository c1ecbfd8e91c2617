//! The bytes of an encrypted value, and its associated data. Holds no key.

use super::key_id::KeyId;

/// The first byte of an encrypted value: the version of the format.
pub(in crate::gateway::ops::encryption) const VERSION: u8 = 1;

/// Length of an XChaCha20 nonce, in bytes.
pub(in crate::gateway::ops::encryption) const NONCE: usize = 24;

/// Length of the version and the key id, in bytes.
pub(in crate::gateway::ops::encryption) const HEADER: usize = 1 + KeyId::LENGTH;

/// The place of an encrypted value in the store. The value opens only there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssociatedData<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The tenant that owns the value; empty for a value of the gateway itself.
    pub tenant: &'a str,
    /// The id of the row.
    pub row: &'a str,
}

impl AssociatedData<'_> {
    /// Returns the header, then each part with its length in front. So two places never have the
    /// same bytes.
    pub(in crate::gateway::ops::encryption) fn bytes(&self, header: &[u8; HEADER]) -> Vec<u8> {
        let Self { table, column, tenant, row } = self;
        let mut bytes = header.to_vec();
        for part in [table, column, tenant, row] {
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(part.as_bytes());
        }
        bytes
    }
}

/// The parts of an encrypted value.
pub(in crate::gateway::ops::encryption) struct Sealed<'s> {
    pub(in crate::gateway::ops::encryption) key: KeyId,
    pub(in crate::gateway::ops::encryption) nonce: [u8; NONCE],
    pub(in crate::gateway::ops::encryption) ciphertext: &'s [u8],
}

impl<'s> Sealed<'s> {
    /// Splits a value of the current version into its parts.
    pub(in crate::gateway::ops::encryption) fn parse(sealed: &'s [u8]) -> Option<Self> {
        let (version, rest) = sealed.split_first()?;
        let (key, rest) = rest.split_first_chunk::<{ KeyId::LENGTH }>()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>()?;
        (*version == VERSION).then_some(Self { key: KeyId::new(*key), nonce: *nonce, ciphertext })
    }
}

/// Returns the header of the values that a key seals.
pub(in crate::gateway::ops::encryption) fn header(key: KeyId) -> [u8; HEADER] {
    let mut header = [VERSION; HEADER];
    for (to, from) in header.iter_mut().skip(1).zip(key.bytes()) {
        *to = *from;
    }
    header
}
