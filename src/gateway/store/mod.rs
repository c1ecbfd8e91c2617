//! What is stored, and how it is asked for: one trait, and the embedded implementation.
//!
//! Nothing in the trait is SQLite's alone. The store knows no clock: times are given to it.

mod delivery;
mod encryption;
mod error;
mod fanout;
mod record;
mod sqlite;

use std::path::Path;

use async_trait::async_trait;

pub use delivery::{
    AttemptFilter, AttemptRecord, Change, DeliveryFilter, DeliveryRecord, DeliveryStore,
    DivertedFilter, DivertedRecord, End, Page, PageRequest, Settlement, State, SubscriptionFilter,
    SubscriptionRecord, Upcoming, Work,
};
pub use encryption::{
    EncryptionState, EncryptionStore, KeyHolder, RegisteredKey, Replacement, SealedColumn,
    SealedValue,
};
pub use error::StoreError;
pub use fanout::{
    Backlog, BacklogLimits, FanOutStore, FanOutTurn, FannedOut, SUSPENDED, Trimmed, Unwanted,
};
pub use record::{
    AuditRecord, ChallengeRecord, DedupClaim, Entry, EventFilter, EventRecord, Kept, Key, KeyKind,
    NoteCounters, NotePolicy, Pruned, Repeat, RequestFilter, RequestRecord, Retention, Tenant,
};
pub use sqlite::{Mode, SqliteOptions, SqliteStore};

/// What is asked of a store.
#[async_trait]
pub trait Store: DeliveryStore + EncryptionStore + FanOutStore {
    /// Stores a request with its event and what that is recognised by, in one transaction; its
    /// deliveries are written by fan-out. When this answers, it is on disk. Whoever goes away while
    /// waiting does not undo it.
    async fn keep(&self, entry: Entry, now: i64) -> Result<Kept, StoreError>;

    /// Logs a request that was refused, or that nobody verified: later, and perhaps not, where there
    /// are too many.
    fn note(&self, request: RequestRecord);

    /// The same, of a request to this listener at this time, whose log is made only if it is wanted.
    fn note_with(&self, listener_id: &str, at: i64, make: &mut dyn FnMut() -> RequestRecord);

    /// What became of the logs of refused requests.
    fn noted(&self) -> NoteCounters;

    /// Waits until everything that was given before is stored.
    async fn flush(&self) -> Result<(), StoreError>;

    /// Logs of requests.
    async fn requests(&self, filter: &RequestFilter) -> Result<Vec<RequestRecord>, StoreError>;

    /// The log of a request.
    async fn request(&self, id: &str) -> Result<Option<RequestRecord>, StoreError>;

    /// The original of a request, encrypted.
    async fn raw(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Events.
    async fn events(&self, filter: &EventFilter) -> Result<Vec<EventRecord>, StoreError>;

    /// An event.
    async fn event(&self, id: &str) -> Result<Option<EventRecord>, StoreError>;

    /// The place of the last event; 0 where there is none.
    async fn last_place(&self) -> Result<i64, StoreError>;

    /// The challenges of a listener, the newest first.
    async fn challenges(
        &self,
        listener_id: &str,
        limit: usize,
    ) -> Result<Vec<ChallengeRecord>, StoreError>;

    /// Makes a tenant.
    async fn create_tenant(&self, tenant: Tenant) -> Result<(), StoreError>;

    /// All tenants.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;

    /// Stores a key of a tenant that is there.
    async fn create_key(&self, key: Key) -> Result<(), StoreError>;

    /// A key by its id, whether it is good or not.
    async fn key(&self, id: &str) -> Result<Option<Key>, StoreError>;

    /// The keys of a tenant, or all.
    async fn keys(&self, tenant: Option<&str>) -> Result<Vec<Key>, StoreError>;

    /// Revokes a key; answers whether there was one to revoke.
    async fn revoke_key(&self, id: &str, now: i64) -> Result<bool, StoreError>;

    /// Notes that a key was used: later, and not each time.
    fn touch_key(&self, id: &str, now: i64);

    /// Stores a secret that a provider handed over, encrypted; answers whether it was the first.
    async fn put_secret(
        &self,
        listener_id: &str,
        name: &str,
        sealed: Vec<u8>,
        now: i64,
    ) -> Result<bool, StoreError>;

    /// The secrets of a listener that were handed over, encrypted.
    async fn secrets(&self, listener_id: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// A secret of the gateway's own, sealed: the one that is there, or this one from now on.
    async fn server_secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError>;

    /// Writes down what an operator did.
    async fn audit(&self, record: AuditRecord) -> Result<(), StoreError>;

    /// What operators did, the newest first.
    async fn audits(&self, limit: usize) -> Result<Vec<AuditRecord>, StoreError>;

    /// Deletes what is older than it is kept, at most so many rows of a kind.
    async fn prune(
        &self,
        retention: &Retention,
        now: i64,
        step: usize,
    ) -> Result<Pruned, StoreError>;

    /// Writes a copy of everything, while the store is in use. A file that is there is left alone.
    async fn backup(&self, path: &Path) -> Result<(), StoreError>;

    /// Whether it would store something now.
    async fn check(&self) -> Result<(), StoreError>;

    /// Whether the last that was to be stored found no space on the volume.
    fn is_full(&self) -> bool;

    /// Stores what was given, and ends.
    async fn close(&self) -> Result<(), StoreError>;
}
