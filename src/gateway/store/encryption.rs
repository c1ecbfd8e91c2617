//! Sealed values as the store has them, and what it knows of the keys that sealed them. The store
//! holds no key, and opens nothing.

use async_trait::async_trait;

use super::StoreError;

/// A column of sealed values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedColumn {
    /// The definitions of subscriptions, with their URLs, headers and signing secrets.
    Subscriptions,
    /// Original requests.
    Originals,
    /// Secrets that providers handed over.
    CapturedSecrets,
    /// The gateway's own secrets: the key that signs access tokens.
    ServerSecrets,
}

impl SealedColumn {
    /// All of them.
    pub const ALL: [Self; 4] =
        [Self::Subscriptions, Self::Originals, Self::CapturedSecrets, Self::ServerSecrets];

    /// The name of its table.
    pub fn table(self) -> &'static str {
        match self {
            Self::Subscriptions => "subscriptions",
            Self::Originals => "originals",
            Self::CapturedSecrets => "captured_secrets",
            Self::ServerSecrets => "server_secrets",
        }
    }

    /// Its own name.
    pub fn column(self) -> &'static str {
        match self {
            Self::Subscriptions | Self::CapturedSecrets => "sealed",
            Self::Originals | Self::ServerSecrets => "content",
        }
    }
}

/// A sealed value, and the place that it is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedValue {
    /// The number of its row.
    pub rowid: i64,
    /// The tenant that it belongs to; empty where it is the gateway's own.
    pub tenant: String,
    /// The id of its row.
    pub row: String,
    /// The value.
    pub sealed: Vec<u8>,
}

/// A sealed value in place of another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replacement {
    /// The number of the row.
    pub rowid: i64,
    /// What was there: where something else is by now, that stays.
    pub old: Vec<u8>,
    /// What comes in its place.
    pub new: Vec<u8>,
}

/// A key that values of the store may be sealed with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredKey {
    /// Its id.
    pub id: Vec<u8>,
    /// A known value that it sealed: who opens it has the key.
    pub check_value: Vec<u8>,
}

/// The keys of the gateway that runs on a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHolder {
    /// The id of the key that it seals with.
    pub sealing: Vec<u8>,
    /// When it last said so.
    pub seen_at: i64,
}

/// What a store knows of the keys to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionState {
    /// The keys that values may be sealed with.
    pub keys: Vec<RegisteredKey>,
    /// The gateway that runs, or ran until it crashed.
    pub holder: Option<KeyHolder>,
    /// Whether values of the format before version 1 may be left.
    pub legacy: bool,
    /// Whether there is any value that a key is needed for.
    pub has_sealed_values: bool,
}

/// A store of sealed values.
#[async_trait]
pub trait EncryptionStore: Send + Sync {
    /// What it knows of its keys.
    async fn encryption_state(&self) -> Result<EncryptionState, StoreError>;

    /// Registers a key, unless it is known.
    async fn register_key(&self, key: RegisteredKey, now: i64) -> Result<(), StoreError>;

    /// Records which keys the gateway on this store has; none where it stops.
    async fn record_key_holder(&self, holder: Option<KeyHolder>) -> Result<(), StoreError>;

    /// Sealed values behind a row, in order of their rows: a page bounded in rows and bytes; an
    /// empty one is the end.
    async fn sealed_values(
        &self,
        column: SealedColumn,
        after: i64,
    ) -> Result<Vec<SealedValue>, StoreError>;

    /// Replaces sealed values in one transaction; answers how many were still as they were read.
    async fn replace_sealed(
        &self,
        column: SealedColumn,
        values: Vec<Replacement>,
    ) -> Result<usize, StoreError>;

    /// Forgets all keys but one, which all values are sealed with by now.
    async fn retire_keys_except(&self, id: Vec<u8>) -> Result<(), StoreError>;
}
