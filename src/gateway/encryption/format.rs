//! The bytes of a sealed value, and what it is bound to.

use super::key::KeyId;

/// The first byte of a sealed value.
pub(super) const VERSION: u8 = 1;

/// Bytes of a nonce of XChaCha20.
pub(super) const NONCE: usize = 24;

/// Bytes of the version and the key id.
pub(super) const HEADER: usize = 1 + KeyId::LENGTH;

/// The place of a sealed value in the store; it opens nowhere else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssociatedData<'a> {
    /// The table.
    pub table: &'a str,
    /// The column.
    pub column: &'a str,
    /// The tenant that the value belongs to; empty where it is the gateway's own.
    pub tenant: &'a str,
    /// The id of the row.
    pub row: &'a str,
}

impl AssociatedData<'_> {
    /// Behind the header each part with its length in front, so that no two places look the same.
    pub(super) fn bytes(&self, header: &[u8; HEADER]) -> Vec<u8> {
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

/// The parts of a sealed value.
pub(super) struct Sealed<'s> {
    pub(super) key: KeyId,
    pub(super) nonce: [u8; NONCE],
    pub(super) ciphertext: &'s [u8],
}

impl<'s> Sealed<'s> {
    /// The parts of a value of the current version.
    pub(super) fn parse(sealed: &'s [u8]) -> Option<Self> {
        let (version, rest) = sealed.split_first()?;
        let (key, rest) = rest.split_first_chunk::<{ KeyId::LENGTH }>()?;
        let (nonce, ciphertext) = rest.split_first_chunk::<NONCE>()?;
        (*version == VERSION).then_some(Self { key: KeyId::new(*key), nonce: *nonce, ciphertext })
    }
}

/// The header of what a key seals.
pub(super) fn header(key: KeyId) -> [u8; HEADER] {
    let mut header = [VERSION; HEADER];
    for (to, from) in header.iter_mut().skip(1).zip(key.bytes()) {
        *to = *from;
    }
    header
}
