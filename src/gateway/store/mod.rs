//! The durable store for requests, events and deliveries: its traits, its records and the embedded
//! SQLite implementation.
//!
//! Nothing in the traits is specific to SQLite. The store knows no clock: the caller passes times
//! in.

mod delivery;
mod encryption;
mod error;
mod fanout;
mod record;
mod sqlite;
mod subscription;

use std::path::Path;

use async_trait::async_trait;

pub use delivery::{
    AttemptFilter, AttemptRecord, DeliveryContent, DeliveryFilter, DeliveryOutcome, DeliveryRecord,
    DeliveryState, DeliveryStore, DeliveryUpdate, DivertedFilter, DivertedRecord, LEASED_BYTES,
    LeasedDelivery, Upcoming,
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
    AuditRecord, ChallengeRecord, Change, DedupClaim, Entry, EventFilter, EventRecord, Kept, Key,
    KeyKind, Page, PageRequest, Pruned, RejectedLogPolicy, RejectedLogStats, Repeat, RequestFilter,
    RequestRecord, Retention, Tenant,
};
pub use sqlite::{Mode, SqliteOptions, SqliteStore};
pub use subscription::{SubscriptionFilter, SubscriptionRecord, SubscriptionStore};

/// A durable store for requests, events, tenants, keys, secrets and the audit log.
/// Subscriptions, deliveries, encrypted values and fan-out have traits of their own.
#[async_trait]
pub trait Store: DeliveryStore + EncryptionStore + FanOutStore + SubscriptionStore {
    /// Stores a request with its event and its deduplication keys in one transaction. Fan-out
    /// writes the deliveries later. Returns when the data is on disk. A caller that stops waiting
    /// does not undo the write.
    async fn keep(&self, entry: Entry, now: i64) -> Result<Kept, StoreError>;

    /// Adds a request to the rejected-request log: a rejected request, or one without a verified
    /// sender. The row is written later. Requests above the limits of [`RejectedLogPolicy`] are
    /// dropped.
    fn record_rejected(&self, request: RequestRecord);

    /// Does the same for a request to a listener at a time. Calls `make` only if the log accepts
    /// the request.
    fn record_rejected_with(
        &self,
        listener_id: &str,
        at: i64,
        make: &mut dyn FnMut() -> RequestRecord,
    );

    /// Returns the counters of the rejected-request log.
    fn rejected_stats(&self) -> RejectedLogStats;

    /// Waits until all writes that were submitted before are stored.
    async fn flush(&self) -> Result<(), StoreError>;

    /// Returns the request logs that a filter selects.
    async fn requests(&self, filter: &RequestFilter) -> Result<Vec<RequestRecord>, StoreError>;

    /// Returns the log of a request.
    async fn request(&self, id: &str) -> Result<Option<RequestRecord>, StoreError>;

    /// Returns the captured request, encrypted.
    async fn raw(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Returns the events that a filter selects.
    async fn events(&self, filter: &EventFilter) -> Result<Vec<EventRecord>, StoreError>;

    /// Returns an event.
    async fn event(&self, id: &str) -> Result<Option<EventRecord>, StoreError>;

    /// Returns the sequence number of the last event, or 0 without events.
    async fn last_place(&self) -> Result<i64, StoreError>;

    /// Returns the latest challenges of a listener, newest first.
    async fn challenges(
        &self,
        listener_id: &str,
        limit: usize,
    ) -> Result<Vec<ChallengeRecord>, StoreError>;

    /// Creates a tenant.
    async fn create_tenant(&self, tenant: Tenant) -> Result<(), StoreError>;

    /// Returns all tenants.
    async fn tenants(&self) -> Result<Vec<Tenant>, StoreError>;

    /// Stores a key of an existing tenant.
    async fn create_key(&self, key: Key) -> Result<(), StoreError>;

    /// Returns a key by its id, even if it is expired or revoked.
    async fn key(&self, id: &str) -> Result<Option<Key>, StoreError>;

    /// Returns the keys of a tenant, or of all tenants.
    async fn keys(&self, tenant: Option<&str>) -> Result<Vec<Key>, StoreError>;

    /// Revokes a key. Returns true if an unrevoked key existed.
    async fn revoke_key(&self, id: &str, now: i64) -> Result<bool, StoreError>;

    /// Records the time at which a key was last used. The write happens later and may be skipped.
    fn touch_key(&self, id: &str, now: i64);

    /// Stores a secret that a provider sent, encrypted, unless one with that name exists. Returns
    /// true if it was stored.
    async fn put_secret(
        &self,
        listener_id: &str,
        name: &str,
        sealed: Vec<u8>,
        now: i64,
    ) -> Result<bool, StoreError>;

    /// Returns the secrets that the provider of a listener sent, encrypted.
    async fn secrets(&self, listener_id: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError>;

    /// Returns a secret of the gateway itself, encrypted. Stores `fresh` as that secret if none
    /// exists.
    async fn server_secret(&self, name: &str, fresh: Vec<u8>) -> Result<Vec<u8>, StoreError>;

    /// Adds an entry to the audit log.
    async fn audit(&self, record: AuditRecord) -> Result<(), StoreError>;

    /// Returns the latest audit entries, newest first.
    async fn audits(&self, limit: usize) -> Result<Vec<AuditRecord>, StoreError>;

    /// Deletes rows that are past their retention, and the oldest rows of a store above its size
    /// limit. Examines at most `step` rows of each kind in each pass.
    async fn prune(
        &self,
        retention: &Retention,
        now: i64,
        step: usize,
    ) -> Result<Pruned, StoreError>;

    /// Writes a copy of the store while it is in use. Never overwrites an existing file.
    async fn backup(&self, path: &Path) -> Result<(), StoreError>;

    /// Returns an error if the store cannot accept writes.
    async fn check(&self) -> Result<(), StoreError>;

    /// Returns true if a recent write found no space on the volume.
    fn is_full(&self) -> bool;

    /// Writes the queued data and stops the store.
    async fn close(&self) -> Result<(), StoreError>;
}
