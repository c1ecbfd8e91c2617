//! Encrypted values of the store, and the keys that encrypted them. The store holds no key and
//! decrypts nothing.

use async_trait::async_trait;

use super::StoreError;
use crate::gateway::ids::TenantId;
use crate::gateway::ops::clock::UnixMicros;

/// A column of encrypted values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedColumn {
    /// The definitions of subscriptions, with their URLs, headers and signing secrets.
    Subscriptions,
    /// Captured requests.
    Originals,
    /// Secrets that providers sent.
    CapturedSecrets,
    /// Secrets of the gateway itself: the key that signs access tokens.
    ServerSecrets,
}

impl SealedColumn {
    /// All columns.
    pub const ALL: [Self; 4] =
        [Self::Subscriptions, Self::Originals, Self::CapturedSecrets, Self::ServerSecrets];

    /// Returns the name of the table, a part of the associated data.
    pub fn table(self) -> &'static str {
        match self {
            Self::Subscriptions => "subscriptions",
            Self::Originals => "originals",
            Self::CapturedSecrets => "captured_secrets",
            Self::ServerSecrets => "server_secrets",
        }
    }

    /// Returns the name of the column, a part of the associated data.
    pub fn column(self) -> &'static str {
        match self {
            Self::Subscriptions | Self::CapturedSecrets => "sealed",
            Self::Originals | Self::ServerSecrets => "content",
        }
    }
}

/// An encrypted value, with the row that its associated data binds it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The sequence number of the row in its table.
    pub sequence: i64,
    /// The tenant that owns the value; empty for a value of the gateway itself.
    pub tenant: TenantId,
    /// The id of the row.
    pub row: String,
    /// The ciphertext.
    pub sealed: Vec<u8>,
}

/// A new ciphertext for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The sequence number of the row in its table.
    pub sequence: i64,
    /// The expected old value. If the row has another value by now, the row is not changed.
    pub old: Vec<u8>,
    /// The new value.
    pub new: Vec<u8>,
}

/// A key that values of the store may be encrypted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredKey {
    /// The id of the key.
    pub id: [u8; 8],
    /// A known plaintext, encrypted with the key. Decrypting it proves that a key is the right one.
    pub check_value: Vec<u8>,
}

/// The encryption key of the gateway that runs on a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The id of the key that the gateway encrypts with.
    pub sealing: [u8; 8],
    /// The time at which the gateway last recorded the key.
    pub seen_at: UnixMicros,
}

/// The encryption state of a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionState {
    /// The keys that values may be encrypted with.
    pub keys: Vec<RegisteredKey>,
    /// The gateway that runs on the store, or that ran until it crashed.
    pub holder: Option<KeyHolder>,
    /// True if values of the format before version 1 may remain.
    pub legacy: bool,
    /// True if the store has a value that needs a key.
    pub has_sealed_values: bool,
}

/// A store of encrypted values.
#[async_trait]
pub trait EncryptionStore: Send + Sync {
    /// Returns the encryption state.
    async fn encryption_state(&self) -> Result<EncryptionState, StoreError>;

    /// Registers a key, unless it is registered already.
    async fn register_key(&self, key: RegisteredKey, now: UnixMicros) -> Result<(), StoreError>;

    /// Records the key that the gateway on this store encrypts with. `None` when the gateway stops.
    async fn record_key_holder(&self, holder: Option<KeyHolder>) -> Result<(), StoreError>;

    /// Returns the encrypted values after a row, in row order. A page is bounded in rows and bytes.
    /// An empty page is the end.
    async fn sealed_values(
        &self,
        column: SealedColumn,
        after: i64,
    ) -> Result<Vec<SealedValue>, StoreError>;

    /// Replaces encrypted values in one transaction. Returns the number of values that had not
    /// changed since they were read.
    async fn replace_sealed(
        &self,
        column: SealedColumn,
        values: Vec<Replacement>,
    ) -> Result<usize, StoreError>;

    /// Deletes all registered keys but one. All values are encrypted with that key by now.
    async fn retire_keys_except(&self, id: Vec<u8>) -> Result<(), StoreError>;
}
